/*
 * ring.h - what tools see of a heap that is a ring of headers, as in the stages 3 to 7.
 *
 * Included behind a malloc.c that has a struct chunk of next, prev, size, free and mark, its base,
 * chunk_mark, payload_of, align_up and ALIGNMENT. inspect.h says what the functions do.
 *
 * The heap may be damaged: a program has written past the end of a block. So nothing is believed
 * before it is checked. A header is known by its mark, wherever it stands; a link is believed when
 * a mark stands where it leads, or when a second link agrees.
 */
#ifndef RING_H
#define RING_H

#include "inspect.h"

static char *end_of(struct chunk *chunk)
{
    return (char *)payload_of(chunk) + chunk->size;
}

static bool has_mark(const struct chunk *chunk)
{
    return chunk->mark == chunk_mark(chunk);
}

/* May a header stand there, as far as the address goes? */
static bool may_be_chunk(const struct chunk *chunk)
{
    return chunk && (uintptr_t)chunk % ALIGNMENT == 0 &&
           (uintptr_t)chunk <= (uintptr_t)sbrk(0) - sizeof(struct chunk);
}

/* The first marked header from an address on that ends before another; or NULL. */
static struct chunk *find_mark(char *from, const char *end)
{
    for (; from < end && (size_t)(end - from) >= sizeof(struct chunk); from += ALIGNMENT)
        if (has_mark((struct chunk *)from))
            return (struct chunk *)from;
    return NULL;
}

/* Does chunk->next lead to a chunk? */
static bool next_holds(const struct chunk *chunk)
{
    struct chunk *next = chunk->next, *after;

    if (!may_be_chunk(next) || next <= chunk)
        return false;
    if (has_mark(next) || next->prev == chunk)
        return true;
    after = find_mark((char *)(next + 1), sbrk(0));
    return (after ? after : &base)->prev == next;
}

/* The chunk above: where next leads, unless a lost one stands in between. NULL: there is none. */
static struct chunk *chunk_above(struct chunk *chunk)
{
    struct chunk *next = next_holds(chunk) ? chunk->next : NULL, *lost;
    char *end = next ? (char *)next : sbrk(0), *from = payload_of(chunk);

    if (chunk->size <= (size_t)(end - from))
        from += chunk->size;
    lost = find_mark((char *)align_up((uintptr_t)from), end);
    return lost ? lost : next;
}

static bool is_chunk(const struct chunk *chunk)
{
    return may_be_chunk(chunk) && heap_mapped(chunk, sizeof(struct chunk)) && has_mark(chunk);
}

/* The lowest chunk that a link leads to, from base or from another chunk. NULL: there is none. */
static struct chunk *chunk_lowest(void)
{
    struct chunk *first = base.next, *lowest = is_chunk(first) ? first : base.prev;

    if (!is_chunk(lowest))
        lowest = NULL;
    while (lowest && is_chunk(lowest->prev) && lowest->prev < lowest)
        lowest = lowest->prev;
    /* A first chunk whose mark is gone: the one above it knows it, or base by both of its links. */
    if (may_be_chunk(first) && (lowest ? lowest : &base)->prev == first &&
        heap_mapped(first, sizeof(struct chunk)))
        lowest = first;
    return lowest;
}

/* Whether a chunk is free is read as a byte: a bool that is neither 0 nor 1 is no value in C. */
static unsigned char free_byte(const struct chunk *chunk)
{
    return *(const unsigned char *)&chunk->free;
}

static struct heap_block block_of(struct chunk *chunk, bool guessed)
{
    return (struct heap_block){.payload = payload_of(chunk),
                               .size = chunk->size,
                               .overhead = sizeof(struct chunk),
                               .state = free_byte(chunk) ? HEAP_FREE : HEAP_USED,
                               .guessed = guessed};
}

static inline void ring_regions(heap_visit_region *visit, void *arg)
{
    struct chunk *lowest = chunk_lowest();

    if (lowest)
        visit(&(struct heap_region){.name = "break", .start = lowest, .end = sbrk(0)}, arg);
}

static inline void ring_blocks(heap_visit_block *visit, void *arg)
{
    struct chunk *last = &base;

    for (struct chunk *chunk = chunk_lowest(); chunk; chunk = chunk_above(chunk)) {
        struct heap_block block = block_of(chunk, chunk != last->next);

        if (!visit(&block, arg))
            return;
        last = chunk;
    }
}

/* malloc's walk: the one list there is, as far as its links can be believed. */
static inline void ring_lists(heap_visit_list *visit, void *arg)
{
    struct chunk *last = &base;

    while (last == &base ? base.next == chunk_lowest() : next_holds(last)) {
        struct heap_block block = block_of(last->next, false);

        last = last->next;
        if (!visit("the list of chunks", &block, arg))
            return;
    }
}

/* The bytes of a payload that a header can claim: up to the program break. */
static size_t room_of(struct chunk *chunk)
{
    return (size_t)((char *)sbrk(0) - (char *)payload_of(chunk));
}

static bool size_holds(struct chunk *chunk)
{
    return chunk->size > 0 && chunk->size % ALIGNMENT == 0 && chunk->size <= room_of(chunk);
}

/* What links chunk and the one below it, last. */
static void check_links(struct heap_report *report, struct chunk *last, struct chunk *chunk)
{
    bool sized = last != &base && size_holds(last);

    if (last->next != chunk)
        heap_broken(report, 1, last, "next is %p, the chunk above is %p", (uintptr_t)last->next,
                    (uintptr_t)chunk);
    if (last->next != chunk && sized && end_of(last) < (char *)chunk)
        heap_unchecked(report, 1, last, "no mark stands from %p to %p: what lies there is unknown",
                       (uintptr_t)end_of(last), (uintptr_t)chunk);
    if (sized && end_of(last) > (char *)chunk)
        heap_broken(report, 1, last, "it ends at %p, inside the chunk at %p",
                    (uintptr_t)end_of(last), (uintptr_t)chunk);
    if (chunk->prev != last)
        heap_broken(report, 2, chunk, "prev is %p, the chunk before is %p", (uintptr_t)chunk->prev,
                    (uintptr_t)last);
}

static void check_chunk(struct heap_report *report, struct chunk *chunk)
{
    if (!size_holds(chunk))
        heap_broken(report, 3, chunk, "size is %zu, up to the break there are %zu bytes",
                    chunk->size, room_of(chunk));
    if (!has_mark(chunk))
        heap_broken(report, 4, chunk, "mark is %p, it should be %p", chunk->mark,
                    chunk_mark(chunk));
    if (free_byte(chunk) > 1)
        heap_broken(report, 5, chunk, "free is %zu, neither true nor false", free_byte(chunk), 0);
}

/* The invariants 1 to 5. */
static inline void ring_check(struct heap_report *report)
{
    struct chunk *last = &base, *lowest = chunk_lowest();

    for (struct chunk *chunk = lowest; chunk; last = chunk, chunk = chunk_above(chunk)) {
        check_links(report, last, chunk);
        check_chunk(report, chunk);
    }
    if (last->next != &base)
        heap_broken(report, 1, last, "next is %p, not base, and no chunk is above",
                    (uintptr_t)last->next, 0);
    if (base.prev != last)
        heap_broken(report, 2, &base, "prev is %p, the last chunk is %p", (uintptr_t)base.prev,
                    (uintptr_t)last);
    if (!lowest && base.next != &base)
        heap_unchecked(report, 1, &base, "neither next, %p, nor prev, %p, leads to a chunk",
                       (uintptr_t)base.next, (uintptr_t)base.prev);
    if (free_byte(&base) != 0)
        heap_broken(report, 5, &base, "free is %zu, and base is never free", free_byte(&base), 0);
}

/* And invariant 6, of the stages that merge. */
static inline void ring_check_merged(struct heap_report *report)
{
    struct chunk *last = NULL;

    ring_check(report);
    for (struct chunk *chunk = chunk_lowest(); chunk; last = chunk, chunk = chunk_above(chunk))
        if (last && size_holds(last) && free_byte(last) && free_byte(chunk) &&
            end_of(last) == (char *)chunk)
            heap_broken(report, 6, last, "it is free, and so is the chunk at %p, where it ends",
                        (uintptr_t)chunk, 0);
}

#endif
