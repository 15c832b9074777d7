/* test_filesystem.c - part files: whole epochs or nothing, whatever ends the writer. */
#include "avro/container.h"
#include "sidecar/base/alloc.h"
#include "sidecar/base/file.h"
#include "tests/lib/check.h"
#include "tests/lib/sink_rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <signal.h>
#include <unistd.h>

struct setup {
        struct sink_rig rig;
        char dir[300], options[512];
        struct plan_table *archive;
};

static void set_up_at(struct setup *setup, const char *folder, const char *format, const char *more)
{
        sink_rig_init(&setup->rig);
        (void)snprintf(setup->dir, sizeof(setup->dir), "%s/%s", check_dir(), folder);
        (void)snprintf(setup->options, sizeof(setup->options), "connector=filesystem;path=%s;format=%s;%s", setup->dir,
                       format, more);
        setup->archive = rows_table(&setup->rig.arena, "archive", "id BIGINT, s STRING", setup->options);
        sink_rig_add(&setup->rig, setup->archive);
}

static void set_up(struct setup *setup, const char *format, const char *more)
{
        set_up_at(setup, "archive", format, more);
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Finished parts joined in the order of their names' numbers (one uid at a time is enough here: by time of change).
 * */
static char *read_parts(const struct setup *setup, unsigned *ret_n_parts, unsigned *ret_n_hidden)
{
        DIR *folder = opendir(setup->dir);
        struct dirent *entry;
        char *names[256];
        size_t n = 0;
        struct bytes all;
        char *ret;

        REQUIRE(folder != NULL);
        *ret_n_hidden = 0;
        while ((entry = readdir(folder)) != NULL) {
                if (strncmp(entry->d_name, "part-", 5) == 0) {
                        char path[600];

                        (void)snprintf(path, sizeof(path), "%s/%s", setup->dir, entry->d_name);
                        names[n++] = alloc_text(path);
                } else if (strncmp(entry->d_name, ".part-", 6) == 0) {
                        (*ret_n_hidden)++;
                }
        }
        (void)closedir(folder);
        qsort(names, n, sizeof(names[0]), compare_names);
        bytes_init(&all);
        for (size_t i = 0; i < n; i++) {
                uint8_t *content;
                size_t len = 0;

                CHECK_INT(file_read_whole(file_ops_system(), names[i], 64u << 20, &content, &len, NULL), 0);
                bytes_append(&all, content, len);
                alloc_free(content);
                alloc_free(names[i]);
        }
        *ret_n_parts = (unsigned)n;
        ret = alloc_text_n(all.data, all.len);
        bytes_done(&all);
        return ret;
}

static int compare_lines(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lines sorted: the names of parts of two lives are random. */
static void check_rows(const struct setup *setup, const char *expected, unsigned n_parts, unsigned n_hidden)
{
        unsigned parts, hidden;
        char *text = read_parts(setup, &parts, &hidden), *lines[256], *at = text;
        struct bytes sorted;
        size_t n = 0;

        while (*at != '\0') {
                char *end = strchr(at, '\n');

                REQUIRE(end != NULL && n < 256);
                *end = '\0';
                lines[n++] = at;
                at = end + 1;
        }
        qsort(lines, n, sizeof(lines[0]), compare_lines);
        bytes_init(&sorted);
        for (size_t i = 0; i < n; i++)
                bytes_append_format(&sorted, "%s\n", lines[i]);
        CHECK_SLICE(bytes_slice(&sorted), expected);
        CHECK_UINT(parts, n_parts);
        CHECK_UINT(hidden, n_hidden);
        bytes_done(&sorted);
        alloc_free(text);
}

TEST(bounded_run_finishes_its_parts_at_the_commit)
{
        struct setup setup;

        set_up(&setup, "json", "");
        setup.rig.config.has_commit = false;
        sink_rig_piece(&setup.rig, setup.archive, INT64_MIN, "1, a; 2, NULL");
        sink_rig_piece(&setup.rig, setup.archive, INT64_MIN, "3, c");
        sink_rig_end(&setup.rig, 1, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        check_rows(&setup, "{\"id\":1,\"s\":\"a\"}\n{\"id\":2,\"s\":null}\n{\"id\":3,\"s\":\"c\"}\n", 1, 0);
        CHECK_UINT(sink_rig_stats(&setup.rig)->n_rows, 3);
        sink_rig_done(&setup.rig);
}

TEST(folders_above_are_made_too)
{
        struct setup setup;

        set_up_at(&setup, "of/the/day", "json", "");
        setup.rig.config.has_commit = false;
        sink_rig_piece(&setup.rig, setup.archive, INT64_MIN, "1, a");
        sink_rig_end(&setup.rig, 1, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        check_rows(&setup, "{\"id\":1,\"s\":\"a\"}\n", 1, 0);
        sink_rig_done(&setup.rig);
}

TEST(bounded_run_that_did_not_end_leaves_nothing)
{
        struct setup setup;

        set_up(&setup, "json", "");
        setup.rig.config.has_commit = false;
        sink_rig_piece(&setup.rig, setup.archive, INT64_MIN, "1, a");
        sink_rig_end(&setup.rig, 1, 1);
        sink_rig_open(&setup.rig);
        (void)feeder_step(setup.rig.feeder, 1);
        sink_rig_close(&setup.rig);
        check_rows(&setup, "", 0, 0);
        sink_rig_done(&setup.rig);
}

TEST(rows_behind_the_last_commit_are_cut_off_by_the_next_start)
{
        struct setup setup;
        struct batch batch;
        struct sink *sink;
        uint32_t next = 0;

        set_up(&setup, "json", "");
        sink_rig_piece(&setup.rig, setup.archive, INT64_MIN, "1, a");
        sink_rig_end(&setup.rig, 1, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        check_rows(&setup, "", 0, 1); /* the part is open */
        /* Rows of epoch 2 reach the file, then the process is gone. */
        batch = rows_batch(&setup.rig.arena, setup.archive, "2, lost; 3, lost");
        sink = setup.rig.set.sinks[0];
        CHECK_INT(sink->ops->write(sink, setup.archive, 2, 0, INT64_MIN, &batch, 0, &next), SINK_OK);
        sink_rig_piece(&setup.rig, setup.archive, INT64_MIN, "2, b");
        sink_rig_end(&setup.rig, 2, 2);
        sink_rig_restart(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 2));
        check_rows(&setup, "{\"id\":1,\"s\":\"a\"}\n", 1, 1);
        sink_rig_restart(&setup.rig);
        CHECK(sink_rig_stats(&setup.rig)->committed_epoch == 2);
        check_rows(&setup, "{\"id\":1,\"s\":\"a\"}\n{\"id\":2,\"s\":\"b\"}\n", 2, 0);
        sink_rig_done(&setup.rig);
}

TEST(parts_are_rolled_by_size_and_by_age)
{
        struct setup setup;

        set_up(&setup, "json", "sink.rolling-policy.file-size=40;sink.rolling-policy.rollover-interval=10 s");
        sink_rig_piece(&setup.rig, setup.archive, INT64_MIN, "1, aaaaaaaa; 2, bbbbbbbb; 3, cccccccc; 4, d");
        sink_rig_end(&setup.rig, 1, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        check_rows(&setup,
                   "{\"id\":1,\"s\":\"aaaaaaaa\"}\n{\"id\":2,\"s\":\"bbbbbbbb\"}\n{\"id\":3,\"s\":\"cccccccc\"}\n"
                   "{\"id\":4,\"s\":\"d\"}\n", 2, 0);
        sink_rig_piece(&setup.rig, setup.archive, INT64_MIN, "5, e");
        sink_rig_end(&setup.rig, 2, 2);
        CHECK(sink_rig_commit(&setup.rig, 2));
        setup.rig.speed = 2; /* the clock leaps by its own age */
        sink_rig_piece(&setup.rig, setup.archive, INT64_MIN, "6, f");
        sink_rig_end(&setup.rig, 3, 3);
        CHECK(sink_rig_commit(&setup.rig, 3));
        check_rows(&setup,
                   "{\"id\":1,\"s\":\"aaaaaaaa\"}\n{\"id\":2,\"s\":\"bbbbbbbb\"}\n{\"id\":3,\"s\":\"cccccccc\"}\n"
                   "{\"id\":4,\"s\":\"d\"}\n{\"id\":5,\"s\":\"e\"}\n{\"id\":6,\"s\":\"f\"}\n", 3, 0);
        sink_rig_done(&setup.rig);
}

/* Epochs of other tables go on, and readers wait for what was committed long ago. */
TEST(a_part_that_is_due_is_finished_by_an_epoch_without_rows_too)
{
        struct setup setup;

        set_up(&setup, "json", "sink.rolling-policy.rollover-interval=10 s");
        sink_rig_piece(&setup.rig, setup.archive, INT64_MIN, "1, a");
        sink_rig_end(&setup.rig, 1, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        sink_rig_end(&setup.rig, 2, 2);
        CHECK(sink_rig_commit(&setup.rig, 2));
        check_rows(&setup, "", 0, 1);
        setup.rig.speed = 2;
        sink_rig_end(&setup.rig, 3, 3);
        CHECK(sink_rig_commit(&setup.rig, 3));
        check_rows(&setup, "{\"id\":1,\"s\":\"a\"}\n", 1, 0);
        sink_rig_end(&setup.rig, 4, 4);
        CHECK(sink_rig_commit(&setup.rig, 4));
        sink_rig_restart(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 4));
        check_rows(&setup, "{\"id\":1,\"s\":\"a\"}\n", 1, 0);
        sink_rig_done(&setup.rig);
}

TEST(second_instance_of_the_same_name_is_refused)
{
        struct setup setup;
        struct sink_rig second;
        struct sink_listener listener = {.context = NULL};
        struct err err;

        set_up(&setup, "json", "");
        sink_rig_open(&setup.rig);
        sink_rig_init(&second);
        sink_rig_add(&second, rows_table(&second.arena, "archive", "id BIGINT, s STRING", setup.options));
        err_reset(&err);
        second.config.listener = &listener;
        CHECK_FAILS(second.set.sinks[0]->ops->open(second.set.sinks[0], &second.config, &err), &err,
                    "another weir named 'test' writes to");
        sink_rig_done(&second);
        sink_rig_done(&setup.rig);
}

TEST(folder_that_was_emptied_gets_all_that_is_kept_again)
{
        struct setup setup;
        char command[400];

        set_up(&setup, "json", "");
        sink_rig_piece(&setup.rig, setup.archive, INT64_MIN, "1, a");
        sink_rig_end(&setup.rig, 1, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        sink_rig_close(&setup.rig);
        (void)snprintf(command, sizeof(command), "rm -r '%s'", setup.dir);
        CHECK_INT(system(command), 0);
        sink_set_init(&setup.rig.set);
        sink_rig_add(&setup.rig, setup.archive);
        setup.rig.config.committed_epoch = 1;
        setup.rig.committed = 0;
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "sink-resend"), 1);
        sink_rig_restart(&setup.rig);
        check_rows(&setup, "{\"id\":1,\"s\":\"a\"}\n", 1, 0);
        sink_rig_done(&setup.rig);
}

TEST(containers_are_read_back_by_the_reader)
{
        struct setup setup;
        struct container_reader *reader;
        struct slice block;
        uint64_t n = 0;
        struct err err;
        char path[600] = "";
        DIR *folder;
        struct dirent *entry;
        int fd;

        set_up(&setup, "avro", "avro.codec=deflate");
        sink_rig_piece(&setup.rig, setup.archive, INT64_MIN, "1, a; -2, NULL");
        sink_rig_end(&setup.rig, 1, 1);
        sink_rig_open(&setup.rig);
        CHECK(sink_rig_commit(&setup.rig, 1));
        sink_rig_piece(&setup.rig, setup.archive, INT64_MIN, "3, c");
        sink_rig_end(&setup.rig, 2, 2);
        CHECK(sink_rig_commit(&setup.rig, 2));
        sink_rig_restart(&setup.rig); /* finishes the part */
        folder = opendir(setup.dir);
        while ((entry = readdir(folder)) != NULL)
                if (strncmp(entry->d_name, "part-", 5) == 0)
                        (void)snprintf(path, sizeof(path), "%s/%s", setup.dir, entry->d_name);
        (void)closedir(folder);
        CHECK_CONTAINS(path, ".avro");
        fd = open(path, O_RDONLY | O_CLOEXEC);
        REQUIRE(fd >= 0);
        err_reset(&err);
        CHECK_OK(container_reader_open(fd, path, &reader, &err), &err);
        CHECK_SLICE(container_reader_schema(reader),
                    "{\"type\":\"record\",\"name\":\"record\",\"namespace\":\"org.apache.flink.avro.generated\","
                    "\"fields\":["
                    "{\"name\":\"id\",\"type\":[\"null\",\"long\"],\"default\":null},"
                    "{\"name\":\"s\",\"type\":[\"null\",\"string\"],\"default\":null}]}");
        CHECK_INT(container_reader_next(reader, &block, &n, &err), 0);
        CHECK_UINT(n, 2);
        CHECK_BYTES(block.data, block.len, "\x02\x02\x02\x02" "a\x02\x03\x00", 8);
        CHECK_INT(container_reader_next(reader, &block, &n, &err), 0);
        CHECK_UINT(n, 1);
        CHECK_BYTES(block.data, block.len, "\x02\x06\x02\x02" "c", 5);
        CHECK_INT(container_reader_next(reader, &block, &n, &err), CONTAINER_E_END);
        container_reader_close(reader);
        (void)close(fd);
        sink_rig_done(&setup.rig);
}

TEST(table_with_key_and_path_that_is_a_file_are_refused)
{
        struct setup setup;
        struct plan_table *keyed, *file;
        struct sink_listener listener = {.context = NULL};
        struct err err;
        char options[400];

        set_up(&setup, "json", "");
        keyed = rows_table(&setup.rig.arena, "keyed", "id BIGINT*", setup.options);
        err_reset(&err);
        CHECK_FAILS(sink_check_table(keyed, &err), &err, "has no PRIMARY KEY");
        sink_rig_close(&setup.rig);
        sink_set_init(&setup.rig.set);
        (void)snprintf(options, sizeof(options), "connector=filesystem;path=%s;format=json",
                       check_source("configure.ac"));
        file = rows_table(&setup.rig.arena, "file", "id BIGINT", options);
        sink_rig_add(&setup.rig, file);
        setup.rig.config.listener = &listener;
        CHECK_FAILS(setup.rig.set.sinks[0]->ops->open(setup.rig.set.sinks[0], &setup.rig.config, &err), &err,
                    "is a file");
        sink_rig_done(&setup.rig);
}
