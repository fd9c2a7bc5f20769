/*
 * aarch64.h - the ghost's machine: the start, the system call, what a signal finds in the registers.
 */
#include <linux/audit.h>

#define MACHINE AUDIT_ARCH_AARCH64

__asm__(
    ".globl _start, system, system_asks, signal_return, signal_return_asks\n"
    "_start:\n"
    "    adrp x0, stack+" TEXT_OF(
        STACK_SIZE) "\n"
                    "    add x0, x0, :lo12:stack+" TEXT_OF(
                        STACK_SIZE) "\n"
                                    "    mov sp, x0\n"
                                    "    mov x29, xzr\n"
                                    "    mov x30, xzr\n"
                                    "    bl ghost\n"
                                    "system:\n" /* (number, six arguments): the C convention in, the kernel's out */
                                    "    mov x8, x0\n"
                                    "    mov x0, x1\n"
                                    "    mov x1, x2\n"
                                    "    mov x2, x3\n"
                                    "    mov x3, x4\n"
                                    "    mov x4, x5\n"
                                    "    mov x5, x6\n"
                                    "    svc #0\n"
                                    "system_asks:\n"
                                    "    ret\n"
                                    "signal_return:\n"
                                    "    mov x8, #139\n"
                                    "    svc #0\n"
                                    "signal_return_asks:\n");

static uintptr_t *register_pc(struct sigcontext *now)
{
    return (uintptr_t *)&now->pc;
}

static uintptr_t *register_sp(struct sigcontext *now)
{
    return (uintptr_t *)&now->sp;
}

/* Where the kernel expects the result of a system call. */
static uintptr_t *register_result(struct sigcontext *now)
{
    return (uintptr_t *)&now->regs[0];
}

static void system_arguments(const struct sigcontext *now, uintptr_t arg[6])
{
    for (int i = 0; i < 6; i++)
        arg[i] = now->regs[i];
}

/* What a SIGSEGV was about: 'r', 'w', 'x'; 0 where the machine doesn't say. */
static uint64_t access_of(const struct sigcontext *now)
{
    (void)now;
    return 0;
}

/* A function that is entered by a jump finds the stack as a call would leave it. */
static uintptr_t stack_for_entry(uintptr_t top)
{
    return top;
}

static void set_thread(uintptr_t pointer)
{
    __asm__ volatile("msr tpidr_el0, %0" : : "r"(pointer));
}
#define SYSTEM_SET_THREAD __NR_rt_sigreturn /* it takes none */
#define SYSTEM_MMAP __NR_mmap
