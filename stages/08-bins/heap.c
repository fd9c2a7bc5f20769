/*
 * Stage 8: find memory without a walk.
 *
 * Free chunks lie in bins, lists by size, and a map tells which bins hold any: malloc goes straight
 * to a chunk that fits. Tags at both ends of a chunk lead to its neighbours, so there is no list of
 * all chunks any more. malloc, free and the rest of the family stand in common/family.c.
 *
 * What it can't do: take memory from elsewhere than the one program break, which it shares. Memory
 * goes back at its top only. Stage 9 asks the system for pages.
 *
 *     The heap ends at a fence, a tag alone, that is never free. Did somebody else move the break,
 *     then the old fence grows over what is theirs, and our next chunk stands behind it:
 *
 *     | chunk | chunk | fence |                      | chunk | fence |     somebody else's |
 *                                                                    ^ becomes a chunk's tag, when
 *     | chunk | chunk | fence: somebody else's bytes | chunk | fence |     nothing lies above
 *
 * (What a chunk looks like, and a bin, is drawn in bins.c.)
 *
 * Invariants
 *   1. From heap_start, each size leads to the next tag, up to heap_end. Sizes are multiples of
 *      ALIGNMENT, MIN_CHUNK at least; a fence's may be ALIGNMENT, and heap_end's is 0.
 *   2. prev_used says whether the chunk below is used. The first has none, and says yes.
 *   3. The foot of a free chunk is its size.
 *   4. No two free chunks touch.
 *   5. Each free chunk is in the bin of its size, once, and nothing else is in a bin.
 *   6. In each ring prev is the way back.
 *   7. The map has the bit of each bin that isn't empty, and no other.
 */
#include "bins.c"

#include <errno.h>

/* Bytes. The break moves in steps of these, because each move is a system call. */
#define GROW_STEP ((size_t)128 * 1024)
/* Bytes. With so many at the top of the heap all but one step go back. Several steps, or a block
 * that comes and goes there would be a system call each time. */
#define TRIM_THRESHOLD (4 * GROW_STEP)
#define SBRK_FAILED ((void *)-1)

_Static_assert(2 * GROW_STEP <= HEAP_MARGIN, "the family left room for a step");

static struct chunk *heap_start, *heap_end; /* the first chunk, and the fence above the last */

/* The chunk of a payload. One that can't be ours ends the program. */
static inline struct chunk *chunk_of(void *payload)
{
    struct chunk *chunk = (struct chunk *)((char *)payload - WORD);

    if ((uintptr_t)payload % ALIGNMENT != 0 || chunk < heap_start || chunk >= heap_end)
        heap_die("malloc: a pointer came back that malloc never gave.\n");
    if (!chunk_used(chunk))
        heap_die("malloc: a block came back that is free already.\n");
    if (chunk->tag & FENCE || chunk_size(chunk) < MIN_CHUNK ||
        chunk_size(chunk) > (size_t)((char *)heap_end - (char *)chunk) ||
        !(chunk_above(chunk)->tag & PREV_USED))
        heap_die("malloc: a block came back whose tag is damaged, or that malloc never gave.\n");
    return chunk;
}

/* The bytes of the free chunk at the top of the heap; 0: there is none. */
static size_t top_size(void)
{
    return heap_end && !(heap_end->tag & PREV_USED) ? *foot_below(heap_end) : 0;
}

/* Does the program break still stand where the heap ends? */
static bool heap_at_break(void)
{
    return heap_end && payload_of(heap_end) == sbrk(0);
}

/* The heap ends here, above a used chunk. */
static void fence_set(struct chunk *fence)
{
    fence->tag = FENCE | THIS_USED | PREV_USED;
    heap_end = fence;
}

/* The free chunk at the top, made size bytes long at least; or NULL with ENOMEM. Where the heap still
 * ends at the break, its fence becomes the tag of what is new. Else somebody else's memory lies in
 * between, or this is the start: the break may stand anywhere, and payloads must be aligned. */
static struct chunk *heap_grow(size_t size)
{
    bool goes_on = heap_at_break();
    char *end = sbrk(0), *payload = (char *)align_up((uintptr_t)end + WORD, ALIGNMENT);
    struct chunk *chunk = goes_on ? heap_end : (struct chunk *)(payload - WORD);
    size_t grown = align_up(goes_on ? size - top_size() : size, GROW_STEP);

    if (top_size() >= size) /* bin_fit looks at a few chunks only: it was not among them */
        return chunk_below(heap_end);
    if (end == SBRK_FAILED || sbrk((char *)chunk + grown + WORD - end) == SBRK_FAILED)
        return NULL;
    if (!heap_end) {
        bins_init();
        heap_start = chunk;
    } else if (!goes_on) {
        heap_end->tag |= (size_t)((char *)chunk - (char *)heap_end);
    }
    chunk->tag = grown | THIS_USED | (goes_on ? chunk->tag & PREV_USED : PREV_USED);
    fence_set(chunk_above(chunk));
    chunk_release(chunk);
    return chunk_below(heap_end);
}

/* Gives the top but for keep bytes back, if the heap ends at the break: above it somebody else's
 * memory may lie. A chunk stays. */
static bool heap_trim(size_t keep)
{
    size_t size = top_size(), over = size > MIN_CHUNK ? size - MIN_CHUNK : 0;
    size_t back = over > keep ? (over - keep) & ~TAG_BITS : 0;
    struct chunk *top;
    int saved = errno;
    bool trimmed;

    if (back == 0)
        return false;
    top = chunk_below(heap_end); /* asked of its foot, which goes back too */
    trimmed = heap_at_break() && sbrk(-(intptr_t)back) != SBRK_FAILED;
    if (trimmed) {
        chunk_remove(top);
        fence_set(chunk_at(top, size - back));
        chunk_insert(top, size - back);
    }
    errno = saved;
    return trimmed;
}

/* What is done after each block that came back. */
static void heap_trim_large(void)
{
    if (top_size() >= TRIM_THRESHOLD)
        heap_trim(GROW_STEP);
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
    chunk = chunk_find(size);
    if (!chunk)
        chunk = heap_grow(size);
    if (!chunk)
        return NULL;
    chunk_take(chunk, size);
    return payload_of(chunk);
}

static void heap_free(void *payload)
{
    chunk_release(chunk_of(payload));
    heap_trim_large();
}

/* Gives a used chunk room for size bytes where it is: from a free neighbour, by moving the break, or
 * from both. False when there is none, and the chunk is as it was. Keeps errno. */
static bool chunk_grow(struct chunk *chunk, size_t size)
{
    struct chunk *above = chunk_above(chunk);
    size_t missing = size - chunk_size(chunk);
    size_t room = chunk_used(above) ? 0 : chunk_size(above);
    int saved = errno;

    if (room < missing && chunk_at(above, room) == heap_end && heap_at_break())
        heap_grow(missing);
    errno = saved;
    if (chunk_used(above) || chunk_size(above) < missing)
        return false;
    chunk_remove(above);
    chunk->tag += chunk_size(above);
    chunk_above(chunk)->tag |= PREV_USED;
    return true;
}

static void *heap_resize(void *payload, size_t size)
{
    struct chunk *chunk = chunk_of(payload);

    size = chunk_size_for(size);
    if (size > chunk_size(chunk) && !chunk_grow(chunk, size))
        return NULL;
    chunk_cut(chunk, size);
    heap_trim_large();
    return payload;
}

static size_t heap_usable_size(void *payload)
{
    return chunk_size(chunk_of(payload)) - WORD;
}

/* Never: memory above the break may have been somebody else's before. */
static bool heap_is_zero(void *payload, size_t size)
{
    (void)payload;
    (void)size;
    return false;
}

static struct heap_totals heap_count(void)
{
    struct heap_totals totals = {.top = top_size()};

    for (struct chunk *chunk = heap_start; chunk != heap_end; chunk = chunk_above(chunk)) {
        if (!(chunk->tag & FENCE))
            totals.held += chunk_size(chunk);
        if (!chunk_used(chunk)) {
            totals.free += chunk_size(chunk);
            totals.free_chunks++;
        }
    }
    return totals;
}

#include "family.c"
