/*
 * replay.c - makes the calls of a trace, on the malloc that is preloaded. learn score measures with it,
 * scripts/grade runs a teacher's own traces by it.
 *
 *     replay TRACE                checks each block; ends 0, or 1 with a sentence on what was wrong
 *     replay TRACE memory         "held ASKED": bytes in memory for the heap at its largest, and bytes
 *                                 that the program asked for at most
 *     replay TRACE time REPEATS   "ns": CPU time of a call, the best of so many repeats
 *
 * A trace has a call a line: `a ID SIZE` is malloc, `c ID SIZE` calloc, `r ID SIZE` realloc (of a block
 * that isn't there: malloc), `f ID` free. Other lines that begin with a digit or # are passed over.
 *
 * A block is full of bytes that say whose it is. They are looked at before it is freed or changes its
 * size, and at the end: a block that shares a byte with another shows it then.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CALLS = 1 << 20, MAX_ID = 1 << 20, SAMPLES = 256, PAGE = 4096 };

static struct call {
    char what;
    uint32_t id;
    size_t size;
} * calls;
static size_t count;

static struct block {
    unsigned char *payload;
    size_t size;
} * blocks;

static _Noreturn void die(int status, const char *said, size_t line, size_t size)
{
    dprintf(STDERR_FILENO, "call %zu of the trace, of %zu bytes: %s\n", line, size, said);
    _exit(status);
}

/* ---- the trace ------------------------------------------------------------------------------ */

/* Memory that no malloc is asked for, and that is there already when something is measured. */
static void *take(size_t size)
{
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (memory == MAP_FAILED)
        die(2, "no memory for the trace", 0, size);
    return memory;
}

static void add_call(const char *line)
{
    char *rest;
    struct call *call = &calls[count];

    if (!strchr("acrf", *line) || *line == '\0')
        return;
    if (count == MAX_CALLS)
        die(2, "the trace is too long", count, 0);
    call->what = *line;
    call->id = (uint32_t)strtoul(line + 1, &rest, 10);
    call->size = *line == 'f' ? 0 : strtoul(rest, NULL, 10);
    if (call->id >= MAX_ID || rest == line + 1)
        die(2, "there is no such block", count + 1, call->id);
    count++;
}

static void read_trace(const char *name)
{
    int file = open(name, O_RDONLY | O_CLOEXEC);
    struct stat about;
    char *text, *line, *next;
    size_t length = 0;
    ssize_t got = 1;

    if (file < 0 || fstat(file, &about) != 0)
        die(2, "there is no such trace", 0, 0);
    text = take((size_t)about.st_size + 1);
    while (got > 0 && (got = read(file, text + length, (size_t)about.st_size - length)) > 0)
        length += (size_t)got;
    close(file);
    calls = take(MAX_CALLS * sizeof *calls);
    blocks = take(MAX_ID * sizeof *blocks);
    for (line = text; *line; line = next) {
        next = line + strcspn(line, "\n");
        next += *next == '\n';
        add_call(line);
    }
    if (count == 0)
        die(2, "the trace has no call", 0, 0);
}

static void *make_call(const struct call *call)
{
    struct block *block = &blocks[call->id];

    switch (call->what) {
    case 'a':
        return malloc(call->size);
    case 'c':
        return calloc(1, call->size);
    case 'r':
        return realloc(block->payload, call->size);
    default:
        free(block->payload);
        return NULL;
    }
}

/* ---- checks --------------------------------------------------------------------------------- */

static unsigned char mark(const struct block *block, size_t at)
{
    return (unsigned char)((size_t)(block - blocks) * 31 + at * 7 + 1);
}

static void fill(struct block *block)
{
    for (size_t at = 0; at < block->size; at++)
        block->payload[at] = mark(block, at);
}

static bool is_full(const struct block *block, size_t size)
{
    for (size_t at = 0; at < size; at++)
        if (block->payload[at] != mark(block, at))
            return false;
    return true;
}

static void check_call(size_t number)
{
    const struct call *call = &calls[number];
    struct block *block = &blocks[call->id];
    size_t before = block->payload ? block->size : 0;

    if (!is_full(block, before))
        die(1, "the block was overwritten before it", number + 1, before);
    block->payload = make_call(call);
    block->size = block->payload ? call->size : 0;
    if (call->what == 'f' || (call->size == 0 && !block->payload))
        return;
    if (!block->payload)
        die(1, "it gave NULL", number + 1, call->size);
    if ((uintptr_t)block->payload % (call->size < 16 ? 8 : _Alignof(max_align_t)) != 0)
        die(1, "its result is not aligned", number + 1, call->size);
    for (size_t at = 0; call->what == 'c' && at < call->size; at++)
        if (block->payload[at] != 0)
            die(1, "not all of it is zero", number + 1, call->size);
    if (call->what == 'r' && !is_full(block, before < call->size ? before : call->size))
        die(1, "the old bytes are not in it", number + 1, call->size);
    fill(block);
}

static void check(void)
{
    for (size_t i = 0; i < count; i++)
        check_call(i);
    for (size_t id = 0; id < MAX_ID; id++)
        if (blocks[id].payload && !is_full(&blocks[id], blocks[id].size))
            die(1, "a block was overwritten", count, blocks[id].size);
}

/* ---- memory and time ------------------------------------------------------------------------ */

/* One byte of each page is written, as by a program that uses its memory. */
static void use_call(size_t i)
{
    struct block *block = &blocks[calls[i].id];

    block->payload = make_call(&calls[i]);
    block->size = calls[i].size;
    if (!block->payload && calls[i].what != 'f' && calls[i].size > 0)
        die(1, "it gave NULL", i + 1, calls[i].size);
    for (size_t at = 0; at < block->size; at += PAGE)
        block->payload[at] = 1;
}

/* Bytes of the process that no file has. */
static size_t held(void)
{
    char text[128] = "";
    size_t all, resident, shared;
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

    if (file < 0 || read(file, text, sizeof text - 1) <= 0 ||
        sscanf(text, "%zu %zu %zu", &all, &resident, &shared) != 3)
        die(2, "the kernel doesn't say how much memory there is", 0, 0);
    close(file);
    return (resident - shared) * (size_t)sysconf(_SC_PAGESIZE);
}

static void measure_memory(void)
{
    size_t asked = 0, most_asked = 0, most_held = 0, before = held(), now;

    for (size_t i = 0; i < count; i++) {
        asked -= blocks[calls[i].id].size;
        use_call(i);
        asked += calls[i].size;
        most_asked = asked > most_asked ? asked : most_asked;
        if (i % (count / SAMPLES + 1) == 0 || i + 1 == count) {
            now = held();
            most_held = now > most_held ? now : most_held;
        }
    }
    printf("%zu %zu\n", most_held > before ? most_held - before : 0, most_asked);
}

static uint64_t cpu_time(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* Each repeat runs in a process of its own, on a heap that nobody has used. */
static void measure_time(int repeats)
{
    uint64_t *best =
        mmap(NULL, sizeof *best, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;

    if (best == MAP_FAILED)
        die(2, "no memory for the result", 0, 0);
    *best = UINT64_MAX;
    for (int i = 0; i < repeats; i++) {
        pid_t child = fork();

        if (child == 0) {
            uint64_t took = cpu_time();

            for (size_t k = 0; k < count; k++)
                use_call(k);
            took = cpu_time() - took;
            *best = took < *best ? took : *best;
            _exit(0);
        }
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            die(1, "a repeat crashed", 0, 0);
    }
    printf("%.1f\n", (double)*best / (double)count);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        dprintf(STDERR_FILENO, "usage: replay TRACE [memory | time REPEATS]\n");
        return 2;
    }
    read_trace(argv[1]);
    if (argc > 3 && strcmp(argv[2], "time") == 0)
        measure_time(atoi(argv[3]));
    else if (argc > 2 && strcmp(argv[2], "memory") == 0)
        measure_memory();
    else
        check();
    return 0;
}
