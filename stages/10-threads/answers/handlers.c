/* Allocates in its functions around fork, and has them registered before any library's: so they run
 * when those of the libraries in front have taken their locks. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void allocate(void)
{
    free(malloc(100));
}

static void early(void)
{
    pthread_atfork(allocate, allocate, allocate);
}

/* What is in this section is called before the libraries' constructors. */
__attribute__((section(".preinit_array"), used)) static void (*first)(void) = early;

int main(void)
{
    alarm(5); /* the end of one that hangs */
    if (fork() == 0)
        _exit(0);
    wait(NULL);
    write(1, "forked\n", 7);
}
