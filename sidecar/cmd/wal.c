/* wal.c - `weir wal ls|verify|dump`: looks into a state directory, or a log directory alone, and changes nothing.
 *
 * Works on a directory in use, too: the newest group may then look like a torn tail. */
#include "sidecar/base/alloc.h"
#include "sidecar/base/calendar.h"
#include "sidecar/cmd/command.h"
#include "sidecar/cmd/wal_json.h"
#include "sidecar/job/checkpoint.h"
#include "sidecar/wal/wal_dir.h"
#include "sinks/outbox_index.h"

#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct wal_command {
        const char *dir; /* as the user said it */
        char *log_dir, *checkpoint_dir, *outbox_dir;
        const struct file_ops *ops;
        uint64_t from_lsn, to_lsn;
        bool with_all;
        /* Of the manifests. */
        uint64_t proven_lsn, outbox_lsn;
        uint32_t n_bad_manifests;
        bool is_listing;
};

static const char wal_usage[] =
        "usage: weir wal ls DIRECTORY\n"
        "       weir wal verify DIRECTORY\n"
        "       weir wal dump [--from LSN] [--to LSN] [--all] DIRECTORY\n"
        "\n"
        "DIRECTORY is a state directory, or a log directory alone. Nothing in it is changed.\n"
        "\n"
        "  ls       segments of the log, checkpoints, the outbox, one a line\n"
        "  verify   reads everything; exit code 65 when something that was durable is damaged\n"
        "  dump     every record as a line of JSON\n"
        "\n"
        "  --from LSN  begin with the first record at or behind this position\n"
        "  --to LSN    end before this position\n"
        "  --all       show padding and units that were never completed, too\n";

static int wal_fail(const struct err *err)
{
        fflush(stdout);
        fprintf(stderr, "weir wal: %s\n", err->text);
        return (int)err->code;
}

/* ---- checkpoints ---- */

static void wal_see_checkpoint(void *context, const char *name, const struct checkpoint_manifest *manifest,
                               const struct err *why)
{
        struct wal_command *command = context;
        char text[CALENDAR_TEXT_BYTES];
        size_t len;

        if (manifest == NULL) {
                command->n_bad_manifests++;
                printf("checkpoint  %s  %s\n", name, why->text);
                return;
        }
        if (manifest->is_log_durable && manifest->log_lsn > command->proven_lsn)
                command->proven_lsn = manifest->log_lsn;
        if (manifest->outbox_lsn > command->outbox_lsn)
                command->outbox_lsn = manifest->outbox_lsn;
        if (why != NULL)
                command->n_bad_manifests++;
        if (!command->is_listing) {
                if (why != NULL)
                        printf("checkpoint  %s  %s\n", name, why->text);
                return;
        }
        len = calendar_format_timestamp(manifest->written_ms * 1000, 3, text);
        printf("checkpoint  %" PRIu64 "  log %" PRIu64 "  outbox %" PRIu64 "  epoch %" PRIu64 "  job %" PRIu32
               "  %" PRIu64 " bytes  %.*s  %s\n",
               manifest->number, manifest->log_lsn, manifest->outbox_lsn, manifest->last_epoch, manifest->generation,
               manifest->state_bytes, (int)len, text, why == NULL ? "ok" : why->text);
}

static int wal_read_checkpoints(struct wal_command *command, bool with_state, struct err *err)
{
        if (command->checkpoint_dir == NULL)
                return 0;
        return checkpoint_inspect(command->checkpoint_dir, command->ops, with_state, wal_see_checkpoint, command, err);
}

/* ---- the three ---- */

static int wal_open_reader(const struct wal_command *command, struct wal_reader **ret_reader, struct err *err)
{
        struct wal_reader_config config = {
                .dir = command->log_dir,
                .ops = command->ops,
                .from_lsn = command->from_lsn,
                .proven_lsn = command->proven_lsn,
                .with_segment = true,
                .with_pads = command->with_all,
        };
        int result = wal_reader_open(&config, ret_reader, err);

        if (result == WAL_E_GAP)
                return err_set(err, ERR_DATA, "log '%s' begins behind lsn %" PRIu64, command->log_dir,
                               command->from_lsn);
        return result;
}

static int wal_read_to_end(struct wal_reader *reader, struct err *err)
{
        struct wal_record record;
        int result;

        do
                result = wal_reader_next(reader, &record, err);
        while (result == 0);
        return result == WAL_E_END ? 0 : -1;
}

static void wal_print_end(const struct wal_reader *reader)
{
        struct wal_end_info end;

        wal_reader_end(reader, &end);
        printf("end  %" PRIu64 "  %" PRIu64 " records", end.end_lsn, end.n_records);
        if (end.torn_bytes > 0)
                printf("  torn tail of %" PRIu64 " bytes", end.torn_bytes);
        if (end.n_broken_units > 0)
                printf("  %" PRIu32 " units never completed", end.n_broken_units);
        putchar('\n');
}

/* The outbox up to what the newest manifest names. */
static int wal_verify_outbox(const struct wal_command *command, struct err *err)
{
        uint64_t first, end, n_epochs;

        if (command->outbox_dir == NULL)
                return 0;
        if (outbox_index_verify(command->outbox_dir, command->ops, command->outbox_lsn, &first, &end, &n_epochs, err) !=
            0)
                return -1;
        printf("outbox  from %" PRIu64 " to %" PRIu64 "  %" PRIu64 " epochs\n", first, end, n_epochs);
        return 0;
}

static int wal_ls(struct wal_command *command, struct err *err)
{
        struct wal_reader *reader = NULL;
        int result = wal_read_checkpoints(command, true, err);

        if (result != 0 || wal_open_reader(command, &reader, err) != 0)
                return -1;
        result = wal_read_to_end(reader, err);
        for (uint32_t i = 0; i < wal_reader_n_segments(reader); i++) {
                struct wal_segment_info info;

                wal_reader_segment(reader, i, &info);
                if (!info.is_started)
                        printf("segment  %s  ready  %" PRIu64 " bytes\n", info.name, info.bytes);
                else if (info.end_lsn == 0)
                        printf("segment  %s  number %" PRIu64 "  from %" PRIu64 "  not read  %" PRIu64 " bytes\n",
                               info.name, info.number, info.first_lsn, info.bytes);
                else
                        printf("segment  %s  number %" PRIu64 "  from %" PRIu64 " to %" PRIu64 "  %" PRIu64 " bytes\n",
                               info.name, info.number, info.first_lsn, info.end_lsn, info.bytes);
        }
        if (result == 0) {
                wal_print_end(reader);
                result = wal_verify_outbox(command, err);
        }
        wal_reader_close(reader);
        return result;
}

static int wal_verify(struct wal_command *command, struct err *err)
{
        struct wal_reader *reader = NULL;
        struct wal_json *json = wal_json_new();
        struct wal_record record;
        int result = -1;

        if (wal_read_checkpoints(command, true, err) != 0 || wal_open_reader(command, &reader, err) != 0)
                goto out;
        /* Payloads are verified by turning them into values. */
        while ((result = wal_reader_next(reader, &record, err)) == 0)
                if (wal_json_pass(json, &record, err) != 0) {
                        result = -1;
                        break;
                }
        if (result == WAL_E_END) {
                wal_print_end(reader);
                result = wal_verify_outbox(command, err);
                if (result == 0 && command->n_bad_manifests > 0)
                        result = err_set(err, ERR_DATA, "%" PRIu32 " checkpoints do not check",
                                         command->n_bad_manifests);
        }
out:
        wal_json_free(json);
        wal_reader_close(reader);
        return result;
}

static int wal_dump(struct wal_command *command, struct err *err)
{
        struct wal_reader *reader = NULL;
        struct wal_json *json = wal_json_new();
        struct wal_record record;
        struct bytes line;
        int result = -1;

        bytes_init(&line);
        if (wal_read_checkpoints(command, false, err) != 0 || wal_open_reader(command, &reader, err) != 0)
                goto out;
        while ((result = wal_reader_next(reader, &record, err)) == 0 && record.lsn < command->to_lsn) {
                bool is_passed = record.lsn < command->from_lsn || (!record.is_whole && !command->with_all);

                bytes_reset(&line);
                result = is_passed ? wal_json_pass(json, &record, err) : wal_json_append(json, &record, &line, err);
                if (result != 0)
                        break;
                if (line.len > 0)
                        fwrite(line.data, 1, line.len, stdout);
        }
        if (result == WAL_E_END)
                result = 0;
out:
        bytes_done(&line);
        wal_json_free(json);
        wal_reader_close(reader);
        return result;
}

/* ---- arguments ---- */

static bool wal_is_dir(const struct file_ops *ops, const char *path)
{
        int fd = ops->open(ops->context, path, O_RDONLY | O_DIRECTORY, 0);

        if (fd >= 0)
                ops->close(ops->context, fd);
        return fd >= 0;
}

/* A part of the state directory, NULL when it has none. */
static char *wal_find_dir(const struct wal_command *command, const char *name)
{
        char *path = wal_dir_path(command->dir, name);

        if (wal_is_dir(command->ops, path))
                return path;
        alloc_free(path);
        return NULL;
}

/* A state directory has log/ in it; anything else is taken for a log directory. */
static void wal_find_dirs(struct wal_command *command)
{
        command->log_dir = wal_find_dir(command, "log");
        if (command->log_dir == NULL) {
                command->log_dir = alloc_text(command->dir);
                return;
        }
        command->checkpoint_dir = wal_find_dir(command, "checkpoint");
        command->outbox_dir = wal_find_dir(command, "outbox");
}

static bool wal_parse_lsn(const char *text, uint64_t *ret_lsn)
{
        char *end;

        *ret_lsn = strtoull(text, &end, 0);
        return *text >= '0' && *text <= '9' && *end == '\0';
}

static bool wal_parse(struct wal_command *command, int argc, char **argv)
{
        static const struct option options[] = {
                {"from", required_argument, NULL, 'f'},
                {"to", required_argument, NULL, 't'},
                {"all", no_argument, NULL, 'a'},
                {NULL, 0, NULL, 0},
        };
        int option;

        command->to_lsn = UINT64_MAX;
        optind = 1;
        while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
                if (option == 'f' && wal_parse_lsn(optarg, &command->from_lsn))
                        continue;
                if (option == 't' && wal_parse_lsn(optarg, &command->to_lsn))
                        continue;
                if (option != 'a')
                        return false;
                command->with_all = true;
        }
        if (optind + 1 != argc)
                return false;
        command->dir = argv[optind];
        return true;
}

int command_wal(int argc, char **argv)
{
        static const struct {
                const char *name;
                int (*run)(struct wal_command *command, struct err *err);
        } parts[] = {{"ls", wal_ls}, {"verify", wal_verify}, {"dump", wal_dump}};
        struct wal_command command = {.ops = file_ops_system()};
        struct err err = {.code = ERR_NONE};
        int result = ERR_USAGE;

        if (argc > 1 && strcmp(argv[1], "--help") == 0) {
                fputs(wal_usage, stdout);
                return ERR_NONE;
        }
        for (size_t i = 0; argc > 1 && i < sizeof(parts) / sizeof(parts[0]); i++) {
                if (strcmp(argv[1], parts[i].name) != 0)
                        continue;
                if (!wal_parse(&command, argc - 1, argv + 1))
                        break;
                wal_find_dirs(&command);
                command.is_listing = parts[i].run == wal_ls;
                result = parts[i].run(&command, &err) == 0 ? ERR_NONE : wal_fail(&err);
                if (fflush(stdout) != 0 && result == ERR_NONE)
                        result = ERR_IO;
                alloc_free(command.log_dir);
                alloc_free(command.checkpoint_dir);
                alloc_free(command.outbox_dir);
                return result;
        }
        fputs(wal_usage, stderr);
        return result;
}
