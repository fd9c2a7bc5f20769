/*
 * rest.h - the rest of the malloc family, for bump.c and list.c, so that real programs run on them.
 *
 * Before it stand malloc, free, and struct header with a field `size`: the bytes behind it.
 * An aligned block has a second header in front of it, and never_used, which makes free leave it.
 */
static struct header *header_of(void *block)
{
    return (struct header *)((char *)block - sizeof(struct header));
}

size_t malloc_usable_size(void *block)
{
    return block ? header_of(block)->size : 0;
}

void *calloc(size_t count, size_t size)
{
    size_t bytes;
    void *block;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    block = malloc(bytes);
    return block ? memset(block, 0, bytes) : NULL;
}

void *realloc(void *block, size_t size)
{
    size_t old = malloc_usable_size(block);
    void *copy;

    if (block && size <= old)
        return block;
    copy = malloc(size);
    if (copy && block) {
        memcpy(copy, block, old);
        free(block);
    }
    return copy;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    size_t more = alignment + sizeof(struct header), whole;
    uintptr_t start, at;

    if (__builtin_add_overflow(size, more, &whole) || !(start = (uintptr_t)malloc(whole)))
        return NULL;
    at = (start + more - 1) & -alignment;
    *header_of((void *)at) = (struct header){.size = start + whole - at, .never_used = true};
    /* cppcheck-suppress memleak ; the whole block is never used again, see above */
    return (void *)at;
}

void *memalign(size_t alignment, size_t size)
{
    return aligned_alloc(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    void *got = aligned_alloc(alignment, size);

    if (!got)
        return ENOMEM;
    *block = got;
    return 0;
}
