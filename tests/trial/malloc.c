/*
 * Stage 8: a list for each size.
 *
 * A stage that stands nowhere in stages/: tests/trial.bats puts it there, in a copy, to see that a
 * heap of another shape joins by its folder alone. A block is a power of two; free blocks of a size
 * are in a list that ends in NULL. No ring, no search, no neighbours.
 *
 * What it can't do: give a block of one size to another.
 *
 *     +-------+------+------+------+---------------------+
 *     | class | mark | next | next | payload:            |
 *     |       |      | cell | free | 1 << class bytes    |
 *     +-------+------+------+------+---------------------+
 *
 * Invariants
 *   1. Going by next from bottom, each cell is marked, and cells come in address order.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

struct cell {
    size_t class; /* the payload has 1 << class bytes */
    uintptr_t mark;
    struct cell *next;      /* as they lie in memory */
    struct cell *next_free; /* in the list of its class; itself, when it is used */
};

/* bytes; the class of 16 bytes, and that of more than there is */
enum { ALIGNMENT = 16, SMALLEST = 4, LARGEST = sizeof(size_t) * 8 - 2 };

static struct cell *bottom, *top;
static struct cell *free_cells[LARGEST + 1];

static uintptr_t mark_of(const struct cell *cell)
{
    return ~((uintptr_t)cell ^ (uintptr_t)free_cells);
}

static struct cell *cell_of(void *payload)
{
    return (struct cell *)payload - 1;
}

/* Is this a block that the program has? */
static bool is_used(const struct cell *cell)
{
    return bottom <= cell && cell <= top && (uintptr_t)cell % ALIGNMENT == 0 &&
           cell->mark == mark_of(cell) && cell->next_free == cell;
}

static size_t size_of(const struct cell *cell)
{
    return (size_t)1 << cell->class;
}

static size_t class_of(size_t size)
{
    size_t class = SMALLEST;

    while (class < LARGEST && (size_t)1 << class < size)
        class ++;
    return class;
}

/* A new cell at the top of the heap, or NULL with ENOMEM. */
static struct cell *cell_new(size_t class)
{
    char *end = sbrk(0);
    size_t padding = -(uintptr_t)end % ALIGNMENT;
    struct cell *cell = (struct cell *)(void *)(end + padding);

    if (end == (void *)-1 ||
        sbrk((intptr_t)(padding + sizeof *cell + ((size_t)1 << class))) == (void *)-1) {
        errno = ENOMEM;
        return NULL;
    }
    cell->class = class;
    cell->mark = mark_of(cell);
    cell->next = NULL;
    *(bottom ? &top->next : &bottom) = cell;
    return top = cell;
}

/* C17 7.22.3.4: size bytes, or NULL with ENOMEM. */
void *malloc(size_t size)
{
    struct cell *cell;

    cell = free_cells[class_of(size)];
    if (cell)
        free_cells[cell->class] = cell->next_free;
    else
        cell = cell_new(class_of(size));
    if (!cell)
        return NULL;
    cell->next_free = cell;
    return cell + 1;
}

/* C17 7.22.3.3: what is not ours, or free already, is left alone. */
void free(void *payload)
{
    struct cell *cell = cell_of(payload);

    if (!payload || !is_used(cell))
        return;
    cell->next_free = free_cells[cell->class];
    free_cells[cell->class] = cell;
}

/* C17 7.22.3.2: count times size bytes, all 0. */
void *calloc(size_t count, size_t size)
{
    void *payload = NULL;

    if (__builtin_mul_overflow(count, size, &size))
        errno = ENOMEM;
    else
        payload = malloc(size);
    return payload ? memset(payload, 0, size) : NULL;
}

/* C17 7.22.3.5: the same contents in size bytes. */
void *realloc(void *payload, size_t size)
{
    struct cell *cell = cell_of(payload);
    void *moved;

    if (!payload)
        return malloc(size);
    if (!is_used(cell)) {
        errno = ENOMEM;
        return NULL;
    }
    if (size == 0) {
        free(payload);
        return NULL;
    }
    if (class_of(size) == cell->class)
        return payload;
    moved = malloc(size);
    if (moved) {
        memcpy(moved, payload, size < size_of(cell) ? size : size_of(cell));
        free(payload);
    }
    return moved;
}
