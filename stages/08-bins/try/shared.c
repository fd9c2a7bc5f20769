/* Frees a block of 1200 bytes and one of 1100: their chunks share a bin. Then asks for 1200 again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    char *large = malloc(1200), *between = malloc(16), *small = malloc(1100), *next = malloc(16);

    strcpy(next, "mine");
    free(large);
    free(small);
    memset(malloc(1200), 'x', 1200);
    printf("%s\n", strcmp(next, "mine") ? "not mine any more" : "mine");
    free(between);
}
