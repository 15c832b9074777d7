/* record.h - what the log says: the payloads of its records, as values and as bytes.
 *
 * The log stores bytes (wal/); record.c gives them meaning. Everything that can change a result is one of these
 * values, in the order in which they stand in the log; the engine sees nothing else (design section 2: the core is a
 * pure function of the log). The byte layouts stand at the top of record.c.
 *
 * Most of weir uses record_writer.h (values into a log) and record_reader.h (values out of it); the functions here turn
 * one value into one payload. Encoders cannot fail; decoders trust nothing. Whoever calls. */
#ifndef WEIR_SIDECAR_JOB_RECORD_H
#define WEIR_SIDECAR_JOB_RECORD_H

#include "sidecar/base/bytes.h"
#include "sidecar/base/err.h"
#include "sidecar/column/batch.h"

enum record_type {
        RECORD_LAYOUT = 1, /* the columns of a source's batches; first in each segment, for readers only */
        RECORD_CONFIG = 2,
        RECORD_BATCH = 3,
        RECORD_DEAD = 4,
        RECORD_TICK = 5,
        RECORD_ORIGIN = 6,
};

/* A batch of accepted rows of one source. */
struct record_batch {
        uint32_t generation;   /* of the CONFIG in force */
        uint32_t source;       /* index in plan_job.sources of that generation */
        struct slice origin;   /* name of the watermark origin, e.g. "10.0.0.7"; table-wide: "" */
        uint64_t connection;   /* unique per connection in the instance's life; 0: none (files) */
        uint64_t sequence;     /* call number on that connection, from 1 */
        uint32_t depth;        /* calls seen in flight on that connection so far, >= 1 */
        int64_t arrival_ms;    /* logged arrival, wall clock; never decreases */
        bool is_last;          /* last record of its batch; recovery drops a batch without it */
        struct batch rows;     /* the logged scan columns (plan_source.is_logged), in their order */
        size_t rows_bytes;     /* record_row_bytes_all of them, so that it is found once; 0: not known */
        /* Watermark steps: rows that a common filter removed moved the watermark too.
         * Before row step_row[i] (n_rows: after the last) the origin's candidate is raised to step_ms[i]. Rows
         * themselves carry their own candidate in candidate_ms (watermark expression, NULL = INT64_MIN), absent when it
         * follows from the rowtime column. */
        uint32_t n_steps;
        const uint32_t *step_row;
        const int64_t *step_ms;
        const int64_t *candidate_ms; /* n_rows values, watermark expression per row, whole ms, INT64_MIN for NULL */
        const uint64_t *fingerprint; /* of every event of the batch, dead and duplicate ones too; NULL with dedup off */
        uint32_t n_fingerprints;
        const uint64_t *taken;       /* tokens used up by duplicates of this batch */
        uint32_t n_taken;
        /* Counters of the source, for the identity received = accepted + duplicate + dead. accepted = n_rows +
         * n_filtered. */
        uint32_t n_filtered;   /* accepted rows removed by the common filter */
        uint32_t n_duplicate;
        uint32_t n_dead;       /* their DEAD records stand directly before this record */
};

struct record_dead {
        uint32_t generation, source;
        uint64_t connection, sequence;
        int64_t arrival_ms;
        struct slice reason;   /* stable word: "truncated", "bad-union-branch", ... */
        struct slice detail;   /* one sentence */
        uint32_t body_bytes;   /* of the whole body */
        struct slice body;     /* cut at LIMIT_DEAD_BODY_BYTES */
};

/* Clock: idle rules, expiry of tokens, end of epochs. */
struct record_tick {
        int64_t now_ms;
        bool is_ready; /* first tick after recovery: known origins are waited for from here, and every connection that
                        * is still open in the log has ended */
        bool is_flush; /* end the epoch now (clean stop) */
};

enum record_origin_event {
        RECORD_CONNECTION_OPEN,
        RECORD_CONNECTION_CLOSE,
        RECORD_SOURCE_END, /* a bounded source was read to its end: nothing waits for it any more */
};

struct record_origin {
        uint32_t source;
        enum record_origin_event event;
        uint64_t connection;
        struct slice peer; /* address and port, for people */
        int64_t now_ms;
};

struct record_config {
        uint32_t generation;
        int64_t now_ms;
        uint32_t n_files;
        const struct slice *file_names; /* as given on the command line */
        const struct slice *file_texts; /* SQL */
        uint32_t n_overrides;           /* -D */
        const struct slice *override_keys, *override_values;
};

/* Names and types of the columns that batches of one source hold under one generation. */
struct record_layout {
        uint32_t generation, source;
        struct slice table;
        uint32_t n_columns;
        const struct slice *names; /* for people: plan_scan_column.name */
        const struct slice *types; /* Flink's spelling */
        const enum phys *phys;
};

struct record {
        enum record_type type;
        uint64_t lsn;      /* of its record in the log */
        uint64_t next_lsn; /* behind it */
        union {
                struct record_batch batch;
                struct record_dead dead;
                struct record_tick tick;
                struct record_origin origin;
                struct record_config config;
                struct record_layout layout;
        };
};

/* Stable upper-case name of a record type, "?" for one that is none. */
const char *record_type_name(unsigned type);

/* Dictionaries of one segment and of all sources, on the writing side. */
struct record_encoder;
struct record_encoder *record_encoder_new(void);
struct record_encoder *record_encoder_free(struct record_encoder *encoder);
/* A new segment: no layout and no string is known to its readers. */
void record_encoder_reset(struct record_encoder *encoder);
/* Says what batches of (generation, source) look like. Copied. */
void record_encoder_set_layout(struct record_encoder *encoder, const struct record_layout *layout);
/* The layout that must be written before this batch, NULL once it was encoded since the last reset. */
const struct record_layout *record_encoder_need_layout(struct record_encoder *encoder, uint32_t generation,
                                                       uint32_t source);

/* Payloads. `at` has the room that the bound says; the number of bytes is returned. */
size_t record_bound_layout(const struct record_layout *layout);
size_t record_encode_layout(struct record_encoder *encoder, const struct record_layout *layout, uint8_t *at);
/* A batch too large for one record is cut by rows; a part has at most LIMIT_ROWS_PER_VECTOR of them. Counters,
 * fingerprints and taken tokens go with the last part. */
struct record_part {
        uint32_t from, n_rows; /* rows */
        bool is_final;         /* from + n_rows is the end of the batch */
};
size_t record_bound_batch(const struct record_batch *batch, struct record_part part);
size_t record_encode_batch(struct record_encoder *encoder, const struct record_batch *batch, struct record_part part,
                           uint8_t *at);
size_t record_bound_dead(const struct record_dead *dead);
size_t record_encode_dead(const struct record_dead *dead, uint8_t *at);
size_t record_bound_tick(void);
size_t record_encode_tick(const struct record_tick *tick, uint8_t *at);
size_t record_bound_origin(const struct record_origin *origin);
size_t record_encode_origin(const struct record_origin *origin, uint8_t *at);
size_t record_bound_config(const struct record_config *config);
size_t record_encode_config(const struct record_config *config, uint8_t *at);

struct record_decoder;
struct record_decoder *record_decoder_new(void);
struct record_decoder *record_decoder_free(struct record_decoder *decoder);
void record_decoder_reset(struct record_decoder *decoder); /* a new segment */
/* Payload to value; lsn and next_lsn are left to the caller. The value borrows from payload, from `arena`, and (strings
 * of a dictionary) from the decoder until its next reset. ERR_DATA for anything that is not exactly such a payload. */
int record_decode(struct record_decoder *decoder, uint8_t type, struct slice payload, struct arena *arena,
                  struct record *ret_record, struct err *err) WEIR_MUST_CHECK;
/* Takes in only what later records of the segment need (layouts, dictionary entries). */
int record_decode_skip(struct record_decoder *decoder, uint8_t type, struct slice payload, struct arena *arena,
                       struct err *err) WEIR_MUST_CHECK;

#endif
