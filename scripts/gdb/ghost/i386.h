/*
 * i386.h - the ghost's machine: the start, the system call, what a signal finds in the registers.
 */
#include <asm/ldt.h>
#include <linux/audit.h>

#define MACHINE AUDIT_ARCH_I386

__asm__(
    ".globl _start, system, system_asks, signal_return, signal_return_asks, programs_system\n"
    "_start:\n"
    "    mov $stack+" TEXT_OF(
        STACK_SIZE) ", %esp\n"
                    "    xor %ebp, %ebp\n"
                    "    call ghost\n"
                    "system:\n" /* (number, six arguments): the C convention in, the kernel's out */
                    "    push %ebx\n"
                    "    push %esi\n"
                    "    push %edi\n"
                    "    push %ebp\n"
                    "    mov 20(%esp), %eax\n"
                    "    mov 24(%esp), %ebx\n"
                    "    mov 28(%esp), %ecx\n"
                    "    mov 32(%esp), %edx\n"
                    "    mov 36(%esp), %esi\n"
                    "    mov 40(%esp), %edi\n"
                    "    mov 44(%esp), %ebp\n"
                    "    int $0x80\n"
                    "system_asks:\n"
                    "    pop %ebp\n"
                    "    pop %edi\n"
                    "    pop %esi\n"
                    "    pop %ebx\n"
                    "    ret\n"
                    "signal_return:\n"
                    "    mov $173, %eax\n"
                    "    int $0x80\n"
                    "signal_return_asks:\n"
                    "programs_system:\n"
                    "    int $0x80\n"
                    "    ret\n");

extern char programs_system[];

static uintptr_t *register_pc(struct sigcontext *now)
{
    return (uintptr_t *)&now->eip;
}

static uintptr_t *register_sp(struct sigcontext *now)
{
    return (uintptr_t *)&now->esp;
}

/* Where the kernel expects the result of a system call. */
static uintptr_t *register_result(struct sigcontext *now)
{
    return (uintptr_t *)&now->eax;
}

static void system_arguments(const struct sigcontext *now, uintptr_t arg[6])
{
    const uintptr_t in[6] = {now->ebx, now->ecx, now->edx, now->esi, now->edi, now->ebp};

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

/* libc makes its system calls through a pointer beside the thread's own data. It leads into the
 * program's vdso, from where the kernel would return into the ghost's, and that is gone. */
static void set_thread(uintptr_t pointer)
{
    struct user_desc place = {.entry_number = (unsigned)-1,
                              .base_addr = (unsigned)pointer,
                              .limit = 0xfffff,
                              .seg_32bit = 1,
                              .limit_in_pages = 1,
                              .useable = 1};

    if (system(__NR_set_thread_area, (uintptr_t)&place, 0, 0, 0, 0, 0) != 0)
        return;
    __asm__ volatile("mov %w0, %%gs" : : "r"(place.entry_number * 8 + 3));
    *(uintptr_t *)(pointer + 16) = (uintptr_t)programs_system;
}
#define SYSTEM_SET_THREAD __NR_set_thread_area
#define SYSTEM_MMAP __NR_mmap2
