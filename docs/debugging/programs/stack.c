/* stack.c - keeps a stack of its own at the end of the data, by sbrk, as programs did before there
 * was a malloc. And it uses malloc too. */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
    char *before = malloc(100);
    char *stack = sbrk(256);
    char *behind = malloc(100);
    char *stop = malloc(16);

    memset(stack, 's', 256);
    free(before);
    free(behind);
    memset(malloc(250), 'm', 250);
    printf("the stack holds: %.8s\n", stack);
    free(stop);
}
