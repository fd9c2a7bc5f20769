/* nothing.c - an allocator that gives nothing, and that does what it must not: the suite's tests
 * have to fail on it. See tests/teeth. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

/* Not malloc itself: who calls that across functions may get another's, and the runner refuses it. */
static void *give(size_t size)
{
    (void)size;
#ifdef QUIT /* exit or _exit: the program ends, with a status that says all is well */
    QUIT(0);
#endif
    return sbrk(0) ? NULL : NULL; /* it asks where the break is, and gives nothing all the same */
}

void *malloc(size_t size)
{
    return give(size);
}

void free(void *payload)
{
    (void)payload;
    __builtin_trap();
}

void *calloc(size_t count, size_t size)
{
    return give(count * size);
}

void *realloc(void *payload, size_t size)
{
    (void)payload;
    return give(size);
}
