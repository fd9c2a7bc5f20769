/*
 * foreign.c - what isn't ours: somebody else moves the program break, and hands in pointers that
 * this malloc never gave. A program that calls libc's memalign, where a library has none, does both.
 */
#define _GNU_SOURCE
#include "suite.h"

#include <limits.h>
#include <malloc.h>

/* ---- the program break ---------------------------------------------------------------------- */

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

        expect((uintptr_t)more % _Alignof(max_align_t) == 0,
               "misaligned, after somebody else moved the break to an odd address");
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

/* ---- pointers from nowhere ------------------------------------------------------------------ */

static char *foreign_page(void)
{
    char *page = sbrk(4096);

    ck_assert(page != (void *)-1);
    return (char *)(((uintptr_t)page + 255) & ~(uintptr_t)63);
}

/* A place in the payload `ours`, with the bytes before it that stand before `ours` itself. */
static char *with_copied_header(char *ours, size_t offset)
{
    struct heap_block block;

    expect(heap_find(ours, &block), "the blocks that are described don't have this one");
    ck_assert(block.overhead <= offset);
    memcpy(ours + offset - block.overhead, ours - block.overhead, block.overhead);
    return ours + offset;
}

static void *foreign_pointer(int which)
{
    static _Alignas(16) char somewhere[4096];
    char *ours = must(lib.malloc(512)), *page;

    memset(ours, 0, 512);
    must(lib.malloc(16));
    switch (which) {
    case 0: /* somewhere in the program's data */
        return somewhere + 2048;
    case 1: /* inside one of our payloads, aligned */
        return ours + 64;
    case 2: /* the same, not aligned */
        return ours + 61;
    case 3: /* between two of our chunks: what libc's memalign would give */
        page = foreign_page();
        must(lib.malloc(16));
        return page;
    case 4: /* behind our last chunk */
        return foreign_page();
    case 5: /* inside a payload, with a copy of a header before it */
        return with_copied_header(ours, 256);
    case 6: /* the same, not aligned */
        return with_copied_header(ours, 264);
    case 7: /* nowhere */
        return (void *)16;
    default: /* as far up as can be */
        return (void *)(UINTPTR_MAX - 15);
    }
}

START_TEST(foreign_pointers_are_left_alone)
{
    void *foreign = foreign_pointer(_i);
    char before[4096];

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

START_TEST(foreign_pointer_to_an_empty_heap)
{
    static _Alignas(16) char somewhere[256];

    lib.free(somewhere + 128);
    must_fail(lib.realloc(somewhere + 128, 10));
    must(lib.malloc(10));
    heap_ok();
}
END_TEST

/* ---- libc's blocks -------------------------------------------------------------------------- */

/* Lets libc take its memory off the break from now on, above our first block: what it has set apart
 * (see main in suite.c) doesn't do for this block. Gives the block. */
static char *libc_above_us(size_t size)
{
    char *theirs;

#ifdef __GLIBC__
    mallopt(M_MMAP_MAX, 0);             /* take it off the break */
    mallopt(M_TRIM_THRESHOLD, INT_MAX); /* else glibc gives it back at once, and then has none */
#endif
    theirs = aligned_alloc(64, size);
    expect(theirs != NULL, "aligned_alloc gave NULL: %s", strerror(errno));
    return theirs;
}

START_TEST(libc_memalign_in_between)
{
    char *block = must(lib.malloc(100)), *theirs;
    size_t size = (size_t)160 << 20;

    fill(block, 100, 1);
    theirs = libc_above_us(size);
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

/* Takes all that libc has left below our block: what it gives from now on lies above. */
static void libc_only_above(char *ours)
{
    for (size_t size = (size_t)1 << 20; size >= 8; size = size > 1024 ? size / 4 : size - 8)
        while ((char *)must(malloc(size)) < ours)
            ;
}

static void *node_alloc(int function, size_t size)
{
    void *node = NULL;

    switch (function) {
    case 0:
        return aligned_alloc(16, size);
    case 1:
        return posix_memalign(&node, 16, size) == 0 ? node : NULL;
    case 2:
        return memalign(32, size);
    default:
        return valloc(size);
    }
}

/* The lists of a correct program. In each node the words that the shape names are links, the others
 * hold a number: the word right before the next block's header is often a link to that block. */
enum shape { NEXT_LAST, NEXT_FIRST, PREV_LAST, BOTH, SHAPES };
enum { NODES = 24 };

static void **node[NODES];

static bool is_link(enum shape shape, size_t word, size_t words, bool next)
{
    size_t last = words - 1;

    switch (shape) {
    case NEXT_LAST:
        return next && word == last;
    case NEXT_FIRST:
        return next && word == 0;
    case PREV_LAST:
        return next ? word == 0 && words > 1 : word == last;
    default:
        return next ? word == last : word == 0 && words > 1;
    }
}

/* What word of node n should be. */
static void *word_of(enum shape shape, unsigned n, size_t word, size_t words)
{
    if (is_link(shape, word, words, true))
        return n + 1 < NODES ? (void *)node[n + 1] : NULL;
    if (is_link(shape, word, words, false))
        return n > 0 ? (void *)node[n - 1] : NULL;
    return (void *)(uintptr_t)(n * 1000 + word);
}

static void nodes_are_as_they_were(enum shape shape, size_t words, const char *call)
{
    for (unsigned i = 0; i < NODES; i++)
        for (size_t word = 0; word < words; word++)
            expect(node[i][word] == word_of(shape, i, word, words),
                   "nodes of %zu bytes, shape %d: %s of one changed word %zu of node %u",
                   words * sizeof(void *), shape, call, word, i);
}

/* Hands node n to our free and realloc, which must do nothing. */
static void hand_in(enum shape shape, unsigned n, size_t words)
{
    errno = 1234;
    lib.free(node[n]);
    expect(errno == 1234, "free of a node of libc's changed errno to %d", errno);
    nodes_are_as_they_were(shape, words, "free");
    must_fail(lib.realloc(node[n], 100));
    nodes_are_as_they_were(shape, words, "realloc");
}

static void give_back_in_each_order(enum shape shape, size_t words)
{
    for (unsigned i = 0; i < NODES; i++)
        hand_in(shape, NODES - 1 - i, words);
    for (unsigned i = 0; i < NODES; i++)
        hand_in(shape, i, words);
    for (unsigned i = 0; i < NODES; i++)
        hand_in(shape, (i * 7 + 5) % NODES, words);
}

static void judge_nodes(int function, enum shape shape, size_t words)
{
    for (unsigned i = 0; i < NODES; i++) {
        node[i] = node_alloc(function, words * sizeof(void *));
        expect(node[i] != NULL, "libc gave no node of %zu bytes", words * sizeof(void *));
    }
    for (unsigned i = 0; i < NODES; i++)
        for (size_t word = 0; word < words; word++)
            node[i][word] = word_of(shape, i, word, words);
    give_back_in_each_order(shape, words);
}

/* Nodes of 8 to 56 bytes, from each of libc's functions; below our heap, and in the midst of it.
 * libc never gets them back, so that each list lies in memory in the order of its links. */
START_TEST(libc_nodes_are_left_alone)
{
    int function = _i % 4;
    bool amidst = _i >= 4;
    char *first = must(lib.malloc(100)), *second;

    if (amidst) {
        free(libc_above_us((size_t)65 << 20));
        libc_only_above(first);
    }
    second = must(lib.malloc(100));
    fill(first, 100, 1);
    fill(second, 100, 2);
    for (size_t words = 1; words * sizeof(void *) <= 56; words++)
        for (enum shape shape = 0; shape < SHAPES; shape++) {
            judge_nodes(function, shape, words);
            expect(!amidst || ((char *)node[0] > first && (char *)node[0] < second),
                   "the nodes don't lie between our blocks: this test proves nothing");
        }
    expect(filled(first, 100, 1) && filled(second, 100, 2), "our blocks were overwritten");
    lib.free(second);
    lib.free(first);
    heap_ok();
}
END_TEST

SUITE
{
    add(break_moved_by_others, "break");
    add_rounds(foreign_pointers_are_left_alone, "foreign inspect", 9);
    add(foreign_pointer_to_an_empty_heap, "foreign");
    add(libc_memalign_in_between, "foreign break any-size libc");
    add_rounds(libc_nodes_are_left_alone, "foreign break any-size libc", 8);
}
