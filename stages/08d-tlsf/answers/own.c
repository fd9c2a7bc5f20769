/* Which blocks of 4096 to 5000 bytes get their own place again, freed and asked for at once? */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static bool own_place(size_t size)
{
    void *old = malloc(size), *guard = malloc(1), *new;

    free(old);
    new = malloc(size);
    free(new);
    free(guard);
    return new == old;
}

int main(void)
{
    setbuf(stdout, NULL); /* or printf would allocate */
    for (size_t size = 4096; size <= 5000; size++)
        if (own_place(size) != own_place(size - 1))
            printf(own_place(size) ? "%zu to " : "%zu\n", own_place(size) ? size : size - 1);
}
