/* tests.c - what stage 8e is the first to promise: no header, notes that lie apart, known pointers. */
#include "suite.h"

/* ---- wall-to-wall --------------------------------------------------------------------------- */

START_TEST(blocks_lie_wall_to_wall)
{
    char *block = must(lib.malloc(16)), *next;

    for (size_t size = 16; size < 2000; size += 16, block = next) {
        next = must(lib.malloc(size + 16));
        expect(next == block + size, "a block of %zu bytes, and the next lies %zd behind it", size,
               next - block);
    }
    heap_ok();
}
END_TEST

/* 16 MB in blocks of 16 bytes; two bits for each are 250 KB. */
START_TEST(small_blocks_cost_two_bits_each)
{
    enum { COUNT = 1000000 };
    size_t before, grown;

    must(lib.malloc(16));
    before = heap_size();
    for (unsigned i = 0; i < COUNT; i++)
        must(lib.malloc(16));
    grown = heap_size() - before;
    expect(grown < (size_t)COUNT * 16 / 64 * 66 + (1 << 20),
           "a million blocks of 16 bytes took %zu bytes", grown);
}
END_TEST

/* ---- apart ---------------------------------------------------------------------------------- */

/* Every block of a few regions is written past its end, so far that a tag would be hit. */
START_TEST(overflow_meets_no_note)
{
    enum { COUNT = 4000, SIZE = 1000 };
    static char *block[COUNT];

    for (unsigned i = 0; i < COUNT; i++) {
        block[i] = must(lib.malloc(SIZE));
        memset(block[i], 0xff, lib.malloc_usable_size(block[i]) + 16);
    }
    heap_ok();
    for (unsigned i = 0; i < COUNT; i++)
        lib.free(block[i * 7 % COUNT]);
    heap_ok();
    must(lib.malloc(SIZE));
}
END_TEST

START_TEST(write_after_free_meets_no_note)
{
    enum { COUNT = 100 };
    char *block[COUNT];

    for (unsigned i = 0; i < COUNT; i++)
        block[i] = must(lib.malloc(64));
    for (unsigned i = 0; i < COUNT; i += 2) {
        lib.free(block[i]);
        memset(block[i], 0xff, 64);
    }
    heap_ok();
    for (size_t size = 1; size < 10000; size = size * 3 / 2 + 1)
        fill(must(lib.malloc(size)), size, 1);
    for (unsigned i = 1; i < COUNT; i += 2)
        lib.free(block[i]);
    heap_ok();
}
END_TEST

/* ---- known-pointers ------------------------------------------------------------------------- */

#define NEVER_GAVE "malloc: a pointer came back that malloc never gave."
#define FREE_ALREADY "malloc: a block came back that is free already."
#define INTO_A_BLOCK "malloc: a pointer into a block came back, not to its start."

START_TEST(pointers_elsewhere_are_known)
{
    static _Alignas(16) char somewhere[64];
    char *block = must(lib.malloc(64)), *large = must(lib.malloc((size_t)8 << 20));

    must_die(NEVER_GAVE, lib.free(somewhere + 16));
    must_die(NEVER_GAVE, lib.free(block + 1));
    must_die(NEVER_GAVE, lib.free(block + 8));
    must_die(NEVER_GAVE, lib.free((void *)16));
    must_die(NEVER_GAVE, lib.free((void *)(UINTPTR_MAX - 15)));
    must_die(NEVER_GAVE, lib.realloc(somewhere + 16, 100));
    must_die(NEVER_GAVE, lib.malloc_usable_size(somewhere + 16));
    lib.free(large);
    must_die(NEVER_GAVE, lib.free(large));
}
END_TEST

/* What the heap itself lies in is nobody's block. */
static const struct heap_region *told;

static bool free_its_ends(const struct heap_region *region, void *arg)
{
    char *start = (char *)(uintptr_t)region->start, *end = (char *)(uintptr_t)region->end;

    (void)arg;
    must_die(NEVER_GAVE, lib.free(start));
    must_die(NEVER_GAVE, lib.free(start + 16));
    must_die(NEVER_GAVE, lib.free(end - 16));
    told = region;
    return true;
}

START_TEST(the_heap_is_no_block)
{
    must(lib.malloc(16));
    lib.inspect->regions(free_its_ends, NULL);
    expect(told != NULL, "a block lives, and there is no region");
}
END_TEST

/* The bytes of a large block may look like anything: like a tag, for one. */
START_TEST(pointers_into_a_block_are_known)
{
    size_t *block = must(lib.malloc(100)), *large;

    for (unsigned i = 0; i + 1 < 100 / sizeof *block; i += 2) {
        block[i] = 3;
        block[i + 1] = 32 | 3;
    }
    must_die(INTO_A_BLOCK, lib.free(block + 16 / sizeof *block));
    must_die(INTO_A_BLOCK, lib.free(block + 96 / sizeof *block));
    must_die(INTO_A_BLOCK, lib.realloc(block + 16 / sizeof *block, 10));
    large = must(lib.malloc((size_t)8 << 20));
    must_die(INTO_A_BLOCK, lib.free(large + 16 / sizeof *large));
    must_die(INTO_A_BLOCK, lib.free(large + ((size_t)4 << 20) / sizeof *large));
}
END_TEST

/* Each of 100 blocks, however many of its neighbours are free. */
START_TEST(every_double_free_is_known)
{
    enum { COUNT = 100 };
    char *block[COUNT];

    for (unsigned i = 0; i < COUNT; i++)
        block[i] = must(lib.malloc(16 + i));
    for (unsigned i = 0; i < COUNT; i++) {
        lib.free(block[i * 37 % COUNT]);
        must_die(FREE_ALREADY, lib.free(block[i * 37 % COUNT]));
        must_die(FREE_ALREADY, lib.realloc(block[i * 37 % COUNT], 10));
    }
    for (unsigned i = 0; i < COUNT; i++)
        must_die(FREE_ALREADY, lib.free(block[i]));
}
END_TEST

/* The memory was given out again, and the pointer leads into another block. */
START_TEST(double_free_into_a_new_block_is_known)
{
    char *first = must(lib.malloc(64)), *second = must(lib.malloc(64)), *both;

    must(lib.malloc(16));
    lib.free(first);
    lib.free(second);
    both = must(lib.malloc(128));
    expect(both == first, "128 bytes in a row are free, and the block lies elsewhere");
    for (size_t i = 0; i < 128; i += sizeof(size_t))
        memcpy(both + i, &(size_t){32 | 3}, sizeof(size_t));
    must_die(INTO_A_BLOCK, lib.free(second));
}
END_TEST

SUITE
{
    add(blocks_lie_wall_to_wall, "wall-to-wall");
    add(small_blocks_cost_two_bits_each, "wall-to-wall measured");
    add(overflow_meets_no_note, "apart family");
    add(write_after_free_meets_no_note, "apart");
    add(pointers_elsewhere_are_known, "known-pointers");
    add(the_heap_is_no_block, "known-pointers inspect measured");
    add(pointers_into_a_block_are_known, "known-pointers");
    add(every_double_free_is_known, "known-pointers");
    add(double_free_into_a_new_block_is_known, "known-pointers");
}
