/*
 * map.c - the map of a region: two bits for each granule of its memory. A part of heap.c, where the
 * invariants stand.
 *
 *     memory, in granules of 16 bytes:  | A   A   A | B | .   .   .   . | C   C | .   .
 *     used: a block has it                1   1   1   1   0   0   0   0   1   1   0   0
 *     last: a block ends with it          0   0   1   1   0   0   0   0   0   1   0   0
 *
 *     Free granules in a row, a run, are 0 bits in a row. To free B clears its two bits: the run is
 *     longer by one, and nobody has joined anything.
 *
 *     A search for a run reads a word of bits at a time, and what it learns is kept: the longest run
 *     of each stretch. So the next search passes a stretch that can't help.
 *
 *     | stretch: 512 granules, 8 KiB | stretch      | stretch           |
 *     | most 0: full                 | most 12      | most GRANULES: something was freed, look again
 */
#include "heap.h"

/* Bytes. Any object may live in a block: long double and the SSE instructions want 16. */
#define GRANULE ((size_t)16)
/* Of a region: 1 MiB. */
#define GRANULES ((size_t)1 << 16)
/* Granules. A region has 128 stretches of 8 words each: neither is long to look through. */
#define STRETCH ((size_t)1 << 9)
#define WORD_BITS (8 * sizeof(size_t))

struct map {
    size_t used[GRANULES / WORD_BITS];
    size_t last[GRANULES / WORD_BITS];
    uint32_t most[GRANULES / STRETCH]; /* no longer run begins in the stretch, or goes on there */
};

/* The map lies in the memory that it describes, and its own granules are used. */
#define MAP_GRANULES (sizeof(struct map) / GRANULE)

_Static_assert(GRANULE >= _Alignof(max_align_t), "a block must suit any object");
_Static_assert(sizeof(struct map) % GRANULE == 0, "blocks begin where the map ends");
_Static_assert(MAP_GRANULES >= STRETCH, "below the stretch of a block there is another");

static bool map_bit(const size_t *bits, size_t granule)
{
    return bits[granule / WORD_BITS] >> granule % WORD_BITS & 1;
}

/* The first granule from this one on whose bit is `bit`, or limit when that comes first. */
static inline size_t map_next(const size_t *bits, size_t granule, size_t limit, bool bit)
{
    const size_t flip = bit ? 0 : ~(size_t)0;

    while (granule < limit) {
        size_t word = (bits[granule / WORD_BITS] ^ flip) >> granule % WORD_BITS;

        if (word) {
            granule += (size_t)__builtin_ctzl(word);
            break;
        }
        granule = (granule / WORD_BITS + 1) * WORD_BITS;
    }
    return granule < limit ? granule : limit;
}

/* Makes the bits from one granule up to another, which is not among them, `bit`. */
static inline void map_fill(size_t *bits, size_t from, size_t to, bool bit)
{
    while (from < to) {
        size_t place = from % WORD_BITS, room = WORD_BITS - place;
        size_t count = to - from < room ? to - from : room;
        size_t mask = ~(size_t)0 >> (WORD_BITS - count) << place;

        if (bit)
            bits[from / WORD_BITS] |= mask;
        else
            bits[from / WORD_BITS] &= ~mask;
        from += count;
    }
}

/* Of a new region, all 0. Its last granule is a fence: used for ever, so no run goes past it, and
 * who writes a little past the region's last block hurts nobody. */
static void map_init(struct map *map)
{
    map_fill(map->used, 0, MAP_GRANULES, true);
    map_fill(map->last, MAP_GRANULES - 1, MAP_GRANULES, true);
    map_fill(map->used, GRANULES - 1, GRANULES, true);
    for (size_t stretch = 0; stretch < GRANULES / STRETCH; stretch++)
        map->most[stretch] = GRANULES;
}

/* The first of count free granules in a row, in a stretch and as far as they go on; or GRANULES. */
static size_t stretch_find(struct map *map, size_t stretch, size_t count)
{
    const size_t limit = (stretch + 1) * STRETCH;
    size_t first = map_next(map->used, stretch * STRETCH, limit, false), end, longest = 0;

    while (first < limit) {
        end = map_next(map->used, first, first + count, true);
        if (end - first == count)
            return first;
        longest = end - first > longest ? end - first : longest;
        first = map_next(map->used, end, limit, false);
    }
    map->most[stretch] = (uint32_t)longest;
    return GRANULES;
}

/* The lowest count free granules in a row; or GRANULES, and *most is how long the longest run is. */
static size_t map_find(struct map *map, size_t count, size_t *most)
{
    size_t first = GRANULES, longest = 0;

    for (size_t stretch = 0; stretch < GRANULES / STRETCH; stretch++) {
        if (map->most[stretch] >= count)
            first = stretch_find(map, stretch, count);
        if (first < GRANULES)
            return first;
        longest = map->most[stretch] > longest ? map->most[stretch] : longest;
    }
    *most = longest;
    return GRANULES;
}

/* Granules up to end became free. What is known of their stretches is old, and of those below from
 * which the run reaches up to here. */
static void map_forget(struct map *map, size_t end)
{
    size_t stretch = (end - 1) / STRETCH;

    do
        map->most[stretch] = GRANULES;
    while (!map_bit(map->used, stretch-- * STRETCH - 1));
}
