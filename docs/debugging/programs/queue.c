/* queue.c - reads a file, makes a picture of it, and queues two orders where the file was. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *order(const char *what)
{
    return strcpy(malloc(64), what);
}

int main(void)
{
    char *file = malloc(1000), *picture = malloc(200000), *one, *two;

    free(file);
    one = order("one");
    free(picture);
    two = order("two");
    printf("the orders lie %ld bytes apart\n", (long)(two - one));
}
