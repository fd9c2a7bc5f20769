/* loop.c - a malloc and a free that do nothing. On it the benchmark's loop shows its own cost. */
#include <stddef.h>

void *malloc(size_t size)
{
    static char block[1 << 20] __attribute__((aligned(16)));

    return size <= sizeof block ? block : NULL;
}

void free(void *block)
{
    (void)block;
}
