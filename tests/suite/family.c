/*
 * family.c - the rest of the malloc family: what aligns, what tells a size, what sums up. POSIX.1-2024
 * for posix_memalign and reallocarray, C23 for aligned_alloc and free_sized, glibc's manual for the
 * others.
 *
 * The promise `family` asks for these functions; `usable` says what malloc_usable_size counts.
 */
#include "suite.h"

#include <limits.h>

/* ---- who is there --------------------------------------------------------------------------- */

/* One that is missing is libc's, and gives blocks that our free doesn't know. */
#define there(function) expect(lib.function, #function " is missing")

START_TEST(family_is_whole)
{
    there(reallocarray);
    there(aligned_alloc);
    there(posix_memalign);
    there(memalign);
    there(valloc);
    there(pvalloc);
    there(malloc_usable_size);
}
END_TEST

/* ---- every entry point ---------------------------------------------------------------------- */

enum entry {
    MALLOC,
    CALLOC,
    REALLOC,
    REALLOCARRAY,
    ALIGNED_ALLOC,
    POSIX_MEMALIGN,
    MEMALIGN,
    VALLOC,
    PVALLOC,
    ENTRIES
};
static const char *const entry_names[] = {"malloc",       "calloc",        "realloc",
                                          "reallocarray", "aligned_alloc", "posix_memalign",
                                          "memalign",     "valloc",        "pvalloc"};

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* size bytes from an entry point: by it, or NULL. Where it takes an alignment: 64. */
static void *get(enum entry entry, size_t size)
{
    void *payload = NULL;

    switch (entry) {
    case MALLOC:
        return lib.malloc(size);
    case CALLOC:
        return lib.calloc(1, size);
    case REALLOC:
        return lib.realloc(NULL, size);
    case REALLOCARRAY:
        there(reallocarray);
        return lib.reallocarray(NULL, 1, size);
    case ALIGNED_ALLOC:
        there(aligned_alloc);
        return lib.aligned_alloc(64, size);
    case POSIX_MEMALIGN:
        there(posix_memalign);
        return lib.posix_memalign(&payload, 64, size) == 0 ? payload : NULL;
    case MEMALIGN:
        there(memalign);
        return lib.memalign(64, size);
    case VALLOC:
        there(valloc);
        return lib.valloc(size);
    default:
        there(pvalloc);
        return lib.pvalloc(size);
    }
}

static size_t alignment_of(enum entry entry)
{
    return entry < ALIGNED_ALLOC ? 16 : entry < VALLOC ? 64 : page_size();
}

/* Aligned, apart from each other, with room for their bytes; free takes them all. */
START_TEST(family_gives_blocks)
{
    enum { COUNT = 20 };
    static void *block[ENTRIES][COUNT];

    for (enum entry entry = 0; entry < ENTRIES; entry++)
        for (unsigned i = 0; i < COUNT; i++) {
            void *payload = block[entry][i] = get(entry, i * 50);

            expect(payload, "%s of %u bytes gave NULL", entry_names[entry], i * 50);
            expect((uintptr_t)payload % alignment_of(entry) == 0 || (entry < 4 && i == 0),
                   "%s of %u bytes is misaligned", entry_names[entry], i * 50);
            fill(payload, i * 50, entry * COUNT + i);
        }
    for (enum entry entry = 0; entry < ENTRIES; entry++)
        for (unsigned i = 0; i < COUNT; i++)
            expect(filled(block[entry][i], i * 50, entry * COUNT + i),
                   "a block of %u bytes from %s was overwritten", i * 50, entry_names[entry]);
    heap_ok();
    errno = 1234;
    for (unsigned i = 0; i < COUNT; i++)
        for (enum entry entry = 0; entry < ENTRIES; entry++)
            lib.free(block[entry][i]);
    expect(errno == 1234, "free changed errno to %d", errno);
    heap_ok();
}
END_TEST

/* A block keeps its bytes through realloc, whoever gave it. */
START_TEST(family_blocks_are_reallocated)
{
    static const size_t sizes[] = {1, 30, 1000, 5000, 200000};

    for (enum entry entry = 0; entry < ENTRIES; entry++)
        for (unsigned from = 0; from < 5; from++)
            for (unsigned to = 0; to < 5; to++) {
                size_t kept = sizes[from] < sizes[to] ? sizes[from] : sizes[to];
                char *block = must(get(entry, sizes[from]));

                fill(block, sizes[from], entry);
                block = must(lib.realloc(block, sizes[to]));
                expect(filled(block, kept, entry), "%s of %zu bytes, realloc to %zu: contents lost",
                       entry_names[entry], sizes[from], sizes[to]);
                fill(block, sizes[to], entry);
                lib.free(block);
            }
    heap_ok();
}
END_TEST

/* Around PTRDIFF_MAX and SIZE_MAX, where header, rounding and alignment must not wrap around. */
START_TEST(family_refuses_too_large)
{
    for (enum entry entry = 0; entry < ENTRIES; entry++)
        for (size_t less = 0; less <= 8200; less += less < 200 ? 1 : 1000)
            for (unsigned half = 0; half < 2; half++) {
                size_t size = half ? (size_t)PTRDIFF_MAX + 1 + less : SIZE_MAX - less;

                errno = 0;
                expect(!get(entry, size), "%s of 0x%zx bytes succeeded", entry_names[entry], size);
                expect(errno == ENOMEM || entry == POSIX_MEMALIGN, "%s of 0x%zx bytes: errno is %d",
                       entry_names[entry], size, errno);
            }
    heap_ok();
    for (enum entry entry = 0; entry < ENTRIES; entry++)
        must(get(entry, 100));
}
END_TEST

START_TEST(family_success_leaves_errno)
{
    errno = 1234;
    for (enum entry entry = 0; entry < ENTRIES; entry++)
        for (size_t size = 0; size < 100000; size = size * 3 + 10) {
            lib.free(must(get(entry, size)));
            expect(errno == 1234, "%s of %zu bytes, and free: errno is %d", entry_names[entry],
                   size, errno);
        }
}
END_TEST

/* ---- alignment ------------------------------------------------------------------------------ */

static void judge_alignment(size_t alignment, size_t size)
{
    void *block[3] = {0};

    block[0] = must(lib.aligned_alloc(alignment, size));
    block[1] = must(lib.memalign(alignment, size));
    if (alignment >= sizeof(void *))
        expect(lib.posix_memalign(&block[2], alignment, size) == 0,
               "posix_memalign(%zu, %zu) fails", alignment, size);
    for (unsigned i = 0; i < 3; i++)
        expect((uintptr_t)block[i] % alignment == 0, "%zu bytes aligned at %zu: not so", size,
               alignment);
    for (unsigned i = 0; i < 3; i++)
        if (block[i])
            fill(block[i], size, i);
    for (unsigned i = 0; i < 3; i++)
        expect(!block[i] || filled(block[i], size, i), "%zu bytes aligned at %zu: overwritten",
               size, alignment);
    heap_ok();
    lib.free(block[1]);
    lib.free(block[0]);
    lib.free(block[2]);
    heap_ok();
}

/* Each power of two, up to 4 MiB. */
START_TEST(family_aligns)
{
    static const size_t sizes[] = {0, 1, 24, 100, 4096, 70000};

    for (size_t alignment = 1; alignment <= (size_t)4 << 20; alignment *= 2)
        for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
            judge_alignment(alignment, sizes[i]);
}
END_TEST

/* POSIX: EINVAL as the result, and neither errno nor the pointer touched. */
START_TEST(posix_memalign_refuses)
{
    static const size_t bad[] = {0,  1,   2,       3, sizeof(void *) - 1, sizeof(void *) + 1,
                                 24, 100, SIZE_MAX};
    char mine;
    void *payload = &mine;

    errno = 1234;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        int result = lib.posix_memalign(&payload, bad[i], 100);

        expect(result == EINVAL, "alignment %zu: the result is %d, not EINVAL", bad[i], result);
        expect(payload == &mine, "alignment %zu: the pointer was changed", bad[i]);
        expect(errno == 1234, "alignment %zu: errno was changed to %d", bad[i], errno);
    }
}
END_TEST

START_TEST(posix_memalign_without_memory)
{
    char mine;
    void *payload = &mine;

    expect(lib.posix_memalign(&payload, 64, SIZE_MAX - 100) == ENOMEM, "the result is not ENOMEM");
    expect(lib.posix_memalign(&payload, (size_t)1 << (sizeof(size_t) * 8 - 1), 100) == ENOMEM,
           "an alignment of half of all addresses: the result is not ENOMEM");
    expect(payload == &mine, "it failed, and the pointer was changed");
    heap_ok();
}
END_TEST

/* An alignment that is no power of two. */
START_TEST(aligned_alloc_refuses)
{
    static const size_t bad[] = {0, 3, 24, 48, 100, SIZE_MAX};

    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        errno = 0;
        expect(!lib.aligned_alloc(bad[i], 96), "aligned_alloc(%zu, 96) succeeded", bad[i]);
        expect(errno == EINVAL, "aligned_alloc(%zu, 96): errno is %d, not EINVAL", bad[i], errno);
    }
    heap_ok();
}
END_TEST

START_TEST(memalign_refuses)
{
    static const size_t bad[] = {3, 24, 48, 100, SIZE_MAX};

    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        errno = 0;
        expect(!lib.memalign(bad[i], 96), "memalign(%zu, 96) succeeded", bad[i]);
        expect(errno == EINVAL, "memalign(%zu, 96): errno is %d, not EINVAL", bad[i], errno);
    }
    heap_ok();
}
END_TEST

/* Whole pages, and one at least. */
START_TEST(pvalloc_rounds_up)
{
    there(pvalloc);
    for (size_t size = 0; size <= 3 * page_size(); size += page_size() / 2) {
        size_t pages = size ? (size + page_size() - 1) / page_size() * page_size() : page_size();
        char *block = must(lib.pvalloc(size)), *other = must(lib.pvalloc(size));

        expect((uintptr_t)block % page_size() == 0, "pvalloc(%zu) gives no page", size);
        fill(block, pages, 1);
        fill(other, pages, 2);
        expect(filled(block, pages, 1), "pvalloc(%zu) gives less than %zu bytes", size, pages);
        expect(lib.malloc_usable_size(block) >= pages, "pvalloc(%zu) gives less than %zu bytes",
               size, pages);
    }
    heap_ok();
}
END_TEST

/* ---- reallocarray --------------------------------------------------------------------------- */

START_TEST(reallocarray_resizes)
{
    char *block;

    there(reallocarray);
    block = must(lib.reallocarray(NULL, 10, 10));

    fill(block, 100, 1);
    block = must(lib.reallocarray(block, 1000, 10));
    expect(filled(block, 100, 1), "contents lost");
    block = must(lib.reallocarray(block, 7, 7));
    expect(filled(block, 49, 1), "contents lost");
    heap_ok();
}
END_TEST

START_TEST(reallocarray_overflow)
{
    const size_t half = SIZE_MAX / 2 + 1;
    char *block = must(lib.malloc(100));

    there(reallocarray);
    fill(block, 100, 1);
    must_fail(lib.reallocarray(block, half, 2));
    must_fail(lib.reallocarray(block, 2, half));
    must_fail(lib.reallocarray(block, half + 8, 2));
    must_fail(lib.reallocarray(block, SIZE_MAX, SIZE_MAX));
    must_fail(lib.reallocarray(NULL, SIZE_MAX / 16 + 2, 16));
    expect(filled(block, 100, 1), "it failed, and the block changed");
    lib.free(block);
    heap_ok();
}
END_TEST

/* ---- free_sized ----------------------------------------------------------------------------- */

/* 1000 times 100,000 bytes, which are written to, by way of one block. */
static void judge_sized(bool aligned)
{
    size_t before = process_size().resident, size = 100000;

    for (unsigned i = 0; i < 1000; i++) {
        void *block = must(aligned ? lib.aligned_alloc(64, size) : lib.malloc(size));

        memset(block, 1, size);
        errno = 1234;
        if (aligned)
            lib.free_aligned_sized(block, 64, size);
        else
            lib.free_sized(block, size);
        expect(errno == 1234, "errno was changed to %d", errno);
        heap_ok();
    }
    expect(process_size().resident < before + ((size_t)20 << 20),
           "100 MB were allocated and freed, and %zu bytes stayed",
           process_size().resident - before);
}

START_TEST(free_sized_frees)
{
    lib.free_sized(NULL, 0);
    judge_sized(false);
}
END_TEST

START_TEST(free_aligned_sized_frees)
{
    lib.free_aligned_sized(NULL, 64, 0);
    judge_sized(true);
}
END_TEST

/* ---- malloc_usable_size --------------------------------------------------------------------- */

START_TEST(usable_of_null)
{
    expect(lib.malloc_usable_size(NULL) == 0, "malloc_usable_size(NULL) should be 0");
}
END_TEST

/* All of it may be written, whoever gave the block. */
START_TEST(usable_is_writable)
{
    enum { COUNT = 40 };
    static void *block[ENTRIES][COUNT];
    size_t usable;

    for (enum entry entry = 0; entry < ENTRIES; entry++)
        for (unsigned i = 0; i < COUNT; i++) {
            block[entry][i] = must(get(entry, i * i));
            usable = lib.malloc_usable_size(block[entry][i]);
            expect(usable >= i * i, "%s of %u bytes has %zu usable bytes", entry_names[entry],
                   i * i, usable);
            fill(block[entry][i], usable, entry * COUNT + i);
        }
    for (enum entry entry = 0; entry < ENTRIES; entry++)
        for (unsigned i = 0; i < COUNT; i++) {
            usable = lib.malloc_usable_size(block[entry][i]);
            expect(filled(block[entry][i], usable, entry * COUNT + i),
                   "the usable bytes of a block of %u bytes from %s are another's too", i * i,
                   entry_names[entry]);
        }
    heap_ok();
    for (enum entry entry = 0; entry < ENTRIES; entry++)
        for (unsigned i = 0; i < COUNT; i++)
            lib.free(block[entry][i]);
    heap_ok();
}
END_TEST

/* realloc keeps what was written there, and doesn't move for what is there already. */
START_TEST(usable_is_kept_by_realloc)
{
    for (size_t size = 1; size < 300000; size = size * 2 + 5) {
        char *block = must(lib.malloc(size)), *same;
        size_t usable = lib.malloc_usable_size(block);

        fill(block, usable, 1);
        same = must(lib.realloc(block, usable));
        expect(same == block, "%zu bytes, %zu usable: realloc to these moved the block", size,
               usable);
        block = must(lib.realloc(same, usable * 2 + 100));
        expect(filled(block, usable, 1), "%zu bytes, %zu usable: realloc lost some of these", size,
               usable);
        lib.free(block);
    }
    heap_ok();
}
END_TEST

/* After a realloc that shrinks where the block is, the count must be of what is left. */
START_TEST(usable_after_shrinking)
{
    for (size_t size = 100; size < 300000; size = size * 2 + 5) {
        char *block = must(lib.malloc(size)), *behind;

        block = must(lib.realloc(block, size / 3));
        behind = must(lib.malloc(size / 3));
        fill(behind, size / 3, 1);
        fill(block, lib.malloc_usable_size(block), 2);
        expect(filled(behind, size / 3, 1), "%zu bytes shrank, and the usable ones are another's",
               size);
        heap_ok();
    }
}
END_TEST

/* ---- statistics ----------------------------------------------------------------------------- */

/* What is in use grows and falls with what a program has. */
START_TEST(mallinfo2_counts)
{
    static void *block[100];
    size_t before = lib.mallinfo2().uordblks, during, after;

    for (unsigned i = 0; i < 100; i++)
        block[i] = must(lib.malloc(10000));
    during = lib.mallinfo2().uordblks;
    for (unsigned i = 0; i < 100; i++)
        lib.free(block[i]);
    after = lib.mallinfo2().uordblks;
    expect(during - before >= 100 * 10000, "1000000 bytes more in use, and uordblks grew by %zu",
           during - before);
    expect(after < before + 100 * 1000, "all was freed, and uordblks is %zu more than before",
           after - before);
}
END_TEST

START_TEST(malloc_trim_is_harmless)
{
    enum { COUNT = 100 };
    static void *block[COUNT];

    for (unsigned i = 0; i < COUNT; i++)
        fill(block[i] = must(lib.malloc(i * i * 10)), i * i * 10, i);
    for (unsigned i = 0; i < COUNT; i += 2)
        lib.free(block[i]);
    lib.malloc_trim(0);
    heap_ok();
    for (unsigned i = 0; i < COUNT; i += 2)
        fill(block[i] = must(lib.malloc(i * i * 10)), i * i * 10, i);
    for (unsigned i = 0; i < COUNT; i++)
        expect(filled(block[i], i * i * 10, i), "after malloc_trim block %u is another's too", i);
    heap_ok();
}
END_TEST

SUITE
{
    add(family_is_whole, "family");
    add(family_gives_blocks, "family");
    add(family_blocks_are_reallocated, "family");
    add(family_refuses_too_large, "family");
    add(family_success_leaves_errno, "family");
    add(family_aligns, "family");
    add(posix_memalign_refuses, "family");
    add(posix_memalign_without_memory, "family");
    add(aligned_alloc_refuses, "family");
    add(memalign_refuses, "family");
    add(pvalloc_rounds_up, "family");
    add(reallocarray_resizes, "family");
    add(reallocarray_overflow, "family");
    add(free_sized_frees, "family free_sized");
    add(free_aligned_sized_frees, "family free_aligned_sized");
    add(usable_of_null, "usable");
    add(usable_is_writable, "usable family");
    add(usable_is_kept_by_realloc, "usable");
    add(usable_after_shrinking, "usable");
    add(mallinfo2_counts, "family mallinfo2");
    add(malloc_trim_is_harmless, "family malloc_trim");
}
