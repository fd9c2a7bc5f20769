/* The film of this chapter: regions come, one for many blocks and one for each large block, and go. */
#include <stdlib.h>

int main(void)
{
    char *a = malloc(600000);
    char *b = malloc(900000);
    char *c = malloc(2000000);
    char *d = malloc(3000000), *e;

    free(c);
    free(a);
    free(d);
    e = malloc(600000);
    free(b);
    return !e;
}
