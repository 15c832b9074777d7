/* record.c - the payloads of log records, byte by byte.
 *
 * All numbers are little-endian. varint is unsigned LEB128; zigzag a signed number folded into a varint; text a varint
 * length and bytes. The type stands in the log's record header (wal_format.h).
 *
 *   1 LAYOUT   varint generation, varint source, text table, varint n_columns,
 *              n_columns times: u8 physical type (1 integer, 2 double, 3 decimal, 4 string), text name, text type
 *              Before the first BATCH of (generation, source) in each segment. Strings of its columns have one
 *              dictionary each, which begins empty there.
 *
 *   2 CONFIG   varint generation, zigzag now_ms, varint n_files, n_files times: text name, text SQL,
 *              varint n_overrides, n_overrides times: text key, text value
 *
 *   3 BATCH    varint generation, varint source, varint connection, varint sequence, varint depth,
 *              zigzag arrival_ms, u8 flags (1 last of its batch, 2 candidates, 4 fingerprints), text origin,
 *              varint n_rows, n_filtered, n_duplicate, n_dead, n_steps, n_taken,
 *              varint n_fingerprints, with flag 4 only,
 *              the columns of the LAYOUT (codec.c),
 *              rows of the steps, their times: two columns of integers (codec.c form 1, without its head), n_steps
 *              each, candidates: one more, n_rows, with flag 2 only,
 *              n_fingerprints times u64, n_taken times u64
 *
 *   4 DEAD     varint generation, varint source, varint connection, varint sequence, zigzag arrival_ms,
 *              text reason, text detail, varint body_bytes, text body
 *
 *   5 TICK     zigzag now_ms, u8 flags (1 ready, 2 flush)
 *
 *   6 ORIGIN   varint source, u8 event (0 open, 1 close, 2 end of a bounded source), varint connection, zigzag now_ms,
 *              text peer
 *
 * Nothing follows the last field. A reader refuses what it does not know. */
#include "sidecar/job/record.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"
#include "sidecar/column/codec.h"

#include <assert.h>

enum { RECORD_VARINT_BYTES = 10, RECORD_HEAD_BYTES = 16 * RECORD_VARINT_BYTES };
enum { RECORD_BATCH_LAST = 1, RECORD_BATCH_CANDIDATES = 2, RECORD_BATCH_FINGERPRINTS = 4 };
enum { RECORD_TICK_READY = 1, RECORD_TICK_FLUSH = 2 };

/* Columns of one (generation, source): who writes keeps dictionaries, who reads their counterparts. */
struct record_table {
        struct record_layout layout; /* owned: see record_table_copy */
        struct arena arena;
        struct codec_dict **dicts;     /* per column, NULL for those without strings */
        struct codec_undict **undicts;
        bool is_known; /* written, or read, in this segment */
};

struct record_tables {
        struct record_table **tables;
        uint32_t n_tables, capacity;
};

struct record_encoder {
        struct record_tables tables;
};

struct record_decoder {
        struct record_tables tables;
};

const char *record_type_name(unsigned type)
{
        static const char *const names[] = {
                [RECORD_LAYOUT] = "LAYOUT", [RECORD_CONFIG] = "CONFIG", [RECORD_BATCH] = "BATCH",
                [RECORD_DEAD] = "DEAD",     [RECORD_TICK] = "TICK",     [RECORD_ORIGIN] = "ORIGIN",
        };

        return type < sizeof(names) / sizeof(names[0]) && names[type] != NULL ? names[type] : "?";
}

/* ---- tables ---- */

static struct record_table *record_tables_find(const struct record_tables *tables, uint32_t generation, uint32_t source)
{
        for (uint32_t i = tables->n_tables; i-- > 0;)
                if (tables->tables[i]->layout.generation == generation && tables->tables[i]->layout.source == source)
                        return tables->tables[i];
        return NULL;
}

static struct record_table *record_table_free(struct record_table *table)
{
        for (uint32_t i = 0; i < table->layout.n_columns; i++) {
                codec_dict_free(table->dicts[i]);
                codec_undict_free(table->undicts[i]);
        }
        arena_done(&table->arena);
        alloc_free(table);
        return NULL;
}

/* A copy of the layout that owns all it points to. */
static struct record_table *record_table_copy(const struct record_layout *layout, bool is_writing)
{
        struct record_table *table = alloc_zero(1, sizeof(*table));
        uint32_t n = layout->n_columns;
        struct slice *names, *types;
        enum phys *phys;

        arena_init(&table->arena, 4096, 0);
        names = arena_new_n(&table->arena, struct slice, n);
        types = arena_new_n(&table->arena, struct slice, n);
        phys = arena_new_n(&table->arena, enum phys, n);
        table->dicts = arena_new_n(&table->arena, struct codec_dict *, n);
        table->undicts = arena_new_n(&table->arena, struct codec_undict *, n);
        table->layout = *layout;
        table->layout.table = arena_copy(&table->arena, layout->table);
        for (uint32_t i = 0; i < n; i++) {
                names[i] = arena_copy(&table->arena, layout->names[i]);
                types[i] = arena_copy(&table->arena, layout->types[i]);
                phys[i] = layout->phys[i];
                if (phys[i] == PHYS_STR && is_writing)
                        table->dicts[i] = codec_dict_new();
                else if (phys[i] == PHYS_STR)
                        table->undicts[i] = codec_undict_new();
        }
        table->layout.names = names;
        table->layout.types = types;
        table->layout.phys = phys;
        return table;
}

static bool record_layout_is_same(const struct record_layout *a, const struct record_layout *b)
{
        if (a->n_columns != b->n_columns || !slice_is_equal(a->table, b->table))
                return false;
        for (uint32_t i = 0; i < a->n_columns; i++)
                if (a->phys[i] != b->phys[i] || !slice_is_equal(a->names[i], b->names[i]) ||
                    !slice_is_equal(a->types[i], b->types[i]))
                        return false;
        return true;
}

/* Adds the layout, or replaces one of the same generation and source that differs. */
static struct record_table *record_tables_put(struct record_tables *tables, const struct record_layout *layout,
                                              bool is_writing)
{
        struct record_table *table = record_tables_find(tables, layout->generation, layout->source);

        if (table != NULL && record_layout_is_same(&table->layout, layout))
                return table;
        if (table != NULL) {
                for (uint32_t i = 0; i < tables->n_tables; i++)
                        if (tables->tables[i] == table)
                                tables->tables[i] = record_table_copy(layout, is_writing);
                record_table_free(table);
                return record_tables_find(tables, layout->generation, layout->source);
        }
        if (tables->n_tables == tables->capacity) {
                tables->capacity = tables->capacity == 0 ? 8 : 2 * tables->capacity;
                tables->tables = alloc_resize(tables->tables, tables->capacity, sizeof(struct record_table *));
        }
        tables->tables[tables->n_tables++] = record_table_copy(layout, is_writing);
        return tables->tables[tables->n_tables - 1];
}

static void record_tables_reset(struct record_tables *tables)
{
        for (uint32_t i = 0; i < tables->n_tables; i++) {
                struct record_table *table = tables->tables[i];

                table->is_known = false;
                for (uint32_t c = 0; c < table->layout.n_columns; c++) {
                        if (table->dicts[c] != NULL)
                                codec_dict_reset(table->dicts[c]);
                        if (table->undicts[c] != NULL)
                                codec_undict_reset(table->undicts[c]);
                }
        }
}

static void record_tables_done(struct record_tables *tables)
{
        for (uint32_t i = 0; i < tables->n_tables; i++)
                record_table_free(tables->tables[i]);
        alloc_free(tables->tables);
}

/* ---- encoding: small things ---- */

static uint8_t *record_put_varint(uint8_t *at, uint64_t value)
{
        for (; value >= 0x80; value >>= 7)
                *at++ = (uint8_t)(value | 0x80);
        *at++ = (uint8_t)value;
        return at;
}

static uint8_t *record_put_zigzag(uint8_t *at, int64_t value)
{
        return record_put_varint(at, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

static uint8_t *record_put_text(uint8_t *at, struct slice text)
{
        at = record_put_varint(at, text.len);
        if (text.len > 0)
                memcpy(at, text.data, text.len);
        return at + text.len;
}

static size_t record_bound_text(struct slice text)
{
        return RECORD_VARINT_BYTES + text.len;
}

/* ---- encoding: layouts and batches ---- */

struct record_encoder *record_encoder_new(void)
{
        return alloc_zero(1, sizeof(struct record_encoder));
}

struct record_encoder *record_encoder_free(struct record_encoder *encoder)
{
        if (encoder == NULL)
                return NULL;
        record_tables_done(&encoder->tables);
        alloc_free(encoder);
        return NULL;
}

void record_encoder_reset(struct record_encoder *encoder)
{
        record_tables_reset(&encoder->tables);
}

void record_encoder_set_layout(struct record_encoder *encoder, const struct record_layout *layout)
{
        record_tables_put(&encoder->tables, layout, true);
}

const struct record_layout *record_encoder_need_layout(struct record_encoder *encoder, uint32_t generation,
                                                       uint32_t source)
{
        struct record_table *table = record_tables_find(&encoder->tables, generation, source);

        assert(table != NULL);
        return table->is_known ? NULL : &table->layout;
}

size_t record_bound_layout(const struct record_layout *layout)
{
        size_t bound = RECORD_HEAD_BYTES + record_bound_text(layout->table);

        for (uint32_t i = 0; i < layout->n_columns; i++)
                bound += 1 + record_bound_text(layout->names[i]) + record_bound_text(layout->types[i]);
        return bound;
}

size_t record_encode_layout(struct record_encoder *encoder, const struct record_layout *layout, uint8_t *at)
{
        struct record_table *table = record_tables_find(&encoder->tables, layout->generation, layout->source);
        const uint8_t *begin = at;

        assert(table != NULL);
        table->is_known = true;
        at = record_put_varint(at, layout->generation);
        at = record_put_varint(at, layout->source);
        at = record_put_text(at, layout->table);
        at = record_put_varint(at, layout->n_columns);
        for (uint32_t i = 0; i < layout->n_columns; i++) {
                *at++ = (uint8_t)layout->phys[i];
                at = record_put_text(at, layout->names[i]);
                at = record_put_text(at, layout->types[i]);
        }
        return (size_t)(at - begin);
}

/* The steps that go with a part: those before its rows, and with the last part those behind all rows. */
static void record_part_steps(const struct record_batch *batch, struct record_part part, uint32_t *ret_from,
                              uint32_t *ret_n)
{
        uint32_t from = 0;
        uint32_t to;

        while (part.from > 0 && from < batch->n_steps && batch->step_row[from] < part.from)
                from++;
        for (to = from; to < batch->n_steps && (part.is_final || batch->step_row[to] < part.from + part.n_rows);)
                to++;
        *ret_from = from;
        *ret_n = to - from;
}

size_t record_bound_batch(const struct record_batch *batch, struct record_part part)
{
        size_t bound = RECORD_HEAD_BYTES + record_bound_text(batch->origin);
        uint32_t from, n_steps;

        if (batch->rows_bytes > 0 && part.n_rows == batch->rows.n_rows)
                bound += batch->rows_bytes;
        else
                for (uint32_t i = 0; i < batch->rows.n_columns; i++)
                        bound += codec_bound(&batch->rows.columns[i], part.from, part.n_rows);
        record_part_steps(batch, part, &from, &n_steps);
        bound += 2 * codec_bound_i64(n_steps);
        if (batch->candidate_ms != NULL)
                bound += codec_bound_i64(part.n_rows);
        if (part.is_final)
                bound += 8 * ((size_t)batch->n_fingerprints + batch->n_taken);
        return bound;
}

static uint8_t *record_put_steps(const struct record_batch *batch, uint32_t first_row, uint32_t from, uint32_t n,
                                 uint8_t *at)
{
        int64_t stack[256];
        WEIR_AUTO_FREE int64_t *heap = n > 256 ? alloc_array(n, sizeof(*heap)) : NULL;
        int64_t *rows = heap != NULL ? heap : stack;

        if (n == 0)
                return at;
        for (uint32_t i = 0; i < n; i++)
                rows[i] = (int64_t)batch->step_row[from + i] - first_row;
        at += codec_encode_i64(rows, n, at);
        return at + codec_encode_i64(batch->step_ms + from, n, at);
}

static uint8_t *record_put_words(uint8_t *at, const uint64_t *words, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                bytes_put_u64(at + 8 * (size_t)i, words[i]);
        return at + 8 * (size_t)n;
}

size_t record_encode_batch(struct record_encoder *encoder, const struct record_batch *batch, struct record_part part,
                           uint8_t *at)
{
        struct record_table *table = record_tables_find(&encoder->tables, batch->generation, batch->source);
        const uint8_t *begin = at;
        uint32_t first_step, n_steps;
        uint8_t flags = 0;

        assert(table != NULL && table->is_known && table->layout.n_columns == batch->rows.n_columns);
        assert(part.from + part.n_rows <= batch->rows.n_rows && part.n_rows <= LIMIT_ROWS_PER_VECTOR);
        record_part_steps(batch, part, &first_step, &n_steps);
        if (part.is_final && batch->is_last)
                flags |= RECORD_BATCH_LAST;
        if (batch->candidate_ms != NULL)
                flags |= RECORD_BATCH_CANDIDATES;
        if (part.is_final && batch->fingerprint != NULL)
                flags |= RECORD_BATCH_FINGERPRINTS;
        at = record_put_varint(at, batch->generation);
        at = record_put_varint(at, batch->source);
        at = record_put_varint(at, batch->connection);
        at = record_put_varint(at, batch->sequence);
        at = record_put_varint(at, batch->depth);
        at = record_put_zigzag(at, batch->arrival_ms);
        *at++ = flags;
        at = record_put_text(at, batch->origin);
        at = record_put_varint(at, part.n_rows);
        at = record_put_varint(at, part.is_final ? batch->n_filtered : 0);
        at = record_put_varint(at, part.is_final ? batch->n_duplicate : 0);
        at = record_put_varint(at, part.is_final ? batch->n_dead : 0);
        at = record_put_varint(at, n_steps);
        at = record_put_varint(at, part.is_final ? batch->n_taken : 0);
        if (flags & RECORD_BATCH_FINGERPRINTS)
                at = record_put_varint(at, batch->n_fingerprints);
        for (uint32_t i = 0; i < batch->rows.n_columns; i++) {
                assert(batch->rows.columns[i].phys == table->layout.phys[i]);
                at += codec_encode(table->dicts[i], &batch->rows.columns[i], part.from, part.n_rows, at);
        }
        at = record_put_steps(batch, part.from, first_step, n_steps, at);
        if (batch->candidate_ms != NULL && part.n_rows > 0)
                at += codec_encode_i64(batch->candidate_ms + part.from, part.n_rows, at);
        if (flags & RECORD_BATCH_FINGERPRINTS)
                at = record_put_words(at, batch->fingerprint, batch->n_fingerprints);
        if (part.is_final)
                at = record_put_words(at, batch->taken, batch->n_taken);
        return (size_t)(at - begin);
}

/* ---- encoding: the rest ---- */

size_t record_bound_dead(const struct record_dead *dead)
{
        return RECORD_HEAD_BYTES + dead->reason.len + dead->detail.len + dead->body.len;
}

size_t record_encode_dead(const struct record_dead *dead, uint8_t *at)
{
        const uint8_t *begin = at;

        at = record_put_varint(at, dead->generation);
        at = record_put_varint(at, dead->source);
        at = record_put_varint(at, dead->connection);
        at = record_put_varint(at, dead->sequence);
        at = record_put_zigzag(at, dead->arrival_ms);
        at = record_put_text(at, dead->reason);
        at = record_put_text(at, dead->detail);
        at = record_put_varint(at, dead->body_bytes);
        at = record_put_text(at, dead->body);
        return (size_t)(at - begin);
}

size_t record_bound_tick(void)
{
        return RECORD_VARINT_BYTES + 1;
}

size_t record_encode_tick(const struct record_tick *tick, uint8_t *at)
{
        const uint8_t *begin = at;

        at = record_put_zigzag(at, tick->now_ms);
        *at++ = (uint8_t)((tick->is_ready ? RECORD_TICK_READY : 0) | (tick->is_flush ? RECORD_TICK_FLUSH : 0));
        return (size_t)(at - begin);
}

size_t record_bound_origin(const struct record_origin *origin)
{
        return RECORD_HEAD_BYTES + origin->peer.len;
}

size_t record_encode_origin(const struct record_origin *origin, uint8_t *at)
{
        const uint8_t *begin = at;

        at = record_put_varint(at, origin->source);
        *at++ = (uint8_t)origin->event;
        at = record_put_varint(at, origin->connection);
        at = record_put_zigzag(at, origin->now_ms);
        at = record_put_text(at, origin->peer);
        return (size_t)(at - begin);
}

size_t record_bound_config(const struct record_config *config)
{
        size_t bound = RECORD_HEAD_BYTES;

        for (uint32_t i = 0; i < config->n_files; i++)
                bound += record_bound_text(config->file_names[i]) + record_bound_text(config->file_texts[i]);
        for (uint32_t i = 0; i < config->n_overrides; i++)
                bound += record_bound_text(config->override_keys[i]) + record_bound_text(config->override_values[i]);
        return bound;
}

size_t record_encode_config(const struct record_config *config, uint8_t *at)
{
        const uint8_t *begin = at;

        at = record_put_varint(at, config->generation);
        at = record_put_zigzag(at, config->now_ms);
        at = record_put_varint(at, config->n_files);
        for (uint32_t i = 0; i < config->n_files; i++) {
                at = record_put_text(at, config->file_names[i]);
                at = record_put_text(at, config->file_texts[i]);
        }
        at = record_put_varint(at, config->n_overrides);
        for (uint32_t i = 0; i < config->n_overrides; i++) {
                at = record_put_text(at, config->override_keys[i]);
                at = record_put_text(at, config->override_values[i]);
        }
        return (size_t)(at - begin);
}

/* ---- decoding: small things ---- */

static int64_t record_read_zigzag(struct bytes_reader *in)
{
        uint64_t folded = bytes_read_varint(in);

        return (int64_t)(folded >> 1 ^ (0 - (folded & 1)));
}

/* A number that must not exceed `most`. */
static uint32_t record_read_u32(struct bytes_reader *in, uint64_t most)
{
        uint64_t value = bytes_read_varint(in);

        if (value > most) {
                in->failed = true;
                return 0;
        }
        return (uint32_t)value;
}

static int record_bad(unsigned type, const char *what, struct err *err)
{
        return err_set(err, ERR_DATA, "%s record: %s", record_type_name(type), what);
}

/* Everything was there, and nothing else. */
static int record_check_end(unsigned type, const struct bytes_reader *in, struct err *err)
{
        if (in->failed)
                return record_bad(type, "it is cut off or holds an impossible number", err);
        if (in->at != in->end)
                return record_bad(type, "bytes follow its last field", err);
        return 0;
}

/* n pairs of texts. */
static void record_read_pairs(struct bytes_reader *in, uint32_t n, struct arena *arena, const struct slice **ret_first,
                              const struct slice **ret_second)
{
        struct slice *first, *second;

        /* A pair takes at least two bytes: this bounds the memory by the payload. */
        if (n > (uint64_t)(in->end - in->at)) {
                in->failed = true;
                n = 0;
        }
        first = arena_new_n(arena, struct slice, n);
        second = arena_new_n(arena, struct slice, n);
        for (uint32_t i = 0; i < n; i++) {
                first[i] = bytes_read_text(in);
                second[i] = bytes_read_text(in);
        }
        *ret_first = first;
        *ret_second = second;
}

static const uint64_t *record_read_words(struct bytes_reader *in, uint32_t n, struct arena *arena)
{
        struct slice bytes = bytes_read_slice(in, 8 * (size_t)n);
        uint64_t *words;

        if (in->failed)
                return NULL;
        words = arena_take(arena, bytes.len, _Alignof(uint64_t));
        for (uint32_t i = 0; i < n; i++)
                words[i] = bytes_get_u64(bytes.data + 8 * (size_t)i);
        return words;
}

/* ---- decoding: layouts and batches ---- */

struct record_decoder *record_decoder_new(void)
{
        return alloc_zero(1, sizeof(struct record_decoder));
}

struct record_decoder *record_decoder_free(struct record_decoder *decoder)
{
        if (decoder == NULL)
                return NULL;
        record_tables_done(&decoder->tables);
        alloc_free(decoder);
        return NULL;
}

void record_decoder_reset(struct record_decoder *decoder)
{
        record_tables_reset(&decoder->tables);
}

static int record_decode_layout(struct record_decoder *decoder, struct bytes_reader *in, struct arena *arena,
                                struct record_layout *layout, struct err *err)
{
        struct record_table *table;
        struct slice *names, *types;
        enum phys *phys;

        layout->generation = record_read_u32(in, UINT32_MAX);
        layout->source = record_read_u32(in, UINT32_MAX);
        layout->table = bytes_read_text(in);
        layout->n_columns = record_read_u32(in, LIMIT_COLUMNS);
        names = arena_new_n(arena, struct slice, layout->n_columns);
        types = arena_new_n(arena, struct slice, layout->n_columns);
        phys = arena_new_n(arena, enum phys, layout->n_columns);
        for (uint32_t i = 0; i < layout->n_columns; i++) {
                uint8_t kind = bytes_read_u8(in);

                names[i] = bytes_read_text(in);
                types[i] = bytes_read_text(in);
                if (!in->failed && (kind < PHYS_I64 || kind > PHYS_STR))
                        return record_bad(RECORD_LAYOUT, "unknown physical type", err);
                phys[i] = (enum phys)kind;
        }
        layout->names = names;
        layout->types = types;
        layout->phys = phys;
        if (record_check_end(RECORD_LAYOUT, in, err) != 0)
                return -1;
        table = record_tables_find(&decoder->tables, layout->generation, layout->source);
        if (table != NULL && table->is_known)
                return record_bad(RECORD_LAYOUT, "a second one for the same source in one segment", err);
        record_tables_put(&decoder->tables, layout, false)->is_known = true;
        return 0;
}

static int record_decode_steps(struct bytes_reader *in, struct arena *arena, struct record_batch *batch,
                               struct err *err)
{
        int64_t *rows, *times;
        uint32_t *step_row;

        if (codec_decode_i64(batch->n_steps, in, arena, &rows, err) != 0 ||
            codec_decode_i64(batch->n_steps, in, arena, &times, err) != 0)
                return -1;
        step_row = arena_take(arena, sizeof(*step_row) * (size_t)batch->n_steps, _Alignof(uint32_t));
        for (uint32_t i = 0; i < batch->n_steps; i++) {
                if (rows[i] < 0 || rows[i] > batch->rows.n_rows || (i > 0 && rows[i] < rows[i - 1]))
                        return record_bad(RECORD_BATCH, "steps out of order", err);
                step_row[i] = (uint32_t)rows[i];
        }
        batch->step_row = step_row;
        batch->step_ms = times;
        return 0;
}

/* The fields before the columns. */
static uint8_t record_decode_batch_head(struct bytes_reader *in, struct record_batch *batch)
{
        uint8_t flags;

        batch->generation = record_read_u32(in, UINT32_MAX);
        batch->source = record_read_u32(in, UINT32_MAX);
        batch->connection = bytes_read_varint(in);
        batch->sequence = bytes_read_varint(in);
        batch->depth = record_read_u32(in, UINT32_MAX);
        batch->arrival_ms = record_read_zigzag(in);
        flags = bytes_read_u8(in);
        if (flags & ~(RECORD_BATCH_LAST | RECORD_BATCH_CANDIDATES | RECORD_BATCH_FINGERPRINTS))
                in->failed = true;
        batch->is_last = flags & RECORD_BATCH_LAST;
        batch->origin = bytes_read_text(in);
        batch->rows.n_rows = record_read_u32(in, LIMIT_ROWS_PER_VECTOR);
        batch->n_filtered = record_read_u32(in, UINT32_MAX);
        batch->n_duplicate = record_read_u32(in, UINT32_MAX);
        batch->n_dead = record_read_u32(in, UINT32_MAX);
        batch->n_steps = record_read_u32(in, LIMIT_EVENTS_PER_BATCH);
        batch->n_taken = record_read_u32(in, LIMIT_EVENTS_PER_BATCH);
        if (flags & RECORD_BATCH_FINGERPRINTS)
                batch->n_fingerprints = record_read_u32(in, LIMIT_EVENTS_PER_BATCH);
        return flags;
}

static struct record_table *record_decode_find_table(struct record_decoder *decoder, const struct record_batch *batch)
{
        struct record_table *table = record_tables_find(&decoder->tables, batch->generation, batch->source);

        return table != NULL && table->is_known ? table : NULL;
}

static int record_decode_batch(struct record_decoder *decoder, struct bytes_reader *in, struct arena *arena,
                               struct record_batch *batch, struct err *err)
{
        uint8_t flags = record_decode_batch_head(in, batch);
        struct record_table *table = record_decode_find_table(decoder, batch);
        int64_t *candidates = NULL;

        if (in->failed)
                return record_check_end(RECORD_BATCH, in, err);
        if (table == NULL)
                return record_bad(RECORD_BATCH, "its layout does not stand before it", err);
        batch->rows.n_columns = table->layout.n_columns;
        batch->rows.columns = arena_new_n(arena, struct vector, table->layout.n_columns);
        for (uint32_t i = 0; i < table->layout.n_columns; i++)
                if (codec_decode(table->undicts[i], table->layout.phys[i], batch->rows.n_rows, in, arena,
                                 &batch->rows.columns[i], err) != 0)
                        return err_prefix(err, "BATCH record, column %u", i);
        if (record_decode_steps(in, arena, batch, err) != 0)
                return -1;
        if (flags & RECORD_BATCH_CANDIDATES &&
            codec_decode_i64(batch->rows.n_rows, in, arena, &candidates, err) != 0)
                return err_prefix(err, "BATCH record, candidates");
        /* Of no rows, too: their absence says that candidates follow from the rowtime column. */
        if (flags & RECORD_BATCH_CANDIDATES && candidates == NULL)
                candidates = arena_new(arena, int64_t);
        batch->candidate_ms = candidates;
        if (flags & RECORD_BATCH_FINGERPRINTS)
                batch->fingerprint = record_read_words(in, batch->n_fingerprints, arena);
        batch->taken = record_read_words(in, batch->n_taken, arena);
        return record_check_end(RECORD_BATCH, in, err);
}

static int record_skip_batch(struct record_decoder *decoder, struct bytes_reader *in, struct err *err)
{
        struct record_batch batch = {0};
        struct record_table *table;

        record_decode_batch_head(in, &batch);
        table = record_decode_find_table(decoder, &batch);
        if (in->failed)
                return record_check_end(RECORD_BATCH, in, err);
        if (table == NULL)
                return record_bad(RECORD_BATCH, "its layout does not stand before it", err);
        for (uint32_t i = 0; i < table->layout.n_columns; i++)
                if (codec_skip(table->undicts[i], table->layout.phys[i], batch.rows.n_rows, in, err) != 0)
                        return err_prefix(err, "BATCH record, column %u", i);
        return 0;
}

/* ---- decoding: the rest ---- */

static int record_decode_dead(struct bytes_reader *in, struct record_dead *dead, struct err *err)
{
        dead->generation = record_read_u32(in, UINT32_MAX);
        dead->source = record_read_u32(in, UINT32_MAX);
        dead->connection = bytes_read_varint(in);
        dead->sequence = bytes_read_varint(in);
        dead->arrival_ms = record_read_zigzag(in);
        dead->reason = bytes_read_text(in);
        dead->detail = bytes_read_text(in);
        dead->body_bytes = record_read_u32(in, UINT32_MAX);
        dead->body = bytes_read_text(in);
        return record_check_end(RECORD_DEAD, in, err);
}

static int record_decode_tick(struct bytes_reader *in, struct record_tick *tick, struct err *err)
{
        uint8_t flags;

        tick->now_ms = record_read_zigzag(in);
        flags = bytes_read_u8(in);
        if (flags & ~(RECORD_TICK_READY | RECORD_TICK_FLUSH))
                return record_bad(RECORD_TICK, "unknown flags", err);
        tick->is_ready = flags & RECORD_TICK_READY;
        tick->is_flush = flags & RECORD_TICK_FLUSH;
        return record_check_end(RECORD_TICK, in, err);
}

static int record_decode_origin(struct bytes_reader *in, struct record_origin *origin, struct err *err)
{
        uint8_t event;

        origin->source = record_read_u32(in, UINT32_MAX);
        event = bytes_read_u8(in);
        if (event > RECORD_SOURCE_END)
                return record_bad(RECORD_ORIGIN, "unknown event", err);
        origin->event = (enum record_origin_event)event;
        origin->connection = bytes_read_varint(in);
        origin->now_ms = record_read_zigzag(in);
        origin->peer = bytes_read_text(in);
        return record_check_end(RECORD_ORIGIN, in, err);
}

static int record_decode_config(struct bytes_reader *in, struct arena *arena, struct record_config *config,
                                struct err *err)
{
        config->generation = record_read_u32(in, UINT32_MAX);
        config->now_ms = record_read_zigzag(in);
        config->n_files = record_read_u32(in, UINT32_MAX);
        record_read_pairs(in, config->n_files, arena, &config->file_names, &config->file_texts);
        config->n_overrides = record_read_u32(in, UINT32_MAX);
        record_read_pairs(in, config->n_overrides, arena, &config->override_keys, &config->override_values);
        return record_check_end(RECORD_CONFIG, in, err);
}

int record_decode(struct record_decoder *decoder, uint8_t type, struct slice payload, struct arena *arena,
                  struct record *ret_record, struct err *err)
{
        struct bytes_reader in = bytes_reader_make(payload);
        struct record record = {.type = (enum record_type)type};
        int result;

        switch (type) {
        case RECORD_LAYOUT:
                result = record_decode_layout(decoder, &in, arena, &record.layout, err);
                break;
        case RECORD_CONFIG:
                result = record_decode_config(&in, arena, &record.config, err);
                break;
        case RECORD_BATCH:
                result = record_decode_batch(decoder, &in, arena, &record.batch, err);
                break;
        case RECORD_DEAD:
                result = record_decode_dead(&in, &record.dead, err);
                break;
        case RECORD_TICK:
                result = record_decode_tick(&in, &record.tick, err);
                break;
        case RECORD_ORIGIN:
                result = record_decode_origin(&in, &record.origin, err);
                break;
        default:
                return err_set(err, ERR_DATA, "record of unknown type %u: a newer weir wrote it", type);
        }
        if (result == 0)
                *ret_record = record;
        return result;
}

int record_decode_skip(struct record_decoder *decoder, uint8_t type, struct slice payload, struct arena *arena,
                       struct err *err)
{
        struct bytes_reader in = bytes_reader_make(payload);
        struct record_layout layout = {0};

        if (type == RECORD_LAYOUT)
                return record_decode_layout(decoder, &in, arena, &layout, err);
        return type == RECORD_BATCH ? record_skip_batch(decoder, &in, err) : 0;
}
