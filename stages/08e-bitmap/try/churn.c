/* Keeps 200000 blocks of 1 to 500 bytes, replaces a random one two million times, and says how much
 * memory the heap has for each 100 bytes that the program asked for. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

enum { LIVE = 200000, TURNS = 2000000 };
static void *blocks[LIVE];
static size_t sizes[LIVE];
static unsigned random_number = 1;

static unsigned next_random(void)
{
    random_number = random_number * 1664525 + 1013904223;
    return random_number >> 8;
}

int main(void)
{
    size_t asked = 0;

    for (int turn = 0; turn < TURNS; turn++) {
        unsigned i = next_random() % LIVE;

        free(blocks[i]);
        asked -= sizes[i];
        sizes[i] = 1 + next_random() % 500;
        asked += sizes[i];
        blocks[i] = malloc(sizes[i]);
    }
    printf("for each 100 bytes: %.0f\n", 100.0 * (double)mallinfo2().arena / (double)asked);
}
