/*
 * suite.h - what every test of the suite may use.
 *
 * The runner stays on libc's malloc, unless tests/run --on puts it on a stage's. It opens the library that it judges with dlopen and calls it
 * through `lib`. Each test runs in a process of its own, forked before anybody has allocated from
 * the library: so each finds an empty heap, and a crash is one failed test.
 *
 * Each tests/suite/NAME.c joins by standing there, and so does a stage's own stages/NN-x/tests.c,
 * with what only that stage promises:
 *
 *     START_TEST(what_must_hold)
 *     {
 *         ...
 *     }
 *     END_TEST
 *
 *     SUITE
 *     {
 *         add(what_must_hold, "malloc reuse");
 *     }
 *
 * Rules for a test: allocate from `lib` only (libc's malloc and the stages share one program break),
 * say which promises it needs when it is registered, and judge nothing that no promise says.
 */
#ifndef SUITE_H
#define SUITE_H

#include "inspect.h"

#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* glibc's struct mallinfo2, which other libcs don't have. */
struct heap_numbers {
    size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};

struct allocator {
    void *(*malloc)(size_t size);
    void (*free)(void *payload);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *payload, size_t size);

    /* These are NULL where the library itself has none: the program gets libc's then. */
    void *(*reallocarray)(void *payload, size_t count, size_t size);
    void *(*aligned_alloc)(size_t alignment, size_t size);
    int (*posix_memalign)(void **payload, size_t alignment, size_t size);
    void *(*memalign)(size_t alignment, size_t size);
    void *(*valloc)(size_t size);
    void *(*pvalloc)(size_t size);
    size_t (*malloc_usable_size)(void *payload);
    void (*free_sized)(void *payload, size_t size);
    void (*free_aligned_sized)(void *payload, size_t alignment, size_t size);
    int (*malloc_trim)(size_t keep);
    struct heap_numbers (*mallinfo2)(void);
    void (*malloc_stats)(void);
    const struct heap_inspect *inspect;
};
extern struct allocator lib;

/* ---- registering ---------------------------------------------------------------------------- */

/* The function that registers a file's tests. */
#define SUITE                                                                                      \
    static void suite_here(void);                                                                  \
    __attribute__((constructor)) static void suite_join(void)                                      \
    {                                                                                              \
        suite_joins(suite_here);                                                                   \
    }                                                                                              \
    static void suite_here(void)
void suite_joins(void (*registers)(void));

/* Registers a test that needs all the words of needs: promises, and what the runner finds out about
 * a library. The latter are: the system calls that it makes (sbrk, mmap, munmap, mremap, madvise);
 * the functions that it has (memalign, ...); measured: heap_size can tell how much it has; and libc:
 * the runner itself is on libc's malloc, and so is what it calls of libc.
 *
 * Tests run in the order in which their promises are listed, so that the first failure is likely to
 * be the cause of the others. */
void add(const TTest *test, const char *needs);
/* The same, run for _i = 0 .. rounds - 1, each in a fresh process, up to the first failure. */
void add_rounds(const TTest *test, const char *needs, int rounds);
/* The same, for what puts everything together and says little of the cause: it comes last. */
void add_last(const TTest *test, const char *needs, int rounds);
/* The same, for random traffic, which is another in each round: tests/run --rounds says how many. */
void add_random(const TTest *test, const char *needs, int rounds);

/* Is it promised, or found out? For tests that do more where more is promised. */
bool promised(const char *word);
/* The largest size that a test may ask for: 1024 where any-size isn't promised. */
size_t largest(size_t wanted);

/* ---- system calls --------------------------------------------------------------------------- */

/* The runner's own sbrk, mmap, munmap, mremap and madvise are what the library calls. */
enum system_call { SBRK, MMAP, MUNMAP, MREMAP, MADVISE, SYSTEM_CALLS };

/* It fails, with ENOMEM, from the nth call on for `times` calls; n = 0: never. The record of all of
 * them begins anew. */
void system_fail(enum system_call which, unsigned nth, unsigned times);
extern struct system_record {
    unsigned calls, failed;
    unsigned down;  /* of sbrk: how often it was to move the break down */
    size_t refused; /* of munmap: the bytes that it did not take */
} record[SYSTEM_CALLS];

/* Where the program break is; neither counted nor made to fail. */
void *program_break(void);

/* How many bytes the library has from the system, by its own description, or by the break. Only a
 * difference between two of them means something. */
size_t heap_size(void);

/* What the kernel says of the whole process, in bytes. */
struct process_size {
    size_t mapped, resident;
};
struct process_size process_size(void);

/* ---- contents ------------------------------------------------------------------------------- */

/* Fills and verifies a block with bytes that depend on seed and place. */
void fill(void *payload, size_t size, unsigned seed);
bool filled(const void *payload, size_t size, unsigned seed);

/* Fails the test with this message unless condition holds. (Check's ck_assert_msg reports to the
 * runner each time, also when all is well: too slow for a million times.) */
#define expect(condition, ...)                                                                     \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg(__VA_ARGS__);                                                             \
    } while (0)

/* An allocation that must succeed. */
#define must(call)                                                                                 \
    ({                                                                                             \
        void *payload_ = (call);                                                                   \
        expect(payload_ != NULL, "%s gave NULL", #call);                                           \
        payload_;                                                                                  \
    })

/* An allocation that must fail: NULL, and ENOMEM where that is promised. */
#define must_fail(call)                                                                            \
    do {                                                                                           \
        errno = 0;                                                                                 \
        expect((call) == NULL, "%s should give NULL, and doesn't", #call);                         \
        expect(errno == ENOMEM || !promised("enomem"), "%s gave NULL with errno %d, not ENOMEM",   \
               #call, errno);                                                                      \
    } while (0)

/* ---- the heap, as the library describes it -------------------------------------------------- */

/* What the check says: NULL when it finds nothing, or when there is none; else each fault with its
 * number, its place from the heap's start, and what was found. */
const char *heap_faults(void);
#define heap_ok()                                                                                  \
    do {                                                                                           \
        const char *faults_ = heap_faults();                                                       \
        expect(!faults_, "the heap check says: %s", faults_);                                      \
    } while (0)

/* What the check reported; the first fault whose invariant isn't merely unchecked. */
struct heap_report heap_check(struct heap_fault *first);

/* The block with this payload, by the description. False when it isn't there. */
bool heap_find(const void *payload, struct heap_block *block);

/* The heap as a row of blocks: "used 32, free 64". */
const char *heap_row(void);
const char *row(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Fails the test unless the heap is this row of blocks: only where list-layout is promised. */
#define heap_is(...)                                                                               \
    do {                                                                                           \
        heap_ok();                                                                                 \
        expect(strcmp(heap_row(), row(__VA_ARGS__)) == 0,                                          \
               "the heap should be: %s\n           but it is: %s", row(__VA_ARGS__), heap_row());  \
    } while (0)
/* The bytes of metadata before a payload: the same for each, where list-layout is promised. */
size_t header_size(void);

/* ---- processes and threads ------------------------------------------------------------------ */

/* Fails the test unless the call ends the process by SIGABRT with exactly this sentence, and a
 * newline, on standard error. It is made in a child: the test itself goes on. */
#define must_die(sentence, call)                                                                   \
    do {                                                                                           \
        if (death_begins()) {                                                                      \
            (void)(call);                                                                          \
            _exit(0);                                                                              \
        }                                                                                          \
        const char *died_ = death_other_than(sentence);                                            \
        expect(!died_, "%s should end with \"%s\"; %s", #call, sentence, died_);                   \
    } while (0)
bool death_begins(void);
const char *death_other_than(const char *sentence);

/* For a child of a test: ends it by SIGALRM after so many seconds. */
void die_in(unsigned seconds);

/* Runs body(0) .. body(count - 1), each in a thread of its own, all at once, until all have ended. */
void in_threads(unsigned count, void (*body)(unsigned thread));

#endif
