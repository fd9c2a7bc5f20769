/*
 * forks.c - a program of the ladder: four threads allocate without a pause, while the main one
 * forks. Each child must get a block; it waits for ever where a lock was copied, and its owner wasn't.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 4
#define FORKS 300

static atomic_int stop;

static void *work(void *arg)
{
    for (size_t size = 1; !stop; size = size * 7 % 4001) {
        char *block = malloc(size);

        memset(block, 1, size);
        free(block);
    }
    return arg;
}

static int child(const char *kept)
{
    char *block = malloc(5000);

    memset(block, 1, 5000);
    free(block);
    return strcmp(kept, "kept") != 0;
}

int main(void)
{
    pthread_t thread[THREADS];
    char *kept = strdup("kept");
    int good = 0;

    for (int i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, work, NULL);
    for (int i = 0; i < FORKS; i++) {
        int status = 1;
        pid_t pid = fork();

        if (pid == 0)
            _exit(child(kept));
        waitpid(pid, &status, 0);
        good += status == 0;
    }
    stop = 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    printf("%d children of %d found their memory\n", good, FORKS);
}
