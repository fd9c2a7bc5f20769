/* Of a free chunk between two used ones: how much can't be had, because so large a request looks
 * for another chunk? Tries chunks of many sizes, each with requests from the largest one down. */
#include <stdio.h>
#include <stdlib.h>

enum { STEP = 16 };

/* The largest request that finds the hole. */
static size_t largest(void *hole, size_t size)
{
    for (;; size -= STEP) {
        void *block = malloc(size);

        free(block);
        if (block == hole)
            return size;
    }
}

int main(void)
{
    size_t worst_size = 1000, worst_had = 1000;

    for (size_t size = 1000; size < 20000; size += STEP) {
        void *hole = malloc(size), *behind = malloc(1);
        size_t had;

        free(hole);
        had = largest(hole, size);
        if (had * worst_size < worst_had * size) {
            worst_size = size;
            worst_had = had;
        }
        free(behind);
    }
    printf("the worst: of %zu bytes %zu can be had, %.1f %% can't\n", worst_size, worst_had,
           100. * (double)(worst_size - worst_had) / (double)worst_size);
}
