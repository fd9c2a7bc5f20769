/*
 * format.h - a recording: the file that the recorder writes. docs/recording.md tells it in prose.
 *
 * A header, then records. A record is a head of 8 bytes and words of 8 bytes. Numbers are as the
 * machine has them; addresses of 4 bytes are widened.
 */
#ifndef FORMAT_H
#define FORMAT_H

#include <stdint.h>

#define RECORDING_MAGIC "heaprec" /* with its 0: 8 bytes */

enum {
    RECORDING_VERSION = 1,
    RECORDING_ORDER = 0x01020304, /* reads otherwise on a machine of other byte order */
    RECORDING_START = 4096,       /* where the first record stands */
    RECORDING_TEXT = 4096,        /* bytes that a text may have */
};

enum { /* flags of a recording */
       RECORDING_UNTIL_BROKEN = 1,
       RECORDING_STOPPED = 2, /* the file could not grow: calls are missing at its end */
};

struct recording_header {
    char magic[8];
    uint32_t version, order;
    uint64_t length;      /* bytes of the file that hold whole records; stored last, after each */
    uint32_t start, word; /* RECORDING_START; bytes of a pointer */
    uint32_t pid, parent;
    uint32_t every, flags;    /* every 0: the heap was never asked */
    uint32_t number;          /* of this file: FILE.number; 0 is FILE itself */
    uint32_t forked_from;     /* such a number, when forked_at isn't 0 */
    uint64_t forked_at;       /* length of the parent's recording then; 0: a program's start */
    uint64_t began;           /* ns since 1970 */
    uint64_t ticks[2], ns[2]; /* the clock of the records and CLOCK_MONOTONIC, at two moments */
    uint64_t malloc_at;       /* the address of the malloc that was recorded */
};

enum { UNFINISHED = 1 }; /* flag of a record: a call that didn't return, or was not let through */

/* head, from the lowest bit: 8 bits of kind, 8 of flags; 16: of a call the slot of its caller, of
 * another record how many words follow; 32 of ticks since the record before. */
struct record {
    uint64_t head;
    uint64_t word[];
};

/* What a record's words are. Of a call: the arguments, then the result. */
enum {
    MALLOC = 1,         /* size */
    FREE,               /* pointer; no result */
    CALLOC,             /* count, size */
    REALLOC,            /* pointer, size */
    REALLOCARRAY,       /* pointer, count, size */
    ALIGNED_ALLOC,      /* alignment, size */
    POSIX_MEMALIGN,     /* alignment, size; the result is the block, or 0 */
    MEMALIGN,           /* alignment, size */
    VALLOC,             /* size */
    PVALLOC,            /* size */
    FREE_SIZED,         /* pointer, size; no result */
    FREE_ALIGNED_SIZED, /* pointer, alignment, size; no result */
    MALLOC_USABLE_SIZE, /* pointer */
    MALLOC_TRIM,        /* keep */
    CALLS,

    TEXT = 32, /* its number, what it is (below), its bytes, and those, filled up with 0 */
    THREAD,    /* number, the kernel's id: who makes the calls from here on */
    TIME,      /* ticks since the record before, more than a head can hold */
    MODULE,    /* start, end, offset in the file, its path as a text: code that was mapped */
    CALLER,    /* slot, return address: what the slot means from here on */
    EXIT,      /* the program came to its end by exit; calls may still follow */

    REGION = 48, /* start, end, name as a text */
    REGION_GONE, /* start */
    BLOCK,       /* payload, size, overhead, state and 256 if it was guessed: new, or changed */
    BLOCK_GONE,  /* payload */
    LIST,        /* name as a text, at, removed, the payloads that stand there now */
    FAULT,       /* invariant, where, what as a text, found, found, 1 if unchecked */
    INSPECTED,   /* broken, unchecked, blocks, 1 if before the call that follows: all is told */
};

enum { /* what a text is */
       A_NAME,
       THE_PROGRAM,
       THE_COMMAND, /* its words, each ended by 0 */
       THE_STAGE,
};

#endif
