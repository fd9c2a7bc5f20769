/* A free block of 16 bytes, with a used buddy, beside a block of 32 that is freed. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    char *first = malloc(32), *low = malloc(16), *high = malloc(16), *block;

    free(low);
    free(first);
    block = malloc(64);
    puts(block <= high && high < block + 64 ? "two callers have one block" : "no harm");
}
