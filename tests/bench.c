/*
 * bench.c - what a malloc and a free cost. scripts/dev/bench preloads each library into it.
 *
 *     bench PATTERN LIVE MAX
 *
 * It allocates LIVE blocks, then goes on freeing some and allocating as many. PATTERN says which:
 *
 *     lifo      the youngest first: blocks live as function calls do
 *     fifo      the oldest first: blocks live as the entries of a queue do
 *     random    any: blocks live as the entries of a cache do
 *     nothing   any, with a malloc and a free that do nothing: what the loop itself costs
 *
 * It prints nanoseconds per operation; an operation is one malloc or one free. Sizes lie between 8
 * and MAX bytes, small ones far more often than large ones. The first byte of each block is written.
 * What to do is drawn before the clock starts, and is the same in each run.
 *
 * Compile it with -fno-builtin: a compiler that knows malloc may remove a pair of malloc and free.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_LIVE = 10000,
    MAX_SIZE = 1 << 20, /* bytes */
    /* Operations. Enough to time, few enough for a library that never uses memory again. */
    TIMED = 20000,
    /* Untimed ones before them, until the heap has the shape that the pattern gives it. */
    WARM = 20000,
    /* Blocks that lifo frees in a row, before it allocates as many. */
    DEPTH = 16,
    REFUSED = 3, /* exit status */
};

struct operation {
    unsigned slot;
    unsigned size; /* to allocate, in bytes; 0: free */
};

static void *blocks[MAX_LIVE];
static struct operation operations[WARM + TIMED];

/* xorshift64: the same numbers on every machine. */
static unsigned draw(unsigned below)
{
    static uint64_t state = 88172645463325252u;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 11) % below;
}

/* Bytes: 8..15, 16..31, 32..63, ... below or at max; each range as often as the next. */
static unsigned draw_size(unsigned max)
{
    unsigned ranges = 1, low;

    while (32u << (ranges - 1) <= max)
        ranges++;
    low = 8u << draw(ranges);
    return low + draw(low);
}

static bool known(const char *pattern)
{
    return strcmp(pattern, "lifo") == 0 || strcmp(pattern, "fifo") == 0 ||
           strcmp(pattern, "random") == 0 || strcmp(pattern, "nothing") == 0;
}

static void draw_operations(const char *pattern, unsigned live, unsigned max)
{
    unsigned row = strcmp(pattern, "lifo") == 0 && live >= DEPTH ? DEPTH : 1;
    unsigned oldest = 0;

    for (unsigned i = 0; i < WARM + TIMED; i += 2 * row) {
        unsigned slot = strcmp(pattern, "fifo") == 0   ? oldest++ % live
                        : strcmp(pattern, "lifo") == 0 ? live - row
                                                       : draw(live);

        for (unsigned k = 0; k < row; k++) {
            operations[i + k] = (struct operation){slot + row - 1 - k, 0};
            operations[i + row + k] = (struct operation){slot + k, draw_size(max)};
        }
    }
}

static void *no_malloc(size_t size)
{
    static char block;

    (void)size;
    return &block;
}

static void no_free(void *block)
{
    (void)block;
}

/* The loop calls through pointers, so that it is the same loop whatever they point at. */
static void *(*volatile do_malloc)(size_t) = malloc;
static void (*volatile do_free)(void *) = free;

static void block_new(unsigned slot, unsigned size)
{
    char *block = do_malloc(size);

    if (!block)
        _exit(REFUSED);
    *block = 1;
    blocks[slot] = block;
}

static void run(unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        const struct operation *operation = &operations[i];

        if (operation->size)
            block_new(operation->slot, operation->size);
        else
            do_free(blocks[operation->slot]);
    }
}

static double nanoseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

int main(int argc, char **argv)
{
    unsigned live = argc == 4 ? (unsigned)atoi(argv[2]) : 0;
    unsigned max = argc == 4 ? (unsigned)atoi(argv[3]) : 0;
    double start, end;
    char line[32];

    if (live < 1 || live > MAX_LIVE || max < 16 || max > MAX_SIZE || !known(argv[1])) {
        dprintf(STDERR_FILENO, "usage: bench lifo|fifo|random|nothing LIVE MAX\n");
        return 2;
    }
    draw_operations(argv[1], live, max);
    if (strcmp(argv[1], "nothing") == 0) {
        do_malloc = no_malloc;
        do_free = no_free;
    }
    for (unsigned slot = 0; slot < live; slot++)
        block_new(slot, draw_size(max));
    run(0, WARM);
    start = nanoseconds();
    run(WARM, WARM + TIMED);
    end = nanoseconds();
    /* Not printf: it would allocate a buffer, and a stage may refuse that. */
    snprintf(line, sizeof line, "%.1f\n", (end - start) / TIMED);
    return write(STDOUT_FILENO, line, strlen(line)) < 0;
}
