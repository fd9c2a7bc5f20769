/* Has a large block given back, takes the same memory by sbrk, and asks realloc for a pointer into
 * it, which malloc once returned. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    void *small = malloc(64), *large = malloc(200000), *again;
    uintptr_t old = (uintptr_t)large;
    char *mine;

    free(large);
    mine = sbrk(256);
    free(small);
    small = malloc(100);
    again = realloc(mine + (old - (uintptr_t)mine), 1000);
    puts(again ? "realloc takes what isn't its own" : "realloc refuses what isn't its own");
    free(small);
}
