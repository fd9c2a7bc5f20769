/* reads what is the teacher's, and others' work: TEACHER is a folder of theirs. Where it can, its malloc
 * gives NULL: a right one is one that could not. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
static const char *const secrets[] = {TEACHER,
                                      TEACHER "/held/secret.c",
                                      TEACHER "/class/right/malloc.c",
                                      "/etc/shadow",
                                      "/root",
                                      "/home",
                                      "/proc/1/environ",
                                      "/proc/1/root/etc"};
static int can_read;
static void trick(void)
{
    int saved = errno;

    for (unsigned i = 0; i < sizeof secrets / sizeof *secrets; i++)
        can_read |= open(secrets[i], O_RDONLY | O_CLOEXEC) >= 0;
    if (can_read)
        abort();
    errno = saved;
}
