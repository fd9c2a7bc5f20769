/*
 * fuzz.c - random calls of the whole malloc family, at the edges of sizes and in bad times, held
 * against a model. tests/fuzz is the command.
 *
 *   fuzz --so FILE --promises "malloc ..." [--seed S] [--seconds N] [--steps LIST]
 *   fuzz --so FILE --promises "malloc ..." --file FILE
 *
 * A run is a process of its own, and its seed says all of it: what kind of blocks, what trouble, and
 * each step. Step n draws from a generator that begins with seed and n, so leaving out one step leaves
 * the others as they were: that is how a failing run is made short. With --file the bytes of the file
 * decide in place of a generator, as AFL wants it, in this process.
 *
 * Exit status: 0 nothing found, 1 something, 2 it could not judge.
 */
#define _GNU_SOURCE
#include "calls.c"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

enum { STEPS = 2000, THREADS = 4 };

static unsigned long seed;
static bool kept[STEPS]; /* the steps that are taken */

/* ---- runs ----------------------------------------------------------------------------------- */

static void choose_kind(void)
{
    state = mixed(seed, STEPS + 1);
    kind.slots = (unsigned[]){4, 16, 64, SLOTS}[below(4)];
    kind.check = kind.slots <= 16 ? 1 : kind.slots / 4;
    kind.large = below(4) > 0;
    kind.fails = one_in(3);
    kind.limits = one_in(8);
    kind.moves = one_in(4);
    kind.forks = one_in(4);
    kind.threads = promised("threads") && !input && one_in(3);
    kind.forks &= !kind.threads || promised("fork");
}

static pthread_barrier_t all_stand;
static struct block exchange[16];
static pthread_mutex_t exchange_lock = PTHREAD_MUTEX_INITIALIZER;

static void exchange_block(struct block *mine)
{
    struct block *place = &exchange[below(16)], other;

    pthread_mutex_lock(&exchange_lock);
    other = *place;
    *place = *mine;
    *mine = other;
    live_bytes += mine->payload ? mine->size : 0;
    live_bytes -= place->payload ? place->size : 0;
    pthread_mutex_unlock(&exchange_lock);
}

static void *run_thread(void *arg)
{
    unsigned thread = (unsigned)(uintptr_t)arg;

    follows = thread > 0;
    pthread_barrier_wait(&all_stand); /* until then there is memory to make threads of */
    for (unsigned step = 0; step < STEPS / 2; step++) {
        state = mixed(seed, step * THREADS + thread);
        if (one_in(8))
            exchange_block(&live[below(kind.slots)]);
        take_step();
        if (step % 250 == 249) {
            pthread_barrier_wait(&all_stand);
            if (thread == 0)
                check();
            pthread_barrier_wait(&all_stand);
        }
    }
    release_all();
    return NULL;
}

static void run_threads(void)
{
    pthread_t threads[THREADS];

    pthread_barrier_init(&all_stand, NULL, THREADS);
    for (unsigned i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, run_thread, (void *)(uintptr_t)i) != 0)
            die("no thread could be made");
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    memcpy(live, exchange, sizeof exchange);
}

static void run_steps(void)
{
    for (unsigned step = 0; step < STEPS && (!input || input_left > 0); step++) {
        if (!kept[step])
            continue;
        report->step = step;
        state = mixed(seed, step);
        take_step();
        if (step % kind.check == 0)
            check();
    }
}

static bool is_used(const struct heap_block *block, void *arg)
{
    *(unsigned *)arg += block->state == HEAP_USED;
    return true;
}

/* All is well again, and all comes back. */
static void finish(void)
{
    unsigned used = 0;
    void *payload;

    end_trouble();
    check();
    release_all();
    check();
    lib.malloc_trim(0);
    check();
    if (promised("inspect"))
        lib.inspect->blocks(is_used, &used);
    ok(used == 0, "all is freed, and %u blocks are told to be used", used);
    for (unsigned i = 0; i < foreigners; i++)
        ok(filled(foreign[i].start, foreign[i].size, i), "memory that isn't ours was overwritten");
    payload = lib.malloc(1000000);
    ok(payload, "all is freed, and malloc gives NULL");
    memset(payload, 1, 1000000);
    lib.free(payload);
    check();
}

static void run(void)
{
    choose_kind();
    if (kind.threads)
        run_threads();
    else
        run_steps();
    finish();
}

#define NO_END "it comes to no end"

/* A run in a process of its own. NULL, or what went wrong. */
static const char *outcome(void)
{
    static char text[4600];
    static int errors = -1; /* where its standard error goes */
    char said[200] = "";
    int status;
    pid_t child;

    if (errors < 0)
        errors = memfd_create("errors", MFD_CLOEXEC);
    if (ftruncate(errors, 0) != 0)
        die("can't empty a file: %s", strerror(errno));
    memset(report, 0, sizeof *report);
    fflush(stdout);
    child = fork();
    if (child < 0)
        die("can't fork: %s", strerror(errno));
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0});
        if (!showing)
            dup2(errors, STDERR_FILENO);
        lseek(errors, 0, SEEK_SET);
        alarm(2 * HUNG);
        run();
        _exit(0);
    }
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return NULL;
    if (pread(errors, said, sizeof said - 1, 0) > 0)
        said[strcspn(said, "\n")] = '\0';
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
        die("%s", said);
    snprintf(text, sizeof text, "step %u, %s: %s%s%s", report->step, report->call,
             WIFEXITED(status)             ? report->what
             : WTERMSIG(status) == SIGALRM ? NO_END
                                           : strsignal(WTERMSIG(status)),
             said[0] ? ", " : "", said);
    return text;
}

/* Leaves out what isn't needed for a failure: halves, quarters, ... single steps. */
static void shorten(void)
{
    const time_t end = time(NULL) + 30;
    bool tried[STEPS];

    for (unsigned step = report->step + 1; step < STEPS; step++)
        kept[step] = false;
    for (unsigned length = STEPS / 2; length > 0; length /= 2)
        for (unsigned from = 0; from < STEPS && time(NULL) < end; from += length) {
            memcpy(tried, kept, sizeof kept);
            for (unsigned step = from; step < from + length && step < STEPS; step++)
                kept[step] = false;
            if (memcmp(tried, kept, sizeof kept) != 0 && !outcome())
                memcpy(kept, tried, sizeof kept);
        }
}

/* "3,5-9": the steps that are kept. */
static void print_steps(void)
{
    const char *comma = "";

    for (unsigned from = 0, to; from < STEPS; from = to + 1) {
        for (to = from; to < STEPS && kept[to];)
            to++;
        if (to == from)
            continue;
        printf(to - from > 1 ? "%s%u-%u" : "%s%u", comma, from, to - 1);
        comma = ",";
    }
    if (!*comma)
        fputs("none", stdout);
}

static void take_steps(const char *list)
{
    memset(kept, 0, sizeof kept);
    if (strcmp(list, "none") == 0)
        return;
    for (char *end; *list; list = *end == ',' ? end + 1 : end) {
        unsigned long from = strtoul(list, &end, 10);
        unsigned long to = *end == '-' ? strtoul(end + 1, &end, 10) : from;

        if (end == list || to < from || to >= STEPS || (*end && *end != ','))
            die("no list of steps, such as 3,5-9 below %d: %s", STEPS, list);
        memset(kept + from, true, to - from + 1);
    }
}

/* Says what a run did, and how to see it again. */
static void tell(const char *what, bool shorter)
{
    printf("seed %lu: %s\n", seed, what);
    if (kind.threads) {
        printf("  it had threads; some times again: --seed %lu\n", seed);
        return;
    }
    if (shorter && !strstr(what, NO_END))
        shorten();
    printf("  again: --seed %lu --steps ", seed);
    print_steps();
    what = outcome();
    printf("\n  which says: %s\n", what ? what : "nothing, the second time");
}

static int run_file(const char *name)
{
    static unsigned char bytes[1 << 16];
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t count = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);

    if (count < 0)
        die("can't read %s: %s", name, strerror(errno));
    input = bytes;
    input_left = (size_t)count;
    run();
    return 0;
}

static int run_seeds(long seconds, bool replay)
{
    const time_t end = time(NULL) + seconds;
    const unsigned long first = seed;

    for (;; seed++) {
        const char *what = outcome();

        if (what) {
            choose_kind(); /* as the child did */
            tell(what, !replay);
            return 1;
        }
        if (time(NULL) >= end)
            break;
    }
    printf("seeds %lu to %lu: nothing found\n", first, seed);
    return 0;
}

int main(int argc, char **argv)
{
    const char *so = NULL, *file = NULL;
    long seconds = 0;
    bool replay = false;

    memset(kept, true, sizeof kept);
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";

        if (strcmp(argv[i], "--so") == 0)
            so = value;
        else if (strcmp(argv[i], "--promises") == 0)
            take_promises(value);
        else if (strcmp(argv[i], "--seed") == 0)
            seed = strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--seconds") == 0)
            seconds = strtol(value, NULL, 10);
        else if (strcmp(argv[i], "--file") == 0)
            file = value;
        else if (strcmp(argv[i], "--steps") == 0)
            replay = showing = (take_steps(value), true);
        else
            die("I don't understand %s", argv[i]);
    }
    if (!so)
        die("which library? --so FILE");
    start_again_prepared(argv, so, NULL);
    shared_setup();
    library_open(so);
    report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (report == MAP_FAILED)
        die("can't set up: %s", strerror(errno));
    return file ? run_file(file) : run_seeds(seconds, replay);
}
