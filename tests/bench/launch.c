/*
 * launch.c - runs a command on a library, and says what that took.
 *
 *     launch LIBRARY SECONDS COMMAND [ARG...]      LIBRARY: a path; or "" for libc's malloc
 *
 * The last line of its stderr: status, microseconds of CPU time (user and system, the command's own
 * children among them), microseconds of real time, peak resident memory in KiB. The status is the
 * command's, or 128 and the signal that ended it. The command's stderr goes nowhere.
 *
 * Each process of the command may use SECONDS of CPU time (a whole number), ten times that of real
 * time, in case it waits for ever, and 1 GiB of memory.
 *
 * Why a program of its own: the kernel counts as a process's peak also what its parent's image held
 * before exec. A Python interpreter would lend each small program its 10 MiB. Linked statically
 * this one lends less than any program has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void limit(int what, rlim_t most)
{
    struct rlimit limits = {.rlim_cur = most, .rlim_max = most};

    setrlimit(what, &limits);
}

static void start(const char *library, unsigned seconds, char **command)
{
    /* With equal limits the kernel would send SIGKILL; the soft one alone is SIGXCPU. */
    struct rlimit cpu = {.rlim_cur = seconds, .rlim_max = seconds + 1};

    if (*library)
        setenv("LD_PRELOAD", library, 1);
    setrlimit(RLIMIT_CPU, &cpu);
    limit(RLIMIT_DATA, 1 << 30);
    limit(RLIMIT_CORE, 0);
    alarm(10 * seconds);
    if (!freopen("/dev/null", "w", stderr))
        _exit(126);
    execvp(command[0], command);
    _exit(127);
}

static long long microseconds(struct timeval time)
{
    return time.tv_sec * 1000000LL + time.tv_usec;
}

static long long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000LL + time.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
    struct rusage used;
    long long begun = now();
    int status;
    pid_t child;

    if (argc < 4 || atoi(argv[2]) < 1) {
        fprintf(stderr, "usage: launch LIBRARY SECONDS COMMAND [ARG...]\n");
        return 2;
    }
    child = fork();
    if (child == 0)
        start(argv[1], (unsigned)atoi(argv[2]), argv + 3);
    if (child < 0 || wait4(child, &status, 0, &used) != child) {
        perror("launch");
        return 2;
    }
    fprintf(stderr, "%d %lld %lld %ld\n",
            WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
            microseconds(used.ru_utime) + microseconds(used.ru_stime), now() - begun,
            used.ru_maxrss);
    return 0;
}
