/*
 * tree.c - chunks, with a tag at each end, and the tree in which the free ones stand. A part of
 * heap.c, where the invariants stand.
 *
 *     a used chunk                          a free chunk
 *     +-----------+----------------------+  +-----------+------+-------+----------------+------+
 *     | tag: size | payload:             |  | tag: size | left | right | ////////////// | size |
 *     | this_used | size - 8 bytes       |  |           |      |       | ////////////// |      |
 *     +-----------+----------------------+  +-----------+------+-------+----------------+------+
 *     ^ 8 bytes   ^ what malloc returned    ^ in the tree: 32 bytes at least              ^ foot
 *
 *     A size is a multiple of 16, so four bits of a tag are left for other things. Each tag says
 *     of the chunk below, too, whether it is used: only if not, its foot is there to be read.
 *
 *     The tree is a treap. From left to right its chunks are in order, and from the root down their
 *     priorities fall. A priority is made of the chunk's address, and as good as drawn by lot: so
 *     the tree has the shape that chunks in random order would give it, and is not deep.
 *
 *                     80 (9)                  sizes, with the priorities in brackets:
 *                    /      \                 on the left what is smaller, or as large
 *               48 (7)       80 (8)           and lower in memory
 *                    \            \
 *                   64 (2)       4096 (5)
 */
#include "heap.h"

/* Bytes. Any object may live in a block: long double and the SSE instructions want 16. */
#define ALIGNMENT ((size_t)16)
/* Bytes of a tag, and of a foot. */
#define WORD sizeof(size_t)
/* Bytes. What a free chunk needs: tag, left, right, foot. A rest below this stays with the chunk. */
#define MIN_CHUNK (4 * WORD)
/* The bits of a tag that are no size. */
#define THIS_USED ((size_t)1) /* the program has it, or it is a fence */
#define PREV_USED ((size_t)2) /* so the chunk below */
#define FENCE ((size_t)4)     /* the region ends here */
#define TAG_BITS (ALIGNMENT - 1)
/* An odd number with its bits well mixed: 2 to the power of 64, divided by the golden ratio. */
#define MIX ((size_t)0x9e3779b97f4a7c15)

struct chunk {
    size_t tag;         /* bytes from here to the next tag, and the bits above */
    struct chunk *left; /* in the tree, while it is free; the payload of a used one begins here */
    struct chunk *right;
};

_Static_assert(ALIGNMENT >= _Alignof(max_align_t), "a block must suit any object");
_Static_assert(MIN_CHUNK % ALIGNMENT == 0, "the least chunk is a chunk");
_Static_assert(MIN_CHUNK == sizeof(struct chunk) + WORD, "a free chunk has room for its foot");

static struct chunk *tree;                          /* its root */
static uintptr_t heap_low = UINTPTR_MAX, heap_high; /* no chunk ever was below, or above */

static size_t align_up(size_t n, size_t alignment)
{
    return (n + alignment - 1) & ~(alignment - 1);
}

static void *payload_of(struct chunk *chunk)
{
    return (char *)chunk + WORD;
}

static size_t chunk_size(const struct chunk *chunk)
{
    return chunk->tag & ~TAG_BITS;
}

static bool chunk_used(const struct chunk *chunk)
{
    return chunk->tag & THIS_USED;
}

static struct chunk *chunk_at(struct chunk *chunk, size_t offset)
{
    return (struct chunk *)((char *)chunk + offset);
}

static struct chunk *chunk_above(struct chunk *chunk)
{
    return chunk_at(chunk, chunk_size(chunk));
}

/* The last word of the chunk below: its size, if it is free. */
static size_t *foot_below(struct chunk *chunk)
{
    return (size_t *)chunk - 1;
}

static struct chunk *chunk_below(struct chunk *chunk)
{
    return (struct chunk *)((char *)chunk - *foot_below(chunk));
}

/* The bytes of a chunk with room for a payload of size bytes. */
static size_t chunk_size_for(size_t size)
{
    size = align_up(size + WORD, ALIGNMENT);
    return size < MIN_CHUNK ? MIN_CHUNK : size;
}

static bool in_heap(const void *place)
{
    return (uintptr_t)place >= heap_low && (uintptr_t)place < heap_high;
}

/* Does one stand left of the other? */
static bool chunk_precedes(const struct chunk *one, const struct chunk *other)
{
    return chunk_size(one) < chunk_size(other) ||
           (chunk_size(one) == chunk_size(other) && one < other);
}

/* No two chunks have the same: each step could be undone, so none loses a bit of the address. */
static size_t chunk_priority(const struct chunk *chunk)
{
    size_t bits = (uintptr_t)chunk / WORD * MIX;

    return (bits ^ bits >> 4 * WORD) * MIX;
}

/* Does one stand over the other, when they are on one way from the root? */
static bool chunk_outranks(const struct chunk *one, const struct chunk *other)
{
    return chunk_priority(one) > chunk_priority(other);
}

static void link_check(bool holds)
{
    if (!holds)
        heap_die("malloc: the links of a free chunk are damaged: freed memory was written to.\n");
}

/* Where a link leads: to a free chunk, or nowhere. Anything else ends the program. */
static inline struct chunk *link_follow(struct chunk *link)
{
    link_check(!link || (in_heap(link) && !chunk_used(link)));
    return link;
}

/* The link that leads to a chunk; or, when it isn't in the tree, the one that is to lead there. */
static struct chunk **tree_place(const struct chunk *chunk)
{
    struct chunk **link = &tree, *over;

    while ((over = link_follow(*link)) && chunk_outranks(over, chunk))
        link = chunk_precedes(chunk, over) ? &over->left : &over->right;
    return link;
}

/* Puts a chunk in its place. What stood there is parted, all the way down, into what belongs left of
 * the chunk and what belongs right of it. */
static void tree_insert(struct chunk *chunk)
{
    struct chunk **link = tree_place(chunk), *part = *link;
    struct chunk **left = &chunk->left, **right = &chunk->right;

    *link = chunk;
    while (part) {
        if (chunk_precedes(part, chunk)) {
            *left = part;
            left = &part->right;
            part = link_follow(*left);
        } else {
            *right = part;
            right = &part->left;
            part = link_follow(*right);
        }
    }
    *left = *right = NULL;
}

/* Takes a chunk out. What stood left of it and what stood right of it are joined in its place. */
static void tree_remove(struct chunk *chunk)
{
    struct chunk **link = tree_place(chunk);
    struct chunk *left = link_follow(chunk->left), *right = link_follow(chunk->right);

    link_check(*link == chunk);
    while (left && right) {
        if (chunk_outranks(left, right)) {
            *link = left;
            link = &left->right;
            left = link_follow(*link);
        } else {
            *link = right;
            link = &right->left;
            right = link_follow(*link);
        }
    }
    *link = left ? left : right;
}

/* Best fit: the first from the left with room for size bytes, or NULL. */
static struct chunk *tree_find(size_t size)
{
    struct chunk *best = NULL, *chunk = link_follow(tree);

    while (chunk) {
        bool fits = chunk_size(chunk) >= size;

        if (fits)
            best = chunk;
        chunk = link_follow(fits ? chunk->left : chunk->right);
    }
    return best;
}

/* Makes bytes from chunk on, whose neighbours are used, a free chunk in the tree. */
static void chunk_insert(struct chunk *chunk, size_t size)
{
    struct chunk *above = chunk_at(chunk, size);

    chunk->tag = size | PREV_USED;
    *foot_below(above) = size;
    above->tag &= ~PREV_USED;
    tree_insert(chunk);
}

/* Gives a used chunk back, joined with the free chunks that it touches. What it is part of now. */
static struct chunk *chunk_release(struct chunk *chunk)
{
    struct chunk *above = chunk_above(chunk);
    size_t size = chunk_size(chunk);

    chunk->tag &= ~THIS_USED; /* seen, should this pointer come back, even when merged away */
    if (!chunk_used(above)) {
        tree_remove(above);
        size += chunk_size(above);
    }
    if (!(chunk->tag & PREV_USED)) {
        chunk = chunk_below(chunk);
        tree_remove(chunk);
        size += chunk_size(chunk);
    }
    chunk_insert(chunk, size);
    return chunk;
}

/* Makes a free chunk a used one. */
static void chunk_take(struct chunk *chunk)
{
    tree_remove(chunk);
    chunk->tag |= THIS_USED;
    chunk_above(chunk)->tag |= PREV_USED;
}
