/* memory.c - when there is none: by a limit of the address space, and by a failing sbrk. */
#define _GNU_SOURCE
#include "suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>

/* Lets the process have this many bytes more than it has now. */
static void limit_address_space(size_t more)
{
    struct rlimit limit;
    char text[64] = "";
    int fd = open("/proc/self/statm", O_RDONLY);

    expect(fd >= 0 && read(fd, text, sizeof text - 1) > 0, "can't read /proc/self/statm");
    close(fd);
    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = more == RLIM_INFINITY
                         ? limit.rlim_max
                         : strtoul(text, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE) + more;
    ck_assert(setrlimit(RLIMIT_AS, &limit) == 0);
}

START_TEST(limit_then_room_again)
{
    enum { MOST = 200000 };
    static char *block[MOST];
    unsigned count = 0;

    limit_address_space((size_t)8 << 20);
    errno = 0;
    for (; count < MOST && (block[count] = lib.malloc(1000)); count++)
        fill(block[count], 1000, count);
    expect(count > 0, "not even one block");
    expect(count < MOST, "more memory than the limit allows");
    expect(errno == ENOMEM || !promised("enomem"), "out of memory, and errno is %d", errno);
    for (unsigned i = 0; i < 3; i++) {
        must_fail(lib.malloc(largest((size_t)16 << 20)));
        must_fail(lib.calloc(largest((size_t)16 << 20), 1));
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
    char *block = must(lib.malloc(100));

    fill(block, 100, 1);
    limit_address_space((size_t)32 << 20);
    must_fail(lib.malloc((size_t)512 << 20));
    must_fail(lib.calloc((size_t)512, 1 << 20));
    must_fail(lib.realloc(block, (size_t)512 << 20));
    expect(filled(block, 100, 1), "a failed realloc changed the block");
    must(lib.malloc(100));
    heap_ok();
}
END_TEST

/* Freed memory comes back: a hundred times more than the limit allows goes through one block. */
START_TEST(limit_with_reuse)
{
    limit_address_space((size_t)8 << 20);
    for (unsigned i = 0; i < 100000; i++) {
        char *block = must(lib.malloc(1000));

        block[0] = block[999] = 1;
        lib.free(block);
    }
}
END_TEST

/* The same few steps, with the kth call of sbrk failing, for each k: a step may fail, but then
 * cleanly, and everything that lives stays as it is. */
START_TEST(sbrk_fails_at_each_call)
{
    enum { STEPS = 12, FIRST = 40 };
    char *live[STEPS] = {0};
    size_t size[STEPS];
    unsigned failures = 0;

    for (unsigned k = 1; k <= FIRST; k++) {
        sbrk_fail(k, 1);
        for (unsigned i = 0; i < STEPS; i++) {
            size_t wanted = largest(i % 3 == 2 ? 200000 : 40 * i + k);
            char *block;

            errno = 0;
            if (i % 4 == 1)
                block = lib.calloc(1, wanted);
            else
                block = lib.malloc(wanted);
            if (!block) {
                failures++;
                expect(errno == ENOMEM, "NULL, and errno is %d, not ENOMEM", errno);
                wanted = 0;
            }
            live[i] = block;
            size[i] = wanted;
            if (block)
                fill(block, wanted, i);
            if (block && i % 4 == 2 && promised("realloc")) {
                block = lib.realloc(block, largest(wanted + 70000));
                failures += !block;
                if (block) {
                    live[i] = block;
                    size[i] = largest(wanted + 70000);
                }
                expect(filled(live[i], wanted, i), "realloc lost contents");
                fill(live[i], size[i], i);
            }
            for (unsigned j = 0; j <= i; j++)
                expect(!live[j] || filled(live[j], size[j], j),
                       "sbrk failed at call %u, and block %u changed", k, j);
        }
        sbrk_fail(0, 0);
        heap_ok();
        sbrk_fail(k, 1); /* free may call it too */
        for (unsigned i = 0; i < STEPS; i++)
            lib.free(live[(i * 5) % STEPS]);
        sbrk_fail(0, 0);
        heap_ok();
    }
    expect(failures > 0, "sbrk failed, and nobody noticed: does the library call it?");
    fill(must(lib.malloc(1000)), 1000, 1);
}
END_TEST

/* A failed sbrk must not lose or move anything, and success must be possible at once. */
START_TEST(sbrk_fails_then_succeeds)
{
    void *end;

    must(lib.malloc(100));
    end = sbrk(0);
    sbrk_fail(1, 1000);
    for (unsigned i = 0; i < 10; i++)
        must_fail(lib.malloc(largest(100000)));
    sbrk_fail(0, 0);
    expect(sbrk(0) == end, "malloc failed, and the program break moved");
    heap_ok();
    must(lib.malloc(largest(100000)));
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

void memory_tests(void)
{
    add(failure_sets_errno, "enomem");
    add(limit_then_room_again, "nomem");
    add(limit_one_large_request, "nomem any-size");
    add(limit_with_reuse, "reuse");
    add(sbrk_fails_at_each_call, "nomem enomem break");
    add(sbrk_fails_then_succeeds, "nomem break");
}
