/* grammar.y - the grammar of Flink SQL as far as weir reads it (sql-semantics.md 1.3).
 *
 * More is parsed than is supported: what Flink accepts and weir does not yet is recognised here and refused by name in
 * the action, so that support comes by replacing an action. Names of tokens that begin with '?' are never shown as
 * "expected". Statements arrive one at a time (parse.c); trees are built by ast.c. */
%define api.pure full
%define api.prefix {grammar_}
%define api.value.type union
%define parse.error custom
%define parse.lac full
%locations
%define api.location.type {struct diag_span}
%param {struct parser *parser}
%expect 0

%code requires {
#include "sidecar/base/limits.h"
#include "sidecar/sql/parse.h"
}

%code {
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wundef"
#define YYMAXDEPTH 4000
#define YYLLOC_DEFAULT(current, rhs, n)                                                              \
        ((current) = (n) > 0 ? ast_span_join(YYRHSLOC(rhs, 1), YYRHSLOC(rhs, n))                     \
                             : (struct diag_span){YYRHSLOC(rhs, 0).file, YYRHSLOC(rhs, 0).end,       \
                                                  YYRHSLOC(rhs, 0).end})

static int grammar_lex(GRAMMAR_STYPE *value, struct diag_span *span, struct parser *parser);
static void grammar_error(const struct diag_span *span, struct parser *parser, const char *message);

static struct ast_list *list_one(struct parser *parser, void *item)
{
        struct ast_list *list = arena_new(parser->arena, struct ast_list);

        if (item != NULL)
                ast_list_append(list, item, parser->arena);
        return list;
}

static struct ast_list *list_more(struct parser *parser, struct ast_list *list, void *item)
{
        if (item != NULL)
                ast_list_append(list, item, parser->arena);
        return list;
}

static struct ast_name *name_of(struct parser *parser, const struct token *token)
{
        struct ast_name *name = arena_new(parser->arena, struct ast_name);

        *name = (struct ast_name){.text = token->text, .span = token->span};
        return name;
}

static struct ast_text *text_of(struct parser *parser, const struct token *token)
{
        struct ast_text *text = arena_new(parser->arena, struct ast_text);

        *text = (struct ast_text){.text = token->text, .span = token->span};
        return text;
}

static struct ast_expr *leaf(struct parser *parser, enum ast_expr_kind kind, struct slice text, struct diag_span span)
{
        struct ast_expr *expr = ast_expr_new(kind, span, parser->arena);

        expr->text = text;
        return expr;
}

/* Adds an argument; a tree that gets too deep is reported and dropped. */
static void add(struct parser *parser, struct ast_expr *expr, struct ast_expr *arg)
{
        ast_expr_add(expr, arg, parser->arena);
        if (expr->depth > LIMIT_SQL_EXPR_DEPTH) {
                parse_too_deep(parser, expr->span);
                *expr = *ast_expr_new(AST_REFUSED, expr->span, parser->arena);
        }
}

/* function(a[, b]); a AND b AND c is one node. */
static struct ast_expr *operation(struct parser *parser, enum function_id function, struct ast_expr *a,
                                  struct ast_expr *b, struct diag_span span)
{
        struct ast_expr *expr;

        if ((function == FN_AND || function == FN_OR) && a->kind == AST_OPERATOR && a->function == function &&
            !a->is_parenthesized) {
                a->span = span;
                add(parser, a, b);
                return a;
        }
        expr = ast_expr_new(AST_OPERATOR, span, parser->arena);
        expr->function = function;
        add(parser, expr, a);
        if (b != NULL)
                add(parser, expr, b);
        return expr;
}

static struct ast_expr *node_of(struct parser *parser, enum ast_expr_kind kind, struct ast_expr *a, struct ast_expr *b,
                                struct diag_span span)
{
        struct ast_expr *expr = ast_expr_new(kind, span, parser->arena);

        add(parser, expr, a);
        if (b != NULL)
                add(parser, expr, b);
        return expr;
}

static struct ast_expr *call_of(struct parser *parser, const struct token *name, const struct ast_list *args,
                                struct diag_span span)
{
        struct ast_expr *expr = ast_expr_new(AST_CALL, span, parser->arena);

        expr->name = *name_of(parser, name);
        for (uint32_t i = 0; args != NULL && i < args->n; i++)
                add(parser, expr, args->items[i]);
        return expr;
}

static struct ast_expr *negated(struct parser *parser, bool is_negated, struct ast_expr *expr)
{
        (void)parser;
        expr->is_negated = is_negated;
        return expr;
}

static struct ast_expr *unit_of(struct parser *parser, const struct token *token)
{
        struct ast_expr *expr = ast_expr_new(AST_UNIT, token->span, parser->arena);

        if (!calendar_unit_find(token->text, &expr->unit))
                diag_add(parser->diags, DIAG_SYNTAX, token->span, NULL, "there is no unit of time '%.*s'",
                         (int)token->text.len, (const char *)token->text.data);
        return expr;
}

static struct ast_expr *operation_args(struct parser *parser, enum function_id function, struct diag_span span,
                                       struct ast_expr *a, struct ast_expr *b, struct ast_expr *c, struct ast_expr *d)
{
        struct ast_expr *expr = operation(parser, function, a, b, span);

        if (c != NULL)
                add(parser, expr, c);
        if (d != NULL)
                add(parser, expr, d);
        return expr;
}

static struct ast_expr *interval_of(struct parser *parser, const struct token *text, bool is_negative,
                                    struct ast_interval fields, struct diag_span span)
{
        struct ast_expr *expr = leaf(parser, AST_INTERVAL, text->text, span);

        expr->interval = fields;
        expr->interval.is_negative = is_negative;
        return expr;
}

static unsigned small_number(const struct token *token)
{
        unsigned number = 0;

        for (size_t i = 0; i < token->text.len && number < 1000; i++)
                number = number * 10 + (unsigned)(token->text.data[i] - '0');
        return number;
}

static struct slice no_text(void)
{
        return slice_make(NULL, 0);
}

/* One table of FROM, from a path of names: catalogs and databases are refused. */
static struct ast_name *table_name(struct parser *parser, const struct ast_list *path, struct diag_span span)
{
        if (path->n > 1)
                parse_refuse(parser, DIAG_CLAUSE_NOT_YET, span, "a table name with catalog or database");
        return path->items[path->n - 1];
}
}

/* Text */
%token END_OF_STATEMENT 0 "`;`"
%token <const struct token *> IDENT "a name" STRING "a string in single quotes" INTEGER "a whole number"
%token <const struct token *> DECIMAL_NUMBER "?decimal" APPROX_NUMBER "?approx" BINARY_STRING "?binary"
%token LEFT_PAREN "`(`" RIGHT_PAREN "`)`" COMMA "`,`" DOT "`.`" SEMICOLON "?;" STAR "?*" EQUAL "`=`"
%token NOT_EQUAL "?<>" LESS "`<`" LESS_EQUAL "?<=" GREATER "`>`" GREATER_EQUAL "?>=" PLUS "?+" MINUS "?-"
%token SLASH "?/" PERCENT "?%" CONCAT "?||" LEFT_BRACKET "?[" RIGHT_BRACKET "`]`" ARROW "?=>"
/* Which start symbol */
%token START_STATEMENT "?start" START_EXPR "?start-expr"

/* Reserved words that the grammar uses */
%token ALL "?ALL" AND "`AND`" ANY "?ANY" ARRAY "?ARRAY" AS "`AS`" ASYMMETRIC "?ASYMMETRIC" BEGIN_WORD "?BEGIN"
%token BETWEEN "?BETWEEN" BIGINT "?BIGINT" BINARY "?BINARY" BOOLEAN "?BOOLEAN" BOTH "?BOTH" BY "`BY`" BYTES "?BYTES"
%token CASE "?CASE" CAST "?CAST" COLLATE "?COLLATE" COMMENT "`COMMENT`"
%token CONSTRAINT "?CONSTRAINT" CREATE "`CREATE`" CROSS "?CROSS" CUBE "?CUBE" CURRENT "?CURRENT" DATE "?DATE"
%token DECIMAL "?DECIMAL" DISTINCT "?DISTINCT" DISTRIBUTED "?DISTRIBUTED" DOUBLE "?DOUBLE" ELSE "`ELSE`" END "`END`"
%token ESCAPE "?ESCAPE" EXCEPT "?EXCEPT" EXECUTE "`EXECUTE`" EXISTS "`EXISTS`" EXTRACT "?EXTRACT"
%token FALSE_WORD "?FALSE" FETCH "?FETCH" FILTER "?FILTER" FLOAT "?FLOAT" FOR "`FOR`" FROM "`FROM`" FULL "?FULL"
%token GROUP "`GROUP`" GROUPING "?GROUPING" HAVING "`HAVING`" IN "?IN" INNER "?INNER" INSERT "`INSERT`" INT "?INT"
%token INTERSECT "?INTERSECT" INTERVAL "?INTERVAL" INTO "`INTO`" IS "?IS" JOIN "?JOIN" LATERAL "?LATERAL"
%token LEADING "?LEADING" LIKE "?LIKE" LIMIT "?LIMIT" LOCAL "?LOCAL" MULTISET "?MULTISET"
%token NATURAL "?NATURAL" NEXT "?NEXT" NOT "`NOT`" NULL_WORD "`NULL`" OF "`OF`" OFFSET "?OFFSET" ON "`ON`" ONLY "?ONLY"
%token OR "`OR`" ORDER "?ORDER" OUTER "?OUTER" OVER "?OVER" PARTITION "?PARTITION" PRECISION "?PRECISION"
%token PRIMARY "`PRIMARY`" QUALIFY "?QUALIFY" RANGE "?RANGE" RAW "?RAW" ROLLUP "?ROLLUP"
%token ROW "?ROW" ROWS "?ROWS" SELECT "`SELECT`" SET "`SET`" SIMILAR "?SIMILAR" SMALLINT "?SMALLINT" SOME "?SOME"
%token STATEMENT "?STATEMENT" STRING_WORD "?STRING" SYMMETRIC "?SYMMETRIC" SYSTEM "?SYSTEM"
%token SYSTEM_TIME "?SYSTEM_TIME" TABLE "`TABLE`" THEN "`THEN`" TIME "?TIME" TIMESTAMP "?TIMESTAMP"
%token TIMESTAMP_LTZ "?TIMESTAMP_LTZ" TINYINT "?TINYINT" TO "`TO`" TRAILING "?TRAILING" TRIM "?TRIM" TRUE_WORD "?TRUE"
%token TRY_CAST "?TRY_CAST"
%token UNION "?UNION" UNIQUE "?UNIQUE" UNKNOWN "?UNKNOWN" UNNEST "?UNNEST" USING "?USING" VALUES "?VALUES"
%token VARBINARY "?VARBINARY" VARYING "?VARYING" WATERMARK "?WATERMARK" WHEN "`WHEN`" WHERE "`WHERE`"
%token WINDOW "?WINDOW" WITH "`WITH`" WITHIN "?WITHIN" WITHOUT "?WITHOUT"
%token <const struct token *> CHAR "?CHAR" VARCHAR "?VARCHAR"
%token <const struct token *> FLOOR "?FLOOR" CEIL "?CEIL" SUBSTRING "?SUBSTRING" POSITION "?POSITION" OVERLAY "?OVERLAY"
%token <const struct token *> LEFT "?LEFT" RIGHT "?RIGHT"
%token <const struct token *> UNIT_WORD "a unit of time"  /* YEAR, MONTH, DAY, HOUR, MINUTE, SECOND */
%token <const struct token *> FUNCTION_WORD "?function"   /* reserved and called like a function: ABS, COUNT, ... */
%token <const struct token *> NILADIC_WORD "?niladic"     /* CURRENT_TIMESTAMP and the like */
%token <const struct token *> OPERATOR_WORD "?operator"   /* OVERLAPS and the like: refused */
%token <const struct token *> TYPE_WORD "?type"           /* reserved names of types that weir has not */
%token RESERVED "?reserved"                               /* every other reserved word */

/* Words that are names everywhere else */
%token <const struct token *> ASC "?ASC" DESC "?DESC" ENFORCED "`ENFORCED`" FIRST "?FIRST" IF "?IF" KEY "`KEY`"
%token <const struct token *> LAST "?LAST" MAP "?MAP"
%token <const struct token *> METADATA "?METADATA" NULLS "?NULLS" ORDINALITY "?ORDINALITY" OVERWRITE "?OVERWRITE"
%token <const struct token *> PARTITIONED "?PARTITIONED" PLACING "`PLACING`" SETS "?SETS" TEMPORARY "?TEMPORARY"
%token <const struct token *> TIMESTAMPADD "?TIMESTAMPADD" TIMESTAMPDIFF "?TIMESTAMPDIFF"
%token <const struct token *> VIEW "`VIEW`" VIRTUAL "?VIRTUAL" ZONE "`ZONE`"

/* Stretches that parse_next_token swallows whole, to be refused */
%token MATCH_RECOGNIZE "?MATCH_RECOGNIZE" PIVOT "?PIVOT" UNPIVOT "?UNPIVOT" TABLESAMPLE "?TABLESAMPLE"
%token <const struct token *> SPECIAL_CALL "?JSON_VALUE"
%token LIKE_CLAUSE "?LIKE-clause" ON_CONFLICT "?ON CONFLICT" NULL_TREATMENT "?IGNORE NULLS"
/* NOT in front of BETWEEN, IN, LIKE, SIMILAR */
%token NOT_PREDICATE "?NOT-predicate"

%left UNION EXCEPT
%left INTERSECT
%left OR
%left AND
%precedence NOT
%precedence IS
%left EQUAL NOT_EQUAL LESS LESS_EQUAL GREATER GREATER_EQUAL
%precedence BETWEEN IN LIKE SIMILAR OPERATOR_WORD NOT_PREDICATE
%left PLUS MINUS
%left STAR SLASH PERCENT CONCAT
%precedence UNARY
%precedence TO RIGHT_PAREN

%type <struct ast_name *> name alias_name
%type <const struct token *> name_token function_name plain_word special_word unit
%type <struct ast_list *> name_path names name_list_opt view_columns view_columns_opt
%type <struct ast_list *> exprs exprs_opt select_items
%type <struct ast_list *> table_items table_args properties group_items when_list type_fields
%type <struct ast_statement *> new_name statement set_statement create_table create_view insert insert_into
%type <struct ast_option *> property
%type <struct ast_text *> metadata_from
%type <struct ast_column *> column column_tail
%type <void *> table_item
%type <struct ast_list *> with_options
%type <struct ast_query *> query select_parens select_plain select_simple select_clause
%type <struct ast_item *> select_item
%type <struct ast_relation *> from_opt from_list from_item relation aliased table_call
%type <struct ast_table_arg *> table_arg
%type <struct ast_expr *> expr sum primary postfix literal call special_call case_expr where_opt having_opt
%type <struct ast_expr *> filter_opt group_item when_value else_opt escape_opt unit_arg
%type <struct type> type base_type
%type <struct type_field *> type_field
%type <struct ast_interval> interval_fields
%type <bool> partition_by_opt temporary_opt enforced_opt sign_opt virtual_opt
%type <enum function_id> comparison trim_side
%type <enum type_kind> integer_type

%%

start
        : START_STATEMENT statement { parser->statement = $2; }
        | START_EXPR expr { parser->expr = $2; }
        ;

statement
        : set_statement
        | create_table
        | create_view
        | insert
        ;

set_statement
        : SET STRING EQUAL STRING {
                $$ = arena_new(parser->arena, struct ast_statement);
                $$->kind = AST_SET;
                $$->set = (struct ast_option){.key = *text_of(parser, $2), .value = *text_of(parser, $4)};
        }
        ;

/* ---- tables ---- */

create_table
        : CREATE temporary_opt TABLE new_name LEFT_PAREN table_items RIGHT_PAREN comment_opt
          distributed_opt partitioned_opt with_options like_opt {
                $$ = $4;
                $$->kind = AST_CREATE_TABLE;
                for (uint32_t i = 0; i < $6->n; i++) {
                        struct ast_statement *part = $6->items[i];

                        if (part->columns.n > 0)
                                ast_list_append(&$$->columns, part->columns.items[0], parser->arena);
                        if (part->watermarks.n > 0)
                                ast_list_append(&$$->watermarks, part->watermarks.items[0], parser->arena);
                        if (part->keys.n > 0)
                                ast_list_append(&$$->keys, part->keys.items[0], parser->arena);
                }
                $$->options = *$11;
        }
        ;

temporary_opt
        : %empty { $$ = false; }
        | TEMPORARY { $$ = true; }
        | TEMPORARY SYSTEM { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @2, "TEMPORARY SYSTEM"); $$ = true; }
        ;

new_name
        : name_path {
                $$ = arena_new(parser->arena, struct ast_statement);
                $$->name = *table_name(parser, $1, @1);
        }
        | IF NOT EXISTS name_path {
                $$ = arena_new(parser->arena, struct ast_statement);
                $$->name = *table_name(parser, $4, @4);
                $$->if_not_exists = true;
        }
        ;

table_items
        : table_item { $$ = list_one(parser, $1); }
        | table_items COMMA table_item { $$ = list_more(parser, $1, $3); }
        ;

/* A part of a table as a statement that holds one thing. */
table_item
        : column {
                struct ast_statement *part = arena_new(parser->arena, struct ast_statement);

                $1->span = @1;
                ast_list_append(&part->columns, $1, parser->arena);
                $$ = part;
        }
        | WATERMARK FOR name_path AS expr {
                struct ast_statement *part = arena_new(parser->arena, struct ast_statement);
                struct ast_watermark *watermark = arena_new(parser->arena, struct ast_watermark);

                *watermark = (struct ast_watermark){.span = @$, .names = *$3, .expr = $5};
                ast_list_append(&part->watermarks, watermark, parser->arena);
                $$ = part;
        }
        | constraint_opt PRIMARY KEY LEFT_PAREN names RIGHT_PAREN enforced_opt {
                struct ast_statement *part = arena_new(parser->arena, struct ast_statement);
                struct ast_key *key = arena_new(parser->arena, struct ast_key);

                *key = (struct ast_key){.span = ast_span_join(@2, @7), .names = *$5, .is_enforced = $7};
                ast_list_append(&part->keys, key, parser->arena);
                $$ = part;
        }
        | constraint_opt UNIQUE LEFT_PAREN names RIGHT_PAREN enforced_opt {
                parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @2, "UNIQUE");
                $$ = arena_new(parser->arena, struct ast_statement);
        }
        ;

constraint_opt
        : %empty
        | CONSTRAINT name
        ;

enforced_opt
        : %empty { $$ = true; }
        | ENFORCED { $$ = true; }
        | NOT ENFORCED { $$ = false; }
        ;

column
        : name type column_tail comment_opt {
                $$ = $3;
                $$->name = *$1;
                $$->type = $2;
                $$->type_span = @2;
        }
        | name AS expr comment_opt {
                $$ = arena_new(parser->arena, struct ast_column);
                $$->name = *$1;
                $$->computed = $3;
        }
        ;

column_tail
        : %empty { $$ = arena_new(parser->arena, struct ast_column); }
        | constraint_opt PRIMARY KEY enforced_opt {
                $$ = arena_new(parser->arena, struct ast_column);
                $$->is_primary_key = true;
                if ($4)
                        diag_add(parser->diags, DIAG_PRIMARY_KEY, ast_span_join(@2, @3), "write PRIMARY KEY NOT "
                                                                                         "ENFORCED",
                                 "Flink takes a PRIMARY KEY only if it is NOT ENFORCED");
        }
        | constraint_opt UNIQUE enforced_opt {
                $$ = arena_new(parser->arena, struct ast_column);
                parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @2, "UNIQUE");
        }
        | METADATA metadata_from virtual_opt {
                $$ = arena_new(parser->arena, struct ast_column);
                $$->is_metadata = true;
                $$->metadata_key = $2;
                $$->is_virtual = $3;
        }
        ;

metadata_from
        : %empty { $$ = NULL; }
        | FROM STRING { $$ = text_of(parser, $2); }
        ;

virtual_opt
        : %empty { $$ = false; }
        | VIRTUAL { $$ = true; }
        ;

comment_opt
        : %empty
        | COMMENT STRING
        ;

distributed_opt
        : %empty
        | DISTRIBUTED { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @1, "DISTRIBUTED"); }
        ;

partitioned_opt
        : %empty
        | PARTITIONED BY LEFT_PAREN names RIGHT_PAREN {
                parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @$, "PARTITIONED BY");
        }
        ;

with_options
        : %empty { $$ = list_one(parser, NULL); }
        | WITH LEFT_PAREN properties RIGHT_PAREN { $$ = $3; }
        ;

like_opt
        : %empty
        | LIKE_CLAUSE { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @1, "CREATE TABLE ... LIKE"); }
        | AS query { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @1, "CREATE TABLE ... AS SELECT"); }
        ;

properties
        : property { $$ = list_one(parser, $1); }
        | properties COMMA property { $$ = list_more(parser, $1, $3); }
        ;

property
        : STRING EQUAL STRING {
                $$ = arena_new(parser->arena, struct ast_option);
                *$$ = (struct ast_option){.key = *text_of(parser, $1), .value = *text_of(parser, $3)};
        }
        ;

/* ---- views and inserts ---- */

create_view
        : CREATE temporary_opt VIEW new_name view_columns_opt comment_opt AS query {
                $$ = $4;
                $$->kind = AST_CREATE_VIEW;
                $$->column_names = *$5;
                $$->query = $8;
        }
        ;

view_columns_opt
        : %empty { $$ = list_one(parser, NULL); }
        | LEFT_PAREN view_columns RIGHT_PAREN { $$ = $2; }
        ;

view_columns
        : name { $$ = list_one(parser, $1); }
        | view_columns COMMA name { $$ = list_more(parser, $1, $3); }
        ;

insert
        : insert_into query on_conflict_opt { $$ = $1; $$->query = $2; }
        | insert_into LEFT_PAREN names RIGHT_PAREN query on_conflict_opt {
                $$ = $1;
                $$->column_names = *$3;
                $$->query = $5;
        }
        ;

insert_into
        : INSERT INTO name_path partition_opt {
                $$ = arena_new(parser->arena, struct ast_statement);
                $$->kind = AST_INSERT;
                $$->name = *table_name(parser, $3, @3);
        }
        ;

partition_opt
        : %empty
        | PARTITION LEFT_PAREN exprs RIGHT_PAREN { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @$, "PARTITION"); }
        ;

name_list_opt
        : %empty { $$ = list_one(parser, NULL); }
        | LEFT_PAREN names RIGHT_PAREN { $$ = $2; }
        ;

on_conflict_opt
        : %empty
        | ON_CONFLICT { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @1, "ON CONFLICT"); }
        ;

/* ---- queries ---- */

query
        : select_plain
        | select_parens %prec UNARY
        ;

select_parens
        : LEFT_PAREN select_plain RIGHT_PAREN { $$ = $2; }
        | LEFT_PAREN select_parens RIGHT_PAREN { $$ = $2; }
        ;

select_plain
        : select_simple
        | select_clause query_tails { $$ = $1; }
        | WITH common_tables select_clause { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @1, "WITH"); $$ = $3; }
        | WITH common_tables select_clause query_tails { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @1,
                                                                      "WITH"); $$ = $3; }
        ;

select_clause
        : select_simple
        | select_parens
        ;

common_tables
        : common_table
        | common_tables COMMA common_table
        ;

common_table
        : name name_list_opt AS select_parens { (void)$1; (void)$2; (void)$4; }
        ;

query_tails
        : query_tail
        | query_tails query_tail
        ;

query_tail
        : ORDER BY order_items { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, ast_span_join(@1, @2), "ORDER BY"); }
        | LIMIT limit_count { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @1, "LIMIT"); }
        | OFFSET INTEGER rows_opt { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @1, "OFFSET"); (void)$2; }
        | FETCH first_or_next INTEGER rows_opt ONLY { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @1,
                                                                   "FETCH"); (void)$3; }
        ;

limit_count
        : INTEGER
        | ALL
        ;

first_or_next
        : FIRST
        | NEXT
        ;

rows_opt
        : %empty
        | ROW
        | ROWS
        ;

select_simple
        : SELECT quantifier_opt select_items from_opt where_opt group_by_opt having_opt window_opt qualify_opt {
                $$ = arena_new(parser->arena, struct ast_query);
                $$->span = @1;
                $$->items = *$3;
                $$->from = $4;
                $$->where = $5;
                $$->has_group_by = $6 != NULL;
                if ($6 != NULL)
                        $$->group_by = *$6;
                $$->group_by_span = @6;
                $$->having = $7;
        }
        | VALUES values_rows {
                parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @1, "VALUES");
                $$ = arena_new(parser->arena, struct ast_query);
                $$->is_refused = true;
        }
        | select_clause UNION ALL select_clause %prec UNION {
                $$ = arena_new(parser->arena, struct ast_query);
                *$$ = (struct ast_query){.span = @$, .left = $1, .right = $4};
        }
        | select_clause UNION select_clause { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @2, "UNION without "
                                                                                            "ALL"); $$ = $1; }
        | select_clause UNION DISTINCT select_clause %prec UNION {
                parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @2, "UNION DISTINCT");
                $$ = $1;
        }
        | select_clause INTERSECT all_opt select_clause {
                parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @2, "INTERSECT");
                $$ = $1;
        }
        | select_clause EXCEPT all_opt select_clause { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @2,
                                                                    "EXCEPT"); $$ = $1; }
        ;
%type <struct ast_list *> group_by_opt;

all_opt
        : %empty
        | ALL
        | DISTINCT
        ;

values_rows
        : expr { (void)$1; }
        | values_rows COMMA expr { (void)$3; }
        ;

quantifier_opt
        : %empty
        | ALL
        | DISTINCT { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @1, "SELECT DISTINCT"); }
        ;

select_items
        : select_item { $$ = list_one(parser, $1); }
        | select_items COMMA select_item { $$ = list_more(parser, $1, $3); }
        ;

select_item
        : STAR {
                $$ = arena_new(parser->arena, struct ast_item);
                $$->span = @$;
                $$->expr = ast_expr_new(AST_STAR, @$, parser->arena);
        }
        | name_path DOT STAR {
                $$ = arena_new(parser->arena, struct ast_item);
                $$->span = @$;
                $$->expr = ast_expr_new(AST_STAR, @$, parser->arena);
                $$->expr->names = *$1;
        }
        | expr {
                $$ = arena_new(parser->arena, struct ast_item);
                *$$ = (struct ast_item){.expr = $1, .span = @$};
        }
        | expr AS name {
                $$ = arena_new(parser->arena, struct ast_item);
                *$$ = (struct ast_item){.expr = $1, .alias = $3, .span = @$};
        }
        | expr alias_name {
                $$ = arena_new(parser->arena, struct ast_item);
                *$$ = (struct ast_item){.expr = $1, .alias = $2, .span = @$};
        }
        ;

from_opt
        : %empty {
                parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @$, "SELECT without FROM");
                $$ = NULL;
        }
        | FROM from_list { $$ = $2; }
        ;

from_list
        : from_item
        | from_list COMMA from_item {
                parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @2, "a comma join");
                $$ = $1;
        }
        ;

from_item
        : relation
        | from_item join_words relation join_condition { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @2,
                                                                      "JOIN"); $$ = $1; }
        | from_item CROSS JOIN relation {
                parse_refuse(parser, DIAG_CLAUSE_NOT_YET, ast_span_join(@2, @3), "CROSS JOIN");
                $$ = $1;
        }
        | from_item NATURAL join_words relation { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @2, "NATURAL "
                                                                                                "JOIN"); $$ = $1; }
        ;

join_words
        : JOIN
        | INNER JOIN
        | LEFT outer_opt JOIN
        | RIGHT outer_opt JOIN
        | FULL outer_opt JOIN
        ;

outer_opt
        : %empty
        | OUTER
        ;

join_condition
        : ON expr { (void)$2; }
        | USING LEFT_PAREN names RIGHT_PAREN { (void)$3; }
        ;

relation
        : aliased
        | aliased AS name { $$ = $1; $$->alias = $3; }
        | aliased alias_name { $$ = $1; $$->alias = $2; }
        | aliased AS name LEFT_PAREN names RIGHT_PAREN { $$ = $1; $$->alias = $3; $$->columns = *$5; }
        | aliased alias_name LEFT_PAREN names RIGHT_PAREN { $$ = $1; $$->alias = $2; $$->columns = *$4; }
        ;

aliased
        : name_path {
                $$ = arena_new(parser->arena, struct ast_relation);
                *$$ = (struct ast_relation){.kind = AST_TABLE, .span = @1, .name = *table_name(parser, $1, @1)};
        }
        | name_path relation_suffix {
                $$ = arena_new(parser->arena, struct ast_relation);
                *$$ = (struct ast_relation){.kind = AST_TABLE, .span = @1, .name = *table_name(parser, $1, @1)};
        }
        | select_parens {
                $$ = arena_new(parser->arena, struct ast_relation);
                *$$ = (struct ast_relation){.kind = AST_SUBQUERY, .span = @1, .query = $1};
        }
        | select_parens relation_suffix {
                $$ = arena_new(parser->arena, struct ast_relation);
                *$$ = (struct ast_relation){.kind = AST_SUBQUERY, .span = @1, .query = $1};
        }
        | TABLE LEFT_PAREN table_call RIGHT_PAREN { $$ = $3; $$->span = @$; }
        | table_call
        | LATERAL TABLE LEFT_PAREN table_call RIGHT_PAREN {
                parse_refuse(parser, DIAG_CLAUSE_NOT_YET, ast_span_join(@1, @2), "LATERAL TABLE");
                $$ = $4;
        }
        | LATERAL select_parens {
                parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @1, "LATERAL");
                $$ = arena_new(parser->arena, struct ast_relation);
                *$$ = (struct ast_relation){.kind = AST_SUBQUERY, .span = @2, .query = $2};
        }
        | UNNEST LEFT_PAREN expr RIGHT_PAREN ordinality_opt {
                parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @1, "UNNEST");
                $$ = arena_new(parser->arena, struct ast_relation);
                (void)$3;
        }
        ;

ordinality_opt
        : %empty
        | WITH ORDINALITY
        ;

relation_suffix
        : FOR SYSTEM_TIME AS OF expr {
                parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @$, "FOR SYSTEM_TIME AS OF");
                (void)$5;
        }
        | MATCH_RECOGNIZE { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @1, "MATCH_RECOGNIZE"); }
        | PIVOT { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @1, "PIVOT"); }
        | UNPIVOT { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @1, "UNPIVOT"); }
        | TABLESAMPLE { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @1, "TABLESAMPLE"); }
        ;

table_call
        : name_path LEFT_PAREN table_args RIGHT_PAREN {
                $$ = arena_new(parser->arena, struct ast_relation);
                *$$ = (struct ast_relation){.kind = AST_TABLE_CALL, .span = @$, .name = *table_name(parser, $1, @1)};
                $$->args = *$3;
        }
        | name_path LEFT_PAREN RIGHT_PAREN {
                $$ = arena_new(parser->arena, struct ast_relation);
                *$$ = (struct ast_relation){.kind = AST_TABLE_CALL, .span = @$, .name = *table_name(parser, $1, @1)};
        }
        ;

table_args
        : table_arg { $1->span = @1; $$ = list_one(parser, $1); }
        | table_args COMMA table_arg { $3->span = @3; $$ = list_more(parser, $1, $3); }
        ;

table_arg
        : TABLE name_path partition_by_opt {
                $$ = arena_new(parser->arena, struct ast_table_arg);
                $$->table = table_name(parser, $2, @2);
                $$->is_partitioned = $3;
        }
        | TABLE select_parens partition_by_opt {
                parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @2, "a query as the table of a window");
                $$ = arena_new(parser->arena, struct ast_table_arg);
                (void)$2; (void)$3;
        }
        | expr {
                $$ = arena_new(parser->arena, struct ast_table_arg);
                $$->expr = $1;
        }
        | name ARROW table_arg { $$ = $3; $$->keyword = $1; }
        ;

partition_by_opt
        : %empty { $$ = false; }
        | PARTITION BY partition_columns { $$ = true; }
        ;

partition_columns
        : name_path { (void)$1; }
        | LEFT_PAREN exprs RIGHT_PAREN { (void)$2; }
        ;

where_opt
        : %empty { $$ = NULL; }
        | WHERE expr { $$ = $2; }
        ;

group_by_opt
        : %empty { $$ = NULL; }
        | GROUP BY group_items { $$ = $3; }
        ;

group_items
        : group_item { $$ = list_one(parser, $1); }
        | group_items COMMA group_item { $$ = list_more(parser, $1, $3); }
        ;

group_item
        : expr
        | LEFT_PAREN RIGHT_PAREN { $$ = parse_refused_expr(parser, DIAG_CLAUSE_NOT_YET, @$, "GROUP BY ()"); }
        | GROUPING SETS LEFT_PAREN group_items RIGHT_PAREN {
                $$ = parse_refused_expr(parser, DIAG_CLAUSE_NOT_YET, ast_span_join(@1, @2), "GROUPING SETS");
                (void)$4;
        }
        | ROLLUP LEFT_PAREN exprs RIGHT_PAREN { $$ = parse_refused_expr(parser, DIAG_CLAUSE_NOT_YET, @1,
                                                                        "ROLLUP"); (void)$3; }
        | CUBE LEFT_PAREN exprs RIGHT_PAREN { $$ = parse_refused_expr(parser, DIAG_CLAUSE_NOT_YET, @1,
                                                                      "CUBE"); (void)$3; }
        ;

having_opt
        : %empty { $$ = NULL; }
        | HAVING expr { $$ = $2; }
        ;

window_opt
        : %empty
        | WINDOW window_items { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @1, "WINDOW"); }
        ;

window_items
        : window_item
        | window_items COMMA window_item
        ;

window_item
        : name AS LEFT_PAREN over_spec RIGHT_PAREN { (void)$1; }
        ;

qualify_opt
        : %empty
        | QUALIFY expr { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @1, "QUALIFY"); (void)$2; }
        ;

over_spec
        : over_partition_opt order_by_opt frame_opt
        ;

over_partition_opt
        : %empty
        | PARTITION BY exprs { (void)$3; }
        ;

order_by_opt
        : %empty
        | ORDER BY order_items
        ;

order_items
        : order_item
        | order_items COMMA order_item
        ;

order_item
        : expr direction_opt nulls_opt { (void)$1; }
        ;

direction_opt
        : %empty
        | ASC
        | DESC
        ;

nulls_opt
        : %empty
        | NULLS FIRST
        | NULLS LAST
        ;

frame_opt
        : %empty
        | ROWS frame_bounds
        | RANGE frame_bounds
        ;

frame_bounds
        : frame_bound
        | BETWEEN frame_bound AND frame_bound
        ;

frame_bound
        : CURRENT ROW
        | sum frame_direction { (void)$1; }
        ;

frame_direction
        : IDENT { (void)$1; } /* PRECEDING, FOLLOWING behind UNBOUNDED or a number */
        ;

/* ---- expressions ---- */

exprs
        : expr { $$ = list_one(parser, $1); }
        | exprs COMMA expr { $$ = list_more(parser, $1, $3); }
        ;

exprs_opt
        : %empty { $$ = list_one(parser, NULL); }
        | exprs
        ;

expr
        : sum
        | expr OR expr { $$ = operation(parser, FN_OR, $1, $3, @$); }
        | expr AND expr { $$ = operation(parser, FN_AND, $1, $3, @$); }
        | NOT expr { $$ = operation(parser, FN_NOT, $2, NULL, @$); }
        | expr IS NULL_WORD { $$ = operation(parser, FN_IS_NULL, $1, NULL, @$); }
        | expr IS NOT NULL_WORD { $$ = operation(parser, FN_IS_NOT_NULL, $1, NULL, @$); }
        | expr IS TRUE_WORD { $$ = operation(parser, FN_IS_TRUE, $1, NULL, @$); }
        | expr IS NOT TRUE_WORD { $$ = operation(parser, FN_IS_NOT_TRUE, $1, NULL, @$); }
        | expr IS FALSE_WORD { $$ = operation(parser, FN_IS_FALSE, $1, NULL, @$); }
        | expr IS NOT FALSE_WORD { $$ = operation(parser, FN_IS_NOT_FALSE, $1, NULL, @$); }
        | expr IS UNKNOWN { $$ = operation(parser, FN_IS_NULL, $1, NULL, @$); $$->is_boolean_test = true; }
        | expr IS NOT UNKNOWN { $$ = operation(parser, FN_IS_NOT_NULL, $1, NULL, @$); $$->is_boolean_test = true; }
        | expr IS DISTINCT FROM sum %prec IS { $$ = operation(parser, FN_IS_DISTINCT, $1, $5, @$); }
        | expr IS NOT DISTINCT FROM sum %prec IS { $$ = operation(parser, FN_IS_NOT_DISTINCT, $1, $6, @$); }
        | expr comparison expr %prec EQUAL { $$ = operation(parser, $2, $1, $3, @$); }
        | expr comparison quantifier select_parens %prec EQUAL {
                $$ = parse_refused_expr(parser, DIAG_CLAUSE_NOT_YET, @3, "ANY, SOME and ALL");
                (void)$1; (void)$2; (void)$4;
        }
        | expr BETWEEN asymmetric_opt sum AND sum %prec BETWEEN {
                $$ = operation_args(parser, FN_BETWEEN, @$, $1, $4, $6, NULL);
        }
        | expr NOT_PREDICATE BETWEEN asymmetric_opt sum AND sum %prec BETWEEN {
                $$ = negated(parser, true, operation_args(parser, FN_BETWEEN, @$, $1, $5, $7, NULL));
        }
        | expr IN LEFT_PAREN exprs RIGHT_PAREN {
                $$ = operation(parser, FN_IN, $1, NULL, @$);
                for (uint32_t i = 0; i < $4->n; i++)
                        add(parser, $$, $4->items[i]);
        }
        | expr NOT_PREDICATE IN LEFT_PAREN exprs RIGHT_PAREN {
                $$ = negated(parser, true, operation(parser, FN_IN, $1, NULL, @$));
                for (uint32_t i = 0; i < $5->n; i++)
                        add(parser, $$, $5->items[i]);
        }
        | expr IN select_parens %prec IN {
                $$ = parse_refused_expr(parser, DIAG_CLAUSE_NOT_YET, @2, "IN with a query");
                (void)$1; (void)$3;
        }
        | expr NOT_PREDICATE IN select_parens %prec IN {
                $$ = parse_refused_expr(parser, DIAG_CLAUSE_NOT_YET, @3, "IN with a query");
                (void)$1; (void)$4;
        }
        | expr LIKE sum escape_opt %prec LIKE { $$ = operation_args(parser, FN_LIKE, @$, $1, $3, $4, NULL); }
        | expr NOT_PREDICATE LIKE sum escape_opt %prec LIKE {
                $$ = negated(parser, true, operation_args(parser, FN_LIKE, @$, $1, $4, $5, NULL));
        }
        | expr SIMILAR TO sum escape_opt %prec SIMILAR {
                $$ = parse_refused_expr(parser, DIAG_FUNCTION_NOT_YET, @2, "SIMILAR TO");
                (void)$1; (void)$4; (void)$5;
        }
        | expr NOT_PREDICATE SIMILAR TO sum escape_opt %prec SIMILAR {
                $$ = parse_refused_expr(parser, DIAG_FUNCTION_NOT_YET, @3, "SIMILAR TO");
                (void)$1; (void)$5; (void)$6;
        }
        | expr OPERATOR_WORD sum %prec OPERATOR_WORD {
                $$ = parse_refused_expr(parser, DIAG_FUNCTION_NOT_YET, @2,
                                        arena_text(parser->arena, $2->text));
                (void)$1; (void)$3;
        }
        | EXISTS select_parens {
                $$ = parse_refused_expr(parser, DIAG_CLAUSE_NOT_YET, @1, "EXISTS");
                (void)$2;
        }
        ;

comparison
        : EQUAL { $$ = FN_EQ; }
        | NOT_EQUAL { $$ = FN_NE; }
        | LESS { $$ = FN_LT; }
        | LESS_EQUAL { $$ = FN_LE; }
        | GREATER { $$ = FN_GT; }
        | GREATER_EQUAL { $$ = FN_GE; }
        ;

quantifier
        : ANY
        | SOME
        | ALL
        ;

asymmetric_opt
        : %empty
        | ASYMMETRIC
        | SYMMETRIC { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @1, "BETWEEN SYMMETRIC"); }
        ;

escape_opt
        : %empty %prec LIKE { $$ = NULL; }
        | ESCAPE sum { $$ = $2; }
        ;

sum
        : primary
        | sum PLUS sum { $$ = operation(parser, FN_ADD, $1, $3, @$); }
        | sum MINUS sum { $$ = operation(parser, FN_SUBTRACT, $1, $3, @$); }
        | sum STAR sum { $$ = operation(parser, FN_MULTIPLY, $1, $3, @$); }
        | sum SLASH sum { $$ = operation(parser, FN_DIVIDE, $1, $3, @$); }
        | sum PERCENT sum { $$ = operation(parser, FN_MODULO, $1, $3, @$); }
        | sum CONCAT sum { $$ = operation(parser, FN_CONCAT_OP, $1, $3, @$); }
        | MINUS sum %prec UNARY { $$ = operation(parser, FN_NEGATE, $2, NULL, @$); }
        | PLUS sum %prec UNARY { $$ = operation(parser, FN_PLUS, $2, NULL, @$); }
        ;

primary
        : name_path {
                $$ = ast_expr_new(AST_COLUMN, @$, parser->arena);
                $$->names = *$1;
        }
        | postfix
        ;

postfix
        : literal
        | LEFT_PAREN expr RIGHT_PAREN { $$ = $2; $$->span = @$; $$->is_parenthesized = true; }
        | LEFT_PAREN expr COMMA exprs RIGHT_PAREN {
                $$ = parse_refused_expr(parser, DIAG_TYPE_NOT_YET, @$, "a row value");
                (void)$2; (void)$4;
        }
        | select_parens %prec UNARY {
                $$ = parse_refused_expr(parser, DIAG_CLAUSE_NOT_YET, @1, "a query as a value");
                (void)$1;
        }
        | call
        | special_call
        | case_expr
        | primary LEFT_BRACKET expr RIGHT_BRACKET {
                $$ = node_of(parser, AST_INDEX, $1, $3, @$);
        }
        | primary LEFT_BRACKET expr COMMA exprs RIGHT_BRACKET {
                $$ = parse_refused_expr(parser, DIAG_TYPE_NOT_YET, @$, "MAP[...]");
                (void)$1; (void)$3; (void)$5;
        }
        | ARRAY LEFT_BRACKET exprs_opt RIGHT_BRACKET {
                $$ = parse_refused_expr(parser, DIAG_TYPE_NOT_YET, @$, "ARRAY[...]");
                (void)$3;
        }
        | MULTISET LEFT_BRACKET exprs_opt RIGHT_BRACKET {
                $$ = parse_refused_expr(parser, DIAG_TYPE_NOT_YET, @$, "MULTISET[...]");
                (void)$3;
        }
        | ROW LEFT_PAREN exprs_opt RIGHT_PAREN {
                $$ = parse_refused_expr(parser, DIAG_TYPE_NOT_YET, @$, "ROW(...)");
                (void)$3;
        }
        | postfix DOT name {
                $$ = node_of(parser, AST_FIELD, $1, NULL, @$);
                $$->name = *$3;
        }
        ;

literal
        : INTEGER { $$ = leaf(parser, AST_NUMBER, $1->text, @$); }
        | DECIMAL_NUMBER { $$ = leaf(parser, AST_NUMBER, $1->text, @$); }
        | APPROX_NUMBER { $$ = leaf(parser, AST_NUMBER, $1->text, @$); }
        | STRING { $$ = leaf(parser, AST_STRING, $1->text, @$); }
        | BINARY_STRING { $$ = leaf(parser, AST_BINARY, $1->text, @$); }
        | TRUE_WORD { $$ = leaf(parser, AST_BOOLEAN, no_text(), @$); $$->is_true = true; }
        | FALSE_WORD { $$ = leaf(parser, AST_BOOLEAN, no_text(), @$); }
        | UNKNOWN { $$ = parse_refused_expr(parser, DIAG_CLAUSE_NOT_YET, @$, "UNKNOWN as a value"); }
        | NULL_WORD { $$ = leaf(parser, AST_NULL, no_text(), @$); }
        | DATE STRING { $$ = leaf(parser, AST_TIME_LITERAL, $2->text, @$); $$->type.kind = TYPE_DATE; }
        | TIME STRING { $$ = leaf(parser, AST_TIME_LITERAL, $2->text, @$); $$->type.kind = TYPE_TIME; }
        | TIMESTAMP STRING { $$ = leaf(parser, AST_TIME_LITERAL, $2->text, @$); $$->type.kind = TYPE_TIMESTAMP; }
        | INTERVAL sign_opt STRING interval_fields { $$ = interval_of(parser, $3, $2, $4, @$); }
        | INTERVAL name_path interval_fields {
                $$ = parse_refused_expr(parser, DIAG_CLAUSE_NOT_YET, @$, "an INTERVAL of a column");
                (void)$2; (void)$3;
        }
        ;

sign_opt
        : %empty { $$ = false; }
        | PLUS { $$ = false; }
        | MINUS { $$ = true; }
        ;

interval_fields
        : unit_arg %prec UNARY { $$ = (struct ast_interval){.first = $1->unit, .last = $1->unit}; }
        | unit_arg LEFT_PAREN INTEGER RIGHT_PAREN %prec UNARY {
                $$ = (struct ast_interval){.first = $1->unit, .last = $1->unit, .precision = small_number($3)};
        }
        | unit_arg LEFT_PAREN INTEGER COMMA INTEGER RIGHT_PAREN {
                $$ = (struct ast_interval){.first = $1->unit, .last = $1->unit, .precision = small_number($3),
                                           .fraction = small_number($5)};
        }
        | unit_arg TO unit_arg { $$ = (struct ast_interval){.first = $1->unit, .last = $3->unit}; }
        | unit_arg LEFT_PAREN INTEGER RIGHT_PAREN TO unit_arg {
                $$ = (struct ast_interval){.first = $1->unit, .last = $6->unit, .precision = small_number($3)};
        }
        | unit_arg TO unit_arg LEFT_PAREN INTEGER RIGHT_PAREN {
                $$ = (struct ast_interval){.first = $1->unit, .last = $3->unit, .fraction = small_number($5)};
        }
        ;

unit_arg
        : UNIT_WORD { $$ = unit_of(parser, $1); }
        ;

case_expr
        : CASE when_list else_opt END {
                $$ = ast_expr_new(AST_CASE, @$, parser->arena);
                for (uint32_t i = 0; i < $2->n; i++)
                        add(parser, $$, $2->items[i]);
                add(parser, $$, $3);
        }
        | CASE expr when_list else_opt END {
                $$ = ast_expr_new(AST_CASE, @$, parser->arena);
                $$->has_operand = true;
                add(parser, $$, $2);
                for (uint32_t i = 0; i < $3->n; i++)
                        add(parser, $$, $3->items[i]);
                add(parser, $$, $4);
        }
        ;

when_list
        : WHEN when_value THEN expr { $$ = list_more(parser, list_one(parser, $2), $4); }
        | when_list WHEN when_value THEN expr { $$ = list_more(parser, list_more(parser, $1, $3), $5); }
        ;

when_value
        : expr
        | expr COMMA exprs {
                $$ = parse_refused_expr(parser, DIAG_CLAUSE_NOT_YET, @2, "several values behind WHEN");
                (void)$1; (void)$3;
        }
        ;

else_opt
        : %empty { $$ = NULL; }
        | ELSE expr { $$ = $2; }
        ;

call
        : function_name LEFT_PAREN exprs_opt RIGHT_PAREN call_tail filter_opt over_opt {
                $$ = call_of(parser, $1, $3, @$);
                $$->filter = $6;
        }
        | function_name LEFT_PAREN STAR RIGHT_PAREN filter_opt over_opt {
                $$ = call_of(parser, $1, NULL, @$);
                $$->is_star = true;
                $$->filter = $5;
        }
        | function_name LEFT_PAREN DISTINCT exprs RIGHT_PAREN call_tail filter_opt over_opt {
                $$ = call_of(parser, $1, $4, @$);
                $$->is_distinct = true;
                $$->filter = $7;
        }
        | function_name LEFT_PAREN ALL exprs RIGHT_PAREN call_tail filter_opt over_opt {
                $$ = call_of(parser, $1, $4, @$);
                $$->filter = $7;
        }
        ;

call_tail
        : %empty
        | WITHIN GROUP LEFT_PAREN ORDER BY order_items RIGHT_PAREN {
                parse_refuse(parser, DIAG_CLAUSE_NOT_YET, ast_span_join(@1, @2), "WITHIN GROUP");
        }
        | NULL_TREATMENT { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @1, "IGNORE NULLS and RESPECT NULLS"); }
        ;

filter_opt
        : %empty { $$ = NULL; }
        | FILTER LEFT_PAREN WHERE expr RIGHT_PAREN { $$ = $4; }
        ;

over_opt
        : %empty
        | OVER name { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @1, "OVER"); (void)$2; }
        | OVER LEFT_PAREN over_spec RIGHT_PAREN { parse_refuse(parser, DIAG_CLAUSE_NOT_YET, @1, "OVER"); }
        ;

special_call
        : CAST LEFT_PAREN expr AS type RIGHT_PAREN {
                $$ = node_of(parser, AST_CAST, $3, NULL, @$);
                $$->type = $5;
        }
        | TRY_CAST LEFT_PAREN expr AS type RIGHT_PAREN {
                $$ = node_of(parser, AST_CAST, $3, NULL, @$);
                $$->is_try = true;
                $$->type = $5;
        }
        | EXTRACT LEFT_PAREN unit FROM expr RIGHT_PAREN {
                $$ = operation(parser, FN_EXTRACT, unit_of(parser, $3), $5, @$);
        }
        | FLOOR LEFT_PAREN expr RIGHT_PAREN {
                $$ = call_of(parser, $1, list_one(parser, $3), @$);
        }
        | CEIL LEFT_PAREN expr RIGHT_PAREN {
                $$ = call_of(parser, $1, list_one(parser, $3), @$);
        }
        | FLOOR LEFT_PAREN expr TO unit RIGHT_PAREN {
                $$ = operation(parser, FN_FLOOR_TO, $3, unit_of(parser, $5), @$);
                (void)$1;
        }
        | CEIL LEFT_PAREN expr TO unit RIGHT_PAREN {
                $$ = operation(parser, FN_CEIL_TO, $3, unit_of(parser, $5), @$);
                (void)$1;
        }
        | TIMESTAMPDIFF LEFT_PAREN unit COMMA expr COMMA expr RIGHT_PAREN {
                $$ = operation_args(parser, FN_TIMESTAMPDIFF, @$, unit_of(parser, $3), $5, $7, NULL);
                (void)$1;
        }
        | TIMESTAMPADD LEFT_PAREN unit COMMA expr COMMA expr RIGHT_PAREN {
                $$ = operation_args(parser, FN_TIMESTAMPADD, @$, unit_of(parser, $3), $5, $7, NULL);
                (void)$1;
        }
        | POSITION LEFT_PAREN sum IN sum RIGHT_PAREN { $$ = operation(parser, FN_POSITION, $3, $5, @$); (void)$1; }
        | SUBSTRING LEFT_PAREN exprs RIGHT_PAREN { $$ = call_of(parser, $1, $3, @$); }
        | SUBSTRING LEFT_PAREN expr FROM expr RIGHT_PAREN {
                $$ = call_of(parser, $1, list_more(parser, list_one(parser, $3), $5), @$);
        }
        | SUBSTRING LEFT_PAREN expr FROM expr FOR expr RIGHT_PAREN {
                $$ = call_of(parser, $1, list_more(parser, list_more(parser, list_one(parser, $3), $5), $7), @$);
        }
        | OVERLAY LEFT_PAREN expr PLACING expr FROM expr RIGHT_PAREN {
                $$ = operation_args(parser, FN_OVERLAY, @$, $3, $5, $7, NULL);
                (void)$1; (void)$4;
        }
        | OVERLAY LEFT_PAREN expr PLACING expr FROM expr FOR expr RIGHT_PAREN {
                $$ = operation_args(parser, FN_OVERLAY, @$, $3, $5, $7, $9);
                (void)$1; (void)$4;
        }
        | TRIM LEFT_PAREN expr RIGHT_PAREN {
                $$ = operation(parser, FN_TRIM, leaf(parser, AST_STRING, slice_from_text(" "), @1), $3, @$);
        }
        | TRIM LEFT_PAREN expr FROM expr RIGHT_PAREN { $$ = operation(parser, FN_TRIM, $3, $5, @$); }
        | TRIM LEFT_PAREN trim_side expr FROM expr RIGHT_PAREN { $$ = operation(parser, $3, $4, $6, @$); }
        | TRIM LEFT_PAREN trim_side FROM expr RIGHT_PAREN {
                $$ = operation(parser, $3, leaf(parser, AST_STRING, slice_from_text(" "), @1), $5, @$);
        }
        | NILADIC_WORD {
                $$ = parse_refused_expr(parser, DIAG_FUNCTION_NOT_YET, @1, arena_text(parser->arena, $1->text));
        }
        | NILADIC_WORD LEFT_PAREN exprs_opt RIGHT_PAREN {
                $$ = parse_refused_expr(parser, DIAG_FUNCTION_NOT_YET, @1, arena_text(parser->arena, $1->text));
                (void)$3;
        }
        | SPECIAL_CALL {
                $$ = parse_refused_expr(parser, DIAG_FUNCTION_NOT_YET, $1->span, arena_text(parser->arena, $1->text));
        }
        ;

trim_side
        : BOTH { $$ = FN_TRIM; }
        | LEADING { $$ = FN_TRIM_LEADING; }
        | TRAILING { $$ = FN_TRIM_TRAILING; }
        ;

unit
        : UNIT_WORD
        | name_token
        ;

function_name
        : IDENT
        | plain_word
        | FUNCTION_WORD
        | UNIT_WORD
        | LEFT
        | RIGHT
        ;

/* ---- types ---- */

type
        : base_type { $$ = $1; $$.nullable = true; }
        | type ARRAY { parse_refuse(parser, DIAG_TYPE_NOT_YET, @2, "the type ... ARRAY"); $$ = $1; }
        | type MULTISET { parse_refuse(parser, DIAG_TYPE_NOT_YET, @2, "the type ... MULTISET"); $$ = $1; }
        | base_type NOT NULL_WORD { $$ = $1; $$.nullable = false; }
        | base_type NULL_WORD { $$ = $1; $$.nullable = true; }
        ;

base_type
        : BOOLEAN { $$ = type_make(TYPE_BOOLEAN, true); }
        | integer_type { $$ = type_make($1, true); }
        | FLOAT { $$ = type_make(TYPE_FLOAT, true); }
        | DOUBLE { $$ = type_make(TYPE_DOUBLE, true); }
        | DOUBLE PRECISION { $$ = type_make(TYPE_DOUBLE, true); }
        | DECIMAL { $$ = type_decimal(10, 0, true); }
        | DECIMAL LEFT_PAREN INTEGER RIGHT_PAREN { $$ = parse_type_decimal(parser, $3->text, no_text(), @$); }
        | DECIMAL LEFT_PAREN INTEGER COMMA INTEGER RIGHT_PAREN {
                $$ = parse_type_decimal(parser, $3->text, $5->text, @$);
        }
        | CHAR { $$ = parse_type_sized(parser, TYPE_CHAR, slice_from_text("1"), @$); (void)$1; }
        | CHAR LEFT_PAREN INTEGER RIGHT_PAREN { $$ = parse_type_sized(parser, TYPE_CHAR, $3->text, @$); (void)$1; }
        | VARCHAR { $$ = type_string(true); (void)$1; }
        | VARCHAR LEFT_PAREN INTEGER RIGHT_PAREN { $$ = parse_type_sized(parser, TYPE_VARCHAR, $3->text,
                                                                         @$); (void)$1; }
        | CHAR VARYING LEFT_PAREN INTEGER RIGHT_PAREN { $$ = parse_type_sized(parser, TYPE_VARCHAR, $4->text,
                                                                              @$); (void)$1; }
        | STRING_WORD { $$ = type_string(true); }
        | BINARY { $$ = parse_type_sized(parser, TYPE_BINARY, slice_from_text("1"), @$); }
        | BINARY LEFT_PAREN INTEGER RIGHT_PAREN { $$ = parse_type_sized(parser, TYPE_BINARY, $3->text, @$); }
        | VARBINARY { $$ = type_make(TYPE_VARBINARY, true); $$.length = TYPE_LENGTH_MAX; }
        | VARBINARY LEFT_PAREN INTEGER RIGHT_PAREN { $$ = parse_type_sized(parser, TYPE_VARBINARY, $3->text, @$); }
        | BYTES { $$ = type_make(TYPE_VARBINARY, true); $$.length = TYPE_LENGTH_MAX; }
        | DATE { $$ = type_make(TYPE_DATE, true); }
        | TIME time_zone_opt { $$ = type_make(TYPE_TIME, true); }
        | TIME LEFT_PAREN INTEGER RIGHT_PAREN time_zone_opt { $$ = parse_type_sized(parser, TYPE_TIME, $3->text, @$); }
        | TIMESTAMP time_zone_opt { $$ = type_timestamp(TYPE_TIMESTAMP, 6, true); }
        | TIMESTAMP LEFT_PAREN INTEGER RIGHT_PAREN time_zone_opt {
                $$ = parse_type_sized(parser, TYPE_TIMESTAMP, $3->text, @$);
        }
        | TIMESTAMP_LTZ { $$ = type_timestamp(TYPE_TIMESTAMP_LTZ, 6, true); }
        | TIMESTAMP_LTZ LEFT_PAREN INTEGER RIGHT_PAREN {
                $$ = parse_type_sized(parser, TYPE_TIMESTAMP_LTZ, $3->text, @$);
        }
        | TIMESTAMP WITH LOCAL TIME ZONE { $$ = type_timestamp(TYPE_TIMESTAMP_LTZ, 6, true); (void)$5; }
        | TIMESTAMP LEFT_PAREN INTEGER RIGHT_PAREN WITH LOCAL TIME ZONE {
                $$ = parse_type_sized(parser, TYPE_TIMESTAMP_LTZ, $3->text, @$);
                (void)$8;
        }
        | ARRAY LESS type GREATER {
                struct type *element = arena_new(parser->arena, struct type);

                *element = $3;
                $$ = type_make(TYPE_ARRAY, true);
                $$.element = element;
        }
        | MAP LESS type COMMA type GREATER {
                struct type *key = arena_new(parser->arena, struct type);
                struct type *element = arena_new(parser->arena, struct type);

                *key = $3;
                *element = $5;
                $$ = type_make(TYPE_MAP, true);
                $$.key = key;
                $$.element = element;
                (void)$1;
        }
        | ROW LESS type_fields GREATER { $$ = ast_row_type($3, parser->arena); }
        | ROW LEFT_PAREN type_fields RIGHT_PAREN { $$ = ast_row_type($3, parser->arena); }
        | MULTISET LESS type GREATER {
                parse_refuse(parser, DIAG_TYPE_NOT_YET, @$, "MULTISET");
                $$ = $3;
        }
        | RAW LEFT_PAREN exprs RIGHT_PAREN {
                parse_refuse(parser, DIAG_TYPE_NOT_YET, @$, "RAW");
                $$ = type_string(true);
                (void)$3;
        }
        | INTERVAL interval_fields {
                parse_refuse(parser, DIAG_TYPE_NOT_YET, @$, "INTERVAL as a type");
                $$ = type_make(TYPE_INTERVAL_SECOND, true);
                (void)$2;
        }
        | TYPE_WORD {
                parse_refuse(parser, DIAG_TYPE_NOT_YET, @$, arena_text(parser->arena, $1->text));
                $$ = type_string(true);
        }
        ;

integer_type
        : TINYINT { $$ = TYPE_TINYINT; }
        | SMALLINT { $$ = TYPE_SMALLINT; }
        | INT { $$ = TYPE_INT; }
        | BIGINT { $$ = TYPE_BIGINT; }
        ;

time_zone_opt
        : %empty
        | WITHOUT TIME ZONE { (void)$3; }
        | WITH TIME ZONE { parse_refuse(parser, DIAG_TYPE_NOT_YET, @$, "WITH TIME ZONE"); (void)$3; }
        ;

type_fields
        : type_field { $$ = list_one(parser, $1); }
        | type_fields COMMA type_field { $$ = list_more(parser, $1, $3); }
        ;

type_field
        : name type field_comment_opt {
                $$ = arena_new(parser->arena, struct type_field);
                *$$ = (struct type_field){.name = $1->text, .type = $2};
        }
        ;

field_comment_opt
        : %empty
        | STRING { (void)$1; }
        ;

/* ---- names ---- */

names
        : name { $$ = list_one(parser, $1); }
        | names COMMA name { $$ = list_more(parser, $1, $3); }
        ;

name_path
        : name { $$ = list_one(parser, $1); }
        | name_path DOT name { $$ = list_more(parser, $1, $3); }
        ;

name
        : name_token { $$ = name_of(parser, $1); }
        ;

alias_name
        : name
        ;

name_token
        : IDENT
        | plain_word
        | special_word
        ;

/* Names that may also be called: IF(...), REPLACE(...). */
plain_word
        : ASC
        | DESC
        | ENFORCED
        | FIRST
        | IF
        | KEY
        | LAST
        | MAP
        | METADATA
        | NULLS
        | ORDINALITY
        | OVERWRITE
        | PARTITIONED
        | PLACING
        | SETS
        | TEMPORARY
        | VIEW
        | VIRTUAL
        | ZONE
        ;

special_word
        : TIMESTAMPADD
        | TIMESTAMPDIFF
        ;

%%

static int grammar_lex(GRAMMAR_STYPE *value, struct diag_span *span, struct parser *parser)
{
        const struct token *token = NULL;
        int kind = parse_next_token(parser, &token, span);

        value->IDENT = token; /* every token with a value has this one */
        return kind;
}

static void grammar_error(const struct diag_span *span, struct parser *parser, const char *message)
{
        (void)message; /* "memory exhausted": the stack is at its limit */
        parse_too_deep(parser, *span);
}

static int yyreport_syntax_error(const yypcontext_t *context, struct parser *parser)
{
        enum { MOST = YYNTOKENS };
        yysymbol_kind_t kinds[MOST];
        const char *names[MOST];
        int n = yypcontext_expected_tokens(context, kinds, MOST);

        if (n < 0)
                return n;
        for (int i = 0; i < n; i++)
                names[i] = yysymbol_name(kinds[i]);
        parse_error_report(parser, *yypcontext_location(context), names, n);
        return 0;
}
