/* crc32c.c - CRC-32C by the processor's instruction in three streams, or by tables.
 *
 * The instruction takes 8 bytes in one cycle but answers after three, so one stream leaves two thirds of it
 * idle. A block of 3 n bytes is run as three streams of n bytes; the register of the first must then be
 * moved over 2 n zero bytes and that of the second over n. Moving over n bytes is a multiplication by
 * x^(8 n) modulo the polynomial, done as one carry-less multiplication by the constant x^(8 n - 33) and one
 * more step of the instruction, which divides: multiplying two bit-reflected 32-bit values leaves the product
 * one bit short, and the step itself adds x^32. Stream lengths of 4096, 512 and 64 bytes keep small records
 * fast too. */
#include "sidecar/base/crc32c.h"

#include "sidecar/base/bytes.h"
#include "sidecar/base/crc32c_table.h"

uint32_t crc32c_by_table(uint32_t crc, const void *data, size_t len)
{
        const uint8_t *at = data;

        crc = ~crc;
        for (; len >= 8; at += 8, len -= 8) {
                uint32_t low = crc ^ bytes_get_u32(at);

                crc = crc32c_table[7][low & 0xff] ^ crc32c_table[6][(low >> 8) & 0xff] ^
                      crc32c_table[5][(low >> 16) & 0xff] ^ crc32c_table[4][low >> 24] ^
                      crc32c_table[3][at[4]] ^ crc32c_table[2][at[5]] ^ crc32c_table[1][at[6]] ^
                      crc32c_table[0][at[7]];
        }
        for (; len > 0; at++, len--)
                crc = crc32c_table[0][(crc ^ *at) & 0xff] ^ (crc >> 8);
        return ~crc;
}

#if defined(__x86_64__)

#include <immintrin.h>

#define CRC32C_TARGET __attribute__((target("sse4.2,pclmul")))

/* One length of streams with its two movements: by one stream and by two. */
struct crc32c_stride {
        size_t stream_bytes;
        uint32_t by_one; /* x^(8 n - 33) mod P, reflected */
        uint32_t by_two; /* x^(16 n - 33) mod P, reflected */
};

static const struct crc32c_stride crc32c_strides[] = {
        {4096, 0x82f89c77u, 0x54a86326u},
        {512, 0xdd7e3b0cu, 0x170076fau},
        {64, 0x9e4addf8u, 0x0d3b6092u},
};

CRC32C_TARGET static inline uint64_t crc32c_move(uint64_t crc, uint32_t by)
{
        __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)crc), _mm_cvtsi32_si128((int)by), 0);

        return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

CRC32C_TARGET static uint32_t crc32c_by_instruction(uint32_t crc, const void *data, size_t len)
{
        const uint8_t *at = data;
        uint64_t first = ~crc;

        for (size_t i = 0; i < sizeof(crc32c_strides) / sizeof(crc32c_strides[0]); i++) {
                const struct crc32c_stride *stride = &crc32c_strides[i];
                size_t n = stride->stream_bytes;

                for (; len >= 3 * n; at += 3 * n, len -= 3 * n) {
                        uint64_t second = 0;
                        uint64_t third = 0;

                        for (size_t k = 0; k < n; k += 8) {
                                first = _mm_crc32_u64(first, bytes_get_u64(at + k));
                                second = _mm_crc32_u64(second, bytes_get_u64(at + n + k));
                                third = _mm_crc32_u64(third, bytes_get_u64(at + 2 * n + k));
                        }
                        first = crc32c_move(first, stride->by_two) ^ crc32c_move(second, stride->by_one) ^ third;
                }
        }
        for (; len >= 8; at += 8, len -= 8)
                first = _mm_crc32_u64(first, bytes_get_u64(at));
        for (; len > 0; at++, len--)
                first = _mm_crc32_u8((uint32_t)first, *at);
        return ~(uint32_t)first;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
        /* A load and a test of what the start-up code found out; gcc and clang keep it in libgcc. */
        if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"))
                return crc32c_by_instruction(crc, data, len);
        return crc32c_by_table(crc, data, len);
}

#else

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
        return crc32c_by_table(crc, data, len);
}

#endif
