/* check.h - the harness over CUnit that every unit test uses.
 *
 *     #include "tests/lib/check.h"
 *
 *     TEST(torn_tail_is_ignored)
 *     {
 *             CHECK_INT(log_open(...), 0);
 *     }
 *
 * A test registers itself; its file is its suite, and main() is in the harness. `./test_wal` runs
 * all, `./test_wal torn_tail_is_ignored` one (names are shell patterns), `./test_wal --list` prints
 * the names. A failing check prints both values and where it stands, and the test goes on; REQUIRE
 * ends the test. The last line is `# tests: P passed, F failed, S skipped`. A test without a single
 * check fails: it could not have. A test that runs longer than 60 s (or
 * WEIR_TEST_SECONDS), or hangs, is ended by SIGALRM.
 *
 * Arguments are evaluated once. One thread: checks run in the thread that runs the tests. */
#ifndef WEIR_TESTS_LIB_CHECK_H
#define WEIR_TESTS_LIB_CHECK_H

#include "sidecar/base/err.h"
#include "sidecar/base/slice.h"

struct check_test {
        const char *name;
        const char *file;
        void (*run)(void);
        struct check_test *next;
};

void check_register(struct check_test *test);

#define TEST(test_name)                                                                             \
        static void check_run_##test_name(void);                                                    \
        __attribute__((constructor)) static void check_add_##test_name(void)                        \
        {                                                                                           \
                static struct check_test test = {#test_name, __FILE__, check_run_##test_name, NULL}; \
                                                                                                    \
                check_register(&test);                                                              \
        }                                                                                           \
        static void check_run_##test_name(void)

#define CHECK(condition) ((void)check_true(!!(condition), #condition, __FILE__, __LINE__))
#define CHECK_INT(actual, expected) \
        ((void)check_int((intmax_t)(actual), (intmax_t)(expected), #actual, __FILE__, __LINE__))
#define CHECK_UINT(actual, expected) \
        ((void)check_uint((uintmax_t)(actual), (uintmax_t)(expected), #actual, __FILE__, __LINE__))
/* Bit for bit, except that every NaN equals every NaN. */
#define CHECK_DOUBLE(actual, expected) ((void)check_double((actual), (expected), #actual, __FILE__, __LINE__))
#define CHECK_TEXT(actual, expected) ((void)check_text((actual), (expected), #actual, __FILE__, __LINE__))
#define CHECK_CONTAINS(actual, part) ((void)check_contains((actual), (part), #actual, __FILE__, __LINE__))
#define CHECK_BYTES(actual, actual_len, expected, expected_len) \
        ((void)check_bytes((actual), (actual_len), (expected), (expected_len), #actual, __FILE__, __LINE__))
#define CHECK_SLICE(actual, expected_text) \
        ((void)check_slice((actual), (expected_text), #actual, __FILE__, __LINE__))
/* 0 is expected; the sentence of err is printed otherwise. */
#define CHECK_OK(result, err) ((void)check_ok((result), (err), #result, __FILE__, __LINE__))
/* A negative result is expected, with a sentence that contains `part`. */
#define CHECK_FAILS(result, err, part) ((void)check_fails((result), (err), (part), #result, __FILE__, __LINE__))

/* Ends this test when the condition does not hold. */
#define REQUIRE(condition)                                                            \
        do {                                                                          \
                if (!check_true(!!(condition), #condition, __FILE__, __LINE__))       \
                        check_abandon();                                              \
        } while (0)

#define CHECK_FAIL(...) check_fail_at(__FILE__, __LINE__, __VA_ARGS__)
/* Ends this test as skipped. */
#define CHECK_SKIP(...) check_skip_at(__FILE__, __LINE__, __VA_ARGS__)

bool check_true(bool holds, const char *what, const char *file, int line);
bool check_int(intmax_t actual, intmax_t expected, const char *what, const char *file, int line);
bool check_uint(uintmax_t actual, uintmax_t expected, const char *what, const char *file, int line);
bool check_double(double actual, double expected, const char *what, const char *file, int line);
bool check_text(const char *actual, const char *expected, const char *what, const char *file, int line);
bool check_contains(const char *actual, const char *part, const char *what, const char *file, int line);
bool check_bytes(const void *actual, size_t actual_len, const void *expected, size_t expected_len, const char *what,
                 const char *file, int line);
bool check_slice(struct slice actual, const char *expected, const char *what, const char *file, int line);
bool check_ok(int result, const struct err *err, const char *what, const char *file, int line);
bool check_fails(int result, const struct err *err, const char *part, const char *what, const char *file, int line);
void check_fail_at(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
void check_skip_at(const char *file, int line, const char *format, ...)
        __attribute__((format(printf, 3, 4), noreturn));
void check_abandon(void) __attribute__((noreturn));

/* A seeded stream (splitmix64). The seed is fixed, or WEIR_SEED from the environment; check_seed
 * prints it with the first failure of the test that asked for it. */
struct check_random {
        uint64_t state;
};
struct check_random check_seed(uint64_t fixed);
uint64_t check_random_u64(struct check_random *random);
/* Uniform in [0, below); below > 0. */
uint64_t check_random_below(struct check_random *random, uint64_t below);
double check_random_unit(struct check_random *random);

/* A fresh directory for this test, removed with all it holds when the test ends. */
const char *check_dir(void);
/* A file of the source tree: check_data("tests/data/x") gives its path. Valid until the test ends. */
const char *check_source(const char *path);

#endif
