/*
 * suite.h - what every test of the suite may use.
 *
 * The runner stays on libc's malloc. It opens the library that it judges with dlopen and calls it
 * through `lib`. Each test runs in a process of its own, forked before anybody has allocated from
 * the library: so each finds an empty heap, and a crash is one failed test.
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

struct allocator {
    void *(*malloc)(size_t size);
    void (*free)(void *payload);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *payload, size_t size);
    const struct heap_inspect *inspect; /* NULL when the library doesn't export it */
};
extern struct allocator lib;

/* Registers a test that needs all of promises, a list of names with spaces in between. Beside those
 * of the stages there is one that the runner finds out: sbrk, the library takes its memory there. */
void add(const TTest *test, const char *promises);
/* The same, run for _i = 0 .. count - 1, each in a fresh process. */
void add_loop(const TTest *test, const char *promises, int count);

void contract_tests(void);
void realloc_tests(void);
void memory_tests(void);
void heap_tests(void);
void inspect_tests(void);
void traffic_tests(void);

/* Is it promised? For tests that do more where more is promised. */
bool promised(const char *name);
/* The largest size that a test may ask for: 1024 where any-size isn't promised. */
size_t largest(size_t wanted);

/* The runner's own sbrk is what the library calls. It fails, with ENOMEM, from the nth call on for
 * `times` calls; n = 0: never. It records, since then: how often it was called, how often it failed,
 * and how often it was to move the break down. */
void sbrk_fail(unsigned nth, unsigned times);
extern struct sbrk_record {
    unsigned calls, failed, down;
} sbrk_record;

/* Where the program break is; neither counted nor made to fail. */
void *program_break(void);

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

/* Fails the test unless the heap check finds nothing. Nothing to do without metadata. */
bool heap_sound(struct heap_fault *fault);
#define heap_ok()                                                                                  \
    do {                                                                                           \
        struct heap_fault fault_;                                                                  \
        expect(heap_sound(&fault_), "the heap check says: invariant %d: %s", fault_.invariant,     \
               fault_.what);                                                                       \
    } while (0)

/* The heap as a row of chunks: "used 32, free 64". */
const char *heap_row(void);
const char *row(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Fails the test unless the heap is this row of chunks. */
#define heap_is(...)                                                                               \
    do {                                                                                           \
        heap_ok();                                                                                 \
        expect(strcmp(heap_row(), row(__VA_ARGS__)) == 0,                                          \
               "the heap should be: %s\n           but it is: %s", row(__VA_ARGS__), heap_row());  \
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

#endif
