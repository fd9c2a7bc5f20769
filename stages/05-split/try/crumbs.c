/* Frees 100,000 bytes, has them cut into 1500 pieces, frees the pieces, and asks for 50,000. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *block[1500];

int main(void)
{
    char *before;

    free(malloc(100000));
    before = sbrk(0);
    for (int i = 0; i < 1500; i++)
        block[i] = malloc(16);
    for (int i = 0; i < 1500; i++)
        free(block[i]);
    block[0] = malloc(50000);
    printf("for 50000 bytes the heap has grown by %ld\n", (long)((char *)sbrk(0) - before));
}
