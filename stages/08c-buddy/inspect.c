/*
 * inspect.c - what tools see of stage 8c: heap.c, and the description of its heap.
 *
 * The heap may be damaged. No write past a block's end gets at the heads, but a wild pointer may. So no
 * region is believed that isn't in the map, no byte that leads off its multiples, no link that doesn't
 * lead back. Where a byte is beyond belief, the next one that makes sense is taken.
 */
#include "heap.c"

#include "inspect.h"

/* ---- regions, as far as they can be believed ------------------------------------------------- */

/* The next region, if it can be one and knows this one; else the sentinel. */
static struct region *region_next(struct region *region)
{
    struct region *next = region->next;
    bool sound = (uintptr_t)next % REGION_SIZE == 0 && region_known(next) && next->prev == region;

    return sound ? next : &regions;
}

static bool head_holds(struct region *region)
{
    unsigned order = order_of(region, region);

    return region->byte & USED && (order == HEAD_ORDER || order == REGION_ORDER);
}

static bool size_holds(const struct region *region)
{
    return region->size > 0 && region->size % REGION_SIZE == 0 &&
           region->size <= UINTPTR_MAX - (uintptr_t)region;
}

static struct block *first_of(struct region *region)
{
    return head_holds(region) ? region_first(region) : block_at(region, SIZE_OF(HEAD_ORDER));
}

/* The end of a region: with blocks that are not large it is known whatever its size says. */
static struct block *end_of(struct region *region)
{
    bool large = order_of(region, first_of(region)) == REGION_ORDER && size_holds(region);

    return block_at(region, large ? region->size : REGION_SIZE);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static size_t room_of(struct region *region, struct block *block)
{
    return (size_t)((char *)end_of(region) - (char *)block);
}

static bool byte_holds(struct region *region, struct block *block)
{
    unsigned order = order_of(region, block);

    if (order == REGION_ORDER)
        return block == first_of(region);
    return order >= LEAST_ORDER && order < REGION_ORDER &&
           offset_of(region, block) % SIZE_OF(order) == 0 &&
           SIZE_OF(order) <= room_of(region, block);
}

static size_t length_of(struct region *region, struct block *block)
{
    unsigned order = order_of(region, block);

    return order == REGION_ORDER || !byte_holds(region, block) ? room_of(region, block)
                                                               : SIZE_OF(order);
}

/* The next block up. Where this one's byte says nothing, the next that says something. */
static struct block *step(struct region *region, struct block *block)
{
    bool guess = !byte_holds(region, block);
    size_t offset =
        offset_of(region, block) + (guess ? SIZE_OF(LEAST_ORDER) : length_of(region, block));

    while (guess && offset < offset_of(region, end_of(region)) &&
           !byte_holds(region, block_at(region, offset)))
        offset += SIZE_OF(LEAST_ORDER);
    return block_at(region, offset);
}

static struct heap_block tell(struct region *region, struct block *block, bool guessed)
{
    return (struct heap_block){.payload = block,
                               .size = length_of(region, block),
                               .state = *byte_of(region, block) & USED ? HEAP_USED : HEAP_FREE,
                               .guessed = guessed};
}

static void buddy_regions(heap_visit_region *visit, void *arg)
{
    for (struct region *region = &regions; (region = region_next(region)) != &regions;)
        if (!visit(&(struct heap_region){.name = "mapping", .start = region, .end = end_of(region)},
                   arg))
            return;
}

static void buddy_blocks(heap_visit_block *visit, void *arg)
{
    for (struct region *region = &regions; (region = region_next(region)) != &regions;) {
        bool guessed = !head_holds(region);

        for (struct block *block = first_of(region); block < end_of(region);
             block = step(region, block)) {
            struct heap_block told = tell(region, block, guessed);

            if (!visit(&told, arg))
                return;
            guessed = !byte_holds(region, block);
        }
    }
}

/* ---- lists ----------------------------------------------------------------------------------- */

/* Is what follows prev in a list a block, that leads back? */
static bool link_holds(struct block *block, struct block *prev, unsigned order)
{
    struct region *region = region_of(block);

    return (uintptr_t)block % SIZE_OF(order) == 0 && region_known(region) &&
           block >= first_of(region) && block < end_of(region) && block->prev == prev;
}

/* "order 12". */
static const char *order_name(unsigned order)
{
    static char name[] = "order 12";
    char *digit = name + sizeof "order " - 1;

    if (order >= 10)
        *digit++ = (char)('0' + order / 10);
    *digit++ = (char)('0' + order % 10);
    *digit = '\0';
    return name;
}

static void buddy_lists(heap_visit_list *visit, void *arg)
{
    for (unsigned order = LEAST_ORDER; order < REGION_ORDER; order++) {
        struct block *prev = NULL, *block = lists[order];

        for (; block && link_holds(block, prev, order); prev = block, block = block->next) {
            struct heap_block told = tell(region_of(block), block, false);

            if (!visit(order_name(order), &told, arg))
                return;
        }
    }
}

/* ---- the check ------------------------------------------------------------------------------- */

/* Invariants 1, 2 and 5 of one region; how many blocks should be in lists. */
static size_t check_blocks(struct heap_report *report, struct region *region)
{
    size_t listed = 0, used = 0;

    for (struct block *block = first_of(region); block < end_of(region);
         block = step(region, block)) {
        unsigned char byte = *byte_of(region, block);

        if (!byte_holds(region, block)) {
            heap_broken(report, 1, byte_of(region, block), "of the block at %p it says %zu",
                        (uintptr_t)block, byte);
            continue;
        }
        used += byte & USED ? length_of(region, block) : 0;
        if (byte & USED || byte == REGION_ORDER)
            continue;
        listed++;
        if (*byte_of(region, buddy_of(block, byte)) == byte && buddy_of(block, byte) > block)
            heap_broken(report, 2, block,
                        "it is free, and so is its buddy at %p: both of order %zu",
                        (uintptr_t)buddy_of(block, byte), byte);
    }
    if (used != region->used)
        heap_broken(report, 5, region, "it sums %zu bytes of used blocks, and there are %zu",
                    region->used, used);
    return listed;
}

/* Invariants 3 and 4 of one list; how many blocks are in it. */
static size_t check_list(struct heap_report *report, unsigned order)
{
    struct block *prev = NULL, *block = lists[order];
    size_t count = 0;

    for (; block; count++, prev = block, block = block->next) {
        if (!link_holds(block, prev, order)) {
            heap_broken(report, 4, prev ? (void *)prev : &lists[order],
                        "next is %p, in the list of order %zu, and no prev leads back",
                        (uintptr_t)block, order);
            return count;
        }
        if (*byte_of(region_of(block), block) != order)
            heap_broken(report, 3, block, "it is in the list of order %zu, and its byte says %zu",
                        order, *byte_of(region_of(block), block));
    }
    return count;
}

/* Invariants 1, 4 and 6 of a region itself. */
static void check_region(struct heap_report *report, struct region *region)
{
    if (!head_holds(region))
        heap_broken(report, 1, region, "of the head it says %zu", region->byte, 0);
    if (!size_holds(region) || end_of(region) != block_at(region, region->size))
        heap_broken(report, 1, region, "size is %zu, and the blocks end after %zu", region->size,
                    offset_of(region, end_of(region)));
}

/* Invariants 4 and 6 of the ring, and all that is asked of each region in it; how many blocks should be
 * in lists. */
static size_t check_regions(struct heap_report *report)
{
    struct region *region, *prev = &regions;
    uintptr_t low = UINTPTR_MAX, high = 0;
    size_t listed = 0, count = 0, known = 0;

    for (; (region = region_next(prev)) != &regions; prev = region, count++) {
        check_region(report, region);
        listed += check_blocks(report, region);
        low = (uintptr_t)region < low ? (uintptr_t)region : low;
        high = (uintptr_t)region > high ? (uintptr_t)region : high;
    }
    if (prev->next != &regions || regions.prev != prev)
        heap_broken(report, 4, prev,
                    "next is %p, whose prev doesn't lead back, or which is no region",
                    (uintptr_t)prev->next, 0);
    for (uintptr_t at = low; at <= high && high > 0; at += REGION_SIZE)
        known += region_known((struct region *)at);
    if (known != count && prev->next == &regions)
        heap_broken(report, 6, region_map, "it knows %zu regions, and %zu are in the ring", known,
                    count);
    return listed;
}

static void buddy_check(struct heap_report *report)
{
    size_t listed = check_regions(report), in_lists = 0;
    unsigned broken = report->broken;

    for (unsigned order = LEAST_ORDER; order < REGION_ORDER; order++)
        in_lists += check_list(report, order);
    if (listed != in_lists && report->broken == broken)
        heap_broken(report, 3, lists, "%zu blocks are free, and %zu are in a list", listed,
                    in_lists);
}

const struct heap_inspect heap_inspect = {.version = HEAP_INSPECT_VERSION,
                                          .invariants = 6,
                                          .stage = "08c-buddy",
                                          .regions = buddy_regions,
                                          .blocks = buddy_blocks,
                                          .lists = buddy_lists,
                                          .check = buddy_check};
