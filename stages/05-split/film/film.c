/* The film of this chapter: a hole is cut in pieces, and pieces they stay. */
#include <stdlib.h>

int main(void)
{
    char *a = malloc(500);
    char *b = malloc(16), *c, *d, *e;

    free(a);
    c = malloc(150);
    d = malloc(150);
    free(c);
    free(d);
    e = malloc(400);
    return !b || !e;
}
