/* Frees seven blocks, with others between them: two of 100 bytes, two of 200, two of 300, and one of
 * 400. Then it asks for 250 bytes. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    static const size_t sizes[] = {400, 200, 300, 100, 300, 200, 100};
    char *block[7], *given;

    for (int i = 0; i < 7; i++) {
        block[i] = malloc(sizes[i]);
        malloc(16);
    }
    for (int i = 0; i < 7; i++)
        free(block[i]);
    given = malloc(250);
    for (int i = 0; i < 7; i++)
        if (given == block[i])
            printf("the one of %zu bytes at +%ld\n", sizes[i], (long)(block[i] - block[0]));
}
