/*
 * x86_64.h - the ghost's machine: the start, the system call, what a signal finds in the registers.
 */
#include <linux/audit.h>

#define MACHINE AUDIT_ARCH_X86_64

__asm__(
    ".globl _start, system, system_asks, signal_return, signal_return_asks\n"
    "_start:\n"
    "    lea stack+" TEXT_OF(
        STACK_SIZE) "(%rip), %rsp\n"
                    "    xor %ebp, %ebp\n"
                    "    call ghost\n"
                    "system:\n" /* (number, six arguments): the C convention in, the kernel's out */
                    "    mov %rdi, %rax\n"
                    "    mov %rsi, %rdi\n"
                    "    mov %rdx, %rsi\n"
                    "    mov %rcx, %rdx\n"
                    "    mov %r8, %r10\n"
                    "    mov %r9, %r8\n"
                    "    mov 8(%rsp), %r9\n"
                    "    syscall\n"
                    "system_asks:\n"
                    "    ret\n"
                    "signal_return:\n"
                    "    mov $15, %eax\n"
                    "    syscall\n"
                    "signal_return_asks:\n");

static uintptr_t *register_pc(struct sigcontext *now)
{
    return (uintptr_t *)&now->rip;
}

static uintptr_t *register_sp(struct sigcontext *now)
{
    return (uintptr_t *)&now->rsp;
}

/* Where the kernel expects the result of a system call. */
static uintptr_t *register_result(struct sigcontext *now)
{
    return (uintptr_t *)&now->rax;
}

static void system_arguments(const struct sigcontext *now, uintptr_t arg[6])
{
    const uintptr_t in[6] = {now->rdi, now->rsi, now->rdx, now->r10, now->r8, now->r9};

    for (int i = 0; i < 6; i++)
        arg[i] = in[i];
}

/* What a SIGSEGV was about: 'r', 'w', 'x'; 0 where the machine doesn't say. */
static uint64_t access_of(const struct sigcontext *now)
{
    return now->err & 16 ? 'x' : now->err & 2 ? 'w' : 'r';
}

/* A function that is entered by a jump finds the stack as a call would leave it. */
static uintptr_t stack_for_entry(uintptr_t top)
{
    return top - sizeof(uintptr_t);
}

static void set_thread(uintptr_t pointer)
{
    system(__NR_arch_prctl, 0x1002 /* ARCH_SET_FS */, pointer, 0, 0, 0, 0);
}
#define SYSTEM_SET_THREAD __NR_arch_prctl
#define SYSTEM_MMAP __NR_mmap
