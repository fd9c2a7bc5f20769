/* tests.c - what stage 10 is the first to promise: forks among threads. (The suite's own threads.c
 * has what threads may do else.) */
#define _GNU_SOURCE
#include "suite.h"

#include <pthread.h>
#include <sys/wait.h>

/* ---- fork ----------------------------------------------------------------------------------- */

static volatile bool enough;

static void *allocate_for_ever(void *arg)
{
    char *block = NULL;

    for (unsigned i = 1; !enough; i++) {
        block = lib.realloc(block, i * 40009 % 3000 + 1);
        lib.free(lib.malloc(i * 300007 % 600000));
    }
    lib.free(block);
    return arg;
}

/* Fails the test unless a child, that allocates, ends by itself. */
static void fork_and_wait(void)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        alarm(10); /* who waits for ever dies of it */
        for (unsigned i = 0; i < 20; i++)
            lib.free(lib.malloc(i * 1000));
        _exit(0);
    }
    ck_assert(child > 0);
    waitpid(child, &status, 0);
    expect(!WIFSIGNALED(status) || WTERMSIG(status) != SIGALRM,
           "a child waits for ever for a lock that nobody in it can give back");
    expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a child crashed");
}

static void fork_among_threads(unsigned forks)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];

    for (unsigned i = 0; i < THREADS; i++)
        ck_assert(pthread_create(&threads[i], NULL, allocate_for_ever, NULL) == 0);
    for (unsigned i = 0; i < forks; i++)
        fork_and_wait();
    enough = true;
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    heap_ok();
}

START_TEST(fork_among_threads_that_allocate)
{
    fork_among_threads(200);
}
END_TEST

/* Handlers of others. Those that were registered before the library's own are called while it has
 * its lock: these here are registered before the runner opens it. Those that come later are called
 * before it takes its lock, and after. */
static void *handled;
static bool handlers_allocate;

static void handler(void)
{
    if (!handlers_allocate)
        return;
    lib.free(handled);
    handled = lib.malloc(1000);
}

__attribute__((constructor)) static void handlers_before(void)
{
    pthread_atfork(handler, handler, handler);
}

START_TEST(fork_with_handlers_that_allocate)
{
    ck_assert(pthread_atfork(handler, handler, handler) == 0);
    alarm(30);
    handlers_allocate = true;
    fork_among_threads(50);
}
END_TEST

/* Both go on after a fork, each with a heap of its own. */
START_TEST(fork_leaves_both_heaps_sound)
{
    static char *block[100];
    int status;
    pid_t child;

    for (unsigned i = 0; i < 100; i++)
        fill(block[i] = must(lib.malloc(i * 50)), i * 50, i);
    child = fork();
    for (unsigned i = 0; i < 100; i++) {
        if (!filled(block[i], i * 50, i))
            _exit(1);
        lib.free(block[i]);
    }
    if (heap_faults())
        _exit(2);
    if (child == 0)
        _exit(0);
    waitpid(child, &status, 0);
    expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child's heap is broken");
}
END_TEST

/* ---- threads -------------------------------------------------------------------------------- */

static bool little_done;

static void *allocate_a_little(void *arg)
{
    char *block = lib.calloc(1, 5000), *grown = block ? lib.realloc(block, 700000) : NULL;

    little_done = grown && grown[4999] == 0;
    lib.free(grown);
    lib.free(lib.aligned_alloc(4096, 100));
    return arg;
}

static void *allocate_once(void *arg)
{
    lib.free(must(lib.malloc(1000)));
    return arg;
}

START_TEST(threads_one_after_another_leave_nothing)
{
    pthread_t thread;
    size_t before = 0;

    for (unsigned i = 0; i < 20000; i++) {
        if (i == 100)
            before = process_size().resident;
        ck_assert(pthread_create(&thread, NULL, allocate_once, NULL) == 0);
        pthread_join(thread, NULL);
    }
    expect(process_size().resident < before + (256 << 10),
           "20000 threads came and went: %zu bytes more", process_size().resident - before);
    heap_ok();
}
END_TEST

/* The least that pthread_create takes, with room for the thread-local data of all libraries. */
START_TEST(threads_with_small_stacks)
{
    pthread_attr_t attributes;
    pthread_t thread;
    size_t size = 16 * 1024;

    pthread_attr_init(&attributes);
    do
        ck_assert(pthread_attr_setstacksize(&attributes, size += 4096) == 0);
    while (pthread_create(&thread, &attributes, allocate_a_little, NULL) == EINVAL);
    pthread_join(thread, NULL);
    expect(little_done, "a thread with a stack of %zu bytes could not allocate", size);
    heap_ok();
}
END_TEST

SUITE
{
    add(threads_one_after_another_leave_nothing, "threads measured");
    add(threads_with_small_stacks, "threads family");
    add(fork_leaves_both_heaps_sound, "fork");
    add(fork_among_threads_that_allocate, "fork");
    add(fork_with_handlers_that_allocate, "fork");
}
