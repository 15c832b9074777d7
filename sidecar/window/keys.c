/* keys.c - the key table. See keys.h.
 *
 * Encoding of a KEYS_ROW key: a bit per column (set: NULL) in whole bytes, then each column that is not NULL: 8
 * bytes (PHYS_I64, PHYS_F64), 16 (PHYS_DEC), or a length of 4 and the bytes (PHYS_STR), all little-endian. Equal keys
 * have equal bytes: every NaN is written as one and the same; -0.0 and 0.0 are two keys, as in Flink. */
#include "sidecar/window/keys.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"

#include <assert.h>

enum {
        BUCKET_KEYS = 5,
        SEGMENT_LEAST = 32,  /* buckets */
        SEGMENT_MOST = 512,  /* then it is split: as soon as there are several, all have so many */
};
enum { RECENT_REST = 100 }; /* batches */

#define ID_GONE UINT32_MAX   /* a key that was taken out: others may stand behind it */

/* One cache line: what a lookup of a number costs is this line and nothing else, however many keys there are. */
struct keys_bucket {
        uint64_t values[BUCKET_KEYS]; /* KEYS_I64: the key; others: its hash */
        uint32_t ids[BUCKET_KEYS];    /* id + 1; 0: empty, and nothing stands behind it */
        uint32_t spare;
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

static const uint64_t no_key = 0;

static size_t segment_bytes(uint32_t n_buckets)
{
        return sizeof(struct keys_segment) + (size_t)n_buckets * sizeof(struct keys_bucket);
}

static struct keys_segment *segment_new(struct pool *pool, uint32_t depth, uint32_t n_buckets)
{
        struct keys_segment *segment = pool_take(pool, segment_bytes(n_buckets));

        memset(segment, 0, segment_bytes(n_buckets));
        segment->depth = depth;
        segment->mask = n_buckets - 1;
        pool->live += pool_rounded(segment_bytes(n_buckets));
        return segment;
}

static void segment_free(struct pool *pool, struct keys_segment *segment)
{
        pool->live -= pool_rounded(segment_bytes(segment->mask + 1));
        pool_give(pool, segment, segment_bytes(segment->mask + 1));
}

/* Highest bits of a hash: the segment; lowest: the bucket. */
static inline size_t segment_index(const struct keys *keys, uint64_t hash)
{
        return (size_t)(hash >> 1 >> (63 - keys->depth));
}

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
        keys->segments = alloc_zero(1, sizeof *keys->segments);
        keys->segments[0] = segment_new(pool, 0, SEGMENT_LEAST);
        bytes_init(&keys->encoded);
        keys->recent = alloc_array(KEYS_RECENT, sizeof *keys->recent);
        for (uint32_t i = 0; i < KEYS_RECENT; i++)
                keys->recent[i] = (struct keys_recent){.id = KEYS_NO_ID};
}

void keys_done(struct keys *keys)
{
        if (keys->segments != NULL)
                for (size_t i = 0; i < (size_t)1 << keys->depth;) {
                        struct keys_segment *segment = keys->segments[i];

                        i += (size_t)1 << (keys->depth - segment->depth);
                        segment_free(keys->pool, segment);
                }
        alloc_free(keys->segments);
        if (keys->pool != NULL)
                block_map_done(&keys->map);
        alloc_free(keys->phys);
        alloc_free(keys->holds);
        alloc_free(keys->free);
        alloc_free(keys->listed);
        alloc_free(keys->recent);
        bytes_done(&keys->encoded);
        memset(keys, 0, sizeof *keys);
}

/* ---- keys as bytes ---- */

static size_t encoded_bytes(const struct vector *column, uint32_t i)
{
        if (vector_is_null(column, i))
                return 0;
        switch (column->phys) {
        case PHYS_I64:
        case PHYS_F64:
                return 8;
        case PHYS_DEC:
                return 16;
        default:
                return 4 + column->str[i].len;
        }
}

static uint64_t f64_bits(double value)
{
        uint64_t bits;

        if (value != value)
                return UINT64_C(0x7ff8000000000000);
        memcpy(&bits, &value, 8);
        return bits;
}

static uint8_t *encode_column(const struct vector *column, uint32_t i, uint8_t *at)
{
        struct slice text;

        switch (column->phys) {
        case PHYS_I64:
                bytes_put_u64(at, (uint64_t)column->i64[i]);
                return at + 8;
        case PHYS_F64:
                bytes_put_u64(at, f64_bits(column->f64[i]));
                return at + 8;
        case PHYS_DEC:
                bytes_put_u64(at, (uint64_t)column->dec[i]);
                bytes_put_u64(at + 8, (uint64_t)(column->dec[i] >> 64));
                return at + 16;
        default:
                text = column->str[i];
                bytes_put_u32(at, (uint32_t)text.len);
                if (text.len > 0)
                        memcpy(at + 4, text.data, text.len);
                return at + 4 + text.len;
        }
}

static void encode_rows(struct keys *keys, const struct vector *const *columns, uint32_t n)
{
        size_t null_bytes = (keys->n_columns + 7) / 8;
        size_t total = 0;
        uint8_t *at;

        for (uint32_t i = 0; i < n; i++) {
                total += null_bytes;
                for (uint32_t c = 0; c < keys->n_columns; c++)
                        total += encoded_bytes(columns[c], i);
        }
        bytes_reset(&keys->encoded);
        at = bytes_reserve(&keys->encoded, total);
        for (uint32_t i = 0; i < n; i++) {
                uint8_t *begin = at;

                memset(at, 0, null_bytes);
                at += null_bytes;
                for (uint32_t c = 0; c < keys->n_columns; c++)
                        if (vector_is_null(columns[c], i))
                                begin[c / 8] = (uint8_t)(begin[c / 8] | 1u << (c % 8));
                        else
                                at = encode_column(columns[c], i, at);
                keys->texts[i] = slice_make(begin, (size_t)(at - begin));
        }
}

static uint64_t key_hash(const struct keys *keys, uint64_t word, struct slice text)
{
        if (keys->kind == KEYS_I64)
                return hash_u64(&keys->hash_key, word);
        return hash_bytes(&keys->hash_key, text.data, text.len);
}

/* Key blocks are dense and hold one word to an entry: it stands where another's counters would. */
static inline const uint64_t *key_cell(const struct block_dir *dir, uint32_t id, struct block **ret_block)
{
        *ret_block = block_of(dir->blocks[id >> BLOCK_ID_BITS]);
        return (const uint64_t *)(const void *)((const uint8_t *)*ret_block + BLOCK_DENSE_COUNTERS_AT) +
               (id & (BLOCK_IDS - 1));
}

static struct slice key_text(const struct block_dir *dir, uint32_t id)
{
        struct block *block;
        const uint64_t *word = key_cell(dir, id, &block);

        return block_text_of(block, *word);
}

static uint64_t stored_hash(const struct keys *keys, uint32_t id)
{
        struct block *block;
        const uint64_t *word = key_cell(keys->map.dir, id, &block);

        if (keys->kind == KEYS_I64)
                return key_hash(keys, *word, slice_make(NULL, 0));
        return key_hash(keys, 0, block_text_of(block, *word));
}

static bool is_null_row(const struct keys *keys, uint32_t i)
{
        return keys->valid != NULL && !bitmap_get(keys->valid, i);
}

static bool is_key_of_row(const struct keys *keys, uint32_t id, uint32_t i)
{
        struct block *block;
        const uint64_t *word = key_cell(keys->map.dir, id, &block);

        if (keys->kind == KEYS_I64)
                return *word == (uint64_t)keys->values[i];
        return slice_is_equal(block_text_of(block, *word), keys->texts[i]);
}

/* ---- the hash table ---- */

static inline uint64_t row_value(const struct keys *keys, uint32_t i)
{
        return keys->kind == KEYS_I64 ? (uint64_t)keys->values[i] : keys->hashes[i];
}

static uint32_t find_row(const struct keys *keys, uint32_t i)
{
        uint64_t hash = keys->hashes[i];
        const struct keys_segment *segment;

        if (is_null_row(keys, i))
                return keys->null_id;
        segment = keys->segments[segment_index(keys, hash)];
        for (uint32_t at = (uint32_t)hash & segment->mask;; at = (at + 1) & segment->mask) {
                const struct keys_bucket *bucket = &segment->buckets[at];

                for (unsigned k = 0; k < BUCKET_KEYS; k++) {
                        if (bucket->ids[k] == 0)
                                return KEYS_NO_ID;
                        if (bucket->ids[k] != ID_GONE && bucket->values[k] == row_value(keys, i) &&
                            (keys->kind == KEYS_I64 || is_key_of_row(keys, bucket->ids[k] - 1, i)))
                                return bucket->ids[k] - 1;
                }
        }
}

/* The key is not there: it takes the first place where none is. */
static void segment_put(struct keys_segment *segment, uint64_t hash, uint64_t value, uint32_t id)
{
        for (uint32_t at = (uint32_t)hash & segment->mask;; at = (at + 1) & segment->mask) {
                struct keys_bucket *bucket = &segment->buckets[at];

                for (unsigned k = 0; k < BUCKET_KEYS; k++) {
                        if (bucket->ids[k] != 0 && bucket->ids[k] != ID_GONE)
                                continue;
                        segment->n_gone -= bucket->ids[k] != 0;
                        segment->n++;
                        bucket->values[k] = value;
                        bucket->ids[k] = id + 1;
                        return;
                }
        }
}

/* Its keys in another segment, or in two by their next bit. */
static void segment_move(struct keys *keys, const struct keys_segment *old, struct keys_segment *const half[2])
{
        for (uint32_t at = 0; at <= old->mask; at++)
                for (unsigned k = 0; k < BUCKET_KEYS; k++) {
                        const struct keys_bucket *bucket = &old->buckets[at];
                        uint64_t value = bucket->values[k], hash;

                        if (bucket->ids[k] == 0 || bucket->ids[k] == ID_GONE)
                                continue;
                        hash = keys->kind == KEYS_I64 ? hash_u64(&keys->hash_key, value) : value;
                        segment_put(half[hash >> (63 - old->depth) & 1], hash, value, bucket->ids[k] - 1);
                }
}

static void segment_renew(struct keys *keys, struct keys_segment *old, size_t index, uint32_t n_buckets)
{
        struct keys_segment *segment = segment_new(keys->pool, old->depth, n_buckets);
        size_t span = (size_t)1 << (keys->depth - old->depth);
        size_t first = index & ~(span - 1);

        segment_move(keys, old, (struct keys_segment *[2]){segment, segment});
        for (size_t i = 0; i < span; i++)
                keys->segments[first + i] = segment;
        segment_free(keys->pool, old);
}

static void segment_split(struct keys *keys, struct keys_segment *old, size_t index)
{
        struct keys_segment *half[2];
        size_t span, first;

        if (old->depth == keys->depth) {
                size_t n = (size_t)1 << keys->depth;
                struct keys_segment **segments = alloc_array(n * 2, sizeof *segments);

                for (size_t i = 0; i < n * 2; i++)
                        segments[i] = keys->segments[i / 2];
                alloc_free(keys->segments);
                keys->segments = segments;
                keys->depth++;
                index *= 2;
        }
        for (unsigned h = 0; h < 2; h++)
                half[h] = segment_new(keys->pool, old->depth + 1, old->mask + 1);
        segment_move(keys, old, half);
        span = (size_t)1 << (keys->depth - old->depth);
        first = index & ~(span - 1);
        for (size_t i = 0; i < span; i++)
                keys->segments[first + i] = half[i >= span / 2];
        segment_free(keys->pool, old);
}

static void list_key(struct keys *keys, uint64_t hash, uint64_t value, uint32_t id)
{
        for (;;) {
                size_t index = segment_index(keys, hash);
                struct keys_segment *segment = keys->segments[index];
                uint32_t n_buckets = segment->mask + 1;

                if ((segment->n + segment->n_gone + 1) * 4 <= n_buckets * BUCKET_KEYS * 3) {
                        segment_put(segment, hash, value, id);
                        break;
                }
                if (segment->n_gone > n_buckets)
                        segment_renew(keys, segment, index, n_buckets);
                else if (n_buckets < SEGMENT_MOST)
                        segment_renew(keys, segment, index, n_buckets * 2);
                else
                        segment_split(keys, segment, index);
        }
        bitmap_set(keys->listed, id);
}

static void forget_recent(struct keys *keys, uint32_t id)
{
        struct block *block;
        struct keys_recent *recent;

        if (keys->kind != KEYS_I64)
                return;
        recent = &keys->recent[*key_cell(keys->map.dir, id, &block) & (KEYS_RECENT - 1)];
        if (recent->id == id)
                recent->id = KEYS_NO_ID;
}

/* Takes a key that has left out of the hash table. */
static void unlist_key(struct keys *keys, uint32_t id)
{
        struct keys_segment *segment;
        struct keys_bucket *bucket;
        uint64_t hash;
        unsigned k = 0;

        if (!bitmap_get(keys->listed, id))
                return;
        bitmap_clear(keys->listed, id);
        if (id == keys->null_id) {
                keys->null_id = KEYS_NO_ID;
                return;
        }
        if (keys->kind == KEYS_GLOBAL)
                return;
        forget_recent(keys, id);
        hash = stored_hash(keys, id);
        segment = keys->segments[segment_index(keys, hash)];
        bucket = &segment->buckets[(uint32_t)hash & segment->mask];
        while (bucket->ids[k] != id + 1)
                if (++k == BUCKET_KEYS) {
                        bucket = bucket == &segment->buckets[segment->mask] ? segment->buckets : bucket + 1;
                        k = 0;
                }
        bucket->ids[k] = ID_GONE;
        segment->n--;
        segment->n_gone++;
}

/* ---- lookup of rows ---- */

static void hash_rows(struct keys *keys, uint32_t n)
{
        const struct hash_key *key = &keys->hash_key;

        if (keys->kind == KEYS_I64)
                for (uint32_t i = 0; i < n; i++)
                        keys->hashes[i] = hash_u64(key, (uint64_t)keys->values[i]);
        else
                for (uint32_t i = 0; i < n; i++)
                        keys->hashes[i] = hash_bytes(key, keys->texts[i].data, keys->texts[i].len);
        if (keys->depth == 0)
                return; /* one segment stays in the cache */
        for (uint32_t i = 0; i < n; i++) {
                const struct keys_segment *segment = keys->segments[segment_index(keys, keys->hashes[i])];

                __builtin_prefetch(&segment->buckets[(uint32_t)keys->hashes[i] & (SEGMENT_MOST - 1)]);
        }
}

/* Which places of a bucket hold the value: a bit each. */
static inline unsigned bucket_match(const struct keys_bucket *bucket, uint64_t value)
{
        unsigned match = 0;

        for (unsigned k = 0; k < BUCKET_KEYS; k++)
                match |= (unsigned)(bucket->values[k] == value) << k;
        return match;
}

/* Nearly always a row's bucket says it all. What remains, a key gone or in the next bucket, is left to find_row. */
static void probe_rows(const struct keys *keys, uint32_t n, uint32_t *candidates)
{
        uint32_t mask = keys->segments[0]->mask;

        for (uint32_t i = 0; i < n; i++) {
                uint64_t hash = keys->hashes[i];
                const struct keys_segment *segment = keys->segments[segment_index(keys, hash)];
                const struct keys_bucket *bucket = &segment->buckets[(uint32_t)hash & mask];
                unsigned match = bucket_match(bucket, row_value(keys, i));

                candidates[i] = match == 0 ? 0 : bucket->ids[__builtin_ctz(match)];
                if (candidates[i] == 0 && bucket->ids[BUCKET_KEYS - 1] == 0)
                        candidates[i] = KEYS_NO_ID;
                else if (candidates[i] == 0 || candidates[i] == ID_GONE)
                        candidates[i] = find_row(keys, i);
                else
                        candidates[i]--;
        }
}

/* Equal hashes are not equal keys yet. */
static void compare_rows(const struct keys *keys, uint32_t n, uint32_t *candidates)
{
        const struct block_dir *dir = keys->map.dir;

        for (uint32_t i = 0; i < n && keys->depth > 0; i++)
                if (candidates[i] != KEYS_NO_ID) {
                        struct block *block;

                        __builtin_prefetch(key_cell(dir, candidates[i], &block));
                }
        for (uint32_t i = 0; i < n; i++)
                if (candidates[i] != KEYS_NO_ID && !is_key_of_row(keys, candidates[i], i))
                        candidates[i] = find_row(keys, i);
}

/* Few keys, small numbers: most are found without a hash. When they are not, this is left alone for a while. */
static void find_recent(struct keys *keys, uint32_t n, uint32_t *candidates)
{
        uint32_t n_missed = 0;

        for (uint32_t i = 0; i < n; i++) {
                const struct keys_recent *recent = &keys->recent[keys->values[i] & (KEYS_RECENT - 1)];

                candidates[i] = recent->value == keys->values[i] ? recent->id : KEYS_NO_ID;
                n_missed += candidates[i] == KEYS_NO_ID;
        }
        if (n_missed > n / 4)
                keys->recent_rest = RECENT_REST;
        for (uint32_t i = 0; n_missed > 0 && i < n; i++) {
                if (candidates[i] != KEYS_NO_ID)
                        continue;
                n_missed--;
                if (is_null_row(keys, i))
                        continue;
                keys->hashes[i] = hash_u64(&keys->hash_key, (uint64_t)keys->values[i]);
                candidates[i] = find_row(keys, i);
                keys->recent[keys->values[i] & (KEYS_RECENT - 1)] =
                        (struct keys_recent){.value = keys->values[i], .id = candidates[i]};
        }
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

void keys_find(struct keys *keys, const struct vector *const *columns, uint32_t n, uint32_t *candidates)
{
        assert(n <= KEYS_BATCH);
        keys->is_stale = false;
        keys->valid = NULL;
        switch (keys->kind) {
        case KEYS_GLOBAL:
                for (uint32_t i = 0; i < n; i++)
                        candidates[i] = keys->n_ids > 0 ? 0 : KEYS_NO_ID;
                return;
        case KEYS_I64:
                keys->values = columns[0]->i64;
                keys->valid = columns[0]->valid;
                break;
        case KEYS_TEXT:
                memcpy(keys->texts, columns[0]->str, n * sizeof *keys->texts);
                keys->valid = columns[0]->valid;
                break;
        default:
                encode_rows(keys, columns, n);
                break;
        }
        if (use_recent(keys)) {
                find_recent(keys, n, candidates);
        } else {
                hash_rows(keys, n);
                memset(candidates, 0xff, n * sizeof *candidates);
                if (keys->n_ids > 0) {
                        probe_rows(keys, n, candidates);
                        if (keys->kind != KEYS_I64)
                                compare_rows(keys, n, candidates);
                }
        }
        if (keys->valid != NULL)
                for (uint32_t i = 0; i < n; i++)
                        if (!bitmap_get(keys->valid, i))
                                candidates[i] = keys->null_id;
}

/* ---- ids ---- */

static void reserve_ids(struct keys *keys, uint32_t id)
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
                reserve_ids(keys, keys->capacity);
        }
}

static void take_id(struct keys *keys, uint32_t id)
{
        bool is_new, is_moved;
        struct block *block;

        keys->is_stale = true;
        unlist_key(keys, id);
        bitmap_clear(keys->free, id);
        if (keys->n_ids <= id)
                keys->n_ids = id + 1;
        block_map_own(&keys->map, id);
        block_map_need(&keys->map, id, keys->capacity, &block, &is_new, &is_moved);
        assert(block->is_dense);
}

static void store_key(struct keys *keys, uint32_t id, uint64_t value, struct slice text)
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
        bool is_null = keys->kind != KEYS_GLOBAL && is_null_row(keys, i);

        if (keys->kind == KEYS_I64)
                keys->hashes[i] = hash_u64(&keys->hash_key, (uint64_t)keys->values[i]);
        if (keys->kind != KEYS_GLOBAL)
                id = find_row(keys, i);
        if (keys_is_live(keys, id))
                return id;
        if (!may_give || keys->n_live >= keys->max_live)
                return KEYS_NO_ID;
        if (keys->kind >= KEYS_TEXT && keys->texts[i].len > LIMIT_STRING_BYTES)
                return KEYS_NO_ID;
        if (id != KEYS_NO_ID)
                unlist_key(keys, id); /* it had left, and is as new as any other */
        id = lowest_free(keys);
        take_id(keys, id);
        if (keys->kind == KEYS_GLOBAL || is_null) {
                store_key(keys, id, 0, slice_make(NULL, 0));
                bitmap_set(keys->listed, id);
                keys->null_id = is_null ? id : KEYS_NO_ID;
                return id;
        }
        store_key(keys, id, keys->kind == KEYS_I64 ? (uint64_t)keys->values[i] : 0, keys->texts[i]);
        list_key(keys, keys->hashes[i], row_value(keys, i), id);
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

static bool decode_column(struct bytes_reader *reader, enum phys phys, struct vector *column, uint32_t i)
{
        uint64_t low;

        switch (phys) {
        case PHYS_I64:
        case PHYS_F64:
                column->i64[i] = (int64_t)bytes_read_u64(reader);
                break;
        case PHYS_DEC:
                low = bytes_read_u64(reader);
                column->dec[i] = (weir_i128)((unsigned __int128)bytes_read_u64(reader) << 64 | low);
                break;
        default:
                column->str[i] = bytes_read_slice(reader, bytes_read_u32(reader));
                break;
        }
        return !reader->failed;
}

static void set_null(struct vector *column, uint32_t i, uint32_t capacity, struct arena *arena)
{
        vector_need_valid(column, capacity, arena);
        bitmap_clear(column->valid, i);
        if (column->phys == PHYS_STR)
                column->str[i] = slice_make(NULL, 0);
        else if (column->phys == PHYS_DEC)
                column->dec[i] = 0;
        else
                column->i64[i] = 0; /* the same bits are 0.0 */
}

static void decode_row(const struct keys *keys, struct slice text, struct vector *columns, uint32_t i,
                       uint32_t capacity, struct arena *arena)
{
        struct bytes_reader reader = bytes_reader_make(text);
        struct slice nulls = bytes_read_slice(&reader, (keys->n_columns + 7) / 8);

        for (uint32_t c = 0; c < keys->n_columns; c++)
                if (nulls.data[c / 8] >> (c % 8) & 1)
                        set_null(&columns[c], i, capacity, arena);
                else
                        decode_column(&reader, keys->phys[c], &columns[c], i);
}

void keys_decode(const struct keys *keys, const struct keys_frozen *frozen, const uint32_t *ids, uint32_t n,
                 struct vector *columns, uint32_t at, uint32_t capacity, struct arena *arena)
{
        if (keys->kind == KEYS_GLOBAL)
                return;
        for (uint32_t i = 0; i < n; i++) {
                struct block *block;

                if (keys->kind == KEYS_ROW)
                        decode_row(keys, key_text(frozen->dir, ids[i]), columns, at + i, capacity, arena);
                else if (ids[i] == frozen->null_id)
                        set_null(&columns[0], at + i, capacity, arena);
                else if (keys->kind == KEYS_I64)
                        columns[0].i64[at + i] = (int64_t)*key_cell(frozen->dir, ids[i], &block);
                else
                        columns[0].str[at + i] = key_text(frozen->dir, ids[i]);
        }
}

/* In a checkpoint: a byte (1: NULL key of a single column; nothing follows), then 8 bytes (KEYS_I64) or length and bytes. */
void keys_frozen_append(const struct keys *keys, const struct keys_frozen *frozen, uint32_t id, struct bytes *bytes)
{
        struct block *block;

        if (keys->kind == KEYS_GLOBAL)
                return;
        bytes_append_byte(bytes, id == frozen->null_id);
        if (id == frozen->null_id)
                return;
        if (keys->kind == KEYS_I64)
                bytes_append_u64(bytes, *key_cell(frozen->dir, id, &block));
        else
                bytes_append_lenslice(bytes, key_text(frozen->dir, id));
}

/* Is this what encode_rows would have made? */
static bool is_encoded_row(const struct keys *keys, struct slice text)
{
        struct bytes_reader reader = bytes_reader_make(text);
        size_t null_bytes = (keys->n_columns + 7) / 8;
        struct slice nulls = bytes_read_slice(&reader, null_bytes);

        if (reader.failed)
                return false;
        for (uint32_t c = 0; c < null_bytes * 8; c++) {
                bool is_null = nulls.data[c / 8] >> (c % 8) & 1;
                int64_t word;
                weir_i128 wide;
                struct slice str;
                struct vector column = {.data = &word};

                if (c >= keys->n_columns) {
                        if (is_null)
                                return false;
                        continue;
                }
                if (keys->phys[c] == PHYS_DEC)
                        column.data = &wide;
                else if (keys->phys[c] == PHYS_STR)
                        column.data = &str;
                if (!is_null && !decode_column(&reader, keys->phys[c], &column, 0))
                        return false;
        }
        return reader.at == reader.end;
}

bool keys_restore(struct keys *keys, uint32_t id, struct bytes_reader *reader)
{
        bool is_null = keys->kind == KEYS_GLOBAL ? false : bytes_read_u8(reader) == 1;
        uint64_t value = 0;

        if (id >= LIMIT_WINDOW_KEYS || (keys->kind == KEYS_GLOBAL && id != 0))
                return false;
        reserve_ids(keys, id);
        if (!bitmap_get(keys->free, id) || (is_null && (keys->kind == KEYS_ROW || keys->null_id != KEYS_NO_ID)))
                return false;
        keys->values = (const int64_t *)&value;
        keys->valid = NULL;
        keys->texts[0] = slice_make(NULL, 0);
        if (keys->kind == KEYS_I64 && !is_null)
                value = bytes_read_u64(reader);
        else if (keys->kind >= KEYS_TEXT && !is_null)
                keys->texts[0] = bytes_read_text(reader);
        if (reader->failed || keys->texts[0].len > LIMIT_STRING_BYTES)
                return false;
        if (keys->kind == KEYS_ROW && !is_encoded_row(keys, keys->texts[0]))
                return false;
        keys->hashes[0] = key_hash(keys, value, keys->texts[0]);
        if (!is_null && keys->kind != KEYS_GLOBAL && find_row(keys, 0) != KEYS_NO_ID)
                return false;
        take_id(keys, id);
        store_key(keys, id, value, keys->texts[0]);
        if (is_null)
                keys->null_id = id;
        if (is_null || keys->kind == KEYS_GLOBAL)
                bitmap_set(keys->listed, id);
        else
                list_key(keys, keys->hashes[0], row_value(keys, 0), id);
        return true;
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
