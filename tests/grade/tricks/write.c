/* writes outside of its folder, wherever it can */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
static const char *const places[] = {TEACHER "/owned",
                                     TEACHER "/class/right/malloc.c",
                                     TEACHER "/held/owned.c",
                                     "/usr/owned",
                                     "/etc/owned",
                                     "/var/tmp/grade-owned",
                                     "/home/owned"};
static void trick(void)
{
    int saved = errno;

    for (unsigned i = 0; i < sizeof places / sizeof *places; i++)
        if (open(places[i], O_CREAT | O_WRONLY | O_TRUNC, 0666) >= 0)
            abort();
    unlink(TEACHER "/held/secret.c");
    errno = saved;
}
