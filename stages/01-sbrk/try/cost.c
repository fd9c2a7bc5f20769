/* What 1000 small blocks cost in memory. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    char *before = sbrk(0);

    for (int i = 0; i < 1000; i++)
        if (!malloc(20))
            return 1;
    printf("%ld bytes for a block of 20\n", (long)((char *)sbrk(0) - before) / 1000);
}
