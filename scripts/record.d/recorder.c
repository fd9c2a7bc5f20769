/*
 * recorder.c - stands in front of any malloc, and writes down each call.
 *
 * A library to preload: LD_PRELOAD=recorder.so:libmalloc.so. Its settings, from the environment:
 *
 *     RECORD_FILE=FILE         where to; FILE.1, FILE.2, ... for the next processes
 *     RECORD_EVERY=N           ask the heap after each N-th call (heap_inspect, common/inspect.h)
 *     RECORD_UNTIL_BROKEN=1    check the heap before and after each call, and abort when it is broken
 *
 * One call at a time: a lock is held from before a call until it has returned and is written down.
 * So the order in the file is the order in which things happened, and the heap stands still while
 * it is asked. Calls inside a call, of a library that calls itself, belong to that call.
 *
 * Nothing here allocates, and nothing is by stdio. errno is as the call left it.
 */
#include "log.c"

#include "modules.c"

#include "inspection.c"

#include <dlfcn.h>
#include <linux/futex.h>
#include <stdlib.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

/* The functions behind us. */
static struct {
    void *(*malloc)(size_t);
    void (*free)(void *);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void *(*reallocarray)(void *, size_t, size_t);
    void *(*aligned_alloc)(size_t, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    void *(*memalign)(size_t, size_t);
    void *(*valloc)(size_t);
    void *(*pvalloc)(size_t);
    void (*free_sized)(void *, size_t);
    void (*free_aligned_sized)(void *, size_t, size_t);
    size_t (*malloc_usable_size)(void *);
    int (*malloc_trim)(size_t);
} real;

/* What a forked child must find at 0: the kernel sees to it (MADV_WIPEONFORK). Whatever thread held
 * the lock is not in the child, and the file is the parent's. */
static struct wiped {
    int lock; /* 0, 1: held, 2: held, and others wait */
    bool recording;
} at_first, *wiped = &at_first;

/* Of a thread. Initial-exec: to find it must not allocate. */
static __thread __attribute__((tls_model("initial-exec"))) struct {
    bool inside; /* a call */
    unsigned file, number;
} self;

static unsigned every, until_broken, files, threads;
static const void *last_thread;
static uint64_t calls;

/* To standard error, a line at a time. */
static void say(const char *text)
{
    static char line[512];
    static size_t length;

    for (; *text; text++) {
        line[length++] = *text;
        if (*text != '\n' && length < sizeof line)
            continue;
        if (write(STDERR_FILENO, line, length) < 0)
            return; /* nobody reads it */
        length = 0;
    }
}

/* The function behind us, looked up when it is first wanted: a dlsym that finds nothing allocates,
 * and would change the heap that we are to watch. */
#define BEHIND(name)                                                                               \
    (real.name ? real.name : (*(void **)&real.name = dlsym(RTLD_NEXT, #name), real.name))

static unsigned long setting(const char *name)
{
    const char *value = getenv(name);

    return value ? strtoul(value, NULL, 10) : 0;
}

/* Ends the program before it begins: what was asked for can't be had. */
static void refuse(const char *sentence)
{
    say(sentence);
    _exit(125);
}

static void read_settings(void)
{
    const char *path = getenv("RECORD_FILE");
    void *page =
        mmap(NULL, sizeof *wiped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED || madvise(page, sizeof *wiped, MADV_WIPEONFORK) != 0)
        refuse("record: this kernel can't wipe a page on fork (MADV_WIPEONFORK, Linux 4.14)\n");
    wiped = page;
    wiped->lock = 1;
    path = path ? path : "heap.rec";
    if (strlen(path) >= sizeof file.path)
        refuse("record: the path of the recording is too long\n");
    strcpy(file.path, path);
    every = (unsigned)setting("RECORD_EVERY");
    until_broken = setting("RECORD_UNTIL_BROKEN") != 0;
    every = until_broken ? 1 : every;
    if (every)
        inspect = dlsym(RTLD_NEXT, "heap_inspect");
    if (every && (!inspect || inspect->version != HEAP_INSPECT_VERSION || !inspect->blocks))
        refuse("record: this malloc doesn't tell its blocks (heap_inspect, common/inspect.h): "
               "only its calls can be recorded, without --every and --until-broken\n");
    if (until_broken && !inspect->check)
        refuse(
            "record: this malloc has no check of its invariants (heap_inspect, common/inspect.h), "
            "which --until-broken could ask\n");
}

/* What a file begins with: the program, its words, the stage. */
static void tell_program(void)
{
    char text[RECORDING_TEXT];
    ssize_t length = readlink("/proc/self/exe", text, sizeof text);
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);

    if (length > 0)
        text_write(THE_PROGRAM, text, (size_t)length);
    length = fd >= 0 ? read(fd, text, sizeof text) : -1;
    if (length > 0)
        text_write(THE_COMMAND, text, (size_t)length);
    if (fd >= 0)
        close(fd);
    if (inspect && inspect->version == HEAP_INSPECT_VERSION && inspect->stage)
        text_write(THE_STAGE, inspect->stage, strlen(inspect->stage));
}

/* A process's first call. */
static void start(void)
{
    int saved = errno;

    if (wiped == &at_first)
        read_settings();
    wiped->recording = true;
    files++;
    threads = module_count = module_last = 0;
    last_thread = NULL;
    calls = 0;
    if (files > 1)
        memset(callers, 0, sizeof callers);
    if (file_start(every, until_broken ? RECORDING_UNTIL_BROKEN : 0, (uintptr_t)BEHIND(malloc))) {
        tell_program();
        inspection_reset();
        modules_read();
    } else {
        say("record: the recording can't be written: ");
        say(file.path);
        say("\n");
    }
    errno = saved;
}

static void lock_wait(void)
{
    int saved = errno;

    while (__atomic_exchange_n(&wiped->lock, 2, __ATOMIC_ACQUIRE) != 0)
        syscall(SYS_futex, &wiped->lock, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
    errno = saved;
}

static void lock_wake(void)
{
    int saved = errno;

    syscall(SYS_futex, &wiped->lock, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    errno = saved;
}

/* glibc's: false from the first thread on that a program starts. Others don't have it. */
extern char __libc_single_threaded __attribute__((weak));

static inline bool alone(void)
{
    return &__libc_single_threaded && __libc_single_threaded;
}

static inline void lock(void)
{
    int free = 0;

    if (alone())
        wiped->lock = 1;
    else if (!__atomic_compare_exchange_n(&wiped->lock, &free, 1, false, __ATOMIC_ACQUIRE,
                                          __ATOMIC_RELAXED))
        lock_wait();
}

static inline void unlock(void)
{
    if (alone())
        wiped->lock = 0;
    else if (__atomic_exchange_n(&wiped->lock, 0, __ATOMIC_RELEASE) == 2)
        lock_wake();
}

/* Another thread makes the calls from here on. */
static void tell_thread(void)
{
    last_thread = &self;
    if (self.file != files) {
        self.file = files;
        self.number = ++threads;
    }
    WRITE(THREAD, self.number, (uint64_t)syscall(SYS_gettid));
}

#include "until.c"

/* What may have to be written before a call: who makes it, and what the program broke. */
static unsigned prepare(unsigned kind, uintptr_t caller, const uint64_t *arguments, size_t count)
{
    if (last_thread != &self || self.file != files) /* a new one may stand where an old one stood */
        tell_thread();
    if (until_broken && heap_is_broken()) {
        inspect_heap(true);
        stop_before(kind, arguments, count);
    }
    return caller_slot(caller);
}

/* Writes down a call that begins, behind the last whole record: there it is found when it never
 * returns. NULL: it is not to be recorded. The lock is held, otherwise. */
static inline __attribute__((always_inline)) struct record *
enter(unsigned kind, uintptr_t caller, const uint64_t *arguments, size_t count)
{
    struct record *record;
    uint64_t ticks, passed = 0;
    unsigned slot = 0;

    if (self.inside)
        return NULL;
    self.inside = true;
    lock();
    if (__builtin_expect(!wiped->recording, 0))
        start();
    if (__builtin_expect(file.header != NULL, 1))
        slot = prepare(kind, caller, arguments, count);
    ticks = read_ticks();
    if (__builtin_expect(ticks > file.ticks, 1)) { /* another processor's may be a little behind */
        passed = ticks - file.ticks;
        file.ticks = ticks;
    }
    if (__builtin_expect(passed > UINT32_MAX && file.header, 0)) {
        WRITE(TIME, passed);
        passed = 0;
    }
    record = record_at();
    if (__builtin_expect(!record, 0)) {
        unlock();
        self.inside = false;
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        record->word[i] = arguments[i];
    record->head = head_of(kind, UNFINISHED, slot, passed);
    return record;
}

/* Asks the heap after a call, when it is its turn. */
static void look(unsigned kind, uintptr_t caller, const uint64_t *word, size_t words)
{
    last_call.kind = kind;
    last_call.caller = caller;
    last_call.arguments = words - gives(kind);
    memcpy(last_call.word, word, 8 * words);
    if (++calls % every == 0 && inspect_heap(false) && until_broken)
        stop_in_call();
}

static inline __attribute__((always_inline)) void leave(struct record *record, unsigned kind,
                                                        uintptr_t caller, size_t words)
{
    record->head &= ~(uint64_t)(UNFINISHED << 8);
    record_done(words);
    if (every)
        look(kind, caller, record->word, words);
    unlock();
    self.inside = false;
}

/* Each function of the family. Without a file, or inside of another call, the call goes through. */

#define CALL_FROM (uintptr_t) __builtin_return_address(0)
#define COUNT(...) (sizeof(uint64_t[]){__VA_ARGS__} / sizeof(uint64_t))
#define ENTER(kind, ...) enter(kind, CALL_FROM, (const uint64_t[]){__VA_ARGS__}, COUNT(__VA_ARGS__))

/* A function that returns something: what behind says, by these arguments. */
#define RECORD(type, kind, behind, ...)                                                            \
    do {                                                                                           \
        struct record *record = ENTER(kind, __VA_ARGS__);                                          \
        type result = behind;                                                                      \
                                                                                                   \
        if (record) {                                                                              \
            record->word[COUNT(__VA_ARGS__)] = (uint64_t)(uintptr_t)result;                        \
            leave(record, kind, CALL_FROM, COUNT(__VA_ARGS__) + 1);                                \
        }                                                                                          \
        return result;                                                                             \
    } while (0)

/* And one that returns nothing. */
#define RECORD_FREE(kind, behind, ...)                                                             \
    do {                                                                                           \
        struct record *record = ENTER(kind, __VA_ARGS__);                                          \
                                                                                                   \
        behind;                                                                                    \
        if (record)                                                                                \
            leave(record, kind, CALL_FROM, COUNT(__VA_ARGS__));                                    \
    } while (0)

void *malloc(size_t size)
{
    RECORD(void *, MALLOC, BEHIND(malloc)(size), size);
}

void free(void *pointer)
{
    RECORD_FREE(FREE, BEHIND(free)(pointer), (uintptr_t)pointer);
}

void *calloc(size_t count, size_t size)
{
    RECORD(void *, CALLOC, BEHIND(calloc)(count, size), count, size);
}

void *realloc(void *pointer, size_t size)
{
    RECORD(void *, REALLOC, BEHIND(realloc)(pointer, size), (uintptr_t)pointer, size);
}

void *reallocarray(void *pointer, size_t count, size_t size)
{
    RECORD(void *, REALLOCARRAY, BEHIND(reallocarray)(pointer, count, size), (uintptr_t)pointer,
           count, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    RECORD(void *, ALIGNED_ALLOC, BEHIND(aligned_alloc)(alignment, size), alignment, size);
}

void *memalign(size_t alignment, size_t size)
{
    RECORD(void *, MEMALIGN, BEHIND(memalign)(alignment, size), alignment, size);
}

void *valloc(size_t size)
{
    RECORD(void *, VALLOC, BEHIND(valloc)(size), size);
}

void *pvalloc(size_t size)
{
    RECORD(void *, PVALLOC, BEHIND(pvalloc)(size), size);
}

size_t malloc_usable_size(void *pointer)
{
    RECORD(size_t, MALLOC_USABLE_SIZE, BEHIND(malloc_usable_size)(pointer), (uintptr_t)pointer);
}

int malloc_trim(size_t keep)
{
    RECORD(int, MALLOC_TRIM, BEHIND(malloc_trim)(keep), keep);
}

/* The block is what's written down as the result. */
int posix_memalign(void **result, size_t alignment, size_t size)
{
    struct record *record = ENTER(POSIX_MEMALIGN, alignment, size);
    int error = BEHIND(posix_memalign)(result, alignment, size);

    if (record) {
        record->word[2] = error ? 0 : (uintptr_t)*result;
        leave(record, POSIX_MEMALIGN, CALL_FROM, 3);
    }
    return error;
}

/* C23's two: not every libc has them. */
void free_sized(void *pointer, size_t size)
{
    RECORD_FREE(FREE_SIZED,
                BEHIND(free_sized) ? real.free_sized(pointer, size) : BEHIND(free)(pointer),
                (uintptr_t)pointer, size);
}

void free_aligned_sized(void *pointer, size_t alignment, size_t size)
{
    RECORD_FREE(FREE_ALIGNED_SIZED,
                BEHIND(free_aligned_sized) ? real.free_aligned_sized(pointer, alignment, size)
                                           : BEHIND(free)(pointer),
                (uintptr_t)pointer, alignment, size);
}

/* The program ends by exit. What the file is too long by goes; calls that follow lengthen it again. */
__attribute__((destructor)) static void at_exit(void)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    char path[PATH_MAX + 12];
    uint64_t end;

    if (self.inside || wiped == &at_first)
        return;
    self.inside = true;
    lock();
    if (wiped->recording && file.header) {
        WRITE(EXIT, 0);
        file_tick(1);
    }
    if (wiped->recording && file.header) {
        end = (file.at + page - 1) & ~(page - 1);
        if (truncate(path_of(file.number, path), (off_t)end) == 0)
            file.window_size = (size_t)(end - file.window_at);
    }
    unlock();
    self.inside = false;
}
