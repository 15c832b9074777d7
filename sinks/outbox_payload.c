/* outbox_payload.c - the payloads of outbox records. */
#include "sinks/outbox_payload.h"

#include "sidecar/base/limits.h"
#include "sidecar/column/codec.h"

#include <assert.h>

enum { OUTBOX_VARINT_BYTES = 10 };

/* ---- small things ---- */

static uint64_t outbox_zigzag(int64_t value)
{
        return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static int64_t outbox_unzigzag(uint64_t folded)
{
        return (int64_t)(folded >> 1 ^ (0 - (folded & 1)));
}

static uint8_t *outbox_put_varint(uint8_t *at, uint64_t value)
{
        for (; value >= 0x80; value >>= 7)
                *at++ = (uint8_t)(value | 0x80);
        *at++ = (uint8_t)value;
        return at;
}

static uint32_t outbox_read_u32(struct bytes_reader *in, uint64_t most)
{
        uint64_t value = bytes_read_varint(in);

        if (value > most) {
                in->failed = true;
                return 0;
        }
        return (uint32_t)value;
}

/* A count of things that take at least one byte each: bounds the memory by the payload. */
static uint32_t outbox_read_count(struct bytes_reader *in)
{
        return outbox_read_u32(in, (uint64_t)(in->end - in->at));
}

static int outbox_check_end(const struct bytes_reader *in, const char *what, struct err *err)
{
        if (in->failed)
                return err_set(err, ERR_DATA, "%s record is cut off or holds an impossible number", what);
        if (in->at != in->end)
                return err_set(err, ERR_DATA, "bytes follow the last field of a %s record", what);
        return 0;
}

/* ---- tables ---- */

void outbox_payload_put_table(struct bytes *bytes, const struct outbox_table *table)
{
        bytes_append_varint(bytes, table->generation);
        bytes_append_lenslice(bytes, table->name);
        bytes_append_varint(bytes, table->n_columns);
        for (uint32_t i = 0; i < table->n_columns; i++) {
                bytes_append_byte(bytes, (uint8_t)table->phys[i]);
                bytes_append_lenslice(bytes, table->names[i]);
        }
}

static void outbox_read_table(struct bytes_reader *in, struct arena *arena, struct outbox_table *table)
{
        struct slice *names;
        enum phys *phys;

        table->generation = outbox_read_u32(in, UINT32_MAX);
        table->name = arena_copy(arena, bytes_read_text(in));
        table->n_columns = outbox_read_u32(in, LIMIT_COLUMNS);
        names = arena_new_n(arena, struct slice, table->n_columns);
        phys = arena_new_n(arena, enum phys, table->n_columns);
        for (uint32_t i = 0; i < table->n_columns; i++) {
                uint8_t kind = bytes_read_u8(in);

                names[i] = arena_copy(arena, bytes_read_text(in));
                if (kind < PHYS_I64 || kind > PHYS_STR)
                        in->failed = true;
                phys[i] = (enum phys)kind;
        }
        table->names = names;
        table->phys = phys;
}

int outbox_payload_get_table(struct slice payload, struct arena *arena, struct outbox_table *ret_table,
                             struct err *err)
{
        struct bytes_reader in = bytes_reader_make(payload);

        outbox_read_table(&in, arena, ret_table);
        return outbox_check_end(&in, "TABLE", err);
}

/* ---- the first record of a file ---- */

void outbox_payload_put_summary(struct bytes *bytes, const struct outbox_summary *summary)
{
        bytes_append_varint(bytes, summary->last_epoch);
        bytes_append_varint(bytes, summary->open_first);
        bytes_append_byte(bytes, summary->is_open_ordered);
        bytes_append_varint(bytes, summary->n_counters);
        for (uint32_t i = 0; i < summary->n_counters; i++) {
                bytes_append_lenslice(bytes, summary->counters[i].name);
                bytes_append_varint(bytes, summary->counters[i].next_index);
                bytes_append_varint(bytes, outbox_zigzag(summary->counters[i].window_end_ms));
        }
        bytes_append_varint(bytes, summary->n_tables);
        for (uint32_t i = 0; i < summary->n_tables; i++)
                outbox_payload_put_table(bytes, &summary->tables[i]);
        bytes_append_varint(bytes, summary->n_epochs);
        for (uint32_t i = 0; i < summary->n_epochs; i++) {
                bytes_append_varint(bytes, summary->epochs[i].epoch);
                bytes_append_varint(bytes, summary->epochs[i].lsn);
                bytes_append_varint(bytes, summary->epochs[i].first);
                bytes_append_varint(bytes, summary->epochs[i].end);
                bytes_append_byte(bytes, summary->epochs[i].is_ordered);
        }
}

int outbox_payload_get_summary(struct slice payload, struct arena *arena, struct outbox_summary *ret_summary,
                               struct err *err)
{
        struct bytes_reader in = bytes_reader_make(payload);
        struct outbox_summary summary = {0};
        struct outbox_counter *counters;
        struct outbox_table *tables;
        struct outbox_epoch *epochs;

        summary.last_epoch = bytes_read_varint(&in);
        summary.open_first = bytes_read_varint(&in);
        summary.is_open_ordered = bytes_read_u8(&in) != 0;
        summary.n_counters = outbox_read_count(&in);
        counters = arena_new_n(arena, struct outbox_counter, summary.n_counters);
        for (uint32_t i = 0; i < summary.n_counters; i++) {
                counters[i].name = arena_copy(arena, bytes_read_text(&in));
                counters[i].next_index = bytes_read_varint(&in);
                counters[i].window_end_ms = outbox_unzigzag(bytes_read_varint(&in));
        }
        summary.n_tables = outbox_read_count(&in);
        tables = arena_new_n(arena, struct outbox_table, summary.n_tables);
        for (uint32_t i = 0; i < summary.n_tables && !in.failed; i++)
                outbox_read_table(&in, arena, &tables[i]);
        summary.n_epochs = outbox_read_count(&in);
        epochs = arena_new_n(arena, struct outbox_epoch, summary.n_epochs);
        for (uint32_t i = 0; i < summary.n_epochs; i++) {
                epochs[i].epoch = bytes_read_varint(&in);
                epochs[i].lsn = bytes_read_varint(&in);
                epochs[i].first = bytes_read_varint(&in);
                epochs[i].end = bytes_read_varint(&in);
                epochs[i].is_ordered = bytes_read_u8(&in) != 0;
        }
        summary.counters = counters;
        summary.tables = tables;
        summary.epochs = epochs;
        *ret_summary = summary;
        return outbox_check_end(&in, "FILE", err);
}

/* ---- rows ---- */

size_t outbox_payload_bound_rows(const struct batch *rows, uint32_t from, uint32_t n)
{
        size_t bound = 4 * OUTBOX_VARINT_BYTES;

        for (uint32_t i = 0; i < rows->n_columns; i++)
                bound += codec_bound(&rows->columns[i], from, n);
        return bound;
}

uint32_t outbox_payload_cut_rows(const struct batch *rows, uint32_t from)
{
        uint32_t n = rows->n_rows - from;

        while (n > 1 && outbox_payload_bound_rows(rows, from, n) > LIMIT_LOG_RECORD_BYTES / 2)
                n /= 2;
        assert(outbox_payload_bound_rows(rows, from, n) <= LIMIT_LOG_RECORD_BYTES);
        return n;
}

size_t outbox_payload_put_rows(uint8_t *at, uint32_t table, uint64_t first_index, int64_t window_end_ms,
                               const struct batch *rows, uint32_t from, uint32_t n)
{
        const uint8_t *begin = at;

        at = outbox_put_varint(at, table);
        at = outbox_put_varint(at, first_index);
        at = outbox_put_varint(at, outbox_zigzag(window_end_ms));
        at = outbox_put_varint(at, n);
        for (uint32_t i = 0; i < rows->n_columns; i++)
                at += codec_encode(NULL, &rows->columns[i], from, n, at);
        return (size_t)(at - begin);
}

int outbox_payload_get_rows(struct slice payload, struct outbox_rows *ret_rows, struct err *err)
{
        struct bytes_reader in = bytes_reader_make(payload);

        ret_rows->table = outbox_read_u32(&in, UINT32_MAX);
        ret_rows->first_index = bytes_read_varint(&in);
        ret_rows->window_end_ms = outbox_unzigzag(bytes_read_varint(&in));
        ret_rows->n_rows = outbox_read_u32(&in, LIMIT_ROWS_PER_VECTOR);
        ret_rows->columns = slice_make(in.at, (size_t)(in.end - in.at));
        if (in.failed)
                return err_set(err, ERR_DATA, "ROWS record is cut off or holds an impossible number");
        return 0;
}

int outbox_payload_get_columns(const struct outbox_rows *rows, const struct outbox_table *table, struct arena *arena,
                               struct batch *ret_batch, struct err *err)
{
        struct bytes_reader in = bytes_reader_make(rows->columns);

        ret_batch->n_rows = rows->n_rows;
        ret_batch->n_columns = table->n_columns;
        ret_batch->columns = arena_new_n(arena, struct vector, table->n_columns);
        for (uint32_t i = 0; i < table->n_columns; i++)
                if (codec_decode(NULL, table->phys[i], rows->n_rows, &in, arena, &ret_batch->columns[i], err) != 0)
                        return err_prefix(err, "ROWS record, column %u", i);
        return outbox_check_end(&in, "ROWS", err);
}

/* ---- ends of epochs ---- */

size_t outbox_payload_put_epoch_end(uint8_t *at, uint64_t epoch, uint64_t lsn)
{
        const uint8_t *begin = at;

        at = outbox_put_varint(at, epoch);
        at = outbox_put_varint(at, lsn);
        return (size_t)(at - begin);
}

int outbox_payload_get_epoch_end(struct slice payload, uint64_t *ret_epoch, uint64_t *ret_lsn, struct err *err)
{
        struct bytes_reader in = bytes_reader_make(payload);

        *ret_epoch = bytes_read_varint(&in);
        *ret_lsn = bytes_read_varint(&in);
        return outbox_check_end(&in, "EPOCH_END", err);
}
