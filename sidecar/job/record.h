/* record.h - what the log says: the payloads of its records, as values.
 *
 * The log stores bytes (wal/); record.c gives them meaning. Everything that can change a result is one of these
 * values, in the order in which they stand in the log; the engine sees nothing else (design section 2: the core is a
 * pure function of the log). The byte layouts stand at the top of record.c. */
#ifndef WEIR_SIDECAR_JOB_RECORD_H
#define WEIR_SIDECAR_JOB_RECORD_H

#include "sidecar/column/batch.h"

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
        /* Watermark steps: rows that a common filter removed moved the watermark too.
         * Before row step_row[i] (n_rows: after the last) the origin's candidate is raised to step_ms[i]. Rows themselves carry their
         * own candidate in candidate_ms (watermark expression, NULL = INT64_MIN), absent when it follows from the rowtime column. */
        uint32_t n_steps;
        const uint32_t *step_row;
        const int64_t *step_ms;
        const int64_t *candidate_ms; /* n_rows values, watermark expression per row, whole ms, INT64_MIN for NULL */
        const uint64_t *fingerprint; /* of every event of the batch, dead and duplicate ones too; NULL with dedup off */
        uint32_t n_fingerprints;
        const uint64_t *taken;       /* tokens used up by duplicates of this batch */
        uint32_t n_taken;
        /* Counters of the source, for the identity received = accepted + duplicate + dead. accepted = n_rows + n_filtered. */
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
        bool is_ready; /* first tick after recovery: known origins are waited for from here */
        bool is_flush; /* end the epoch now (clean stop) */
};

enum record_origin_event { RECORD_CONNECTION_OPEN, RECORD_CONNECTION_CLOSE };

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

#endif
