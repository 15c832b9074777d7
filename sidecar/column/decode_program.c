/* decode_program.c - writer's schema and wanted columns to steps.
 *
 * One walk over the schema, in the order of its bytes, carrying the columns still wanted below the current
 * record. A field that nobody wants becomes a skip, joined with the one before where both are of a kind; a
 * wanted leaf becomes a load, followed by what turns the Avro value into the declared type; a union around
 * either becomes a SELECT. Behind the last wanted field nothing more is compiled. */
#include "sidecar/column/decode_program.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"
#include "sidecar/base/nearest.h"

#include <assert.h>
#include <stdio.h>

/* Records are taken apart into their fields up to here; in a schema with more, what is left is skipped by a walk. */
enum { STEPS_INLINE_MAX = 1024 };

struct compiler {
        struct decode_program *program;
        const struct decode_config *config;
        uint32_t steps_capacity;
        struct bytes path; /* name of the current field, dotted */
        int64_t join;      /* the step that the next skip may join, -1: none */
};

static const int64_t micros_per_unit[] = {1000000, 100000, 10000, 1000, 100, 10, 1}; /* by TIMESTAMP precision */

static struct decode_step *step_add(struct compiler *compiler, enum decode_step_kind kind)
{
        struct decode_program *program = compiler->program;
        struct decode_step *step;

        if (program->n_steps == compiler->steps_capacity) {
                compiler->steps_capacity = compiler->steps_capacity == 0 ? 32 : compiler->steps_capacity * 2;
                program->steps = alloc_resize(program->steps, compiler->steps_capacity, sizeof(*program->steps));
        }
        step = &program->steps[program->n_steps++];
        *step = (struct decode_step){.kind = kind, .count = 1, .null_branch = -1, .value_branch = -1};
        step->field = slice_from_text(arena_text(&program->arena, bytes_slice(&compiler->path)));
        if (kind < STEP_TO_DOUBLE || kind == STEP_SELECT) /* conversions do not move the position */
                compiler->join = kind == STEP_SELECT ? -1 : (int64_t)program->n_steps - 1;
        return step;
}

static struct decode_step *load_add(struct compiler *compiler, enum decode_step_kind kind, uint32_t column)
{
        struct decode_step *step = step_add(compiler, kind);

        step->column = column;
        return step;
}

/* The name of a field is on the path while what is inside it is compiled. */
static size_t path_enter(struct compiler *compiler, struct slice name)
{
        size_t before = compiler->path.len;

        if (before > 0)
                bytes_append_byte(&compiler->path, '.');
        bytes_append_slice(&compiler->path, name);
        return before;
}

static void path_leave(struct compiler *compiler, size_t before)
{
        compiler->path.len = before;
}

/* ---- skips ---- */

/* The step that moved the position last, if the next skip may join it. */
static struct decode_step *join_step(struct compiler *compiler)
{
        return compiler->join < 0 ? NULL : &compiler->program->steps[compiler->join];
}

static void skip_add(struct compiler *compiler, enum decode_step_kind kind, uint32_t count)
{
        struct decode_step *step = join_step(compiler);

        if (step == NULL || step->kind != kind) {
                step = step_add(compiler, kind);
                step->count = 0;
        }
        step->count += count;
}

/* Longs and texts are skipped in runs: longs first. A text at the very start stays alone: decode_find.c skips it on
 * its way. */
static void skip_add_run(struct compiler *compiler, bool is_text)
{
        struct decode_step *step = join_step(compiler);
        bool is_joining = step != NULL && step->kind == STEP_SKIP_RUN;
        bool is_alone = is_joining && step == compiler->program->steps && step->n_longs == 0;

        if (!is_joining || is_alone || (!is_text && step->n_texts > 0))
                step = step_add(compiler, STEP_SKIP_RUN);
        if (is_text)
                step->n_texts++;
        else
                step->n_longs++;
}

static void skip_compile(struct compiler *compiler, const struct schema_node *node);

static bool fixed_size_of(const struct schema_node *node, uint32_t *ret_bytes)
{
        if (node->kind == SCHEMA_FLOAT || node->kind == SCHEMA_DOUBLE)
                *ret_bytes = node->kind == SCHEMA_FLOAT ? 4 : 8;
        else if (node->kind == SCHEMA_FIXED)
                *ret_bytes = node->fixed_bytes;
        else
                return false;
        return true;
}

static void skip_any(struct compiler *compiler, const struct schema_node *node)
{
        struct decode_step *step = step_add(compiler, STEP_SKIP_VALUE);

        step->node = node;
}

/* Two branches, one of them null. */
static bool is_optional(const struct schema_node *node, uint32_t *ret_value_branch)
{
        if (node->kind != SCHEMA_UNION || node->n_branches != 2)
                return false;
        if (node->branches[0]->kind != SCHEMA_NULL && node->branches[1]->kind != SCHEMA_NULL)
                return false;
        *ret_value_branch = node->branches[0]->kind == SCHEMA_NULL ? 1 : 0;
        return true;
}

static void skip_union(struct compiler *compiler, const struct schema_node *node)
{
        const struct schema_node *value;
        struct decode_step *step;
        uint32_t branch, bytes;

        if (!is_optional(node, &branch)) {
                skip_any(compiler, node);
                return;
        }
        value = node->branches[branch];
        if (value->kind == SCHEMA_STRING || value->kind == SCHEMA_BYTES) {
                step = step_add(compiler, STEP_SKIP_OPTIONAL_TEXT);
        } else if (value->kind == SCHEMA_LONG) {
                step = step_add(compiler, STEP_SKIP_OPTIONAL_LONG);
        } else if (fixed_size_of(value, &bytes)) {
                step = step_add(compiler, STEP_SKIP_OPTIONAL_FIXED);
                step->count = bytes;
        } else {
                skip_any(compiler, node);
                return;
        }
        step->value_branch = (int32_t)branch;
        step->null_branch = 1 - (int32_t)branch;
}

static void skip_compile(struct compiler *compiler, const struct schema_node *node)
{
        uint32_t bytes;

        switch (node->kind) {
        case SCHEMA_NULL:
                return;
        case SCHEMA_BOOLEAN:
                skip_add(compiler, STEP_SKIP_BOOLEAN, 1);
                return;
        case SCHEMA_INT:
                skip_add(compiler, STEP_SKIP_INT, 1);
                return;
        case SCHEMA_LONG:
                skip_add_run(compiler, false);
                return;
        case SCHEMA_FLOAT:
        case SCHEMA_DOUBLE:
        case SCHEMA_FIXED:
                (void)fixed_size_of(node, &bytes);
                if (join_step(compiler) != NULL && join_step(compiler)->kind == STEP_SKIP_FIXED &&
                    join_step(compiler)->count > LIMIT_EVENT_BODY_BYTES)
                        skip_any(compiler, node); /* too long for any body: only the sum must not overflow */
                else
                        skip_add(compiler, STEP_SKIP_FIXED, bytes);
                return;
        case SCHEMA_BYTES:
        case SCHEMA_STRING:
                skip_add_run(compiler, true);
                return;
        case SCHEMA_ENUM:
                step_add(compiler, STEP_SKIP_ENUM)->count = node->n_symbols;
                return;
        case SCHEMA_UNION:
                skip_union(compiler, node);
                return;
        case SCHEMA_ARRAY:
        case SCHEMA_MAP:
                skip_any(compiler, node);
                return;
        case SCHEMA_RECORD:
                break;
        }
        for (uint32_t i = 0; i < node->n_fields && node->min_bytes > 0; i++) {
                size_t before = path_enter(compiler, node->fields[i].name);

                if (compiler->program->n_steps < STEPS_INLINE_MAX)
                        skip_compile(compiler, node->fields[i].type);
                else
                        skip_any(compiler, node->fields[i].type);
                path_leave(compiler, before);
        }
}

/* ---- loads ---- */

/* What to declare for an Avro type, in Flink's words. */
static void suggest(const struct schema_node *node, char text[SCHEMA_TEXT_BYTES])
{
        static const char *const by_logical[] = {
                [SCHEMA_PLAIN] = NULL,
                [SCHEMA_DATE] = "DATE",
                [SCHEMA_TIME_MILLIS] = "TIME(3)",
                [SCHEMA_TIME_MICROS] = "TIME(3)",
                [SCHEMA_TIMESTAMP_MILLIS] = "TIMESTAMP_LTZ(3)",
                [SCHEMA_TIMESTAMP_MICROS] = "TIMESTAMP_LTZ(6)",
                [SCHEMA_LOCAL_TIMESTAMP_MILLIS] = "TIMESTAMP(3)",
                [SCHEMA_LOCAL_TIMESTAMP_MICROS] = "TIMESTAMP(6)",
                [SCHEMA_DECIMAL] = NULL,
                [SCHEMA_UUID] = "STRING",
        };
        static const char *const by_kind[] = {
                [SCHEMA_NULL] = NULL,       [SCHEMA_BOOLEAN] = "BOOLEAN", [SCHEMA_INT] = "INT",
                [SCHEMA_LONG] = "BIGINT",   [SCHEMA_FLOAT] = "FLOAT",     [SCHEMA_DOUBLE] = "DOUBLE",
                [SCHEMA_BYTES] = "BYTES",   [SCHEMA_STRING] = "STRING",   [SCHEMA_RECORD] = NULL,
                [SCHEMA_ENUM] = "STRING",   [SCHEMA_ARRAY] = NULL,        [SCHEMA_MAP] = NULL,
                [SCHEMA_UNION] = NULL,      [SCHEMA_FIXED] = "BYTES",
        };
        const char *word = by_logical[node->logical];

        if (node->logical == SCHEMA_DECIMAL && node->precision <= TYPE_PRECISION_DECIMAL_MAX)
                (void)snprintf(text, SCHEMA_TEXT_BYTES, "declare it DECIMAL(%u, %u)", node->precision, node->scale);
        else if (word != NULL || by_kind[node->kind] != NULL)
                (void)snprintf(text, SCHEMA_TEXT_BYTES, "declare it %s", word != NULL ? word : by_kind[node->kind]);
        else if (node->kind == SCHEMA_RECORD)
                (void)snprintf(text, SCHEMA_TEXT_BYTES, "declare it ROW<...> and name the fields that you need");
        else
                (void)snprintf(text, SCHEMA_TEXT_BYTES, "weir cannot read it yet: leave the column out");
}

static int refuse(const struct decode_column *column, const struct schema_node *node, struct err *err)
{
        char declared[TYPE_TEXT_BYTES], avro[SCHEMA_TEXT_BYTES], hint[SCHEMA_TEXT_BYTES];

        type_format(&column->type, declared);
        schema_describe(node, avro);
        suggest(node, hint);
        return err_set(err, ERR_CONFIG, "column '%.*s' is declared %s, but the schema has %s there: %s",
                       (int)column->name.len, (const char *)column->name.data, declared, avro, hint);
}

static bool load_integer(struct compiler *compiler, const struct schema_node *node, const struct type *type,
                         uint32_t column)
{
        struct decode_step *step;
        unsigned bits = type_integer_bits(type);

        if (node->kind != SCHEMA_INT && (node->kind != SCHEMA_LONG || type->kind != TYPE_BIGINT))
                return false;
        load_add(compiler, node->kind == SCHEMA_INT ? STEP_LOAD_INT : STEP_LOAD_LONG, column);
        if (bits < 32) {
                step = load_add(compiler, STEP_CHECK_RANGE, column);
                step->least = -(INT64_C(1) << (bits - 1));
                step->most = (INT64_C(1) << (bits - 1)) - 1;
        }
        return true;
}

static bool load_approximate(struct compiler *compiler, const struct schema_node *node, const struct type *type,
                             uint32_t column)
{
        bool is_float = type->kind == TYPE_FLOAT;

        switch (node->kind) {
        case SCHEMA_INT:
        case SCHEMA_LONG:
                if (node->logical != SCHEMA_PLAIN)
                        return false;
                load_add(compiler, node->kind == SCHEMA_INT ? STEP_LOAD_INT : STEP_LOAD_LONG, column);
                load_add(compiler, is_float ? STEP_TO_FLOAT : STEP_TO_DOUBLE, column);
                return true;
        case SCHEMA_FLOAT:
                load_add(compiler, STEP_LOAD_FLOAT, column);
                return true;
        case SCHEMA_DOUBLE:
                if (is_float)
                        return false;
                load_add(compiler, STEP_LOAD_DOUBLE, column);
                return true;
        default:
                return false;
        }
}

static weir_i128 power_of_ten(unsigned exponent)
{
        weir_i128 power = 1;

        while (exponent-- > 0)
                power *= 10;
        return power;
}

/* DECIMAL(p, s) takes an Avro decimal of no more fraction digits and no more digits in front of the point. */
static bool load_decimal(struct compiler *compiler, const struct schema_node *node, const struct type *type,
                         uint32_t column)
{
        struct decode_step *step;

        if (node->logical != SCHEMA_DECIMAL || node->scale > type->scale ||
            node->precision - node->scale > (uint32_t)type->precision - type->scale)
                return false;
        step = load_add(compiler, node->kind == SCHEMA_FIXED ? STEP_LOAD_DECIMAL_FIXED : STEP_LOAD_DECIMAL, column);
        step->count = node->fixed_bytes;
        step = load_add(compiler, STEP_RESCALE, column);
        step->wide_factor = power_of_ten(type->scale - node->scale);
        step->count = type->precision - (type->scale - node->scale); /* digits that may stand before the rescale */
        return true;
}

static bool load_string(struct compiler *compiler, const struct schema_node *node, const struct type *type,
                        uint32_t column)
{
        bool is_text = node->kind == SCHEMA_STRING || (node->kind == SCHEMA_BYTES && node->logical == SCHEMA_PLAIN);

        if (is_text) {
                load_add(compiler, STEP_LOAD_TEXT, column);
                return true;
        }
        if (node->kind == SCHEMA_ENUM && type_is_character(type)) {
                load_add(compiler, STEP_LOAD_ENUM, column)->count = node->n_symbols;
                return true;
        }
        if (node->kind == SCHEMA_FIXED && node->logical == SCHEMA_PLAIN && type_is_binary(type)) {
                load_add(compiler, STEP_LOAD_FIXED, column)->count = node->fixed_bytes;
                return true;
        }
        return false;
}

static bool load_time(struct compiler *compiler, const struct schema_node *node, uint32_t column)
{
        struct decode_step *step;

        if (node->logical == SCHEMA_TIME_MILLIS) {
                load_add(compiler, STEP_LOAD_INT, column);
        } else if (node->logical == SCHEMA_TIME_MICROS) {
                load_add(compiler, STEP_LOAD_LONG, column);
                load_add(compiler, STEP_DIVIDE, column)->factor = TYPE_MICROS_PER_MS;
        } else {
                return false;
        }
        step = load_add(compiler, STEP_CHECK_RANGE, column);
        step->least = 0;
        step->most = 86400 * INT64_C(1000) - 1;
        return true;
}

/* A wall-clock time is no point in time without a zone; the other way round Flink itself reads (and has always read)
 * timestamp-millis as TIMESTAMP. */
static bool load_timestamp(struct compiler *compiler, const struct schema_node *node, const struct type *type,
                           uint32_t column)
{
        bool is_millis = node->logical == SCHEMA_TIMESTAMP_MILLIS || node->logical == SCHEMA_LOCAL_TIMESTAMP_MILLIS;
        bool is_micros = node->logical == SCHEMA_TIMESTAMP_MICROS || node->logical == SCHEMA_LOCAL_TIMESTAMP_MICROS;
        bool is_local = node->logical == SCHEMA_LOCAL_TIMESTAMP_MILLIS ||
                        node->logical == SCHEMA_LOCAL_TIMESTAMP_MICROS;

        if ((!is_millis && !is_micros) || (is_local && type->kind == TYPE_TIMESTAMP_LTZ))
                return false;
        load_add(compiler, STEP_LOAD_LONG, column);
        if (is_millis)
                load_add(compiler, STEP_MULTIPLY, column)->factor = TYPE_MICROS_PER_MS;
        if (type->precision < (is_millis ? 3 : 6))
                load_add(compiler, STEP_FLOOR, column)->factor = micros_per_unit[type->precision];
        return true;
}

/* The load of one leaf that is no union and not null. False: these types do not go together. */
static bool load_compile(struct compiler *compiler, const struct schema_node *node, const struct type *type,
                         uint32_t column)
{
        switch (type->kind) {
        case TYPE_BOOLEAN:
                if (node->kind == SCHEMA_BOOLEAN)
                        load_add(compiler, STEP_LOAD_BOOLEAN, column);
                return node->kind == SCHEMA_BOOLEAN;
        case TYPE_TINYINT:
        case TYPE_SMALLINT:
        case TYPE_INT:
        case TYPE_BIGINT:
                return load_integer(compiler, node, type, column);
        case TYPE_FLOAT:
        case TYPE_DOUBLE:
                return load_approximate(compiler, node, type, column);
        case TYPE_DECIMAL:
                return load_decimal(compiler, node, type, column);
        case TYPE_CHAR:
        case TYPE_VARCHAR:
        case TYPE_BINARY:
        case TYPE_VARBINARY:
                return load_string(compiler, node, type, column);
        case TYPE_DATE:
                if (node->logical == SCHEMA_DATE)
                        load_add(compiler, STEP_LOAD_INT, column);
                return node->logical == SCHEMA_DATE;
        case TYPE_TIME:
                return load_time(compiler, node, column);
        case TYPE_TIMESTAMP:
        case TYPE_TIMESTAMP_LTZ:
                return load_timestamp(compiler, node, type, column);
        default:
                return false;
        }
}

/* ---- records ---- */

/* Columns wanted below the current record: their path is known up to `depth`. */
struct wanted {
        const uint32_t *columns;
        uint32_t n;
        uint32_t depth;
};

static int record_compile(struct compiler *compiler, const struct schema_node *record, const struct wanted *wanted,
                          bool is_last, struct err *err);

static const struct decode_column *column_at(const struct compiler *compiler, const struct wanted *wanted, uint32_t i)
{
        return &compiler->config->columns[wanted->columns[i]];
}

static int leaf_compile(struct compiler *compiler, const struct schema_node *node, const struct wanted *wanted,
                        struct err *err)
{
        const struct decode_column *column = column_at(compiler, wanted, 0);
        uint32_t index = wanted->columns[0];

        if (node->kind == SCHEMA_NULL) {
                load_add(compiler, STEP_LOAD_NULL, index);
                return 0;
        }
        if (!load_compile(compiler, node, &column->type, index))
                return refuse(column, node, err);
        return 0;
}

static int value_compile(struct compiler *compiler, const struct schema_node *node, const struct wanted *wanted,
                         bool is_leaf, bool is_last, struct err *err)
{
        if (is_leaf)
                return leaf_compile(compiler, node, wanted, err);
        if (node->kind != SCHEMA_RECORD)
                return refuse(column_at(compiler, wanted, 0), node, err);
        return record_compile(compiler, node, wanted, is_last, err);
}

/* A union around something wanted: null and one more, or one alone. */
static int select_compile(struct compiler *compiler, const struct schema_node *node, const struct wanted *wanted,
                          bool is_leaf, bool is_last, struct err *err)
{
        struct decode_program *program = compiler->program;
        uint32_t branch = 0;
        uint32_t at = program->n_steps;
        uint32_t *nulls = arena_new_n(&program->arena, uint32_t, wanted->n);
        struct decode_step *step;

        if (node->n_branches != 1 && !is_optional(node, &branch)) {
                const struct decode_column *column = column_at(compiler, wanted, 0);
                char avro[SCHEMA_TEXT_BYTES];

                schema_describe(node, avro);
                return err_set(err, ERR_CONFIG,
                               "column '%.*s': the schema has a %s there, and a column can only hold a union of null "
                               "and one more type: leave the column out",
                               (int)column->name.len, (const char *)column->name.data, avro);
        }
        memcpy(nulls, wanted->columns, sizeof(*nulls) * wanted->n);
        step = step_add(compiler, STEP_SELECT);
        step->value_branch = (int32_t)branch;
        step->null_branch = node->n_branches == 1 ? -1 : 1 - (int32_t)branch;
        step->null_columns = nulls;
        step->n_nulls = wanted->n;
        if (value_compile(compiler, node->branches[branch], wanted, is_leaf, is_last, err) < 0)
                return -1;
        program->steps[at].count = program->n_steps - at - 1;
        compiler->join = -1; /* what follows is outside of the union */
        return 0;
}

static int field_compile(struct compiler *compiler, const struct schema_node *node, const struct wanted *wanted,
                         bool is_last, struct err *err)
{
        const struct decode_column *first = column_at(compiler, wanted, 0);
        bool is_leaf = first->n_path == wanted->depth;

        for (uint32_t i = 1; i < wanted->n; i++) {
                const struct decode_column *other = column_at(compiler, wanted, i);

                if (is_leaf || other->n_path == wanted->depth)
                        return err_set(err, ERR_CONFIG, "columns '%.*s' and '%.*s' read the same field",
                                       (int)first->name.len, (const char *)first->name.data, (int)other->name.len,
                                       (const char *)other->name.data);
        }
        if (node->kind == SCHEMA_UNION)
                return select_compile(compiler, node, wanted, is_leaf, is_last, err);
        return value_compile(compiler, node, wanted, is_leaf, is_last, err);
}

static int refuse_missing(const struct decode_column *column, uint32_t depth, const struct schema_node *record,
                          struct err *err)
{
        struct slice wanted = column->path[depth];
        struct nearest nearest;
        struct slice near;

        nearest_init(&nearest, wanted);
        for (uint32_t i = 0; i < record->n_fields; i++)
                nearest_offer(&nearest, record->fields[i].name);
        if (nearest_best(&nearest, &near))
                return err_set(err, ERR_CONFIG,
                               "column '%.*s': record '%s' of the schema has no field '%.*s'; did you mean '%.*s'",
                               (int)column->name.len, (const char *)column->name.data,
                               (const char *)record->name.data, (int)wanted.len, (const char *)wanted.data,
                               (int)near.len, (const char *)near.data);
        return err_set(err, ERR_CONFIG, "column '%.*s': record '%s' of the schema has no field '%.*s'",
                       (int)column->name.len, (const char *)column->name.data, (const char *)record->name.data,
                       (int)wanted.len, (const char *)wanted.data);
}

static int check_names(const struct compiler *compiler, const struct schema_node *record, const struct wanted *wanted,
                       struct err *err)
{
        for (uint32_t i = 0; i < wanted->n; i++) {
                const struct decode_column *column = column_at(compiler, wanted, i);

                if (schema_field_index(record, column->path[wanted->depth]) < 0)
                        return refuse_missing(column, wanted->depth, record, err);
        }
        return 0;
}

/* is_last: nothing is wanted behind this record, so its own tail need not be skipped. */
static int record_compile(struct compiler *compiler, const struct schema_node *record, const struct wanted *wanted,
                          bool is_last, struct err *err)
{
        uint32_t left = wanted->n;
        uint32_t *below = alloc_array(wanted->n + 1, sizeof(*below));
        int result = check_names(compiler, record, wanted, err);

        for (uint32_t f = 0; f < record->n_fields && result == 0 && (left > 0 || !is_last); f++) {
                const struct schema_field *field = &record->fields[f];
                struct wanted inner = {.columns = below, .depth = wanted->depth + 1};
                size_t before = path_enter(compiler, field->name);

                for (uint32_t i = 0; i < wanted->n; i++) {
                        if (slice_is_equal(column_at(compiler, wanted, i)->path[wanted->depth], field->name))
                                below[inner.n++] = wanted->columns[i];
                }
                left -= inner.n;
                if (inner.n == 0)
                        skip_compile(compiler, field->type);
                else
                        result = field_compile(compiler, field->type, &inner, is_last && left == 0, err);
                path_leave(compiler, before);
        }
        alloc_free(below);
        return result;
}

/* ---- the program ---- */

/* Headers and bodies are strings; they come before the fields, while the position is at the body's start. */
static int envelope_compile(struct compiler *compiler, uint32_t index, struct err *err)
{
        struct decode_program *program = compiler->program;
        const struct decode_column *column = &compiler->config->columns[index];
        bool is_header = column->kind == DECODE_HEADER;
        bool is_string = type_phys(&column->type) == PHYS_STR;
        size_t before;

        if (!is_string || (is_header && !type_is_character(&column->type))) {
                char declared[TYPE_TEXT_BYTES];

                type_format(&column->type, declared);
                return err_set(err, ERR_CONFIG, "column '%.*s' is declared %s, but %s", (int)column->name.len,
                               (const char *)column->name.data, declared,
                               is_header ? "headers are STRING" : "the body as a whole is STRING or BYTES");
        }
        before = path_enter(compiler, column->name);
        if (is_header) {
                program->wanted_headers[program->n_headers].key = arena_copy(&program->arena, column->key);
                load_add(compiler, STEP_LOAD_HEADER, index)->count = program->n_headers++;
        } else {
                load_add(compiler, STEP_LOAD_BODY, index);
        }
        path_leave(compiler, before);
        return 0;
}

static bool is_body(const struct compiler *compiler, const struct decode_column *column)
{
        return column->kind == DECODE_BODY || (column->kind == DECODE_FIELD && compiler->config->format == DECODE_RAW);
}

static int fields_compile(struct compiler *compiler, struct err *err)
{
        const struct decode_config *config = compiler->config;
        uint32_t *fields = alloc_array(config->n_columns + 1u, sizeof(*fields));
        struct wanted wanted = {.columns = fields};
        const struct schema_node *root = schema_root(config->schema);
        uint32_t branch = 0;
        int result = 0;

        for (uint32_t c = 0; c < config->n_columns; c++) {
                if (config->columns[c].kind == DECODE_FIELD)
                        fields[wanted.n++] = c;
        }
        if (root->kind == SCHEMA_UNION && (root->n_branches == 1 || is_optional(root, &branch)) &&
            root->branches[branch]->kind == SCHEMA_RECORD) { /* as in Flink's files; null is a row of NULLs */
                result = wanted.n == 0 ? 0 : select_compile(compiler, root, &wanted, false, true, err);
        } else if (root->kind != SCHEMA_RECORD) {
                char text[SCHEMA_TEXT_BYTES];

                schema_describe(root, text);
                result = err_set(err, ERR_CONFIG, "the schema is %s, but rows need a record", text);
        } else if (wanted.n > 0) {
                result = record_compile(compiler, root, &wanted, true, err);
        }
        alloc_free(fields);
        return result;
}

/* Symbols and, behind them, the empty string that stands for NULL. */
static const struct vector_dict *symbols_dict(struct decode_program *program, const struct schema_node *node)
{
        struct vector_dict *dict = arena_new(&program->arena, struct vector_dict);
        struct slice *entries = arena_new_n(&program->arena, struct slice, node->n_symbols + 1u);

        memcpy(entries, node->symbols, sizeof(*entries) * node->n_symbols);
        entries[node->n_symbols] = slice_make("", 0);
        *dict = (struct vector_dict){.entry = entries, .n_entries = node->n_symbols + 1};
        return dict;
}

/* The type behind a path, unions looked through; only for paths that compiled. */
static const struct schema_node *node_find(const struct schema_node *node, const struct decode_column *column)
{
        for (uint32_t depth = 0;; depth++) {
                if (node->kind == SCHEMA_UNION)
                        node = node->branches[node->n_branches == 2 && node->branches[0]->kind == SCHEMA_NULL ? 1 : 0];
                if (depth == column->n_path)
                        return node;
                node = node->fields[schema_field_index(node, column->path[depth])].type;
        }
}

static void specs_compile(struct compiler *compiler)
{
        struct decode_program *program = compiler->program;
        const struct decode_config *config = compiler->config;

        for (uint32_t c = 0; c < config->n_columns; c++) {
                const struct decode_column *column = &config->columns[c];
                struct builder_spec *spec = &program->specs[c];

                program->names[c] = slice_from_text(arena_text(&program->arena, column->name));
                spec->phys = type_phys(&column->type);
                spec->is_nullable = column->type.nullable;
                if (spec->is_nullable)
                        program->nullable[program->n_nullable++] = c;
                spec->is_unstored = program->hashes_text && c == config->fingerprint_column;
                if (spec->phys != PHYS_STR || is_body(compiler, column) || spec->is_unstored)
                        continue;
                if (config->format == DECODE_AVRO && column->kind == DECODE_FIELD &&
                    node_find(schema_root(config->schema), column)->kind == SCHEMA_ENUM)
                        spec->dict = symbols_dict(program, node_find(schema_root(config->schema), column));
                else
                        spec->intern = intern_new();
        }
}

/* A key that is asked for by its fingerprint alone is hashed where it lies. A union of several branches with strings
 * has several loads: all of them are, or none. */
static void hash_in_place(struct compiler *compiler)
{
        struct decode_program *program = compiler->program;
        const struct decode_config *config = compiler->config;
        uint32_t n_loads = 0;

        if (!config->is_fingerprint_only || config->fingerprint != DECODE_FINGERPRINT_COLUMN ||
            config->format != DECODE_AVRO)
                return;
        for (uint32_t s = 0; s < program->n_steps; s++) {
                const struct decode_step *step = &program->steps[s];

                if (step->kind < STEP_LOAD_BOOLEAN || step->kind >= STEP_SELECT ||
                    step->column != config->fingerprint_column)
                        continue;
                if (step->kind != STEP_LOAD_TEXT)
                        return;
                n_loads++;
        }
        for (uint32_t s = 0; s < program->n_steps; s++)
                if (program->steps[s].kind == STEP_LOAD_TEXT && program->steps[s].column == config->fingerprint_column)
                        program->steps[s].kind = STEP_HASH_TEXT;
        program->hashes_text = n_loads > 0;
}

int decode_program_compile(struct decode_program *program, const struct decode_config *config, struct err *err)
{
        struct compiler compiler = {.program = program, .config = config, .join = -1};
        uint32_t n = config->n_columns;
        uint32_t n_headers = 0;
        int result = 0;

        assert(config->format != DECODE_AVRO || config->schema != NULL);
        program->n_columns = n;
        program->specs = arena_new_n(&program->arena, struct builder_spec, n + 1u);
        program->names = arena_new_n(&program->arena, struct slice, n + 1u);
        program->nullable = arena_new_n(&program->arena, uint32_t, n + 1u);
        bytes_init(&compiler.path);
        for (uint32_t c = 0; c < n; c++)
                n_headers += config->columns[c].kind == DECODE_HEADER;
        program->headers = arena_new_n(&program->arena, struct decode_header, n_headers + 1u);
        program->wanted_headers = arena_new_n(&program->arena, struct envelope_wanted, n_headers + 1u);
        for (uint32_t i = 0; i < DECODE_LAYOUTS; i++)
                envelope_layout_init(&program->layouts[i],
                                     arena_new_n(&program->arena, struct envelope_place, n_headers + 1u));
        program->layout = &program->layouts[0];
        for (uint32_t c = 0; c < n && result == 0; c++) {
                const struct decode_column *column = &config->columns[c];

                if (column->kind == DECODE_HEADER || is_body(&compiler, column))
                        result = envelope_compile(&compiler, c, err);
        }
        if (result == 0 && config->format == DECODE_AVRO)
                result = fields_compile(&compiler, err);
        if (result == 0) {
                hash_in_place(&compiler);
                specs_compile(&compiler);
        }
        bytes_done(&compiler.path);
        return result;
}
