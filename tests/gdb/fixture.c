/*
 * fixture.c - a program with a known heap, for the tests of the heap commands.
 *
 *   fixture                 builds the heap, stops, ends
 *   fixture damage          damages it in one way after another, a stop each, mends it again
 *   fixture calls SEED      random calls, a stop before each
 *   fixture inner           calls inside calls: calloc and realloc
 *   fixture search          builds the heap, stops, and takes a block that no hole has room for
 *   fixture many            a hundred thousand chunks, a third of them free (for stages that shrink in place)
 *   fixture threads         two threads that allocate in turn
 *   fixture abort           builds the heap and aborts
 *
 * A stop is a call of stop_here: the debugger breaks there.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BLOCKS = 6, CALLS = 150, SLOTS = 24, MANY = 100000 };

/* What it damages: the header of the stages 3 to 7, as they have it. */
struct chunk {
    _Alignas(16) struct chunk *next;
    struct chunk *prev;
    size_t size;
    bool free;
    uintptr_t mark;
};

static void *block[BLOCKS];
static void *volatile result; /* of the last call */

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

/* Cuts small blocks off the end of a large one: each lies in front of the one before, so that first
 * fit finds it at once. */
static void build_many(void)
{
    static void *small[MANY];
    size_t size = 64 * MANY;
    void *large;

    block[1] = malloc(200);
    block[3] = malloc(40);
    large = malloc(size);
    for (int i = 0; i < MANY; i++) {
        large = realloc(large, size -= 64);
        small[i] = malloc(16);
    }
    for (int i = 0; i < MANY; i += 3)
        free(small[i]);
}

static struct chunk *chunk(int i)
{
    return (struct chunk *)block[i] - 1;
}

/* The sentinel: what the first chunk has before it. */
static struct chunk *sentinel(void)
{
    return chunk(0)->prev;
}

/* Stops with a word that is wrong, and mends it. */
static void damage_word(const char *what, void *place, uintptr_t value)
{
    uintptr_t *word = place, old = *word;

    *word = value;
    stop_here(what, place, 0);
    *word = old;
}

static void damage_byte(const char *what, void *place, unsigned char value)
{
    unsigned char *byte = place, old = *byte;

    *byte = value;
    stop_here(what, place, 0);
    *byte = old;
}

static void damage_links(struct chunk *victim)
{
    damage_word("next NULL", &victim->next, 0);
    damage_word("next itself", &victim->next, (uintptr_t)victim);
    damage_word("next cycle", &victim->next, (uintptr_t)chunk(0));
    damage_word("next unaligned", &victim->next, (uintptr_t)chunk(3) + 8);
    damage_word("next outside", &victim->next, 16);
    damage_word("next unmapped", &victim->next, UINTPTR_MAX / 32 * 16);
    damage_word("next skips", &victim->next, (uintptr_t)chunk(4));
    damage_word("prev wrong", &victim->prev, (uintptr_t)chunk(0));
    damage_word("prev NULL", &victim->prev, 0);
    damage_word("base.next NULL", &sentinel()->next, 0);
    damage_word("base.next into the middle", &sentinel()->next, (uintptr_t)chunk(2));
    damage_word("base.next into a payload", &sentinel()->next, (uintptr_t)block[4] + 64);
    damage_word("base.prev wrong", &sentinel()->prev, (uintptr_t)chunk(0));
}

static void damage_fields(struct chunk *victim)
{
    damage_word("size zero", &victim->size, 0);
    damage_word("size huge", &victim->size, SIZE_MAX / 32 * 16);
    damage_word("size -1", &victim->size, SIZE_MAX);
    damage_word("size odd", &victim->size, 301);
    damage_word("size overlaps", &victim->size, 304 + 64);
    damage_word("mark wrong", &victim->mark, (uintptr_t)(victim + 1));
    damage_byte("free pair", &chunk(0)->free, 1);
    damage_byte("free 0x42", &victim->free, 0x42);
}

/* Takes it out of the list in both directions, as a correct removal would; but its memory is lost. */
static void damage_by_unlink(const char *what, int from, int to)
{
    struct chunk *before = chunk(from)->prev, *after = chunk(to)->next;

    before->next = after;
    after->prev = before;
    stop_here(what, chunk(from), 0);
    before->next = chunk(from);
    after->prev = chunk(to);
}

/* An overflow that goes over count headers and all between. */
static void smash(const char *what, int from, int to)
{
    size_t count = (size_t)((char *)block[to] - (char *)chunk(from));
    void *saved =
        memcpy(mmap(NULL, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
               chunk(from), count);

    memset(chunk(from), 'x', count);
    stop_here(what, chunk(from), 0);
    memcpy(chunk(from), saved, count);
    munmap(saved, count);
}

static void damage(void)
{
    stop_here("none", NULL, 0);
    damage_links(chunk(2));
    damage_fields(chunk(2));
    damage_by_unlink("unlinked", 2, 2);
    damage_by_unlink("two unlinked", 2, 3);
    smash("smashed", 2, 2);
    smash("two smashed", 2, 3);
    smash("first smashed", 0, 0);
    smash("last smashed", 5, 5);
}

static void calls(unsigned seed)
{
    static void *slot[SLOTS];
    size_t n;

    for (int i = 0; i < CALLS; i++) {
        seed = seed * 1103515245 + 12345;
        void **p = &slot[seed / 65536 % SLOTS];
        n = seed % 17 == 0 ? 128 * 1024 + seed / 256 % 4096 : seed / 256 % 700;
        if (seed / 65536 % 29 == 0) { /* somebody else moves the break */
            stop_here("somebody else", NULL, 0);
            (void)!sbrk(24);
        }
        if (seed / 1024 % 3 == 0) {
            stop_here("free", *p, 0);
            free(*p);
            *p = NULL;
        } else if (!*p && seed / 1024 % 3 == 1) {
            stop_here("malloc", NULL, n);
            result = *p = malloc(n);
        } else {
            stop_here("realloc", *p, n);
            result = *p = realloc(*p, n);
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

    if (strcmp(mode, "calls") == 0) {
        calls((unsigned)atoi(argv[2]));
        return 0;
    }
    if (strcmp(mode, "inner") == 0) {
        stop_here("none", realloc(calloc(3, 5), 700), 0);
        return 0;
    }
    build();
    if (strcmp(mode, "many") == 0)
        build_many();
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
        stop_here(strcmp(mode, "many") == 0 ? "many" : "none", block[2], 0);
    if (strcmp(mode, "search") == 0)
        free(malloc(5000));
    return 0;
}
