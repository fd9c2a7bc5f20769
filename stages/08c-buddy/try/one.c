/* One byte comes and goes. */
#include <stdlib.h>

int main(void)
{
    char *block = malloc(1);

    *block = 1;
    free(block);
    return 0;
}
