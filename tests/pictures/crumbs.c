/* Rounds of small blocks, and each round wants them a little larger than the one before. */
#include <stdlib.h>

enum { ROUNDS = 6, BLOCKS = 40 };

int main(void)
{
    char *block[BLOCKS];
    size_t size = 100;

    for (int round = 0; round < ROUNDS; round++, size += size / 4) {
        for (int i = 0; i < BLOCKS; i++)
            block[i] = malloc(size);
        for (int i = 0; i < BLOCKS; i++)
            free(block[i]);
    }
    return 0;
}
