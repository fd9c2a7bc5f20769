/* Small blocks, and a large one that comes and goes. */
#include <stdlib.h>

static void stop_here(void)
{
}

int main(void)
{
    char *first = malloc(100), *large, *last;

    large = malloc(10 << 20);
    last = malloc(100);
    stop_here();
    free(large);
    stop_here();
    free(first);
    free(last);
    stop_here();
}
