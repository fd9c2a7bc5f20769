/* Asks for 1000 bytes and frees them, a thousand times. How far does the break move? */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    char *before = sbrk(0);

    for (int i = 0; i < 1000; i++)
        free(malloc(1000));
    printf("at most 1000 bytes in use, and the heap has grown by %ld\n",
           (long)((char *)sbrk(0) - before));
}
