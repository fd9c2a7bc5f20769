/*
 * replay.c - makes the calls of a recording again, in the recorded order.
 *
 *     replay [FILE@LENGTH...] FILE
 *
 * Before FILE come the recordings of its parents, up to where they forked. The calls of all threads
 * are made by one, one after the other: so each run is the same. What was given back is known by
 * the address that it had in the recording. Blocks are marked at both ends, and looked at before
 * they are given back: a malloc that gives a byte to two blocks is found out.
 *
 * Prints: calls N, peak N, live N, failed N (asked for in vain), strays N (pointers that no call had
 * given), damaged N. What it needs for itself it has from mmap: the heap is the recording's alone.
 */
#define _GNU_SOURCE
#include "format.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int malloc_trim(size_t keep) __attribute__((weak)); /* musl has none */

/* A live block: the address in the recording, and here. */
struct block {
    uint64_t recorded; /* 0: an empty place */
    char *payload;
    size_t size;
    uint64_t mark;
};

/* Open addressing; the number of places is a power of two, and at most half of them are taken. */
static struct {
    struct block *place;
    size_t places, count;
} table;

static struct {
    uint64_t calls, peak, live, failed, strays, damaged;
} sum;

static _Noreturn void die(const char *file, const char *sentence)
{
    fprintf(stderr, "replay: %s %s\n", file, sentence);
    exit(2);
}

static void *pages(size_t size)
{
    void *got = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (got == MAP_FAILED)
        die("memory", "is out");
    return got;
}

static size_t home_of(uint64_t recorded)
{
    return (size_t)(recorded * 0x9e3779b97f4a7c15u >> 20) & (table.places - 1);
}

/* Where an address stands, or the empty place where it would. */
static struct block *table_find(uint64_t recorded)
{
    size_t at = home_of(recorded);

    while (table.place[at].recorded && table.place[at].recorded != recorded)
        at = (at + 1) & (table.places - 1);
    return &table.place[at];
}

static void table_grow(void)
{
    struct block *old = table.place;
    size_t places = table.places;

    table.places = places ? places * 2 : 1 << 12;
    table.place = pages(table.places * sizeof *old);
    for (size_t i = 0; i < places; i++)
        if (old[i].recorded)
            *table_find(old[i].recorded) = old[i];
    if (old)
        munmap(old, places * sizeof *old);
}

/* Empties a place, and closes the gap: who stands behind it may have been put off by it. */
static void table_remove(struct block *block)
{
    size_t gap = (size_t)(block - table.place), at = gap;

    table.count--;
    for (;;) {
        at = (at + 1) & (table.places - 1);
        if (!table.place[at].recorded)
            break;
        if (((at - home_of(table.place[at].recorded)) & (table.places - 1)) >=
            ((at - gap) & (table.places - 1))) {
            table.place[gap] = table.place[at];
            gap = at;
        }
    }
    table.place[gap].recorded = 0;
}

/* The bytes at each end of a block that say whose it is. */
static size_t mark_size(size_t size)
{
    return size < sizeof(uint64_t) ? size : sizeof(uint64_t);
}

static void block_mark(const struct block *block)
{
    size_t size = mark_size(block->size);

    memcpy(block->payload, &block->mark, size);
    memcpy(block->payload + block->size - size, &block->mark, size);
}

static void block_check(const struct block *block)
{
    size_t size = mark_size(block->size);

    /* In a block of less than two marks the second one has overwritten the first. */
    if ((block->size >= 2 * size && memcmp(block->payload, &block->mark, size) != 0) ||
        memcmp(block->payload + block->size - size, &block->mark, size) != 0)
        sum.damaged++;
}

/* A call gave a block, here and in the recording, or didn't. */
static void give(uint64_t recorded, void *payload, size_t size)
{
    struct block *block;

    if (!payload || !recorded) {
        sum.failed += !payload;
        free(payload);
        return;
    }
    if (2 * table.count >= table.places)
        table_grow();
    block = table_find(recorded);
    if (block->recorded) /* the recording never saw it given back */
        sum.live -= block->size;
    else
        table.count++;
    *block = (struct block){recorded, payload, size, sum.calls};
    block_mark(block);
    sum.live += size;
    sum.peak = sum.live > sum.peak ? sum.live : sum.peak;
}

/* The block that a recorded address is now, checked; it is forgotten. NULL: there is none. */
static void *take(uint64_t recorded)
{
    struct block *block = table.places && recorded ? table_find(recorded) : NULL;
    void *payload;

    if (!block || !block->recorded) {
        sum.strays += recorded != 0;
        return NULL;
    }
    block_check(block);
    sum.live -= block->size;
    payload = block->payload;
    table_remove(block);
    return payload;
}

/* One that failed when it was recorded changed nothing, and isn't made. One of a pointer that no call
 * had given is a malloc. */
static void resize(uint64_t recorded, size_t size, uint64_t result)
{
    void *payload;

    if (size > 0 && !result) {
        sum.failed++;
        return;
    }
    payload = take(recorded);
    if (payload || result)
        payload = realloc(payload, size);
    if (result)
        give(result, payload, size);
}

static void call(unsigned kind, const uint64_t *word)
{
    const size_t first = (size_t)word[0], second = (size_t)word[1];
    void *payload = NULL;

    sum.calls++;
    switch (kind) {
    case MALLOC:
        give(word[1], malloc(first), first);
        break;
    case CALLOC:
        give(word[2], calloc(first, second), first * second);
        break;
    case REALLOC:
        resize(word[0], second, word[2]);
        break;
    case REALLOCARRAY:
        resize(word[0], second * (size_t)word[2], word[3]);
        break;
    case ALIGNED_ALLOC:
        give(word[2], aligned_alloc(first, second), second);
        break;
    case MEMALIGN:
        give(word[2], memalign(first, second), second);
        break;
    case POSIX_MEMALIGN:
        if (posix_memalign(&payload, first, second) != 0)
            payload = NULL;
        give(word[2], payload, second);
        break;
    case VALLOC:
        give(word[1], valloc(first), first);
        break;
    case PVALLOC:
        give(word[1], valloc(first), first); /* not every libc has the other */
        break;
    case MALLOC_TRIM:
        if (malloc_trim)
            malloc_trim(first);
        break;
    case MALLOC_USABLE_SIZE:
        break;
    default: /* the three that free */
        free(take(word[0]));
    }
}

/* How many words a call's record has: arguments, and the result. */
static size_t words_of(unsigned kind)
{
    static const unsigned char words[CALLS] = {
        [MALLOC] = 2,         [FREE] = 1,
        [CALLOC] = 3,         [REALLOC] = 3,
        [REALLOCARRAY] = 4,   [ALIGNED_ALLOC] = 3,
        [MEMALIGN] = 3,       [VALLOC] = 2,
        [POSIX_MEMALIGN] = 3, [PVALLOC] = 2,
        [FREE_SIZED] = 2,     [FREE_ALIGNED_SIZED] = 3,
        [MALLOC_TRIM] = 2,    [MALLOC_USABLE_SIZE] = 2,
    };

    return words[kind];
}

/* The calls of one recording, up to a length; 0: all. */
static void play(const char *file, uint64_t until)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    struct stat stat;
    const struct recording_header *header;
    uint64_t length;

    if (fd < 0 || fstat(fd, &stat) != 0)
        die(file, "can't be read");
    header = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (header == MAP_FAILED || (size_t)stat.st_size < sizeof *header ||
        memcmp(header->magic, RECORDING_MAGIC, sizeof header->magic) != 0 ||
        header->order != RECORDING_ORDER || header->version != RECORDING_VERSION)
        die(file, "is no recording, or of another version");
    length = until ? until : header->length;
    if (length > (uint64_t)stat.st_size)
        die(file, "is cut off");
    if (header->start < sizeof *header || header->start % sizeof(uint64_t) != 0)
        die(file, "is damaged in its header");
    for (uint64_t at = header->start; at + sizeof(struct record) <= length;) {
        const struct record *record = (const void *)((const char *)header + at);
        unsigned kind = record->head & 0xff, flags = record->head >> 8 & 0xff;
        size_t words = kind < CALLS ? words_of(kind) : record->head >> 16 & 0xffff;

        at += sizeof *record + 8 * words;
        if (kind == 0 || at > length)
            die(file, "is damaged");
        if (kind < CALLS && !(flags & UNFINISHED)) {
            uint64_t word[4] = {0};

            memcpy(word, record->word, 8 * words);
            call(kind, word);
        }
    }
    munmap((void *)header, (size_t)stat.st_size);
    close(fd);
}

int main(int argc, char **argv)
{
    char line[200];
    int length;

    if (argc < 2)
        die("which recording?", "");
    table_grow();
    for (int i = 1; i < argc; i++) {
        char *until = i + 1 < argc ? strrchr(argv[i], '@') : NULL;

        if (until)
            *until = '\0';
        sum.calls = sum.failed = sum.strays = 0; /* of the last one alone */
        sum.peak = sum.live;
        play(argv[i], until ? strtoull(until + 1, NULL, 10) : 0);
    }
    length = snprintf(
        line, sizeof line, "calls %lu\npeak %lu\nlive %lu\nfailed %lu\nstrays %lu\ndamaged %lu\n",
        (unsigned long)sum.calls, (unsigned long)sum.peak, (unsigned long)sum.live,
        (unsigned long)sum.failed, (unsigned long)sum.strays, (unsigned long)sum.damaged);
    return write(STDOUT_FILENO, line, (size_t)length) == length ? 0 : 2;
}
