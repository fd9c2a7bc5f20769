/* Reads a block that it has freed: a mistake, of which free could leave a trace. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    unsigned char *block = malloc(100);

    malloc(100);
    memset(block, 'x', 100);
    free(block);
    printf("%02x\n", block[50]);
}
