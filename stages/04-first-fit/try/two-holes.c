/* Frees a small and a large block, in this order, and asks for what fits both. */
#include <stdlib.h>

int main(void)
{
    char *large = malloc(500);
    char *wall = malloc(16);
    char *small = malloc(200);
    char *other_wall = malloc(16);

    free(small);
    free(large);
    small = malloc(150);
    free(small);
    free(wall);
    free(other_wall);
}
