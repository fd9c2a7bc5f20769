/* Makes a block larger three times, and says how often it moved. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    char *block = malloc(1000), *at = block;
    int moves = 0;

    for (size_t size = 1500; size <= 6000; size *= 2) {
        block = realloc(block, size);
        moves += block != at;
        at = block;
    }
    printf("moved %d times\n", moves);
}
