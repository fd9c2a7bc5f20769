/* Has as many live blocks of mixed sizes as its first argument says; then frees one and allocates
 * one, as often as its second says. */
#include <stdlib.h>

static void *blocks[1 << 20];
static unsigned random_number = 1;

static unsigned next_random(void)
{
    random_number = random_number * 1664525 + 1013904223;
    return random_number >> 8;
}

int main(int argc, char **argv)
{
    unsigned live = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
    unsigned pairs = argc > 2 ? (unsigned)atoi(argv[2]) : 0;

    for (unsigned i = 0; i < live; i++)
        blocks[i] = malloc(16 + next_random() % 500);
    for (unsigned i = 0; i < pairs; i++) {
        unsigned which = next_random() % live;

        free(blocks[which]);
        blocks[which] = malloc(16 + next_random() % 500);
    }
}
