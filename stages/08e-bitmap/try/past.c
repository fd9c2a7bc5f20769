/* Writes 8 bytes past the end of a block, and frees all. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    char *block = malloc(100), *next = malloc(100), *last = malloc(100);

    strcpy(next, "my neighbour's");
    memset(block, 'x', malloc_usable_size(block) + 8);
    fprintf(stderr, "next: %s\n", next);
    free(block);
    free(next);
    free(last);
    fputs("and on it goes\n", stderr);
}
