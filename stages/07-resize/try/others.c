/* Moves the program break itself, writes "mine" there, and lets its last block grow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
    char *last = malloc(64);
    char *mine = strcpy(sbrk(64), "mine");

    last = realloc(last, 100);
    memset(last, 'x', 100);
    puts(mine[4] ? "not mine any more" : mine);
    free(last);
}
