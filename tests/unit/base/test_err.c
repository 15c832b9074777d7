/* test_err.c - sentences, prefixes, and what happens when they do not fit. */
#include "sidecar/base/err.h"

#include "tests/lib/check.h"

#include <errno.h>

TEST(set_fills_everything_and_returns_minus_one)
{
        struct err err = {.code = ERR_NONE};

        CHECK_INT(err_set(&err, ERR_DATA, "frame of %d bytes", 7), -1);
        CHECK_INT(err.code, ERR_DATA);
        CHECK_TEXT(err.text, "frame of 7 bytes");
        CHECK_CONTAINS(err.file, "test_err.c");
        CHECK_INT(err.line, 12);
}

TEST(errno_is_put_behind_the_sentence)
{
        struct err err;

        CHECK_INT(err_set_errno(&err, ERR_IO, ENOENT, "cannot open '%s'", "/x"), -1);
        CHECK_TEXT(err.text, "cannot open '/x': No such file or directory");
}

TEST(prefix_goes_in_front_and_keeps_the_origin)
{
        struct err err;

        err_set(&err, ERR_CONFIG, "no such column");
        CHECK_INT(err_prefix(&err, "table '%s'", "t"), -1);
        CHECK_INT(err_prefix(&err, "job.sql:3:1"), -1);
        CHECK_TEXT(err.text, "job.sql:3:1: table 't': no such column");
        CHECK_INT(err.code, ERR_CONFIG);
        CHECK_INT(err.line, 31);
}

TEST(null_is_accepted_everywhere)
{
        CHECK_INT(err_set(NULL, ERR_DATA, "x"), -1);
        CHECK_INT(err_set_errno(NULL, ERR_DATA, EIO, "x"), -1);
        CHECK_INT(err_prefix(NULL, "x"), -1);
        err_reset(NULL);
}

TEST(long_sentence_is_cut_at_a_character)
{
        struct err err;
        char text[2 * ERR_TEXT_BYTES];

        /* With each offset the end falls elsewhere into the three bytes of the euro sign. */
        for (size_t offset = 0; offset < 3; offset++) {
                size_t len = offset;

                memset(text, 'a', offset);
                while (len + 3 < sizeof(text)) {
                        memcpy(text + len, "\xe2\x82\xac", 3);
                        len += 3;
                }
                text[len] = '\0';
                err_set(&err, ERR_DATA, "%s", text);
                len = strlen(err.text);
                CHECK(len >= ERR_TEXT_BYTES - 4 && len < ERR_TEXT_BYTES);
                CHECK_UINT((len - offset) % 3, 0);
        }
}

TEST(cut_keeps_a_character_that_is_whole)
{
        struct err err;
        char text[ERR_TEXT_BYTES + 8];

        memset(text, 'a', sizeof(text));
        memcpy(text + ERR_TEXT_BYTES - 4, "\xe2\x82\xac" "aaaa", 7);
        text[ERR_TEXT_BYTES + 7] = '\0';
        err_set(&err, ERR_DATA, "%s", text);
        CHECK_UINT(strlen(err.text), ERR_TEXT_BYTES - 1);
        CHECK_TEXT(err.text + ERR_TEXT_BYTES - 4, "\xe2\x82\xac");
}

TEST(prefix_longer_than_the_room_keeps_what_fits)
{
        struct err err;
        char text[ERR_TEXT_BYTES];

        memset(text, 'p', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        err_set(&err, ERR_DATA, "origin");
        err_prefix(&err, "%s", text);
        CHECK_TEXT(err.text, text);
}

TEST(reset_empties)
{
        struct err err;

        err_set(&err, ERR_DATA, "x");
        err_reset(&err);
        CHECK_INT(err.code, ERR_NONE);
        CHECK_TEXT(err.text, "");
}
