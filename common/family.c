/*
 * family.c - the malloc family, once, on any heap that heap.h describes.
 *
 * A program may use any of these on a block of any other. Were one of them missing, libc would
 * answer in our place, from a heap of its own, and our free would get its pointers.
 *
 * All are as thread safe as the heap below. Out of memory is NULL and ENOMEM, and nothing changed.
 * Success, and free in any case, leave errno alone.
 */
#include "heap.h"

#include <errno.h>

static bool is_power_of_two(size_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

static void *refuse(int error)
{
    errno = error;
    return NULL;
}

/* A block of size bytes at a multiple of alignment, a power of two. */
static inline void *block_new(size_t size, size_t alignment)
{
    if (alignment > HEAP_LARGEST || size > HEAP_LARGEST - alignment)
        return refuse(ENOMEM);
    return heap_allocate(size, alignment);
}

/* A new block of size bytes with what payload holds, which is freed. */
static void *block_move(void *payload, size_t size)
{
    size_t held = heap_usable_size(payload);
    void *moved = block_new(size, 1);

    if (!moved)
        return NULL;
    memcpy(moved, payload, held < size ? held : size);
    heap_free(payload);
    return moved;
}

/* C17 7.22.3.4: size bytes for any object. malloc(0) is a block too. */
void *malloc(size_t size)
{
    return block_new(size, 1);
}

/* C17 7.22.3.3: gives a block back. free(NULL) does nothing. */
void free(void *payload)
{
    if (payload)
        heap_free(payload);
}

/* C17 7.22.3.2: count times size bytes, all zero. */
void *calloc(size_t count, size_t size)
{
    size_t total;
    void *payload;

    if (__builtin_mul_overflow(count, size, &total))
        return refuse(ENOMEM);
    payload = block_new(total, 1);
    if (payload && !heap_is_zero(payload, total))
        memset(payload, 0, total);
    return payload;
}

/* C17 7.22.3.5: makes a block size bytes, here or elsewhere; on failure it stays as it was. As in
 * glibc, size 0 frees it and returns NULL. */
void *realloc(void *payload, size_t size)
{
    void *resized;

    if (!payload)
        return malloc(size);
    if (size == 0) {
        heap_free(payload);
        return NULL;
    }
    if (size > HEAP_LARGEST)
        return refuse(ENOMEM);
    resized = heap_resize(payload, size);
    return resized ? resized : block_move(payload, size);
}

/* POSIX 2024: realloc to count times size bytes. */
void *reallocarray(void *payload, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total))
        return refuse(ENOMEM);
    return realloc(payload, total);
}

/* C17 7.22.3.1: size bytes at a multiple of alignment; EINVAL when that is no power of two. size
 * need not be a multiple of it. */
void *aligned_alloc(size_t alignment, size_t size)
{
    return is_power_of_two(alignment) ? block_new(size, alignment) : refuse(EINVAL);
}

/* SunOS 4.1.3: the same, older. */
void *memalign(size_t alignment, size_t size)
{
    return aligned_alloc(alignment, size);
}

/* POSIX: the same; 0, or the error, EINVAL or ENOMEM. On error *result is left alone. */
int posix_memalign(void **result, size_t alignment, size_t size)
{
    void *payload;

    if (!is_power_of_two(alignment) || alignment % sizeof(void *) != 0)
        return EINVAL;
    payload = block_new(size, alignment);
    if (!payload)
        return ENOMEM;
    *result = payload;
    return 0;
}

/* 3.0BSD: size bytes at the start of a page. */
void *valloc(size_t size)
{
    return block_new(size, page_size());
}

/* SunOS: the same, rounded up to whole pages; pvalloc(0) is a page. */
void *pvalloc(size_t size)
{
    const size_t page = page_size();

    if (size > HEAP_LARGEST)
        return refuse(ENOMEM);
    return valloc(size ? (size + page - 1) & ~(page - 1) : page);
}

/* glibc: the bytes that may be used of a block; 0 of NULL. */
size_t malloc_usable_size(void *payload)
{
    return payload ? heap_usable_size(payload) : 0;
}

/* C23 7.24.3.4: free, by a caller who knows the size that malloc, calloc or realloc was asked for. */
void free_sized(void *payload, size_t size)
{
    (void)size;
    free(payload);
}

/* C23 7.24.3.5: the same for aligned_alloc. */
void free_aligned_sized(void *payload, size_t alignment, size_t size)
{
    (void)alignment;
    (void)size;
    free(payload);
}

/* glibc: gives memory back to the system, but for keep bytes. 1: there was some. */
int malloc_trim(size_t keep)
{
    return heap_trim(keep);
}

/* glibc's. Written out here, for not every libc knows it. Bytes but for the counts. */
struct mallinfo2 {
    size_t arena;    /* from the system, but for mappings */
    size_t ordblks;  /* count of free chunks */
    size_t smblks;   /* 0 */
    size_t hblks;    /* count of mappings of a block's own */
    size_t hblkhd;   /* in these */
    size_t usmblks;  /* 0 */
    size_t fsmblks;  /* 0 */
    size_t uordblks; /* used, of arena */
    size_t fordblks; /* free, of arena */
    size_t keepcost; /* what malloc_trim could give back */
};

/* glibc: what the heap holds. */
struct mallinfo2 mallinfo2(void)
{
    struct heap_totals totals = heap_count();

    return (struct mallinfo2){.arena = totals.held,
                              .ordblks = totals.free_chunks,
                              .hblks = totals.mapped_blocks,
                              .hblkhd = totals.mapped,
                              .uordblks = totals.held - totals.free,
                              .fordblks = totals.free,
                              .keepcost = totals.top};
}

/* Writes text and a number to standard error, without stdio: that allocates. */
static void print_line(const char *text, size_t number)
{
    char line[64], *digit = line + sizeof line;
    size_t length = strlen(text);

    *--digit = '\n';
    do
        *--digit = (char)('0' + number % 10);
    while (number /= 10);
    digit = memcpy(digit - length, text, length);
    if (write(STDERR_FILENO, digit, (size_t)(line + sizeof line - digit)) < 0)
        return; /* nobody reads it */
}

/* glibc: the same, for people, on standard error. */
void malloc_stats(void)
{
    int saved = errno;
    struct mallinfo2 info = mallinfo2();

    print_line("bytes from the system: ", info.arena + info.hblkhd);
    print_line("bytes in use:          ", info.uordblks + info.hblkhd);
    print_line("mappings of a block:   ", info.hblks);
    errno = saved;
}
