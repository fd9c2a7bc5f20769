/* Two holes, of 112 and 64 bytes, and requests that the best fit serves worse than the first. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    void *large = malloc(112), *wall = malloc(16);
    void *small = malloc(64), *other_wall = malloc(16);
    void *two[2];
    char *before;

    free(large);
    free(small);
    before = sbrk(0);
    two[0] = malloc(48);
    two[1] = malloc(64);
    free(two[0]);
    large = malloc(112);
    dprintf(1, "the heap has grown by %ld\n", (long)((char *)sbrk(0) - before));
    free(large);
    free(two[1]);
    free(wall);
    free(other_wall);
}
