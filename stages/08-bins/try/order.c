/* Frees three blocks of one size, with others between them, and asks for that size again. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    char *block[6];
    long apart;

    for (int i = 0; i < 6; i++)
        block[i] = malloc(100);
    apart = block[1] - block[0];
    free(block[0]);
    free(block[4]);
    free(block[2]);
    for (int i = 0; i < 3; i++)
        printf("%ld ", (long)((char *)malloc(100) - block[0]) / apart);
    puts("");
}
