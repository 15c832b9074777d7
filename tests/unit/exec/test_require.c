/* What NOT NULL columns of sinks are given: a NULL fails its row and nothing else. */
#include "sidecar/exec/eval.h"
#include "sidecar/plan/call.h"
#include "tests/lib/check.h"

enum { N_ROWS = 70 };

struct required {
        struct arena arena;
        struct eval_program *program;
        struct eval_state *state;
        struct vector column, result;
        uint64_t failed[2];
        bool any_failed;
};

static struct expr *require_of(struct required *required, struct expr *arg)
{
        struct expr *expr = NULL;
        struct err err = {0};

        CHECK_OK(call_make(FN_REQUIRE, &arg, 1, &required->arena, &expr, &err), &err);
        REQUIRE(expr != NULL);
        CHECK(!expr->type.nullable);
        CHECK(call_can_fail(expr));
        return expr;
}

static void required_run(struct required *required, struct expr *expr)
{
        struct batch input = {.n_rows = N_ROWS, .n_columns = 1, .columns = &required->column};
        struct err err = {0};

        CHECK_OK(eval_compile(&expr, 1, &required->arena, &required->program, &err), &err);
        required->state = eval_state_new();
        eval_run(required->program, required->state, &input, &required->result, required->failed,
                 &required->any_failed);
}

static void required_init(struct required *required, enum phys phys)
{
        *required = (struct required){.any_failed = false};
        arena_init(&required->arena, 4096, 0);
        vector_init(&required->column, phys, N_ROWS, &required->arena);
}

static void required_done(struct required *required)
{
        eval_state_free(required->state);
        arena_done(&required->arena);
}

TEST(null_fails_its_row)
{
        struct type type = type_make(TYPE_BIGINT, true);
        struct required required;

        required_init(&required, PHYS_I64);
        vector_need_valid(&required.column, N_ROWS, &required.arena);
        for (uint32_t i = 0; i < N_ROWS; i++)
                required.column.i64[i] = i;
        bitmap_clear(required.column.valid, 3);
        bitmap_clear(required.column.valid, 65);
        required_run(&required, require_of(&required, call_column(0, &type, &required.arena)));
        CHECK(required.any_failed);
        CHECK_UINT(required.failed[0], UINT64_C(1) << 3);
        CHECK_UINT(required.failed[1], 1 << 1);
        CHECK_INT(required.result.i64[4], 4);
        required_done(&required);
}

TEST(without_nulls_nothing_fails)
{
        struct type type = type_string(true);
        struct required required;

        required_init(&required, PHYS_STR);
        for (uint32_t i = 0; i < N_ROWS; i++)
                required.column.str[i] = slice_from_text("x");
        required_run(&required, require_of(&required, call_column(0, &type, &required.arena)));
        CHECK(!required.any_failed);
        CHECK_SLICE(required.result.str[69], "x");
        required_done(&required);
}

TEST(a_null_that_is_known_before_fails_all_rows)
{
        struct type type = type_make(TYPE_BIGINT, true);
        struct required required;

        required_init(&required, PHYS_I64);
        required_run(&required,
                     require_of(&required, call_implicit_cast(call_null(&required.arena), &type, &required.arena)));
        CHECK(required.any_failed);
        CHECK_UINT(required.failed[0], UINT64_MAX);
        CHECK_UINT(required.failed[1], (1 << (N_ROWS - 64)) - 1);
        required_done(&required);
}
