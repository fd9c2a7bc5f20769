/*
 * suite.c - the runner: opens a library, runs the tests that its promises ask for, reports.
 *
 *   suite --so FILE --promises "malloc free ..." [--test NAME] [--brief]
 *   suite --so FILE --whose    the stage that the library says it is, if it says so
 *   suite --list      the tests, and what each needs, with a tab in between
 *
 * Exit status: 0 all passed, 1 a test failed, 2 the runner could not judge (and says why), 3 the one
 * test asked for needs what isn't promised. The last line: "tests N failed N left-out N".
 */
#define _GNU_SOURCE
#include "runner.h"

#include <stdarg.h>
#include <stdio.h>

struct shared *shared;

static char words[2048];    /* " malloc free ... ": promised, and then found out */
static char promises[1024]; /* as they were given */
static const char *only;    /* the one test to run, or NULL */
static bool listing, whose, brief;
static int run, failed, left_out, hung;
static volatile bool done;

static struct {
    const TTest *test;
    const char *needs;
    int rounds;
    bool last;
    unsigned place; /* as registered */
} tests[512];
static unsigned test_count;

void die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("suite: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(2);
}

/* ---- words ---------------------------------------------------------------------------------- */

static const char *next_word(const char *list)
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

static bool all_promised(const char *needs)
{
    for (; *needs; needs = next_word(needs))
        if (!promised(needs))
            return false;
    return true;
}

/* A word is a promise when a test needs it, or the programs that tests/programs runs. */
static bool is_promise(const char *word)
{
    if (is_capability(word))
        return false;
    for (unsigned n = 0; n < test_count; n++)
        if (word_index(tests[n].needs, word) >= 0)
            return true;
    return word_index("start programs", word) >= 0;
}

static void check_promises(void)
{
    for (const char *word = promises + strspn(promises, " "); *word; word = next_word(word))
        if (!is_promise(word))
            die("there is no promise '%.*s'; suite --list shows what tests need",
                (int)strcspn(word, " "), word);
}

static void take_promises(const char *list)
{
    if (strlen(list) >= sizeof promises)
        die("the list of promises is too long: %zu bytes, where %zu would do", strlen(list),
            sizeof promises - 1);
    strcpy(promises, list);
    for (char *tab = promises; (tab = strpbrk(tab, "\t\n")); tab++)
        *tab = ' ';
    strcpy(words, promises);
}

/* ---- registering ---------------------------------------------------------------------------- */

static void (*joined[64])(void); /* by the constructors of the test files, before main */
static unsigned files;

void suite_joins(void (*registers)(void))
{
    if (files == sizeof joined / sizeof *joined)
        die("too many test files: enlarge the table");
    joined[files++] = registers;
}

static void add_test(const TTest *test, const char *needs, int rounds, bool last)
{
    if (test_count == sizeof tests / sizeof *tests)
        die("too many tests: enlarge the table");
    tests[test_count].test = test;
    tests[test_count].needs = needs;
    tests[test_count].rounds = rounds;
    tests[test_count].last = last;
    tests[test_count].place = test_count;
    test_count++;
}

void add(const TTest *test, const char *needs)
{
    add_test(test, needs, 1, false);
}

void add_rounds(const TTest *test, const char *needs, int rounds)
{
    add_test(test, needs, rounds, false);
}

void add_last(const TTest *test, const char *needs, int rounds)
{
    add_test(test, needs, rounds, true);
}

/* The latest of the promises that test n needs, in the order in which they were listed. */
static int latest(const char *needs)
{
    int last = -1;

    for (; *needs; needs = next_word(needs))
        if (word_index(promises, needs) > last)
            last = word_index(promises, needs);
    return last;
}

static int by_promise(const void *a, const void *b)
{
    const typeof(*tests) *one = a, *other = b;
    int first = latest(one->needs), second = latest(other->needs);

    if (one->last != other->last)
        return one->last ? 1 : -1;
    if (first != second)
        return first < second ? -1 : 1;
    return one->place < other->place ? -1 : 1;
}

static void list_tests(void)
{
    for (unsigned n = 0; n < test_count; n++)
        printf("%s\t%s\n", tests[n].test->name, tests[n].needs);
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
    ++shared->finished;
}

/* Why a test failed, in words. */
static const char *reason(TestResult *failure)
{
    static char text[256];
    const char *said = tr_msg(failure);

    if (strstr(said, "return value 97"))
        return "it called exit before its end";
    if (tr_rtype(failure) == CK_ERROR && shared->doing) {
        snprintf(text, sizeof text, "%s %s: %s", shared->doing,
                 strstr(said, "timeout expired") ? "didn't end" : "crashed", said);
        return text;
    }
    return strstr(said, "timeout expired") ? "it didn't end: is there an endless loop?" : said;
}

static void report(unsigned n, int i, const char *said, TestResult *failure)
{
    printf("  FAILED %s: %s\n    needs: %s", tests[n].test->name, said, tests[n].needs);
    if (tests[n].rounds > 1)
        printf("; round %d of %d", i + 1, tests[n].rounds);
    if (failure && tr_rtype(failure) == CK_FAILURE)
        printf("; %s:%d", tr_lfile(failure), tr_lno(failure));
    putchar('\n');
    fflush(stdout); /* what is still to be written, each fork would write once more */
}

/* Round i of tests[n], in a process of its own. Says why when it fails. */
static bool passes(unsigned n, int i)
{
    const char *name = tests[n].test->name;
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    SRunner *runner = srunner_create(suite);
    unsigned before_it = shared->finished;
    TestResult **results;
    bool passed = false;

    shared->doing = NULL;
    tcase_add_checked_fixture(tcase, before, after);
    tcase_add_loop_test(tcase, tests[n].test, i, i + 1);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_FORK);
    srunner_run_all(runner, CK_SILENT);

    results = srunner_failures(runner);
    if (srunner_ntests_failed(runner) > 0) {
        hung += strstr(tr_msg(results[0]), "timeout expired") != NULL;
        report(n, i, reason(results[0]), results[0]);
    } else if (srunner_ntests_run(runner) != 1)
        report(n, i, "it did not run", NULL);
    else if (shared->finished != before_it + 1)
        report(n, i, "it ended before its end, with status 0", NULL);
    else
        passed = true;
    free(results);
    srunner_free(runner);
    return passed;
}

/* Of the rounds of a test the first failure is enough. */
static bool passes_all_rounds(unsigned n)
{
    for (int i = 0; i < tests[n].rounds; i++)
        if (!passes(n, i))
            return false;
    return true;
}

/* Runs what is promised; when HUNG_LIMIT tests came to no end, not the rest. */
static void run_all(void)
{
    const char *limit = getenv("HUNG_LIMIT");
    int unrun = 0;

    for (unsigned n = 0; n < test_count; n++) {
        if (only && strcmp(only, tests[n].test->name) != 0)
            continue;
        if (!all_promised(tests[n].needs)) {
            left_out++;
            continue;
        }
        if (limit && hung >= atoi(limit)) {
            unrun++;
            continue;
        }
        run++;
        if (passes_all_rounds(n))
            continue;
        failed++;
        if (brief)
            return;
    }
    if (unrun)
        printf("  %d more tests were not run, for %d came to no end\n", unrun, hung);
}

static const char *needs_of(const char *name)
{
    for (unsigned n = 0; n < test_count; n++)
        if (strcmp(name, tests[n].test->name) == 0)
            return tests[n].needs;
    die("there is no test %s; tests/run --list names them", name);
}

/* ---- main ----------------------------------------------------------------------------------- */

static const char *take_options(int argc, char **argv)
{
    const char *file = NULL;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--list") == 0)
            listing = true;
        else if (strcmp(argv[i], "--whose") == 0)
            whose = true;
        else if (strcmp(argv[i], "--brief") == 0)
            brief = true;
        else if (i + 1 < argc && strcmp(argv[i], "--so") == 0)
            file = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--promises") == 0)
            take_promises(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--test") == 0)
            only = argv[++i];
        else
            die("I don't understand %s", argv[i]);
    }
    if (!file && !listing)
        die("which library? --so FILE");
    return file;
}

/* glibc's malloc, which the runner uses, takes its memory off the same program break. Let it take 64
 * MiB at once, so that it leaves the break alone while a test runs. The other setting makes room for
 * libraries with thread-local data, such as jemalloc. */
static void start_again_prepared(char **argv)
{
    if (getenv("MALLOC_SUITE_READY"))
        return;
    setenv("GLIBC_TUNABLES", "glibc.malloc.top_pad=67108864:glibc.rtld.optional_static_tls=65536",
           1);
    setenv("MALLOC_SUITE_READY", "1", 1);
    execv("/proc/self/exe", argv);
    die("can't start myself again: %s", strerror(errno));
}

static void set_up(void)
{
    static const char *const filters[] = {"CK_RUN_SUITE", "CK_RUN_CASE", "CK_INCLUDE_TAGS",
                                          "CK_EXCLUDE_TAGS"};

    for (unsigned i = 0; i < sizeof filters / sizeof *filters; i++)
        unsetenv(filters[i]);
    system_setup();
    system_quiet(true);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    system_quiet(false);
    if (shared == MAP_FAILED)
        die("can't set up: %s", strerror(errno));
}

int main(int argc, char **argv)
{
    const char *file = take_options(argc, argv);

    if (!listing)
        start_again_prepared(argv);
    set_up();
    for (unsigned i = 0; i < files; i++)
        joined[i]();
    if (listing) {
        list_tests();
        return 0;
    }
    check_promises();
    library_open(file);
    if (whose) {
        printf("%s\n", lib.inspect && lib.inspect->stage ? lib.inspect->stage : "");
        return 0;
    }
    qsort(tests, test_count, sizeof *tests, by_promise);
    if (only && !all_promised(needs_of(only))) {
        fprintf(stderr, "suite: %s: it doesn't promise all that %s needs: %s\n", file, only,
                needs_of(only));
        return 3;
    }
    run_all();
    if (run == 0)
        die("no test can be run on these promises alone: %s", promises);
    printf("tests %d failed %d left-out %d\n", run, failed, left_out);
    return failed ? 1 : 0;
}
