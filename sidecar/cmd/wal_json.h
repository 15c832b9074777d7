/* wal_json.h - log records as lines of JSON, for `weir wal dump` and tests.
 *
 * Values are shown by the types that the LAYOUT record names: timestamps and dates as text in UTC, BOOLEAN as true and
 * false, DECIMAL with its point, everything else as number or string. NULL is null. */
#ifndef WEIR_SIDECAR_CMD_WAL_JSON_H
#define WEIR_SIDECAR_CMD_WAL_JSON_H

#include "sidecar/job/record.h"
#include "sidecar/wal/wal_reader.h"

struct wal_json;

struct wal_json *wal_json_new(void);
struct wal_json *wal_json_free(struct wal_json *json);
/* Reads a record without showing it: checks it, and takes in what later ones of its segment need. */
int wal_json_pass(struct wal_json *json, const struct wal_record *record, struct err *err) WEIR_MUST_CHECK;
/* Appends one line with its newline. ERR_DATA when the payload is none of a known record. */
int wal_json_append(struct wal_json *json, const struct wal_record *record, struct bytes *line, struct err *err)
        WEIR_MUST_CHECK;

#endif
