/* Frees a block of 4096 bytes, and asks for 4200: the chunk is too small by a little. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    char *hole = malloc(4096), *next = malloc(16);

    strcpy(next, "mine");
    free(hole);
    memset(malloc(4200), 'x', 4200);
    fprintf(stderr, "%s\n", strcmp(next, "mine") ? "not mine any more" : "mine");
}
