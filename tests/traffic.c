/*
 * traffic.c - random allocations, held against a model: which blocks live, how large they are, and
 * what stands in them. The heap is checked after each step. A hundred processes of a thousand steps
 * each, so that a stage that never uses memory again has a short list to check.
 *
 * The seed is printed on failure; MALLOC_SEED=n repeats it.
 */
#include "suite.h"

enum { PROCESSES = 100, STEPS = 1000, LIVE = 64 };

static uint64_t state;

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

static struct {
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

START_TEST(random_traffic)
{
    const char *given = getenv("MALLOC_SEED");
    unsigned long seed = (given ? strtoul(given, NULL, 10) : 20261123) + (unsigned)_i;

    state = seed * 0x9e3779b97f4a7c15u + 1;
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned i = (unsigned)random_below(LIVE);
        size_t size = random_size(), kept;
        unsigned char *payload;

#define ok(condition, what)                                                                        \
    expect(condition, "%s, at step %u; again: MALLOC_SEED=%lu", what, step, seed)
        if (!live[i].payload) {
            bool clear = promised("calloc") && random_below(4) == 0;

            payload = clear ? lib.calloc(1, size) : lib.malloc(size);
            ok(payload, "NULL, and there is memory");
            for (size_t j = 0; clear && j < size; j++)
                ok(payload[j] == 0, "calloc gave a byte that is not 0");
            for (unsigned j = 0; j < LIVE; j++)
                ok(!live[j].payload || payload + size <= live[j].payload ||
                       live[j].payload + live[j].size <= payload,
                   "the new block overlaps a live one");
        } else if (promised("realloc") && size > 0 && random_below(3) == 0) {
            kept = size < live[i].size ? size : live[i].size;
            ok(marked(i, live[i].size), "a block was overwritten");
            payload = lib.realloc(live[i].payload, size);
            ok(payload, "realloc gave NULL, and there is memory");
            live[i].payload = payload;
            ok(marked(i, kept), "realloc lost contents");
        } else {
            ok(marked(i, live[i].size), "a block was overwritten");
            lib.free(live[i].payload);
            payload = NULL;
        }
        live[i].payload = payload;
        live[i].size = size;
        live[i].seed = step;
        if (payload)
            mark(i);
        heap_ok();
    }
    for (unsigned i = 0; i < LIVE; i++)
        if (live[i].payload) {
            expect(marked(i, live[i].size), "a block was overwritten; again: MALLOC_SEED=%lu",
                   seed);
            lib.free(live[i].payload);
            heap_ok();
        }
}
END_TEST

void traffic_tests(void)
{
    add_loop(random_traffic, "malloc", PROCESSES);
}
