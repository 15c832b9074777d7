/* test_hash.c - the same everywhere, different for every key, no bit without effect. */
#include "sidecar/base/hash.h"

#include "tests/lib/check.h"

TEST(results_are_fixed)
{
        /* Fingerprints live in the log: a change of these values forgets every token on disk. */
        struct hash_key key = hash_key_from_seed(7);
        uint8_t data[200];

        for (unsigned i = 0; i < sizeof(data); i++)
                data[i] = (uint8_t)(i * 7);
        CHECK_UINT(hash_bytes(&key, "", 0), 0x9d9abea594f35297u);
        CHECK_UINT(hash_bytes(&key, data, 3), 0x668d28493561a3u);
        CHECK_UINT(hash_bytes(&key, data, 7), 0x13c3b901239f4212u);
        CHECK_UINT(hash_bytes(&key, data, 16), 0x5036222a3b7dac4eu);
        CHECK_UINT(hash_bytes(&key, data, 17), 0xe6f0123f81e50749u);
        CHECK_UINT(hash_bytes(&key, data, 48), 0xf4886ac17ab345efu);
        CHECK_UINT(hash_bytes(&key, data, 49), 0x5e7532be1c7d3f05u);
        CHECK_UINT(hash_bytes(&key, data, 200), 0x7fdb1dd74f3492d1u);
        CHECK_UINT(hash_u64(&key, 42), 0x253d8d2822da8fd7u);
}

TEST(alignment_of_the_input_does_not_matter)
{
        struct hash_key key = hash_key_from_seed(7);
        uint8_t data[300];
        uint8_t moved[300];

        for (unsigned i = 0; i < sizeof(data); i++)
                data[i] = (uint8_t)(i * 31 + 5);
        for (size_t len = 0; len < 200; len++) {
                size_t by = 1 + len % 63;

                memcpy(moved + by, data, len);
                CHECK_UINT(hash_bytes(&key, moved + by, len), hash_bytes(&key, data, len));
        }
}

TEST(every_length_of_zeros_is_its_own)
{
        struct hash_key key = hash_key_from_seed(9);
        uint8_t zeros[256] = {0};
        uint64_t seen[257];
        unsigned same = 0;

        for (size_t len = 0; len <= 256; len++) {
                seen[len] = hash_bytes(&key, zeros, len);
                for (size_t k = 0; k < len; k++)
                        same += seen[k] == seen[len];
        }
        CHECK_UINT(same, 0);
}

/* Worst distance from one half over all (input bit, output bit) pairs. */
static double worst_avalanche(struct check_random *random, const struct hash_key *key, size_t len)
{
        enum { ROUNDS = 400 };
        static unsigned flips[64];
        uint8_t data[128];
        double worst = 0;

        for (size_t bit = 0; bit < len * 8; bit++) {
                memset(flips, 0, sizeof(flips));
                for (unsigned round = 0; round < ROUNDS; round++) {
                        uint64_t difference;

                        for (size_t i = 0; i < len; i++)
                                data[i] = (uint8_t)check_random_u64(random);
                        difference = hash_bytes(key, data, len);
                        data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
                        difference ^= hash_bytes(key, data, len);
                        for (unsigned i = 0; i < 64; i++)
                                flips[i] += (unsigned)(difference >> i) & 1;
                }
                for (unsigned i = 0; i < 64; i++) {
                        double off = (double)flips[i] / ROUNDS - 0.5;

                        worst = off < 0 ? (-off > worst ? -off : worst) : (off > worst ? off : worst);
                }
        }
        return worst;
}

TEST(every_input_bit_moves_every_output_bit)
{
        static const size_t lens[] = {1, 4, 8, 12, 16, 20, 49};
        struct check_random random = check_seed(11);
        struct hash_key key = hash_key_from_seed(3);

        /* 400 throws: the standard deviation is 0.025, the worst of 25000 pairs about 0.11. */
        for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
                CHECK(worst_avalanche(&random, &key, lens[i]) < 0.17);
}

TEST(low_bits_of_dense_integers_spread)
{
        struct hash_key key = hash_key_from_seed(5);
        static unsigned buckets[1024];
        unsigned most = 0;

        for (uint64_t i = 0; i < 1024 * 64; i++)
                most = ++buckets[hash_u64(&key, i * 8) & 1023] > most ? buckets[hash_u64(&key, i * 8) & 1023] : most;
        CHECK(most < 64 + 6 * 8); /* six standard deviations */
}

TEST(keys_make_different_hashes)
{
        struct hash_key one = hash_key_from_seed(1);
        struct hash_key two = hash_key_from_seed(2);
        struct hash_key drawn;
        struct hash_key again;

        CHECK(hash_bytes(&one, "weir", 4) != hash_bytes(&two, "weir", 4));
        CHECK(hash_u64(&one, 4) != hash_u64(&two, 4));
        hash_key_draw(&drawn);
        hash_key_draw(&again);
        CHECK(memcmp(&drawn, &again, sizeof(drawn)) != 0);
}
