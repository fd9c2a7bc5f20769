/* Ten files are closed, the largest first. Then a file of that size is opened again. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    char *file[10], *between[10];
    char *again;

    for (int i = 0; i < 10; i++) {
        file[i] = malloc(i == 0 ? 1250 : 1020);
        between[i] = malloc(16);
    }
    for (int i = 0; i < 10; i++)
        free(file[i]);
    again = malloc(1250);
    fprintf(stderr, "the file lies %ld bytes from its old place\n", (long)(again - file[0]));
    free(between[0]);
}
