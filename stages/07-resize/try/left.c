/* A block with a free neighbour on its left, and none on its right, grows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
    char *hole = malloc(300), *block = malloc(100), *wall = malloc(16), *end;

    free(hole);
    strcpy(block, "still here");
    end = sbrk(0);
    block = realloc(block, 350);
    printf("%s, and the heap has grown by %ld\n", block, (long)((char *)sbrk(0) - end));
    free(block);
    free(wall);
}
