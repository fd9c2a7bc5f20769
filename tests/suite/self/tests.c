/* tests.c - what only the library of this folder promises, as a stage's own tests.c would say it. */
#include "suite.h"

START_TEST(self_dies_with_a_sentence)
{
    char *block = must(lib.malloc(10));

    must_die("free: this is no block of mine", lib.free(block + 1));
    must(lib.malloc(10)); /* it was a child that died */
}
END_TEST

START_TEST(self_check_is_asked)
{
    must(lib.malloc(10));
    heap_ok();
}
END_TEST

START_TEST(self_round_3_fails)
{
    expect(_i < 2, "this is the third round");
}
END_TEST

SUITE
{
    add(self_dies_with_a_sentence, "self");
    add(self_check_is_asked, "self-inspect inspect");
    add_rounds(self_round_3_fails, "self-rounds", 5);
}
