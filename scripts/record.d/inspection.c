/*
 * inspection.c - what the library tells of its heap, by heap_inspect, as differences from what it
 * told the last time.
 *
 * Regions and blocks are sets: the reader keeps them by their addresses. So no order is asked for;
 * the usual one, the same each time, gives the fewest records. Lists are sequences.
 */
#include "../../common/inspect.h"

enum { MOST_NAMES = 1024, LIST_PIECE = 256 };

/* What a visit told, one thing after the other. Memory of our own: the heap must not notice. */
struct rows {
    void *row;
    size_t count, room; /* in rows */
};

struct region_row {
    uint64_t start, end, name;
};

struct block_row {
    uint64_t payload, size, overhead, state;
};

struct list_row {
    uint64_t list, payload;
};

/* A list's stretch of the rows of all lists. */
struct stretch {
    size_t first, count;
};

struct told {
    struct rows regions, blocks, lists;
    struct stretch list[MOST_NAMES];
};

static const struct heap_inspect *inspect;
static struct told told[2], *now = &told[0], *before = &told[1];

/* Names that were given a number in the file. What a library hands out may be a buffer that it
 * writes anew, so they are compared by their letters. */
static char names[MOST_NAMES][48];
static uint64_t name_text[MOST_NAMES];
static unsigned name_count, name_last;

static unsigned name_of(const char *name)
{
    char cut[sizeof names[0]] = "";

    memcpy(cut, name, strnlen(name, sizeof cut - 1));
    for (unsigned i = 0; i < name_count; i++) {
        unsigned at = (name_last + i) % name_count;

        if (strcmp(names[at], cut) == 0)
            return name_last = at;
    }
    if (name_count == MOST_NAMES)
        return name_last = MOST_NAMES - 1;
    memcpy(names[name_count], cut, sizeof cut);
    name_text[name_count] = text_write(A_NAME, cut, strlen(cut));
    return name_last = name_count++;
}

/* Room for one row more; NULL when there is no memory. */
static void *row_new(struct rows *rows, size_t size)
{
    if (rows->count == rows->room) {
        size_t room = rows->room ? rows->room * 2 : 4096;
        void *grown = rows->row ? mremap(rows->row, rows->room * size, room * size, MREMAP_MAYMOVE)
                                : mmap(NULL, room * size, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (grown == MAP_FAILED)
            return NULL;
        rows->row = grown;
        rows->room = room;
    }
    return (char *)rows->row + rows->count++ * size;
}

static bool visit_region(const struct heap_region *region, void *unneeded)
{
    struct region_row *row = row_new(&now->regions, sizeof *row);

    (void)unneeded;
    if (row)
        *row = (struct region_row){(uintptr_t)region->start, (uintptr_t)region->end,
                                   name_text[name_of(region->name ? region->name : "")]};
    return row != NULL;
}

static bool visit_block(const struct heap_block *block, void *unneeded)
{
    struct block_row *row = row_new(&now->blocks, sizeof *row);

    (void)unneeded;
    if (row)
        *row = (struct block_row){(uintptr_t)block->payload, block->size, block->overhead,
                                  (uint64_t)block->state | (block->guessed ? 256u : 0u)};
    return row != NULL;
}

/* Lists come one after the other. Of one that is told in two pieces the last one counts. */
static bool visit_list(const char *list, const struct heap_block *block, void *unneeded)
{
    size_t at = now->lists.count;
    struct list_row *row = row_new(&now->lists, sizeof *row);
    unsigned name;

    (void)unneeded;
    if (!row)
        return false;
    name = name_of(list);
    *row = (struct list_row){name, (uintptr_t)block->payload};
    if (at == 0 || row[-1].list != name)
        now->list[name] = (struct stretch){at, 0};
    now->list[name].count++;
    return true;
}

/* Tells the rows of one set that the other doesn't have: gone from the old ones, and new or changed
 * in the new ones. Rows begin with their address, and both come in the same order, as a rule. */
static void tell_set(const struct rows *old, const struct rows *new, size_t words, bool gone,
                     unsigned kind)
{
    const uint64_t *a = old->row, *a_end = a ? a + old->count * words : a;
    const uint64_t *b = new->row, *b_end = b ? b + new->count *words : b;

    while (gone ? a < a_end : b < b_end) {
        int order = a == a_end ? 1 : b == b_end ? -1 : *a < *b ? -1 : *a > *b;

        if (gone && order < 0)
            record_write(kind, a, 1);
        if (!gone && (order > 0 || (order == 0 && memcmp(a, b, 8 * words) != 0)))
            record_write(kind, b, words);
        a += order <= 0 ? words : 0;
        b += order >= 0 ? words : 0;
    }
}

static struct list_row *list_rows(const struct told *which, unsigned name)
{
    return (struct list_row *)which->lists.row + which->list[name].first;
}

/* Tells what is between the parts that an old and a new list have in common, at both ends. */
static void tell_list(unsigned name)
{
    size_t old = before->list[name].count, new = now->list[name].count, head = 0, tail = 0, most;
    struct list_row *a = list_rows(before, name), *b = list_rows(now, name);

    most = old < new ? old : new;
    while (head < most && a[head].payload == b[head].payload)
        head++;
    while (tail < most - head && a[old - 1 - tail].payload == b[new - 1 - tail].payload)
        tail++;
    for (size_t gone = old - head - tail, left = new - head - tail; gone || left; gone = 0) {
        uint64_t words[3 + LIST_PIECE] = {name_text[name], head, gone};
        size_t count = left < LIST_PIECE ? left : LIST_PIECE;

        for (size_t i = 0; i < count; i++)
            words[3 + i] = b[head + i].payload;
        record_write(LIST, words, 3 + count);
        head += count;
        left -= count;
    }
}

static void tell_fault(const struct heap_fault *fault, void *unneeded)
{
    (void)unneeded;
    WRITE(FAULT, (uint64_t)fault->invariant, (uintptr_t)fault->where,
          text_write(A_NAME, fault->what, strlen(fault->what)), fault->found[0], fault->found[1],
          fault->unchecked);
}

static void tell_nothing(const struct heap_fault *fault, void *unneeded)
{
    (void)fault;
    (void)unneeded;
}

static void told_clear(struct told *which)
{
    which->regions.count = which->blocks.count = which->lists.count = 0;
    memset(which->list, 0, name_count * sizeof which->list[0]);
}

/* A file of its own begins with nothing told. In a child that was forked the rows may be half written:
 * another thread may have been at them. */
static void inspection_reset(void)
{
    memset(told, 0, sizeof told);
    name_count = name_last = 0;
}

static bool heap_is_broken(void)
{
    struct heap_report report = {.tell = tell_nothing};
    int saved = errno;

    inspect->check(&report);
    errno = saved;
    return report.broken > 0;
}

/* Tells the heap as it stands, and whether its invariants hold; before_call: the program changed it
 * since the last call. How many of them are broken. */
static unsigned inspect_heap(bool before_call)
{
    struct heap_report report = {.tell = tell_fault};
    struct told *swap = before;
    int saved = errno;

    if (inspect->regions)
        inspect->regions(visit_region, NULL);
    if (inspect->blocks)
        inspect->blocks(visit_block, NULL);
    if (inspect->lists)
        inspect->lists(visit_list, NULL);
    tell_set(&before->regions, &now->regions, 3, true, REGION_GONE);
    tell_set(&before->regions, &now->regions, 3, false, REGION);
    tell_set(&before->blocks, &now->blocks, 4, true, BLOCK_GONE);
    tell_set(&before->blocks, &now->blocks, 4, false, BLOCK);
    for (unsigned name = 0; name < name_count; name++)
        tell_list(name);
    if (inspect->check)
        inspect->check(&report);
    WRITE(INSPECTED, report.broken, report.unchecked, now->blocks.count, before_call);
    before = now;
    now = swap;
    told_clear(now);
    errno = saved;
    return report.broken;
}
