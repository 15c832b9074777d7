/* encode_json.h - JSON values to bare Avro data, by a schema.
 *
 * For tools that send (`weir send --schema`) and for tests; not on the receiving path. Unions take the first branch
 * that fits (null for JSON null); bytes and fixed are strings of code points 0-255, as the Avro specification's JSON
 * encoding says; numbers for timestamps and dates are plain. One thread. */
#ifndef WEIR_AVRO_ENCODE_JSON_H
#define WEIR_AVRO_ENCODE_JSON_H

#include "avro/schema.h"
#include "sidecar/base/bytes.h"

#include <jansson.h>

/* Appends; ERR_DATA says where the value does not fit: "field 'price': a number was expected". */
int encode_json(const struct schema_node *node, const json_t *value, struct bytes *out,
                struct err *err) WEIR_MUST_CHECK;

#endif
