/* tests.c - what stage 9 is the first to promise: where memory comes from, and that it goes back. */
#include "suite.h"

enum { MIB = 1 << 20 };

static size_t resident(void)
{
    return process_size().resident;
}

START_TEST(break_is_left_alone)
{
    void *end = program_break();

    for (size_t size = 1; size < 64 * MIB; size = size * 2 + 9)
        must(lib.malloc(size));
    expect(program_break() == end, "the program break has moved");
}
END_TEST

START_TEST(large_block_costs_nothing_untouched)
{
    size_t before = resident();
    char *block = must(lib.malloc((size_t)1 << 30));

    expect(resident() - before < MIB, "a block that nobody touched takes %zu bytes of memory",
           resident() - before);
    block[0] = block[(1 << 30) - 1] = 1;
    heap_ok();
}
END_TEST

START_TEST(large_block_goes_back)
{
    size_t before = process_size().mapped;
    char *block = must(lib.malloc(64 * MIB));

    fill(block, 64 * MIB, 1);
    lib.free(block);
    expect(process_size().mapped - before < MIB, "64 MiB were freed, and %zu bytes stay mapped",
           process_size().mapped - before);
    heap_ok();
}
END_TEST

/* Who copies, touches both. */
START_TEST(large_block_grows_without_a_copy)
{
    char *block = must(lib.malloc(MIB));
    size_t before;

    fill(block, MIB, 1);
    before = resident();
    for (size_t size = 2 * MIB; size <= 1 << 30; size *= 2) {
        block = must(lib.realloc(block, size));
        must(lib.malloc(4 * MIB)); /* perhaps in the way */
        heap_ok();
    }
    expect(resident() - before < 2 * MIB, "to grow to 1 GiB took %zu bytes of memory",
           resident() - before);
    expect(filled(block, MIB, 1), "contents lost");
    block = must(lib.realloc(block, MIB));
    expect(filled(block, MIB, 1), "contents lost");
    heap_ok();
}
END_TEST

START_TEST(large_calloc_touches_nothing)
{
    size_t before = resident();
    char *block = must(lib.calloc(64, MIB));

    expect(resident() - before < MIB, "calloc wrote to %zu bytes that were 0 already",
           resident() - before);
    for (unsigned i = 0; i < 64; i++)
        expect(block[i * MIB] == 0, "calloc gave a byte that is not 0");
}
END_TEST

START_TEST(used_memory_is_cleared)
{
    for (size_t size = 1000; size < 4 * MIB; size *= 2)
        for (unsigned round = 0; round < 3; round++) {
            char *block = must(lib.calloc(1, size));

            for (size_t i = 0; i < size; i++)
                expect(block[i] == 0, "calloc of %zu bytes gave one that is not 0", size);
            memset(block, 0xa5, size);
            lib.free(block);
        }
    heap_ok();
}
END_TEST

/* ---- after a peak --------------------------------------------------------------------------- */

enum { COUNT = 8192, SIZE = 8000 };
static char *blocks[COUNT];
static unsigned order[COUNT];

static void make_peak(void)
{
    uint32_t state = 12345;

    for (unsigned i = 0; i < COUNT; i++) {
        fill(blocks[i] = must(lib.malloc(SIZE)), SIZE, i);
        order[i] = i;
    }
    for (unsigned i = COUNT - 1; i > 0; i--) {
        unsigned j = (state = state * 1664525 + 1013904223) % i, swapped = order[i];

        order[i] = order[j];
        order[j] = swapped;
    }
}

START_TEST(empty_regions_go_back)
{
    size_t before = process_size().mapped;

    make_peak();
    for (unsigned i = 0; i < COUNT; i++)
        lib.free(blocks[order[i]]);
    expect(process_size().mapped - before < 8 * MIB, "all was freed, and %zu bytes stay mapped",
           process_size().mapped - before);
    heap_ok();
}
END_TEST

/* Nine blocks of ten are freed: what lives, and as much again, may stay. */
START_TEST(pages_between_blocks_go_back)
{
    const size_t live = COUNT / 10 * SIZE;
    size_t before = resident();

    make_peak();
    for (unsigned i = 0; i < COUNT - COUNT / 10; i++)
        lib.free(blocks[order[i]]);
    expect(resident() - before < 2 * live + 8 * MIB, "%zu bytes live, and %zu stay in memory", live,
           resident() - before);
    heap_ok();
    for (unsigned i = COUNT - COUNT / 10; i < COUNT; i++)
        expect(filled(blocks[order[i]], SIZE, order[i]), "a block that lives was given back");
    for (unsigned i = 0; i < COUNT - COUNT / 10; i++)
        fill(must(lib.malloc(SIZE)), SIZE, i);
    heap_ok();
}
END_TEST

/* So little that it isn't given back unasked. */
START_TEST(malloc_trim_gives_all_back)
{
    size_t before;

    for (unsigned i = 0; i < 512; i++)
        fill(blocks[i] = must(lib.malloc(SIZE)), SIZE, i);
    for (unsigned i = 0; i < 512; i++)
        if (i % 8 != 0)
            lib.free(blocks[i]);
    before = resident();
    errno = 1234;
    expect(lib.malloc_trim(0) == 1, "there was much to give back, and malloc_trim says no");
    expect(errno == 1234, "malloc_trim changed errno to %d", errno);
    expect(before - resident() > 2 * MIB, "3 MiB were free, and malloc_trim gave %zu bytes back",
           before - resident());
    for (unsigned i = 0; i < 512; i += 8)
        expect(filled(blocks[i], SIZE, i), "a block that lives was given back");
    heap_ok();
}
END_TEST

SUITE
{
    add(break_is_left_alone, "pages");
    add(large_block_costs_nothing_untouched, "pages");
    add(large_block_goes_back, "pages");
    add(large_block_grows_without_a_copy, "pages");
    add(large_calloc_touches_nothing, "pages");
    add(used_memory_is_cleared, "pages");
    add(empty_regions_go_back, "pages");
    add(pages_between_blocks_go_back, "pages");
    add(malloc_trim_gives_all_back, "pages malloc_trim");
}
