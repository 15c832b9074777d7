/* codec_kernel.c - the loops of the codec.
 *
 * Plain C that compilers turn into vector code; every body is inlined into two functions, one of them for AVX2, and the
 * processor is asked at each call (a load and a test). Differences are taken modulo 2^64, so no pair of values is too
 * far apart. Timestamps come in microseconds but mostly in whole milliseconds or seconds: dividing by 1000, where every
 * difference allows it, saves a width. An exact division by 1000 is a shift by 3 and a multiplication by the inverse of
 * 125 modulo 2^32 (2^64), which vector units can do. */
#include "sidecar/column/codec_kernel.h"

#include <endian.h>

/* gcc vectorises loops of unknown length at -O3 only. */
#if defined(__GNUC__) && !defined(__clang__)
#define CODEC_FAST __attribute__((optimize("O3")))
#else
#define CODEC_FAST
#endif
#define CODEC_BODY static inline __attribute__((always_inline))
#if defined(__x86_64__)
#define CODEC_AVX2 __attribute__((target("avx2"))) CODEC_FAST
#define CODEC_HAS_AVX2 __builtin_cpu_supports("avx2")
#else
#define CODEC_AVX2 CODEC_FAST
#define CODEC_HAS_AVX2 0
#endif

#define CODEC_INVERSE_125_32 UINT32_C(0x26e978d5)
#define CODEC_INVERSE_125_64 UINT64_C(0x1cac083126e978d5)

_Static_assert((uint32_t)(CODEC_INVERSE_125_32 * 125u) == 1, "inverse of 125 modulo 2^32");
_Static_assert((uint64_t)(CODEC_INVERSE_125_64 * 125u) == 1, "inverse of 125 modulo 2^64");

/* ---- choosing ---- */

static uint8_t codec_width(uint64_t range)
{
        if (range == 0)
                return 0;
        if (range <= UINT8_MAX)
                return 1;
        if (range <= UINT16_MAX)
                return 2;
        return range <= UINT32_MAX ? 4 : 8;
}

/* Least and greatest of many values: one comparison waits for the one before, so several run side by side. */
enum { CODEC_LANES = 16 };

struct codec_range {
        int64_t min[CODEC_LANES], max[CODEC_LANES];
};

CODEC_BODY void codec_range_reduce(const struct codec_range *range, int64_t *ret_min, int64_t *ret_max)
{
        int64_t min = range->min[0];
        int64_t max = range->max[0];

        for (uint32_t k = 1; k < CODEC_LANES; k++) {
                min = range->min[k] < min ? range->min[k] : min;
                max = range->max[k] > max ? range->max[k] : max;
        }
        *ret_min = min;
        *ret_max = max;
}

CODEC_BODY void codec_range_take(struct codec_range *range, uint32_t lane, int64_t value)
{
        range->min[lane] = value < range->min[lane] ? value : range->min[lane];
        range->max[lane] = value > range->max[lane] ? value : range->max[lane];
}

CODEC_BODY void codec_range_init(struct codec_range *range, int64_t value)
{
        for (uint32_t k = 0; k < CODEC_LANES; k++)
                range->min[k] = range->max[k] = value;
}

CODEC_BODY void codec_range_body(const int64_t *values, uint32_t n, int64_t *ret_min, int64_t *ret_max)
{
        struct codec_range range;
        uint32_t i = 0;

        codec_range_init(&range, values[0]);
        for (; i + CODEC_LANES <= n; i += CODEC_LANES)
                for (uint32_t k = 0; k < CODEC_LANES; k++)
                        codec_range_take(&range, k, values[i + k]);
        for (; i < n; i++)
                codec_range_take(&range, 0, values[i]);
        codec_range_reduce(&range, ret_min, ret_max);
}

/* n >= 2. */
CODEC_BODY void codec_delta_range_body(const int64_t *values, uint32_t n, int64_t *ret_min, int64_t *ret_max)
{
        struct codec_range range;
        uint32_t i = 1;

        codec_range_init(&range, (int64_t)((uint64_t)values[1] - (uint64_t)values[0]));
        for (; i + CODEC_LANES <= n; i += CODEC_LANES)
                for (uint32_t k = 0; k < CODEC_LANES; k++)
                        codec_range_take(&range, k, (int64_t)((uint64_t)values[i + k] - (uint64_t)values[i + k - 1]));
        for (; i < n; i++)
                codec_range_take(&range, 0, (int64_t)((uint64_t)values[i] - (uint64_t)values[i - 1]));
        codec_range_reduce(&range, ret_min, ret_max);
}

/* Every difference from base is a multiple of CODEC_SCALE. */
CODEC_BODY bool codec_is_scaled_body(const int64_t *values, uint32_t n, int64_t base, uint64_t range)
{
        uint32_t n_bad = 0;

        /* Most columns that are no timestamps fall here. */
        for (uint32_t i = 0; i < n && i < 8; i++)
                if (((uint64_t)values[i] - (uint64_t)base) % CODEC_SCALE != 0)
                        return false;
        if (range >> 35 == 0) {
                for (uint32_t i = 0; i < n; i++) {
                        uint64_t difference = (uint64_t)values[i] - (uint64_t)base;
                        uint32_t quotient = (uint32_t)(difference >> 3) * CODEC_INVERSE_125_32;

                        n_bad |= ((uint32_t)difference & 7) | (uint32_t)(quotient > UINT32_MAX / 125);
                }
                return n_bad == 0;
        }
        for (uint32_t i = 0; i < n; i++)
                n_bad |= (uint32_t)(((uint64_t)values[i] - (uint64_t)base) % CODEC_SCALE != 0);
        return n_bad == 0;
}

CODEC_BODY void codec_choose_body(const int64_t *values, uint32_t n, struct codec_shape *shape)
{
        int64_t min, max, min_delta, max_delta;
        uint64_t range;
        uint8_t width;

        codec_range_body(values, n, &min, &max);
        range = (uint64_t)max - (uint64_t)min;
        *shape = (struct codec_shape){.base = min, .width = codec_width(range)};
        if (shape->width <= 1)
                return;
        if (codec_is_scaled_body(values, n, min, range)) {
                shape->is_scaled = true;
                shape->width = codec_width(range / CODEC_SCALE);
                if (shape->width <= 1)
                        return;
        }
        codec_delta_range_body(values, n, &min_delta, &max_delta);
        range = (uint64_t)max_delta - (uint64_t)min_delta;
        width = codec_width(shape->is_scaled ? range / CODEC_SCALE : range);
        if (width < shape->width) {
                shape->is_delta = true;
                shape->width = width;
                shape->base = values[0];
                shape->min_delta = min_delta;
        }
}

CODEC_FAST static void codec_choose_plain(const int64_t *values, uint32_t n, struct codec_shape *shape)
{
        codec_choose_body(values, n, shape);
}

CODEC_AVX2 static void codec_choose_avx2(const int64_t *values, uint32_t n, struct codec_shape *shape)
{
        codec_choose_body(values, n, shape);
}

void codec_kernel_choose(const int64_t *values, uint32_t n, struct codec_shape *ret_shape)
{
        if (CODEC_HAS_AVX2)
                codec_choose_avx2(values, n, ret_shape);
        else
                codec_choose_plain(values, n, ret_shape);
}

/* ---- packing ---- */

CODEC_BODY void codec_put(uint8_t *at, uint32_t i, unsigned width, uint64_t u)
{
        uint16_t u16 = htole16((uint16_t)u);
        uint32_t u32 = htole32((uint32_t)u);
        uint64_t u64 = htole64(u);

        if (width == 1)
                at[i] = (uint8_t)u;
        else if (width == 2)
                memcpy(at + 2 * (size_t)i, &u16, 2);
        else if (width == 4)
                memcpy(at + 4 * (size_t)i, &u32, 4);
        else
                memcpy(at + 8 * (size_t)i, &u64, 8);
}

CODEC_BODY uint64_t codec_unscale(uint64_t difference, unsigned width)
{
        /* A quotient of at most 4 bytes is the same modulo 2^32. */
        if (width <= 4)
                return (uint32_t)(difference >> 3) * CODEC_INVERSE_125_32;
        return (difference >> 3) * CODEC_INVERSE_125_64;
}

/* With constants for everything but the values, so that each combination becomes a loop of its own. */
CODEC_BODY void codec_pack_loop(const int64_t *values, uint32_t n, const struct codec_shape *shape, uint8_t *at,
                                unsigned width, bool is_scaled, bool is_delta)
{
        uint64_t base = (uint64_t)(is_delta ? shape->min_delta : shape->base);
        uint32_t n_out = is_delta ? n - 1 : n;

        for (uint32_t i = 0; i < n_out; i++) {
                uint64_t value = is_delta ? (uint64_t)values[i + 1] - (uint64_t)values[i] : (uint64_t)values[i];
                uint64_t u = value - base;

                codec_put(at, i, width, is_scaled ? codec_unscale(u, width) : u);
        }
}

CODEC_BODY void codec_pack_width(const int64_t *values, uint32_t n, const struct codec_shape *shape, uint8_t *at,
                                 unsigned width)
{
        if (!shape->is_scaled && !shape->is_delta)
                codec_pack_loop(values, n, shape, at, width, false, false);
        else if (!shape->is_delta)
                codec_pack_loop(values, n, shape, at, width, true, false);
        else if (!shape->is_scaled)
                codec_pack_loop(values, n, shape, at, width, false, true);
        else
                codec_pack_loop(values, n, shape, at, width, true, true);
}

CODEC_BODY void codec_pack_body(const int64_t *values, uint32_t n, const struct codec_shape *shape, uint8_t *at)
{
        if (shape->width == 1)
                codec_pack_width(values, n, shape, at, 1);
        else if (shape->width == 2)
                codec_pack_width(values, n, shape, at, 2);
        else if (shape->width == 4)
                codec_pack_width(values, n, shape, at, 4);
        else if (shape->width == 8)
                codec_pack_width(values, n, shape, at, 8);
}

CODEC_FAST static void codec_pack_plain(const int64_t *values, uint32_t n, const struct codec_shape *shape, uint8_t *at)
{
        codec_pack_body(values, n, shape, at);
}

CODEC_AVX2 static void codec_pack_avx2(const int64_t *values, uint32_t n, const struct codec_shape *shape, uint8_t *at)
{
        codec_pack_body(values, n, shape, at);
}

void codec_kernel_pack(const int64_t *values, uint32_t n, const struct codec_shape *shape, uint8_t *at)
{
        if (CODEC_HAS_AVX2)
                codec_pack_avx2(values, n, shape, at);
        else
                codec_pack_plain(values, n, shape, at);
}

/* ---- unpacking ---- */

CODEC_BODY uint64_t codec_get(const uint8_t *at, uint32_t i, unsigned width)
{
        uint16_t u16;
        uint32_t u32;
        uint64_t u64;

        if (width == 0)
                return 0;
        if (width == 1)
                return at[i];
        if (width == 2) {
                memcpy(&u16, at + 2 * (size_t)i, 2);
                return le16toh(u16);
        }
        if (width == 4) {
                memcpy(&u32, at + 4 * (size_t)i, 4);
                return le32toh(u32);
        }
        memcpy(&u64, at + 8 * (size_t)i, 8);
        return le64toh(u64);
}

CODEC_BODY void codec_unpack_width(const uint8_t *at, uint32_t n, const struct codec_shape *shape, int64_t *values,
                                   unsigned width)
{
        uint64_t scale = shape->is_scaled ? CODEC_SCALE : 1;
        uint64_t value = (uint64_t)shape->base;
        uint64_t step = (uint64_t)shape->min_delta;

        if (!shape->is_delta) {
                for (uint32_t i = 0; i < n; i++)
                        values[i] = (int64_t)(value + codec_get(at, i, width) * scale);
                return;
        }
        values[0] = shape->base;
        for (uint32_t i = 1; i < n; i++) {
                value += step + codec_get(at, i - 1, width) * scale;
                values[i] = (int64_t)value;
        }
}

CODEC_BODY void codec_unpack_body(const uint8_t *at, uint32_t n, const struct codec_shape *shape, int64_t *values)
{
        if (shape->width == 0)
                codec_unpack_width(at, n, shape, values, 0);
        else if (shape->width == 1)
                codec_unpack_width(at, n, shape, values, 1);
        else if (shape->width == 2)
                codec_unpack_width(at, n, shape, values, 2);
        else if (shape->width == 4)
                codec_unpack_width(at, n, shape, values, 4);
        else
                codec_unpack_width(at, n, shape, values, 8);
}

CODEC_FAST static void codec_unpack_plain(const uint8_t *at, uint32_t n, const struct codec_shape *shape,
                                          int64_t *values)
{
        codec_unpack_body(at, n, shape, values);
}

CODEC_AVX2 static void codec_unpack_avx2(const uint8_t *at, uint32_t n, const struct codec_shape *shape,
                                         int64_t *values)
{
        codec_unpack_body(at, n, shape, values);
}

void codec_kernel_unpack(const uint8_t *at, uint32_t n, const struct codec_shape *shape, int64_t *values)
{
        if (CODEC_HAS_AVX2)
                codec_unpack_avx2(at, n, shape, values);
        else
                codec_unpack_plain(at, n, shape, values);
}

/* ---- codes ---- */

CODEC_BODY void codec_pack_codes_body(const uint32_t *codes, uint32_t n, unsigned width, uint8_t *at)
{
        if (width == 1)
                for (uint32_t i = 0; i < n; i++)
                        codec_put(at, i, 1, codes[i]);
        else if (width == 2)
                for (uint32_t i = 0; i < n; i++)
                        codec_put(at, i, 2, codes[i]);
        else
                for (uint32_t i = 0; i < n; i++)
                        codec_put(at, i, 4, codes[i]);
}

CODEC_BODY uint32_t codec_unpack_codes_width(const uint8_t *at, uint32_t n, unsigned width, uint32_t *codes)
{
        uint32_t max = 0;

        for (uint32_t i = 0; i < n; i++) {
                uint32_t code = (uint32_t)codec_get(at, i, width);

                codes[i] = code;
                max = code > max ? code : max;
        }
        return max;
}

CODEC_BODY uint32_t codec_unpack_codes_body(const uint8_t *at, uint32_t n, unsigned width, uint32_t *codes)
{
        if (width == 1)
                return codec_unpack_codes_width(at, n, 1, codes);
        if (width == 2)
                return codec_unpack_codes_width(at, n, 2, codes);
        return codec_unpack_codes_width(at, n, 4, codes);
}

CODEC_FAST static void codec_pack_codes_plain(const uint32_t *codes, uint32_t n, unsigned width, uint8_t *at)
{
        codec_pack_codes_body(codes, n, width, at);
}

CODEC_AVX2 static void codec_pack_codes_avx2(const uint32_t *codes, uint32_t n, unsigned width, uint8_t *at)
{
        codec_pack_codes_body(codes, n, width, at);
}

CODEC_FAST static uint32_t codec_unpack_codes_plain(const uint8_t *at, uint32_t n, unsigned width, uint32_t *codes)
{
        return codec_unpack_codes_body(at, n, width, codes);
}

CODEC_AVX2 static uint32_t codec_unpack_codes_avx2(const uint8_t *at, uint32_t n, unsigned width, uint32_t *codes)
{
        return codec_unpack_codes_body(at, n, width, codes);
}

void codec_kernel_pack_codes(const uint32_t *codes, uint32_t n, unsigned width, uint8_t *at)
{
        if (CODEC_HAS_AVX2)
                codec_pack_codes_avx2(codes, n, width, at);
        else
                codec_pack_codes_plain(codes, n, width, at);
}

uint32_t codec_kernel_unpack_codes(const uint8_t *at, uint32_t n, unsigned width, uint32_t *codes)
{
        return CODEC_HAS_AVX2 ? codec_unpack_codes_avx2(at, n, width, codes)
                              : codec_unpack_codes_plain(at, n, width, codes);
}

uint32_t codec_kernel_map_codes(const uint32_t *codes, uint32_t n, const uint32_t *map, uint32_t *ret_codes)
{
        uint32_t all = 0;

        for (uint32_t i = 0; i < n; i++) {
                ret_codes[i] = map[codes[i]];
                all |= ret_codes[i];
        }
        return all;
}
