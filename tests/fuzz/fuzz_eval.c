/* fuzz_eval.c - the functions of strings on text from anybody.
 *
 * First byte: a number argument; the rest is the text, in three rows beside an empty one.
 * Promises: equal rows give equal results, failures included, whether a dictionary stands behind them or not; a value
 * out of a text, written and read again, is the same value. */
#include "sidecar/base/alloc.h"
#include "sidecar/base/bytes.h"
#include "sidecar/column/value.h"
#include "sidecar/exec/eval.h"
#include "sidecar/plan/call.h"
#include "tests/lib/fuzz.h"

#include <stdlib.h>

enum { N_ROWS = 4, MAX_EXPRESSIONS = 64, MAX_TEXT = 2000 };

static struct arena arena;
static struct eval_program *program;
static struct eval_state *state;
static struct expr *exprs[MAX_EXPRESSIONS];
static uint32_t n_exprs;

static void promise(bool holds)
{
        if (!holds)
                abort();
}

static void add(enum function_id id, uint32_t n_args, struct expr *a, struct expr *b, struct expr *c)
{
        struct expr *args[3] = {a, b, c};

        promise(n_exprs < MAX_EXPRESSIONS && call_make(id, args, n_args, &arena, &exprs[n_exprs++], NULL) == 0);
}

static struct expr *text(const char *literal)
{
        return call_string(slice_from_text(literal), &arena);
}

static const struct type *types(uint32_t *ret_n)
{
        static struct type all[12];

        all[0] = type_make(TYPE_BOOLEAN, true);
        all[1] = type_make(TYPE_TINYINT, true);
        all[2] = type_make(TYPE_INT, true);
        all[3] = type_make(TYPE_BIGINT, true);
        all[4] = type_make(TYPE_FLOAT, true);
        all[5] = type_make(TYPE_DOUBLE, true);
        all[6] = type_decimal(10, 2, true);
        all[7] = type_decimal(38, 18, true);
        all[8] = type_make(TYPE_DATE, true);
        all[9] = type_make(TYPE_TIME, true);
        all[10] = type_timestamp(TYPE_TIMESTAMP, 6, true);
        all[11] = type_timestamp(TYPE_TIMESTAMP_LTZ, 3, true);
        *ret_n = 12;
        return all;
}

static void start(void)
{
        struct type string = type_string(true), integer = type_make(TYPE_INT, true);
        struct expr *s = call_column(0, &string, &arena), *t = call_column(1, &string, &arena);
        struct expr *n = call_column(2, &integer, &arena);
        static const enum function_id of_one[] = {
                FN_CHAR_LENGTH, FN_UPPER, FN_LOWER,        FN_INITCAP,     FN_REVERSE,        FN_ASCII,
                FN_HEX,         FN_MD5,   FN_TO_BASE64,    FN_FROM_BASE64, FN_URL_ENCODE,     FN_URL_DECODE,
                FN_LTRIM,       FN_RTRIM, FN_TO_TIMESTAMP, FN_TO_DATE,     FN_UNIX_TIMESTAMP,
        };
        static const char *const parts[] = {"HOST", "PATH", "QUERY", "FILE", "USERINFO", "AUTHORITY", "REF"};

        for (size_t i = 0; i < sizeof of_one / sizeof of_one[0]; i++)
                add(of_one[i], 1, s, NULL, NULL);
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
                add(FN_PARSE_URL, 2, s, text(parts[i]), NULL);
        add(FN_PARSE_URL, 3, s, text("QUERY"), text("a"));
        add(FN_SUBSTRING, 3, s, n, n);
        add(FN_LEFT, 2, s, n, NULL);
        add(FN_RIGHT, 2, s, n, NULL);
        add(FN_LPAD, 3, s, n, t);
        add(FN_RPAD, 3, s, n, text("é😀"));
        add(FN_REPLACE, 3, s, text(""), text("x"));
        add(FN_REPLACE, 3, s, text("a"), t);
        add(FN_TRANSLATE, 3, s, t, text("xyz"));
        add(FN_OVERLAY, 3, s, text("XX"), n);
        add(FN_SPLIT_INDEX, 3, s, text(""), n);
        add(FN_SPLIT_INDEX, 3, s, t, n);
        add(FN_TRIM, 2, t, s, NULL);
        add(FN_POSITION, 2, t, s, NULL);
        add(FN_LOCATE, 3, t, s, n);
        add(FN_LIKE, 2, s, t, NULL);
        add(FN_LIKE, 2, s, text("%a_%b%"), NULL);
        add(FN_IN, 3, s, text("a"), text("b"));
        add(FN_EQ, 2, s, text("abc"), NULL);
        add(FN_REGEXP, 2, s, text("(a+)+b|é.$"), NULL);
        add(FN_REGEXP_EXTRACT, 3, s, text("(\\w+)=(\\d*)"), n);
        add(FN_REGEXP_REPLACE, 3, s, text("[aé]*"), t);
        add(FN_TO_TIMESTAMP, 2, s, text("dd/MM/yyyy HH:mm:ss.SSS"), NULL);
        add(FN_TO_TIMESTAMP, 2, s, text("yyyyMMddHHmmss"), NULL);
        add(FN_DATE_FORMAT, 2, s, text("EEE yyyy"), NULL);
        add(FN_ENCODE, 2, s, text("UTF-16"), NULL);
        promise(eval_compile(exprs, n_exprs, &arena, &program, NULL) == 0);
        state = eval_state_new();
}

static void append_row(const struct vector *results, const uint64_t *failed, uint32_t row, struct bytes *out)
{
        for (uint32_t i = 0; i < n_exprs; i++) {
                struct value value = vector_get(&results[i], row);

                bytes_append_byte(out, value.is_null ? 0 : 1);
                value_format(&exprs[i]->type, &value, out);
        }
        bytes_append_byte(out, bitmap_get(failed, row) ? 'F' : ' ');
}

static void run(struct slice input, int64_t number, bool has_codes, struct bytes *ret_row)
{
        struct slice rows[N_ROWS] = {input, slice_make("", 0), input, input};
        struct slice second[N_ROWS] = {slice_make("a,", 2), slice_make("a,", 2), slice_make("a,", 2),
                                       slice_make("a,", 2)};
        struct slice entries[2] = {slice_make("", 0), input};
        uint32_t codes[N_ROWS] = {1, 0, 1, 1};
        int64_t numbers[N_ROWS] = {number, number, number, number};
        static uint64_t version = 1;
        struct vector_dict dict = {.entry = entries, .n_entries = 2, .version = ++version};
        struct vector columns[3] = {
                {.phys = PHYS_STR, .str = rows, .code = has_codes ? codes : NULL, .dict = has_codes ? &dict : NULL},
                {.phys = PHYS_STR, .str = second},
                {.phys = PHYS_I64, .i64 = numbers}};
        struct batch batch = {.n_rows = N_ROWS, .n_columns = 3, .columns = columns};
        struct vector results[MAX_EXPRESSIONS];
        uint64_t failed[1] = {0};
        struct bytes other;
        bool any_failed;

        eval_run(program, state, &batch, results, failed, &any_failed);
        bytes_init(&other);
        append_row(results, failed, 0, ret_row);
        for (uint32_t row = 2; row < N_ROWS; row++) {
                bytes_reset(&other);
                append_row(results, failed, row, &other);
                promise(slice_is_equal(bytes_slice(ret_row), bytes_slice(&other)));
        }
        bytes_done(&other);
        eval_reset(state);
}

static void read_and_write(struct slice input)
{
        uint32_t n_types;
        const struct type *all = types(&n_types);
        struct arena scratch;

        arena_init(&scratch, 4096, 0);
        for (uint32_t i = 0; i < n_types; i++) {
                struct value value, again;
                char written[VALUE_TEXT_BYTES], rewritten[VALUE_TEXT_BYTES];
                size_t len, len_again;

                if (value_parse(&all[i], input, &scratch, &value) != 0)
                        continue;
                len = value_format_short(&all[i], &value, written);
                promise(value_parse(&all[i], slice_make(written, len), &scratch, &again) == 0);
                len_again = value_format_short(&all[i], &again, rewritten);
                promise(slice_is_equal(slice_make(written, len), slice_make(rewritten, len_again)));
        }
        arena_done(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        struct bytes plain, coded;

        if (program == NULL) {
                arena_init(&arena, 64 << 10, 0);
                start();
        }
        if (len == 0 || len > MAX_TEXT)
                return 0;
        bytes_init(&plain);
        bytes_init(&coded);
        run(slice_make(data + 1, len - 1), (int8_t)data[0], false, &plain);
        run(slice_make(data + 1, len - 1), (int8_t)data[0], true, &coded);
        promise(slice_is_equal(bytes_slice(&plain), bytes_slice(&coded)));
        read_and_write(slice_make(data + 1, len - 1));
        bytes_done(&plain);
        bytes_done(&coded);
        return 0;
}
