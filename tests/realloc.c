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

START_TEST(realloc_frees_the_block_it_leaves)
{
    void *block = must(lib.malloc(64));

    must(lib.malloc(16));
    expect(must(lib.realloc(block, 512)) != block, "512 bytes, where there are only 64");
    heap_is("free 64, used 16, used 512");
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
    sbrk_fail(1, 1000);
    must_fail(lib.realloc(block, 100000));
    sbrk_fail(0, 0);
    expect(filled(block, 1000, 1) && filled(other, 1000, 2), "a failed realloc wrote");
    heap_ok();
    for (unsigned i = 0; i < 10; i++)
        memset(must(lib.malloc(1000)), 0xa5, 1000);
    expect(filled(block, 1000, 1), "a failed realloc gave the old block away");
    block = must(lib.realloc(block, 100000));
    expect(filled(block, 1000, 1), "contents lost");
}
END_TEST

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

START_TEST(realloc_grows_into_a_free_neighbour)
{
    char *block = must(lib.malloc(512)), *neighbour = must(lib.malloc(2048));

    must(lib.malloc(16));
    fill(block, 512, 1);
    lib.free(neighbour);
    expect(lib.realloc(block, 1024) == block, "it moved, with free memory behind it");
    expect(filled(block, 512, 1), "contents lost");
    heap_ok();
    expect(lib.malloc(512) != NULL, "the rest of the neighbour is lost");
}
END_TEST

START_TEST(realloc_shrinks_and_leaves_the_rest_free)
{
    size_t header = lib.inspect->layout->header;
    void *block = must(lib.malloc(512));

    must(lib.malloc(16));
    must(lib.realloc(block, 256));
    heap_is("used 256, free %zu, used 16", 512 - 256 - header);
    must(lib.realloc(block, 64));
    heap_is("used 64, free %zu, used 16", 512 - 64 - header);
}
END_TEST

START_TEST(realloc_takes_what_it_needs_of_a_neighbour)
{
    size_t header = lib.inspect->layout->header;
    void *block = must(lib.malloc(64)), *neighbour = must(lib.malloc(512));

    must(lib.malloc(16));
    lib.free(neighbour);
    expect(lib.realloc(block, 128) == block, "it moved, with free memory behind it");
    heap_is("used 128, free %zu, used 16", (size_t)512 - 64);
    /* All of it: what is over can't hold a header. */
    expect(lib.realloc(block, 64 + header + 512) == block, "it moved, with free memory behind it");
    heap_is("used %zu, used 16", 64 + header + 512);
}
END_TEST

START_TEST(realloc_leaves_a_neighbour_that_is_too_small)
{
    size_t header = lib.inspect->layout->header;
    void *block = must(lib.malloc(64)), *neighbour = must(lib.malloc(64));

    must(lib.malloc(16));
    lib.free(neighbour);
    expect(must(lib.realloc(block, 512)) != block, "512 bytes, where there are only 64");
    heap_is("free %zu, used 16, used 512", 64 + header + 64);
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

void realloc_tests(void)
{
    add_loop(realloc_matrix, "realloc", size_count());
    add(realloc_same_size, "realloc");
    add(realloc_grows_step_by_step, "realloc");
    add(realloc_frees_the_block_it_leaves, "realloc inspect");
    add(realloc_copies_no_more_than_there_is, "realloc any-size");
    add(realloc_without_memory, "realloc nomem any-size sbrk");
    add(realloc_shrinks_where_it_is, "realloc-in-place any-size");
    add(realloc_grows_into_a_free_neighbour, "realloc-in-place any-size inspect");
    add(realloc_shrinks_and_leaves_the_rest_free, "realloc-in-place inspect");
    add(realloc_takes_what_it_needs_of_a_neighbour, "realloc-in-place inspect");
    add(realloc_leaves_a_neighbour_that_is_too_small, "realloc-in-place inspect");
    add(realloc_does_not_grow_across_a_hole, "realloc break any-size");
}
