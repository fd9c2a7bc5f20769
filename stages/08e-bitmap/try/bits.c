/* Allocates four blocks, and frees the second: stop at its end, and look at the map. */
#include <stdlib.h>

int main(void)
{
    void *block[4];

    for (size_t i = 0; i < 4; i++)
        block[i] = malloc(16 * (i + 1));
    free(block[1]);
    exit(block[0] == NULL);
}
