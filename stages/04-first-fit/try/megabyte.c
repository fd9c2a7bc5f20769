/* Frees a megabyte and asks for 16 bytes, again and again. Only the 16 bytes are kept. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    char *before = sbrk(0);

    for (int i = 0; i < 100; i++) {
        free(malloc(1 << 20));
        if (!malloc(16))
            return 1;
    }
    printf("1600 bytes are in use, and the heap has grown by %ld KiB\n",
           (long)((char *)sbrk(0) - before) / 1024);
}
