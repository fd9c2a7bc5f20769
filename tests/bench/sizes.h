/*
 * sizes.h - which sizes real programs ask for. Written by tests/bench/sizes; see there.
 *
 * Every malloc, calloc and realloc of:
 *   python3 3.11.7: 573291 requests
 *   perl 5.36.0: 91693 requests
 *   gcc 12.2.0: 111454 requests
 * A row is a range of sizes. The shares are in MIX_WHOLE of all requests of a program.
 */
#include <stddef.h>
#include <stdint.h>

enum { MIXES = 3, MIX_WHOLE = 10000 };

static const char *const mix_names[MIXES] = {"python3", "perl", "gcc"};

/* clang-format off */
static const struct mix_row {
    uint32_t up_to; /* bytes: the largest size of the range; it begins behind the row before */
    uint16_t share[MIXES];
} mix_rows[] = {
    {16, {549, 6571, 1630}},
    {32, {2181, 1585, 710}},
    {48, {777, 1694, 1407}},
    {64, {5682, 16, 1357}},
    {80, {205, 20, 795}},
    {96, {111, 1, 215}},
    {112, {89, 0, 1501}},
    {128, {46, 2, 163}},
    {144, {11, 0, 280}},
    {160, {80, 1, 62}},
    {176, {9, 0, 170}},
    {192, {39, 0, 66}},
    {208, {25, 1, 282}},
    {224, {19, 0, 41}},
    {240, {10, 0, 254}},
    {256, {9, 1, 101}},
    {320, {77, 2, 72}},
    {384, {9, 0, 74}},
    {448, {16, 0, 47}},
    {512, {6, 1, 105}},
    {640, {7, 0, 72}},
    {768, {10, 0, 40}},
    {896, {3, 0, 80}},
    {1024, {10, 1, 88}},
    {1280, {3, 0, 41}},
    {1536, {3, 0, 26}},
    {1792, {1, 0, 20}},
    {2048, {1, 1, 40}},
    {2560, {2, 0, 29}},
    {3072, {0, 0, 15}},
    {3584, {1, 22, 38}},
    {4096, {2, 78, 122}},
    {5120, {1, 1, 4}},
    {6144, {0, 0, 3}},
    {7168, {1, 0, 3}},
    {8192, {0, 0, 18}},
    {10240, {1, 1, 0}},
    {12288, {0, 0, 2}},
    {14336, {1, 0, 0}},
    {16384, {0, 0, 4}},
    {20480, {0, 0, 1}},
    {24576, {0, 0, 3}},
    {28672, {0, 0, 2}},
    {32768, {0, 0, 3}},
    {40960, {1, 0, 0}},
    {65536, {0, 0, 14}},
    {81920, {1, 0, 0}},
    {131072, {0, 1, 0}},
    {327680, {1, 0, 0}},
};
