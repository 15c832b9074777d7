/* bench_eval.c - what expressions cost: ns per row at 1000 rows a batch, and ns per run at 1 row.
 *
 * Each expression is compiled once and run for 50 ms of processor time, five times; the median is printed. The columns
 * are those of ad events: an event type out of three with dictionary codes, the same without, an id, a time in
 * milliseconds, a price. */
#include "sidecar/exec/eval.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sidecar/plan/call.h"

enum { ROWS = 1000, ROUNDS = 5 };

struct bench {
        struct arena arena;
        struct eval_state *state;
        struct vector columns[8];
        struct expr *coded, *plain, *id, *ms, *price, *dec, *ip, *flag;
        uint64_t failed[ROWS / 64 + 1];
        uint32_t selection[ROWS];
};

static void die(const struct err *err)
{
        fprintf(stderr, "bench_eval: %s\n", err->text);
        exit(1);
}

static uint64_t now_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct expr *call(struct bench *bench, enum function_id id, uint32_t n_args, struct expr *a, struct expr *b,
                         struct expr *c)
{
        struct expr *args[3] = {a, b, c}, *expr = NULL;
        struct err err;

        if (call_make(id, args, n_args, &bench->arena, &expr, &err) != 0)
                die(&err);
        return expr;
}

static struct expr *text(struct bench *bench, const char *literal)
{
        return call_string(slice_from_text(literal), &bench->arena);
}

static struct expr *number(struct bench *bench, const char *literal)
{
        struct expr *expr = NULL;
        struct err err;

        if (call_number(slice_from_text(literal), &bench->arena, &expr, &err) != 0)
                die(&err);
        return expr;
}

static uint64_t next_random(uint64_t *state)
{
        uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

        z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
        return (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
}

static void make_columns(struct bench *bench)
{
        static struct slice entries[3];
        static struct vector_dict dict = {.entry = entries, .n_entries = 3, .version = 1};
        static uint32_t codes[ROWS];
        uint64_t random = 1;
        struct type string = type_string(true), bigint = type_make(TYPE_BIGINT, true),
                    dbl = type_make(TYPE_DOUBLE, true);
        struct type dec = type_decimal(10, 2, true), boolean = type_make(TYPE_BOOLEAN, true);

        entries[0] = slice_from_text("view");
        entries[1] = slice_from_text("click");
        entries[2] = slice_from_text("purchase");
        vector_init(&bench->columns[0], PHYS_STR, ROWS, &bench->arena);
        vector_init(&bench->columns[1], PHYS_STR, ROWS, &bench->arena);
        vector_init(&bench->columns[2], PHYS_I64, ROWS, &bench->arena);
        vector_init(&bench->columns[3], PHYS_I64, ROWS, &bench->arena);
        vector_init(&bench->columns[4], PHYS_F64, ROWS, &bench->arena);
        vector_init(&bench->columns[5], PHYS_DEC, ROWS, &bench->arena);
        vector_init(&bench->columns[6], PHYS_STR, ROWS, &bench->arena);
        vector_init(&bench->columns[7], PHYS_I64, ROWS, &bench->arena);
        for (uint32_t i = 0; i < ROWS; i++) {
                uint64_t r = next_random(&random);

                codes[i] = (uint32_t)(r % 3);
                bench->columns[0].str[i] = entries[codes[i]];
                bench->columns[1].str[i] = entries[codes[i]];
                bench->columns[2].i64[i] = (int64_t)(r >> 8) % 1000;
                bench->columns[3].i64[i] = INT64_C(1700000000000) + i;
                bench->columns[4].f64[i] = (double)(r >> 40) / 100;
                bench->columns[5].dec[i] = (weir_i128)(r >> 40);
                bench->columns[6].str[i] = slice_from_text(r & 1 ? "203.0.113.17" : "198.51.100.250");
                bench->columns[7].i64[i] = (int64_t)(r >> 9 & 1);
        }
        bench->columns[0].code = codes;
        bench->columns[0].dict = &dict;
        bench->coded = call_column(0, &string, &bench->arena);
        bench->plain = call_column(1, &string, &bench->arena);
        bench->id = call_column(2, &bigint, &bench->arena);
        bench->ms = call_column(3, &bigint, &bench->arena);
        bench->price = call_column(4, &dbl, &bench->arena);
        bench->dec = call_column(5, &dec, &bench->arena);
        bench->ip = call_column(6, &string, &bench->arena);
        bench->flag = call_column(7, &boolean, &bench->arena);
}

static int compare_doubles(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

/* Median ns of one run over n rows. */
static double time_run(struct bench *bench, const struct eval_program *program, uint32_t n, bool is_filter)
{
        struct batch batch = {.n_rows = n, .n_columns = 8, .columns = bench->columns};
        double times[ROUNDS];

        for (int round = 0; round < ROUNDS; round++) {
                uint64_t from = now_ns(), to;
                unsigned n_runs = 0;

                do {
                        for (int i = 0; i < 64; i++) {
                                struct vector result;
                                bool any_failed;

                                if (is_filter)
                                        (void)eval_filter(program, bench->state, &batch, bench->selection,
                                                          bench->failed, &any_failed);
                                else
                                        eval_run(program, bench->state, &batch, &result, bench->failed, &any_failed);
                                eval_reset(bench->state);
                        }
                        n_runs += 64;
                        to = now_ns();
                } while (to - from < 50000000);
                times[round] = (double)(to - from) / n_runs;
        }
        qsort(times, ROUNDS, sizeof times[0], compare_doubles);
        return times[ROUNDS / 2];
}

static void measure(struct bench *bench, const char *what, struct expr *expr)
{
        struct eval_program *program;
        bool is_filter = expr->type.kind == TYPE_BOOLEAN;
        struct err err;

        if (eval_compile(&expr, 1, &bench->arena, &program, &err) != 0)
                die(&err);
        printf("%-58s %8.2f ns/row %8.0f ns/run\n", what, time_run(bench, program, ROWS, is_filter) / ROWS,
               time_run(bench, program, 1, is_filter));
}

int main(void)
{
        struct bench bench = {.state = eval_state_new()};
        struct bench *b = &bench;
        struct expr *click, *hour, *cast_text = NULL, *cast_number = NULL;
        struct type string = type_string(true), integer = type_make(TYPE_BIGINT, true);
        struct err err;

        arena_init(&bench.arena, 256 << 10, 0);
        make_columns(b);
        click = call(b, FN_EQ, 2, b->coded, text(b, "click"), NULL);
        hour = call(b, FN_TO_TIMESTAMP_LTZ, 2, b->ms, number(b, "3"), NULL);
        if (call_cast(b->id, &string, false, &b->arena, &cast_text, &err) != 0 ||
            call_cast(cast_text, &integer, false, &b->arena, &cast_number, &err) != 0)
                die(&err);
        measure(b, "filter id > 500", call(b, FN_GT, 2, b->id, number(b, "500"), NULL));
        measure(b, "filter flag", b->flag);
        measure(b, "filter event_type = 'click', dictionary", click);
        measure(b, "filter event_type = 'click', no dictionary", call(b, FN_EQ, 2, b->plain, text(b, "click"), NULL));
        measure(b, "filter event_type = 'click' AND id > 500",
                call(b, FN_AND, 2, click, call(b, FN_GT, 2, b->id, number(b, "500"), NULL), NULL));
        measure(b, "filter event_type IN ('click', 'view')",
                call(b, FN_IN, 3, b->coded, text(b, "click"), text(b, "view")));
        measure(b, "filter ip LIKE '203.0.%', no dictionary", call(b, FN_LIKE, 2, b->ip, text(b, "203.0.%"), NULL));
        measure(b, "filter id <> 0 AND 10 / id > 2 (lazy)",
                call(b, FN_AND, 2, call(b, FN_NE, 2, b->id, number(b, "0"), NULL),
                     call(b, FN_GT, 2, call(b, FN_DIVIDE, 2, number(b, "10"), b->id, NULL), number(b, "2"), NULL),
                     NULL));
        measure(b, "id + 1", call(b, FN_ADD, 2, b->id, number(b, "1"), NULL));
        measure(b, "id * 100 / 7",
                call(b, FN_DIVIDE, 2, call(b, FN_MULTIPLY, 2, b->id, number(b, "100"), NULL), number(b, "7"), NULL));
        measure(b, "price * 0.9E0", call(b, FN_MULTIPLY, 2, b->price, number(b, "0.9E0"), NULL));
        measure(b, "dec * 1.1", call(b, FN_MULTIPLY, 2, b->dec, number(b, "1.1"), NULL));
        measure(b, "dec / 3", call(b, FN_DIVIDE, 2, b->dec, number(b, "3"), NULL));
        measure(b, "CASE WHEN event_type = 'click' THEN 1 ELSE 0 END",
                call(b, FN_CASE, 3, click, number(b, "1"), number(b, "0")));
        measure(b, "TO_TIMESTAMP_LTZ(ms, 3)", hour);
        measure(b, "FLOOR(TO_TIMESTAMP_LTZ(ms, 3) TO HOUR)",
                call(b, FN_FLOOR_TO, 2, hour, call_unit(UNIT_HOUR, &b->arena), NULL));
        measure(b, "SUBSTRING(ip, 1, 7)", call(b, FN_SUBSTRING, 3, b->ip, number(b, "1"), number(b, "7")));
        measure(b, "UPPER(event_type)", call(b, FN_UPPER, 1, b->plain, NULL, NULL));
        measure(b, "event_type || ip", call(b, FN_CONCAT_OP, 2, b->plain, b->ip, NULL));
        measure(b, "CAST(id AS STRING)", cast_text);
        measure(b, "CAST(CAST(id AS STRING) AS BIGINT)", cast_number);
        measure(b, "DATE_FORMAT(TO_TIMESTAMP_LTZ(ms, 3), 'yyyy-MM-dd HH')",
                call(b, FN_DATE_FORMAT, 2, hour, text(b, "yyyy-MM-dd HH"), NULL));
        measure(b, "MD5(ip)", call(b, FN_MD5, 1, b->ip, NULL, NULL));
        measure(b, "REGEXP(ip, '^203\\.')", call(b, FN_REGEXP, 2, b->ip, text(b, "^203\\."), NULL));
        eval_state_free(bench.state);
        arena_done(&bench.arena);
        return 0;
}
