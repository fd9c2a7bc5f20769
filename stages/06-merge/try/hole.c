/* Moves the program break itself, between two mallocs: a hole in the heap, with our text in it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
    char *a = malloc(64);
    char *mine = strcpy(sbrk(64), "mine");
    char *b = malloc(64);
    char *wall = malloc(16);

    free(a);
    free(b);
    a = malloc(150);
    memset(a, 'x', 150);
    puts(mine[4] ? "not mine any more" : mine);
    free(wall);
}
