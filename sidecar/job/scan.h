/* scan.h - from decoded columns to the record that is logged: the verdicts on every row of one source.
 *
 * One scan per plan_source does, once for all queries, what stands between the decoder and the log: computed
 * columns, the watermark expression, dead letters (a failing computed column, a NULL rowtime, an event from the
 * future, a row that no record can hold), re-sent rows (tokens of in-doubt rows), and the common filter. The result is
 * a struct record_batch whose rows are exactly the logged columns. Verdicts are taken here and logged, so replay never
 * takes them again (design section 5).
 *
 * Loop thread. Everything in the result stays valid until the next scan_run of the same scan, and borrows from the
 * input. */
#ifndef WEIR_SIDECAR_JOB_SCAN_H
#define WEIR_SIDECAR_JOB_SCAN_H

#include "sidecar/base/err.h"
#include "sidecar/job/engine.h"

struct scan;

struct scan_input {
        struct batch decoded;          /* plan_source.n_decoded columns, at most LIMIT_ROWS_PER_VECTOR rows */
        const uint64_t *fingerprint;   /* n_rows + n_undecoded of them, or NULL: dedup off */
        uint32_t n_undecoded;          /* events of the batch that did not decode; their fingerprints come last */
        int64_t arrival_ms;            /* logged arrival of the batch */
        bool has_clock;                /* listening source: events too far ahead of arrival are dead letters */
};

struct scan_dead {
        uint32_t row;        /* in scan_input.decoded */
        const char *reason;  /* stable word: "bad-column", "null-rowtime", "future", "too-large" */
        const char *detail;  /* one sentence; the column's name is in it */
};

struct scan_result {
        /* rows, steps, candidates, fingerprints, taken and counters; the caller fills the rest */
        struct record_batch batch;
        uint32_t n_dead;
        const struct scan_dead *dead;
        /* bit per undecoded event: a re-sent one, counted duplicate; NULL: none is */
        const uint64_t *undecoded_duplicate;
};

/* Borrows plan and engine (tokens are looked up there). max_future_ms: 'weir.event.max-future'. row_bytes: what a row
 * may take in a record (record_writer_row_bytes; RECORD_ROW_BYTES_MAX where nothing is logged). */
int scan_new(const struct plan_source *source, uint32_t source_index, struct engine *engine, int64_t max_future_ms,
             size_t row_bytes, struct scan **ret_scan, struct err *err) WEIR_MUST_CHECK;
struct scan *scan_free(struct scan *scan);

/* Row verdicts for one batch. Never fails: what is wrong with a row is a dead letter. */
void scan_run(struct scan *scan, const struct scan_input *input, struct scan_result *ret_result);

/* The plan's watermark expression is `rowtime - offset`: then *ret_offset_us is set, and records carry no candidates
 * (record_batch.candidate_ms == NULL; candidate = floor((rowtime - offset) / 1000)). */
bool scan_watermark_offset(const struct plan_source *source, int64_t *ret_offset_us);

/* Position of scan column `column` among the logged ones, -1 if it is not logged. */
int32_t scan_logged_index(const struct plan_source *source, uint32_t column);
uint32_t scan_n_logged(const struct plan_source *source);

#endif
