/*
 * Stage 8d: find memory without a loop.
 *
 * TLSF, two-level segregated fit: for programs that must know beforehand how long malloc takes at
 * most. Two levels of bits tell which bins hold a chunk, and a request is rounded up to where a bin
 * begins, so the first chunk that is found always fits. No loop in malloc, none in free. Masmano,
 * Ripoll, Crespo, Real: TLSF: a New Dynamic Memory Allocator for Real-Time Systems, ECRTS 2004.
 *
 * What it can't do: bound the time of a system call. Who has a deadline takes the memory
 * beforehand. A chunk that would fit may be passed over, for its bin has smaller ones too. Pages go
 * back by whole regions only: see stage 9.
 *
 *     a used chunk                          a free chunk
 *     | tag | payload: size - 8 bytes    |  | tag | next | prev | //////////// | size |
 *           ^ what malloc returned                ^ in its bin                 ^ foot
 *
 *     | region: next, prev, size | chunk | chunk | chunk | fence |     fence: a tag, never free
 *
 *     Each doubling of the size has 32 bins, and a word with a bit for each; the map has a bit for
 *     each doubling:
 *
 *       map           0 1 0 1 ...             doublings: below 512, 512, 1024, 2048, ...
 *                       |   |
 *       bin_maps[1]     0 0 1 0 ...           bins: 512, 528, 544, 560, ...
 *                           |
 *       bins[34]            chunk <-> chunk   of 544 to 559 bytes
 *
 * Invariants
 *   1. From the first chunk of a region each size leads to the next tag, up to the fence, which is
 *      where the region ends. Sizes are multiples of ALIGNMENT, MIN_CHUNK at least.
 *   2. prev_used says whether the chunk below is used. The first has none, and says yes.
 *   3. The foot of a free chunk is its size.
 *   4. No two free chunks touch.
 *   5. Each free chunk is in the bin of its size, once, and nothing else is in a bin.
 *   6. In each bin, and in the ring of regions, prev is the way back.
 *   7. A doubling's map has the bit of each of its bins that isn't empty, and no other.
 *   8. The map has the bit of each doubling whose own map isn't 0, and no other.
 */
#define _GNU_SOURCE /* mremap */
#include "heap.h"

#include <errno.h>
#include <sys/mman.h>

/* Bytes. Any object may live in a block: long double and the SSE instructions want 16. */
#define ALIGNMENT ((size_t)16)
/* Bytes of a tag, and of a foot. */
#define WORD sizeof(size_t)
#define WORD_BITS (8 * (unsigned)WORD)
/* Bytes. What a free chunk needs: tag, next, prev, foot. A rest below this stays with the chunk. */
#define MIN_CHUNK (4 * WORD)
/* The bits of a tag that are no size. */
#define THIS_USED ((size_t)1) /* the program has it, or it is a fence */
#define PREV_USED ((size_t)2) /* so the chunk below */
#define FENCE ((size_t)4)     /* the region ends here, and the size is the region's */
#define TAG_BITS (ALIGNMENT - 1)

/* A doubling has 2 to this power of bins: the more, the less is passed over. */
#ifndef SECOND_BITS
#define SECOND_BITS 5u
#endif
#define SECONDS (1u << SECOND_BITS)
/* Below 2 to this power of bytes each size has a bin of its own. All of these are doubling 0. */
#define EXACT_BITS (SECOND_BITS + 4)
#define EXACT ((size_t)1 << EXACT_BITS)
#define DOUBLINGS (WORD_BITS - EXACT_BITS + 1)
#define BINS (DOUBLINGS * SECONDS)

/* Bytes. A new region has a chunk of so many at least. A bin begins there: so a request of up to as
 * many finds the chunk of an empty region, rounded up or not. */
#define REGION_ROOM ((size_t)1 << 20)

struct chunk {
    size_t tag;         /* bytes from here to the next tag, and the bits above */
    struct chunk *next; /* in its bin, while it is free; the payload of a used one begins here */
    struct chunk *prev; /* NULL: it is the first */
};

struct region {
    struct region *next, *prev; /* in the ring of all regions */
    size_t size;                /* bytes, whole pages */
};

_Static_assert(ALIGNMENT >= _Alignof(max_align_t), "a block must suit any object");
_Static_assert(MIN_CHUNK == sizeof(struct chunk) + WORD, "a free chunk has room for its foot");
_Static_assert((sizeof(struct region) + WORD) % ALIGNMENT == 0, "the first payload is aligned");
_Static_assert(EXACT == SECONDS * ALIGNMENT, "doubling 0 has a bin for each multiple");
_Static_assert(SECONDS <= 8 * sizeof(unsigned), "a doubling's map is one word");

static struct chunk *bins[BINS]; /* the first of each, or NULL */
static unsigned bin_maps[DOUBLINGS];
static size_t map;
static struct region regions = {.next = &regions, .prev = &regions}; /* the sentinel */
static uintptr_t heap_low = UINTPTR_MAX, heap_high; /* no region ever was below, or above */

static size_t align_up(size_t n, size_t alignment)
{
    return (n + alignment - 1) & ~(alignment - 1);
}

static void *payload_of(struct chunk *chunk)
{
    return (char *)chunk + WORD;
}

static size_t chunk_size(const struct chunk *chunk)
{
    return chunk->tag & ~TAG_BITS;
}

static bool chunk_used(const struct chunk *chunk)
{
    return chunk->tag & THIS_USED;
}

static struct chunk *chunk_at(struct chunk *chunk, size_t offset)
{
    return (struct chunk *)((char *)chunk + offset);
}

static struct chunk *chunk_above(struct chunk *chunk)
{
    return chunk_at(chunk, chunk_size(chunk));
}

/* The last word of the chunk below: its size, if it is free. */
static size_t *foot_below(struct chunk *chunk)
{
    return (size_t *)chunk - 1;
}

/* The bytes of a chunk with room for a payload of size bytes. */
static size_t chunk_size_for(size_t size)
{
    size = align_up(size + WORD, ALIGNMENT);
    return size < MIN_CHUNK ? MIN_CHUNK : size;
}

/* The chunk of a payload. One that can't be ours ends the program. */
static struct chunk *chunk_of(void *payload)
{
    struct chunk *chunk = (struct chunk *)((char *)payload - WORD);

    if ((uintptr_t)payload % ALIGNMENT != 0 || (uintptr_t)payload < heap_low ||
        (uintptr_t)payload >= heap_high)
        heap_die("malloc: a pointer came back that malloc never gave.\n");
    if (!chunk_used(chunk))
        heap_die("malloc: a block came back that is free already.\n");
    if (chunk->tag & FENCE || chunk_size(chunk) < MIN_CHUNK ||
        chunk_size(chunk) >= heap_high - (uintptr_t)chunk || !(chunk_above(chunk)->tag & PREV_USED))
        heap_die("malloc: a block came back whose tag is damaged, or that malloc never gave.\n");
    return chunk;
}

/* The number of a size's highest bit; of the small ones, EXACT's. */
static unsigned high_bit(size_t size)
{
    return WORD_BITS - 1 - (unsigned)__builtin_clzl(size | EXACT);
}

/* The bin of chunks of so many bytes: the highest bit tells the doubling, the next ones the bin. */
static unsigned bin_of(size_t size)
{
    unsigned bit = high_bit(size);

    return (bit - EXACT_BITS) * SECONDS + (unsigned)(size >> (bit - SECOND_BITS));
}

/* A size rounded up to where a bin begins: there and above every chunk has room for it. */
static size_t bin_round_up(size_t size)
{
    return align_up(size, (size_t)1 << (high_bit(size) - SECOND_BITS));
}

/* The first chunk of the first bin in which each has room for size bytes; or NULL. */
static struct chunk *chunk_find(size_t size)
{
    unsigned bin = bin_of(bin_round_up(size)), doubling = bin / SECONDS;
    unsigned fitting = bin_maps[doubling] & ~0u << bin % SECONDS;
    size_t larger = map & ~(size_t)1 << doubling;

    if (!fitting && !larger)
        return NULL;
    if (!fitting) {
        doubling = (unsigned)__builtin_ctzl(larger);
        fitting = bin_maps[doubling];
    }
    return bins[doubling * SECONDS + (unsigned)__builtin_ctz(fitting)];
}

/* Puts a free chunk into its bin, and tells the chunk above. */
static void chunk_insert(struct chunk *chunk)
{
    unsigned bin = bin_of(chunk_size(chunk));
    struct chunk *above = chunk_above(chunk);

    *foot_below(above) = chunk_size(chunk);
    above->tag &= ~PREV_USED;
    chunk->prev = NULL;
    chunk->next = bins[bin];
    if (chunk->next)
        chunk->next->prev = chunk;
    bins[bin] = chunk;
    bin_maps[bin / SECONDS] |= 1u << bin % SECONDS;
    map |= (size_t)1 << bin / SECONDS;
}

/* Takes a free chunk out of its bin. */
static void chunk_remove(struct chunk *chunk)
{
    unsigned bin = bin_of(chunk_size(chunk)), doubling = bin / SECONDS;
    struct chunk *next = chunk->next, *prev = chunk->prev;
    struct chunk **link = prev ? &prev->next : &bins[bin];

    if (*link != chunk || (next && next->prev != chunk))
        heap_die("malloc: the links of a free chunk are damaged: freed memory was written to.\n");
    *link = next;
    if (next)
        next->prev = prev;
    if (bins[bin])
        return;
    bin_maps[doubling] &= ~(1u << bin % SECONDS);
    if (!bin_maps[doubling])
        map &= ~((size_t)1 << doubling);
}

/* Makes a free chunk a used one. */
static void chunk_use(struct chunk *chunk)
{
    chunk_remove(chunk);
    chunk->tag |= THIS_USED;
    chunk_above(chunk)->tag |= PREV_USED;
}

/* Joins a chunk that is in no bin and the one above, if that is free. */
static void chunk_merge_above(struct chunk *chunk)
{
    struct chunk *above = chunk_above(chunk);

    if (chunk_used(above))
        return;
    chunk_remove(above);
    chunk->tag += chunk_size(above);
}

/* Joins a free chunk that is in no bin and the one below, if that is free. The whole. */
static struct chunk *chunk_merge_below(struct chunk *chunk)
{
    struct chunk *below;

    if (chunk->tag & PREV_USED)
        return chunk;
    below = (struct chunk *)((char *)chunk - *foot_below(chunk));
    chunk_remove(below);
    below->tag += chunk_size(chunk);
    return below;
}

/* Cuts a used chunk to size bytes. What is over becomes free, if it can be a chunk. A large block
 * shares its region with nobody: so it can grow, shrink and go back. */
static void chunk_split(struct chunk *chunk, size_t size)
{
    size_t over = chunk_size(chunk) - size;
    struct chunk *rest = chunk_at(chunk, size);

    if (over < MIN_CHUNK || size > REGION_ROOM)
        return;
    chunk->tag -= over;
    rest->tag = over | PREV_USED;
    chunk_merge_above(rest);
    chunk_insert(rest);
}

/* Cuts a used chunk so that its payload is a multiple of alignment. What lies below becomes a free
 * chunk, so it is 0 bytes long, or MIN_CHUNK at least. */
static struct chunk *chunk_align(struct chunk *whole, size_t alignment)
{
    size_t lead = -(uintptr_t)payload_of(whole) & (alignment - 1);
    struct chunk *chunk;

    if (lead == 0)
        return whole;
    if (lead < MIN_CHUNK)
        lead += alignment;
    chunk = chunk_at(whole, lead);
    chunk->tag = (chunk_size(whole) - lead) | THIS_USED;
    whole->tag = lead | PREV_USED;
    chunk_insert(whole);
    return chunk;
}

/* Is it the only chunk of its region? */
static bool chunk_alone(struct chunk *chunk)
{
    struct chunk *above = chunk_above(chunk);

    return above->tag & FENCE &&
           (char *)payload_of(above) - chunk_size(above) == (char *)chunk - sizeof(struct region);
}

/* Makes a region one used chunk and a fence, and tells its neighbours in the ring. */
static struct chunk *region_set(struct region *region, size_t bytes)
{
    struct chunk *chunk = (struct chunk *)(region + 1);

    region->size = bytes;
    region->next->prev = region->prev->next = region;
    if (heap_low > (uintptr_t)region)
        heap_low = (uintptr_t)region;
    if (heap_high < (uintptr_t)region + bytes)
        heap_high = (uintptr_t)region + bytes;
    chunk->tag = (bytes - sizeof(struct region) - WORD) | THIS_USED | PREV_USED;
    chunk_above(chunk)->tag = bytes | FENCE | THIS_USED | PREV_USED;
    return chunk;
}

/* The bytes of a region with a chunk of so many bytes. */
static size_t region_size_for(size_t size)
{
    return align_up(sizeof(struct region) + size + WORD, page_size());
}

/* A used chunk of at least size bytes, alone in a new region; or NULL with ENOMEM. It takes as long
 * as the system likes. */
static struct chunk *region_new(size_t size)
{
    size_t bytes = region_size_for(size > REGION_ROOM ? size : REGION_ROOM);
    struct region *region =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (region == MAP_FAILED) {
        errno = ENOMEM; /* after mlockall it may be EAGAIN */
        return NULL;
    }
    region->next = regions.next;
    region->prev = &regions;
    return region_set(region, bytes);
}

/* Gives a chunk that is alone room for size bytes, by moving pages. Its payload; or NULL, and it is
 * as it was. Keeps errno. */
static void *region_resize(struct chunk *chunk, size_t size)
{
    struct region *region = (struct region *)chunk - 1;
    size_t bytes = region_size_for(size);
    int saved = errno;

    region = mremap(region, region->size, bytes, MREMAP_MAYMOVE);
    errno = saved;
    return region == MAP_FAILED ? NULL : payload_of(region_set(region, bytes));
}

/* Gives the region of a free chunk that is alone, and in no bin, back. But one of the usual size
 * stays while little else is free: a block that comes and goes would be two system calls each time.
 * False: it stays. Keeps errno. */
static bool region_release(struct chunk *chunk)
{
    struct region *region = (struct region *)chunk - 1, *next = region->next, *prev = region->prev;
    int saved = errno;

    if (chunk_size(chunk) / REGION_ROOM == 1 && !chunk_find(REGION_ROOM / 2))
        return false;
    if (munmap(region, region->size) != 0) {
        errno = saved;
        return false;
    }
    next->prev = prev;
    prev->next = next;
    return true;
}

static void *heap_allocate(size_t size, size_t alignment)
{
    size_t wanted = chunk_size_for(size);
    size_t room = alignment <= ALIGNMENT ? wanted : wanted + alignment + MIN_CHUNK;
    struct chunk *chunk = chunk_find(room);

    if (chunk)
        chunk_use(chunk);
    else
        chunk = region_new(room);
    if (!chunk)
        return NULL;
    if (alignment > ALIGNMENT)
        chunk = chunk_align(chunk, alignment);
    chunk_split(chunk, wanted);
    return payload_of(chunk);
}

static void heap_free(void *payload)
{
    struct chunk *chunk = chunk_of(payload);

    chunk->tag &= ~THIS_USED; /* seen, should this pointer come back, even when merged away */
    chunk_merge_above(chunk);
    chunk = chunk_merge_below(chunk);
    if (!chunk_alone(chunk) || !region_release(chunk))
        chunk_insert(chunk);
}

/* A large block is resized with its region; any other may grow into the chunk above. */
static void *heap_resize(void *payload, size_t size)
{
    struct chunk *chunk = chunk_of(payload), *above = chunk_above(chunk);
    size_t wanted = chunk_size_for(size), room = chunk_size(chunk);

    if (room > REGION_ROOM && chunk_alone(chunk))
        return region_resize(chunk, wanted);
    if (!chunk_used(above))
        room += chunk_size(above);
    if (room < wanted)
        return NULL;
    if (chunk_size(chunk) < wanted) {
        chunk_merge_above(chunk);
        chunk_above(chunk)->tag |= PREV_USED;
    }
    chunk_split(chunk, wanted);
    return payload;
}

static size_t heap_usable_size(void *payload)
{
    return chunk_size(chunk_of(payload)) - WORD;
}

/* Not known: a chunk may have been used before. */
static bool heap_is_zero(void *payload, size_t size)
{
    (void)payload;
    (void)size;
    return false;
}

/* What can go back has gone; but for one region, perhaps, which is wanted again. */
static bool heap_trim(size_t keep)
{
    (void)keep;
    return false;
}

static struct heap_totals heap_count(void)
{
    struct heap_totals totals = {0};

    for (struct region *region = regions.next; region != &regions; region = region->next) {
        struct chunk *chunk = (struct chunk *)(region + 1);

        totals.held += region->size;
        for (; !(chunk->tag & FENCE); chunk = chunk_above(chunk)) {
            totals.free += chunk_used(chunk) ? 0 : chunk_size(chunk);
            totals.free_chunks += !chunk_used(chunk);
        }
    }
    return totals;
}

#include "family.c"
