/* varint.h - Avro's zig-zag varints for the decoder's loops: eight bytes in one load, no branch on the length.
 *
 * Every reader here may look at VARINT_PAD_BYTES behind `at` and does not know where the data ends: callers
 * compare the position that comes back with their end. avro/binary.h has the patient readers. */
#ifndef WEIR_SIDECAR_COLUMN_VARINT_H
#define WEIR_SIDECAR_COLUMN_VARINT_H

#include "sidecar/base/bytes.h"

enum { VARINT_BYTES_MAX = 10, VARINT_PAD_BYTES = 16 };

#define VARINT_STOP_BITS UINT64_C(0x8080808080808080)
#define VARINT_DATA_BITS UINT64_C(0x7f7f7f7f7f7f7f7f)

/* Any length; NULL when it goes on behind 10 bytes or has more than 64 bits. */
static inline const uint8_t *varint_read_slow(const uint8_t *at, uint64_t *ret_raw)
{
        uint64_t raw = 0;

        for (unsigned i = 0; i < VARINT_BYTES_MAX; i++) {
                raw |= (uint64_t)(at[i] & 0x7f) << (7 * i);
                if (at[i] < 0x80) {
                        if (i == VARINT_BYTES_MAX - 1 && at[i] > 1)
                                return NULL;
                        *ret_raw = raw;
                        return at + i + 1;
                }
        }
        return NULL;
}

/* Moves the seven data bits of each byte together: 56 bits of eight bytes. */
static inline uint64_t varint_squeeze(uint64_t word)
{
        word &= VARINT_DATA_BITS;
        word = (word & UINT64_C(0x007f007f007f007f)) | ((word & UINT64_C(0x7f007f007f007f00)) >> 1);
        word = (word & UINT64_C(0x00003fff00003fff)) | ((word & UINT64_C(0x3fff00003fff0000)) >> 2);
        return (word & UINT64_C(0x000000000fffffff)) | ((word & UINT64_C(0x0fffffff00000000)) >> 4);
}

#if defined(__x86_64__)
/* For functions that run only after varint_has_pext said yes. */
#define VARINT_PEXT_TARGET __attribute__((target("avx2,bmi,bmi2")))
/* The same in one instruction. Only where varint_has_pext said yes. */
static inline uint64_t varint_squeeze_pext(uint64_t word)
{
        uint64_t squeezed;

        __asm__("pext %2, %1, %0" : "=r"(squeezed) : "r"(word), "r"(VARINT_DATA_BITS));
        return squeezed;
}
static inline bool varint_has_pext(void)
{
        /* AMD before Zen 3 has the instruction in microcode, slower than the shifts. */
        bool is_slow = __builtin_cpu_is("znver1") || __builtin_cpu_is("znver2") || __builtin_cpu_is("bdver4");

        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
               !is_slow;
}
#else
#define VARINT_PEXT_TARGET
static inline uint64_t varint_squeeze_pext(uint64_t word)
{
        return varint_squeeze(word);
}
static inline bool varint_has_pext(void)
{
        return false;
}
#endif

/* The stop bits of the eight bytes at `at`: 0 when the varint there is longer. */
static inline uint64_t varint_stops(const uint8_t *at)
{
        return ~bytes_get_u64(at) & VARINT_STOP_BITS;
}

/* Bytes up to the first stop bit; stops != 0. */
static inline size_t varint_len(uint64_t stops)
{
        return ((size_t)(unsigned)__builtin_ctzll(stops) >> 3) + 1;
}

/* The raw value (zig-zag not undone) of the varint at `at`, which ends at the first of `stops`. */
static inline uint64_t varint_value(const uint8_t *at, uint64_t stops, bool has_pext)
{
        uint64_t word = bytes_get_u64(at) & (stops ^ (stops - 1)); /* bits up to the first stop bit */

        return has_pext ? varint_squeeze_pext(word) : varint_squeeze(word);
}

/* Any length; NULL as varint_read_slow. */
static inline const uint8_t *varint_read(const uint8_t *at, bool has_pext, uint64_t *ret_raw)
{
        uint64_t stops = varint_stops(at);

        if (__builtin_expect(stops == 0, 0))
                return varint_read_slow(at, ret_raw);
        *ret_raw = varint_value(at, stops, has_pext);
        return at + varint_len(stops);
}

static inline int64_t varint_unzigzag(uint64_t raw)
{
        return (int64_t)(raw >> 1) ^ -(int64_t)(raw & 1);
}

#endif
