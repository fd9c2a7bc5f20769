/* calls.c - the model of what the heap should hold, and each call that is made. A part of the fuzzer, see
 * fuzz.c. */
#include "chance.c"

#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { SLOTS = 256, FOREIGN = 50 };
enum { HUNG = 20 }; /* seconds; a run takes less than one */

/* What a run tells those who started it. */
static struct report {
    volatile unsigned step;
    char call[100];  /* the call that was made last, */
    char what[4096]; /* and what was wrong */
} * report;
static bool showing; /* each step, on standard error */

/* ---- failing -------------------------------------------------------------------------------- */

__attribute__((format(printf, 1, 2))) static _Noreturn void wrong(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(report->what, sizeof report->what, format, args);
    va_end(args);
    if (!input)
        _exit(1);
    fprintf(stderr, "%s: %s\n", report->call, report->what);
    abort();
}

#define ok(condition, ...)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            wrong(__VA_ARGS__);                                                                    \
    } while (0)

/* Notes the call that comes, for whoever asks what crashed. */
__attribute__((format(printf, 1, 2))) static void calls(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(report->call, sizeof report->call, format, args);
    va_end(args);
    if (showing)
        fprintf(stderr, "  step %u: %s\n", report->step, report->call);
    errno = 4242;
}

/* ---- the model ------------------------------------------------------------------------------ */

static _Thread_local struct block {
    char *payload;
    size_t size;  /* these bytes are ours */
    size_t asked; /* as the program asked for it */
    size_t alignment;
    unsigned mark;
} live[SLOTS];
static _Thread_local size_t live_bytes;

static struct {
    char *start;
    size_t size;
} foreign[FOREIGN]; /* memory at the break that is somebody else's */
static unsigned foreigners;

/* Is there little memory? Then an allocation may fail. */
static volatile bool limited, failing;
static volatile unsigned troubles; /* how many there were so far */
static _Thread_local unsigned failed_before;
static _Thread_local bool trouble_before; /* among threads it may end while one of them allocates */

static unsigned failed_calls(void)
{
    unsigned count = 0;

    if (kind.threads)
        return troubles;
    for (unsigned i = 0; i < SYSTEM_CALLS; i++)
        count += record[i].failed;
    return count;
}

/* The places of a block that are written and read: all of a small one; of a large one both ends, and
 * a little of some pages. */
struct spot {
    size_t at, count;
};

static bool next_spot(struct spot *spot, const struct block *block)
{
    enum { END = 512, STRIDE = 32768 };
    size_t last = block->size - END;

    if (spot->count == 0) {
        *spot = (struct spot){0, block->size <= 4096 ? block->size : END};
        return block->size > 0;
    }
    if (spot->at + spot->count >= block->size)
        return false;
    spot->at = spot->at == 0 ? END + 4096 * (block->mark % 8) : spot->at + STRIDE;
    if (spot->at + END > last)
        *spot = (struct spot){last, END};
    return true;
}

static void block_fill(struct block *block)
{
    static _Thread_local unsigned marks;

    block->mark = ++marks;
    for (struct spot spot = {0}; next_spot(&spot, block);)
        fill(block->payload + spot.at, spot.count, block->mark + (unsigned)spot.at);
}

/* Its first bytes, as many as are left of it, stand now at payload. */
static bool block_stands(const struct block *block, const char *payload, size_t left)
{
    for (struct spot spot = {0}; next_spot(&spot, block) && spot.at < left;)
        if (!filled(payload + spot.at, spot.count < left - spot.at ? spot.count : left - spot.at,
                    block->mark + (unsigned)spot.at))
            return false;
    return true;
}

static void block_verify(const struct block *block)
{
    ok(block_stands(block, block->payload, block->size), "a block of %zu bytes was overwritten",
       block->size);
}

static bool block_is_zero(const struct block *block)
{
    for (struct spot spot = {0}; next_spot(&spot, block);)
        for (size_t i = 0; i < spot.count; i++)
            if (block->payload[spot.at + i])
                return false;
    return true;
}

/* A call has given this, where memory was asked for. False: nothing, and that was to be. */
static bool given(const void *payload)
{
    if (payload) {
        ok(errno == 4242, "success, and errno became %d", errno);
        return true;
    }
    ok(limited || trouble_before || failed_calls() > failed_before, "NULL, and there is memory");
    ok(errno == ENOMEM, "NULL, and errno is %d, not ENOMEM", errno);
    return false;
}

/* A new block is in its place. */
static void block_begins(struct block *block)
{
    uintptr_t start = (uintptr_t)block->payload;

    ok(start % (block->alignment > 16 ? block->alignment : 16) == 0, "misaligned: %p",
       (void *)block->payload);
    for (unsigned i = 0; i < SLOTS; i++)
        ok(!live[i].payload || &live[i] == block ||
               start >= (uintptr_t)live[i].payload + live[i].size ||
               start + block->size <= (uintptr_t)live[i].payload,
           "the block overlaps one of %zu bytes", live[i].size);
    live_bytes += block->size;
    block_fill(block);
}

static void block_ends(struct block *block)
{
    live_bytes -= block->size;
    block->payload = NULL;
    block->alignment = 0;
}

/* ---- steps ---------------------------------------------------------------------------------- */

static void *aligned(struct block *block)
{
    const size_t size = block->asked, alignment = random_alignment(), page = (size_t)getpagesize();
    void *payload = NULL;
    int error;

    block->alignment = alignment;
    switch (below(5)) {
    case 0:
        calls("aligned_alloc(%zu, %zu)", alignment, size);
        return lib.aligned_alloc(alignment, size);
    case 1:
        calls("memalign(%zu, %zu)", alignment, size);
        return lib.memalign(alignment, size);
    case 2:
        block->alignment = page;
        calls("valloc(%zu)", size);
        return lib.valloc(size);
    case 3:
        block->alignment = page;
        calls("pvalloc(%zu)", size);
        payload = lib.pvalloc(size);
        block->size = size ? (size + page - 1) / page * page : page;
        return payload;
    default:
        block->alignment = alignment < sizeof(void *) ? sizeof(void *) : alignment;
        calls("posix_memalign(%zu, %zu)", block->alignment, size);
        error = lib.posix_memalign(&payload, block->alignment, size);
        ok(error == 0 ? payload != NULL : error == ENOMEM && !payload, "it gave %d and %p", error,
           payload);
        errno = error ? error : errno;
        return payload;
    }
}

static void step_allocate(struct block *block)
{
    size_t size = live_bytes > (size_t)64 << 20 ? below(1000) : random_size();
    bool zero = false;

    *block = (struct block){.size = size, .asked = size};
    switch (below(8)) {
    case 0:
    case 1:
        zero = true;
        calls("calloc(%zu, %zu)", size % 8 ? size : size / 8, size % 8 ? (size_t)1 : 8);
        block->payload = size % 8 ? lib.calloc(size, 1) : lib.calloc(size / 8, 8);
        break;
    case 2:
        calls("realloc(NULL, %zu)", size);
        block->payload = lib.realloc(NULL, size);
        break;
    case 3:
        block->payload = aligned(block);
        break;
    default:
        calls("malloc(%zu)", size);
        block->payload = lib.malloc(size);
    }
    if (!given(block->payload))
        return;
    ok(!zero || block_is_zero(block), "not all is zero");
    block_begins(block);
}

/* Much larger, a little larger or smaller, any size; in chains, for a block is often met again. */
static size_t another_size(size_t size)
{
    switch (below(5)) {
    case 0:
        return size < (size_t)8 << 20 ? size + size / 2 + 1 : size / 2;
    case 1:
        return beside(size);
    case 2:
        return size - size / 4;
    case 3:
        return size + below(100);
    default:
        return random_size();
    }
}

static void step_reallocate(struct block *block)
{
    struct block old = *block;
    size_t size = another_size(block->size);
    char *payload;

    size = size ? size : 1;
    block_verify(block);
    if (one_in(4)) {
        calls("reallocarray(block of %zu, %zu, 1)", old.asked, size);
        payload = lib.reallocarray(old.payload, size, 1);
    } else {
        calls("realloc(block of %zu, %zu)", old.asked, size);
        payload = lib.realloc(old.payload, size);
    }
    if (!given(payload))
        return;
    ok(block_stands(&old, payload, size < old.size ? size : old.size), "contents were lost");
    block_ends(block);
    *block = (struct block){.payload = payload, .size = size, .asked = size};
    block_begins(block);
}

static void step_free(struct block *block)
{
    block_verify(block);
    switch (below(4)) {
    case 0:
        if (block->alignment) {
            calls("free_aligned_sized(block, %zu, %zu)", block->alignment, block->asked);
            lib.free_aligned_sized(block->payload, block->alignment, block->asked);
        } else {
            calls("free_sized(block, %zu)", block->asked);
            lib.free_sized(block->payload, block->asked);
        }
        break;
    case 1:
        if (block->size > 0) {
            calls("realloc(block of %zu, 0)", block->asked);
            ok(!lib.realloc(block->payload, 0), "it gave a block");
            break;
        } /* falls through */
    default:
        calls("free(block of %zu)", block->asked);
        lib.free(block->payload);
    }
    ok(errno == 4242, "errno became %d", errno);
    block_ends(block);
}

/* All of its usable bytes are ours from now on. */
static void step_use_all(struct block *block)
{
    size_t usable;

    calls("malloc_usable_size(block of %zu)", block->asked);
    usable = lib.malloc_usable_size(block->payload);
    ok(usable >= block->size, "it says %zu", usable);
    live_bytes += usable - block->size;
    block->size = usable;
    block_fill(block);
}

/* What nobody can have, or no standard allows: it fails, and all else is as it was. */
static void step_impossible(struct block *block)
{
    const size_t half = (size_t)PTRDIFF_MAX + 1,
                 wrong_one = random_alignment() + (one_in(2) ? 0 : 1);
    void *result = block;
    int error;

    calls("what can't be");
    ok(!lib.malloc(half + below(SIZE_MAX / 2)), "a block beyond PTRDIFF_MAX");
    ok(!lib.malloc(half - 1 - below(100)), "a block of almost PTRDIFF_MAX");
    ok(errno == ENOMEM, "errno is %d, not ENOMEM", errno);
    ok(!lib.calloc(half / 8, 16 + below(100)), "calloc's product overflowed");
    ok(!lib.reallocarray(block->payload, half / 8, 16 + below(100)), "a product overflowed");
    ok(!lib.realloc(block->payload, SIZE_MAX - below(10000)), "a block of almost SIZE_MAX");
    ok(!lib.aligned_alloc(random_alignment(), SIZE_MAX - below(10000)), "an aligned one, too");
    ok(!lib.pvalloc(SIZE_MAX - below(10000)), "pvalloc rounded up to nothing");
    error = lib.posix_memalign(&result, wrong_one | 1, 100);
    ok(error == EINVAL && result == block, "posix_memalign(%zu) gave %d", wrong_one | 1, error);
    error = lib.posix_memalign(&result, 64, SIZE_MAX - below(10000));
    ok(error == ENOMEM && result == block, "posix_memalign without memory gave %d", error);
    ok(!lib.aligned_alloc(wrong_one * 3, 10) && errno == EINVAL, "aligned_alloc(%zu) is no EINVAL",
       wrong_one * 3);
}

/* At least what the program has is counted. */
static void step_count(void)
{
    struct heap_numbers numbers;

    calls("mallinfo2()");
    numbers = lib.mallinfo2();
    ok(numbers.uordblks + numbers.fordblks == numbers.arena, "used and free are not all");
    ok(numbers.uordblks + numbers.hblkhd >= live_bytes, "%zu bytes live, and %zu are counted",
       live_bytes, numbers.uordblks + numbers.hblkhd);
    ok(errno == 4242, "errno became %d", errno);
}

static void limit_memory(size_t more)
{
    struct rlimit limit;

    getrlimit(RLIMIT_AS, &limit);
    limited = more != RLIM_INFINITY;
    limit.rlim_cur = limited ? process_size().mapped + more : limit.rlim_max;
    setrlimit(RLIMIT_AS, &limit);
}

static void end_trouble(void)
{
    for (unsigned i = 0; i < SYSTEM_CALLS; i++)
        system_fail(i, 0, 0);
    failing = false;
    if (limited)
        limit_memory(RLIM_INFINITY);
}

static void step_trouble(void)
{
    troubles++;
    if (one_in(2)) {
        end_trouble();
        calls("trouble ends");
    } else if (kind.fails && one_in(2)) {
        unsigned which = (unsigned)below(SYSTEM_CALLS), nth = 1 + (unsigned)below(3);

        failing = true;
        system_fail(which, nth, one_in(4) ? UINT_MAX : 1 + (unsigned)below(3));
        calls("%s is to fail, at call %u", system_call_names[which], nth);
    } else if (kind.limits) {
        limit_memory(one_in(2) ? 0 : below((size_t)16 << 20));
        calls("a limit of memory");
    } else if (kind.moves && foreigners < FOREIGN) {
        size_t size = 1 + below(300);
        char *start = (system_quiet(true), sbrk((intptr_t)size));

        system_quiet(false);
        if (start == (void *)-1)
            return;
        calls("somebody moves the break by %zu", size);
        foreign[foreigners].start = start;
        foreign[foreigners].size = size;
        fill(start, size, foreigners++);
    }
}

static void check(void)
{
    const char *faults = heap_faults();

    ok(!faults, "the heap check says: %s", faults);
}

static void release_all(void)
{
    for (unsigned i = 0; i < SLOTS; i++)
        if (live[i].payload)
            step_free(&live[i]);
}

/* The child frees all that it has, in a heap of its own. */
static void step_fork(void)
{
    pid_t child;
    int status;

    calls("fork()");
    child = fork();
    if (child < 0)
        return; /* there is a limit */
    if (child == 0) {
        alarm(HUNG);
        kind.threads = false;
        release_all();
        check();
        _exit(0);
    }
    waitpid(child, &status, 0);
    ok(!WIFSIGNALED(status), "the child died of signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        _exit(1); /* it has said why */
}

/* Trouble is for all threads, so only one makes it, and that one forks. */
static _Thread_local bool follows;

static void take_step(void)
{
    struct block *block = &live[below(kind.slots)];
    size_t what = below(64);

    trouble_before = kind.threads && (limited || failing);
    failed_before = failed_calls();
    if (what == 0 && !follows && (kind.fails || kind.limits || kind.moves))
        step_trouble();
    else if (what == 1 && one_in(4))
        calls("malloc_trim()"), lib.malloc_trim(below(100000));
    else if (what == 2 && !kind.threads)
        step_count();
    else if (what == 3 && one_in(4))
        step_impossible(block);
    else if (what == 4 && !follows && kind.forks && one_in(8))
        step_fork();
    else if (!block->payload)
        step_allocate(block);
    else if (what < 10)
        step_use_all(block);
    else if (what < 30)
        step_reallocate(block);
    else
        step_free(block);
}
