/* parse.c - cutting a file into statements and feeding the grammar.
 *
 * A statement ends at a semicolon; EXECUTE STATEMENT SET BEGIN ... END holds several. Each one is parsed alone, so a
 * syntax error costs one statement and nothing behind it. */
#include "sidecar/sql/parse.h"

#include "sidecar/base/limits.h"
#include "sidecar/sql/grammar.h"

#include <strings.h>

static bool is_word(const struct token *token, const char *word)
{
        return !token->is_quoted && token->kind != STRING && token->text.len == strlen(word) &&
               strncasecmp((const char *)token->text.data, word, token->text.len) == 0;
}

void parse_refuse(struct parser *parser, enum diag_code code, struct diag_span span, const char *feature)
{
        parser->is_refused = true;
        diag_add(parser->diags, code, span, NULL, "%s: Flink accepts this; weir does not yet", feature);
}

struct ast_expr *parse_refused_expr(struct parser *parser, enum diag_code code, struct diag_span span,
                                    const char *feature)
{
        parse_refuse(parser, code, span, feature);
        return ast_expr_new(AST_REFUSED, span, parser->arena);
}

void parse_too_deep(struct parser *parser, struct diag_span span)
{
        diag_add(parser->diags, DIAG_LIMIT, span, "put parts of it into views", "nested more than %u levels deep",
                 LIMIT_SQL_EXPR_DEPTH);
}

/* ---- tokens for the grammar ---- */

/* Moves over "( ... )" at the next token; false when there is no parenthesis or no end to it. */
static bool swallow_parens(struct parser *parser)
{
        uint32_t at = parser->at;
        int depth = 0;

        if (at >= parser->end || parser->tokens[at].kind != LEFT_PAREN)
                return false;
        for (; at < parser->end; at++) {
                if (parser->tokens[at].kind == LEFT_PAREN)
                        depth++;
                if (parser->tokens[at].kind == RIGHT_PAREN && --depth == 0) {
                        parser->at = at + 1;
                        return true;
                }
        }
        return false;
}

static bool swallow_distribution(struct parser *parser)
{
        for (; parser->at < parser->end; parser->at++) {
                int kind = parser->tokens[parser->at].kind;

                if (kind == WITH || kind == LIKE || kind == AS || kind == COMMENT || kind == PARTITIONED)
                        break;
        }
        return true;
}

static int kind_at(const struct parser *parser, uint32_t at)
{
        return at < parser->end ? parser->tokens[at].kind : 0;
}

/* CREATE TABLE ... LIKE, not a predicate: those of a table stand in parentheses. */
static bool is_like_clause(const struct parser *parser)
{
        int second = kind_at(parser, parser->begin + 1);

        if (parser->depth > 0 || kind_at(parser, parser->begin) != CREATE)
                return false;
        return second != VIEW && (second == TABLE || kind_at(parser, parser->begin + 2) != VIEW);
}

/* What a token means where it stands: some stretches are refused as a whole and come as one token. */
static int kind_in_place(struct parser *parser, const struct token *token)
{
        int next = kind_at(parser, parser->at);

        switch (token->kind) {
        case MATCH_RECOGNIZE:
        case PIVOT:
        case UNPIVOT:
        case SPECIAL_CALL:
                return swallow_parens(parser) ? token->kind : RESERVED;
        case TABLESAMPLE:
                parser->at += next == IDENT ? 1 : 0;
                return swallow_parens(parser) ? TABLESAMPLE : RESERVED;
        case DISTRIBUTED:
                return swallow_distribution(parser) ? DISTRIBUTED : RESERVED;
        case LIKE:
                if (!is_like_clause(parser))
                        return LIKE;
                parser->at = parser->end;
                return LIKE_CLAUSE;
        case ON:
                if (next != IDENT || !is_word(&parser->tokens[parser->at], "CONFLICT") ||
                    kind_at(parser, parser->at + 1) != IDENT || !is_word(&parser->tokens[parser->at + 1], "DO"))
                        return ON;
                parser->at = parser->end;
                return ON_CONFLICT;
        case NOT:
                return next == BETWEEN || next == IN || next == LIKE || next == SIMILAR ? NOT_PREDICATE : NOT;
        case IDENT:
                if (next != NULLS || (!is_word(token, "IGNORE") && !is_word(token, "RESPECT")))
                        return IDENT;
                parser->at++;
                return NULL_TREATMENT;
        default:
                return token->kind;
        }
}

int parse_next_token(struct parser *parser, const struct token **ret_token, struct diag_span *ret_span)
{
        const struct token *token = &parser->tokens[parser->at];
        int start = parser->start;

        *ret_token = token;
        *ret_span = token->span;
        if (start != 0) {
                parser->start = 0;
                ret_span->end = ret_span->begin;
                return start;
        }
        if (parser->at >= parser->end)
                return 0;
        parser->at++;
        parser->depth += token->kind == LEFT_PAREN ? 1 : token->kind == RIGHT_PAREN ? -1 : 0;
        return kind_in_place(parser, token);
}

/* ---- types ---- */

static uint32_t number_of(struct slice digits)
{
        uint64_t number = 0;

        for (size_t i = 0; i < digits.len && number <= UINT32_MAX; i++)
                number = number * 10 + (uint64_t)(digits.data[i] - '0');
        return number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
}

struct type parse_type_sized(struct parser *parser, enum type_kind kind, struct slice length, struct diag_span at)
{
        struct type type = type_make(kind, true);
        uint32_t n = number_of(length);

        switch (kind) {
        case TYPE_TIME:
                if (n > 0)
                        parse_refuse(parser, n <= 9 ? DIAG_TYPE_NOT_YET : DIAG_TYPE, at,
                                     "TIME with fractions of a second");
                break;
        case TYPE_TIMESTAMP:
        case TYPE_TIMESTAMP_LTZ:
                if (n > 9)
                        diag_add(parser->diags, DIAG_TYPE, at, NULL,
                                 "a timestamp has at most 9 digits behind the second");
                else if (n > TYPE_PRECISION_TIMESTAMP_MAX)
                        parse_refuse(parser, DIAG_TYPE_NOT_YET, at, "a timestamp with more than 6 digits");
                type.precision = (uint8_t)(n > TYPE_PRECISION_TIMESTAMP_MAX ? TYPE_PRECISION_TIMESTAMP_MAX : n);
                break;
        default: /* CHAR, VARCHAR, BINARY, VARBINARY */
                if (n == 0 || n > TYPE_LENGTH_MAX)
                        diag_add(parser->diags, DIAG_TYPE, at, NULL, "a length is between 1 and %u", TYPE_LENGTH_MAX);
                type.length = n == 0 || n > TYPE_LENGTH_MAX ? 1 : n;
                break;
        }
        return type;
}

struct type parse_type_decimal(struct parser *parser, struct slice precision, struct slice scale, struct diag_span at)
{
        uint32_t p = number_of(precision), s = number_of(scale);

        if (p < 1 || p > TYPE_PRECISION_DECIMAL_MAX || s > p) {
                diag_add(parser->diags, DIAG_TYPE, at, NULL,
                         p < 1 || p > TYPE_PRECISION_DECIMAL_MAX ? "a DECIMAL has between 1 and 38 digits"
                                                                 : "the scale of a DECIMAL is at most its precision");
                return type_decimal(10, 0, true);
        }
        return type_decimal(p, s, true);
}

/* ---- statements ---- */

static const struct token *token_at(const struct token_list *tokens, uint32_t at)
{
        return &tokens->items[at < tokens->n ? at : tokens->n - 1];
}

static uint32_t statement_end(const struct token_list *tokens, uint32_t at)
{
        while (token_at(tokens, at)->kind != 0 && token_at(tokens, at)->kind != SEMICOLON)
                at++;
        return at;
}

/* A CREATE that could not be read still takes its name, so that uses of it are not reported again. */
static struct ast_statement *broken_statement(const struct parser *parser)
{
        struct ast_statement *statement;
        uint32_t at = parser->begin;

        if (kind_at(parser, at) != CREATE)
                return NULL;
        while (at < parser->end && parser->tokens[at].kind != TABLE && parser->tokens[at].kind != VIEW)
                at++;
        if (kind_at(parser, at + 1) == IF)
                at += 3;
        if (kind_at(parser, at + 1) != IDENT)
                return NULL;
        statement = arena_new(parser->arena, struct ast_statement);
        statement->kind = AST_CREATE_TABLE;
        statement->name = (struct ast_name){parser->tokens[at + 1].text, parser->tokens[at + 1].span};
        statement->is_refused = true;
        return statement;
}

static bool starts_statement(int kind)
{
        return kind == CREATE || kind == INSERT || kind == SET || kind == EXECUTE;
}

/* Parses tokens [begin, end); returns where to go on: end, or earlier when a semicolon is missing. */
static uint32_t parse_statement(struct parser *parser, uint32_t begin, uint32_t end, struct ast_list *statements)
{
        struct ast_statement *statement;
        bool ok;

        parser->begin = begin;
        parser->end = end;
        if (parse_refused_statement(parser))
                return end;
        do {
                parser->at = begin;
                parser->depth = 0;
                parser->is_refused = parser->could_end = parser->is_repaired = false;
                parser->statement = NULL;
                parser->start = START_STATEMENT;
                ok = grammar_parse(parser) == 0;
        } while (!ok && parser->is_repaired);
        if (!ok && parser->could_end && parser->at > begin + 1 &&
            starts_statement(parser->tokens[parser->at - 1].kind))
                return parse_statement(parser, begin, parser->at - 1, statements);
        statement = ok ? parser->statement : broken_statement(parser);
        if (statement == NULL)
                return end;
        if (ok) {
                statement->span = ast_span_join(parser->tokens[begin].span, parser->tokens[end - 1].span);
                statement->is_refused = parser->is_refused;
        }
        ast_list_append(statements, statement, parser->arena);
        return end;
}

static bool is_statement_set(const struct token_list *tokens, uint32_t at)
{
        return token_at(tokens, at)->kind == EXECUTE && token_at(tokens, at + 1)->kind == STATEMENT &&
               token_at(tokens, at + 2)->kind == SET && token_at(tokens, at + 3)->kind == BEGIN_WORD;
}

/* Behind EXECUTE STATEMENT SET BEGIN: INSERTs up to END. */
static uint32_t parse_statement_set(struct parser *parser, const struct token_list *tokens, uint32_t at,
                                    struct ast_list *statements)
{
        struct diag_span head = ast_span_join(token_at(tokens, at)->span, token_at(tokens, at + 3)->span);

        at += 4;
        while (token_at(tokens, at)->kind != END) {
                const struct token *token = token_at(tokens, at);

                if (token->kind == 0) {
                        diag_add(parser->diags, DIAG_SYNTAX, head, "close it with `END;`",
                                 "the statement set has no `END`");
                        return at;
                }
                if (token->kind == SEMICOLON) {
                        at++;
                        continue;
                }
                if (token->kind != INSERT) {
                        diag_add(parser->diags, DIAG_SYNTAX, token->span, NULL,
                                 "unexpected `%.*s`; expected `INSERT` or `END`, since a statement set holds nothing "
                                 "else",
                                 (int)token->text.len, (const char *)token->text.data);
                        at = statement_end(tokens, at);
                        continue;
                }
                at = parse_statement(parser, at, statement_end(tokens, at), statements);
        }
        return at + 1;
}

void parse_file(const struct token_list *tokens, struct arena *arena, struct diag_list *diags,
                struct ast_list *statements)
{
        struct parser parser = {.arena = arena, .diags = diags, .tokens = tokens->items};
        uint32_t at = 0;

        while (token_at(tokens, at)->kind != 0) {
                if (token_at(tokens, at)->kind == SEMICOLON) {
                        at++;
                } else if (is_statement_set(tokens, at)) {
                        at = parse_statement_set(&parser, tokens, at, statements);
                        if (token_at(tokens, at)->kind != SEMICOLON && token_at(tokens, at)->kind != 0)
                                diag_add(diags, DIAG_SYNTAX, token_at(tokens, at)->span, NULL,
                                         "unexpected `%.*s`; expected `;` behind `END`",
                                         (int)token_at(tokens, at)->text.len,
                                         (const char *)token_at(tokens, at)->text.data);
                } else {
                        at = parse_statement(&parser, at, statement_end(tokens, at), statements);
                }
        }
}

struct ast_expr *parse_expr(const struct token_list *tokens, struct arena *arena, struct diag_list *diags)
{
        struct parser parser = {.arena = arena, .diags = diags, .tokens = tokens->items, .end = tokens->n - 1};

        parser.start = START_EXPR;
        return grammar_parse(&parser) == 0 && !parser.is_refused ? parser.expr : NULL;
}
