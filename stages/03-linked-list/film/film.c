/* The film of this chapter: what is freed is noted, and stays where it is. */
#include <stdlib.h>

int main(void)
{
    char *a = malloc(100);
    char *b = malloc(60);
    char *c = malloc(200), *d;

    free(b);
    d = malloc(60);
    c = realloc(c, 250);
    free(a);
    return !c || !d;
}
