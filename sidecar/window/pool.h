/* pool.h - memory of window state: pieces of many sizes, taken and given back without the system allocator.
 *
 * One pool per windowed operator. Sizes are rounded up to at most an eighth more; pieces of one size are carved from
 * slabs and reused in last-in-first-out order, so that once a window has slid through its size nothing asks the system
 * any more. Slabs are kept until pool_done. Large pieces go straight to the allocator and back.
 *
 * `live` is the owner's to keep: the part of `used` that state itself refers to; the rest is held by frozen copies
 * only. Loop thread only. */
#ifndef WEIR_SIDECAR_WINDOW_POOL_H
#define WEIR_SIDECAR_WINDOW_POOL_H

#include <stddef.h>
#include <stdint.h>

enum { POOL_CLASSES = 128 };

struct pool_piece;
struct pool_slab;

struct pool {
        struct pool_piece *given[POOL_CLASSES]; /* given back, by class */
        uint8_t *next, *end;                    /* not yet carved part of the newest slab */
        struct pool_slab *slabs;
        size_t used; /* bytes handed out, rounded */
        size_t live;
        size_t held; /* bytes of slabs and large pieces */
};

void pool_init(struct pool *pool);
/* Everything handed out becomes invalid; large pieces must have been given back before. */
void pool_done(struct pool *pool);

/* Aligned to 64 from 256 bytes on, to 16 below. Not cleared. */
void *pool_take(struct pool *pool, size_t bytes);
/* bytes: as taken. NULL allowed. */
void pool_give(struct pool *pool, void *piece, size_t bytes);
/* What a piece of so many bytes really takes. */
size_t pool_rounded(size_t bytes);

#endif
