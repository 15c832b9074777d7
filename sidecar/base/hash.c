/* hash.c - keyed hashing by multiply-and-fold.
 *
 * A block of 16 bytes is two little-endian words; each is mixed with a secret word, and the two halves of
 * their 128-bit product are folded together. Inputs of up to 16 bytes are one block made of their first
 * and last words (which may overlap; the length goes into the end, so that overlap never makes two
 * lengths one). Longer inputs run in three lanes of 16 bytes, so that three products are in flight. */
#include "sidecar/base/hash.h"

#include "sidecar/base/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum { HASH_LANE_BYTES = 16, HASH_STRIDE_BYTES = 3 * HASH_LANE_BYTES };

void hash_key_draw(struct hash_key *ret_key)
{
        uint8_t raw[sizeof(ret_key->word)];

        /* 32 bytes come whole or not at all; an error means a kernel older than anything supported. */
        if (getrandom(raw, sizeof(raw), 0) != (ssize_t)sizeof(raw)) {
                perror("weir: getrandom");
                abort();
        }
        for (size_t i = 0; i < 4; i++)
                ret_key->word[i] = bytes_get_u64(raw + 8 * i);
}

/* splitmix64 */
struct hash_key hash_key_from_seed(uint64_t seed)
{
        struct hash_key key;

        for (size_t i = 0; i < 4; i++) {
                uint64_t x = seed += 0x9e3779b97f4a7c15u;

                x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
                x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
                key.word[i] = x ^ (x >> 31);
        }
        return key;
}

static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
        unsigned __int128 product = (unsigned __int128)a * b;

        return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_lane(const uint8_t *at, uint64_t secret, uint64_t state)
{
        return hash_fold(bytes_get_u64(at) ^ secret, bytes_get_u64(at + 8) ^ state);
}

uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t len)
{
        const uint8_t *at = data;
        uint64_t state = key->word[0];
        uint64_t first = 0;
        uint64_t last = 0;
        size_t left = len;

        if (len >= 8 && len <= 16) {
                first = bytes_get_u64(at);
                last = bytes_get_u64(at + len - 8);
        } else if (len >= 4 && len < 8) {
                first = bytes_get_u32(at);
                last = bytes_get_u32(at + len - 4);
        } else if (len > 0 && len < 4) {
                first = (uint64_t)at[0] << 16 | (uint64_t)at[len >> 1] << 8 | at[len - 1];
        } else if (len > 16) {
                if (left > HASH_STRIDE_BYTES) {
                        uint64_t second_state = state ^ key->word[2];
                        uint64_t third_state = state ^ key->word[3];

                        do {
                                state = hash_lane(at, key->word[1], state);
                                second_state = hash_lane(at + 16, key->word[2], second_state);
                                third_state = hash_lane(at + 32, key->word[3], third_state);
                                at += HASH_STRIDE_BYTES;
                                left -= HASH_STRIDE_BYTES;
                        } while (left > HASH_STRIDE_BYTES);
                        state ^= second_state ^ third_state;
                }
                for (; left > HASH_LANE_BYTES; at += HASH_LANE_BYTES, left -= HASH_LANE_BYTES)
                        state = hash_lane(at, key->word[1], state);
                first = bytes_get_u64(at + left - 16);
                last = bytes_get_u64(at + left - 8);
        }
        return hash_fold(key->word[2] ^ len, hash_fold(first ^ key->word[1], last ^ state));
}
