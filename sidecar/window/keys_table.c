/* keys_table.c - keys to ids by hash. See keys.h.
 *
 * An extendible hash: a directory by the hash's highest bits to segments of buckets, each one cache line. A bucket that
 * is full sends further keys to the next; a key that is taken out leaves a mark, so that those behind it are found. A
 * full segment is doubled, and from SEGMENT_MOST buckets on split in two by one more bit: no call ever moves more than
 * one segment. */
#include "sidecar/window/keys_internal.h"

#include "sidecar/base/alloc.h"

/* A segment is full at 3/5: one key in 25 is then in another bucket than its own, which is a cache line more. */
enum { FULL_OF = 3, FULL_PARTS = 5 };

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

static uint64_t stored_hash(const struct keys *keys, uint32_t id)
{
        struct block *block;
        const uint64_t *word = keys_cell(keys->map.dir, id, &block);

        if (keys->kind == KEYS_I64)
                return keys_hash(keys, *word, slice_make(NULL, 0));
        return keys_hash(keys, 0, block_text_of(block, *word));
}

void keys_table_init(struct keys *keys)
{
        keys->segments = alloc_zero(1, sizeof *keys->segments);
        keys->segments[0] = segment_new(keys->pool, 0, SEGMENT_LEAST);
        keys->recent = alloc_array(KEYS_RECENT, sizeof *keys->recent);
        for (uint32_t i = 0; i < KEYS_RECENT; i++)
                keys->recent[i] = (struct keys_recent){.id = KEYS_NO_ID};
}

void keys_table_done(struct keys *keys)
{
        for (size_t i = 0; keys->segments != NULL && i < (size_t)1 << keys->depth;) {
                struct keys_segment *segment = keys->segments[i];

                i += (size_t)1 << (keys->depth - segment->depth);
                segment_free(keys->pool, segment);
        }
        alloc_free(keys->segments);
        alloc_free(keys->recent);
}

uint32_t keys_find_row(const struct keys *keys, uint32_t i)
{
        uint64_t hash = keys->hashes[i];
        const struct keys_segment *segment;

        if (keys_is_null_row(keys, i))
                return keys->null_id;
        segment = keys->segments[keys_segment_index(keys, hash)];
        for (uint32_t at = (uint32_t)hash & segment->mask;; at = (at + 1) & segment->mask) {
                const struct keys_bucket *bucket = &segment->buckets[at];

                for (unsigned k = 0; k < BUCKET_KEYS; k++) {
                        if (bucket->ids[k] == 0)
                                return KEYS_NO_ID;
                        if (bucket->ids[k] != ID_GONE && bucket->values[k] == keys_row_value(keys, i) &&
                            (keys->kind == KEYS_I64 || keys_is_row(keys, bucket->ids[k] - 1, i)))
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

void keys_list(struct keys *keys, uint64_t hash, uint64_t value, uint32_t id)
{
        for (;;) {
                size_t index = keys_segment_index(keys, hash);
                struct keys_segment *segment = keys->segments[index];
                uint32_t n_buckets = segment->mask + 1;

                if ((segment->n + segment->n_gone + 1) * FULL_PARTS <= n_buckets * BUCKET_KEYS * FULL_OF) {
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
        keys_mark_listed(keys, id);
}

static void forget_recent(struct keys *keys, uint32_t id)
{
        struct block *block;
        struct keys_recent *recent;

        if (keys->kind != KEYS_I64)
                return;
        recent = &keys->recent[*keys_cell(keys->map.dir, id, &block) & (KEYS_RECENT - 1)];
        if (recent->id == id)
                recent->id = KEYS_NO_ID;
}

void keys_unlist(struct keys *keys, uint32_t id)
{
        struct keys_segment *segment;
        struct keys_bucket *bucket;
        uint64_t hash;
        unsigned k = 0;

        if (!bitmap_get(keys->listed, id))
                return;
        bitmap_clear(keys->listed, id);
        keys->n_listed--;
        if (id == keys->null_id) {
                keys->null_id = KEYS_NO_ID;
                return;
        }
        if (keys->kind == KEYS_GLOBAL)
                return;
        forget_recent(keys, id);
        hash = stored_hash(keys, id);
        segment = keys->segments[keys_segment_index(keys, hash)];
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
