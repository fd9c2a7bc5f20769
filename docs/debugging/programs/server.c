/* A thread that allocates all the time, and a main thread that forks. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void *work(void *unused)
{
    while (!unused)
        free(malloc(1000));
    return unused;
}

int main(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, work, NULL);
    sleep(1); /* much to do */
    if (fork() == 0) {
        free(malloc(1000));
        write(1, "hello from the child\n", 21);
        _exit(0);
    }
    wait(NULL);
}
