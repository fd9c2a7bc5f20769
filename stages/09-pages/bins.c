/*
 * bins.c - chunks, with a tag at each end, and the bins in which the free ones lie. A part of heap.c,
 * where the invariants stand.
 *
 *     a used chunk                          a free chunk
 *     +-----------+----------------------+  +-----------+------+------+-----------------+------+
 *     | tag: size | payload:             |  | tag: size | next | prev | /////////////// | size |
 *     | this_used | size - 8 bytes       |  |           |      |      | /////////////// |      |
 *     +-----------+----------------------+  +-----------+------+------+-----------------+------+
 *     ^ 8 bytes   ^ what malloc returned    ^ in its bin: 32 bytes at least               ^ foot
 *
 *     A size is a multiple of 16, so four bits of a tag are left for other things. Each tag says
 *     of the chunk below, too, whether it is used: only if not, its foot is there to be read. To
 *     merge takes two looks, one up and one down:
 *
 *     | tag ... foot | tag ... payload ... | tag ...
 *            free    ^ prev_used is 0      ^ this_used is 0: free
 *
 *     The bins are rings, and bins[i] is the sentinel of each:
 *
 *       bins[i] --next--> free chunk --next--> free chunk --next--> bins[i]      (and prev back)
 */
#include "heap.h"

/* Bytes. Any object may live in a block: long double and the SSE instructions want 16. */
#define ALIGNMENT ((size_t)16)
/* Bytes of a tag, and of a foot. */
#define WORD sizeof(size_t)
/* Bytes. What a free chunk needs: tag, next, prev, foot. A rest below this stays with the chunk. */
#define MIN_CHUNK (4 * WORD)
/* The bits of a tag that are no size. */
#define THIS_USED ((size_t)1) /* the program has it, or it is a fence */
#define PREV_USED ((size_t)2) /* so the chunk below */
#define FENCE ((size_t)4)     /* the end of a region, and its size is the region's */
#define TAG_BITS (ALIGNMENT - 1)

/* Chunks of up to this many bytes have bins of one size each. */
#define MAX_EXACT ((size_t)1024 - ALIGNMENT)
/* Larger ones share a bin: four for each doubling of the size, from 2 to the power of 10 on. */
#define FIRST_DOUBLING 10u
#define EXACT_BINS ((unsigned)(MAX_EXACT / ALIGNMENT) + 1)
#define WORD_BITS (8 * (unsigned)WORD)
#define BINS (EXACT_BINS + 4 * (WORD_BITS - FIRST_DOUBLING))
/* So many chunks of a shared bin are looked at, and the best is taken. Bounded: that's no walk. */
#define MAX_LOOKS 8

struct chunk {
    size_t tag;         /* bytes from here to the next tag, and the bits above */
    struct chunk *next; /* in its bin, while it is free; the payload of a used one begins here */
    struct chunk *prev;
};

_Static_assert(ALIGNMENT >= _Alignof(max_align_t), "a block must suit any object");
_Static_assert(MIN_CHUNK % ALIGNMENT == 0, "the least chunk is a chunk");
_Static_assert(MIN_CHUNK == sizeof(struct chunk) + WORD, "a free chunk has room for its foot");
_Static_assert(MAX_EXACT + ALIGNMENT == 1 << FIRST_DOUBLING,
               "shared bins begin where exact ones end");

static struct chunk bins[BINS];
static size_t bin_map[(BINS + WORD_BITS - 1) / WORD_BITS];
static size_t heap_used, heap_peak; /* bytes in used chunks: now, and at the peak */

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

static struct chunk *chunk_below(struct chunk *chunk)
{
    return (struct chunk *)((char *)chunk - *foot_below(chunk));
}

/* The bytes of a chunk with room for a payload of size bytes. */
static size_t chunk_size_for(size_t size)
{
    size = align_up(size + WORD, ALIGNMENT);
    return size < MIN_CHUNK ? MIN_CHUNK : size;
}

/* The bin of chunks of so many bytes. */
static unsigned bin_of(size_t size)
{
    unsigned doubling;

    if (size <= MAX_EXACT)
        return (unsigned)(size / ALIGNMENT);
    doubling = (unsigned)__builtin_clzl(size) ^ (WORD_BITS - 1); /* the highest bit that is 1 */
    return EXACT_BINS + 4 * (doubling - FIRST_DOUBLING) + (unsigned)(size >> (doubling - 2)) - 4;
}

/* The first bin from this one on that isn't empty, or BINS. */
static unsigned bin_from(unsigned bin)
{
    size_t word;

    for (; bin < BINS; bin = (bin / WORD_BITS + 1) * WORD_BITS) {
        word = bin_map[bin / WORD_BITS] >> bin % WORD_BITS;
        if (word)
            return bin + (unsigned)__builtin_ctzl(word);
    }
    return BINS;
}

static void bins_init(void)
{
    for (unsigned bin = 0; bin < BINS; bin++)
        bins[bin].next = bins[bin].prev = &bins[bin];
}

/* Makes bytes from chunk on, whose neighbours are used, a free chunk in its bin. */
static inline void chunk_insert(struct chunk *chunk, size_t size)
{
    unsigned bin = bin_of(size);
    struct chunk *above = chunk_at(chunk, size), *prev = &bins[bin], *next = prev->next;

    chunk->tag = size | PREV_USED;
    *foot_below(above) = size;
    above->tag &= ~PREV_USED;
    chunk->prev = prev;
    chunk->next = next;
    prev->next = next->prev = chunk;
    bin_map[bin / WORD_BITS] |= (size_t)1 << bin % WORD_BITS;
}

/* Takes a free chunk out of its bin. */
static inline void chunk_remove(struct chunk *chunk)
{
    struct chunk *next = chunk->next, *prev = chunk->prev;
    unsigned bin = bin_of(chunk_size(chunk));

    if (next->prev != chunk || prev->next != chunk)
        heap_die("malloc: the links of a free chunk are damaged: freed memory was written to.\n");
    next->prev = prev;
    prev->next = next;
    /* Equal: only the sentinel is left. No if: the processor would guess, and often wrong. */
    bin_map[bin / WORD_BITS] &= ~((size_t)(next == prev) << bin % WORD_BITS);
}

/* Gives a used chunk back, joined with the free chunks that it touches. Returns it. */
static struct chunk *chunk_release(struct chunk *chunk)
{
    struct chunk *above = chunk_above(chunk), *below;
    size_t size = chunk_size(chunk);

    if (heap_peak < heap_used)
        heap_peak = heap_used;
    heap_used -= size;
    chunk->tag &= ~THIS_USED; /* seen, should this pointer come back, even when merged away */
    if (!chunk_used(above)) {
        chunk_remove(above);
        size += chunk_size(above);
    }
    if (!(chunk->tag & PREV_USED)) {
        below = chunk_below(chunk);
        chunk_remove(below);
        size += chunk_size(below);
        chunk = below;
    }
    chunk_insert(chunk, size);
    return chunk;
}

/* Cuts a used chunk to size bytes; what is over is given back, if it can be a chunk. */
static void chunk_cut(struct chunk *chunk, size_t size)
{
    size_t rest = chunk_size(chunk) - size;

    if (rest < MIN_CHUNK)
        return;
    chunk->tag -= rest;
    chunk_above(chunk)->tag = rest | THIS_USED | PREV_USED;
    chunk_release(chunk_above(chunk));
}

/* Makes size bytes of a free chunk a used one. The rest stays free. */
static void chunk_take(struct chunk *chunk, size_t size)
{
    size_t rest = chunk_size(chunk) - size;

    chunk_remove(chunk);
    if (rest < MIN_CHUNK) {
        chunk->tag |= THIS_USED;
        chunk_above(chunk)->tag |= PREV_USED;
    } else {
        chunk->tag = size | THIS_USED | PREV_USED;
        chunk_insert(chunk_above(chunk), rest);
    }
    heap_used += chunk_size(chunk);
}

/* Good fit: the best of the first chunks of a bin with room for size bytes, or NULL. */
static struct chunk *bin_fit(unsigned bin, size_t size)
{
    struct chunk *best = NULL, *chunk = bins[bin].next;

    for (unsigned looks = 0; chunk != &bins[bin] && looks < MAX_LOOKS; looks++) {
        if (chunk_size(chunk) >= size && (!best || chunk_size(chunk) < chunk_size(best)))
            best = chunk;
        chunk = chunk->next;
    }
    return best;
}

/* A free chunk of at least size bytes, or NULL: from the bin of this size, else from the next one
 * that has any, where each is large enough. */
static inline struct chunk *chunk_find(size_t size)
{
    unsigned own = bin_of(size), bin = bin_from(own);
    struct chunk *chunk = NULL;

    if (own >= EXACT_BINS && bin == own) {
        chunk = bin_fit(own, size);
        if (!chunk)
            bin = bin_from(own + 1);
    }
    return chunk || bin == BINS ? chunk : bins[bin].next;
}
