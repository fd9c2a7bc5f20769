/*
 * heap.c - what becomes of freed memory: reuse, split, merge, trim, and the top that grows.
 *
 * Judged by what a program can see: where blocks lie, what they hold, and how much the heap grows.
 * How chunks are laid out is for ring.c. Most heaps here end in a small used block, a stopper, so
 * that nothing merges with the top or is trimmed by the way.
 */
#include "suite.h"

static size_t sized; /* heap_size() at the start of what must not grow */

static void stopper(void)
{
    must(lib.malloc(16));
}

/* By how many bytes the heap has grown since. */
static size_t grown(void)
{
    return heap_size() > sized ? heap_size() - sized : 0;
}

#define no_growth(what) expect(grown() == 0, "%s, and the heap grew by %zu bytes", what, grown())

/* ---- reuse ---------------------------------------------------------------------------------- */

START_TEST(reuse_of_the_same_size)
{
    void *block = must(lib.malloc(500));

    stopper();
    lib.free(block);
    sized = heap_size();
    for (unsigned i = 0; i < 1000; i++)
        lib.free(must(lib.malloc(500)));
    no_growth("500 bytes were free");
}
END_TEST

/* Freed in another order, and asked for again with the largest first: each finds room, but for what
 * rounding may waste. */
START_TEST(reuse_of_many_sizes)
{
    enum { COUNT = 200 };
    static void *block[COUNT];

    for (unsigned i = 0; i < COUNT; i++) {
        block[i] = must(lib.malloc(COUNT * 5 - i * 5));
        fill(block[i], COUNT * 5 - i * 5, i);
    }
    stopper();
    for (unsigned i = 0; i < COUNT; i++)
        lib.free(block[i * 77 % COUNT]);
    sized = heap_size();
    for (unsigned i = 0; i < COUNT; i++)
        fill(block[i] = must(lib.malloc(COUNT * 5 - i * 5)), COUNT * 5 - i * 5, i);
    expect(grown() < 4096, "blocks of these sizes were free, and the heap grew by %zu bytes",
           grown());
    for (unsigned i = 0; i < COUNT; i++)
        expect(filled(block[i], COUNT * 5 - i * 5, i), "block %u was overwritten", i);
    heap_ok();
}
END_TEST

START_TEST(reuse_never_gives_too_little)
{
    char *hole = must(lib.malloc(48)), *neighbour = must(lib.malloc(48)), *block;

    fill(neighbour, 48, 1);
    lib.free(hole);
    block = must(lib.malloc(49));
    memset(block, 0xa5, 49);
    expect(filled(neighbour, 48, 1), "a chunk of 48 bytes was given for 49");
    heap_ok();
}
END_TEST

/* Of three holes that fit, freed in another order than they lie, the lowest; and not the best. */
START_TEST(first_fit_takes_the_nearest)
{
    char *small = must(lib.malloc(200)), *fits, *fits_too, *exact;

    stopper();
    fits = must(lib.malloc(1000));
    stopper();
    fits_too = must(lib.malloc(1000));
    stopper();
    exact = must(lib.malloc(600));
    stopper();
    lib.free(fits_too);
    lib.free(small);
    lib.free(exact);
    lib.free(fits);
    expect(lib.malloc(600) == fits, "not the free chunk nearest to the start that is large enough");
    expect(lib.malloc(1000) == fits_too, "the second one: not the nearest that is large enough");
    expect(lib.malloc(600) == exact, "the third one: not the nearest that is large enough");
    expect(lib.malloc(200) == small, "the fourth one: not the nearest that is large enough");
}
END_TEST

/* ---- split ---------------------------------------------------------------------------------- */

START_TEST(split_leaves_the_rest_free)
{
    void *piece[20], *block = must(lib.malloc(8192));

    stopper();
    lib.free(block);
    sized = heap_size();
    for (unsigned i = 0; i < 20; i++) {
        piece[i] = must(lib.malloc(i * 10));
        fill(piece[i], i * 10, i);
        heap_ok();
    }
    no_growth("20 small blocks should find room in 8 KiB");
    for (unsigned i = 0; i < 20; i++)
        expect(filled(piece[i], i * 10, i), "piece %u was overwritten", i);
}
END_TEST

/* Whatever is over, nobody's bytes lie in another's. */
START_TEST(split_each_rest)
{
    size_t rest = (size_t)_i * 8;
    char *hole = must(lib.malloc(64 + rest)), *behind = must(lib.malloc(64)), *block, *more;

    fill(behind, 64, 1);
    lib.free(hole);
    block = must(lib.malloc(64));
    fill(block, 64, 2);
    heap_ok();
    more = must(lib.malloc(rest));
    fill(more, rest, 3);
    expect(filled(behind, 64, 1), "the block behind was overwritten");
    expect(filled(block, 64, 2), "the first half was overwritten");
    lib.free(block);
    heap_ok();
    lib.free(more);
    expect(filled(behind, 64, 1), "the block behind was overwritten");
    heap_ok();
}
END_TEST

/* The chunk behind the rest must know it, or the next free or append goes wrong. */
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
    void *block = must(lib.malloc(1024));

    sized = heap_size();
    lib.free(block);
    fill(must(lib.malloc(64)), 64, 1);
    fill(must(lib.malloc(512)), 512, 2);
    no_growth("64 and 512 bytes should find room in 1024");
    heap_ok();
}
END_TEST

/* ---- merge ---------------------------------------------------------------------------------- */

/* Four blocks of 1000 bytes side by side, of which `order` says which go first, and in what order;
 * then there must be room for as many bytes in one piece. */
static void merge(const char *order)
{
    char *four[4];
    size_t size = 1000 * strlen(order);

    for (unsigned i = 0; i < 4; i++)
        fill(four[i] = must(lib.malloc(1000)), 1000, i);
    stopper();
    sized = heap_size();
    for (const char *which = order; *which; which++) {
        lib.free(four[*which - '0']);
        heap_ok();
    }
    fill(must(lib.malloc(size)), size, 9);
    expect(grown() == 0, "%zu bytes side by side were freed, in the order %s, and the heap grew",
           size, order);
    for (unsigned i = 0; i < 4; i++)
        expect(strchr(order, (int)('0' + i)) || filled(four[i], 1000, i), "block %u changed", i);
    heap_ok();
}

START_TEST(merge_with_the_next)
{
    merge("21");
}
END_TEST

START_TEST(merge_with_the_one_before)
{
    merge("12");
}
END_TEST

START_TEST(merge_with_both)
{
    merge("021");
}
END_TEST

START_TEST(merge_in_every_order)
{
    unsigned order = (unsigned)_i; /* 4! of them */
    char left[] = "0123", text[5] = "";

    for (unsigned count = 4; count > 0; order /= count--) {
        unsigned pick = order % count;

        text[4 - count] = left[pick];
        left[pick] = left[count - 1];
    }
    merge(text);
}
END_TEST

/* What a split leaves is a chunk as any other. */
START_TEST(merge_heals_what_split_cut)
{
    enum { PIECES = 20 };
    void *piece[PIECES], *block = must(lib.malloc(PIECES * 300));

    stopper();
    lib.free(block);
    sized = heap_size();
    for (unsigned i = 0; i < PIECES; i++)
        piece[i] = must(lib.malloc(100));
    for (unsigned i = 0; i < PIECES; i++)
        lib.free(piece[i * 7 % PIECES]);
    fill(must(lib.malloc(PIECES * 300)), PIECES * 300, 1);
    no_growth("all that was cut off was freed again");
    heap_ok();
}
END_TEST

START_TEST(merge_not_across_a_hole)
{
    char *before = must(lib.malloc(64)), *foreign = sbrk(256), *behind;

    ck_assert(foreign != (void *)-1);
    memset(foreign, 0x77, 256);
    behind = must(lib.malloc(64));
    stopper();
    lib.free(before);
    lib.free(behind);
    for (size_t size = 512; size >= 64; size -= 16)
        memset(must(lib.malloc(size)), 0xa5, size);
    for (unsigned i = 0; i < 256; i++)
        expect(foreign[i] == 0x77, "memory that isn't ours was handed out");
    heap_ok();
}
END_TEST

/* ---- trim ----------------------------------------------------------------------------------- */

/* A large free chunk goes back. Less than this may be kept: it is soon asked for again. */
enum { KEPT = 256 * 1024, MIB = 1 << 20 };

START_TEST(trim_gives_a_large_top_back)
{
    char *block;

    stopper();
    sized = heap_size();
    block = must(lib.malloc(4 * MIB));
    expect(grown() >= 4 * MIB, "4 MiB, and the heap grew by %zu bytes only", grown());
    lib.free(block);
    expect(grown() < KEPT, "4 MiB at the top were freed, and %zu bytes stayed", grown());
    heap_ok();
    fill(must(lib.malloc(4 * MIB)), 4 * MIB, 1);
    heap_ok();
}
END_TEST

START_TEST(trim_of_the_only_chunk)
{
    sized = heap_size();
    lib.free(must(lib.malloc(4 * MIB)));
    expect(grown() < KEPT, "all was freed, and %zu bytes stayed", grown());
    heap_ok();
    fill(must(lib.malloc(4 * MIB)), 4 * MIB, 1);
    heap_ok();
}
END_TEST

START_TEST(trim_after_many_small)
{
    static void *block[4000];

    stopper();
    sized = heap_size();
    for (unsigned i = 0; i < 4000; i++)
        block[i] = must(lib.malloc(1000));
    for (unsigned i = 0; i < 4000; i++)
        lib.free(block[i]);
    expect(grown() < KEPT, "4 MB in small blocks were freed, and %zu bytes stayed", grown());
    heap_ok();
}
END_TEST

START_TEST(trim_not_when_others_are_above)
{
    char *block = must(lib.malloc(MIB)), *foreign = sbrk(4096);

    ck_assert(foreign != (void *)-1);
    memset(foreign, 0x77, 4096);
    lib.free(block);
    expect((char *)program_break() >= foreign + 4096, "somebody else's memory was given back");
    for (unsigned i = 0; i < 4096; i++)
        expect(foreign[i] == 0x77, "memory that isn't ours was written to");
    heap_ok();
    must(lib.malloc(2 * MIB));
    heap_ok();
}
END_TEST

START_TEST(trim_that_fails_changes_nothing)
{
    char *block = must(lib.malloc(MIB));

    system_fail(SBRK, 1, 100);
    lib.free(block);
    system_fail(SBRK, 0, 0);
    heap_ok();
    sized = heap_size();
    fill(must(lib.malloc(MIB)), MIB, 1);
    expect(grown() == 0, "1 MiB could not be given back, and then is not used");
    heap_ok();
}
END_TEST

/* The page in which the heap ends stays mapped, and with it the last header that stood there. Who
 * moves the break up next finds it in his memory: that must not make it ours. */
START_TEST(trim_forgets_the_old_header)
{
    char *first = must(lib.malloc((size_t)100 + 16 * (unsigned)_i)), *stale, *theirs, *ours;

    stale = must(lib.malloc(MIB));
    lib.free(stale); /* trimmed */
    theirs = sbrk(MIB);
    ck_assert(theirs != (void *)-1);
    ours = must(lib.malloc(100));
    fill(first, 100, 1);
    fill(ours, 100, 2);
    expect(stale < theirs || stale >= theirs + MIB || !lib.realloc(stale, 10),
           "realloc took memory of somebody else for a block of ours");
    lib.free(stale);
    heap_ok();
    fill(theirs, MIB, 3);
    for (size_t size = 16; size < MIB / 2; size *= 2)
        memset(must(lib.malloc(size)), 0xa5, size);
    expect(filled(theirs, MIB, 3), "memory that isn't ours was handed out");
    expect(filled(first, 100, 1) && filled(ours, 100, 2), "a block was overwritten");
    heap_ok();
}
END_TEST

/* ---- the top -------------------------------------------------------------------------------- */

/* A page, for who moves the break by whole pages, and a header. */
enum { LITTLE = 4096 + 64 };

START_TEST(top_grows_by_what_is_missing)
{
    char *block;

    stopper();
    block = must(lib.malloc(100000));
    sized = heap_size();
    lib.free(block);
    block = must(lib.malloc(100016));
    expect(grown() <= LITTLE, "100000 bytes are free at the top, 100016 asked: it grew by %zu",
           grown());
    fill(block, 100016, 1);
    heap_ok();
    lib.free(block);
    heap_ok();
}
END_TEST

START_TEST(top_of_an_empty_heap_grows)
{
    void *block = must(lib.malloc(5000));

    sized = heap_size();
    lib.free(block);
    fill(must(lib.malloc(6000)), 6000, 1);
    expect(grown() <= 1000 + LITTLE, "5000 bytes are free, 6000 asked: it grew by %zu", grown());
    heap_ok();
}
END_TEST

START_TEST(top_does_not_grow_under_others)
{
    char *top, *foreign;

    stopper();
    top = must(lib.malloc(10000));
    foreign = sbrk(200);
    ck_assert(foreign != (void *)-1);
    memset(foreign, 0x77, 200);
    lib.free(top);
    memset(must(lib.malloc(10100)), 0xa5, 10100);
    memset(must(lib.malloc(10000)), 0xa5, 10000);
    for (unsigned i = 0; i < 200; i++)
        expect(foreign[i] == 0x77, "the top grew over memory that isn't ours");
    heap_ok();
}
END_TEST

START_TEST(top_that_can_not_grow_stays_free)
{
    char *live = must(lib.malloc(100)), *top = must(lib.malloc(10000));
    size_t size = heap_size();

    fill(live, 100, 1);
    lib.free(top);
    sized = heap_size();
    system_fail(SBRK, 1, 1000);
    must_fail(lib.malloc(20000));
    heap_ok();
    if (sized == size) { /* it wasn't given back */
        errno = 1234;
        fill(must(lib.malloc(10000)), 10000, 2);
        expect(errno == 1234, "a malloc that succeeded changed errno to %d", errno);
    }
    no_growth("sbrk failed");
    expect(filled(live, 100, 1), "a block was overwritten");
    heap_ok();
}
END_TEST

SUITE
{
    add(reuse_of_the_same_size, "reuse measured");
    add(reuse_of_many_sizes, "reuse measured");
    add(reuse_never_gives_too_little, "reuse malloc");
    add(first_fit_takes_the_nearest, "first-fit");
    add(split_leaves_the_rest_free, "split measured");
    add_rounds(split_each_rest, "split", 24);
    add(split_links_both_ways, "split inspect");
    add(split_of_the_last_chunk, "split measured");
    add(merge_with_the_next, "merge measured");
    add(merge_with_the_one_before, "merge measured");
    add(merge_with_both, "merge measured");
    add_rounds(merge_in_every_order, "merge measured", 24);
    add(merge_heals_what_split_cut, "merge split measured");
    add(merge_not_across_a_hole, "merge break");
    add(trim_gives_a_large_top_back, "trim measured");
    add(trim_of_the_only_chunk, "trim measured");
    add(trim_after_many_small, "trim measured");
    add(trim_not_when_others_are_above, "trim break");
    add(trim_that_fails_changes_nothing, "trim sbrk");
    add_rounds(trim_forgets_the_old_header, "trim foreign break", 4);
    add(top_grows_by_what_is_missing, "grow-top measured");
    add(top_of_an_empty_heap_grows, "grow-top measured");
    add(top_does_not_grow_under_others, "grow-top break");
    add(top_that_can_not_grow_stays_free, "grow-top sbrk");
}
