/* Four blocks in a row. The first and the third are freed, then the second. */
#include <stdlib.h>

int main(void)
{
    char *a = malloc(100);
    char *b = malloc(200);
    char *c = malloc(300);
    char *d = malloc(400);

    free(a);
    free(c);
    free(b);
    free(d);
}
