/*
 * inspect.c - what tools see of stage 8b: heap.c, and the description of its heap.
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

    return start % page == 0 && in_heap(region) && heap_mapped(region, sizeof *region) &&
           region->size >= page && region->size % page == 0 && region->size <= heap_high - start &&
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

static void tree_regions(heap_visit_region *visit, void *arg)
{
    for (struct region *region = &regions; (region = region_after(region));)
        if (!visit(&(struct heap_region){.name = "mapping",
                                         .start = region,
                                         .end = (char *)region + region->size},
                   arg))
            return;
}

static void tree_blocks(heap_visit_block *visit, void *arg)
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

/* ---- the tree ------------------------------------------------------------------------------- */

/* A link on the way down, and what the chunks over it say of the one that it leads to. */
struct way {
    struct chunk *chunk;
    const struct chunk *over; /* its priority is higher; NULL at the root */
    const struct chunk *low;  /* it stands right of this; NULL: nothing is left of it */
    const struct chunk *high; /* it stands left of this; NULL: nothing is right of it */
};

static struct way way_left(const struct way *way)
{
    return (struct way){way->chunk->left, way->chunk, way->low, way->chunk};
}

static struct way way_right(const struct way *way)
{
    return (struct way){way->chunk->right, way->chunk, way->chunk, way->high};
}

static bool is_free_chunk(const struct chunk *chunk)
{
    return ((uintptr_t)chunk + WORD) % ALIGNMENT == 0 && in_heap(chunk) &&
           heap_mapped(chunk, sizeof *chunk) && !chunk_used(chunk) &&
           chunk_size(chunk) >= MIN_CHUNK && chunk_size(chunk) < heap_high - (uintptr_t)chunk;
}

static bool order_holds(const struct way *way)
{
    return (!way->low || chunk_precedes(way->low, way->chunk)) &&
           (!way->high || chunk_precedes(way->chunk, way->high));
}

static bool priority_holds(const struct way *way)
{
    return !way->over || chunk_outranks(way->over, way->chunk);
}

/* Who goes on only where this holds meets no chunk twice. */
static bool way_holds(const struct way *way)
{
    return is_free_chunk(way->chunk) && order_holds(way) && priority_holds(way);
}

/* "level 12". Not by stdio, which may allocate. */
static const char *level_name(unsigned level)
{
    static char name[32];
    char *digit = name + sizeof name - 1;

    do
        *--digit = (char)('0' + level % 10);
    while (level /= 10);
    return memcpy(digit - 6, "level ", 6);
}

/* Visits the chunks of one level, from the left. */
struct visit {
    heap_visit_list *visit;
    void *arg;
    unsigned level;
    bool any, ended;
};

static void visit_level(struct visit *visit, struct way way, unsigned depth)
{
    struct heap_block block;

    if (visit->ended || !way_holds(&way))
        return;
    if (depth < visit->level) {
        visit_level(visit, way_left(&way), depth + 1);
        visit_level(visit, way_right(&way), depth + 1);
        return;
    }
    block = block_of(way.chunk, false);
    visit->any = true;
    visit->ended = !visit->visit(level_name(visit->level), &block, visit->arg);
}

/* A level of the tree is a list: what malloc reaches in as many steps. */
static void tree_lists(heap_visit_list *visit, void *arg)
{
    struct visit levels = {.visit = visit, .arg = arg, .any = true};

    for (; levels.any && !levels.ended; levels.level++) {
        levels.any = false;
        visit_level(&levels, (struct way){.chunk = tree}, 0);
    }
}

/* ---- the check ------------------------------------------------------------------------------ */

/* The invariants 2 to 4 of a chunk whose size holds. Is it free? */
static bool check_chunk(struct heap_report *report, struct chunk *chunk)
{
    struct chunk *above = chunk_above(chunk);

    if (!used_holds(chunk))
        heap_broken(report, 2, above, "prev_used is %zu, and this_used of the chunk below is %zu",
                    !chunk_used(chunk), chunk_used(chunk));
    if (chunk_used(chunk))
        return false;
    if (*foot_below(above) != chunk_size(chunk))
        heap_broken(report, 3, chunk, "its size is %zu, its foot says %zu", chunk_size(chunk),
                    *foot_below(above));
    if (!chunk_used(above))
        heap_broken(report, 4, chunk, "it is free, and so is the chunk at %p, where it ends",
                    (uintptr_t)above, 0);
    return true;
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

/* The invariants 5 to 7 from a link on; how many chunks are there. */
static size_t check_tree(struct heap_report *report, struct way way)
{
    if (!way.chunk)
        return 0;
    if (way_holds(&way))
        return 1 + check_tree(report, way_left(&way)) + check_tree(report, way_right(&way));
    if (!is_free_chunk(way.chunk))
        heap_broken(report, 5, way.over ? (const void *)way.over : &tree,
                    "a link leads to %p, where no free chunk is", (uintptr_t)way.chunk, 0);
    else if (!order_holds(&way))
        heap_broken(report, 6, way.chunk, "it has %zu bytes: not its place, below the chunk at %p",
                    chunk_size(way.chunk), (uintptr_t)way.over);
    else
        heap_broken(report, 7, way.chunk,
                    "its priority is %zu, and that of the one over it only %zu",
                    chunk_priority(way.chunk), chunk_priority(way.over));
    return 0;
}

static void tree_check(struct heap_report *report)
{
    struct region *region = &regions;
    size_t count = 0, in_tree;
    unsigned broken;

    for (; region_next_holds(region) && region->next != &regions; region = region->next)
        count += check_region(report, region->next);
    if (!region_next_holds(region))
        heap_broken(report, 8, region, "next is %p, and there is no region whose prev leads back",
                    (uintptr_t)region->next, 0);
    broken = report->broken;
    in_tree = check_tree(report, (struct way){.chunk = tree});
    if (count != in_tree && report->broken == broken)
        heap_broken(report, 5, &tree, "%zu chunks are free, and %zu are in the tree", count,
                    in_tree);
}

const struct heap_inspect heap_inspect = {.version = HEAP_INSPECT_VERSION,
                                          .invariants = 8,
                                          .stage = "08b-tree",
                                          .header = "struct chunk",
                                          .regions = tree_regions,
                                          .blocks = tree_blocks,
                                          .lists = tree_lists,
                                          .check = tree_check};
