/* A block that grows from 1000 to 100,000 bytes, 1000 at a time. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    char *block = malloc(1000), *start = block;
    long moves = 0, copied = 0;

    for (size_t size = 2000; size <= 100000; size += 1000) {
        uintptr_t old = (uintptr_t)block;

        block = realloc(block, size);
        if (!block)
            return 1;
        if ((uintptr_t)block != old) {
            moves++;
            copied += (long)size - 1000;
        }
    }
    printf("moved %ld times of 99, %ld KiB copied, the heap has grown by %ld KiB\n", moves,
           copied / 1024, (long)((char *)sbrk(0) - start) / 1024);
}
