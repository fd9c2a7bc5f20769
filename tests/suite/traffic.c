/*
 * traffic.c - random allocations, held against a model: which blocks live, how large they are, and
 * what stands in them. The heap is checked after each step; where threads run, after each 1000th of
 * them all. Each thread has a model of its own.
 *
 * The seed is printed on failure; MALLOC_SEED=n repeats it. tests/run --rounds 10000 does it for long.
 */
#define _GNU_SOURCE
#include "suite.h"

#include <pthread.h>

enum { LIVE = 64, THREADS = 4 };

static _Thread_local uint64_t state;

/* xorshift: Marsaglia, Xorshift RNGs, Journal of Statistical Software 8(14), 2003. */
static size_t random_below(size_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state >> 11) % limit;
}

/* Mostly small, as programs do; now and then up to 300 KB, past the threshold for giving back. */
static size_t random_size(void)
{
    switch (random_below(20)) {
    case 0:
        return largest(random_below(300000));
    case 1:
    case 2:
        return largest(random_below(5000));
    default:
        return random_below(300);
    }
}

static _Thread_local struct block {
    unsigned char *payload;
    size_t size;
    unsigned seed;
} live[LIVE];

/* Large blocks are filled and compared at both ends only: the suite is to be quick. */
static void mark(unsigned i)
{
    size_t size = live[i].size;

    fill(live[i].payload, size < 512 ? size : 512, live[i].seed);
    if (size >= 1024)
        fill(live[i].payload + size - 512, 512, live[i].seed + 1);
}

static bool marked(unsigned i, size_t size)
{
    bool ok = filled(live[i].payload, size < 512 ? size : 512, live[i].seed);

    if (size == live[i].size && size >= 1024)
        ok = ok && filled(live[i].payload + size - 512, 512, live[i].seed + 1);
    return ok;
}

static _Thread_local unsigned long seed;
static _Thread_local unsigned step;

#define ok(condition, what)                                                                        \
    expect(condition, "%s, at step %u; the same again: MALLOC_SEED=%lu", what, step, seed)

/* What others do meanwhile. */
enum weather { FAIR, SBRK_FAILS, MMAP_FAILS, BREAK_MOVES };

/* Somebody else's memory, right behind the heap. */
static struct {
    unsigned char *start;
    size_t size;
} foreign[200];
static unsigned foreigners;

static void move_break(void)
{
    size_t size = 1 + random_below(200);
    unsigned char *start = sbrk((intptr_t)size);

    ok(start != (void *)-1, "the break can't be moved");
    fill(start, size, foreigners);
    foreign[foreigners].start = start;
    foreign[foreigners++].size = size;
}

static bool foreigners_well(void)
{
    for (unsigned i = 0; i < foreigners; i++)
        if (!filled(foreign[i].start, foreign[i].size, i))
            return false;
    return true;
}

static unsigned system_failures(void)
{
    return record[SBRK].failed + record[MMAP].failed;
}

/* NULL is no failure when the system gave nothing. */
static bool excused(unsigned failed)
{
    return system_failures() > failed;
}

static void allocate(unsigned i)
{
    bool clear = promised("calloc") && random_below(4) == 0;
    size_t size = random_size();
    unsigned failed = system_failures();
    unsigned char *payload = clear ? lib.calloc(1, size) : lib.malloc(size);

    ok(payload || excused(failed), "NULL, and there is memory");
    if (!payload)
        return;
    ok((uintptr_t)payload % (promised("align16") ? 16 : 1) == 0, "misaligned");
    for (size_t j = 0; clear && j < size; j++)
        ok(payload[j] == 0, "calloc gave a byte that is not 0");
    for (unsigned j = 0; j < LIVE; j++)
        ok(!live[j].payload || payload + size <= live[j].payload ||
               live[j].payload + live[j].size <= payload,
           "the new block overlaps a live one");
    live[i].payload = payload;
    live[i].size = size;
    live[i].seed = step;
    mark(i);
}

static void reallocate(unsigned i)
{
    size_t size = random_size() + 1, kept;
    unsigned failed = system_failures();
    unsigned char *payload;

    size = largest(size);
    kept = size < live[i].size ? size : live[i].size;
    ok(marked(i, live[i].size), "a block was overwritten");
    payload = lib.realloc(live[i].payload, size);
    ok(payload || excused(failed), "realloc gave NULL, and there is memory");
    if (!payload)
        return; /* the old block must be as it was: the next step that looks at it will see */
    live[i].payload = payload;
    ok(marked(i, kept), "realloc lost contents");
    live[i].size = size;
    live[i].seed = step;
    mark(i);
}

static void release(unsigned i)
{
    ok(marked(i, live[i].size), "a block was overwritten");
    lib.free(live[i].payload);
    live[i].payload = NULL;
}

/* Each round has another seed, and so each thread. */
static void begin(int round, unsigned thread)
{
    const char *given = getenv("MALLOC_SEED");

    seed = (given ? strtoul(given, NULL, 10) : 20261123) + (unsigned)round;
    state = (seed * THREADS + thread) * 0x9e3779b97f4a7c15u + 1;
}

static void take_step(unsigned i)
{
    if (!live[i].payload)
        allocate(i);
    else if (promised("realloc") && random_below(3) == 0)
        reallocate(i);
    else
        release(i);
}

static void release_all(void)
{
    for (unsigned i = 0; i < LIVE; i++)
        if (live[i].payload)
            release(i);
}

static void traffic(int round, unsigned steps, enum weather weather)
{
    begin(round, 0);
    for (step = 0; step < steps; step++) {
        unsigned i = (unsigned)random_below(LIVE);

        if (weather == SBRK_FAILS || weather == MMAP_FAILS)
            system_fail(weather == SBRK_FAILS ? SBRK : MMAP,
                        random_below(3) == 0 ? 1 + (unsigned)random_below(2) : 0, 1);
        if (weather == BREAK_MOVES && foreigners < 200 && random_below(10) == 0)
            move_break();
        take_step(i);
        heap_ok();
    }
    system_fail(SBRK, 0, 0);
    system_fail(MMAP, 0, 0);
    release_all();
    heap_ok();
    ok(foreigners_well(), "memory that isn't ours was overwritten");
}

START_TEST(random_traffic)
{
    traffic(_i, 1000, FAIR);
}
END_TEST

/* What a heap becomes in time. (Where memory isn't used again, it becomes long.) */
START_TEST(random_traffic_for_long)
{
    traffic(_i, 5000, FAIR);
}
END_TEST

START_TEST(random_traffic_while_sbrk_fails)
{
    traffic(_i, 1000, SBRK_FAILS);
}
END_TEST

START_TEST(random_traffic_while_mmap_fails)
{
    traffic(_i, 1000, MMAP_FAILS);
}
END_TEST

START_TEST(random_traffic_while_the_break_moves)
{
    traffic(_i, 1000, BREAK_MOVES);
}
END_TEST

/* ---- threads -------------------------------------------------------------------------------- */

/* Where a thread leaves a block, and takes what another one left there. */
static struct block exchange[16];
static pthread_mutex_t exchange_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t all_stand;
static int this_round;

static void exchange_block(unsigned i)
{
    struct block *place = &exchange[random_below(16)], mine = live[i];

    pthread_mutex_lock(&exchange_lock);
    live[i] = *place;
    *place = mine;
    pthread_mutex_unlock(&exchange_lock);
}

/* One thread checks the heap while the others wait. */
static void check_together(unsigned thread)
{
    pthread_barrier_wait(&all_stand);
    if (thread == 0)
        heap_ok();
    pthread_barrier_wait(&all_stand);
}

static void traffic_of_thread(unsigned thread)
{
    begin(this_round, thread);
    for (step = 1; step <= 1000; step++) {
        unsigned i = (unsigned)random_below(LIVE);

        if (random_below(8) == 0)
            exchange_block(i);
        take_step(i);
        if (step % (1000 / THREADS) == 0)
            check_together(thread);
    }
    release_all();
}

START_TEST(random_traffic_of_threads)
{
    this_round = _i;
    ck_assert(pthread_barrier_init(&all_stand, NULL, THREADS) == 0);
    in_threads(THREADS, traffic_of_thread);
    for (unsigned i = 0; i < 16; i++)
        lib.free(exchange[i].payload);
    heap_ok();
}
END_TEST

SUITE
{
    add_random(random_traffic, "malloc", 30);
    add_random(random_traffic_of_threads, "malloc threads", 30);
    add_random(random_traffic_for_long, "malloc reuse", 10);
    add_random(random_traffic_while_sbrk_fails, "nomem sbrk", 10);
    add_random(random_traffic_while_mmap_fails, "nomem mmap", 10);
    add_random(random_traffic_while_the_break_moves, "break malloc", 10);
}
