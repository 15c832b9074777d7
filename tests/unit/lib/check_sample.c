/* check_sample.c - tests that pass, fail, die and skip on purpose; test_check reads what they print. */
#include "tests/lib/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

TEST(passes)
{
        CHECK_INT(1 + 1, 2);
}

TEST(passes_with_bytes)
{
        CHECK_BYTES("abc", 3, "abc", 3);
        CHECK_DOUBLE(0.0 / 0.0, 0.0 / 0.0);
}

TEST(fails_everywhere)
{
        struct err err = {.code = ERR_DATA, .text = "no such weir"};

        CHECK_INT(1 + 1, 3);
        CHECK_UINT(255u, 254u);
        CHECK_TEXT("apple", "pear");
        CHECK_BYTES("abcd", 4, "abx", 3);
        CHECK_DOUBLE(0.5, 0.25);
        CHECK(2 < 1);
        CHECK_CONTAINS("apple", "plum");
        CHECK_OK(-1, &err);
        CHECK_FAILS(-1, &err, "dam");
        CHECK_FAIL("in plain words: %d", 7);
}

TEST(is_empty)
{
}

TEST(is_skipped)
{
        CHECK_SKIP("the %s is closed", "weir");
}

TEST(stops_at_require)
{
        REQUIRE(1 > 2);
        CHECK_FAIL("beyond");
}

TEST(fails_at_random)
{
        struct check_random random = check_seed(42);

        CHECK(check_random_below(&random, 10) == 10);
}

TEST(dies)
{
        abort();
}

TEST(makes_a_directory)
{
        char path[512];
        int fd;

        snprintf(path, sizeof(path), "%s/file", check_dir());
        fd = open(path, O_CREAT | O_WRONLY, 0600);
        CHECK(fd >= 0);
        close(fd);
        printf("made %s\n", check_dir());
}
