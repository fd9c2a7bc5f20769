/*
 * list.c - a list of free blocks for each size class and thread: pop in malloc, push in free.
 *
 * A limit for the benchmark: the least that an allocator does which uses memory again. It gives
 * none back, joins nothing and moves no block to another class. A block goes to the list of the
 * thread that frees it; so a producer's memory piles up at its consumer. It's no allocator to use.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum {
    REGION = 1 << 20, /* bytes taken from the kernel at once */
    STEP = 16,        /* classes up to SMALL are so far apart, in bytes; above they are doublings */
    SMALL = 1024,
    CLASSES = SMALL / STEP + 64,
};

struct header {
    _Alignas(16) size_t size; /* bytes behind the header */
    unsigned short class;
    bool never_used;
};

struct free_block {
    struct free_block *next;
};

static __thread struct free_block *lists[CLASSES] __attribute__((tls_model("initial-exec")));
static __thread char *top, *end __attribute__((tls_model("initial-exec")));

static unsigned class_of(size_t size)
{
    if (size <= SMALL)
        return (unsigned)(size ? (size - 1) / STEP : 0);
    return (unsigned)(SMALL / STEP - 1 + 54 - __builtin_clzll(size - 1));
}

static size_t size_of(unsigned class)
{
    if (class < SMALL / STEP)
        return (class + 1) * STEP;
    return (size_t)SMALL << (class - SMALL / STEP + 1);
}

static char *region_cut(size_t bytes)
{
    size_t length = bytes < REGION ? REGION : bytes;
    char *region;

    if (bytes > (size_t)(end - top)) {
        region = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (region == MAP_FAILED)
            return NULL;
        top = region;
        end = region + length;
    }
    top += bytes;
    return top - bytes;
}

static void *block_new(unsigned class)
{
    struct header *header = (struct header *)region_cut(size_of(class) + sizeof(struct header));

    if (!header) {
        errno = ENOMEM;
        return NULL;
    }
    *header = (struct header){.size = size_of(class), .class = (unsigned short)class};
    return header + 1;
}

void *malloc(size_t size)
{
    unsigned class;
    struct free_block *block;

    if (size > PTRDIFF_MAX / 2) {
        errno = ENOMEM;
        return NULL;
    }
    class = class_of(size);
    block = lists[class];
    if (!block)
        return block_new(class);
    lists[class] = block->next;
    return block;
}

void free(void *block)
{
    struct free_block *free_block = block;
    struct header *header;

    if (!block)
        return;
    header = (struct header *)block - 1;
    if (header->never_used)
        return;
    free_block->next = lists[header->class];
    lists[header->class] = free_block;
}

#include "rest.h"
