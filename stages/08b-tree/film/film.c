/* The film of this chapter: holes of five sizes, and a request that none of them fits exactly. */
#include <stdlib.h>

int main(void)
{
    char *a = malloc(150), *b = malloc(16), *c = malloc(60), *d = malloc(16), *e = malloc(250);
    char *f = malloc(16), *g = malloc(100), *h = malloc(16), *i = malloc(200), *j = malloc(16);
    char *k, *l;

    free(a);
    free(c);
    free(e);
    free(g);
    free(i);
    k = malloc(120);
    l = malloc(180);
    return !b || !d || !f || !h || !j || !k || !l;
}
