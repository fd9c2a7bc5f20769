/*
 * suite.c - the runner: opens a library, runs the tests that its promises ask for, reports.
 *
 *   suite --so FILE --promises "malloc free ..." [--test NAME] [--brief] [--list]
 *
 * Exit status: 0 all passed, 1 a test failed, 2 the runner could not judge (and says why).
 */
#define _GNU_SOURCE
#include "suite.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

struct allocator lib;
unsigned sbrk_calls;

static Suite *suite;
static const char *promises; /* " malloc free ... " */
static const char *only;     /* the one test to run, or NULL */
static bool listing, brief;
static unsigned left_out, registered;
static volatile unsigned *finished; /* shared by all the forks: tests that reached their end */
static volatile bool done;

/* ---- the runner's own sbrk ------------------------------------------------------------------ */

static void *(*libc_sbrk)(intptr_t);
static unsigned fail_from, fail_times;

void *sbrk(intptr_t increment)
{
    sbrk_calls++;
    if (fail_from && sbrk_calls >= fail_from && sbrk_calls < fail_from + fail_times) {
        errno = ENOMEM;
        return (void *)-1;
    }
    return libc_sbrk(increment);
}

void sbrk_fail(unsigned nth, unsigned times)
{
    sbrk_calls = 0;
    fail_from = nth;
    fail_times = times;
}

/* ---- registering ---------------------------------------------------------------------------- */

bool promised(const char *name)
{
    char word[64];

    snprintf(word, sizeof word, " %s ", name);
    return strstr(promises, word) != NULL;
}

size_t largest(size_t wanted)
{
    return promised("any-size") || wanted < 1024 ? wanted : 1024;
}

static bool all_promised(const char *needs)
{
    char words[256], *next = words, *word;

    snprintf(words, sizeof words, "%s", needs);
    while ((word = strsep(&next, " ")))
        if (!promised(word))
            return false;
    return true;
}

/* exit(0) inside a test would count as passed. */
static void exit_guard(void)
{
    if (!done)
        _exit(97);
}

static void before(void)
{
    atexit(exit_guard);
}

static void after(void)
{
    done = true;
    ++*finished;
}

void add_loop(const TTest *test, const char *needs, int count)
{
    TCase *tcase;

    if (listing) {
        printf("%s\t%s\n", test->name, needs);
        return;
    }
    if (only && strcmp(only, test->name) != 0)
        return;
    if (!all_promised(needs)) {
        left_out++;
        return;
    }
    registered++;
    tcase = tcase_create(test->name); /* one test a case: the result then carries its name */
    tcase_add_checked_fixture(tcase, before, after);
    tcase_add_loop_test(tcase, test, 0, count);
    tcase_set_timeout(tcase, 120);
    suite_add_tcase(suite, tcase);
}

void add(const TTest *test, const char *needs)
{
    add_loop(test, needs, 1);
}

/* ---- helpers of the tests ------------------------------------------------------------------- */

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

static char row_text[1024];

static bool row_add(const struct heap_chunk *chunk, void *arg)
{
    size_t *length = arg;

    *length += (size_t)snprintf(row_text + *length, sizeof row_text - *length, "%s%s %zu",
                                *length ? ", " : "", chunk->used ? "used" : "free", chunk->size);
    if (*length < sizeof row_text - 64)
        return true;
    strcpy(row_text + *length, ", ...");
    return false;
}

const char *heap_row(void)
{
    size_t length = 0;

    row_text[0] = '\0';
    lib.inspect->walk(row_add, &length);
    return row_text;
}

const char *row(const char *format, ...)
{
    static char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return text;
}

/* ---- opening the library -------------------------------------------------------------------- */

static void die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("suite: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(2);
}

/* A symbol that stands in the library itself: dlsym would also find the one of libc. */
static void *symbol(void *handle, const char *file, const char *name, bool required)
{
    char path[PATH_MAX];
    void *address = dlsym(handle, name);
    Dl_info info;

    if (address && dladdr(address, &info) && realpath(info.dli_fname, path) &&
        strcmp(path, file) == 0)
        return address;
    if (required)
        die("%s defines no %s", file, name);
    return NULL;
}

static void open_library(const char *name)
{
    static char file[PATH_MAX];
    void *handle;

    if (!realpath(name, file))
        die("there is no library %s", name);
    handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        die("%s", dlerror());
    *(void **)&lib.malloc = symbol(handle, file, "malloc", true);
    *(void **)&lib.free = symbol(handle, file, "free", true);
    *(void **)&lib.calloc = symbol(handle, file, "calloc", true);
    *(void **)&lib.realloc = symbol(handle, file, "realloc", true);
    lib.inspect = symbol(handle, file, "heap_inspect", false);
    if (lib.inspect && lib.inspect->version != HEAP_INSPECT_VERSION)
        die("%s describes its heap by version %u of inspect.h, not %d", file, lib.inspect->version,
            HEAP_INSPECT_VERSION);
    if (promised("inspect") && !(lib.inspect && lib.inspect->walk && lib.inspect->check))
        die("%s is to promise inspect, and exports no heap_inspect with walk and check", file);
}

/* ---- the report ----------------------------------------------------------------------------- */

static int report(SRunner *runner)
{
    int run = srunner_ntests_run(runner), failed = srunner_ntests_failed(runner);
    TestResult **results = srunner_failures(runner);
    const char *last = "";

    for (int i = 0; i < failed; i++) {
        const char *name = tr_tcname(results[i]);

        if (strcmp(name, last) != 0) /* of a loop the first failure is enough */
            printf("  FAILED %s: %s\n", name, tr_msg(results[i]));
        last = name;
        if (brief)
            break;
    }
    free(results);
    if (failed == 0 && *finished != (unsigned)run) {
        printf("  FAILED: %d tests ran, but only %u reached their end\n", run, *finished);
        failed = 1;
    }
    printf("tests %d failed %d left-out %u\n", run, failed, left_out);
    return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    const char *file = NULL;
    char words[1024] = " ";
    SRunner *runner;
    int status;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--list") == 0)
            listing = true;
        else if (strcmp(argv[i], "--brief") == 0)
            brief = true;
        else if (i + 1 < argc && strcmp(argv[i], "--so") == 0)
            file = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--promises") == 0)
            snprintf(words, sizeof words, " %s ", argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--test") == 0)
            only = argv[++i];
        else
            die("I don't understand %s", argv[i]);
    }
    promises = words;

    /* glibc's malloc, which the runner uses, takes its memory off the same program break. Let it
     * take 64 MiB at once, so that it leaves the break alone while a test runs. The other setting
     * makes room for libraries with thread-local data, such as jemalloc. */
    if (!listing && !getenv("MALLOC_SUITE_READY")) {
        setenv("GLIBC_TUNABLES",
               "glibc.malloc.top_pad=67108864:glibc.rtld.optional_static_tls=65536", 1);
        setenv("MALLOC_SUITE_READY", "1", 1);
        execv("/proc/self/exe", argv);
        die("can't start myself again: %s", strerror(errno));
    }
    *(void **)&libc_sbrk = dlsym(RTLD_NEXT, "sbrk");
    finished =
        mmap(NULL, sizeof *finished, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!libc_sbrk || finished == MAP_FAILED)
        die("can't set up: %s", strerror(errno));
    if (!listing) {
        if (!file)
            die("which library? --so FILE");
        open_library(file);
    }

    suite = suite_create("malloc");
    contract_tests();
    realloc_tests();
    memory_tests();
    heap_tests();
    inspect_tests();
    traffic_tests();
    if (listing)
        return 0;
    if (registered == 0)
        die(only ? "no test of that name is promised: %s" : "no test is promised%s",
            only ? only : "");

    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_FORK);
    srunner_run_all(runner, CK_SILENT);
    status = report(runner);
    srunner_free(runner);
    return status;
}
