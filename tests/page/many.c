/* many.c - N calls of malloc and free, in no order; 100,000 unless told. */
#include <stdlib.h>

enum { KEPT = 2000 };

int main(int argc, char **argv)
{
    static void *kept[KEPT];
    long calls = argc > 1 ? atol(argv[1]) : 100000;

    for (unsigned number = 1; calls > 0; calls -= 2) {
        number = number * 1664525 + 1013904223;
        free(kept[(number >> 8) % KEPT]);
        kept[(number >> 8) % KEPT] = malloc(16 + (number >> 20) % 2000);
    }
    return 0;
}
