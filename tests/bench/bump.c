/*
 * bump.c - malloc moves a pointer up, free does nothing: no list, no search, no memory used again.
 *
 * A limit for the benchmark: less work than this no malloc can do. That others are faster all the
 * same is the lesson: memory that was never touched costs more than all their work does.
 * Each thread has its own region, so that nothing is shared.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { REGION = 1 << 20 }; /* bytes taken from the kernel at once */

struct header {
    _Alignas(16) size_t size; /* bytes behind the header */
    bool never_used;
};

static __thread char *top, *end __attribute__((tls_model("initial-exec")));

static bool region_new(size_t bytes)
{
    size_t length = bytes < REGION ? REGION : bytes;
    char *region = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (region == MAP_FAILED)
        return false;
    top = region;
    end = region + length;
    return true;
}

void *malloc(size_t size)
{
    size_t bytes = (size + sizeof(struct header) + 15) & ~(size_t)15;
    struct header *header;

    if (bytes < size || (bytes > (size_t)(end - top) && !region_new(bytes))) {
        errno = ENOMEM;
        return NULL;
    }
    header = (struct header *)top;
    top += bytes;
    header->size = bytes - sizeof(struct header);
    return header + 1;
}

void free(void *block)
{
    (void)block;
}

#include "rest.h"
