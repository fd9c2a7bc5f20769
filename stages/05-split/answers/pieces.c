/* Has a chunk of 1000 bytes cut into pieces of 16, until the heap grows. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    int count = 0;
    void *end;

    free(malloc(1000));
    end = sbrk(0);
    while (malloc(16) && sbrk(0) == end)
        count++;
    printf("%d blocks come from the chunk\n", count);
}
