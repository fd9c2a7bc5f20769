/*
 * Stage 8e: a map of bits, and no header.
 *
 * Memory is cut into granules of 16 bytes. Two bits for each, in a map that lies apart, say whether a
 * block has it, and whether a block ends there. So between the program's bytes there is nothing of
 * ours; what is freed merges by itself; and of each pointer that comes back it is known what it is.
 *
 * What it can't do: find memory without a look through the map, rarely though through much of it. Or
 * see that a program wrote past its block: a neighbour suffers, and nobody says so. It serves one
 * thread, and has 65,536 regions at most. A region goes back when it is empty, not before.
 *
 *     regions[0]            regions[1]      ... by address, so that a pointer's is found by halving
 *       |                     |
 *       v                     v
 *     | map | A A | B |. .| C |. .| fence |      1 MiB, for many blocks: see map.c
 *     | one large block        |                 whole pages
 *
 * Invariants
 *   1. Regions are in address order, and none reaches into the next. A large block lies in its own.
 *   2. The map's own granules and the fence are used, and of these only the map's last is an end.
 *   3. What is an end is used. Below what is free, what is used is an end.
 *   4. taken is the number of used granules, but for those of 2.
 *   5. From no granule of a stretch on are more than its `most` free in a row.
 *   6. In no region are more than its `most` free in a row.
 */
#define _GNU_SOURCE /* mremap */
#include "map.c"

#include <errno.h>
#include <sys/mman.h>

/* Bytes of a region for many blocks. */
#define REGION_SIZE (GRANULES * GRANULE)
/* Bytes. A block of this size has a region to itself. */
#define LARGE (REGION_SIZE / 4)
/* Linux gives a process 65,530 mappings, unless vm.max_map_count says more. Of the table only what is
 * used takes memory. */
#define REGIONS ((size_t)1 << 16)

struct region {
    char *start;
    size_t size;  /* bytes, whole pages */
    char *large;  /* its only block; NULL: there is a map */
    size_t most;  /* granules: no run is longer */
    size_t taken; /* granules that blocks have; 1 for a large block */
};

#define NEVER_GAVE "malloc: a pointer came back that malloc never gave.\n"
#define FREE_ALREADY "malloc: a block came back that is free already.\n"
#define INTO_A_BLOCK "malloc: a pointer into a block came back, not to its start.\n"

static struct region regions[REGIONS];
static size_t region_count;

/* The granules of a block, or, with end at first, of one that is to be. */
struct block {
    struct region *region;
    size_t first, end;
};

_Static_assert(LARGE / GRANULE + 1 < GRANULES - MAP_GRANULES, "a new region has room for a block");

static size_t align_up(size_t n, size_t alignment)
{
    return (n + alignment - 1) & ~(alignment - 1);
}

static struct map *map_of(const struct region *region)
{
    return (struct map *)(void *)region->start;
}

static size_t granules_for(size_t size)
{
    return size ? (size + GRANULE - 1) / GRANULE : 1;
}

/* How many regions begin at an address or below it. */
static size_t regions_up_to(const void *address)
{
    size_t low = 0, high = region_count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if ((uintptr_t)regions[middle].start <= (uintptr_t)address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The region that an address lies in, or NULL. */
static struct region *region_of(const void *address)
{
    size_t below = regions_up_to(address);
    struct region *region = below ? regions + below - 1 : NULL;

    return region && (size_t)((const char *)address - region->start) < region->size ? region : NULL;
}

/* The block that begins with a granule. If none does, that's the end. */
static struct block block_at(struct region *region, size_t first)
{
    struct map *map = map_of(region);

    if (first < MAP_GRANULES || first == GRANULES - 1)
        heap_die(NEVER_GAVE);
    if (!map_bit(map->used, first))
        heap_die(FREE_ALREADY);
    if (map_bit(map->used, first - 1) && !map_bit(map->last, first - 1))
        heap_die(INTO_A_BLOCK);
    return (struct block){region, first, map_next(map->last, first, GRANULES, true) + 1};
}

/* The block of a payload, or the end. */
static struct block block_of(void *payload)
{
    struct region *region = region_of(payload);

    if (!region || (uintptr_t)payload % GRANULE != 0)
        heap_die(NEVER_GAVE);
    if (!region->large)
        return block_at(region, (size_t)((char *)payload - region->start) / GRANULE);
    if (payload != region->large)
        heap_die(INTO_A_BLOCK);
    if (!region->taken)
        heap_die(FREE_ALREADY);
    return (struct block){.region = region};
}

/* The one step that malloc, free and realloc are made of: the end of a block moves. Before malloc it
 * is where the block is to begin, and after free it is there again. */
static void block_move_end(struct block block, size_t end)
{
    struct map *map = map_of(block.region);

    if (block.end > block.first)
        map_fill(map->last, block.end - 1, block.end, false);
    if (end > block.first)
        map_fill(map->last, end - 1, end, true);
    map_fill(map->used, block.end, end, true);
    map_fill(map->used, end, block.end, false);
    block.region->taken += end - block.end;
    if (end < block.end) {
        map_forget(map, block.end);
        block.region->most = GRANULES;
    }
}

/* A region of so many bytes, with no map yet; or NULL with ENOMEM. */
static struct region *region_new(size_t size)
{
    char *start = MAP_FAILED;
    struct region *place;

    if (region_count < REGIONS)
        start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) {
        errno = ENOMEM;
        return NULL;
    }
    place = regions + regions_up_to(start);
    memmove(place + 1, place, (size_t)(regions + region_count++ - place) * sizeof *place);
    *place = (struct region){.start = start, .size = size};
    return place;
}

/* Gives an empty region back. One that the system doesn't take stays. Keeps errno. */
static bool region_release(struct region *region)
{
    int saved = errno;
    bool released = munmap(region->start, region->size) == 0;

    errno = saved;
    if (released)
        memmove(region, region + 1, (size_t)(regions + --region_count - region) * sizeof *region);
    return released;
}

/* Does another region have much room? If none does, an empty one is kept: a block that comes and goes
 * there would be two system calls each time. */
static bool region_spare(const struct region *region)
{
    for (const struct region *other = regions; other < regions + region_count; other++)
        if (other != region && !other->large && other->taken < GRANULES / 2)
            return true;
    return false;
}

/* Of count free granules in a row the lowest, as a block that is to be; its region is NULL, with
 * ENOMEM, when there is no memory. */
static struct block heap_find(size_t count)
{
    struct region *region;
    size_t first;

    for (region = regions; region < regions + region_count; region++)
        if (region->most >= count) {
            first = map_find(map_of(region), count, &region->most);
            if (first < GRANULES)
                return (struct block){region, first, first};
        }
    region = region_new(REGION_SIZE);
    if (!region)
        return (struct block){.region = NULL};
    map_init(map_of(region));
    region->most = GRANULES;
    return (struct block){region, MAP_GRANULES, MAP_GRANULES};
}

/* A block whose size or alignment is large. */
static void *large_allocate(size_t size, size_t alignment)
{
    const size_t page = page_size();
    struct region *region = region_new(align_up(size + (alignment > page ? alignment : 0), page));

    if (!region)
        return NULL;
    region->taken = 1;
    region->large = (char *)align_up((uintptr_t)region->start, alignment);
    return region->large;
}

/* Of a run that is long enough, wherever in it the aligned granule is, only the block's are taken. */
static void *heap_allocate(size_t size, size_t alignment)
{
    size_t count = granules_for(size), spare = alignment > GRANULE ? alignment - GRANULE : 0;
    struct block block;
    char *payload;

    if (size + spare >= LARGE)
        return large_allocate(size, alignment);
    block = heap_find(count + spare / GRANULE);
    if (!block.region)
        return NULL;
    payload = block.region->start + block.first * GRANULE;
    payload = (char *)align_up((uintptr_t)payload, alignment);
    block.first = block.end = (size_t)(payload - block.region->start) / GRANULE;
    block_move_end(block, block.first + count);
    return payload;
}

static void heap_free(void *payload)
{
    struct block block = block_of(payload);
    struct region *region = block.region;

    if (region->large)
        region->taken = 0;
    else
        block_move_end(block, block.first);
    if (region->taken == 0 && (region->large || region_spare(region)))
        region_release(region);
}

static size_t heap_usable_size(void *payload)
{
    struct block block = block_of(payload);
    struct region *region = block.region;

    if (region->large)
        return (size_t)(region->start + region->size - region->large);
    return (block.end - block.first) * GRANULE;
}

/* A large block stays where it is too: its region grows or shrinks at the end. */
static void *large_resize(struct region *region, size_t size)
{
    size_t lead = (size_t)(region->large - region->start);
    size_t bytes = align_up(lead + size, page_size());
    int saved = errno;

    if (bytes != region->size && mremap(region->start, region->size, bytes, 0) == MAP_FAILED) {
        errno = saved;
        return NULL;
    }
    region->size = bytes;
    return region->large;
}

/* Where it is, when the bits above are 0; the fence's never is. */
static void *heap_resize(void *payload, size_t size)
{
    struct block block = block_of(payload);
    size_t end = block.first + granules_for(size);

    if (block.region->large)
        return large_resize(block.region, size);
    if (map_next(map_of(block.region)->used, block.end, end, true) < end)
        return NULL;
    block_move_end(block, end);
    return payload;
}

/* A large block's pages are as the kernel gave them. */
static bool heap_is_zero(void *payload, size_t size)
{
    (void)payload;
    return size >= LARGE;
}

/* There is no top whose bytes could be kept. */
static bool heap_trim(size_t keep)
{
    bool any = false;

    (void)keep;
    for (size_t i = region_count; i-- > 0;)
        any |= regions[i].taken == 0 && region_release(regions + i);
    return any;
}

static struct heap_totals heap_count(void)
{
    struct heap_totals totals = {0};

    for (const struct region *region = regions; region < regions + region_count; region++) {
        size_t end = 0, first;

        if (region->large) {
            totals.mapped += region->size;
            totals.mapped_blocks++;
            continue;
        }
        totals.held += region->size;
        totals.top += region->taken ? 0 : region->size;
        totals.free += (GRANULES - 1 - MAP_GRANULES - region->taken) * GRANULE;
        while ((first = map_next(map_of(region)->used, end, GRANULES, false)) < GRANULES) {
            end = map_next(map_of(region)->used, first, GRANULES, true);
            totals.free_chunks++;
        }
    }
    return totals;
}

#include "family.c"
