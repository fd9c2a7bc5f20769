/* Uses the function of the malloc family that its argument names, as a program would. */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Not every libc has these. In one that hasn't, their address is NULL. */
__attribute__((weak)) void free_sized(void *block, size_t size);
__attribute__((weak)) void free_aligned_sized(void *block, size_t alignment, size_t size);

static int use_block(char *block, size_t alignment)
{
    if ((uintptr_t)block % alignment != 0)
        puts("not aligned");
    memset(block, 'x', 100);
    free(block);
    return puts("done") < 0;
}

static int use_usable_size(char *block)
{
    printf("of 100 bytes %zu are usable\n", malloc_usable_size(block));
    return 0;
}

static int use_trim(char *block)
{
    for (int i = 0; i < 10; i++)
        block = realloc(block, 20000);
    free(block);
    printf("there was %s to give back\n", malloc_trim(0) ? "memory" : "nothing");
    return 0;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    void *block = malloc(100);

    if (!strcmp(name, "aligned_alloc"))
        return use_block(aligned_alloc(64, 128), 64);
    if (!strcmp(name, "memalign"))
        return use_block(memalign(64, 128), 64);
    if (!strcmp(name, "posix_memalign"))
        return posix_memalign(&block, 64, 128) || use_block(block, 64);
    if (!strcmp(name, "valloc"))
        return use_block(valloc(128), 4096);
    if (!strcmp(name, "pvalloc"))
        return use_block(pvalloc(128), 4096);
    if (!strcmp(name, "reallocarray"))
        return use_block(reallocarray(block, 10, 20), 16);
    if (!strcmp(name, "malloc_usable_size"))
        return use_usable_size(block);
    if (!strcmp(name, "malloc_trim"))
        return use_trim(block);
    if (!strcmp(name, "free_sized"))
        free_sized(block, 100);
    if (!strcmp(name, "free_aligned_sized"))
        free_aligned_sized(aligned_alloc(64, 128), 64, 128);
    if (!strcmp(name, "mallinfo2"))
        return printf("%zu bytes are in use\n", mallinfo2().uordblks) < 0;
    if (!strcmp(name, "malloc_stats"))
        malloc_stats();
    puts("done");
}
