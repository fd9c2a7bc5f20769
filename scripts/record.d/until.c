/* until.c - the end at the first call after which the heap is broken, and what is said of it. In the
 * words of scripts/gdb/myheap/until.py. */
static const char *const function_names[CALLS] = {
    [MALLOC] = "malloc",
    [FREE] = "free",
    [CALLOC] = "calloc",
    [REALLOC] = "realloc",
    [REALLOCARRAY] = "reallocarray",
    [ALIGNED_ALLOC] = "aligned_alloc",
    [POSIX_MEMALIGN] = "posix_memalign",
    [MEMALIGN] = "memalign",
    [VALLOC] = "valloc",
    [PVALLOC] = "pvalloc",
    [FREE_SIZED] = "free_sized",
    [FREE_ALIGNED_SIZED] = "free_aligned_sized",
    [MALLOC_USABLE_SIZE] = "malloc_usable_size",
    [MALLOC_TRIM] = "malloc_trim",
};

/* Does it return something? */
static bool gives(unsigned kind)
{
    return kind != FREE && kind != FREE_SIZED && kind != FREE_ALIGNED_SIZED;
}

/* The last call: its words are the arguments, then the result. */
static struct {
    unsigned kind;
    uintptr_t caller;
    size_t arguments;
    uint64_t word[4];
} last_call;

static void say_number(uint64_t number, unsigned base)
{
    char digits[24], *digit = digits + sizeof digits;

    *--digit = '\0';
    do
        *--digit = "0123456789abcdef"[number % base];
    while (number /= base);
    say(digit);
}

/* An address as the reader should see it: counted from the heap's start, where it is in the heap. */
static void say_address(uint64_t address)
{
    const struct region_row *region = before->regions.row;
    uint64_t start = UINT64_MAX;
    bool ours = false;

    for (size_t i = 0; i < before->regions.count; i++) {
        ours = ours || (region[i].start <= address && address <= region[i].end);
        start = region[i].start < start ? region[i].start : start;
    }
    if (address == 0) {
        say("NULL");
        return;
    }
    say(ours ? "+" : "0x");
    say_number(ours ? address - start : address, ours ? 10 : 16);
}

static bool takes_a_block(unsigned kind)
{
    return kind == FREE || kind == REALLOC || kind == REALLOCARRAY || kind == FREE_SIZED ||
           kind == FREE_ALIGNED_SIZED || kind == MALLOC_USABLE_SIZE;
}

/* "malloc(24) = +48" */
static void say_call(unsigned kind, const uint64_t *word, size_t arguments, bool returned)
{
    say(function_names[kind]);
    for (size_t i = 0; i < arguments; i++) {
        say(i == 0 ? "(" : ", ");
        if (i == 0 && takes_a_block(kind))
            say_address(word[i]);
        else
            say_number(word[i], 10);
    }
    say(")");
    if (returned && gives(kind)) {
        say(" = ");
        say_address(word[arguments]);
    }
}

static void say_place(uintptr_t code)
{
    module_tell(code);
    say(modules[module_last].name);
    say("+0x");
    say_number(code - modules[module_last].start + modules[module_last].offset, 16);
}

/* A fault's sentence: what has a %p or %zu for each of found. */
static void say_fault(const struct heap_fault *fault, void *unneeded)
{
    const char *what = fault->what;
    unsigned found = 0;

    (void)unneeded;
    if (fault->unchecked)
        return;
    say("  at ");
    say_address((uintptr_t)fault->where);
    say(": ");
    for (char letter[2] = ""; *what; what++) {
        if (what[0] == '%' && what[1] == 'p' && found < 2) {
            say_address(fault->found[found++]);
            what++;
        } else if (what[0] == '%' && what[1] == 'z' && what[2] == 'u' && found < 2) {
            say_number(fault->found[found++], 10);
            what += 2;
        } else {
            letter[0] = *what;
            say(letter);
        }
    }
    say(" (invariant ");
    say_number((uint64_t)fault->invariant, 10);
    say(")\n");
}

static _Noreturn void stop(void)
{
    struct heap_report report = {.tell = say_fault};

    say(".\n");
    inspect->check(&report);
    abort();
}

/* The last call broke it. */
static _Noreturn void stop_in_call(void)
{
    say("until-broken: call ");
    say_number(calls, 10);
    say(", ");
    say_call(last_call.kind, last_call.word, last_call.arguments, true);
    say(". The heap broke in this call, from ");
    say_place(last_call.caller);
    stop();
}

/* It was whole after the last call, and isn't now that the next one comes. */
static _Noreturn void stop_before(unsigned kind, const uint64_t *word, size_t arguments)
{
    say("until-broken: call ");
    say_number(calls + 1, 10);
    say(", ");
    say_call(kind, word, arguments, false);
    say(". The heap broke ");
    if (calls) {
        say("between call ");
        say_number(calls, 10);
        say(", ");
        say_call(last_call.kind, last_call.word, last_call.arguments, true);
        say(", and this one");
    } else {
        say("before the first call");
    }
    say(", in the program: it wrote there");
    stop();
}
