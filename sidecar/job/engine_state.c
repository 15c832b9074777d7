/* engine_state.c - the engine in a checkpoint. See engine.h.
 *
 * Little-endian. The bytes are a function of what the engine knows: equal states, equal bytes.
 *
 *   8  "weir\nENG"
 *   4  version: 1
 *   then sections, each:
 *     1  kind
 *     varint + bytes  name: of the table (SOURCE, SINK), the operator's fingerprint (WINDOW), nothing (ENGINE, END)
 *     4  how many sections of that kind and name stand before it
 *     records, each: 1 type, 8 length, payload; the last has type 0 and length 0
 *
 *   kind 1 ENGINE   record 1: 8 clock_ms, 8 last_epoch, 8 rows in the open epoch, 1 has_results, 8 results_since_ms
 *   kind 2 SOURCE   record 1: 8 each received, accepted, duplicate, dead; watermark (watermark.c); dedup (dedup.c)
 *   kind 3 SINK     record 1: 8 each rows, withheld, failed
 *   kind 4 WINDOW   records of window_state.c
 *   kind 255 END    no records but the last; nothing follows
 *
 * ENGINE comes first, then the sources in the job's order, the sinks, the windows. A section that the job at hand has
 * no place for is skipped; what the file does not know starts empty. */
#include "sidecar/job/engine_internal.h"

#include "sidecar/base/alloc.h"

#include <assert.h>

enum section_kind { SECTION_ENGINE = 1, SECTION_SOURCE, SECTION_SINK, SECTION_WINDOW, SECTION_END = 255 };

enum { STATE_VERSION = 1, PART_BYTES = 1 << 20 };

static const uint8_t magic[8] = {'w', 'e', 'i', 'r', '\n', 'E', 'N', 'G'};

struct engine_frozen {
        struct engine *engine;
        struct bytes head;   /* everything but windows */
        bool has_head, has_end;
        bool is_in_section;
        uint32_t window;     /* being written */
        uint32_t n_windows;
        struct window_frozen **windows;
};

/* ---- writing ---- */

static void begin_section(struct bytes *bytes, enum section_kind kind, struct slice name, uint32_t ordinal)
{
        bytes_append_byte(bytes, (uint8_t)kind);
        bytes_append_lenslice(bytes, name);
        bytes_append_u32(bytes, ordinal);
}

static size_t begin_record(struct bytes *bytes)
{
        bytes_append_byte(bytes, 1);
        bytes_append_u64(bytes, 0);
        return bytes->len;
}

static void end_record(struct bytes *bytes, size_t begin)
{
        bytes_put_u64(bytes->data + begin - 8, bytes->len - begin);
}

static void end_section(struct bytes *bytes)
{
        bytes_append_byte(bytes, 0);
        bytes_append_u64(bytes, 0);
}

/* Queries with equal windows have equal fingerprints; their order in the job tells them apart. */
static uint32_t window_ordinal(const struct engine *engine, uint32_t window)
{
        uint32_t n = 0;

        for (uint32_t w = 0; w < window; w++)
                n += slice_is_equal(engine->windows[w].node->op->fingerprint,
                                    engine->windows[window].node->op->fingerprint);
        return n;
}

static void append_engine(const struct engine *engine, struct bytes *bytes)
{
        size_t begin;

        begin_section(bytes, SECTION_ENGINE, slice_make(NULL, 0), 0);
        begin = begin_record(bytes);
        bytes_append_u64(bytes, (uint64_t)engine->clock_ms);
        bytes_append_u64(bytes, engine->last_epoch);
        bytes_append_u64(bytes, engine->rows_in_epoch);
        bytes_append_byte(bytes, engine->has_results);
        bytes_append_u64(bytes, (uint64_t)(engine->has_results ? engine->results_since_ms : 0));
        end_record(bytes, begin);
        end_section(bytes);
}

static void append_source(struct engine_source *source, struct bytes *bytes)
{
        size_t begin;

        begin_section(bytes, SECTION_SOURCE, source->plan->table->name, 0);
        begin = begin_record(bytes);
        bytes_append_u64(bytes, source->received);
        bytes_append_u64(bytes, source->accepted);
        bytes_append_u64(bytes, source->duplicate);
        bytes_append_u64(bytes, source->dead);
        watermark_save(&source->watermark, bytes);
        dedup_save(&source->dedup, bytes);
        end_record(bytes, begin);
        end_section(bytes);
}

static void append_sink(const struct engine_sink *sink, struct bytes *bytes)
{
        size_t begin;

        begin_section(bytes, SECTION_SINK, sink->table->name, 0);
        begin = begin_record(bytes);
        bytes_append_u64(bytes, sink->rows);
        bytes_append_u64(bytes, sink->withheld);
        bytes_append_u64(bytes, sink->failed);
        end_record(bytes, begin);
        end_section(bytes);
}

struct engine_frozen *engine_freeze(struct engine *engine)
{
        struct engine_frozen *frozen = alloc_zero(1, sizeof *frozen);

        assert(!engine_has_output(engine));
        frozen->engine = engine;
        bytes_init(&frozen->head);
        bytes_append(&frozen->head, magic, sizeof magic);
        bytes_append_u32(&frozen->head, STATE_VERSION);
        append_engine(engine, &frozen->head);
        for (uint32_t s = 0; s < engine->n_sources; s++)
                append_source(&engine->sources[s], &frozen->head);
        for (uint32_t s = 0; s < engine->n_sinks; s++)
                append_sink(&engine->sinks[s], &frozen->head);
        frozen->n_windows = engine->n_windows;
        frozen->windows = alloc_array(engine->n_windows + 1, sizeof(struct window_frozen *));
        for (uint32_t w = 0; w < engine->n_windows; w++)
                frozen->windows[w] = window_freeze(engine->windows[w].window);
        return frozen;
}

bool engine_frozen_next(struct engine_frozen *frozen, struct bytes *part)
{
        size_t max_bytes = part->len + PART_BYTES;

        if (frozen->has_end)
                return false;
        if (!frozen->has_head) {
                bytes_append_slice(part, bytes_slice(&frozen->head));
                frozen->has_head = true;
        }
        while (part->len < max_bytes && frozen->window < frozen->n_windows) {
                if (!frozen->is_in_section)
                        begin_section(part, SECTION_WINDOW,
                                      frozen->engine->windows[frozen->window].node->op->fingerprint,
                                      window_ordinal(frozen->engine, frozen->window));
                frozen->is_in_section = window_frozen_next(frozen->windows[frozen->window], part, max_bytes);
                if (frozen->is_in_section)
                        continue;
                end_section(part);
                frozen->window++;
        }
        if (frozen->window == frozen->n_windows) {
                begin_section(part, SECTION_END, slice_make(NULL, 0), 0);
                end_section(part);
                frozen->has_end = true;
        }
        return true;
}

struct engine_frozen *engine_thaw(struct engine *engine, struct engine_frozen *frozen)
{
        if (frozen == NULL)
                return NULL;
        for (uint32_t w = 0; w < frozen->n_windows; w++)
                window_thaw(engine->windows[w].window, frozen->windows[w]);
        alloc_free(frozen->windows);
        bytes_done(&frozen->head);
        alloc_free(frozen);
        return NULL;
}

/* ---- reading ---- */

struct section {
        unsigned kind;
        struct slice name;
        uint32_t ordinal;
};

static int damaged(struct err *err, const char *what)
{
        return err_set(err, ERR_DATA, "the engine's state is damaged: %s", what);
}

/* false: the records of the section are over. */
static int next_record(struct bytes_reader *reader, unsigned *ret_type, struct slice *ret_payload, struct err *err)
{
        uint64_t length;

        *ret_type = bytes_read_u8(reader);
        length = bytes_read_u64(reader);
        if (reader->failed || length > (uint64_t)(reader->end - reader->at) || (*ret_type == 0 && length != 0))
                return damaged(err, "a record is cut");
        *ret_payload = bytes_read_slice(reader, length);
        return 0;
}

static int load_engine(struct engine *engine, struct bytes_reader *reader, struct err *err)
{
        uint8_t has_results;

        engine->clock_ms = (int64_t)bytes_read_u64(reader);
        engine->last_epoch = bytes_read_u64(reader);
        engine->rows_in_epoch = bytes_read_u64(reader);
        has_results = bytes_read_u8(reader);
        engine->has_results = has_results == 1;
        engine->results_since_ms = (int64_t)bytes_read_u64(reader);
        if (has_results > 1 || engine->results_since_ms > INT64_MAX / 4 || engine->results_since_ms < INT64_MIN / 4)
                return damaged(err, "the epoch's head");
        return 0;
}

static int load_source(struct engine_source *source, struct bytes_reader *reader, struct err *err)
{
        source->received = bytes_read_u64(reader);
        source->accepted = bytes_read_u64(reader);
        source->duplicate = bytes_read_u64(reader);
        source->dead = bytes_read_u64(reader);
        if (source->received != source->accepted + source->duplicate + source->dead)
                return damaged(err, "the counters of a source");
        if (source->watermark.n_origins > 0 || source->watermark.table_ms != WATERMARK_NONE)
                return damaged(err, "a source is there twice");
        if (watermark_load(&source->watermark, reader, err) < 0 || dedup_load(&source->dedup, reader, err) < 0)
                return -1;
        return 0;
}

static int load_sink(struct engine_sink *sink, struct bytes_reader *reader, struct err *err)
{
        (void)err;
        sink->rows = bytes_read_u64(reader);
        sink->withheld = bytes_read_u64(reader);
        sink->failed = bytes_read_u64(reader);
        return 0;
}

static struct engine_source *find_source(struct engine *engine, struct slice name)
{
        for (uint32_t s = 0; s < engine->n_sources; s++)
                if (slice_is_equal(engine->sources[s].plan->table->name, name))
                        return &engine->sources[s];
        return NULL;
}

static struct engine_sink *find_sink(struct engine *engine, struct slice name)
{
        for (uint32_t s = 0; s < engine->n_sinks; s++)
                if (slice_is_equal(engine->sinks[s].table->name, name))
                        return &engine->sinks[s];
        return NULL;
}

static struct window *find_window(struct engine *engine, const struct section *section)
{
        for (uint32_t w = 0; w < engine->n_windows; w++)
                if (slice_is_equal(engine->windows[w].node->op->fingerprint, section->name) &&
                    window_ordinal(engine, w) == section->ordinal)
                        return engine->windows[w].window;
        return NULL;
}

/* The one record of a section that is not a window's. */
static int load_small(struct engine *engine, const struct section *section, struct slice payload, struct err *err)
{
        struct bytes_reader reader = bytes_reader_make(payload);
        struct engine_source *source;
        struct engine_sink *sink;
        int result = 0;

        if (section->kind == SECTION_ENGINE) {
                result = load_engine(engine, &reader, err);
        } else if (section->kind == SECTION_SOURCE) {
                source = find_source(engine, section->name);
                if (source == NULL)
                        return 0;
                result = load_source(source, &reader, err);
        } else {
                sink = find_sink(engine, section->name);
                if (sink == NULL)
                        return 0;
                result = load_sink(sink, &reader, err);
        }
        if (result == 0 && (reader.failed || reader.at != reader.end))
                return damaged(err, "a section has another length than it says");
        return result;
}

static int load_section(struct engine *engine, const struct section *section, struct bytes_reader *reader,
                        struct err *err)
{
        struct window *window = section->kind == SECTION_WINDOW ? find_window(engine, section) : NULL;
        struct slice payload;
        unsigned type, n = 0;

        for (;; n++) {
                if (next_record(reader, &type, &payload, err) < 0)
                        return -1;
                if (type == 0)
                        break;
                if (section->kind == SECTION_WINDOW) {
                        if (window != NULL && window_load_record(window, type, payload, err) < 0)
                                return -1;
                } else if (type != 1 || n > 0 || section->kind == SECTION_END) {
                        return damaged(err, "a section has a record that does not belong there");
                } else if (load_small(engine, section, payload, err) < 0) {
                        return -1;
                }
        }
        return window == NULL ? 0 : window_load_end(window, err);
}

/* Before a window is loaded it must know which panes can be there. */
static void set_windows(struct engine *engine)
{
        for (uint32_t w = 0; w < engine->n_windows; w++)
                window_advance(engine->windows[w].window, engine_window_watermark(engine, &engine->windows[w]));
}

int engine_load(struct engine *engine, struct slice bytes, struct err *err)
{
        struct bytes_reader reader = bytes_reader_make(bytes);
        struct slice head = bytes_read_slice(&reader, sizeof magic);
        uint32_t version = bytes_read_u32(&reader);
        struct section section = {.kind = 0};
        bool is_set = false;

        if (reader.failed || !slice_is_equal(head, slice_make(magic, sizeof magic)))
                return damaged(err, "it does not begin as one");
        if (version != STATE_VERSION)
                return err_set(err, ERR_DATA, "the engine's state has version %u, this weir reads version %u", version,
                               (unsigned)STATE_VERSION);
        while (section.kind != SECTION_END) {
                unsigned last = section.kind;

                section.kind = bytes_read_u8(&reader);
                section.name = bytes_read_text(&reader);
                section.ordinal = bytes_read_u32(&reader);
                if (reader.failed || section.kind < last || section.kind < SECTION_ENGINE ||
                    (section.kind > SECTION_WINDOW && section.kind != SECTION_END))
                        return damaged(err, "a section is cut or out of order");
                if (section.kind >= SECTION_WINDOW && !is_set) {
                        set_windows(engine);
                        is_set = true;
                }
                if (load_section(engine, &section, &reader, err) < 0)
                        return -1;
        }
        return reader.at == reader.end ? 0 : damaged(err, "something follows its end");
}
