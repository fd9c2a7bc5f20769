/*
 * detour.c - lets chromium's calls of malloc be recorded. scripts/dev/traces preloads it.
 *
 * Chromium has a malloc of its own in its program file, and calls it there: a preloaded one is never
 * asked. So the entry of each function of the family, and of C++'s new and delete, becomes a jump to
 * the function behind us, which is the recorder's. Linked with -z initfirst, that this is done
 * before anybody has called them. For x86-64.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void *(*malloc_behind)(size_t), *(*memalign_behind)(size_t, size_t);

/* Chromium relies on it that its malloc gives whole pages where whole pages are asked for. */
static void *pages_or_less(size_t size)
{
    return size > 0 && size % 4096 == 0 ? memalign_behind(4096, size) : malloc_behind(size);
}

static void *new_aligned(size_t size, size_t alignment)
{
    return memalign_behind(alignment, size);
}

static const struct detour {
    const char *from;
    void *to;           /* a function of ours, or */
    const char *behind; /* the one of that name behind us */
} detours[] = {
    {"malloc", pages_or_less, NULL},
    {"free", NULL, "free"},
    {"calloc", NULL, "calloc"},
    {"realloc", NULL, "realloc"},
    {"memalign", NULL, "memalign"},
    {"posix_memalign", NULL, "posix_memalign"},
    {"valloc", NULL, "valloc"},
    {"pvalloc", NULL, "pvalloc"},
    {"malloc_usable_size", NULL, "malloc_usable_size"},
    {"_Znwm", pages_or_less, NULL}, /* operator new(size), and its kin */
    {"_ZnwmRKSt9nothrow_t", pages_or_less, NULL},
    {"_ZnwmSt11align_val_t", new_aligned, NULL},
    {"_ZnwmSt11align_val_tRKSt9nothrow_t", new_aligned, NULL},
    {"_ZdlPvm", NULL, "free"},
    {"_ZdlPvSt11align_val_t", NULL, "free"},
    {"_ZdlPvmSt11align_val_t", NULL, "free"},
};

enum { DETOURS = sizeof detours / sizeof *detours };

__attribute__((constructor)) static void lay_detours(void)
{
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    unsigned char *from[DETOURS];
    void *to[DETOURS];

    path[length > 0 ? length : 0] = '\0';
    if (!strstr(path, "/chromium/chromium")) /* dlsym must not be asked: it allocates for a "no" */
        return;
    *(void **)&malloc_behind = dlsym(RTLD_NEXT, "malloc");
    *(void **)&memalign_behind = dlsym(RTLD_NEXT, "memalign");
    for (size_t i = 0; i < DETOURS; i++) { /* all before the first jump, for dlsym may allocate */
        from[i] = dlsym(RTLD_DEFAULT, detours[i].from);
        to[i] = detours[i].to ? detours[i].to : dlsym(RTLD_NEXT, detours[i].behind);
        if (!from[i] || !to[i])
            _exit(125);
    }
    for (size_t i = 0; i < DETOURS; i++) {
        if (mprotect((void *)((uintptr_t)from[i] & ~(uintptr_t)4095), 8192,
                     PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
            _exit(125);
        memcpy(from[i], "\xff\x25\0\0\0\0", 6); /* jmp *(the 8 bytes behind) */
        memcpy(from[i] + 6, &to[i], sizeof to[i]);
    }
}
