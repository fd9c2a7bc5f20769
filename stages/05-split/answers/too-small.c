/* Frees a chunk of 64 bytes and asks for 48 of them: what is over has no room for a header. Does a
 * later block lie in one that is in use? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    char *hole = malloc(64), *wall = malloc(64), *later;

    setvbuf(stdout, NULL, _IONBF, 0); /* puts needs no memory then */
    strcpy(wall, "the wall stands");
    free(hole);
    hole = malloc(48);
    later = malloc(500);
    memset(later, 'x', 500);
    puts(strcmp(wall, "the wall stands") ? "the wall has fallen" : wall);
    free(hole);
    free(wall);
    free(later);
}
