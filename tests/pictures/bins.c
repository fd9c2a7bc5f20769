/* Blocks of four sizes, with others between them, are freed one by one, and three are wanted again. */
#include <stdlib.h>

int main(void)
{
    char *a = malloc(24), *b = malloc(8), *c = malloc(56), *d = malloc(8), *e = malloc(24);
    char *f = malloc(8), *g = malloc(88), *h = malloc(8), *i = malloc(56), *j = malloc(8);
    char *k = malloc(24), *l = malloc(8), *m = malloc(120), *n = malloc(8), *o, *p, *q;

    free(c);
    free(k);
    free(g);
    free(a);
    free(m);
    free(i);
    free(e);
    o = malloc(24);
    p = malloc(56);
    q = malloc(24);
    return !b || !d || !f || !h || !j || !l || !n || !o || !p || !q;
}
