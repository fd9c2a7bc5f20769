/* The film of this chapter: two holes, and requests that are rounded up to where a bin begins. */
#include <stdlib.h>

int main(void)
{
    char *a = malloc(1030), *b = malloc(16), *c = malloc(1048), *d = malloc(16);
    char *e = malloc(2000), *f = malloc(16), *g, *h, *i;

    free(a);
    free(c);
    free(e);
    g = malloc(1030);
    h = malloc(1016);
    i = malloc(2000);
    return !b || !d || !f || !g || !h || !i;
}
