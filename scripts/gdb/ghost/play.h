/*
 * play.h - the program's system calls, played in the ghost's memory. Part of ghost.c.
 *
 * Each function gets the six arguments and returns what the kernel would: a result, or an error as a
 * negative number. It may set ended: then the program's code doesn't go on.
 */
static struct {
    uintptr_t start, now;
} program_break;

static int ended; /* what a played call did to the program: a signal, EXITED, BLOCKED; or 0 */
static uintptr_t end_value; /* the exit status */

static long play_brk(const uintptr_t *arg)
{
    uintptr_t wanted = arg[0], top = page_up(program_break.now), new_top = page_up(wanted);

    if (wanted < program_break.start || new_top < wanted)
        return (long)program_break.now;
    if (new_top > top && !map_at(top, new_top - top, PROT_READ | PROT_WRITE, 0))
        return (long)program_break.now;
    if (new_top < top) {
        system(__NR_munmap, new_top, top - new_top, 0, 0, 0, 0);
        forget(new_top, top - new_top);
    }
    program_break.now = wanted;
    return (long)wanted;
}

static long play_mmap(const uintptr_t *arg)
{
    const unsigned kept = MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_NORESERVE;
    long got;

    if (!(arg[3] & MAP_ANONYMOUS))
        return -EACCES; /* there are no files here */
    if ((arg[3] & MAP_FIXED) && is_own(arg[0], arg[1]))
        return -ENOMEM;
    got = map(arg[0], arg[1], (unsigned)arg[2], (unsigned)arg[3] & kept);
    if (!failed(got))
        forget((uintptr_t)got, page_up(arg[1]));
    return got;
}

static long play_munmap(const uintptr_t *arg)
{
    long result =
        is_own(arg[0], arg[1]) ? -EINVAL : system(__NR_munmap, arg[0], arg[1], 0, 0, 0, 0);

    if (result == 0)
        forget(arg[0], page_up(arg[1]));
    return result;
}

static long play_mprotect(const uintptr_t *arg)
{
    if (is_own(arg[0], arg[1]))
        return -EINVAL;
    fetch(arg[0], arg[0] + page_up(arg[1]));
    return system(__NR_mprotect, arg[0], arg[1], arg[2], 0, 0, 0);
}

static long play_madvise(const uintptr_t *arg)
{
    if (is_own(arg[0], arg[1]))
        return -EINVAL;
    fetch(arg[0], arg[0] + page_up(arg[1]));
    return system(__NR_madvise, arg[0], arg[1], arg[2], 0, 0, 0);
}

/* In place if there is room, else elsewhere. The kernel's own would refuse: what is one mapping in the
 * program may be several here. */
static long play_mremap(const uintptr_t *arg)
{
    uintptr_t old = arg[0], size = page_up(arg[1]), new_size = page_up(arg[2]);
    long moved;

    if (is_own(old, size) || (arg[3] & MREMAP_FIXED) || new_size == 0)
        return -EINVAL;
    if (new_size <= size)
        return new_size == size ||
                       play_munmap((const uintptr_t[]){old + new_size, size - new_size}) == 0
                   ? (long)old
                   : -EFAULT;
    if (map_at(old + size, new_size - size, PROT_READ | PROT_WRITE, 0))
        return (long)old;
    moved = arg[3] & MREMAP_MAYMOVE ? map(0, new_size, PROT_READ | PROT_WRITE, 0) : -ENOMEM;
    if (!failed(moved)) {
        memcpy((void *)moved, (void *)old, size);
        play_munmap((const uintptr_t[]){old, size});
    }
    return moved;
}

/* What is mapped here is what is mapped in the program, but for the ghost itself. */
static long play_mincore(const uintptr_t *arg)
{
    volatile char *resident = (char *)arg[2];
    uintptr_t pages = page_up(arg[1]) / page;

    for (uintptr_t i = 0; i < pages; i += page)
        resident[i] = 0; /* the kernel can't fetch the page that it is to write to */
    return is_own(arg[0], arg[1]) ? -ENOMEM : system(__NR_mincore, arg[0], arg[1], arg[2], 0, 0, 0);
}

static long play_write(const uintptr_t *arg)
{
    if (arg[0] != 1 && arg[0] != 2)
        return -EBADF;
    put_bytes(SAID, (const char *)arg[1], arg[2] < TEXT_MAX ? arg[2] : TEXT_MAX);
    return (long)arg[2];
}

static long play_writev(const uintptr_t *arg)
{
    const struct {
        uintptr_t bytes, size;
    } *part = (const void *)arg[1];
    long written = 0;

    for (uintptr_t i = 0; i < arg[2]; i++)
        written += play_write((const uintptr_t[]){arg[0], part[i].bytes, part[i].size});
    return written;
}

/* Another thread would have to wake us; here is none. */
static long play_futex(const uintptr_t *arg)
{
    const uintptr_t what = arg[1] & (uintptr_t)FUTEX_CMD_MASK;

    if (what == FUTEX_WAIT || what == FUTEX_WAIT_BITSET || what == FUTEX_LOCK_PI)
        ended = BLOCKED;
    return 0;
}

static long play_kill(const uintptr_t *arg)
{
    ended = (int)arg[1];
    return 0;
}

static long play_tgkill(const uintptr_t *arg)
{
    return play_kill(arg + 1);
}

static long play_exit(const uintptr_t *arg)
{
    ended = EXITED;
    end_value = arg[0];
    return 0;
}

static long play_nothing(const uintptr_t *arg)
{
    (void)arg;
    return 0;
}

static const struct {
    long number;
    const char *name; /* NULL: not worth telling */
    long (*play)(const uintptr_t *arg);
} plays[] = {
    {__NR_brk, "brk", play_brk},
    {SYSTEM_MMAP, "mmap", play_mmap},
    {__NR_munmap, "munmap", play_munmap},
    {__NR_mprotect, "mprotect", play_mprotect},
    {__NR_mremap, "mremap", play_mremap},
    {__NR_madvise, "madvise", play_madvise},
    {__NR_mincore, NULL, play_mincore},
    {__NR_write, "write", play_write},
    {__NR_writev, "writev", play_writev},
    {__NR_futex, "futex", play_futex},
    {__NR_kill, "kill", play_kill},
    {__NR_tkill, "tkill", play_kill},
    {__NR_tgkill, "tgkill", play_tgkill},
    {__NR_exit, "exit", play_exit},
    {__NR_exit_group, "exit_group", play_exit},
    {__NR_rt_sigprocmask, NULL, play_nothing},
    {__NR_rt_sigaction, NULL, play_nothing},
    {__NR_getpid, NULL, play_nothing},
    {__NR_gettid, NULL, play_nothing},
    {__NR_sched_yield, NULL, play_nothing},
};
