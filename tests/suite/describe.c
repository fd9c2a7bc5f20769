/* describe.c - asks the library for its own description of its heap, and puts it into words. */
#define _GNU_SOURCE
#include "runner.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>

/* A description asks sbrk where the break is: that call must neither fail nor be counted. Should it
 * crash or never end, the runner says in what. */
static void ask(const char *what)
{
    system_quiet(what != NULL);
    shared->doing = what;
}

/* A text that ends where its memory does. */
struct text {
    char bytes[4096];
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *text, const char *format, ...)
{
    size_t room = sizeof text->bytes - text->length;
    va_list args;
    int count;

    va_start(args, format);
    count = vsnprintf(text->bytes + text->length, room, format, args);
    va_end(args);
    text->length += count < 0 ? 0 : (size_t)count < room ? (size_t)count : room - 1;
}

/* ---- regions -------------------------------------------------------------------------------- */

struct regions {
    const char *start, *end; /* of the first */
    size_t bytes, count;
};

static bool add_region(const struct heap_region *region, void *arg)
{
    struct regions *regions = arg;

    if (!regions->count++) {
        regions->start = region->start;
        regions->end = region->end;
    }
    regions->bytes += (size_t)((const char *)region->end - (const char *)region->start);
    return true;
}

static struct regions heap_regions(void)
{
    struct regions regions = {0};

    if (!lib.inspect || !lib.inspect->regions)
        return regions;
    ask("the description of its regions");
    lib.inspect->regions(add_region, &regions);
    ask(NULL);
    return regions;
}

size_t heap_size(void)
{
    return promised("sbrk") ? (size_t)program_break() : heap_regions().bytes;
}

/* ---- the check ------------------------------------------------------------------------------ */

struct faults {
    struct text text;
    struct regions regions;
    struct heap_fault first;
    unsigned told, counted;
};

/* From the heap's start where it lies in the first region, and from the library's where it is a
 * variable of the library: so it reads alike in each run. */
static void say_address(struct faults *faults, uintptr_t address)
{
    const struct regions *regions = &faults->regions;
    Dl_info ours, its;

    if (address - (uintptr_t)regions->start <= (uintptr_t)(regions->end - regions->start) &&
        regions->count)
        say(&faults->text, "+%zu", (size_t)(address - (uintptr_t)regions->start));
    else if (dladdr(lib.inspect, &ours) && dladdr((void *)address, &its) &&
             its.dli_fbase == ours.dli_fbase)
        say(&faults->text, "library+0x%zx", (size_t)(address - (uintptr_t)its.dli_fbase));
    else
        say(&faults->text, "0x%zx", (size_t)address);
}

/* "size is %zu, the next is at %p", with what was found. */
static void say_found(struct faults *faults, const struct heap_fault *fault)
{
    unsigned used = 0;

    for (const char *at = fault->what ? fault->what : "it doesn't say what"; *at; at++) {
        if (strncmp(at, "%zu", 3) == 0 && used < 2) {
            say(&faults->text, "%zu", (size_t)fault->found[used++]);
            at += 2;
        } else if (strncmp(at, "%p", 2) == 0 && used < 2) {
            say_address(faults, fault->found[used++]);
            at++;
        } else {
            say(&faults->text, "%c", *at);
        }
    }
}

static void tell(const struct heap_fault *fault, void *arg)
{
    enum { ENOUGH = 6 };
    struct faults *faults = arg;

    faults->told++;
    if (!fault->unchecked && !invariant_counts(fault->invariant))
        return;
    faults->counted++;
    if (!fault->unchecked && !faults->first.invariant)
        faults->first = *fault;
    if (faults->counted > ENOUGH)
        return;
    say(&faults->text, "%sinvariant %d%s at ", faults->counted > 1 ? "; " : "", fault->invariant,
        fault->unchecked ? " can't be checked" : "");
    say_address(faults, (uintptr_t)fault->where);
    say(&faults->text, ": ");
    say_found(faults, fault);
}

static struct heap_report check(struct faults *faults)
{
    struct heap_report report = {.tell = tell, .arg = faults};

    *faults = (struct faults){.regions = heap_regions()};
    if (!lib.inspect || !lib.inspect->check)
        return report;
    ask("the heap check");
    lib.inspect->check(&report);
    ask(NULL);
    return report;
}

struct heap_report heap_check(struct heap_fault *first)
{
    struct faults faults;
    struct heap_report report = check(&faults);

    expect(report.broken + report.unchecked == faults.told,
           "the heap check counts %u faults, and tells %u", report.broken + report.unchecked,
           faults.told);
    *first = faults.first;
    return report;
}

const char *heap_faults(void)
{
    static struct faults faults;
    struct heap_report report = check(&faults);

    if (report.broken + report.unchecked != faults.told)
        return "it counts other faults than it tells";
    return faults.counted > 0 ? faults.text.bytes : NULL;
}

/* ---- blocks --------------------------------------------------------------------------------- */

static bool is_it(const struct heap_block *block, void *arg)
{
    struct heap_block *wanted = arg;

    if (block->payload != wanted->payload)
        return true;
    *wanted = *block;
    return false;
}

bool heap_find(const void *payload, struct heap_block *block)
{
    *block = (struct heap_block){.payload = payload, .size = SIZE_MAX};
    ask("the description of its blocks");
    lib.inspect->blocks(is_it, block);
    ask(NULL);
    return block->size != SIZE_MAX;
}

static bool add_to_row(const struct heap_block *block, void *arg)
{
    static const char *const states[] = {"used", "free", "cached"};
    struct text *text = arg;

    say(text, "%s%s %zu", text->length ? ", " : "", states[block->state], block->size);
    if (text->length < sizeof text->bytes - 64)
        return true;
    say(text, ", ...");
    return false;
}

const char *heap_row(void)
{
    static struct text text;

    text.length = 0;
    text.bytes[0] = '\0';
    ask("the description of its blocks");
    lib.inspect->blocks(add_to_row, &text);
    ask(NULL);
    return text.bytes;
}

const char *row(const char *format, ...)
{
    static char text[4096];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return text;
}

static bool take_overhead(const struct heap_block *block, void *arg)
{
    *(size_t *)arg = block->overhead;
    return false;
}

size_t header_size(void)
{
    size_t size = 0;

    ask("the description of its blocks");
    lib.inspect->blocks(take_overhead, &size);
    ask(NULL);
    expect(size > 0, "the first block has no metadata before it");
    return size;
}
