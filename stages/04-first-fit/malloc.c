/*
 * Stage 4: take the first free chunk that fits.
 *
 * malloc walks the list from its start and takes the first free chunk that is large enough. Only
 * when there is none does the heap grow.
 *
 * What it can't do: use a part of a chunk. 16 bytes may be answered with a free megabyte, and the
 * rest of the megabyte is out of use with them. Stage 5 cuts it off.
 *
 *     a used chunk                                      a free chunk
 *     +------+------+------+-------+------+------------+------+------+------+-------+------+---
 *     | next | prev | size | free: | data | payload:   | next | prev | size | free: | data | ///
 *     |      |      |      | false |  |   | size bytes |      |      |      | true  |      | ///
 *     +------+------+------+-------+--|---+------------+------+------+------+-------+------+---
 *     ^ header, 48 bytes on x86-64    +-->^ what malloc returned
 *
 *     The list is a ring. The sentinel, base, is a header with no payload:
 *
 *       base --next--> chunk --next--> chunk --next--> base       (and prev the other way)
 *
 * Invariants
 *   1. Going by next from base, chunks come in address order, aligned, inside the heap, without
 *      overlap, and the ring ends at base.
 *   2. prev is the way back: chunk->next->prev == chunk.
 *   3. size is a multiple of ALIGNMENT, not 0, and ends inside the heap.
 *   4. data points right behind the header. That makes a pointer ours.
 */
#include "inspect.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* Bytes. Any object may live in a block: long double and the SSE instructions want 16. */
#define ALIGNMENT ((size_t)16)
/* Bytes. sbrk's argument is signed: a larger one, with its header, would move the break down. */
#define MAX_REQUEST ((size_t)PTRDIFF_MAX - sizeof(struct chunk) - 2 * ALIGNMENT)
#define SBRK_FAILED ((void *)-1)

struct chunk {
    _Alignas(ALIGNMENT) struct chunk *next;
    struct chunk *prev;
    size_t size; /* of the payload, in bytes */
    bool free;
    void *data; /* the payload */
};

_Static_assert(ALIGNMENT >= _Alignof(max_align_t), "a block must suit any object");
_Static_assert(sizeof(struct chunk) % ALIGNMENT == 0, "an aligned header, an aligned payload");

static size_t align_up(size_t n)
{
    return (n + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}

static void *payload_of(struct chunk *chunk)
{
    return chunk + 1;
}

static char *chunk_end(struct chunk *chunk)
{
    return (char *)payload_of(chunk) + chunk->size;
}

static struct chunk base = {.next = &base, .prev = &base};

/* The chunk of a payload; NULL when the payload is not ours. libc's own memalign gives such, from
 * the same break: what lies between two of our chunks may be somebody else's. */
static struct chunk *chunk_of(void *payload)
{
    struct chunk *chunk;

    if (!payload || (uintptr_t)payload % ALIGNMENT != 0 || payload < base.next->data ||
        payload > base.prev->data)
        return NULL;
    chunk = (struct chunk *)payload - 1;
    return chunk->data == payload ? chunk : NULL;
}

/* Moves the break up; the first of size new bytes, aligned, or NULL with ENOMEM. The break is not
 * ours alone: whoever else moves it may leave it anywhere, so pad up to the next multiple. */
static void *heap_grow(size_t size)
{
    char *end = sbrk(0);
    size_t padding = align_up((uintptr_t)end) - (uintptr_t)end;

    if (end == SBRK_FAILED || sbrk((intptr_t)(padding + size)) == SBRK_FAILED)
        return NULL;
    return end + padding;
}

/* A new chunk at the end of the heap and of the list, or NULL. */
static struct chunk *chunk_append(size_t size)
{
    struct chunk *chunk = heap_grow(sizeof(struct chunk) + size);

    if (!chunk)
        return NULL;
    *chunk =
        (struct chunk){.next = &base, .prev = base.prev, .size = size, .data = payload_of(chunk)};
    base.prev->next = chunk;
    base.prev = chunk;
    return chunk;
}

/* First fit: the free chunk nearest to the heap's start with room for size bytes, or NULL. */
static struct chunk *chunk_find(size_t size)
{
    for (struct chunk *chunk = base.next; chunk != &base; chunk = chunk->next)
        if (chunk->free && chunk->size >= size)
            return chunk;
    return NULL;
}

/* C17 7.22.3.4: size bytes, or NULL with ENOMEM. malloc(0) is a block too. One thread only. */
void *malloc(size_t size)
{
    struct chunk *chunk;

    if (size > MAX_REQUEST) {
        errno = ENOMEM;
        return NULL;
    }
    size = align_up(size ? size : 1);
    chunk = chunk_find(size);
    if (!chunk)
        chunk = chunk_append(size);
    if (!chunk)
        return NULL;
    chunk->free = false;
    return chunk->data;
}

/* C17 7.22.3.3: gives payload back; NULL and pointers that are not ours are left alone. Keeps
 * errno. One thread only. */
void free(void *payload)
{
    struct chunk *chunk = chunk_of(payload);

    if (chunk)
        chunk->free = true;
}

/* C17 7.22.3.2: count times size bytes, all zero, or NULL with ENOMEM. One thread only. */
void *calloc(size_t count, size_t size)
{
    size_t total;
    void *payload;

    if (__builtin_mul_overflow(count, size, &total))
        total = SIZE_MAX; /* which malloc refuses */
    payload = malloc(total);
    return payload ? memset(payload, 0, total) : NULL;
}

/* C17 7.22.3.5: makes payload size bytes, here or elsewhere, or NULL with ENOMEM and payload as it
 * was; so too when it isn't ours. As in glibc, size 0 frees it and returns NULL. One thread only. */
void *realloc(void *payload, size_t size)
{
    struct chunk *chunk = chunk_of(payload);
    void *moved;

    if (!payload)
        return malloc(size);
    if (size == 0) {
        free(payload);
        return NULL;
    }
    if (!chunk) {
        errno = ENOMEM;
        return NULL;
    }
    if (size <= chunk->size)
        return payload;
    moved = malloc(size);
    if (!moved)
        return NULL;
    memcpy(moved, payload, chunk->size);
    free(payload);
    return moved;
}

static void heap_walk(heap_visit *visit, void *arg)
{
    for (struct chunk *chunk = base.next; chunk != &base; chunk = chunk->next)
        if (!visit(&(struct heap_chunk){chunk, chunk->data, chunk->size, !chunk->free}, arg))
            return;
}

/* Reads a header only once invariant 1 holds for its address: a broken link is never followed. */
static bool heap_check(struct heap_fault *fault)
{
    char *end = sbrk(0);
    struct chunk *last = &base;

    for (struct chunk *chunk = base.next; chunk != &base; last = chunk, chunk = chunk->next) {
        if ((uintptr_t)chunk % ALIGNMENT != 0 || (char *)chunk > end - sizeof(struct chunk) ||
            (last != &base && (char *)chunk < chunk_end(last)))
            return heap_broken(fault, 1, "next leads out of order or out of the heap", last);
        if (chunk->prev != last)
            return heap_broken(fault, 2, "prev is not the chunk before", chunk);
        if (chunk->size == 0 || chunk->size % ALIGNMENT != 0 ||
            chunk->size > (size_t)(end - (char *)payload_of(chunk)))
            return heap_broken(fault, 3, "size is not a payload's", chunk);
        if (chunk->data != payload_of(chunk))
            return heap_broken(fault, 4, "data is not behind the header", chunk);
    }
    return base.prev == last || heap_broken(fault, 2, "base.prev is not the last chunk", last);
}

const struct heap_inspect heap_inspect = {
    HEAP_INSPECT_VERSION, 4,     "04-first-fit",           heap_walk,
    heap_check,           &base, HEAP_LAYOUT(struct chunk)};
