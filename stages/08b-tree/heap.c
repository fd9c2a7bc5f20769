/*
 * Stage 8b: keep the free chunks in a balanced tree.
 *
 * A side door beside stage 8: another answer to what malloc can have instead of a list. The tree is
 * in order by size, and among equals by address. So malloc finds the best fit: the smallest free
 * chunk that is large enough, and of equals the lowest in memory.
 *
 * What it can't do: be called by two threads at once; give back less than a region, or make a large
 * block larger without a copy. The stages 9 and 10 can.
 *
 *     Memory comes from mmap, in regions. A region begins with a header and ends with a fence, a tag
 *     alone, that is never free. Its size is the region's, so the way back to the header is known:
 *
 *     | region: next, prev, size | chunk | chunk | chunk | fence |
 *
 * (What a chunk looks like, and the tree, is drawn in tree.c.)
 *
 * Invariants
 *   1. From the first chunk of a region each size leads to the next tag, up to the fence, which is
 *      where the region ends. Sizes are multiples of ALIGNMENT, MIN_CHUNK at least.
 *   2. prev_used says whether the chunk below is used. The first has none, and says yes.
 *   3. The foot of a free chunk is its size.
 *   4. No two free chunks touch.
 *   5. Each free chunk is in the tree, once, and nothing else is in it.
 *   6. From left to right the tree is in order: by size, and among equals by address.
 *   7. No chunk has a higher priority than the one over it.
 *   8. In the ring of the regions prev is the way back.
 */
#include "tree.c"

#include <errno.h>
#include <sys/mman.h>

/* Bytes. A region, unless a block needs a larger one: room for many blocks, by one system call. */
#define REGION_SIZE ((size_t)1 << 20)

struct region {
    struct region *next, *prev; /* in the ring of all regions */
    size_t size;                /* bytes, whole pages */
};

_Static_assert((sizeof(struct region) + WORD) % ALIGNMENT == 0, "the first payload is aligned");

static struct region regions = {.next = &regions, .prev = &regions}; /* the sentinel */

/* The chunk of a payload. One that can't be ours ends the program. */
static inline struct chunk *chunk_of(void *payload)
{
    struct chunk *chunk = (struct chunk *)((char *)payload - WORD);

    if ((uintptr_t)payload % ALIGNMENT != 0 || !in_heap(chunk))
        heap_die("malloc: a pointer came back that malloc never gave.\n");
    if (!chunk_used(chunk))
        heap_die("malloc: a block came back that is free already.\n");
    if (chunk->tag & FENCE || chunk_size(chunk) < MIN_CHUNK ||
        chunk_size(chunk) >= heap_high - (uintptr_t)chunk || !(chunk_above(chunk)->tag & PREV_USED))
        heap_die("malloc: a block came back whose tag is damaged, or that malloc never gave.\n");
    return chunk;
}

static struct chunk *region_first(struct region *region)
{
    return (struct chunk *)(region + 1);
}

static struct chunk *region_fence(struct region *region)
{
    return (struct chunk *)((char *)region + region->size - WORD);
}

/* The region that a fence ends. */
static struct region *region_of(struct chunk *fence)
{
    return (struct region *)((char *)payload_of(fence) - chunk_size(fence));
}

/* A free chunk of at least size bytes, in a new region; or NULL with ENOMEM. */
static struct chunk *heap_grow(size_t size)
{
    size_t bytes = align_up(sizeof(struct region) + size + WORD, page_size());
    struct region *region;

    if (bytes < REGION_SIZE)
        bytes = REGION_SIZE;
    region = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region == MAP_FAILED) {
        errno = ENOMEM;
        return NULL;
    }
    *region = (struct region){.next = regions.next, .prev = &regions, .size = bytes};
    regions.next = region->next->prev = region;
    region_fence(region)->tag = bytes | FENCE | THIS_USED | PREV_USED;
    if (heap_low > (uintptr_t)region)
        heap_low = (uintptr_t)region;
    if (heap_high < (uintptr_t)region + bytes)
        heap_high = (uintptr_t)region + bytes;
    chunk_insert(region_first(region), bytes - sizeof(struct region) - WORD);
    return region_first(region);
}

/* Gives the region of a free chunk back, if nothing else is in it; unless it has the usual size and
 * hardly another large chunk is free: then it would soon be asked for again. Keeps errno. */
static void region_release(struct chunk *chunk)
{
    struct chunk *fence = chunk_above(chunk);
    struct region *region = region_of(fence), *next, *prev;
    int saved = errno;

    if (!(fence->tag & FENCE) || region_first(region) != chunk)
        return;
    next = region->next;
    prev = region->prev;
    tree_remove(chunk);
    if ((region->size == REGION_SIZE && !tree_find(REGION_SIZE / 2)) ||
        munmap(region, region->size) != 0) {
        tree_insert(chunk);
        errno = saved;
        return;
    }
    next->prev = prev;
    prev->next = next;
}

/* Cuts a used chunk to size bytes; what is over is given back, if it can be a chunk. A block for which
 * a region was made keeps the end of its last page: a small block there would keep the region. */
static void chunk_cut(struct chunk *chunk, size_t size)
{
    size_t rest = chunk_size(chunk) - size;

    if (rest < (size < REGION_SIZE ? MIN_CHUNK : page_size()))
        return;
    chunk->tag -= rest;
    chunk_above(chunk)->tag = rest | THIS_USED | PREV_USED;
    chunk_release(chunk_above(chunk));
}

/* A chunk of size bytes whose payload is a multiple of alignment: cut out of a larger one. What is
 * below it is given back as a chunk, so it is 0 bytes long, or MIN_CHUNK at least. */
static void *chunk_allocate_aligned(size_t size, size_t alignment)
{
    void *payload = heap_allocate(size + alignment + MIN_CHUNK, 1);
    struct chunk *whole, *chunk;
    size_t lead;

    if (!payload)
        return NULL;
    whole = chunk_of(payload);
    lead = align_up((uintptr_t)payload, alignment) - (uintptr_t)payload;
    if (lead > 0 && lead < MIN_CHUNK)
        lead += alignment;
    chunk = chunk_at(whole, lead);
    if (lead > 0) {
        chunk->tag = (chunk_size(whole) - lead) | THIS_USED | PREV_USED;
        whole->tag -= chunk_size(chunk);
        chunk_release(whole);
    }
    chunk_cut(chunk, chunk_size_for(size));
    return payload_of(chunk);
}

static void *heap_allocate(size_t size, size_t alignment)
{
    struct chunk *chunk;

    if (alignment > ALIGNMENT)
        return chunk_allocate_aligned(size, alignment);
    size = chunk_size_for(size);
    chunk = tree_find(size);
    if (!chunk)
        chunk = heap_grow(size);
    if (!chunk)
        return NULL;
    chunk_take(chunk);
    chunk_cut(chunk, size);
    return payload_of(chunk);
}

static void heap_free(void *payload)
{
    region_release(chunk_release(chunk_of(payload)));
}

/* Where it is, and into a free neighbour. */
static void *heap_resize(void *payload, size_t size)
{
    struct chunk *chunk = chunk_of(payload), *above = chunk_above(chunk);
    size_t room = chunk_used(above) ? 0 : chunk_size(above);

    size = chunk_size_for(size);
    if (size > chunk_size(chunk) + room)
        return NULL;
    if (size > chunk_size(chunk)) {
        chunk_take(above);
        chunk->tag += room;
    }
    chunk_cut(chunk, size);
    return payload;
}

static size_t heap_usable_size(void *payload)
{
    return chunk_size(chunk_of(payload)) - WORD;
}

/* Never: nothing tells what is new from what was used before. */
static bool heap_is_zero(void *payload, size_t size)
{
    (void)payload;
    (void)size;
    return false;
}

/* What could go back has gone. */
static bool heap_trim(size_t keep)
{
    (void)keep;
    return false;
}

static struct heap_totals heap_count(void)
{
    struct heap_totals totals = {0};

    for (struct region *region = regions.next; region != &regions; region = region->next) {
        totals.held += region->size;
        for (struct chunk *chunk = region_first(region); chunk != region_fence(region);
             chunk = chunk_above(chunk)) {
            totals.free += chunk_used(chunk) ? 0 : chunk_size(chunk);
            totals.free_chunks += !chunk_used(chunk);
        }
    }
    return totals;
}

#include "family.c"
