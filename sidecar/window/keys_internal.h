/* keys_internal.h - what keys.c, keys_table.c and keys_code.c share. */
#ifndef WEIR_SIDECAR_WINDOW_KEYS_INTERNAL_H
#define WEIR_SIDECAR_WINDOW_KEYS_INTERNAL_H

#include "sidecar/window/keys.h"

#include "sidecar/base/limits.h"

enum {
        BUCKET_KEYS = 5,
        SEGMENT_LEAST = 32,  /* buckets */
        SEGMENT_MOST = 512,  /* then it is split: as soon as there are several, all have so many */
};
#define ID_GONE UINT32_MAX   /* a key that was taken out: others may stand behind it */

/* One cache line: what a lookup of a number costs is this line and nothing else, however many keys there are. */
struct keys_bucket {
        uint64_t values[BUCKET_KEYS];  /* KEYS_I64: the key; others: its hash */
        uint32_t ids[BUCKET_KEYS + 1]; /* id + 1; 0: empty, and nothing stands behind it; the last is always 0 */
};

struct keys_segment {
        uint32_t depth;  /* bits of the hash that all its keys share */
        uint32_t n;      /* keys */
        uint32_t n_gone;
        uint32_t mask;   /* buckets - 1 */
        uint64_t spare[6];
        struct keys_bucket buckets[];
};

_Static_assert(sizeof(struct keys_bucket) == 64 && sizeof(struct keys_segment) == 64, "buckets are cache lines");
_Static_assert(LIMIT_WINDOW_KEYS < ID_GONE - 1, "an id fits a bucket");

/* Highest bits of a hash: the segment; lowest: the bucket. */
static inline size_t keys_segment_index(const struct keys *keys, uint64_t hash)
{
        return (size_t)(hash >> 1 >> (63 - keys->depth));
}

/* Key blocks are dense and hold one word to an entry: it stands where another's counters would. */
static inline const uint64_t *keys_cell(const struct block_dir *dir, uint32_t id, struct block **ret_block)
{
        *ret_block = block_of(dir->blocks[id >> BLOCK_ID_BITS]);
        return (const uint64_t *)(const void *)((const uint8_t *)*ret_block + BLOCK_DENSE_COUNTERS_AT) +
               (id & (BLOCK_IDS - 1));
}

static inline struct slice keys_text(const struct block_dir *dir, uint32_t id)
{
        struct block *block;
        const uint64_t *word = keys_cell(dir, id, &block);

        return block_text_of(block, *word);
}

static inline bool keys_is_null_row(const struct keys *keys, uint32_t i)
{
        return keys->valid != NULL && !bitmap_get(keys->valid, i);
}

static inline bool keys_is_row(const struct keys *keys, uint32_t id, uint32_t i)
{
        struct block *block;
        const uint64_t *word = keys_cell(keys->map.dir, id, &block);

        if (keys->kind == KEYS_I64)
                return *word == (uint64_t)keys->values[i];
        return slice_is_equal(block_text_of(block, *word), keys->texts[i]);
}

static inline uint64_t keys_row_value(const struct keys *keys, uint32_t i)
{
        return keys->kind == KEYS_I64 ? (uint64_t)keys->values[i] : keys->hashes[i];
}

static inline uint64_t keys_hash(const struct keys *keys, uint64_t word, struct slice text)
{
        if (keys->kind == KEYS_I64)
                return hash_u64(&keys->hash_key, word);
        return hash_bytes(&keys->hash_key, text.data, text.len);
}

static inline void keys_mark_listed(struct keys *keys, uint32_t id)
{
        bitmap_set(keys->listed, id);
        keys->n_listed++;
}

/* keys_table.c: the hash table. */
void keys_table_init(struct keys *keys);
void keys_table_done(struct keys *keys);
/* The id under which row i's key is listed, or KEYS_NO_ID; hashes[i] is set. */
uint32_t keys_find_row(const struct keys *keys, uint32_t i);
void keys_list(struct keys *keys, uint64_t hash, uint64_t value, uint32_t id);
/* Takes a key that has left out of the table, if it is there. */
void keys_unlist(struct keys *keys, uint32_t id);

/* keys_code.c: keys as bytes. */
void keys_encode(struct keys *keys, const struct vector *const *columns, uint32_t n);

/* keys.c: ids. */
void keys_reserve(struct keys *keys, uint32_t id);
void keys_take_id(struct keys *keys, uint32_t id);
void keys_store(struct keys *keys, uint32_t id, uint64_t value, struct slice text);

#endif
