/* tests.c - what stage 8 is the first to promise: no walk, the whole family, and an end to misuse. */
#include "suite.h"

#include <sys/mman.h>

/* ---- no-walk -------------------------------------------------------------------------------- */

/* A row of blocks, and nobody may touch the pages in its middle: who walks through, crashes. */
static void *blocks[3000];

static void protect_middle(int access)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = ((uintptr_t)blocks[500] + page - 1) & ~(page - 1);
    uintptr_t end = (uintptr_t)blocks[2500] & ~(page - 1);

    expect(start < end && end - start < 1 << 20, "2000 blocks of 100 bytes don't lie in a row");
    ck_assert(mprotect((void *)start, end - start, access) == 0);
}

static void make_middle(void)
{
    for (unsigned i = 0; i < 3000; i++)
        blocks[i] = must(lib.malloc(100));
    protect_middle(PROT_NONE);
}

START_TEST(malloc_does_not_walk)
{
    make_middle();
    for (size_t size = 0; size < 100000; size = size * 2 + 10)
        must(lib.malloc(size));
    protect_middle(PROT_READ | PROT_WRITE);
    heap_ok();
}
END_TEST

START_TEST(free_does_not_walk)
{
    make_middle();
    for (unsigned i = 0; i < 400; i++) {
        lib.free(blocks[i]);
        lib.free(blocks[2999 - i]);
    }
    for (unsigned i = 0; i < 400; i++)
        must(lib.malloc(i * 5));
    protect_middle(PROT_READ | PROT_WRITE);
    heap_ok();
}
END_TEST

/* In a bin whose first chunks are all too small lies one that fits: the rest at the break. */
START_TEST(a_chunk_that_was_overlooked_is_used)
{
    char *small[40], *last = must(lib.malloc(24));

    for (unsigned i = 0; i < 40; i++)
        small[i] = must(lib.malloc(i % 2 ? 24 : 1016));
    for (unsigned i = 0; i < 10000 && (size_t)((char *)sbrk(0) - last) > 1300; i++)
        last = must(lib.malloc(24));
    for (unsigned i = 0; i < 40; i += 2)
        lib.free(small[i]);
    for (unsigned i = 0; i < 40; i++)
        must(lib.malloc(1184));
    heap_ok();
}
END_TEST

/* ---- family --------------------------------------------------------------------------------- */

/* What lies below an aligned block, and above it, is free for others. */
START_TEST(aligned_blocks_waste_nothing)
{
    size_t before;

    must(lib.malloc(16));
    before = heap_size();
    for (unsigned i = 0; i < 400; i++) {
        lib.free(must(lib.memalign(4096, 100)));
        must(lib.malloc(16));
    }
    expect(heap_size() - before < 400 * 1024,
           "400 blocks of 16 bytes live, and the heap grew by %zu", heap_size() - before);
    heap_ok();
}
END_TEST

/* ---- misuse --------------------------------------------------------------------------------- */

#define NEVER_GAVE "malloc: a pointer came back that malloc never gave."
#define FREE_ALREADY "malloc: a block came back that is free already."
#define DAMAGED "malloc: a block came back whose tag is damaged, or that malloc never gave."
#define LINKS "malloc: the links of a free chunk are damaged: freed memory was written to."

START_TEST(foreign_pointers_end_the_program)
{
    static _Alignas(16) char somewhere[64];
    char *block = must(lib.malloc(64)), *top = sbrk(0);

    must_die(NEVER_GAVE, lib.free(somewhere + 16));
    must_die(NEVER_GAVE, lib.free(block + 8));
    must_die(NEVER_GAVE, lib.free(block + 1));
    must_die(NEVER_GAVE, lib.free(top + 4096));
    must_die(NEVER_GAVE, lib.free((void *)16));
    must_die(NEVER_GAVE, lib.free((void *)(UINTPTR_MAX - 15)));
    must_die(NEVER_GAVE, lib.realloc(somewhere + 16, 100));
    must_die(NEVER_GAVE, lib.malloc_usable_size(somewhere + 16));
}
END_TEST

START_TEST(double_free_ends_the_program)
{
    char *block[4];

    for (unsigned i = 0; i < 4; i++)
        block[i] = must(lib.malloc(64));
    lib.free(block[1]);
    must_die(FREE_ALREADY, lib.free(block[1]));
    must_die(FREE_ALREADY, lib.realloc(block[1], 10));
    lib.free(block[2]); /* merged: its tag lies inside a free chunk now */
    must_die(FREE_ALREADY, lib.free(block[2]));
    lib.free(block[0]);
    must_die(FREE_ALREADY, lib.free(block[1]));
    lib.free(block[3]);
    must_die(FREE_ALREADY, lib.free(block[3]));
}
END_TEST

START_TEST(overflow_into_a_tag_ends_the_program)
{
    char *block = must(lib.malloc(64)), *behind = must(lib.malloc(64));
    struct heap_block told;

    must(lib.malloc(64));
    expect(heap_find(behind, &told), "a block isn't told");
    memset(block, 0xff, lib.malloc_usable_size(block) + sizeof(size_t));
    if (told.overhead > 0)
        must_die(DAMAGED, lib.free(behind));
    else
        lib.free(behind); /* no tag lies between */
}
END_TEST

START_TEST(write_after_free_ends_the_program)
{
    static char elsewhere[64];
    char *block = must(lib.malloc(64)), *link = elsewhere;

    must(lib.malloc(64));
    lib.free(block);
    memcpy(block, &link, sizeof link);
    must_die(LINKS, lib.malloc(64));
}
END_TEST

SUITE
{
    add(malloc_does_not_walk, "no-walk");
    add(free_does_not_walk, "no-walk");
    add(a_chunk_that_was_overlooked_is_used, "no-walk");
    add(aligned_blocks_waste_nothing, "family memalign measured");
    add(foreign_pointers_end_the_program, "misuse");
    add(double_free_ends_the_program, "misuse");
    add(overflow_into_a_tag_ends_the_program, "misuse inspect");
    add(write_after_free_ends_the_program, "misuse");
}
