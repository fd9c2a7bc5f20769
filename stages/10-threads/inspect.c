/*
 * inspect.c - what tools see of stage 10: heap.c, and the description of its heap.
 *
 * The heap may be damaged: a program has written past the end of a block. So no size and no link is
 * followed before it is checked. Where a size is beyond belief, the next chunk is looked for: a
 * place from which some sizes in a row lead on, and agree with the bits.
 */
#include "heap.c"

#include "inspect.h"

enum { SIZES_IN_A_ROW = 4 };

/* May this be a region: its header is mapped, and so is its fence, which agrees about the size? */
static bool region_holds(const struct region *region)
{
    const uintptr_t start = (uintptr_t)region, page = page_size();

    return start % page == 0 && start >= heap_low && start < heap_high &&
           heap_mapped(region, sizeof *region) && region->size >= page &&
           region->size % page == 0 && region->size <= heap_high - start &&
           heap_mapped((const char *)region + region->size - WORD, WORD);
}

/* Does next lead to a region, or back to the sentinel, that leads back here? */
static bool region_next_holds(const struct region *region)
{
    return (region->next == &regions || region_holds(region->next)) && region->next->prev == region;
}

/* The next region, as far as the links can be believed; NULL at the end. */
static struct region *region_after(struct region *region)
{
    return region_next_holds(region) && region->next != &regions ? region->next : NULL;
}

/* May a tag stand there, as far as the address goes? */
static bool may_be_chunk(struct chunk *chunk)
{
    return (uintptr_t)payload_of(chunk) % ALIGNMENT == 0 && (uintptr_t)chunk >= heap_low &&
           (uintptr_t)chunk < heap_high && heap_mapped(chunk, sizeof *chunk);
}

/* The bytes from a chunk to its region's fence. */
static size_t room_of(struct region *region, const struct chunk *chunk)
{
    return (size_t)((const char *)region_fence(region) - (const char *)chunk);
}

static bool size_holds(struct region *region, const struct chunk *chunk)
{
    return !(chunk->tag & FENCE) && chunk_size(chunk) >= MIN_CHUNK &&
           chunk_size(chunk) <= room_of(region, chunk);
}

/* Do the tag and the one above it agree about whether this chunk is used? */
static bool used_holds(struct chunk *chunk)
{
    return chunk_used(chunk) == ((chunk_above(chunk)->tag & PREV_USED) != 0);
}

static bool looks_like_chunk(struct region *region, struct chunk *chunk)
{
    for (int i = 0; i < SIZES_IN_A_ROW && chunk != region_fence(region); i++) {
        if (!size_holds(region, chunk) || !used_holds(chunk))
            return false;
        chunk = chunk_above(chunk);
    }
    return true;
}

/* The next chunk up, or the fence. It was guessed when size doesn't hold. */
static struct chunk *chunk_after(struct region *region, struct chunk *chunk)
{
    struct chunk *next = chunk_at(chunk, ALIGNMENT);

    if (size_holds(region, chunk))
        return chunk_above(chunk);
    while (next < region_fence(region) && !looks_like_chunk(region, next))
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

static void pages_regions(heap_visit_region *visit, void *arg)
{
    for (struct region *region = &regions; (region = region_after(region));)
        if (!visit(&(struct heap_region){.name = "mapping",
                                         .start = region,
                                         .end = (char *)region + region->size},
                   arg))
            return;
}

static void pages_blocks(heap_visit_block *visit, void *arg)
{
    for (struct region *region = &regions; (region = region_after(region));) {
        bool guessed = false;

        for (struct chunk *chunk = region_first(region); chunk != region_fence(region);
             chunk = chunk_after(region, chunk)) {
            struct heap_block block = block_of(chunk, guessed);

            if (!visit(&block, arg))
                return;
            guessed = !size_holds(region, chunk);
        }
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

static void pages_lists(heap_visit_list *visit, void *arg)
{
    for (unsigned bin = 0; heap_high && bin < BINS; bin++)
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

/* What the check adds up. */
struct sums {
    size_t free_chunks, used;
};

/* The invariants 2 to 4 of a chunk whose size holds. */
static void check_chunk(struct heap_report *report, struct chunk *chunk, struct sums *sums)
{
    struct chunk *above = chunk_above(chunk);
    size_t size = chunk_size(chunk);

    if (!used_holds(chunk))
        heap_broken(report, 2, above, "prev_used is %zu, and this_used of the chunk below is %zu",
                    !chunk_used(chunk), chunk_used(chunk));
    sums->used += chunk_used(chunk) ? size : 0;
    if (chunk_used(chunk))
        return;
    sums->free_chunks++;
    if (*foot_below(above) != size)
        heap_broken(report, 3, chunk, "its size is %zu, its foot says %zu", size,
                    *foot_below(above));
    if (!chunk_used(above))
        heap_broken(report, 4, chunk, "it is free, and so is the chunk at %p, where it ends",
                    (uintptr_t)above, 0);
}

static void check_region(struct heap_report *report, struct region *region, struct sums *sums)
{
    struct chunk *first = region_first(region), *fence = region_fence(region);

    for (struct chunk *chunk = first; chunk != fence; chunk = chunk_after(region, chunk))
        if (size_holds(region, chunk))
            check_chunk(report, chunk, sums);
        else
            heap_broken(report, 1, chunk, "size is %zu, and the region ends after %zu bytes",
                        chunk_size(chunk), room_of(region, chunk));
    if (chunk_size(fence) != region->size || !(fence->tag & FENCE) || !chunk_used(fence))
        heap_broken(report, 1, fence, "the fence's tag is %zu, its region's size %zu", fence->tag,
                    region->size);
    if (!(first->tag & PREV_USED))
        heap_broken(report, 2, first, "it is the first, and prev_used is 0", 0, 0);
}

/* The invariants 1 to 4, and of the ring of regions 6. */
static struct sums check_regions(struct heap_report *report)
{
    struct sums sums = {0};
    struct region *region = &regions;

    for (; region_next_holds(region) && region->next != &regions; region = region->next)
        check_region(report, region->next, &sums);
    if (!region_next_holds(region))
        heap_broken(report, 6, region, "next is %p, and there is no region whose prev leads back",
                    (uintptr_t)region->next, 0);
    return sums;
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

static void pages_check(struct heap_report *report)
{
    struct sums sums = check_regions(report);
    unsigned broken = report->broken;
    size_t in_bins = 0;

    for (unsigned bin = 0; heap_high && bin < BINS; bin++)
        in_bins += check_bin(report, bin);
    if (report->broken > broken)
        return;
    if (sums.free_chunks != in_bins)
        heap_broken(report, 5, bins, "%zu chunks are free, and %zu are in a bin", sums.free_chunks,
                    in_bins);
    if (sums.used != heap_used)
        heap_broken(report, 8, &heap_used, "heap_used is %zu, the used chunks' sum %zu", heap_used,
                    sums.used);
}

const struct heap_inspect heap_inspect = {.version = HEAP_INSPECT_VERSION,
                                          .invariants = 8,
                                          .stage = "10-threads",
                                          .header = "struct chunk",
                                          .regions = pages_regions,
                                          .blocks = pages_blocks,
                                          .lists = pages_lists,
                                          .check = pages_check};
