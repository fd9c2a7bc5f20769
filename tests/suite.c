/*
 * suite.c - the runner: opens a library, runs the tests that its promises ask for, reports.
 *
 *   suite --so FILE --promises "malloc free ..." [--test NAME] [--brief]
 *   suite --list
 *
 * Exit status: 0 all passed, 1 a test failed, 2 the runner could not judge (and says why), 3 the one
 * test asked for needs what isn't promised.
 */
#define _GNU_SOURCE
#include "suite.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

struct allocator lib;
struct sbrk_record sbrk_record;

static char promises[1024] = " "; /* " malloc free ... " */
static const char *only;          /* the one test to run, or NULL */
static bool listing, brief;
static int run, failed, left_out;
static volatile int *finished; /* shared by all the forks: how many tests reached their end */
static volatile bool done;

static struct {
    const TTest *test;
    const char *needs;
    int count;
} tests[256];
static unsigned test_count;

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

/* ---- the runner's own sbrk ------------------------------------------------------------------ */

static void *(*libc_sbrk)(intptr_t);
static unsigned fail_from, fail_times;

void *sbrk(intptr_t increment)
{
    unsigned call = ++sbrk_record.calls;

    if (increment < 0)
        sbrk_record.down++;
    if (fail_from && call >= fail_from && call - fail_from < fail_times) {
        sbrk_record.failed++;
        errno = ENOMEM;
        return (void *)-1;
    }
    return libc_sbrk(increment);
}

void *program_break(void)
{
    return libc_sbrk(0);
}

void sbrk_fail(unsigned nth, unsigned times)
{
    sbrk_record = (struct sbrk_record){0};
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

void add_loop(const TTest *test, const char *needs, int count)
{
    if (test_count == sizeof tests / sizeof *tests)
        die("too many tests: enlarge the table");
    tests[test_count].test = test;
    tests[test_count].needs = needs;
    tests[test_count++].count = count;
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

/* The check asks sbrk where the break is: that call must neither fail nor be counted. */
bool heap_sound(struct heap_fault *fault)
{
    struct sbrk_record record = sbrk_record;
    unsigned from = fail_from;
    bool sound;

    fail_from = 0;
    sound = !lib.inspect || !lib.inspect->check || lib.inspect->check(fault);
    fail_from = from;
    sbrk_record = record;
    return sound;
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

/* Does the library call our sbrk? Asked in a process of its own, for the tests want a fresh heap. */
static bool calls_sbrk(void)
{
    int status;
    pid_t child = fork();

    if (child < 0)
        die("can't fork: %s", strerror(errno));
    if (child == 0) {
        alarm(60); /* should malloc never come back */
        sbrk_fail(0, 0);
        lib.malloc(1000);
        _exit(sbrk_record.calls > 0 ? 10 : 11);
    }
    waitpid(child, &status, 0); /* a library that crashes is for the tests to judge */
    return !(WIFEXITED(status) && WEXITSTATUS(status) == 11);
}

/* ---- running -------------------------------------------------------------------------------- */

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

/* Round i of tests[n], in a process of its own. Says why when it fails. */
static bool passes(unsigned n, int i)
{
    const char *name = tests[n].test->name, *said;
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    SRunner *runner = srunner_create(suite);
    TestResult **results, *failure;
    int before_it = *finished;
    bool passed;

    tcase_add_checked_fixture(tcase, before, after);
    tcase_add_loop_test(tcase, tests[n].test, i, i + 1);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_FORK);
    srunner_run_all(runner, CK_SILENT);

    results = srunner_failures(runner);
    failure = srunner_ntests_failed(runner) > 0 ? results[0] : NULL;
    said = failure ? tr_msg(failure) : "it did not run";
    if (strstr(said, "return value 97"))
        said = "it called exit before its end";
    if (strstr(said, "timeout expired"))
        said = "it didn't end: is there an endless loop?";
    passed = srunner_ntests_run(runner) == 1 && !failure;
    if (!passed) {
        printf("  FAILED %s: %s\n    needs: %s", name, said, tests[n].needs);
        if (tests[n].count > 1)
            printf("; round %d of %d", i + 1, tests[n].count);
        if (failure && tr_rtype(failure) == CK_FAILURE)
            printf("; %s:%d", tr_lfile(failure), tr_lno(failure));
        putchar('\n');
    } else if (*finished != before_it + 1) {
        printf("  FAILED %s: it ended before its end, with status 0\n    needs: %s\n", name,
               tests[n].needs);
        passed = false;
    }
    free(results);
    srunner_free(runner);
    return passed;
}

/* Runs what is promised. Of the rounds of a test the first failure is enough. */
static void run_all(void)
{
    for (unsigned n = 0; n < test_count; n++) {
        if (only && strcmp(only, tests[n].test->name) != 0)
            continue;
        if (!all_promised(tests[n].needs)) {
            left_out += tests[n].count;
            continue;
        }
        for (int i = 0; i < tests[n].count; i++) {
            run++;
            if (passes(n, i))
                continue;
            failed++;
            if (brief)
                return;
            break;
        }
    }
}

int main(int argc, char **argv)
{
    const char *file = NULL, *needs = NULL;
    static const char *const filters[] = {"CK_RUN_SUITE", "CK_RUN_CASE", "CK_INCLUDE_TAGS",
                                          "CK_EXCLUDE_TAGS"};

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--list") == 0)
            listing = true;
        else if (strcmp(argv[i], "--brief") == 0)
            brief = true;
        else if (i + 1 < argc && strcmp(argv[i], "--so") == 0)
            file = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--promises") == 0)
            snprintf(promises, sizeof promises - 8, " %s ", argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--test") == 0)
            only = argv[++i];
        else
            die("I don't understand %s", argv[i]);
    }

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
        if (calls_sbrk())
            strcat(promises, "sbrk ");
        else if (lib.inspect && promised("break"))
            die("%s promises break, and its sbrk is not the runner's: its tests would prove "
                "nothing",
                file);
    }
    for (unsigned i = 0; i < sizeof filters / sizeof *filters; i++)
        unsetenv(filters[i]);
    setenv("CK_DEFAULT_TIMEOUT", "60", 0); /* seconds; the slowest test takes less than one */

    contract_tests(); /* the narrow ones first: of many failures the first should say most */
    heap_tests();
    inspect_tests();
    realloc_tests();
    memory_tests();
    traffic_tests();
    for (unsigned n = 0; n < test_count; n++) {
        if (listing)
            printf("%s\t%s\n", tests[n].test->name, tests[n].needs);
        if (only && strcmp(only, tests[n].test->name) == 0)
            needs = tests[n].needs;
    }
    if (listing)
        return 0;
    if (only && !needs)
        die("there is no test %s; tests/run --list names them", only);
    run_all();
    if (run == 0 && only) {
        fprintf(stderr, "suite: %s: it doesn't promise all that %s needs: %s\n", file, only, needs);
        return 3;
    }
    if (run == 0)
        die("no test can be run on these promises alone:%s", promises);
    printf("tests %d failed %d left-out %d\n", run, failed, left_out);
    return failed ? 1 : 0;
}
