/* test_print.c - rows on standard output, and a reader that does not read. */
#include "tests/lib/check.h"
#include "tests/lib/sink_rig.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

struct setup {
        struct sink_rig rig;
        int reader, stdout_before;
        struct plan_table *table;
};

/* Standard output is a pipe of ours while the sink is open. */
static void set_up(struct setup *setup, const char *options)
{
        int ends[2];

        sink_rig_init(&setup->rig);
        setup->table = rows_table(&setup->rig.arena, "t", "id BIGINT*, s STRING", options);
        sink_rig_add(&setup->rig, setup->table);
        REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
        (void)fflush(stdout);
        setup->stdout_before = dup(STDOUT_FILENO);
        REQUIRE(dup2(ends[1], STDOUT_FILENO) == STDOUT_FILENO);
        (void)close(ends[1]);
        setup->reader = ends[0];
        REQUIRE(fcntl(setup->reader, F_SETFL, O_NONBLOCK) == 0);
}

static void tear_down(struct setup *setup)
{
        sink_rig_done(&setup->rig);
        (void)dup2(setup->stdout_before, STDOUT_FILENO);
        (void)close(setup->stdout_before);
        if (setup->reader >= 0)
                (void)close(setup->reader);
}

/* What is in the pipe now. */
static void drain(struct setup *setup, struct bytes *text)
{
        ssize_t n;

        while ((n = read(setup->reader, bytes_reserve(text, 65536), 65536)) > 0)
                text->len += (size_t)n;
}

TEST(rows_are_printed_as_insertions_with_the_identifier)
{
        struct setup setup;
        struct bytes text;

        set_up(&setup, "connector=print;print-identifier=ctr");
        bytes_init(&text);
        sink_rig_piece(&setup.rig, setup.table, 1000, "1, a; 2, NULL");
        sink_rig_end(&setup.rig, 1, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        drain(&setup, &text);
        CHECK_SLICE(bytes_slice(&text), "ctr> +I[1, a]\nctr> +I[2, null]\n");
        bytes_done(&text);
        tear_down(&setup);
}

TEST(a_new_run_goes_on_behind_the_last_checkpoint)
{
        struct setup setup;
        struct bytes text;

        set_up(&setup, "connector=print");
        bytes_init(&text);
        setup.rig.config.committed_epoch = 1;
        sink_rig_piece(&setup.rig, setup.table, 1000, "1, a");
        sink_rig_end(&setup.rig, 1, 1);
        sink_rig_piece(&setup.rig, setup.table, 1000, "2, b");
        sink_rig_end(&setup.rig, 2, 2);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 2));
        drain(&setup, &text);
        CHECK_SLICE(bytes_slice(&text), "+I[2, b]\n");
        bytes_done(&text);
        tear_down(&setup);
}

TEST(a_reader_that_does_not_read_stops_the_sink_and_nothing_else)
{
        enum { PIECES = 300 };
        struct setup setup;
        struct bytes text;
        unsigned n_lines = 0;

        set_up(&setup, "connector=print");
        bytes_init(&text);
        for (int i = 0; i < PIECES; i++) {
                char row[1100];

                (void)snprintf(row, sizeof(row), "%d, %01000d", i, i);
                sink_rig_piece(&setup.rig, setup.table, 1000, row);
        }
        sink_rig_end(&setup.rig, 1, 1);
        sink_rig_open(&setup.rig);
        sink_rig_run_ms(&setup.rig, 50); /* the loop turns, the pipe is full */
        CHECK_UINT(setup.rig.committed, 0);
        CHECK(sink_rig_stats(&setup.rig)->bytes_in_flight < (80u << 10));
        for (int i = 0; i < 1000 && setup.rig.committed == 0; i++) {
                drain(&setup, &text);
                sink_rig_run_ms(&setup.rig, 1);
        }
        drain(&setup, &text);
        CHECK_UINT(setup.rig.committed, 1);
        for (size_t i = 0; i < text.len; i++)
                n_lines += text.data[i] == '\n';
        CHECK_UINT(n_lines, PIECES);
        bytes_done(&text);
        tear_down(&setup);
}

TEST(an_output_that_is_gone_stops_the_run)
{
        struct setup setup;

        (void)signal(SIGPIPE, SIG_IGN); /* as weir run does */
        set_up(&setup, "connector=print");
        (void)close(setup.reader);
        setup.reader = -1;
        sink_rig_piece(&setup.rig, setup.table, 1000, "1, a");
        sink_rig_end(&setup.rig, 1, 1);
        sink_rig_open(&setup.rig);
        sink_rig_run_ms(&setup.rig, 20);
        CHECK_CONTAINS(setup.rig.fatal, "cannot print to standard output");
        tear_down(&setup);
}

TEST(a_blackhole_counts)
{
        struct sink_rig rig;
        struct plan_table *table;

        sink_rig_init(&rig);
        table = rows_table(&rig.arena, "t", "id BIGINT", "connector=blackhole");
        sink_rig_add(&rig, table);
        sink_rig_piece(&rig, table, INT64_MIN, "1; 2; 3");
        sink_rig_end(&rig, 9, 1);
        sink_rig_open(&rig);
        CHECK(sink_rig_commit(&rig, 9));
        CHECK_UINT(sink_rig_stats(&rig)->n_rows, 3);
        CHECK_UINT(sink_rig_stats(&rig)->committed_epoch, 9);
        sink_rig_done(&rig);
}
