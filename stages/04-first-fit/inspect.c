/* inspect.c - what tools see of stage 4: malloc.c, and the description of its heap. */
#include "malloc.c"

#include "ring.h"

const struct heap_inspect heap_inspect = {.version = HEAP_INSPECT_VERSION,
                                          .invariants = 5,
                                          .stage = "04-first-fit",
                                          .header = "struct chunk",
                                          .regions = ring_regions,
                                          .blocks = ring_blocks,
                                          .lists = ring_lists,
                                          .check = ring_check};
