/* test_json_row.c - rows as JSON and as Java prints them, byte for byte against Flink (tests/data/flink-rows). */
#include "sidecar/base/alloc.h"
#include "sidecar/base/file.h"
#include "sinks/java_text.h"
#include "sinks/json_row.h"
#include "sinks/json_text.h"
#include "tests/lib/check.h"

#include <math.h>

enum { ROWS = 5, COLUMNS = 17 };

#define SECOND INT64_C(1000000)
#define DAY (INT64_C(86400) * SECOND)
#define BASE (INT64_C(20455) * DAY) /* 2026-01-02 */
#define HMS(h, m, s) (((h) * INT64_C(3600) + (m) * 60 + (s)) * SECOND)

static struct slice text(const char *bytes, size_t len)
{
        return slice_make(bytes, len);
}

struct golden {
        struct arena arena;
        struct plan_table table;
        struct plan_column columns[COLUMNS];
        struct vector vectors[COLUMNS];
        struct batch rows;
};

static void add(struct golden *golden, const char *name, struct type type)
{
        uint32_t c = golden->table.n_columns++;

        golden->columns[c] = (struct plan_column){.name = slice_from_text(name), .type = type, .kind = PLAN_PHYSICAL};
        vector_init(&golden->vectors[c], type_phys(&type), ROWS, &golden->arena);
        vector_need_valid(&golden->vectors[c], ROWS, &golden->arena);
        memset(golden->vectors[c].data, 0, ROWS * phys_bytes(type_phys(&type)));
        bitmap_clear(golden->vectors[c].valid, 2); /* the third row is all NULL */
}

static void set_i64(struct golden *golden, uint32_t c, int64_t a, int64_t b, int64_t d, int64_t e)
{
        int64_t values[ROWS] = {a, b, 0, d, e};

        memcpy(golden->vectors[c].i64, values, sizeof(values));
}

static void set_f64(struct golden *golden, uint32_t c, double a, double b, double d, double e)
{
        double values[ROWS] = {a, b, 0, d, e};

        memcpy(golden->vectors[c].f64, values, sizeof(values));
}

static void set_dec(struct golden *golden, uint32_t c, int64_t a, int64_t b, weir_i128 d, int64_t e)
{
        weir_i128 values[ROWS] = {a, b, 0, d, e};

        memcpy(golden->vectors[c].dec, values, sizeof(values));
}

/* The values of tests/data/flink-rows/README.md. */
static void make_golden(struct golden *golden)
{
        static const char hostile[] = "tab\t nl\n cr\r bs\b ff\f nul\x01 del\x7f \xc3\xa9 \xe2\x82\xac";

        memset(golden, 0, sizeof(*golden));
        arena_init(&golden->arena, 16u << 10, 0);
        golden->table = (struct plan_table){.name = slice_from_text("t"), .columns = golden->columns};
        add(golden, "b", type_make(TYPE_BOOLEAN, true));
        add(golden, "ti", type_make(TYPE_TINYINT, true));
        add(golden, "si", type_make(TYPE_SMALLINT, true));
        add(golden, "i", type_make(TYPE_INT, true));
        add(golden, "l", type_make(TYPE_BIGINT, true));
        add(golden, "f", type_make(TYPE_FLOAT, true));
        add(golden, "d", type_make(TYPE_DOUBLE, true));
        add(golden, "m", type_decimal(10, 2, true));
        add(golden, "m2", type_decimal(20, 10, true));
        add(golden, "m3", type_decimal(10, 0, true));
        add(golden, "s", type_string(true));
        add(golden, "bin", type_make(TYPE_VARBINARY, true));
        add(golden, "dt", type_make(TYPE_DATE, true));
        add(golden, "tm", type_make(TYPE_TIME, true));
        add(golden, "ts", type_timestamp(TYPE_TIMESTAMP, 3, true));
        add(golden, "ts6", type_timestamp(TYPE_TIMESTAMP, 6, true));
        add(golden, "ltz", type_timestamp(TYPE_TIMESTAMP_LTZ, 3, true));
        REQUIRE(golden->table.n_columns == COLUMNS);
        set_i64(golden, 0, 1, 0, 1, 1);
        set_i64(golden, 1, 1, -128, 0, 0);
        set_i64(golden, 2, -2, 32767, 0, 0);
        set_i64(golden, 3, 3, INT32_MIN, 0, 0);
        set_i64(golden, 4, 9007199254740993, -9223372036854775807, 0, 0);
        set_f64(golden, 5, (double)0.1f, 1e10, (double)NAN, 0.0);
        set_f64(golden, 6, 0.1, 1e21, -(double)INFINITY, 123456789012345680.0);
        set_dec(golden, 7, 150, 10000, -123456780, 1);
        set_dec(golden, 8, 270, 0, (weir_i128)12345678900123456789u, 10000);
        set_dec(golden, 9, 100, 0, 1234567890, -1000);
        golden->vectors[10].str[0] = text("a\"b\\c/d", 7);
        golden->vectors[10].str[1] = text(hostile, sizeof(hostile) - 1);
        golden->vectors[10].str[4] = text(" x ", 3);
        golden->vectors[11].str[0] = text("\x00\xff" "A", 3);
        golden->vectors[11].str[3] = text("\xff\xff\xff\xff\xff", 5);
        golden->vectors[11].str[4] = text("\x01", 1);
        set_i64(golden, 12, 20455, -1, -719162, 2932896);
        set_i64(golden, 13, HMS(10, 15, 0) / 1000, 0, HMS(23, 59, 59) / 1000, HMS(1, 2, 3) / 1000);
        set_i64(golden, 14, BASE + HMS(10, 15, 0), BASE + 500000, BASE + HMS(10, 15, 30) + 120000,
                BASE + HMS(10, 15, 30) + 1000);
        set_i64(golden, 15, BASE + HMS(10, 15, 30) + 123450, INT64_C(-3652) * DAY + HMS(10, 15, 30) + 1,
                BASE + HMS(10, 15, 30) + 100000, BASE + HMS(10, 15, 30) + 123000);
        set_i64(golden, 16, INT64_C(1767348930120) * 1000, 0, -1000, INT64_C(1767348930123) * 1000);
        golden->rows = (struct batch){.n_rows = ROWS, .n_columns = COLUMNS, .columns = golden->vectors};
}

static void check_file(const char *path, const struct bytes *actual)
{
        uint8_t *expected;
        size_t len = 0;
        struct err err;

        err_reset(&err);
        CHECK_OK(file_read_whole(file_ops_system(), check_source(path), 1u << 20, &expected, &len, &err), &err);
        CHECK_BYTES(actual->data, actual->len, expected, len);
        alloc_free(expected);
}

static void check_json(const struct json_row_style *style, const char *path)
{
        struct golden golden;
        struct bytes json;

        make_golden(&golden);
        bytes_init(&json);
        for (uint32_t i = 0; i < ROWS; i++)
                json_row_append(&json, &golden.table, &golden.rows, i, style);
        check_file(path, &json);
        bytes_done(&json);
        arena_done(&golden.arena);
}

TEST(json_is_flinks)
{
        check_json(&(struct json_row_style){.is_iso = false}, "tests/data/flink-rows/rows.json");
}

TEST(json_with_iso_timestamps_and_plain_decimals_is_flinks)
{
        check_json(&(struct json_row_style){.is_iso = true, .is_plain_decimal = true},
                   "tests/data/flink-rows/rows-iso.json");
}

TEST(printed_rows_are_flinks)
{
        struct golden golden;
        struct bytes out;

        make_golden(&golden);
        bytes_init(&out);
        for (uint32_t i = 0; i < ROWS; i++) {
                bytes_append_text(&out, "+I[");
                for (uint32_t c = 0; c < COLUMNS; c++) {
                        if (c > 0)
                                bytes_append_text(&out, ", ");
                        java_text_append(&out, &golden.columns[c].type, &golden.vectors[c], i);
                }
                bytes_append_text(&out, "]\n");
        }
        check_file("tests/data/flink-rows/rows.print", &out);
        bytes_done(&out);
        arena_done(&golden.arena);
}

TEST(null_fields_may_be_left_out)
{
        struct golden golden;
        struct bytes json;

        make_golden(&golden);
        bytes_init(&json);
        json_row_append(&json, &golden.table, &golden.rows, 2, &(struct json_row_style){.leaves_null_out = true});
        CHECK_SLICE(bytes_slice(&json), "{}\n");
        bytes_done(&json);
        arena_done(&golden.arena);
}

TEST(what_is_not_utf8_becomes_the_replacement_character)
{
        static const struct {
                const char *in, *out;
        } cases[] = {
                {"\xff", "\"\xef\xbf\xbd\""},
                {"a\xc3", "\"a\xef\xbf\xbd\""},
                {"\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
                {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
                {"\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""},
                {"\xf4\x90\x80\x80x", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx\""},
                {"", "\"\""},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct bytes json;

                bytes_init(&json);
                json_text_append(&json, slice_from_text(cases[i].in));
                CHECK_SLICE(bytes_slice(&json), cases[i].out);
                bytes_done(&json);
        }
}

TEST(intervals_and_decimals_have_javas_texts)
{
        static const struct {
                enum type_kind kind;
                int64_t value;
                const char *text;
        } cases[] = {
                {TYPE_INTERVAL_SECOND, 0, "PT0S"},
                {TYPE_INTERVAL_SECOND, 5400 * SECOND, "PT1H30M"},
                {TYPE_INTERVAL_SECOND, 90 * SECOND + 250000, "PT1M30.25S"},
                {TYPE_INTERVAL_SECOND, -250000, "PT-0.25S"},
                {TYPE_INTERVAL_SECOND, -90 * SECOND, "PT-1M-30S"},
                {TYPE_INTERVAL_MONTH, 14, "P1Y2M"},
                {TYPE_INTERVAL_MONTH, 0, "P0D"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct type type = type_make(cases[i].kind, true);
                int64_t value = cases[i].value;
                struct vector vector = {.phys = PHYS_I64, .i64 = &value};
                struct bytes out;

                bytes_init(&out);
                java_text_append(&out, &type, &vector, 0);
                CHECK_SLICE(bytes_slice(&out), cases[i].text);
                bytes_done(&out);
        }
}
