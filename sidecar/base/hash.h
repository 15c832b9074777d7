/* hash.h - keyed hashes.
 *
 * Everything hashed here can come from the wire, so every hash has a secret key (reliability page
 * 3.1, attack 19). Keys that must be the same after a restart (fingerprints of re-sent rows) live in
 * the state directory; table keys are drawn per table. Results are the same on every machine:
 * little-endian words. Any thread. */
#ifndef WEIR_SIDECAR_BASE_HASH_H
#define WEIR_SIDECAR_BASE_HASH_H

#include "sidecar/base/slice.h"

struct hash_key {
        uint64_t word[4];
};

/* From getrandom(2). */
void hash_key_draw(struct hash_key *ret_key);
/* Reproducible, for tests and for tables whose iteration order never shows. */
struct hash_key hash_key_from_seed(uint64_t seed);

/* Keyed 64-bit hash of bytes: short inputs (<= 16 bytes) cost a few ns; long ones run at memory
 * speed. Multiply-and-fold over 128-bit products with secret words (the wyhash family's shape). */
uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t len);

static inline uint64_t hash_u64(const struct hash_key *key, uint64_t value)
{
        unsigned __int128 product = (unsigned __int128)(value ^ key->word[0]) * (key->word[1] | 1);
        uint64_t folded = (uint64_t)product ^ (uint64_t)(product >> 64);

        product = (unsigned __int128)(folded ^ key->word[2]) * (key->word[3] | 1);
        return (uint64_t)product ^ (uint64_t)(product >> 64);
}

#endif
