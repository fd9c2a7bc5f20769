/* contract.c - what the C standard and POSIX ask of the four functions. See docs/contract.md. */
#include "suite.h"

#include <limits.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* C17 7.22.3: each allocation is an object of its own, disjoint from all others. */
START_TEST(blocks_keep_their_bytes)
{
    enum { COUNT = 300 };
    static void *block[COUNT];

    for (unsigned i = 0; i < COUNT; i++) {
        block[i] = must(lib.malloc(i * 3 + 1));
        fill(block[i], i * 3 + 1, i);
    }
    for (unsigned i = 0; i < COUNT; i++)
        expect(filled(block[i], i * 3 + 1, i), "block %u of %u bytes was overwritten", i,
               i * 3 + 1);
    for (unsigned i = 0; i < COUNT; i++)
        lib.free(block[i]);
    heap_ok();
}
END_TEST

START_TEST(blocks_do_not_overlap)
{
    enum { COUNT = 200 };
    static char *block[COUNT];

    for (unsigned i = 0; i < COUNT; i++)
        block[i] = must(lib.malloc(i * 5));
    for (unsigned i = 0; i < COUNT; i++)
        for (unsigned j = 0; j < i; j++)
            expect(block[i] + i * 5 <= block[j] || block[j] + j * 5 <= block[i],
                   "blocks of %u and %u bytes overlap", i * 5, j * 5);
}
END_TEST

/* Sizes that a simple allocator may refuse. It may not pretend: what it gives must hold the bytes. */
START_TEST(given_whole_or_refused)
{
    static const size_t sizes[] = {1000, 1025, 1500, 2048, 5000, 20000, 32768, 100000};
    size_t size = sizes[_i / 3];
    char *before = must(lib.malloc(100)), *block, *after;

    fill(before, 100, 1);
    block = _i % 3 == 0   ? lib.malloc(size)
            : _i % 3 == 1 ? lib.calloc(1, size)
                          : lib.realloc(NULL, size);
    after = must(lib.malloc(100));
    fill(after, 100, 2);
    if (block)
        fill(block, size, 3);
    expect(filled(before, 100, 1) && filled(after, 100, 2),
           "a block of %zu bytes runs into its neighbour", size);
    expect(!block || filled(block, size, 3), "a block of %zu bytes has not so many", size);
    heap_ok();
}
END_TEST

/* Stage 1 can't, and says so. What no malloc may do is to say yes and lose bytes. */
START_TEST(realloc_works_or_refuses)
{
    size_t size = (size_t[]){50, 101, 500, 1025, 100000}[_i], kept = size < 100 ? size : 100;
    char *block = must(lib.malloc(100)), *after = must(lib.malloc(100)), *moved;

    fill(block, 100, 1);
    fill(after, 100, 2);
    errno = 0;
    moved = lib.realloc(block, size);
    if (!moved) {
        expect(errno == ENOMEM || !promised("enomem"), "NULL, and errno is %d", errno);
        expect(filled(block, 100, 1), "realloc failed, and changed the block");
        return;
    }
    expect(filled(moved, kept, 1), "100 to %zu bytes: contents lost", size);
    fill(moved, size, 3);
    expect(filled(after, 100, 2), "100 to %zu bytes: a neighbour was overwritten", size);
    expect(filled(moved, size, 3), "100 to %zu bytes: it has not so many", size);
    heap_ok();
}
END_TEST

START_TEST(freed_while_others_live)
{
    char *first = must(lib.malloc(100)), *second = must(lib.malloc(100));

    fill(first, 100, 1);
    fill(second, 100, 2);
    lib.free(first);
    expect(filled(second, 100, 2), "free of one block changed another");
    first = must(lib.malloc(50));
    fill(first, 50, 3);
    expect(filled(second, 100, 2), "a new block lies over a live one");
    heap_ok();
}
END_TEST

/* C23 7.24.3: suits any object that fits into size. */
static size_t alignment_for(size_t size)
{
    size_t alignment = 1;

    while (alignment < _Alignof(max_align_t) && alignment * 2 <= size)
        alignment *= 2;
    return alignment;
}

/* Each small size, and then some: where memory isn't used again, each one makes the list longer. */
static size_t next_size(size_t size)
{
    return size + (size < 600 ? 1 : 37);
}

START_TEST(align_small_sizes)
{
    for (size_t size = 0; size <= largest(4096); size = next_size(size)) {
        uintptr_t address = (uintptr_t)must(lib.malloc(size));

        expect(address % alignment_for(size) == 0, "malloc(%zu) gave an address that ends in 0x%x",
               size, (unsigned)(address & 0xff));
    }
}
END_TEST

/* 2^_i bytes. Only the ends are touched: the pages in between cost nothing. */
START_TEST(align_powers_of_two)
{
    size_t size = (size_t)1 << _i, alignment = promised("align16") ? 16 : alignment_for(size);
    char *block = lib.malloc(size);

    expect(block != NULL, "malloc of 2^%d bytes gave NULL%s", _i,
           mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                   MAP_FAILED
               ? "; this machine has not so much memory"
               : "");
    expect((uintptr_t)block % alignment == 0, "2^%d bytes: not a multiple of %zu", _i, alignment);
    block[0] = 1;
    block[size - 1] = 2;
    expect(block[0] == 1 || size == 1, "2^%d bytes: the ends are one byte", _i);
    lib.free(block);
    heap_ok();
}
END_TEST

START_TEST(align16_every_size)
{
    for (size_t size = 0; size <= largest(4096); size = next_size(size)) {
        uintptr_t by_malloc = (uintptr_t)must(lib.malloc(size));
        uintptr_t by_calloc = (uintptr_t)must(lib.calloc(1, size));
        uintptr_t by_realloc = (uintptr_t)must(lib.realloc(NULL, size));

        expect((by_malloc | by_calloc | by_realloc) % 16 == 0, "size %zu: not a multiple of 16",
               size);
    }
}
END_TEST

START_TEST(any_size_up_to_64_mib)
{
    for (size_t size = 1; size <= (size_t)64 << 20; size = size * 3 + 1) {
        char *block = must(lib.malloc(size));

        fill(block, size < 5000 ? size : 5000, 1);
        block[size - 1] = 7;
        expect(size < 5001 || filled(block, 5000, 1), "size %zu: bytes changed", size);
        lib.free(block);
    }
    heap_ok();
}
END_TEST

static void *is_new(void *given, void **block, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        expect(given != block[i], "two blocks of size 0 have one address");
    return given;
}

/* C17 7.22.3: implementation-defined; glibc: a pointer of its own. */
START_TEST(zero_sizes)
{
    enum { COUNT = 40 };
    static void *block[COUNT];

    for (unsigned i = 0; i < COUNT; i += 4) {
        block[i] = is_new(must(lib.malloc(0)), block, i);
        block[i + 1] = is_new(must(lib.calloc(0, 8)), block, i + 1);
        block[i + 2] = is_new(must(lib.calloc(8, 0)), block, i + 2);
        block[i + 3] = is_new(must(lib.realloc(NULL, 0)), block, i + 3);
    }
    for (unsigned i = 0; i < COUNT; i++)
        lib.free(block[i]);
    heap_ok();
}
END_TEST

START_TEST(free_null)
{
    lib.free(NULL);
    must(lib.malloc(1));
    lib.free(NULL);
    heap_ok();
}
END_TEST

/* C17 7.22.3.2. Blocks are filled and freed first: memory fresh from the kernel is zero anyway. */
START_TEST(calloc_clears)
{
    static void *block[64];
    static const unsigned char zero[1024];

    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 64; i++)
            memset(block[i] = must(lib.malloc(i * 16 + 16)), 0xa5, i * 16 + 16);
        for (unsigned i = 0; i < 64; i++)
            lib.free(block[i]);
        for (unsigned i = 0; i < 64; i++) {
            block[i] = must(lib.calloc(i + 1, 16));
            expect(memcmp(block[i], zero, i * 16 + 16) == 0, "calloc(%u, 16) is not all zero",
                   i + 1);
        }
        for (unsigned i = 0; i < 64; i++)
            lib.free(block[i]);
    }
}
END_TEST

/* Down and up again gives the same bytes back: the kernel takes, and clears, only whole pages. */
START_TEST(calloc_clears_what_others_left)
{
    char *dirty = sbrk(3000);
    unsigned char *block;

    ck_assert(dirty != (void *)-1);
    memset(dirty, 0xa5, 3000);
    ck_assert(sbrk(-2900) != (void *)-1);
    block = must(lib.calloc(1, 1000));
    for (unsigned i = 0; i < 1000; i++)
        expect(block[i] == 0, "byte %u of calloc(1, 1000) is not zero", i);
}
END_TEST

/* C23 7.24.3.2: NULL when the product wraps around. Each of these wraps to something small. */
START_TEST(calloc_overflow)
{
    const size_t half = SIZE_MAX / 2 + 1, quarter = SIZE_MAX / 4 + 1;

    must_fail(lib.calloc(half, 2));
    must_fail(lib.calloc(2, half));
    must_fail(lib.calloc(quarter + 4, 4));
    must_fail(lib.calloc(4, quarter + 4));
    must_fail(lib.calloc(SIZE_MAX, SIZE_MAX));
    must_fail(lib.calloc(SIZE_MAX, 2));
    must_fail(lib.calloc(half + 8, 2));
    must_fail(lib.calloc(SIZE_MAX / 16 + 2, 16));
    heap_ok();
    must(lib.calloc(4, 4));
}
END_TEST

/* man 3 malloc: more than PTRDIFF_MAX is an error, also once the size has been rounded up. */
START_TEST(too_large_is_refused)
{
    char *block = must(lib.malloc(100));

    fill(block, 100, 1);
    system_fail(SBRK, 0, 0);
    for (size_t less = 0; less <= 96; less++) {
        must_fail(lib.malloc(SIZE_MAX - less));
        must_fail(lib.malloc((size_t)PTRDIFF_MAX + 1 + less));
        must_fail(lib.calloc(1, SIZE_MAX - less));
        must_fail(lib.calloc(SIZE_MAX - less, 1));
        must_fail(lib.realloc(NULL, SIZE_MAX - less));
        must_fail(lib.realloc(block, SIZE_MAX - less));
        must_fail(lib.realloc(block, (size_t)PTRDIFF_MAX + 1 + less));
        if (sizeof(size_t) == 8) { /* with 32 bits it might fit */
            must_fail(lib.malloc(PTRDIFF_MAX - less));
            must_fail(lib.calloc(1, PTRDIFF_MAX - less));
            must_fail(lib.realloc(block, PTRDIFF_MAX - less));
        }
    }
    expect(record[SBRK].down == 0, "a request too large became a negative sbrk");
    expect(filled(block, 100, 1), "a refused realloc changed the block");
    heap_ok();
    must(lib.malloc(100));
}
END_TEST

/* 2^32 + 16 bytes: cut to an int, 16. There is room for 1 GiB, so each of these must fail. */
START_TEST(int_is_too_short_for_a_size)
{
    size_t size = ((size_t)1 << 16 << 16) + 16; /* 1 << 32, where a size has so many bits */
    char *block = must(lib.malloc(100));
    struct rlimit limit = {(rlim_t)1 << 30, RLIM_INFINITY};

    ck_assert(setrlimit(RLIMIT_AS, &limit) == 0);
    must_fail(lib.malloc(size));
    must_fail(lib.calloc(size / 16, 16));
    must_fail(lib.realloc(NULL, size));
    must_fail(lib.realloc(block, size));
}
END_TEST

/* POSIX.1-2024 free, and man 3 free: errno stays. */
START_TEST(errno_stays)
{
    static void *block[100];

    for (unsigned i = 0; i < 100; i++)
        block[i] = must(lib.malloc(largest(i * 5000)));
    errno = 1234;
    lib.free(NULL);
    for (unsigned i = 0; i < 100; i++) {
        lib.free(block[(i * 7) % 100]);
        expect(errno == 1234, "free changed errno to %d", errno);
    }
}
END_TEST

/* No standard asks for it, but who looks at errno without a failure should not be misled. */
START_TEST(success_leaves_errno)
{
    errno = 1234;
    for (unsigned i = 0; i < 100; i++)
        must(lib.malloc(largest(i * 200)));
    must(lib.calloc(3, 7));
    must(lib.realloc(NULL, 7));
    expect(errno == 1234, "a successful allocation changed errno to %d", errno);
}
END_TEST

/* What free does to give memory back may fail inside; that is nobody's business. From the nth call on:
 * the first may only ask, and the second do. */
static void errno_stays_when_it_fails(enum system_call which, unsigned nth)
{
    static void *block[100];

    for (unsigned i = 0; i < 100; i++)
        block[i] = must(lib.malloc(largest((size_t)40000 * (i + 1))));
    errno = 1234;
    system_fail(which, nth, UINT_MAX);
    for (unsigned i = 0; i < 100; i++) {
        lib.free(block[(i * 7) % 100]);
        expect(errno == 1234, "free changed errno to %d", errno);
    }
    system_fail(which, 0, 0);
    heap_ok();
    fill(must(lib.malloc(1000)), 1000, 1);
}

START_TEST(errno_stays_when_sbrk_fails)
{
    errno_stays_when_it_fails(SBRK, (unsigned)_i + 1);
}
END_TEST

START_TEST(errno_stays_when_munmap_fails)
{
    errno_stays_when_it_fails(MUNMAP, (unsigned)_i + 1);
}
END_TEST

START_TEST(errno_stays_when_madvise_fails)
{
    errno_stays_when_it_fails(MADVISE, (unsigned)_i + 1);
}
END_TEST

START_TEST(realloc_of_null_is_malloc)
{
    char *block = must(lib.realloc(NULL, 300)), *other = must(lib.malloc(300));

    fill(block, 300, 1);
    fill(other, 300, 2);
    expect(filled(block, 300, 1), "a block of realloc(NULL, 300) was overwritten");
    lib.free(block);
    heap_ok();
}
END_TEST

START_TEST(realloc_to_zero_frees)
{
    void *block = must(lib.malloc(300));

    errno = 1234;
    expect(lib.realloc(block, 0) == NULL, "realloc(p, 0) should give NULL, as in glibc");
    expect(errno == 1234, "realloc(p, 0) changed errno to %d", errno);
    heap_ok();
    must(lib.malloc(300));
}
END_TEST

START_TEST(realloc_to_zero_gives_the_memory_back)
{
    size_t size;

    lib.realloc(must(lib.malloc(300)), 0);
    size = heap_size();
    for (unsigned i = 0; i < 1000; i++)
        lib.realloc(must(lib.malloc(300)), 0);
    expect(heap_size() == size, "realloc(p, 0) didn't free p: the heap grew by %zu bytes",
           heap_size() - size);
}
END_TEST

START_TEST(realloc_failure_keeps_the_block)
{
    char *block = must(lib.malloc(500));

    fill(block, 500, 1);
    must_fail(lib.realloc(block, SIZE_MAX / 2 + 1));
    expect(filled(block, 500, 1), "realloc failed, and the old block changed");
    for (unsigned i = 0; i < 20; i++)
        memset(must(lib.malloc(500)), 0xa5, 500);
    expect(filled(block, 500, 1), "realloc failed, and the old block was handed out again");
    lib.free(block);
    heap_ok();
}
END_TEST

SUITE
{
    add(blocks_keep_their_bytes, "malloc");
    add(blocks_do_not_overlap, "malloc");
    add_rounds(given_whole_or_refused, "malloc", 8 * 3);
    add_rounds(realloc_works_or_refuses, "nomem", 5);
    add(freed_while_others_live, "malloc");
    add(align_small_sizes, "align");
    add_rounds(align_powers_of_two, "align any-size", 31);
    add(align16_every_size, "align16");
    add(any_size_up_to_64_mib, "any-size");
    if (sizeof(size_t) > sizeof(int)) /* else an int is long enough */
        add(int_is_too_short_for_a_size, "nomem");
    add(zero_sizes, "zero");
    add(free_null, "free-null");
    add(calloc_clears, "calloc");
    add(calloc_clears_what_others_left, "calloc break");
    add(calloc_overflow, "calloc");
    add(too_large_is_refused, "nomem");
    add(errno_stays, "errno");
    add(success_leaves_errno, "enomem");
    add_rounds(errno_stays_when_sbrk_fails, "errno sbrk", 3);
    add_rounds(errno_stays_when_munmap_fails, "errno munmap", 3);
    add_rounds(errno_stays_when_madvise_fails, "errno madvise", 3);
    add(realloc_of_null_is_malloc, "realloc-null");
    add(realloc_to_zero_frees, "realloc-zero");
    add(realloc_to_zero_gives_the_memory_back, "realloc-zero reuse measured");
    add(realloc_failure_keeps_the_block, "nomem");
}
