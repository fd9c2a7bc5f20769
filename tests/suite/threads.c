/* threads.c - many threads at once: each has its blocks, hands some to others, comes and goes. */
#define _GNU_SOURCE
#include "suite.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/wait.h>

enum { THREADS = 8, ROUNDS = 3000, MANY = 20000, LIVE = 32, MIB = 1 << 20 };

/* ---- each for itself ------------------------------------------------------------------------ */

static void one_thread(unsigned thread)
{
    char *block[LIVE] = {0};
    size_t size[LIVE];
    uint32_t random = thread * 7919 + 1;

    for (unsigned round = 0; round < MANY; round++) {
        unsigned i = (random = random * 1664525 + 1013904223) >> 27;
        size_t wanted = (random >> 8) % (round % 100 ? 200 : 20000);

        if (block[i])
            expect(filled(block[i], size[i], thread + i), "thread %u: a block was overwritten",
                   thread);
        if (block[i] && round % 3 == 0 && wanted > 0) {
            block[i] = must(lib.realloc(block[i], wanted));
            expect(filled(block[i], wanted < size[i] ? wanted : size[i], thread + i),
                   "thread %u: realloc lost contents", thread);
        } else {
            lib.free(block[i]);
            block[i] = must(round % 3 == 1 ? lib.calloc(1, wanted) : lib.malloc(wanted));
        }
        size[i] = wanted;
        fill(block[i], wanted, thread + i);
    }
    for (unsigned i = 0; i < LIVE; i++)
        lib.free(block[i]);
}

START_TEST(threads_each_for_itself)
{
    in_threads(THREADS, one_thread);
    heap_ok();
}
END_TEST

/* ---- handed over ---------------------------------------------------------------------------- */

/* Thread n fills blocks for thread n + 1, which verifies and frees them. */
static _Atomic(char *) mailbox[THREADS];

static void put_in(unsigned box, char *block)
{
    char *empty = NULL;

    while (!atomic_compare_exchange_weak(&mailbox[box], &empty, block)) {
        empty = NULL;
        sched_yield();
    }
}

static char *take_out(unsigned box)
{
    char *block;

    while (!(block = atomic_exchange(&mailbox[box], NULL)))
        sched_yield();
    return block;
}

/* Even threads give, odd ones take. */
static void giver_or_taker(unsigned thread)
{
    unsigned box = thread / 2;

    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t size = 1 + round * 37 % 600;

        if (thread % 2 == 0) {
            char *block = must(lib.malloc(size));

            fill(block, size, round);
            put_in(box, block);
        } else {
            char *block = take_out(box);

            expect(filled(block, size, round), "a block that another thread filled has changed");
            lib.free(block);
        }
    }
}

START_TEST(threads_free_what_others_allocated)
{
    in_threads(THREADS, giver_or_taker);
    heap_ok();
}
END_TEST

/* One only allocates, another only frees: what they use must not grow without end. */
START_TEST(threads_hand_over_without_growth)
{
    size_t before, after;

    in_threads(2, giver_or_taker);
    before = process_size().resident;
    for (unsigned i = 0; i < 10; i++)
        in_threads(2, giver_or_taker);
    after = process_size().resident;
    expect(after < before + MIB, "30000 blocks were handed over: %zu bytes more", after - before);
}
END_TEST

/* ---- come and go ---------------------------------------------------------------------------- */

static void short_life(unsigned thread)
{
    void *block = must(lib.malloc(100 + thread));

    fill(block, 100 + thread, thread);
    lib.free(block);
}

START_TEST(threads_that_end_leave_nothing)
{
    size_t before, after;

    for (unsigned i = 0; i < 100; i++)
        in_threads(THREADS, short_life);
    before = process_size().resident;
    for (unsigned i = 0; i < 400; i++)
        in_threads(THREADS, short_life);
    after = process_size().resident;
    expect(after < before + MIB, "3200 threads came and went: %zu bytes more", after - before);
    heap_ok();
}
END_TEST

/* Each thread has its errno. */
static void fail_and_succeed(unsigned thread)
{
    for (unsigned round = 0; round < 1000; round++) {
        errno = (int)(1000 + thread);
        lib.free(must(lib.malloc(100)));
        expect(errno == (int)(1000 + thread), "errno is %d", errno);
        if (thread % 2)
            must_fail(lib.malloc(SIZE_MAX / 2 + 1));
    }
}

START_TEST(threads_have_their_errno)
{
    in_threads(THREADS, fail_and_succeed);
}
END_TEST

/* ---- fork ----------------------------------------------------------------------------------- */

/* The child of a process whose other threads are inside malloc has only one thread: nobody in it
 * ever lets go of what they held. */
static atomic_bool forked;

static void allocate_or_fork(unsigned thread)
{
    int status;

    if (thread > 0) {
        while (!forked)
            lib.free(must(lib.malloc(100 * thread)));
        return;
    }
    for (unsigned i = 0; i < 50; i++) {
        pid_t child = fork();

        ck_assert(child >= 0);
        if (child == 0) {
            die_in(5);
            for (unsigned n = 0; n < 100; n++)
                lib.free(lib.malloc(n * 20));
            _exit(lib.malloc(100) ? 0 : 1);
        }
        ck_assert(waitpid(child, &status, 0) == child);
        expect(!WIFSIGNALED(status) || WTERMSIG(status) != SIGALRM,
               "the child of fork %u waits for a thread that it doesn't have", i);
        expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child of fork %u failed", i);
    }
    forked = true;
}

START_TEST(threads_allocate_while_one_forks)
{
    in_threads(4, allocate_or_fork);
    heap_ok();
}
END_TEST

SUITE
{
    add(threads_have_their_errno, "threads");
    add(threads_each_for_itself, "threads realloc");
    add(threads_free_what_others_allocated, "threads");
    add(threads_hand_over_without_growth, "threads");
    add(threads_that_end_leave_nothing, "threads");
    add(threads_allocate_while_one_forks, "threads");
}
