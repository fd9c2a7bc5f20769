/*
 * recorder.c - stands in front of any malloc, and writes down each call.
 *
 * A library to preload: LD_PRELOAD=recorder.so:libmalloc.so. Its settings, from the environment:
 *
 *     RECORD_FILE=FILE         where to; FILE.1, FILE.2, ... for the next processes
 *     RECORD_EVERY=N           ask the heap after each N-th call (heap_inspect, common/inspect.h)
 *     RECORD_FROM=N            not before the N-th
 *     RECORD_UNTIL_BROKEN=1    check the heap before and after each call, and abort when it is broken
 *     RECORD_STOP=N            stop_here is called before the N-th call: for the debugger
 *     RECORD_LIBRARY=FILE      the library behind, when it isn't the next one that the loader knows
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

#ifdef __aarch64__
#define LARGEST_PAGE 65536
#else
#define LARGEST_PAGE 4096
#endif

/* What a forked child must find at 0: the kernel sees to it (MADV_WIPEONFORK). Whatever thread held
 * the lock is not in the child, and the file is the parent's. It has its pages to itself. */
static union {
    struct {
        int lock; /* 0, 1: held, 2: held, and others wait */
        bool recording;
    };
    char pages[LARGEST_PAGE];
} wiped __attribute__((aligned(LARGEST_PAGE)));

/* Of a thread. Initial-exec: to find it must not allocate. */
static __thread __attribute__((tls_model("initial-exec"))) struct {
    bool inside; /* a call */
    unsigned file, number;
} self;

static unsigned every, files, threads;
static bool until_broken;
static uint64_t from; /* the heap is left alone before this call */
static uint64_t begun, stop_at;
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

/* The library behind us: the next one that the loader knows, or RECORD_LIBRARY, opened by whoever
 * opened us. */
static void *library(void)
{
    static void *handle;
    const char *path = handle ? NULL : getenv("RECORD_LIBRARY");

    if (!handle)
        handle = path ? dlopen(path, RTLD_NOW | RTLD_NOLOAD) : RTLD_NEXT;
    return handle;
}

/* A function of that library, or another one in its place. Not to be asked while the lock is held:
 * who holds the loader's may be waiting for ours. When it finds nothing the loader allocates. */
static void *find(const char *name, void *otherwise)
{
    const bool inside = self.inside;
    void *found;

    self.inside = true;
    found = dlsym(library(), name);
    self.inside = inside;
    return found ? found : otherwise;
}
#define FIND(name, otherwise)                                                                      \
    (__builtin_expect(real.name != NULL, 1)                                                        \
         ? (void)0                                                                                 \
         : (void)(*(void **)&real.name = find(#name, otherwise)))

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

/* In a child. When a signal's handler forks in the middle of a call, the child goes on in it, and would
 * write into its parent's file. */
static void forked(void)
{
    if (self.inside)
        file_detach();
}

static void read_settings(void)
{
    const char *path = getenv("RECORD_FILE");

    if (madvise(&wiped, sizeof wiped, MADV_WIPEONFORK) != 0)
        refuse("record: this kernel can't wipe a page on fork (MADV_WIPEONFORK, Linux 4.14)\n");
    pthread_atfork(NULL, NULL, forked);
    path = path ? path : "heap.rec";
    if (strlen(path) >= sizeof file.path)
        refuse("record: the path of the recording is too long\n");
    strcpy(file.path, path);
    every = (unsigned)setting("RECORD_EVERY");
    from = setting("RECORD_FROM");
    stop_at = setting("RECORD_STOP");
    until_broken = setting("RECORD_UNTIL_BROKEN") != 0;
    every = until_broken ? 1 : every;
    if (every)
        inspect = dlsym(library(), "heap_inspect");
    if (every && (!inspect || inspect->version != HEAP_INSPECT_VERSION || !inspect->blocks))
        refuse("record: this malloc doesn't tell its blocks (heap_inspect, common/inspect.h): "
               "only its calls can be recorded, without --every and --until-broken\n");
    if (until_broken && !inspect->check)
        refuse(
            "record: this malloc has no check of its invariants (heap_inspect, common/inspect.h), "
            "which --until-broken could ask\n");
}

/* What a file begins with: the program, its words, the stage, where code lies. */
static void tell_program(void)
{
    static char program[RECORDING_TEXT + 1], words[RECORDING_TEXT];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);

    program[length > 0 ? length : 0] = '\0';
    text_write(THE_PROGRAM, program, strlen(program));
    length = fd >= 0 ? read(fd, words, sizeof words) : -1;
    if (length > 0)
        text_write(THE_COMMAND, words, (size_t)length);
    if (fd >= 0)
        close(fd);
    if (inspect && inspect->version == HEAP_INSPECT_VERSION && inspect->stage)
        text_write(THE_STAGE, inspect->stage, strlen(inspect->stage));
    if (files == 1)
        dl_iterate_phdr(module_loaded, program);
    else
        modules_read();
}

/* A process's first call. */
static void start(void)
{
    int saved = errno;

    if (files == 0)
        read_settings();
    FIND(malloc, NULL); /* there is one thread yet, or it was found before */
    wiped.recording = true;
    files++;
    threads = module_count = module_last = 0;
    last_thread = NULL;
    calls = begun = 0;
    if (files > 1)
        memset(callers, 0, sizeof callers);
    if (file_start(every, until_broken ? RECORDING_UNTIL_BROKEN : 0, (uintptr_t)real.malloc)) {
        if (every)
            inspection_reset();
        tell_program();
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

    while (__atomic_exchange_n(&wiped.lock, 2, __ATOMIC_ACQUIRE) != 0)
        syscall(SYS_futex, &wiped.lock, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
    errno = saved;
}

static void lock_wake(void)
{
    int saved = errno;

    syscall(SYS_futex, &wiped.lock, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
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
        wiped.lock = 1;
    else if (!__atomic_compare_exchange_n(&wiped.lock, &free, 1, false, __ATOMIC_ACQUIRE,
                                          __ATOMIC_RELAXED))
        lock_wait();
}

static inline void unlock(void)
{
    if (alone())
        wiped.lock = 0;
    else if (__atomic_exchange_n(&wiped.lock, 0, __ATOMIC_RELEASE) == 2)
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

/* The program may have broken the heap since the last call. */
static void look_before(unsigned kind, const uint64_t *arguments, size_t count)
{
    if (calls + 1 < from || !heap_is_broken())
        return;
    inspect_heap(true);
    stop_before(kind, arguments, count);
}

/* Where the debugger finds the program: see scripts/debug --at. */
static __attribute__((noinline)) void stop_here(unsigned kind)
{
    __asm__ volatile("" : : "r"(kind));
}

/* Ticks since the last record. */
static inline uint64_t ticks_passed(void)
{
    const uint64_t ticks = read_ticks(), last = file.ticks;

    if (ticks <= last) /* another processor's clock may be a little behind */
        return 0;
    file.ticks = ticks;
    return ticks - last;
}

/* Writes down a call that begins, behind the last whole record: there it is found when it never
 * returns. NULL: there is no recording. */
static inline __attribute__((always_inline)) struct record *
begin(unsigned kind, uintptr_t caller, const uint64_t *arguments, size_t count)
{
    const unsigned slot = caller_slot(caller);
    struct record *record;
    uint64_t passed;

    if (__builtin_expect(!file.header, 0))
        return NULL;
    if (__builtin_expect(last_thread != &self || self.file != files, 0))
        tell_thread(); /* a new one may stand where an old one stood */
    if (__builtin_expect(until_broken, 0))
        look_before(kind, arguments, count);
    if (__builtin_expect(stop_at && ++begun == stop_at, 0))
        stop_here(kind);
    if (__builtin_expect(callers[slot] != caller, 0))
        caller_tell(caller, slot);
    passed = ticks_passed();
    if (__builtin_expect(passed > UINT32_MAX, 0)) {
        WRITE(TIME, passed);
        passed = 0;
    }
    record = record_at();
    if (__builtin_expect(!record, 0))
        return NULL;
    for (size_t i = 0; i < count; i++)
        record->word[i] = arguments[i];
    record->head = head_of(kind, UNFINISHED, slot, passed);
    return record;
}

/* The lock is held from here on until the call has returned, unless this is NULL: then the call is
 * not to be recorded. */
static inline __attribute__((always_inline)) struct record *
enter(unsigned kind, uintptr_t caller, const uint64_t *arguments, size_t count)
{
    struct record *record;

    if (self.inside)
        return NULL;
    self.inside = true;
    lock();
    if (__builtin_expect(!wiped.recording, 0))
        start();
    record = begin(kind, caller, arguments, count);
    if (__builtin_expect(!record, 0)) {
        unlock();
        self.inside = false;
    }
    return record;
}

/* Asks the heap after a call, when it is its turn. */
static void look(unsigned kind, uintptr_t caller, const uint64_t *word, size_t words)
{
    last_call.kind = kind;
    last_call.caller = caller;
    last_call.arguments = words - gives(kind);
    memcpy(last_call.word, word, 8 * words);
    if (++calls % every == 0 && calls >= from && inspect_heap(false) && until_broken)
        stop_in_call();
}

static inline __attribute__((always_inline)) void leave(struct record *record, unsigned kind,
                                                        uintptr_t caller, size_t words)
{
    const bool ours = wiped.recording; /* else a signal's handler forked, and this is the child */

    if (__builtin_expect(ours, 1)) {
        record->head &= ~(uint64_t)(UNFINISHED << 8);
        record_done(words);
        if (every)
            look(kind, caller, record->word, words);
        unlock();
    }
    self.inside = false;
}

/* Each function of the family. Without a file, or inside of another call, the call goes through. What
 * C23 has, and a library may not have, is made of what every library has. */

static void free_with_size(void *pointer, size_t size)
{
    (void)size;
    real.free(pointer);
}

static void free_with_both(void *pointer, size_t alignment, size_t size)
{
    (void)alignment;
    (void)size;
    real.free(pointer);
}

#define CALL_FROM (uintptr_t) __builtin_return_address(0)
#define COUNT(...) (sizeof(uint64_t[]){__VA_ARGS__} / sizeof(uint64_t))
#define ENTER(kind, ...) enter(kind, CALL_FROM, (const uint64_t[]){__VA_ARGS__}, COUNT(__VA_ARGS__))

/* A function that returns something. The words of the record, and the arguments. */
#define RECORD(type, kind, name, words, arguments)                                                 \
    do {                                                                                           \
        struct record *record;                                                                     \
        type result;                                                                               \
                                                                                                   \
        FIND(name, NULL);                                                                          \
        record = ENTER(kind, LIST_OF words);                                                       \
        result = real.name arguments;                                                              \
        if (record) {                                                                              \
            record->word[COUNT words] = (uint64_t)(uintptr_t)result;                               \
            leave(record, kind, CALL_FROM, COUNT words + 1);                                       \
        }                                                                                          \
        return result;                                                                             \
    } while (0)
#define LIST_OF(...) __VA_ARGS__

/* And one that returns nothing. */
#define RECORD_FREE(kind, name, otherwise, words, arguments)                                       \
    do {                                                                                           \
        struct record *record;                                                                     \
                                                                                                   \
        FIND(free, NULL);                                                                          \
        FIND(name, otherwise);                                                                     \
        record = ENTER(kind, LIST_OF words);                                                       \
        real.name arguments;                                                                       \
        if (record)                                                                                \
            leave(record, kind, CALL_FROM, COUNT words);                                           \
    } while (0)
#define AT(pointer) (uintptr_t) pointer

void *malloc(size_t size)
{
    RECORD(void *, MALLOC, malloc, (size), (size));
}

void free(void *pointer)
{
    RECORD_FREE(FREE, free, NULL, (AT(pointer)), (pointer));
}

void *calloc(size_t count, size_t size)
{
    RECORD(void *, CALLOC, calloc, (count, size), (count, size));
}

void *realloc(void *pointer, size_t size)
{
    RECORD(void *, REALLOC, realloc, (AT(pointer), size), (pointer, size));
}

void *reallocarray(void *pointer, size_t count, size_t size)
{
    RECORD(void *, REALLOCARRAY, reallocarray, (AT(pointer), count, size), (pointer, count, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    RECORD(void *, ALIGNED_ALLOC, aligned_alloc, (alignment, size), (alignment, size));
}

void *memalign(size_t alignment, size_t size)
{
    RECORD(void *, MEMALIGN, memalign, (alignment, size), (alignment, size));
}

void *valloc(size_t size)
{
    RECORD(void *, VALLOC, valloc, (size), (size));
}

void *pvalloc(size_t size)
{
    RECORD(void *, PVALLOC, pvalloc, (size), (size));
}

size_t malloc_usable_size(void *pointer)
{
    RECORD(size_t, MALLOC_USABLE_SIZE, malloc_usable_size, (AT(pointer)), (pointer));
}

int malloc_trim(size_t keep)
{
    RECORD(int, MALLOC_TRIM, malloc_trim, (keep), (keep));
}

/* The block is what's written down as the result. */
int posix_memalign(void **result, size_t alignment, size_t size)
{
    struct record *record;
    int error;

    FIND(posix_memalign, NULL);
    record = ENTER(POSIX_MEMALIGN, alignment, size);
    error = real.posix_memalign(result, alignment, size);
    if (record) {
        record->word[2] = error ? 0 : (uintptr_t)*result;
        leave(record, POSIX_MEMALIGN, CALL_FROM, 3);
    }
    return error;
}

void free_sized(void *pointer, size_t size)
{
    RECORD_FREE(FREE_SIZED, free_sized, free_with_size, (AT(pointer), size), (pointer, size));
}

void free_aligned_sized(void *pointer, size_t alignment, size_t size)
{
    RECORD_FREE(FREE_ALIGNED_SIZED, free_aligned_sized, free_with_both,
                (AT(pointer), alignment, size), (pointer, alignment, size));
}

/* The program ends by exit. Calls may follow. */
__attribute__((destructor)) static void at_exit(void)
{
    if (self.inside || files == 0)
        return;
    self.inside = true;
    lock();
    if (wiped.recording && file.header) {
        WRITE(EXIT, 0);
        if (file.header)
            file_trim();
    }
    unlock();
    self.inside = false;
}
