/* kernel_regexp.c - REGEXP, REGEXP_EXTRACT, REGEXP_REPLACE with PCRE2.
 *
 * Flink's expressions are java.util.regex. PCRE2 reads nearly all of them the same way; what it would silently read
 * differently is refused, as are patterns that are not literals. A match that takes too long fails its row: limits
 * instead of minutes. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <assert.h>

#include "sidecar/base/alloc.h"
#include "sidecar/base/utf8.h"
#include "sidecar/exec/kernel.h"

struct regexp {
        const pcre2_code *code;
        uint32_t n_groups;
        bool is_empty; /* an empty pattern: REGEXP is FALSE */
};

struct regexp_state {
        pcre2_match_context *context;
        pcre2_match_data *match;
        uint32_t n_pairs; /* room in match */
};

static void *take_from_arena(size_t bytes, void *arena)
{
        return arena_take(arena, bytes, 16);
}

static void keep_in_arena(void *memory, void *arena)
{
        (void)memory;
        (void)arena;
}

/* Constructs that both languages have with different meanings, or PCRE2 alone. NULL: none of them. */
static const char *find_foreign(struct slice pattern)
{
        bool is_class = false, is_quoted = false;

        for (size_t i = 0; i < pattern.len; i++) {
                uint8_t c = pattern.data[i], next = i + 1 < pattern.len ? pattern.data[i + 1] : 0;

                if (is_quoted) {
                        if (c == '\\' && next == 'E')
                                is_quoted = false;
                        continue;
                }
                if (c == '\\') {
                        if (next == 'Q')
                                is_quoted = true;
                        else if (memchr("KCgNXo", next, 6) != NULL)
                                return "an escape that Java does not have";
                        i += 1;
                } else if (is_class) {
                        if (c == ']')
                                is_class = false;
                        else if (c == '[' || (c == '&' && next == '&'))
                                return "a class inside a class";
                } else if (c == '[') {
                        is_class = true;
                        if (next == '^')
                                i += 1;
                        if (i + 1 < pattern.len && pattern.data[i + 1] == ']')
                                return "']' right after '['";
                } else if (c == '(' && next == '*') {
                        return "a verb of PCRE2";
                } else if (c == '(' && next == '?' && i + 2 < pattern.len && pattern.data[i + 2] == 'i' &&
                           !utf8_is_ascii(pattern)) {
                        return "(?i), which Java applies to ASCII alone, beside other letters";
                } else if (c == '(' && next == '?' && i + 2 < pattern.len &&
                           memchr("RP&|#C(0123456789+", pattern.data[i + 2], 18) != NULL) {
                        return "a group that Java does not have";
                }
        }
        return NULL;
}

int kernel_regexp_compile(struct slice pattern, struct arena *arena, const void **ret_regexp, struct err *err)
{
        struct regexp *regexp = arena_new(arena, struct regexp);
        pcre2_general_context *general = pcre2_general_context_create(take_from_arena, keep_in_arena, arena);
        pcre2_compile_context *context = pcre2_compile_context_create(general);
        const char *foreign = find_foreign(pattern);
        int shown = (int)(pattern.len < 80 ? pattern.len : 80), code;
        PCRE2_SIZE at;

        assert(general != NULL && context != NULL);
        if (foreign != NULL)
                return err_set(err, ERR_CONFIG, "'%.*s': the regular expression holds %s", shown,
                               (const char *)pattern.data, foreign);
        pcre2_set_newline(context, PCRE2_NEWLINE_ANY);
        regexp->code = pcre2_compile(pattern.len == 0 ? (PCRE2_SPTR) "" : pattern.data, pattern.len,
                                     PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &at,
                                     context);
        if (regexp->code == NULL) {
                PCRE2_UCHAR why[128];

                pcre2_get_error_message(code, why, sizeof why);
                return err_set(err, ERR_CONFIG, "'%.*s': the regular expression is wrong at character %zu: %s", shown,
                               (const char *)pattern.data, (size_t)at + 1, (const char *)why);
        }
        (void)pcre2_pattern_info(regexp->code, PCRE2_INFO_CAPTURECOUNT, &regexp->n_groups);
        regexp->is_empty = pattern.len == 0;
        *ret_regexp = regexp;
        return 0;
}

static struct regexp_state *regexp_state(struct eval_state *state, uint32_t n_groups)
{
        struct regexp_state *regexp = state->regexp;

        if (regexp == NULL) {
                regexp = alloc_zero(1, sizeof *regexp);
                regexp->context = pcre2_match_context_create(NULL);
                assert(regexp->context != NULL);
                pcre2_set_match_limit(regexp->context, LIMIT_REGEXP_STEPS);
                pcre2_set_heap_limit(regexp->context, LIMIT_REGEXP_KIB);
                state->regexp = regexp;
        }
        if (regexp->n_pairs < n_groups + 1) {
                pcre2_match_data_free(regexp->match);
                regexp->match = pcre2_match_data_create(n_groups + 1, NULL);
                assert(regexp->match != NULL);
                regexp->n_pairs = n_groups + 1;
        }
        return regexp;
}

void kernel_regexp_free_state(void *state)
{
        struct regexp_state *regexp = state;

        if (regexp == NULL)
                return;
        pcre2_match_data_free(regexp->match);
        pcre2_match_context_free(regexp->context);
        alloc_free(regexp);
}

enum found { FOUND, NOT_FOUND, FAILED };

static enum found find(const struct regexp *regexp, struct regexp_state *state, struct slice text, size_t from)
{
        int n = pcre2_match(regexp->code, text.len == 0 ? (PCRE2_SPTR) "" : text.data, text.len, from, 0, state->match,
                            state->context);

        return n > 0 ? FOUND : n == PCRE2_ERROR_NOMATCH ? NOT_FOUND : FAILED;
}

static bool extract(struct regexp_state *state, struct slice text, uint32_t n_groups, int64_t group, struct slice *ret)
{
        const PCRE2_SIZE *pairs = pcre2_get_ovector_pointer(state->match);
        PCRE2_SIZE from, to;

        if (group < 0 || group > n_groups)
                return false;
        from = pairs[2 * group];
        to = pairs[2 * group + 1];
        if (from == PCRE2_UNSET || to < from)
                return false;
        *ret = slice_make(text.data + from, to - from);
        return true;
}

/* Bytes of a result that grows; false when it may not. */
struct result {
        uint8_t *data;
        size_t len, room, given;
};

static bool append(struct frame *frame, struct result *result, struct slice part)
{
        if (result->room - result->len < part.len) {
                size_t room = 2 * result->room + part.len + 64;
                uint8_t *data;

                if (!program_may_make(result->len + part.len, result->given))
                        return false;
                data = arena_take(frame->arena, room, 1);
                if (result->len > 0)
                        memcpy(data, result->data, result->len);
                result->data = data;
                result->room = room;
        }
        if (part.len > 0)
                memcpy(result->data + result->len, part.data, part.len);
        result->len += part.len;
        return true;
}

/* Every match by the literal replacement; an empty match moves on by one character, as in Java. */
static enum found replace(struct frame *frame, const struct regexp *regexp, struct regexp_state *state,
                          struct slice text, struct slice by, struct slice *ret)
{
        struct result result = {.given = text.len + by.len};
        const PCRE2_SIZE *pairs = pcre2_get_ovector_pointer(state->match);
        size_t copied = 0, from = 0;
        enum found found;

        while (from <= text.len && (found = find(regexp, state, text, from)) != NOT_FOUND) {
                if (found == FAILED || pairs[1] < pairs[0] ||
                    !append(frame, &result, slice_make(text.data + copied, pairs[0] - copied)) ||
                    !append(frame, &result, by))
                        return FAILED;
                copied = from = pairs[1];
                if (pairs[0] == pairs[1])
                        from += from < text.len ? utf8_length(text, from) : 1;
        }
        if (result.len == 0 && copied == 0 && result.data == NULL) {
                *ret = text;
                return NOT_FOUND;
        }
        if (!append(frame, &result, slice_make(text.data + copied, text.len - copied)))
                return FAILED;
        *ret = slice_make(result.data, result.len);
        return FOUND;
}

static void test_rows(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        const struct regexp *regexp = step->extra;
        struct regexp_state *state = regexp_state(frame->state, regexp->n_groups);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);
        uint64_t *bits = program_words(frame);

        memset(bits, 0, frame->n_words * sizeof *bits);
        for (uint32_t k = 0; k < rows.n && !regexp->is_empty; k++) {
                enum found found = find(regexp, state, a->str[rows.rows[k] & a->mask], 0);

                if (found == FAILED)
                        program_fail(frame, out, rows.rows[k]);
                else if (found == FOUND)
                        bitmap_set(bits, rows.rows[k]);
        }
        *out = (struct reg){.bits = bits, .valid = out->valid, .mask = UINT32_MAX};
}

void kernel_regexp_run(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        const struct reg *b = step->n_args > 1 ? program_arg(frame, step, 1) : NULL; /* group, or replacement */
        const struct regexp *regexp = step->extra;
        struct regexp_state *state;
        struct selection rows;
        struct reg *out;

        if (step->mode == FN_REGEXP) {
                test_rows(frame, step);
                return;
        }
        state = regexp_state(frame->state, regexp->n_groups);
        rows = program_strict_rows(frame, step);
        out = program_out(frame, step);
        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                struct slice text = a->str[row & a->mask], found = {.data = NULL};
                enum found result;

                if (step->mode == FN_REGEXP_REPLACE) {
                        result = replace(frame, regexp, state, text, b->str[row & b->mask], &found);
                } else {
                        result = find(regexp, state, text, 0);
                        if (result == NOT_FOUND ||
                            (result == FOUND &&
                             !extract(state, text, regexp->n_groups, b == NULL ? 0 : b->i64[row & b->mask], &found)))
                                program_set_null(frame, out, row);
                }
                if (result == FAILED)
                        program_fail(frame, out, row);
                out->str[row] = result == FAILED ? slice_make(NULL, 0) : found;
        }
}
