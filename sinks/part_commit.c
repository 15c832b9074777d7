/* part_commit.c - part files made durable, all of an epoch or nothing of it. */
#include "sinks/part_commit.h"

#include "sidecar/base/alloc.h"
#include "sinks/percent.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

enum { RECORD_BYTES_MAX = 1 << 20, FILE_MODE = 0644, FOLDER_MODE = 0755 };

static bool is_no_space(int error)
{
        return error == ENOSPC || error == EDQUOT;
}

/* ".weir-<name>.commit" or ".weir-<name>.lock", with the folder in front or without; alloc_free. */
static char *side_file(const struct part_commit_place *place, bool has_folder, const char *suffix)
{
        struct bytes text;
        char *ret;

        bytes_init(&text);
        if (has_folder)
                bytes_append_format(&text, "%s/", place->dir);
        bytes_append_format(&text, ".weir-%s%s", place->name, suffix);
        ret = alloc_text_n(text.data, text.len);
        bytes_done(&text);
        return ret;
}

/* The folders above are made, too, as Flink does. */
static int make_folder(const struct file_ops *ops, const char *dir, struct err *err)
{
        const char *slash = strrchr(dir, '/');
        struct stat found;
        int fd, rc = ops->mkdir(ops->context, dir, FOLDER_MODE);

        if (rc < 0 && errno == ENOENT && slash != NULL && slash > dir) {
                char *parent = alloc_text_n(dir, (size_t)(slash - dir));

                rc = make_folder(ops, parent, err);
                alloc_free(parent);
                if (rc < 0)
                        return -1;
                rc = ops->mkdir(ops->context, dir, FOLDER_MODE);
        }
        if (rc == 0) {
                char *parent = slash == NULL ? alloc_text(".") : alloc_text_n(dir, (size_t)(slash - dir) + 1);

                rc = file_sync_dir(ops, parent, err);
                alloc_free(parent);
                return rc;
        }
        if (errno != EEXIST)
                return err_set_errno(err, ERR_UNAVAILABLE, errno, "cannot make the folder '%s'", dir);
        fd = ops->open(ops->context, dir, O_RDONLY | O_CLOEXEC, 0);
        if (fd < 0)
                return err_set_errno(err, ERR_UNAVAILABLE, errno, "cannot open '%s'", dir);
        rc = ops->fstat(ops->context, fd, &found);
        (void)ops->close(ops->context, fd);
        if (rc == 0 && !S_ISDIR(found.st_mode))
                return err_set(err, ERR_CONFIG, "'%s' is a file; a table that is written needs a folder", dir);
        return rc == 0 ? 0 : err_set(err, ERR_UNAVAILABLE, "cannot look at '%s'", dir);
}

int part_commit_probe(const char *dir, struct err *err)
{
        if (make_folder(file_ops_system(), dir, err) < 0)
                return -1;
        if (access(dir, R_OK | W_OK | X_OK) < 0)
                return err_set_errno(err, ERR_UNAVAILABLE, errno, "no files can be made in '%s'", dir);
        return 0;
}

int part_commit_open(struct part_commit_place *place, const struct file_ops *ops, const char *dir, const char *name,
                     const char *extension, struct err *err)
{
        uint64_t random = 0;

        if (ops == NULL)
                ops = file_ops_system();
        if (make_folder(ops, dir, err) < 0)
                return -1;
        if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
                return err_set_errno(err, ERR_INTERNAL, errno, "cannot draw a random number");
        *place = (struct part_commit_place){.ops = ops, .lock_fd = -1};
        place->dir = alloc_text(dir);
        place->extension = alloc_text(extension);
        (void)snprintf(place->uid, sizeof(place->uid), "%016" PRIx64, random);
        if (name != NULL) {
                struct bytes encoded;

                bytes_init(&encoded);
                percent_append(&encoded, slice_from_text(name));
                place->name = alloc_text_n(encoded.data, encoded.len);
                bytes_done(&encoded);
        }
        return 0;
}

void part_commit_close(struct part_commit_place *place)
{
        if (place->dir == NULL)
                return;
        if (place->lock_fd >= 0)
                (void)place->ops->close(place->ops->context, place->lock_fd);
        alloc_free(place->dir);
        alloc_free(place->name);
        alloc_free(place->extension);
        *place = (struct part_commit_place){.lock_fd = -1};
}

static void part_path(const char *dir, const char *uid, const char *extension, uint32_t index, bool is_finished,
                      char path[PART_COMMIT_PATH_BYTES])
{
        if (is_finished)
                (void)snprintf(path, PART_COMMIT_PATH_BYTES, "%s/part-%s-%" PRIu32 ".%s", dir, uid, index, extension);
        else
                (void)snprintf(path, PART_COMMIT_PATH_BYTES, "%s/.part-%s-%" PRIu32 ".inprogress", dir, uid, index);
}

void part_commit_path(const struct part_commit_place *place, uint32_t index, bool is_finished,
                      char path[PART_COMMIT_PATH_BYTES])
{
        part_path(place->dir, place->uid, place->extension, index, is_finished, path);
}

/* ---- a commit ---- */

static int failure(int error, const char *what, const char *path, struct err *err)
{
        if (is_no_space(error))
                return PART_COMMIT_E_NO_SPACE;
        return err_set_errno(err, ERR_IO, error, "cannot %s '%s'", what, path);
}

static int sync_part(const struct part_commit_place *place, uint32_t index, struct err *err)
{
        const struct file_ops *ops = place->ops;
        char path[PART_COMMIT_PATH_BYTES];
        int fd, rc, error;

        part_commit_path(place, index, false, path);
        fd = ops->open(ops->context, path, O_WRONLY | O_CLOEXEC, 0);
        if (fd < 0)
                return failure(errno, "open", path, err);
        rc = ops->fdatasync(ops->context, fd);
        error = errno;
        (void)ops->close(ops->context, fd);
        return rc < 0 ? failure(error, "sync", path, err) : 0;
}

static int replace_record(const struct part_commit_place *place, const struct part_commit_task *task, struct err *err)
{
        char *name = side_file(place, false, ".commit");
        struct bytes text;
        int rc;

        bytes_init(&text);
        bytes_append_format(&text, "weir-parts 1\ninstance %016" PRIx64 "\nuid %s\nextension %s\n", task->instance,
                            place->uid, place->extension);
        bytes_append_format(&text, "epoch %" PRIu64 "\nlsn %" PRIu64 "\n", task->epoch, task->lsn);
        if (task->open_fd >= 0)
                bytes_append_format(&text, "open %" PRIu32 " %" PRIu64 "\n", task->open_index, task->open_bytes);
        for (uint32_t i = 0; i < task->n_finished; i++)
                bytes_append_format(&text, "finished %" PRIu32 "\n", task->finished[i]);
        rc = file_replace(place->ops, place->dir, name, bytes_slice(&text), err);
        if (rc < 0 && is_no_space(errno))
                rc = PART_COMMIT_E_NO_SPACE;
        bytes_done(&text);
        alloc_free(name);
        return rc;
}

static int finish_parts(const struct part_commit_place *place, const struct part_commit_task *task, struct err *err)
{
        for (uint32_t i = 0; i < task->n_finished; i++) {
                char from[PART_COMMIT_PATH_BYTES], to[PART_COMMIT_PATH_BYTES];

                part_commit_path(place, task->finished[i], false, from);
                part_commit_path(place, task->finished[i], true, to);
                if (place->ops->rename(place->ops->context, from, to) < 0)
                        return err_set_errno(err, ERR_IO, errno, "cannot rename '%s'", from);
        }
        return task->n_finished == 0 ? 0 : file_sync_dir(place->ops, place->dir, err);
}

int part_commit_run(const struct part_commit_place *place, const struct part_commit_task *task, struct err *err)
{
        int rc = 0;

        for (uint32_t i = 0; i < task->n_finished && rc == 0; i++)
                rc = sync_part(place, task->finished[i], err);
        if (rc == 0 && task->open_fd >= 0 && place->ops->fdatasync(place->ops->context, task->open_fd) < 0)
                rc = failure(errno, "sync the open part in", place->dir, err);
        if (rc == 0 && place->name != NULL)
                rc = replace_record(place, task, err);
        if (rc == 0)
                rc = finish_parts(place, task, err);
        return rc;
}

/* ---- recovery ---- */

struct record {
        uint64_t instance, epoch;
        char uid[PART_COMMIT_UID_BYTES];
        char extension[16];
        bool has_open;
        uint32_t open_index;
        uint64_t open_bytes;
        uint32_t n_finished;
        uint32_t *finished;
};

static int parse_line(struct record *record, const char *line)
{
        uint64_t lsn;
        uint32_t index;

        if (sscanf(line, "instance %" SCNx64, &record->instance) == 1 ||
            sscanf(line, "uid %16[0-9a-f]", record->uid) == 1 ||
            sscanf(line, "extension %15[a-z]", record->extension) == 1 ||
            sscanf(line, "epoch %" SCNu64, &record->epoch) == 1 || sscanf(line, "lsn %" SCNu64, &lsn) == 1)
                return 0;
        if (sscanf(line, "open %" SCNu32 " %" SCNu64, &record->open_index, &record->open_bytes) == 2) {
                record->has_open = true;
                return 0;
        }
        if (sscanf(line, "finished %" SCNu32, &index) == 1) {
                record->finished = alloc_resize(record->finished, record->n_finished + 1, sizeof(*record->finished));
                record->finished[record->n_finished++] = index;
                return 0;
        }
        return -1;
}

static int parse_record(char *text, struct record *record)
{
        char *line = text;
        bool is_first = true;

        while (*line != '\0') {
                char *end = strchr(line, '\n');

                if (end == NULL)
                        return -1;
                *end = '\0';
                if (is_first ? strcmp(line, "weir-parts 1") != 0 : parse_line(record, line) < 0)
                        return -1;
                is_first = false;
                line = end + 1;
        }
        return record->uid[0] != '\0' && record->extension[0] != '\0' ? 0 : -1;
}

static int rename_if_there(const struct part_commit_place *place, const struct record *record, uint32_t index,
                           struct err *err)
{
        char from[PART_COMMIT_PATH_BYTES], to[PART_COMMIT_PATH_BYTES];

        part_path(place->dir, record->uid, record->extension, index, false, from);
        part_path(place->dir, record->uid, record->extension, index, true, to);
        if (place->ops->rename(place->ops->context, from, to) < 0 && errno != ENOENT)
                return err_set_errno(err, ERR_IO, errno, "cannot rename '%s'", from);
        return 0;
}

int part_commit_cut(const struct part_commit_place *place, const char *path, uint64_t bytes, struct err *err)
{
        const struct file_ops *ops = place->ops;
        struct stat found;
        int fd = ops->open(ops->context, path, O_WRONLY | O_CLOEXEC, 0);
        int rc = 0;

        if (fd < 0)
                return err_set_errno(err, ERR_IO, errno, "cannot open '%s'", path);
        if (ops->fstat(ops->context, fd, &found) < 0)
                rc = err_set_errno(err, ERR_IO, errno, "cannot look at '%s'", path);
        else if ((uint64_t)found.st_size < bytes)
                rc = err_set(err, ERR_DATA, "'%s' has %lld bytes, %" PRIu64 " were committed", path,
                             (long long)found.st_size, bytes);
        else if (ops->ftruncate(ops->context, fd, (off_t)bytes) < 0 || ops->fdatasync(ops->context, fd) < 0)
                rc = err_set_errno(err, ERR_IO, errno, "cannot cut '%s'", path);
        (void)ops->close(ops->context, fd);
        return rc;
}

/* What lies in a folder, of one uid. */
struct hidden {
        const struct record *record;
        char prefix[64];
        bool is_open_there;
        char **unknown; /* begun behind the last commit: no record knows them */
        uint32_t n_unknown;
};

static void look_at(void *context, const char *name)
{
        struct hidden *hidden = context;
        uint32_t index = 0;

        if (strncmp(name, hidden->prefix, strlen(hidden->prefix)) != 0 ||
            sscanf(name + strlen(hidden->prefix), "%" SCNu32, &index) != 1)
                return;
        if (hidden->record->has_open && index == hidden->record->open_index) {
                hidden->is_open_there = true;
                return;
        }
        hidden->unknown = alloc_resize(hidden->unknown, hidden->n_unknown + 1, sizeof(*hidden->unknown));
        hidden->unknown[hidden->n_unknown++] = alloc_text(name);
}

static int remove_unknown(const struct part_commit_place *place, struct hidden *hidden, struct err *err)
{
        int rc = 0;

        for (uint32_t i = 0; i < hidden->n_unknown; i++) {
                char path[PART_COMMIT_PATH_BYTES];

                (void)snprintf(path, sizeof(path), "%s/%s", place->dir, hidden->unknown[i]);
                if (rc == 0 && place->ops->unlink(place->ops->context, path) < 0)
                        rc = err_set_errno(err, ERR_IO, errno, "cannot remove '%s'", path);
                alloc_free(hidden->unknown[i]);
        }
        alloc_free(hidden->unknown);
        return rc;
}

/* The open part ends here. One that is not there was finished by a start before this one. */
static int finish_open(const struct part_commit_place *place, const struct record *record, struct err *err)
{
        char path[PART_COMMIT_PATH_BYTES];

        part_path(place->dir, record->uid, record->extension, record->open_index, false, path);
        if (part_commit_cut(place, path, record->open_bytes, err) < 0)
                return -1;
        return rename_if_there(place, record, record->open_index, err);
}

static int put_in_order(const struct part_commit_place *place, const struct record *record, struct err *err)
{
        struct hidden hidden = {.record = record};

        for (uint32_t i = 0; i < record->n_finished; i++)
                if (rename_if_there(place, record, record->finished[i], err) < 0)
                        return -1;
        (void)snprintf(hidden.prefix, sizeof(hidden.prefix), ".part-%s-", record->uid);
        if (place->ops->list(place->ops->context, place->dir, look_at, &hidden) < 0)
                return err_set_errno(err, ERR_IO, errno, "cannot read the folder '%s'", place->dir);
        if (remove_unknown(place, &hidden, err) < 0)
                return -1;
        if (hidden.is_open_there && finish_open(place, record, err) < 0)
                return -1;
        return file_sync_dir(place->ops, place->dir, err);
}

static int take_lock(struct part_commit_place *place, struct err *err)
{
        const struct file_ops *ops = place->ops;
        char *path = side_file(place, true, ".lock");
        int rc = 0;

        place->lock_fd = ops->open(ops->context, path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
        if (place->lock_fd < 0)
                rc = err_set_errno(err, ERR_IO, errno, "cannot open '%s'", path);
        else if (ops->lock(ops->context, place->lock_fd) < 0)
                rc = errno == EWOULDBLOCK ? PART_COMMIT_E_LOCKED
                                          : err_set_errno(err, ERR_IO, errno, "cannot lock '%s'", path);
        alloc_free(path);
        return rc;
}

/* 0 with *ret_text NULL: there is no record. */
static int read_record(const struct part_commit_place *place, char **ret_text, struct err *err)
{
        char *path = side_file(place, true, ".commit");
        int fd = place->ops->open(place->ops->context, path, O_RDONLY | O_CLOEXEC, 0);
        uint8_t *content = NULL;
        size_t len = 0;
        int rc = 0;

        *ret_text = NULL;
        if (fd >= 0)
                (void)place->ops->close(place->ops->context, fd);
        if (fd < 0 && errno != ENOENT)
                rc = err_set_errno(err, ERR_IO, errno, "cannot open '%s'", path);
        if (fd >= 0)
                rc = file_read_whole(place->ops, path, RECORD_BYTES_MAX, &content, &len, err);
        if (rc == 0 && fd >= 0)
                *ret_text = alloc_text_n(content, len);
        alloc_free(content);
        alloc_free(path);
        return rc;
}

int part_commit_recover(struct part_commit_place *place, bool *ret_has_record, uint64_t *ret_instance,
                        uint64_t *ret_epoch, struct err *err)
{
        struct record record = {.instance = 0};
        char *text = NULL;
        int rc = take_lock(place, err);

        if (rc != 0)
                return rc;
        rc = read_record(place, &text, err);
        if (rc == 0 && text != NULL) {
                if (parse_record(text, &record) < 0)
                        rc = err_set(err, ERR_DATA, "'%s/.weir-%s.commit' is no commit record", place->dir,
                                     place->name);
                else
                        rc = put_in_order(place, &record, err);
        }
        if (rc == 0) {
                *ret_has_record = text != NULL;
                *ret_instance = record.instance;
                *ret_epoch = record.epoch;
        }
        alloc_free(record.finished);
        alloc_free(text);
        return rc;
}
