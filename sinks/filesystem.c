/* filesystem.c - rows in part files: JSON lines or Avro containers.
 *
 *     'path' = 'archive', 'format' = 'json'     →     archive/part-<uid>-0.json, …
 *
 * Readers see finished parts only; hidden files belong to weir (part_commit.h says how they are made durable). A
 * part is finished at a commit once it has grown to 'sink.rolling-policy.file-size', or was open for
 * 'sink.rolling-policy.rollover-interval'; inside an epoch when it has grown that far; and at the commit of a
 * bounded run.
 *
 * An epoch is in the files as a whole or not at all: rows behind the last commit are cut off by the next start. An
 * epoch without rows for this table makes no commit of its own unless a part is due; that it is not recorded costs an
 * empty look at the next start.
 *
 * Rows go to the kernel on the loop thread (memory, not disk); what waits for the disk, the syncs of a commit, runs
 * on a thread of the sink's own, and the loop hears of it by a mailbox. A full disk is a state: the epoch is cut
 * off, and tried again each second. Any other error of a file stops weir. */
#include "sinks/filesystem.h"

#include "avro/container.h"
#include "sidecar/base/alloc.h"
#include "sidecar/base/mailbox.h"
#include "sidecar/net/loop.h"
#include "sidecar/plan/connector.h"
#include "sinks/avro_row.h"
#include "sinks/json_row.h"
#include "sinks/part_commit.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/random.h>

enum { BUFFER_BYTES = 256 << 10, RETRY_MIN_MS = 50, RETRY_MAX_MS = 1000, FILE_MODE = 0644 };

enum filesystem_state { FILES_CLOSED, FILES_WRITING, FILES_COMMITTING, FILES_NO_SPACE, FILES_STOPPED };

struct outcome {
        int rc;
        struct err err;
};

struct filesystem {
        struct sink sink;
        struct sink_config config;
        struct sink_listener listener;
        enum filesystem_state state;
        char *path;
        char *table_name;
        bool is_avro, is_deflated;
        struct json_row_style style;
        uint64_t roll_bytes;
        int64_t roll_ms;
        struct part_commit_place place;

        /* The open part. */
        int fd;                      /* -1: none */
        uint32_t index;
        const struct plan_table *table; /* Avro: whose schema its header has */
        struct container_writer *container;
        struct bytes buffer;         /* JSON: not yet with the kernel */
        struct bytes datum;
        uint64_t bytes;              /* in the file and in the buffer */
        uint64_t written;            /* in the file */
        uint64_t opened_ns;
        uint32_t next_index;

        /* The part that the last commit left open, and what of it counts. */
        bool has_committed;
        uint32_t committed_index;
        uint64_t committed_bytes;

        /* The open epoch. */
        uint64_t epoch, rows;
        uint32_t *finished;          /* parts that get their names at its commit */
        uint32_t n_finished;

        pthread_t thread;
        bool has_thread;
        struct mailbox *tasks;       /* struct part_commit_task *, loop to thread */
        struct mailbox *outcomes;    /* struct outcome, thread to loop */
        struct part_commit_task task; /* the thread's while FILES_COMMITTING */
        struct loop_watch *watch;
        struct loop_timer *timer;
        uint64_t retry_ms;
        bool is_told;                /* a note said that the disk is full */
};

static struct filesystem *filesystem_of(struct sink *sink)
{
        return (struct filesystem *)sink;
}

static void set_state(struct filesystem *files, enum filesystem_state state, const char *text)
{
        files->state = state;
        files->sink.stats.is_ready = state == FILES_WRITING || state == FILES_COMMITTING;
        (void)snprintf(files->sink.stats.state, sizeof(files->sink.stats.state), "%.*s",
                       (int)sizeof(files->sink.stats.state) - 1, text);
}

static void stop(struct filesystem *files, const struct err *err)
{
        if (files->state == FILES_STOPPED)
                return;
        set_state(files, FILES_STOPPED, err->text);
        files->sink.stats.n_errors++;
        files->listener.on_fatal(files->listener.context, err->text);
}

/* ---- the thread that waits for the disk ---- */

static void *sync_thread(void *context)
{
        struct filesystem *files = context;
        struct part_commit_task *task;

        for (;;) {
                struct outcome outcome = {.rc = 0};

                if (!mailbox_wait(files->tasks, 0, -1, &task)) {
                        if (mailbox_is_closed(files->tasks))
                                return NULL;
                        continue;
                }
                outcome.rc = part_commit_run(&files->place, task, &outcome.err);
                if (!mailbox_put(files->outcomes, &outcome))
                        return NULL; /* there is one task at a time: it is never full */
        }
}

static int start_thread(struct filesystem *files, struct err *err)
{
        int rc;

        if (files->has_thread)
                return 0;
        rc = pthread_create(&files->thread, NULL, sync_thread, files);
        if (rc != 0)
                return err_set_errno(err, ERR_UNAVAILABLE, rc, "cannot start a thread");
        files->has_thread = true;
        return 0;
}

/* ---- parts ---- */

static void drop_part(struct filesystem *files)
{
        if (files->fd >= 0)
                (void)files->place.ops->close(files->place.ops->context, files->fd);
        files->fd = -1;
        files->container = container_writer_free(files->container);
        bytes_reset(&files->buffer);
        files->bytes = files->written = 0;
}

static void remove_part(struct filesystem *files, uint32_t index)
{
        char path[PART_COMMIT_PATH_BYTES];

        part_commit_path(&files->place, index, false, path);
        (void)files->place.ops->unlink(files->place.ops->context, path); /* the next start would remove it as well */
}

static int open_part(struct filesystem *files, const struct plan_table *table, struct err *err)
{
        const struct file_ops *ops = files->place.ops;
        char path[PART_COMMIT_PATH_BYTES];

        files->index = files->next_index++;
        part_commit_path(&files->place, files->index, false, path);
        files->fd = ops->open(ops->context, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
        if (files->fd < 0) {
                if (errno == ENOSPC || errno == EDQUOT)
                        return PART_COMMIT_E_NO_SPACE;
                return err_set_errno(err, ERR_IO, errno, "cannot make '%s'", path);
        }
        files->opened_ns = clock_monotonic_ns(files->config.clock);
        files->table = table;
        if (files->is_avro) {
                uint8_t sync[CONTAINER_SYNC_BYTES];
                struct bytes schema;

                if (getrandom(sync, sizeof(sync), 0) != (ssize_t)sizeof(sync))
                        return err_set_errno(err, ERR_INTERNAL, errno, "cannot draw a sync marker");
                bytes_init(&schema);
                avro_row_schema(table, &schema);
                files->container = container_writer_new(bytes_slice(&schema), files->is_deflated, sync);
                bytes_done(&schema);
        }
        return 0;
}

static struct bytes *output(struct filesystem *files)
{
        return files->is_avro ? container_writer_output(files->container) : &files->buffer;
}

/* Hands what is gathered to the kernel. */
static int flush_part(struct filesystem *files, struct err *err)
{
        const struct file_ops *ops = files->place.ops;
        struct bytes *bytes = output(files);
        size_t at = 0;

        while (at < bytes->len) {
                ssize_t n = ops->pwrite(ops->context, files->fd, bytes->data + at, bytes->len - at,
                                        (off_t)files->written);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && (errno == ENOSPC || errno == EDQUOT))
                        return PART_COMMIT_E_NO_SPACE;
                if (n < 0)
                        return err_set_errno(err, ERR_IO, errno, "cannot write to a part in '%s'", files->place.dir);
                at += (size_t)n;
                files->written += (uint64_t)n;
        }
        bytes_reset(bytes);
        files->bytes = files->written;
        return 0;
}

static void add_finished(struct filesystem *files, uint32_t index)
{
        files->finished = alloc_resize(files->finished, files->n_finished + 1, sizeof(*files->finished));
        files->finished[files->n_finished++] = index;
}

/* The open part is complete: it waits for the commit. */
static int finish_part(struct filesystem *files, struct err *err)
{
        int rc;

        if (files->is_avro)
                container_writer_flush(files->container);
        rc = flush_part(files, err);
        if (rc != 0)
                return rc;
        add_finished(files, files->index);
        drop_part(files);
        return 0;
}

/* ---- a full disk ---- */

/* Takes the open epoch out of the files: parts that began in it go, the one that began before it is cut back to
 * what was committed, and gets its name at the next commit. */
static int undo_epoch(struct filesystem *files, struct err *err)
{
        bool had_committed = files->has_committed;
        char path[PART_COMMIT_PATH_BYTES];

        if (files->fd >= 0)
                add_finished(files, files->index);
        drop_part(files);
        for (uint32_t i = 0; i < files->n_finished; i++)
                if (!had_committed || files->finished[i] != files->committed_index)
                        remove_part(files, files->finished[i]);
        files->n_finished = 0;
        files->rows = 0;
        if (!had_committed)
                return 0;
        part_commit_path(&files->place, files->committed_index, false, path);
        add_finished(files, files->committed_index);
        return part_commit_cut(&files->place, path, files->committed_bytes, err);
}

/* What went wrong with a file: a full disk passes, anything else does not. */
static void handle(struct filesystem *files, int rc, struct err *err)
{
        char text[512];

        if (rc == PART_COMMIT_E_NO_SPACE)
                rc = undo_epoch(files, err);
        if (rc < 0) {
                stop(files, err);
                return;
        }
        (void)snprintf(text, sizeof(text), "no space for '%s': waiting", files->path);
        files->sink.stats.n_errors++;
        set_state(files, FILES_NO_SPACE, text);
        files->retry_ms = files->is_told ? files->retry_ms * 2 : RETRY_MIN_MS;
        if (files->retry_ms > RETRY_MAX_MS)
                files->retry_ms = RETRY_MAX_MS;
        if (!files->is_told)
                files->listener.on_note(files->listener.context, LOG_ERROR, "filesystem-full", text);
        files->is_told = true;
        loop_timer_start(files->timer, files->retry_ms);
        files->listener.on_down(files->listener.context, text);
}

static void on_retry(void *context)
{
        struct filesystem *files = context;

        if (files->state != FILES_NO_SPACE)
                return;
        set_state(files, FILES_WRITING, "open");
        files->sink.stats.n_resets++;
        files->listener.on_ready(files->listener.context, SINK_KEPT, files->sink.stats.committed_epoch);
}

/* ---- commit ---- */

static void committed(struct filesystem *files)
{
        struct sink_stats *stats = &files->sink.stats;
        char text[512];

        stats->n_rows += files->rows;
        stats->committed_epoch = files->epoch;
        stats->committed_ms = clock_wall_ms(files->config.clock);
        stats->bytes_in_flight = 0;
        files->rows = 0;
        set_state(files, FILES_WRITING, "open");
        if (files->is_told) {
                (void)snprintf(text, sizeof(text), "'%s' has space again", files->path);
                files->listener.on_note(files->listener.context, LOG_INFO, "filesystem-recovered", text);
        }
        files->is_told = false;
        files->listener.on_committed(files->listener.context, files->epoch);
}

static void on_outcome(void *context)
{
        struct filesystem *files = context;
        struct outcome outcome;
        bool has_outcome = false;

        mailbox_clear(files->outcomes);
        do {
                while (mailbox_take(files->outcomes, &outcome))
                        has_outcome = true;
        } while (!mailbox_arm(files->outcomes));
        if (!has_outcome || files->state != FILES_COMMITTING)
                return;
        if (outcome.rc != 0) {
                handle(files, outcome.rc, &outcome.err);
                return;
        }
        files->n_finished = 0;
        files->has_committed = files->task.open_fd >= 0;
        files->committed_index = files->task.open_index;
        files->committed_bytes = files->task.open_bytes;
        committed(files);
}

static bool is_to_be_rolled(const struct filesystem *files)
{
        uint64_t open_ns = clock_monotonic_ns(files->config.clock) - files->opened_ns;

        return !files->config.has_commit || files->bytes >= files->roll_bytes ||
               open_ns / 1000000u >= (uint64_t)files->roll_ms;
}

static int close_epoch(struct filesystem *files, struct err *err)
{
        if (files->fd < 0)
                return 0;
        if (is_to_be_rolled(files))
                return finish_part(files, err);
        if (files->is_avro)
                container_writer_flush(files->container);
        return flush_part(files, err);
}

static enum sink_result filesystem_commit(struct sink *sink, uint64_t epoch, uint64_t lsn)
{
        struct filesystem *files = filesystem_of(sink);
        struct part_commit_task *task = &files->task;
        struct err err;
        int rc;

        if (files->state != FILES_WRITING)
                return SINK_DOWN;
        files->epoch = epoch;
        if (files->rows == 0 && (files->fd < 0 || !is_to_be_rolled(files))) {
                committed(files);
                return SINK_OK;
        }
        err_reset(&err);
        rc = close_epoch(files, &err);
        if (rc == 0)
                rc = start_thread(files, &err);
        if (rc != 0) {
                handle(files, rc, &err);
                return SINK_DOWN;
        }
        *task = (struct part_commit_task){
                .instance = files->config.instance,
                .epoch = epoch,
                .lsn = lsn,
                .open_fd = files->fd,
                .open_index = files->index,
                .open_bytes = files->written,
                .finished = files->finished,
                .n_finished = files->n_finished,
        };
        files->state = FILES_COMMITTING;
        if (!mailbox_put(files->tasks, &task))
                assert(false); /* one task at a time */
        return SINK_OK;
}

/* ---- rows ---- */

static int append_row(struct filesystem *files, const struct plan_table *table, const struct batch *rows, uint32_t i,
                      struct err *err)
{
        int rc;

        /* A schema stands at the front of a container: another generation of the table begins a file. */
        if (files->fd >= 0 && ((files->is_avro && files->table != table) || files->bytes >= files->roll_bytes)) {
                rc = finish_part(files, err);
                if (rc != 0)
                        return rc;
        }
        if (files->fd < 0) {
                rc = open_part(files, table, err);
                if (rc != 0)
                        return rc;
        }
        if (files->is_avro) {
                bytes_reset(&files->datum);
                avro_row_append(&files->datum, table, rows, i);
                container_writer_add(files->container, bytes_slice(&files->datum));
        } else {
                json_row_append(&files->buffer, table, rows, i, &files->style);
        }
        files->bytes = files->written + output(files)->len;
        return output(files)->len < BUFFER_BYTES ? 0 : flush_part(files, err);
}

static enum sink_result filesystem_write(struct sink *sink, const struct plan_table *table, uint64_t epoch,
                                         uint64_t first_index, int64_t window_end_ms, const struct batch *rows,
                                         uint32_t from, uint32_t *ret_next)
{
        struct filesystem *files = filesystem_of(sink);
        struct err err;

        (void)epoch;
        (void)first_index;
        (void)window_end_ms;
        if (files->state != FILES_WRITING)
                return SINK_DOWN;
        err_reset(&err);
        for (uint32_t i = from; i < rows->n_rows; i++) {
                int rc = append_row(files, table, rows, i, &err);

                if (rc != 0) {
                        handle(files, rc, &err);
                        return SINK_DOWN;
                }
        }
        files->rows += rows->n_rows - from;
        sink->stats.bytes_in_flight = files->bytes - (files->has_committed ? files->committed_bytes : 0);
        *ret_next = rows->n_rows;
        return SINK_OK;
}

/* ---- making and ending ---- */

static int check_table(const struct plan_table *table, struct err *err)
{
        if (table->n_primary_key > 0)
                return sink_table_error(table, NULL, err,
                                        "a table in files has no PRIMARY KEY: rows are appended and never replaced");
        return connector_is(table, "format", "avro") ? avro_row_check(table, err) : 0;
}

static int probe_table(const struct plan_table *table, struct err *err)
{
        struct slice path = connector_path(table, "path");
        char *dir = alloc_text_n(path.data, path.len);
        int rc = part_commit_probe(dir, err);

        if (rc < 0)
                err_prefix(err, "sink filesystem %.*s", (int)table->name.len, (const char *)table->name.data);
        alloc_free(dir);
        return rc;
}

static int filesystem_add_table(struct sink *sink, const struct plan_table *table, struct err *err)
{
        struct filesystem *files = filesystem_of(sink);
        struct slice path = connector_path(table, "path");

        if (check_table(table, err) < 0)
                return -1;
        if (files->path == NULL) {
                files->path = alloc_text_n(path.data, path.len);
                files->table_name = alloc_text_n(table->name.data, table->name.len);
                files->is_avro = connector_is(table, "format", "avro");
        }
        files->is_deflated = files->is_avro && connector_is(table, "avro.codec", "deflate");
        files->style = (struct json_row_style){
                .is_iso = connector_is(table, "json.timestamp-format.standard", "ISO-8601"),
                .is_plain_decimal = connector_is_on(table, "json.encode.decimal-as-plain-number"),
                .leaves_null_out = connector_is_on(table, "json.encode.ignore-null-fields"),
        };
        files->roll_bytes = connector_bytes(table, "sink.rolling-policy.file-size");
        files->roll_ms = connector_ms(table, "sink.rolling-policy.rollover-interval");
        return 0;
}

/* What lies in the folder from earlier lives; says on_ready. */
static int recover(struct filesystem *files, struct err *err)
{
        bool has_record = false;
        uint64_t instance = 0, epoch = 0;
        enum sink_memory memory = SINK_FIRST;
        int rc = 0;

        if (files->config.has_commit)
                rc = part_commit_recover(&files->place, &has_record, &instance, &epoch, err);
        if (rc == PART_COMMIT_E_LOCKED)
                return err_set(err, ERR_UNAVAILABLE, "another weir named '%s' writes to '%s'", files->config.name,
                               files->path);
        if (rc < 0)
                return rc;
        if (has_record && instance == files->config.instance)
                memory = SINK_KEPT;
        else if (has_record)
                memory = SINK_TAKEN;
        else if (files->config.committed_epoch > 0)
                memory = SINK_FORGOTTEN;
        if (memory != SINK_KEPT)
                epoch = 0;
        if (files->config.has_commit) {
                /* From now on the record knows this life's uid: what it begins and does not commit will be found.
                 * */
                const struct part_commit_task task = {
                        .instance = files->config.instance, .epoch = epoch, .open_fd = -1};

                rc = part_commit_run(&files->place, &task, err);
                if (rc == PART_COMMIT_E_NO_SPACE)
                        return err_set(err, ERR_UNAVAILABLE, "no space for '%s'", files->path);
                if (rc < 0)
                        return rc;
        }
        files->sink.stats.committed_epoch = epoch;
        set_state(files, FILES_WRITING, "open");
        files->listener.on_ready(files->listener.context, memory, files->sink.stats.committed_epoch);
        return 0;
}

static int filesystem_open(struct sink *sink, const struct sink_config *config, struct err *err)
{
        struct filesystem *files = filesystem_of(sink);
        char name[512]; /* tables may share a folder */

        files->config = *config;
        files->listener = *config->listener;
        (void)snprintf(name, sizeof(name), "%s.%s", config->name, files->table_name);
        if (part_commit_open(&files->place, config->ops, files->path, config->has_commit ? name : NULL,
                             files->is_avro ? "avro" : "json", err) < 0 ||
            mailbox_new(1, sizeof(struct part_commit_task *), &files->tasks, err) < 0 ||
            mailbox_new(1, sizeof(struct outcome), &files->outcomes, err) < 0)
                return -1;
        files->watch = loop_watch_new(config->loop, mailbox_fd(files->outcomes), LOOP_READABLE, on_outcome, files);
        files->timer = loop_timer_new(config->loop, on_retry, files);
        return recover(files, err);
}

static void filesystem_close(struct sink *sink)
{
        struct filesystem *files = filesystem_of(sink);

        if (files->has_thread) {
                mailbox_close(files->tasks);
                (void)pthread_join(files->thread, NULL);
        }
        if (files->place.dir != NULL && !files->config.has_commit && files->state != FILES_COMMITTING) {
                struct err err;

                (void)undo_epoch(files, &err); /* a run that did not end leaves nothing half-done */
        }
        drop_part(files);
        loop_watch_free(files->watch);
        loop_timer_free(files->timer);
        mailbox_free(files->tasks);
        mailbox_free(files->outcomes);
        part_commit_close(&files->place);
        bytes_done(&files->buffer);
        bytes_done(&files->datum);
        alloc_free(files->finished);
        alloc_free(files->path);
        alloc_free(files->table_name);
        alloc_free(files);
}

static const struct sink_ops filesystem_ops = {
        .add_table = filesystem_add_table,
        .open = filesystem_open,
        .write = filesystem_write,
        .commit = filesystem_commit,
        .close = filesystem_close,
};

static struct sink *filesystem_create(void)
{
        struct filesystem *files = alloc_zero(1, sizeof(*files));

        files->sink.ops = &filesystem_ops;
        files->sink.kind = filesystem_kind();
        files->fd = -1;
        files->place.lock_fd = -1;
        bytes_init(&files->buffer);
        bytes_init(&files->datum);
        return &files->sink;
}

/* ---- the kind ---- */

static void describe(const struct plan_table *table, struct bytes *text)
{
        bytes_append_text(text, "parts ");
        bytes_append_slice(text, connector_path(table, "path"));
        bytes_append_format(text, "/part-<uid>-<n>.%s\n", connector_is(table, "format", "avro") ? "avro" : "json");
}

/* Each table is a sink of its own. */
static void group(const struct plan_table *table, struct bytes *text)
{
        bytes_append_text(text, "filesystem ");
        bytes_append_slice(text, table->name);
}

const struct sink_kind *filesystem_kind(void)
{
        static const struct sink_kind kind = {
                .connector = "filesystem",
                .check = check_table,
                .probe = probe_table,
                .describe = describe,
                .group = group,
                .create = filesystem_create,
        };

        return &kind;
}
