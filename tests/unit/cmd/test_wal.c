/* test_wal.c - `weir wal` shows what is in a log, and says when something durable is not. */
#include "tests/lib/check.h"
#include "tests/lib/quick_file.h"

#include "sidecar/base/alloc.h"
#include "sidecar/cmd/command.h"
#include "sidecar/job/checkpoint.h"
#include "sidecar/job/record_writer.h"
#include "sinks/outbox.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { SEGMENT_BYTES = 64 << 10 };

static const char *path_of(const char *name)
{
        static char path[2][4200];
        static int which;

        which = !which;
        snprintf(path[which], sizeof(path[which]), "%s/%s", check_dir(), name);
        return path[which];
}

static void make_room(struct wal *wal)
{
        struct err err;

        wal_kick(wal);
        while (wal_tend(wal, &err) == WAL_E_MORE)
                ;
}

static bool no_part(void *context, struct bytes *part)
{
        (void)context;
        (void)part;
        return false;
}

static void write_checkpoint(uint64_t log_lsn)
{
        struct checkpoint_manifest manifest = {.instance = 3, .log_lsn = log_lsn, .is_log_durable = true,
                                               .outbox_lsn = 7, .last_epoch = 8, .generation = 1};
        struct checkpoint_writer *writer;
        struct err err;
        uint64_t release_lsn;

        CHECK_OK(checkpoint_begin(path_of("checkpoint"), quick_file_ops(), &manifest, no_part, NULL, &writer, &err),
                 &err);
        CHECK_OK(checkpoint_step(writer, &err), &err);
        CHECK_OK(checkpoint_publish(writer, &release_lsn, &err), &err);
        checkpoint_end(writer);
}

static struct record_batch batch_of(struct arena *arena)
{
        static const double doubles[] = {0.5, 1e300, 0};
        struct vector *columns = arena_new_n(arena, struct vector, 5);
        struct record_batch batch = {.generation = 1, .origin = slice_from_text("o\"1"), .connection = 2, .sequence = 3,
                                     .depth = 1, .arrival_ms = 4, .is_last = true, .n_filtered = 1, .n_dead = 1,
                                     .rows = {.n_rows = 3, .n_columns = 5, .columns = columns}};

        for (int i = 0; i < 5; i++)
                vector_init(&columns[i], (enum phys[]){PHYS_STR, PHYS_I64, PHYS_F64, PHYS_DEC, PHYS_I64}[i], 3, arena);
        for (int i = 0; i < 3; i++) {
                columns[0].str[i] = slice_from_text((const char *[]){"a", "b\n", "a"}[i]);
                columns[1].i64[i] = 1700000000123000 + i;
                columns[2].f64[i] = doubles[i];
                columns[3].dec[i] = -5 * (i - 1);
                columns[4].i64[i] = i % 2;
        }
        vector_need_valid(&columns[2], 3, arena);
        bitmap_clear(columns[2].valid, 2);
        batch.n_steps = 1;
        batch.step_row = arena_new(arena, uint32_t);
        batch.step_ms = arena_new(arena, int64_t);
        batch.n_fingerprints = 1;
        batch.fingerprint = arena_new(arena, uint64_t);
        return batch;
}

static const struct plan_table *find_no_table(void *context, uint32_t generation, struct slice name)
{
        (void)context;
        (void)generation;
        (void)name;
        return NULL;
}

/* An outbox of two epochs without rows, sealed. Returns its end. */
static uint64_t write_outbox(void)
{
        struct outbox_config config = {.ops = quick_file_ops(), .instance = 3, .find_table = find_no_table};
        struct outbox *outbox;
        struct err err;
        uint64_t end;

        CHECK_INT(quick_file_ops()->mkdir(NULL, path_of("outbox"), 0700), 0);
        config.dir = path_of("outbox");
        CHECK_OK(outbox_open(&config, &outbox, &err), &err);
        CHECK_OK(outbox_append_epoch_end(outbox, 5, 1, &err), &err);
        CHECK_OK(outbox_append_epoch_end(outbox, 6, 2, &err), &err);
        end = outbox_seal(outbox);
        while (outbox_tend(outbox, &err) == OUTBOX_E_MORE)
                ;
        outbox_close(outbox);
        return end;
}

/* A state directory with one record of each kind. Returns the end of the log. */
static uint64_t write_state(void)
{
        struct wal_config config = {.ops = quick_file_ops(), .instance = 3, .segment_bytes = SEGMENT_BYTES,
                                    .is_inline = true};
        struct slice names[] = {slice_from_text("k"), slice_from_text("ts"), slice_from_text("d"), slice_from_text("p"),
                                slice_from_text("b")};
        struct slice types[] = {slice_from_text("STRING"), slice_from_text("TIMESTAMP_LTZ(3)"),
                                slice_from_text("DOUBLE"), slice_from_text("DECIMAL(10, 2)"),
                                slice_from_text("BOOLEAN")};
        enum phys phys[] = {PHYS_STR, PHYS_I64, PHYS_F64, PHYS_DEC, PHYS_I64};
        struct record_layout layout = {.generation = 1, .table = slice_from_text("ads"), .n_columns = 5, .names = names,
                                       .types = types, .phys = phys};
        struct record_config job = {.generation = 1, .now_ms = 1, .n_files = 1, .file_names = names,
                                    .file_texts = types};
        struct record_dead dead = {.generation = 1,
                                   .reason = slice_from_text("truncated"),
                                   .detail = slice_from_text("at 1"),
                                   .body_bytes = 9,
                                   .body = slice_from_text("\x01\xff")};
        struct record_tick tick = {.now_ms = 99, .is_flush = true};
        struct record_origin origin = {.event = RECORD_CONNECTION_CLOSE, .connection = 2, .now_ms = 5,
                                       .peer = slice_from_text("10.0.0.1:5")};
        struct wal_recovery recovery;
        struct record_writer *writer;
        struct record_batch batch;
        struct arena arena;
        struct wal *wal;
        struct err err;
        uint64_t lsn;

        CHECK_INT(quick_file_ops()->mkdir(NULL, path_of("log"), 0700), 0);
        CHECK_INT(quick_file_ops()->mkdir(NULL, path_of("checkpoint"), 0700), 0);
        config.dir = path_of("log");
        CHECK_OK(wal_open(&config, &wal, &recovery, &err), &err);
        make_room(wal);
        writer = record_writer_new(wal);
        record_writer_set_layout(writer, &layout);
        arena_init(&arena, 4096, 0);
        batch = batch_of(&arena);
        CHECK_OK(record_writer_config(writer, &job, &lsn, &err), &err);
        CHECK_OK(record_writer_dead(writer, &dead, &lsn, &err), &err);
        CHECK_OK(record_writer_batch(writer, &batch, &lsn, &err), &err);
        CHECK_OK(record_writer_tick(writer, &tick, &lsn, &err), &err);
        make_room(wal);
        write_checkpoint(wal_end(wal));
        CHECK_OK(record_writer_origin(writer, &origin, &lsn, &err), &err);
        CHECK_OK(record_writer_dead(writer, &dead, &lsn, &err), &err);
        make_room(wal);
        lsn = wal_durable(wal);
        record_writer_free(writer);
        wal_close(wal);
        arena_done(&arena);
        return lsn;
}

/* Runs `weir wal ARGUMENTS DIR`; what it wrote to stdout and stderr comes back, valid until the next call. */
static const char *run(const char *part, const char *option, const char *value, int *ret_code)
{
        static char output[20000];
        char *argv[6] = {(char *)(uintptr_t)"wal", (char *)(uintptr_t)part};
        int argc = 2;
        int saved[2], fd;
        ssize_t len;

        if (option != NULL)
                argv[argc++] = (char *)(uintptr_t)option;
        if (value != NULL)
                argv[argc++] = (char *)(uintptr_t)value;
        argv[argc++] = (char *)(uintptr_t)check_dir();
        fflush(NULL);
        fd = open(path_of("output"), O_RDWR | O_CREAT | O_TRUNC, 0600);
        for (int i = 0; i < 2; i++) {
                saved[i] = dup(1 + i);
                dup2(fd, 1 + i);
        }
        *ret_code = command_wal(argc, argv);
        fflush(NULL);
        for (int i = 0; i < 2; i++) {
                dup2(saved[i], 1 + i);
                close(saved[i]);
        }
        len = pread(fd, output, sizeof(output) - 1, 0);
        close(fd);
        REQUIRE(len >= 0);
        output[len] = '\0';
        return output;
}

static const char dump[] =
        "{\"lsn\":4096,\"bytes\":13,\"type\":\"CONFIG\",\"generation\":1,\"now_ms\":1,\"files\":{\"k\":\"STRING\"},"
        "\"overrides\":{}}\n"
        "{\"lsn\":4144,\"bytes\":24,\"type\":\"DEAD\",\"generation\":1,\"source\":0,\"connection\":0,\"sequence\":0,"
        "\"arrival_ms\":0,\"reason\":\"truncated\",\"detail\":\"at 1\",\"body_bytes\":9,\"body\":\"01ff\"}\n"
        "{\"lsn\":4200,\"bytes\":77,\"type\":\"LAYOUT\",\"generation\":1,\"source\":0,\"table\":\"ads\",\"columns\":"
        "{\"k\":\"STRING\",\"ts\":\"TIMESTAMP_LTZ(3)\",\"d\":\"DOUBLE\",\"p\":\"DECIMAL(10, 2)\",\"b\":\"BOOLEAN\"}}\n"
        "{\"lsn\":4312,\"bytes\":95,\"type\":\"BATCH\",\"generation\":1,\"source\":0,\"table\":\"ads\",\"origin\":\"o\\\"1\","
        "\"connection\":2,\"sequence\":3,\"depth\":1,\"arrival_ms\":4,\"last\":true,\"filtered\":1,\"duplicate\":0,"
        "\"dead\":1,\"rows\":["
        "{\"k\":\"a\",\"ts\":\"2023-11-14 22:13:20.123000\",\"d\":0.5,\"p\":0.05,\"b\":false},"
        "{\"k\":\"b\\n\",\"ts\":\"2023-11-14 22:13:20.123001\",\"d\":1.0E300,\"p\":0.00,\"b\":true},"
        "{\"k\":\"a\",\"ts\":\"2023-11-14 22:13:20.123002\",\"d\":null,\"p\":-0.05,\"b\":false}],"
        "\"steps\":[[0,0]],\"fingerprints\":[\"0000000000000000\"]}\n"
        "{\"lsn\":4440,\"bytes\":3,\"type\":\"TICK\",\"now_ms\":99,\"ready\":false,\"flush\":true}\n"
        "{\"lsn\":8192,\"bytes\":15,\"type\":\"ORIGIN\",\"source\":0,\"event\":\"close\",\"connection\":2,\"now_ms\":5,"
        "\"peer\":\"10.0.0.1:5\"}\n";

TEST(dump_shows_every_record_as_json)
{
        const char *output;
        int code;

        write_state();
        output = run("dump", NULL, NULL, &code);
        CHECK_INT(code, 0);
        CHECK_TEXT(output, dump);
        output = run("dump", "--from", "8192", &code);
        CHECK_INT(code, 0);
        CHECK_TEXT(output, strstr(dump, "{\"lsn\":8192"));
        output = run("dump", "--all", NULL, &code);
        CHECK_CONTAINS(output, "\"type\":\"PAD\"");
        CHECK_CONTAINS(output, "\"type\":\"DEAD\",\"incomplete\":true");
        CHECK_TEXT(run("dump", "--to", "1", &code), "");
}

TEST(ls_shows_segments_and_checkpoints)
{
        const char *output;
        int code;

        write_state();
        output = run("ls", NULL, NULL, &code);
        CHECK_INT(code, 0);
        CHECK_CONTAINS(output, "checkpoint  1  log 4480  outbox 7  epoch 8  job 1  32 bytes");
        CHECK_CONTAINS(output, "  ok\n");
        CHECK_CONTAINS(output, "segment  0000000000000000.wal  number 1  from 0 to 12288  65536 bytes\n");
        CHECK_CONTAINS(output, "segment  0000000000010000.wal  ready  65536 bytes\n");
        CHECK_CONTAINS(output, "end  12288  6 records  1 units never completed\n");
}

TEST(verify_tells_a_torn_tail_from_damage)
{
        const char *output;
        uint8_t byte = 0x55;
        int code, fd;

        write_state();
        output = run("verify", NULL, NULL, &code);
        CHECK_INT(code, 0);
        CHECK_TEXT(output, "end  12288  6 records  1 units never completed\n");
        fd = open(path_of("log/0000000000000000.wal"), O_RDWR);
        REQUIRE(fd >= 0);
        /* The last group: no later one proves it. */
        CHECK_INT(pwrite(fd, &byte, 1, 8230), 1);
        output = run("verify", NULL, NULL, &code);
        CHECK_INT(code, 0);
        CHECK_CONTAINS(output, "end  8192  5 records  torn tail of 4096 bytes");
        /* The first: the second group proves it, and so does the checkpoint. */
        CHECK_INT(pwrite(fd, &byte, 1, 4200), 1);
        output = run("verify", NULL, NULL, &code);
        CHECK_INT(code, 65);
        CHECK_CONTAINS(output, "is damaged at offset 4200");
        close(fd);
        fd = open(path_of("checkpoint/0000000000000001.manifest"), O_RDWR);
        CHECK_INT(pwrite(fd, &byte, 1, 50), 1);
        close(fd);
        CHECK_CONTAINS(run("verify", NULL, NULL, &code), "its checksum does not hold");
        CHECK_INT(code, 65);
}

TEST(outbox_is_verified_up_to_the_checkpoint)
{
        uint8_t byte = 0x55;
        int code, fd;

        write_state();
        CHECK_UINT(write_outbox(), 8192);
        CHECK_CONTAINS(run("ls", NULL, NULL, &code), "\noutbox  from 0 to 8192  2 epochs\n");
        CHECK_INT(code, 0);
        /* The checkpoint names position 7: what lies behind it may be cut off ... */
        CHECK_INT(truncate(path_of("outbox/0000000000000000.wal"), 4096 + 56), 0);
        CHECK_CONTAINS(run("verify", NULL, NULL, &code), "outbox  from 0 to 4136  0 epochs\n");
        CHECK_INT(code, 0);
        /* ... but not the beginning. */
        fd = open(path_of("outbox/0000000000000000.wal"), O_RDWR);
        CHECK_INT(pwrite(fd, &byte, 1, 9), 1);
        close(fd);
        CHECK_CONTAINS(run("verify", NULL, NULL, &code), "its header block does not check");
        CHECK_INT(code, 65);
}

TEST(wrong_arguments_print_the_usage)
{
        int code;

        CHECK_CONTAINS(run("what", NULL, NULL, &code), "usage: weir wal ls DIRECTORY");
        CHECK_INT(code, 64);
        CHECK_CONTAINS(run("dump", "--from", "x", &code), "usage: weir wal ls DIRECTORY");
        CHECK_INT(code, 64);
        CHECK_CONTAINS(run("dump", "one", "two", &code), "usage: weir wal ls DIRECTORY");
        CHECK_INT(code, 64);
}
