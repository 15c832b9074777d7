/* kernel_like.c - LIKE: % and _, nothing else.
 *
 * A pattern is cut at its % into segments of literal runs and _. The first segment stands at the start of the text, the
 * last at its end, those between are looked for one behind the other, leftmost first: that finds a match if there is
 * one. _ is one code point, but no line end, since Flink turns LIKE into a regular expression.
 *
 * A backslash is an ordinary character up to Flink 2.2 and an escape in 2.3; so it is refused where ESCAPE does not say
 * which. */
#include <assert.h>

#include "sidecar/base/utf8.h"
#include "sidecar/exec/kernel.h"

struct piece {
        bool is_any; /* _ ; else text */
        struct slice text;
};

struct segment {
        uint32_t first, n; /* of pieces */
};

struct like {
        struct piece *pieces;
        struct segment *segments; /* one more than there are % */
        uint32_t n_pieces, n_segments;
};

enum { LIKE_E_ESCAPE = 1, LIKE_E_BACKSLASH = 2 };

/* Room for pattern.len + 1 pieces and segments, and pattern.len bytes, is the caller's. */
static int cut_pattern(struct slice pattern, const struct slice *escape, struct like *like, uint8_t *text)
{
        struct segment *segment = like->segments;
        size_t at = 0;

        *segment = (struct segment){0, 0};
        like->n_segments = 1;
        like->n_pieces = 0;
        while (at < pattern.len) {
                uint8_t byte = pattern.data[at];
                bool is_escaped = false;

                if (escape != NULL && pattern.len - at >= escape->len &&
                    memcmp(pattern.data + at, escape->data, escape->len) == 0) {
                        at += escape->len;
                        is_escaped = at < pattern.len && (pattern.data[at] == '%' || pattern.data[at] == '_' ||
                                                          (pattern.len - at >= escape->len &&
                                                           memcmp(pattern.data + at, escape->data, escape->len) == 0));
                        if (!is_escaped)
                                return LIKE_E_ESCAPE;
                        byte = pattern.data[at];
                } else if (byte == '\\' && escape == NULL) {
                        return LIKE_E_BACKSLASH;
                }
                if (!is_escaped && byte == '%') {
                        segment += 1;
                        *segment = (struct segment){like->n_pieces, 0};
                        like->n_segments += 1;
                } else if (!is_escaped && byte == '_') {
                        like->pieces[like->n_pieces++] = (struct piece){.is_any = true};
                        segment->n += 1;
                } else {
                        struct piece *last = segment->n == 0 ? NULL : &like->pieces[like->n_pieces - 1];

                        if (last == NULL || last->is_any) {
                                like->pieces[like->n_pieces++] = (struct piece){.text = slice_make(text, 0)};
                                last = &like->pieces[like->n_pieces - 1];
                                segment->n += 1;
                        }
                        *text++ = byte;
                        last->text.len += 1;
                }
                at += 1;
        }
        return 0;
}

static void take_like(struct slice pattern, struct arena *arena, struct like *like)
{
        like->pieces = arena_take(arena, (pattern.len + 1) * sizeof *like->pieces, _Alignof(struct piece));
        like->segments = arena_take(arena, (pattern.len + 1) * sizeof *like->segments, _Alignof(struct segment));
}

static bool is_line_end(uint32_t c)
{
        return c == '\n' || c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

/* Does the segment stand at `at`? *ret_end is what follows it. */
static bool match_segment(const struct like *like, const struct segment *segment, struct slice text, size_t at,
                          size_t *ret_end)
{
        for (uint32_t i = 0; i < segment->n; i++) {
                const struct piece *piece = &like->pieces[segment->first + i];
                size_t len = piece->text.len;

                if (piece->is_any) {
                        if (at == text.len || is_line_end(utf8_decode(text, at, &len)))
                                return false;
                } else if (text.len - at < len || memcmp(text.data + at, piece->text.data, len) != 0) {
                        return false;
                }
                at += len;
        }
        *ret_end = at;
        return true;
}

/* The leftmost place at or behind `from` where it stands; of the last segment, one from where it reaches the end. */
static bool find_segment(const struct like *like, const struct segment *segment, struct slice text, size_t from,
                         bool is_last, size_t *ret_end)
{
        const struct piece *first = segment->n == 0 ? NULL : &like->pieces[segment->first];

        if (first == NULL) {
                *ret_end = is_last ? text.len : from;
                return true;
        }
        if (is_last && segment->n == 1 && !first->is_any) { /* the end itself */
                *ret_end = text.len;
                return text.len - from >= first->text.len &&
                       memcmp(text.data + text.len - first->text.len, first->text.data, first->text.len) == 0;
        }
        while (from <= text.len) {
                if (!first->is_any) {
                        const uint8_t *found = text.len - from < first->text.len
                                                       ? NULL
                                                       : memmem(text.data + from, text.len - from, first->text.data,
                                                                first->text.len);

                        if (found == NULL)
                                return false;
                        from = (size_t)(found - text.data);
                }
                if (match_segment(like, segment, text, from, ret_end) && (!is_last || *ret_end == text.len))
                        return true;
                if (from == text.len)
                        return false;
                from += utf8_length(text, from);
        }
        return false;
}

static bool is_match(const struct like *like, struct slice text)
{
        size_t at = 0;

        if (!match_segment(like, &like->segments[0], text, 0, &at))
                return false;
        if (like->n_segments == 1)
                return at == text.len;
        for (uint32_t i = 1; i < like->n_segments; i++) {
                if (!find_segment(like, &like->segments[i], text, at, i + 1 == like->n_segments, &at))
                        return false;
        }
        return true;
}

bool kernel_like_is_match(const void *pattern, struct slice text)
{
        return is_match(pattern, text);
}

static bool is_one_character(struct slice text)
{
        return text.len > 0 && utf8_length(text, 0) == text.len;
}

int kernel_like_compile(struct slice pattern, const struct slice *escape, struct arena *arena, const void **ret_pattern,
                        struct err *err)
{
        struct like *like = arena_new(arena, struct like);
        uint8_t *text = arena_take(arena, pattern.len + 1, 1);
        int shown = (int)(pattern.len < 60 ? pattern.len : 60);

        if (escape != NULL && !is_one_character(*escape))
                return err_set(err, ERR_CONFIG, "'ESCAPE' of LIKE must be one character");
        if (pattern.len == 0)
                pattern = slice_from_text("%"); /* Flink takes a constant '' so, though not one of a column */
        take_like(pattern, arena, like);
        switch (cut_pattern(pattern, escape, like, text)) {
        case 0:
                *ret_pattern = like;
                return 0;
        case LIKE_E_ESCAPE:
                return err_set(err, ERR_CONFIG,
                               "'%.*s': the escape character of LIKE must stand before %%, _ or itself", shown,
                               (const char *)pattern.data);
        default:
                return err_set(err, ERR_CONFIG,
                               "'%.*s': a backslash in LIKE means different things in Flink 2.2 and 2.3: "
                               "write ESCAPE",
                               shown, (const char *)pattern.data);
        }
}

void kernel_like_run(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0), *b = program_arg(frame, step, 1);
        const struct reg *c = step->n_args > 2 ? program_arg(frame, step, 2) : NULL;
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);
        uint64_t *bits = program_words(frame);

        memset(bits, 0, frame->n_words * sizeof *bits);
        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                struct slice pattern = b->str[row & b->mask], escape = {.data = NULL};
                struct like like;
                uint8_t *text;

                if (c != NULL) {
                        escape = c->str[row & c->mask];
                        if (!is_one_character(escape)) {
                                program_fail(frame, out, row);
                                continue;
                        }
                }
                if (pattern.len > LIMIT_STRING_GROWTH_BYTES) {
                        program_fail(frame, out, row);
                        continue;
                }
                take_like(pattern, frame->arena, &like);
                text = arena_take(frame->arena, pattern.len + 1, 1);
                if (cut_pattern(pattern, c == NULL ? NULL : &escape, &like, text) != 0)
                        program_fail(frame, out, row);
                else if (is_match(&like, a->str[row & a->mask]))
                        bitmap_set(bits, row);
        }
        *out = (struct reg){.bits = bits, .valid = out->valid, .mask = UINT32_MAX};
}
