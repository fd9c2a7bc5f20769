/* overflow.c - makes three labels, and renames one. The new name is too long for its block, and
 * nothing happens at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *label(const char *name)
{
    char *text = malloc(16);

    return strcpy(text, name);
}

static void rename_label(char *label, const char *name)
{
    for (; *name; name++)
        *label++ = *name;
    *label = '\0';
}

int main(void)
{
    char *tea = label("tea"), *spread = label("honey"), *jam = label("jam");

    rename_label(spread, "raspberry jam and butter");
    puts(tea);
    puts(spread);
    puts(jam);
    free(tea);
    free(jam);
    free(spread);
    puts("done");
}
