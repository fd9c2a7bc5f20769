/* calloc of so many MiB (200), of which nothing is used. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

int main(int argc, char **argv)
{
    struct rusage usage;
    void *block = calloc(argc > 1 ? (size_t)atol(argv[1]) : 200, 1 << 20);

    if (!block)
        return puts("refused"), 1;
    free(block);
    getrusage(RUSAGE_SELF, &usage);
    printf("at the peak %ld MiB of memory\n", usage.ru_maxrss >> 10);
}
