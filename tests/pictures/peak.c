/* Much memory for a while, then little: but one of the blocks that stay is the last one. */
#include <stdlib.h>

enum { BLOCKS = 60, SIZE = 200000 };

int main(void)
{
    char *block[BLOCKS];

    for (int i = 0; i < BLOCKS; i++)
        block[i] = malloc(SIZE);
    for (int i = BLOCKS - 2; i > 0; i--)
        free(block[i]);
    for (int i = 0; i < BLOCKS; i++)
        free(malloc(SIZE / 4));
    return !block[0] || !block[BLOCKS - 1];
}
