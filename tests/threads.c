/*
 * threads.c - a program of the ladder: four threads that fill blocks of their own, and look whether
 * they find them as they left them; enough rounds that no allocator without a lock gets through by
 * luck.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4
#define BLOCKS 100    /* that a thread has at a time */
#define ROUNDS 150000 /* in each a block is looked at, freed, and another had in its place */

static pthread_barrier_t start;

static int holds(const unsigned char *block, size_t size, unsigned char mark)
{
    for (size_t i = 0; i < size; i++)
        if (block[i] != mark)
            return 0;
    return 1;
}

/* Returns its argument when a block had changed, NULL when none had. */
static void *work(void *arg)
{
    const unsigned char mark = *(unsigned char *)arg;
    unsigned char *block[BLOCKS] = {0};
    size_t size[BLOCKS] = {0};
    void *damaged = NULL;

    pthread_barrier_wait(&start);
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned k = i % BLOCKS;

        if (!holds(block[k], size[k], mark))
            damaged = arg;
        free(block[k]);
        size[k] = 1 + i % 700;
        block[k] = malloc(size[k]);
        memset(block[k], mark, size[k]);
    }
    return damaged;
}

int main(void)
{
    unsigned char marks[THREADS] = {'a', 'b', 'c', 'd'};
    pthread_t thread[THREADS];
    int damaged = 0;

    pthread_barrier_init(&start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, work, &marks[i]);
    for (int i = 0; i < THREADS; i++) {
        void *result;

        pthread_join(thread[i], &result);
        damaged += result != NULL;
    }
    puts(damaged ? "a thread found another's bytes in its block"
                 : "every block as its thread left it");
}
