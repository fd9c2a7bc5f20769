/* takes memory, and uses it, without end */
#include <string.h>
#include <sys/mman.h>
static void trick(void)
{
    size_t size = (size_t)64 << 20;

    for (;;) {
        void *more = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (more != MAP_FAILED)
            memset(more, 1, size);
    }
}
