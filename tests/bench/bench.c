/*
 * bench.c - what malloc and free cost. scripts/dev/bench preloads each library into it.
 *
 *     bench PATTERN LIVE SIZES PAIRS [SECONDS]
 *
 * It allocates LIVE blocks, then goes on freeing some and allocating as many. PATTERN says which:
 *
 *     lifo      the youngest first: blocks live as function calls do
 *     fifo      the oldest first: blocks live as the entries of a queue do
 *     random    any: blocks live as the entries of a cache do
 *     grow      any; each is a buffer that realloc makes larger by an eighth, again and again
 *     handoff   one thread allocates, a second one frees what it is handed
 *     shared    any, by two threads at once, from the same blocks: each frees what either allocated
 *
 * SIZES: small (8 to 255 bytes, short ranges as often as long ones), large (64 to 512 KiB), or the
 * name of a program in sizes.h, whose mix of sizes is drawn from. One byte in each page of a block
 * is written, as a program would that uses its memory; in a small block that is the first byte.
 *
 * Timed are PAIRS pairs of a malloc and a free, after others that aren't: they give the heap the
 * shape that the pattern leaves. A library that is slow is timed for SECONDS of CPU time (0.05),
 * and for fewer pairs. The output is one line: nanoseconds of CPU time and of real time per operation,
 * and how many operations were timed. An operation is one malloc, one free or one realloc.
 *
 * Compile it with -fno-builtin: a compiler that knows malloc may remove a pair of malloc and free.
 */
#include "draw.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_LIVE = 1000000,
    /* Untimed pairs: one for each live block, but no more than these. */
    WARM = 100000,
    /* Pairs between two looks at the clock; a multiple of DEPTH. */
    BATCH = 1024,
    /* Blocks that lifo frees in a row, before it allocates as many. */
    DEPTH = 16,
    /* Blocks that change hands at once: so many, or half of those that are live. */
    HAND = 256,
    /* Sizes drawn before the start. A power of two, so that a mask picks one. */
    SIZES = 4096,
    PAGE = 4096,
    REFUSED = 3, /* exit status: malloc gave NULL */
};

static char *blocks[MAX_LIVE];
static size_t lengths[MAX_LIVE]; /* grow: of each buffer now, in bytes */
static size_t live;
static uint32_t sizes[SIZES];

static size_t draw_size(void)
{
    return sizes[draw() >> 20 & (SIZES - 1)];
}

static void use(char *block, size_t size)
{
    if (!block)
        _exit(REFUSED);
    for (size_t at = 0; at < size; at += PAGE)
        block[at] = 1;
}

static char *block_new(size_t size)
{
    char *block = malloc(size);

    use(block, size);
    return block;
}

/* Each pattern does so many pairs, and returns how many operations those were. */

static size_t run_lifo(size_t pairs)
{
    size_t row = live < DEPTH ? live : DEPTH;

    for (size_t i = 0; i < pairs; i += row) {
        for (size_t k = 1; k <= row; k++)
            free(blocks[live - k]);
        for (size_t k = row; k >= 1; k--)
            blocks[live - k] = block_new(draw_size());
    }
    return 2 * pairs;
}

static size_t run_fifo(size_t pairs)
{
    static size_t oldest;

    for (size_t i = 0; i < pairs; i++) {
        free(blocks[oldest]);
        blocks[oldest] = block_new(draw_size());
        oldest = oldest + 1 < live ? oldest + 1 : 0;
    }
    return 2 * pairs;
}

static size_t run_random(size_t pairs)
{
    for (size_t i = 0; i < pairs; i++) {
        size_t slot = draw_below(live);

        free(blocks[slot]);
        blocks[slot] = block_new(draw_size());
    }
    return 2 * pairs;
}

/* A buffer that has reached a size drawn from the mix is freed, and begins again. */
static size_t run_grow(size_t pairs)
{
    for (size_t i = 0; i < 2 * pairs; i++) {
        size_t slot = draw_below(live), length = lengths[slot];

        if (length > draw_size()) {
            free(blocks[slot]);
            blocks[slot] = NULL;
            lengths[slot] = 0;
            continue;
        }
        length += length / 8 + 16;
        blocks[slot] = realloc(blocks[slot], length);
        lengths[slot] = length;
        if (!blocks[slot])
            _exit(REFUSED);
        blocks[slot][length - 1] = 1;
    }
    return 2 * pairs;
}

/* Two handfuls are under way: while one is freed, the other is filled. Each side waits in the
 * kernel, and for a handful at a time, so that waiting is a small part of the CPU time. */
static struct {
    sem_t empty, full;
} hands;
static size_t hand;

static void *free_what_comes(void *unused)
{
    for (size_t at = 0;; at = hand - at) {
        sem_wait(&hands.full);
        for (size_t k = 0; k < hand; k++)
            free(blocks[at + k]);
        sem_post(&hands.empty);
    }
    return unused;
}

static size_t run_handoff(size_t pairs)
{
    static size_t at;
    size_t done = 0;

    for (; done < pairs; done += hand, at = hand - at) {
        sem_wait(&hands.empty);
        for (size_t k = 0; k < hand; k++)
            blocks[at + k] = block_new(draw_size());
        sem_post(&hands.full);
    }
    return 2 * done;
}

static void start_handoff(void)
{
    pthread_t consumer;

    hand = live / 2 < HAND ? (live + 1) / 2 : HAND;
    sem_init(&hands.empty, 0, 2);
    sem_init(&hands.full, 0, 0);
    if (pthread_create(&consumer, NULL, free_what_comes, NULL) != 0)
        _exit(REFUSED);
}

static void start_full(void)
{
    for (size_t slot = 0; slot < live; slot++)
        blocks[slot] = block_new(draw_size());
}

/* The second thread goes on between two calls too, so its pairs are counted as it does them. */
static size_t pairs_of_other;

static void swap_a_block(void)
{
    char *block = block_new(draw_size());

    free(__atomic_exchange_n(&blocks[draw_below(live)], block, __ATOMIC_ACQ_REL));
}

static void *swap_for_ever(void *unused)
{
    draw_below(live); /* or both would draw the same slots */
    for (;;) {
        swap_a_block();
        __atomic_fetch_add(&pairs_of_other, 1, __ATOMIC_RELAXED);
    }
    return unused;
}

static size_t run_shared(size_t pairs)
{
    size_t before = __atomic_load_n(&pairs_of_other, __ATOMIC_RELAXED);

    for (size_t i = 0; i < pairs; i++)
        swap_a_block();
    return 2 * (pairs + __atomic_load_n(&pairs_of_other, __ATOMIC_RELAXED) - before);
}

static void start_shared(void)
{
    pthread_t other;

    start_full();
    if (pthread_create(&other, NULL, swap_for_ever, NULL) != 0)
        _exit(REFUSED);
}

static void start_empty(void)
{
}

static const struct pattern {
    const char *name;
    void (*start)(void);
    size_t (*run)(size_t pairs);
} patterns[] = {
    {"lifo", start_full, run_lifo},          {"fifo", start_full, run_fifo},
    {"random", start_full, run_random},      {"grow", start_empty, run_grow},
    {"handoff", start_handoff, run_handoff}, {"shared", start_shared, run_shared},
};

static const struct pattern *find_pattern(const char *name)
{
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (strcmp(patterns[i].name, name) == 0)
            return &patterns[i];
    return NULL;
}

/* Sizes from low up to twice that, and from each of so many doublings as often as from the next. */
static bool draw_doublings(size_t low, size_t doublings)
{
    for (size_t i = 0; i < SIZES; i++)
        sizes[i] = (uint32_t)((low << i % doublings) + draw_below(low << i % doublings));
    return true;
}

static bool draw_sizes(const char *name)
{
    if (strcmp(name, "small") == 0)
        return draw_doublings(8, 5);
    if (strcmp(name, "large") == 0)
        return draw_doublings(64 << 10, 3);
    return draw_mix(name, sizes, SIZES);
}

static double real_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Of all threads, the kernel's work for them included. Not by CLOCK_PROCESS_CPUTIME_ID: under a
 * limit of CPU time, which launch.c sets, Linux moves that clock on at each tick only, 4 ms. */
static double cpu_seconds(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static int report(double cpu, double real, size_t operations)
{
    char line[80];
    double each = 1e9 / (double)operations;

    /* Not printf: it would allocate a buffer, and a stage may refuse that. */
    snprintf(line, sizeof line, "%.2f %.2f %zu\n", cpu * each, real * each, operations);
    return write(STDOUT_FILENO, line, strlen(line)) < 0;
}

int main(int argc, char **argv)
{
    const struct pattern *pattern = argc >= 5 ? find_pattern(argv[1]) : NULL;
    size_t pairs = argc >= 5 ? (size_t)strtoul(argv[4], NULL, 10) : 0, done = 0, operations = 0;
    double most = argc == 6 ? atof(argv[5]) : 0.05, cpu, real;

    live = argc >= 5 ? (size_t)strtoul(argv[2], NULL, 10) : 0;
    if (!pattern || live < 1 || live > MAX_LIVE || pairs < 1 || !draw_sizes(argv[3])) {
        dprintf(STDERR_FILENO,
                "usage: bench lifo|fifo|random|grow|handoff|shared LIVE SIZES PAIRS "
                "[SECONDS]\nLIVE is at most %d; see the head of bench.c\n",
                MAX_LIVE);
        return 2;
    }
    pattern->start();
    pattern->run(live < WARM ? live : WARM);
    cpu = cpu_seconds();
    real = real_seconds();
    for (; done < pairs && cpu_seconds() - cpu < most; done += BATCH)
        operations += pattern->run(pairs - done < BATCH ? pairs - done : BATCH);
    return report(cpu_seconds() - cpu, real_seconds() - real, operations);
}
