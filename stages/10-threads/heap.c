/*
 * Stage 10: one thread at a time.
 *
 * Two threads in the heap at once would take the same chunk. So whoever comes takes the lock first,
 * and holds it while it works on chunks and bins; not while it copies or clears. The functions of
 * the seam, at the end, take it: what stands above them is called by a thread that has the lock.
 *
 * What it can't do: let two threads work at once. They all wait for one lock, though mostly they
 * want nothing from each other. And there is a tag before each block. Stage 11 starts afresh.
 *
 *     A region begins with a header and ends with a fence, a tag alone, that is never free. Its
 *     size is the region's, so the way back to the header is known:
 *
 *     | region: next, prev, size | chunk | chunk | chunk | fence |      of REGION_SIZE, for many
 *     | region: next, prev, size | chunk                 | fence |      for one large block
 *
 *     The pages inside a free chunk are nobody's. They go back: they read as zero then, and cost
 *     nothing until they are written to.
 *
 *     | tag next prev ////|//page//|//page//|//page//|//// foot |
 *                         |<-------- go back ------->|
 *
 * (What a chunk looks like, and a bin, is drawn in bins.c.)
 *
 * Invariants
 *   1. From the first chunk of a region each size leads to the next tag, up to the fence, which is
 *      where the region ends. Sizes are multiples of ALIGNMENT, MIN_CHUNK at least.
 *   2. prev_used says whether the chunk below is used. The first has none, and says yes.
 *   3. The foot of a free chunk is its size.
 *   4. No two free chunks touch.
 *   5. Each free chunk is in the bin of its size, once, and nothing else is in a bin.
 *   6. In each ring, of a bin and of the regions, prev is the way back.
 *   7. The map has the bit of each bin that isn't empty, and no other.
 *   8. heap_used is the sum of the used chunks.
 */
#define _GNU_SOURCE /* mremap */
#include "bins.c"

#include <errno.h>
#include <sys/mman.h>

/* Bytes. Regions for many blocks have this size. What nobody has touched of one costs nothing. */
#define REGION_SIZE ((size_t)4 << 20)
/* Bytes. A chunk of this size has a region to itself. Its pages are new each time, and the kernel
 * clears each when it is first touched: for smaller ones it is better to use warm pages again. */
#define LARGE (REGION_SIZE / 4)
/* Bytes. Pages go back when so much less is used than at the peak, and a quarter less than it: what a
 * program frees it mostly wants again. */
#define PURGE_FALL ((size_t)8 << 20)

struct region {
    struct region *next, *prev; /* in the ring of all regions */
    size_t size;                /* bytes, whole pages */
};

_Static_assert((sizeof(struct region) + WORD) % ALIGNMENT == 0, "the first payload is aligned");

static struct region regions = {.next = &regions, .prev = &regions}; /* the sentinel */
static uintptr_t heap_low = UINTPTR_MAX, heap_high; /* no region ever was below, or above */

/* The chunk of a payload. One that can't be ours ends the program. */
static inline struct chunk *chunk_of(void *payload)
{
    struct chunk *chunk = (struct chunk *)((char *)payload - WORD);

    if ((uintptr_t)payload % ALIGNMENT != 0 || (uintptr_t)payload < heap_low ||
        (uintptr_t)payload >= heap_high)
        heap_die_locked("malloc: a pointer came back that malloc never gave.\n");
    if (!chunk_used(chunk))
        heap_die_locked("malloc: a block came back that is free already.\n");
    if (chunk->tag & FENCE || chunk_size(chunk) < MIN_CHUNK ||
        chunk_size(chunk) >= heap_high - (uintptr_t)chunk || !(chunk_above(chunk)->tag & PREV_USED))
        heap_die_locked(
            "malloc: a block came back whose tag is damaged, or that malloc never gave.\n");
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

/* Is it the only chunk of its region? */
static bool chunk_alone(struct chunk *chunk)
{
    struct chunk *above = chunk_above(chunk);

    return above->tag & FENCE && region_first(region_of(above)) == chunk;
}

/* The bytes of a region with a chunk of so many bytes. */
static size_t region_size_for(size_t size)
{
    return align_up(sizeof(struct region) + size + WORD, page_size());
}

/* Links a region in behind prev, as one used chunk with a fence above it. */
static struct chunk *region_set(struct region *region, struct region *prev, size_t size)
{
    struct chunk *chunk = region_first(region);

    *region = (struct region){.next = prev->next, .prev = prev, .size = size};
    prev->next->prev = region;
    prev->next = region;
    chunk->tag = (size - sizeof(struct region) - WORD) | THIS_USED | PREV_USED;
    region_fence(region)->tag = size | FENCE | THIS_USED | PREV_USED;
    heap_used += chunk_size(chunk);
    if (heap_low > (uintptr_t)region)
        heap_low = (uintptr_t)region;
    if (heap_high < (uintptr_t)region + size)
        heap_high = (uintptr_t)region + size;
    return chunk;
}

/* A used chunk of at least size bytes, alone in a new region; or NULL with ENOMEM. */
static struct chunk *region_new(size_t size)
{
    size_t bytes = region_size_for(size);
    struct region *region =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (region == MAP_FAILED) {
        errno = ENOMEM; /* after mlockall it may be EAGAIN */
        return NULL;
    }
    if (!heap_high)
        bins_init();
    return region_set(region, &regions, bytes);
}

/* Makes the region of a used chunk fit for size bytes, by moving pages. Its payload, or NULL, and
 * all is as it was. Keeps errno. */
static void *region_resize(struct region *region, size_t size)
{
    struct region *prev = region->prev, *moved;
    size_t old = region->size, bytes = region_size_for(size);
    int saved = errno;

    if (bytes == old)
        return payload_of(region_first(region));
    moved = mremap(region, old, bytes, MREMAP_MAYMOVE);
    errno = saved;
    if (moved == MAP_FAILED)
        return NULL;
    heap_used -= chunk_size(region_first(moved));
    prev->next = moved->next;
    moved->next->prev = prev;
    return payload_of(region_set(moved, prev, bytes));
}

/* Gives the region of a free chunk that is alone in it back; unless it has the usual size and hardly
 * another large chunk is free: then it would soon be asked for again. Keeps errno. */
static bool region_release(struct chunk *chunk, bool the_last_too)
{
    struct region *region = region_of(chunk_above(chunk)), *next = region->next,
                  *prev = region->prev;
    int saved = errno;
    bool kept;

    chunk_remove(chunk);
    kept =
        !the_last_too && region->size == REGION_SIZE && bin_from(bin_of(REGION_SIZE / 2)) == BINS;
    if (kept || munmap(region, region->size) != 0) {
        errno = saved;
        chunk_insert(chunk, chunk_size(chunk));
        return false;
    }
    next->prev = prev;
    prev->next = next;
    return true;
}

/* A free chunk as large as a new region; or NULL with ENOMEM. */
static struct chunk *heap_grow(void)
{
    struct chunk *chunk = region_new(REGION_SIZE - sizeof(struct region) - WORD);

    if (!chunk)
        return NULL;
    heap_used -= chunk_size(chunk);
    chunk_insert(chunk, chunk_size(chunk));
    return chunk;
}

/* Gives the pages inside a free chunk back, if there are any. */
static bool chunk_purge(struct chunk *chunk)
{
    const size_t page = page_size();
    uintptr_t start = align_up((uintptr_t)(chunk + 1), page);
    uintptr_t end = (uintptr_t)foot_below(chunk_above(chunk)) & ~(page - 1);

    return start < end && madvise((void *)start, end - start, MADV_DONTNEED) == 0;
}

/* Gives the pages inside all free chunks back. Rarely: it is a walk. Were there any? Keeps errno. */
static bool heap_purge(void)
{
    int saved = errno;
    bool any = false;

    for (unsigned bin = bin_from(bin_of(page_size())); bin < BINS; bin = bin_from(bin + 1))
        for (struct chunk *chunk = bins[bin].next; chunk != &bins[bin]; chunk = chunk->next)
            any |= chunk_purge(chunk);
    heap_peak = heap_used;
    errno = saved;
    return any;
}

/* There is no top whose bytes could be kept. */
static bool heap_trim(size_t keep)
{
    bool any;

    (void)keep;
    heap_lock();
    any = heap_purge();
    for (struct region *region = regions.next, *next; region != &regions; region = next) {
        next = region->next;
        if (!chunk_used(region_first(region)) && chunk_alone(region_first(region)))
            any |= region_release(region_first(region), true);
    }
    heap_unlock();
    return any;
}

static void *block_allocate(size_t size, size_t alignment);

/* A chunk of size bytes whose payload is a multiple of alignment: cut out of a larger one. What is
 * below it is given back as a chunk, so it is 0 bytes long, or MIN_CHUNK at least. */
static void *chunk_allocate_aligned(size_t size, size_t alignment)
{
    void *payload = block_allocate(size + alignment + MIN_CHUNK, 1);
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

static void *block_allocate(size_t size, size_t alignment)
{
    struct chunk *chunk;

    if (alignment > ALIGNMENT)
        return chunk_allocate_aligned(size, alignment);
    size = chunk_size_for(size);
    if (size >= LARGE) {
        chunk = region_new(size);
        return chunk ? payload_of(chunk) : NULL;
    }
    chunk = chunk_find(size);
    if (!chunk)
        chunk = heap_grow();
    if (!chunk)
        return NULL;
    chunk_take(chunk, size);
    return payload_of(chunk);
}

/* What is done after each block that came back: chunk is free. */
static void heap_settle(struct chunk *chunk)
{
    size_t fall = heap_peak - heap_used;

    if (chunk_alone(chunk))
        region_release(chunk, false);
    if (fall > PURGE_FALL && fall > heap_peak / 4)
        heap_purge();
}

/* Gives a used chunk room for size bytes from a free neighbour. False when that can't be. */
static bool chunk_grow(struct chunk *chunk, size_t size)
{
    struct chunk *above = chunk_above(chunk);

    if (chunk_used(above) || chunk_size(chunk) + chunk_size(above) < size)
        return false;
    chunk_remove(above);
    heap_used += chunk_size(above);
    chunk->tag += chunk_size(above);
    chunk_above(chunk)->tag |= PREV_USED;
    return true;
}

static void *block_resize(void *payload, size_t size)
{
    struct chunk *chunk = chunk_of(payload);

    size = chunk_size_for(size);
    if (chunk_alone(chunk) && chunk_size(chunk) >= LARGE)
        return region_resize(region_of(chunk_above(chunk)), size);
    if (size > chunk_size(chunk) && (size >= LARGE || !chunk_grow(chunk, size)))
        return NULL;
    chunk_cut(chunk, size);
    return payload;
}

/* A large block's pages are as the kernel gave them. */
static bool heap_is_zero(void *payload, size_t size)
{
    (void)payload;
    return chunk_size_for(size) >= LARGE;
}

/* Adds what is in a region. */
static void region_count(struct region *region, struct heap_totals *totals)
{
    struct chunk *chunk = region_first(region);

    if (chunk_used(chunk) && chunk_alone(chunk) && chunk_size(chunk) >= LARGE) {
        totals->mapped += region->size;
        totals->mapped_blocks++;
        return;
    }
    totals->held += region->size;
    for (; !(chunk->tag & FENCE); chunk = chunk_above(chunk)) {
        size_t size = chunk_used(chunk) ? 0 : chunk_size(chunk);

        totals->free += size;
        totals->free_chunks += size > 0;
        totals->top += size < page_size() ? 0 : size;
    }
}

static void *heap_allocate(size_t size, size_t alignment)
{
    void *payload;

    heap_lock();
    payload = block_allocate(size, alignment);
    heap_unlock();
    return payload;
}

static void heap_free(void *payload)
{
    heap_lock();
    heap_settle(chunk_release(chunk_of(payload)));
    heap_unlock();
}

static void *heap_resize(void *payload, size_t size)
{
    void *resized;

    heap_lock();
    resized = block_resize(payload, size);
    heap_unlock();
    return resized;
}

static size_t heap_usable_size(void *payload)
{
    size_t size;

    heap_lock();
    size = chunk_size(chunk_of(payload)) - WORD;
    heap_unlock();
    return size;
}

static struct heap_totals heap_count(void)
{
    struct heap_totals totals = {0};

    heap_lock();
    for (struct region *region = regions.next; region != &regions; region = region->next)
        region_count(region, &totals);
    heap_unlock();
    return totals;
}

#include "family.c"
