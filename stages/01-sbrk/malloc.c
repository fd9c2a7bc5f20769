/*
 * Stage 1: malloc is sbrk(size).
 *
 * The heap is the memory between the end of the program's data and the "program break". sbrk(n)
 * moves the break up by n bytes; the bytes that it uncovers are ours. That is enough for a malloc.
 *
 * What it can't do: free gives nothing back, and realloc can't tell how large the old block is,
 * because nothing was written down. Stage 2 knows every size: it makes them all the same.
 *
 *     |<------------ the heap ------------>|
 *     +---------+-------+------------------+
 *     | block 1 | block |     block 3      |        not ours yet
 *     +---------+-------+------------------+
 *     ^ multiple of 16                     ^ the program break: sbrk(n) moves it to the right
 *
 * Invariant
 *   1. Each block starts at a multiple of ALIGNMENT and shares no byte with another.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* Bytes. Any object may live in a block: long double and the SSE instructions want 16. */
#define ALIGNMENT ((size_t)16)
/* Bytes. sbrk's argument is signed: a larger one, once rounded up, would move the break down. */
#define MAX_REQUEST ((size_t)PTRDIFF_MAX - 2 * ALIGNMENT)
#define SBRK_FAILED ((void *)-1)

_Static_assert(ALIGNMENT >= _Alignof(max_align_t), "a block must suit any object");

static size_t align_up(size_t n)
{
    return (n + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
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

/* C17 7.22.3.4: size bytes, or NULL with ENOMEM. malloc(0) is a block too. One thread only. */
void *malloc(size_t size)
{
    if (size > MAX_REQUEST) {
        errno = ENOMEM;
        return NULL;
    }
    return heap_grow(align_up(size ? size : 1));
}

/* C17 7.22.3.3: gives payload back. Here: does nothing. */
void free(void *payload)
{
    (void)payload;
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

/* C17 7.22.3.5: moves payload to size bytes. Here: refused, for how many bytes are there to copy?
 * As in glibc, size 0 frees payload and returns NULL. One thread only. */
void *realloc(void *payload, size_t size)
{
    if (!payload)
        return malloc(size);
    if (size != 0)
        errno = ENOMEM;
    return NULL;
}
