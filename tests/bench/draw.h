/*
 * draw.h - numbers and sizes that are the same on every machine and for every library.
 */
#include "sizes.h"

#include <stdbool.h>
#include <string.h>

/* xorshift64; each thread has its own, and all begin alike. */
static uint64_t draw(void)
{
    static _Thread_local uint64_t state = 88172645463325252u;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static size_t draw_below(size_t below)
{
    return (size_t)(((draw() >> 32) * below) >> 32);
}

/* Sizes from a program's table, in which each row has its share of all requests. False: no such. */
static bool draw_mix(const char *program, uint32_t *sizes, size_t count)
{
    size_t column = 0, filled = 0, share = 0, above = 0;

    while (column < MIXES && strcmp(mix_names[column], program) != 0)
        column++;
    if (column == MIXES)
        return false;
    for (size_t row = 0; filled < count; above = mix_rows[row++].up_to) {
        share += mix_rows[row].share[column];
        while (filled < count && filled * MIX_WHOLE < share * count)
            sizes[filled++] = (uint32_t)(above + 1 + draw_below(mix_rows[row].up_to - above));
    }
    return true;
}
