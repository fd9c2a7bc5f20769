/* Asks for nearly all the memory that 64 bits can count, with 100,000 bytes in its hands. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    char *name = malloc(100000);
    volatile size_t size = SIZE_MAX - 65536; /* volatile: the compiler must not see through it */

    if (!name)
        return 1;
    strcpy(name + 90000, "still here");
    dprintf(1, malloc(size) ? "got it\n" : "refused\n");
    dprintf(1, "%s\n", name + 90000);
}
