/* past.c - copies a name that is longer than its block, and goes on as if nothing had happened. */
#include <stdlib.h>

static void copy_name(char *to, const char *name)
{
    for (; *name; name++)
        *to++ = *name;
    *to = '\0';
}

int main(void)
{
    char *name = malloc(24);
    char *rest = malloc(100);

    copy_name(name, "a name that is longer than anybody thought it would be");
    for (int i = 0; i < 5; i++)
        free(malloc(10));
    free(rest);
    free(name);
    return 0;
}
