/* Values of settings and options, and the tables that name them. */
#include "sidecar/plan/setting.h"

#include "sidecar/plan/connector.h"
#include "tests/lib/check.h"

#include <stdio.h>

static int64_t duration(const char *text)
{
        int64_t ms = -1;

        return option_read_duration(slice_from_text(text), &ms) ? ms : -1;
}

static int64_t size(const char *text)
{
        uint64_t bytes = 0;

        return option_read_size(slice_from_text(text), &bytes) ? (int64_t)bytes : -1;
}

TEST(durations_are_written_as_in_flink)
{
        CHECK_INT(duration("30 s"), 30000);
        CHECK_INT(duration("30s"), 30000);
        CHECK_INT(duration(" 2  h "), 7200000);
        CHECK_INT(duration("5 min"), 300000);
        CHECK_INT(duration("5 m"), 300000);
        CHECK_INT(duration("1 d"), 86400000);
        CHECK_INT(duration("0 ms"), 0);
        CHECK_INT(duration("250"), 250);
        CHECK_INT(duration("3 Days"), 3 * INT64_C(86400000));
        CHECK_INT(duration("1 second"), 1000);
        CHECK_INT(duration(""), -1);
        CHECK_INT(duration("s"), -1);
        CHECK_INT(duration("-1 s"), -1);
        CHECK_INT(duration("1.5 s"), -1);
        CHECK_INT(duration("1 parsec"), -1);
        CHECK_INT(duration("99999999999999999999 ms"), -1);
        CHECK_INT(duration("9223372036854775807 s"), -1);
}

TEST(sizes_are_written_as_in_flink)
{
        CHECK_INT(size("64 MiB"), INT64_C(64) << 20);
        CHECK_INT(size("64mb"), INT64_C(64) << 20);
        CHECK_INT(size("4 g"), INT64_C(4) << 30);
        CHECK_INT(size("512 kb"), 512 << 10);
        CHECK_INT(size("1 tb"), INT64_C(1) << 40);
        CHECK_INT(size("17"), 17);
        CHECK_INT(size("17 bytes"), 17);
        CHECK_INT(size("1 mbit"), -1);
        CHECK_INT(size("16777216 tb"), -1);
        CHECK_INT(size("8388607 tb"), INT64_C(8388607) << 40);
}

static bool takes(const struct option_spec *spec, const char *value)
{
        return option_check(spec, slice_from_text(value), NULL) == 0;
}

TEST(values_are_checked_by_type)
{
        struct option_spec address = {.key = "a", .type = OPTION_ADDRESS};
        struct option_spec word = {.key = "w", .type = OPTION_WORD, .words = "one two: three"};
        struct option_spec on = {.key = "s", .type = OPTION_SWITCH};
        struct option_spec truth = {.key = "b", .type = OPTION_BOOLEAN};
        struct option_spec number = {.key = "i", .type = OPTION_INTEGER};
        struct option_spec text = {.key = "t", .type = OPTION_TEXT};

        CHECK(takes(&address, "127.0.0.1:4141"));
        CHECK(takes(&address, "host.example:0"));
        CHECK(takes(&address, "[::1]:4141"));
        CHECK(takes(&address, "*:4141"));
        CHECK(!takes(&address, "/run/weir.sock"));
        CHECK(!takes(&address, "4141"));
        CHECK(!takes(&address, ":4141"));
        CHECK(!takes(&address, "::1:4141"));
        CHECK(!takes(&address, "host:65536"));
        CHECK(!takes(&address, "host:41x"));
        CHECK(!takes(&address, "a host:41"));
        CHECK(takes(&word, "one"));
        CHECK(takes(&word, "two:anything"));
        CHECK(!takes(&word, "two:"));
        CHECK(!takes(&word, "two"));
        CHECK(!takes(&word, "One"));
        CHECK(takes(&on, "on") && takes(&on, "OFF") && takes(&on, "true"));
        CHECK(!takes(&on, "yes"));
        CHECK(takes(&truth, "true") && takes(&truth, "FALSE"));
        CHECK(!takes(&truth, "on"));
        CHECK(takes(&number, "42"));
        CHECK(!takes(&number, "-1") && !takes(&number, "4 2"));
        CHECK(!takes(&text, ""));
}

/* What a table says about itself must hold: defaults are values, keys are unique, help is there. */
static void check_spec(const struct option_spec *spec, bool is_setting)
{
        struct err err = {0};

        CHECK(spec->key != NULL && spec->help != NULL && spec->help[0] != '\0');
        CHECK(spec->type != OPTION_WORD || spec->words != NULL);
        if (spec->fallback == NULL || spec->fallback[0] == '\0')
                return;
        if (is_setting)
                CHECK_OK(setting_check(spec, slice_from_text(spec->fallback), &err), &err);
        else
                CHECK_OK(option_check(spec, slice_from_text(spec->fallback), &err), &err);
}

TEST(settings_are_sound)
{
        for (uint32_t i = 0; i < setting_count(); i++) {
                const struct option_spec *spec = setting_at(i);

                check_spec(spec, true);
                CHECK(setting_find(slice_from_text(spec->key)) == spec);
                CHECK(spec->is_ignored == (i >= SETTING_NAMED_COUNT));
                CHECK(i >= SETTING_NAMED_COUNT || spec->fallback != NULL);
        }
        CHECK(setting_find(slice_from_text("weir.nothing")) == NULL);
        CHECK_TEXT(setting_suggest(slice_from_text("weir.wal.synk")), "weir.wal.sync");
        CHECK(setting_suggest(slice_from_text("nothing.like.it")) == NULL);
}

TEST(defaults_are_read_without_a_job)
{
        CHECK_INT(setting_ms(NULL, SETTING_WATERMARK_MAX_AHEAD), 5 * 60000);
        CHECK_INT(setting_ms(NULL, SETTING_EVENT_MAX_FUTURE), 24 * 3600000);
        CHECK_UINT(setting_bytes(NULL, SETTING_WAL_SEGMENT_BYTES), 64 << 20);
        CHECK(setting_is_on(NULL, SETTING_WAL));
        CHECK_SLICE(setting_text(NULL, SETTING_HTTP_LISTEN), "127.0.0.1:4180");
        CHECK_SLICE(setting_path(NULL, SETTING_STATE_DIR), "/var/lib/weir");
        CHECK(!setting_is_set(NULL, SETTING_WAL));
}

TEST(time_zones_other_than_utc_are_refused)
{
        const struct option_spec *zone = setting_at(SETTING_TIME_ZONE);
        struct err err = {0};

        CHECK_OK(setting_check(zone, slice_from_text("UTC"), &err), &err);
        CHECK_OK(setting_check(zone, slice_from_text("Etc/UTC"), &err), &err);
        CHECK_FAILS(setting_check(zone, slice_from_text("Europe/Berlin"), &err), &err, "weir does not yet");
}

TEST(segments_too_small_for_rows_are_refused)
{
        const struct option_spec *segment = setting_at(SETTING_WAL_SEGMENT_BYTES);
        struct err err = {0};

        CHECK_OK(setting_check(segment, slice_from_text("256 kb"), &err), &err);
        CHECK_FAILS(setting_check(segment, slice_from_text("252 kb"), &err), &err, "at least 256 kb");
        CHECK_FAILS(setting_check(segment, slice_from_text("1000000"), &err), &err, "a multiple of 4 kb");
        CHECK_FAILS(setting_check(segment, slice_from_text("much"), &err), &err, "much");
}

TEST(connectors_are_sound)
{
        for (uint32_t i = 0; i < connector_count(); i++) {
                const struct connector *connector = connector_at(i);

                CHECK(connector->is_source || connector->is_sink);
                CHECK(connector_find(slice_from_text(connector->name)) == connector);
                CHECK(!connector_is_flinks(slice_from_text(connector->name)));
                for (uint32_t o = 0; o < connector->n_options; o++) {
                        const struct option_spec *spec = &connector->options[o];

                        check_spec(spec, false);
                        CHECK(connector_option(connector, slice_from_text(spec->key)) == spec);
                }
        }
        CHECK(connector_find(slice_from_text("kafka")) == NULL);
        CHECK(connector_is_flinks(slice_from_text("kafka")));
        CHECK_TEXT(connector_suggest(slice_from_text("filesytem")), "filesystem");
}
