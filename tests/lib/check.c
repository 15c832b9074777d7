/* check.c - runs registered tests through CUnit; one suite per source file, main() included.
 *
 * CUnit keeps the registry, the order and the assertion records; this file adds what it lacks: tests
 * that register themselves, names on the command line, both values in a failure, skipping, the rule
 * that a test without checks fails, and a last line that a script can read. */
#include "tests/lib/check.h"

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>
#include <CUnit/TestRun.h>
#include <fnmatch.h>
#include <ftw.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
        TEST_SECONDS_MAX = 60, /* a hang ends as a named failure, not as a lost machine */
        SHOWN_BYTES = 48, /* of each side of a failed CHECK_BYTES */
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZER_OWNS_SIGNALS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZER_OWNS_SIGNALS 1
#endif
#endif
#ifndef SANITIZER_OWNS_SIGNALS
#define SANITIZER_OWNS_SIGNALS 0
#endif

/* What a test program knows about itself. Global because CUnit's callbacks carry no context. */
static struct {
        struct check_test *first;
        struct check_test *last;
        const struct check_test *current;
        jmp_buf leave;
        unsigned n_checks; /* of the current test */
        unsigned n_failed; /* of the current test */
        bool skipped;      /* the current test */
        bool seeded;       /* the current test drew random numbers */
        uint64_t seed;
        unsigned tests_passed;
        unsigned tests_failed;
        unsigned tests_skipped;
        char dir[256];    /* of the current test, empty until asked for */
        char path[4096];  /* last answer of check_source */
} state;

void check_register(struct check_test *test)
{
        if (state.last == NULL)
                state.first = test;
        else
                state.last->next = test;
        state.last = test;
}

/* ---- checks ---- */

static bool check_note(bool holds, const char *what, const char *file, int line)
{
        state.n_checks += 1;
        if (!holds) {
                state.n_failed += 1;
                if (state.n_failed == 1 && state.seeded)
                        printf("  seed %" PRIu64 " (WEIR_SEED=%" PRIu64 " repeats it)\n", state.seed, state.seed);
        }
        CU_assertImplementation(holds ? CU_TRUE : CU_FALSE, (unsigned)line, what, file, "", CU_FALSE);
        return holds;
}

bool check_true(bool holds, const char *what, const char *file, int line)
{
        if (!check_note(holds, what, file, line))
                printf("%s:%d: %s: does not hold: %s\n", file, line, state.current->name, what);
        return holds;
}

bool check_int(intmax_t actual, intmax_t expected, const char *what, const char *file, int line)
{
        bool holds = check_note(actual == expected, what, file, line);

        if (!holds)
                printf("%s:%d: %s: %s is %" PRIdMAX ", not %" PRIdMAX "\n", file, line, state.current->name, what,
                       actual, expected);
        return holds;
}

bool check_uint(uintmax_t actual, uintmax_t expected, const char *what, const char *file, int line)
{
        bool holds = check_note(actual == expected, what, file, line);

        if (!holds)
                printf("%s:%d: %s: %s is %" PRIuMAX " (0x%" PRIxMAX "), not %" PRIuMAX " (0x%" PRIxMAX ")\n", file,
                       line, state.current->name, what, actual, actual, expected, expected);
        return holds;
}

bool check_double(double actual, double expected, const char *what, const char *file, int line)
{
        bool both_nan = actual != actual && expected != expected;
        bool holds = check_note(both_nan || memcmp(&actual, &expected, sizeof(actual)) == 0, what, file, line);

        if (!holds)
                printf("%s:%d: %s: %s is %.17g, not %.17g\n", file, line, state.current->name, what, actual, expected);
        return holds;
}

static void show_bytes(const char *label, const void *data, size_t len, size_t from)
{
        const uint8_t *bytes = data;
        size_t end = len - from > SHOWN_BYTES ? from + SHOWN_BYTES : len;

        printf("  %-8s", label);
        for (size_t i = from; i < end; i++)
                printf(" %02x", bytes[i]);
        printf("  |");
        for (size_t i = from; i < end; i++)
                putchar(bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '.');
        printf("|%s\n", end < len ? " ..." : "");
}

static bool check_same(const void *actual, size_t actual_len, const void *expected, size_t expected_len,
                       const char *what, const char *file, int line)
{
        const uint8_t *a = actual;
        const uint8_t *b = expected;
        size_t common = actual_len < expected_len ? actual_len : expected_len;
        size_t at = 0;
        size_t from;

        while (at < common && a[at] == b[at])
                at++;
        if (check_note(at == actual_len && at == expected_len, what, file, line))
                return true;
        from = at < 16 ? 0 : at - 16;
        printf("%s:%d: %s: %s has %zu bytes, expected are %zu; they part at byte %zu (shown from %zu)\n", file, line,
               state.current->name, what, actual_len, expected_len, at, from);
        show_bytes("actual", actual, actual_len, from);
        show_bytes("expected", expected, expected_len, from);
        return false;
}

bool check_text(const char *actual, const char *expected, const char *what, const char *file, int line)
{
        bool holds = actual != NULL && expected != NULL ? strcmp(actual, expected) == 0 : actual == expected;

        if (!check_note(holds, what, file, line))
                printf("%s:%d: %s: %s is not what was expected\n  actual   \"%s\"\n  expected \"%s\"\n", file, line,
                       state.current->name, what, actual == NULL ? "(NULL)" : actual,
                       expected == NULL ? "(NULL)" : expected);
        return holds;
}

bool check_contains(const char *actual, const char *part, const char *what, const char *file, int line)
{
        bool holds = actual != NULL && strstr(actual, part) != NULL;

        if (!check_note(holds, what, file, line))
                printf("%s:%d: %s: %s lacks \"%s\"\n  actual   \"%s\"\n", file, line, state.current->name, what, part,
                       actual == NULL ? "(NULL)" : actual);
        return holds;
}

bool check_bytes(const void *actual, size_t actual_len, const void *expected, size_t expected_len, const char *what,
                 const char *file, int line)
{
        return check_same(actual, actual_len, expected, expected_len, what, file, line);
}

bool check_slice(struct slice actual, const char *expected, const char *what, const char *file, int line)
{
        return check_same(actual.data, actual.len, expected, strlen(expected), what, file, line);
}

bool check_ok(int result, const struct err *err, const char *what, const char *file, int line)
{
        if (!check_note(result == 0, what, file, line))
                printf("%s:%d: %s: %s gives %d: %s\n", file, line, state.current->name, what, result,
                       err != NULL && err->text[0] != '\0' ? err->text : "(no sentence)");
        return result == 0;
}

bool check_fails(int result, const struct err *err, const char *part, const char *what, const char *file, int line)
{
        bool holds = result < 0 && strstr(err->text, part) != NULL;

        if (!check_note(holds, what, file, line))
                printf("%s:%d: %s: %s gives %d: \"%s\", not a failure that says \"%s\"\n", file, line,
                       state.current->name, what, result, result < 0 ? err->text : "", part);
        return holds;
}

void check_fail_at(const char *file, int line, const char *format, ...)
{
        va_list args;

        (void)check_note(false, "CHECK_FAIL", file, line);
        printf("%s:%d: %s: ", file, line, state.current->name);
        va_start(args, format);
        vprintf(format, args);
        va_end(args);
        putchar('\n');
}

void check_skip_at(const char *file, int line, const char *format, ...)
{
        va_list args;

        state.skipped = true;
        printf("%s:%d: %s: skipped: ", file, line, state.current->name);
        va_start(args, format);
        vprintf(format, args);
        va_end(args);
        putchar('\n');
        longjmp(state.leave, 1);
}

void check_abandon(void)
{
        longjmp(state.leave, 1);
}

/* ---- random numbers, directories, files ---- */

struct check_random check_seed(uint64_t fixed)
{
        const char *chosen = getenv("WEIR_SEED");

        state.seed = chosen != NULL ? strtoull(chosen, NULL, 0) : fixed;
        state.seeded = true;
        return (struct check_random){.state = state.seed};
}

uint64_t check_random_u64(struct check_random *random)
{
        uint64_t x = random->state += 0x9e3779b97f4a7c15u;

        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
        return x ^ (x >> 31);
}

uint64_t check_random_below(struct check_random *random, uint64_t below)
{
        return (uint64_t)(((unsigned __int128)check_random_u64(random) * below) >> 64);
}

double check_random_unit(struct check_random *random)
{
        return (double)(check_random_u64(random) >> 11) * 0x1p-53;
}

const char *check_dir(void)
{
        const char *base = getenv("TMPDIR");

        if (state.dir[0] == '\0') {
                snprintf(state.dir, sizeof(state.dir), "%s/weir-test-XXXXXX", base != NULL ? base : "/tmp");
                if (mkdtemp(state.dir) == NULL) {
                        perror(state.dir);
                        abort();
                }
        }
        return state.dir;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *ftw)
{
        (void)status;
        (void)kind;
        (void)ftw;
        return remove(path);
}

static void remove_dir(void)
{
        if (state.dir[0] != '\0')
                nftw(state.dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        state.dir[0] = '\0';
}

const char *check_source(const char *path)
{
        const char *root = getenv("WEIR_SOURCE");

        snprintf(state.path, sizeof(state.path), "%s/%s", root != NULL ? root : CHECK_SOURCE_DIR, path);
        return state.path;
}

/* ---- running ---- */

static void on_signal(int number)
{
        const char *name = state.current != NULL ? state.current->name : "(no test)";
        const char *why = number == SIGALRM ? ": took too long\n" : ": ended by a signal\n";
        ssize_t ignored = write(STDOUT_FILENO, name, strlen(name));

        ignored = write(STDOUT_FILENO, why, strlen(why));
        (void)ignored;
        signal(number, SIG_DFL);
        raise(number);
}

/* Tests that check-long runs to their end say how long that may take. */
static unsigned test_seconds(void)
{
        const char *text = getenv("WEIR_TEST_SECONDS");

        return text == NULL ? TEST_SECONDS_MAX : (unsigned)strtoul(text, NULL, 10);
}

static void run_current(void)
{
        alarm(test_seconds());
        if (setjmp(state.leave) == 0)
                state.current->run();
        alarm(0);
        remove_dir();
        if (!state.skipped && state.n_checks == 0)
                CHECK_FAIL("a test without a check proves nothing");
}

/* What CUnit calls for each test; the current one is found by its CUnit name. */
static void trampoline(void)
{
        const char *name = CU_get_current_test()->pName;
        const char *file = CU_get_current_suite()->pName;

        for (state.current = state.first; state.current != NULL; state.current = state.current->next)
                if (strcmp(state.current->name, name) == 0 && strcmp(state.current->file, file) == 0)
                        break;
        state.n_checks = 0;
        state.n_failed = 0;
        state.skipped = false;
        state.seeded = false;
        run_current();
        if (state.n_failed > 0) {
                state.tests_failed += 1;
                printf("not ok %s\n", name);
        } else if (state.skipped) {
                state.tests_skipped += 1;
        } else {
                state.tests_passed += 1;
        }
        fflush(stdout);
        state.current = NULL;
}

static bool is_chosen(const struct check_test *test, char **patterns)
{
        if (*patterns == NULL)
                return true;
        for (; *patterns != NULL; patterns++)
                if (fnmatch(*patterns, test->name, 0) == 0)
                        return true;
        return false;
}

static unsigned add_tests(char **patterns)
{
        CU_pSuite suite = NULL;
        unsigned n = 0;

        for (struct check_test *test = state.first; test != NULL; test = test->next) {
                if (!is_chosen(test, patterns))
                        continue;
                suite = CU_get_suite(test->file);
                if (suite == NULL)
                        suite = CU_add_suite(test->file, NULL, NULL);
                if (suite == NULL || CU_add_test(suite, test->name, trampoline) == NULL) {
                        printf("%s: cannot register '%s': %s\n", test->file, test->name, CU_get_error_msg());
                        exit(99);
                }
                n += 1;
        }
        return n;
}

static int64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
        int64_t start_ms = now_ms();

        if (argc == 2 && strcmp(argv[1], "--list") == 0) {
                for (struct check_test *test = state.first; test != NULL; test = test->next)
                        puts(test->name);
                return 0;
        }
        setvbuf(stdout, NULL, _IOLBF, 0);
        signal(SIGALRM, on_signal);
        signal(SIGABRT, on_signal);
        if (!SANITIZER_OWNS_SIGNALS) {
                signal(SIGSEGV, on_signal);
                signal(SIGBUS, on_signal);
        }
        if (CU_initialize_registry() != CUE_SUCCESS)
                return 99;
        if (add_tests(argv + 1) == 0) {
                printf("%s: no such test\n# tests: 0 passed, 1 failed, 0 skipped\n", argv[0]);
                return 1;
        }
        CU_set_error_action(CUEA_IGNORE);
        CU_run_all_tests();
        CU_cleanup_registry();
        printf("%s: %" PRId64 " ms\n", argv[0], now_ms() - start_ms);
        printf("# tests: %u passed, %u failed, %u skipped\n", state.tests_passed, state.tests_failed,
               state.tests_skipped);
        return state.tests_failed > 0;
}
