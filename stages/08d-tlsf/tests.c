/* tests.c - what stage 8d is the first to promise: a search without a loop, rounded up. */
#include "suite.h"

#include <sys/mman.h>

/* The first chunk of each bin, in order of size; "bin 512" begins at 512 bytes. */
static struct head {
    size_t least;
    const void *payload;
} heads[4000];
static unsigned head_count;

static bool note_head(const char *list, const struct heap_block *block, void *arg)
{
    size_t least = strtoul(list + strlen("bin "), NULL, 10);

    (void)arg;
    if (head_count == 0 || heads[head_count - 1].least != least)
        heads[head_count++] = (struct head){.least = least, .payload = block->payload};
    return true;
}

static void note_heads(void)
{
    head_count = 0;
    lib.inspect->lists(note_head, NULL);
}

static uint32_t random_state = 12345;

static size_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % limit;
}

/* Many free chunks of many sizes, in any order. */
static void make_holes(void)
{
    enum { COUNT = 600 };
    static void *block[COUNT];

    for (unsigned i = 0; i < COUNT; i++) {
        block[i] = must(lib.malloc(random_below(2) ? random_below(400) : random_below(3000)));
        must(lib.malloc(1));
    }
    for (unsigned i = 0; i < COUNT; i++)
        lib.free(block[i * 77 % COUNT]);
    heap_ok();
}

/* ---- bounded -------------------------------------------------------------------------------- */

START_TEST(malloc_takes_the_first_of_a_bin)
{
    make_holes();
    for (unsigned round = 0; round < 400; round++) {
        size_t size = random_below(3000);
        unsigned i = 0;
        void *block;

        note_heads();
        block = must(lib.malloc(size));
        while (i < head_count && heads[i].payload != block)
            i++;
        expect(i < head_count, "malloc(%zu) took a chunk that is not the first of its bin", size);
    }
    heap_ok();
}
END_TEST

/* Nobody may touch the tags of twenty chunks of one bin: who looks at one in vain, crashes. */
START_TEST(malloc_looks_at_no_chunk_in_vain)
{
    enum { COUNT = 20 };
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), size = 6 * page + 24;
    static char *block[COUNT];

    for (unsigned i = 0; i < COUNT; i++) {
        block[i] = must(lib.malloc(size));
        must(lib.malloc(2 * page));
    }
    for (unsigned i = 0; i < COUNT; i++)
        lib.free(block[i]);
    for (unsigned i = 0; i < COUNT; i++) {
        char *start = block[i] - (uintptr_t)(block[i] - 8) % page - 8;

        ck_assert(mprotect(start, 2 * page, PROT_NONE) == 0);
    }
    must(lib.malloc(size + 64));
}
END_TEST

/* ---- rounded-up ----------------------------------------------------------------------------- */

/* The first bin from the request on in which each chunk fits, and of that the first. */
START_TEST(malloc_takes_the_first_bin_that_fits)
{
    size_t overhead;

    make_holes();
    overhead = header_size();
    for (unsigned round = 0; round < 400; round++) {
        size_t size = 32 + random_below(3000), chunk = (size + overhead + 15) & ~(size_t)15;
        unsigned i = 0;

        note_heads();
        while (i < head_count && heads[i].least < chunk)
            i++;
        expect(i < head_count, "no bin is left for %zu bytes", size);
        expect(lib.malloc(size) == heads[i].payload,
               "malloc(%zu) didn't take the first chunk of the bin of %zu", size, heads[i].least);
    }
    heap_ok();
}
END_TEST

/* The price: a block of this size was freed, and isn't found again. */
START_TEST(a_chunk_that_fits_is_passed_over)
{
    void *inside = must(lib.malloc(65536 + 8)), *begins;

    must(lib.malloc(1));
    begins = must(lib.malloc(65536 - 8));
    must(lib.malloc(1));
    lib.free(inside);
    expect(lib.malloc(65536 + 8) != inside, "a chunk was found in a bin that has smaller ones too");
    lib.free(begins);
    expect(lib.malloc(65536 - 8) == begins, "a chunk with which its bin begins was not found");
    heap_ok();
}
END_TEST

/* ---- regions -------------------------------------------------------------------------------- */

START_TEST(large_blocks_grow_in_turns)
{
    enum { MIB = 1 << 20 };
    char *block[2];

    for (unsigned i = 0; i < 2; i++)
        block[i] = must(lib.malloc(MIB));
    for (size_t size = 2 * MIB; size <= 16 * MIB; size += MIB)
        for (unsigned i = 0; i < 2; i++) {
            fill(block[i], 2000, i);
            block[i] = must(lib.realloc(block[i], size));
            expect(filled(block[i], 2000, i), "contents lost");
            must(lib.malloc(MIB / 4));
            heap_ok();
        }
}
END_TEST

/* The last empty region is kept: a block that comes and goes is no system call. */
START_TEST(an_empty_region_stays)
{
    lib.free(must(lib.malloc(100)));
    system_fail(MMAP, 0, 0);
    for (unsigned i = 0; i < 100; i++)
        lib.free(must(lib.malloc(100000)));
    expect(record[MMAP].calls + record[MUNMAP].calls == 0, "%u times mmap, %u times munmap",
           record[MMAP].calls, record[MUNMAP].calls);
}
END_TEST

SUITE
{
    add(malloc_takes_the_first_of_a_bin, "bounded inspect");
    add(malloc_looks_at_no_chunk_in_vain, "bounded");
    add(malloc_takes_the_first_bin_that_fits, "rounded-up inspect");
    add(a_chunk_that_fits_is_passed_over, "rounded-up");
    add(large_blocks_grow_in_turns, "realloc-in-place inspect");
    add(an_empty_region_stays, "reuse mmap");
}
