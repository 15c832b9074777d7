/* sql.c - the compiler from end to end: scan, parse, bind, plan. */
#include "sidecar/sql/sql.h"

#include "sidecar/sql/bind.h"
#include "sidecar/sql/parse.h"

static void index_lines(struct bind_file *file, struct arena *arena)
{
        uint32_t n = 1;

        for (size_t i = 0; i < file->text.len; i++)
                n += file->text.data[i] == '\n';
        file->line_begin = arena_new_n(arena, uint32_t, n);
        file->n_lines = 1;
        for (size_t i = 0; i < file->text.len; i++)
                if (file->text.data[i] == '\n')
                        file->line_begin[file->n_lines++] = (uint32_t)i + 1;
}

/* Copies names and texts: plans point into them. */
static void take_files(struct binder *binder, const struct sql_file *files, uint32_t n)
{
        struct diag_text *texts = arena_new_n(binder->arena, struct diag_text, n + 1);

        binder->n_files = n;
        binder->files = arena_new_n(binder->arena, struct bind_file, n + 1);
        for (uint32_t i = 0; i < n; i++) {
                binder->files[i].name = arena_text(binder->arena, files[i].name);
                binder->files[i].text = arena_copy(binder->arena, files[i].text);
                index_lines(&binder->files[i], binder->arena);
                texts[i] = (struct diag_text){binder->files[i].name, binder->files[i].text};
        }
        binder->diags->files = texts;
        binder->diags->n_files = n;
}

static void parse_all(struct binder *binder, struct ast_list *statements)
{
        for (uint32_t i = 0; i < binder->n_files; i++) {
                struct token_list tokens;

                scanner_scan_file(binder->files[i].text, i, binder->arena, binder->diags, &tokens);
                parse_file(&tokens, binder->arena, binder->diags, statements);
        }
}

int sql_compile(const struct sql_input *input, struct arena *arena, struct diag_list *diags,
                struct plan_job **ret_job)
{
        struct binder binder = {.arena = arena, .diags = diags, .judge = input->judge};
        struct ast_list statements = {0};
        struct diag_span nowhere = {.file = DIAG_NO_FILE};

        take_files(&binder, input->files, input->n_files);
        for (uint32_t i = 0; i < input->n_overrides; i++)
                bind_setting_override(&binder, arena_copy(arena, input->overrides[i].key),
                                      arena_copy(arena, input->overrides[i].value));
        parse_all(&binder, &statements);
        bind_job_statements(&binder, &statements);
        if (diags->n == 0 && binder.n_queries == 0)
                diag_add(diags, DIAG_NOTHING_TO_RUN, nowhere, NULL,
                         "there is no INSERT INTO: the job would do nothing");
        if (diags->n == 0)
                *ret_job = bind_plan_job(&binder);
        diag_sort(diags);
        diags->files = NULL;
        diags->n_files = 0;
        return diags->n > 0 ? SQL_E_REFUSED : 0;
}

int sql_compile_expr(struct slice create_table, struct slice expr_text, struct arena *arena, struct diag_list *diags,
                     struct plan_source **ret_source, struct expr **ret_expr)
{
        struct binder binder = {.arena = arena, .diags = diags};
        struct sql_file files[] = {{slice_from_text("table"), create_table},
                                   {slice_from_text("expression"), expr_text}};
        struct ast_list statements = {0};
        struct bind_relation *relation;
        struct bind_context context;
        struct token_list tokens;
        struct ast_expr *ast;
        struct expr *expr = NULL;

        take_files(&binder, files, 2);
        scanner_scan_file(binder.files[0].text, 0, arena, diags, &tokens);
        parse_file(&tokens, arena, diags, &statements);
        bind_job_statements(&binder, &statements);
        scanner_scan_file(binder.files[1].text, 1, arena, diags, &tokens);
        ast = parse_expr(&tokens, arena, diags);
        if (diags->n == 0 && binder.n_entries > 0 && ast != NULL) {
                relation = bind_scan_relation(&binder, binder.entries[0]);
                context = (struct bind_context){&binder, relation, NULL, "an expression"};
                expr = bind_expr(&context, ast);
                if (expr != NULL)
                        *ret_source = bind_plan_lone_source(&binder, relation->scan, &expr);
        }
        diags->files = NULL;
        diags->n_files = 0;
        if (expr == NULL || diags->n > 0)
                return SQL_E_REFUSED;
        *ret_expr = expr;
        return 0;
}
