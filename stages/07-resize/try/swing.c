/* The last block shrinks to 1000 bytes and grows to a million, a hundred times. */
#include <stdlib.h>

int main(void)
{
    char *block = malloc(1000000);

    for (int i = 0; block && i < 100; i++) {
        block = realloc(block, 1000);
        block = realloc(block, 1000000);
    }
    free(block);
}
