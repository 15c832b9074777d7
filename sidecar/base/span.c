/* span.c - see span.h. */
#include "sidecar/base/span.h"

static void span_plain(const int64_t *values, size_t n, int64_t *least, int64_t *most)
{
        for (size_t i = 0; i < n; i++) {
                *least = values[i] < *least ? values[i] : *least;
                *most = values[i] > *most ? values[i] : *most;
        }
}

#if defined(__x86_64__)
#include <immintrin.h>

/* Two times four lanes, so that a comparison need not wait for the one before. Returns how many were looked at. */
__attribute__((target("avx2"))) static size_t span_avx2(const int64_t *values, size_t n, int64_t *least, int64_t *most)
{
        __m256i low[2] = {_mm256_set1_epi64x(INT64_MAX), _mm256_set1_epi64x(INT64_MAX)};
        __m256i high[2] = {_mm256_set1_epi64x(INT64_MIN), _mm256_set1_epi64x(INT64_MIN)};
        int64_t lanes[16];
        size_t i = 0;

        for (; i + 8 <= n; i += 8)
                for (unsigned k = 0; k < 2; k++) {
                        __m256i four = _mm256_loadu_si256((const __m256i *)(const void *)(values + i + 4 * k));

                        low[k] = _mm256_blendv_epi8(low[k], four, _mm256_cmpgt_epi64(low[k], four));
                        high[k] = _mm256_blendv_epi8(high[k], four, _mm256_cmpgt_epi64(four, high[k]));
                }
        for (unsigned k = 0; k < 2; k++) {
                _mm256_storeu_si256((__m256i *)(void *)(lanes + 4 * k), low[k]);
                _mm256_storeu_si256((__m256i *)(void *)(lanes + 8 + 4 * k), high[k]);
        }
        for (unsigned k = 0; i > 0 && k < 8; k++) {
                *least = lanes[k] < *least ? lanes[k] : *least;
                *most = lanes[8 + k] > *most ? lanes[8 + k] : *most;
        }
        return i;
}

static size_t span_wide(const int64_t *values, size_t n, int64_t *least, int64_t *most)
{
        return n >= 16 && __builtin_cpu_supports("avx2") ? span_avx2(values, n, least, most) : 0;
}
#else
static size_t span_wide(const int64_t *values, size_t n, int64_t *least, int64_t *most)
{
        (void)values;
        (void)n;
        (void)least;
        (void)most;
        return 0;
}
#endif

void span_i64(const int64_t *values, size_t n, int64_t *ret_least, int64_t *ret_most)
{
        size_t done;

        *ret_least = INT64_MAX;
        *ret_most = INT64_MIN;
        done = span_wide(values, n, ret_least, ret_most);
        span_plain(values + done, n - done, ret_least, ret_most);
}
