/* test_check.c - the harness judged by itself: it runs tests/unit/lib/check_sample and reads what it says. */
#include "tests/lib/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Output of check_sample with one argument; *ret_status is its exit status, or 256 + the signal. */
static const char *run_sample(const char *argument, int *ret_status)
{
        static char output[8192];
        const char *build = getenv("WEIR_BUILD");
        char command[4096];
        size_t len;
        int status;
        FILE *pipe;

        snprintf(command, sizeof(command), "%s/tests/unit/lib/check_sample %s 2>&1", build != NULL ? build : ".",
                 argument);
        pipe = popen(command, "r");
        REQUIRE(pipe != NULL);
        len = fread(output, 1, sizeof(output) - 1, pipe);
        output[len] = '\0';
        status = pclose(pipe);
        *ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
        return output;
}

TEST(good_test_passes)
{
        int status;
        const char *output = run_sample("passes", &status);

        CHECK_INT(status, 0);
        CHECK_CONTAINS(output, "\n# tests: 1 passed, 0 failed, 0 skipped\n");
}

TEST(wrong_values_are_both_shown)
{
        int status;
        const char *output = run_sample("fails_everywhere", &status);

        CHECK_INT(status, 1);
        CHECK_CONTAINS(output, "fails_everywhere: 1 + 1 is 2, not 3\n");
        CHECK_CONTAINS(output, "is 255 (0xff), not 254 (0xfe)");
        CHECK_CONTAINS(output, "\"apple\" is not what was expected\n  actual   \"apple\"\n  expected \"pear\"\n");
        CHECK_CONTAINS(output, "has 4 bytes, expected are 3; they part at byte 2");
        CHECK_CONTAINS(output, "0.5 is 0.5, not 0.25");
        CHECK_CONTAINS(output, "does not hold: 2 < 1");
        CHECK_CONTAINS(output, "lacks \"plum\"");
        CHECK_CONTAINS(output, "gives -1: no such weir");
        CHECK_CONTAINS(output, "not a failure that says \"dam\"");
        CHECK_CONTAINS(output, "in plain words: 7");
        CHECK_CONTAINS(output, "\n# tests: 0 passed, 1 failed, 0 skipped\n");
}

TEST(test_without_checks_fails)
{
        int status;

        CHECK_CONTAINS(run_sample("is_empty", &status), "a test without a check proves nothing");
        CHECK_INT(status, 1);
}

TEST(skipped_test_is_counted_apart)
{
        int status;

        CHECK_CONTAINS(run_sample("is_skipped", &status), "\n# tests: 0 passed, 0 failed, 1 skipped\n");
        CHECK_INT(status, 0);
}

TEST(require_ends_the_test)
{
        int status;
        const char *output = run_sample("stops_at_require", &status);

        CHECK_INT(status, 1);
        CHECK(strstr(output, "beyond") == NULL);
}

TEST(patterns_choose_tests)
{
        int status;

        CHECK_CONTAINS(run_sample("'passes*'", &status), "\n# tests: 2 passed, 0 failed, 0 skipped\n");
        CHECK_INT(status, 0);
        CHECK_CONTAINS(run_sample("nowhere", &status), "no such test");
        CHECK_INT(status, 1);
}

TEST(seed_of_a_failure_is_printed)
{
        int status;

        CHECK_CONTAINS(run_sample("fails_at_random", &status), "WEIR_SEED=42 repeats it");
        CHECK_INT(status, 1);
}

TEST(dying_test_is_counted_by_the_runner)
{
        char argument[4200];
        char program[4096];
        const char *build = getenv("WEIR_BUILD");
        char output[4096];
        size_t len;
        FILE *pipe;

        snprintf(program, sizeof(program), "%s/tests/unit/lib/check_sample", build != NULL ? build : ".");
        snprintf(argument, sizeof(argument), "%s %s dies 2>&1", check_source("tests/lib/run"), program);
        pipe = popen(argument, "r");
        REQUIRE(pipe != NULL);
        len = fread(output, 1, sizeof(output) - 1, pipe);
        output[len] = '\0';
        CHECK_INT(WEXITSTATUS(pclose(pipe)), 1);
        CHECK_CONTAINS(output, "dies");
        CHECK_CONTAINS(output, "\n# tests: 0 passed, 1 failed, 0 skipped\n");
}

TEST(directory_is_fresh_and_goes_away)
{
        int status;
        const char *output = run_sample("makes_a_directory", &status);
        const char *from = strstr(output, "made ");
        char path[512];

        CHECK_INT(status, 0);
        REQUIRE(from != NULL);
        REQUIRE(sscanf(from, "made %511s", path) == 1);
        CHECK_CONTAINS(path, "weir-test-");
        CHECK_INT(access(path, F_OK), -1);
}
