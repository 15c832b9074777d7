/* kernel_text.c - strings looked at, cut and joined. What is a part of an argument stays a slice of it. */
#include <assert.h>

#include "sidecar/base/utf8.h"
#include "sidecar/exec/kernel.h"

static struct slice text_at(const struct reg *reg, uint32_t row)
{
        return reg->str[row & reg->mask];
}

static int64_t number_at(const struct reg *reg, uint32_t row)
{
        return reg->i64[row & reg->mask];
}

static struct slice slice_part(struct slice text, size_t from, size_t to)
{
        return slice_make(text.data + from, to - from);
}

/* Where `what` begins in text at or behind byte `from`; text.len + 1 when it does not. */
static size_t find_text(struct slice text, size_t from, struct slice what)
{
        const uint8_t *at;

        if (what.len == 0)
                return from;
        if (from > text.len || text.len - from < what.len)
                return text.len + 1;
        at = memmem(text.data + from, text.len - from, what.data, what.len);
        return at == NULL ? text.len + 1 : (size_t)(at - text.data);
}

void kernel_text_length(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                struct slice text = text_at(a, rows.rows[k]);

                if (step->mode == FN_CHAR_LENGTH)
                        out->i64[rows.rows[k]] = (int64_t)utf8_count(text);
                else /* FN_ASCII: Java's byte is signed */
                        out->i64[rows.rows[k]] = text.len == 0 ? 0 : (int8_t)text.data[0];
        }
}

void kernel_text_position(struct frame *frame, const struct step *step)
{
        bool is_instr = step->mode == FN_INSTR; /* (text, what), else (what, text [, from]) */
        const struct reg *what = program_arg(frame, step, is_instr ? 1 : 0);
        const struct reg *in = program_arg(frame, step, is_instr ? 0 : 1);
        const struct reg *start = step->n_args > 2 ? program_arg(frame, step, 2) : NULL;
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                struct slice text = text_at(in, row), part = text_at(what, row);
                int64_t first = start == NULL ? 1 : number_at(start, row);
                size_t from = first <= 1 ? 0 : utf8_offset(text, (size_t)first - 1);
                size_t at = part.len == 0 ? 0 : find_text(text, from, part);

                out->i64[row] = at > text.len ? 0 : (int64_t)utf8_count(slice_part(text, 0, at)) + 1;
        }
}

/* Characters first .. first + n of the text, counted from 0. */
static struct slice cut_characters(struct slice text, size_t first, size_t n)
{
        size_t from, to;

        if (utf8_is_ascii(text)) {
                from = first < text.len ? first : text.len;
                to = n < text.len - from ? from + n : text.len;
        } else {
                from = utf8_offset(text, first);
                to = from + utf8_offset(slice_part(text, from, text.len), n);
        }
        return slice_part(text, from, to);
}

/* Position 0 is 1; negative ones count from the end, and before the start there is nothing. */
static struct slice substring(struct slice text, int64_t position, int64_t length)
{
        size_t first = 0;

        if (position > 0) {
                first = (size_t)position - 1;
        } else if (position < 0) {
                size_t count = utf8_count(text);

                if ((uint64_t)-position > count)
                        return slice_part(text, 0, 0);
                first = count - (size_t)-position;
        }
        return cut_characters(text, first, (size_t)length);
}

void kernel_text_substring(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0), *b = program_arg(frame, step, 1);
        const struct reg *c = step->n_args > 2 ? program_arg(frame, step, 2) : NULL;
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                struct slice text = text_at(a, row);
                int64_t number = number_at(b, row), length = c == NULL ? INT32_MAX : number_at(c, row);

                if (step->mode == FN_LEFT) {
                        out->str[row] = cut_characters(text, 0, number < 0 ? 0 : (size_t)number);
                } else if (step->mode == FN_RIGHT) {
                        size_t count = utf8_count(text), n = number < 0 ? 0 : (size_t)number;

                        out->str[row] = cut_characters(text, n < count ? count - n : 0, n);
                } else if (length < 0) {
                        out->str[row] = slice_make(NULL, 0);
                        program_set_null(frame, out, row);
                } else {
                        out->str[row] = substring(text, number, length);
                }
        }
}

/* Is the code point text[at, at + len) one of those in `set`? */
static bool is_in_set(struct slice set, const uint8_t *character, size_t len)
{
        for (size_t at = 0; at < set.len;) {
                size_t n = utf8_length(set, at);

                if (n == len && memcmp(set.data + at, character, len) == 0)
                        return true;
                at += n;
        }
        return false;
}

static struct slice trim(struct slice text, struct slice set, bool leading, bool trailing)
{
        size_t from = 0, to = text.len;

        while (leading && from < to) {
                size_t n = utf8_length(text, from);

                if (!is_in_set(set, text.data + from, n))
                        break;
                from += n;
        }
        while (trailing && to > from) {
                size_t n = 1;

                while (n < UTF8_BYTES_MAX && n < to - from && utf8_is_continuation(text.data[to - n]))
                        n += 1;
                if (!is_in_set(set, text.data + to - n, n))
                        break;
                to -= n;
        }
        return slice_part(text, from, to);
}

void kernel_text_trim(struct frame *frame, const struct step *step)
{
        bool is_special = step->mode == FN_TRIM || step->mode == FN_TRIM_LEADING || step->mode == FN_TRIM_TRAILING;
        bool leading = step->mode != FN_TRIM_TRAILING && step->mode != FN_RTRIM;
        bool trailing = step->mode != FN_TRIM_LEADING && step->mode != FN_LTRIM;
        const struct reg *text = program_arg(frame, step,
                                             is_special ? 1 : 0); /* TRIM(set FROM text), LTRIM(text, set) */
        const struct reg *set = step->n_args < 2 ? NULL : program_arg(frame, step, is_special ? 0 : 1);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                struct slice blanks = set == NULL ? slice_make(" ", 1) : text_at(set, row);

                out->str[row] = trim(text_at(text, row), blanks, leading, trailing);
        }
}

void kernel_text_affix(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0), *b = program_arg(frame, step, 1);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);
        uint64_t *bits = program_words(frame);

        memset(bits, 0, frame->n_words * sizeof *bits);
        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                struct slice text = text_at(a, row), affix = text_at(b, row);
                size_t at = step->mode == FN_STARTSWITH || affix.len > text.len ? 0 : text.len - affix.len;

                if (affix.len <= text.len && slice_is_equal(slice_part(text, at, at + affix.len), affix))
                        bitmap_set(bits, row);
        }
        *out = (struct reg){.bits = bits, .valid = out->valid, .mask = UINT32_MAX};
}

/* java.lang.Character.isWhitespace of the code point at `at`. */
static bool is_white_space(struct slice text, size_t at, size_t *ret_len)
{
        uint32_t c;

        c = utf8_decode(text, at, ret_len);
        return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x1680 ||
               (c >= 0x2000 && c <= 0x200A && c != 0x2007) || c == 0x2028 || c == 0x2029 || c == 0x205F || c == 0x3000;
}

/* The next separator at or behind `from`: *ret_end is what follows it. False: there is none. */
static bool find_separator(struct slice text, size_t from, struct slice separator, size_t *ret_at, size_t *ret_end)
{
        if (separator.len > 0) {
                *ret_at = find_text(text, from, separator);
                *ret_end = *ret_at + separator.len;
                return *ret_at <= text.len;
        }
        for (size_t at = from, len; at < text.len; at += len) {
                if (is_white_space(text, at, &len)) {
                        *ret_at = at;
                        *ret_end = at + len;
                        return true;
                }
        }
        return false;
}

static bool split_index(struct slice text, struct slice separator, int64_t index, struct slice *ret_field)
{
        size_t from = 0, at, end;

        if (index < 0 || text.len == 0)
                return false;
        while (find_separator(text, from, separator, &at, &end)) {
                if (index-- == 0) {
                        *ret_field = slice_part(text, from, at);
                        return true;
                }
                from = end;
        }
        if (index > 0)
                return false;
        *ret_field = slice_part(text, from, text.len);
        return true;
}

void kernel_text_split_index(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0), *b = program_arg(frame, step, 1),
                         *c = program_arg(frame, step, 2);
        bool is_code = type_is_integer(&step->arg_types[1]);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                uint8_t code[UTF8_BYTES_MAX];
                struct slice separator;
                bool is_found = true;

                out->str[row] = slice_make(NULL, 0);
                if (is_code) { /* a character's code up to 255 */
                        int64_t value = number_at(b, row);

                        is_found = value >= 0 && value <= 255;
                        separator = slice_make(code, utf8_encode((uint32_t)value & 255, code));
                } else {
                        separator = text_at(b, row);
                }
                if (!is_found || !split_index(text_at(a, row), separator, number_at(c, row), &out->str[row]))
                        program_set_null(frame, out, row);
        }
}

/* Arguments that are there, with the separator between them. */
static void join(struct frame *frame, const struct step *step, uint32_t row, const struct slice *separator)
{
        struct reg *out = program_out(frame, step);
        uint32_t first = separator == NULL ? 0 : 1, n_parts = 0;
        size_t len = 0;
        uint8_t *text, *end;

        for (uint32_t i = first; i < step->n_args; i++) {
                if (!program_is_null(program_arg(frame, step, i), row)) {
                        len += text_at(program_arg(frame, step, i), row).len;
                        n_parts += 1;
                }
        }
        if (separator != NULL && n_parts > 1)
                len += separator->len * (n_parts - 1);
        out->str[row] = slice_make(NULL, 0);
        if (len > LIMIT_STRING_BYTES) {
                program_fail(frame, out, row);
                return;
        }
        text = end = program_take_text(frame, len);
        for (uint32_t i = first, n = 0; i < step->n_args; i++) {
                struct slice part;

                if (program_is_null(program_arg(frame, step, i), row))
                        continue;
                if (separator != NULL && n++ > 0 && separator->len > 0) {
                        memcpy(end, separator->data, separator->len);
                        end += separator->len;
                }
                part = text_at(program_arg(frame, step, i), row);
                if (part.len > 0)
                        memcpy(end, part.data, part.len);
                end += part.len;
        }
        out->str[row] = slice_make(text, len);
}

void kernel_text_concat(struct frame *frame, const struct step *step)
{
        struct selection rows = program_strict_rows(frame, step);

        for (uint32_t k = 0; k < rows.n; k++)
                join(frame, step, rows.rows[k], NULL);
}

void kernel_text_concat_ws(struct frame *frame, const struct step *step)
{
        struct step separator_only = *step;
        struct selection rows;

        separator_only.n_args = 1; /* only its NULL makes a NULL */
        rows = program_strict_rows(frame, &separator_only);
        for (uint32_t k = 0; k < rows.n; k++) {
                struct slice separator = text_at(program_arg(frame, step, 0), rows.rows[k]);

                join(frame, step, rows.rows[k], &separator);
        }
}
