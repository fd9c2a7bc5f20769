/* Which bin a size belongs to: asks the stage's own code. */
#include <stdio.h>

#include "../bins.c"

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        printf("%s bytes: bin %u\n", argv[i], bin_of((size_t)atol(argv[i])));
}
