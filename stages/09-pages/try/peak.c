/* Allocates 64 MiB in blocks of 1000 bytes, and writes in them; frees nine of ten, in random order;
 * then the rest. Tells how much memory the process has, each time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 67108 };
static char *blocks[BLOCKS];

/* What of the process's memory is in RAM: RSS, in MiB. */
static long resident(void)
{
    static char text[64];
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file && fgets(text, sizeof text, file))
        sscanf(text, "%*d %ld", &pages);
    if (file)
        fclose(file);
    return pages * 4096 >> 20;
}

int main(void)
{
    unsigned random_number = 1;
    long start = resident();

    for (int i = 0; i < BLOCKS; i++)
        memset(blocks[i] = malloc(1000), 'x', 1000);
    for (int i = BLOCKS - 1; i > 0; i--) {
        unsigned other = (random_number = random_number * 1664525 + 1013904223) % (unsigned)(i + 1);
        char *block = blocks[i];

        blocks[i] = blocks[other];
        blocks[other] = block;
    }
    printf("all live: %ld MiB\n", resident() - start);
    for (int i = BLOCKS / 10; i < BLOCKS; i++)
        free(blocks[i]);
    printf("a tenth lives: %ld MiB\n", resident() - start);
    for (int i = 0; i < BLOCKS / 10; i++)
        free(blocks[i]);
    printf("none: %ld MiB\n", resident() - start);
}
