/* The film of this chapter: holes become one, and the end of the heap goes back. */
#include <stdlib.h>

int main(void)
{
    char *a = malloc(30000);
    char *b = malloc(40000);
    char *c = malloc(30000);
    char *d = malloc(70000), *e;

    free(b);
    free(c);
    e = malloc(65000);
    free(e);
    free(d);
    return !a;
}
