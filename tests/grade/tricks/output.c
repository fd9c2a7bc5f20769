/* prints without end */
#include <unistd.h>
static void trick(void)
{
    static char line[1 << 16];

    while (write(1, line, sizeof line) > 0)
        ;
}
