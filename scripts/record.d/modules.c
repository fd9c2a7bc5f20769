/*
 * modules.c - where code lies, so that a reader can name a caller. The loader is asked once, when the
 * program starts. Later that would be to wait for its lock, and whoever holds that may be waiting for
 * ours: then /proc/self/maps has to tell, which takes the kernel longer.
 */
#include <link.h>

enum { MOST_MODULES = 1024 };

static struct {
    uintptr_t start, end, offset;
    char name[40];
} modules[MOST_MODULES];
static unsigned module_count, module_last;

static bool in_module(unsigned i, uintptr_t code)
{
    return code - modules[i].start < modules[i].end - modules[i].start;
}

/* Keeps a module; false when it was known. */
static bool module_add(uintptr_t start, uintptr_t end, uintptr_t offset, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    for (unsigned i = 0; i < module_count; i++)
        if (modules[i].start == start && modules[i].end == end)
            return false;
    if (module_count == MOST_MODULES)
        return false;
    modules[module_count].start = start;
    modules[module_count].end = end;
    modules[module_count].offset = offset;
    memcpy(modules[module_count].name, name, strnlen(name, sizeof modules[0].name - 1) + 1);
    modules[module_count++].name[sizeof modules[0].name - 1] = '\0';
    return true;
}

static void module_new(uintptr_t start, uintptr_t end, uintptr_t offset, const char *path)
{
    if (module_add(start, end, offset, path))
        WRITE(MODULE, start, end, offset, text_write(A_NAME, path, strlen(path)));
}

/* One that the loader knows. The first is the program, whose name it doesn't say. */
static int module_loaded(struct dl_phdr_info *info, size_t size, void *program)
{
    const uintptr_t page = page_size() - 1;
    const char *path = info->dlpi_name[0] ? info->dlpi_name : program;

    (void)size;
    for (unsigned i = 0; path[0] == '/' && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + part->p_vaddr;

        if (part->p_type == PT_LOAD && (part->p_flags & PF_X))
            module_new(start & ~page, (start + part->p_memsz + page) & ~page,
                       part->p_offset & ~page, path);
    }
    return 0;
}

static uintptr_t read_hex(const char **text)
{
    uintptr_t value = 0;

    for (;; ++*text) {
        unsigned digit = (unsigned char)**text;

        if (digit - '0' < 10)
            value = value * 16 + digit - '0';
        else if (digit - 'a' < 6)
            value = value * 16 + digit - 'a' + 10;
        else
            return value;
    }
}

/* "start-end r-xp offset device inode   path" */
static void module_line(const char *line)
{
    uintptr_t start = read_hex(&line), end, offset;
    const char *path;

    line++;
    end = read_hex(&line);
    if (line[0] != ' ' || line[3] != 'x')
        return;
    line += 6;
    offset = read_hex(&line);
    path = strpbrk(line, "/[");
    if (path)
        module_new(start, end, offset, path);
}

/* Tells each stretch of code that is new. */
static void modules_read(void)
{
    static char buffer[2 * PATH_MAX];
    size_t have = 0;
    ssize_t got;
    int saved = errno, fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

    while (fd >= 0 && (got = read(fd, buffer + have, sizeof buffer - 1 - have)) > 0) {
        char *line = buffer, *end;

        have += (size_t)got;
        buffer[have] = '\0';
        for (; (end = strchr(line, '\n')); line = end + 1) {
            *end = '\0';
            module_line(line);
        }
        have -= (size_t)(line - buffer);
        memmove(buffer, line, have);
    }
    if (fd >= 0)
        close(fd);
    errno = saved;
}

/* Tells the module of a caller. Where no file is behind its code, which is made as the program runs,
 * it is not looked for again in this page. */
static void module_tell(uintptr_t code)
{
    for (int again = 0; again < 2; again++) {
        for (unsigned i = 0; i < module_count; i++)
            if (in_module(i, code)) {
                module_last = i;
                return;
            }
        if (again == 0)
            modules_read();
    }
    code &= ~(uintptr_t)4095;
    module_add(code, code + 4096, 0, "made as it runs");
}

/* Callers, each in the slot that its address falls into. Another one takes it over. */
static uintptr_t callers[1 << 12];

static void caller_tell(uintptr_t code, unsigned slot)
{
    callers[slot] = code;
    module_tell(code);
    WRITE(CALLER, slot, code);
}

static inline unsigned caller_slot(uintptr_t code)
{
    return (uint32_t)code * 2654435769u >> 20;
}
