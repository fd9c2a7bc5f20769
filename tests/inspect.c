/* inspect.c - the heap's self-description: the walk tells the truth, the check finds damage. */
#include "suite.h"

static unsigned seen_used, seen_free;
static const void *wanted_payload;
static size_t wanted_size;
static bool found;

static bool look(const struct heap_chunk *chunk, void *arg)
{
    (void)arg;
    if (chunk->used)
        seen_used++;
    else
        seen_free++;
    if (chunk->payload == wanted_payload && chunk->used && chunk->size >= wanted_size)
        found = true;
    return true;
}

static void walk_for(const void *payload, size_t size)
{
    seen_used = seen_free = 0;
    found = false;
    wanted_payload = payload;
    wanted_size = size;
    lib.inspect->walk(look, NULL);
}

START_TEST(walk_sees_each_block)
{
    static void *block[50];

    for (unsigned i = 0; i < 50; i++)
        block[i] = must(lib.malloc(i * 20));
    for (unsigned i = 0; i < 50; i++) {
        walk_for(block[i], i * 20);
        expect(found, "the block of %u bytes is not in the walk", i * 20);
    }
    expect(seen_used == 50, "50 blocks live, and the walk shows %u", seen_used);
    for (unsigned i = 0; i < 50; i += 2)
        lib.free(block[i]);
    walk_for(block[1], 20);
    expect(found, "block 1 is no longer in the walk");
    expect(seen_used == 25, "25 blocks live, and the walk shows %u", seen_used);
    expect(seen_free > 0, "25 blocks were freed, and no chunk is free");
    walk_for(block[2], 40);
    expect(!found, "a freed block is still called used");
}
END_TEST

START_TEST(empty_heap_is_in_order)
{
    walk_for(NULL, 0);
    expect(seen_used + seen_free == 0, "nobody has allocated, and the walk shows chunks");
    heap_ok();
}
END_TEST

static bool look_twice(const struct heap_chunk *chunk, void *arg)
{
    unsigned *looks = arg;

    (void)chunk;
    return ++*looks < 2;
}

START_TEST(walk_ends_when_asked_to)
{
    unsigned looks = 0;

    for (unsigned i = 0; i < 10; i++)
        must(lib.malloc(10));
    lib.inspect->walk(look_twice, &looks);
    expect(looks == 2, "visit said stop at chunk 2, and the walk went on to %u", looks);
}
END_TEST

/* Every kind of damage to the header of the middle one of three chunks, and to the two links that
 * lead there: which invariant must the check name? */
enum field { NEXT, PREV, SIZE, DATA };

static uintptr_t *field_of(void *payload, enum field field)
{
    const struct heap_layout *layout = lib.inspect->layout;
    const size_t offset[] = {layout->next, layout->prev, layout->size, layout->data};

    return (uintptr_t *)(void *)((char *)payload - layout->header + offset[field]);
}

START_TEST(damage_is_found_and_named)
{
    char *first = must(lib.malloc(64)), *middle = must(lib.malloc(64)),
         *last = must(lib.malloc(64));
    size_t header = lib.inspect->layout->header;
    uintptr_t chunk = (uintptr_t)middle - header;
    const struct damage {
        const char *what;
        enum field field;
        uintptr_t value;
        int invariant; /* what the check must name */
    } damages[] = {
        {"next is NULL", NEXT, 0, 1},
        {"next leads to itself", NEXT, chunk, 1},
        {"next leads back", NEXT, (uintptr_t)first - header, 1},
        {"next is not aligned", NEXT, (uintptr_t)last - header + 8, 1},
        {"next leads out of the heap", NEXT, UINTPTR_MAX - 15, 1},
        {"next leads to the other half of memory", NEXT, UINTPTR_MAX / 2 + 1, 1},
        {"next is text", NEXT, (uintptr_t)0x4141414141414140, 1},
        {"next is the ring's start", NEXT, (uintptr_t)lib.inspect->list, 2},
        {"prev is NULL", PREV, 0, 2},
        {"prev is itself", PREV, chunk, 2},
        {"prev is text", PREV, (uintptr_t)0x4141414141414141, 2},
        {"size is 0", SIZE, 0, 3},
        {"size is odd", SIZE, 65, 3},
        {"size is huge", SIZE, UINTPTR_MAX - 15, 3},
        {"size is past the end of the heap", SIZE, (uintptr_t)1 << 30, 3},
        {"size covers the next chunk", SIZE, 64 + 16, 1},
        {"data is NULL", DATA, 0, 4},
        {"data is off by 16", DATA, (uintptr_t)middle + 16, 4},
    };

    for (unsigned i = 0; i < sizeof damages / sizeof *damages; i++) {
        const struct damage *damage = &damages[i];
        uintptr_t *field = field_of(middle, damage->field), sound = *field;
        struct heap_fault fault = {0};

        heap_ok();
        *field = damage->value;
        expect(!lib.inspect->check(&fault), "%s: the check found nothing", damage->what);
        expect(fault.invariant == damage->invariant,
               "%s: the check named invariant %d (%s), not %d", damage->what, fault.invariant,
               fault.what, damage->invariant);
        expect(fault.what[0] && fault.invariant <= (int)lib.inspect->invariants,
               "%s: the fault has no name, or no number", damage->what);
        expect(fault.where == (void *)chunk || (damage->invariant == 2 && damage->field == NEXT),
               "%s: the check points to another chunk", damage->what);
        *field = sound;
    }
    heap_ok();
}
END_TEST

/* The ring's own two links. (A next that leads below the heap is beyond the check: nobody wrote down
 * where the heap began.) */
START_TEST(damage_to_the_ring_is_found)
{
    const struct heap_layout *layout = lib.inspect->layout;
    char *first = must(lib.malloc(64)), *second = must(lib.malloc(64)), *ring;
    struct heap_fault fault;

    memcpy(&ring, &lib.inspect->list, sizeof ring); /* the list is const to all but us */
    for (unsigned i = 0; i < 6; i++) {
        const struct damage {
            const char *what;
            size_t field;
            uintptr_t value;
        } damage = ((struct damage[]){
            {"next misses the first chunk", layout->next, (uintptr_t)second - layout->header},
            {"next is the ring itself", layout->next, (uintptr_t)ring},
            {"next is not aligned", layout->next, (uintptr_t)first - layout->header + 8},
            {"next leads out of the heap", layout->next, UINTPTR_MAX - 15},
            {"prev misses the last chunk", layout->prev, (uintptr_t)first - layout->header},
            {"prev is NULL", layout->prev, 0},
        })[i];
        uintptr_t *field = (uintptr_t *)(void *)(ring + damage.field), sound = *field;

        *field = damage.value;
        expect(!lib.inspect->check(&fault), "%s: the check found nothing", damage.what);
        expect(fault.invariant == 1 || fault.invariant == 2, "%s: it named invariant %d",
               damage.what, fault.invariant);
        *field = sound;
        heap_ok();
    }
}
END_TEST

/* Any bytes at all in place of a header, as a program's overflow leaves them: no crash, no loop. */
START_TEST(damage_never_crashes_the_check)
{
    char *first = must(lib.malloc(64)), *header;
    size_t size = lib.inspect->layout->header;
    char sound[128];
    uint32_t random = 12345;
    unsigned caught = 0;

    must(lib.malloc(64));
    must(lib.malloc(64));
    header = first + 64;
    memcpy(sound, header, size);
    for (unsigned round = 0; round < 5000; round++) {
        struct heap_fault fault;

        for (unsigned i = 0; i < 1 + round % 8; i++) {
            random = random * 1664525 + 1013904223;
            header[(random >> 8) % size] = (char)(random >> 24);
        }
        caught += !lib.inspect->check(&fault);
        memcpy(header, sound, size);
    }
    expect(caught > 2500, "only %u of 5000 smashed headers were noticed", caught);
    heap_ok();
}
END_TEST

/* The classic: a string that is one byte longer than its block, here 16 because of rounding. */
START_TEST(overflow_is_found_in_the_next_header)
{
    char *block = must(lib.malloc(64));
    struct heap_fault fault;

    must(lib.malloc(64));
    memset(block, 'A', 64 + 16);
    expect(!lib.inspect->check(&fault), "an overflow of 16 bytes, and the check found nothing");
    expect(fault.invariant > 0 && fault.what[0], "the fault has no name");
}
END_TEST

START_TEST(two_free_chunks_that_touch_are_found)
{
    char *first = must(lib.malloc(64)), *second = must(lib.malloc(64));
    const struct heap_layout *layout = lib.inspect->layout;
    struct heap_fault fault;

    must(lib.malloc(16));
    *(bool *)(first - layout->header + layout->free) = true;
    *(bool *)(second - layout->header + layout->free) = true;
    expect(!lib.inspect->check(&fault), "the check found nothing");
    expect(fault.invariant == 5, "it named invariant %d (%s), not 5", fault.invariant, fault.what);
    expect(fault.where == first - layout->header, "it points to another chunk");
}
END_TEST

void inspect_tests(void)
{
    add(walk_sees_each_block, "inspect");
    add(walk_ends_when_asked_to, "inspect");
    add(empty_heap_is_in_order, "inspect");
    add(damage_is_found_and_named, "inspect");
    add(damage_to_the_ring_is_found, "inspect");
    add(damage_never_crashes_the_check, "inspect");
    add(overflow_is_found_in_the_next_header, "inspect");
    add(two_free_chunks_that_touch_are_found, "inspect merge");
}
