/* Moves the program break by the system call itself, where glibc doesn't see it, and writes "mine"
 * there. Then malloc needs memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char *kernels_break(void)
{
    return (char *)syscall(SYS_brk, 0);
}

int main(void)
{
    char *a = malloc(64), *b, *mine;
    long seen;

    mine = kernels_break();
    syscall(SYS_brk, mine + 64);
    strcpy(mine, "mine");
    seen = (char *)sbrk(0) - mine;
    b = malloc(64);
    memset(b, 'x', 64);
    printf("the break moved up by 64, and sbrk(0) by %ld: %s\n", seen,
           strcmp(mine, "mine") ? "not mine any more" : mine);
    free(a);
    free(b);
}
