/* overflow.c - makes three labels, renames one, and makes a fourth. The new name is too long for its
 * block, and nothing happens at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *make_label(const char *name)
{
    return strcpy(malloc(16), name);
}

static void rename_label(char *label, const char *name)
{
    for (; *name; name++)
        *label++ = *name;
    *label = '\0';
}

int main(void)
{
    char *tea = make_label("tea");
    char *spread = make_label("honey");
    char *jam = make_label("jam");
    char *bread;

    rename_label(spread, "raspberry jam and butter");
    bread = make_label("bread");
    printf("%s, %s, %s, %s\n", tea, spread, jam, bread);
}
