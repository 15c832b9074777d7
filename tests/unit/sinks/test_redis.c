/* test_redis.c - what lies in Redis, judged by a real one. Trouble is in tests/fault/test_redis_trouble.c. */
#include "sidecar/base/alloc.h"
#include "sinks/redis_owner.h"
#include "tests/lib/check.h"
#include "tests/lib/redis_server.h"
#include "tests/lib/sink_rig.h"

#include <stdio.h>
#include <stdlib.h>

#define MINUTE_US INT64_C(60000000)

struct setup {
        struct redis_server server;
        struct sink_rig rig;
        char options[512];
};

static void set_up(struct setup *setup, const char *more)
{
        redis_server_start(&setup->server, check_dir(), false, NULL);
        sink_rig_init(&setup->rig);
        (void)snprintf(setup->options, sizeof(setup->options), "connector=redis;url=%s;%s", setup->server.url, more);
}

static void tear_down(struct setup *setup)
{
        sink_rig_done(&setup->rig);
        redis_server_done(&setup->server);
}

static struct plan_table *table(struct setup *setup, const char *name, const char *columns)
{
        struct plan_table *ret = rows_table(&setup->rig.arena, name, columns, setup->options);

        sink_rig_add(&setup->rig, ret);
        return ret;
}

TEST(one_database_has_one_account)
{
        struct arena arena;
        struct plan_table *tables[3];
        struct plan_job job = {.n_tables = 3, .tables = tables};
        struct err err;

        arena_init(&arena, 4096, 0);
        tables[0] = rows_table(&arena, "a", "id BIGINT*, n BIGINT", "connector=redis;url=redis://weir:x@h:6379/1");
        tables[1] = rows_table(&arena, "b", "id BIGINT*, n BIGINT", "connector=redis;url=redis://h/1");
        tables[2] = rows_table(&arena, "c", "id BIGINT*, n BIGINT", "connector=redis;url=redis://h/2;username=ads");
        err_reset(&err);
        for (int i = 0; i < 3; i++)
                tables[i]->is_sink = true;
        CHECK_OK(sink_check_job(&job, &err), &err);
        tables[2] = rows_table(&arena, "c", "id BIGINT*, n BIGINT", "connector=redis;url=redis://h/1;username=ads");
        tables[2]->is_sink = true;
        CHECK_FAILS(sink_check_job(&job, &err), &err, "another account than table 'a'");
        tables[2]->is_sink = false;
        CHECK_OK(sink_check_job(&job, &err), &err);
        arena_done(&arena);
}

TEST(table_with_primary_key_is_a_hash_per_key_and_expires)
{
        struct setup setup;
        struct plan_table *ctr;
        long ttl;

        set_up(&setup, "ttl=2 h");
        ctr = table(&setup, "ctr", "campaign_id BIGINT*, window_end TIMESTAMP, n BIGINT, is_new BOOLEAN");
        sink_rig_piece(&setup.rig, ctr, 1000, "42, 1700000000123456, 17, 1; -7, -1, 0, 0");
        sink_rig_end(&setup.rig, 5, 77);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 5));
        CHECK_TEXT(redis_server_hash(&setup.server, "weir:{ctr:42}"),
                   "campaign_id=42 is_new=1 n=17 window_end=1700000000123");
        CHECK_TEXT(redis_server_hash(&setup.server, "weir:{ctr:-7}"), "campaign_id=-7 is_new=0 n=0 window_end=-1");
        ttl = strtol(redis_server_ask(&setup.server, "PTTL weir:{ctr:42}"), NULL, 10);
        CHECK(ttl > 7190000 && ttl <= 7200000);
        CHECK_TEXT(redis_server_ask(&setup.server, "GET weir:{commit}:test"), "0000000000000abc-1:5:77");
        CHECK_TEXT(redis_server_ask(&setup.server, "PTTL weir:{commit}:test"), "-1");
        CHECK_UINT(sink_rig_stats(&setup.rig)->n_rows, 2);
        CHECK_UINT(sink_rig_stats(&setup.rig)->committed_epoch, 5);
        tear_down(&setup);
}

TEST(null_is_an_absent_field_and_removes_the_old_one)
{
        struct setup setup;
        struct plan_table *ctr;

        set_up(&setup, "");
        ctr = table(&setup, "ctr", "id BIGINT*, ctr DOUBLE, tag STRING");
        sink_rig_piece(&setup.rig, ctr, 1000, "1, 0.5, x; 2, NULL, y");
        sink_rig_end(&setup.rig, 1, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        CHECK_TEXT(redis_server_hash(&setup.server, "weir:{ctr:1}"), "ctr=0.5 id=1 tag=x");
        CHECK_TEXT(redis_server_hash(&setup.server, "weir:{ctr:2}"), "id=2 tag=y");
        sink_rig_piece(&setup.rig, ctr, 2000, "1, NULL, NULL; 2, nan, z");
        sink_rig_end(&setup.rig, 2, 2);
        CHECK(sink_rig_commit(&setup.rig, 2));
        CHECK_TEXT(redis_server_hash(&setup.server, "weir:{ctr:1}"), "id=1");
        CHECK_TEXT(redis_server_hash(&setup.server, "weir:{ctr:2}"), "id=2 tag=z");
        CHECK(strtol(redis_server_ask(&setup.server, "PTTL weir:{ctr:1}"), NULL, 10) > 0);
        tear_down(&setup);
}

TEST(table_without_key_is_a_stream_whose_ids_are_epoch_and_number)
{
        struct setup setup;
        struct plan_table *alerts;

        set_up(&setup, "ttl=10 s");
        alerts = table(&setup, "alerts", "ip STRING, n BIGINT");
        sink_rig_piece(&setup.rig, alerts, INT64_MIN, "1.2.3.4, 10; ::1, NULL");
        sink_rig_piece(&setup.rig, alerts, INT64_MIN, "5.6.7.8, 11");
        sink_rig_end(&setup.rig, 100000, 1);
        sink_rig_piece(&setup.rig, alerts, INT64_MIN, "9.9.9.9, 12");
        sink_rig_end(&setup.rig, 105000, 2);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 105000));
        CHECK_TEXT(redis_server_ask(&setup.server, "XRANGE weir:{alerts} - +"),
                   "100000-1\nip\n1.2.3.4\nn\n10\n100000-2\nip\n::1\n100000-3\nip\n5.6.7.8\nn\n11\n"
                   "105000-1\nip\n9.9.9.9\nn\n12");
        CHECK(strtol(redis_server_ask(&setup.server, "PTTL weir:{alerts}"), NULL, 10) > 9000);
        /* Trimmed by age, counted from the newest epoch. */
        sink_rig_piece(&setup.rig, alerts, INT64_MIN, "0.0.0.0, 1");
        sink_rig_end(&setup.rig, 112000, 3);
        CHECK(sink_rig_commit(&setup.rig, 112000));
        CHECK_TEXT(redis_server_ask(&setup.server, "XRANGE weir:{alerts} - +"),
                   "105000-1\nip\n9.9.9.9\nn\n12\n112000-1\nip\n0.0.0.0\nn\n1");
        tear_down(&setup);
}

TEST(sorted_set_is_replaced_as_a_whole_per_window)
{
        struct setup setup;
        struct plan_table *top;

        set_up(&setup, "type=zset;member=tag;score=cnt");
        top = table(&setup, "top", "land STRING*, tag STRING*, cnt BIGINT, w TIMESTAMP*");
        sink_rig_piece(&setup.rig, top, 1000, "NL, a, 3, 1; NL, b, 2, 1; DE, a, 9, 1");
        sink_rig_end(&setup.rig, 1, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        CHECK_TEXT(redis_server_ask(&setup.server, "ZRANGE weir:{top:NL} 0 -1 WITHSCORES"), "b\n2\na\n3");
        CHECK_TEXT(redis_server_ask(&setup.server, "ZRANGE weir:{top:DE} 0 -1 WITHSCORES"), "a\n9");
        CHECK(strtol(redis_server_ask(&setup.server, "PTTL weir:{top:NL}"), NULL, 10) > 0);
        /* Two windows in one epoch: the later one stays. Rows that cannot be members are counted. */
        sink_rig_piece(&setup.rig, top, 2000, "NL, c, 5, 2; NL, d, 1, 2");
        sink_rig_piece(&setup.rig, top, 3000, "NL, e, 7, 3; NL, NULL, 7, 3; NL, f, NULL, 3");
        sink_rig_end(&setup.rig, 2, 2);
        CHECK(sink_rig_commit(&setup.rig, 2));
        CHECK_TEXT(redis_server_ask(&setup.server, "ZRANGE weir:{top:NL} 0 -1 WITHSCORES"), "e\n7");
        CHECK_TEXT(redis_server_ask(&setup.server, "ZRANGE weir:{top:DE} 0 -1 WITHSCORES"), "a\n9");
        CHECK_TEXT(redis_server_ask(&setup.server, "KEYS *:next"), "");
        CHECK_UINT(sink_rig_stats(&setup.rig)->n_rejected, 2);
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "sink-reject"), 1);
        tear_down(&setup);
}

TEST(row_with_null_in_its_key_is_rejected_and_stops_nothing)
{
        struct setup setup;
        struct plan_table *ctr;

        set_up(&setup, "");
        ctr = table(&setup, "ctr", "id STRING*, n BIGINT");
        sink_rig_piece(&setup.rig, ctr, 1000, "NULL, 1; x, 2; NULL, 3");
        sink_rig_end(&setup.rig, 1, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        CHECK_TEXT(redis_server_hash(&setup.server, "weir:{ctr:x}"), "id=x n=2");
        CHECK_UINT(sink_rig_stats(&setup.rig)->n_rejected, 2);
        CHECK_UINT(sink_rig_stats(&setup.rig)->n_rows, 1);
        tear_down(&setup);
}

TEST(any_byte_may_stand_in_keys_and_values)
{
        struct setup setup;
        struct plan_table *t;
        struct batch batch;
        struct vector columns[2];
        uint8_t *long_key = alloc_bytes(1u << 20);
        char *key;
        struct slice strings[2][3];

        set_up(&setup, "");
        t = table(&setup, "t", "k STRING*, v BYTES");
        memset(long_key, 'x', 1u << 20);
        strings[0][0] = slice_make("a\r\nSET x 1\r\n\0{}%: ", 18);
        strings[1][0] = slice_make("\r\n\0\xff$5\r\n", 8);
        strings[0][1] = slice_make(long_key, 1u << 20);
        strings[1][1] = slice_make(long_key, 1u << 20);
        strings[0][2] = slice_make(NULL, 0);
        strings[1][2] = slice_make(NULL, 0);
        columns[0] = (struct vector){.phys = PHYS_STR, .str = strings[0]};
        columns[1] = (struct vector){.phys = PHYS_STR, .str = strings[1]};
        batch = (struct batch){.n_rows = 3, .n_columns = 2, .columns = columns};
        sink_rig_piece_batch(&setup.rig, t, 1000, &batch);
        sink_rig_end(&setup.rig, 1, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        CHECK_TEXT(redis_server_ask(&setup.server, "DBSIZE"), "6"); /* 3 rows, catalog, commit, life */
        CHECK_TEXT(redis_server_ask(&setup.server,
                                    "HGET weir:{t:a%%0D%%0ASET%%20x%%201%%0D%%0A%%00%%7B%%7D%%25%%3A%%20} v"),
                   "\r\n");
        CHECK_TEXT(redis_server_ask(&setup.server,
                                    "HSTRLEN weir:{t:a%%0D%%0ASET%%20x%%201%%0D%%0A%%00%%7B%%7D%%25%%3A%%20} v"), "8");
        CHECK_TEXT(redis_server_ask(&setup.server, "HSTRLEN weir:{t:} v"), "0");
        CHECK_TEXT(redis_server_ask(&setup.server, "HEXISTS weir:{t:} v"), "1");
        key = alloc_text(redis_server_ask(&setup.server, "KEYS weir:{t:xxx*"));
        /* SHA-256 of 1 MiB of 'x' */
        CHECK_CONTAINS(key, "+8f990ba0b577b51cf009ea049368c16bbda1b21e1b93be07a824758bb253c39b}");
        CHECK_TEXT(redis_server_ask(&setup.server, "HSTRLEN %s v", key), "1048576");
        alloc_free(key);
        alloc_free(long_key);
        tear_down(&setup);
}

TEST(catalog_says_what_lies_where)
{
        struct setup setup;
        const char *json;

        set_up(&setup, "ttl=90 s");
        (void)table(&setup, "ctr", "id BIGINT*, w TIMESTAMP*, ctr DOUBLE");
        sink_rig_end(&setup.rig, 1, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        json = redis_server_ask(&setup.server, "HGET weir:catalog ctr");
        CHECK_TEXT(json, "{\"type\":\"hash\",\"key\":\"weir:{ctr:<id>:<w>}\",\"ttl_ms\":90000,\"columns\":["
                         "{\"name\":\"id\",\"type\":\"BIGINT\",\"form\":\"integer\"},"
                         "{\"name\":\"w\",\"type\":\"TIMESTAMP(3)\",\"form\":\"epoch-ms\"},"
                         "{\"name\":\"ctr\",\"type\":\"DOUBLE\",\"form\":\"text\"}],\"instance\":\"test\"}");
        CHECK_TEXT(redis_server_ask(&setup.server, "TTL weir:catalog"), "-1");
        tear_down(&setup);
}

TEST(a_restart_goes_on_behind_the_commit_record)
{
        struct setup setup;
        struct plan_table *ctr;

        set_up(&setup, "");
        ctr = table(&setup, "ctr", "id BIGINT*, n BIGINT");
        sink_rig_piece(&setup.rig, ctr, 1000, "1, 1");
        sink_rig_end(&setup.rig, 10, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 10));
        CHECK_TEXT(redis_server_ask(&setup.server, "HSET weir:{ctr:1} n untouched"), "0");
        sink_rig_piece(&setup.rig, ctr, 2000, "2, 2");
        sink_rig_end(&setup.rig, 20, 2);
        sink_rig_restart(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 20));
        CHECK_TEXT(redis_server_hash(&setup.server, "weir:{ctr:1}"), "id=1 n=untouched");
        CHECK_TEXT(redis_server_hash(&setup.server, "weir:{ctr:2}"), "id=2 n=2");
        CHECK_TEXT(redis_server_ask(&setup.server, "GET weir:{commit}:test"), "0000000000000abc-2:20:2");
        CHECK_TEXT(sink_rig_stats(&setup.rig)->state, sink_rig_stats(&setup.rig)->state);
        tear_down(&setup);
}

TEST(sending_again_leaves_identical_data)
{
        struct setup setup;
        struct plan_table *ctr, *alerts, *top;
        char *before, *after;

        set_up(&setup, "");
        ctr = table(&setup, "ctr", "id BIGINT*, n BIGINT, x DOUBLE");
        alerts = table(&setup, "alerts", "ip STRING, n BIGINT");
        (void)snprintf(setup.options + strlen(setup.options), 64, ";type=zset;member=tag;score=cnt");
        top = table(&setup, "top", "tag STRING*, cnt BIGINT");
        for (int epoch = 1; epoch <= 5; epoch++) {
                char rows[128];

                (void)snprintf(rows, sizeof(rows), "1, %d, NULL; 2, %d, %d.5", epoch, epoch * 2, epoch);
                sink_rig_piece(&setup.rig, ctr, epoch * 1000, rows);
                (void)snprintf(rows, sizeof(rows), "10.0.0.%d, 1; 10.0.1.%d, 2", epoch, epoch);
                sink_rig_piece(&setup.rig, alerts, INT64_MIN, rows);
                (void)snprintf(rows, sizeof(rows), "a, %d; t%d, 1", epoch, epoch);
                sink_rig_piece(&setup.rig, top, epoch * 1000, rows);
                sink_rig_end(&setup.rig, (uint64_t)epoch, (uint64_t)epoch);
        }
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 5));
        before = redis_server_dump(&setup.server);
        /* The record alone is gone: all is sent again over what is there. */
        CHECK_TEXT(redis_server_ask(&setup.server, "DEL weir:{commit}:test"), "1");
        sink_rig_restart(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 5));
        after = redis_server_dump(&setup.server);
        CHECK_TEXT(after, before);
        CHECK_UINT(sink_rig_stats(&setup.rig)->n_rows, 30);
        alloc_free(before);
        alloc_free(after);
        tear_down(&setup);
}

TEST(newer_windows_win_inside_an_epoch_whatever_their_order)
{
        struct setup setup;
        struct plan_table *ctr;

        set_up(&setup, "");
        ctr = table(&setup, "ctr", "id BIGINT*, n BIGINT");
        setup.rig.is_ordered = false;
        sink_rig_piece(&setup.rig, ctr, 3000, "1, 30");
        sink_rig_piece(&setup.rig, ctr, 1000, "1, 10; 2, 11");
        sink_rig_piece(&setup.rig, ctr, 2000, "1, 20; 2, 21");
        sink_rig_end(&setup.rig, 1, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        CHECK_TEXT(redis_server_hash(&setup.server, "weir:{ctr:1}"), "id=1 n=30");
        CHECK_TEXT(redis_server_hash(&setup.server, "weir:{ctr:2}"), "id=2 n=21");
        tear_down(&setup);
}

TEST(many_rows_pass_with_bounded_bytes_in_flight)
{
        struct setup setup;
        struct plan_table *t;
        struct batch batch;
        enum { ROWS = 1000, PIECES = 20 };
        uint64_t most = 0;

        set_up(&setup, "");
        t = table(&setup, "t", "id BIGINT*, v STRING");
        for (int64_t p = 0; p < PIECES; p++) {
                struct vector *columns = arena_new_n(&setup.rig.arena, struct vector, 2);

                vector_init(&columns[0], PHYS_I64, ROWS, &setup.rig.arena);
                vector_init(&columns[1], PHYS_STR, ROWS, &setup.rig.arena);
                for (int64_t i = 0; i < ROWS; i++) {
                        uint8_t *value = arena_zero(&setup.rig.arena, 1000, 1);

                        columns[0].i64[i] = p * ROWS + i;
                        columns[1].str[i] = slice_make(value, 1000);
                }
                batch = (struct batch){.n_rows = ROWS, .n_columns = 2, .columns = columns};
                sink_rig_piece_batch(&setup.rig, t, 1000, &batch);
        }
        sink_rig_end(&setup.rig, 1, 1);
        sink_rig_open(&setup.rig);
        for (int i = 0; i < 100000 && setup.rig.committed == 0; i++) {
                (void)feeder_step(setup.rig.feeder, 100000);
                if (sink_rig_stats(&setup.rig)->bytes_in_flight > most)
                        most = sink_rig_stats(&setup.rig)->bytes_in_flight;
                CHECK(loop_run_once(setup.rig.loop, 1) >= 0);
        }
        CHECK_UINT(setup.rig.committed, 1);
        CHECK(most >= (4u << 20) && most < (4u << 20) + 4096);
        CHECK_TEXT(redis_server_ask(&setup.server, "HSTRLEN weir:{t:19999} v"), "1000");
        CHECK_UINT(sink_rig_stats(&setup.rig)->n_rows, ROWS * PIECES);
        tear_down(&setup);
}

TEST(bounded_run_keeps_no_commit_record)
{
        struct setup setup;
        struct plan_table *alerts;

        set_up(&setup, "");
        alerts = table(&setup, "alerts", "ip STRING");
        setup.rig.config.has_commit = false;
        sink_rig_piece(&setup.rig, alerts, INT64_MIN, "a; b");
        sink_rig_end(&setup.rig, 7, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 7));
        CHECK_TEXT(redis_server_ask(&setup.server, "KEYS weir:{commit}*"), "");
        CHECK_TEXT(redis_server_ask(&setup.server, "XLEN weir:{alerts}"), "2");
        /* The same run once more changes nothing. */
        sink_rig_restart(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 7));
        CHECK_TEXT(redis_server_ask(&setup.server, "XLEN weir:{alerts}"), "2");
        tear_down(&setup);
}

TEST(record_is_parsed_strictly)
{
        struct redis_record record = {.instance = 0xfedcba9876543210u, .start = 12, .epoch = 1700000000123, .lsn = 99};
        struct redis_record read;
        char text[REDIS_RECORD_BYTES];
        static const char *const bad[] = {
                "", "x", "fedcba9876543210-12:1700000000123", "fedcba9876543210-12:1700000000123:99 ",
                "fedcba987654321-12:1:1", "FEDCBA9876543210-12:1:1", "fedcba9876543210-012:1:1",
                "fedcba9876543210-12:-1:1", "fedcba9876543210-12:1:99999999999999999999",
        };

        redis_owner_format(&record, text);
        CHECK_TEXT(text, "fedcba9876543210-12:1700000000123:99");
        CHECK(redis_owner_parse(slice_from_text(text), &read));
        CHECK_UINT(read.instance, record.instance);
        CHECK_UINT(read.start, 12);
        CHECK_UINT(read.epoch, 1700000000123);
        CHECK_UINT(read.lsn, 99);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                CHECK(!redis_owner_parse(slice_from_text(bad[i]), &read));
        CHECK(!redis_owner_parse(slice_make("fedcba9876543210-12:1:1\0", 24), &read));
}
