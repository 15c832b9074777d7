/* check_state.c - the job in force of a state directory, and what becomes of its windows. */
#include "sidecar/cmd/check_state.h"

#include "sidecar/base/alloc.h"
#include "sidecar/job/checkpoint.h"
#include "sidecar/job/record_reader.h"

#include <fcntl.h>
#include <stdio.h>

struct finding { /* the newest manifest that checks */
        bool is_found;
        uint64_t log_lsn;
        struct bytes config;
};

static void see_manifest(void *context, const char *name, const struct checkpoint_manifest *manifest,
                         const struct err *why)
{
        struct finding *finding = context;

        (void)name;
        (void)why; /* the state file is not looked at */
        if (manifest == NULL || finding->is_found)
                return;
        finding->is_found = true;
        finding->log_lsn = manifest->log_lsn;
        bytes_append_slice(&finding->config, manifest->config);
}

static bool is_dir(const struct file_ops *ops, const char *path)
{
        int fd = ops->open(ops->context, path, O_RDONLY | O_DIRECTORY, 0);

        if (fd >= 0)
                ops->close(ops->context, fd);
        return fd >= 0;
}

static int job_of_payload(struct slice payload, struct job **ret_job, struct err *err)
{
        struct record_decoder *decoder = record_decoder_new();
        struct record record;
        struct arena arena;
        int result;

        arena_init(&arena, 4096, 0);
        result = record_decode(decoder, RECORD_CONFIG, payload, &arena, &record, err);
        if (result == 0)
                *ret_job = job_from_config(&record.config);
        arena_done(&arena);
        record_decoder_free(decoder);
        return result;
}

/* The last CONFIG of the log from an LSN on takes the place of *job. */
static int read_log(const char *log_dir, const struct file_ops *ops, uint64_t from_lsn, struct job **job,
                    struct err *err)
{
        struct wal_reader_config config = {.dir = log_dir, .ops = ops, .from_lsn = from_lsn};
        struct record_reader *reader = NULL;
        struct record record;
        int result;

        if (record_reader_open(&config, &reader, err) < 0)
                return -1;
        while ((result = record_reader_next(reader, &record, err)) == 0) {
                if (record.type != RECORD_CONFIG)
                        continue;
                job_free(*job);
                *job = job_from_config(&record.config);
        }
        record_reader_close(reader);
        return result < 0 ? -1 : 0;
}

int check_state_read(const char *dir, const struct file_ops *ops, struct job **ret_job, struct err *err)
{
        char log_dir[4096], checkpoint_dir[4096];
        struct finding finding = {.log_lsn = 0};
        struct job *job = NULL;
        int result = 0;

        snprintf(log_dir, sizeof log_dir, "%s/log", dir);
        snprintf(checkpoint_dir, sizeof checkpoint_dir, "%s/checkpoint", dir);
        if (!is_dir(ops, dir))
                return err_set(err, ERR_CONFIG, "there is no state directory '%s'", dir);
        bytes_init(&finding.config);
        if (is_dir(ops, checkpoint_dir))
                result = checkpoint_inspect(checkpoint_dir, ops, false, see_manifest, &finding, err);
        if (result == 0 && finding.is_found)
                result = job_of_payload(bytes_slice(&finding.config), &job, err);
        if (result == 0 && is_dir(ops, log_dir))
                result = read_log(log_dir, ops, finding.log_lsn, &job, err);
        if (result == 0 && job != NULL)
                result = job_compile_again(job, err);
        bytes_done(&finding.config);
        if (result < 0) {
                job_free(job);
                return -1;
        }
        *ret_job = job;
        return 0;
}

/* ---- comparing ---- */

struct windows {
        const struct plan_op **ops;
        uint32_t n;
};

static void list_windows(const struct plan_op *op, struct windows *windows)
{
        for (uint32_t i = 0; i < op->n_inputs; i++)
                list_windows(op->inputs[i], windows);
        if (op->kind != PLAN_WINDOW)
                return;
        for (uint32_t i = 0; i < windows->n; i++)
                if (windows->ops[i] == op)
                        return;
        windows->ops[windows->n++] = op;
}

static uint32_t count_windows(const struct plan_op *op)
{
        uint32_t n = op->kind == PLAN_WINDOW;

        for (uint32_t i = 0; i < op->n_inputs; i++)
                n += count_windows(op->inputs[i]);
        return n;
}

static struct windows windows_of(const struct plan_job *job)
{
        struct windows windows = {NULL, 0};
        uint32_t most = 0;

        for (uint32_t q = 0; job != NULL && q < job->n_queries; q++)
                most += count_windows(job->queries[q]->root);
        windows.ops = alloc_zero(most + 1, sizeof *windows.ops);
        for (uint32_t q = 0; job != NULL && q < job->n_queries; q++)
                list_windows(job->queries[q]->root, &windows);
        return windows;
}

static bool has_fingerprint(const struct windows *windows, struct slice fingerprint)
{
        for (uint32_t i = 0; i < windows->n; i++)
                if (slice_is_equal(windows->ops[i]->fingerprint, fingerprint))
                        return true;
        return false;
}

static bool is_below(const struct plan_op *op, const struct plan_op *wanted)
{
        if (op == wanted)
                return true;
        for (uint32_t i = 0; i < op->n_inputs; i++)
                if (is_below(op->inputs[i], wanted))
                        return true;
        return false;
}

/* "keeps  a, b": the tables that the window fills, each once. */
static void append_window(struct bytes *text, const char *what, const struct plan_job *job, const struct plan_op *op)
{
        uint32_t n = 0;

        bytes_append_format(text, "%-6s", what);
        for (uint32_t q = 0; q < job->n_queries; q++) {
                bool is_again = !is_below(job->queries[q]->root, op);

                for (uint32_t p = 0; p < q && !is_again; p++)
                        is_again =
                                job->queries[p]->sink == job->queries[q]->sink && is_below(job->queries[p]->root, op);
                if (is_again)
                        continue;
                bytes_append_text(text, n++ > 0 ? ", " : "");
                bytes_append_slice(text, job->queries[q]->sink->name);
        }
        bytes_append_byte(text, '\n');
}

void check_state_compare(const struct plan_job *before, const struct plan_job *after, struct bytes *text)
{
        struct windows old = windows_of(before), new = windows_of(after);

        for (uint32_t i = 0; i < new.n; i++)
                append_window(text, has_fingerprint(&old, new.ops[i]->fingerprint) ? "keeps" : "new", after,
                              new.ops[i]);
        for (uint32_t i = 0; i < old.n; i++)
                if (!has_fingerprint(&new, old.ops[i]->fingerprint))
                        append_window(text, "gone", before, old.ops[i]);
        alloc_free(old.ops);
        alloc_free(new.ops);
}
