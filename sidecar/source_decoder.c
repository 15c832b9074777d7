/* source_decoder.c - the decoder of one listening source. See source_decoder.h. */
#include "sidecar/source_decoder.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/file.h"
#include "sidecar/base/limits.h"
#include "sidecar/plan/connector.h"

static void fill_column(const struct plan_source *plan, const struct plan_scan_column *scan, struct arena *arena,
                        struct decode_column *ret_column)
{
        *ret_column = (struct decode_column){.name = scan->name, .type = scan->type};
        if (scan->kind == PLAN_SCAN_HEADER) {
                ret_column->kind = DECODE_HEADER;
                ret_column->key = scan->key;
        } else if (connector_is(plan->table, "format", "raw")) {
                ret_column->kind = DECODE_BODY;
        } else {
                struct slice *path = arena_new_n(arena, struct slice, scan->n_path + 1);

                path[0] = plan->table->columns[scan->table_column].name;
                for (uint32_t i = 0; i < scan->n_path; i++)
                        path[i + 1] = scan->path[i];
                ret_column->kind = DECODE_FIELD;
                ret_column->path = path;
                ret_column->n_path = scan->n_path + 1;
        }
}

static int read_schema(const struct plan_source *plan, struct source_decoder *decoder, struct err *err)
{
        struct slice path = connector_path(plan->table, "avro.schema-file");
        char *name = alloc_text_n(path.data, path.len);
        uint8_t *json = NULL;
        size_t len = 0;
        int result = file_read_whole(file_ops_system(), name, LIMIT_SCHEMA_BYTES, &json, &len, err);

        if (result == 0) {
                bytes_append(&decoder->schema_text, json, len);
                result = schema_parse(slice_make(json, len), &decoder->schema, err);
        }
        if (result < 0)
                err_prefix(err, "schema file '%s'", name);
        alloc_free(json);
        alloc_free(name);
        return result;
}

static bool names_column(const struct expr *expr, uint32_t column)
{
        if (expr == NULL)
                return false;
        if (expr->kind == EXPR_COLUMN)
                return expr->column == column;
        for (uint32_t i = 0; expr->kind == EXPR_CALL && i < expr->n_args; i++)
                if (names_column(expr->args[i], column))
                        return true;
        return false;
}

/* Whether any part of the job looks at a decoded column's values. */
static bool is_read(const struct plan_source *plan, uint32_t column)
{
        if (plan->is_logged[column] || plan->rowtime == (int32_t)column || names_column(plan->watermark, column) ||
            names_column(plan->common_filter, column))
                return true;
        for (uint32_t i = plan->n_decoded; i < plan->n_columns; i++)
                if (names_column(plan->columns[i].computed, column))
                        return true;
        return false;
}

static void choose_fingerprint(const struct plan_source *plan, const struct hash_key *key, struct decode_config *config)
{
        config->fingerprint_key = *key;
        if (connector_is(plan->table, "dedup", "off")) {
                config->fingerprint = DECODE_FINGERPRINT_NONE;
        } else if (plan->dedup_key >= 0 && (uint32_t)plan->dedup_key < plan->n_decoded) {
                config->fingerprint = DECODE_FINGERPRINT_COLUMN;
                config->fingerprint_column = (uint32_t)plan->dedup_key;
                config->is_fingerprint_only = !is_read(plan, config->fingerprint_column);
        } else {
                config->fingerprint = DECODE_FINGERPRINT_EVENT;
        }
}

/* "job.sql:3:14: table 'ad_events': " */
static void prefix_place(const struct plan_table *table, struct err *err)
{
        err_prefix(err, "table '%.*s'", (int)table->name.len, (const char *)table->name.data);
        if (table->place.file != NULL)
                err_prefix(err, "%s:%u:%u", table->place.file, table->place.line, table->place.column);
}

int source_decoder_open(const struct plan_source *plan, const struct hash_key *key, struct source_decoder *ret_decoder,
                        struct err *err)
{
        static const char header[] = "header:";
        struct slice origin = connector_text(plan->table, "watermark.origin");
        struct decode_config config = {.format = DECODE_AVRO};
        struct decode_column *columns;
        struct arena arena;
        int result = 0;

        arena_init(&arena, 4096, 0);
        columns = arena_new_n(&arena, struct decode_column, plan->n_decoded + 1);
        for (uint32_t i = 0; i < plan->n_decoded; i++)
                fill_column(plan, &plan->columns[i], &arena, &columns[i]);
        config.columns = columns;
        config.n_columns = plan->n_decoded;
        *ret_decoder = (struct source_decoder){.program = NULL};
        bytes_init(&ret_decoder->schema_text);
        if (origin.len >= sizeof header - 1 && memcmp(origin.data, header, sizeof header - 1) == 0) {
                columns[config.n_columns++] = (struct decode_column){
                        .kind = DECODE_HEADER, .name = origin, .type = type_string(true),
                        .key = slice_make(origin.data + sizeof header - 1, origin.len - (sizeof header - 1))};
                ret_decoder->n_origin_columns = 1;
        }
        if (connector_is(plan->table, "format", "raw"))
                config.format = DECODE_RAW;
        else if (connector_is(plan->table, "format", "json"))
                config.format = DECODE_JSON;
        else
                result = read_schema(plan, ret_decoder, err);
        config.schema = ret_decoder->schema;
        choose_fingerprint(plan, key, &config);
        if (result == 0)
                result = decode_compile(&config, &ret_decoder->program, err);
        arena_done(&arena);
        if (result < 0) {
                source_decoder_close(ret_decoder);
                prefix_place(plan->table, err);
                if (err != NULL)
                        err->code = ERR_CONFIG;
        }
        return result;
}

void source_decoder_close(struct source_decoder *decoder)
{
        decoder->program = decode_free(decoder->program);
        decoder->schema = schema_free(decoder->schema);
        bytes_done(&decoder->schema_text);
}

bool source_decoder_is_listening(const struct plan_source *plan)
{
        return connector_is(plan->table, "connector", "flume");
}

/* An address has one table; port 0 is another one for each. */
static int check_listen(const struct plan_job *plan, uint32_t source, struct err *err)
{
        const struct plan_table *table = plan->sources[source]->table;
        struct slice listen = connector_text(table, "listen");

        if (listen.len > 2 && memcmp(listen.data + listen.len - 2, ":0", 2) == 0)
                return 0;
        for (uint32_t i = 0; i < source; i++) {
                const struct plan_table *other = plan->sources[i]->table;

                if (!source_decoder_is_listening(plan->sources[i]) ||
                    !slice_is_equal(connector_text(other, "listen"), listen))
                        continue;
                err_set(err, ERR_CONFIG, "'listen' = '%.*s' is where table '%.*s' listens", (int)listen.len,
                        (const char *)listen.data, (int)other->name.len, (const char *)other->name.data);
                prefix_place(table, err);
                return -1;
        }
        return 0;
}

int source_decoder_check(const struct plan_job *plan, struct err *err)
{
        struct hash_key key = hash_key_from_seed(1);

        for (uint32_t i = 0; i < plan->n_sources; i++) {
                struct source_decoder decoder;

                if (!source_decoder_is_listening(plan->sources[i]))
                        continue;
                if (check_listen(plan, i, err) < 0)
                        return -1;
                if (source_decoder_open(plan->sources[i], &key, &decoder, err) < 0)
                        return -1;
                source_decoder_close(&decoder);
        }
        return 0;
}
