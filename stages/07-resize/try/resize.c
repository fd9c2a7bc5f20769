/* A block in front of a free one grows a little, then shrinks. */
#include <stdlib.h>

int main(void)
{
    char *a = malloc(100);
    char *b = malloc(200);
    char *wall = malloc(16);

    free(b);
    a = realloc(a, 150);
    a = realloc(a, 50);
    free(a);
    free(wall);
}
