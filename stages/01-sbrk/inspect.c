/* inspect.c - what tools see of stage 1: nothing is written down, so there is no heap to walk. */
#include "malloc.c"

#include "inspect.h"

const struct heap_inspect heap_inspect = {.version = HEAP_INSPECT_VERSION, .stage = "01-sbrk"};
