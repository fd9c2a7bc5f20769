/* Frees a pointer into the middle of a block, after it wrote two words there that look like tags. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    size_t *block = malloc(100), *inside = block + 2;

    block[1] = 32 | 3; /* at +8: a tag for 32 bytes, this and the chunk below used */
    block[5] = 3;      /* at +40: the next tag agrees */
    free(inside);
    fprintf(stderr, "%s\n",
            malloc(20) == inside ? "malloc gave a piece of our own block" : "elsewhere");
}
