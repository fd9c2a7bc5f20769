/* Asks for 100 blocks of 4096 bytes that begin at a page, and says how far apart they lie. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    char *first = aligned_alloc(4096, 4096), *last = first;

    for (int i = 1; i <= 100; i++)
        last = aligned_alloc(4096, 4096);
    printf("4096 bytes each, and one every %ld\n", (long)(last - first) / 100);
}
