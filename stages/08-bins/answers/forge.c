/* Makes a chunk of two words inside a block, and has malloc hand it out. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    size_t *block = malloc(100);

    block[1] = 32 | 3; /* at +8: a tag for 32 bytes, this and the chunk below used */
    block[5] = 3;      /* at +40: the next tag agrees */
    free(block + 2);
    printf("%s\n", malloc(20) == block + 2 ? "mine, and malloc's" : "refused");
}
