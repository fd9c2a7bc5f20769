/*
 * inspect.h - how a stage describes its own heap to tools.
 *
 * A stage with metadata exports one constant, heap_inspect. Three kinds of reader use it:
 *
 *   - the test suite calls walk and check in the process that owns the heap;
 *   - the debugger can't call functions (on a core file nothing runs), so it reads `list` and
 *     `layout` and walks the chunks by itself, with no debug symbols needed;
 *   - the pictures are drawn from the same walk.
 *
 * A stage with no metadata exports heap_inspect all the same, with walk, check and list NULL:
 * it says that there is nothing to walk.
 */
#ifndef INSPECT_H
#define INSPECT_H

#include <stdbool.h>
#include <stddef.h>

/* Raised when a field of struct heap_inspect changes its meaning or its place. */
#define HEAP_INSPECT_VERSION 1

/* One chunk, as walk tells it. */
struct heap_chunk {
    const void *address; /* of the header */
    const void *payload; /* what malloc returned */
    size_t size;         /* of the payload, in bytes */
    bool used;
};

/* Called by walk for each chunk; false ends the walk. */
typedef bool heap_visit(const struct heap_chunk *chunk, void *arg);

/* What check found: the number of the invariant in the stage's malloc.c, in words, and where. */
struct heap_fault {
    int invariant;
    const char *what;
    const void *where; /* the header of the chunk that broke it */
};

/* Where a reader without debug symbols finds the fields of a chunk, in bytes from its header. */
struct heap_layout {
    size_t header; /* bytes from the header to the payload */
    size_t next, prev, size, free, data;
};
#define HEAP_LAYOUT(type)                                                                          \
    &(const struct heap_layout)                                                                    \
    {                                                                                              \
        sizeof(type), offsetof(type, next), offsetof(type, prev), offsetof(type, size),            \
            offsetof(type, free), offsetof(type, data)                                             \
    }

struct heap_inspect {
    unsigned version;    /* HEAP_INSPECT_VERSION */
    unsigned invariants; /* how many the stage numbers, 1.. */
    const char *stage;   /* the folder's name */

    /* Calls visit for each chunk in address order until it returns false. Not thread safe. */
    void (*walk)(heap_visit *visit, void *arg);

    /* True when every invariant holds; else false and the first fault. It trusts nothing but the
     * sentinel and follows no link before it has checked it: so it neither crashes nor loops, as
     * long as the sentinel itself, which no payload touches, is sound. Not thread safe. */
    bool (*check)(struct heap_fault *fault);

    const void *list; /* the sentinel of the list of chunks */
    const struct heap_layout *layout;
};

extern const struct heap_inspect heap_inspect;

/* Fills *fault; returns false, so that a check can end with `return heap_broken(...)`. */
static inline bool heap_broken(struct heap_fault *fault, int invariant, const char *what,
                               const void *where)
{
    *fault = (struct heap_fault){invariant, what, where};
    return false;
}

#endif
