/*
 * failures.c - the system says no: the same traffic again and again, each time in a fresh process, and
 * each time another call of sbrk, mmap, munmap, mremap or madvise fails; for some that one and all after it.
 *
 * malloc may fail then, but cleanly: NULL and ENOMEM, the heap is in order, and all that lives stays as
 * it is. When the trouble is over the same call succeeds, and nothing was lost.
 */
#define _GNU_SOURCE
#include "suite.h"

#include <limits.h>
#include <sys/wait.h>

enum { SMALL = 24, MIDDLE = 12, ALIGNED = 6, LARGE = 4, BLOCKS = SMALL + MIDDLE + ALIGNED + LARGE };

static struct {
    char *payload;
    size_t size;
} live[BLOCKS];

/* What fails in this process: the kth call, once or from then on. k = 0: none does. */
static enum system_call which;
static const char *name;
static unsigned k;
static bool for_ever;

static unsigned step;
/* Bytes that munmap refused to take when a block was made: the edges of a mapping that is cut to an
 * alignment. They may stay, for nobody wrote to them. */
static size_t edges;

#define holds(condition, format, ...)                                                              \
    expect(condition, "%s fails at call %u%s, step %u: " format, name, k,                          \
           for_ever ? " and after" : "", step, ##__VA_ARGS__)

/* After each call that failed, and now and then besides. */
static void heap_holds(void)
{
    static unsigned failed;
    const char *faults;

    if (record[which].failed == failed && step % 16 != 0)
        return;
    failed = record[which].failed;
    faults = heap_faults();
    holds(!faults, "the heap check says: %s", faults);
}

/* ---- blocks --------------------------------------------------------------------------------- */

/* Large ones are filled and compared at both ends only. */
static void mark(unsigned i)
{
    enum { END = 256 };
    size_t size = live[i].size;

    fill(live[i].payload, size < END ? size : END, i);
    if (size >= 2 * END)
        fill(live[i].payload + size - END, END, i + 1);
}

static bool marked(const char *payload, size_t size, unsigned i, bool whole)
{
    enum { END = 256 };

    return filled(payload, size < END ? size : END, i) &&
           (!whole || size < 2 * END || filled(payload + size - END, END, i + 1));
}

static void blocks_hold(void)
{
    for (unsigned i = 0; i < BLOCKS; i++)
        holds(!live[i].payload || marked(live[i].payload, live[i].size, i, true),
              "block %u has changed", i);
}

/* The call that gives block i a size, for the first time or another one. */
static char *ask(unsigned i, size_t size)
{
    if (live[i].payload)
        return lib.realloc(live[i].payload, size);
    if (i >= SMALL + MIDDLE && i < SMALL + MIDDLE + ALIGNED && lib.aligned_alloc)
        return lib.aligned_alloc((size_t)256 << i % 8, size);
    return i < SMALL && i % 3 == 1 && promised("calloc") ? lib.calloc(1, size) : lib.malloc(size);
}

/* It succeeds, at the second try at the latest; unless the trouble lasts. */
static void take(unsigned i, size_t size)
{
    char *given = NULL;

    if (live[i].payload && !promised("realloc"))
        return;
    step++;
    size = largest(size);
    for (unsigned seen = record[which].failed; !given; seen = record[which].failed) {
        size_t refused = record[MUNMAP].refused;

        errno = 4242;
        given = ask(i, size);
        edges += record[MUNMAP].refused - refused;
        holds(!given || errno == 4242 || !promised("enomem"), "success, and errno became %d",
              errno);
        if (given)
            break;
        holds(errno == ENOMEM || !promised("enomem"), "NULL, and errno is %d", errno);
        holds(record[which].failed > seen, "NULL, and no system call failed");
        heap_holds();
        if (for_ever)
            return;
        blocks_hold();
    }
    holds(!live[i].payload || marked(given, live[i].size < size ? live[i].size : size, i, false),
          "realloc lost contents");
    live[i].payload = given;
    live[i].size = size;
    mark(i);
    heap_holds();
}

static void drop(unsigned i)
{
    step++;
    errno = 4242;
    lib.free(live[i].payload);
    holds(errno == 4242 || !promised("errno"), "free changed errno to %d", errno);
    live[i].payload = NULL;
    heap_holds();
}

static void trim(void)
{
    step++;
    if (lib.malloc_trim)
        lib.malloc_trim(0);
    heap_holds();
}

/* ---- the traffic ---------------------------------------------------------------------------- */

/* Of the large blocks. Where a block can have a mapping of its own, it will; else it would be copied. */
static size_t mib(size_t count)
{
    return promised("mremap") ? count << 20 : count << 16;
}

/* Every size from some bytes to some MiB, in the order that the blocks have. */
static size_t usual_size(unsigned i)
{
    if (i < SMALL)
        return 16 + i * i * 60;
    if (i < SMALL + MIDDLE)
        return 600000 + i * 1000;
    return i < SMALL + MIDDLE + ALIGNED ? 100 + 5000 * (i % 8) : mib(3);
}

static void take_all(void)
{
    for (unsigned n = 0; n < BLOCKS; n++)
        take(n * 7 % BLOCKS, usual_size(n * 7 % BLOCKS));
}

static void drop_all(void)
{
    for (unsigned n = 0; n < BLOCKS; n++)
        drop(n * 11 % BLOCKS);
}

static void traffic(void)
{
    take_all();
    for (unsigned i = 0; i < SMALL && promised("realloc"); i += 3)
        take(i, usual_size(i) * 3 + 1000);
    for (unsigned i = BLOCKS - LARGE; i < BLOCKS && promised("realloc"); i++) {
        take(i, mib(9));
        take(i, mib(2));
        take(i, mib(20));
    }
    for (unsigned i = 0; i < BLOCKS; i += 2)
        drop(i);
    trim();
    for (unsigned i = 0; i < BLOCKS; i += 2)
        take(i, usual_size(i) / 2);
    for (unsigned i = SMALL; i < SMALL + MIDDLE; i++)
        drop(i); /* many pages at once */
    drop_all();
    trim();
    take_all();
}

static bool is_used(const struct heap_block *block, void *arg)
{
    *(unsigned *)arg += block->state == HEAP_USED;
    return true;
}

/* ---- each call ------------------------------------------------------------------------------ */

/* What the traffic without a failure found out. */
static struct {
    unsigned calls;
    size_t other; /* bytes that are mapped, and in no region of the heap */
} * clean;

/* One process: the traffic in trouble, and then in good times. */
static void run_traffic(void)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned used = 0;
    size_t other;

    system_fail(which, k, for_ever ? UINT_MAX : 1);
    traffic();
    if (k == 0)
        clean->calls = record[which].calls;
    blocks_hold();
    holds(k == 0 || record[which].failed > 0,
          "it didn't fail: the traffic isn't the same each time");
    system_fail(which, 0, 0);
    take_all();
    blocks_hold();
    drop_all();
    trim();
    if (promised("inspect"))
        lib.inspect->blocks(is_used, &used);
    holds(used == 0, "all is freed, and %u blocks are told to be used", used);
    other = process_size().mapped - (heap_size() + page - 1) / page * page;
    if (k == 0)
        clean->other = other;
    holds(other <= clean->other + edges || !promised("measured"),
          "all is freed, and %zu bytes are lost", other - clean->other);
}

/* It says itself what fails. */
static void in_a_process(void)
{
    int status;
    pid_t child = fork();

    ck_assert(child >= 0);
    if (child == 0) {
        run_traffic();
        _exit(0);
    }
    waitpid(child, &status, 0);
    holds(!WIFSIGNALED(status), "it died of signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        _exit(WEXITSTATUS(status));
}

static void each_call_fails(enum system_call given, const char *its_name)
{
    which = given;
    name = its_name;
    clean = mmap(NULL, sizeof *clean, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(clean != MAP_FAILED);
    in_a_process();
    expect(clean->calls > 0, "%s was never called: this test proves nothing", name);
    for (k = 1; k <= clean->calls; k++) {
        for_ever = false;
        in_a_process();
        for_ever = true;
        if (k % 4 == 1)
            in_a_process();
    }
}

START_TEST(each_sbrk_fails)
{
    each_call_fails(SBRK, "sbrk");
}
END_TEST

START_TEST(each_mmap_fails)
{
    each_call_fails(MMAP, "mmap");
}
END_TEST

START_TEST(each_munmap_fails)
{
    each_call_fails(MUNMAP, "munmap");
}
END_TEST

START_TEST(each_mremap_fails)
{
    each_call_fails(MREMAP, "mremap");
}
END_TEST

START_TEST(each_madvise_fails)
{
    each_call_fails(MADVISE, "madvise");
}
END_TEST

SUITE
{
    add_last(each_sbrk_fails, "nomem sbrk", 1);
    add_last(each_mmap_fails, "nomem mmap", 1);
    add_last(each_munmap_fails, "nomem munmap", 1);
    add_last(each_mremap_fails, "nomem mremap", 1);
    add_last(each_madvise_fails, "nomem madvise inspect", 1); /* others call it when they like */
}
