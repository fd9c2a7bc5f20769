/* calloc of 200 MiB, of which nothing is used. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

int main(void)
{
    struct rusage usage;

    free(calloc(200, 1 << 20));
    getrusage(RUSAGE_SELF, &usage);
    printf("at the peak %ld MiB of memory\n", usage.ru_maxrss >> 10);
}
