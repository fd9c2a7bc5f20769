/* Makes so many holes of 32 bytes, at so many bytes from one to the next, and asks the heap how many
 * levels its tree has. */
#define _GNU_SOURCE
#include "inspect.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *blocks[1000000];
static char last[64];
static unsigned holes, levels;

static bool see(const char *list, const struct heap_block *block, void *arg)
{
    (void)block;
    (void)arg;
    holes++;
    levels += strcmp(list, last) != 0;
    strncpy(last, list, sizeof last - 1);
    return true;
}

int main(int argc, char **argv)
{
    const struct heap_inspect *heap = dlsym(RTLD_DEFAULT, "heap_inspect");
    int count = argc > 1 ? atoi(argv[1]) : 1000, distance = argc > 2 ? atoi(argv[2]) : 64;

    if (!heap || count > 1000000 || distance < 64)
        return 1;
    for (int i = 0; i < count; i++) {
        blocks[i] = malloc(24);
        malloc((size_t)distance - 32 - 8);
    }
    for (int i = 0; i < count; i++)
        free(blocks[i]);
    heap->lists(see, NULL);
    printf("%u holes, %u levels\n", holes, levels);
}
