/*
 * witness.c - what a test did, and where it ended: for reports that teach (scripts/learn).
 *
 * With --witness the tests call the library through functions that note each call, and a crash or an
 * endless loop notes where it stands. With --closely the blocks of the heap are noted too, before and
 * after a call, up to the first call that leaves an invariant broken. (While several threads call,
 * nothing is noted but a crash.) It all stands in memory that the runner shares, and is printed by
 * witness_tell, a line a thing: a tab, its kind, its values.
 */
#define _GNU_SOURCE
#include "runner.h"

#include <dlfcn.h>
#if __has_include(<execinfo.h>)
#include <execinfo.h>
#else /* musl: no stack can be told */
#define backtrace(frames, count) ((void)(frames), (void)(count), 0)
#endif
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

enum {
    CALLS = 64,       /* the last ones are kept */
    BLOCKS = 256,     /* of a larger heap there is no picture */
    FRAMES = 32,      /* of a stack */
    SAMPLES = 8,      /* of where a loop goes round */
    PATIENCE = 3000,  /* milliseconds of work, or of waiting without any, that no test needs */
    IMPATIENCE = 800, /* the same, for a test that has come to no end before */
    LONGEST = 14000,  /* milliseconds of any time */
    TICK = 200,       /* milliseconds between two looks at that */
    LOOKING = 1500,   /* milliseconds in all that may go into pictures and checks */
    HUNG_STATUS = 99  /* of the process of a test that came to no end */
};

struct call {
    const char *function;
    uintptr_t args[3], result;
    void *caller;
    const char *refused; /* the system call that failed meanwhile, or - */
    bool returned;
};

struct picture {
    bool taken;
    unsigned count;
    struct heap_block blocks[BLOCKS];
};

enum breaker { CALL, WRITTEN, MOVED }; /* the test wrote into memory, or moved the break */

/* The signal of that: whatever the tests don't use. */
#define TIME_IS_UP SIGPROF

static struct witness {
    unsigned count; /* of calls */
    struct call calls[CALLS];
    struct picture pictures[2]; /* after call n: pictures[n % 2] */
    unsigned broken_by;         /* the first call that left an invariant broken, or 0 */
    enum breaker by;            /* by that call, or by what the test did after it */
    struct heap_fault fault;    /* what it broke; or what was broken when a call came to no end */
    char faults[1024];          /* in words */
    int signal;                 /* that ended it; TIME_IS_UP: it came to no end */
    unsigned samples, frames[SAMPLES];
    void *stack[SAMPLES][FRAMES];
} * seen;

static enum { OFF, ON, CLOSELY } level;
static unsigned stop_at;
static long patience;
static struct allocator real;
static pid_t test, calling;   /* the processes of the test, and of what makes its calls */
static unsigned before_death; /* calls */
static bool spoilt;           /* by the test, on purpose: what is broken then is no call's fault */
static pthread_t thread;
static long looked; /* milliseconds */
static void *break_before;
static void *library_start, *runner_start;

void witness_stop(void);

/* ---- the heap ------------------------------------------------------------------------------- */

static bool add_block(const struct heap_block *block, void *arg)
{
    struct picture *picture = arg;

    if (picture->count < BLOCKS)
        picture->blocks[picture->count] = *block;
    return ++picture->count <= BLOCKS;
}

static void take_picture(unsigned call)
{
    struct picture *picture = &seen->pictures[call % 2];

    picture->count = 0;
    picture->taken = false;
    if (!real.inspect || !real.inspect->blocks)
        return;
    system_quiet(true);
    real.inspect->blocks(add_block, picture);
    system_quiet(false);
    picture->taken = picture->count <= BLOCKS;
}

static void look_for_faults(void)
{
    const char *faults;

    if (spoilt || !real.inspect || !real.inspect->check || !(faults = heap_faults()))
        return;
    seen->broken_by = seen->count;
    snprintf(seen->faults, sizeof seen->faults, "%s", faults);
    heap_check(&seen->fault);
}

static long milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The picture is the one after call n. */
static void look(unsigned n)
{
    long start = milliseconds();

    if (level < CLOSELY || seen->broken_by)
        return;
    seen->pictures[n % 2].taken = false;
    if (looked > LOOKING)
        return;
    take_picture(n);
    look_for_faults();
    looked += milliseconds() - start;
}

/* Before a call: what has the test done since the one before? */
static void look_between(void)
{
    int saved = errno;

    if (seen->broken_by)
        return;
    look(seen->count + 1);
    if (seen->broken_by)
        seen->by = program_break() == break_before ? WRITTEN : MOVED;
    errno = saved;
}

/* Which system call was made to fail since the last time? */
static const char *refused(void)
{
    static unsigned failed[SYSTEM_CALLS];
    const char *which = "-";

    for (int i = 0; i < SYSTEM_CALLS; i++) {
        if (record[i].failed > failed[i])
            which = system_call_names[i];
        failed[i] = record[i].failed;
    }
    return which;
}

/* ---- the calls ------------------------------------------------------------------------------ */

/* Where the debugger stops. */
__attribute__((noinline)) void witness_stop(void)
{
    __asm__ volatile("");
}

static struct call *begins(const char *function, uintptr_t first, uintptr_t second, uintptr_t third,
                           void *caller)
{
    struct call *call;

    if (threads_call || getpid() != calling || !pthread_equal(thread, pthread_self()))
        return NULL;
    if (seen->count > 0)
        look_between();
    if (seen->broken_by) /* what follows from it would push the cause out of the record */
        return NULL;
    call = &seen->calls[seen->count++ % CALLS];
    *call = (struct call){
        .function = function, .args = {first, second, third}, .caller = caller, .refused = "-"};
    refused();
    if (seen->count == stop_at)
        witness_stop();
    return call;
}

static void ends(struct call *call, uintptr_t result)
{
    int saved = errno;

    if (!call || threads_call)
        return;
    call->result = result;
    call->returned = true;
    call->refused = refused();
    look(seen->count);
    break_before = program_break();
    errno = saved;
}

#define A(argument) (uintptr_t)(argument)
#define CALLER __builtin_return_address(0)
/* SEE(type of the result, function, parameters, arguments, three numbers to note) */
#define SEE(type, name, parameters, arguments, ...)                                                \
    static type see_##name parameters                                                              \
    {                                                                                              \
        struct call *call = begins(#name, __VA_ARGS__, CALLER);                                    \
        type result = real.name arguments;                                                         \
                                                                                                   \
        ends(call, A(result));                                                                     \
        return result;                                                                             \
    }
#define SEE_VOID(name, parameters, arguments, ...)                                                 \
    static void see_##name parameters                                                              \
    {                                                                                              \
        struct call *call = begins(#name, __VA_ARGS__, CALLER);                                    \
                                                                                                   \
        real.name arguments;                                                                       \
        ends(call, 0);                                                                             \
    }

SEE(void *, malloc, (size_t size), (size), size, 0, 0)
SEE(void *, calloc, (size_t count, size_t size), (count, size), count, size, 0)
SEE(void *, realloc, (void *p, size_t size), (p, size), A(p), size, 0)
SEE(void *, reallocarray, (void *p, size_t count, size_t size), (p, count, size), A(p), count, size)
SEE(void *, aligned_alloc, (size_t to, size_t size), (to, size), to, size, 0)
SEE(void *, memalign, (size_t to, size_t size), (to, size), to, size, 0)
SEE(int, posix_memalign, (void **p, size_t to, size_t size), (p, to, size), A(p), to, size)
SEE(void *, valloc, (size_t size), (size), size, 0, 0)
SEE(void *, pvalloc, (size_t size), (size), size, 0, 0)
SEE(size_t, malloc_usable_size, (void *p), (p), A(p), 0, 0)
SEE(int, malloc_trim, (size_t keep), (keep), keep, 0, 0)
SEE_VOID(free, (void *p), (p), A(p), 0, 0)
SEE_VOID(free_sized, (void *p, size_t size), (p, size), A(p), size, 0)
SEE_VOID(free_aligned_sized, (void *p, size_t to, size_t size), (p, to, size), A(p), to, size)

static void put_between(void)
{
    real = lib;
#define PUT(name) lib.name = lib.name ? see_##name : NULL
    PUT(malloc);
    PUT(calloc);
    PUT(realloc);
    PUT(reallocarray);
    PUT(aligned_alloc);
    PUT(memalign);
    PUT(posix_memalign);
    PUT(valloc);
    PUT(pvalloc);
    PUT(malloc_usable_size);
    PUT(malloc_trim);
    PUT(free);
    PUT(free_sized);
    PUT(free_aligned_sized);
}

/* ---- the end -------------------------------------------------------------------------------- */

/* A timer of our own: a test may want the one of alarm(2). */
static void wait_for(long milliseconds_from_now)
{
    static timer_t timer;
    static pid_t owner;

    if (owner != getpid()) {
        struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = TIME_IS_UP};

        if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
            return; /* Check's own timeout is there too */
        owner = getpid();
    }
    timer_settime(timer, 0,
                  &(struct itimerspec){.it_value = {milliseconds_from_now / 1000,
                                                    milliseconds_from_now % 1000 * 1000000}},
                  NULL);
}

/* Inline: above the place where the program was stand two frames, note_end and the kernel's own. */
static inline __attribute__((always_inline)) void note_stack(void)
{
    if (seen->samples < SAMPLES) {
        seen->frames[seen->samples] = (unsigned)backtrace(seen->stack[seen->samples], FRAMES);
        seen->samples++;
    }
}

/* Milliseconds that children of the test have worked, those that have ended. */
static long children_worked(void)
{
    struct rusage used;

    getrusage(RUSAGE_CHILDREN, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
           (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
}

/* May the test yet come to its end? A loop works all the time; what waits for ever doesn't work at
 * all; and what does neither has to share the machine. */
static bool may_still_end(void)
{
    static long start, busy, idle_since;
    long now = milliseconds(), worked = (long)(clock() / (CLOCKS_PER_SEC / 1000));
    long all = worked + children_worked();

    if (!start)
        start = idle_since = now - TICK;
    if (all > busy + 20) {
        busy = all;
        idle_since = now;
    }
    if (worked >= patience + looked && !threads_call) /* many threads work much, each a little */
        return false;
    return now - idle_since < patience && now - start < LONGEST;
}

static void note_end(int signal_number)
{
    sigset_t time_only;

    if (getpid() != test) {
        signal(signal_number, SIG_DFL);
        raise(signal_number);
        return;
    }
    if (signal_number == TIME_IS_UP && seen->samples == 0 && may_still_end()) {
        wait_for(TICK);
        return;
    }
    seen->signal = signal_number;
    note_stack();
    if (signal_number == TIME_IS_UP && seen->samples < SAMPLES) {
        wait_for(7);
        return;
    }
    signal(signal_number, SIG_DFL);
    signal(TIME_IS_UP, SIG_DFL); /* should the picture never come */
    sigemptyset(&time_only);
    sigaddset(&time_only, TIME_IS_UP);
    sigprocmask(SIG_UNBLOCK, &time_only, NULL);
    wait_for(1000);
    if (level == CLOSELY && !seen->broken_by && !threads_call) {
        take_picture(seen->count);
        if (real.inspect && real.inspect->check)
            heap_check(&seen->fault);
    }
    if (signal_number == TIME_IS_UP)
        _exit(HUNG_STATUS);
    raise(signal_number);
}

/* ---- what the runner calls ------------------------------------------------------------------ */

void witness_begin(bool closely, bool hung_before, unsigned stop)
{
    Dl_info about;
    void *nowhere[1];

    level = closely ? CLOSELY : ON;
    patience = hung_before ? IMPATIENCE : PATIENCE;
    stop_at = stop;
    system_quiet(true);
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    system_quiet(false);
    if (seen == MAP_FAILED)
        die("can't set up: %s", strerror(errno));
    if (dladdr(*(void **)&lib.malloc, &about))
        library_start = about.dli_fbase;
    if (dladdr((void *)witness_begin, &about))
        runner_start = about.dli_fbase;
    backtrace(nowhere, 1); /* the first call loads a library */
    put_between();
}

/* In the process of a test, before it begins. */
void witness_test_begins(void)
{
    static const int ends_it[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, TIME_IS_UP};
    static char stack[1 << 16]; /* should the program's be used up */
    struct sigaction action = {.sa_handler = note_end, .sa_flags = SA_ONSTACK | SA_RESTART};

    if (!level)
        return;
    memset(seen, 0, sizeof *seen);
    test = calling = getpid();
    thread = pthread_self();
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    if (!stop_at) { /* under a debugger it is the debugger that shows the end */
        for (unsigned i = 0; i < sizeof ends_it / sizeof *ends_it; i++)
            sigaction(ends_it[i], &action, NULL);
        wait_for(TICK);
    }
    if (level == CLOSELY)
        take_picture(0);
}

void witness_test_ends(void)
{
    if (level)
        wait_for(0);
}

void witness_death_begins(void)
{
    before_death = level ? seen->count : 0;
    if (stop_at && stop_at == before_death + 1)
        witness_stop();
}

void witness_dying(void)
{
    calling = getpid();
    spoilt = level == CLOSELY && real.inspect && real.inspect->check && heap_faults();
    if (stop_at)
        alarm(0); /* who looks takes his time */
}

void witness_died(void)
{
    if (level)
        seen->count = before_death;
}

bool witness_hung(void)
{
    return level && seen->signal == TIME_IS_UP;
}

static void tell_address(const void *address)
{
    Dl_info about;

    if (!dladdr(address, &about))
        printf("\t-\t0");
    else if (about.dli_fbase == library_start || about.dli_fbase == runner_start)
        printf("\t%s\t%zx", about.dli_fbase == library_start ? "library" : "test",
               (size_t)((const char *)address - (const char *)about.dli_fbase));
    else
        printf("\t%s\t0", about.dli_sname ? about.dli_sname : "-");
}

static void tell_picture(const char *name, const struct picture *picture)
{
    if (!picture->taken)
        return;
    printf("\t%s\n", name);
    for (unsigned i = 0; i < picture->count; i++)
        printf("\tblock\t%zx\t%zu\t%zu\t%d\n", (size_t)picture->blocks[i].payload,
               picture->blocks[i].size, picture->blocks[i].overhead, picture->blocks[i].state);
}

static void tell_said(const char *said)
{
    printf("\tsaid\t");
    for (; *said; said++)
        printf(*said == '\n' ? "\\n" : "%c", *said);
    putchar('\n');
}

/* All that is known of a test that failed. */
void witness_tell(const char *said)
{
    unsigned first = seen->count > CALLS ? seen->count - CALLS : 0;
    unsigned last = (seen->broken_by ? seen->broken_by : seen->count) + (seen->by != CALL);

    tell_said(said);
    if (seen->signal)
        printf("\tsignal\t%d\n", seen->signal);
    for (unsigned i = 0; i < seen->samples; i++) {
        printf("\tstack\n");
        for (unsigned k = 0; k < seen->frames[i]; k++) {
            printf("\tframe");
            tell_address(seen->stack[i][k]);
            putchar('\n');
        }
    }
    for (unsigned i = first; i < seen->count; i++) {
        const struct call *call = &seen->calls[i % CALLS];

        printf("\tcall\t%u\t%s\t%zx\t%zx\t%zx\t%zx\t%d", i + 1, call->function,
               (size_t)call->args[0], (size_t)call->args[1], (size_t)call->args[2],
               (size_t)call->result, call->returned);
        tell_address(call->caller);
        printf("\t%s\n", call->refused);
    }
    if (last > 0)
        tell_picture("before", &seen->pictures[(last - 1) % 2]);
    tell_picture("after", &seen->pictures[last % 2]);
    if (seen->broken_by)
        printf("\tbroken\t%u\t%d\t%d\t%zx\t%s\n", seen->broken_by, seen->by, seen->fault.invariant,
               (size_t)seen->fault.where, seen->faults);
    else if (seen->fault.invariant)
        printf("\tamid\t%d\n", seen->fault.invariant);
    printf("\tend\n");
    fflush(stdout);
}
