/* kernel_text_edit.c - strings made anew: case, padding, repeating, replacing.
 *
 * Java counts some of these in UTF-16 units, and a unit that lost its other half becomes '?'. ASCII, which is nearly
 * all there is, goes byte by byte; other text is widened to units first. What a function may make is bounded by
 * program_may_make. */
#include <assert.h>

#include "sidecar/base/utf8.h"
#include "sidecar/exec/case_table.h"
#include "sidecar/exec/kernel.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct slice text_at(const struct reg *reg, uint32_t row)
{
        return reg->str[row & reg->mask];
}

static int64_t number_at(const struct reg *reg, uint32_t row)
{
        return reg->i64[row & reg->mask];
}

static void set_null(struct frame *frame, struct reg *out, uint32_t row)
{
        out->str[row] = slice_make(NULL, 0);
        program_set_null(frame, out, row);
}

static void fail(struct frame *frame, struct reg *out, uint32_t row)
{
        out->str[row] = slice_make(NULL, 0);
        program_fail(frame, out, row);
}

/* ---- case ---- */

static uint32_t map_case(uint32_t c, const struct case_range *ranges, size_t n_ranges)
{
        size_t low = 0, high = n_ranges;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (c < ranges[middle].first)
                        high = middle;
                else if (c > ranges[middle].last)
                        low = middle + 1;
                else
                        return (c - ranges[middle].first) % ranges[middle].stride == 0
                                       ? (uint32_t)((int64_t)c + ranges[middle].delta)
                                       : c;
        }
        return c;
}

static const uint32_t *find_expansion(uint32_t c, const struct case_expansion *expansions, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (expansions[i].from == c)
                        return expansions[i].to;
        }
        return NULL;
}

static bool is_cased(uint32_t c)
{
        if (c < 0x80)
                return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        return map_case(c, case_upper, COUNT_OF(case_upper)) != c || map_case(c, case_lower, COUNT_OF(case_lower)) != c;
}

/* A sigma behind a letter and before none is the final one. */
static bool is_final_sigma(struct slice text, size_t at)
{
        size_t before = at, len;

        if (at == 0)
                return false;
        do {
                before -= 1;
        } while (before > 0 && utf8_is_continuation(text.data[before]));
        if (!is_cased(utf8_decode(text, before, &len)))
                return false;
        at += utf8_length(text, at);
        return at == text.len || !is_cased(utf8_decode(text, at, &len));
}

/* One code point in the other case: at most three times as many bytes, and room for one more. */
static size_t put_case(struct slice text, size_t at, bool is_upper, uint8_t *out, size_t *ret_len)
{
        uint32_t c = utf8_decode(text, at, ret_len);
        const uint32_t *to;
        size_t n = 0;

        if (c == UTF8_REPLACEMENT) { /* or what is no character: as it is */
                memcpy(out, text.data + at, *ret_len);
                return *ret_len;
        }
        to = is_upper ? find_expansion(c, case_upper_expansions, COUNT_OF(case_upper_expansions))
                      : find_expansion(c, case_lower_expansions, COUNT_OF(case_lower_expansions));
        if (to != NULL) {
                for (size_t i = 0; i < 3 && to[i] != 0; i++)
                        n += utf8_encode(to[i], out + n);
                return n;
        }
        if (!is_upper && c == 0x3A3)
                return utf8_encode(is_final_sigma(text, at) ? 0x3C2 : 0x3C3, out);
        if (c < 0x80)
                c += is_upper ? (c >= 'a' && c <= 'z' ? (uint32_t)-32 : 0) : (c >= 'A' && c <= 'Z' ? 32u : 0);
        else
                c = is_upper ? map_case(c, case_upper, COUNT_OF(case_upper))
                             : map_case(c, case_lower, COUNT_OF(case_lower));
        return utf8_encode(c, out);
}

static struct slice change_case(struct frame *frame, struct slice text, bool is_upper)
{
        uint8_t first = is_upper ? 'a' : 'A';
        size_t n = 0, room, len;
        uint8_t *out;

        if (utf8_is_ascii(text)) {
                out = program_take_text(frame, text.len);
                for (size_t i = 0; i < text.len; i++)
                        out[i] = (uint8_t)(text.data[i] ^ ((uint8_t)(text.data[i] - first) < 26 ? 0x20 : 0));
                return slice_make(out, text.len);
        }
        room = 3 * text.len + 2 * UTF8_BYTES_MAX;
        out = program_take_text(frame, room);
        for (size_t at = 0; at < text.len; at += len)
                n += put_case(text, at, is_upper, out + n, &len);
        return program_keep_text(frame, out, room, n);
}

/* Letters and digits of ASCII make words; a word begins upper and goes on lower. */
static struct slice capitalize(struct frame *frame, struct slice text)
{
        uint8_t *out = program_take_text(frame, text.len);
        bool is_start = true;

        for (size_t i = 0; i < text.len; i++) {
                uint8_t byte = text.data[i];
                bool is_lower = byte >= 'a' && byte <= 'z', is_upper = byte >= 'A' && byte <= 'Z';

                if (is_start ? is_lower : is_upper)
                        byte ^= 0x20;
                is_start = !is_lower && !is_upper && !(byte >= '0' && byte <= '9');
                out[i] = byte;
        }
        return slice_make(out, text.len);
}

void kernel_text_edit_case(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                struct slice text = text_at(a, rows.rows[k]);

                out->str[rows.rows[k]] = step->mode == FN_INITCAP ? capitalize(frame, text)
                                                                  : change_case(frame, text, step->mode == FN_UPPER);
        }
}

/* ---- UTF-16 ---- */

struct units {
        const uint16_t *unit;
        size_t n;
};

static struct units widen(struct frame *frame, struct slice text)
{
        uint16_t *unit = arena_take(frame->arena, (text.len + 1) * sizeof *unit, sizeof *unit);
        size_t n = 0, len;

        for (size_t at = 0; at < text.len; at += len) {
                uint32_t c = utf8_decode(text, at, &len);

                if (c >= 0x10000) {
                        unit[n++] = (uint16_t)(0xD800 + ((c - 0x10000) >> 10));
                        unit[n++] = (uint16_t)(0xDC00 + ((c - 0x10000) & 0x3FF));
                } else {
                        unit[n++] = (uint16_t)c;
                }
        }
        return (struct units){unit, n};
}

static struct slice narrow(struct frame *frame, const uint16_t *unit, size_t n)
{
        uint8_t *text = program_take_text(frame, 3 * n);
        size_t len = 0;

        for (size_t i = 0; i < n; i++) {
                uint32_t c = unit[i];

                if (c >= 0xD800 && c < 0xDC00 && i + 1 < n && unit[i + 1] >= 0xDC00 && unit[i + 1] < 0xE000)
                        c = 0x10000 + ((c - 0xD800) << 10) + (unit[++i] - 0xDC00u);
                len += utf8_encode(c, text + len);
        }
        return program_keep_text(frame, text, 3 * n, len);
}

/* ---- LPAD, RPAD ---- */

static struct slice pad_bytes(struct frame *frame, struct slice text, struct slice pad, size_t len, bool is_left)
{
        size_t kept = text.len < len ? text.len : len, n_pad = len - kept;
        uint8_t *out = program_take_text(frame, len);
        uint8_t *pad_at = is_left ? out : out + kept;

        for (size_t i = 0; i < n_pad; i++)
                pad_at[i] = pad.data[i % pad.len];
        if (kept > 0)
                memcpy(is_left ? out + n_pad : out, text.data, kept);
        return slice_make(out, len);
}

static struct slice pad_units(struct frame *frame, struct slice text, struct slice pad, size_t len, bool is_left)
{
        struct units base = widen(frame, text), fill = widen(frame, pad);
        uint16_t *out = arena_take(frame->arena, (len + 1) * sizeof *out, sizeof *out);
        size_t kept = base.n < len ? base.n : len, n_pad = len - kept;

        for (size_t i = 0; i < n_pad; i++)
                out[is_left ? i : kept + i] = fill.unit[i % fill.n];
        for (size_t i = 0; i < kept; i++)
                out[is_left ? n_pad + i : i] = base.unit[i];
        return narrow(frame, out, len);
}

void kernel_text_edit_pad(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0), *b = program_arg(frame, step, 1),
                         *c = program_arg(frame, step, 2);
        bool is_left = step->mode == FN_LPAD;
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                struct slice text = text_at(a, row), pad = text_at(c, row);
                int64_t len = number_at(b, row);

                if (len < 0 || pad.len == 0)
                        set_null(frame, out, row);
                else if (!program_may_make((size_t)len, text.len + pad.len))
                        fail(frame, out, row);
                else if (utf8_is_ascii(text) && utf8_is_ascii(pad))
                        out->str[row] = pad_bytes(frame, text, pad, (size_t)len, is_left);
                else
                        out->str[row] = pad_units(frame, text, pad, (size_t)len, is_left);
        }
}

void kernel_text_edit_repeat(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0), *b = program_arg(frame, step, 1);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                struct slice text = text_at(a, row);
                size_t times = number_at(b, row) < 0 ? 0 : (size_t)number_at(b, row), len;
                uint8_t *bytes;

                if (__builtin_mul_overflow(times, text.len, &len) || !program_may_make(len, text.len)) {
                        fail(frame, out, row);
                        continue;
                }
                bytes = program_take_text(frame, len);
                for (size_t at = 0; at < len; at += text.len)
                        memcpy(bytes + at, text.data, text.len);
                out->str[row] = slice_make(bytes, len);
        }
}

/* ---- REPLACE ---- */

static size_t count_matches(struct slice text, struct slice what)
{
        size_t n = 0, at = 0;
        const uint8_t *found;

        while (text.len - at >= what.len &&
               (found = memmem(text.data + at, text.len - at, what.data, what.len)) != NULL) {
                at = (size_t)(found - text.data) + what.len;
                n += 1;
        }
        return n;
}

static void append(uint8_t **end, struct slice part)
{
        if (part.len > 0)
                memcpy(*end, part.data, part.len);
        *end += part.len;
}

static struct slice replace_matches(struct frame *frame, struct slice text, struct slice what, struct slice by,
                                    size_t len)
{
        uint8_t *bytes = program_take_text(frame, len), *end = bytes;
        const uint8_t *found;
        size_t at = 0;

        while (text.len - at >= what.len &&
               (found = memmem(text.data + at, text.len - at, what.data, what.len)) != NULL) {
                append(&end, slice_make(text.data + at, (size_t)(found - text.data) - at));
                append(&end, by);
                at = (size_t)(found - text.data) + what.len;
        }
        append(&end, slice_make(text.data + at, text.len - at));
        return slice_make(bytes, len);
}

/* Nothing, found between all units. */
static struct slice put_between(struct frame *frame, struct slice text, struct slice by)
{
        struct units units;
        uint8_t *bytes, *end;
        size_t room;

        if (by.len == 0)
                return text;
        units = widen(frame, text);
        room = 3 * units.n + (units.n + 1) * by.len;
        bytes = end = program_take_text(frame, room);
        for (size_t i = 0; i < units.n; i++) {
                append(&end, by);
                end += utf8_encode(units.unit[i], end);
        }
        append(&end, by);
        return program_keep_text(frame, bytes, room, (size_t)(end - bytes));
}

void kernel_text_edit_replace(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0), *b = program_arg(frame, step, 1),
                         *c = program_arg(frame, step, 2);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                struct slice text = text_at(a, row), what = text_at(b, row), by = text_at(c, row);
                size_t n = what.len == 0 ? text.len + 1 : count_matches(text, what), made;

                if (n == 0) {
                        out->str[row] = text;
                        continue;
                }
                if (__builtin_mul_overflow(n, by.len, &made) ||
                    !program_may_make(made + text.len, text.len + what.len + by.len))
                        fail(frame, out, row);
                else if (what.len == 0)
                        out->str[row] = put_between(frame, text, by);
                else
                        out->str[row] = replace_matches(frame, text, what, by, text.len - n * what.len + made);
        }
}

void kernel_text_edit_reverse(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                struct slice text = text_at(a, rows.rows[k]);
                uint8_t *bytes = program_take_text(frame, text.len), *end = bytes + text.len;

                for (size_t at = 0, len; at < text.len; at += len) {
                        len = utf8_length(text, at);
                        end -= len;
                        memcpy(end, text.data + at, len);
                }
                out->str[rows.rows[k]] = slice_make(bytes, text.len);
        }
}

/* ---- OVERLAY ---- */

/* Units of text before `start`, then placing, then those behind start + length; Flink drops the rest when length is not
 * positive. */
static struct slice overlay(struct frame *frame, struct units text, struct units placing, size_t start, int64_t length)
{
        uint16_t *out = arena_take(frame->arena, (text.n + placing.n + 1) * sizeof *out, sizeof *out);
        size_t n = 0;

        for (size_t i = 0; i + 1 < start; i++)
                out[n++] = text.unit[i];
        for (size_t i = 0; i < placing.n; i++)
                out[n++] = placing.unit[i];
        if (length > 0 && (uint64_t)length <= text.n - start) {
                for (size_t i = start - 1 + (size_t)length; i < text.n; i++)
                        out[n++] = text.unit[i];
        }
        return narrow(frame, out, n);
}

void kernel_text_edit_overlay(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0), *b = program_arg(frame, step, 1),
                         *c = program_arg(frame, step, 2);
        const struct reg *d = step->n_args > 3 ? program_arg(frame, step, 3) : NULL;
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                struct slice text = text_at(a, row), placing = text_at(b, row);
                int64_t start = number_at(c, row);
                struct units units, by;

                if (!program_may_make(text.len + placing.len, text.len + placing.len)) {
                        fail(frame, out, row);
                        continue;
                }
                units = widen(frame, text);
                if (start <= 0 || (uint64_t)start > units.n) {
                        out->str[row] = text;
                        continue;
                }
                by = widen(frame, placing);
                out->str[row] = overlay(frame, units, by, (size_t)start, d == NULL ? (int64_t)by.n : number_at(d, row));
        }
}

/* ---- TRANSLATE ---- */

/* Which code point of `from` is text[at, at + len)? */
static bool find_character(struct slice from, const uint8_t *character, size_t len, size_t *ret_index)
{
        size_t index = 0;

        for (size_t at = 0; at < from.len; index++) {
                size_t n = utf8_length(from, at);

                if (n == len && memcmp(from.data + at, character, len) == 0) {
                        *ret_index = index;
                        return true;
                }
                at += n;
        }
        return false;
}

static struct slice translate(struct frame *frame, struct slice text, struct slice from, struct slice to)
{
        size_t room = text.len * UTF8_BYTES_MAX;
        uint8_t *bytes = program_take_text(frame, room), *end = bytes;

        for (size_t at = 0, len; at < text.len; at += len) {
                size_t index, to_at;

                len = utf8_length(text, at);
                if (!find_character(from, text.data + at, len, &index)) {
                        append(&end, slice_make(text.data + at, len));
                        continue;
                }
                to_at = utf8_offset(to, index);
                if (to_at < to.len)
                        append(&end, slice_make(to.data + to_at, utf8_length(to, to_at)));
        }
        return program_keep_text(frame, bytes, room, (size_t)(end - bytes));
}

void kernel_text_edit_translate(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0), *b = program_arg(frame, step, 1),
                         *c = program_arg(frame, step, 2);
        struct step text_only = *step;
        struct selection rows;
        struct reg *out;

        text_only.n_args = 1; /* NULL in the others is nothing to translate, or nothing to put there */
        rows = program_strict_rows(frame, &text_only);
        out = program_out(frame, step);
        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                struct slice from = program_is_null(b, row) ? slice_make(NULL, 0) : text_at(b, row);
                struct slice to = program_is_null(c, row) ? slice_make(NULL, 0) : text_at(c, row);

                out->str[row] = from.len == 0 ? text_at(a, row) : translate(frame, text_at(a, row), from, to);
        }
}
