/* Frees four blocks in a row in each of the 24 orders. When all have joined, there is room where
 * they were for a block that three of them couldn't hold. */
#include <stdio.h>
#include <stdlib.h>

static int heals(int order)
{
    void *block[4], *wall, *large, *first;
    int left = 4, healed;

    for (int i = 0; i < 4; i++)
        block[i] = malloc(64);
    wall = malloc(16);
    first = block[0];
    for (; left > 0; left--) {
        int pick = order % left;

        order /= left;
        free(block[pick]);
        for (int i = pick; i + 1 < left; i++)
            block[i] = block[i + 1];
    }
    large = malloc(300);
    healed = large == first;
    free(large);
    free(wall);
    return healed;
}

int main(void)
{
    int count = 0;

    for (int order = 0; order < 24; order++)
        count += heals(order);
    printf("%d of 24 orders heal\n", count);
}
