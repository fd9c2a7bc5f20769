/* Joins its arguments into one string, which grows by realloc. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    char *all = NULL;
    size_t length = 0;

    for (int i = 1; i < argc; i++) {
        size_t more = strlen(argv[i]) + 1;
        char *grown = realloc(all, length + more + 1);

        if (!grown) {
            perror("join");
            return 1;
        }
        all = grown;
        length += (size_t)sprintf(all + length, "%s ", argv[i]);
    }
    printf("%zu bytes: %.20s\n", length, all ? all : "");
}
