/* outbox_payload.h - the payloads of outbox records, as values and as bytes.
 *
 * The layouts stand at the top of outbox.c. Encoders append to a struct bytes; decoders trust nothing and copy what
 * they keep into an arena. Used by the outbox only. */
#ifndef WEIR_SINKS_OUTBOX_PAYLOAD_H
#define WEIR_SINKS_OUTBOX_PAYLOAD_H

#include "sidecar/base/bytes.h"
#include "sidecar/base/err.h"
#include "sidecar/column/batch.h"

enum outbox_type { OUTBOX_FILE = 16, OUTBOX_TABLE = 17, OUTBOX_ROWS = 18, OUTBOX_EPOCH_END = 19 };

struct outbox_table { /* as it was when its rows were made */
        uint32_t generation;
        struct slice name;
        uint32_t n_columns;
        const struct slice *names;
        const enum phys *phys;
};

struct outbox_epoch {
        uint64_t epoch, lsn;
        uint64_t first, end; /* positions: behind the epoch before, behind its own end record */
        bool is_ordered;
};

struct outbox_counter { /* of a table in the open epoch */
        struct slice name;
        uint64_t next_index;
        int64_t window_end_ms; /* of its last piece */
};

/* What the first record of a file says: where the outbox stood, and what the file before held. */
struct outbox_summary {
        uint64_t last_epoch, open_first;
        bool is_open_ordered;
        uint32_t n_counters, n_tables, n_epochs;
        const struct outbox_counter *counters;
        const struct outbox_table *tables;
        const struct outbox_epoch *epochs;
};

struct outbox_rows {
        uint32_t table; /* number in its file */
        uint64_t first_index;
        int64_t window_end_ms;
        uint32_t n_rows;
        struct slice columns; /* encoded */
};

void outbox_payload_put_summary(struct bytes *bytes, const struct outbox_summary *summary);
int outbox_payload_get_summary(struct slice payload, struct arena *arena, struct outbox_summary *ret_summary,
                               struct err *err) WEIR_MUST_CHECK;
void outbox_payload_put_table(struct bytes *bytes, const struct outbox_table *table);
int outbox_payload_get_table(struct slice payload, struct arena *arena, struct outbox_table *ret_table,
                             struct err *err) WEIR_MUST_CHECK;

/* How many rows from `from` on go into one record: readers take none above LIMIT_LOG_RECORD_BYTES. One always fits:
 * wider results are withheld (RECORD_ROW_BYTES_MAX). */
uint32_t outbox_payload_cut_rows(const struct batch *rows, uint32_t from);
/* Rows from .. from + n of a batch. */
size_t outbox_payload_bound_rows(const struct batch *rows, uint32_t from, uint32_t n);
size_t outbox_payload_put_rows(uint8_t *at, uint32_t table, uint64_t first_index, int64_t window_end_ms,
                               const struct batch *rows, uint32_t from, uint32_t n);
int outbox_payload_get_rows(struct slice payload, struct outbox_rows *ret_rows, struct err *err) WEIR_MUST_CHECK;
/* The columns of a piece; they borrow from the payload and from the arena. */
int outbox_payload_get_columns(const struct outbox_rows *rows, const struct outbox_table *table, struct arena *arena,
                               struct batch *ret_batch, struct err *err) WEIR_MUST_CHECK;

enum { OUTBOX_EPOCH_END_BYTES = 20 };
size_t outbox_payload_put_epoch_end(uint8_t *at, uint64_t epoch, uint64_t lsn);
int outbox_payload_get_epoch_end(struct slice payload, uint64_t *ret_epoch, uint64_t *ret_lsn, struct err *err)
        WEIR_MUST_CHECK;

#endif
