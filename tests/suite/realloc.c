/* realloc.c - realloc of live blocks: contents, neighbours, failures. C17 7.22.3.5. */
#include "suite.h"

/* The sizes at which an allocator may behave differently: around its alignment, around what a
 * header takes, around a page, around 128 KiB, where stages give memory back, and beyond. */
static const size_t sizes[] = {1,      8,      15,     16,     17,     31,     32,   48,
                               63,     64,     65,     100,    500,    1000,   1023, 1024,
                               1025,   2000,   4095,   4096,   4097,   8192,   9000, 65536,
                               100000, 131071, 131072, 131073, 200000, 1000000};

/* How many of them may be asked for: they are in order. */
static int size_count(void)
{
    int count = 0;

    while (count < (int)(sizeof sizes / sizeof *sizes) && sizes[count] <= largest(sizes[count]))
        count++;
    return count;
}

/* From sizes[_i] to every size, with neighbours on both sides that must not change. */
START_TEST(realloc_matrix)
{
    size_t from = sizes[_i];

    for (int i = 0; i < size_count(); i++) {
        size_t to = sizes[i], kept = from < to ? from : to;
        char *before = must(lib.malloc(40)), *block = must(lib.malloc(from));
        char *after = must(lib.malloc(40)), *moved;

        fill(before, 40, 1);
        fill(block, from, 2);
        fill(after, 40, 3);
        moved = must(lib.realloc(block, to));
        expect(filled(moved, kept, 2), "%zu to %zu bytes: contents lost", from, to);
        fill(moved, to, 4);
        expect(filled(before, 40, 1) && filled(after, 40, 3),
               "%zu to %zu bytes: a neighbour was overwritten", from, to);
        heap_ok();
        expect(filled(moved, to, 4), "%zu to %zu bytes: not all of it is ours", from, to);
        if (i % 2) /* now and then leave a hole, now and then none */
            lib.free(before);
        lib.free(moved);
        lib.free(after);
        heap_ok();
    }
}
END_TEST

START_TEST(realloc_same_size)
{
    for (int i = 0; i < size_count(); i++) {
        char *block = must(lib.malloc(sizes[i]));

        fill(block, sizes[i], 1);
        block = must(lib.realloc(block, sizes[i]));
        expect(filled(block, sizes[i], 1), "%zu bytes: contents lost", sizes[i]);
    }
}
END_TEST

/* A string that grows byte by byte, with other allocations in between. */
START_TEST(realloc_grows_step_by_step)
{
    char *block = must(lib.malloc(1));

    fill(block, 1, 5);
    for (size_t size = 2; size <= largest(3000); size++) {
        block = must(lib.realloc(block, size));
        expect(filled(block, size - 1, 5), "contents lost on the way to %zu bytes", size);
        fill(block, size, 5);
        if (size % 7 == 0)
            memset(must(lib.malloc(24)), 0xa5, 24);
    }
    for (size_t size = largest(3000); size > 0; size /= 2) {
        block = must(lib.realloc(block, size));
        expect(filled(block, size, 5), "contents lost on the way down to %zu bytes", size);
    }
    heap_ok();
}
END_TEST

/* After two rounds there are holes of both sizes. */
START_TEST(realloc_frees_the_block_it_leaves)
{
    size_t size = 0;
    void *block;

    must(lib.malloc(16));
    for (unsigned i = 0; i < 100; i++) {
        if (i == 2)
            size = heap_size();
        block = must(lib.malloc(1000));
        lib.free(must(lib.realloc(block, 2000)));
    }
    expect(heap_size() == size, "100 blocks moved and were freed, and the heap grew by %zu bytes",
           heap_size() - size);
    heap_ok();
}
END_TEST

/* A block that moves is copied whole, and not one byte more. It is the last one before the program
 * break and moves into a hole nearer the start: to read more than it has is to read past the end. */
START_TEST(realloc_copies_no_more_than_there_is)
{
    char *hole = must(lib.malloc((size_t)16 << 20)), *block = must(lib.malloc(64)), *moved;

    fill(block, 64, 1);
    lib.free(hole);
    moved = must(lib.realloc(block, (size_t)16 << 20));
    expect(filled(moved, 64, 1), "contents lost");
    heap_ok();
}
END_TEST

/* realloc that finds no memory: the old block, its contents and the heap are as they were. */
START_TEST(realloc_without_memory)
{
    char *block = must(lib.malloc(1000)), *other = must(lib.malloc(1000));

    fill(block, 1000, 1);
    fill(other, 1000, 2);
    system_fail(SBRK, 1, 1000);
    must_fail(lib.realloc(block, 1000000));
    system_fail(SBRK, 0, 0);
    expect(filled(block, 1000, 1) && filled(other, 1000, 2), "a failed realloc wrote");
    heap_ok();
    for (unsigned i = 0; i < 10; i++)
        memset(must(lib.malloc(1000)), 0xa5, 1000);
    expect(filled(block, 1000, 1), "a failed realloc gave the old block away");
    block = must(lib.realloc(block, 1000000));
    expect(filled(block, 1000, 1), "contents lost");
}
END_TEST

/* ---- in place ------------------------------------------------------------------------------- */

static size_t sized; /* heap_size() at the start of what must not grow */

static size_t grown(void)
{
    return heap_size() > sized ? heap_size() - sized : 0;
}

START_TEST(realloc_shrinks_where_it_is)
{
    for (size_t from = 2000; from <= 300000; from *= 3) {
        char *block = must(lib.malloc(from));

        fill(block, from, 1);
        for (size_t size = from; size > 0; size /= 3) {
            expect(lib.realloc(block, size) == block, "%zu bytes: the block moved", size);
            expect(filled(block, size, 1), "%zu bytes: contents lost", size);
            heap_ok();
        }
    }
}
END_TEST

START_TEST(realloc_leaves_what_it_does_not_need)
{
    char *block = must(lib.malloc(8000));

    fill(block, 100, 1);
    must(lib.malloc(16));
    sized = heap_size();
    must(lib.realloc(block, 100));
    fill(must(lib.malloc(4000)), 4000, 2);
    fill(must(lib.malloc(3000)), 3000, 3);
    expect(grown() == 0, "8000 bytes shrank to 100, and the rest can't be had");
    expect(filled(block, 100, 1), "contents lost");
    heap_ok();
}
END_TEST

/* What a shrinking block leaves and the free neighbour behind it are one piece. */
START_TEST(realloc_that_shrinks_merges)
{
    char *block = must(lib.malloc(2000)), *neighbour = must(lib.malloc(2000));

    must(lib.malloc(16));
    fill(block, 100, 1);
    lib.free(neighbour);
    sized = heap_size();
    must(lib.realloc(block, 100));
    heap_ok();
    fill(must(lib.malloc(3500)), 3500, 2);
    expect(grown() == 0, "1900 and 2000 bytes side by side are free, and 3500 don't fit");
    expect(filled(block, 100, 1), "contents lost");
    heap_ok();
}
END_TEST

/* A block that shrinks at the top leaves a large top, which goes back. */
START_TEST(realloc_that_shrinks_the_top_trims)
{
    char *block;

    must(lib.malloc(16));
    sized = heap_size();
    block = must(lib.malloc((size_t)4 << 20));
    fill(block, 100, 1);
    must(lib.realloc(block, 100));
    expect(grown() < 256 * 1024, "4 MiB shrank to 100 bytes, and %zu bytes stayed", grown());
    expect(filled(block, 100, 1), "contents lost");
    heap_ok();
}
END_TEST

START_TEST(realloc_grows_into_a_free_neighbour)
{
    char *block = must(lib.malloc(512)), *neighbour = must(lib.malloc(2048));

    must(lib.malloc(16));
    fill(block, 512, 1);
    lib.free(neighbour);
    sized = heap_size();
    expect(lib.realloc(block, 1024) == block, "it moved, with free memory behind it");
    expect(filled(block, 512, 1), "contents lost");
    heap_ok();
    fill(must(lib.malloc(1200)), 1200, 2);
    expect(grown() == 0, "the rest of the neighbour is lost");
    heap_ok();
}
END_TEST

/* A used neighbour stays what it is. */
START_TEST(realloc_does_not_grow_into_a_used_neighbour)
{
    char *block = must(lib.malloc(512)), *neighbour = must(lib.malloc(2048));

    must(lib.malloc(16));
    fill(block, 512, 1);
    fill(neighbour, 2048, 2);
    block = must(lib.realloc(block, 1024));
    expect(filled(block, 512, 1), "contents lost");
    fill(block, 1024, 3);
    expect(filled(neighbour, 2048, 2), "the neighbour was overwritten");
    heap_ok();
}
END_TEST

START_TEST(realloc_leaves_a_neighbour_that_is_too_small)
{
    char *block = must(lib.malloc(512)), *neighbour = must(lib.malloc(512)), *moved;

    must(lib.malloc(16));
    fill(block, 512, 1);
    lib.free(neighbour);
    moved = must(lib.realloc(block, 5000));
    expect(moved != block, "5000 bytes, where there are only 512 and 512");
    expect(filled(moved, 512, 1), "contents lost");
    sized = heap_size();
    fill(must(lib.malloc(1000)), 1000, 2);
    expect(grown() == 0, "the block and its neighbour are free, and 1000 bytes don't fit");
    heap_ok();
}
END_TEST

/* The last block: nothing is copied, and the heap grows by the difference. */
START_TEST(realloc_grows_at_the_top)
{
    char *block;

    must(lib.malloc(16));
    block = must(lib.malloc(10000));
    fill(block, 10000, 1);
    sized = heap_size();
    expect(lib.realloc(block, 30000) == block, "it moved, with nothing above it");
    expect(grown() <= 20000 + 4096, "10000 to 30000 bytes, and the heap grew by %zu", grown());
    expect(filled(block, 10000, 1), "contents lost");
    fill(block, 30000, 2);
    heap_ok();
}
END_TEST

/* From both: a free neighbour, and the break above it. */
START_TEST(realloc_grows_over_a_free_top)
{
    char *block, *neighbour;

    must(lib.malloc(16));
    block = must(lib.malloc(10000));
    neighbour = must(lib.malloc(10000));
    fill(block, 10000, 1);
    sized = heap_size();
    lib.free(neighbour);
    expect(lib.realloc(block, 30000) == block, "it moved, with nothing above it but free memory");
    expect(grown() <= 10000 + 4096, "10000 bytes were missing, and the heap grew by %zu", grown());
    expect(filled(block, 10000, 1), "contents lost");
    fill(block, 30000, 2);
    heap_ok();
}
END_TEST

START_TEST(realloc_does_not_grow_under_others)
{
    char *block, *foreign;

    must(lib.malloc(16));
    block = must(lib.malloc(1000));
    fill(block, 1000, 1);
    foreign = sbrk(200);
    ck_assert(foreign != (void *)-1);
    memset(foreign, 0x77, 200);
    block = must(lib.realloc(block, 1150));
    expect(filled(block, 1000, 1), "contents lost");
    fill(block, 1150, 2);
    block = must(lib.realloc(block, 5000));
    fill(block, 5000, 2);
    for (unsigned i = 0; i < 200; i++)
        expect(foreign[i] == 0x77, "realloc grew over memory that isn't ours");
    heap_ok();
}
END_TEST

/* The break can't move up, but a hole has room: realloc succeeds, and errno says nothing else. */
START_TEST(realloc_at_the_top_keeps_errno)
{
    char *hole = must(lib.malloc(20000)), *block;

    must(lib.malloc(16));
    block = must(lib.malloc(1000));
    fill(block, 1000, 1);
    lib.free(hole);
    system_fail(SBRK, 1, 1000);
    errno = 1234;
    block = must(lib.realloc(block, 15000));
    expect(errno == 1234, "realloc succeeded, and changed errno to %d", errno);
    system_fail(SBRK, 0, 0);
    expect(filled(block, 1000, 1), "contents lost");
    heap_ok();
}
END_TEST

/* Block, free neighbour, and nothing above, when the kth call of sbrk fails: either it is all done,
 * or nothing has changed. */
START_TEST(realloc_that_fails_changes_nothing)
{
    char before[4096], *block, *neighbour;

    must(lib.malloc(16));
    block = must(lib.malloc(10000));
    neighbour = must(lib.malloc(5000));
    fill(block, 10000, 1);
    lib.free(neighbour);
    strcpy(before, heap_row());
    system_fail(SBRK, (unsigned)_i + 1, 1000);
    errno = 1234;
    neighbour = lib.realloc(block, 30000);
    system_fail(SBRK, 0, 0);
    heap_ok();
    expect(neighbour || errno == ENOMEM, "NULL, and errno is %d", errno);
    expect(!neighbour || errno == 1234, "it succeeded, and changed errno to %d", errno);
    expect(neighbour || strcmp(heap_row(), before) == 0,
           "realloc failed, and changed the heap from: %s\n           to: %s", before, heap_row());
    block = neighbour ? neighbour : block;
    expect(filled(block, 10000, 1), "contents lost");
}
END_TEST

/* The neighbour in the list is not the neighbour in memory: somebody else's bytes lie between. */
START_TEST(realloc_does_not_grow_across_a_hole)
{
    char *block = must(lib.malloc(64)), *foreign, *next;

    foreign = sbrk(64);
    ck_assert(foreign != (void *)-1);
    memset(foreign, 0x77, 64);
    next = must(lib.malloc(4096));
    must(lib.malloc(16));
    lib.free(next);
    fill(block, 64, 1);
    block = must(lib.realloc(block, 256));
    fill(block, 256, 2);
    for (unsigned i = 0; i < 64; i++)
        expect(foreign[i] == 0x77, "realloc grew over memory that isn't ours");
    heap_ok();
}
END_TEST

SUITE
{
    add(realloc_same_size, "realloc");
    add(realloc_frees_the_block_it_leaves, "realloc reuse any-size measured");
    add(realloc_copies_no_more_than_there_is, "realloc any-size");
    add(realloc_without_memory, "realloc nomem any-size sbrk");
    add(realloc_shrinks_where_it_is, "realloc-in-place any-size");
    add(realloc_leaves_what_it_does_not_need, "realloc-in-place any-size measured");
    add(realloc_that_shrinks_merges, "realloc-in-place merge any-size measured");
    add(realloc_that_shrinks_the_top_trims, "realloc-in-place trim any-size measured");
    add(realloc_grows_into_a_free_neighbour, "realloc-in-place any-size measured");
    add(realloc_does_not_grow_into_a_used_neighbour, "realloc-in-place any-size");
    add(realloc_leaves_a_neighbour_that_is_too_small, "realloc-in-place merge any-size measured");
    add(realloc_grows_at_the_top, "realloc-in-place any-size measured");
    add(realloc_grows_over_a_free_top, "realloc-in-place any-size measured");
    add(realloc_does_not_grow_under_others, "realloc-in-place break any-size");
    add(realloc_does_not_grow_across_a_hole, "realloc-in-place break any-size");
    add(realloc_at_the_top_keeps_errno, "realloc-in-place enomem any-size sbrk");
    add_rounds(realloc_that_fails_changes_nothing, "realloc-in-place enomem inspect any-size sbrk",
               6);
    add_last(realloc_grows_step_by_step, "realloc", 1);
    add_last(realloc_matrix, "realloc", size_count());
}
