/* Stage 7: an overflow makes malloc hand out memory that no malloc ever had.
 *
 * The bug: a name is copied as long as it is, into a block of 32 bytes. Whoever chooses the name sets
 * the next of the header behind. It leads to a false header: the comment, of the same person. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 32, PASSWORD = 32 };

/* As in stages/07-resize/malloc.c. */
struct chunk {
    _Alignas(16) struct chunk *next;
    struct chunk *prev;
    size_t size;
    bool free;
    uintptr_t mark;
};

struct name {
    char text[NAME];
    struct chunk *next;
};

static struct {
    _Alignas(16) char comment[sizeof(struct chunk)];
    char password[PASSWORD];
} admin = {.password = "rosebud"};

int main(void)
{
    setbuf(stdout, NULL); /* or printf would allocate */
    char *name = malloc(NAME), *mine;
    struct chunk comment = {.size = PASSWORD, .free = true};
    struct name given = {.text = "mallory", .next = (struct chunk *)admin.comment};

    if (!malloc(16)) /* the block behind the name */
        return 2;
    memcpy(admin.comment, &comment, sizeof comment);
    memcpy(name, &given, sizeof given); /* the bug */
    mine = malloc(PASSWORD);
    if (mine != admin.password) {
        printf("malloc gave me memory of my own\n");
        return 1;
    }
    strcpy(mine, "let me in");
    printf("malloc gave me the admin's password, which is now: %s\n", admin.password);
}
