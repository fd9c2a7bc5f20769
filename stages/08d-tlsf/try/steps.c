/* How many instructions does one call take? Of as many live blocks as the first argument says, a
 * child frees one and allocates another, over and over. Before and after each call it stops itself,
 * by a signal. In between it goes on by one instruction at a time (man 2 ptrace), and we count. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 100000, COUNTED = 250 };
enum { NOTHING, FREE, MALLOC, KINDS }; /* in this order, again and again */

static void *blocks[MOST];
static unsigned random_number = 1;

static unsigned next_random(unsigned limit)
{
    random_number = random_number * 1664525 + 1013904223;
    return (random_number >> 8) % limit;
}

/* Mostly small ones, as programs ask for. */
static size_t next_size(void)
{
    return next_random(4) ? next_random(400) : next_random(5000);
}

static void child(unsigned live)
{
    const unsigned calls = 20 * live + COUNTED; /* by then the heap is as it stays */

    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    for (unsigned i = 0; i < live; i++)
        blocks[i] = malloc(next_size());
    for (unsigned i = 0; i < calls; i++) {
        unsigned which = next_random(live);
        size_t size = next_size();
        int stop = i + COUNTED >= calls ? SIGUSR1 : 0; /* signal 0 is none */

        raise(stop), raise(stop);
        raise(stop), free(blocks[which]), raise(stop);
        raise(stop), blocks[which] = malloc(size), raise(stop);
    }
    exit(0);
}

/* Lets the child go on, at once or by one instruction. The signal that stops it, or 0: it ended. */
static int go_on(pid_t pid, int how, int *status)
{
    ptrace(how, pid, NULL, NULL);
    waitpid(pid, status, 0);
    return WIFSTOPPED(*status) ? WSTOPSIG(*status) : 0;
}

int main(int argc, char **argv)
{
    unsigned live = argc > 1 ? (unsigned)atoi(argv[1]) : 100, least[KINDS], most[KINDS] = {0};
    pid_t pid = fork();
    int status;

    if (pid == 0)
        child(live);
    least[NOTHING] = least[FREE] = least[MALLOC] = -1u;
    waitpid(pid, &status, 0);
    if (!WIFSTOPPED(status)) {
        fputs("steps: nobody may trace a process here\n", stderr);
        return 1;
    }
    for (unsigned call = 0; WIFSTOPPED(status); call++) {
        unsigned kind = call % KINDS, steps = 0;

        while (go_on(pid, PTRACE_SINGLESTEP, &status) == SIGTRAP)
            steps++;
        least[kind] = steps < least[kind] ? steps : least[kind];
        most[kind] = steps > most[kind] ? steps : most[kind];
        go_on(pid, PTRACE_CONT, &status);
    }
    printf("%u blocks: free %u to %u, malloc %u to %u instructions\n", live,
           least[FREE] - least[NOTHING], most[FREE] - least[NOTHING],
           least[MALLOC] - least[NOTHING], most[MALLOC] - least[NOTHING]);
}
