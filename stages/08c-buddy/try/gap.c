/* Frees two blocks that lie side by side, and asks for as much in one piece. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    char *block[4], *wanted;

    for (int i = 0; i < 4; i++)
        block[i] = malloc(1000);
    free(block[1]);
    free(block[2]);
    wanted = malloc(2000);
    puts(wanted == block[1] ? "in the gap" : "elsewhere");
}
