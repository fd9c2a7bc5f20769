/* inspect.c - what tools see of stage 6: malloc.c, and the description of its heap. */
#include "malloc.c"

#include "ring.h"

const struct heap_inspect heap_inspect = {.version = HEAP_INSPECT_VERSION,
                                          .invariants = 6,
                                          .stage = "06-merge",
                                          .header = "struct chunk",
                                          .regions = ring_regions,
                                          .blocks = ring_blocks,
                                          .lists = ring_lists,
                                          .check = ring_check_merged};
