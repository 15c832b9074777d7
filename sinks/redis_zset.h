/* redis_zset.h - the sorted sets that an epoch is building.
 *
 * A leaderboard is replaced as a whole: its members are added to weir:{TABLE:PART}:next, and when its window is
 * complete (the next window of the same set begins, or the epoch ends) that key gets its TTL and is renamed over
 * the old one. A reader sees the old window or the new one, never a mixture. This is the list of sets under way, by
 * key. Memory: the keys of one epoch. Loop thread. */
#ifndef WEIR_SINKS_REDIS_ZSET_H
#define WEIR_SINKS_REDIS_ZSET_H

#include "sidecar/base/arena.h"
#include "sidecar/base/hash.h"

struct redis_zset {
        struct slice key;  /* the final one */
        struct slice next; /* key plus ":next" */
        int64_t window_end_ms;
        int64_t ttl_ms;
        uint32_t table;
        uint32_t chain;    /* next in the bucket, index + 1 */
};

struct redis_zsets {
        struct redis_zset *sets; /* in order of first appearance */
        uint32_t n_sets, max_sets;
        uint32_t *buckets;       /* index + 1; a power of two of them */
        uint32_t n_buckets;
        struct arena keys;
        struct hash_key hash_key;
};

void redis_zset_init(struct redis_zsets *zsets);
void redis_zset_done(struct redis_zsets *zsets);
void redis_zset_reset(struct redis_zsets *zsets);
/* The set under way for a key; made when it is not there (*ret_is_new). Valid until the next call. */
struct redis_zset *redis_zset_find(struct redis_zsets *zsets, struct slice key, bool *ret_is_new);

#endif
