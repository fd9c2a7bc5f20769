/* How much memory does a heap hold for how much that is asked for? As many live blocks as the first
 * argument says; each is freed and another allocated in its place twenty times on average. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 100000 };

static void *blocks[MOST];
static size_t sizes[MOST];
static unsigned random_number = 1;

static unsigned next_random(unsigned limit)
{
    random_number = random_number * 1664525 + 1013904223;
    return (random_number >> 8) % limit;
}

int main(int argc, char **argv)
{
    unsigned live = argc > 1 ? (unsigned)atoi(argv[1]) : MOST;
    struct mallinfo2 info;
    size_t asked = 0;

    for (unsigned i = 0; i < 20 * live; i++) {
        unsigned which = next_random(live);

        free(blocks[which]);
        asked -= sizes[which];
        sizes[which] = next_random(4) ? next_random(400) : next_random(5000);
        asked += sizes[which];
        blocks[which] = malloc(sizes[which]);
    }
    info = mallinfo2();
    printf("asked for %zu KiB, held %zu KiB: %.0f %% more\n", asked >> 10,
           (info.arena + info.hblkhd) >> 10,
           100. * (double)(info.arena + info.hblkhd - asked) / (double)asked);
}
