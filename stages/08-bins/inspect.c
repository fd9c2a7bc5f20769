/*
 * inspect.c - what tools see of stage 8: heap.c, and the description of its heap.
 *
 * The heap may be damaged: a program has written past the end of a block. So no size and no link is
 * followed before it is checked. Where a size is beyond belief, the next chunk is looked for: a
 * place from which some sizes in a row lead on, and agree with the bits.
 */
#include "heap.c"

#include "inspect.h"

enum { SIZES_IN_A_ROW = 4 };

/* May a tag stand there, as far as the address goes? */
static bool may_be_chunk(struct chunk *chunk)
{
    return chunk >= heap_start && chunk <= heap_end &&
           (uintptr_t)payload_of(chunk) % ALIGNMENT == 0;
}

/* The bytes from a chunk to the end of the heap. */
static size_t room_of(const struct chunk *chunk)
{
    return (size_t)((const char *)heap_end - (const char *)chunk);
}

static bool size_holds(const struct chunk *chunk)
{
    size_t least = (chunk->tag & FENCE) ? ALIGNMENT : MIN_CHUNK;

    if (chunk == heap_end)
        return chunk_size(chunk) == 0;
    return chunk_size(chunk) >= least && chunk_size(chunk) <= room_of(chunk);
}

/* Do the tag and the one above it agree about whether this chunk is used? */
static bool used_holds(struct chunk *chunk)
{
    return chunk_used(chunk) == ((chunk_above(chunk)->tag & PREV_USED) != 0);
}

static bool looks_like_chunk(struct chunk *chunk)
{
    for (int i = 0; i < SIZES_IN_A_ROW && chunk != heap_end; i++) {
        if (!size_holds(chunk) || !used_holds(chunk))
            return false;
        chunk = chunk_above(chunk);
    }
    return true;
}

/* The next chunk up; its address alone says when it was guessed: chunk_above leads elsewhere. */
static struct chunk *step(struct chunk *chunk)
{
    struct chunk *next = chunk_at(chunk, ALIGNMENT);

    if (size_holds(chunk))
        return chunk_above(chunk);
    while (next < heap_end && !looks_like_chunk(next))
        next = chunk_at(next, ALIGNMENT);
    return next;
}

static struct heap_block block_of(struct chunk *chunk, bool guessed)
{
    size_t size = chunk_size(chunk);

    return (struct heap_block){.payload = payload_of(chunk),
                               .size = size < WORD ? 0 : size - WORD,
                               .overhead = WORD,
                               .state = chunk_used(chunk) ? HEAP_USED : HEAP_FREE,
                               .guessed = guessed};
}

static void bins_regions(heap_visit_region *visit, void *arg)
{
    struct chunk *start = heap_start;

    for (struct chunk *chunk = heap_start; chunk != heap_end; chunk = step(chunk)) {
        struct heap_region region = {.name = "break", .start = start, .end = payload_of(chunk)};

        if (!(chunk->tag & FENCE))
            continue;
        if (!visit(&region, arg))
            return;
        start = step(chunk);
    }
    if (heap_end)
        visit(&(struct heap_region){.name = "break", .start = start, .end = payload_of(heap_end)},
              arg);
}

static void bins_blocks(heap_visit_block *visit, void *arg)
{
    bool guessed = false;

    for (struct chunk *chunk = heap_start; chunk != heap_end; chunk = step(chunk)) {
        struct heap_block block = block_of(chunk, guessed);

        if (!(chunk->tag & FENCE) && !visit(&block, arg))
            return;
        guessed = !size_holds(chunk);
    }
}

/* The least size of the chunks of a bin: bin_of, the other way. */
static size_t bin_least(unsigned bin)
{
    unsigned quarters = bin - EXACT_BINS;

    if (bin < EXACT_BINS)
        return bin * ALIGNMENT;
    return (size_t)(4 + quarters % 4) << (FIRST_DOUBLING - 2 + quarters / 4);
}

/* "bin 32". Not by stdio, which may allocate. */
static const char *bin_name(unsigned bin)
{
    static char name[32];
    char *digit = name + sizeof name - 1;

    for (size_t size = bin_least(bin); size > 0; size /= 10)
        *--digit = (char)('0' + size % 10);
    return memcpy(digit - 4, "bin ", 4);
}

/* Does next lead to a chunk, or back to the sentinel, that leads back here? */
static bool next_holds(struct chunk *chunk, unsigned bin)
{
    return (chunk->next == &bins[bin] || may_be_chunk(chunk->next)) && chunk->next->prev == chunk;
}

static void bins_lists(heap_visit_list *visit, void *arg)
{
    for (unsigned bin = 0; heap_end && bin < BINS; bin++)
        for (struct chunk *chunk = &bins[bin]; next_holds(chunk, bin);) {
            struct heap_block block;

            chunk = chunk->next;
            if (chunk == &bins[bin])
                break;
            block = block_of(chunk, false);
            if (!visit(bin_name(bin), &block, arg))
                return;
        }
}

/* Invariant 3, and the first half of 5. */
static void check_free(struct heap_report *report, struct chunk *chunk)
{
    if (*foot_below(chunk_above(chunk)) != chunk_size(chunk))
        heap_broken(report, 3, chunk, "its size is %zu, its foot says %zu", chunk_size(chunk),
                    *foot_below(chunk_above(chunk)));
}

/* Invariants 1 to 4; how many free chunks there are. */
static size_t check_chunks(struct heap_report *report)
{
    size_t count = 0;

    for (struct chunk *chunk = heap_start; chunk != heap_end; chunk = step(chunk)) {
        if (!size_holds(chunk)) {
            heap_broken(report, 1, chunk, "size is %zu, and the heap ends after %zu bytes",
                        chunk_size(chunk), room_of(chunk));
            continue;
        }
        if (!used_holds(chunk))
            heap_broken(report, 2, chunk_above(chunk),
                        "prev_used is %zu, and this_used of the chunk below is %zu",
                        !chunk_used(chunk), chunk_used(chunk));
        if (chunk_used(chunk))
            continue;
        count++;
        check_free(report, chunk);
        if (!chunk_used(chunk_above(chunk)))
            heap_broken(report, 4, chunk, "it is free, and so is the chunk at %p, where it ends",
                        (uintptr_t)chunk_above(chunk), 0);
    }
    if (!size_holds(heap_end) || !chunk_used(heap_end))
        heap_broken(report, 1, heap_end, "the last fence's tag is %zu", heap_end->tag, 0);
    if (!(heap_start->tag & PREV_USED))
        heap_broken(report, 2, heap_start, "it is the first, and prev_used is 0", 0, 0);
    return count;
}

/* Invariants 5 to 7 of one bin; how many chunks are in it. */
static size_t check_bin(struct heap_report *report, unsigned bin)
{
    bool mapped = bin_map[bin / WORD_BITS] >> bin % WORD_BITS & 1;
    struct chunk *chunk = &bins[bin];
    size_t count = 0;

    if (mapped != (chunk->next != chunk))
        heap_broken(report, 7, chunk, "the map's bit of the bin of %zu is %zu", bin_least(bin),
                    mapped);
    for (; next_holds(chunk, bin); count++) {
        chunk = chunk->next;
        if (chunk == &bins[bin])
            return count;
        if (chunk_used(chunk) || bin_of(chunk_size(chunk)) != bin)
            heap_broken(report, 5, chunk, "it is in the bin of %zu, and its tag is %zu",
                        bin_least(bin), chunk->tag);
    }
    heap_broken(report, 6, chunk, "next is %p, in the bin of %zu, and no prev leads back",
                (uintptr_t)chunk->next, bin_least(bin));
    return count;
}

static void bins_check(struct heap_report *report)
{
    size_t chunks, in_bins = 0;
    unsigned broken;

    if (!heap_end)
        return;
    chunks = check_chunks(report);
    broken = report->broken;
    for (unsigned bin = 0; bin < BINS; bin++)
        in_bins += check_bin(report, bin);
    if (chunks != in_bins && report->broken == broken)
        heap_broken(report, 5, heap_start, "%zu chunks are free, and %zu are in a bin", chunks,
                    in_bins);
}

const struct heap_inspect heap_inspect = {.version = HEAP_INSPECT_VERSION,
                                          .invariants = 7,
                                          .stage = "08-bins",
                                          .header = "struct chunk",
                                          .regions = bins_regions,
                                          .blocks = bins_blocks,
                                          .lists = bins_lists,
                                          .check = bins_check};
