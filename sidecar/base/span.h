/* span.h - the least and the highest of many numbers, as fast as they can be read.
 *
 * Watermarks and windows look at the times of every batch this way before they look at any row. Uses AVX2 where there
 * is one (chosen at run time); both ways give the same result. Any thread. */
#ifndef WEIR_SIDECAR_BASE_SPAN_H
#define WEIR_SIDECAR_BASE_SPAN_H

#include <stddef.h>
#include <stdint.h>

/* n = 0: INT64_MAX and INT64_MIN. */
void span_i64(const int64_t *values, size_t n, int64_t *ret_least, int64_t *ret_most);

#endif
