/* test_file.c - reading test files. See test_file.h. */
#include "sidecar/cmd/test_file.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/file.h"
#include "sidecar/base/limits.h"

static bool is_blank(uint8_t byte)
{
        return byte == ' ' || byte == '\t' || byte == '\r';
}

static struct slice trim(struct slice text)
{
        while (text.len > 0 && is_blank(text.data[0]))
                text = slice_make(text.data + 1, text.len - 1);
        while (text.len > 0 && is_blank(text.data[text.len - 1]))
                text.len--;
        return text;
}

struct slice test_file_word(struct slice *rest)
{
        struct slice text = trim(*rest);
        size_t n = 0;

        while (n < text.len && !is_blank(text.data[n]))
                n++;
        *rest = trim(slice_make(text.data + n, text.len - n));
        return slice_make(text.data, n);
}

static bool is_word(struct slice text, const char *word)
{
        return slice_is_equal(text, slice_from_text(word));
}

enum section { SECTION_NONE, SECTION_JOB, SECTION_INPUT, SECTION_EXPECT, SECTION_COUNTS };

struct reading {
        struct test_file *file;
        struct test_case *test; /* the last one */
        struct test_case **next_test;
        struct test_expect **next_expect;
        struct test_expect *expect;
        enum section section;
        uint32_t number;
        struct bytes_of_job {
                size_t begin; /* offset of the SQL in the content */
                uint32_t first_line;
        } job;
};

static void add_line(struct test_file *file, struct test_lines *lines, struct slice text, uint32_t number)
{
        if (lines->n == lines->capacity) {
                uint32_t capacity = lines->capacity == 0 ? 16 : lines->capacity * 2;
                struct test_line *items = arena_new_n(&file->arena, struct test_line, capacity);

                if (lines->n > 0)
                        memcpy(items, lines->items, lines->n * sizeof *items);
                lines->items = items;
                lines->capacity = capacity;
        }
        lines->items[lines->n++] = (struct test_line){.text = text, .number = number};
}

/* A test without a job of its own is about the job before it. */
static void begin_test(struct reading *reading, struct slice name)
{
        struct test_case *before = reading->test;
        struct test_case *test = arena_new(&reading->file->arena, struct test_case);

        test->name = name;
        test->number = reading->number;
        if (before != NULL) {
                test->job = before->job;
                test->job_path = before->job_path;
                test->job_number = before->job_number;
        }
        *reading->next_test = test;
        reading->next_test = &test->next;
        reading->test = test;
        reading->next_expect = &test->expects;
}

/* The SQL up to `end`, with the lines before it made empty. */
static void end_job(struct reading *reading, size_t end)
{
        struct test_file *file = reading->file;
        size_t len = end - reading->job.begin;
        uint8_t *text = arena_take(&file->arena, reading->job.first_line + len + 1, 1);

        memset(text, '\n', reading->job.first_line);
        memcpy(text + reading->job.first_line, file->content + reading->job.begin, len);
        reading->test->job = slice_make(text, reading->job.first_line + len);
        reading->section = SECTION_NONE;
}

static int begin_job(struct reading *reading, struct slice path, size_t next, struct err *err)
{
        struct test_case *test = reading->test;

        if (test->has_job)
                return err_set(err, ERR_DATA, "%s:%u: a test has one job", reading->file->path, reading->number);
        test->has_job = true;
        test->job_number = reading->number;
        test->job = slice_make(NULL, 0);
        test->job_path = path;
        if (path.len > 0)
                return 0;
        reading->section = SECTION_JOB;
        reading->job.begin = next;
        reading->job.first_line = reading->number;
        return 0;
}

static int begin_expect(struct reading *reading, struct slice rest, struct err *err)
{
        struct test_expect *expect = arena_new(&reading->file->arena, struct test_expect);
        struct slice order;

        expect->table = test_file_word(&rest);
        order = test_file_word(&rest);
        expect->is_ordered = is_word(order, "ordered");
        expect->number = reading->number;
        if (expect->table.len == 0 || rest.len > 0 || (order.len > 0 && !expect->is_ordered))
                return err_set(err, ERR_DATA, "%s:%u: expected '=== expect TABLE' or '=== expect TABLE ordered'",
                               reading->file->path, reading->number);
        for (const struct test_expect *other = reading->test->expects; other != NULL; other = other->next)
                if (slice_is_equal(other->table, expect->table))
                        return err_set(err, ERR_DATA, "%s:%u: table '%.*s' has its rows in line %u already",
                                       reading->file->path, reading->number, (int)expect->table.len,
                                       (const char *)expect->table.data, other->number);
        *reading->next_expect = expect;
        reading->next_expect = &expect->next;
        reading->expect = expect;
        reading->section = SECTION_EXPECT;
        return 0;
}

/* line: behind "===". next: offset of the following line. */
static int begin_section(struct reading *reading, struct slice line, size_t begin, size_t next, struct err *err)
{
        struct slice word = test_file_word(&line);

        if (reading->section == SECTION_JOB)
                end_job(reading, begin);
        reading->section = SECTION_NONE;
        if (is_word(word, "test")) {
                begin_test(reading, line);
                return 0;
        }
        if (reading->test == NULL)
                begin_test(reading, slice_from_text(reading->file->path));
        if (is_word(word, "job"))
                return begin_job(reading, line, next, err);
        if (is_word(word, "expect"))
                return begin_expect(reading, line, err);
        if (line.len == 0 && is_word(word, "input"))
                reading->section = SECTION_INPUT;
        else if (line.len == 0 && is_word(word, "counts"))
                reading->section = SECTION_COUNTS;
        else
                return err_set(err, ERR_DATA,
                               "%s:%u: expected '=== test', '=== job', '=== input', '=== expect TABLE' or '=== counts'",
                               reading->file->path, reading->number);
        return 0;
}

static int take_line(struct reading *reading, struct slice line, struct err *err)
{
        line = trim(line);
        if (reading->section == SECTION_JOB || line.len == 0 || line.data[0] == '#')
                return 0;
        switch (reading->section) {
        case SECTION_INPUT:
                add_line(reading->file, &reading->test->input, line, reading->number);
                return 0;
        case SECTION_EXPECT:
                add_line(reading->file, &reading->expect->lines, line, reading->number);
                return 0;
        case SECTION_COUNTS:
                add_line(reading->file, &reading->test->counts, line, reading->number);
                return 0;
        default:
                return err_set(err, ERR_DATA, "%s:%u: a line outside of any section; comments begin with '#'",
                               reading->file->path, reading->number);
        }
}

static int read_lines(struct reading *reading, struct err *err)
{
        struct test_file *file = reading->file;
        size_t next;

        for (size_t at = 0; at < file->len; at = next) {
                const uint8_t *end = memchr(file->content + at, '\n', file->len - at);
                size_t len = end == NULL ? file->len - at : (size_t)(end - file->content) - at;
                struct slice line = slice_make(file->content + at, len);
                int result;

                next = at + len + 1;
                reading->number++;
                if (len >= 3 && memcmp(line.data, "===", 3) == 0)
                        result = begin_section(reading, slice_make(line.data + 3, len - 3), at,
                                               next < file->len ? next : file->len, err);
                else
                        result = take_line(reading, line, err);
                if (result < 0)
                        return -1;
        }
        if (reading->section == SECTION_JOB)
                end_job(reading, file->len);
        if (reading->test == NULL)
                return err_set(err, ERR_DATA, "'%s' holds no test", file->path);
        return 0;
}

int test_file_read(const char *path, struct test_file *ret_file, struct err *err)
{
        struct reading reading = {.file = ret_file};

        memset(ret_file, 0, sizeof *ret_file);
        ret_file->path = path;
        arena_init(&ret_file->arena, 64 << 10, 0);
        reading.next_test = &ret_file->cases;
        if (file_read_whole(file_ops_system(), path, LIMIT_CONFIG_TEXT_BYTES * 16, &ret_file->content, &ret_file->len,
                            err) < 0 ||
            read_lines(&reading, err) < 0) {
                test_file_done(ret_file);
                return -1;
        }
        return 0;
}

void test_file_done(struct test_file *file)
{
        arena_done(&file->arena);
        alloc_free(file->content);
        file->content = NULL;
        file->cases = NULL;
}
