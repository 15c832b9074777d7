/* test_cuts.c - random expressions over random rows: evaluated whole, cut at random and one by one, they give the same
 * values, NULLs and failures. */
#include "sidecar/exec/eval.h"

#include "sidecar/base/bytes.h"
#include "sidecar/column/value.h"
#include "sidecar/plan/call.h"
#include "tests/lib/check.h"

enum { N_ROWS = 150, N_COLUMNS = 15, N_EXPRESSIONS = 1000, POOL = 60 };

static struct type sized(enum type_kind kind, unsigned length)
{
        struct type type = type_make(kind, true);

        type.length = length;
        return type;
}

static struct type column_type(uint32_t column)
{
        switch (column) {
        case 0:
                return type_make(TYPE_BOOLEAN, true);
        case 1:
                return type_make(TYPE_TINYINT, true);
        case 2:
                return type_make(TYPE_INT, true);
        case 3:
                return type_make(TYPE_BIGINT, false);
        case 4:
                return type_make(TYPE_FLOAT, true);
        case 5:
                return type_make(TYPE_DOUBLE, true);
        case 6:
                return type_decimal(10, 2, true);
        case 7:
                return type_decimal(38, 10, true);
        case 8:
        case 9:
                return type_string(true);
        case 10:
                return sized(TYPE_VARBINARY, TYPE_LENGTH_MAX);
        case 11:
                return type_make(TYPE_DATE, true);
        case 12:
                return type_timestamp(TYPE_TIMESTAMP, 3, true);
        case 13:
                return type_timestamp(TYPE_TIMESTAMP_LTZ, 3, true);
        default:
                return type_make(TYPE_TIME, true);
        }
}

static const char *const words[] = {
        "",    "a",    "b",         "abc",       "ABC",  "12",         "-1.5",
        " 7 ", "1e3",  "true",      "é😀z",       "a,b,", "%a_",        "x=1&y",
        "NaN", "2024", "abcabcabc", "\xff\xfe!", "1\n2", "2024-02-29", "2024-02-29 23:59:58",
};

/* Small numbers are likely, and so are the ends. */
static int64_t random_integer(struct check_random *random, unsigned bits)
{
        int64_t highest = INT64_MAX >> (64 - bits);

        switch (check_random_below(random, 4)) {
        case 0:
                return (int64_t)check_random_below(random, 2) == 0 ? highest : -highest - 1;
        case 1:
                return (int64_t)check_random_u64(random) >> (64 - bits);
        default:
                return (int64_t)check_random_below(random, 21) - 10;
        }
}

static void random_value(struct check_random *random, const struct type *type, struct value *ret)
{
        *ret = (struct value){.phys = type_phys(type)};
        switch (type->kind) {
        case TYPE_BOOLEAN:
                ret->i64 = (int64_t)check_random_below(random, 2);
                break;
        case TYPE_FLOAT:
        case TYPE_DOUBLE:
                ret->f64 = (double)random_integer(random, 20) / 8;
                if (check_random_below(random, 12) == 0)
                        ret->f64 = check_random_below(random, 2) != 0 ? __builtin_nan("") : 1e300;
                if (type->kind == TYPE_FLOAT)
                        ret->f64 = (double)(float)ret->f64;
                break;
        case TYPE_DECIMAL:
                ret->dec = random_integer(random, type->precision <= 10 ? 33 : 60);
                if (type->precision > 30 && check_random_below(random, 3) == 0)
                        ret->dec *= 1000000000000000000;
                break;
        case TYPE_VARCHAR:
        case TYPE_VARBINARY:
                ret->str = slice_from_text(words[check_random_below(random, sizeof words / sizeof words[0])]);
                break;
        case TYPE_DATE:
                ret->i64 = (int64_t)check_random_below(random, 60000) - 20000;
                break;
        case TYPE_TIME:
                ret->i64 = (int64_t)check_random_below(random, 86400) * 1000;
                break;
        case TYPE_TIMESTAMP:
        case TYPE_TIMESTAMP_LTZ:
                ret->i64 = ((int64_t)check_random_below(random, 4000000000000) - 1000000000000) * 1000;
                break;
        default:
                ret->i64 = random_integer(random, type_integer_bits(type));
                break;
        }
}

static void put(struct vector *vector, uint32_t row, const struct value *value)
{
        if (vector->phys == PHYS_I64)
                vector->i64[row] = value->i64;
        else if (vector->phys == PHYS_F64)
                vector->f64[row] = value->f64;
        else if (vector->phys == PHYS_DEC)
                vector->dec[row] = value->dec;
        else
                vector->str[row] = value->str;
}

/* Column 9 carries codes of a dictionary of the words. */
static void make_table(struct check_random *random, struct arena *arena, struct vector_dict *dict,
                       struct vector *columns)
{
        struct slice *entries = arena_new_n(arena, struct slice, sizeof words / sizeof words[0]);
        uint32_t *codes = arena_new_n(arena, uint32_t, N_ROWS);

        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
                entries[i] = slice_from_text(words[i]);
        *dict = (struct vector_dict){.entry = entries, .n_entries = sizeof words / sizeof words[0], .version = 4711};
        for (uint32_t c = 0; c < N_COLUMNS; c++) {
                struct type type = column_type(c);

                vector_init(&columns[c], type_phys(&type), N_ROWS, arena);
                memset(columns[c].data, 0, N_ROWS * phys_bytes(columns[c].phys));
                if (type.nullable)
                        vector_need_valid(&columns[c], N_ROWS, arena);
                for (uint32_t row = 0; row < N_ROWS; row++) {
                        struct value value;

                        random_value(random, &type, &value);
                        if (type.nullable && check_random_below(random, 5) == 0) {
                                bitmap_clear(columns[c].valid, row);
                                continue;
                        }
                        if (c == 9) {
                                codes[row] = (uint32_t)check_random_below(random, dict->n_entries);
                                value.str = entries[codes[row]];
                        }
                        put(&columns[c], row, &value);
                }
        }
        columns[9].code = codes;
        columns[9].dict = dict;
}

static struct expr *random_literal(struct check_random *random, struct arena *arena)
{
        struct type type;
        struct value value;

        if (check_random_below(random, 8) == 0) {
                type = type_make(check_random_below(random, 2) != 0 ? TYPE_INTERVAL_SECOND : TYPE_INTERVAL_MONTH,
                                 false);
                value = (struct value){.phys = PHYS_I64,
                                       .i64 = (int64_t)check_random_below(random, 40) * 1000000 - 7000000};
                return call_literal(&type, &value, arena);
        }
        type = column_type((uint32_t)check_random_below(random, N_COLUMNS));
        random_value(random, &type, &value);
        value.is_null = check_random_below(random, 10) == 0;
        return call_literal(&type, &value, arena);
}

static struct expr *pick(struct check_random *random, struct expr **pool, uint32_t n, struct arena *arena)
{
        switch (check_random_below(random, 4)) {
        case 0:
                return random_literal(random, arena);
        case 1:
                return call_unit((enum calendar_unit)check_random_below(random, UNIT_COUNT_), arena);
        default:
                return pool[check_random_below(random, n)];
        }
}

/* Functions whose unit must be a literal get one. */
static bool wants_unit(enum function_id id, uint32_t arg)
{
        if (id == FN_EXTRACT || id == FN_TIMESTAMPDIFF || id == FN_TIMESTAMPADD)
                return arg == 0;
        return (id == FN_FLOOR_TO || id == FN_CEIL_TO) && arg == 1;
}

/* A call of some function with arguments that fit, NULL when the types drawn did not. */
static struct expr *random_call(struct check_random *random, struct expr **pool, uint32_t n, struct arena *arena)
{
        enum function_id id = (enum function_id)(1 + check_random_below(random, FN_COUNT_ - 1));
        uint32_t n_args = 1 + (uint32_t)check_random_below(random, 4);
        struct expr *args[4], *expr;
        struct type type;

        for (uint32_t i = 0; i < n_args; i++) {
                args[i] = pick(random, pool, n, arena);
                if (wants_unit(id, i))
                        args[i] = call_unit((enum calendar_unit)check_random_below(random, UNIT_COUNT_), arena);
        }
        if (id == FN_CAST || id == FN_TRY_CAST) {
                type = column_type((uint32_t)check_random_below(random, N_COLUMNS));
                type.nullable = true;
                return call_cast(args[0], &type, id == FN_TRY_CAST, arena, &expr, NULL) == 0 ? expr : NULL;
        }
        if (id == FN_FIRST_NAMED || id == FN_ADD_INTERVAL || id == FN_SUBTRACT_INTERVAL ||
            (id == FN_CASE && n_args % 2 == 0) || (id == FN_CASE && n_args < 3))
                return NULL;
        return call_make(id, args, n_args, arena, &expr, NULL) == 0 ? expr : NULL;
}

struct outcome {
        struct bytes values; /* of all rows, one after the other */
        uint64_t failed[N_ROWS / 64 + 1];
};

static void append_value(const struct type *type, const struct vector *vector, uint32_t row, struct bytes *out)
{
        struct value value = vector_get(vector, row);

        if (value.is_null) {
                bytes_append_text(out, "NULL|");
                return;
        }
        value_format(type, &value, out);
        bytes_append_byte(out, '|');
}

static void evaluate(const struct eval_program *program, struct eval_state *state, const struct type *type,
                     const struct vector *columns, const uint32_t *ends, uint32_t n_cuts, struct arena *arena,
                     struct outcome *outcome)
{
        uint32_t from = 0;

        bytes_reset(&outcome->values);
        memset(outcome->failed, 0, sizeof outcome->failed);
        for (uint32_t cut = 0; cut < n_cuts; cut++) {
                uint32_t n = ends[cut] - from;
                struct vector views[N_COLUMNS], result;
                struct batch batch = {.n_rows = n, .n_columns = N_COLUMNS, .columns = views};
                uint64_t failed[N_ROWS / 64 + 1] = {0};
                bool any_failed;

                for (uint32_t c = 0; c < N_COLUMNS; c++)
                        vector_view(&columns[c], from, n, &views[c], arena);
                eval_run(program, state, &batch, &result, failed, &any_failed);
                for (uint32_t row = 0; row < n; row++) {
                        append_value(type, &result, row, &outcome->values);
                        if (bitmap_get(failed, row))
                                bitmap_set(outcome->failed, from + row);
                }
                CHECK_INT(any_failed, bitmap_count(failed, n) > 0);
                eval_reset(state);
                from = ends[cut];
        }
}

static void check_same(const struct expr *expr, const struct outcome *whole, const struct outcome *cut, const char *how)
{
        if (whole->values.len == cut->values.len &&
            memcmp(whole->values.data, cut->values.data, whole->values.len) == 0 &&
            memcmp(whole->failed, cut->failed, sizeof whole->failed) == 0) {
                CHECK(true);
                return;
        }
        struct bytes text;

        bytes_init(&text);
        expr_format(expr, NULL, &text);
        CHECK_FAIL("%.*s differs when cut %s", (int)text.len, (const char *)text.data, how);
        bytes_done(&text);
}

TEST(cuts_do_not_show)
{
        struct check_random random = check_seed(20240229);
        uint32_t whole_end[1] = {N_ROWS}, single[N_ROWS], pieces[N_ROWS];
        struct vector columns[N_COLUMNS];
        struct vector_dict dict;
        struct outcome whole, cut;
        unsigned n_done = 0, n_compiled = 0;
        struct expr *pool[POOL];
        struct arena arena, scratch;
        struct eval_state *state = eval_state_new();

        arena_init(&arena, 256 << 10, 0);
        arena_init(&scratch, 256 << 10, 0);
        bytes_init(&whole.values);
        bytes_init(&cut.values);
        make_table(&random, &arena, &dict, columns);
        for (uint32_t i = 0; i < N_ROWS; i++)
                single[i] = i + 1;
        for (uint32_t i = 0; i < POOL; i++) {
                struct type type = column_type(i % N_COLUMNS);

                pool[i] = call_column(i % N_COLUMNS, &type, &arena);
        }
        for (unsigned tries = 0; tries < 400000 && n_done < N_EXPRESSIONS; tries++) {
                struct expr *expr = random_call(&random, pool, POOL, &arena);
                struct eval_program *program;
                uint32_t n_pieces = 0;

                if (expr == NULL || type_phys(&expr->type) == PHYS_NONE || expr_count_nodes(expr, 60) == 60)
                        continue;
                n_compiled += 1;
                if (eval_compile(&expr, 1, &arena, &program, NULL) != 0)
                        continue;
                for (uint32_t end = 0; end < N_ROWS; n_pieces++) {
                        end += 1 + (uint32_t)check_random_below(&random, 90);
                        pieces[n_pieces] = end < N_ROWS ? end : N_ROWS;
                }
                evaluate(program, state, &expr->type, columns, whole_end, 1, &scratch, &whole);
                evaluate(program, state, &expr->type, columns, pieces, n_pieces, &scratch, &cut);
                check_same(expr, &whole, &cut, "at random");
                evaluate(program, state, &expr->type, columns, single, N_ROWS, &scratch, &cut);
                check_same(expr, &whole, &cut, "row by row");
                arena_reset(&scratch);
                pool[N_COLUMNS + check_random_below(&random, POOL - N_COLUMNS)] = expr; /* larger ones grow from it */
                n_done += 1;
        }
        CHECK_UINT(n_done, N_EXPRESSIONS);
        CHECK(n_done > n_compiled / 2);
        bytes_done(&whole.values);
        bytes_done(&cut.values);
        eval_state_free(state);
        arena_done(&arena);
        arena_done(&scratch);
}
