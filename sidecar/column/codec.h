/* codec.h - columns to bytes and back, for log records, outbox rows and checkpoints.
 *
 * One encoded column needs nothing but its row count, its physical type and, for a string column written through a
 * dictionary, the entries that earlier columns of the same dictionary scope brought. A scope is one segment of the
 * log: codec_dict_reset starts it. Without a dictionary (NULL) a column stands alone.
 *
 * Integers are stored as byte-wide differences from their minimum or from their predecessor, divided by 1000 where
 * all of them can be; strings as dictionary codes where values repeat, else as lengths and bytes. The layout stands
 * byte by byte at the top of codec.c.
 *
 * Encoding never fails: reserve codec_bound bytes. Decoding trusts nothing: any bytes give rows or ERR_DATA, and cost
 * no more memory than the rows and bytes say. Whoever calls, one thread per object. */
#ifndef WEIR_SIDECAR_COLUMN_CODEC_H
#define WEIR_SIDECAR_COLUMN_CODEC_H

#include "sidecar/base/bytes.h"
#include "sidecar/base/err.h"
#include "sidecar/column/batch.h"

/* The writing side of one string column's dictionary. */
struct codec_dict;

struct codec_dict *codec_dict_new(void);
struct codec_dict *codec_dict_free(struct codec_dict *dict);
/* A new scope: every value is new again. */
void codec_dict_reset(struct codec_dict *dict);

/* Most bytes that rows from..from+n of the vector can take. */
size_t codec_bound(const struct vector *vector, uint32_t from, uint32_t n);
/* Writes rows from..from+n at `at`; returns the number of bytes. What is written counts as known to the dictionary's
 * reader: bytes given up after this call make the scope worthless (codec_dict_reset). */
size_t codec_encode(struct codec_dict *dict, const struct vector *vector, uint32_t from, uint32_t n, uint8_t *at);

/* Plain 64-bit integers by the same means (steps, candidates). */
size_t codec_bound_i64(uint32_t n);
size_t codec_encode_i64(const int64_t *values, uint32_t n, uint8_t *at);

/* The reading side. */
struct codec_undict;

struct codec_undict *codec_undict_new(void);
struct codec_undict *codec_undict_free(struct codec_undict *undict);
void codec_undict_reset(struct codec_undict *undict);

/* Reads one column of n rows. Data, and strings that are not in a dictionary, lie in `arena`; strings of a dictionary
 * lie in undict until it is reset, and the vector then carries codes. < 0: ERR_DATA. */
int codec_decode(struct codec_undict *undict, enum phys phys, uint32_t n, struct bytes_reader *in, struct arena *arena,
                 struct vector *ret_vector, struct err *err) WEIR_MUST_CHECK;
/* Passes over one column, but takes its new dictionary entries in (rows before a checkpoint). */
int codec_skip(struct codec_undict *undict, enum phys phys, uint32_t n, struct bytes_reader *in, struct err *err)
        WEIR_MUST_CHECK;
int codec_decode_i64(uint32_t n, struct bytes_reader *in, struct arena *arena, int64_t **ret_values, struct err *err)
        WEIR_MUST_CHECK;

#endif
