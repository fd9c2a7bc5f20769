/* A bool whose byte is neither 0 nor 1. Reading it as a bool is undefined: expect nothing. */
#include <stdbool.h>
#include <stdio.h>

int main(void)
{
    bool b = false;

    *(volatile char *)&b = 0x42;
    printf("b: %s, ", b ? "true" : "false");
    printf("!b: %s\n", !b ? "true" : "false");
}
