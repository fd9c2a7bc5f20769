/* Writes eight bytes past the end of a block, and frees the one behind. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    char *block = malloc(64), *behind = malloc(64);

    memset(block, 'x', malloc_usable_size(block) + 8);
    free(behind);
    puts("nobody noticed");
}
