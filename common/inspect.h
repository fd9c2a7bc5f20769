/*
 * inspect.h - how a stage describes its own heap to tools.
 *
 * A library exports one constant, heap_inspect. What stands in it is the only description of the
 * heap that there is: the test suite calls it in the process that owns the heap; the debugger runs
 * it on a copy of the program's memory, of a core file too; the pictures are drawn from it.
 *
 * Nothing is assumed of the allocator: no header, no list, no single region. What a library leaves
 * NULL it doesn't tell; name, blocks and a line of description are enough for most tools:
 *
 *     static void blocks(heap_visit_block *visit, void *arg)
 *     {
 *         for (struct node *node = first; node; node = node->next)
 *             if (!visit(&(struct heap_block){.payload = node + 1,
 *                                             .size = node->size,
 *                                             .overhead = sizeof *node,
 *                                             .state = node->busy ? HEAP_USED : HEAP_FREE},
 *                        arg))
 *                 return;
 *     }
 *     const struct heap_inspect heap_inspect = {
 *         .version = HEAP_INSPECT_VERSION, .stage = "mine", .blocks = blocks};
 *
 * None of the functions is thread safe, none allocates, and none changes anything but errno.
 */
#ifndef INSPECT_H
#define INSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Raised when struct heap_inspect or what it points to changes. Tools refuse any other. */
#define HEAP_INSPECT_VERSION 2

/* A stretch of the address space that the allocator has from the system. Not all in it need be
 * its own: others move the program break too. */
struct heap_region {
    const char *name; /* how it was had: "break", "mapping" */
    const void *start, *end;
};

enum heap_state {
    HEAP_USED,  /* the program has it */
    HEAP_FREE,  /* the next malloc may take it */
    HEAP_CACHED /* free, but kept by a thread for itself */
};

struct heap_block {
    const void *payload; /* what malloc returned, or will */
    size_t size;         /* of the payload, in bytes, as the heap has it written down */
    size_t overhead;     /* bytes of metadata right before the payload; 0: they are elsewhere */
    enum heap_state state;
    bool guessed; /* no link leads there: it was found by its looks */
};

/* A place where an invariant is broken. */
struct heap_fault {
    int invariant;      /* its number in the comment at the head of the stage's source */
    const void *where;  /* the metadata that breaks it */
    const char *what;   /* what was found: "prev is %p, the chunk before is %p" */
    uintptr_t found[2]; /* what stands for each %p, an address, and each %zu, a number, of what */
    bool unchecked;     /* it may hold: from there on it could not be checked */
};

/* What a check writes to, by heap_broken and heap_unchecked. */
struct heap_report {
    void (*tell)(const struct heap_fault *fault, void *arg);
    void *arg;
    unsigned broken, unchecked; /* how many so far: a sound heap leaves both at 0 */
};

/* Called for each; false ends the visit. */
typedef bool heap_visit_region(const struct heap_region *region, void *arg);
typedef bool heap_visit_block(const struct heap_block *block, void *arg);
typedef bool heap_visit_list(const char *list, const struct heap_block *block, void *arg);

struct heap_inspect {
    unsigned version;    /* HEAP_INSPECT_VERSION */
    unsigned invariants; /* how many the stage numbers, 1.. */
    const char *stage;   /* the folder's name, or any name */
    const char *header;  /* the C type of what stands before a payload, "struct chunk", or NULL: a
                            debugger with the symbols can show its fields */

    void (*regions)(heap_visit_region *visit, void *arg);

    /* Every block, used or not, in address order within a region. On a damaged heap as many as can
     * be found: it follows no link before it has checked it, so it neither crashes nor loops. */
    void (*blocks)(heap_visit_block *visit, void *arg);

    /* The lists that malloc searches, one after the other, each by its name and in link order; used
     * blocks too, where malloc passes them. */
    void (*lists)(heap_visit_list *visit, void *arg);

    /* Reports each place where an invariant is broken, and each from which on it can't tell. */
    void (*check)(struct heap_report *report);
};

extern const struct heap_inspect heap_inspect;

/* For check: what holds two values for the %p and %zu of what. */
static inline void heap_broken(struct heap_report *report, int invariant, const void *where,
                               const char *what, uintptr_t one, uintptr_t other)
{
    report->broken++;
    report->tell(
        &(struct heap_fault){
            .invariant = invariant, .where = where, .what = what, .found = {one, other}},
        report->arg);
}

static inline void heap_unchecked(struct heap_report *report, int invariant, const void *where,
                                  const char *what, uintptr_t one, uintptr_t other)
{
    report->unchecked++;
    report->tell(&(struct heap_fault){.invariant = invariant,
                                      .where = where,
                                      .what = what,
                                      .found = {one, other},
                                      .unchecked = true},
                 report->arg);
}

/* Are these bytes, a page's worth at most, mapped? For links that may lead anywhere. mincore(2) says
 * ENOMEM where nothing is. (Whether they may be read it doesn't say.) */
static inline bool heap_mapped(const void *bytes, size_t count)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)bytes & ~(page - 1);
    unsigned char resident[2];

    return count <= page && start <= UINTPTR_MAX - 2 * page &&
           mincore((void *)start, (uintptr_t)bytes + count - start, resident) == 0;
}

#endif
