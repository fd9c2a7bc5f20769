/*
 * heap.c - what happens to chunks: reuse, split, merge, trim; and what others do meanwhile: moving
 * the program break, handing in pointers that aren't ours.
 *
 * Heaps are written as rows of chunks, by payload size: "used 32, free 64". The last chunk of each
 * is a used one, a stopper, so that nothing merges with the top or is trimmed by the way.
 */
#include "suite.h"

#include <limits.h>
#include <malloc.h>

static size_t header(void)
{
    return lib.inspect->layout->header;
}

/* ---- reuse ---------------------------------------------------------------------------------- */

START_TEST(reuse_of_the_same_size)
{
    void *block = must(lib.malloc(64));

    must(lib.malloc(16));
    lib.free(block);
    heap_is("free 64, used 16");
    expect(lib.malloc(64) == block, "the free chunk of 64 bytes was not used");
    heap_is("used 64, used 16");
}
END_TEST

START_TEST(reuse_takes_the_first_that_fits)
{
    void *small = must(lib.malloc(32)), *fits, *fits_too;

    must(lib.malloc(16));
    fits = must(lib.malloc(64));
    must(lib.malloc(16));
    fits_too = must(lib.malloc(64));
    must(lib.malloc(16));
    lib.free(fits_too);
    lib.free(small);
    lib.free(fits);
    heap_is("free 32, used 16, free 64, used 16, free 64, used 16");
    expect(lib.malloc(64) == fits, "not the first free chunk that is large enough");
    heap_is("free 32, used 16, used 64, used 16, free 64, used 16");
}
END_TEST

START_TEST(reuse_never_gives_too_little)
{
    char *free_chunk = must(lib.malloc(48)), *neighbour = must(lib.malloc(48)), *block;

    fill(neighbour, 48, 1);
    lib.free(free_chunk);
    block = must(lib.malloc(49));
    memset(block, 0xa5, 49);
    expect(filled(neighbour, 48, 1), "a chunk of 48 bytes was given for 49");
    heap_ok();
}
END_TEST

START_TEST(reuse_keeps_the_break)
{
    void *block = must(lib.malloc(500)), *end;

    must(lib.malloc(16));
    end = sbrk(0);
    lib.free(block);
    for (unsigned i = 0; i < 1000; i++)
        lib.free(must(lib.malloc(500)));
    expect(sbrk(0) == end, "the heap grew, with a free chunk at hand");
}
END_TEST

/* ---- split ---------------------------------------------------------------------------------- */

START_TEST(split_leaves_the_rest_free)
{
    void *block = must(lib.malloc(512));

    must(lib.malloc(16));
    lib.free(block);
    expect(lib.malloc(100) == block, "the free chunk of 512 bytes was not used");
    heap_is("used 112, free %zu, used 16", 512 - 112 - header());
    must(lib.malloc(32));
    heap_is("used 112, used 32, free %zu, used 16", 512 - 112 - 32 - 2 * header());
}
END_TEST

/* The least rest that is worth a chunk: a header and 16 bytes. */
START_TEST(split_each_rest)
{
    size_t rest = (size_t)_i * 16;
    void *block = must(lib.malloc(64 + rest));

    must(lib.malloc(16));
    lib.free(block);
    expect(lib.malloc(64) == block, "the free chunk was not used");
    if (rest < header() + 16)
        heap_is("used %zu, used 16", 64 + rest);
    else
        heap_is("used 64, free %zu, used 16", rest - header());
}
END_TEST

/* Both ways: the chunk behind the rest must know it, or the next free or append goes wrong. */
START_TEST(split_links_both_ways)
{
    void *block = must(lib.malloc(512)), *stop = must(lib.malloc(16));

    lib.free(block);
    must(lib.malloc(64));
    heap_ok();
    lib.free(stop);
    heap_ok();
    must(lib.malloc(1000));
    heap_ok();
}
END_TEST

START_TEST(split_of_the_last_chunk)
{
    void *block = must(lib.malloc(512));

    lib.free(block);
    expect(lib.malloc(64) == block, "the free chunk was not used");
    must(lib.malloc(1024));
    heap_is("used 64, free %zu, used 1024", 512 - 64 - header());
}
END_TEST

START_TEST(split_into_many)
{
    char *block = must(lib.malloc(8192)), *piece[20];

    must(lib.malloc(16));
    lib.free(block);
    for (unsigned i = 0; i < 20; i++) {
        piece[i] = must(lib.malloc(i * 10));
        expect(piece[i] >= block && piece[i] < block + 8192, "a piece lies elsewhere");
        fill(piece[i], i * 10, i);
        heap_ok();
    }
    for (unsigned i = 0; i < 20; i++)
        expect(filled(piece[i], i * 10, i), "piece %u was overwritten", i);
}
END_TEST

/* ---- merge ---------------------------------------------------------------------------------- */

static void *four[4];

static void make_four(void)
{
    for (unsigned i = 0; i < 4; i++)
        four[i] = must(lib.malloc(64));
    must(lib.malloc(16));
    heap_is("used 64, used 64, used 64, used 64, used 16");
}

START_TEST(merge_with_the_next)
{
    make_four();
    lib.free(four[1]);
    lib.free(four[0]);
    heap_is("free %zu, used 64, used 64, used 16", 128 + header());
}
END_TEST

START_TEST(merge_with_the_one_before)
{
    make_four();
    lib.free(four[1]);
    lib.free(four[2]);
    heap_is("used 64, free %zu, used 64, used 16", 128 + header());
}
END_TEST

START_TEST(merge_with_both)
{
    make_four();
    lib.free(four[0]);
    lib.free(four[2]);
    lib.free(four[1]);
    heap_is("free %zu, used 64, used 16", 192 + 2 * header());
    lib.free(four[3]);
    heap_is("free %zu, used 16", 256 + 3 * header());
}
END_TEST

START_TEST(merge_in_every_order)
{
    unsigned order = (unsigned)_i; /* 4! of them */
    unsigned left[4] = {0, 1, 2, 3}, count = 4;

    make_four();
    for (unsigned i = 4; i > 0; i--) {
        unsigned pick = order % i;

        order /= i;
        lib.free(four[left[pick]]);
        heap_ok();
        left[pick] = left[--count];
    }
    heap_is("free %zu, used 16", 256 + 3 * header());
}
END_TEST

START_TEST(merge_makes_room)
{
    char *block;

    make_four();
    for (unsigned i = 0; i < 4; i++)
        lib.free(four[i]);
    block = must(lib.malloc(256));
    expect(block == four[0], "four chunks of 64 were freed, and 256 bytes lie elsewhere");
    fill(block, 256, 1);
    heap_ok();
}
END_TEST

START_TEST(merge_not_across_a_hole)
{
    char *foreign, *before = must(lib.malloc(64)), *behind;

    foreign = sbrk(256);
    ck_assert(foreign != (void *)-1);
    memset(foreign, 0x77, 256);
    behind = must(lib.malloc(64));
    must(lib.malloc(16));
    lib.free(before);
    lib.free(behind);
    heap_is("free 64, free 64, used 16");
    memset(must(lib.malloc(128 + header())), 0xa5, 128 + header());
    memset(must(lib.malloc(64)), 0xa5, 64);
    memset(must(lib.malloc(64)), 0xa5, 64);
    for (unsigned i = 0; i < 256; i++)
        expect(foreign[i] == 0x77, "memory that isn't ours was handed out");
}
END_TEST

/* A header that was merged away is payload now; its old pointer must mean nothing any more. */
START_TEST(merge_forgets_the_old_header)
{
    make_four();
    lib.free(four[1]);
    lib.free(four[0]);
    lib.free(four[1]); /* a double free, by a stale pointer */
    heap_is("free %zu, used 64, used 64, used 16", 128 + header());
    must_fail(lib.realloc(four[1], 32));
    heap_is("free %zu, used 64, used 64, used 16", 128 + header());
}
END_TEST

/* ---- trim ----------------------------------------------------------------------------------- */

START_TEST(trim_gives_a_large_top_back)
{
    char *start, *block;

    must(lib.malloc(16));
    start = sbrk(0);
    block = must(lib.malloc(1 << 20));
    expect((char *)sbrk(0) >= start + (1 << 20), "1 MiB, and the break didn't move up");
    lib.free(block);
    expect(sbrk(0) == start, "1 MiB at the top was freed, and the break stayed");
    must(lib.malloc(100));
    heap_ok();
}
END_TEST

START_TEST(trim_of_the_only_chunk)
{
    char *start = sbrk(0);

    lib.free(must(lib.malloc(1 << 20)));
    expect((char *)sbrk(0) - start < 64, "the heap is empty, and the break stayed");
    heap_ok();
    fill(must(lib.malloc(1 << 20)), 1 << 20, 1);
    heap_ok();
}
END_TEST

START_TEST(trim_after_many_small)
{
    static void *block[1000];
    char *start;

    must(lib.malloc(16));
    start = sbrk(0);
    for (unsigned i = 0; i < 1000; i++)
        block[i] = must(lib.malloc(1000));
    for (unsigned i = 0; i < 1000; i++)
        lib.free(block[i]);
    expect((char *)sbrk(0) - start < 256 * 1024, "a megabyte of free chunks was not given back");
    heap_ok();
}
END_TEST

START_TEST(trim_keeps_a_small_top)
{
    char *end;
    void *block;

    must(lib.malloc(16));
    block = must(lib.malloc(1000));
    end = sbrk(0);
    lib.free(block);
    expect(sbrk(0) == end, "1000 bytes were given back: a system call for nothing");
}
END_TEST

START_TEST(trim_not_when_others_are_above)
{
    char *block = must(lib.malloc(1 << 20)), *foreign = sbrk(4096);

    ck_assert(foreign != (void *)-1);
    memset(foreign, 0x77, 4096);
    lib.free(block);
    expect((char *)sbrk(0) >= foreign + 4096, "somebody else's memory was given back");
    for (unsigned i = 0; i < 4096; i++)
        expect(foreign[i] == 0x77, "memory that isn't ours was written to");
    heap_ok();
    must(lib.malloc(1 << 21));
    heap_ok();
}
END_TEST

START_TEST(trim_that_fails_changes_nothing)
{
    char *block = must(lib.malloc(1 << 20));

    sbrk_fail(1, 100);
    lib.free(block);
    sbrk_fail(0, 0);
    heap_is("free %d", 1 << 20);
    expect(lib.malloc(1 << 20) == block, "the free chunk of 1 MiB was not used");
    fill(block, 1 << 20, 1);
}
END_TEST

/* ---- others move the program break ---------------------------------------------------------- */

START_TEST(break_moved_by_others)
{
    static const int steps[] = {1, 7, 8, 13, 16, 100, 4096, 5001};
    enum { COUNT = sizeof steps / sizeof *steps };
    char *foreign[COUNT], *block[COUNT];

    for (unsigned i = 0; i < COUNT; i++) {
        block[i] = must(lib.malloc(100));
        fill(block[i], 100, i);
        foreign[i] = sbrk(steps[i]);
        ck_assert(foreign[i] != (void *)-1);
        memset(foreign[i], 0x77, (size_t)steps[i]);
    }
    for (unsigned round = 0; round < 20; round++) {
        size_t size = largest(50 * round + 50);
        char *more = must(lib.malloc(size));

        expect((uintptr_t)more % _Alignof(max_align_t) == 0, "misaligned, after an odd break");
        memset(more, 0xa5, size);
        if (round % 3 == 0)
            lib.free(more);
        heap_ok();
    }
    for (unsigned i = 0; i < COUNT; i++) {
        expect(filled(block[i], 100, i), "block %u was overwritten", i);
        for (int j = 0; j < steps[i]; j++)
            expect(foreign[i][j] == 0x77, "memory that isn't ours was written to");
    }
    for (unsigned i = 0; i < COUNT; i++)
        lib.free(block[i]);
    heap_ok();
}
END_TEST

/* ---- pointers that aren't ours -------------------------------------------------------------- */

static void *foreign_pointer(int which)
{
    static _Alignas(16) char somewhere[4096];
    char *ours = must(lib.malloc(256)), *page;
    uintptr_t fake;

    memset(ours, 0, 256);
    must(lib.malloc(16));
    switch (which) {
    case 0: /* somewhere in the program's data */
        return somewhere + 2048;
    case 1: /* inside one of our payloads, aligned */
        return ours + 64;
    case 2: /* the same, not aligned */
        return ours + 61;
    case 3: /* between two of our chunks: what libc's memalign would give */
        page = sbrk(4096);
        ck_assert(page != (void *)-1);
        must(lib.malloc(16));
        return (char *)(((uintptr_t)page + 255) & ~(uintptr_t)63);
    case 4: /* behind our last chunk */
        page = sbrk(4096);
        return (char *)(((uintptr_t)page + 255) & ~(uintptr_t)63);
    case 5: /* inside a payload, with bytes before it that look like its header; but not aligned */
        fake = (uintptr_t)ours + 72;
        memcpy(ours + 72 - header() + lib.inspect->layout->data, &fake, sizeof fake);
        return ours + 72;
    case 6: /* nowhere */
        return (void *)16;
    default: /* as far up as can be */
        return (void *)(UINTPTR_MAX - 15);
    }
}

START_TEST(foreign_pointers_are_left_alone)
{
    void *foreign = foreign_pointer(_i);
    char before[1024];

    strcpy(before, heap_row());
    errno = 1234;
    lib.free(foreign);
    expect(errno == 1234, "free changed errno to %d", errno);
    expect(strcmp(heap_row(), before) == 0, "free changed the heap from: %s\n           to: %s",
           before, heap_row());
    must_fail(lib.realloc(foreign, 100));
    expect(strcmp(heap_row(), before) == 0, "realloc changed the heap from: %s\n           to: %s",
           before, heap_row());
    heap_ok();
    must(lib.malloc(64));
}
END_TEST

/* Stages 1 to 8 define no memalign: a program that calls it gets libc's, and libc moves the break. */
START_TEST(libc_memalign_in_between)
{
    char *block = must(lib.malloc(100)), *theirs;
    size_t size = (size_t)160 << 20; /* more than libc has set apart (see main in suite.c) */

#ifdef __GLIBC__
    mallopt(M_MMAP_MAX, 0);             /* take it off the break */
    mallopt(M_TRIM_THRESHOLD, INT_MAX); /* else glibc gives it back at once, and then has none */
#endif
    fill(block, 100, 1);
    theirs = aligned_alloc(64, size);
    expect(theirs != NULL, "aligned_alloc gave NULL: %s", strerror(errno));
    expect(theirs > block && theirs < (char *)sbrk(0), "it doesn't lie behind our block");
    fill(theirs, 100, 2);
    fill(theirs + size - 100, 100, 3);
    fill(must(lib.malloc(100)), 100, 4);
    lib.free(theirs);
    must_fail(lib.realloc(theirs, 10));
    fill(must(lib.malloc(largest(5000))), largest(5000), 5);
    expect(filled(block, 100, 1), "our block was overwritten");
    expect(filled(theirs, 100, 2) && filled(theirs + size - 100, 100, 3), "theirs was overwritten");
    heap_ok();
    free(theirs); /* libc's own free: it must find its heap in order too */
    lib.free(block);
    heap_ok();
}
END_TEST

START_TEST(foreign_pointer_to_an_empty_heap)
{
    static _Alignas(16) char somewhere[256];

    lib.free(somewhere + 128);
    must_fail(lib.realloc(somewhere + 128, 10));
    must(lib.malloc(10));
    heap_ok();
}
END_TEST

START_TEST(double_free_does_no_harm)
{
    void *block = must(lib.malloc(64));

    must(lib.malloc(16));
    lib.free(block);
    lib.free(block);
    heap_is("free 64, used 16");
    must(lib.malloc(64));
    heap_ok();
}
END_TEST

void heap_tests(void)
{
    add(reuse_of_the_same_size, "reuse inspect");
    add(reuse_takes_the_first_that_fits, "reuse inspect");
    add(reuse_never_gives_too_little, "reuse malloc");
    add(reuse_keeps_the_break, "reuse sbrk");
    add(split_leaves_the_rest_free, "split inspect");
    add_loop(split_each_rest, "split inspect", 8);
    add(split_links_both_ways, "split inspect");
    add(split_of_the_last_chunk, "split inspect");
    add(split_into_many, "split");
    add(merge_with_the_next, "merge inspect");
    add(merge_with_the_one_before, "merge inspect");
    add(merge_with_both, "merge inspect");
    add_loop(merge_in_every_order, "merge inspect", 24);
    add(merge_makes_room, "merge");
    add(merge_not_across_a_hole, "merge break inspect");
    add(merge_forgets_the_old_header, "merge foreign inspect");
    add(trim_gives_a_large_top_back, "trim sbrk");
    add(trim_of_the_only_chunk, "trim sbrk");
    add(trim_after_many_small, "trim sbrk");
    add(trim_keeps_a_small_top, "trim sbrk");
    add(trim_not_when_others_are_above, "trim break");
    add(trim_that_fails_changes_nothing, "trim sbrk inspect");
    add(break_moved_by_others, "break");
    add_loop(foreign_pointers_are_left_alone, "foreign inspect", 8);
    add(libc_memalign_in_between, "foreign break any-size");
    add(foreign_pointer_to_an_empty_heap, "foreign");
    add(double_free_does_no_harm, "foreign inspect");
}
