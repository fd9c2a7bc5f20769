/* help.c - contents of blocks, the size of the process, deaths, threads. */
#define _GNU_SOURCE
#include "runner.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

static unsigned char pattern(size_t i, unsigned seed)
{
    return (unsigned char)(i * 31 + (i >> 8) * 7 + seed * 17 + 1);
}

void fill(void *payload, size_t size, unsigned seed)
{
    unsigned char *bytes = payload;

    for (size_t i = 0; i < size; i++)
        bytes[i] = pattern(i, seed);
}

bool filled(const void *payload, size_t size, unsigned seed)
{
    const unsigned char *bytes = payload;

    for (size_t i = 0; i < size; i++)
        if (bytes[i] != pattern(i, seed))
            return false;
    return true;
}

/* ---- the size of the process ---------------------------------------------------------------- */

/* /proc/self/statm: pages that are mapped, and pages that are there. See proc(5). */
struct process_size process_size(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char text[64] = "", *next;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    struct process_size size;

    expect(fd >= 0 && read(fd, text, sizeof text - 1) > 0, "can't read /proc/self/statm");
    close(fd);
    size.mapped = strtoul(text, &next, 10) * page;
    size.resident = strtoul(next, NULL, 10) * page;
    return size;
}

/* ---- deaths --------------------------------------------------------------------------------- */

/* Check has a handler, which kills the runner's other children too. */
void die_in(unsigned seconds)
{
    signal(SIGALRM, SIG_DFL);
    alarm(seconds);
}

static pid_t dying;
static int last_words;

/* True in the child that is to die. */
bool death_begins(void)
{
    int ends[2];

    ck_assert(pipe(ends) == 0);
    witness_death_begins();
    dying = fork();
    ck_assert(dying >= 0);
    if (dying > 0) {
        close(ends[1]);
        last_words = ends[0];
        return false;
    }
    setrlimit(RLIMIT_CORE, &(struct rlimit){0});
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    signal(SIGABRT, SIG_DFL);
    die_in(10); /* should it neither die nor go on */
    witness_dying();
    return true;
}

/* NULL when the child died as it should, or what it did. */
const char *death_other_than(const char *sentence)
{
    static char said[1024], what[1200];
    size_t length = 0, expected = strlen(sentence);
    ssize_t count;
    int status;

    while (length < sizeof said - 1 &&
           (count = read(last_words, said + length, sizeof said - 1 - length)) > 0)
        length += (size_t)count;
    close(last_words);
    said[length] = '\0';
    waitpid(dying, &status, 0);
    if (WIFEXITED(status))
        snprintf(what, sizeof what, "it went on");
    else if (WTERMSIG(status) != SIGABRT)
        snprintf(what, sizeof what, "it ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else if (length != expected + 1 || memcmp(said, sentence, expected) != 0 ||
             said[expected] != '\n')
        snprintf(what, sizeof what, "it said \"%s\"", said);
    else {
        witness_died();
        return NULL;
    }
    return what;
}

/* ---- threads -------------------------------------------------------------------------------- */

static void (*thread_body)(unsigned thread);
static pthread_barrier_t start;

static void *thread_run(void *arg)
{
    pthread_barrier_wait(&start);
    thread_body((unsigned)(uintptr_t)arg);
    return NULL;
}

void in_threads(unsigned count, void (*body)(unsigned thread))
{
    enum { MOST = 64 };
    pthread_t threads[MOST];

    ck_assert(count <= MOST);
    threads_call = true;
    thread_body = body;
    ck_assert(pthread_barrier_init(&start, NULL, count) == 0);
    for (unsigned i = 0; i < count; i++)
        ck_assert(pthread_create(&threads[i], NULL, thread_run, (void *)(uintptr_t)i) == 0);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&start);
}
