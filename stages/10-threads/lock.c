/*
 * lock.c - one lock for the whole heap, and what a fork does to it. A part of heap.c.
 *
 * fork copies the memory of all threads, but of the threads only the one that called it. Had
 * another one the lock at that moment, then in the child it is locked for ever. So the thread that
 * forks takes the lock first, and both sides let go of it. The C library calls us for that:
 *
 *     others' prepare --> our prepare: lock --> others' prepare --> fork
 *     parent:   others' --> our: unlock --> others'
 *     child:    others' --> our: a new lock --> others'
 *
 * Those others may allocate, in between too. So the thread that forks passes its own lock.
 */
#include "heap.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Does this thread fork? Then it has the lock. Each thread has its own such variable; by
 * initial-exec it has it from its start: otherwise the loader might call malloc to make one. */
static _Thread_local bool forking __attribute__((tls_model("initial-exec")));

static void heap_lock(void)
{
    if (!forking)
        pthread_mutex_lock(&lock);
}

static void heap_unlock(void)
{
    if (!forking)
        pthread_mutex_unlock(&lock);
}

/* heap_die for a thread that has the lock: a handler of SIGABRT may allocate. */
static _Noreturn void heap_die_locked(const char *sentence)
{
    heap_unlock();
    heap_die(sentence);
}

static void fork_prepare(void)
{
    heap_lock();
    forking = true;
}

static void fork_parent(void)
{
    forking = false;
    heap_unlock();
}

static void fork_child(void)
{
    forking = false;
    pthread_mutex_init(&lock, NULL);
}

/* When the library is loaded, not when malloc is first called: pthread_atfork itself allocates. */
__attribute__((constructor)) static void lock_init(void)
{
    pthread_atfork(fork_prepare, fork_parent, fork_child);
}
