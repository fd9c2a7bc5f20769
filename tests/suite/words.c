/* words.c - what a library promises and what was found out about it, in words; the runner's own end and
 * start; the memory that it shares with its children. */
#define _GNU_SOURCE
#include "runner.h"

#include <stdarg.h>
#include <stdio.h>

struct shared *shared;

static char words[2048]; /* " malloc free ... ": promised, and then found out */
char promises[1024];     /* as they were given */

const char *test_needs = "";
bool threads_call;

static struct {
    int invariant;
    const char *promise;
} later;

void die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(2);
}

const char *next_word(const char *list)
{
    list += strcspn(list, " ");
    return list + strspn(list, " ");
}

int word_index(const char *list, const char *word)
{
    size_t length = strcspn(word, " ");
    int index = 0;

    for (list += strspn(list, " "); *list; list = next_word(list), index++)
        if (strcspn(list, " ") == length && memcmp(list, word, length) == 0)
            return index;
    return -1;
}

bool promised(const char *word)
{
    return word_index(words, word) >= 0;
}

void found_out(const char *word)
{
    if (strlen(words) + strlen(word) + 2 > sizeof words)
        die("too many words: enlarge the table");
    strcat(strcat(words, " "), word);
}

size_t largest(size_t wanted)
{
    return promised("any-size") || wanted < 1024 ? wanted : 1024;
}

void take_promises(const char *list)
{
    if (strlen(list) >= sizeof promises)
        die("the list of promises is too long: %zu bytes, where %zu would do", strlen(list),
            sizeof promises - 1);
    strcpy(promises, list);
    for (char *tab = promises; (tab = strpbrk(tab, "\t\n")); tab++)
        *tab = ' ';
    strcpy(words, promises);
}

void take_later(const char *text)
{
    later.invariant = atoi(text);
    later.promise = next_word(text);
}

bool invariant_counts(int invariant)
{
    return invariant != later.invariant || word_index(test_needs, later.promise) >= 0;
}

/* glibc's malloc, which the runner uses, takes its memory off the same program break. Let it take 64
 * MiB at once, so that it leaves the break alone while a test runs. The other setting makes room for
 * libraries with thread-local data, such as jemalloc. musl has no such room: there the library must be
 * preloaded, and the runner passes it by, see system_setup. */
void start_again_prepared(char **argv, const char *so, const char *on)
{
    if (getenv("MALLOC_SUITE_READY")) {
        unsetenv("LD_PRELOAD");
        return;
    }
    setenv("GLIBC_TUNABLES", "glibc.malloc.top_pad=67108864:glibc.rtld.optional_static_tls=65536",
           1);
    setenv("MALLOC_SUITE_READY", "1", 1);
#ifdef __GLIBC__
    so = on;
#else
    if (on)
        die("--on needs glibc");
#endif
    if (so)
        setenv("LD_PRELOAD", so, 1);
    execv("/proc/self/exe", argv);
    die("can't start myself again: %s", strerror(errno));
}

void shared_setup(void)
{
    system_setup();
    system_quiet(true);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    system_quiet(false);
    if (shared == MAP_FAILED)
        die("can't set up: %s", strerror(errno));
}
