/* avro_random.h - random Avro schemas, and random data of them written by libavro: the other opinion.
 *
 * Schemas are records with up to a dozen fields of every kind: primitives with and without logical types, enums, fixed,
 * unions with null on either side, unions of several types, nested records, arrays, maps, references to types
 * named before and to the record itself. libavro holds and encodes the data; only what it wrote itself is ever fed to
 * it, because its reader trusts lengths. */
#ifndef WEIR_TESTS_LIB_AVRO_RANDOM_H
#define WEIR_TESTS_LIB_AVRO_RANDOM_H

#include "sidecar/base/bytes.h"
#include "tests/lib/check.h"

#include <avro.h>

/* Appends the JSON text of a record named "R". */
void avro_random_schema(struct check_random *random, struct bytes *json);

/* Sets every part of a value. The same random state gives the same value. */
void avro_random_fill(struct check_random *random, avro_value_t *value);

/* libavro's encoding, appended. */
void avro_random_encode(avro_value_t *value, struct bytes *body);

#endif
