/* test_crc32c.c - published vectors, the table recomputed, instruction and table agree. */
#include "sidecar/base/crc32c.h"

#include "sidecar/base/crc32c_table.h"
#include "tests/lib/check.h"

TEST(published_vectors_hold)
{
        uint8_t data[32];

        CHECK_UINT(crc32c(0, "123456789", 9), 0xe3069283);
        CHECK_UINT(crc32c(0, "", 0), 0);
        /* RFC 3720, B.4 */
        memset(data, 0, sizeof(data));
        CHECK_UINT(crc32c(0, data, sizeof(data)), 0x8a9136aa);
        memset(data, 0xff, sizeof(data));
        CHECK_UINT(crc32c(0, data, sizeof(data)), 0x62a8ab43);
        for (unsigned i = 0; i < 32; i++)
                data[i] = (uint8_t)i;
        CHECK_UINT(crc32c(0, data, sizeof(data)), 0x46dd794e);
        for (unsigned i = 0; i < 32; i++)
                data[i] = (uint8_t)(31 - i);
        CHECK_UINT(crc32c(0, data, sizeof(data)), 0x113fdb5c);
}

TEST(table_is_what_the_polynomial_gives)
{
        for (unsigned i = 0; i < 256; i++) {
                uint32_t crc = i;

                for (unsigned bit = 0; bit < 8; bit++)
                        crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0);
                for (unsigned k = 0; k < 8; k++) {
                        CHECK_UINT(crc32c_table[k][i], crc);
                        for (unsigned bit = 0; bit < 8; bit++)
                                crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0);
                }
        }
}

TEST(instruction_and_table_agree)
{
        static uint8_t data[40000];
        struct check_random random = check_seed(17);

        for (size_t i = 0; i < sizeof(data); i++)
                data[i] = (uint8_t)check_random_u64(&random);
        for (size_t len = 0; len < 2000; len++)
                CHECK_UINT(crc32c((uint32_t)len, data + len % 9, len),
                           crc32c_by_table((uint32_t)len, data + len % 9, len));
        for (unsigned i = 0; i < 200; i++) {
                size_t from = (size_t)check_random_below(&random, 1000);
                size_t len = (size_t)check_random_below(&random, sizeof(data) - from);

                CHECK_UINT(crc32c(5, data + from, len), crc32c_by_table(5, data + from, len));
        }
}

TEST(parts_continue_each_other)
{
        uint8_t data[1000];

        for (unsigned i = 0; i < sizeof(data); i++)
                data[i] = (uint8_t)(i * 13);
        for (size_t cut = 0; cut <= sizeof(data); cut += 7)
                CHECK_UINT(crc32c(crc32c(0, data, cut), data + cut, sizeof(data) - cut), crc32c(0, data, sizeof(data)));
}
