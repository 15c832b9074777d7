/* test_log.c - golden lines, escaping, cutting, levels, rate limit. */
#include "sidecar/base/log.h"

#include "tests/lib/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int64_t fixed_ms(void *context)
{
        (void)context;
        return 1767323045678; /* 2026-01-02T03:04:05.678Z */
}

static const struct clock fixed_clock = {.wall_ms = fixed_ms};

/* Lines go to a file of this test; log_output gives what it holds. */
static int log_start(enum log_level least, enum log_format format)
{
        char path[512];
        int fd;

        snprintf(path, sizeof(path), "%s/log", check_dir());
        fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        REQUIRE(fd >= 0);
        log_configure(least, format, fd);
        log_set_clock(&fixed_clock);
        return fd;
}

static const char *log_output(int fd)
{
        static char text[16384];
        ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

        text[n > 0 ? n : 0] = '\0';
        close(fd);
        log_configure(LOG_INFO, LOG_LOGFMT, STDERR_FILENO);
        log_set_clock(NULL);
        return text;
}

static void log_sample(enum log_level level)
{
        struct log_line line;

        log_begin(&line, level, "ready");
        log_text(&line, "plain", "127.0.0.1:4141");
        log_text(&line, "blank", "two words");
        log_text(&line, "empty", "");
        log_text(&line, "quote", "say \"hi\" \\ a=b");
        log_bytes(&line, "raw", slice_make("a\nb\t\x1b[31m\x00\x7f", 11));
        log_text(&line, "utf8", "Zwölf €");
        log_bytes(&line, "bad", slice_make("\xff\xc3(\xe2\x80\xae\xc2\x9b", 8));
        log_int(&line, "int", INT64_MIN);
        log_uint(&line, "uint", UINT64_MAX);
        log_format_value(&line, "format", "%d %%", 99);
        log_end(&line);
}

TEST(logfmt_line_is_as_documented)
{
        int fd = log_start(LOG_INFO, LOG_LOGFMT);

        log_sample(LOG_INFO);
        CHECK_TEXT(log_output(fd),
                   "ts=2026-01-02T03:04:05.678Z level=info event=ready plain=127.0.0.1:4141 blank=\"two words\" "
                   "empty=\"\" quote=\"say \\\"hi\\\" \\\\ a=b\" raw=\"a\\nb\\t\\x1b[31m\\x00\\x7f\" "
                   "utf8=\"Zwölf €\" bad=\"\\xff\\xc3(\\xe2\\x80\\xae\\xc2\\x9b\" int=-9223372036854775808 "
                   "uint=18446744073709551615 format=\"99 %\"\n");
}

TEST(json_line_is_as_documented)
{
        int fd = log_start(LOG_INFO, LOG_JSON);

        log_sample(LOG_WARN);
        CHECK_TEXT(log_output(fd),
                   "{\"ts\":\"2026-01-02T03:04:05.678Z\",\"level\":\"warn\",\"event\":\"ready\","
                   "\"plain\":\"127.0.0.1:4141\",\"blank\":\"two words\",\"empty\":\"\","
                   "\"quote\":\"say \\\"hi\\\" \\\\ a=b\",\"raw\":\"a\\nb\\t\\\\x1b[31m\\\\x00\\\\x7f\","
                   "\"utf8\":\"Zwölf €\",\"bad\":\"\\\\xff\\\\xc3(\\\\xe2\\\\x80\\\\xae\\\\xc2\\\\x9b\","
                   "\"int\":-9223372036854775808,\"uint\":18446744073709551615,\"format\":\"99 %\"}\n");
}

TEST(lines_below_the_level_are_not_written)
{
        int fd = log_start(LOG_WARN, LOG_LOGFMT);

        log_sample(LOG_INFO);
        log_message(LOG_DEBUG, "x", "not shown");
        log_message(LOG_ERROR, "log_failed", "write of %d bytes", 5);
        CHECK_TEXT(log_output(fd),
                   "ts=2026-01-02T03:04:05.678Z level=error event=log_failed msg=\"write of 5 bytes\"\n");
}

TEST(long_value_is_cut_at_a_character)
{
        int fd = log_start(LOG_INFO, LOG_LOGFMT);
        struct log_line line;
        char value[400];

        memset(value, 'v', sizeof(value));
        memcpy(value + LOG_VALUE_BYTES_MAX - 1, "\xe2\x82\xac", 3);
        log_begin(&line, LOG_INFO, "x");
        log_bytes(&line, "v", slice_make(value, sizeof(value)));
        log_end(&line);
        memcpy(value + LOG_VALUE_BYTES_MAX - 1, "...\n", 5);
        CHECK_TEXT(strstr(log_output(fd), "v=") + 2, value);
}

TEST(line_that_is_full_drops_whole_fields_and_says_so)
{
        for (int format = LOG_LOGFMT; format <= LOG_JSON; format++) {
                int fd = log_start(LOG_INFO, (enum log_format)format);
                struct log_line line;
                const char *text;
                char value[201];

                memset(value, '\x01', sizeof(value) - 1);
                value[sizeof(value) - 1] = '\0';
                log_begin(&line, LOG_INFO, "x");
                for (int i = 0; i < 50; i++)
                        log_text(&line, "field", value);
                log_end(&line);
                text = log_output(fd);
                CHECK(strlen(text) <= sizeof(line.text));
                CHECK_TEXT(text + strlen(text) - (format == LOG_JSON ? 12 : 10),
                           format == LOG_JSON ? "\"cut\":true}\n" : " cut=true\n");
                CHECK(strchr(text, '\n') == text + strlen(text) - 1);
        }
}

TEST(names_of_levels_and_formats_are_read)
{
        enum log_level level = LOG_DEBUG;
        enum log_format format = LOG_LOGFMT;

        CHECK(log_level_from_text("error", &level));
        CHECK_INT(level, LOG_ERROR);
        CHECK(!log_level_from_text("ERROR", &level));
        CHECK(log_format_from_text("json", &format));
        CHECK_INT(format, LOG_JSON);
        CHECK(!log_format_from_text("", &format));
}

TEST(limit_lets_a_burst_through_and_then_a_trickle)
{
        struct log_limit limit = {.interval_ns = 1000, .burst = 3};
        unsigned allowed = 0;

        for (unsigned i = 0; i < 10; i++)
                allowed += log_limit_allow(&limit, 5000);
        CHECK_UINT(allowed, 3);
        CHECK_UINT(limit.muted, 7);
        CHECK(!log_limit_allow(&limit, 5999));
        CHECK(log_limit_allow(&limit, 6000));
        CHECK(!log_limit_allow(&limit, 6500));
        CHECK(log_limit_allow(&limit, 1000000));
        CHECK_UINT(limit.tokens, 2);
}
