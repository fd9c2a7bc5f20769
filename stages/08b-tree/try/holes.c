/* Keeps so many blocks of mixed sizes, and replaces one at random, 20 times as often; half way it
 * begins to want larger ones. Then it asks the heap itself, by common/inspect.h, what is free. The
 * largest hole isn't counted: it is what nobody has used yet. */
#define _GNU_SOURCE
#include "inspect.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 100000, SLIVER = 64 };
static void *blocks[MOST];
static size_t sizes[MOST], asked;
static size_t holes, slivers, bytes, largest;
static unsigned random_number = 1;

static unsigned random_below(unsigned limit)
{
    random_number = random_number * 1664525 + 1013904223;
    return (random_number >> 8) % limit;
}

/* Each doubling as often as the next: 16 to 31 bytes, 32 to 63, and so on. */
static size_t random_size(bool larger)
{
    unsigned doubling = random_below(8) + (larger ? 5 : 4);

    return (1u << doubling) + random_below(1u << doubling);
}

static bool see_block(const struct heap_block *block, void *arg)
{
    size_t size = block->size + block->overhead;

    (void)arg;
    if (block->state != HEAP_FREE)
        return true;
    holes++;
    slivers += size < SLIVER;
    bytes += size;
    largest = size > largest ? size : largest;
    return true;
}

int main(int argc, char **argv)
{
    const struct heap_inspect *heap = dlsym(RTLD_DEFAULT, "heap_inspect");
    unsigned live = argc > 1 ? (unsigned)atoi(argv[1]) : MOST, turns = live * 20;

    if (!heap || live > MOST)
        return 1;
    for (unsigned turn = 0; turn < live + turns; turn++) {
        unsigned i = turn < live ? turn : random_below(live);

        asked -= sizes[i];
        sizes[i] = random_size(turn > turns / 2);
        asked += sizes[i];
        free(blocks[i]);
        blocks[i] = malloc(sizes[i]);
    }
    heap->blocks(see_block, NULL);
    printf("%zu KiB live; %zu KiB in %zu holes, %zu of them below %d bytes\n", asked >> 10,
           (bytes - largest) >> 10, holes - 1, slivers, SLIVER);
}
