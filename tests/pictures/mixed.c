/* Blocks of sizes and ages by chance, the same chance in each run: mostly small, mostly short-lived. */
#include <stdint.h>
#include <stdlib.h>

enum { PLACES = 200, CALLS = 2500 };

static uint32_t chance(uint32_t below)
{
    static uint32_t state = 1;

    state = state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)state * below >> 32);
}

static size_t next_size(void)
{
    return chance(8) ? 16 + chance(200) : 500 + chance(3000);
}

int main(void)
{
    static char *block[PLACES];

    for (int i = 0; i < CALLS; i++) {
        uint32_t at = chance(chance(4) ? PLACES / 4 : PLACES); /* mostly in one quarter */

        free(block[at]);
        block[at] = malloc(next_size());
    }
    return 0;
}
