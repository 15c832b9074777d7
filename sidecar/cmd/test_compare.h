/* test_compare.h - what a test wanted against what came out, in words. */
#ifndef WEIR_SIDECAR_CMD_TEST_COMPARE_H
#define WEIR_SIDECAR_CMD_TEST_COMPARE_H

#include "sidecar/base/bytes.h"
#include "sidecar/cmd/test_run.h"

/* Appends to `text` every difference; nothing when all is as it should be. < 0: a line of the expectation is none (the
 * sentence names it). */
int test_compare(const struct test_file *file, const struct test_case *test, struct test_output *output,
                 struct bytes *text, struct err *err) WEIR_MUST_CHECK;

/* All rows that came out, as sections that can be pasted into the test. */
void test_compare_show(struct test_output *output, struct bytes *text);

#endif
