/* redis_zset.c - the sorted sets that an epoch is building. */
#include "sinks/redis_zset.h"

#include "sidecar/base/alloc.h"

enum { BUCKETS_MIN = 64 };

static const char suffix[] = ":next";

void redis_zset_init(struct redis_zsets *zsets)
{
        *zsets = (struct redis_zsets){.n_sets = 0};
        arena_init(&zsets->keys, 16u << 10, 0);
        hash_key_draw(&zsets->hash_key);
}

void redis_zset_done(struct redis_zsets *zsets)
{
        alloc_free(zsets->sets);
        alloc_free(zsets->buckets);
        arena_done(&zsets->keys);
}

void redis_zset_reset(struct redis_zsets *zsets)
{
        zsets->n_sets = 0;
        arena_reset(&zsets->keys);
        if (zsets->buckets != NULL)
                memset(zsets->buckets, 0, zsets->n_buckets * sizeof(*zsets->buckets));
}

static uint32_t *bucket_of(struct redis_zsets *zsets, struct slice key)
{
        return &zsets->buckets[hash_bytes(&zsets->hash_key, key.data, key.len) & (zsets->n_buckets - 1)];
}

static void grow(struct redis_zsets *zsets)
{
        zsets->max_sets = zsets->max_sets == 0 ? BUCKETS_MIN : zsets->max_sets * 2;
        zsets->sets = alloc_resize(zsets->sets, zsets->max_sets, sizeof(*zsets->sets));
        alloc_free(zsets->buckets);
        zsets->n_buckets = zsets->max_sets;
        zsets->buckets = alloc_zero(zsets->n_buckets, sizeof(*zsets->buckets));
        for (uint32_t i = 0; i < zsets->n_sets; i++) {
                uint32_t *bucket = bucket_of(zsets, zsets->sets[i].key);

                zsets->sets[i].chain = *bucket;
                *bucket = i + 1;
        }
}

struct redis_zset *redis_zset_find(struct redis_zsets *zsets, struct slice key, bool *ret_is_new)
{
        struct redis_zset *set;
        uint32_t *bucket;
        uint8_t *copy;

        if (zsets->n_sets == zsets->max_sets)
                grow(zsets);
        bucket = bucket_of(zsets, key);
        *ret_is_new = false;
        for (uint32_t i = *bucket; i != 0; i = zsets->sets[i - 1].chain)
                if (slice_is_equal(zsets->sets[i - 1].key, key))
                        return &zsets->sets[i - 1];
        copy = arena_take(&zsets->keys, key.len + sizeof(suffix), 1);
        memcpy(copy, key.data, key.len);
        memcpy(copy + key.len, suffix, sizeof(suffix));
        set = &zsets->sets[zsets->n_sets++];
        *set = (struct redis_zset){
                .key = slice_make(copy, key.len),
                .next = slice_make(copy, key.len + sizeof(suffix) - 1),
                .chain = *bucket,
        };
        *bucket = zsets->n_sets;
        *ret_is_new = true;
        return set;
}
