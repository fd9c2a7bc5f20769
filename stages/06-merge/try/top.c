/* Frees a megabyte at the end of the heap. Then somebody else's memory lies above the next one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
    char *start = malloc(64), *top, *mine;
    long alone, below;

    start = sbrk(0);
    free(malloc(1 << 20));
    alone = (char *)sbrk(0) - start;
    top = malloc(1 << 20);
    mine = strcpy(sbrk(64), "mine");
    free(top);
    below = (char *)sbrk(0) - start;
    printf("left above the start: %ld bytes, and then %ld KiB: %s\n", alone, below / 1024, mine);
}
