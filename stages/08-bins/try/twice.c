/* Frees a block twice, with nothing in between; or, with an argument, after malloc gave it again. */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    char *first = malloc(100), *second = NULL;

    (void)argv;
    malloc(100);
    free(first);
    if (argc > 1)
        second = malloc(100);
    free(first);
    if (second)
        fprintf(stderr, "%s\n", malloc(100) == second ? "two callers have one block" : "no harm");
}
