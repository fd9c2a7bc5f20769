/* Frees what malloc never gave. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    static _Alignas(16) char somewhere[64];

    free(malloc(10));
    free(somewhere + 16);
    fputs("and on it goes\n", stderr);
}
