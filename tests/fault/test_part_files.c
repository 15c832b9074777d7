/* test_part_files.c - the filesystem sink with every file call failed once: whole epochs, each once, whatever
 * happened.
 *
 * One scenario (three epochs, parts that roll in their middle and between them) is run again and again; each time
 * another call fails. The judge is the content of the finished parts after a start that nothing disturbs. */
#include "sidecar/base/alloc.h"
#include "tests/lib/check.h"
#include "tests/lib/faulty_file.h"
#include "tests/lib/quick_file.h"
#include "tests/lib/sink_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { EPOCHS = 3 };

struct run {
        struct sink_rig rig;
        struct faulty_file faulty;
        char dir[300];
        struct plan_table *table;
};

static void add_epochs(struct run *run)
{
        for (int epoch = 1; epoch <= EPOCHS; epoch++) {
                char rows[200];

                (void)snprintf(rows, sizeof(rows), "%d, aaaaaaaaaaaaaaaa; %d, b; %d, cccccccccccccccc", epoch * 10,
                               epoch * 10 + 1, epoch * 10 + 2);
                sink_rig_piece(&run->rig, run->table, INT64_MIN, rows);
                sink_rig_end(&run->rig, (uint64_t)epoch, (uint64_t)epoch);
        }
}

static void start(struct run *run, int n, bool is_faulty)
{
        char options[500];

        sink_rig_init(&run->rig);
        (void)snprintf(run->dir, sizeof(run->dir), "%s/%d", check_dir(), n);
        (void)snprintf(options, sizeof(options),
                       "connector=filesystem;path=%s;format=json;sink.rolling-policy.file-size=70;"
                       "sink.rolling-policy.rollover-interval=1 h", run->dir);
        run->table = rows_table(&run->rig.arena, "t", "id BIGINT, s STRING", options);
        sink_rig_add(&run->rig, run->table);
        add_epochs(run);
        run->rig.config.ops = is_faulty ? &run->faulty.ops : quick_file_ops();
}

/* As sink_rig_open, but a refusal is an outcome. */
static bool try_open(struct run *run)
{
        struct feeder_config config = {.sink = run->rig.set.sinks[0], .source = &run->rig.source,
                                       .events = &run->rig.events, .has_table = run->rig.has_table};
        struct err err;

        err_reset(&err);
        run->rig.feeder = feeder_new(&config);
        run->rig.config.listener = feeder_listener(run->rig.feeder);
        run->rig.config.last_epoch = EPOCHS;
        return config.sink->ops->open(config.sink, &run->rig.config, &err) == 0;
}

/* Turns until all is committed, the sink stopped, or a second went by. */
static void turn(struct run *run, int ms)
{
        for (int i = 0; i < ms / 2 && !feeder_is_drained(run->rig.feeder) && run->rig.fatal[0] == '\0'; i++) {
                (void)feeder_step(run->rig.feeder, 1000);
                CHECK(loop_run_once(run->rig.loop, 2) >= 0);
        }
}

static int compare_lines(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

struct lines {
        const char *dir;
        char *line[64];
        size_t n;
        unsigned n_hidden;
};

static void read_part(void *context, const char *name)
{
        struct lines *lines = context;
        char path[600], line[200];
        FILE *file;

        lines->n_hidden += strncmp(name, ".part-", 6) == 0;
        if (strncmp(name, "part-", 5) != 0)
                return;
        (void)snprintf(path, sizeof(path), "%s/%s", lines->dir, name);
        file = fopen(path, "r");
        REQUIRE(file != NULL);
        while (fgets(line, sizeof(line), file) != NULL) {
                REQUIRE(lines->n < 64);
                lines->line[lines->n++] = alloc_text(line);
        }
        (void)fclose(file);
}

static const char expected[] =
        "{\"id\":10,\"s\":\"aaaaaaaaaaaaaaaa\"}\n{\"id\":11,\"s\":\"b\"}\n{\"id\":12,\"s\":\"cccccccccccccccc\"}\n"
        "{\"id\":20,\"s\":\"aaaaaaaaaaaaaaaa\"}\n{\"id\":21,\"s\":\"b\"}\n{\"id\":22,\"s\":\"cccccccccccccccc\"}\n"
        "{\"id\":30,\"s\":\"aaaaaaaaaaaaaaaa\"}\n{\"id\":31,\"s\":\"b\"}\n{\"id\":32,\"s\":\"cccccccccccccccc\"}\n";

/* The next life, undisturbed, and one more that finishes the open part: then every row is there once. */
static void judge(int n, const char *what)
{
        struct lines lines = {.n = 0};
        struct bytes all;
        struct run run;

        for (int life = 0; life < 2; life++) {
                start(&run, n, false);
                CHECK(try_open(&run));
                turn(&run, 2000);
                if (run.rig.fatal[0] != '\0')
                        CHECK_FAIL("after %s at call %d: %s", what, n, run.rig.fatal);
                sink_rig_done(&run.rig);
        }
        lines.dir = run.dir;
        CHECK_INT(file_ops_system()->list(file_ops_system()->context, run.dir, read_part, &lines), 0);
        qsort(lines.line, lines.n, sizeof(lines.line[0]), compare_lines);
        bytes_init(&all);
        for (size_t i = 0; i < lines.n; i++) {
                bytes_append_text(&all, lines.line[i]);
                alloc_free(lines.line[i]);
        }
        if (!slice_is_equal(bytes_slice(&all), slice_from_text(expected)))
                CHECK_FAIL("after %s at call %d the parts hold\n%.*s", what, n, (int)all.len, (const char *)all.data);
        CHECK_UINT(lines.n_hidden, 0);
        bytes_done(&all);
}

/* Fails call 1, 2, 3, … until a run has no more calls to fail. Returns how many that were. */
static int sweep(enum faulty_kind kind, int error, const char *what)
{
        for (int n = 1;; n++) {
                struct run run;
                bool has_failed;

                REQUIRE(n < 500);
                faulty_file_init(&run.faulty, quick_file_ops());
                faulty_file_fail(&run.faulty, (uint64_t)n, kind, error);
                start(&run, n, true);
                if (try_open(&run))
                        turn(&run, 3000);
                sink_rig_done(&run.rig);
                has_failed = run.faulty.has_failed;
                faulty_file_done(&run.faulty);
                judge(n, what);
                if (!has_failed)
                        return n - 1;
        }
}

TEST(kill_at_every_call)
{
        CHECK(sweep(FAULTY_KILL, 0, "a kill") > 30);
}

TEST(io_error_at_every_call)
{
        CHECK(sweep(FAULTY_ERRNO, EIO, "EIO") > 30);
}

TEST(short_transfer_at_every_call)
{
        CHECK(sweep(FAULTY_SHORT, EIO, "a short transfer") > 30);
}

TEST(full_disk_at_every_call)
{
        CHECK(sweep(FAULTY_ERRNO, ENOSPC, "ENOSPC") > 30);
}

TEST(power_cut_at_every_call)
{
        struct check_random random = check_seed(20261);

        for (int n = 1; n < 500; n++) {
                struct run run;
                bool has_failed;

                faulty_file_init(&run.faulty, quick_file_ops());
                faulty_file_fail(&run.faulty, (uint64_t)n, FAULTY_KILL, 0);
                start(&run, n, true);
                if (try_open(&run))
                        turn(&run, 3000);
                has_failed = run.faulty.has_failed;
                faulty_file_crash(&run.faulty, FAULTY_LOSE_SOME, &random);
                sink_rig_done(&run.rig);
                faulty_file_done(&run.faulty);
                judge(n, "a power cut");
                if (!has_failed)
                        return;
        }
        CHECK_FAIL("the scenario does not end");
}

TEST(full_disk_that_is_freed_is_one_note_and_nothing_lost)
{
        struct run run;

        faulty_file_init(&run.faulty, quick_file_ops());
        start(&run, 1, true);
        CHECK(try_open(&run));
        faulty_file_fail_all(&run.faulty, "pwrite", ENOSPC);
        turn(&run, 1500);
        CHECK_UINT(run.rig.committed, 0);
        CHECK_UINT(sink_rig_count_notes(&run.rig, "filesystem-full"), 1);
        CHECK(!sink_rig_stats(&run.rig)->is_ready);
        faulty_file_heal(&run.faulty);
        turn(&run, 3000);
        CHECK_UINT(run.rig.committed, EPOCHS);
        CHECK_UINT(sink_rig_count_notes(&run.rig, "filesystem-recovered"), 1);
        sink_rig_done(&run.rig);
        faulty_file_done(&run.faulty);
        judge(1, "a full disk");
}
