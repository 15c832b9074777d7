/* wal_json.c - log records as lines of JSON. */
#include "sidecar/cmd/wal_json.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/calendar.h"
#include "sidecar/base/number.h"
#include "sinks/json_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { WAL_JSON_CHUNK_BYTES = 1 << 16 };

struct wal_json {
        struct record_decoder *decoder;
        struct arena arena;        /* of the record shown */
        struct arena layout_arena; /* of the layouts of a segment */
        struct record_layout *layouts;
        uint32_t n_layouts, capacity;
        uint64_t segment;
        bool has_segment;
};

struct wal_json *wal_json_new(void)
{
        struct wal_json *json = alloc_zero(1, sizeof(*json));

        json->decoder = record_decoder_new();
        arena_init(&json->arena, WAL_JSON_CHUNK_BYTES, 0);
        arena_init(&json->layout_arena, WAL_JSON_CHUNK_BYTES, 0);
        return json;
}

struct wal_json *wal_json_free(struct wal_json *json)
{
        if (json == NULL)
                return NULL;
        record_decoder_free(json->decoder);
        arena_done(&json->arena);
        arena_done(&json->layout_arena);
        alloc_free(json->layouts);
        alloc_free(json);
        return NULL;
}

/* ---- values ---- */

static void wal_json_text(struct bytes *line, const char *name, struct slice text)
{
        bytes_append_format(line, ",\"%s\":", name);
        json_text_append(line, text);
}

static void wal_json_int(struct bytes *line, const char *name, int64_t value)
{
        bytes_append_format(line, ",\"%s\":%" PRId64, name, value);
}

static void wal_json_uint(struct bytes *line, const char *name, uint64_t value)
{
        bytes_append_format(line, ",\"%s\":%" PRIu64, name, value);
}

static void wal_json_bool(struct bytes *line, const char *name, bool value)
{
        bytes_append_format(line, ",\"%s\":%s", name, value ? "true" : "false");
}

/* Bytes that need not be text. */
static void wal_json_hex(struct bytes *line, const char *name, struct slice value)
{
        static const char digits[] = "0123456789abcdef";

        bytes_append_format(line, ",\"%s\":\"", name);
        for (size_t i = 0; i < value.len; i++) {
                bytes_append_byte(line, (uint8_t)digits[value.data[i] >> 4]);
                bytes_append_byte(line, (uint8_t)digits[value.data[i] & 15]);
        }
        bytes_append_byte(line, '"');
}

static bool wal_json_has_type(struct slice type, const char *name)
{
        size_t len = strlen(name);

        return type.len >= len && memcmp(type.data, name, len) == 0 &&
               (type.len == len || type.data[len] == '(' || type.data[len] == ' ');
}

/* The second number of "DECIMAL(10, 2) NOT NULL". */
static unsigned wal_json_scale(struct slice type)
{
        unsigned scale = 0;
        bool is_behind_comma = false;

        for (size_t i = 0; i < type.len && type.data[i] != ')'; i++) {
                if (type.data[i] == ',')
                        is_behind_comma = true;
                else if (is_behind_comma && type.data[i] >= '0' && type.data[i] <= '9')
                        scale = scale * 10 + (unsigned)(type.data[i] - '0');
        }
        return scale;
}

static void wal_json_decimal(struct bytes *line, weir_i128 value, unsigned scale)
{
        unsigned __int128 left = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
        char digits[64];
        unsigned n = 0;

        do {
                digits[n++] = (char)('0' + (int)(left % 10));
                left /= 10;
        } while ((left != 0 || n <= scale) && n < sizeof(digits));
        if (value < 0)
                bytes_append_byte(line, '-');
        while (n > 0) {
                if (n == scale)
                        bytes_append_byte(line, '.');
                bytes_append_byte(line, (uint8_t)digits[--n]);
        }
}

static void wal_json_integer(struct bytes *line, int64_t value, struct slice type)
{
        char text[CALENDAR_TEXT_BYTES];
        size_t len;

        if (wal_json_has_type(type, "BOOLEAN")) {
                bytes_append_text(line, value != 0 ? "true" : "false");
                return;
        }
        if (wal_json_has_type(type, "TIMESTAMP") || wal_json_has_type(type, "TIMESTAMP_LTZ"))
                len = calendar_format_timestamp(value, 6, text);
        else if (wal_json_has_type(type, "DATE"))
                len = calendar_format_date(value, text);
        else if (wal_json_has_type(type, "TIME"))
                len = calendar_format_time(value, 3, text);
        else {
                bytes_append_format(line, "%" PRId64, value);
                return;
        }
        bytes_append_byte(line, '"');
        bytes_append(line, text, len);
        bytes_append_byte(line, '"');
}

static void wal_json_double(struct bytes *line, double value)
{
        char text[NUMBER_TEXT_BYTES];
        size_t len = number_format_double(value, text);

        /* JSON has no word for them. */
        if (!isfinite(value))
                json_text_append(line, slice_make(text, len));
        else
                bytes_append(line, text, len);
}

static void wal_json_value(struct bytes *line, const struct vector *vector, uint32_t row, struct slice type)
{
        if (vector_is_null(vector, row)) {
                bytes_append_text(line, "null");
                return;
        }
        switch (vector->phys) {
        case PHYS_I64:
                wal_json_integer(line, vector->i64[row], type);
                break;
        case PHYS_F64:
                wal_json_double(line, vector->f64[row]);
                break;
        case PHYS_DEC:
                wal_json_decimal(line, vector->dec[row], wal_json_scale(type));
                break;
        case PHYS_STR:
                json_text_append(line, vector->str[row]);
                break;
        case PHYS_NONE:
                break;
        }
}

/* ---- records ---- */

static void wal_json_keep_layout(struct wal_json *json, const struct record_layout *layout)
{
        struct arena *arena = &json->layout_arena;
        struct slice *names = arena_new_n(arena, struct slice, layout->n_columns);
        struct slice *types = arena_new_n(arena, struct slice, layout->n_columns);
        struct record_layout copy = *layout;

        for (uint32_t i = 0; i < layout->n_columns; i++) {
                names[i] = arena_copy(arena, layout->names[i]);
                types[i] = arena_copy(arena, layout->types[i]);
        }
        copy.table = arena_copy(arena, layout->table);
        copy.names = names;
        copy.types = types;
        if (json->n_layouts == json->capacity) {
                json->capacity = json->capacity == 0 ? 8 : 2 * json->capacity;
                json->layouts = alloc_resize(json->layouts, json->capacity, sizeof(*json->layouts));
        }
        json->layouts[json->n_layouts++] = copy;
}

static const struct record_layout *wal_json_layout(const struct wal_json *json, uint32_t generation, uint32_t source)
{
        for (uint32_t i = 0; i < json->n_layouts; i++)
                if (json->layouts[i].generation == generation && json->layouts[i].source == source)
                        return &json->layouts[i];
        return NULL;
}

static void wal_json_put_layout(const struct record_layout *layout, struct bytes *line)
{
        wal_json_uint(line, "generation", layout->generation);
        wal_json_uint(line, "source", layout->source);
        wal_json_text(line, "table", layout->table);
        bytes_append_text(line, ",\"columns\":{");
        for (uint32_t i = 0; i < layout->n_columns; i++) {
                if (i > 0)
                        bytes_append_byte(line, ',');
                json_text_append(line, layout->names[i]);
                bytes_append_byte(line, ':');
                json_text_append(line, layout->types[i]);
        }
        bytes_append_byte(line, '}');
}

static void wal_json_put_pairs(struct bytes *line, const char *name, uint32_t n, const struct slice *first,
                               const struct slice *second)
{
        bytes_append_format(line, ",\"%s\":{", name);
        for (uint32_t i = 0; i < n; i++) {
                if (i > 0)
                        bytes_append_byte(line, ',');
                json_text_append(line, first[i]);
                bytes_append_byte(line, ':');
                json_text_append(line, second[i]);
        }
        bytes_append_byte(line, '}');
}

static void wal_json_put_words(struct bytes *line, const char *name, const uint64_t *words, uint32_t n)
{
        bytes_append_format(line, ",\"%s\":[", name);
        for (uint32_t i = 0; i < n; i++)
                bytes_append_format(line, "%s\"%016" PRIx64 "\"", i > 0 ? "," : "", words[i]);
        bytes_append_byte(line, ']');
}

static void wal_json_put_rows(const struct record_layout *layout, const struct batch *rows, struct bytes *line)
{
        bytes_append_text(line, ",\"rows\":[");
        for (uint32_t row = 0; row < rows->n_rows; row++) {
                bytes_append_text(line, row > 0 ? ",{" : "{");
                for (uint32_t i = 0; i < rows->n_columns; i++) {
                        if (i > 0)
                                bytes_append_byte(line, ',');
                        json_text_append(line, layout->names[i]);
                        bytes_append_byte(line, ':');
                        wal_json_value(line, &rows->columns[i], row, layout->types[i]);
                }
                bytes_append_byte(line, '}');
        }
        bytes_append_byte(line, ']');
}

static void wal_json_put_batch(const struct wal_json *json, const struct record_batch *batch, struct bytes *line)
{
        const struct record_layout *layout = wal_json_layout(json, batch->generation, batch->source);

        wal_json_uint(line, "generation", batch->generation);
        wal_json_uint(line, "source", batch->source);
        wal_json_text(line, "table", layout->table);
        wal_json_text(line, "origin", batch->origin);
        wal_json_uint(line, "connection", batch->connection);
        wal_json_uint(line, "sequence", batch->sequence);
        wal_json_uint(line, "depth", batch->depth);
        wal_json_int(line, "arrival_ms", batch->arrival_ms);
        wal_json_bool(line, "last", batch->is_last);
        wal_json_uint(line, "filtered", batch->n_filtered);
        wal_json_uint(line, "duplicate", batch->n_duplicate);
        wal_json_uint(line, "dead", batch->n_dead);
        wal_json_put_rows(layout, &batch->rows, line);
        if (batch->n_steps > 0) {
                bytes_append_text(line, ",\"steps\":[");
                for (uint32_t i = 0; i < batch->n_steps; i++)
                        bytes_append_format(line, "%s[%u,%" PRId64 "]", i > 0 ? "," : "", batch->step_row[i],
                                            batch->step_ms[i]);
                bytes_append_byte(line, ']');
        }
        if (batch->candidate_ms != NULL) {
                bytes_append_text(line, ",\"candidates\":[");
                for (uint32_t i = 0; i < batch->rows.n_rows; i++) {
                        if (i > 0)
                                bytes_append_byte(line, ',');
                        if (batch->candidate_ms[i] == INT64_MIN)
                                bytes_append_text(line, "null");
                        else
                                bytes_append_format(line, "%" PRId64, batch->candidate_ms[i]);
                }
                bytes_append_byte(line, ']');
        }
        if (batch->fingerprint != NULL)
                wal_json_put_words(line, "fingerprints", batch->fingerprint, batch->n_fingerprints);
        if (batch->n_taken > 0)
                wal_json_put_words(line, "taken", batch->taken, batch->n_taken);
}

static void wal_json_put_dead(const struct record_dead *dead, struct bytes *line)
{
        wal_json_uint(line, "generation", dead->generation);
        wal_json_uint(line, "source", dead->source);
        wal_json_uint(line, "connection", dead->connection);
        wal_json_uint(line, "sequence", dead->sequence);
        wal_json_int(line, "arrival_ms", dead->arrival_ms);
        wal_json_text(line, "reason", dead->reason);
        wal_json_text(line, "detail", dead->detail);
        wal_json_uint(line, "body_bytes", dead->body_bytes);
        wal_json_hex(line, "body", dead->body);
}

static void wal_json_put_origin(const struct record_origin *origin, struct bytes *line)
{
        static const char *const events[] = {[RECORD_CONNECTION_OPEN] = "open",
                                             [RECORD_CONNECTION_CLOSE] = "close",
                                             [RECORD_SOURCE_END] = "end"};

        wal_json_uint(line, "source", origin->source);
        wal_json_text(line, "event", slice_from_text(events[origin->event]));
        wal_json_uint(line, "connection", origin->connection);
        wal_json_int(line, "now_ms", origin->now_ms);
        wal_json_text(line, "peer", origin->peer);
}

static void wal_json_put(const struct wal_json *json, const struct record *record, struct bytes *line)
{
        switch (record->type) {
        case RECORD_LAYOUT:
                wal_json_put_layout(&record->layout, line);
                break;
        case RECORD_CONFIG:
                wal_json_uint(line, "generation", record->config.generation);
                wal_json_int(line, "now_ms", record->config.now_ms);
                wal_json_put_pairs(line, "files", record->config.n_files, record->config.file_names,
                                   record->config.file_texts);
                wal_json_put_pairs(line, "overrides", record->config.n_overrides, record->config.override_keys,
                                   record->config.override_values);
                break;
        case RECORD_BATCH:
                wal_json_put_batch(json, &record->batch, line);
                break;
        case RECORD_DEAD:
                wal_json_put_dead(&record->dead, line);
                break;
        case RECORD_TICK:
                wal_json_int(line, "now_ms", record->tick.now_ms);
                wal_json_bool(line, "ready", record->tick.is_ready);
                wal_json_bool(line, "flush", record->tick.is_flush);
                break;
        case RECORD_ORIGIN:
                wal_json_put_origin(&record->origin, line);
                break;
        }
}

/* The value of a record that is no PAD, valid until the next. */
static int wal_json_decode(struct wal_json *json, const struct wal_record *record, struct record *ret_value,
                           struct err *err)
{
        if (!json->has_segment || json->segment != record->segment) {
                record_decoder_reset(json->decoder);
                arena_reset(&json->layout_arena);
                json->n_layouts = 0;
                json->segment = record->segment;
                json->has_segment = true;
        }
        arena_reset(&json->arena);
        if (record->type == WAL_TYPE_PAD)
                return 0;
        if (record_decode(json->decoder, record->type, record->payload, &json->arena, ret_value, err) != 0)
                return err_prefix(err, "lsn %" PRIu64, record->lsn);
        if (ret_value->type == RECORD_LAYOUT)
                wal_json_keep_layout(json, &ret_value->layout);
        return 0;
}

int wal_json_pass(struct wal_json *json, const struct wal_record *record, struct err *err)
{
        struct record value;

        return wal_json_decode(json, record, &value, err);
}

int wal_json_append(struct wal_json *json, const struct wal_record *record, struct bytes *line, struct err *err)
{
        struct record value;
        bool is_pad = record->type == WAL_TYPE_PAD;

        if (wal_json_decode(json, record, &value, err) != 0)
                return -1;
        bytes_append_format(line, "{\"lsn\":%" PRIu64 ",\"bytes\":%zu,\"type\":\"%s\"", record->lsn,
                            record->payload.len, is_pad ? "PAD" : record_type_name(record->type));
        if (!is_pad && !record->is_whole)
                bytes_append_text(line, ",\"incomplete\":true");
        if (!is_pad)
                wal_json_put(json, &value, line);
        bytes_append_text(line, "}\n");
        return 0;
}
