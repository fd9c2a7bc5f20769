/* The last block grows when the break can't move up; but a hole has room for it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

int main(void)
{
    struct rlimit none = {0, 0};
    char *hole = malloc(1000), *last = malloc(64);

    free(hole);
    setrlimit(RLIMIT_DATA, &none);
    errno = 0;
    last = realloc(last, 500);
    printf("realloc gave %s, errno says: %s\n", last ? "a block" : "NULL", strerror(errno));
    free(last);
}
