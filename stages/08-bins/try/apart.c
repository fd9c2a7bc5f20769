/* How far the next block lies from a block of 1, 24, 25 and 40 bytes. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    static const size_t sizes[] = {1, 24, 25, 40};

    for (int i = 0; i < 4; i++) {
        char *block = malloc(sizes[i]), *next = malloc(sizes[i]);

        printf("%zu bytes: %ld\n", sizes[i], (long)(next - block));
    }
}
