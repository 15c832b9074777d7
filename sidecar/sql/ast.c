/* ast.c - building and walking syntax trees. */
#include "sidecar/sql/ast.h"

#include "sidecar/plan/aggregate.h"

void ast_list_append(struct ast_list *list, void *item, struct arena *arena)
{
        if (list->n == list->capacity) {
                uint32_t capacity = list->capacity == 0 ? 4 : list->capacity * 2;
                void **items = arena_new_n(arena, void *, capacity);

                if (list->n > 0)
                        memcpy(items, list->items, list->n * sizeof *items);
                list->items = items;
                list->capacity = capacity;
        }
        list->items[list->n++] = item;
}

struct diag_span ast_span_join(struct diag_span first, struct diag_span last)
{
        return (struct diag_span){
                .file = first.file, .begin = first.begin, .end = last.end > first.end ? last.end : first.end};
}

struct ast_expr *ast_expr_new(enum ast_expr_kind kind, struct diag_span span, struct arena *arena)
{
        struct ast_expr *expr = arena_new(arena, struct ast_expr);

        expr->kind = kind;
        expr->span = span;
        expr->depth = 1;
        return expr;
}

void ast_expr_add(struct ast_expr *expr, struct ast_expr *arg, struct arena *arena)
{
        ast_list_append(&expr->args, arg, arena);
        if (arg != NULL && arg->depth >= expr->depth)
                expr->depth = arg->depth + 1;
}

struct type ast_row_type(const struct ast_list *fields, struct arena *arena)
{
        struct type type = type_make(TYPE_ROW, true);
        struct type_field *list = arena_new_n(arena, struct type_field, fields->n);

        for (uint32_t i = 0; i < fields->n; i++)
                list[i] = *(const struct type_field *)fields->items[i];
        type.fields = list;
        type.n_fields = fields->n;
        return type;
}

bool ast_has_aggregate(const struct ast_expr *expr)
{
        enum plan_agg_kind kind;

        if (expr == NULL)
                return false;
        if (expr->kind == AST_CALL && aggregate_find(expr->name.text, &kind) != FUNCTION_E_UNKNOWN)
                return true;
        for (uint32_t i = 0; i < expr->args.n; i++)
                if (ast_has_aggregate(ast_arg(expr, i)))
                        return true;
        return false;
}
