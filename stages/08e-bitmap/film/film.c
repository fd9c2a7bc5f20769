/* The film of this chapter: blocks wall to wall, and what is freed beside each other is one. */
#include <stdlib.h>

int main(void)
{
    char *a = malloc(48);
    char *b = malloc(10);
    char *c = malloc(100);
    char *d = malloc(32);
    char *e = malloc(64), *f;

    free(b);
    free(d);
    free(c);
    f = malloc(130);
    return !a || !e || !f;
}
