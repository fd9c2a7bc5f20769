/*
 * libc-wrapper.c - libc's own malloc family as a library, so that the suite can judge it as any
 * other. Each function calls libc's of the same name: not the runner's, which stands before it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>

#define FAMILY(EACH)                                                                               \
    EACH(void *, malloc, (size_t size), (size))                                                    \
    EACH(void *, calloc, (size_t count, size_t size), (count, size))                               \
    EACH(void *, realloc, (void *payload, size_t size), (payload, size))                           \
    EACH(void *, reallocarray, (void *payload, size_t count, size_t size), (payload, count, size)) \
    EACH(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))                \
    EACH(int, posix_memalign, (void **payload, size_t alignment, size_t size),                     \
         (payload, alignment, size))                                                               \
    EACH(void *, memalign, (size_t alignment, size_t size), (alignment, size))                     \
    EACH(void *, valloc, (size_t size), (size))                                                    \
    EACH(void *, pvalloc, (size_t size), (size))                                                   \
    EACH(size_t, malloc_usable_size, (void *payload), (payload))                                   \
    EACH(int, malloc_trim, (size_t keep), (keep))                                                  \
    EACH(struct mallinfo2, mallinfo2, (void), ())

#define POINTER(result, name, parameters, arguments) static result(*libc_##name) parameters;
FAMILY(POINTER)
static void (*libc_free)(void *payload);

/* dlopen runs it, before anybody can call us. */
__attribute__((constructor)) static void find_libc(void)
{
    void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);

#define FIND(result, name, parameters, arguments) *(void **)&libc_##name = dlsym(libc, #name);
    FAMILY(FIND)
    *(void **)&libc_free = dlsym(libc, "free");
}

#define FUNCTION(result, name, parameters, arguments)                                              \
    result name parameters                                                                         \
    {                                                                                              \
        return libc_##name arguments;                                                              \
    }
FAMILY(FUNCTION)

void free(void *payload)
{
    libc_free(payload);
}
