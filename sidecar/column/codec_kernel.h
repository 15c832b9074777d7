/* codec_kernel.h - the loops of the codec: integers to narrow differences and back, codes to narrow codes and back.
 *
 * Compiled twice, for AVX2 and for any processor; both give the same bytes. The layout stands in codec.c. Any
 * thread. */
#ifndef WEIR_SIDECAR_COLUMN_CODEC_KERNEL_H
#define WEIR_SIDECAR_COLUMN_CODEC_KERNEL_H

#include "sidecar/base/slice.h"

/* How a run of integers is stored: value = base + scale * u, or delta by delta. */
struct codec_shape {
        uint8_t width;  /* bytes of u: 0, 1, 2, 4, 8 */
        bool is_delta;  /* u are differences from the value before, less min_delta; the first value is base */
        bool is_scaled; /* all u were divided by CODEC_SCALE */
        int64_t base;
        int64_t min_delta;
};

enum { CODEC_SCALE = 1000 };

/* The narrowest shape for n >= 1 values. */
void codec_kernel_choose(const int64_t *values, uint32_t n, struct codec_shape *ret_shape);
/* Writes n (a delta shape: n - 1) times width bytes. */
void codec_kernel_pack(const int64_t *values, uint32_t n, const struct codec_shape *shape, uint8_t *at);
void codec_kernel_unpack(const uint8_t *at, uint32_t n, const struct codec_shape *shape, int64_t *values);

/* width 1, 2 or 4. */
void codec_kernel_pack_codes(const uint32_t *codes, uint32_t n, unsigned width, uint8_t *at);
/* Returns the largest code. */
uint32_t codec_kernel_unpack_codes(const uint8_t *at, uint32_t n, unsigned width, uint32_t *codes);
/* ret_codes[i] = map[codes[i]]; returns the bitwise or of all of them. */
uint32_t codec_kernel_map_codes(const uint32_t *codes, uint32_t n, const uint32_t *map, uint32_t *ret_codes);

#endif
