/*
 * suite.c - the runner: opens a library, runs the tests that its promises ask for, reports.
 *
 *   suite --so FILE --promises "malloc free ..." [--test NAME] [--brief] [--on FILE]
 *         [--rounds N]
 *   suite --so FILE --whose    the stage that the library says it is, if it says so
 *   suite --list      the tests, and what each needs, with a tab in between
 *   --plan            the tests that would be run, in order, in the same form
 *   --witness         of each test more than its name: see witness.c; --closely: the heap too;
 *                     --hung: it came to no end before
 *   --later "N WORD"  invariant N is one of promise WORD: other tests don't ask for it
 *   --round N         of each test round N alone, from 1
 *   --no-fork         in the runner's own process, for a debugger
 *   --key             a line is read from standard input, and what came of each test is written to
 *                     descriptor 3, with that line before it: see scripts/grade.d
 *   --stop N          ... which finds witness_stop before call N
 *   --recorder FILE   the library is called through this one, which writes each call down: tests/film
 *
 * --on: the runner itself, which else stays on libc's malloc, is served by this library. At the end it
 * must have been, and its heap must be sound.
 *
 * --rounds: the tests of random traffic alone, with so many rounds each.
 *
 * Exit status: 0 all passed, 1 a test failed, 2 the runner could not judge (and says why), 3 the one
 * test asked for needs what isn't promised. The last line: "tests N failed N left-out N".
 */
#define _GNU_SOURCE
#include "runner.h"

#include <stdio.h>

static const char *only; /* the one test to run, or NULL */
static const char *on;   /* the library that serves the runner itself, or NULL: libc */
static const char *recorder;
static int rounds; /* of random traffic, and nothing else; 0: all tests, as registered */
static bool listing, whose, brief, planning, witness, closely, hung_before, no_fork, keyed;
static int only_round; /* from 1; 0: all */
static unsigned stop_at;
static int run, failed, left_out, hung;
static volatile bool done;

static struct {
    const TTest *test;
    const char *needs;
    int rounds;
    bool last, random;
    unsigned place; /* as registered */
} tests[512];
static unsigned test_count;

/* ---- promises ------------------------------------------------------------------------------- */

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

/* ---- registering ---------------------------------------------------------------------------- */

static void (*joined[64])(void); /* by the constructors of the test files, before main */
static unsigned files;

void suite_joins(void (*registers)(void))
{
    if (files == sizeof joined / sizeof *joined)
        die("too many test files: enlarge the table");
    joined[files++] = registers;
}

static void add_test(const TTest *test, const char *needs, int count, bool last)
{
    if (test_count == sizeof tests / sizeof *tests)
        die("too many tests: enlarge the table");
    tests[test_count].test = test;
    tests[test_count].needs = needs;
    tests[test_count].rounds = count;
    tests[test_count].last = last;
    tests[test_count].place = test_count;
    test_count++;
}

void add(const TTest *test, const char *needs)
{
    add_test(test, needs, 1, false);
}

void add_rounds(const TTest *test, const char *needs, int count)
{
    add_test(test, needs, count, false);
}

void add_last(const TTest *test, const char *needs, int count)
{
    add_test(test, needs, count, true);
}

void add_random(const TTest *test, const char *needs, int count)
{
    add_test(test, needs, rounds ? rounds : count, true);
    tests[test_count - 1].random = true;
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

static int count_words(const char *list)
{
    int count = 0;

    for (; *list; list = next_word(list))
        count++;
    return count;
}

static int by_promise(const void *a, const void *b)
{
    const typeof(*tests) *one = a, *other = b;
    int first = latest(one->needs), second = latest(other->needs);
    int words_of_first = count_words(one->needs), words_of_second = count_words(other->needs);

    if (one->last != other->last)
        return one->last ? 1 : -1;
    if (first != second)
        return first < second ? -1 : 1;
    /* For a reader: what needs less is nearer to the cause. */
    if ((witness || planning) && words_of_first != words_of_second)
        return words_of_first < words_of_second ? -1 : 1;
    return one->place < other->place ? -1 : 1;
}

static void list_tests(void)
{
    for (unsigned n = 0; n < test_count; n++)
        printf("%s\t%s\n", tests[n].test->name, tests[n].needs);
}

/* ---- verdicts for a grader ------------------------------------------------------------------ */

/* What a library writes itself doesn't begin with the key: the library is open before the key is
 * read, and the processes of the tests don't have it. */
static char key[64];
enum { VERDICTS = 3 };

static void take_key(void)
{
    char *end;

    if (!keyed)
        return;
    if (read(STDIN_FILENO, key, sizeof key - 1) <= 0 || !(end = strchr(key, '\n')))
        die("there is no key on standard input");
    *end = '\0';
}

static void forget_key(void)
{
    if (!keyed)
        return;
    explicit_bzero(key, sizeof key);
    close(VERDICTS);
}

static void tell_verdict(const char *name, const char *verdict)
{
    if (keyed)
        dprintf(VERDICTS, "\n%s\t%s\t%.*s\n", key, name, (int)strcspn(verdict, "\n"), verdict);
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
    forget_key();
    witness_test_begins();
}

static void after(void)
{
    witness_test_ends();
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
    if (witness_hung())
        said = "timeout expired";
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
    if (witness)
        witness_tell(said);
    tell_verdict(tests[n].test->name, said);
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
    test_needs = tests[n].needs;
    tcase_add_checked_fixture(tcase, before, after);
    tcase_add_loop_test(tcase, tests[n].test, i, i + 1);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, no_fork ? CK_NOFORK : CK_FORK);
    srunner_run_all(runner, CK_SILENT);

    results = srunner_failures(runner);
    if (srunner_ntests_failed(runner) > 0) {
        hung += witness_hung() || strstr(tr_msg(results[0]), "timeout expired") != NULL;
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
        if ((only_round == 0 || only_round == i + 1) && !passes(n, i))
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
        if (!all_promised(tests[n].needs) || (rounds && !tests[n].random)) {
            left_out++;
            continue;
        }
        if (limit && hung >= atoi(limit)) {
            unrun++;
            continue;
        }
        run++;
        if (planning || witness)
            printf("%s%s\t%s\n", witness ? "\ttest\t" : "", tests[n].test->name, tests[n].needs);
        fflush(stdout);
        if (planning)
            continue;
        if (passes_all_rounds(n)) {
            tell_verdict(tests[n].test->name, "");
            continue;
        }
        failed++;
        if (brief)
            return;
    }
    if (unrun)
        printf("  %d more tests were not run, for %d came to no end\n", unrun, hung);
}

/* The tests passed, or not, on a heap of ours: here is what became of that. */
static void report_host(void)
{
    const char *faults = host_faults();

    if (faults) {
        printf("  FAILED suite: the heap that the runner itself used is broken: %s\n", faults);
        failed++;
    } else
        printf("  the runner itself asked %s for memory %lu times; that heap is sound\n", on,
               host_calls());
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
        else if (strcmp(argv[i], "--plan") == 0)
            planning = true;
        else if (strcmp(argv[i], "--witness") == 0)
            witness = true;
        else if (strcmp(argv[i], "--hung") == 0)
            hung_before = true;
        else if (strcmp(argv[i], "--no-fork") == 0)
            no_fork = true;
        else if (strcmp(argv[i], "--key") == 0)
            keyed = true;
        else if (strcmp(argv[i], "--closely") == 0)
            witness = closely = true;
        else if (i + 1 < argc && strcmp(argv[i], "--later") == 0)
            take_later(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--round") == 0)
            only_round = atoi(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--stop") == 0)
            stop_at = (unsigned)atoi(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--so") == 0)
            file = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--promises") == 0)
            take_promises(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--test") == 0)
            only = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--recorder") == 0)
            recorder = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--on") == 0)
            on = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--rounds") == 0)
            rounds = atoi(argv[++i]);
        else
            die("I don't understand %s", argv[i]);
    }
    if (!file && !listing)
        die("which library? --so FILE");
    return file;
}

static void set_up(void)
{
    static const char *const filters[] = {"CK_RUN_SUITE", "CK_RUN_CASE", "CK_INCLUDE_TAGS",
                                          "CK_EXCLUDE_TAGS"};

    for (unsigned i = 0; i < sizeof filters / sizeof *filters; i++)
        unsetenv(filters[i]);
    if (on && !listing)
        host_begins(on);
    shared_setup();
}

int main(int argc, char **argv)
{
    const char *file = take_options(argc, argv);

    if (!listing)
        start_again_prepared(argv, file, on);
    set_up();
    for (unsigned i = 0; i < files; i++)
        joined[i]();
    if (listing) {
        list_tests();
        return 0;
    }
    check_promises();
    half_written = witness;
    library_open(file);
    if (!on)
        found_out("libc");
    if (whose) {
        printf("%s\n", lib.inspect && lib.inspect->stage ? lib.inspect->stage : "");
        return 0;
    }
    take_key();
    qsort(tests, test_count, sizeof *tests, by_promise);
    if (only && !all_promised(needs_of(only))) {
        fprintf(stderr, "suite: %s: it doesn't promise all that %s needs: %s\n", file, only,
                needs_of(only));
        return 3;
    }
    if (recorder)
        library_record(recorder);
    if (witness || stop_at)
        witness_begin(closely, hung_before, stop_at);
    run_all();
    if (planning)
        return 0;
    if (run == 0)
        die("no test can be run on these promises alone: %s", promises);
    if (on)
        report_host();
    printf("tests %d failed %d left-out %d\n", run, failed, left_out);
    return failed ? 1 : 0;
}
