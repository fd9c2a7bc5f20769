/*
 * library.c - opens the library, and finds out what it is: which functions it has, which system
 * calls it makes, whether it describes its heap, and whether it is whole.
 *
 * A first trial runs in a process of its own: a library that crashes there takes nothing with it,
 * and the tests find a heap that nobody has used.
 */
#define _GNU_SOURCE
#include "runner.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <sys/wait.h>

struct allocator lib;

bool half_written;
static char file[PATH_MAX];

static const struct {
    const char *name;
    void *where;
    bool required;
} functions[] = {
    {"malloc", &lib.malloc, true},
    {"free", &lib.free, true},
    {"calloc", &lib.calloc, true},
    {"realloc", &lib.realloc, true},
    {"reallocarray", &lib.reallocarray, false},
    {"aligned_alloc", &lib.aligned_alloc, false},
    {"posix_memalign", &lib.posix_memalign, false},
    {"memalign", &lib.memalign, false},
    {"valloc", &lib.valloc, false},
    {"pvalloc", &lib.pvalloc, false},
    {"malloc_usable_size", &lib.malloc_usable_size, false},
    {"free_sized", &lib.free_sized, false},
    {"free_aligned_sized", &lib.free_aligned_sized, false},
    {"malloc_trim", &lib.malloc_trim, false},
    {"mallinfo2", &lib.mallinfo2, false},
    {"malloc_stats", &lib.malloc_stats, false},
    {"heap_inspect", &lib.inspect, false},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

/* Words of a test's needs that are no promises. */
bool is_capability(const char *word)
{
    size_t length = strcspn(word, " ");

    for (unsigned i = 0; i < FUNCTIONS; i++)
        if (!functions[i].required && strlen(functions[i].name) == length &&
            memcmp(functions[i].name, word, length) == 0)
            return true;
    for (unsigned i = 0; i < SYSTEM_CALLS; i++)
        if (strlen(system_call_names[i]) == length &&
            memcmp(system_call_names[i], word, length) == 0)
            return true;
    return word_index("measured libc", word) >= 0;
}

/* A symbol that stands in this library itself: dlsym would also find the one of libc. */
static void *symbol(void *handle, const char *name, const char *library)
{
    char path[PATH_MAX];
    void *address = dlsym(handle, name);
    Dl_info info;

    if (address && dladdr(address, &info) && realpath(info.dli_fname, path) &&
        strcmp(path, library) == 0)
        return address;
    return NULL;
}

static void check_description(void)
{
    const struct heap_inspect *inspect = lib.inspect;
    const char *promise = promised("inspect") ? "inspect" : "list-layout";

    if (inspect && inspect->version != HEAP_INSPECT_VERSION)
        die("%s describes its heap by version %u of inspect.h, not %d", file, inspect->version,
            HEAP_INSPECT_VERSION);
    if (promised(promise) && !(inspect && inspect->blocks && inspect->check))
        die("%s promises %s, and exports no heap_inspect%s", file, promise,
            !inspect           ? ""
            : !inspect->blocks ? " with blocks"
                               : " with check");
}

static void open_it(void)
{
    void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);

    if (!handle)
        die("the library can't be opened: %s", dlerror());
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        *(void **)functions[i].where = symbol(handle, functions[i].name, file);
        if (functions[i].required && !*(void **)functions[i].where)
            die("%s defines no %s", file, functions[i].name);
    }
    check_description();
    shared->opened = true;
}

/* A little of everything, to see what it calls. */
static void use_it(void)
{
    void *small, *large;

    system_watch(file);
    small = lib.calloc(10, 100);
    lib.free(lib.malloc(1000));
    large = lib.realloc(NULL, (size_t)1 << 20);
    large = lib.realloc(large, (size_t)64 << 20);
    lib.realloc(small, 500);
    lib.free(large);
    if (lib.malloc_trim)
        lib.malloc_trim(0);
    system_watch(NULL);
    shared->used = true;
}

static void first_trial(void)
{
    alarm(half_written ? 2 : 20); /* should malloc never come back */
    open_it();
    use_it();
    _exit(0);
}

/* What the trial has found out. A library that crashes when it is used is for the tests to judge, by
 * what it called until then. */
static void take_down(void)
{
    if (shared->stranger)
        die("%s calls the program's %s in place of its own: link it with "
            "-Wl,-Bsymbolic-functions, and compile it with -fno-builtin",
            file, shared->stranger);
    for (unsigned i = 0; i < SYSTEM_CALLS; i++)
        if (shared->calls[i])
            found_out(system_call_names[i]);
    for (unsigned i = 0; i < FUNCTIONS; i++)
        if (!functions[i].required && *(void **)functions[i].where)
            found_out(functions[i].name);
    if (promised("sbrk") || (lib.inspect && lib.inspect->regions))
        found_out("measured");
    if (shared->used && !half_written && !promised("sbrk") && lib.inspect && promised("break"))
        die("%s promises break, and its sbrk is not the runner's: its tests would prove nothing",
            file);
}

void library_open(const char *name)
{
    int status;
    pid_t child;

    if (!realpath(name, file))
        die("there is no library %s", name);
    child = fork();
    if (child < 0)
        die("can't fork: %s", strerror(errno));
    if (child == 0)
        first_trial();
    waitpid(child, &status, 0);
    if (!shared->opened && WIFEXITED(status) && WEXITSTATUS(status) == 2)
        exit(2); /* it has said why */
    if (!shared->opened)
        die("%s crashes when it is opened", file);
    open_it();
    take_down();
}

#ifndef RTLD_DEEPBIND /* musl: the recorder's own system calls count among the library's */
#define RTLD_DEEPBIND 0
#endif

void library_record(const char *recorder)
{
    void *handle;

    setenv("RECORD_LIBRARY", file, 1);
    handle = dlopen(recorder, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (!handle)
        die("the recorder can't be opened: %s", dlerror());
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        void *between = symbol(handle, functions[i].name, recorder);

        if (between && *(void **)functions[i].where)
            *(void **)functions[i].where = between;
    }
}
