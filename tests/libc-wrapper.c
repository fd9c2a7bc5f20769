/* libc-wrapper.c - glibc's own malloc as a library, so that the suite can judge it as any other. */
#include <stddef.h>

void *__libc_malloc(size_t size);
void __libc_free(void *payload);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *payload, size_t size);

void *malloc(size_t size)
{
    return __libc_malloc(size);
}

void free(void *payload)
{
    __libc_free(payload);
}

void *calloc(size_t count, size_t size)
{
    return __libc_calloc(count, size);
}

void *realloc(void *payload, size_t size)
{
    return __libc_realloc(payload, size);
}
