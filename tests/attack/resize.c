/* Stage 3: an overflow makes realloc hand out a neighbour's memory.
 *
 * The bug: a name is copied as long as it is, into a block of 32 bytes. So whoever chooses the name
 * writes the header of the next block. Links as they were, and a size that is a lie. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 32, WANTED = 200 };

struct name {
    char text[NAME];
    void *next, *prev; /* what stands at the start of a header */
    size_t size;
};

int main(void)
{
    setbuf(stdout, NULL); /* or printf would allocate */
    char *name = malloc(NAME), *note = malloc(16), *password = malloc(16);
    size_t header = (size_t)(note - name) - NAME;
    struct name given = {
        .text = "mallory", .next = password - header, .prev = name - header, .size = WANTED};

    strcpy(password, "rosebud");
    memcpy(name, &given, sizeof given); /* the bug */
    note = realloc(note, WANTED);
    if (!note || note > password || note + WANTED < password) {
        printf("realloc gave me memory of my own\n");
        return 1;
    }
    printf("realloc gave me %d bytes, and among them stands: %s\n", WANTED,
           note + (password - note));
}
