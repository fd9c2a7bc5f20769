/* closes its outputs, and then goes on for ever: nobody is to wait for an end of what it prints */
#include <unistd.h>
static void trick(void)
{
    for (int file = 0; file < 64; file++)
        close(file);
    for (;;)
        ;
}
