/* Has 100,000 blocks of 1 to 2048 bytes, all sizes alike, and replaces random ones 300,000 times. Of 100
 * bytes asked for: how many are in blocks, headers among them, and how many in the heap? */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCKS = 100000, TURNS = 300000, MOST = 2048 };

static void *blocks[BLOCKS];
static size_t sizes[BLOCKS], asked;
static unsigned random_number = 1;

static unsigned random_below(unsigned limit)
{
    random_number = random_number * 1664525 + 1013904223;
    return (random_number >> 8) % limit;
}

int main(void)
{
    struct mallinfo2 info;

    for (unsigned i = 0; i < BLOCKS + TURNS; i++) {
        unsigned which = i < BLOCKS ? i : random_below(BLOCKS);

        free(blocks[which]);
        asked -= sizes[which];
        sizes[which] = 1 + random_below(MOST);
        blocks[which] = malloc(sizes[which]);
        asked += sizes[which];
    }
    info = mallinfo2();
    printf("asked 100, in blocks %.0f, in the heap %.0f\n",
           100.0 * (double)info.uordblks / (double)asked,
           100.0 * (double)info.arena / (double)asked);
}
