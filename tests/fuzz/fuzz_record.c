/* fuzz_record.c - any payloads as log records: refused, or values whose every byte can be read; what was accepted and
 * is written again gives the same value.
 *
 * The input is a run of records: type, length as u16, payload. The decoder lives through all of them, as through a
 * segment. */
#include "sidecar/base/alloc.h"
#include "sidecar/job/record.h"

#include "tests/lib/fuzz.h"

#include <stdlib.h>

static void require(bool holds)
{
        if (!holds)
                abort();
}

static uint64_t sum_slice(struct slice slice)
{
        uint64_t sum = 0;

        for (size_t i = 0; i < slice.len; i++)
                sum += slice.data[i];
        return sum;
}

static uint64_t sum_vector(const struct vector *vector, uint32_t n)
{
        uint64_t sum = 0;

        for (uint32_t i = 0; i < n; i++) {
                switch (vector->phys) {
                case PHYS_I64:
                        sum += (uint64_t)vector->i64[i];
                        break;
                case PHYS_F64:
                        sum += vector->f64[i] > 0;
                        break;
                case PHYS_DEC:
                        sum += (uint64_t)vector->dec[i];
                        break;
                case PHYS_STR:
                        sum += sum_slice(vector->str[i]);
                        if (vector->code != NULL)
                                require(vector->code[i] < vector->dict->n_entries);
                        break;
                case PHYS_NONE:
                        abort();
                }
                sum += vector_is_null(vector, i);
        }
        return sum;
}

static uint64_t sum_batch(const struct record_batch *batch)
{
        uint64_t sum = sum_slice(batch->origin);

        for (uint32_t i = 0; i < batch->rows.n_columns; i++)
                sum += sum_vector(&batch->rows.columns[i], batch->rows.n_rows);
        for (uint32_t i = 0; i < batch->n_steps; i++) {
                require(batch->step_row[i] <= batch->rows.n_rows);
                sum += (uint64_t)batch->step_ms[i];
        }
        for (uint32_t i = 0; batch->candidate_ms != NULL && i < batch->rows.n_rows; i++)
                sum += (uint64_t)batch->candidate_ms[i];
        for (uint32_t i = 0; batch->fingerprint != NULL && i < batch->n_fingerprints; i++)
                sum += batch->fingerprint[i];
        for (uint32_t i = 0; i < batch->n_taken; i++)
                sum += batch->taken[i];
        return sum;
}

static uint64_t sum_record(const struct record *record)
{
        uint64_t sum = 0;

        switch (record->type) {
        case RECORD_LAYOUT:
                for (uint32_t i = 0; i < record->layout.n_columns; i++)
                        sum += sum_slice(record->layout.names[i]) + sum_slice(record->layout.types[i]);
                return sum;
        case RECORD_CONFIG:
                for (uint32_t i = 0; i < record->config.n_files; i++)
                        sum += sum_slice(record->config.file_names[i]) + sum_slice(record->config.file_texts[i]);
                for (uint32_t i = 0; i < record->config.n_overrides; i++)
                        sum += sum_slice(record->config.override_keys[i]) +
                               sum_slice(record->config.override_values[i]);
                return sum;
        case RECORD_BATCH:
                return sum_batch(&record->batch);
        case RECORD_DEAD:
                return sum_slice(record->dead.reason) + sum_slice(record->dead.detail) + sum_slice(record->dead.body);
        case RECORD_TICK:
                return (uint64_t)record->tick.now_ms;
        case RECORD_ORIGIN:
                return record->origin.connection + sum_slice(record->origin.peer);
        }
        return 0;
}

/* Writes an accepted batch by the layout under which it was read, reads that back, and compares. */
static void check_again(const struct record *record, const struct record_layout *layout, struct arena *arena)
{
        struct record_encoder *encoder = record_encoder_new();
        struct record_decoder *decoder = record_decoder_new();
        struct record_part part = {.n_rows = record->batch.rows.n_rows, .is_final = true};
        size_t bound = record_bound_layout(layout) + record_bound_batch(&record->batch, part);
        uint8_t *bytes = alloc_bytes(bound);
        struct record again;
        struct err err;
        size_t len;

        record_encoder_set_layout(encoder, layout);
        len = record_encode_layout(encoder, layout, bytes);
        require(len <= bound);
        require(record_decode(decoder, RECORD_LAYOUT, slice_make(bytes, len), arena, &again, &err) == 0);
        len = record_encode_batch(encoder, &record->batch, part, bytes);
        require(len <= bound);
        require(record_decode(decoder, RECORD_BATCH, slice_make(bytes, len), arena, &again, &err) == 0);
        require(again.batch.rows.n_rows == record->batch.rows.n_rows);
        require(sum_batch(&again.batch) == sum_batch(&record->batch));
        record_encoder_free(encoder);
        record_decoder_free(decoder);
        alloc_free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        struct record_decoder *decoder = record_decoder_new();
        struct record_decoder *skipper = record_decoder_new();
        struct arena arena, layouts;
        struct record record, layout = {0};
        uint64_t sum = 0;

        arena_init(&arena, 1 << 16, 0);
        arena_init(&layouts, 1 << 12, 0);
        while (len >= 3) {
                uint8_t type = data[0];
                size_t n = bytes_get_u16(data + 1);
                struct err err = {.code = ERR_NONE};
                int skipped;

                if (n > len - 3)
                        n = len - 3;
                skipped = record_decode_skip(skipper, type, slice_make(data + 3, n), &layouts, &err);
                if (record_decode(decoder, type, slice_make(data + 3, n), type == RECORD_LAYOUT ? &layouts : &arena,
                                  &record, &err) == 0) {
                        sum += sum_record(&record);
                        /* Passing over is laxer, never stricter. */
                        require(skipped == 0);
                        if (type == RECORD_LAYOUT)
                                layout = record;
                        if (type == RECORD_BATCH && layout.layout.n_columns == record.batch.rows.n_columns &&
                            layout.layout.generation == record.batch.generation &&
                            layout.layout.source == record.batch.source && record.batch.rows.n_rows < 4096)
                                check_again(&record, &layout.layout, &arena);
                } else {
                        require(err.text[0] != '\0');
                        /* A log would be refused here. */
                        break;
                }
                arena_reset(&arena);
                data += 3 + n;
                len -= 3 + n;
        }
        record_decoder_free(decoder);
        record_decoder_free(skipper);
        arena_done(&arena);
        arena_done(&layouts);
        return sum == 0x123456789abcdef ? -1 : 0;
}
