/* Two threads allocate all the time. The main thread forks a thousand times, and each child allocates
 * once. One that takes longer than five seconds hangs. */
#include <pthread.h>
#include <stdio.h>
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
    int forks = 0, status = 0;

    for (int i = 0; i < 2; i++)
        pthread_create(&thread, NULL, work, NULL);
    for (; forks < 1000 && status == 0; forks++) {
        if (fork() == 0) {
            alarm(5);
            free(malloc(1000));
            _exit(0);
        }
        wait(&status);
    }
    puts(status == 0 ? "a thousand children allocated" : "a child hangs");
}
