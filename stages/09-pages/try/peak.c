/* Allocates so many MiB (64) in blocks of so many bytes (1000), and writes in them; frees nine of
 * ten, in random order; then the rest. Tells how much memory the process has, each time, and how
 * much of it are pages with a byte of a block that lives: no allocator can give these back. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, MAX_BLOCKS = 1 << 21 };
static char *blocks[MAX_BLOCKS];
static size_t count, size;

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
    return pages * PAGE >> 20;
}

static void shuffle(void)
{
    uint64_t state = 1;

    for (size_t i = count - 1; i > 0; i--) {
        size_t other = ((state = state * 6364136223846793005u + 1) >> 33) % (i + 1);
        char *block = blocks[i];

        blocks[i] = blocks[other];
        blocks[other] = block;
    }
}

/* MiB of the pages that the first few blocks lie in: each page is marked once. */
static size_t pages_of(size_t few)
{
    static unsigned char *marks;
    size_t pages = 0;

    marks = mmap(NULL, (size_t)1 << 36, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    for (size_t i = 0; i < few; i++)
        for (uintptr_t at = (uintptr_t)blocks[i] / PAGE;
             at <= ((uintptr_t)blocks[i] + size - 1) / PAGE; at++)
            if (!marks[at]++)
                pages++;
    munmap(marks, (size_t)1 << 36);
    return pages * PAGE >> 20;
}

int main(int argc, char **argv)
{
    long start = resident();

    size = argc > 2 ? (size_t)atol(argv[2]) : 1000;
    count = (argc > 1 ? (size_t)atol(argv[1]) : 64) * 1024 * 1024 / size;
    for (size_t i = 0; i < count; i++)
        memset(blocks[i] = malloc(size), 'x', size);
    shuffle();
    printf("all live: %ld MiB\n", resident() - start);
    for (size_t i = count / 10; i < count; i++)
        free(blocks[i]);
    printf("a tenth lives: %ld MiB, ", resident() - start);
    printf("%zu MiB in pages with a block\n", pages_of(count / 10));
    for (size_t i = 0; i < count / 10; i++)
        free(blocks[i]);
    printf("none: %ld MiB\n", resident() - start);
}
