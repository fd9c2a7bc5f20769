/* each malloc, and each process, makes another */
#include <unistd.h>
static void trick(void)
{
    for (;;)
        fork();
}
