/* Do two blocks that live at once have one address? */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    char *first, *second;

    free(malloc(100));
    first = malloc(100);
    second = malloc(100);
    puts(first == second ? "one block has two owners" : "two blocks");
}
