/* tests.c - what stage 8b is the first to promise: the best fit, and a tree that stays shallow. */
#include "suite.h"

static uint32_t state = 12345;

static unsigned random_below(unsigned limit)
{
    state = state * 1664525 + 1013904223;
    return (state >> 8) % limit;
}

static void shuffle(unsigned *order, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        order[i] = i;
    for (unsigned i = count - 1; i > 0; i--) {
        unsigned j = random_below(i + 1), swapped = order[i];

        order[i] = order[j];
        order[j] = swapped;
    }
}

/* ---- best-fit ------------------------------------------------------------------------------- */

/* Holes of so many sizes, 16 bytes apart, and each fills its chunk; more than anybody looks at by chance. */
enum { HOLES = 64, LEAST = 2016 - sizeof(size_t) };
static char *hole[HOLES];

static void make_holes(size_t step)
{
    unsigned order[HOLES], at[HOLES];

    shuffle(at, HOLES);
    shuffle(order, HOLES);
    for (unsigned i = 0; i < HOLES; i++) {
        hole[at[i]] = must(lib.malloc(LEAST + at[i] * step));
        must(lib.malloc(16));
    }
    for (unsigned i = 0; i < HOLES; i++)
        lib.free(hole[order[i]]);
}

START_TEST(best_fit_takes_the_smallest)
{
    unsigned order[HOLES];

    make_holes(16);
    shuffle(order, HOLES);
    for (unsigned i = 0; i < HOLES; i++)
        expect(lib.malloc(LEAST - 15 + order[i] * 16) == hole[order[i]],
               "%u bytes: not in the smallest free chunk with room for them",
               LEAST - 15 + order[i] * 16);
    heap_ok();
}
END_TEST

START_TEST(best_fit_takes_the_lowest_of_equals)
{
    char *last = NULL, *block;

    make_holes(0);
    for (unsigned i = 0; i < HOLES; i++) {
        block = must(lib.malloc(LEAST));
        expect(block > last, "block %u: a free chunk as large was lower in memory", i);
        last = block;
    }
    heap_ok();
}
END_TEST

/* The best fit, by the heap's description. */
struct search {
    size_t size;
    struct heap_block best;
};

static bool look_at(const struct heap_block *block, void *arg)
{
    struct search *search = arg;
    struct heap_block *best = &search->best;

    if (block->state == HEAP_FREE && block->size >= search->size &&
        (!best->payload || block->size < best->size ||
         (block->size == best->size && block->payload < best->payload)))
        *best = *block;
    return true;
}

START_TEST(best_fit_in_random_traffic)
{
    static char *live[300];

    state = (unsigned)_i + 1;
    for (unsigned step = 0; step < 4000; step++) {
        unsigned i = random_below(300);
        struct search search = {.size = random_below(random_below(20) ? 400 : 20000)};

        if (live[i]) {
            lib.free(live[i]);
            live[i] = NULL;
            continue;
        }
        lib.inspect->blocks(look_at, &search);
        live[i] = must(lib.malloc(search.size));
        expect(!search.best.payload || live[i] == search.best.payload,
               "step %u: %zu bytes, and a free chunk of %zu was not taken", step, search.size,
               search.best.size);
    }
    heap_ok();
}
END_TEST

/* ---- balanced ------------------------------------------------------------------------------- */

/* So many chunks, about, and the logarithm of their number. */
enum { CHUNKS = 4096, LOGARITHM = 12 };
/* Levels. Keys in random order have a tree of some 28; in order, one of as many as there are keys. */
enum { SHALLOW = 5 * LOGARITHM };
static void *block[CHUNKS];

struct levels {
    unsigned chunks, count;
    char last[32];
};

static bool count_level(const char *list, const struct heap_block *told, void *arg)
{
    struct levels *levels = arg;

    (void)told;
    expect(strncmp(list, "level ", 6) == 0, "malloc searches %s, which is no level of a tree",
           list);
    levels->chunks++;
    levels->count += strcmp(list, levels->last) != 0;
    strncpy(levels->last, list, sizeof levels->last - 1);
    return levels->count <= SHALLOW;
}

static void tree_is_shallow(void)
{
    struct levels levels = {0};

    heap_ok();
    lib.inspect->lists(count_level, &levels);
    expect(levels.count <= SHALLOW, "on more than %d levels there are only %u chunks", SHALLOW,
           levels.chunks);
    expect(levels.chunks > CHUNKS / 8, "%u chunks are too few to show anything", levels.chunks);
}

/* Frees blocks as they lie in memory, or the other way; all of one size, or each larger than the one
 * before, or smaller. A tree without balance becomes a list. */
START_TEST(tree_of_sorted_chunks_is_shallow)
{
    bool upwards = _i % 2, rising = _i / 2 == 1, falling = _i / 2 == 2;

    for (unsigned i = 0; i < CHUNKS; i++) {
        block[i] = must(lib.malloc(100 + (rising ? i : falling ? CHUNKS - i : 0)));
        must(lib.malloc(10));
    }
    for (unsigned i = 0; i < CHUNKS; i++)
        lib.free(block[upwards ? i : CHUNKS - 1 - i]);
    tree_is_shallow();
}
END_TEST

/* Chunks of one size at equal distances, some of which would be unlucky for a simple hash. */
START_TEST(tree_is_shallow_at_any_distance)
{
    for (unsigned i = 0; i < CHUNKS; i++) {
        block[i] = must(lib.malloc(16));
        must(lib.malloc(8 + 16 * (unsigned)_i));
    }
    for (unsigned i = 0; i < CHUNKS; i++)
        lib.free(block[i]);
    tree_is_shallow();
}
END_TEST

START_TEST(tree_stays_shallow)
{
    static void *more[4 * CHUNKS];

    for (unsigned i = 0; i < 4 * CHUNKS; i++)
        more[i] = must(lib.malloc(random_below(1000)));
    for (unsigned step = 0; step < 100 * CHUNKS; step++) {
        unsigned i = random_below(4 * CHUNKS);

        lib.free(more[i]);
        more[i] = more[i] ? NULL : must(lib.malloc(random_below(1000)));
    }
    tree_is_shallow();
}
END_TEST

/* ---- regions -------------------------------------------------------------------------------- */

START_TEST(region_goes_back_from_below)
{
    enum { MIB = 1 << 20 };
    size_t before = heap_size();
    char *large = must(lib.malloc(8 * MIB)), *last = must(lib.malloc(100));

    fill(last, 100, 1);
    lib.free(large);
    expect(heap_size() - before < 2 * MIB, "8 MiB were freed, and %zu bytes stay",
           heap_size() - before);
    expect(filled(last, 100, 1), "a block that lives was given back");
    heap_ok();
}
END_TEST

/* A block that comes and goes, and nothing else lives. */
START_TEST(region_is_kept)
{
    lib.free(must(lib.malloc(100)));
    system_fail(MMAP, 0, 0); /* the count begins */
    for (unsigned i = 0; i < 100; i++)
        lib.free(must(lib.malloc(100)));
    expect(record[MMAP].calls + record[MUNMAP].calls + record[SBRK].calls == 0,
           "100 blocks came and went, by %u system calls",
           record[MMAP].calls + record[MUNMAP].calls + record[SBRK].calls);
}
END_TEST

START_TEST(region_that_can_not_go_back_stays)
{
    char *large = must(lib.malloc(8 << 20));

    must(lib.malloc(100));
    system_fail(MUNMAP, 1, 100);
    errno = 1234;
    lib.free(large);
    expect(record[MUNMAP].failed > 0, "munmap was not called");
    expect(errno == 1234, "free changed errno to %d", errno);
    heap_ok();
    fill(must(lib.malloc(8 << 20)), 8 << 20, 1);
    expect(record[MMAP].calls == 0, "8 MiB are free, and were not taken");
}
END_TEST

SUITE
{
    add(best_fit_takes_the_smallest, "best-fit");
    add(best_fit_takes_the_lowest_of_equals, "best-fit");
    add_rounds(best_fit_in_random_traffic, "best-fit inspect", 10);
    add_rounds(tree_of_sorted_chunks_is_shallow, "balanced inspect", 6);
    add_rounds(tree_is_shallow_at_any_distance, "balanced inspect", 64);
    add(tree_stays_shallow, "balanced inspect");
    add(region_goes_back_from_below, "regions measured");
    add(region_is_kept, "regions");
    add(region_that_can_not_go_back_stays, "regions inspect");
}
