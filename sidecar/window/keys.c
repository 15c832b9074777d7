/* keys.c - ids: who has which, and rows looked up in batches. See keys.h. */
#include "sidecar/window/keys_internal.h"

#include "sidecar/base/alloc.h"

#include <assert.h>

enum { RECENT_REST = 100 }; /* batches */

static const uint64_t no_key = 0;

static enum keys_kind kind_of(const enum phys *phys, uint32_t n_columns)
{
        if (n_columns == 0)
                return KEYS_GLOBAL;
        if (n_columns == 1 && phys[0] == PHYS_I64)
                return KEYS_I64;
        return n_columns == 1 && phys[0] == PHYS_STR ? KEYS_TEXT : KEYS_ROW;
}

void keys_init(struct keys *keys, const enum phys *phys, uint32_t n_columns, uint32_t max_live, struct pool *pool)
{
        memset(keys, 0, sizeof *keys);
        keys->kind = kind_of(phys, n_columns);
        keys->n_columns = n_columns;
        keys->phys = alloc_array(n_columns + 1, sizeof *keys->phys);
        memcpy(keys->phys, phys, n_columns * sizeof *phys);
        keys->pool = pool;
        keys->max_live = max_live;
        keys->null_id = KEYS_NO_ID;
        keys->layout = (struct block_layout){.n_words = 1, .first_words = &no_key, .is_zero = true};
        keys->layout.n_texts = keys->kind >= KEYS_TEXT;
        block_map_init(&keys->map, &keys->layout, pool);
        hash_key_draw(&keys->hash_key);
        keys_table_init(keys);
        bytes_init(&keys->encoded);
}

void keys_done(struct keys *keys)
{
        keys_table_done(keys);
        if (keys->pool != NULL)
                block_map_done(&keys->map);
        alloc_free(keys->phys);
        alloc_free(keys->holds);
        alloc_free(keys->free);
        alloc_free(keys->listed);
        bytes_done(&keys->encoded);
        memset(keys, 0, sizeof *keys);
}

/* ---- lookup of rows ---- */

static void hash_rows(struct keys *keys, uint32_t n)
{
        const struct hash_key *key = &keys->hash_key;

        if (keys->kind == KEYS_I64 && keys->values == keys->ahead && n == keys->n_ahead)
                memcpy(keys->hashes, keys->ahead_hashes, n * sizeof *keys->hashes);
        else if (keys->kind == KEYS_I64)
                for (uint32_t i = 0; i < n; i++)
                        keys->hashes[i] = hash_u64(key, (uint64_t)keys->values[i]);
        else
                for (uint32_t i = 0; i < n; i++)
                        keys->hashes[i] = hash_bytes(key, keys->texts[i].data, keys->texts[i].len);
        keys->n_ahead = 0;
}

static inline const struct keys_bucket *bucket_of(struct keys_segment *const *segments, unsigned shift, uint32_t mask,
                                                  uint64_t hash)
{
        return &segments[hash >> 1 >> shift]->buckets[(uint32_t)hash & mask];
}

/* Reads the line of every row's bucket, so that they are on their way all at once. They are read, not prefetched: a
 * processor with all its miss buffers in use drops a prefetch (Zen 4: from two dozen on), and makes a read wait. */
static void touch_buckets(const struct keys *keys, uint32_t n)
{
        struct keys_segment *const *segments = keys->segments;
        unsigned shift = 63 - keys->depth;
        uint64_t sum = 0;

        for (uint32_t i = 0; i < n; i++)
                sum += bucket_of(segments, shift, SEGMENT_MOST - 1, keys->hashes[i])->values[0];
        __asm__ volatile("" : : "r"(sum)); /* it was wanted */
}

/* id + 1 at the first place of a bucket that holds the value; 0: none does. */
static inline uint32_t bucket_match(const struct keys_bucket *bucket, uint64_t value)
{
        unsigned match = 1u << BUCKET_KEYS; /* the place behind the last: its id is always 0 */

#pragma GCC unroll 8
        for (unsigned k = 0; k < BUCKET_KEYS; k++)
                match |= (unsigned)(bucket->values[k] == value) << k;
        return bucket->ids[__builtin_ctz(match)];
}

/* Fetches the bucket of a number of the next batch. One at a time, between other work: prefetches in a burst are lost
 * (touch_buckets), and those that are lost all the same are read later. */
static inline void look_ahead(struct keys *keys, struct keys_segment *const *segments, unsigned shift, uint32_t i)
{
        uint64_t hash = hash_u64(&keys->hash_key, (uint64_t)keys->next[i]);

        keys->ahead_hashes[i] = hash;
        __builtin_prefetch(bucket_of(segments, shift, SEGMENT_MOST - 1, hash));
}

/* Nearly always a row's bucket says it all, and no branch depends on what it says. What remains, a key gone or in the
 * next bucket, is looked at when that has been fetched. */
static void probe_rows(struct keys *keys, uint32_t n, uint32_t *candidates)
{
        const uint64_t *values = keys->kind == KEYS_I64 ? (const uint64_t *)keys->values : keys->hashes;
        struct keys_segment *const *segments = keys->segments;
        uint32_t mask = segments[0]->mask, n_rest = 0, n_next = n < keys->n_next ? n : keys->n_next;
        unsigned shift = 63 - keys->depth;
        uint32_t rest[KEYS_BATCH];

        for (uint32_t i = 0; i < n; i++) {
                const struct keys_bucket *bucket = bucket_of(segments, shift, mask, keys->hashes[i]);
                uint32_t found = bucket_match(bucket, values[i]);
                bool is_full = bucket->ids[BUCKET_KEYS - 1] != 0;

                candidates[i] = found - 1;
                rest[n_rest] = i;
                n_rest += ((found == 0) & is_full) | (found == ID_GONE);
                if (i < n_next)
                        look_ahead(keys, segments, shift, i);
        }
        keys->ahead = keys->next;
        keys->n_ahead = n_next;
        for (uint32_t r = 0; r < n_rest; r++)
                __builtin_prefetch(bucket_of(segments, shift, mask, keys->hashes[rest[r]] + 1));
        for (uint32_t r = 0; r < n_rest; r++)
                candidates[rest[r]] = keys_find_row(keys, rest[r]);
}

/* Reads what the candidates' keys are compared with: where their bytes are, then the bytes. */
static void touch_texts(const struct keys *keys, uint32_t n, const uint32_t *candidates)
{
        const struct block_dir *dir = keys->map.dir;
        struct block *block;
        uintptr_t sum = 0;

        for (uint32_t i = 0; i < n; i++)
                if (candidates[i] != KEYS_NO_ID) {
                        sum += *keys_cell(dir, candidates[i], &block);
                        sum += (uintptr_t)block->text;
                }
        for (uint32_t i = 0; i < n; i++)
                if (candidates[i] != KEYS_NO_ID) {
                        struct slice text = keys_text(dir, candidates[i]);

                        sum += text.len > 0 ? text.data[0] : 0;
                }
        __asm__ volatile("" : : "r"(sum));
}

/* Equal hashes are not equal keys yet. */
static void compare_rows(const struct keys *keys, uint32_t n, uint32_t *candidates)
{
        if (keys->depth > 0)
                touch_texts(keys, n, candidates);
        for (uint32_t i = 0; i < n; i++)
                if (candidates[i] != KEYS_NO_ID && !keys_is_row(keys, candidates[i], i))
                        candidates[i] = keys_find_row(keys, i);
}

/* Few keys, small numbers: most are found without a hash. When they are not, this is left alone for a while. */
static bool find_recent(struct keys *keys, uint32_t n, uint32_t *candidates)
{
        uint32_t n_missed = 0;

        for (uint32_t i = 0; i < n; i++) {
                const struct keys_recent *recent = &keys->recent[keys->values[i] & (KEYS_RECENT - 1)];

                candidates[i] = recent->value == keys->values[i] ? recent->id : KEYS_NO_ID;
                n_missed += candidates[i] == KEYS_NO_ID;
        }
        if (n_missed == 0)
                return keys->valid == NULL;
        if (n_missed > n / 4)
                keys->recent_rest = RECENT_REST;
        for (uint32_t i = 0; n_missed > 0 && i < n; i++) {
                if (candidates[i] != KEYS_NO_ID)
                        continue;
                n_missed--;
                if (keys_is_null_row(keys, i))
                        continue;
                keys->hashes[i] = hash_u64(&keys->hash_key, (uint64_t)keys->values[i]);
                candidates[i] = keys_find_row(keys, i);
                keys->recent[keys->values[i] & (KEYS_RECENT - 1)] =
                        (struct keys_recent){.value = keys->values[i], .id = candidates[i]};
        }
        return false;
}

static bool use_recent(struct keys *keys)
{
        if (keys->kind != KEYS_I64 || keys->n_live > KEYS_RECENT / 2 || keys->n_ids == 0)
                return false;
        if (keys->recent_rest == 0)
                return true;
        keys->recent_rest--;
        return false;
}

void keys_announce(struct keys *keys, const struct vector *const *columns, uint32_t from, uint32_t n)
{
        bool is_of_use = keys->kind == KEYS_I64 && keys->depth > 0 && n > 0;

        assert(n <= KEYS_BATCH);
        keys->next = is_of_use ? columns[0]->i64 + from : NULL;
        keys->n_next = is_of_use ? n : 0;
}

bool keys_find(struct keys *keys, const struct vector *const *columns, uint32_t n, uint32_t *candidates)
{
        bool are_listed = false;

        assert(n <= KEYS_BATCH);
        keys->is_stale = false;
        keys->valid = NULL;
        switch (keys->kind) {
        case KEYS_GLOBAL:
                for (uint32_t i = 0; i < n; i++)
                        candidates[i] = keys->n_ids > 0 ? 0 : KEYS_NO_ID;
                return keys->n_ids > 0;
        case KEYS_I64:
                keys->values = columns[0]->i64;
                keys->valid = columns[0]->valid;
                break;
        case KEYS_TEXT:
                memcpy(keys->texts, columns[0]->str, n * sizeof *keys->texts);
                keys->valid = columns[0]->valid;
                break;
        default:
                keys_encode(keys, columns, n);
                break;
        }
        if (use_recent(keys)) {
                are_listed = find_recent(keys, n, candidates);
        } else {
                hash_rows(keys, n);
                if (keys->depth > 0) /* one segment stays in the cache */
                        touch_buckets(keys, n);
                memset(candidates, 0xff, n * sizeof *candidates);
                if (keys->n_ids > 0) {
                        probe_rows(keys, n, candidates);
                        if (keys->kind != KEYS_I64)
                                compare_rows(keys, n, candidates);
                }
        }
        for (uint32_t i = 0; keys->valid != NULL && i < n; i++)
                if (!bitmap_get(keys->valid, i))
                        candidates[i] = keys->null_id;
        return are_listed;
}

/* ---- ids ---- */

void keys_reserve(struct keys *keys, uint32_t id)
{
        uint32_t capacity = keys->capacity == 0 ? BLOCK_IDS : keys->capacity;

        if (id < keys->capacity)
                return;
        while (capacity <= id)
                capacity *= 2;
        keys->holds = alloc_resize(keys->holds, capacity, sizeof *keys->holds);
        keys->free = alloc_resize(keys->free, capacity / 64, 8);
        keys->listed = alloc_resize(keys->listed, capacity / 64, 8);
        memset(keys->holds + keys->capacity, 0, (capacity - keys->capacity) * sizeof *keys->holds);
        memset(keys->free + keys->capacity / 64, 0xff, (capacity - keys->capacity) / 8);
        memset(keys->listed + keys->capacity / 64, 0, (capacity - keys->capacity) / 8);
        keys->capacity = capacity;
}

static uint32_t lowest_free(struct keys *keys)
{
        for (;;) {
                uint32_t n_words = keys->capacity / 64;

                while (keys->first_free < n_words && keys->free[keys->first_free] == 0)
                        keys->first_free++;
                if (keys->first_free < n_words)
                        return keys->first_free * 64 + (uint32_t)__builtin_ctzll(keys->free[keys->first_free]);
                keys_reserve(keys, keys->capacity);
        }
}

void keys_take_id(struct keys *keys, uint32_t id)
{
        bool is_new, is_moved;
        struct block *block;

        keys->is_stale = true;
        keys_unlist(keys, id);
        bitmap_clear(keys->free, id);
        if (keys->n_ids <= id)
                keys->n_ids = id + 1;
        block_map_own(&keys->map, id);
        block_map_need(&keys->map, id, keys->capacity, 0, &block, &is_new, &is_moved);
        assert(block->is_dense);
}

void keys_store(struct keys *keys, uint32_t id, uint64_t value, struct slice text)
{
        uintptr_t entry = keys->map.dir->blocks[id >> BLOCK_ID_BITS];
        uint64_t *word = block_words(block_of(entry)) + (id & (BLOCK_IDS - 1));

        if (keys->kind == KEYS_I64)
                *word = value;
        else
                block_set_text(&keys->map, block_of(entry), word, text);
}

uint32_t keys_need(struct keys *keys, uint32_t i, bool may_give)
{
        uint32_t id = keys->n_ids > 0 ? 0 : KEYS_NO_ID; /* of KEYS_GLOBAL */
        bool is_null = keys->kind != KEYS_GLOBAL && keys_is_null_row(keys, i);

        if (keys->kind == KEYS_I64)
                keys->hashes[i] = hash_u64(&keys->hash_key, (uint64_t)keys->values[i]);
        if (keys->kind != KEYS_GLOBAL)
                id = keys_find_row(keys, i);
        if (keys_is_live(keys, id))
                return id;
        if (!may_give || keys->n_live >= keys->max_live)
                return KEYS_NO_ID;
        if (keys->kind >= KEYS_TEXT && keys->texts[i].len > LIMIT_STRING_BYTES)
                return KEYS_NO_ID;
        if (id != KEYS_NO_ID)
                keys_unlist(keys, id); /* it had left, and is as new as any other */
        id = lowest_free(keys);
        keys_take_id(keys, id);
        if (keys->kind == KEYS_GLOBAL || is_null) {
                keys_store(keys, id, 0, slice_make(NULL, 0));
                keys_mark_listed(keys, id);
                keys->null_id = is_null ? id : KEYS_NO_ID;
                return id;
        }
        keys_store(keys, id, keys->kind == KEYS_I64 ? (uint64_t)keys->values[i] : 0, keys->texts[i]);
        keys_list(keys, keys->hashes[i], keys_row_value(keys, i), id);
        return id;
}

void keys_release(struct keys *keys, const struct block_dir *pane)
{
        for (uint32_t b = 0; pane != NULL && b < pane->n; b++) {
                uint64_t present[BLOCK_PRESENT_WORDS] = {0};
                uint32_t *holds = keys->holds + (size_t)b * BLOCK_IDS;

                if (pane->blocks[b] == 0)
                        continue;
                block_or_present(pane->blocks[b], present);
                for (uint32_t w = 0; w < BLOCK_PRESENT_WORDS; w++, holds += 64) {
                        uint32_t at = b * BLOCK_PRESENT_WORDS + w;
                        uint64_t left = 0;

                        if (present[w] == 0)
                                continue;
                        for (unsigned i = 0; i < 64; i++) {
                                uint32_t bit = (uint32_t)(present[w] >> i & 1);

                                holds[i] -= bit;
                                left |= (uint64_t)(holds[i] == 0 ? bit : 0) << i;
                        }
                        if (left == 0)
                                continue;
                        keys->free[at] |= left;
                        keys->n_live -= (uint32_t)__builtin_popcountll(left);
                        if (at < keys->first_free)
                                keys->first_free = at;
                }
        }
}

void keys_release_all(struct keys *keys)
{
        if (keys->capacity == 0)
                return;
        memset(keys->holds, 0, keys->capacity * sizeof *keys->holds);
        memset(keys->free, 0xff, keys->capacity / 8);
        keys->n_live = 0;
        keys->first_free = 0;
}

/* ---- frozen ---- */

void keys_freeze(struct keys *keys, struct keys_frozen *ret_frozen)
{
        ret_frozen->dir = block_map_freeze(&keys->map);
        ret_frozen->null_id = keys->null_id;
}

void keys_thaw(struct keys *keys, struct keys_frozen *frozen)
{
        block_dir_drop(frozen->dir, &keys->layout, keys->pool);
        frozen->dir = NULL;
}

bool keys_is_restored(const struct keys *keys, uint32_t id)
{
        return id < keys->capacity && !bitmap_get(keys->free, id);
}

bool keys_are_held(const struct keys *keys)
{
        for (uint32_t id = 0; id < keys->capacity; id++)
                if (!bitmap_get(keys->free, id) && keys->holds[id] == 0)
                        return false;
        return true;
}
