/* test_eval.c - programs: logic, laziness, failures, dictionaries, and that no cut of a batch ever shows. */
#include "sidecar/exec/eval.h"

#include <stdio.h>

#include "sidecar/base/bytes.h"
#include "sidecar/column/value.h"
#include "sidecar/exec/program.h"
#include "sidecar/plan/call.h"
#include "tests/lib/check.h"

enum { MAX_ROWS = 320, MAX_COLUMNS = 20 };

/* A table to evaluate over, and what an evaluation gave. */
struct bed {
        struct arena arena;
        struct eval_state *state;
        struct type types[MAX_COLUMNS];
        struct vector columns[MAX_COLUMNS];
        struct batch batch;
        struct vector result;
        uint64_t failed[MAX_ROWS / 64 + 1];
        bool any_failed;
        struct err err;
};

static void bed_init(struct bed *bed, uint32_t n_rows)
{
        *bed = (struct bed){.any_failed = false};
        arena_init(&bed->arena, 64 << 10, 0);
        bed->state = eval_state_new();
        bed->batch = (struct batch){.n_rows = n_rows, .columns = bed->columns};
}

static void bed_done(struct bed *bed)
{
        eval_state_free(bed->state);
        arena_done(&bed->arena);
}

/* A column whose rows come from texts; NULL is NULL. */
static struct expr *add_column(struct bed *bed, struct type type, const char *const *texts)
{
        uint32_t index = bed->batch.n_columns++;
        struct vector *vector = &bed->columns[index];

        vector_init(vector, type_phys(&type), bed->batch.n_rows, &bed->arena);
        memset(vector->data, 0, bed->batch.n_rows * phys_bytes(vector->phys));
        for (uint32_t row = 0; row < bed->batch.n_rows; row++) {
                struct value value;

                if (texts[row] == NULL) {
                        vector_need_valid(vector, bed->batch.n_rows, &bed->arena);
                        bitmap_clear(vector->valid, row);
                        continue;
                }
                CHECK_INT(value_parse(&type, slice_from_text(texts[row]), &bed->arena, &value), 0);
                if (vector->phys == PHYS_I64)
                        vector->i64[row] = value.i64;
                else if (vector->phys == PHYS_F64)
                        vector->f64[row] = value.f64;
                else if (vector->phys == PHYS_DEC)
                        vector->dec[row] = value.dec;
                else
                        vector->str[row] = value.str;
        }
        bed->types[index] = type;
        return call_column(index, &type, &bed->arena);
}

static struct expr *call(struct bed *bed, enum function_id id, uint32_t n_args, struct expr *a, struct expr *b,
                         struct expr *c)
{
        struct expr *args[3] = {a, b, c}, *expr = NULL;

        CHECK_OK(call_make(id, args, n_args, &bed->arena, &expr, &bed->err), &bed->err);
        REQUIRE(expr != NULL);
        return expr;
}

static struct expr *cast(struct bed *bed, struct expr *expr, struct type type)
{
        struct expr *made = NULL;

        CHECK_OK(call_cast(expr, &type, false, &bed->arena, &made, &bed->err), &bed->err);
        REQUIRE(made != NULL);
        return made;
}

static struct expr *number(struct bed *bed, const char *text)
{
        struct expr *expr = NULL;

        CHECK_OK(call_number(slice_from_text(text), &bed->arena, &expr, &bed->err), &bed->err);
        return expr;
}

static struct expr *text(struct bed *bed, const char *literal)
{
        return call_string(slice_from_text(literal), &bed->arena);
}

static struct eval_program *compile(struct bed *bed, struct expr *expr)
{
        struct eval_program *program = NULL;

        CHECK_OK(eval_compile(&expr, 1, &bed->arena, &program, &bed->err), &bed->err);
        REQUIRE(program != NULL);
        return program;
}

static void run(struct bed *bed, struct expr *expr)
{
        struct eval_program *program = compile(bed, expr);

        memset(bed->failed, 0, sizeof bed->failed);
        eval_run(program, bed->state, &bed->batch, &bed->result, bed->failed, &bed->any_failed);
}

/* The rows as text: values, "null", "FAILED", separated by blanks. */
static void check_rows(struct bed *bed, struct expr *expr, const char *expected)
{
        struct bytes got;

        bytes_init(&got);
        run(bed, expr);
        for (uint32_t row = 0; row < bed->batch.n_rows; row++) {
                struct value value = vector_get(&bed->result, row);

                if (row > 0)
                        bytes_append_byte(&got, ' ');
                if (bitmap_get(bed->failed, row)) {
                        bytes_append_text(&got, "FAILED");
                } else if (value.is_null) {
                        bytes_append_text(&got, "null");
                } else {
                        value_format(&expr->type, &value, &got);
                }
        }
        CHECK_SLICE(bytes_slice(&got), expected);
        bytes_done(&got);
}

/* ---- logic ---- */

static const char *const left9[9] = {"true", "true", "true", "false", "false", "false", NULL, NULL, NULL};
static const char *const right9[9] = {"true", "false", NULL, "true", "false", NULL, "true", "false", NULL};

static void check_logic(struct bed *bed, struct expr *a, struct expr *b)
{
        check_rows(bed, call(bed, FN_AND, 2, a, b, NULL), "TRUE FALSE null FALSE FALSE FALSE null FALSE null");
        check_rows(bed, call(bed, FN_OR, 2, a, b, NULL), "TRUE TRUE TRUE TRUE FALSE null TRUE null null");
        check_rows(bed, call(bed, FN_NOT, 1, a, NULL, NULL), "FALSE FALSE FALSE TRUE TRUE TRUE null null null");
        check_rows(bed, call(bed, FN_IS_TRUE, 1, a, NULL, NULL), "TRUE TRUE TRUE FALSE FALSE FALSE FALSE FALSE FALSE");
        check_rows(bed, call(bed, FN_IS_NOT_TRUE, 1, a, NULL, NULL), "FALSE FALSE FALSE TRUE TRUE TRUE TRUE TRUE TRUE");
        check_rows(bed, call(bed, FN_IS_FALSE, 1, a, NULL, NULL), "FALSE FALSE FALSE TRUE TRUE TRUE FALSE FALSE FALSE");
        check_rows(bed, call(bed, FN_IS_NOT_FALSE, 1, a, NULL, NULL),
                   "TRUE TRUE TRUE FALSE FALSE FALSE TRUE TRUE TRUE");
        check_rows(bed, call(bed, FN_IS_NULL, 1, a, NULL, NULL), "FALSE FALSE FALSE FALSE FALSE FALSE TRUE TRUE TRUE");
        check_rows(bed, call(bed, FN_EQ, 2, a, b, NULL), "TRUE FALSE null FALSE TRUE null null null null");
        check_rows(bed, call(bed, FN_LT, 2, a, b, NULL), "FALSE FALSE null TRUE FALSE null null null null");
        check_rows(bed, call(bed, FN_IS_DISTINCT, 2, a, b, NULL), "FALSE TRUE TRUE TRUE FALSE TRUE TRUE TRUE FALSE");
        check_rows(bed, call(bed, FN_IS_NOT_DISTINCT, 2, a, b, NULL),
                   "TRUE FALSE FALSE FALSE TRUE FALSE FALSE FALSE TRUE");
        check_rows(bed, call(bed, FN_COALESCE, 2, a, b, NULL), "TRUE TRUE TRUE FALSE FALSE FALSE TRUE FALSE null");
        check_rows(bed, call(bed, FN_CASE, 3, a, b, a), "TRUE FALSE null FALSE FALSE FALSE null null null");
}

TEST(logic_has_three_values)
{
        struct bed bed;
        struct expr *a, *b;

        bed_init(&bed, 9);
        a = add_column(&bed, type_make(TYPE_BOOLEAN, true), left9);
        b = add_column(&bed, type_make(TYPE_BOOLEAN, true), right9);
        check_logic(&bed, a, b);
        bed_done(&bed);
}

TEST(logic_is_the_same_when_it_is_lazy)
{
        struct bed bed;
        struct expr *a, *b;

        bed_init(&bed, 9);
        a = cast(&bed, add_column(&bed, type_string(true), left9), type_make(TYPE_BOOLEAN, true));
        b = cast(&bed, add_column(&bed, type_string(true), right9), type_make(TYPE_BOOLEAN, true));
        check_logic(&bed, a, b);
        bed_done(&bed);
}

/* ---- numbers ---- */

TEST(integers_wrap_in_their_own_width)
{
        static const struct {
                enum type_kind kind;
                const char *lowest, *highest;
        } types[] = {
                {TYPE_TINYINT, "-128", "127"},
                {TYPE_SMALLINT, "-32768", "32767"},
                {TYPE_INT, "-2147483648", "2147483647"},
                {TYPE_BIGINT, "-9223372036854775808", "9223372036854775807"},
        };

        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
                struct bed bed;
                const char *const rows[2] = {types[i].lowest, types[i].highest};
                const char *const ones[2] = {"-1", "1"};
                char turned[64], lowest_first[64];
                struct type type = type_make(types[i].kind, true);
                struct expr *a, *b;

                bed_init(&bed, 2);
                a = add_column(&bed, type, rows);
                b = add_column(&bed, type, ones);
                snprintf(turned, sizeof turned, "%s %s", types[i].highest, types[i].lowest);
                snprintf(lowest_first, sizeof lowest_first, "%s -%s", types[i].lowest, types[i].highest);
                check_rows(&bed, call(&bed, FN_ADD, 2, a, b, NULL), turned);
                check_rows(&bed, call(&bed, FN_NEGATE, 1, a, NULL, NULL), lowest_first);
                snprintf(lowest_first, sizeof lowest_first, "%s %s", types[i].lowest, types[i].highest);
                check_rows(&bed, call(&bed, FN_DIVIDE, 2, a, b, NULL), lowest_first);
                check_rows(&bed, call(&bed, FN_MODULO, 2, a, b, NULL), "0 0");
                bed_done(&bed);
        }
}

/* ---- laziness ---- */

static const char *const divisors[6] = {"0", "1", "5", NULL, "-2", "0"};

TEST(what_is_not_needed_is_not_evaluated)
{
        struct bed bed;
        struct expr *v, *quotient, *above, *zero;

        bed_init(&bed, 6);
        v = add_column(&bed, type_make(TYPE_INT, true), divisors);
        zero = number(&bed, "0");
        quotient = call(&bed, FN_DIVIDE, 2, number(&bed, "10"), v, NULL);
        above = call(&bed, FN_GT, 2, quotient, number(&bed, "2"), NULL);
        check_rows(&bed, quotient, "FAILED 10 2 null -5 FAILED");
        check_rows(&bed, call(&bed, FN_AND, 2, call(&bed, FN_NE, 2, v, zero, NULL), above, NULL),
                   "FALSE TRUE FALSE null FALSE FALSE");
        check_rows(&bed, call(&bed, FN_OR, 2, call(&bed, FN_EQ, 2, v, zero, NULL), above, NULL),
                   "TRUE TRUE FALSE null FALSE TRUE");
        check_rows(&bed, call(&bed, FN_AND, 2, above, call(&bed, FN_NE, 2, v, zero, NULL), NULL),
                   "FAILED TRUE FALSE null FALSE FAILED");
        check_rows(&bed, call(&bed, FN_CASE, 3, call(&bed, FN_EQ, 2, v, zero, NULL), zero, quotient),
                   "0 10 2 null -5 0");
        check_rows(&bed,
                   call(&bed, FN_COALESCE, 2, call(&bed, FN_NULLIF, 2, v, number(&bed, "1"), NULL), quotient, NULL),
                   "0 10 5 null -2 0");
        check_rows(&bed, call(&bed, FN_IF, 3, call(&bed, FN_IS_NULL, 1, v, NULL, NULL), v, quotient),
                   "FAILED 10 2 null -5 FAILED");
        bed_done(&bed);
}

TEST(a_shared_part_is_evaluated_once)
{
        struct bed bed;
        struct expr *v, *quotient, *twice, *guarded;
        struct eval_program *program;
        uint32_t n_steps;

        bed_init(&bed, 6);
        v = add_column(&bed, type_make(TYPE_INT, true), divisors);
        quotient = call(&bed, FN_DIVIDE, 2, number(&bed, "10"), v, NULL);
        program = compile(&bed, quotient);
        n_steps = program->n_steps;
        CHECK_UINT(n_steps, 1);
        twice = call(&bed, FN_ADD, 2, quotient, call(&bed, FN_DIVIDE, 2, number(&bed, "10"), v, NULL), NULL);
        CHECK_UINT(compile(&bed, twice)->n_steps, n_steps + 1);
        /* What a branch computed is not there for the rows outside of it. */
        guarded = call(&bed, FN_CASE, 3, call(&bed, FN_NE, 2, v, number(&bed, "0"), NULL), quotient, v);
        check_rows(&bed, call(&bed, FN_ADD, 2, guarded, quotient, NULL), "FAILED 20 4 null -10 FAILED");
        bed_done(&bed);
}

TEST(constants_are_folded)
{
        struct bed bed;
        struct expr *sum;

        bed_init(&bed, 2);
        sum = call(&bed, FN_MULTIPLY, 2, call(&bed, FN_ADD, 2, number(&bed, "2"), number(&bed, "3"), NULL),
                   number(&bed, "4"), NULL);
        CHECK_UINT(compile(&bed, sum)->n_steps, 0);
        check_rows(&bed, sum, "20 20");
        sum = call(&bed, FN_UPPER, 1, text(&bed, "aß"), NULL, NULL);
        CHECK_UINT(compile(&bed, sum)->n_steps, 0);
        check_rows(&bed, sum, "ASS ASS");
        /* What fails is left to fail each row. */
        check_rows(&bed, call(&bed, FN_DIVIDE, 2, number(&bed, "1"), number(&bed, "0"), NULL), "FAILED FAILED");
        bed_done(&bed);
}

/* ---- dictionaries ---- */

static void set_codes(struct bed *bed, uint32_t column, struct vector_dict *dict, uint32_t n_entries)
{
        uint32_t *code = arena_new_n(&bed->arena, uint32_t, bed->batch.n_rows);

        for (uint32_t row = 0; row < bed->batch.n_rows; row++) {
                code[row] = row % n_entries;
                bed->columns[column].str[row] = dict->entry[code[row]];
        }
        dict->n_entries = n_entries;
        bed->columns[column].code = code;
        bed->columns[column].dict = dict;
}

TEST(strings_are_tested_once_per_dictionary_entry)
{
        static const char *const rows[6] = {"", "", "", "", "", ""};
        struct slice entries[3] = {slice_from_text("view"), slice_from_text("click"), slice_from_text("buy")};
        struct vector_dict dict = {.entry = entries, .version = 77};
        struct bed bed;
        struct expr *s, *equal;
        struct eval_program *program;

        bed_init(&bed, 6);
        s = add_column(&bed, type_string(true), rows);
        equal = call(&bed, FN_EQ, 2, text(&bed, "click"), s, NULL);
        program = compile(&bed, equal);
        set_codes(&bed, 0, &dict, 2);
        for (unsigned round = 0; round < 3; round++) {
                static const char *const expected[3] = {"010101", "010010", "000000"};
                char got[7] = "";

                memset(bed.failed, 0, sizeof bed.failed);
                eval_run(program, bed.state, &bed.batch, &bed.result, bed.failed, &bed.any_failed);
                for (uint32_t row = 0; row < 6; row++)
                        got[row] = bed.result.i64[row] != 0 ? '1' : '0';
                CHECK_TEXT(got, expected[round]);
                if (round == 0) {
                        set_codes(&bed, 0, &dict, 3); /* an entry more: same version */
                } else {
                        entries[1] = slice_from_text("clack"); /* a code changes its meaning */
                        dict.version = 78;
                }
        }
        /* LIKE and IN over the same dictionary. */
        check_rows(&bed, call(&bed, FN_LIKE, 2, s, text(&bed, "c%"), NULL), "FALSE TRUE FALSE FALSE TRUE FALSE");
        check_rows(&bed, call(&bed, FN_IN, 3, s, text(&bed, "buy"), text(&bed, "view")),
                   "TRUE FALSE TRUE TRUE FALSE TRUE");
        bed_done(&bed);
}

/* ---- results ---- */

TEST(null_rows_hold_zero)
{
        static const char *const a[4] = {"5", NULL, "7", NULL}, *const b[4] = {NULL, "3", "2", NULL};
        struct bed bed;
        struct expr *x, *y;

        bed_init(&bed, 4);
        x = add_column(&bed, type_make(TYPE_BIGINT, true), a);
        y = add_column(&bed, type_make(TYPE_BIGINT, true), b);
        run(&bed, call(&bed, FN_SUBTRACT, 2, x, call(&bed, FN_ADD, 2, y, number(&bed, "9"), NULL), NULL));
        CHECK_INT(bed.result.i64[0], 0);
        CHECK_INT(bed.result.i64[1], 0);
        CHECK_INT(bed.result.i64[2], 7 - 11);
        CHECK_INT(bed.result.i64[3], 0);
        bed_done(&bed);
}

TEST(a_filter_selects_what_is_true_and_did_not_fail)
{
        struct bed bed;
        struct expr *v, *condition;
        uint32_t selection[MAX_ROWS], n;

        bed_init(&bed, 6);
        v = add_column(&bed, type_make(TYPE_INT, true), divisors);
        condition = call(&bed, FN_LT, 2, call(&bed, FN_DIVIDE, 2, number(&bed, "10"), v, NULL), number(&bed, "9"),
                         NULL);
        n = eval_filter(compile(&bed, condition), bed.state, &bed.batch, selection, bed.failed, &bed.any_failed);
        CHECK_UINT(n, 2);
        CHECK_UINT(selection[0], 2);
        CHECK_UINT(selection[1], 4);
        CHECK(bed.any_failed);
        CHECK_UINT(bed.failed[0], 0x21);
        bed_done(&bed);
}

TEST(a_warm_state_takes_no_memory)
{
        struct bed bed;
        struct expr *v;
        struct eval_program *program;
        size_t held = 0;

        bed_init(&bed, 6);
        v = add_column(&bed, type_make(TYPE_INT, true), divisors);
        program = compile(&bed, call(&bed, FN_CONCAT_OP, 2, cast(&bed, v, type_string(true)), text(&bed, "!"), NULL));
        for (int i = 0; i < 1000; i++) {
                eval_run(program, bed.state, &bed.batch, &bed.result, bed.failed, &bed.any_failed);
                eval_reset(bed.state);
                if (i == 0)
                        held = bed.state->arena.held_bytes;
        }
        CHECK_UINT(bed.state->arena.held_bytes, held);
        bed_done(&bed);
}

TEST(strings_do_not_grow_without_bound)
{
        static const char *const rows[2] = {"ab", "abcdefgh"}, *const times[2] = {"30000", "2000000"};
        struct bed bed;
        struct expr *s, *n, *length;

        bed_init(&bed, 2);
        s = add_column(&bed, type_string(true), rows);
        n = add_column(&bed, type_make(TYPE_INT, true), times);
        length = call(&bed, FN_CHAR_LENGTH, 1, call(&bed, FN_REPEAT, 2, s, n, NULL), NULL, NULL);
        check_rows(&bed, length, "60000 FAILED");
        length = call(&bed, FN_CHAR_LENGTH, 1, call(&bed, FN_LPAD, 3, s, n, text(&bed, "é")), NULL, NULL);
        check_rows(&bed, length, "30000 FAILED");
        bed_done(&bed);
}

TEST(a_match_that_takes_too_long_fails_its_row)
{
        static const char *const rows[2] = {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "ab"};
        struct bed bed;
        struct expr *s;

        bed_init(&bed, 2);
        s = add_column(&bed, type_string(true), rows);
        check_rows(&bed, call(&bed, FN_REGEXP, 2, s, text(&bed, "^(a|aa|aaa)+$"), NULL), "FAILED FALSE");
        bed_done(&bed);
}

TEST(what_cannot_work_is_an_error_of_the_job)
{
        static const char *const rows[1] = {"x"};
        struct eval_program *program;
        struct bed bed;
        struct expr *s, *expr;

        bed_init(&bed, 1);
        s = add_column(&bed, type_string(true), rows);
        expr = call(&bed, FN_REGEXP, 2, s, text(&bed, "("), NULL);
        CHECK_FAILS(eval_compile(&expr, 1, &bed.arena, &program, &bed.err), &bed.err, "regular expression is wrong");
        expr = call(&bed, FN_REGEXP, 2, s, text(&bed, "[a-z&&[^b]]"), NULL);
        CHECK_FAILS(eval_compile(&expr, 1, &bed.arena, &program, &bed.err), &bed.err, "a class inside a class");
        expr = call(&bed, FN_REGEXP, 2, s, s, NULL);
        CHECK_FAILS(eval_compile(&expr, 1, &bed.arena, &program, &bed.err), &bed.err,
                    "needs a literal regular expression");
        expr = call(&bed, FN_LIKE, 2, s, text(&bed, "a\\%"), NULL);
        CHECK_FAILS(eval_compile(&expr, 1, &bed.arena, &program, &bed.err), &bed.err, "a backslash in LIKE");
        expr = call(&bed, FN_LIKE, 3, s, text(&bed, "a!b"), text(&bed, "!"));
        CHECK_FAILS(eval_compile(&expr, 1, &bed.arena, &program, &bed.err), &bed.err, "must stand before");
        expr = call(&bed, FN_DATE_FORMAT, 2, s, text(&bed, "yyyy-ww"), NULL);
        CHECK_FAILS(eval_compile(&expr, 1, &bed.arena, &program, &bed.err), &bed.err, "does not know 'ww'");
        expr = call(&bed, FN_TO_TIMESTAMP, 2, s, text(&bed, "yyyy'"), NULL);
        CHECK_FAILS(eval_compile(&expr, 1, &bed.arena, &program, &bed.err), &bed.err, "ends inside quotes");
        expr = call_null(&bed.arena);
        CHECK_FAILS(eval_compile(&expr, 1, &bed.arena, &program, &bed.err), &bed.err, "has no type");
        bed_done(&bed);
}

/* ---- LIKE against the obvious ---- */

static bool is_like(const char *text_, const char *pattern)
{
        if (*pattern == '\0')
                return *text_ == '\0';
        if (*pattern == '%')
                return is_like(text_, pattern + 1) || (*text_ != '\0' && is_like(text_ + 1, pattern));
        return *text_ != '\0' && (*pattern == '_' || *pattern == *text_) && is_like(text_ + 1, pattern + 1);
}

static void random_text(struct check_random *random, const char *alphabet, size_t longest, char *ret_text)
{
        size_t len = check_random_below(random, longest + 1);

        for (size_t i = 0; i < len; i++)
                ret_text[i] = alphabet[check_random_below(random, strlen(alphabet))];
        ret_text[len] = '\0';
}

TEST(like_is_what_it_says)
{
        struct check_random random = check_seed(37);

        for (int i = 0; i < 300; i++) {
                char texts[40][12], pattern[8];
                const char *rows[40], *patterns[40];
                struct bed bed;
                struct expr *s;

                bed_init(&bed, 40);
                random_text(&random, "ab%_", 6, pattern);
                for (unsigned row = 0; row < 40; row++) {
                        random_text(&random, "ab", 10, texts[row]);
                        rows[row] = texts[row];
                        patterns[row] = pattern;
                }
                s = add_column(&bed, type_string(false), rows);
                for (unsigned by_row = 0; by_row < 2; by_row++) {
                        struct expr *like = by_row != 0 ? add_column(&bed, type_string(false), patterns)
                                                        : text(&bed, pattern);
                        /* Flink takes a constant '' so, though not one of a column. */
                        const char *meant = by_row == 0 && pattern[0] == '\0' ? "%" : pattern;

                        run(&bed, call(&bed, FN_LIKE, 2, s, like, NULL));
                        for (unsigned row = 0; row < 40; row++) {
                                if ((bed.result.i64[row] != 0) != is_like(texts[row], meant))
                                        CHECK_FAIL("'%s' LIKE '%s'", texts[row], pattern);
                        }
                }
                CHECK(!bed.any_failed);
                bed_done(&bed);
        }
}
