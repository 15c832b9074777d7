/* test_redis_trouble.c - Redis goes away, forgets, refuses: nothing lost, nothing doubled, one clear line for each
 * change.
 *
 * The judge of most tests is the content of Redis: after the trouble it must equal what a run without trouble
 * leaves. */
#include "sidecar/base/alloc.h"
#include "sidecar/base/file.h"
#include "sidecar/plan/connector.h"
#include "tests/lib/check.h"
#include "tests/lib/redis_server.h"
#include "tests/lib/sink_rig.h"

#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct setup {
        struct redis_server server;
        struct sink_rig rig;
        struct plan_table *ctr, *alerts, *top;
};

static void add_tables(struct setup *setup, const char *url, const char *more)
{
        char options[700], zset[800];

        (void)snprintf(options, sizeof(options), "connector=redis;url=%s;%s", url, more);
        (void)snprintf(zset, sizeof(zset), "%s;type=zset;member=tag;score=cnt", options);
        setup->ctr = rows_table(&setup->rig.arena, "ctr", "id BIGINT*, n BIGINT, x DOUBLE", options);
        setup->alerts = rows_table(&setup->rig.arena, "alerts", "ip STRING, n BIGINT", options);
        setup->top = rows_table(&setup->rig.arena, "top", "tag STRING*, cnt BIGINT", zset);
        sink_rig_add(&setup->rig, setup->ctr);
        sink_rig_add(&setup->rig, setup->alerts);
        sink_rig_add(&setup->rig, setup->top);
}

static void set_up(struct setup *setup)
{
        redis_server_start(&setup->server, check_dir(), true, "--enable-protected-configs", "yes", NULL);
        sink_rig_init(&setup->rig);
        add_tables(setup, setup->server.url, "");
}

static void tear_down(struct setup *setup)
{
        sink_rig_done(&setup->rig);
        redis_server_done(&setup->server);
}

/* One epoch with rows of every kind, a NULL among them. */
static void add_epoch(struct setup *setup, int epoch)
{
        char rows[160];

        (void)snprintf(rows, sizeof(rows), "1, %d, NULL; 2, %d, %d.5; %d, 1, 1", epoch, epoch * 2, epoch, 100 + epoch);
        sink_rig_piece(&setup->rig, setup->ctr, epoch * 1000, rows);
        (void)snprintf(rows, sizeof(rows), "10.0.0.%d, 1; 10.0.1.%d, NULL; 10.0.2.%d, 3", epoch, epoch, epoch);
        sink_rig_piece(&setup->rig, setup->alerts, INT64_MIN, rows);
        (void)snprintf(rows, sizeof(rows), "a, %d; t%d, 1", epoch, epoch);
        sink_rig_piece(&setup->rig, setup->top, epoch * 1000, rows);
        sink_rig_end(&setup->rig, (uint64_t)epoch, (uint64_t)epoch * 10);
}

/* What a run without trouble leaves after epochs 1..n. */
static char *undisturbed(int n)
{
        struct setup setup;
        static int runs;
        char *dump, dir[300];

        (void)snprintf(dir, sizeof(dir), "%s/undisturbed%d", check_dir(), runs++);
        CHECK_INT(file_ops_system()->mkdir(NULL, dir, 0700), 0);
        redis_server_start(&setup.server, dir, false, NULL);
        sink_rig_init(&setup.rig);
        add_tables(&setup, setup.server.url, "");
        for (int epoch = 1; epoch <= n; epoch++)
                add_epoch(&setup, epoch);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, (uint64_t)n));
        dump = redis_server_dump(&setup.server);
        tear_down(&setup);
        return dump;
}

static void check_undisturbed(struct setup *setup, int n)
{
        char *expected = undisturbed(n), *actual = redis_server_dump(&setup->server);

        CHECK_TEXT(actual, expected);
        alloc_free(expected);
        alloc_free(actual);
}

TEST(down_at_the_start_is_one_line_and_then_all_arrives)
{
        struct setup setup;

        set_up(&setup);
        redis_server_kill(&setup.server);
        add_epoch(&setup, 1);
        sink_rig_open(&setup.rig);
        sink_rig_run_ms(&setup.rig, 600);
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "redis-down"), 1);
        CHECK_CONTAINS((const char *)setup.rig.notes.data, "redis.sock");
        CHECK(!sink_rig_stats(&setup.rig)->is_ready);
        redis_server_restart(&setup.server);
        CHECK(sink_rig_commit(&setup.rig, 1));
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "redis-up"), 1);
        check_undisturbed(&setup, 1);
        tear_down(&setup);
}

TEST(restart_with_empty_memory_gets_all_that_is_kept_again)
{
        struct setup setup;

        set_up(&setup);
        add_epoch(&setup, 1);
        add_epoch(&setup, 2);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 2));
        redis_server_restart(&setup.server);
        add_epoch(&setup, 3);
        CHECK(sink_rig_commit(&setup.rig, 3));
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "redis-down"), 1);
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "sink-resend"), 1);
        CHECK_CONTAINS((const char *)setup.rig.notes.data, "from epoch 1,");
        check_undisturbed(&setup, 3);
        tear_down(&setup);
}

TEST(flushall_is_found_while_nothing_is_written)
{
        struct setup setup;

        set_up(&setup);
        setup.rig.speed = 50;
        add_epoch(&setup, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        CHECK_TEXT(redis_server_ask(&setup.server, "FLUSHALL"), "OK");
        CHECK(sink_rig_wait_note(&setup.rig, "redis-forgot"));
        setup.rig.committed = 0;
        CHECK(sink_rig_commit(&setup.rig, 1));
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "redis-forgot"), 1);
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "sink-resend"), 1);
        check_undisturbed(&setup, 1);
        tear_down(&setup);
}

/* Rows of epoch 3 before the flush and behind it: the stream then begins in the middle of epoch 3. */
TEST(flushall_between_rows_and_commit_is_found_by_the_commit)
{
        struct setup setup;
        char rows[200];
        struct batch batch;
        enum sink_result result;
        struct sink *sink;
        uint32_t next = 0;

        set_up(&setup);
        add_epoch(&setup, 1);
        add_epoch(&setup, 2);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 2));
        add_epoch(&setup, 3);
        sink = setup.rig.set.sinks[0];
        (void)snprintf(rows, sizeof(rows), "10.0.0.3, 1; 10.0.1.3, NULL; 10.0.2.3, 3");
        batch = rows_batch(&setup.rig.arena, setup.alerts, rows);
        CHECK_TEXT(redis_server_ask(&setup.server, "FLUSHALL"), "OK");
        /* By hand instead of by the feeder, so that the flush falls between two rows. */
        result = sink->ops->write(sink, setup.alerts, 3, 0, INT64_MIN, &batch, 1, &next);
        CHECK_INT(result, SINK_OK);
        for (int i = 0; i < 50; i++)
                CHECK(loop_run_once(setup.rig.loop, 2) >= 0);
        CHECK_TEXT(redis_server_ask(&setup.server, "XLEN weir:{alerts}"), "2");
        CHECK(sink_rig_commit(&setup.rig, 3));
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "redis-forgot"), 1);
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "redis-stream-anew"), 1);
        check_undisturbed(&setup, 3);
        tear_down(&setup);
}

/* As above, and weir is killed when it has made the record anew and sent nothing again: the next start finds a record
 * of its own and a stream that begins behind what it sends. */
TEST(restart_between_flushall_and_the_stream_sent_again_starts_the_stream_anew)
{
        struct setup setup;
        struct batch batch;
        struct sink *sink;
        uint32_t next = 0;

        set_up(&setup);
        setup.rig.speed = 20;
        add_epoch(&setup, 1);
        add_epoch(&setup, 2);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 2));
        add_epoch(&setup, 3);
        sink = setup.rig.set.sinks[0];
        batch = rows_batch(&setup.rig.arena, setup.alerts, "10.0.0.3, 1; 10.0.1.3, NULL; 10.0.2.3, 3");
        CHECK_TEXT(redis_server_ask(&setup.server, "FLUSHALL"), "OK");
        CHECK_INT(sink->ops->write(sink, setup.alerts, 3, 0, INT64_MIN, &batch, 1, &next), SINK_OK);
        for (int i = 0; i < 50; i++)
                CHECK(loop_run_once(setup.rig.loop, 2) >= 0);
        CHECK_TEXT(redis_server_ask(&setup.server, "XLEN weir:{alerts}"), "2");
        CHECK_TEXT(redis_server_ask(&setup.server, "SET weir:{commit}:test 0000000000000abc-1:0:0"), "OK");
        sink_rig_restart(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 3));
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "redis-stream-anew"), 1);
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "redis-stream-ahead"), 0);
        check_undisturbed(&setup, 3);
        tear_down(&setup);
}

/* The answer for the catalog comes behind that for the record, which ends the epoch. */
TEST(a_table_that_joins_while_an_epoch_is_being_committed_disturbs_nothing)
{
        struct setup setup;
        struct sink *sink;
        char options[400];

        set_up(&setup);
        (void)snprintf(options, sizeof(options), "connector=redis;url=%s", setup.server.url);
        add_epoch(&setup, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        sink = setup.rig.set.sinks[0];
        CHECK_INT(sink->ops->commit(sink, 2, 20), SINK_OK); /* by hand: the feeder would turn the loop */
        sink_rig_add(&setup.rig, rows_table(&setup.rig.arena, "more", "id BIGINT*, n BIGINT", options));
        for (int i = 0; i < 50; i++)
                CHECK(loop_run_once(setup.rig.loop, 2) >= 0);
        add_epoch(&setup, 3);
        CHECK(sink_rig_commit(&setup.rig, 3));
        CHECK_CONTAINS(redis_server_ask(&setup.server, "HGET weir:catalog more"), "weir:{more:<id>}");
        tear_down(&setup);
}

TEST(redis_that_came_back_older_is_brought_up_from_there)
{
        struct setup setup;

        set_up(&setup);
        add_epoch(&setup, 1);
        add_epoch(&setup, 2);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 2));
        CHECK_TEXT(redis_server_ask(&setup.server, "SAVE"), "OK");
        add_epoch(&setup, 3);
        add_epoch(&setup, 4);
        CHECK(sink_rig_commit(&setup.rig, 4));
        redis_server_restart(&setup.server);
        CHECK_TEXT(redis_server_ask(&setup.server, "GET weir:{commit}:test"), "0000000000000abc-1:2:20");
        add_epoch(&setup, 5);
        CHECK(sink_rig_commit(&setup.rig, 5));
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "redis-went-back"), 1);
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "sink-resend"), 0);
        check_undisturbed(&setup, 5);
        tear_down(&setup);
}

TEST(killed_connection_is_made_again_and_data_is_the_same)
{
        struct setup setup;

        set_up(&setup);
        sink_rig_open(&setup.rig);
        for (int epoch = 1; epoch <= 8; epoch++) {
                add_epoch(&setup, epoch);
                (void)feeder_step(setup.rig.feeder, 1000);
                CHECK(loop_run_once(setup.rig.loop, 1) >= 0);
                (void)redis_server_ask(&setup.server, "CLIENT KILL TYPE normal SKIPME yes");
                CHECK(sink_rig_commit(&setup.rig, (uint64_t)epoch));
        }
        CHECK(sink_rig_stats(&setup.rig)->n_resets > 0);
        check_undisturbed(&setup, 8);
        tear_down(&setup);
}

TEST(frozen_redis_is_left_and_found_again)
{
        struct setup setup;

        set_up(&setup);
        setup.rig.speed = 50; /* no answer for 30 s */
        add_epoch(&setup, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        redis_server_pause(&setup.server, true);
        add_epoch(&setup, 2);
        CHECK(sink_rig_wait_note(&setup.rig, "redis-down"));
        CHECK_CONTAINS((const char *)setup.rig.notes.data, "no answer for");
        setup.rig.speed = 1;
        redis_server_pause(&setup.server, false);
        CHECK(sink_rig_commit(&setup.rig, 2));
        check_undisturbed(&setup, 2);
        tear_down(&setup);
}

TEST(replica_takes_no_writes_until_it_is_master_again)
{
        struct setup setup;
        struct redis_server master;
        char dir[300];

        set_up(&setup);
        (void)snprintf(dir, sizeof(dir), "%s/master", check_dir());
        CHECK_INT(file_ops_system()->mkdir(NULL, dir, 0700), 0);
        redis_server_start(&master, dir, true, NULL);
        add_epoch(&setup, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        CHECK_TEXT(redis_server_ask(&setup.server, "REPLICAOF 127.0.0.1 %d", master.port), "OK");
        add_epoch(&setup, 2);
        CHECK(sink_rig_wait_note(&setup.rig, "redis-read-only"));
        sink_rig_run_ms(&setup.rig, 1000);
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "redis-read-only"), 1);
        CHECK_TEXT(redis_server_ask(&setup.server, "REPLICAOF NO ONE"), "OK");
        CHECK(sink_rig_commit(&setup.rig, 2));
        check_undisturbed(&setup, 2);
        redis_server_done(&master);
        tear_down(&setup);
}

TEST(out_of_memory_is_one_line_and_ends_by_itself)
{
        struct setup setup;

        set_up(&setup);
        add_epoch(&setup, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        CHECK_TEXT(redis_server_ask(&setup.server, "CONFIG SET maxmemory 1"), "OK");
        add_epoch(&setup, 2);
        add_epoch(&setup, 3);
        CHECK(sink_rig_wait_note(&setup.rig, "redis-out-of-memory"));
        sink_rig_run_ms(&setup.rig, 1000);
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "redis-out-of-memory"), 1);
        CHECK(sink_rig_stats(&setup.rig)->bytes_in_flight < 4096);
        CHECK_UINT(setup.rig.committed, 1);
        CHECK_TEXT(redis_server_ask(&setup.server, "CONFIG SET maxmemory 0"), "OK");
        CHECK(sink_rig_commit(&setup.rig, 3));
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "redis-recovered"), 1);
        check_undisturbed(&setup, 3);
        tear_down(&setup);
}

TEST(server_that_cannot_save_is_waited_for)
{
        struct setup setup;
        char dir[300];

        set_up(&setup);
        (void)snprintf(dir, sizeof(dir), "%s/gone", check_dir());
        CHECK_INT(file_ops_system()->mkdir(NULL, dir, 0700), 0);
        CHECK_TEXT(redis_server_ask(&setup.server, "CONFIG SET dir %s", dir), "OK");
        CHECK_INT(rmdir(dir), 0);
        CHECK_TEXT(redis_server_ask(&setup.server, "SET foreign 1"), "OK");
        CHECK_CONTAINS(redis_server_ask(&setup.server, "CONFIG SET save %s", "3600 1"), "OK");
        (void)redis_server_ask(&setup.server, "BGSAVE");
        for (int i = 0; i < 100 && strstr(redis_server_ask(&setup.server, "SET foreign 2"), "MISCONF") == NULL; i++)
                (void)usleep(20000);
        add_epoch(&setup, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_wait_note(&setup.rig, "redis-misconf"));
        sink_rig_run_ms(&setup.rig, 500);
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "redis-misconf"), 1);
        CHECK_TEXT(redis_server_ask(&setup.server, "CONFIG SET stop-writes-on-bgsave-error no"), "OK");
        CHECK(sink_rig_commit(&setup.rig, 1));
        check_undisturbed(&setup, 1);
        tear_down(&setup);
}

TEST(loading_server_is_waited_for_and_has_forgotten_nothing)
{
        struct setup setup;

        set_up(&setup);
        add_epoch(&setup, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        CHECK_CONTAINS(redis_server_ask(&setup.server, "EVAL %s 0",
                                        "for i = 1, 3000 do redis.call('set', 'x' .. i, 1) end return 'made'"), "made");
        CHECK_TEXT(redis_server_ask(&setup.server, "SAVE"), "OK");
        redis_server_restart_loading(&setup.server);
        add_epoch(&setup, 2);
        CHECK(sink_rig_wait_note(&setup.rig, "redis-loading"));
        sink_rig_run_ms(&setup.rig, 500);
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "redis-loading"), 1);
        CHECK_UINT(setup.rig.committed, 1);
        CHECK_TEXT(redis_server_ask(&setup.server, "CONFIG SET key-load-delay 0"), "OK");
        CHECK(sink_rig_commit(&setup.rig, 2));
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "sink-resend"), 0);
        check_undisturbed(&setup, 2);
        tear_down(&setup);
}

TEST(busy_server_is_waited_for_and_its_script_left_alone)
{
        struct setup setup;
        redisContext *other;

        set_up(&setup);
        add_epoch(&setup, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        CHECK_TEXT(redis_server_ask(&setup.server, "CONFIG SET busy-reply-threshold 50"), "OK");
        other = redisConnectUnix(setup.server.socket);
        (void)redisAppendCommand(other, "EVAL %s 0", "while true do end");
        for (int done = 0; done == 0;)
                CHECK_INT(redisBufferWrite(other, &done), REDIS_OK);
        (void)usleep(100000);
        add_epoch(&setup, 2);
        CHECK(sink_rig_wait_note(&setup.rig, "redis-busy"));
        sink_rig_run_ms(&setup.rig, 300);
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "redis-busy"), 1);
        CHECK_TEXT(redis_server_ask(&setup.server, "SCRIPT KILL"), "OK");
        redisFree(other);
        CHECK(sink_rig_commit(&setup.rig, 2));
        check_undisturbed(&setup, 2);
        tear_down(&setup);
}

static void check_failing_row(struct setup *setup, const char *foreign)
{
        setup->rig.speed = 20; /* a pause of up to five seconds */
        add_epoch(setup, 1);
        sink_rig_open(&setup->rig);
        CHECK(sink_rig_wait_note(&setup->rig, "redis-wrong-type"));
        CHECK_CONTAINS((const char *)setup->rig.notes.data, foreign);
        sink_rig_run_ms(&setup->rig, 300);
        CHECK_UINT(sink_rig_count_notes(&setup->rig, "redis-wrong-type"), 1);
        /* The record still says that nothing was committed. */
        CHECK_TEXT(redis_server_ask(&setup->server, "GET weir:{commit}:test"), "0000000000000abc-1:0:0");
        CHECK_UINT(setup->rig.committed, 0);
        CHECK_TEXT(redis_server_ask(&setup->server, "DEL %s", foreign), "1");
        CHECK(sink_rig_commit(&setup->rig, 1));
        CHECK_UINT(sink_rig_count_notes(&setup->rig, "redis-recovered"), 1);
        check_undisturbed(setup, 1);
}

TEST(a_failing_row_prevents_the_commit)
{
        struct setup setup;

        set_up(&setup);
        CHECK_TEXT(redis_server_ask(&setup.server, "SET weir:{ctr:2} foreign"), "OK");
        check_failing_row(&setup, "weir:{ctr:2}");
        tear_down(&setup);
}

TEST(a_row_that_fails_inside_exec_prevents_the_commit)
{
        struct setup setup;

        set_up(&setup);
        CHECK_TEXT(redis_server_ask(&setup.server, "SET weir:{ctr:1} foreign"), "OK"); /* the row with a NULL */
        check_failing_row(&setup, "weir:{ctr:1}");
        tear_down(&setup);
}

TEST(a_stream_that_somebody_else_is_ahead_in_prevents_the_commit)
{
        struct setup setup;

        set_up(&setup);
        add_epoch(&setup, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        CHECK_TEXT(redis_server_ask(&setup.server, "XADD weir:{alerts} 99-1 a b"), "99-1");
        setup.rig.speed = 20;
        add_epoch(&setup, 2);
        CHECK(sink_rig_wait_note(&setup.rig, "redis-stream-ahead"));
        CHECK_CONTAINS((const char *)setup.rig.notes.data, "weir:{alerts}");
        CHECK_UINT(setup.rig.committed, 1);
        CHECK_TEXT(redis_server_ask(&setup.server, "DEL weir:{alerts}"), "1");
        CHECK(sink_rig_commit(&setup.rig, 2));
        CHECK_TEXT(redis_server_ask(&setup.server, "XLEN weir:{alerts}"), "3");
        tear_down(&setup);
}

TEST(another_live_instance_makes_the_second_one_stop)
{
        struct setup setup;
        struct sink_rig second;
        struct plan_table *ctr;
        char options[512];

        set_up(&setup);
        setup.rig.speed = 20; /* renews its life every quarter of a second */
        add_epoch(&setup, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        sink_rig_init(&second);
        (void)snprintf(options, sizeof(options), "connector=redis;url=%s", setup.server.url);
        ctr = rows_table(&second.arena, "ctr", "id BIGINT*, n BIGINT", options);
        sink_rig_add(&second, ctr);
        second.config.instance = 0xdef;
        sink_rig_piece(&second, ctr, 1000, "1, 666");
        sink_rig_end(&second, 7, 7);
        sink_rig_open(&second);
        for (int i = 0; i < 2000 && second.fatal[0] == '\0'; i++) {
                sink_rig_run_ms(&second, 5);
                sink_rig_run_ms(&setup.rig, 5);
        }
        CHECK_CONTAINS(second.fatal, "another weir named 'test'");
        CHECK_UINT(sink_rig_count_notes(&second, "redis-other-instance"), 1);
        CHECK_TEXT(redis_server_hash(&setup.server, "weir:{ctr:1}"), "id=1 n=1");
        CHECK_TEXT(redis_server_ask(&setup.server, "EXISTS weir:{commit}:test:0000000000000def"), "0");
        CHECK_TEXT(setup.rig.fatal, "");
        sink_rig_done(&second);
        tear_down(&setup);
}

TEST(an_instance_that_is_gone_is_taken_over_from)
{
        struct setup setup;

        set_up(&setup);
        CHECK_TEXT(redis_server_ask(&setup.server, "SET weir:{commit}:test 0000000000000def-3:900:1"), "OK");
        CHECK_TEXT(redis_server_ask(&setup.server, "SET weir:{commit}:test:0000000000000def t PX 1200"), "OK");
        add_epoch(&setup, 1);
        sink_rig_open(&setup.rig);
        sink_rig_run_ms(&setup.rig, 300);
        CHECK_UINT(setup.rig.committed, 0);
        CHECK(sink_rig_commit(&setup.rig, 1));
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "redis-other-instance"), 1);
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "sink-takeover"), 1);
        CHECK_TEXT(redis_server_ask(&setup.server, "GET weir:{commit}:test"), "0000000000000abc-1:1:10");
        tear_down(&setup);
}

/* The other one wakes up and commits in between: whoever finds the other's record looks whether it lives. */
TEST(a_record_overwritten_by_a_live_instance_stops_this_one)
{
        struct setup setup;

        set_up(&setup);
        add_epoch(&setup, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        CHECK_TEXT(redis_server_ask(&setup.server, "SET weir:{commit}:test 0000000000000def-3:900:1"), "OK");
        CHECK_TEXT(redis_server_ask(&setup.server, "SET weir:{commit}:test:0000000000000def t PX 5000"), "OK");
        add_epoch(&setup, 2);
        CHECK(sink_rig_wait_note(&setup.rig, "redis-other-instance"));
        sink_rig_run_ms(&setup.rig, 700); /* it has looked once by now */
        CHECK_TEXT(redis_server_ask(&setup.server, "SET weir:{commit}:test:0000000000000def t PX 15000"), "OK");
        sink_rig_run_ms(&setup.rig, 1200);
        CHECK_CONTAINS(setup.rig.fatal, "is alive");
        tear_down(&setup);
}

static bool has_made_all_but_two(void *context, uint64_t epoch)
{
        (void)context;
        return epoch != 2;
}

/* Nothing is written; when the key is gone, everything that is kept is. */
static void check_refused(struct setup *setup, const char *record, const char *words)
{
        char command[120];

        (void)snprintf(command, sizeof(command), "SET weir:{commit}:test %s", record);
        CHECK_TEXT(redis_server_ask(&setup->server, command), "OK");
        sink_rig_open(&setup->rig);
        CHECK(sink_rig_wait_note(&setup->rig, "redis-ahead"));
        setup->rig.speed = 20;
        sink_rig_run_ms(&setup->rig, 1000); /* it has looked again */
        CHECK_CONTAINS((const char *)setup->rig.notes.data, words);
        CHECK_UINT(sink_rig_count_notes(&setup->rig, "redis-ahead"), 1);
        CHECK(setup->rig.set.sinks[0]->stats.is_refused && !setup->rig.set.sinks[0]->stats.is_ready);
        CHECK_TEXT(setup->rig.fatal, "");
        CHECK_TEXT(redis_server_ask(&setup->server, "GET weir:{commit}:test"), record);
        CHECK_TEXT(redis_server_ask(&setup->server, "EXISTS weir:{alerts} weir:catalog"), "0");
        CHECK_TEXT(redis_server_ask(&setup->server, "DEL weir:{commit}:test"), "1");
        CHECK(sink_rig_commit(&setup->rig, 3));
        CHECK(!setup->rig.set.sinks[0]->stats.is_refused && setup->rig.set.sinks[0]->stats.is_ready);
        check_undisturbed(setup, 3);
}

TEST(a_record_that_our_log_has_not_made_is_refused)
{
        static const struct {
                const char *record, *words;
        } cases[] = {
                {"0000000000000abc-1:900:1", "epoch 900 at 1, and our log, which ends with epoch 3 at 31"},
                {"0000000000000abc-1:3:31", "epoch 3 at 31, and our log"},
                {"0000000000000abc-1:2:20", "epoch 2 at 20, and our log"}, /* lost, and then it went on */
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct setup setup;

                set_up(&setup);
                setup.rig.config.log_end = 31;
                setup.rig.config.has_made = has_made_all_but_two;
                for (int epoch = 1; epoch <= 3; epoch++)
                        add_epoch(&setup, epoch);
                check_refused(&setup, cases[i].record, cases[i].words);
                tear_down(&setup);
        }
}

static void check_account(struct setup *setup, const char *url, const char *more)
{
        sink_rig_init(&setup->rig);
        add_tables(setup, url, more);
        add_epoch(setup, 1);
        add_epoch(setup, 2);
        sink_rig_open(&setup->rig);
        CHECK(sink_rig_commit(&setup->rig, 2));
        CHECK_UINT(sink_rig_count_notes(&setup->rig, "redis-up"), 1);
}

TEST(password_in_url_option_or_file_over_tcp_and_socket)
{
        struct setup setup;
        char url[400], path[300], more[400];
        FILE *file;

        redis_server_start(&setup.server, check_dir(), true, "--requirepass", "s3:cr@t", NULL);
        CHECK_TEXT(redis_server_ask(&setup.server, "AUTH s3:cr@t"), "OK");
        (void)snprintf(url, sizeof(url), "redis://:s3%%3Acr%%40t@127.0.0.1:%u/2", setup.server.port);
        check_account(&setup, url, "");
        CHECK_TEXT(redis_server_ask(&setup.server, "SELECT 2"), "OK");
        check_undisturbed(&setup, 2);
        CHECK_CONTAINS(redis_server_ask(&setup.server, "CLIENT LIST"), "name=weir:test ");
        sink_rig_done(&setup.rig);
        (void)snprintf(url, sizeof(url), "redis://localhost:%u/3", setup.server.port);
        check_account(&setup, url, "password=s3:cr@t");
        sink_rig_done(&setup.rig);
        (void)snprintf(path, sizeof(path), "%s/password", check_dir());
        file = fopen(path, "w");
        REQUIRE(file != NULL);
        CHECK(fputs("s3:cr@t\n", file) >= 0);
        CHECK_INT(fclose(file), 0);
        (void)snprintf(more, sizeof(more), "password-file=%s", path);
        (void)snprintf(url, sizeof(url), "%s?db=1", setup.server.url);
        check_account(&setup, url, more);
        CHECK_TEXT(redis_server_ask(&setup.server, "SELECT 1"), "OK");
        check_undisturbed(&setup, 2);
        tear_down(&setup);
}

TEST(wrong_password_is_one_alarm_and_no_hammering)
{
        struct setup setup;

        redis_server_start(&setup.server, check_dir(), false, "--requirepass", "secret", NULL);
        sink_rig_init(&setup.rig);
        add_tables(&setup, setup.server.url, "password=wrong");
        add_epoch(&setup, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_wait_note(&setup.rig, "redis-denied"));
        sink_rig_run_ms(&setup.rig, 500);
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "redis-denied"), 1);
        CHECK_UINT(sink_rig_stats(&setup.rig)->n_errors, 1);
        CHECK(strstr((const char *)setup.rig.notes.data, "wrong") == NULL);
        tear_down(&setup);
}

/* The file that ships says what weir needs, and that it needs no more. */
TEST(user_with_the_shipped_acl_can_do_all)
{
        struct setup setup;
        uint8_t *acl;
        size_t len = 0;
        char *save, command[1024];
        struct err err;

        redis_server_start(&setup.server, check_dir(), false, NULL);
        CHECK_OK(file_read_whole(file_ops_system(), check_source("packaging/redis/weir.acl"), 4096, &acl, &len, &err),
                 &err);
        save = alloc_text_n(acl, len > 0 ? len - 1 : 0);
        REQUIRE(strncmp(save, "user ", 5) == 0);
        (void)snprintf(command, sizeof(command), "ACL SETUSER %s", save + 5);
        CHECK_TEXT(redis_server_ask(&setup.server, command), "OK");
        check_account(&setup, setup.server.url, "username=weir;password=change-me");
        check_undisturbed(&setup, 2);
        /* Redis forgets under its eyes: DEL of a stream, all again. */
        CHECK_TEXT(redis_server_ask(&setup.server, "FLUSHALL"), "OK");
        CHECK_TEXT(redis_server_ask(&setup.server, "XADD weir:{alerts} 2-2 a b"), "2-2");
        add_epoch(&setup, 3);
        CHECK(sink_rig_commit(&setup.rig, 3));
        check_undisturbed(&setup, 3);
        CHECK_UINT(sink_rig_stats(&setup.rig)->n_errors, 0);
        alloc_free(acl);
        alloc_free(save);
        tear_down(&setup);
}

TEST(user_without_a_right_is_an_alarm_with_the_key)
{
        struct setup setup;

        redis_server_start(&setup.server, check_dir(), false, NULL);
        CHECK_TEXT(redis_server_ask(&setup.server, "ACL SETUSER poor on >p ~weir:* +@all -xadd"), "OK");
        sink_rig_init(&setup.rig);
        add_tables(&setup, setup.server.url, "username=poor;password=p");
        add_epoch(&setup, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_wait_note(&setup.rig, "redis-denied"));
        CHECK_CONTAINS((const char *)setup.rig.notes.data, "xadd");
        CHECK_CONTAINS((const char *)setup.rig.notes.data, "weir:{alerts}");
        CHECK_UINT(setup.rig.committed, 0);
        tear_down(&setup);
}

TEST(policy_that_evicts_is_an_alarm)
{
        struct setup setup;

        redis_server_start(&setup.server, check_dir(), false, "--maxmemory", "100mb", "--maxmemory-policy",
                           "volatile-lru", NULL);
        sink_rig_init(&setup.rig);
        add_tables(&setup, setup.server.url, "");
        add_epoch(&setup, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "redis-evicts"), 1);
        CHECK_CONTAINS((const char *)setup.rig.notes.data, "volatile-lru");
        tear_down(&setup);
}

static void answer_like_a_web_server(void *context)
{
        int fd = accept(*(int *)context, NULL, NULL);
        static const char text[] = "HTTP/1.1 400 Bad Request\r\n\r\n";

        CHECK_INT(send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL), (intmax_t)sizeof(text) - 1);
        (void)close(fd);
}

TEST(what_is_not_redis_is_said)
{
        struct setup setup;
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        struct loop_watch *watch;
        char url[64];

        REQUIRE(bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 8) == 0);
        REQUIRE(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
        sink_rig_init(&setup.rig);
        watch = loop_watch_new(setup.rig.loop, fd, LOOP_READABLE, answer_like_a_web_server, &fd);
        (void)snprintf(url, sizeof(url), "redis://127.0.0.1:%u", ntohs(address.sin_port));
        add_tables(&setup, url, "");
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_wait_note(&setup.rig, "redis-error"));
        CHECK_CONTAINS((const char *)setup.rig.notes.data, "not Redis's protocol");
        loop_watch_free(watch);
        sink_rig_done(&setup.rig);
        (void)close(fd);
}

TEST(bounded_run_ends_where_waiting_would_not_help)
{
        struct setup setup;

        set_up(&setup);
        setup.rig.config.has_commit = false;
        CHECK_TEXT(redis_server_ask(&setup.server, "SET weir:{ctr:2} foreign"), "OK");
        add_epoch(&setup, 1);
        sink_rig_open(&setup.rig);
        sink_rig_run_ms(&setup.rig, 300);
        CHECK_CONTAINS(setup.rig.fatal, "WRONGTYPE");
        CHECK_CONTAINS(setup.rig.fatal, "weir:{ctr:2}");
        tear_down(&setup);
}
