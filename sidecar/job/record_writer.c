/* record_writer.c - values into a log.
 *
 * A reservation says which segment its record falls in. When that is a new one, the encoder is reset, and the layout of
 * the batch's source is written first (inside the unit, if one is open). A batch is encoded straight into the group
 * buffer; what its bound says does not fit half a largest record is cut by rows. */
#include "sidecar/job/record_writer.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"
#include "sidecar/job/record_row.h"

#include <assert.h>

struct record_writer {
        struct wal *wal; /* borrowed */
        struct record_encoder *encoder;
        uint64_t segment;     /* that the encoder's dictionaries belong to */
        size_t record_bytes;  /* a largest record */
        size_t part_bytes;    /* more than this is cut, if it has more than one row */
        bool has_segment;
        bool is_in_unit;      /* its first record was written, its last not yet */
        uint32_t n_rows_done; /* of the batch under way */
        size_t unit_bytes;    /* expected of the unit that batches and dead letters begin */
};

struct record_writer *record_writer_new(struct wal *wal)
{
        struct record_writer *writer = alloc_zero(1, sizeof(*writer));

        writer->wal = wal;
        writer->encoder = record_encoder_new();
        writer->record_bytes = wal_record_bytes(wal);
        writer->part_bytes = writer->record_bytes / 2;
        return writer;
}

struct record_writer *record_writer_free(struct record_writer *writer)
{
        if (writer == NULL)
                return NULL;
        record_encoder_free(writer->encoder);
        alloc_free(writer);
        return NULL;
}

void record_writer_set_layout(struct record_writer *writer, const struct record_layout *layout)
{
        record_encoder_set_layout(writer->encoder, layout);
}

void record_writer_expect(struct record_writer *writer, size_t unit_bytes)
{
        writer->unit_bytes = unit_bytes;
}

/* unit_bytes: of the unit that the record begins, if it does. */
static int record_writer_reserve(struct record_writer *writer, size_t bytes, size_t unit_bytes,
                                 struct wal_room *ret_room, struct err *err)
{
        int result = wal_reserve(writer->wal, bytes, ret_room, err);

        if (result == 0 && !writer->is_in_unit && !wal_has_reserve(writer->wal, unit_bytes))
                return RECORD_E_FULL;
        if (result == 0 && (!writer->has_segment || ret_room->segment != writer->segment)) {
                record_encoder_reset(writer->encoder);
                writer->segment = ret_room->segment;
                writer->has_segment = true;
        }
        return result;
}

/* Completes the reserved record; is_end: it ends its unit. */
static uint64_t record_writer_finish(struct record_writer *writer, enum record_type type, size_t len, bool is_end)
{
        uint8_t flags = (uint8_t)((writer->is_in_unit ? 0 : WAL_FIRST) | (is_end ? WAL_LAST : 0));

        writer->is_in_unit = !is_end;
        return wal_finish(writer->wal, (uint8_t)type, flags, len);
}

/* Room for a batch's record in a segment that has its layout. */
static int record_writer_reserve_batch(struct record_writer *writer, const struct record_batch *batch, size_t bytes,
                                       struct wal_room *ret_room, struct err *err)
{
        const struct record_layout *layout;
        int result;

        for (;;) {
                result = record_writer_reserve(writer, bytes, writer->unit_bytes, ret_room, err);
                if (result != 0)
                        return result;
                layout = record_encoder_need_layout(writer->encoder, batch->generation, batch->source);
                if (layout == NULL)
                        return 0;
                result = record_writer_reserve(writer, record_bound_layout(layout), writer->unit_bytes, ret_room, err);
                if (result != 0)
                        return result;
                record_writer_finish(writer, RECORD_LAYOUT,
                                     record_encode_layout(writer->encoder, layout, ret_room->payload), false);
        }
}

/* The rows from those done on that go into one record, and its bound. */
static struct record_part record_writer_cut(const struct record_writer *writer, const struct record_batch *batch,
                                            size_t *ret_bound)
{
        struct record_part part = {.from = writer->n_rows_done, .n_rows = batch->rows.n_rows - writer->n_rows_done};

        if (part.n_rows > LIMIT_ROWS_PER_VECTOR)
                part.n_rows = LIMIT_ROWS_PER_VECTOR;
        for (;;) {
                part.is_final = part.from + part.n_rows == batch->rows.n_rows;
                *ret_bound = record_bound_batch(batch, part);
                if (*ret_bound <= writer->part_bytes || part.n_rows <= 1)
                        break;
                part.n_rows /= 2;
        }
        /* A last row that is too wide for all that goes with the last part: that part follows, without rows. */
        if (*ret_bound > writer->record_bytes && part.is_final && part.n_rows > 0) {
                part.is_final = false;
                *ret_bound = record_bound_batch(batch, part);
        }
        return part;
}

int record_writer_batch(struct record_writer *writer, const struct record_batch *batch, uint64_t *ret_lsn,
                        struct err *err)
{
        struct record_part part;
        struct wal_room room;
        size_t bound;
        int result;

        do {
                part = record_writer_cut(writer, batch, &bound);
                result = record_writer_reserve_batch(writer, batch, bound, &room, err);
                if (result != 0)
                        return result;
                *ret_lsn = record_writer_finish(writer, RECORD_BATCH,
                                                record_encode_batch(writer->encoder, batch, part, room.payload),
                                                part.is_final && batch->is_last);
                writer->n_rows_done += part.n_rows;
        } while (!part.is_final);
        writer->n_rows_done = 0;
        return 0;
}

int record_writer_dead(struct record_writer *writer, const struct record_dead *dead, uint64_t *ret_lsn, struct err *err)
{
        struct wal_room room;
        int result = record_writer_reserve(writer, record_bound_dead(dead), writer->unit_bytes, &room, err);

        if (result == 0)
                *ret_lsn = record_writer_finish(writer, RECORD_DEAD, record_encode_dead(dead, room.payload), false);
        return result;
}

int record_writer_tick(struct record_writer *writer, const struct record_tick *tick, uint64_t *ret_lsn, struct err *err)
{
        struct wal_room room;
        int result = record_writer_reserve(writer, record_bound_tick(), 0, &room, err);

        assert(!writer->is_in_unit);
        if (result == 0)
                *ret_lsn = record_writer_finish(writer, RECORD_TICK, record_encode_tick(tick, room.payload), true);
        return result;
}

int record_writer_origin(struct record_writer *writer, const struct record_origin *origin, uint64_t *ret_lsn,
                         struct err *err)
{
        struct wal_room room;
        int result = record_writer_reserve(writer, record_bound_origin(origin), 0, &room, err);

        assert(!writer->is_in_unit);
        if (result == 0)
                *ret_lsn =
                        record_writer_finish(writer, RECORD_ORIGIN, record_encode_origin(origin, room.payload), true);
        return result;
}

int record_writer_config(struct record_writer *writer, const struct record_config *config, uint64_t *ret_lsn,
                         struct err *err)
{
        struct wal_room room;
        int result = record_writer_reserve(writer, record_bound_config(config), 0, &room, err);

        assert(!writer->is_in_unit);
        if (result == 0)
                *ret_lsn =
                        record_writer_finish(writer, RECORD_CONFIG, record_encode_config(config, room.payload), true);
        return result;
}

size_t record_writer_row_bytes(const struct record_writer *writer)
{
        return writer->record_bytes > RECORD_ROW_SLACK ? writer->record_bytes - RECORD_ROW_SLACK : 0;
}

bool record_writer_has_open_unit(const struct record_writer *writer)
{
        return writer->is_in_unit;
}
