/* The film of this chapter: small and large requests, one that grows, one that is too large. */
#include <stdlib.h>

int main(void)
{
    char *a = malloc(200);
    char *b = malloc(800);
    char *c = malloc(50), *d;

    a = realloc(a, 1000);
    free(b);
    d = malloc(300);
    return malloc(2000) != NULL || !a || !c || !d;
}
