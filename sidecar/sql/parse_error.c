/* parse_error.c - syntax errors in the user's words.
 *
 * Bison says which of its tokens could stand at the place of an error; here these become at most four expectations,
 * the most telling first, and a hint where a word is reserved or misspelt. */
#include "sidecar/sql/parse.h"

#include "sidecar/base/nearest.h"
#include "sidecar/sql/grammar.h"
#include "sidecar/sql/word.h"

#include <ctype.h>
#include <stdio.h>

enum { EXPECTED_MAX = 4, EXPECTED_BYTES = 256 };

struct expected {
        const char *const *names;
        int n;
};

static bool has(const struct expected *expected, const char *name)
{
        for (int i = 0; i < expected->n; i++)
                if (strcmp(expected->names[i], name) == 0)
                        return true;
        return false;
}

static bool is_one_of(const char *name, const char *const *list)
{
        for (; *list != NULL; list++)
                if (strcmp(name, *list) == 0)
                        return true;
        return false;
}

/* ---- which word for a name ---- */

static int kind_before(const struct parser *parser, uint32_t back)
{
        return parser->at >= parser->begin + 1 + back ? parser->tokens[parser->at - 1 - back].kind : 0;
}

/* before: kind of the token in front of the error. */
static const char *name_phrase(const struct expected *expected, int before)
{
        if (has(expected, "?WATERMARK"))
                return "a column definition";
        if (has(expected, "?LATERAL"))
                return "a table, a view or `(SELECT ...)`";
        if (before == INTO || before == TABLE)
                return "a table name";
        if (before == VIEW)
                return "a view name";
        if (before == DOT)
                return "a column name";
        return "a name";
}

/* ---- what to show ---- */

static bool is_shown(const struct expected *expected, const char *name)
{
        static const char *const starts_expr[] = {"a name",
                                                  "a string in single quotes",
                                                  "a whole number",
                                                  "`(`",
                                                  "`NOT`",
                                                  "`EXISTS`",
                                                  "`NULL`",
                                                  "a unit of time",
                                                  NULL};
        static const char *const plain_words[] = {"`ENFORCED`", "`KEY`", "`PLACING`", "`VIEW`", "`ZONE`", NULL};
        static const char *const operators[] = {"`=`", "`<`", "`>`", "`AND`", "`OR`", "`NOT`", "`(`", "`.`", NULL};
        static const char *const behind_from[] = {"`;`", "`)`", "`WHERE`", "`GROUP`", "`HAVING`", NULL};

        if (name[0] == '?')
                return false;
        if (has(expected, "?CASE") && is_one_of(name, starts_expr))
                return false;
        if (has(expected, "a name") && (is_one_of(name, plain_words) || strcmp(name, "a name") == 0))
                return false;
        if (has(expected, "?<>") && is_one_of(name, operators))
                return false;
        if (has(expected, "`FROM`") && has(expected, "`WHERE`") && is_one_of(name, behind_from))
                return false;
        return true;
}

/* Separators first, then words, then forms. */
static int rank(const char *name)
{
        if (strcmp(name, "`,`") == 0)
                return 0;
        if (strcmp(name, "`)`") == 0)
                return 1;
        if (strcmp(name, "`;`") == 0)
                return 2;
        if (name[0] == '`' && isalpha((unsigned char)name[1]))
                return 3;
        return name[0] == '`' ? 5 : 4;
}

/* "a, b or c" of at most EXPECTED_MAX things. */
static void format_expected(const struct expected *expected, int before, char text[EXPECTED_BYTES])
{
        const char *shown[EXPECTED_MAX];
        int n = 0;
        size_t at = 0;

        for (int wanted = 0; wanted <= 5; wanted++) {
                for (int i = 0; i < expected->n && n < EXPECTED_MAX; i++)
                        if (rank(expected->names[i]) == wanted && is_shown(expected, expected->names[i]))
                                shown[n++] = expected->names[i];
                if (wanted != 3)
                        continue;
                if (n < EXPECTED_MAX && has(expected, "?CASE"))
                        shown[n++] = "an expression";
                else if (n < EXPECTED_MAX && has(expected, "a name"))
                        shown[n++] = name_phrase(expected, before);
                if (n < EXPECTED_MAX && has(expected, "?TINYINT"))
                        shown[n++] = "a type";
        }
        if (n < EXPECTED_MAX && n < 2 && has(expected, "?<>"))
                shown[n++] = "an operator";
        text[0] = '\0';
        for (int i = 0; i < n; i++)
                at += (size_t)snprintf(text + at, EXPECTED_BYTES - at, "%s%s",
                                       i == 0       ? ""
                                       : i == n - 1 ? " or "
                                                    : ", ",
                                       shown[i]);
}

/* ---- reserved words ---- */

static bool is_type_token(int kind)
{
        static const int kinds[] = {BOOLEAN,   TINYINT,       SMALLINT,    INT,   BIGINT, FLOAT,     DOUBLE, DECIMAL,
                                    CHAR,      VARCHAR,       STRING_WORD, BYTES, BINARY, VARBINARY, DATE,   TIME,
                                    TIMESTAMP, TIMESTAMP_LTZ, ARRAY,       MAP,   ROW,    TYPE_WORD};

        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
                if (kind == kinds[i])
                        return true;
        return false;
}

/* Does the word open or join a part of a statement here, rather than being meant as a name? next: token behind it. */
static bool is_structural(int kind, int next)
{
        switch (kind) {
        case GROUP:
        case ORDER:
        case PARTITION:
                return next == BY;
        case FROM:
        case WHERE:
        case HAVING:
        case SELECT:
        case INTO:
        case AS:
        case WITH:
        case ON:
        case JOIN:
        case UNION:
        case INSERT:
        case CREATE:
        case AND:
        case OR:
        case IN:
        case IS:
        case LIKE:
        case BETWEEN:
        case WHEN:
        case THEN:
        case ELSE:
        case END:
        case LIMIT:
        case NOT:
        case FOR:
        case PRIMARY:
        case WATERMARK:
        case BY:
        case EXECUTE:
        case SET:
                return next != COMMA && next != RIGHT_PAREN && next != EQUAL && next != DOT && !is_type_token(next);
        default:
                return false;
        }
}

/* A reserved word where a name could stand: reported, and taken for a name from now on. */
static bool report_reserved(struct parser *parser, struct token *token, const struct expected *expected)
{
        const struct word *word = token->is_quoted ? NULL : word_find(token->text);
        int next = parser->at < parser->end ? parser->tokens[parser->at].kind : 0;
        char help[128];

        if (word == NULL || !word->is_reserved || token->kind == STRING || !has(expected, "a name") ||
            is_structural(token->kind, next))
                return false;
        snprintf(help, sizeof help, "write `%.*s` in backticks", (int)token->text.len,
                 (const char *)token->text.data);
        diag_add(parser->diags, DIAG_RESERVED, token->span, help,
                 "'%.*s' is a reserved word and cannot be a plain name", (int)token->text.len,
                 (const char *)token->text.data);
        token->kind = IDENT;
        parser->is_repaired = true;
        return true;
}

/* Does something that the scanner skipped stand in front of the error? Then that was the error. */
static bool follows_from_text_error(const struct parser *parser, struct diag_span span)
{
        for (uint32_t i = 0; i < parser->diags->n; i++) {
                const struct diag *diag = &parser->diags->items[i];

                if (diag->code <= DIAG_UNTERMINATED && diag->span.file == span.file && diag->span.end <= span.begin &&
                    diag->span.begin >= parser->tokens[parser->begin].span.begin)
                        return true;
        }
        return false;
}

/* A word near to a keyword that could stand here: the word itself, or the one before that was taken for an alias. */
static const char *misspelt_help(const struct parser *parser, const struct expected *expected, char help[128])
{
        for (uint32_t back = 0; back < 2; back++) {
                const struct token *token;
                struct nearest nearest;
                struct slice best;

                if (kind_before(parser, back) != IDENT)
                        continue;
                token = &parser->tokens[parser->at - 1 - back];
                if (token->text.len < 3)
                        continue; /* near to every short word */
                nearest_init(&nearest, token->text);
                for (int i = 0; i < expected->n; i++) {
                        const char *name = expected->names[i] + 1;
                        size_t len = strcspn(name, "`");

                        if (isupper((unsigned char)name[0]) && len >= 2)
                                nearest_offer(&nearest, slice_make(name, len));
                }
                if (!nearest_best(&nearest, &best) || nearest.distance > 1 + (token->text.len > 5))
                        continue;
                snprintf(help, 128, "did you mean `%.*s` instead of `%.*s`?", (int)best.len, (const char *)best.data,
                         (int)token->text.len, (const char *)token->text.data);
                return help;
        }
        return NULL;
}

void parse_error_report(struct parser *parser, struct diag_span span, const char *const *expected, int n_expected)
{
        struct expected list = {expected, n_expected};
        bool at_end = parser->at >= parser->end && span.begin == parser->tokens[parser->end].span.begin;
        struct token *token = at_end ? &parser->tokens[parser->end] : &parser->tokens[parser->at - 1];
        int before = kind_before(parser, at_end ? 0 : 1);
        char text[EXPECTED_BYTES], help[128];
        const char *joint;

        if (follows_from_text_error(parser, span))
                return;
        if (at_end && token->kind == 0 &&
            parser->end > parser->begin) /* behind the last word, not on an empty line */
                span.begin = span.end = parser->tokens[parser->end - 1].span.end;
        parser->could_end = has(&list, "`;`");
        if (!at_end && report_reserved(parser, token, &list))
                return;
        format_expected(&list, before, text);
        joint = text[0] == '\0' ? "" : "; expected ";
        if (at_end)
                diag_add(parser->diags, DIAG_SYNTAX, span, misspelt_help(parser, &list, help),
                         "the statement ends too early%s%s", joint, text);
        else if (token->kind == STRING)
                diag_add(parser->diags, DIAG_SYNTAX, span, misspelt_help(parser, &list, help),
                         "unexpected string%s%s", joint, text);
        else
                diag_add(parser->diags, DIAG_SYNTAX, span, misspelt_help(parser, &list, help),
                         "unexpected `%.*s`%s%s", (int)(token->text.len < 80 ? token->text.len : 80),
                         (const char *)token->text.data, joint, text);
}
