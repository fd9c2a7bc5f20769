/*
 * traffic.c - the same calls for every allocator, and what becomes of its heap. scripts/dev/fits
 * preloads each library into it.
 *
 *     traffic PATTERN LIVE CALLS [REPLAYS]
 *
 *     random    half of LIVE places hold a block at any time: each call frees the block of a place,
 *               or allocates one for it, of 8 to 255 bytes
 *     gcc       the same, with sizes as gcc asks for (../bench/sizes.h)
 *     ages      the same, but sizes change with time: each eighth of the run asks for half as much
 *               again as the one before. Holes that small blocks left don't fit large ones
 *     robson    against any allocator: LIVE blocks of 4 KiB; then, for each doubling of the size, so
 *               many are freed that no hole has room, and blocks of the new size take their place.
 *               After J. M. Robson, "Bounds for some functions concerning dynamic storage
 *               allocation", JACM 21 (1974). CALLS has no meaning here
 *
 * Each replay runs in a process of its own, forked from the same state: it makes the same calls at
 * the same heap. Three kinds of lines come out:
 *
 *     sample CALL ASKED USED FREE HELD    bytes, at 200 moments: asked for by live blocks; payload of
 *                                         used blocks; of free ones; all of the heap. Pages that nobody
 *                                         has touched aren't in memory, and don't count
 *     mean NS                             CPU time of a call of the second half, when the heap has
 *                                         grown; the best of the replays
 *     worst NS                            the longest of these that asked the system for nothing; of
 *                                         each call the fastest replay counts, so noise is no part of it
 *
 * Where times are taken, new memory is touched when the heap gets it: page faults are no part of them.
 */
#define _GNU_SOURCE
#include "../../common/inspect.h"
#include "../bench/draw.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum {
    MAX_LIVE = 1 << 17,
    MAX_CALLS = 1 << 21,
    SAMPLES = 200,
    MIX_SIZES = 4096,
    AGES = 8,
    REFUSED = 3
};

static char *blocks[MAX_LIVE];
static size_t lengths[MAX_LIVE];
static uint32_t mix[MIX_SIZES];
static size_t live, calls, asked, system_calls;
static const struct heap_inspect *heap;

/* What a call is measured with, in each kind of replay. */
static void (*before)(size_t call), (*after)(size_t call);

/* MAP_POPULATE, where times are taken. */
static int populate;

/* The library's system calls come by here: a program's functions go before libc's. */

void *mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    system_calls++;
    return (void *)syscall(SYS_mmap, at, size, protection, flags | populate, file, offset);
}

int munmap(void *at, size_t size)
{
    system_calls++;
    return (int)syscall(SYS_munmap, at, size);
}

int madvise(void *at, size_t size, int advice)
{
    system_calls++;
    return (int)syscall(SYS_madvise, at, size, advice);
}

void *sbrk(intptr_t size)
{
    static void *(*libc_sbrk)(intptr_t);
    char *old;

    if (!libc_sbrk)
        *(void **)&libc_sbrk = dlsym(RTLD_NEXT, "sbrk");
    old = libc_sbrk(size);
    if (size != 0)
        system_calls++;
    if (old != (void *)-1 && populate)
        for (intptr_t at = 0; at < size; at += 4096)
            old[at] = 0;
    return old;
}

static void block_new(size_t call, size_t place, size_t size)
{
    before(call);
    blocks[place] = malloc(size);
    after(call);
    if (!blocks[place])
        _exit(REFUSED);
    for (size_t at = 0; at < size; at += 4096)
        blocks[place][at] = 1;
    lengths[place] = size;
    asked += size;
}

static void block_end(size_t call, size_t place)
{
    before(call);
    free(blocks[place]);
    after(call);
    blocks[place] = NULL;
    asked -= lengths[place];
}

static size_t size_random(size_t call)
{
    size_t low = (size_t)8 << call % 5;

    return low + draw_below(low);
}

static size_t size_gcc(size_t call)
{
    (void)call;
    return mix[draw_below(MIX_SIZES)];
}

static size_t size_ages(size_t call)
{
    size_t low = 16;

    for (size_t age = call * AGES / calls; age > 0; age--)
        low += low / 2;
    return low + draw_below(low / 2);
}

static void run_places(size_t (*size)(size_t call))
{
    for (size_t call = 0; call < calls; call++) {
        size_t place = draw_below(live);

        if (blocks[place])
            block_end(call, place);
        else
            block_new(call, place, size(call));
    }
}

/* Of the blocks of each size, in the order in which they came, one in so many stays that the hole
 * between two is smaller than the next size. */
static void run_robson(void)
{
    enum { DOUBLINGS = 6, LEAST = 4096 };
    size_t first[DOUBLINGS + 2] = {0, live}, all = live * LEAST, call = 0;

    for (size_t place = 0; place < live; place++)
        block_new(call++, place, LEAST);
    for (size_t doubling = 1; doubling <= DOUBLINGS; doubling++) {
        size_t size = (size_t)LEAST << doubling, end = first[doubling];

        for (size_t old = 0; old < doubling; old++)
            for (size_t place = first[old]; place < first[old + 1]; place++)
                if (blocks[place] && (place - first[old]) % ((size_t)1 << (doubling - old)) != 0)
                    block_end(call++, place);
        while (asked + size <= all && end < MAX_LIVE)
            block_new(call++, end++, size);
        first[doubling + 1] = end;
    }
}

static void run_random(void)
{
    run_places(size_random);
}

static void run_gcc(void)
{
    run_places(size_gcc);
}

static void run_ages(void)
{
    run_places(size_ages);
}

static const struct pattern {
    const char *name;
    void (*run)(void);
} patterns[] = {
    {"random", run_random}, {"gcc", run_gcc}, {"ages", run_ages}, {"robson", run_robson}};

static const struct pattern *pattern;

/* How many calls a run of the pattern makes, at most. robson's calls are less than three for each
 * block that it begins with. */
static size_t count_calls(void)
{
    return pattern->run == run_robson ? 3 * live : calls;
}

static void nothing(size_t call)
{
    (void)call;
}

/* A replay that looks at the heap. */

static size_t used, unused, held;

/* How many bytes of the whole pages from start to end are in memory. */
static size_t resident(uintptr_t start, uintptr_t end)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char pages[256];
    size_t count = 0;

    while (start < end) {
        size_t some = (end - start) / page < sizeof pages ? (end - start) / page : sizeof pages;

        if (mincore((void *)start, some * page, pages) != 0)
            memset(pages, 0, some);
        for (size_t i = 0; i < some; i++)
            count += (pages[i] & 1) * page;
        start += some * page;
    }
    return count;
}

static uintptr_t round_to(uintptr_t address)
{
    return address & ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1);
}

/* Of a block all bytes count but whole pages that nobody has touched. */
static bool add_block(const struct heap_block *block, void *unneeded)
{
    uintptr_t start = (uintptr_t)block->payload, end = round_to(start + block->size);
    size_t bytes = block->size;

    (void)unneeded;
    start = round_to(start - 1) + (size_t)sysconf(_SC_PAGESIZE);
    if (end > start)
        bytes -= (size_t)(end - start) - resident(start, end);
    *(block->state == HEAP_USED ? &used : &unused) += bytes;
    return true;
}

static bool add_region(const struct heap_region *region, void *unneeded)
{
    uintptr_t end = round_to((uintptr_t)region->end - 1) + (size_t)sysconf(_SC_PAGESIZE);

    (void)unneeded;
    held += resident(round_to((uintptr_t)region->start), end);
    return true;
}

/* Before a call, for after it asked isn't up to date yet. */
static void look(size_t call)
{
    char line[128];

    if (call % (count_calls() / SAMPLES + 1) != 0)
        return;
    used = unused = held = 0;
    heap->blocks(add_block, NULL);
    heap->regions(add_region, NULL);
    snprintf(line, sizeof line, "sample %zu %zu %zu %zu %zu\n", call, asked, used, unused, held);
    if (write(STDOUT_FILENO, line, strlen(line)) < 0)
        _exit(1);
}

/* Replays that look at the clock. */

static struct shared {
    uint64_t mean;            /* ns of a whole run */
    uint32_t each[MAX_CALLS]; /* ns */
    bool asks[MAX_CALLS];     /* the system for memory, or gives some back */
    size_t done;              /* calls */
} * shared;

static uint64_t began;
static size_t system_calls_before;

static uint64_t now(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void start_watch(size_t call)
{
    (void)call;
    system_calls_before = system_calls;
    began = now(CLOCK_MONOTONIC);
}

/* For the mean. */
static void start_second_half(size_t call)
{
    if (call == calls / 2)
        began = now(CLOCK_PROCESS_CPUTIME_ID);
}

static void stop_watch(size_t call)
{
    uint64_t took = now(CLOCK_MONOTONIC) - began;

    if (took < shared->each[call])
        shared->each[call] = (uint32_t)took;
    shared->asks[call] |= system_calls != system_calls_before;
    shared->done = call + 1;
}

/* Runs the pattern in a process that began as all others did. */
static void replay(void (*first)(size_t), void (*last)(size_t), bool timed)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        before = first;
        after = last;
        pattern->run();
        if (timed && now(CLOCK_PROCESS_CPUTIME_ID) - began < shared->mean)
            shared->mean = now(CLOCK_PROCESS_CPUTIME_ID) - began;
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        _exit(1);
    if (status != 0) {
        dprintf(STDERR_FILENO, "traffic: a replay ended with %s %d\n",
                WIFEXITED(status) ? "status" : "signal",
                WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        _exit(1);
    }
}

static void measure_time(int replays)
{
    uint32_t worst = 0;

    populate = MAP_POPULATE;
    memset(shared->each, 0xff, sizeof shared->each);
    shared->mean = UINT64_MAX;
    for (int i = 0; i < replays; i++) {
        replay(start_watch, stop_watch, false);
        replay(start_second_half, nothing, true);
    }
    for (size_t call = shared->done / 2; call < shared->done; call++)
        if (!shared->asks[call] && shared->each[call] > worst)
            worst = shared->each[call];
    printf("mean %.1f\nworst %u\n", (double)shared->mean / (double)(calls - calls / 2), worst);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc >= 4 && i < sizeof patterns / sizeof *patterns; i++)
        if (strcmp(argv[1], patterns[i].name) == 0)
            pattern = &patterns[i];
    live = argc >= 4 ? strtoul(argv[2], NULL, 10) : 0;
    calls = argc >= 4 ? strtoul(argv[3], NULL, 10) : 0;
    heap = dlsym(RTLD_DEFAULT, "heap_inspect");
    if (!pattern || live < 1 || live > MAX_LIVE / 4 || calls < AGES || calls > MAX_CALLS) {
        dprintf(STDERR_FILENO, "usage: traffic random|gcc|ages|robson LIVE CALLS [REPLAYS]\n"
                               "see the head of traffic.c\n");
        return 2;
    }
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    draw_mix("gcc", mix, MIX_SIZES);
    if (heap)
        replay(look, nothing, false);
    if (argc > 4)
        measure_time(atoi(argv[4]));
    return 0;
}
