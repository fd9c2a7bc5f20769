/* The film of this chapter: two holes, and the requests that they are to serve. */
#include <stdlib.h>

int main(void)
{
    char *a = malloc(500);
    char *b = malloc(16);
    char *c = malloc(200);
    char *d = malloc(16), *e, *f, *g;

    free(c);
    free(a);
    e = malloc(150);
    f = malloc(150);
    g = malloc(150);
    return !b || !d || !e || !f || !g;
}
