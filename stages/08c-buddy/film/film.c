/* The film of this chapter: blocks are halved until they fit, and buddies join again. */
#include <stdlib.h>

int main(void)
{
    char *a = malloc(400000);
    char *b = malloc(200000);
    char *c = malloc(400000);
    char *d = malloc(120000), *e;

    free(a);
    free(c);
    free(d);
    e = malloc(900000);
    return !b || !e;
}
