/* memory.c - when there is none: by a limit of the address space, and by a failing sbrk. */
#define _GNU_SOURCE
#include "suite.h"

#include <limits.h>
#include <sys/resource.h>

/* Lets the process have this many bytes more than it has now. */
static void limit_address_space(size_t more)
{
    struct rlimit limit;

    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = more == RLIM_INFINITY ? limit.rlim_max : process_size().mapped + more;
    ck_assert(setrlimit(RLIMIT_AS, &limit) == 0);
}

/* Small blocks until there are no more. One comes before the limit, for allocators that set memory
 * apart when they are first called. Should that be more than the test takes, so be it: what is asked
 * at the end nobody can have. */
START_TEST(limit_then_room_again)
{
    enum { MOST = 30000 };
    const size_t too_much = promised("any-size") || !promised("sbrk") ? SIZE_MAX / 4 : 1024;
    static char *block[MOST];
    unsigned count = 1;

    block[0] = must(lib.malloc(1000));
    fill(block[0], 1000, 0);
    limit_address_space((size_t)8 << 20);
    errno = 0;
    for (; count < MOST && (block[count] = lib.malloc(1000)); count++)
        fill(block[count], 1000, count);
    expect(count < MOST || !promised("sbrk"), "more memory than the limit allows");
    expect(count == MOST || errno == ENOMEM || !promised("enomem"),
           "out of memory, and errno is %d", errno);
    for (unsigned i = 0; i < 3; i++) {
        must_fail(lib.malloc(too_much));
        must_fail(lib.calloc(too_much, 1));
    }
    heap_ok();
    for (unsigned i = 0; i < count; i++)
        expect(filled(block[i], 1000, i), "block %u changed when memory ran out", i);
    limit_address_space(RLIM_INFINITY);
    fill(must(lib.malloc(1000)), 1000, 1);
    for (unsigned i = 0; i < count; i++)
        lib.free(block[i]);
    heap_ok();
}
END_TEST

START_TEST(limit_one_large_request)
{
    const size_t large = (size_t)1 << 30;
    char *block = must(lib.malloc(100));

    fill(block, 100, 1);
    limit_address_space((size_t)32 << 20);
    must_fail(lib.malloc(large));
    must_fail(lib.calloc(large / 512, 512));
    must_fail(lib.realloc(NULL, large));
    must_fail(lib.realloc(block, large));
    expect(filled(block, 100, 1), "a failed realloc changed the block");
    must(lib.malloc(100));
    heap_ok();
}
END_TEST

/* Freed memory comes back: a hundred times more than the limit allows goes through one block. */
START_TEST(limit_with_reuse)
{
    lib.free(must(lib.malloc(1000)));
    limit_address_space((size_t)8 << 20);
    for (unsigned i = 0; i < 100000; i++) {
        char *block = must(lib.malloc(1000));

        block[0] = block[999] = 1;
        lib.free(block);
    }
}
END_TEST

/* So does the old block when realloc moves. */
START_TEST(limit_with_realloc)
{
    size_t size = largest(3000);

    lib.free(must(lib.malloc(size)));
    limit_address_space((size_t)8 << 20);
    for (unsigned i = 0; i < 20000; i++) {
        char *block = must(lib.malloc(1000)), *stop = must(lib.malloc(1000));

        block = must(lib.realloc(block, size));
        block[0] = block[size - 1] = 1;
        lib.free(block);
        lib.free(stop);
    }
}
END_TEST

/* A failed sbrk must not lose or move anything, and success must be possible at once. */
START_TEST(sbrk_fails_then_succeeds)
{
    void *end;

    must(lib.malloc(100));
    end = sbrk(0);
    system_fail(SBRK, 1, UINT_MAX);
    for (unsigned i = 0; i < 10; i++)
        must_fail(lib.malloc(largest(1000000)));
    system_fail(SBRK, 0, 0);
    expect(sbrk(0) == end, "malloc failed, and the program break moved");
    heap_ok();
    must(lib.malloc(largest(1000000)));
    heap_ok();
}
END_TEST

/* POSIX: failure says so in errno. C leaves errno alone, and so does jemalloc's realloc. */
START_TEST(failure_sets_errno)
{
    void *block = must(lib.malloc(100));

    must_fail(lib.malloc(SIZE_MAX / 2 + 1));
    must_fail(lib.calloc(SIZE_MAX / 2 + 1, 2));
    must_fail(lib.realloc(block, SIZE_MAX / 2 + 1));
    must_fail(lib.realloc(NULL, SIZE_MAX / 2 + 1));
}
END_TEST

SUITE
{
    add(failure_sets_errno, "enomem");
    add(limit_then_room_again, "nomem");
    add(limit_one_large_request, "nomem any-size");
    add(limit_with_reuse, "reuse");
    add(limit_with_realloc, "reuse realloc");
    add(sbrk_fails_then_succeeds, "nomem sbrk");
}
