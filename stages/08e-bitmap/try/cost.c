/* How much of the heap a hundred thousand blocks of 1, 16, 24 and 100 bytes take, each. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 100000 };

int main(void)
{
    static const size_t sizes[] = {1, 16, 24, 100};

    for (int i = 0; i < 4; i++) {
        size_t before = mallinfo2().uordblks;

        for (int k = 0; k < COUNT; k++)
            malloc(sizes[i]);
        printf("%zu bytes: %.1f\n", sizes[i], (double)(mallinfo2().uordblks - before) / COUNT);
    }
}
