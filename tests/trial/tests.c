/* tests.c - what only the trial stage promises. */
#include "suite.h"

START_TEST(sizes_are_powers_of_two)
{
    struct heap_block block;

    for (size_t size = 1; size < 5000; size += 7) {
        expect(heap_find(must(lib.malloc(size)), &block), "the heap doesn't tell of a block");
        expect((block.size & (block.size - 1)) == 0, "malloc(%zu) has %zu bytes", size, block.size);
    }
}
END_TEST

SUITE
{
    add(sizes_are_powers_of_two, "inspect classes");
}
