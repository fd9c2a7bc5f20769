/* Stages 4 to 10: a block that is freed twice has two owners.
 *
 * The bug: a block is freed, and later freed once more. In between somebody else has got it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 64 };

int main(void)
{
    setbuf(stdout, NULL); /* or printf would allocate */
    char *stale = malloc(SIZE), *password, *mine;

    free(stale);
    password = malloc(SIZE);
    strcpy(password, "rosebud");
    free(stale); /* the bug */
    mine = malloc(SIZE);
    strcpy(mine, "let me in");
    if (mine != password) {
        printf("malloc gave me memory of my own\n");
        return 1;
    }
    printf("malloc gave me the admin's block; the password is now: %s\n", password);
}
