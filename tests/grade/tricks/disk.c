/* fills the disk with files */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
static void trick(void)
{
    static char block[1 << 20], name[32];

    for (unsigned i = 0; i < 4096; i++) {
        int file;

        snprintf(name, sizeof name, "/tmp/%u", i);
        file = open(name, O_CREAT | O_WRONLY, 0600);
        if (file < 0 || write(file, block, sizeof block) < 0)
            return;
        close(file);
    }
}
