/*
 * ghost.c - runs an allocator's own code on a copy of a program's memory.
 *
 * The debugger wants to know what the heap looks like, and what free(p) would do. Nobody knows that
 * better than the allocator's own compiled code. But run in the program it would change the
 * program, and with a broken heap it may crash or never end. So it runs here, in the program's ghost:
 * a small process that has the same bytes at the same addresses, so that every pointer is right.
 *
 *     the program, stopped, or its core             the ghost
 *     +------------------+ 0x7ffffffff000           +------------------+
 *     | stack            |                          | stack            |
 *     | libc, malloc.so  |                          | libc, malloc.so  | <- runs here
 *     |                  |                          |                  |
 *     |   (nothing)      |                          | ghost, its stack | 0x200000000000
 *     |                  |      page by page,       |                  |
 *     | heap             |  ----------------------> | heap             |
 *     | program          |      when touched        | program          |
 *     +------------------+ 0                        +------------------+
 *
 * It is linked where no program lies. It throws all else out of its address space (its first stack,
 * the vdso) and maps what the program has mapped, with no access. Who touches a page gets SIGSEGV;
 * the handler asks the debugger for the bytes around it, over the socket that it has as file 0, and
 * the instruction runs again. So nothing is copied that nobody looks at. A fault that the debugger
 * has no bytes for is a crash of the program's code. That is an answer too.
 *
 * Why it is safe: seccomp lets two instructions of the ghost's own (system, signal_return) ask the
 * kernel, and these for few things. A system call from anywhere else becomes SIGSYS; the
 * handler plays it, in the ghost's memory alone, and tells of it. There is no open file but the socket.
 * A timer ends loops.
 *
 * It stands on the kernel alone, without libc: libc's would need its own thread pointer.
 */
#include <asm/errno.h>
#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/ucontext.h>
#include <asm/unistd.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <linux/time.h>

#include "../../../common/inspect.h"

#define STACK_SIZE 2097152 /* bytes; a number that the assembler can read */
#define GUARD_SIZE 65536 /* bytes at the stack's low end that nobody may touch: a page, anywhere */
#define SIGNAL_STACK_SIZE 262144 /* bytes: a frame has all registers, with AMX 11 KiB */
#define TEXT_MAX ((size_t)1024)  /* bytes of a name or message that are passed on */
#define TIME_LIMIT 2             /* seconds of computing for one command */
#define BLOCKS_MAX (1 << 20)     /* more blocks than this are taken for a list without an end */
#define TEXT_OF_(number) #number
#define TEXT_OF(number) TEXT_OF_(number)

/* What the debugger says: a command, and up to five values. */
enum command { MAP, UNMAP, THREAD, BREAK, READ, CALL, REGIONS, BLOCKS, LISTS, CHECK };

struct order {
    uint64_t command, value[5];
};

/* What the ghost says: messages, each a kind, the bytes that follow, and rows of 64-bit numbers, or
 * text. A NAME belongs to the rows behind it. */
enum kind { END, FETCH, GONE, PLAYED, SAID, NAME, REGION, BLOCK, FAULT, BYTES };

/* How a command ended, beside by a signal, whose number then stands there. */
enum { RETURNED = 0, EXITED = 100, BLOCKED, ENDLESS };

struct head {
    uint32_t kind, size;
};

_Alignas(GUARD_SIZE) char stack[STACK_SIZE];
static char signal_stack[SIGNAL_STACK_SIZE];
extern char __executable_start[], etext[], _end[], system_asks[], signal_return_asks[];

long system(long number, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t);
void signal_return(void);
_Noreturn void ghost(void);

#if defined __x86_64__
#include "x86_64.h"
#elif defined __i386__
#include "i386.h"
#elif defined __aarch64__
#include "aarch64.h"
#endif

/* The compiler may call these two even where there is no libc. */
void *memcpy(void *to, const void *from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((char *)to)[i] = ((const char *)from)[i];
    return to;
}

void *memset(void *to, int byte, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((char *)to)[i] = (char)byte;
    return to;
}

static bool failed(long result)
{
    return result < 0 && result >= -4095;
}

static _Noreturn void quit(int status)
{
    for (;;)
        system(__NR_exit_group, (uintptr_t)status, 0, 0, 0, 0, 0);
}

/* --- The socket */

static struct {
    char bytes[65536];
    size_t used;
    struct head *last; /* the message that is being written */
} out;

static void flush(void)
{
    for (size_t sent = 0; sent < out.used;) {
        long n = system(__NR_write, 0, (uintptr_t)out.bytes + sent, out.used - sent, 0, 0, 0);

        if (failed(n))
            quit(1);
        sent += (size_t)n;
    }
    out.used = 0;
    out.last = NULL;
}

/* Rows of one kind become one message. size is at most TEXT_MAX, the bytes are the ghost's own. */
static void put(enum kind kind, const void *bytes, size_t size)
{
    if (out.used + sizeof(struct head) + 8 + size > sizeof out.bytes)
        flush();
    if (!out.last || out.last->kind != kind || kind == NAME) {
        out.last = (struct head *)(out.bytes + out.used);
        *out.last = (struct head){.kind = kind};
        out.used += sizeof(struct head);
    }
    memcpy(out.bytes + out.used, bytes, size);
    out.used += size;
    out.last->size += (uint32_t)size;
}

/* The program's bytes: reading them may fault, and be a reason for other messages, so copy first. */
static void put_bytes(enum kind kind, const char *bytes, size_t size)
{
    char copy[TEXT_MAX];

    for (; size > 0; bytes += TEXT_MAX) {
        size_t part = size < TEXT_MAX ? size : TEXT_MAX;

        memcpy(copy, bytes, part);
        put(kind, copy, part);
        size -= part;
    }
}

static void put_name(const char *name)
{
    size_t size = 0;

    while (name && size < TEXT_MAX - 1 && name[size])
        size++;
    put_bytes(NAME, size ? name : "?", size ? size : 1);
}

static void receive(void *bytes, size_t size)
{
    for (size_t got = 0; got < size;) {
        long n = system(__NR_read, 0, (uintptr_t)bytes + got, size - got, 0, 0, 0);

        if (n <= 0)
            quit(1);
        got += (size_t)n;
    }
}

/* --- Memory */

static uintptr_t page = 4096; /* bytes; the debugger tells if it is another */

static uintptr_t page_up(uintptr_t address)
{
    return (address + page - 1) & ~(page - 1);
}

static bool is_own(uintptr_t start, uintptr_t size)
{
    return start < (uintptr_t)_end && start + size > (uintptr_t)__executable_start;
}

static long map(uintptr_t start, uintptr_t size, unsigned access, unsigned flags)
{
    return system(SYSTEM_MMAP, start, size, access, MAP_PRIVATE | MAP_ANONYMOUS | flags,
                  (uintptr_t)-1, 0);
}

/* Maps there and nowhere else. */
static bool map_at(uintptr_t start, uintptr_t size, unsigned access, unsigned flags)
{
    long got = map(start, size, access, MAP_FIXED_NOREPLACE | flags);

    if (!failed(got) && (uintptr_t)got != start) /* an old kernel takes the address as a wish */
        system(__NR_munmap, (uintptr_t)got, size, 0, 0, 0, 0);
    return (uintptr_t)got == start;
}

/* From now on the program's bytes from start on are of no interest: something else is there. */
static void forget(uintptr_t start, uintptr_t size)
{
    put(GONE, (const uint64_t[]){start, start + size}, 2 * sizeof(uint64_t));
}

/* Asks for what is not here yet of the program's memory from start to end, or around a single byte.
 * Was there anything? */
static bool fetch(uintptr_t start, uintptr_t end)
{
    struct {
        uint64_t start, size, access;
    } piece;
    bool any = false;

    put(FETCH, (const uint64_t[]){start, end}, 2 * sizeof(uint64_t));
    flush();
    for (;;) {
        receive(&piece, sizeof piece);
        if (piece.size == 0)
            return any;
        if (failed(system(__NR_mprotect, (uintptr_t)piece.start, (uintptr_t)piece.size,
                          PROT_READ | PROT_WRITE, 0, 0, 0)))
            quit(4);
        receive((void *)(uintptr_t)piece.start, (size_t)piece.size);
        system(__NR_mprotect, (uintptr_t)piece.start, (uintptr_t)piece.size,
               (uintptr_t)piece.access, 0, 0, 0);
        any = true;
    }
}

#include "play.h"

/* --- Signals */

static _Noreturn void serve(void);

static void put_end(uint64_t how, uint64_t value, uint64_t pc, uint64_t access)
{
    put(END, (const uint64_t[]){how, value, pc, access}, 4 * sizeof(uint64_t));
    flush();
}

/* Makes the interrupted code go on as serve, on an empty stack: its command has ended. */
static void leave(struct sigcontext *now, uint64_t how, uint64_t value, uint64_t access)
{
    put_end(how, value, *register_pc(now), access);
    *register_pc(now) = (uintptr_t)serve;
    *register_sp(now) = stack_for_entry((uintptr_t)stack + STACK_SIZE);
}

static void on_fault(int number, siginfo_t *info, struct ucontext *context)
{
    struct sigcontext *now = &context->uc_mcontext;
    uintptr_t address = (uintptr_t)info->si_addr;
    bool placed = number == SIGSEGV && info->si_code > 0 && info->si_code != SI_KERNEL;

    if (placed && fetch(address, address))
        return; /* the instruction runs again */
    leave(now, (uint64_t)number, address, placed || number != SIGSEGV ? access_of(now) : '?');
}

static void on_system(int number, siginfo_t *info, struct ucontext *context)
{
    struct sigcontext *now = &context->uc_mcontext;
    uintptr_t arg[6];
    long result = -ENOSYS;
    size_t i = 0;

    (void)number;
    system_arguments(now, arg);
    while (i < sizeof plays / sizeof *plays &&
           (plays[i].number != info->si_syscall || info->si_arch != MACHINE))
        i++;
    if (i < sizeof plays / sizeof *plays)
        result = plays[i].play(arg);
    else
        arg[0] = (uintptr_t)info->si_syscall;
    if (i == sizeof plays / sizeof *plays || plays[i].name) {
        put_name(i < sizeof plays / sizeof *plays ? plays[i].name : "system call");
        put(PLAYED, (const uint64_t[]){arg[0], arg[1], arg[2], (uint64_t)result},
            4 * sizeof(uint64_t));
    }
    *register_result(now) = (uintptr_t)result;
    if (ended)
        leave(now, (uint64_t)ended, end_value, 0);
}

/* Time is up. The ghost's own code is let end first: it may be in the middle of a message. The timer
 * comes again soon. */
static void on_timer(int number, siginfo_t *info, struct ucontext *context)
{
    struct sigcontext *now = &context->uc_mcontext;

    (void)info;
    if (*register_pc(now) < (uintptr_t)__executable_start || *register_pc(now) >= (uintptr_t)etext)
        leave(now, (uint64_t)number, 0, 0);
}

static void catch_signal(int number, void (*handler)(int, siginfo_t *, struct ucontext *))
{
    struct {
        void (*handler)(int, siginfo_t *, struct ucontext *);
        unsigned long flags;
        void (*restorer)(void);
        uint64_t mask;
    } action = {handler, SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART | 0x04000000,
                signal_return, 0}; /* the number is SA_RESTORER, which not every header names */

    system(__NR_rt_sigaction, (uintptr_t)number, (uintptr_t)&action, 0, sizeof action.mask, 0, 0);
}

static void catch_signals(void)
{
    const stack_t alternate = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
    const uint64_t none = 0;

    system(__NR_sigaltstack, (uintptr_t)&alternate, 0, 0, 0, 0, 0);
    system(__NR_rt_sigprocmask, SIG_SETMASK, (uintptr_t)&none, 0, sizeof none, 0, 0);
    catch_signal(SIGSEGV, on_fault);
    catch_signal(SIGBUS, on_fault);
    catch_signal(SIGILL, on_fault);
    catch_signal(SIGFPE, on_fault);
    catch_signal(SIGTRAP, on_fault);
    catch_signal(SIGSYS, on_system);
    catch_signal(SIGVTALRM, on_timer);
}

/* From here on the kernel listens to two instructions only, and for a few calls only. False: this
 * kernel has no seccomp. */
static bool seal(void)
{
    static const long allowed[] = {__NR_read,         __NR_write,     SYSTEM_MMAP,  __NR_munmap,
                                   __NR_mprotect,     __NR_madvise,   __NR_mincore, __NR_setitimer,
                                   SYSTEM_SET_THREAD, __NR_exit_group};
    enum { CALLS = sizeof allowed / sizeof *allowed };
    const uint64_t ask = (uintptr_t)system_asks, back = (uintptr_t)signal_return_asks;
    const uint32_t where = offsetof(struct seccomp_data, instruction_pointer);
    struct sock_filter filter[CALLS + 10] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, where + 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(ask >> 32), 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, where),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)back, CALLS + 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)ask, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    const struct sock_fprog program = {.len = CALLS + 10, .filter = filter};

    for (unsigned i = 0; i < CALLS; i++)
        filter[8 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                                                     (uint32_t)allowed[i], (uint8_t)(CALLS - i), 0);
    filter[CALLS + 8] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL);
    filter[CALLS + 9] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    return system(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0) == 0 &&
           system(__NR_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (uintptr_t)&program, 0, 0, 0) ==
               0;
}

/* --- What the debugger asks for */

static bool visit_region(const struct heap_region *region, void *arg)
{
    const uint64_t row[] = {(uintptr_t)region->start, (uintptr_t)region->end};

    (void)arg;
    put_name(region->name);
    put(REGION, row, sizeof row);
    return true;
}

static unsigned blocks_told;

static bool visit_block(const struct heap_block *block, void *arg)
{
    const uint64_t row[] = {(uintptr_t)block->payload, block->size, block->overhead,
                            (uint64_t)(block->state & 3) | (block->guessed ? 4 : 0)};

    (void)arg;
    put(BLOCK, row, sizeof row);
    if (++blocks_told > BLOCKS_MAX) {
        put_end(ENDLESS, BLOCKS_MAX, 0, 0);
        serve(); /* on what is left of the stack: it is enough for three such ends */
    }
    return true;
}

/* The name goes out once for all blocks of a list. It is known by its text: a library may write each
 * name to the same place. */
static bool visit_list(const char *list, const struct heap_block *block, void *arg)
{
    char *last = arg;
    size_t i = 0;

    while (list && i < TEXT_MAX - 1 && list[i] && list[i] == last[i])
        i++;
    if (!list || list[i] != last[i]) {
        put_name(list);
        for (; list && i < TEXT_MAX - 1 && list[i]; i++)
            last[i] = list[i];
        last[i] = '\0';
    }
    return visit_block(block, NULL);
}

static void tell(const struct heap_fault *fault, void *arg)
{
    const uint64_t row[] = {(uint64_t)fault->invariant, (uintptr_t)fault->where, fault->found[0],
                            fault->found[1], fault->unchecked};

    (void)arg;
    put_name(fault->what);
    put(FAULT, row, sizeof row);
}

static void set_timer(long seconds)
{
    const long timer[4] = {0, 10000, seconds,
                           0}; /* again after, first after: seconds, microseconds */

    system(__NR_setitimer, 1 /* ITIMER_VIRTUAL: computing */, (uintptr_t)timer, 0, 0, 0, 0);
}

static uint64_t call(const uint64_t value[5])
{
    typedef uintptr_t function(uintptr_t, uintptr_t, uintptr_t, uintptr_t);

    return ((function *)(uintptr_t)value[0])((uintptr_t)value[1], (uintptr_t)value[2],
                                             (uintptr_t)value[3], (uintptr_t)value[4]);
}

/* Does what may touch the program's memory, or run its code. */
static uint64_t run(const struct order *order)
{
    const struct heap_inspect *inspect = (const struct heap_inspect *)(uintptr_t)order->value[0];
    struct heap_report report = {.tell = tell};
    char last[TEXT_MAX] = "\n"; /* no name that a list has */

    switch (order->command) {
    case REGIONS:
        inspect->regions(visit_region, NULL);
        break;
    case BLOCKS:
        inspect->blocks(visit_block, NULL);
        break;
    case LISTS:
        inspect->lists(visit_list, last);
        break;
    case CHECK:
        inspect->check(&report);
        break;
    case CALL:
        return call(order->value);
    case THREAD:
        set_thread((uintptr_t)order->value[0]);
        break;
    default:
        put_bytes(BYTES, (const char *)(uintptr_t)order->value[0], (size_t)order->value[1]);
    }
    return 0;
}

/* Does what needs none of the program's memory; such a command has no answer. */
static bool prepare(const struct order *order)
{
    const uintptr_t first = (uintptr_t)order->value[0], second = (uintptr_t)order->value[1];

    switch (order->command) {
    case MAP:
        if (!map_at(first, second, PROT_NONE, MAP_NORESERVE))
            quit(3);
        return true;
    case UNMAP:
        if (!is_own(first, second))
            system(__NR_munmap, first, second, 0, 0, 0, 0);
        return true;
    case BREAK:
        program_break.start = first;
        program_break.now = second;
        page = (uintptr_t)order->value[2];
        return true;
    default:
        return false;
    }
}

static _Noreturn void serve(void)
{
    struct order order;
    uint64_t result;

    for (;;) {
        set_timer(0);
        ended = 0;
        blocks_told = 0;
        receive(&order, sizeof order);
        if (prepare(&order))
            continue;
        set_timer(TIME_LIMIT);
        result = run(&order);
        put_end(RETURNED, result, 0, 0);
    }
}

_Noreturn void ghost(void)
{
    system(__NR_mprotect, (uintptr_t)stack, GUARD_SIZE, PROT_NONE, 0, 0, 0);
    catch_signals();
    if (!seal())
        quit(2);
    serve();
}
