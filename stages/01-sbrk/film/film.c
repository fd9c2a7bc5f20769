/* The film of this chapter: blocks, some of them given back, and more blocks. */
#include <stdlib.h>

int main(void)
{
    char *a = malloc(100);
    char *b = malloc(40), *c, *d;

    free(a);
    c = malloc(100);
    free(b);
    free(c);
    d = malloc(20);
    return !d;
}
