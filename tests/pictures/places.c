/*
 * places.c - gives each mapping of a heap its place, the same in each run and on each machine.
 *
 * Preloaded behind a stage. Where the kernel puts a mapping differs from run to run, and stage 8b
 * throws its dice by the address. A picture is to be the same each time. FIRST was chosen so that
 * the dice fall well: the tree of that chapter's film is as flat as it can be.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define APART ((uintptr_t)64 << 20)   /* a multiple of what any stage aligns a region to */
#define FIRST ((uintptr_t)1037 << 26) /* far from where programs, libraries and stacks lie */

void *mmap(void *hint, size_t size, int protection, int flags, int fd, off_t offset)
{
    static uintptr_t next = FIRST;

    if (!hint && fd < 0) {
        hint = (void *)next;
        next += (size + 2 * APART - 1) / APART * APART;
    }
    return (void *)syscall(SYS_mmap, hint, size, protection, flags, fd, offset);
}
