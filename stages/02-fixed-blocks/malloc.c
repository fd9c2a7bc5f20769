/*
 * Stage 2: every block is 1 KiB.
 *
 * One size for all, so the size of the old block is known: realloc works, as long as the new size
 * fits a block too.
 *
 * What it can't do: more than 1 KiB. It refuses, and must: a block that runs into the next one is
 * how programs crash (bugs/no-size-check.patch). Stage 3 writes the size of each block down.
 *
 *     |<------------------- the heap ------------------->|
 *     +----------------+----------------+----------------+
 *     | "hello"        | int[200]       | 1 byte         |        not ours yet
 *     +----------------+----------------+----------------+
 *     |<-- 1024 B ---->|<-- 1024 B ---->|<-- 1024 B ---->|<- the program break
 *
 * Invariants
 *   1. Each block starts at a multiple of ALIGNMENT and shares no byte with another.
 *   2. Each block is BLOCK_SIZE bytes, whatever was asked.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* Bytes. Any object may live in a block: long double and the SSE instructions want 16. */
#define ALIGNMENT ((size_t)16)
/* Bytes. Large enough for most of what small programs ask, and 4 blocks fill a page. */
#define BLOCK_SIZE ((size_t)1024)
#define SBRK_FAILED ((void *)-1)

_Static_assert(ALIGNMENT >= _Alignof(max_align_t), "a block must suit any object");
_Static_assert(BLOCK_SIZE % ALIGNMENT == 0, "the block after an aligned block must be aligned");

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
    if (size > BLOCK_SIZE) {
        errno = ENOMEM;
        return NULL;
    }
    return heap_grow(BLOCK_SIZE);
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

/* C17 7.22.3.5: makes payload size bytes, or NULL with ENOMEM and payload as it was. A block has
 * room for any size we take. As in glibc, size 0 frees payload and returns NULL. One thread only. */
void *realloc(void *payload, size_t size)
{
    if (!payload)
        return malloc(size);
    if (size == 0) {
        free(payload);
        return NULL;
    }
    if (size > BLOCK_SIZE) {
        errno = ENOMEM;
        return NULL;
    }
    return payload;
}
