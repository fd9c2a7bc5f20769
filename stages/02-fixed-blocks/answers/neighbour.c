/* Asks for more than a block has, and fills it. What does the next block say then? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    char *large = malloc(2000), *next = malloc(100);

    strcpy(next, "mine");
    if (large)
        memset(large, '?', 2000);
    puts(next[0] == '?' ? "the next block was written over" : "the next block is as it was");
}
