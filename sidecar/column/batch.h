/* batch.h - rows as columns.
 *
 * A vector is one column of up to n rows in its physical form with an optional validity bitmap; a
 * batch is several vectors of equal length. Neither owns memory: data lies in the arena of whoever
 * built it (the header of that function says until when). NULL rows hold a defined zero value, so
 * kernels may compute on them.
 *
 * A string vector may carry dictionary codes as well: str[i] is always filled, and when `code` is not
 * NULL then dict->entry[code[i]] has the same bytes. Kernels use codes where that is faster and ignore
 * them otherwise. */
#ifndef WEIR_SIDECAR_COLUMN_BATCH_H
#define WEIR_SIDECAR_COLUMN_BATCH_H

#include "sidecar/base/arena.h"
#include "sidecar/base/decimal.h"
#include "sidecar/column/type.h"

struct vector_dict {
        const struct slice *entry; /* by code */
        uint32_t n_entries;
        uint64_t
                version; /* changes when a code changes its meaning; new entries at the end do not count. Users remember
                           * codes by version alone, so no two dictionaries may ever share one: start at a random
                           * number (hash_key_draw) and add 1 at each change */
};

struct vector {
        enum phys phys;
        union {
                int64_t *i64;
                double *f64;
                weir_i128 *dec;
                struct slice *str;
                void *data;
        };
        uint64_t *valid; /* bit i set: row i is not NULL; NULL pointer: no row is NULL */
        const uint32_t *code;
        const struct vector_dict *dict;
};

struct batch {
        uint32_t n_rows;
        uint32_t n_columns;
        struct vector *columns;
};

static inline size_t bitmap_words(uint32_t n)
{
        return ((size_t)n + 63) / 64;
}
static inline bool bitmap_get(const uint64_t *bitmap, uint32_t i)
{
        return (bitmap[i >> 6] >> (i & 63)) & 1;
}
static inline void bitmap_set(uint64_t *bitmap, uint32_t i)
{
        bitmap[i >> 6] |= UINT64_C(1) << (i & 63);
}
static inline void bitmap_clear(uint64_t *bitmap, uint32_t i)
{
        bitmap[i >> 6] &= ~(UINT64_C(1) << (i & 63));
}
static inline bool vector_is_null(const struct vector *vector, uint32_t i)
{
        return vector->valid != NULL && !bitmap_get(vector->valid, i);
}
uint32_t bitmap_count(const uint64_t *bitmap, uint32_t n);

size_t phys_bytes(enum phys phys); /* 8, 8, 16, 16 */

/* Storage for n rows, uninitialised data, valid == NULL. Arena without a budget. */
void vector_init(struct vector *vector, enum phys phys, uint32_t n, struct arena *arena);
/* A validity bitmap with every row valid, unless there is one. */
void vector_need_valid(struct vector *vector, uint32_t n, struct arena *arena);
/* Row i of n is NULL; what lies under it is zero. */
void vector_set_null(struct vector *vector, uint32_t i, uint32_t n, struct arena *arena);
/* ret[k] = source[selection[k]]; strings stay slices of the same bytes. */
void vector_gather(const struct vector *source, const uint32_t *selection, uint32_t n, struct vector *ret,
                   struct arena *arena);
/* Rows from..from+n of `source` as a view (no copy of data; the bitmap is copied when not aligned). */
void vector_view(const struct vector *source, uint32_t from, uint32_t n, struct vector *ret, struct arena *arena);

/* One value, for literals, keys and tests. */
struct value {
        enum phys phys;
        bool is_null;
        union {
                int64_t i64;
                double f64;
                weir_i128 dec;
                struct slice str;
        };
};
struct value vector_get(const struct vector *vector, uint32_t i);

#endif
