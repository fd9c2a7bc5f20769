/* Has 100,000 bytes free at the end of the heap, and asks for 16 bytes more than that. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    char *before, *block = malloc(100000);

    before = sbrk(0);
    free(block);
    block = malloc(100016);
    printf("the heap has grown by %ld\n", (long)((char *)sbrk(0) - before));
    free(block);
}
