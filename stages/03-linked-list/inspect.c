/* inspect.c - what tools see of stage 3: malloc.c, and the description of its heap. */
#include "malloc.c"

#include "ring.h"

const struct heap_inspect heap_inspect = {.version = HEAP_INSPECT_VERSION,
                                          .invariants = 5,
                                          .stage = "03-linked-list",
                                          .header = "struct chunk",
                                          .regions = ring_regions,
                                          .blocks = ring_blocks,
                                          .check = ring_check};
