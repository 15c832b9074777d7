/* pool.c - pieces by class. See pool.h. */
#include "sidecar/window/pool.h"

#include "sidecar/base/alloc.h"

#include <assert.h>
#include <string.h>

enum {
        SMALL_BYTES = 256, /* up to here classes are 16 bytes apart */
        SMALL_STEP = 16,
        LARGE_BYTES = 256 << 10, /* beyond it pieces come from the allocator */
        SLAB_BYTES = 1 << 20,
        SLAB_FIRST_BYTES = 64 << 10, /* jobs with few keys stay small */
        SLAB_HEAD_BYTES = 64,
};

struct pool_piece {
        struct pool_piece *next;
};

struct pool_slab {
        struct pool_slab *next;
        size_t bytes;
};

void pool_init(struct pool *pool)
{
        memset(pool, 0, sizeof *pool);
}

void pool_done(struct pool *pool)
{
        struct pool_slab *slab = pool->slabs;

        while (slab != NULL) {
                struct pool_slab *next = slab->next;

                alloc_free(slab);
                slab = next;
        }
        pool_init(pool);
}

/* Class and rounded size of a small or middle piece: eight classes to each doubling. */
static unsigned class_of(size_t bytes, size_t *ret_rounded)
{
        unsigned power, eighth;
        size_t step;

        if (bytes <= SMALL_BYTES) {
                unsigned index = bytes == 0 ? 1 : (unsigned)((bytes + SMALL_STEP - 1) / SMALL_STEP);

                *ret_rounded = (size_t)index * SMALL_STEP;
                return index;
        }
        power = 63u - (unsigned)__builtin_clzll(bytes - 1);
        step = (size_t)1 << (power - 3);
        eighth = (unsigned)((bytes - 1) >> (power - 3)) - 7; /* 1..8 */
        *ret_rounded = ((size_t)1 << power) + eighth * step;
        *ret_rounded = (*ret_rounded + 63) & ~(size_t)63;
        return 16 + (power - 8) * 8 + eighth;
}

size_t pool_rounded(size_t bytes)
{
        size_t rounded;

        if (bytes > LARGE_BYTES)
                return bytes;
        class_of(bytes, &rounded);
        return rounded;
}

static void add_slab(struct pool *pool)
{
        size_t bytes = pool->slabs == NULL ? SLAB_FIRST_BYTES : SLAB_BYTES;
        struct pool_slab *slab = alloc_pages(bytes);

        slab->next = pool->slabs;
        slab->bytes = bytes;
        pool->slabs = slab;
        pool->held += bytes;
        pool->next = (uint8_t *)slab + SLAB_HEAD_BYTES;
        pool->end = (uint8_t *)slab + bytes;
}

void *pool_take(struct pool *pool, size_t bytes)
{
        struct pool_piece *piece;
        size_t rounded;
        unsigned class;

        if (bytes > LARGE_BYTES) {
                pool->used += bytes;
                pool->held += bytes;
                return alloc_pages(bytes);
        }
        class = class_of(bytes, &rounded);
        assert(class < POOL_CLASSES);
        pool->used += rounded;
        piece = pool->given[class];
        if (piece != NULL) {
                pool->given[class] = piece->next;
                return piece;
        }
        if (rounded > SMALL_BYTES && pool->next != NULL)
                pool->next = (uint8_t *)(((uintptr_t)pool->next + 63) & ~(uintptr_t)63);
        if (pool->next == NULL || pool->next > pool->end || (size_t)(pool->end - pool->next) < rounded) {
                add_slab(pool);
                if ((size_t)(pool->end - pool->next) < rounded)
                        add_slab(pool); /* the first slab is a small one */
        }
        piece = (struct pool_piece *)(void *)pool->next;
        pool->next += rounded;
        return piece;
}

void pool_give(struct pool *pool, void *data, size_t bytes)
{
        struct pool_piece *piece = data;
        size_t rounded;
        unsigned class;

        if (piece == NULL)
                return;
        if (bytes > LARGE_BYTES) {
                pool->used -= bytes;
                pool->held -= bytes;
                alloc_free(piece);
                return;
        }
        class = class_of(bytes, &rounded);
        pool->used -= rounded;
        piece->next = pool->given[class];
        pool->given[class] = piece;
}
