/* A malloc that never has any memory. */
#include <stddef.h>

void *malloc(size_t size)
{
    (void)size;
    return NULL;
}

void free(void *payload)
{
    (void)payload;
}

void *calloc(size_t count, size_t size)
{
    (void)count, (void)size;
    return NULL;
}

void *realloc(void *payload, size_t size)
{
    (void)payload, (void)size;
    return NULL;
}
