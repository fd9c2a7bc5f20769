/*
 * A library of another shape than the stages': its list ends in NULL, new blocks come in front, and the
 * size has the used bit in it. It describes itself as inspect.h says. With one of these defined it goes
 * wrong in free, of what is no block (with IN_BLOCKS in its description too): LOOP, CRASH, LOCK, ABORT.
 * CIRCLE: its description has no end. VERSION: it is another. PLAY: it asks the kernel for this and that.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>

#include "inspect.h"

struct node {
    _Alignas(16) struct node *next;
    size_t size_used; /* bytes; the lowest bit: used */
};

static _Alignas(16) char arena[1 << 20];
static char *end = arena;
static struct node *newest;

#ifdef PLAY
/* Each call that an allocator makes for pages; the number of the first that goes wrong, or 42. */
static int play(void)
{
    const size_t page = 4096;
    char *heap = sbrk(0),
         *got = mmap(NULL, 4 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (got == MAP_FAILED || mprotect(got, 2 * page, PROT_READ | PROT_WRITE) != 0)
        return 1;
    got[0] = got[page] = 7;
    got = mremap(got, 2 * page, 100 * page, MREMAP_MAYMOVE);
    if (got == MAP_FAILED || got[0] != 7 || got[page] != 7 || got[99 * page] != 0)
        return 2;
    if (madvise(got, page, MADV_DONTNEED) != 0 || got[0] != 0 || got[page] != 7)
        return 3;
    if (!heap_mapped(got + 99 * page, 8) || munmap(got + 99 * page, page) != 0 ||
        heap_mapped(got + 99 * page, 8))
        return 4;
    if (sbrk(5 * (long)page) != heap || heap[5 * page - 1] != 0 ||
        sbrk(-5 * (long)page) == (void *)-1)
        return 5;
    /* The program's own pages, those too that nobody has looked at yet. */
    if (!heap_mapped(&arena[sizeof arena / 2], 8) || !heap_mapped(heap_mapped, 8) ||
        heap_mapped((void *)page, 8))
        return 6;
    return mmap(NULL, (size_t)1 << 46, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) == MAP_FAILED
               ? 42
               : 7;
}
#endif

static void trouble(void)
{
#ifdef PLAY
    _exit(play());
#endif
#ifdef LOCK
    static int held;
    syscall(SYS_futex, &held, FUTEX_WAIT, 0, NULL, NULL, 0);
#endif
#ifdef LOOP
    for (volatile int i = 0;; i++)
        ;
#endif
#ifdef CRASH
    *(volatile int *)0x10 = 1;
#endif
#ifdef ABORT
    void abort(void);
    static const char message[] = "free: this is no block\n";
    if (write(2, message, sizeof message - 1) > 0)
        abort();
#endif
}

void *malloc(size_t size)
{
    struct node *node = (struct node *)end;

    size = (size + 15) & ~(size_t)15;
    if (size > sizeof arena - (size_t)(end - arena) - sizeof *node)
        return NULL;
    end += sizeof *node + size;
    *node = (struct node){newest, size | 1};
    newest = node;
    return node + 1;
}

void free(void *block)
{
    for (struct node *node = newest; node; node = node->next)
        if (node + 1 == block) {
            node->size_used &= ~(size_t)1;
            return;
        }
    if (block)
        trouble();
}

void *calloc(size_t count, size_t size)
{
    return malloc(count * size); /* the arena is zero, and nothing is used twice */
}

void *realloc(void *block, size_t size)
{
    void *moved = malloc(size);

    if (moved && block)
        memcpy(moved, block,
               ((struct node *)block)[-1].size_used < size ? ((struct node *)block)[-1].size_used
                                                           : size);
    return moved;
}

static void blocks(heap_visit_block *visit, void *arg)
{
    for (char *at = arena; at < end;) {
        struct node *node = (struct node *)at;
        size_t size = node->size_used & ~(size_t)1;

        if (!visit(&(struct heap_block){.payload = node + 1,
                                        .size = size,
                                        .overhead = sizeof *node,
                                        .state = node->size_used & 1 ? HEAP_USED : HEAP_FREE},
                   arg))
            return;
#ifndef CIRCLE
        at += sizeof *node + size;
#endif
    }
#ifdef IN_BLOCKS
    trouble();
#endif
}

const struct heap_inspect heap_inspect = {
#ifdef VERSION
    .version = VERSION,
#else
    .version = HEAP_INSPECT_VERSION,
#endif
    .stage = "mine",
    .blocks = blocks,
};
