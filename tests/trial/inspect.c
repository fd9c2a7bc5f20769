/* inspect.c - what tools see of the trial stage. */
#include "malloc.c"

#include "inspect.h"

/* Not the mark alone: one that was written over must not lead anywhere, nor round and round. */
static bool sound(const struct cell *cell)
{
    return heap_mapped(cell, sizeof *cell) && cell->mark == mark_of(cell) &&
           (!cell->next || cell->next > cell);
}

static void blocks(heap_visit_block *visit, void *arg)
{
    for (const struct cell *cell = bottom; cell && sound(cell); cell = cell->next)
        if (!visit(&(struct heap_block){.payload = cell + 1,
                                        .size = size_of(cell),
                                        .overhead = sizeof *cell,
                                        .state = cell->next_free == cell ? HEAP_USED : HEAP_FREE},
                   arg))
            return;
}

static void check(struct heap_report *report)
{
    for (const struct cell *cell = bottom; cell; cell = cell->next)
        if (!sound(cell)) {
            heap_broken(report, 1, cell, "no cell at %p", (uintptr_t)cell, 0);
            return;
        }
}

const struct heap_inspect heap_inspect = {.version = HEAP_INSPECT_VERSION,
                                          .invariants = 1,
                                          .stage = "08-trial",
                                          .header = "struct cell",
                                          .blocks = blocks,
                                          .check = check};
