/*
 * inspect.c - what tools see of stage 8e: heap.c, and the description of its heap.
 *
 * No overflow of a block comes by the map. But a stray pointer may lead anywhere: so a region is only
 * looked into when its map is there, and a block ends with the region at the latest.
 */
#include "heap.c"

#include "inspect.h"

/* Can the region be looked into? */
static bool region_holds(const struct region *region)
{
    const size_t page = page_size();

    if ((uintptr_t)region->start % page != 0 || region->size % page != 0 ||
        (uintptr_t)region->start > UINTPTR_MAX - region->size)
        return false;
    if (region->large)
        return region->large >= region->start && region->large < region->start + region->size;
    for (size_t offset = 0; offset < sizeof(struct map); offset += page)
        if (!heap_mapped(region->start + offset, page))
            return false;
    return region->size == REGION_SIZE;
}

static void bitmap_regions(heap_visit_region *visit, void *arg)
{
    for (const struct region *region = regions; region < regions + region_count; region++)
        if (region_holds(region) &&
            !visit(&(struct heap_region){.name = "mapping",
                                         .start = region->start,
                                         .end = region->start + region->size},
                   arg))
            return;
}

/* The end of the block, or of the run, that begins with a granule. */
static size_t piece_end(const struct map *map, size_t first)
{
    if (!map_bit(map->used, first))
        return map_next(map->used, first, GRANULES - 1, true);
    return map_next(map->used, first, map_next(map->last, first, GRANULES - 2, true) + 1, false);
}

static bool region_blocks(const struct region *region, heap_visit_block *visit, void *arg)
{
    const struct map *map = map_of(region);
    size_t end;

    if (region->large)
        return visit(
            &(struct heap_block){.payload = region->large,
                                 .size = (size_t)(region->start + region->size - region->large),
                                 .state = region->taken ? HEAP_USED : HEAP_FREE},
            arg);
    for (size_t first = MAP_GRANULES; first < GRANULES - 1; first = end) {
        end = piece_end(map, first);
        if (!visit(&(struct heap_block){.payload = region->start + first * GRANULE,
                                        .size = (end - first) * GRANULE,
                                        .state = map_bit(map->used, first) ? HEAP_USED : HEAP_FREE},
                   arg))
            return false;
    }
    return true;
}

static void bitmap_blocks(heap_visit_block *visit, void *arg)
{
    for (const struct region *region = regions; region < regions + region_count; region++)
        if (region_holds(region) && !region_blocks(region, visit, arg))
            return;
}

struct list_visit {
    heap_visit_list *visit;
    void *arg;
};

static bool visit_free(const struct heap_block *block, void *arg)
{
    const struct list_visit *list = arg;

    return block->state != HEAP_FREE || list->visit("runs", block, list->arg);
}

/* There is no list: these are the runs, in the order in which malloc meets them. */
static void bitmap_lists(heap_visit_list *visit, void *arg)
{
    bitmap_blocks(visit_free, &(struct list_visit){visit, arg});
}

/* Invariant 2. */
static void check_own(struct heap_report *report, const struct map *map)
{
    size_t unused = map_next(map->used, 0, MAP_GRANULES, false);
    size_t end = map_next(map->last, 0, GRANULES, true);

    if (unused < MAP_GRANULES || !map_bit(map->used, GRANULES - 1))
        heap_broken(report, 2, map, "granule %zu, the map's or the fence, is free",
                    unused < MAP_GRANULES ? unused : GRANULES - 1, 0);
    if (end != MAP_GRANULES - 1)
        heap_broken(report, 2, map, "the map ends with granule %zu, and the first end is %zu",
                    MAP_GRANULES - 1, end);
    if (map_bit(map->last, GRANULES - 1))
        heap_broken(report, 2, map, "the fence is an end", 0, 0);
}

/* Invariants 3 and 4, a word at a time: 1 in `on` says that the block goes on. */
static void check_bits(struct heap_report *report, const struct region *region)
{
    const struct map *map = map_of(region);
    size_t on = 0, taken = 0;

    for (size_t i = 0; i < GRANULES / WORD_BITS; i++) {
        size_t used = map->used[i], last = map->last[i];
        size_t above = (used & ~last) << 1 | on;

        if (last & ~used)
            heap_broken(report, 3, &map->last[i], "granule %zu is an end, and free",
                        i * WORD_BITS + (size_t)__builtin_ctzl(last & ~used), 0);
        if (above & ~used)
            heap_broken(report, 3, &map->used[i], "granule %zu is free, and a block goes on there",
                        i * WORD_BITS + (size_t)__builtin_ctzl(above & ~used), 0);
        on = (used & ~last) >> (WORD_BITS - 1);
        taken += (size_t)__builtin_popcountl(used);
    }
    if (taken - MAP_GRANULES - 1 != region->taken)
        heap_broken(report, 4, region, "taken is %zu, and %zu granules are used", region->taken,
                    taken - MAP_GRANULES - 1);
}

/* Invariants 5 and 6. */
static void check_runs(struct heap_report *report, const struct region *region)
{
    const struct map *map = map_of(region);
    size_t end = 0, first, from;

    while ((first = map_next(map->used, end, GRANULES, false)) < GRANULES) {
        end = map_next(map->used, first, GRANULES, true);
        if (end - first > region->most)
            heap_broken(report, 6, region, "most is %zu, and %zu granules in a row are free",
                        region->most, end - first);
        for (size_t stretch = first / STRETCH; stretch * STRETCH < end; stretch++) {
            from = stretch * STRETCH > first ? stretch * STRETCH : first;
            if (end - from > map->most[stretch])
                heap_broken(report, 5, &map->most[stretch],
                            "most is %zu, and from a granule there on %zu are free",
                            map->most[stretch], end - from);
        }
    }
}

static void bitmap_check(struct heap_report *report)
{
    const char *end = NULL;

    for (const struct region *region = regions; region < regions + region_count; region++) {
        if ((uintptr_t)region->start < (uintptr_t)end || !region_holds(region)) {
            heap_broken(report, 1, region, "no region of %zu bytes is at %p", region->size,
                        (uintptr_t)region->start);
            continue;
        }
        end = region->start + region->size;
        if (region->large)
            continue;
        check_own(report, map_of(region));
        check_bits(report, region);
        check_runs(report, region);
    }
}

const struct heap_inspect heap_inspect = {.version = HEAP_INSPECT_VERSION,
                                          .invariants = 6,
                                          .stage = "08e-bitmap",
                                          .regions = bitmap_regions,
                                          .blocks = bitmap_blocks,
                                          .lists = bitmap_lists,
                                          .check = bitmap_check};
