/*
 * held_main.c - ends a held-back test: linked to it with -Wl,--wrap=main.
 *
 * A library that calls exit(0) in malloc ends the test with status 0 too. So passed is who comes back
 * from main with 0: then the key, a line on standard input, is copied to descriptor 3.
 */
#include <unistd.h>

int __real_main(int argc, char **argv, char **environment);
int __wrap_main(int argc, char **argv, char **environment);

int __wrap_main(int argc, char **argv, char **environment)
{
    int status = __real_main(argc, argv, environment);
    char key[64];
    ssize_t length;

    if (status == 0 && (length = read(STDIN_FILENO, key, sizeof key)) > 0 &&
        write(3, key, (size_t)length) != length)
        status = 1;
    return status;
}
