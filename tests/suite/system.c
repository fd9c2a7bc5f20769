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
#include <stdarg.h>

const char *const system_call_names[SYSTEM_CALLS] = {"sbrk", "mmap", "munmap", "mremap", "madvise"};
struct system_record record[SYSTEM_CALLS];

static struct {
    unsigned from, times;
} plan[SYSTEM_CALLS];
static bool silence;

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

/* Counts the call. Is it one of those that are to fail? */
static bool fails(enum system_call which)
{
    unsigned call;

    if (silence)
        return false;
    call = ++record[which].calls;
    if (!plan[which].from || call < plan[which].from ||
        call - plan[which].from >= plan[which].times)
        return false;
    record[which].failed++;
    errno = ENOMEM;
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

void *sbrk(intptr_t increment)
{
    if (increment < 0 && !silence)
        record[SBRK].down++;
    return fails(SBRK) ? (void *)-1 : next.sbrk(increment);
}

void *mmap(void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    return fails(MMAP) ? MAP_FAILED : next.mmap(address, size, protection, flags, file, offset);
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
    return fails(MUNMAP) ? -1 : next.munmap(address, size);
}

void *mremap(void *address, size_t from, size_t to, int flags, ...)
{
    va_list args;
    void *wanted = NULL;

    va_start(args, flags);
    if (flags & MREMAP_FIXED)
        wanted = va_arg(args, void *);
    va_end(args);
    return fails(MREMAP) ? MAP_FAILED : next.mremap(address, from, to, flags, wanted);
}

int madvise(void *address, size_t size, int advice)
{
    return fails(MADVISE) ? -1 : next.madvise(address, size, advice);
}

/* ---- malloc --------------------------------------------------------------------------------- */

/* dlsym may want memory itself; it does without when there is none. */
void system_setup(void)
{
    static bool begun;

    if (begun)
        return;
    begun = true;
    *(void **)&next.calloc = dlsym(RTLD_NEXT, "calloc");
    *(void **)&next.malloc = dlsym(RTLD_NEXT, "malloc");
    *(void **)&next.free = dlsym(RTLD_NEXT, "free");
    *(void **)&next.realloc = dlsym(RTLD_NEXT, "realloc");
    *(void **)&next.sbrk = dlsym(RTLD_NEXT, "sbrk");
    *(void **)&next.mmap = dlsym(RTLD_NEXT, "mmap");
    *(void **)&next.munmap = dlsym(RTLD_NEXT, "munmap");
    *(void **)&next.mremap = dlsym(RTLD_NEXT, "mremap");
    *(void **)&next.madvise = dlsym(RTLD_NEXT, "madvise");
}

static const char *watched;

void system_watch(const char *file)
{
    watched = file;
}

/* A call from the end of a function is compiled to a jump, and then seems to come from us. */
static void noticed(const char *function, void *caller)
{
    Dl_info from, us;
    const char *file = watched;

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
