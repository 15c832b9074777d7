/* `weir check`: what it prints, its exit codes, and what it says about the state of a running job. */
#include "sidecar/cmd/check_state.h"
#include "sidecar/cmd/command.h"
#include "sidecar/job/checkpoint.h"
#include "sidecar/job/record_writer.h"
#include "tests/lib/check.h"
#include "tests/lib/quick_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SOURCE                                                                                                  \
        "CREATE TABLE ev (kind STRING, n BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = " \
        "'flume', 'listen' = '127.0.0.1:0', 'format' = 'json');\n"                                              \
        "CREATE TABLE a (k STRING, n BIGINT) WITH ('connector' = 'print');\n"                                   \
        "CREATE TABLE b (k STRING, n BIGINT) WITH ('connector' = 'print');\n"
#define COUNTS(minutes)                                                                        \
        "SELECT kind, COUNT(*) FROM TABLE(TUMBLE(TABLE ev, DESCRIPTOR(ts), INTERVAL '" minutes \
        "' MINUTE)) GROUP BY "                                                                 \
        "kind, window_start, window_end;\n"

enum { SEGMENT_BYTES = 64 << 10 };

static const char *path_of(const char *name)
{
        static char path[16][4200];
        static int which;

        which = (which + 1) % 16;
        snprintf(path[which], sizeof path[which], "%s/%s", check_dir(), name);
        return path[which];
}

static const char *write_file(const char *name, const char *text)
{
        const char *path = path_of(name);
        FILE *file = fopen(path, "we");

        REQUIRE(file != NULL);
        fputs(text, file);
        fclose(file);
        return path;
}

/* Runs `weir check ARGUMENTS`; what it wrote to stdout and stderr comes back, valid until the next call. */
static const char *run(const char *const *arguments, int n, int *ret_code)
{
        static char output[8192];
        char *argv[8] = {strdup("check")};
        int saved[2] = {dup(1), dup(2)}, fd = open(path_of("output"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        ssize_t len;

        REQUIRE(fd >= 0 && n < 7);
        for (int i = 0; i < n; i++)
                argv[i + 1] = strdup(arguments[i]);
        fflush(NULL);
        dup2(fd, 1);
        dup2(fd, 2);
        *ret_code = command_check(n + 1, argv);
        fflush(NULL);
        dup2(saved[0], 1);
        dup2(saved[1], 2);
        len = pread(fd, output, sizeof output - 1, 0);
        output[len < 0 ? 0 : len] = '\0';
        close(fd);
        close(saved[0]);
        close(saved[1]);
        for (int i = 0; i <= n; i++)
                free(argv[i]);
        return output;
}

TEST(good_jobs_are_ok_and_bad_ones_78)
{
        const char *good = write_file("good.sql", SOURCE "INSERT INTO a " COUNTS("1"));
        const char *bad = write_file("bad.sql", SOURCE "INSERT INTO a SELECT kid, n FROM ev;\n");
        int code;

        CHECK_TEXT(run(&good, 1, &code), "ok: 1 query from 1 source\n");
        CHECK_INT(code, ERR_NONE);
        CHECK_CONTAINS(run(&bad, 1, &code), "bad.sql:4:22: error[WEIR-P0202]: there is no column 'kid'");
        CHECK_INT(code, ERR_CONFIG);
        CHECK_CONTAINS(run((const char *[]){"--format", "json", bad}, 3, &code), "{\"diagnostics\":[{\"code\":");
        CHECK_INT(code, ERR_CONFIG);
        CHECK_TEXT(run((const char *[]){"--format", "json", good}, 3, &code),
                   "{\"diagnostics\":[],\"more\":false}\n");
        CHECK_INT(code, ERR_NONE);
}

TEST(wrong_use_is_64_and_missing_files_78)
{
        int code;

        CHECK_CONTAINS(run(NULL, 0, &code), "usage: weir check");
        CHECK_INT(code, ERR_USAGE);
        (void)run((const char *[]){"--format", "xml", "x.sql"}, 3, &code);
        CHECK_INT(code, ERR_USAGE);
        CHECK_CONTAINS(run((const char *[]){"--help"}, 1, &code), "--against-state");
        CHECK_INT(code, ERR_NONE);
        CHECK_CONTAINS(run((const char *[]){"/no/such/job.sql"}, 1, &code), "/no/such/job.sql");
        CHECK_INT(code, ERR_CONFIG);
}

TEST(schema_files_are_read)
{
        const char *job =
                write_file("job.sql", "CREATE TABLE ev (kind BIGINT) WITH ('connector' = 'flume', 'listen' = "
                                      "'127.0.0.1:0', 'format' = 'avro', 'avro.schema-file' = 'ev.avsc');\n"
                                      "CREATE TABLE a (k BIGINT) WITH ('connector' = 'print');\n"
                                      "INSERT INTO a SELECT kind FROM ev;\n");
        int code;

        CHECK_CONTAINS(run(&job, 1, &code), "job.sql:1:14: table 'ev': schema file");
        CHECK_INT(code, ERR_CONFIG);
        write_file("ev.avsc",
                   "{\"type\":\"record\",\"name\":\"e\",\"fields\":[{\"name\":\"kind\",\"type\":\"string\"}]}");
        CHECK_CONTAINS(run(&job, 1, &code), "error[WEIR-P0608]");
        CHECK_INT(code, ERR_CONFIG);
        write_file("ev.avsc",
                   "{\"type\":\"record\",\"name\":\"e\",\"fields\":[{\"name\":\"kind\",\"type\":\"long\"}]}");
        CHECK_TEXT(run(&job, 1, &code), "ok: 1 query from 1 source\n");
        CHECK_INT(code, ERR_NONE);
}

TEST(an_address_has_one_table)
{
#define LISTENS(name, address)                                                                              \
        "CREATE TABLE " name " (line STRING)\n"                                                             \
        "WITH ('connector' = 'flume', 'listen' = '" address "', 'format' = 'raw');\n"                       \
        "CREATE TABLE " name "_o (line STRING) WITH ('connector' = 'blackhole');\n"                         \
        "INSERT INTO " name "_o SELECT line FROM " name ";\n"
        const char *twice = write_file("twice.sql", LISTENS("a", "127.0.0.1:4141") LISTENS("b", "127.0.0.1:4141"));
        const char *free_ports = write_file("free.sql", LISTENS("a", "127.0.0.1:0") LISTENS("b", "127.0.0.1:0"));
        int code;

        CHECK_CONTAINS(run(&twice, 1, &code),
                       "twice.sql:5:14: table 'b': 'listen' = '127.0.0.1:4141' is where table 'a' listens");
        CHECK_INT(code, ERR_CONFIG);
        CHECK_TEXT(run(&free_ports, 1, &code), "ok: 2 queries from 2 sources\n");
        CHECK_INT(code, ERR_NONE);
#undef LISTENS
}

/* ---- against a state directory ---- */

static struct record_config config_of(const char *text, struct slice *name, struct slice *text_slice)
{
        *name = slice_from_text("job.sql");
        *text_slice = slice_from_text(text);
        return (struct record_config){.generation = 1, .n_files = 1, .file_names = name, .file_texts = text_slice};
}

static bool no_part(void *context, struct bytes *part)
{
        (void)context;
        (void)part;
        return false;
}

static void write_checkpoint(const char *text)
{
        struct slice name, slice;
        struct record_config config = config_of(text, &name, &slice);
        struct checkpoint_manifest manifest = {.instance = 3, .generation = 1, .is_log_durable = true};
        struct checkpoint_writer *writer = NULL;
        struct err err = {0};
        struct bytes payload;
        uint64_t release_lsn;

        bytes_init(&payload);
        bytes_reserve(&payload, record_bound_config(&config));
        payload.len = record_encode_config(&config, payload.data);
        manifest.config = bytes_slice(&payload);
        CHECK_INT(quick_file_ops()->mkdir(NULL, path_of("state"), 0700), 0);
        CHECK_INT(quick_file_ops()->mkdir(NULL, path_of("state/checkpoint"), 0700), 0);
        CHECK_OK(checkpoint_begin(path_of("state/checkpoint"), quick_file_ops(), &manifest, no_part, NULL, &writer,
                                  &err),
                 &err);
        CHECK_OK(checkpoint_step(writer, &err), &err);
        CHECK_OK(checkpoint_publish(writer, &release_lsn, &err), &err);
        checkpoint_end(writer);
        bytes_done(&payload);
}

static void write_log(const char *text)
{
        struct wal_config log = {
                .ops = quick_file_ops(), .instance = 3, .segment_bytes = SEGMENT_BYTES, .is_inline = true};
        struct slice name, slice;
        struct record_config config = config_of(text, &name, &slice);
        struct wal_recovery recovery;
        struct record_writer *writer;
        struct wal *wal = NULL;
        struct err err = {0};
        uint64_t lsn;

        CHECK_INT(quick_file_ops()->mkdir(NULL, path_of("state/log"), 0700), 0);
        log.dir = path_of("state/log");
        CHECK_OK(wal_open(&log, &wal, &recovery, &err), &err);
        wal_kick(wal);
        while (wal_tend(wal, &err) == WAL_E_MORE)
                ;
        writer = record_writer_new(wal);
        CHECK_OK(record_writer_config(writer, &config, &lsn, &err), &err);
        wal_kick(wal);
        while (wal_tend(wal, &err) == WAL_E_MORE)
                ;
        record_writer_free(writer);
        wal_close(wal);
}

TEST(state_is_compared_window_by_window)
{
        const char *next = write_file("next.sql", SOURCE "INSERT INTO a " COUNTS("1") "INSERT INTO b " COUNTS(
                                                          "1") "INSERT INTO b " COUNTS("5"));
        const char *arguments[] = {"--against-state", path_of("state"), next};
        int code;

        CHECK_CONTAINS(run(arguments, 3, &code), "there is no state directory");
        CHECK_INT(code, ERR_CONFIG);
        write_checkpoint(SOURCE "INSERT INTO a " COUNTS("1") "INSERT INTO a " COUNTS("9"));
        CHECK_TEXT(run(arguments, 3, &code), "ok: 3 queries from 1 source\n"
                                             "keeps a, b\n"
                                             "new   b\n"
                                             "gone  a\n");
        CHECK_INT(code, ERR_NONE);
        /* A job change behind the checkpoint stands in the log. */
        write_log(SOURCE "INSERT INTO b " COUNTS("5"));
        CHECK_TEXT(run(arguments, 3, &code), "ok: 3 queries from 1 source\n"
                                             "new   a, b\n"
                                             "keeps b\n");
}
