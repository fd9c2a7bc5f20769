/* A realloc that can't be granted, beside a free chunk of 1000 bytes; then a malloc of 1000. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    volatile size_t too_much = SIZE_MAX / 4;
    char *a = malloc(64), *b = malloc(1000), *wall = malloc(16), *end;

    free(b);
    if (realloc(a, too_much))
        return 1;
    end = sbrk(0);
    b = malloc(1000);
    printf("realloc gave NULL; for 1000 bytes the heap has grown by %ld\n",
           (long)((char *)sbrk(0) - end));
    free(a);
    free(b);
    free(wall);
}
