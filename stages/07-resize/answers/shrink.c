/* Shrinks a block in front of a free one, and asks for what both free pieces have together. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    char *block = malloc(512), *behind = malloc(512), *wall = malloc(16), *end;

    free(behind);
    block = realloc(block, 16);
    end = sbrk(0);
    behind = malloc(900);
    printf("for 900 bytes the heap has grown by %ld\n", (long)((char *)sbrk(0) - end));
    free(block);
    free(behind);
    free(wall);
}
