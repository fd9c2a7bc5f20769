/*
 * A program whose calls of malloc can be foretold: it stops before each, in about_to. Its allocator is
 * preloaded, or linked in.
 *
 *     calls N SEED   N random calls, one after the other
 *     many N         N blocks, then trap
 *     places         memory of all kinds, then trap: 64 GiB that nobody may touch, 600 MiB touched, a
 *                    deleted file
 *     inside ADDRESS memory at an address, then trap
 *     threads        three threads with blocks of their own, then trap in the last
 *     damage SEED N  N times: random bytes over the header of a block, about_to, and as it was
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum call { CALL_MALLOC, CALL_FREE, CALL_CALLOC, CALL_REALLOC };

/* Where the debugger stops. result is what the call before gave. */
__attribute__((noinline)) void about_to(enum call call, void *block, size_t size, void *result)
{
    __asm__ volatile("" : : "r"(call), "r"(block), "r"(size), "r"(result) : "memory");
}

static unsigned seed = 1;

static unsigned number(unsigned below)
{
    seed = seed * 1103515245 + 12345;
    return seed / 65536 % below;
}

static size_t random_size(void)
{
    static const size_t most[] = {64, 64, 64, 1000, 5000, 300000};
    size_t size = number(1 << 15) % most[number(6)];

    return number(100) == 0 ? (size_t)-1 / 2 - size : size;
}

static void *do_call(enum call call, void *block, size_t size)
{
    switch (call) {
    case CALL_MALLOC:
        return malloc(size);
    case CALL_CALLOC:
        return calloc(3, size);
    case CALL_REALLOC:
        return realloc(block, size);
    default:
        free(block);
        return NULL;
    }
}

static void calls(int count)
{
    void *block[40] = {NULL}, *result = NULL;

    for (int i = 0; i < count; i++) {
        unsigned at = number(40);
        enum call call = block[at] ? (enum call)(1 + 2 * number(2)) : (enum call)(2 * number(2));
        size_t size = random_size();

        if (call == CALL_REALLOC && size == 0)
            size = 1;
        about_to(call, block[at], size, result);
        result = do_call(call, block[at], size);
        if (result || call == CALL_FREE)
            block[at] = result;
    }
    about_to(CALL_FREE, NULL, 0, result);
}

static void damage(int count)
{
    char *block[20], saved[64];

    for (int i = 0; i < 20; i++)
        block[i] = malloc(random_size() % 5000);
    for (int i = 0; i < 20; i += 3)
        free(block[i]);
    for (int i = 0; i < count; i++) {
        char *header = block[number(20)] - 64;
        unsigned from = 8 * number(8), bytes = 1 + number(64 - from);

        memcpy(saved, header, 64);
        for (unsigned byte = from; byte < from + bytes; byte++)
            header[byte] = (char)number(number(3) == 0 ? 1 : 256);
        about_to(CALL_FREE, block[number(20)], 0, NULL);
        memcpy(header, saved, 64);
    }
}

static void *thread(void *arg)
{
    free(malloc(10));
    errno = *(int *)arg;
    about_to(CALL_MALLOC, malloc(20), 30, NULL);
    return NULL;
}

static char *file, *nowhere;

static void *mapped(void *at, size_t size, int access, int fd)
{
    int flags = fd < 0 ? MAP_ANONYMOUS | MAP_PRIVATE | MAP_NORESERVE : MAP_SHARED;
    void *got = mmap(at, size, access, flags | (at ? MAP_FIXED_NOREPLACE : 0), fd, 0);

    if (got == MAP_FAILED)
        abort();
    return got;
}

static void places(void)
{
    const size_t most = (size_t)600 << 20;
    char name[] = "/tmp/ghost-XXXXXX", *touched = mapped(NULL, most, PROT_READ | PROT_WRITE, -1);
    int fd = mkstemp(name);

    for (size_t at = 0; at < most; at += 1 << 21)
        touched[at] = 1;
    for (size_t size = 10; size < 100000000; size *= 5)
        if (!malloc(size))
            abort();
    nowhere = mapped(NULL, (size_t)64 << 30, PROT_NONE, -1);
    if (write(fd, "deleted", 7) != 7 || unlink(name) != 0)
        abort();
    file = mapped(NULL, 4096, PROT_READ, fd);
    __builtin_trap();
}

int main(int argc, char **argv)
{
    int count = argc > 2 ? atoi(argv[2]) : 0;

    seed = argc > 3 ? (unsigned)atoi(argv[3]) : 1;
    setvbuf(stdout, NULL, _IONBF, 0);
    if (strcmp(argv[1], "calls") == 0)
        calls(count);
    else if (strcmp(argv[1], "damage") == 0)
        damage(count);
    else if (strcmp(argv[1], "places") == 0)
        places();
    else if (strcmp(argv[1], "inside") == 0) {
        file = mapped((void *)strtoul(argv[2], NULL, 16), 4096, PROT_READ, -1);
        __builtin_trap();
    } else if (strcmp(argv[1], "threads") == 0)
        for (int i = 3; i <= 5; i++) {
            pthread_t id;

            if (pthread_create(&id, NULL, thread, &i) == 0)
                pthread_join(id, NULL);
        }
    else
        for (int i = 0; i < count; i++)
            if (!malloc(16))
                return 1;
    if (strcmp(argv[1], "many") == 0)
        __builtin_trap();
    return 0;
}
