/* How far apart are two blocks, when somebody moves the break by one byte in between? */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    char *first = malloc(16), *second;

    sbrk(1);
    second = malloc(16);
    printf("%td bytes\n", second - first);
}
