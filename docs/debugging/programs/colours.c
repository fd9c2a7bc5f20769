/* colours.c - mixes colours. A colour is four floats, aligned so that one instruction can add all
 * four of them. */
#include <stdio.h>
#include <stdlib.h>

struct colour {
    _Alignas(16) float rgba[4];
};

static struct colour *colour(float red, float green, float blue)
{
    struct colour *new = malloc(sizeof *new);

    *new = (struct colour){{red, green, blue, 1}};
    return new;
}

static void __attribute__((noinline)) mix(struct colour *paint, const struct colour *more)
{
    for (int i = 0; i < 4; i++)
        paint->rgba[i] += more->rgba[i];
}

int main(void)
{
    struct colour *paint = colour(1, 0, 0), *more = colour(0, 0, 1);

    mix(paint, more);
    printf("%g %g %g\n", paint->rgba[0], paint->rgba[1], paint->rgba[2]);
}
