/* Two threads, and two blocks side by side. Each thread frees its own. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *mine, *yours;

static void *work(void *unused)
{
    free(yours);
    return unused;
}

int main(void)
{
    pthread_t thread;

    mine = memset(malloc(1000), 'm', 1000);
    yours = memset(malloc(1000), 'y', 1000);
    pthread_create(&thread, NULL, work, NULL);
    sleep(1); /* much to do */
    free(mine);
    pthread_join(thread, NULL);
    write(1, "all is well\n", 12);
}
