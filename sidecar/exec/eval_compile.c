/* eval_compile.c - programs: constants folded, then every expression compiled. See eval.h. */
#include "sidecar/exec/eval.h"

#include "sidecar/base/hash.h"
#include "sidecar/exec/compile.h"
#include "sidecar/exec/fold.h"

static int compile_program(const struct expr *const *exprs, uint32_t n, struct arena *arena,
                           struct eval_program **ret_program, struct err *err)
{
        struct compiler compiler = {.arena = arena, .err = err, .n_selections = 1};
        struct eval_program *program = arena_new(arena, struct eval_program);
        struct hash_key key;

        hash_key_draw(&key);
        compiler.next_id = key.word[0];
        program->outputs = arena_new_n(arena, uint16_t, n + 1);
        program->output_types = arena_new_n(arena, struct type, n + 1);
        for (uint32_t i = 0; i < n; i++) {
                if (type_phys(&exprs[i]->type) == PHYS_NONE)
                        return err_set(err, ERR_CONFIG, "'NULL' alone has no type: write CAST(NULL AS type)");
                if (compile_output(&compiler, exprs[i], &program->outputs[i]) != 0)
                        return -1;
                program->output_types[i] = exprs[i]->type;
        }
        program->n_outputs = n;
        program->steps = compiler.steps;
        program->n_steps = compiler.n_steps;
        program->regs = compiler.regs;
        program->n_regs = compiler.n_regs;
        program->n_selections = compiler.n_selections;
        program->n_columns = compiler.n_columns;
        *ret_program = program;
        return 0;
}

/* ---- constants ---- */

struct evaluator {
        struct fold fold;
        struct eval_state *state;
};

static bool evaluate(struct fold *fold, const struct expr *expr, struct value *ret_value)
{
        struct evaluator *evaluator = (struct evaluator *)(void *)fold;
        struct batch input = {.n_rows = 1};
        struct eval_program *program;
        struct vector result;
        uint64_t failed = 0;
        bool any_failed = false;

        if (compile_program(&expr, 1, fold->arena, &program, NULL) != 0)
                return false; /* the compiler of the whole says why */
        if (evaluator->state == NULL)
                evaluator->state = eval_state_new();
        eval_run(program, evaluator->state, &input, &result, &failed, &any_failed);
        if (!any_failed) {
                *ret_value = vector_get(&result, 0);
                if (ret_value->phys == PHYS_STR && !ret_value->is_null)
                        ret_value->str = arena_copy(fold->arena, ret_value->str);
        }
        eval_reset(evaluator->state);
        return !any_failed;
}

int eval_compile(struct expr *const *exprs, uint32_t n, struct arena *arena, struct eval_program **ret_program,
                 struct err *err)
{
        struct evaluator evaluator = {.fold = {.arena = arena, .evaluate = evaluate}};
        const struct expr **folded = arena_new_n(arena, const struct expr *, n + 1);
        int result;

        for (uint32_t i = 0; i < n; i++)
                folded[i] = fold_expr(&evaluator.fold, exprs[i]);
        result = compile_program(folded, n, arena, ret_program, err);
        eval_state_free(evaluator.state);
        return result;
}

/* ---- literals ---- */

static void note_column(void *context, const struct expr *column)
{
        bool *has_columns = context;

        (void)column;
        *has_columns = true;
}

static bool has_patterns(enum function_id function)
{
        switch (function) {
        case FN_LIKE:
        case FN_REGEXP:
        case FN_REGEXP_EXTRACT:
        case FN_REGEXP_REPLACE:
        case FN_DATE_FORMAT:
        case FN_TO_TIMESTAMP:
        case FN_FROM_UNIXTIME:
        case FN_ENCODE:
        case FN_DECODE:
        case FN_PARSE_URL:
                return true;
        default:
                return false;
        }
}

int eval_judge(const struct expr *call, struct err *err)
{
        struct eval_program *program;
        struct expr copy, *only = &copy, columns[4], *args[4];
        struct arena arena;
        int result;

        if (call->kind != EXPR_CALL || !has_patterns(call->function) || call->n_args > 4)
                return 0;
        for (uint32_t i = 0; i < call->n_args; i++) {
                bool has_columns = false;

                expr_visit_columns(call->args[i], note_column, &has_columns);
                columns[i] = (struct expr){.kind = EXPR_COLUMN, .type = call->args[i]->type, .column = i};
                args[i] = has_columns ? &columns[i] : call->args[i];
        }
        copy = *call;
        copy.args = args;
        arena_init(&arena, 4096, 0);
        result = eval_compile(&only, 1, &arena, &program, err);
        arena_done(&arena);
        return result;
}
