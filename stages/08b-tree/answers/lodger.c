/* Frees a block of 64 MiB, behind which a small one may have moved in. Does it go back? */
#include <stdio.h>
#include <stdlib.h>

static long mapped_pages(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long pages = 0;

    if (!file || fscanf(file, "%ld", &pages) != 1)
        exit(1);
    fclose(file);
    return pages;
}

int main(void)
{
    char *large = malloc(64 << 20), *small = malloc(24);
    long before = mapped_pages();

    if (!large || !small)
        return 1;
    free(large);
    puts(before - mapped_pages() > (32 << 20) / 4096 ? "64 MiB went back" : "64 MiB stayed");
}
