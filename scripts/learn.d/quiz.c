/*
 * quiz.c - makes the calls of a quiz, and says what the heap is after each. Run with a stage preloaded;
 * commands come in on standard input, a line each:
 *
 *     malloc SLOT SIZE | realloc SLOT SIZE | free SLOT
 *
 * Each is answered by lines: `region START END`, `block PAYLOAD SIZE OVERHEAD STATE`, `slot N PAYLOAD`
 * (addresses in hexadecimal, the rest in decimal), and `end`. No stdio: it would allocate.
 */
#include "../../common/inspect.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 26 };

static const struct heap_inspect *heap;
static void *slots[SLOTS];

static void tell(const char *line)
{
    if (write(STDOUT_FILENO, line, strlen(line)) < 0)
        _exit(1);
}

static bool tell_region(const struct heap_region *region, void *unneeded)
{
    char line[100];

    (void)unneeded;
    snprintf(line, sizeof line, "region %lx %lx\n", (unsigned long)region->start,
             (unsigned long)region->end);
    tell(line);
    return true;
}

static bool tell_block(const struct heap_block *block, void *unneeded)
{
    char line[100];

    (void)unneeded;
    snprintf(line, sizeof line, "block %lx %zu %zu %d\n", (unsigned long)block->payload,
             block->size, block->overhead, (int)block->state);
    tell(line);
    return true;
}

static void tell_all(void)
{
    char line[100];

    if (heap->regions)
        heap->regions(tell_region, NULL);
    heap->blocks(tell_block, NULL);
    for (int slot = 0; slot < SLOTS; slot++)
        if (slots[slot]) {
            snprintf(line, sizeof line, "slot %d %lx\n", slot, (unsigned long)slots[slot]);
            tell(line);
        }
    tell("end\n");
}

static void obey(const char *line)
{
    char word[16];
    unsigned slot;
    size_t size = 0;

    if (sscanf(line, "%15s %u %zu", word, &slot, &size) < 2 || slot >= SLOTS)
        _exit(2);
    if (strcmp(word, "malloc") == 0) {
        slots[slot] = malloc(size);
    } else if (strcmp(word, "realloc") == 0) {
        slots[slot] = realloc(slots[slot], size);
    } else {
        free(slots[slot]);
        slots[slot] = NULL;
    }
}

int main(void)
{
    char line[64];
    size_t length = 0;

    heap = dlsym(RTLD_DEFAULT, "heap_inspect");
    if (!heap || !heap->blocks)
        return 3;
    while (read(STDIN_FILENO, line + length, 1) == 1) {
        if (line[length] != '\n') {
            length += length < sizeof line - 2;
            continue;
        }
        line[length] = '\0';
        length = 0;
        obey(line);
        tell_all();
    }
    return 0;
}
