/* Allocates as many blocks as its argument says, and frees none. */
#include <stdlib.h>

int main(int argc, char **argv)
{
    for (int i = argc > 1 ? atoi(argv[1]) : 0; i > 0; i--)
        if (!malloc(16))
            return 1;
}
