/* What inspect.h asks of libc's unistd.h. The ghost has no libc. */
#ifndef GHOST_UNISTD_H
#define GHOST_UNISTD_H
#define _SC_PAGESIZE 30
long sysconf(int name);
#endif
