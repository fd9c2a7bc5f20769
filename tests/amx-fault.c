/*
 * amx-fault.c - makes GDB fail as GDB before 14 does on an Intel processor with AMX: each write of
 * the extended registers ends in EFAULT. To be preloaded into GDB; tests/text.bats does.
 *
 * There the kernel wants the whole register area of the processor, and GDB writes a shorter one: so
 * it can neither call a function in the program nor run it backwards.
 */
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

/* GDB alone: the programs that it starts are not to inherit this. */
static void __attribute__((constructor)) forget_preload(void)
{
    unsetenv("LD_PRELOAD");
}

/* ptrace(2), for what GDB asks of it. PTRACE_PEEK* answer through a pointer in the system call, by
 * the result in libc's function. */
long ptrace(enum __ptrace_request request, ...)
{
    va_list arguments;
    pid_t process;
    void *address, *data;
    long word, result;

    va_start(arguments, request);
    process = va_arg(arguments, pid_t);
    address = va_arg(arguments, void *);
    data = va_arg(arguments, void *);
    va_end(arguments);
    if (request == PTRACE_SETREGSET && (size_t)address == NT_X86_XSTATE) {
        errno = EFAULT;
        return -1;
    }
    if (request < PTRACE_PEEKTEXT || request > PTRACE_PEEKUSER)
        return syscall(SYS_ptrace, request, process, address, data);
    result = syscall(SYS_ptrace, request, process, address, &word);
    return result < 0 ? result : word;
}
