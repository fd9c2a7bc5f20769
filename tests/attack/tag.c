/* Stage 8: an overflow of one word makes malloc hand out a neighbour's memory.
 *
 * The bug: a name is copied as long as it is, into a block of 24 bytes. Whoever chooses the name
 * sets the tag of the next block: it is as long as two. That one is freed, and asked for again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD = sizeof(size_t), BLOCK = 3 * WORD };

int main(void)
{
    setbuf(stdout, NULL); /* or printf would allocate */
    char *name = malloc(BLOCK), *note = malloc(BLOCK), *password = malloc(BLOCK);
    char *last = malloc(BLOCK), *mine, given[256] = "mallory";
    size_t tag, length = (size_t)(note - name); /* up to the note, its tag with it */

    memcpy(&tag, name - WORD, WORD); /* as of any block of this size */
    tag += (size_t)(password - note);
    memcpy(given + length - WORD, &tag, WORD);
    strcpy(password, "rosebud");
    memcpy(name, given, length); /* the bug */
    free(note);
    mine = malloc((size_t)(last - note) - WORD);
    if (mine != note) {
        printf("malloc gave me memory of my own\n");
        return 1;
    }
    strcpy(mine + (password - note), "let me in");
    printf("malloc gave me two blocks for one; the password is now: %s\n", password);
}
