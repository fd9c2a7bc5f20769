/*
 * log.c - the recording as a file, mapped and shared: what is written is there, whatever becomes
 * of the program.
 *
 * A window of the file is mapped at a time, and the header always. No descriptor stays open: the
 * program might close it, or be surprised by it.
 */
#include "format.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
    FIRST_WINDOW = 1 << 15, /* bytes; four times as much each time */
    LAST_WINDOW = 1 << 20,  /* a program may have little address space */
    MOST_WORDS = 8 + RECORDING_TEXT / 8,
    MOST_BYTES = sizeof(struct record) + 8 * MOST_WORDS, /* of a record */
};

static struct {
    char path[PATH_MAX]; /* of FILE; the number is added to it */
    unsigned number;
    dev_t device; /* with the inode: whether what stands at the path is still our file */
    ino_t inode;
    struct recording_header *header; /* NULL: there is no recording, or it was given up */
    char *window;                    /* what is mapped */
    uint64_t window_at, at;          /* its place in the file, and the next record's */
    size_t window_size;
    uint64_t ticks; /* of the last record */
    uint64_t records, texts;
} file;

/* A clock that is read in a few nanoseconds. */
static inline uint64_t read_ticks(void)
{
#if defined __x86_64__ || defined __i386__
    return __builtin_ia32_rdtsc();
#elif defined __aarch64__
    uint64_t ticks;

    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
#endif
}

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Both clocks at one moment: the first, or the latest. */
static void file_tick(int which)
{
    file.header->ticks[which] = read_ticks();
    file.header->ns[which] = read_clock(CLOCK_MONOTONIC);
}

/* The path of the recording with a number. */
static const char *path_of(unsigned number)
{
    static char path[PATH_MAX + 12];
    char digits[12], *digit = digits + sizeof digits;
    size_t length = strlen(file.path);

    *--digit = '\0';
    for (unsigned rest = number; rest > 0; rest /= 10)
        *--digit = (char)('0' + rest % 10);
    if (number > 0)
        *--digit = '.';
    memcpy(path, file.path, length);
    memcpy(path + length, digit, (size_t)(digits + sizeof digits - digit));
    return path;
}

/* Makes the file longer, by zeros. They are written: space that can't be had is noticed here, not as
 * a SIGBUS later; and a page that is there already is mapped in a third of the time. In one piece, as
 * far as it goes: some file systems then take larger pages. */
static bool lengthen(int fd, uint64_t from, size_t size)
{
    static const char zeros[1 << 12];
    static struct iovec pieces[LAST_WINDOW / sizeof zeros];
    struct rlimit most;
    ssize_t got;

    if (getrlimit(RLIMIT_FSIZE, &most) != 0 || from + size > most.rlim_cur)
        return false; /* to write on would end the program (SIGXFSZ) */
    for (; size > 0; size -= (size_t)got, from += (uint64_t)got) {
        int count = 0;

        for (size_t left = size; left > 0; left -= pieces[count++].iov_len)
            pieces[count] =
                (struct iovec){(void *)zeros, left < sizeof zeros ? left : sizeof zeros};
        got = pwritev(fd, pieces, count, (off_t)from);
        if (got <= 0)
            return false;
    }
    return true;
}

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Unmaps the window; the header's page stays. */
static void window_drop(void)
{
    const size_t kept = file.window == (char *)file.header ? page_size() : 0;
    char *window = file.window;

    file.window = NULL; /* first: a child may be forked in between */
    if (window && file.window_size > kept)
        munmap(window + kept, file.window_size - kept);
}

/* Ends the recording; the program goes on. */
static void file_give_up(void)
{
    file.header->flags |= RECORDING_STOPPED;
    munmap(file.header, RECORDING_START);
    file.header = NULL;
}

/* Our file once more; -1 when another one stands in its place, or none. */
static int file_open(void)
{
    struct stat found;
    int fd = open(path_of(file.number), O_RDWR | O_CLOEXEC);

    if (fd < 0 ||
        (fstat(fd, &found) == 0 && found.st_dev == file.device && found.st_ino == file.inode))
        return fd;
    close(fd);
    return -1;
}

/* Maps the next window, from the page on in which the next record stands, as large as there is room. No signal's handler may fork
 * in here: the child would go on writing zeros where its parent has records by then. */
static void file_move(void)
{
    const uint64_t from = file.at & ~(uint64_t)(page_size() - 1);
    const size_t used = (size_t)(file.at - from);
    size_t size = file.window_size < LAST_WINDOW / 4 ? file.window_size * 4 : LAST_WINDOW;
    int saved = errno, fd;
    void *window;
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    fd = file_open();
    window_drop();
    do
        window = lengthen(fd, file.at, size - used)
                     ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)from)
                     : MAP_FAILED;
    while (window == MAP_FAILED && (size /= 2) >= used + MOST_BYTES);
    if (fd >= 0)
        close(fd);
    if (window == MAP_FAILED) {
        file_give_up();
    } else {
        file.window = window;
        file.window_at = from;
        file.window_size = size;
        file_tick(1);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = saved;
}

/* A new file, the first of FILE, FILE.1, ... that isn't there. Its header and the first window are
 * mapped in one. */
static bool file_new(void)
{
    void *window = MAP_FAILED;
    struct stat made;
    int fd;

    for (;; file.number++) {
        fd = open(path_of(file.number), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            break;
    }
    if (fd >= 0 && fstat(fd, &made) == 0 && lengthen(fd, 0, FIRST_WINDOW))
        window = mmap(NULL, FIRST_WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    if (window == MAP_FAILED) {
        if (fd >= 0)
            unlink(path_of(file.number));
        return false;
    }
    file.device = made.st_dev;
    file.inode = made.st_ino;
    file.window = window;
    file.header = window;
    file.window_at = 0;
    file.window_size = FIRST_WINDOW;
    return true;
}

/* The recording that this process wrote is its parent's: leaves it alone. */
static void file_leave(void)
{
    struct recording_header *header = file.header;

    window_drop();
    file.header = NULL;
    munmap(header, RECORDING_START);
}

/* Puts memory of this process alone in the place of the file's. */
static void file_detach(void)
{
    const int how = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

    if (file.header)
        mmap(file.header, RECORDING_START, PROT_READ | PROT_WRITE, how, -1, 0);
    if (file.window)
        mmap(file.window, file.window_size, PROT_READ | PROT_WRITE, how, -1, 0);
}

/* Starts a recording; in a child that was forked, one that goes on from its parent's. */
static bool file_start(unsigned every, unsigned flags, uintptr_t malloc_at)
{
    struct recording_header header = {.magic = RECORDING_MAGIC,
                                      .version = RECORDING_VERSION,
                                      .order = RECORDING_ORDER,
                                      .length = RECORDING_START,
                                      .start = RECORDING_START,
                                      .word = sizeof(void *),
                                      .pid = (uint32_t)getpid(),
                                      .parent = (uint32_t)getppid(),
                                      .every = every,
                                      .flags = flags,
                                      .malloc_at = malloc_at};

    if (file.header) {
        header.forked_from = file.number;
        header.forked_at = file.at;
        file_leave();
    }
    if (!file_new())
        return false;
    header.number = file.number;
    header.began = read_clock(CLOCK_REALTIME);
    *file.header = header;
    file.at = RECORDING_START;
    file.records = file.texts = 0;
    file_tick(0);
    file.ticks = file.header->ticks[0];
    return true;
}

/* The program comes to its end: what the file is too long by goes. Calls that follow lengthen it again. */
static void file_trim(void)
{
    const uint64_t page = page_size(), end = (file.at + page - 1) & ~(page - 1);
    int fd;

    file_tick(1);
    if (file.window_at + file.window_size - end <= FIRST_WINDOW)
        return; /* it costs more than it spares */
    fd = file_open();
    if (fd >= 0 && ftruncate(fd, (off_t)end) == 0)
        file.window_size = (size_t)(end - file.window_at);
    if (fd >= 0)
        close(fd);
}

/* Room for a record; NULL when the recording was given up. */
static inline struct record *record_at(void)
{
    if (__builtin_expect(file.header && file.at + MOST_BYTES > file.window_at + file.window_size,
                         0))
        file_move();
    return file.header ? (struct record *)(file.window + (file.at - file.window_at)) : NULL;
}

/* The head of a record; slot: or how many words. */
static inline uint64_t head_of(unsigned kind, unsigned flags, size_t slot, uint64_t ticks)
{
    return kind | flags << 8 | (uint64_t)slot << 16 | ticks << 32;
}

/* The record that stands at the file's end is whole: readers may have it. */
static inline void record_done(size_t words)
{
    file.at += sizeof(struct record) + 8 * words;
    __atomic_store_n(&file.header->length, file.at, __ATOMIC_RELEASE);
    if (__builtin_expect(++file.records % 256 == 0, 0))
        file_tick(1);
}

/* A whole record. It takes no time: the clock goes on with the next call. */
static void record_write(unsigned kind, const uint64_t *words, size_t count)
{
    struct record *record = record_at();

    if (!record)
        return;
    memcpy(record->word, words, 8 * count);
    record->head = head_of(kind, 0, count, 0);
    record_done(count);
}
#define WRITE(kind, ...)                                                                           \
    record_write(kind, (const uint64_t[]){__VA_ARGS__},                                            \
                 sizeof(uint64_t[]){__VA_ARGS__} / sizeof(uint64_t))

/* A text, or as much of it as fits. Its number. */
static uint64_t text_write(unsigned what, const char *text, size_t length)
{
    static uint64_t words[3 + RECORDING_TEXT / 8];

    length = length < RECORDING_TEXT ? length : RECORDING_TEXT;
    words[2 + (length + 7) / 8] = 0;
    words[0] = ++file.texts;
    words[1] = what;
    words[2] = length;
    memcpy(words + 3, text, length);
    record_write(TEXT, words, 3 + (length + 7) / 8);
    return file.texts;
}
