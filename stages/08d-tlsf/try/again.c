/* Frees five blocks, and asks for the same sizes again, one by one. Who gets whose place? */
#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 5 };

void stop_here(void)
{
}

int main(void)
{
    static const size_t sizes[COUNT] = {100, 1000, 4096, 5000, 8180};
    void *old[COUNT], *new[COUNT];

    for (int i = 0; i < COUNT; i++) {
        old[i] = malloc(sizes[i]);
        malloc(1); /* lies between two of them */
    }
    for (int i = 0; i < COUNT; i++)
        free(old[i]);
    stop_here();
    for (int i = 0; i < COUNT; i++)
        new[i] = malloc(sizes[i]);
    for (int i = 0; i < COUNT; i++) {
        int place = 0;

        while (place < COUNT && old[place] != new[i])
            place++;
        printf("%zu: ", sizes[i]);
        place < COUNT ? printf("the place of %zu\n", sizes[place]) : printf("a new place\n");
    }
}
