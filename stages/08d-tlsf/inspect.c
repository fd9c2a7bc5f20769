/*
 * inspect.c - what tools see of stage 8d: heap.c, and the description of its heap.
 *
 * The heap may be damaged: a program has written past the end of a block. So no size and no link is
 * followed before it is checked. Where a size is beyond belief, the next chunk is looked for: a
 * place from which some sizes in a row lead on, and agree with the bits.
 */
#include "heap.c"

#include "inspect.h"

enum { SIZES_IN_A_ROW = 4 };

static struct chunk *region_first(struct region *region)
{
    return (struct chunk *)(region + 1);
}

static struct chunk *region_fence(struct region *region)
{
    return (struct chunk *)((char *)region + region->size - WORD);
}

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

static void tlsf_regions(heap_visit_region *visit, void *arg)
{
    for (struct region *region = &regions; (region = region_after(region));)
        if (!visit(&(struct heap_region){.name = "mapping",
                                         .start = region,
                                         .end = (char *)region + region->size},
                   arg))
            return;
}

static void tlsf_blocks(heap_visit_block *visit, void *arg)
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
    unsigned doubling = bin / SECONDS;

    if (doubling == 0)
        return bin * ALIGNMENT;
    return (size_t)(SECONDS + bin % SECONDS) << (EXACT_BITS - SECOND_BITS + doubling - 1);
}

struct name {
    char text[32];
};

/* "bin 32", into name. Not by stdio, which may allocate. */
static const char *bin_name(struct name *name, unsigned bin)
{
    char *digit = &name->text[sizeof name->text - 1];

    *digit = '\0';
    for (size_t size = bin_least(bin); size > 0; size /= 10)
        *--digit = (char)('0' + size % 10);
    return memcpy(digit - 4, "bin ", 4);
}

/* May a link of a bin be believed: does it lead to none, or to one that leads back to prev? */
static bool link_holds(struct chunk *chunk, const struct chunk *prev)
{
    return !chunk || (may_be_chunk(chunk) && chunk->prev == prev);
}

static void tlsf_lists(heap_visit_list *visit, void *arg)
{
    for (unsigned bin = 0; bin < BINS; bin++) {
        struct chunk *prev = NULL, *chunk = bins[bin];
        struct name name;

        for (; chunk && link_holds(chunk, prev); prev = chunk, chunk = chunk->next) {
            struct heap_block block = block_of(chunk, false);

            if (!visit(bin_name(&name, bin), &block, arg))
                return;
        }
    }
}

/* The invariants 2 to 4 of a chunk whose size holds; how many free chunks it is. */
static size_t check_chunk(struct heap_report *report, struct chunk *chunk)
{
    struct chunk *above = chunk_above(chunk);
    size_t size = chunk_size(chunk);

    if (!used_holds(chunk))
        heap_broken(report, 2, above, "prev_used is %zu, and this_used of the chunk below is %zu",
                    !chunk_used(chunk), chunk_used(chunk));
    if (chunk_used(chunk))
        return 0;
    if (*foot_below(above) != size)
        heap_broken(report, 3, chunk, "its size is %zu, its foot says %zu", size,
                    *foot_below(above));
    if (!chunk_used(above))
        heap_broken(report, 4, chunk, "it is free, and so is the chunk at %p, where it ends",
                    (uintptr_t)above, 0);
    return 1;
}

/* The invariants 1 to 4 of a region; how many free chunks are in it. */
static size_t check_region(struct heap_report *report, struct region *region)
{
    struct chunk *first = region_first(region), *fence = region_fence(region);
    size_t count = 0;

    for (struct chunk *chunk = first; chunk != fence; chunk = chunk_after(region, chunk))
        if (size_holds(region, chunk))
            count += check_chunk(report, chunk);
        else
            heap_broken(report, 1, chunk, "size is %zu, and the region ends after %zu bytes",
                        chunk_size(chunk), room_of(region, chunk));
    if (chunk_size(fence) != region->size || !(fence->tag & FENCE) || !chunk_used(fence))
        heap_broken(report, 1, fence, "the fence's tag is %zu, its region's size %zu", fence->tag,
                    region->size);
    if (!(first->tag & PREV_USED))
        heap_broken(report, 2, first, "it is the first, and prev_used is 0", 0, 0);
    return count;
}

/* The invariants 1 to 4, and of the ring of regions 6; how many free chunks there are. */
static size_t check_regions(struct heap_report *report)
{
    struct region *region = &regions;
    size_t count = 0;

    for (; region_next_holds(region) && region->next != &regions; region = region->next)
        count += check_region(report, region->next);
    if (!region_next_holds(region))
        heap_broken(report, 6, region, "next is %p, and there is no region whose prev leads back",
                    (uintptr_t)region->next, 0);
    return count;
}

/* The invariants 5 to 7 of one bin; how many chunks are in it. */
static size_t check_bin(struct heap_report *report, unsigned bin)
{
    bool mapped = bin_maps[bin / SECONDS] >> bin % SECONDS & 1;
    struct chunk *prev = NULL, *chunk = bins[bin];
    size_t count = 0;

    if (mapped != (chunk != NULL))
        heap_broken(report, 7, &bins[bin], "the bit of the bin of %zu is %zu", bin_least(bin),
                    mapped);
    for (; chunk && link_holds(chunk, prev); prev = chunk, chunk = chunk->next, count++)
        if (chunk_used(chunk) || bin_of(chunk_size(chunk)) != bin)
            heap_broken(report, 5, chunk, "it is in the bin of %zu, and its tag is %zu",
                        bin_least(bin), chunk->tag);
    if (chunk)
        heap_broken(report, 6, prev ? (void *)prev : &bins[bin],
                    "a link leads to %p, in the bin of %zu, and no prev leads back",
                    (uintptr_t)chunk, bin_least(bin));
    return count;
}

static void tlsf_check(struct heap_report *report)
{
    size_t chunks = check_regions(report), in_bins = 0;
    unsigned broken = report->broken;

    for (unsigned bin = 0; bin < BINS; bin++)
        in_bins += check_bin(report, bin);
    for (unsigned doubling = 0; doubling < DOUBLINGS; doubling++)
        if ((map >> doubling & 1) != (bin_maps[doubling] != 0))
            heap_broken(report, 8, &bin_maps[doubling],
                        "the doubling's map is %zu, its bit in the map of all is %zu",
                        bin_maps[doubling], map >> doubling & 1);
    if (chunks != in_bins && report->broken == broken)
        heap_broken(report, 5, bins, "%zu chunks are free, and %zu are in a bin", chunks, in_bins);
}

const struct heap_inspect heap_inspect = {.version = HEAP_INSPECT_VERSION,
                                          .invariants = 8,
                                          .stage = "08d-tlsf",
                                          .header = "struct chunk",
                                          .regions = tlsf_regions,
                                          .blocks = tlsf_blocks,
                                          .lists = tlsf_lists,
                                          .check = tlsf_check};
