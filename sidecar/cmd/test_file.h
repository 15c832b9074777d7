/* test_file.h - a test file cut into tests: sections of lines, with their numbers. The form is described by `weir test
 * --help`. Texts are slices of the file's content, which the test_file owns. */
#ifndef WEIR_SIDECAR_CMD_TEST_FILE_H
#define WEIR_SIDECAR_CMD_TEST_FILE_H

#include "sidecar/base/arena.h"
#include "sidecar/base/err.h"

struct test_line {
        struct slice text; /* without blanks at both ends; never empty, never a comment */
        uint32_t number;
};

struct test_lines {
        uint32_t n, capacity;
        struct test_line *items;
};

struct test_expect {
        struct slice table;
        bool is_ordered;
        uint32_t number; /* line of the section's head */
        struct test_lines lines;
        struct test_expect *next;
};

struct test_case {
        struct slice name;  /* of the section `test`, or of the file */
        uint32_t number;
        bool has_job;
        struct slice job;   /* SQL, behind as many empty lines as stand before it in the file: places are the file's */
        struct slice job_path; /* names of files with SQL instead, or empty */
        uint32_t job_number;
        struct test_lines input, counts;
        struct test_expect *expects; /* in order */
        struct test_case *next;
};

struct test_file {
        const char *path;
        struct arena arena;
        uint8_t *content;
        size_t len;
        struct test_case *cases; /* in order */
};

/* ERR_DATA: it has another form; ERR_CONFIG: it cannot be read. */
int test_file_read(const char *path, struct test_file *ret_file, struct err *err) WEIR_MUST_CHECK;
void test_file_done(struct test_file *file);

/* The first word of a text and what follows, without blanks around. */
struct slice test_file_word(struct slice *rest);

#endif
