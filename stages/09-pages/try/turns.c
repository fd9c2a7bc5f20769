/* Two blocks grow in turns, from 1 MiB to 128 MiB each. Only their first MiB is ever written to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

int main(void)
{
    struct rusage usage;
    char *block[2];

    for (int i = 0; i < 2; i++)
        memset(block[i] = malloc(1 << 20), 'x', 1 << 20);
    for (size_t size = 2 << 20; size <= 128 << 20; size *= 2)
        for (int i = 0; i < 2; i++)
            block[i] = realloc(block[i], size);
    getrusage(RUSAGE_SELF, &usage);
    printf("%s, at the peak %ld MiB of memory\n",
           block[0][99] == 'x' && block[1][99] == 'x' ? "still x" : "lost", usage.ru_maxrss >> 10);
}
