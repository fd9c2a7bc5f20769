/* chance.c - what decides: numbers, sizes near the edges, alignments. A part of the fuzzer, see fuzz.c. */
#include "runner.h"

#include <limits.h>

/* What makes one run differ from another. */
static struct {
    unsigned slots; /* so many blocks live at most */
    unsigned check; /* the heap is checked after so many steps */
    bool large;     /* blocks beyond 16 KiB too */
    bool fails, limits, moves, forks, threads;
} kind;

static _Thread_local uint64_t state;
static const unsigned char *input; /* with --file: what decides, up to its end */
static size_t input_left;

/* Mixes two numbers: the finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). */
static uint64_t mixed(uint64_t a, uint64_t b)
{
    uint64_t n = a * 0x9e3779b97f4a7c15u + b;

    n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9u;
    n = (n ^ n >> 27) * 0x94d049bb133111ebu;
    return (n ^ n >> 31) | 1;
}

static size_t below(size_t limit)
{
    if (input) {
        size_t bytes = 0;

        for (size_t most = limit; most > 1 && input_left > 0; most >>= 8, input_left--)
            bytes = bytes << 8 | *input++;
        return bytes % limit;
    }
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state >> 11) % limit;
}

static bool one_in(size_t chances)
{
    return below(chances) == 0;
}

/* Just there, or just beside. */
static size_t beside(size_t size)
{
    static const int by[] = {-33, -17, -16, -15, -9, -8, -7, -1, 0, 0, 1, 7, 8, 9, 15, 16, 17, 33};

    size += (size_t)by[below(sizeof by / sizeof *by)];
    return size > PTRDIFF_MAX ? 0 : size;
}

/* A doubling, in quarters: where bins begin. */
static size_t quarter(unsigned from, unsigned doublings)
{
    size_t power = (size_t)1 << (from + below(doublings));

    return beside(power + power / 4 * below(4));
}

static size_t random_size(void)
{
    switch (below(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
        return quarter(4, 10);
    case 4:
        return beside(below(16) * 4096);
    case 5:
        return kind.large ? beside(below(64) * 4096) : below(1024);
    case 6:
        return kind.large ? quarter(14, 7) : below(4096);
    case 7:
        return kind.large && one_in(4) ? quarter(20, 4) : below(64);
    default:
        return below(600);
    }
}

static size_t random_alignment(void)
{
    return (size_t)1 << (one_in(16) ? 12 + below(11) : below(13));
}
