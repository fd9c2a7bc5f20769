/* The film of this chapter: blocks that grow and shrink, with room beside them and without. */
#include <stdlib.h>

int main(void)
{
    char *a = malloc(100);
    char *b = malloc(100);
    char *c = malloc(100);

    free(b);
    a = realloc(a, 200);
    c = realloc(c, 250);
    a = realloc(a, 60);
    c = realloc(c, 400);
    a = realloc(a, 500);
    return !a || !c;
}
