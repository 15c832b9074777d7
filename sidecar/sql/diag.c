/* diag.c - collecting diagnostics and showing them. */
#include "sidecar/sql/diag.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TAB_STOP = 8, MESSAGE_BYTES = 2048, SHOWN_COLUMNS = 160, SHOWN_BEFORE = 80 };

static const struct {
        const char *text, *title, *explanation;
} codes[] = {
#define DIAG_CODE(name, text, title, explanation) [DIAG_##name] = {text, title, explanation},
#include "sidecar/sql/diag_code.def"
#undef DIAG_CODE
};

const char *diag_code_text(enum diag_code code)
{
        return codes[code].text;
}

const char *diag_code_title(enum diag_code code)
{
        return codes[code].title;
}

const char *diag_code_explanation(enum diag_code code)
{
        return codes[code].explanation;
}

void diag_list_init(struct diag_list *list)
{
        *list = (struct diag_list){0};
        arena_init(&list->arena, 16 << 10, 0);
}

void diag_list_done(struct diag_list *list)
{
        arena_done(&list->arena);
        alloc_free(list->items);
        *list = (struct diag_list){0};
}

/* ---- places ---- */

static bool is_continuation(uint8_t byte)
{
        return (byte & 0xc0) == 0x80;
}

/* Column behind a character that stands at `column` (both count from 1). */
static uint32_t next_column(uint32_t column, uint8_t byte)
{
        if (byte == '\t')
                return column + (TAB_STOP - (column - 1) % TAB_STOP);
        return is_continuation(byte) ? column : column + 1;
}

uint32_t diag_column(struct slice text, uint32_t from, uint32_t column, uint32_t to)
{
        for (uint32_t i = from; i < to; i++)
                column = next_column(column, text.data[i]);
        return column;
}

void diag_locate(struct slice text, uint32_t at, uint32_t *ret_line, uint32_t *ret_column,
                 struct slice *ret_line_text)
{
        size_t begin = 0, end;
        uint32_t line = 1;

        if (at > text.len)
                at = (uint32_t)text.len;
        for (size_t i = 0; i < at; i++) {
                if (text.data[i] != '\n')
                        continue;
                line++;
                begin = i + 1;
        }
        *ret_line = line;
        *ret_column = diag_column(text, (uint32_t)begin, 1, at);
        for (end = begin; ret_line_text != NULL && end < text.len && text.data[end] != '\n' && text.data[end] != '\r';)
                end++;
        if (ret_line_text != NULL)
                *ret_line_text = slice_make(text.data + begin, end - begin);
}

/* The line with tabs as blanks, NUL-terminated, in the list's arena. */
static const char *expand(struct diag_list *list, struct slice line)
{
        char *text = arena_take(&list->arena, line.len * TAB_STOP + 1, 1);
        uint32_t column = 1;
        size_t n = 0;

        for (size_t i = 0; i < line.len; i++) {
                uint32_t next = next_column(column, line.data[i]);

                if (line.data[i] == '\t')
                        while (column < next) {
                                text[n++] = ' ';
                                column++;
                        }
                else
                        text[n++] = line.data[i] < 0x20 ? '?' : (char)line.data[i];
                column = next;
        }
        text[n] = '\0';
        return text;
}

static void locate(struct diag_list *list, struct diag *diag)
{
        const struct diag_text *file;
        struct slice line = {0};
        uint32_t last;

        diag->file = "";
        diag->source = "";
        if (diag->span.file >= list->n_files)
                return;
        file = &list->files[diag->span.file];
        diag->file = arena_text(&list->arena, slice_from_text(file->name));
        diag_locate(file->text, diag->span.begin, &diag->line, &diag->column, &line);
        diag->source = expand(list, line);
        last = diag->span.end > diag->span.begin ? diag->span.end - 1 : diag->span.begin;
        while (last > diag->span.begin && last < file->text.len && is_continuation(file->text.data[last]))
                last--;
        diag_locate(file->text, last, &diag->end_line, &diag->end_column, NULL);
}

/* ---- the list ---- */

void diag_add(struct diag_list *list, enum diag_code code, struct diag_span span, const char *help,
              const char *format, ...)
{
        char message[MESSAGE_BYTES];
        struct diag *diag;
        va_list args;

        for (uint32_t i = 0; i < list->n; i++)
                if (list->items[i].span.file == span.file && list->items[i].span.begin == span.begin &&
                    span.file != DIAG_NO_FILE && list->items[i].code == code)
                        return;
        if (list->n >= LIMIT_SQL_ERRORS) {
                list->is_full = true;
                return;
        }
        if (list->n == list->capacity) {
                list->capacity = list->capacity == 0 ? 4 : list->capacity * 2;
                list->items = alloc_resize(list->items, list->capacity, sizeof *list->items);
        }
        va_start(args, format);
        vsnprintf(message, sizeof message, format, args);
        va_end(args);
        diag = &list->items[list->n++];
        *diag = (struct diag){.code = code, .span = span};
        diag->message = arena_text(&list->arena, slice_from_text(message));
        diag->help = help == NULL ? NULL : arena_text(&list->arena, slice_from_text(help));
        locate(list, diag);
}

static int compare(const void *left, const void *right)
{
        const struct diag *a = left, *b = right;

        if (a->span.file != b->span.file)
                return a->span.file < b->span.file ? -1 : 1;
        if (a->span.begin != b->span.begin)
                return a->span.begin < b->span.begin ? -1 : 1;
        return (a->code > b->code) - (a->code < b->code);
}

void diag_sort(struct diag_list *list)
{
        if (list->n > 1)
                qsort(list->items, list->n, sizeof *list->items, compare);
}

/* ---- showing ---- */

/* The part of the line that is shown: all of it, unless it is very long. *ret_skip: columns left out in front. */
static struct slice shown_part(const struct diag *diag, uint32_t *ret_skip)
{
        struct slice line = slice_from_text(diag->source);
        uint32_t skip = diag->column > SHOWN_COLUMNS ? diag->column - SHOWN_BEFORE : 0, column = 0;
        size_t begin = 0, end;

        while (begin < line.len && (column < skip || is_continuation(line.data[begin]))) {
                column += !is_continuation(line.data[begin]);
                begin++;
        }
        for (end = begin; end < line.len && column < skip + SHOWN_COLUMNS; end++)
                column += !is_continuation(line.data[end]);
        while (end < line.len && is_continuation(line.data[end]))
                end++;
        while (end > begin && line.data[end - 1] == ' ')
                end--;
        *ret_skip = skip;
        return slice_make(line.data + begin, end - begin);
}

static uint32_t columns_of(struct slice text)
{
        uint32_t n = 0;

        for (size_t i = 0; i < text.len; i++)
                n += !is_continuation(text.data[i]);
        return n;
}

static void render_source(const struct diag *diag, struct bytes *text)
{
        uint32_t skip, width, last;
        struct slice part = shown_part(diag, &skip);

        last = diag->end_line == diag->line ? diag->end_column : columns_of(part) + skip;
        width = columns_of(part) + skip;
        if (last > width)
                last = width;
        bytes_append_slice(text, part);
        bytes_append_byte(text, '\n');
        for (uint32_t column = 1 + skip; column < diag->column; column++)
                bytes_append_byte(text, ' ');
        bytes_append_byte(text, '^');
        for (uint32_t column = diag->column + 1; column <= last; column++)
                bytes_append_byte(text, '~');
        bytes_append_byte(text, '\n');
}

void diag_render(const struct diag_list *list, struct bytes *text)
{
        for (uint32_t i = 0; i < list->n; i++) {
                const struct diag *diag = &list->items[i];

                if (i > 0)
                        bytes_append_byte(text, '\n');
                if (diag->line > 0)
                        bytes_append_format(text, "%s:%u:%u: ", diag->file, diag->line, diag->column);
                bytes_append_format(text, "error[%s]: ", diag_code_text(diag->code));
                bytes_append_text(text, diag->message);
                bytes_append_byte(text, '\n');
                if (diag->line > 0)
                        render_source(diag, text);
                if (diag->help != NULL) {
                        bytes_append_text(text, "help: ");
                        bytes_append_text(text, diag->help);
                        bytes_append_byte(text, '\n');
                }
        }
        if (list->is_full)
                bytes_append_format(text, "\nthere are more errors than these %u\n", list->n);
}

static void append_json(struct bytes *text, const char *name, const char *value)
{
        bytes_append_format(text, "\"%s\":\"", name);
        for (const uint8_t *at = (const uint8_t *)value; *at != '\0'; at++) {
                if (*at == '"' || *at == '\\')
                        bytes_append_byte(text, '\\');
                if (*at < 0x20)
                        bytes_append_format(text, "\\u%04x", *at);
                else
                        bytes_append_byte(text, *at);
        }
        bytes_append_byte(text, '"');
}

void diag_render_json(const struct diag_list *list, struct bytes *text)
{
        bytes_append_text(text, "{\"diagnostics\":[");
        for (uint32_t i = 0; i < list->n; i++) {
                const struct diag *diag = &list->items[i];

                bytes_append_text(text, i > 0 ? ",{" : "{");
                append_json(text, "code", diag_code_text(diag->code));
                bytes_append_byte(text, ',');
                append_json(text, "file", diag->file);
                bytes_append_format(text, ",\"line\":%u,\"column\":%u,\"end_line\":%u,\"end_column\":%u,", diag->line,
                                    diag->column, diag->end_line, diag->end_column);
                append_json(text, "message", diag->message);
                if (diag->help != NULL) {
                        bytes_append_byte(text, ',');
                        append_json(text, "help", diag->help);
                }
                bytes_append_byte(text, '}');
        }
        bytes_append_format(text, "],\"more\":%s}\n", list->is_full ? "true" : "false");
}
