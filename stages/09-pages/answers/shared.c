/* Has a block of so many bytes a region to itself? Then free calls munmap at once. */
#include <stdlib.h>

int main(int count, char **words)
{
    free(malloc(count > 1 ? (size_t)atol(words[1]) : 0));
}
