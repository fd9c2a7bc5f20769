/* What inspect.h asks of libc's sys/mman.h. The ghost has no libc. */
#ifndef GHOST_MMAN_H
#define GHOST_MMAN_H
#include <stddef.h>
int mincore(void *start, size_t size, unsigned char *resident);
#endif
