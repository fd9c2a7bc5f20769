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
 *     | next | prev | size | free: | mark | payload:   | next | prev | size | free: | mark | ///
 *     |      |      |      | false |      | size bytes |      |      |      | true  |      | ///
 *     +------+------+------+-------+------+------------+------+------+------+-------+------+---
 *     ^ header, 48 bytes on x86-64        ^ what malloc returned
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
 *   4. mark is chunk_mark(chunk). That makes a pointer ours.
 *   5. free is true or false.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
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
    uintptr_t mark; /* see chunk_mark */
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

static struct chunk base = {.next = &base, .prev = &base};

/* What tells a header of ours from other bytes: a value that no correct program stores there. It is
 * made from the chunk's address and from one that no program knows, that of base. */
static uintptr_t chunk_mark(const struct chunk *chunk)
{
    return ~((uintptr_t)chunk ^ (uintptr_t)&base);
}

/* The chunk of a payload; NULL when the payload is not ours. libc's own memalign gives such, from
 * the same break: what lies between two of our chunks may be somebody else's. */
static struct chunk *chunk_of(void *payload)
{
    struct chunk *chunk;

    if (!payload || (uintptr_t)payload % ALIGNMENT != 0 || payload < payload_of(base.next) ||
        payload > payload_of(base.prev))
        return NULL;
    chunk = (struct chunk *)payload - 1;
    return chunk->mark == chunk_mark(chunk) ? chunk : NULL;
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
        (struct chunk){.next = &base, .prev = base.prev, .size = size, .mark = chunk_mark(chunk)};
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
    return payload_of(chunk);
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

/* A new block of size bytes with what chunk holds, which is freed; or NULL, and nothing changes. */
static void *chunk_move(struct chunk *chunk, size_t size)
{
    void *moved = malloc(size);

    if (!moved)
        return NULL;
    memcpy(moved, payload_of(chunk), chunk->size);
    free(payload_of(chunk));
    return moved;
}

/* C17 7.22.3.5: makes payload size bytes, here or elsewhere, or NULL with ENOMEM and payload as it
 * was; so too when it isn't ours. As in glibc, size 0 frees it and returns NULL. One thread only. */
void *realloc(void *payload, size_t size)
{
    struct chunk *chunk = chunk_of(payload);

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
    return size <= chunk->size ? payload : chunk_move(chunk, size);
}
