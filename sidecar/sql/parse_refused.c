/* parse_refused.c - statements that Flink accepts and weir does not yet, known by their first words. */
#include "sidecar/sql/parse.h"

#include "sidecar/sql/grammar.h"

#include <stdio.h>
#include <strings.h>

/* Two words and more are tried before one. */
static const char *const refused[] = {
        "BEGIN STATEMENT SET",
        "CREATE OR REPLACE",
        "CREATE OR ALTER",
        "CREATE MATERIALIZED TABLE",
        "CREATE TEMPORARY FUNCTION",
        "CREATE TEMPORARY SYSTEM FUNCTION",
        "CREATE TEMPORARY MODEL",
        "CREATE FUNCTION",
        "CREATE CATALOG",
        "CREATE DATABASE",
        "CREATE MODEL",
        "CREATE CONNECTION",
        "INSERT OVERWRITE",
        "EXECUTE PLAN",
        "EXECUTE INSERT",
        "EXECUTE SELECT",
        "ADD",
        "ALTER",
        "ANALYZE",
        "CALL",
        "CLEAR",
        "COMPILE",
        "DELETE",
        "DESC",
        "DESCRIBE",
        "DROP",
        "EXPLAIN",
        "HELP",
        "LOAD",
        "QUIT",
        "EXIT",
        "REMOVE",
        "RENAME",
        "RESET",
        "SHOW",
        "STOP",
        "TRUNCATE",
        "UNLOAD",
        "UPDATE",
        "UPSERT",
        "USE",
};

static bool begins_with(const struct parser *parser, const char *words, uint32_t *ret_n)
{
        uint32_t at = parser->begin;

        while (*words != '\0') {
                size_t len = strcspn(words, " ");
                const struct token *token = &parser->tokens[at];

                if (at >= parser->end || token->is_quoted || token->text.len != len ||
                    strncasecmp((const char *)token->text.data, words, len) != 0)
                        return false;
                at++;
                words += len;
                words += strspn(words, " ");
        }
        *ret_n = at - parser->begin;
        return true;
}

static struct diag_span first_tokens(const struct parser *parser, uint32_t n)
{
        return ast_span_join(parser->tokens[parser->begin].span, parser->tokens[parser->begin + n - 1].span);
}

/* CREATE TABLE t LIKE ..., CREATE TABLE t [WITH (...)] AS ...: no list of columns behind the name. */
static bool is_table_without_columns(const struct parser *parser)
{
        uint32_t at = parser->begin + 1;

        if (parser->tokens[parser->begin].kind != CREATE)
                return false;
        at += at < parser->end && parser->tokens[at].kind == TEMPORARY;
        if (at >= parser->end || parser->tokens[at].kind != TABLE)
                return false;
        for (at++; at < parser->end && parser->tokens[at].kind != LEFT_PAREN; at++)
                if (parser->tokens[at].kind == LIKE || parser->tokens[at].kind == AS ||
                    parser->tokens[at].kind == WITH)
                        return true;
        return false;
}

bool parse_refused_statement(struct parser *parser)
{
        int first = parser->tokens[parser->begin].kind;
        uint32_t n;

        for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
                if (!begins_with(parser, refused[i], &n))
                        continue;
                parse_refuse(parser, DIAG_STATEMENT_NOT_YET, first_tokens(parser, n), refused[i]);
                return true;
        }
        if (first == SELECT || first == VALUES || first == LEFT_PAREN || first == WITH) {
                parse_refuse(parser, DIAG_STATEMENT_NOT_YET, first_tokens(parser, 1), "a query without INSERT INTO");
                return true;
        }
        if (is_table_without_columns(parser)) {
                parse_refuse(parser, DIAG_STATEMENT_NOT_YET, first_tokens(parser, 2), "CREATE TABLE without columns");
                return true;
        }
        if (first == SET && parser->begin + 1 == parser->end) {
                parse_refuse(parser, DIAG_STATEMENT_NOT_YET, first_tokens(parser, 1), "SET without a key");
                return true;
        }
        return false;
}
