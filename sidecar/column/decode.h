/* decode.h - from Avro bytes straight into the columns that a job needs.
 *
 * A program is compiled once from a writer's schema and the wanted columns: runs of fields to skip, and fields
 * to load. It stops behind the last wanted field (an event's body says how long it is, so the next event is
 * found without it); what stands behind is not looked at, and fields up to there are validated. No record is
 * ever built.
 *
 * Events are worked on in groups: first their boundaries are found, then each step of the program runs over the
 * whole group, so that the processor always has several events to work on. Every length, count and index is
 * compared with what was received before it is used: hostile bytes cost neither time nor memory beyond their
 * own number (reliability-anchors 3.1, rows 4-10).
 *
 * A program holds the string dictionaries of its columns: it belongs to one thread, together with all its builders. */
#ifndef WEIR_SIDECAR_COLUMN_DECODE_H
#define WEIR_SIDECAR_COLUMN_DECODE_H

#include "avro/schema.h"
#include "sidecar/base/hash.h"
#include "sidecar/column/builder.h"

enum decode_kind {
        DECODE_FIELD,  /* a field of the body: path from the record's top; of a JSON object, likewise */
        DECODE_HEADER, /* the value of headers['key']; the last one counts; NULL without it */
        DECODE_BODY,   /* the whole body, as it came (STRING or BYTES) */
};

struct decode_column {
        enum decode_kind kind;
        struct slice name;        /* for people: "price", "headers['host']", "bid.price" */
        const struct slice *path; /* FIELD: the column's name, then the names inside ROWs */
        uint32_t n_path;
        struct slice key;         /* HEADER */
        struct type type;         /* declared */
};

enum decode_body_kind { DECODE_AVRO, DECODE_RAW, DECODE_JSON };

enum decode_fingerprint {
        DECODE_FINGERPRINT_NONE,
        DECODE_FINGERPRINT_EVENT,  /* keyed hash of headers and body exactly as received */
        DECODE_FINGERPRINT_COLUMN, /* of one column's value ('dedup.key'); of the event where that is NULL */
};

struct decode_config {
        enum decode_body_kind format;
        const struct schema *schema; /* AVRO: the writer's, a record; borrowed by the program */
        uint32_t n_columns;
        const struct decode_column *columns; /* texts are copied */
        bool is_iso_8601;                    /* JSON: 'json.timestamp-format.standard' = 'ISO-8601' */
        bool nulls_bad_values;               /* JSON: 'json.ignore-parse-errors' = 'true' */
        enum decode_fingerprint fingerprint;
        uint32_t fingerprint_column;
        bool is_fingerprint_only; /* nobody reads that column: of an Avro string only the hash is taken, and its vector
                                     holds empty strings */
        struct hash_key fingerprint_key;
};

struct decode_program;

/* ERR_CONFIG: a column that the schema does not have or whose type it cannot give; the sentence names the
 * column, both types and what to declare instead. */
int decode_compile(const struct decode_config *config, struct decode_program **ret_program, struct err *err)
        WEIR_MUST_CHECK;
struct decode_program *decode_free(struct decode_program *program); /* NULL allowed; returns NULL */
/* One line per step, for EXPLAIN. */
struct bytes;
void decode_describe(const struct decode_program *program, struct bytes *text);

/* A builder with the program's columns, in the order of decode_config.columns. The program must outlive it. */
void decode_builder_init(const struct decode_program *program, struct builder *builder);

/* This many bytes behind the end of everything handed to a decoder must be readable, whatever they hold: loads
 * are eight bytes wide, comparisons with the end come afterwards. */
enum { DECODE_PAD_BYTES = 64 };

/* A span of AvroFlumeEvents, one behind the other: a part of an array block of appendBatch, or append's parameter. */
struct decode_span {
        const uint8_t *at, *end; /* in: the bytes; out: at is behind the last whole event taken */
        uint32_t max_events;     /* in: stop after so many (items left in the array block) */
        uint32_t n_events;       /* out: taken, as rows or dead letters */
        size_t need_bytes;       /* out, with DECODE_E_MORE: bytes from `at` that are needed before another call can
                                    take one more event; a lower bound, larger than what was there */
};

enum { DECODE_E_MORE = 1 };

/* 0: max_events were taken. DECODE_E_MORE: the span ended before; of the event that begins at `at` (if any)
 * nothing was taken. < 0: this is no stream of AvroFlumeEvents, or one beyond limits.h (ERR_DATA), or the batch
 * is beyond LIMIT_BUILDER_BYTES (ERR_UNAVAILABLE): the frame is lost, roll back. */
int decode_events(struct decode_program *program, struct builder *builder, struct decode_span *span, struct err *err)
        WEIR_MUST_CHECK;

/* n bare data one behind the other, nothing around them: a block of a container file. Here every field is
 * walked. ERR_DATA when a datum does not decode or the block does not end where its last datum ends: then
 * nothing of the block was appended. */
int decode_block(struct decode_program *program, struct builder *builder, struct slice block, uint64_t n,
                 struct err *err) WEIR_MUST_CHECK;

/* One body without headers: a line of a JSON file, a raw line. Appends a row or a dead letter. */
int decode_body(struct decode_program *program, struct builder *builder, struct slice body, struct err *err)
        WEIR_MUST_CHECK;

#endif
