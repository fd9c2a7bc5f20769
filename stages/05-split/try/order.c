/* Has a free chunk cut twice, and says in which order the pieces lie. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    void *first, *second;

    free(malloc(1000));
    first = malloc(16);
    second = malloc(16);
    printf("the second block lies %s the first\n",
           (uintptr_t)second > (uintptr_t)first ? "above" : "below");
    free(first);
    free(second);
}
