/*
 * Stage 7: change sizes where things are.
 *
 * A block that grows takes a free neighbour in, and at the top it moves the program break up. One
 * that shrinks leaves its end free. And a free chunk at the top grows by what is missing.
 *
 * What it can't do: be fast. Every malloc still walks the whole list. Stage 8 needs no walk.
 *
 *     a used chunk                                      a free chunk
 *     +------+------+------+-------+------+------------+------+------+------+-------+------+---
 *     | next | prev | size | free: | mark | payload:   | next | prev | size | free: | mark | ///
 *     |      |      |      | false |      | size bytes |      |      |      | true  |      | ///
 *     +------+------+------+-------+------+------------+------+------+------+-------+------+---
 *     ^ header, 48 bytes on x86-64        ^ what malloc returned
 *
 *     realloc(p, n) finds n bytes where the block is:
 *
 *     | header | payload | header | free |     a free neighbour is taken in
 *              |<-------- n ------>|
 *     | header | payload |                     at the top the program break moves up
 *              |<-------- n ------>|
 *     | header | payload                 |     n is less: the end becomes a free chunk
 *              |<-- n -->| header | free |
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
 *   6. No two free chunks touch.
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
/* Bytes. A rest with less room than this is not worth a header: it stays with the chunk. */
#define MIN_PAYLOAD ALIGNMENT
/* Bytes. Less than this at the top of the heap is kept: it is soon asked for again, and moving the
 * break is a system call. glibc's M_TRIM_THRESHOLD starts at the same 128 KiB. */
#define TRIM_THRESHOLD ((size_t)128 * 1024)
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

static char *chunk_end(struct chunk *chunk)
{
    return (char *)payload_of(chunk) + chunk->size;
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

/* Writes the header of a used chunk and links it in behind prev. */
static void chunk_insert(struct chunk *chunk, struct chunk *prev, size_t size)
{
    *chunk =
        (struct chunk){.next = prev->next, .prev = prev, .size = size, .mark = chunk_mark(chunk)};
    prev->next->prev = chunk;
    prev->next = chunk;
}

/* Takes chunk out of the list. Its header is plain bytes then, and must not look like a header. */
static void chunk_remove(struct chunk *chunk)
{
    chunk->prev->next = chunk->next;
    chunk->next->prev = chunk->prev;
    chunk->mark = 0;
}

/* Is the next chunk free, and does it touch this one? base is never free. */
static bool chunk_can_join(struct chunk *chunk)
{
    return chunk->next->free && chunk_end(chunk) == (char *)chunk->next;
}

/* Takes the next chunk in, header and all. */
static void chunk_join(struct chunk *chunk)
{
    chunk->size += sizeof(struct chunk) + chunk->next->size;
    chunk_remove(chunk->next);
}

/* Joins chunk, which is free, with the free chunks that it touches. */
static void chunk_merge(struct chunk *chunk)
{
    if (chunk_can_join(chunk))
        chunk_join(chunk);
    if (chunk->prev->free && chunk_can_join(chunk->prev))
        chunk_join(chunk->prev);
}

/* Gives the last chunk back to the system, if it is free, large, and ends at the break: above it
 * somebody else's memory may lie. Keeps errno. */
static void heap_trim(void)
{
    struct chunk *last = base.prev;
    size_t size = last->size;
    int saved = errno;

    if (last->free && size >= TRIM_THRESHOLD && chunk_end(last) == sbrk(0)) {
        chunk_remove(last);
        if (sbrk(-(intptr_t)(sizeof(struct chunk) + size)) == SBRK_FAILED) {
            chunk_insert(last, base.prev, size);
            last->free = true;
        }
    }
    errno = saved;
}

/* Cuts chunk to size bytes; what is over becomes a free chunk, if it can be one. */
static void chunk_split(struct chunk *chunk, size_t size)
{
    struct chunk *rest = (struct chunk *)((char *)payload_of(chunk) + size);

    if (chunk->size < size + sizeof(struct chunk) + MIN_PAYLOAD)
        return;
    chunk_insert(rest, chunk, chunk->size - size - sizeof(struct chunk));
    chunk->size = size;
    rest->free = true;
    chunk_merge(rest);
}

/* Moves the break up by size bytes, and the end of chunk last with it. False when it isn't the last,
 * when somebody else's memory lies above it, or without memory. Keeps errno. */
static bool heap_extend(struct chunk *last, size_t size)
{
    int saved = errno;
    bool extended =
        last->next == &base && chunk_end(last) == sbrk(0) && sbrk((intptr_t)size) != SBRK_FAILED;

    if (extended)
        last->size += size;
    errno = saved;
    return extended;
}

/* Gives chunk room for size bytes where it is: from a free neighbour, by moving the break, or from
 * both. False when there is none, and nothing has changed. Keeps errno. */
static bool chunk_grow(struct chunk *chunk, size_t size)
{
    struct chunk *last = chunk_can_join(chunk) ? chunk->next : chunk;
    size_t room = (size_t)(chunk_end(last) - (char *)payload_of(chunk));

    if (room < size && !heap_extend(last, size - room))
        return false;
    if (last != chunk)
        chunk_join(chunk);
    return true;
}

/* A chunk of size bytes at the end of the heap and of the list, or NULL with ENOMEM. A free one
 * that stands there grows. */
static struct chunk *chunk_append(size_t size)
{
    struct chunk *chunk = base.prev;

    if (chunk->free && chunk_grow(chunk, size))
        return chunk;
    chunk = heap_grow(sizeof(struct chunk) + size);
    if (chunk)
        chunk_insert(chunk, base.prev, size);
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
    chunk_split(chunk, size);
    return payload_of(chunk);
}

/* C17 7.22.3.3: gives payload back; NULL and pointers that are not ours are left alone. Keeps
 * errno. One thread only. */
void free(void *payload)
{
    struct chunk *chunk = chunk_of(payload);

    if (!chunk)
        return;
    chunk->free = true;
    chunk_merge(chunk);
    heap_trim();
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

/* Makes chunk size bytes long where it is. False when there is no room, and nothing has changed. */
static bool chunk_resize(struct chunk *chunk, size_t size)
{
    if (size > chunk->size && !chunk_grow(chunk, size))
        return false;
    chunk_split(chunk, size);
    heap_trim();
    return true;
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
    if (!chunk || size > MAX_REQUEST) {
        errno = ENOMEM;
        return NULL;
    }
    size = align_up(size);
    return chunk_resize(chunk, size) ? payload : chunk_move(chunk, size);
}
