/* agg_internal.h - arithmetic that adding rows and merging panes share. */
#ifndef WEIR_SIDECAR_WINDOW_AGG_INTERNAL_H
#define WEIR_SIDECAR_WINDOW_AGG_INTERNAL_H

#include "sidecar/window/agg.h"

static inline double agg_f64_of(uint64_t bits)
{
        double value;

        memcpy(&value, &bits, 8);
        return value;
}

static inline uint64_t agg_f64_bits(double value)
{
        uint64_t bits;

        memcpy(&bits, &value, 8);
        return bits;
}

/* One NaN stands for all: which one an addition gives depends on the machine and the compiler. */
static inline double agg_plain_nan(double value)
{
        return value == value ? value : agg_f64_of(AGG_PLAIN_NAN);
}

/* FLOAT adds in single precision. */
static inline uint64_t agg_add_f32(uint64_t sum, double value)
{
        return agg_f64_bits((double)((float)agg_f64_of(sum) + (float)value));
}

/* The old value stays unless the new one compares smaller (larger): NaN wins only when it comes first. */
static inline uint64_t agg_better_f64(uint64_t old, double value, bool is_min)
{
        if (old == AGG_NO_F64 || (is_min ? value < agg_f64_of(old) : value > agg_f64_of(old)))
                return agg_f64_bits(agg_plain_nan(value));
        return old;
}

/* 10^38: what DECIMAL(38, s) cannot hold. */
static inline weir_i128 agg_dec_limit(void)
{
        return (weir_i128)((unsigned __int128)UINT64_C(10000000000000000000) * UINT64_C(10000000000000000000));
}

static inline bool agg_add_dec(weir_i128 a, weir_i128 b, weir_i128 *ret_sum)
{
        return !__builtin_add_overflow(a, b, ret_sum) && *ret_sum < agg_dec_limit() && *ret_sum > -agg_dec_limit();
}

/* A SUM cell and one more value (not NULL). */
static inline weir_i128 agg_sum_dec(weir_i128 cell, weir_i128 value)
{
        weir_i128 sum = value;

        if (cell != 0 && !agg_add_dec(cell == AGG_ODD_DEC ? 0 : cell, value, &sum))
                return 0;
        return sum == 0 ? AGG_ODD_DEC : sum;
}

static inline weir_i128 agg_avg_dec(weir_i128 cell, weir_i128 value)
{
        weir_i128 sum;

        if (cell == AGG_ODD_DEC || value == AGG_ODD_DEC || !agg_add_dec(cell, value, &sum))
                return AGG_ODD_DEC;
        return sum;
}

#endif
