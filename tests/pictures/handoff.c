/* One thread makes messages, another one gives them back. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

static char *a, *b, *c, *d, *e, *f;
static atomic_int turn;

/* Waits until all turns before this one are over. */
static void wait_for(int mine)
{
    while (turn != mine)
        sched_yield();
}

static void *reader(void *unneeded)
{
    wait_for(1);
    free(a);
    free(c);
    turn = 2;
    wait_for(3);
    free(e);
    turn = 4;
    return unneeded;
}

int main(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, reader, NULL) != 0)
        return 1;
    a = malloc(100);
    b = malloc(16);
    c = malloc(100);
    d = malloc(16);
    turn = 1;
    wait_for(2);
    e = malloc(100);
    f = malloc(100);
    turn = 3;
    wait_for(4);
    return pthread_join(thread, NULL) != 0 || !b || !d || !f;
}
