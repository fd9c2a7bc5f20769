/*
 * heap.h - what a heap supplies, from stage 8 on, so that the malloc family can stand on it.
 *
 * A stage's heap.c includes this file first, defines each function below, and includes family.c
 * last. All of it is one unit, so the compiler sees through the seam, and it costs no call.
 * What tools want to know of a heap, its check too, is no part of this: see inspect.h.
 *
 * The family has done these before it calls:
 *   - a size or an alignment that nobody can have is refused: see HEAP_LARGEST. Here no sum of them
 *     overflows, as long as what the heap adds on its own stays below HEAP_MARGIN;
 *   - alignment is a power of two; 1 says that the caller has no wish of its own;
 *   - payload is not NULL. That is all that is known of it: it comes from the program.
 * Sizes are in bytes, as the program gave them: 0 is one of them, and a block of 0 bytes is a block.
 *
 * A heap that fails returns NULL, has changed nothing, and has set errno to ENOMEM. One that
 * succeeds leaves errno alone, whatever its system calls said. A payload that it never gave, or a
 * heap that a program has written into, ends the program, by heap_die. From stage 10 on any thread
 * may call: the lock, if there is one, is the heap's own, and the family holds none.
 *
 * Tried on paper against what comes later. Slabs (stage 11) have no header: nothing here asks for
 * one; a block of a size class resizes to any size of its class. Thread caches (12) and pages with
 * an owner (13) stand behind heap_allocate and heap_free; heap_is_zero is asked by the thread that
 * was given the block, before it does anything else, so it may look at what only that thread
 * changes. A hardened heap (14) is told the exact size, may end its usable size there, and gets
 * each pointer unchecked.
 */
#ifndef HEAP_H
#define HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bytes. What a heap may add to a request: headers, rounding up to pages, growing in steps. */
#define HEAP_MARGIN ((size_t)1 << 20)
/* Bytes. The most that size and alignment may be together. C's pointers can't be further apart. */
#define HEAP_LARGEST ((size_t)PTRDIFF_MAX - HEAP_MARGIN)

/* For mallinfo2 and malloc_stats. Bytes, headers among them, and counts. */
struct heap_totals {
    size_t held;        /* bytes from the system, but for mappings: used and free */
    size_t free;        /* bytes of them that the next malloc may take */
    size_t free_chunks; /* in so many pieces */
    size_t top;         /* bytes of them that heap_trim could give back */
    size_t mapped;      /* bytes in mappings of a block's own */
    size_t mapped_blocks;
};

/* The first of size bytes that are nobody else's, at a multiple of alignment and one that suits any
 * object. */
static void *heap_allocate(size_t size, size_t alignment);

/* Takes a block back. Keeps errno. */
static void heap_free(void *payload);

/* Makes a block size bytes long without copying it. Where it lies then, most often where it was; or
 * NULL, and it is as it was: then the family copies it. Keeps errno, even so. */
static void *heap_resize(void *payload, size_t size);

/* The bytes of a block: all of them may be written. At least what was asked for. */
static size_t heap_usable_size(void *payload);

/* Are the size bytes of a block that heap_allocate has just given known to be 0? For calloc. */
static bool heap_is_zero(void *payload, size_t size);

/* Gives what it can back to the system, but for keep bytes. Was there any? Keeps errno. */
static bool heap_trim(size_t keep);

static struct heap_totals heap_count(void);

/* Bytes. A page is 4 KiB on x86; others have larger ones. */
static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* The end of a program that misused the heap or broke it: one sentence, and SIGABRT. By write(2),
 * for stdio would allocate. */
__attribute__((cold, noinline)) static _Noreturn void heap_die(const char *sentence)
{
    ssize_t ignored = write(STDERR_FILENO, sentence, strlen(sentence));

    (void)ignored;
    abort();
}

#endif
