/* json.h - JSON objects into the columns that a job needs (inside the decoder; users call decode_body).
 *
 * A reader is a tree of the wanted names. It walks over an object once, converts the wanted values by the rules of
 * json_convert.h and skips the rest; a missing or null value is NULL, of a repeated name the last counts. An array of
 * objects on top becomes one row each. All or nothing: what does not convert takes back the rows of its text. */
#ifndef WEIR_SIDECAR_COLUMN_JSON_H
#define WEIR_SIDECAR_COLUMN_JSON_H

#include "sidecar/column/builder.h"
#include "sidecar/column/decode.h"

struct json_reader;

/* For the FIELD columns of a config; ERR_CONFIG: a type that JSON does not give. */
int json_reader_new(const struct decode_config *config, struct json_reader **ret_reader, struct err *err)
        WEIR_MUST_CHECK;
struct json_reader *json_reader_free(struct json_reader *reader); /* NULL allowed; returns NULL */

/* Writes the rows of one text behind builder->n_rows, which the caller then moves by *ret_n. The other columns
 * (headers) of the first row are there already and are copied to further rows; room for that one row is there, too.
 * *ret_reason: not NONE when the text gives no rows, and *ret_field says where. -1 only as builder_reserve. */
int json_reader_rows(struct json_reader *reader, struct builder *builder, struct slice text, uint32_t *ret_n,
                     enum reason *ret_reason, struct slice *ret_field, struct err *err) WEIR_MUST_CHECK;

#endif
