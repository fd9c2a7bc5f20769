/*
 * Stage 8c: halve blocks, and join buddies.
 *
 * A side door: another answer to stage 8's question, how to find memory without a walk. Each block is
 * a power of two. One that is too large is halved, again and again; two halves are buddies, and when
 * both are free they become one again. A block lies at a multiple of its size, so the address of its
 * buddy is its own with one bit turned: nobody has to look for neighbours.
 *
 * What it can't do: waste little. A request of 1025 bytes gets 2048. And free neighbours that are not
 * buddies stay two. Stage 8 is better at both. (And two threads at once: stage 10.)
 *
 *     A region lies at a multiple of its size, too. Its head is a block as any other, and used for
 *     ever. In it stands a byte for each 16 of the region, which says what block begins there: its
 *     order, n for 2^n bytes, and whether it is used. So nothing lies between the blocks.
 *
 *     0      256 KiB  384    512 KiB         1 MiB                          2 MiB            4 MiB
 *     | head | block | block | block         | block                        | block          |
 *      | |           ^                                               used:  | payload        |
 *      | '- 384 Ki / 16: 17, or 17 | USED                            free:  | next, prev, // |
 *      '- 0: 18 | USED, and struct region behind it
 *
 *     A large block has a region to itself, as long as it takes:
 *
 *     | head | block                                                                       ... |
 *
 * Invariants
 *   1. From a region's head on, each order leads to the next block, up to the end. A block lies at a
 *      multiple of its size. Only a large one, whatever its size, has REGION_ORDER.
 *   2. Of two buddies of one order, one at least is used.
 *   3. Each free block is in the list of its order, once, and nothing else is in a list. (A large
 *      one that the system didn't take back is in none.)
 *   4. In each list, and in the ring of the regions, prev is the way back.
 *   5. A region knows the sum of its used blocks' bytes, without the head.
 *   6. The map has the bit of each region, and no other.
 */
#include "heap.h"

#include <errno.h>
#include <sys/mman.h>

/* Orders, logarithms of bytes. The least block suits any object, and has room for two links. */
#define LEAST_ORDER 4u
/* A region, a multiple of any page. What nobody has touched of one costs nothing. */
#define REGION_ORDER 22u
/* A head: it has a byte for each place where a block may begin. */
#define HEAD_ORDER (REGION_ORDER - LEAST_ORDER)
#define SIZE_OF(order) ((size_t)1 << (order))
#define REGION_SIZE SIZE_OF(REGION_ORDER)
/* In a block's byte: the program has it. */
#define USED 0x80u
/* Bits. Linux gives no higher address to who doesn't ask for one. */
#define ADDRESS_BITS (sizeof(void *) == 8 ? 48 : 32)

/* At a region's start, where the bytes of blocks inside the head would stand. There are none. */
struct region {
    unsigned char byte;         /* the head's own */
    struct region *next, *prev; /* in the ring of all regions */
    size_t size;                /* bytes, a multiple of REGION_SIZE */
    size_t used;                /* bytes of used blocks */
};

/* A free block. */
struct block {
    struct block *next, *prev; /* in the list of its order; NULL at both ends */
};

_Static_assert(SIZE_OF(LEAST_ORDER) >= _Alignof(max_align_t), "a block must suit any object");
_Static_assert(SIZE_OF(LEAST_ORDER) >= sizeof(struct block), "a free block has room for its links");
_Static_assert(SIZE_OF(HEAD_ORDER - LEAST_ORDER) >= sizeof(struct region),
               "the byte of the first block stands behind it");

static struct region regions = {.next = &regions, .prev = &regions}; /* the sentinel */
static struct block *lists[REGION_ORDER];
/* A bit for each multiple of REGION_SIZE: is it a region of ours? Hardly a page of it is touched. */
static unsigned char region_map[SIZE_OF(ADDRESS_BITS - REGION_ORDER) / 8];

static uintptr_t align_up(uintptr_t n, size_t alignment)
{
    return (n + alignment - 1) & ~(alignment - 1);
}

/* The order of the least block with room for size bytes. */
static unsigned order_for(size_t size)
{
    if (size <= SIZE_OF(LEAST_ORDER))
        return LEAST_ORDER;
    return 8 * (unsigned)sizeof size - (unsigned)__builtin_clzl(size - 1);
}

/* The region of a block. At a region's start there is no block, but its head; a large one that wants to
 * be aligned may lie REGION_SIZE above its region's start, and no further. */
static struct region *region_of(const void *block)
{
    return (struct region *)(((uintptr_t)block - 1) & ~(REGION_SIZE - 1));
}

static struct block *block_at(struct region *region, size_t offset)
{
    return (struct block *)((char *)region + offset);
}

static size_t offset_of(const struct region *region, const void *block)
{
    return (size_t)((const char *)block - (const char *)region);
}

/* What is known of a block: its order, and USED. 0: no block ever began there. */
static unsigned char *byte_of(struct region *region, const void *block)
{
    return (unsigned char *)region + offset_of(region, block) / SIZE_OF(LEAST_ORDER);
}

static unsigned order_of(struct region *region, const void *block)
{
    return *byte_of(region, block) & ~USED;
}

/* Bytes. A large block has all that is above its head. */
static size_t size_of(struct region *region, const void *block)
{
    unsigned order = order_of(region, block);

    return order < REGION_ORDER ? SIZE_OF(order) : region->size - offset_of(region, block);
}

/* The other half of what a block of this order was cut from. */
static struct block *buddy_of(struct block *block, unsigned order)
{
    return (struct block *)((uintptr_t)block ^ SIZE_OF(order));
}

/* The block above the head. */
static struct block *region_first(struct region *region)
{
    return block_at(region, SIZE_OF(order_of(region, region)));
}

static bool region_known(const struct region *region)
{
    size_t number = (uintptr_t)region / REGION_SIZE;

    return number / 8 < sizeof region_map && region_map[number / 8] >> number % 8 & 1;
}

/* Turns a region's bit in the map. */
static void region_turn(const struct region *region)
{
    size_t number = (uintptr_t)region / REGION_SIZE;

    region_map[number / 8] ^= (unsigned char)(1 << number % 8);
}

/* The region of a used block. A pointer that leads to none ends the program. */
static struct region *region_checked(void *payload)
{
    struct region *region = region_of(payload);

    if ((uintptr_t)payload % SIZE_OF(LEAST_ORDER) != 0 || !region_known(region) ||
        payload < (void *)region_first(region) || offset_of(region, payload) >= region->size ||
        *byte_of(region, payload) == 0)
        heap_die("malloc: a pointer came back that malloc never gave.\n");
    if (!(*byte_of(region, payload) & USED))
        heap_die("malloc: a block came back that is free already.\n");
    return region;
}

/* Makes a block free, and puts it into its list. */
static void block_insert(struct region *region, struct block *block, unsigned order)
{
    *byte_of(region, block) = (unsigned char)order;
    block->prev = NULL;
    block->next = lists[order];
    if (block->next)
        block->next->prev = block;
    lists[order] = block;
}

/* Takes a free block out of its list. */
static void block_remove(struct block *block, unsigned order)
{
    struct block **link = block->prev ? &block->prev->next : &lists[order];

    if (*link != block || (block->next && block->next->prev != block))
        heap_die("malloc: the links of a free chunk are damaged: freed memory was written to.\n");
    *link = block->next;
    if (block->next)
        block->next->prev = block->prev;
}

/* Makes a block that is in no list a used one of this order. It is halved as often as need be, and the
 * upper halves become free. */
static void block_cut(struct region *region, struct block *block, unsigned order)
{
    for (unsigned half = order_of(region, block); half-- > order;)
        block_insert(region, buddy_of(block, half), half);
    *byte_of(region, block) = (unsigned char)(order | USED);
    region->used += SIZE_OF(order);
}

/* Gives a used block back, joined with its buddy as long as that is free, too. The last one's buddy is
 * the head, and used. The byte of an upper half stays, should that pointer come back. */
static void block_release(struct region *region, struct block *block, unsigned order)
{
    struct block *buddy;

    *byte_of(region, block) = (unsigned char)order;
    while (buddy = buddy_of(block, order), *byte_of(region, buddy) == order) {
        block_remove(buddy, order++);
        if (buddy < block)
            block = buddy;
    }
    block_insert(region, block, order);
}

/* A region of size bytes with a head of this order, or NULL with ENOMEM. REGION_SIZE above its start is
 * a multiple of alignment, which is REGION_SIZE at least. The system aligns to pages: so more is taken,
 * and what is over goes back. (Where it doesn't, addresses are lost, and no memory.) */
static struct region *region_new(size_t size, unsigned head, size_t alignment)
{
    char *map =
        mmap(NULL, size + alignment, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uintptr_t aligned = align_up((uintptr_t)map + REGION_SIZE, alignment) - REGION_SIZE;
    size_t below = aligned - (uintptr_t)map;
    struct region *region = (struct region *)aligned;
    int saved = errno;

    if (map == MAP_FAILED) {
        errno = ENOMEM; /* after mlockall it may be EAGAIN */
        return NULL;
    }
    if (below > 0)
        munmap(map, below);
    munmap((char *)region + size, alignment - below);
    errno = saved;
    *region = (struct region){
        .byte = (unsigned char)(head | USED), .next = regions.next, .prev = &regions, .size = size};
    region->next->prev = regions.next = region;
    region_turn(region);
    return region;
}

/* All of a region above its head becomes free. */
static void region_fill(struct region *region)
{
    for (unsigned order = HEAD_ORDER; order < REGION_ORDER; order++)
        block_insert(region, block_at(region, SIZE_OF(order)), order);
}

/* Gives an empty region back. Did the system take it? Keeps errno. */
static bool region_release(struct region *region)
{
    struct region *next = region->next, *prev = region->prev;
    bool large = order_of(region, region_first(region)) == REGION_ORDER;
    int saved = errno;

    for (unsigned order = HEAD_ORDER; !large && order < REGION_ORDER; order++)
        block_remove(block_at(region, SIZE_OF(order)), order);
    if (munmap(region, region->size) != 0) {
        errno = saved;
        if (!large)
            region_fill(region);
        return false;
    }
    next->prev = prev;
    prev->next = next;
    region_turn(region);
    return true;
}

/* A block that is too large, or too much aligned, to share a region. Its own is as long as it takes,
 * and no power of two: for a little more than a gigabyte there must not be two. */
static void *large_allocate(size_t size, size_t alignment)
{
    unsigned head = alignment <= SIZE_OF(HEAD_ORDER) ? HEAD_ORDER : REGION_ORDER;
    struct region *region;
    struct block *block;

    region = region_new(align_up(SIZE_OF(head) + size + 1, REGION_SIZE), head,
                        alignment < REGION_SIZE ? REGION_SIZE : alignment);
    if (!region)
        return NULL;
    block = region_first(region);
    *byte_of(region, block) = REGION_ORDER | USED;
    region->used = size_of(region, block);
    return block;
}

static void *heap_allocate(size_t size, size_t alignment)
{
    unsigned found, order = order_for(size > alignment ? size : alignment);
    struct region *region;
    struct block *block;

    if (order >= REGION_ORDER)
        return large_allocate(size, alignment);
    for (found = order; found < REGION_ORDER && !lists[found];)
        found++;
    if (found == REGION_ORDER) {
        region = region_new(REGION_SIZE, HEAD_ORDER, REGION_SIZE);
        if (!region)
            return NULL;
        region_fill(region);
        found = order < HEAD_ORDER ? HEAD_ORDER : order;
    }
    block = lists[found];
    block_remove(block, found);
    block_cut(region_of(block), block, order);
    return block;
}

/* An empty region goes back, unless no other has as large a free block: a block that comes and goes
 * would be some system calls each time. */
static void heap_free(void *payload)
{
    struct region *region = region_checked(payload);
    unsigned order = order_of(region, payload);

    region->used -= size_of(region, payload);
    if (order < REGION_ORDER)
        block_release(region, payload, order);
    else
        *byte_of(region, payload) = REGION_ORDER;
    if (region->used == 0 && (order == REGION_ORDER || lists[REGION_ORDER - 1]->next))
        region_release(region);
}

/* One that shrinks gives upper halves back. One that grows has all its power of two; for more it moves.
 * A large one moves also when it would need less than half. */
static void *heap_resize(void *payload, size_t size)
{
    struct region *region = region_checked(payload);
    size_t room = size_of(region, payload);

    if (size > room || (room > REGION_SIZE / 2 && size < room / 2))
        return NULL;
    if (order_of(region, payload) < REGION_ORDER) {
        region->used -= room;
        block_cut(region, payload, order_for(size));
    }
    return payload;
}

static size_t heap_usable_size(void *payload)
{
    return size_of(region_checked(payload), payload);
}

/* A large block's pages are as the kernel gave them. */
static bool heap_is_zero(void *payload, size_t size)
{
    (void)size;
    return order_of(region_of(payload), payload) == REGION_ORDER;
}

/* Empty regions. There is no top of which keep bytes could stay. */
static bool heap_trim(size_t keep)
{
    bool any = false;

    (void)keep;
    for (struct region *region = regions.next, *next; region != &regions; region = next) {
        next = region->next;
        any |= region->used == 0 && region_release(region);
    }
    return any;
}

/* All regions are mappings; none is told to be a block's own. A head counts as free. */
static struct heap_totals heap_count(void)
{
    struct heap_totals totals = {0};

    for (struct region *region = regions.next; region != &regions; region = region->next) {
        totals.held += region->size;
        totals.free += region->size - region->used;
        totals.top += region->used ? 0 : region->size;
    }
    for (unsigned order = LEAST_ORDER; order < REGION_ORDER; order++)
        for (struct block *block = lists[order]; block; block = block->next)
            totals.free_chunks++;
    return totals;
}

#include "family.c"
