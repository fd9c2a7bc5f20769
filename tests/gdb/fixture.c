/*
 * fixture.c - a program with a known heap, for the tests of the heap commands.
 *
 *   fixture                 builds the heap, stops, ends
 *   fixture damage          damages it in one way after another, a stop each, mends it again
 *   fixture calls SEED      random calls, a stop before each
 *   fixture inner           calls inside calls: calloc and realloc
 *   fixture many            a hundred thousand chunks
 *   fixture threads         two threads that allocate in turn
 *   fixture abort           builds the heap and aborts
 *
 * A stop is a call of stop_here: the debugger breaks there.
 */
#include "inspect.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCKS = 6, CALLS = 150, SLOTS = 24 };

static void *block[BLOCKS];
static const struct heap_inspect *inspect;

/* What the program is about to do: "free", p, n. The debugger reads the arguments. */
__attribute__((noinline)) void stop_here(const char *what, void *p, size_t n)
{
    __asm__ volatile("" ::"r"(what), "r"(p), "r"(n) : "memory");
}

/* Chunks of 112, 208, 304, 48, 512 and 64 bytes; the second and the fourth are free. */
static void build(void)
{
    static const size_t sizes[BLOCKS] = {100, 200, 300, 40, 500, 60};

    for (int i = 0; i < BLOCKS; i++)
        block[i] = memset(malloc(sizes[i]), 'a' + i, sizes[i]);
    free(block[1]);
    free(block[3]);
}

static char *header(int i)
{
    return i < 0 ? (char *)(uintptr_t)inspect->list : (char *)block[i] - inspect->layout->header;
}

static void damage_word(const char *what, int i, size_t field, uintptr_t value)
{
    uintptr_t old;

    memcpy(&old, header(i) + field, sizeof(old));
    memcpy(header(i) + field, &value, sizeof(value));
    stop_here(what, header(i), 0);
    memcpy(header(i) + field, &old, sizeof(old));
}

static void damage_byte(const char *what, int i, size_t field, char value)
{
    char old = header(i)[field];

    header(i)[field] = value;
    stop_here(what, header(i), 0);
    header(i)[field] = old;
}

static void damage(void)
{
    const struct heap_layout *at = inspect->layout;
    char smashed[64];

    stop_here("none", NULL, 0);
    damage_word("next NULL", 2, at->next, 0);
    damage_word("next itself", 2, at->next, (uintptr_t)header(2));
    damage_word("next cycle", 2, at->next, (uintptr_t)header(0));
    damage_word("next unaligned", 2, at->next, (uintptr_t)header(3) + 8);
    damage_word("next outside", 2, at->next, 16);
    damage_word("next unmapped", 2, at->next, UINTPTR_MAX / 32 * 16);
    damage_word("next skips", 2, at->next, (uintptr_t)header(4));
    damage_word("prev wrong", 2, at->prev, (uintptr_t)header(0));
    damage_word("prev NULL", 2, at->prev, 0);
    damage_word("size zero", 2, at->size, 0);
    damage_word("size huge", 2, at->size, SIZE_MAX / 32 * 16);
    damage_word("size odd", 2, at->size, 301);
    damage_word("size overlaps", 2, at->size, 304 + 64);
    damage_word("data wrong", 2, at->data, (uintptr_t)block[2] + 16);
    damage_word("base.next NULL", -1, at->next, 0);
    damage_word("base.prev wrong", -1, at->prev, (uintptr_t)header(0));
    damage_byte("free pair", 0, at->free, 1);
    damage_byte("free 7", 2, at->free, 7);
    memcpy(smashed, header(2), at->header);
    memset(header(2), 'x', at->header);
    stop_here("smashed", header(2), 0);
    memcpy(header(2), smashed, at->header);
}

static void calls(unsigned seed)
{
    static void *slot[SLOTS];
    size_t n;

    for (int i = 0; i < CALLS; i++) {
        seed = seed * 1103515245 + 12345;
        void **p = &slot[seed / 65536 % SLOTS];
        n = seed % 17 == 0 ? 128 * 1024 + seed / 256 % 4096 : seed / 256 % 700;
        if (seed / 65536 % 29 == 0) /* somebody else moves the break */
            (void)!sbrk(24);
        if (seed / 1024 % 3 == 0) {
            stop_here("free", *p, 0);
            free(*p);
            *p = NULL;
        } else if (!*p && seed / 1024 % 3 == 1) {
            stop_here("malloc", NULL, n);
            *p = malloc(n);
        } else {
            stop_here("realloc", *p, n);
            *p = realloc(*p, n);
        }
    }
    stop_here("none", NULL, 0);
}

static void *thread(void *arg)
{
    free(malloc(*(size_t *)arg));
    stop_here("thread", NULL, *(size_t *)arg);
    return NULL;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";

    inspect = (const struct heap_inspect *)dlsym(RTLD_DEFAULT, "heap_inspect");
    if (!inspect)
        return 2;
    if (strcmp(mode, "calls") == 0) {
        calls((unsigned)atoi(argv[2]));
        return 0;
    }
    if (strcmp(mode, "inner") == 0) {
        stop_here("none", realloc(calloc(3, 5), 700), 0);
        return 0;
    }
    build();
    for (int i = 0; strcmp(mode, "many") == 0 && i < 100000; i++)
        block[i % 2] = malloc(16);
    if (strcmp(mode, "damage") == 0)
        damage();
    else if (strcmp(mode, "abort") == 0)
        abort();
    else if (strcmp(mode, "threads") == 0)
        for (size_t n = 10; n <= 20; n += 10) {
            pthread_t id;

            if (pthread_create(&id, NULL, thread, &n) == 0)
                pthread_join(id, NULL);
        }
    else
        stop_here("none", block[2], 0);
    return 0;
}
