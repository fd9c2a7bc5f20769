/*
 * calls.c - calls drawn from a seed, for the tests of until-broken.
 *
 *     calls COUNT          makes them
 *     calls COUNT check    asks the heap's check before and after each, and says where an invariant
 *                          was broken first: "broken in call N", "broken before call N", by what was
 *                          written since the last one; or "sound"
 *     ... family           posix_memalign too: the library has it
 *
 * The calls are the same both ways. A block is filled to its last byte, and realloc's result too.
 */
#define _GNU_SOURCE
#include "../../common/inspect.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 24 };

static void *block[SLOTS];
static size_t size[SLOTS];
static const struct heap_inspect *heap;
static bool has_family;
static unsigned long made;

static uint32_t draw(uint32_t below)
{
    static uint64_t state = 88172645463325252u;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 33) % below);
}

static void ignore(const struct heap_fault *fault, void *unneeded)
{
    (void)fault;
    (void)unneeded;
}

static void look(const char *when, unsigned long call)
{
    struct heap_report report = {.tell = ignore};
    char line[64];

    if (!heap)
        return;
    heap->check(&report);
    if (report.broken == 0)
        return;
    snprintf(line, sizeof line, "broken %s call %lu\n", when, call);
    _exit(write(STDOUT_FILENO, line, strlen(line)) < 0);
}

/* Mostly small; some that a list of large ones, a mapping or a trim is for. */
static size_t draw_size(void)
{
    static const uint32_t most[] = {40, 200, 200, 1500, 1500, 9000, 70000, 300000};

    return draw(most[draw(8)]);
}

static void use(unsigned at, void *got, size_t bytes)
{
    if (got) {
        block[at] = got;
        size[at] = bytes;
        memset(got, 'a' + (int)at, bytes);
    }
}

static void call_once(void)
{
    unsigned at = draw(SLOTS), kind = draw(8);
    size_t bytes = draw_size();
    void *got = NULL;

    look("before", made + 1);
    if (kind == 0) {
        got = realloc(block[at], bytes + 1);
    } else if (block[at]) {
        free(block[at]);
        block[at] = NULL;
    } else if (kind == 1) {
        got = calloc(bytes, 1);
    } else if (kind == 2 && has_family && posix_memalign(&got, (size_t)16 << draw(9), bytes) != 0) {
        got = NULL;
    } else if (!got) {
        got = malloc(bytes);
    }
    look("in", ++made);
    use(at, got, bytes);
}

int main(int argc, char **argv)
{
    unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;

    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "family") == 0)
            has_family = true;
        else
            heap = dlsym(RTLD_DEFAULT, "heap_inspect");
    while (made < count)
        call_once();
    return heap ? write(STDOUT_FILENO, "sound\n", 6) < 0 : 0;
}
