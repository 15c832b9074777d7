/* test_run.h - one test's rows through the scans and the engine of its job, in virtual time. */
#ifndef WEIR_SIDECAR_CMD_TEST_RUN_H
#define WEIR_SIDECAR_CMD_TEST_RUN_H

#include "sidecar/cmd/test_file.h"
#include "sidecar/job/engine.h"
#include "sidecar/plan/plan.h"

/* None of this may change a result: that is what it is for. */
enum test_cut {
        TEST_CUT_WHOLE,  /* batches as large as they can be, results taken at the end */
        TEST_CUT_ROW,    /* one row a batch, results taken after each */
        TEST_CUT_RANDOM, /* by seed; results taken now and then, some at a time */
};

struct test_style {
        enum test_cut cut;
        uint64_t seed;
        bool has_restarts; /* after each batch the engine goes through a checkpoint */
};

struct test_row {
        struct value *values; /* of the table's columns */
        struct test_row *next;
};

/* What came out for one sink table. */
struct test_table {
        const struct plan_table *table;
        uint32_t n_rows;
        struct test_row *rows; /* in order */
        struct test_row **next;
        struct engine_sink_stats stats;
};

struct test_dead {
        uint32_t number; /* line of the test file */
        const char *reason, *detail;
        struct test_dead *next;
};

struct test_output {
        struct arena arena; /* plan, rows, texts */
        struct plan_job *plan;
        uint32_t n_tables;
        struct test_table *tables;
        struct engine_source_stats *sources; /* plan->n_sources */
        uint32_t n_windows;
        struct engine_window_stats *windows;
        struct test_dead *dead; /* in order of lines */
        uint64_t state_bytes;   /* of the checkpoint behind the last line of input, before open windows fire */
        uint32_t state_crc;
};

/* < 0: the job does not compile, or a line of the input is none (the sentence names the line). ret_output is to be
 * given back with test_run_output_done in any case. */
int test_run(const struct test_file *file, const struct test_case *test, const struct test_style *style,
             struct test_output *ret_output, struct err *err) WEIR_MUST_CHECK;
void test_run_output_done(struct test_output *output);

/* Rows of this window end up in that table. */
bool test_run_output_feeds(const struct test_output *output, const struct plan_op *window, struct slice table);

#endif
