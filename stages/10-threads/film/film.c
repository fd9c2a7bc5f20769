/* The film of this chapter: two threads on one heap, in turns; each frees a block of the other's. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

static char *a, *b, *c, *d, *e;
static atomic_int turn;

/* Waits until all turns before this one are over. */
static void wait_for(int mine)
{
    while (turn != mine)
        sched_yield();
}

static void *other_thread(void *unneeded)
{
    wait_for(1);
    b = malloc(200);
    turn = 2;
    wait_for(3);
    free(a);
    d = malloc(100);
    turn = 4;
    return unneeded;
}

int main(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, other_thread, NULL) != 0)
        return 1;
    a = malloc(100);
    turn = 1;
    wait_for(2);
    c = malloc(100);
    turn = 3;
    wait_for(4);
    free(b);
    e = malloc(200);
    return pthread_join(thread, NULL) != 0 || !c || !d || !e;
}
