/* The film of this chapter: blocks of two sizes, others between them, are freed, and wanted again. */
#include <stdlib.h>

int main(void)
{
    char *a = malloc(40), *b = malloc(16), *c = malloc(100), *d = malloc(16);
    char *e = malloc(40), *f = malloc(16), *g = malloc(100), *h = malloc(16);
    char *i, *j, *k;

    free(c);
    free(a);
    free(g);
    free(e);
    i = malloc(100);
    j = malloc(40);
    k = malloc(100);
    return !b || !d || !f || !h || !i || !j || !k;
}
