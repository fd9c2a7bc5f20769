/* tests.c - what stage 8c is the first to promise: powers of two, nothing between them, and a free that
 * knows each pointer. */
#include "suite.h"

#include <sys/mman.h>

enum { MIB = 1 << 20 };

/* malloc(0) gives the least block, of whatever size that is. */
static size_t power_of_two(size_t least)
{
    size_t power = lib.malloc_usable_size(must(lib.malloc(0)));

    while (power < least)
        power *= 2;
    return power;
}

/* ---- buddy ---------------------------------------------------------------------------------- */

static void judge(void *block, size_t size, size_t alignment)
{
    size_t usable = lib.malloc_usable_size(block);
    size_t power = power_of_two(size > alignment ? size : alignment);

    expect(usable == power, "%zu bytes aligned at %zu: %zu usable, not %zu", size, alignment,
           usable, power);
    expect((uintptr_t)block % power == 0, "%zu bytes aligned at %zu: not a multiple of %zu", size,
           alignment, power);
}

START_TEST(blocks_are_powers_of_two)
{
    for (size_t size = 0; size <= 2 * MIB; size = size * 9 / 8 + 1)
        judge(must(lib.malloc(size)), size, 1);
    judge(must(lib.malloc(2 * MIB)), 2 * MIB, 1);
    heap_ok();
}
END_TEST

START_TEST(alignment_is_a_size)
{
    for (size_t alignment = 1; alignment <= 2 * MIB; alignment *= 2)
        for (size_t size = 1; size <= 2 * MIB; size *= 16)
            judge(must(lib.memalign(alignment, size)), size, alignment);
    heap_ok();
}
END_TEST

/* Whatever is freed in whatever order, in the end the heap is as it was. */
START_TEST(buddies_become_one)
{
    enum { COUNT = 2000 };
    static void *block[COUNT];
    char empty[4096];

    lib.free(must(lib.malloc(1)));
    strcpy(empty, heap_row());
    for (unsigned i = 0; i < COUNT; i++)
        block[i] = must(lib.malloc(i * 7919 % 1000));
    for (unsigned i = 0; i < COUNT; i++)
        lib.free(block[(i * 1237 + 11) % COUNT]);
    heap_ok();
    expect(strcmp(heap_row(), empty) == 0, "the empty heap was: %s\n           and now it is: %s",
           empty, heap_row());
}
END_TEST

START_TEST(shrinking_frees_upper_halves)
{
    char *block = must(lib.malloc(4000));

    fill(block, 600, 1);
    expect(lib.realloc(block, 600) == block, "it moved");
    expect(lib.malloc(2000) == block + 2048, "the upper half isn't free");
    expect(lib.malloc(1000) == block + 1024, "nor its second quarter");
    expect(filled(block, 600, 1), "contents lost");
    heap_ok();
}
END_TEST

/* Far more than what blocks share. */
START_TEST(large_blocks_are_aligned)
{
    for (size_t alignment = 4 * MIB; alignment <= (size_t)256 * MIB; alignment *= 2)
        for (size_t size = 1; size <= 4 * MIB; size *= 1024) {
            char *block = must(lib.memalign(alignment, size));

            expect((uintptr_t)block % alignment == 0, "%zu bytes aligned at %zu: not so", size,
                   alignment);
            fill(block, size, 1);
            fill(must(lib.memalign(alignment, size)), size, 2);
            expect(filled(block, size, 1), "%zu bytes aligned at %zu: overwritten", size,
                   alignment);
            heap_ok();
            lib.free(block);
            heap_ok();
        }
}
END_TEST

/* A large block that the system doesn't take back is free all the same, and goes later. */
START_TEST(large_block_can_not_go_back)
{
    char *block = must(lib.malloc(8 * MIB)), *other;
    size_t before = heap_size();

    system_fail(MUNMAP, 1, 1);
    lib.free(block);
    heap_ok();
    expect(heap_size() == before, "munmap failed, and the heap says that it has less");
    must_die("malloc: a block came back that is free already.", lib.free(block));
    other = must(lib.malloc(8 * MIB));
    fill(other, 8 * MIB, 1);
    expect(lib.malloc_trim(0) == 1, "there was something to give back");
    expect(filled(other, 8 * MIB, 1), "a block that lives was given back");
    heap_ok();
}
END_TEST

/* The ends of a new mapping that the system doesn't take back do no harm. */
START_TEST(ends_can_not_go_back)
{
    for (unsigned nth = 1; nth <= 4; nth++) {
        system_fail(MUNMAP, nth, 1);
        errno = 1234;
        fill(must(lib.malloc(MIB)), MIB, 1);
        fill(must(lib.malloc(8 * MIB)), 8 * MIB, 1);
        expect(errno == 1234, "success changed errno to %d", errno);
        heap_ok();
    }
}
END_TEST

/* ---- no-header ------------------------------------------------------------------------------ */

START_TEST(pages_cost_pages)
{
    char *first = must(lib.malloc(4096)), *next;

    for (unsigned i = 1; i < 32; i++) {
        next = must(lib.malloc(4096));
        expect(next == first + (size_t)4096 * i, "block %u of 4096 bytes lies %td bytes off", i,
               next - first);
    }
}
END_TEST

START_TEST(overflow_hits_no_metadata)
{
    enum { COUNT = 64 };
    static char *block[COUNT];

    for (unsigned i = 0; i < COUNT; i++)
        block[i] = must(lib.malloc(64));
    memset(block[0], 0xff, (size_t)(block[COUNT - 1] - block[0]) + 64);
    heap_ok();
    for (unsigned i = 0; i < COUNT; i++)
        lib.free(block[i * 5 % COUNT]);
    heap_ok();
}
END_TEST

/* ---- exact ---------------------------------------------------------------------------------- */

#define NEVER_GAVE "malloc: a pointer came back that malloc never gave."

/* The words would be two tags of 32 bytes, used. */
START_TEST(a_forged_block_is_known)
{
    size_t *block = must(lib.malloc(1024));

    for (unsigned i = 0; i < 1024 / sizeof *block; i++)
        block[i] = 32 | 3;
    for (unsigned i = 16; i < 512; i += 16)
        must_die(NEVER_GAVE, lib.free((char *)block + i));
}
END_TEST

/* The first region told of that begins below *arg, and ends above it. */
static bool take_region(const struct heap_region *region, void *arg)
{
    struct heap_region *wanted = arg;

    if (wanted->end < region->start || wanted->end > region->end)
        return true;
    *wanted = *region;
    return false;
}

static struct heap_region region_with(const void *block)
{
    struct heap_region region = {.end = block};

    lib.inspect->regions(take_region, &region);
    expect(region.start, "a block lies in no region");
    return region;
}

/* A whole region is copied into a large block, or into memory of somebody else. */
START_TEST(a_forged_region_is_known)
{
    enum { REGION = 4 * MIB };
    char *block = must(lib.malloc(100)), *copy;
    struct heap_region region = region_with(block);
    size_t offset = (size_t)(block - (const char *)region.start);

    copy = _i ? must(lib.malloc(3 * REGION))
              : mmap(NULL, 3 * REGION, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(copy != MAP_FAILED);
    copy = (char *)(((uintptr_t)copy + REGION) & ~((uintptr_t)REGION - 1));
    memcpy(copy, region.start, MIB);
    must_die(NEVER_GAVE, lib.free(copy + offset));
    must_die(NEVER_GAVE, lib.free((char *)(uintptr_t)region.start + 16));
    must_die(NEVER_GAVE, lib.free((char *)(uintptr_t)region.start));
    must_die(NEVER_GAVE, lib.free((char *)(uintptr_t)region.end));
}
END_TEST

START_TEST(a_large_block_freed_twice_is_known)
{
    char *block = must(lib.malloc(8 * MIB));

    must_die(NEVER_GAVE, lib.free(block + 16));
    must_die(NEVER_GAVE, lib.free(block + 4 * MIB));
    lib.free(block);
    must_die(NEVER_GAVE, lib.free(block));
}
END_TEST

/* ---- inspect -------------------------------------------------------------------------------- */

static bool count_block(const struct heap_block *block, void *arg)
{
    (void)block;
    return ++*(unsigned *)arg < 1000000;
}

static bool count_listed(const char *list, const struct heap_block *block, void *arg)
{
    (void)list;
    return count_block(block, arg);
}

static bool count_region(const struct heap_region *region, void *arg)
{
    (void)region;
    return ++*(unsigned *)arg < 1000000;
}

/* Any bytes in a head, where only a wild pointer gets at it: no crash, no loop, and no silence. */
START_TEST(damage_in_a_head_is_noticed)
{
    enum { SPAN = 64 };
    static char sound[SPAN];
    uint32_t random = 12345;
    struct heap_region region;
    struct heap_fault fault;
    char *block = must(lib.malloc(64)), *head;
    unsigned noticed = 0;

    lib.free(must(lib.malloc(64)));
    must(lib.malloc(8 * MIB));
    must(lib.malloc(100));
    region = region_with(block);
    head = (char *)(uintptr_t)region.start;
    if (_i % 2) /* the bytes of the first blocks */
        head += (size_t)(block - head) / lib.malloc_usable_size(must(lib.malloc(0)));
    memcpy(sound, head, SPAN);
    for (unsigned round = 0; round < 500; round++) {
        unsigned count = 0;

        for (unsigned i = 0; i < 1 + round % 8; i++) {
            random = random * 1664525 + 1013904223;
            head[(random >> 16) % SPAN] = (char)(random >> 24);
        }
        noticed += heap_check(&fault).broken > 0;
        lib.inspect->blocks(count_block, &count);
        lib.inspect->lists(count_listed, &count);
        lib.inspect->regions(count_region, &count);
        expect(count < 1000000, "it goes round and round");
        memcpy(head, sound, SPAN);
    }
    expect(noticed > 100, "only %u of 500 damaged heads were noticed", noticed);
    heap_ok();
}
END_TEST

SUITE
{
    add(blocks_are_powers_of_two, "buddy usable");
    add(alignment_is_a_size, "buddy usable memalign");
    add(buddies_become_one, "buddy inspect");
    add(shrinking_frees_upper_halves, "buddy realloc");
    add(large_blocks_are_aligned, "buddy memalign");
    add(large_block_can_not_go_back, "buddy misuse munmap malloc_trim");
    add(ends_can_not_go_back, "buddy munmap");
    add(pages_cost_pages, "no-header");
    add(overflow_hits_no_metadata, "no-header inspect");
    add(a_forged_block_is_known, "exact");
    add_rounds(a_forged_region_is_known, "exact buddy inspect", 2);
    add(a_large_block_freed_twice_is_known, "exact buddy");
    add_rounds(damage_in_a_head_is_noticed, "buddy inspect usable", 2);
}
