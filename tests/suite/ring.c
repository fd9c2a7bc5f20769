/*
 * ring.c - what list-layout promises: the heap is a ring of headers, chunks in address order, each
 * payload rounded up to 16 bytes. Here heaps are rows of chunks, by payload size: "used 32, free 64".
 *
 * The last chunk of most rows is a used one, a stopper, so that nothing merges with the top or is
 * trimmed by the way.
 */
#include "suite.h"

/* The header as the stages have it. */
struct chunk {
    _Alignas(16) struct chunk *next;
    struct chunk *prev;
    size_t size;
    unsigned char free; /* a bool; but here it may hold anything */
    uintptr_t mark;
};

static struct chunk *chunk_of(void *payload)
{
    return (struct chunk *)payload - 1;
}

/* ---- rows ----------------------------------------------------------------------------------- */

START_TEST(row_of_each_size)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 32, 100, 1000};

    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
        must(lib.malloc(sizes[i]));
    heap_is("used 16, used 16, used 16, used 16, used 32, used 32, used 112, used 1008");
    expect(header_size() == sizeof(struct chunk), "the header has %zu bytes, not %zu",
           header_size(), sizeof(struct chunk));
}
END_TEST

START_TEST(row_after_free)
{
    void *block = must(lib.malloc(64));

    must(lib.malloc(16));
    lib.free(block);
    heap_is("free 64, used 16");
}
END_TEST

START_TEST(row_after_double_free)
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

START_TEST(row_after_reuse)
{
    void *block = must(lib.malloc(64));

    must(lib.malloc(16));
    lib.free(block);
    expect(lib.malloc(64) == block, "the free chunk of 64 bytes was not used");
    heap_is("used 64, used 16");
}
END_TEST

START_TEST(row_of_first_fit)
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

START_TEST(row_after_split)
{
    void *block = must(lib.malloc(512));

    must(lib.malloc(16));
    lib.free(block);
    expect(lib.malloc(100) == block, "the free chunk of 512 bytes was not used");
    heap_is("used 112, free %zu, used 16", 512 - 112 - header_size());
    must(lib.malloc(32));
    heap_is("used 112, used 32, free %zu, used 16", 512 - 112 - 32 - 2 * header_size());
}
END_TEST

/* The least rest that is worth a chunk: a header and 16 bytes. */
START_TEST(row_of_each_rest)
{
    size_t rest = (size_t)_i * 16;
    void *block = must(lib.malloc(64 + rest));

    must(lib.malloc(16));
    lib.free(block);
    expect(lib.malloc(64) == block, "the free chunk was not used");
    if (rest < header_size() + 16)
        heap_is("used %zu, used 16", 64 + rest);
    else
        heap_is("used 64, free %zu, used 16", rest - header_size());
}
END_TEST

static void *four[4];

static void make_four(void)
{
    for (unsigned i = 0; i < 4; i++)
        four[i] = must(lib.malloc(64));
    must(lib.malloc(16));
    heap_is("used 64, used 64, used 64, used 64, used 16");
}

START_TEST(row_after_merge)
{
    make_four();
    lib.free(four[1]);
    lib.free(four[0]);
    heap_is("free %zu, used 64, used 64, used 16", 128 + header_size());
    lib.free(four[2]);
    heap_is("free %zu, used 64, used 16", 192 + 2 * header_size());
    lib.free(four[3]);
    heap_is("free %zu, used 16", 256 + 3 * header_size());
}
END_TEST

START_TEST(row_after_merge_with_both)
{
    make_four();
    lib.free(four[0]);
    lib.free(four[2]);
    lib.free(four[1]);
    heap_is("free %zu, used 64, used 16", 192 + 2 * header_size());
}
END_TEST

/* The neighbour in the list is not the neighbour in memory. */
START_TEST(row_across_a_hole)
{
    char *before = must(lib.malloc(64)), *behind;

    ck_assert(sbrk(256) != (void *)-1);
    behind = must(lib.malloc(64));
    must(lib.malloc(16));
    lib.free(before);
    lib.free(behind);
    heap_is("free 64, free 64, used 16");
}
END_TEST

/* A header that was merged away is payload now; its old pointer must mean nothing any more. */
START_TEST(row_after_a_stale_pointer)
{
    make_four();
    lib.free(four[1]);
    lib.free(four[0]);
    lib.free(four[1]); /* a double free, by a stale pointer */
    heap_is("free %zu, used 64, used 64, used 16", 128 + header_size());
    must_fail(lib.realloc(four[1], 32));
    heap_is("free %zu, used 64, used 64, used 16", 128 + header_size());
}
END_TEST

START_TEST(row_after_trim)
{
    void *start, *block;

    must(lib.malloc(16));
    start = program_break();
    block = must(lib.malloc(1 << 20));
    lib.free(block);
    expect(program_break() == start, "1 MiB at the top was freed, and the break stayed");
    heap_is("used 16");
}
END_TEST

START_TEST(row_after_a_trim_that_fails)
{
    char *block = must(lib.malloc(1 << 20));

    system_fail(SBRK, 1, 100);
    lib.free(block);
    system_fail(SBRK, 0, 0);
    heap_is("free %d", 1 << 20);
    expect(lib.malloc(1 << 20) == block, "the free chunk of 1 MiB was not used");
    fill(block, 1 << 20, 1);
}
END_TEST

START_TEST(row_of_a_small_top)
{
    void *block, *end;

    must(lib.malloc(16));
    block = must(lib.malloc(1000));
    end = program_break();
    lib.free(block);
    expect(program_break() == end, "1000 bytes were given back: a system call for nothing");
    heap_is("used 16, free 1008");
}
END_TEST

START_TEST(row_after_realloc_moved)
{
    void *block = must(lib.malloc(64));

    must(lib.malloc(16));
    expect(must(lib.realloc(block, 512)) != block, "512 bytes, where there are only 64");
    heap_is("free 64, used 16, used 512");
}
END_TEST

START_TEST(row_after_realloc_shrank)
{
    void *block = must(lib.malloc(512));

    must(lib.malloc(16));
    must(lib.realloc(block, 256));
    heap_is("used 256, free %zu, used 16", 512 - 256 - header_size());
    must(lib.realloc(block, 64));
    heap_is("used 64, free %zu, used 16", 512 - 64 - header_size());
}
END_TEST

START_TEST(row_after_realloc_grew)
{
    void *block = must(lib.malloc(64)), *neighbour = must(lib.malloc(512));

    must(lib.malloc(16));
    lib.free(neighbour);
    expect(lib.realloc(block, 128) == block, "it moved, with free memory behind it");
    heap_is("used 128, free %zu, used 16", (size_t)512 - 64);
    /* All of it: what is over can't hold a header. */
    expect(lib.realloc(block, 64 + header_size() + 512) == block,
           "it moved, with free memory behind it");
    heap_is("used %zu, used 16", 64 + header_size() + 512);
}
END_TEST

START_TEST(row_after_a_neighbour_too_small)
{
    void *block = must(lib.malloc(64)), *neighbour = must(lib.malloc(64));

    must(lib.malloc(16));
    lib.free(neighbour);
    expect(must(lib.realloc(block, 512)) != block, "512 bytes, where there are only 64");
    heap_is("free %zu, used 16, used 512", 64 + header_size() + 64);
}
END_TEST

START_TEST(row_of_a_top_that_grows)
{
    void *block;

    must(lib.malloc(16));
    block = must(lib.malloc(512));
    lib.free(block);
    expect(lib.malloc(1024) == block, "the free top didn't grow");
    heap_is("used 16, used 1024");
    expect(lib.realloc(block, 2048) == block, "the last chunk didn't grow where it is");
    heap_is("used 16, used 2048");
}
END_TEST

/* ---- damaged fields ------------------------------------------------------------------------- */

/* Every kind of damage to the header of the middle one of three chunks: which invariant must the
 * check name first? The first and the last chunk tell whose the fault is. */
enum field { NEXT, PREV, SIZE, FREE, MARK };

static void put(struct chunk *chunk, enum field field, uintptr_t value)
{
    switch (field) {
    case NEXT:
        chunk->next = (struct chunk *)value;
        break;
    case PREV:
        chunk->prev = (struct chunk *)value;
        break;
    case SIZE:
        chunk->size = value;
        break;
    case FREE:
        chunk->free = (unsigned char)value;
        break;
    case MARK:
        chunk->mark = value;
    }
}

struct damage {
    const char *what;
    enum field field;
    uintptr_t value;
    int invariant;       /* what the check must name first */
    struct chunk *where; /* and where */
};

static void judge_damage(struct chunk *chunk, const struct damage *damage)
{
    struct chunk sound = *chunk;
    struct heap_fault fault = {0};
    unsigned broken;

    heap_ok();
    put(chunk, damage->field, damage->value);
    broken = heap_check(&fault).broken;
    expect(broken > 0, "%s: the check found nothing", damage->what);
    expect(fault.invariant == damage->invariant, "%s: the check should name invariant %d: %s",
           damage->what, damage->invariant, heap_faults());
    expect(fault.where == damage->where, "%s: the check points to another chunk: %s", damage->what,
           heap_faults());
    *chunk = sound;
}

START_TEST(damage_is_found_and_named)
{
    struct chunk *first = chunk_of(must(lib.malloc(64))), *middle = chunk_of(must(lib.malloc(64))),
                 *last = chunk_of(must(lib.malloc(64))), *base = last->next;
    const struct damage damages[] = {
        {"next is NULL", NEXT, 0, 1, middle},
        {"next leads to itself", NEXT, (uintptr_t)middle, 1, middle},
        {"next leads back", NEXT, (uintptr_t)first, 1, middle},
        {"next is not aligned", NEXT, (uintptr_t)last + 8, 1, middle},
        {"next leads out of the heap", NEXT, UINTPTR_MAX - 15, 1, middle},
        {"next leads to the other half of memory", NEXT, UINTPTR_MAX / 2 + 1, 1, middle},
        {"next is text", NEXT, (uintptr_t)0x4141414141414140, 1, middle},
        {"next is the ring's start", NEXT, (uintptr_t)base, 1, middle},
        {"prev is NULL", PREV, 0, 2, middle},
        {"prev is itself", PREV, (uintptr_t)middle, 2, middle},
        {"prev leads forward", PREV, (uintptr_t)last, 2, middle},
        {"prev is text", PREV, (uintptr_t)0x4141414141414141, 2, middle},
        {"size is 0", SIZE, 0, 3, middle},
        {"size is odd", SIZE, 65, 3, middle},
        {"size is huge", SIZE, UINTPTR_MAX - 15, 3, middle},
        {"size is past the end of the heap", SIZE, (uintptr_t)1 << 30, 3, middle},
        {"size covers the next chunk", SIZE, 64 + 16, 1, middle},
        {"free is 2", FREE, 2, 5, middle},
        {"free is 0x42", FREE, 0x42, 5, middle},
        {"free is 255", FREE, 255, 5, middle},
        {"mark is 0", MARK, 0, 4, middle},
        {"mark is another chunk's", MARK, last->mark, 4, middle},
        {"mark is off by 1", MARK, middle->mark + 1, 4, middle},
    };

    expect(chunk_of(first + 1) == first && first->next == middle && middle->next == last &&
               base->next == first,
           "the headers aren't next, prev, size, free, mark");
    for (unsigned i = 0; i < sizeof damages / sizeof *damages; i++)
        judge_damage(middle, &damages[i]);
    heap_ok();
}
END_TEST

/* Above the last chunk there is none that could tell. */
START_TEST(damage_to_the_last_chunk_is_found)
{
    struct chunk *first = chunk_of(must(lib.malloc(64))), *last = chunk_of(must(lib.malloc(64)));
    const struct damage damages[] = {
        {"next is NULL", NEXT, 0, 1, last},
        {"next leads to itself", NEXT, (uintptr_t)last, 1, last},
        {"next leads back", NEXT, (uintptr_t)first, 1, last},
        {"next leads out of the heap", NEXT, UINTPTR_MAX - 15, 1, last},
        {"next is text", NEXT, (uintptr_t)0x4141414141414140, 1, last},
        {"prev is NULL", PREV, 0, 2, last},
        {"size is past the end of the heap", SIZE, 64 + 16, 3, last},
        {"mark is 0", MARK, 0, 4, last},
    };

    for (unsigned i = 0; i < sizeof damages / sizeof *damages; i++)
        judge_damage(last, &damages[i]);
    heap_ok();
}
END_TEST

/* The links of the ring's own header. */
START_TEST(damage_to_the_ring_is_found)
{
    struct chunk *first = chunk_of(must(lib.malloc(64))), *second = chunk_of(must(lib.malloc(64))),
                 *base = second->next;
    const struct damage damages[] = {
        {"next misses the first chunk", NEXT, (uintptr_t)second, 1, base},
        {"next is the ring itself", NEXT, (uintptr_t)base, 1, base},
        {"next is NULL", NEXT, 0, 1, base},
        {"next is not aligned", NEXT, (uintptr_t)first + 8, 1, base},
        {"next leads out of the heap", NEXT, UINTPTR_MAX - 15, 1, base},
        {"prev misses the last chunk", PREV, (uintptr_t)first, 2, base},
        {"prev is NULL", PREV, 0, 2, base},
        {"prev is text", PREV, (uintptr_t)0x4141414141414141, 2, base},
        {"the ring's start is free", FREE, 1, 5, base},
    };

    for (unsigned i = 0; i < sizeof damages / sizeof *damages; i++)
        judge_damage(base, &damages[i]);
    heap_ok();
}
END_TEST

/* Both links past it agree, so that only its mark tells that it is there. */
START_TEST(damage_an_unlinked_chunk_is_found)
{
    struct chunk *first = chunk_of(must(lib.malloc(64))), *lost = chunk_of(must(lib.malloc(64))),
                 *last = chunk_of(must(lib.malloc(64)));
    struct heap_fault fault = {0};
    struct heap_block block;

    first->next = last;
    last->prev = first;
    expect(heap_check(&fault).broken > 0, "a chunk is in no list, and the check found nothing");
    expect(fault.invariant == 1 && fault.where == first, "it should name the chunk before: %s",
           heap_faults());
    expect(heap_find(lost + 1, &block) && block.guessed, "the lost chunk isn't told as a guess");
}
END_TEST

/* A run of chunks whose headers are all text: what is above them is still found, and told. */
START_TEST(damage_to_many_leaves_the_others_told)
{
    enum { COUNT = 12 };
    struct chunk *chunk[COUNT];
    struct heap_block block;

    for (unsigned i = 0; i < COUNT; i++)
        chunk[i] = chunk_of(must(lib.malloc(100)));
    memset(chunk[4], 'A', (size_t)((char *)chunk[7] - (char *)chunk[4]));
    for (unsigned i = 0; i < COUNT; i++)
        expect((i >= 4 && i < 7) || heap_find(chunk[i] + 1, &block), "chunk %u isn't told", i);
    expect(heap_faults() != NULL, "three headers are gone, and the check found nothing");
}
END_TEST

START_TEST(damage_two_free_chunks_that_touch)
{
    struct chunk *first = chunk_of(must(lib.malloc(64))), *second = chunk_of(must(lib.malloc(64)));
    struct heap_fault fault = {0};

    must(lib.malloc(16));
    first->free = second->free = true;
    expect(heap_check(&fault).broken == 1, "the check should find one fault: %s",
           heap_faults() ? heap_faults() : "it found none");
    expect(fault.invariant == 6 && fault.where == first, "it should name invariant 6: %s",
           heap_faults());
}
END_TEST

SUITE
{
    add(row_of_each_size, "list-layout");
    add(row_after_free, "list-layout");
    add(row_after_double_free, "list-layout foreign");
    add(row_after_reuse, "list-layout reuse");
    add(row_of_first_fit, "list-layout first-fit");
    add(row_after_split, "list-layout split");
    add_rounds(row_of_each_rest, "list-layout split", 8);
    add(row_after_merge, "list-layout merge");
    add(row_after_merge_with_both, "list-layout merge");
    add(row_across_a_hole, "list-layout merge break");
    add(row_after_a_stale_pointer, "list-layout merge foreign");
    add(row_after_trim, "list-layout trim sbrk");
    add(row_after_a_trim_that_fails, "list-layout trim sbrk");
    add(row_of_a_small_top, "list-layout trim sbrk");
    add(row_after_realloc_moved, "list-layout realloc");
    add(row_after_realloc_shrank, "list-layout realloc-in-place");
    add(row_after_realloc_grew, "list-layout realloc-in-place");
    add(row_after_a_neighbour_too_small, "list-layout realloc-in-place");
    add(row_of_a_top_that_grows, "list-layout realloc-in-place grow-top");
    add(damage_is_found_and_named, "list-layout");
    add(damage_to_the_last_chunk_is_found, "list-layout");
    add(damage_to_the_ring_is_found, "list-layout");
    add(damage_an_unlinked_chunk_is_found, "list-layout");
    add(damage_to_many_leaves_the_others_told, "list-layout");
    add(damage_two_free_chunks_that_touch, "list-layout merge");
}
