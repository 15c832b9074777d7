/* keys.h - group keys to dense ids.
 *
 * Ids are given in order of first appearance; a key that no pane holds any more has left, and its id goes to the next
 * new key, lowest id first. So the ids are a function of the rows alone, and `live keys and their ids` is all that a
 * checkpoint needs.
 *
 * Leaving is cheap: the id is marked free, and the key's place in the hash table is cleaned only when the id is given
 * away or the key comes back (it is new then). The table is an extendible hash of small segments: it grows by one
 * of them at a time, so no call ever rehashes everything. Hashes are keyed; their order never shows.
 *
 * Rows are looked up in batches of at most KEYS_BATCH: hash all, read all their buckets, then judge them, then compare
 * keys. While one batch is judged, the buckets of the next are fetched.
 * Loop thread only, but for keys_decode and keys_frozen_* on a frozen view. */
#ifndef WEIR_SIDECAR_WINDOW_KEYS_H
#define WEIR_SIDECAR_WINDOW_KEYS_H

#include "sidecar/base/bytes.h"
#include "sidecar/base/hash.h"
#include "sidecar/window/block.h"

enum {
        KEYS_BATCH = 256,
        KEYS_RECENT = 4096, /* a power of two */
};
#define KEYS_NO_ID UINT32_MAX

enum keys_kind {
        KEYS_GLOBAL, /* no key columns: one group, id 0 */
        KEYS_I64,    /* one column of PHYS_I64 */
        KEYS_TEXT,   /* one column of PHYS_STR: its bytes */
        KEYS_ROW,    /* anything else: columns encoded one after the other */
};

struct keys_segment;

struct keys_recent {
        int64_t value;
        uint32_t id; /* KEYS_NO_ID: nothing */
};

struct keys {
        enum keys_kind kind;
        uint32_t n_columns;
        enum phys *phys; /* n_columns */
        struct pool *pool;
        struct block_layout layout;
        struct block_map map;  /* id -> key: the value, or the bytes */
        uint32_t max_live;
        uint32_t n_live, n_listed; /* keys that are live; keys in the hash table */
        uint32_t n_ids;        /* ids given so far lie below; for the size of blocks only */
        uint32_t capacity;     /* of the arrays below, a multiple of BLOCK_IDS */
        uint32_t first_free;   /* no free id in words of `free` below this one */
        uint32_t *holds;       /* by id: panes that hold it; 0: not live */
        uint64_t *free;        /* bit per id: not live */
        uint64_t *listed;      /* bit per id: its key stands in the hash table, maybe of a key that has left */
        uint32_t null_id;      /* KEYS_I64, KEYS_TEXT: id of the NULL key, or KEYS_NO_ID */
        struct hash_key hash_key;
        struct keys_segment **segments; /* 1 << depth of them, by the hash's highest bits */
        unsigned depth;
        /* KEYS_I64: keys seen lately, by their lowest bits; used while there are few keys. */
        struct keys_recent *recent;
        uint32_t recent_rest; /* batches for which it is not used, because too few were found */
        /* The batch at hand. */
        bool is_stale; /* an id was given since keys_find: candidates may be another key's by now */
        const int64_t *values;
        struct slice texts[KEYS_BATCH];
        const uint64_t *valid;
        uint64_t hashes[KEYS_BATCH];
        struct bytes encoded;
        /* KEYS_I64: the batch behind it (keys_announce), and the hashes of the one at hand when it was that. */
        const int64_t *next;
        const int64_t *ahead;
        uint32_t n_next, n_ahead;
        uint64_t ahead_hashes[KEYS_BATCH];
};

void keys_init(struct keys *keys, const enum phys *phys, uint32_t n_columns, uint32_t max_live, struct pool *pool);
void keys_done(struct keys *keys);

/* Before keys_find: rows from..from + n of the key columns are looked up after those (n <= KEYS_BATCH; 0: not known
 * yet), and their part of the table is fetched meanwhile. It is no promise: they may be fewer, or others. */
void keys_announce(struct keys *keys, const struct vector *const *columns, uint32_t from, uint32_t n);
/* Looks n <= KEYS_BATCH rows up: candidates[i] is the id under which row i's key is listed, or KEYS_NO_ID. The key may
 * have left (keys_is_live). columns: the key columns, valid until the next keys_find. true: all are listed; false: it
 * would cost something to say. */
bool keys_find(struct keys *keys, const struct vector *const *columns, uint32_t n, uint32_t *candidates);
static inline bool keys_is_live(const struct keys *keys, uint32_t id)
{
        return id != KEYS_NO_ID && keys->holds[id] > 0;
}
/* May a candidate of the batch at hand be used as it is? */
static inline bool keys_is_sure(const struct keys *keys, uint32_t candidate)
{
        return !keys->is_stale && keys_is_live(keys, candidate);
}
/* The live id of row i of the batch, given if need be; KEYS_NO_ID when may_give is false, max_live keys are live, or
 * the key is beyond all limits. To be called in order of rows; the caller then holds the id for the pane. */
uint32_t keys_need(struct keys *keys, uint32_t i, bool may_give);
static inline void keys_hold(struct keys *keys, uint32_t id)
{
        keys->n_live += keys->holds[id]++ == 0;
}
/* A pane goes: its ids are held once less. */
void keys_release(struct keys *keys, const struct block_dir *pane);
/* The same when no pane is left, at once. */
void keys_release_all(struct keys *keys);

/* The keys as they are now. */
struct keys_frozen {
        struct block_dir *dir;
        uint32_t null_id;
};
void keys_freeze(struct keys *keys, struct keys_frozen *ret_frozen);
void keys_thaw(struct keys *keys, struct keys_frozen *frozen);
/* Key columns of n ids into rows at.. of vectors with room for `capacity` rows; strings point into the frozen keys. */
void keys_decode(const struct keys *keys, const struct keys_frozen *frozen, const uint32_t *ids, uint32_t n,
                 struct vector *columns, uint32_t at, uint32_t capacity, struct arena *arena);

/* Checkpoints: one key as bytes, and back. keys_restore gives the key exactly this id; false when the bytes are no key
 * of this kind, or the id or the key is taken. max_live does not count here: a setting may have been lowered. Then
 * every restored key must be held. */
void keys_frozen_append(const struct keys *keys, const struct keys_frozen *frozen, uint32_t id, struct bytes *bytes);
bool keys_restore(struct keys *keys, uint32_t id, struct bytes_reader *reader);
bool keys_is_restored(const struct keys *keys, uint32_t id);
bool keys_are_held(const struct keys *keys);

#endif
