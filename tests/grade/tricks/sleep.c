/* malloc waits for ever */
#include <unistd.h>
static void trick(void)
{
    for (;;)
        pause();
}
