/*
 * inspect.c - the heap's self-description: it tells the truth, and its check finds damage, wherever
 * the metadata is and whatever it looks like. The fields of a header are for ring.c.
 */
#include "suite.h"

/* ---- what is told --------------------------------------------------------------------------- */

struct seen {
    unsigned used, free, cached, guessed, limit;
};

static bool count_block(const struct heap_block *block, void *arg)
{
    struct seen *seen = arg;

    seen->used += block->state == HEAP_USED;
    seen->free += block->state == HEAP_FREE;
    seen->cached += block->state == HEAP_CACHED;
    seen->guessed += block->guessed;
    return !seen->limit || seen->used + seen->free + seen->cached < seen->limit;
}

static bool count_listed(const char *list, const struct heap_block *block, void *arg)
{
    expect(list && list[0], "a list has no name");
    return count_block(block, arg);
}

static struct seen blocks_seen(void)
{
    struct seen seen = {0};

    lib.inspect->blocks(count_block, &seen);
    return seen;
}

START_TEST(blocks_tell_each_block)
{
    static void *block[50];
    struct heap_block found;
    struct seen seen;

    for (unsigned i = 0; i < 50; i++)
        block[i] = must(lib.malloc(i * 20));
    for (unsigned i = 0; i < 50; i++) {
        expect(heap_find(block[i], &found), "the block of %u bytes is not told", i * 20);
        expect(found.state == HEAP_USED, "the block of %u bytes is told to be free", i * 20);
        expect(found.size >= i * 20, "a block of %u bytes is told to have %zu", i * 20, found.size);
        expect(!found.guessed, "the heap is sound, and a block is told to be a guess");
    }
    seen = blocks_seen();
    expect(seen.used == 50, "50 blocks live, and %u are told", seen.used);
    for (unsigned i = 0; i < 50; i += 2)
        lib.free(block[i]);
    seen = blocks_seen();
    expect(seen.used == 25, "25 blocks live, and %u are told", seen.used);
    expect(seen.free + seen.cached > 0, "25 blocks were freed, and none is told to be free");
    expect(!heap_find(block[2], &found) || found.state != HEAP_USED,
           "a freed block is still told to be used");
}
END_TEST

START_TEST(blocks_of_an_empty_heap)
{
    struct seen seen = blocks_seen();

    expect(seen.used == 0, "nobody has allocated, and %u used blocks are told", seen.used);
    heap_ok();
}
END_TEST

START_TEST(visits_end_when_asked_to)
{
    struct seen seen = {.limit = 2};

    for (unsigned i = 0; i < 10; i++)
        must(lib.malloc(10));
    lib.inspect->blocks(count_block, &seen);
    expect(seen.used + seen.free + seen.cached == 2, "blocks: visit said stop, and it went on");
    if (!lib.inspect->lists)
        return;
    for (unsigned i = 0; i < 10; i++)
        lib.free(must(lib.malloc(10 + 100 * i)));
    seen = (struct seen){.limit = 1};
    lib.inspect->lists(count_listed, &seen);
    expect(seen.used + seen.free + seen.cached <= 1, "lists: visit said stop, and it went on");
}
END_TEST

/* What is told of a region must hold for each of its blocks. */
static const struct heap_block *placed;

static bool contains(const struct heap_region *region, void *arg)
{
    const char *payload = placed->payload;

    if (payload < (const char *)region->start || payload > (const char *)region->end)
        return true;
    *(bool *)arg = true;
    return false;
}

static bool look_for_region(const struct heap_block *block, void *arg)
{
    bool found = false;

    (void)arg;
    placed = block;
    lib.inspect->regions(contains, &found);
    expect(found, "a block of %zu bytes lies in no region", block->size);
    return true;
}

START_TEST(regions_hold_every_block)
{
    if (!lib.inspect->regions)
        return;
    for (unsigned i = 0; i < 20; i++)
        must(lib.malloc(i * i * 100));
    lib.inspect->blocks(look_for_region, NULL);
}
END_TEST

static bool same_block(const char *list, const struct heap_block *block, void *arg)
{
    struct heap_block found;

    (void)list;
    (void)arg;
    expect(heap_find(block->payload, &found), "a list has a block that isn't told");
    expect(found.size == block->size && found.state == block->state,
           "a list and the blocks tell different things of a block of %zu bytes", block->size);
    return true;
}

START_TEST(lists_hold_only_blocks)
{
    static void *block[20];

    if (!lib.inspect->lists)
        return;
    for (unsigned i = 0; i < 20; i++)
        block[i] = must(lib.malloc(100 + i * 30));
    for (unsigned i = 0; i < 20; i += 2)
        lib.free(block[i]);
    lib.inspect->lists(same_block, NULL);
}
END_TEST

/* ---- damage --------------------------------------------------------------------------------- */

/* On a damaged heap a description may tell less, but it comes to its end. */
static void ask_everything(void)
{
    enum { PLENTY = 10000 };
    struct seen blocks = {.limit = PLENTY}, lists = {.limit = PLENTY};

    lib.inspect->blocks(count_block, &blocks);
    expect(blocks.used + blocks.free + blocks.cached < PLENTY, "blocks goes round and round");
    if (lib.inspect->lists)
        lib.inspect->lists(count_listed, &lists);
    expect(lists.used + lists.free + lists.cached < PLENTY, "lists goes round and round");
    heap_size();
}

static uint32_t random_state = 12345;

static unsigned char random_byte(void)
{
    random_state = random_state * 1664525 + 1013904223;
    return (unsigned char)(random_state >> 24);
}

/* Any bytes at all in place of the metadata before a payload: no crash, no loop, and no silence. */
START_TEST(damage_is_noticed)
{
    enum { ROUNDS = 500 };
    char *first = must(lib.malloc(64)), *middle = must(lib.malloc(64)), sound[256], *metadata;
    struct heap_block block;
    struct heap_fault fault = {0};
    unsigned noticed = 0;

    must(lib.malloc(64));
    expect(heap_find(_i % 2 ? middle : first, &block), "a block isn't told");
    ck_assert(block.overhead <= sizeof sound);
    if (block.overhead == 0)
        return; /* its metadata is elsewhere, where no overflow comes by */
    metadata = (char *)(uintptr_t)block.payload - block.overhead;
    memcpy(sound, metadata, block.overhead);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < 1 + round % 8; i++)
            metadata[random_byte() % block.overhead] = (char)random_byte();
        noticed += heap_check(&fault).broken > 0;
        ask_everything();
        memcpy(metadata, sound, block.overhead);
    }
    expect(noticed > ROUNDS / 2, "only %u of %d smashed headers were noticed", noticed, ROUNDS);
    heap_ok();
}
END_TEST

/* The same with the ends of addresses that a link may lead to: near misses, and far away. */
START_TEST(damage_by_addresses_does_no_harm)
{
    char *first = must(lib.malloc(64)), *middle = must(lib.malloc(64)), *last;
    struct heap_block block;
    struct heap_fault fault = {0};

    last = must(lib.malloc(64));
    expect(heap_find(middle, &block), "a block isn't told");
    for (size_t at = 0; at + sizeof(void *) <= block.overhead; at += sizeof(void *)) {
        void **field = (void **)(void *)(middle - block.overhead + at), *sound = *field;
        void *const values[] = {NULL,
                                first,
                                middle,
                                last,
                                last + 1,
                                middle - block.overhead,
                                last + 64,
                                program_break(),
                                (char *)program_break() - 8,
                                (void *)4096,
                                (void *)&lib,
                                (void *)(UINTPTR_MAX - 15),
                                (void *)(UINTPTR_MAX / 2 + 1)};

        for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
            *field = values[i];
            heap_check(&fault);
            ask_everything();
            *field = sound;
        }
    }
    heap_ok();
}
END_TEST

/* The classic: a string that is longer than its block. */
START_TEST(overflow_is_found)
{
    char *block = must(lib.malloc(64));
    struct heap_block told, behind;
    struct heap_fault fault = {0};

    behind.payload = must(lib.malloc(64));
    expect(heap_find(block, &told) && heap_find(behind.payload, &behind), "a block isn't told");
    if (behind.overhead == 0)
        return;
    memset(block, 'A', told.size + behind.overhead / 2);
    expect(heap_check(&fault).broken > 0, "an overflow of %zu bytes, and the check found nothing",
           behind.overhead / 2);
    expect(fault.invariant > 0 && fault.invariant <= (int)lib.inspect->invariants,
           "the check names invariant %d; there are 1 to %u", fault.invariant,
           lib.inspect->invariants);
    expect(fault.what && fault.what[0] && fault.where, "the fault has no place, or no words");
    ask_everything();
}
END_TEST

SUITE
{
    add(blocks_tell_each_block, "inspect");
    add(blocks_of_an_empty_heap, "inspect");
    add(visits_end_when_asked_to, "inspect");
    add(regions_hold_every_block, "inspect");
    add(lists_hold_only_blocks, "inspect");
    add(overflow_is_found, "inspect");
    add(damage_by_addresses_does_no_harm, "inspect");
    add_rounds(damage_is_noticed, "inspect", 2);
}
