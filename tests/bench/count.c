/*
 * count.c - counts the sizes that a program asks for. tests/bench/sizes preloads it.
 *
 * At its end each process adds a line for each range of sizes to the file that $COUNT names: the
 * range's largest size, and how many mallocs, callocs and reallocs asked for one in it. glibc only.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

enum { STEP = 16, SMALL = 256, RANGES = SMALL / STEP + 4 * 64 };

static unsigned long counts[RANGES];

/* Ranges of 16 bytes up to 256; above, four to a doubling. */
static size_t range_end(size_t range)
{
    size_t quarter = range - SMALL / STEP;

    if (range < SMALL / STEP)
        return (range + 1) * STEP;
    return ((size_t)SMALL / 4 * (5 + quarter % 4)) << quarter / 4;
}

static void count(size_t size)
{
    size_t range = 0;

    if (size >= 1u << 30)
        return;
    while (range_end(range) < size)
        range++;
    __atomic_add_fetch(&counts[range], 1, __ATOMIC_RELAXED);
}

void *malloc(size_t size)
{
    count(size);
    return __libc_malloc(size);
}

void *calloc(size_t members, size_t size)
{
    count(members * size);
    return __libc_calloc(members, size);
}

void *realloc(void *block, size_t size)
{
    count(size);
    return __libc_realloc(block, size);
}

__attribute__((destructor)) static void write_counts(void)
{
    const char *name = getenv("COUNT");
    int file = name ? open(name, O_WRONLY | O_APPEND | O_CREAT, 0644) : -1;

    for (size_t range = 0; file >= 0 && range < RANGES; range++)
        if (counts[range] > 0)
            dprintf(file, "%zu %lu\n", range_end(range), counts[range]);
}
