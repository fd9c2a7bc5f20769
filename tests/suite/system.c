/*
 * system.c - what the runner puts in the place of libc's: sbrk, mmap, munmap, mremap and madvise,
 * which it counts and lets fail; and malloc, free, calloc and realloc, to see who calls them.
 *
 * A library that is opened by dlopen binds to these, for the runner is linked with -rdynamic. libc
 * itself doesn't: its own calls of mmap and sbrk stay inside.
 */
#define _GNU_SOURCE
#include "runner.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdarg.h>

const char *const system_call_names[SYSTEM_CALLS] = {"sbrk", "mmap", "munmap", "mremap", "madvise"};
struct system_record record[SYSTEM_CALLS];

static struct {
    unsigned from, times;
} plan[SYSTEM_CALLS];
static bool silence;
static const char *watched; /* the library that the first trial uses, or NULL */

static struct {
    void *(*sbrk)(intptr_t increment);
    void *(*mmap)(void *address, size_t size, int protection, int flags, int file, off_t offset);
    int (*munmap)(void *address, size_t size);
    void *(*mremap)(void *address, size_t from, size_t to, int flags, ...);
    int (*madvise)(void *address, size_t size, int advice);
    void *(*malloc)(size_t size);
    void (*free)(void *payload);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *payload, size_t size);
} next; /* libc's */

/* The code of the library that serves the runner itself, when it runs on another than libc's malloc. */
static struct {
    uintptr_t start, end;
    unsigned long calls; /* of malloc, calloc and realloc */
} host;

static bool by_host(void *caller)
{
    return (uintptr_t)caller - host.start < host.end - host.start;
}

/* Counts the call, unless the runner's own malloc made it. Is it one of those that are to fail? */
static bool fails(enum system_call which, void *caller)
{
    unsigned call;

    if (silence || by_host(caller))
        return false;
    if (watched)
        shared->calls[which] = true;
    call = ++record[which].calls;
    if (!plan[which].from || call < plan[which].from ||
        call - plan[which].from >= plan[which].times)
        return false;
    record[which].failed++;
    /* Past RLIMIT_MEMLOCK these two say so, not ENOMEM: man 2 mmap, man 2 mremap. */
    errno = which == MMAP || which == MREMAP ? EAGAIN : ENOMEM;
    return true;
}

void system_fail(enum system_call which, unsigned nth, unsigned times)
{
    memset(record, 0, sizeof record);
    plan[which].from = nth;
    plan[which].times = times;
}

void system_quiet(bool quiet)
{
    silence = quiet;
}

void *program_break(void)
{
    return next.sbrk(0);
}

/* ---- the system calls ----------------------------------------------------------------------- */

#define CALLER __builtin_return_address(0)

/* sbrk(0) only asks where the break is: that can't fail, and doesn't count. */
void *sbrk(intptr_t increment)
{
    if (increment == 0)
        return next.sbrk(0);
    if (increment < 0 && !silence && !by_host(CALLER))
        record[SBRK].down++;
    return fails(SBRK, CALLER) ? (void *)-1 : next.sbrk(increment);
}

void *mmap(void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    return fails(MMAP, CALLER) ? MAP_FAILED
                               : next.mmap(address, size, protection, flags, file, offset);
}

#ifdef __GLIBC__
/* The name that mmap has for a program compiled with 64 bits of file offset. */
void *mmap64(void *address, size_t size, int protection, int flags, int file, int64_t offset);
void *mmap64(void *address, size_t size, int protection, int flags, int file, int64_t offset)
{
    return mmap(address, size, protection, flags, file, (off_t)offset);
}
#endif

int munmap(void *address, size_t size)
{
    if (!fails(MUNMAP, CALLER))
        return next.munmap(address, size);
    record[MUNMAP].refused += size;
    return -1;
}

void *mremap(void *address, size_t from, size_t to, int flags, ...)
{
    va_list args;
    void *wanted = NULL;

    va_start(args, flags);
    if (flags & MREMAP_FIXED)
        wanted = va_arg(args, void *);
    va_end(args);
    return fails(MREMAP, CALLER) ? MAP_FAILED : next.mremap(address, from, to, flags, wanted);
}

int madvise(void *address, size_t size, int advice)
{
    return fails(MADVISE, CALLER) ? -1 : next.madvise(address, size, advice);
}

/* ---- malloc --------------------------------------------------------------------------------- */

#ifdef __GLIBC__
#define LIBC RTLD_NEXT /* or what is preloaded before it: see --on */
#else
#define LIBC dlopen("libc.so", RTLD_NOW) /* musl knows itself by this name */
#endif

/* dlsym may want memory itself; it does without when there is none. */
void system_setup(void)
{
    static bool begun;
    void *libc;

    if (begun)
        return;
    begun = true;
    libc = LIBC;
    *(void **)&next.calloc = dlsym(libc, "calloc");
    *(void **)&next.malloc = dlsym(libc, "malloc");
    *(void **)&next.free = dlsym(libc, "free");
    *(void **)&next.realloc = dlsym(libc, "realloc");
    *(void **)&next.sbrk = dlsym(libc, "sbrk");
    *(void **)&next.mmap = dlsym(libc, "mmap");
    *(void **)&next.munmap = dlsym(libc, "munmap");
    *(void **)&next.mremap = dlsym(libc, "mremap");
    *(void **)&next.madvise = dlsym(libc, "madvise");
}

void system_watch(const char *file)
{
    watched = file;
}

/* A call from the end of a function is compiled to a jump, and then seems to come from us. */
static void noticed(const char *function, void *caller)
{
    Dl_info from, us;
    const char *file = watched;

    host.calls++;
    watched = NULL;
    if (file && dladdr(caller, &from) && dladdr((void *)noticed, &us) &&
        (from.dli_fbase == us.dli_fbase || strcmp(from.dli_fname, file) == 0))
        shared->stranger = function;
    watched = file;
}

void *malloc(size_t size)
{
    system_setup();
    noticed("malloc", __builtin_return_address(0));
    return next.malloc ? next.malloc(size) : NULL;
}

void free(void *payload)
{
    system_setup();
    noticed("free", __builtin_return_address(0));
    if (next.free)
        next.free(payload);
}

void *calloc(size_t count, size_t size)
{
    system_setup();
    noticed("calloc", __builtin_return_address(0));
    return next.calloc ? next.calloc(count, size) : NULL;
}

void *realloc(void *payload, size_t size)
{
    system_setup();
    noticed("realloc", __builtin_return_address(0));
    return next.realloc ? next.realloc(payload, size) : NULL;
}

/* ---- the runner's own malloc ---------------------------------------------------------------- */

/* The object that malloc stands in. */
static int find_host(struct dl_phdr_info *object, size_t size, void *arg)
{
    (void)size;
    (void)arg;
    for (unsigned i = 0; i < object->dlpi_phnum; i++) {
        uintptr_t start = object->dlpi_addr + object->dlpi_phdr[i].p_vaddr;
        uintptr_t end = start + object->dlpi_phdr[i].p_memsz;

        if ((uintptr_t)next.malloc >= start && (uintptr_t)next.malloc < end) {
            host.start = start;
            host.end = end;
            return 1;
        }
    }
    return 0;
}

void host_begins(const char *file)
{
    char path[PATH_MAX];
    Dl_info info;

    system_setup();
    if (!dladdr((void *)next.malloc, &info) || !realpath(info.dli_fname, path) ||
        strcmp(path, file) != 0)
        die("the runner doesn't run on %s: the loader could not preload it", file);
    dl_iterate_phdr(find_host, NULL);
}

unsigned long host_calls(void)
{
    return host.calls;
}

const char *host_faults(void)
{
    lib.inspect = dlsym(RTLD_NEXT, "heap_inspect");
    return heap_faults();
}
