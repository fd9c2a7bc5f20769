/* library.c - a malloc that does on purpose what the suite must notice. tests/suite/self/run builds
 * it once for each fault, by -DFAULT=... */
#include "inspect.h"

#include <stdlib.h>
#include <string.h>

enum {
    NONE,
    OLD_INSPECT,   /* describes itself by version 1 */
    NO_BLOCKS,     /* and by less than inspect needs */
    OPEN_CRASHES,  /* before anybody calls it */
    USE_CRASHES,   /* at the first call */
    CHECK_CRASHES, /* the heap check */
    CHECK_LOOPS,
    CHECK_FINDS, /* a fault that isn't there */
    NO_CALLOC,   /* it exports none */
    GOES_ON,     /* free of a wrong pointer doesn't die, */
    SAYS_OTHER,  /* or with another sentence, */
    SAYS_MORE,   /* or with two, */
    EXITS,       /* or by exit, */
    CRASHES      /* or by another signal */
};

static _Alignas(16) char heap[1 << 20];
static size_t used;

void *malloc(size_t size)
{
    size_t *block = (size_t *)(void *)(heap + used);

    if (FAULT == USE_CRASHES)
        __builtin_trap();
    if (size > sizeof heap - used - 64)
        return NULL;
    *block = size;
    used += 16 + (size + 15) / 16 * 16;
    return (char *)block + 16;
}

static void say(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        _exit(1);
}

void free(void *payload)
{
    if (!payload || (uintptr_t)payload % 16 == 0 || FAULT == GOES_ON)
        return;
    say(FAULT == SAYS_OTHER ? "free: something is wrong\n" : "free: this is no block of mine\n");
    if (FAULT == SAYS_MORE)
        say("free: goodbye\n");
    if (FAULT == EXITS)
        _exit(134);
    if (FAULT == CRASHES)
        __builtin_trap();
    abort();
}

#ifndef IS_NO_CALLOC
void *calloc(size_t count, size_t size)
{
    void *payload = malloc(count * size);

    return payload ? memset(payload, 0, count * size) : NULL;
}
#endif

void *realloc(void *payload, size_t size)
{
    void *moved = malloc(size);

    if (moved && payload)
        memcpy(moved, payload, size < ((size_t *)payload)[-2] ? size : ((size_t *)payload)[-2]);
    return moved;
}

static void blocks(heap_visit_block *visit, void *arg)
{
    size_t size;

    for (char *at = heap; at < heap + used; at += 16 + (size + 15) / 16 * 16) {
        size = *(size_t *)(void *)at;
        if (!visit(&(struct heap_block){.payload = at + 16, .size = size, .overhead = 16}, arg))
            return;
    }
}

static void check(struct heap_report *report)
{
    if (FAULT == CHECK_CRASHES)
        __builtin_trap();
    for (volatile bool loops = FAULT == CHECK_LOOPS; loops;)
        ;
    if (FAULT == CHECK_FINDS)
        heap_broken(report, 1, heap + 16, "%zu things are at %p", 7, (uintptr_t)heap);
}

__attribute__((constructor)) static void opened(void)
{
    if (FAULT == OPEN_CRASHES)
        __builtin_trap();
}

const struct heap_inspect heap_inspect = {.version =
                                              FAULT == OLD_INSPECT ? 1 : HEAP_INSPECT_VERSION,
                                          .invariants = 1,
                                          .stage = "self",
                                          .blocks = FAULT == NO_BLOCKS ? NULL : blocks,
                                          .check = check};
