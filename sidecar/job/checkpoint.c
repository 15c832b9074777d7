/* checkpoint.c - the engine's state on disk, byte by byte.
 *
 * All numbers are little-endian, crc is CRC-32C.
 *
 * <number>.state:
 *      0  u8[8]  magic "WEIRSTA\n"          16  u64  instance
 *      8  u32    crc of bytes 12..31        24  u64  number
 *     12  u32    format version, 1          32  parts, up to the end of the file
 *   part:
 *      0  u32    length of the data, at least 1
 *      4  u32    crc of the data
 *      8  data
 * The state is the data of all parts, one after the other.
 *
 * <number>.manifest:
 *      0  u8[8]  magic "WEIRMAN\n"          72  u64  when it was written, ms since 1970
 *      8  u32    crc of bytes 12.. to the   80  u64  size of the state file
 *                end of the file            88  u32  crc of the whole state file
 *     12  u32    format version, 1          92  u32  generation of the job
 *     16  u64    instance                   96  u32  flags: 1 = the log is durable up to its LSN
 *     24  u64    number                    100  u32  length of the CONFIG payload
 *     32  u64    start count               104  u32  length of the extra bytes
 *     40  u64    LSN in the log            108  u32  0
 *     48  u64    LSN in the outbox         112  CONFIG payload (record.c), extra bytes
 *     56  u64    last epoch
 *     64  u64    last logged arrival, ms
 *
 * A checkpoint is there when its manifest checks and the state file has the size and crc that the manifest says. Files
 * without a manifest, or of a third generation, are left-overs of a crash and go with the next publication.
 *
 * ENOSPC and EDQUOT give an attempt up and clean it away (CHECKPOINT_E_NO_SPACE); every other failure is an error. */
#include "sidecar/job/checkpoint.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/crc32c.h"
#include "sidecar/base/limits.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECKPOINT_STATE_MAGIC "WEIRSTA\n"
#define CHECKPOINT_MANIFEST_MAGIC "WEIRMAN\n"
enum { CHECKPOINT_VERSION = 1, CHECKPOINT_LOG_DURABLE = 1 };
enum { CHECKPOINT_STATE_HEAD_BYTES = 32, CHECKPOINT_PART_HEAD_BYTES = 8, CHECKPOINT_MANIFEST_HEAD_BYTES = 112 };
enum { CHECKPOINT_NAME_BYTES = 40 };
/* Synced in pieces of this size: one sync of all would keep the disk from the log for as long as it takes. */
enum { CHECKPOINT_SYNC_BYTES = 4 << 20 };
#define CHECKPOINT_MANIFEST_BYTES_MAX (2 * (size_t)LIMIT_LOG_RECORD_BYTES)

struct checkpoint_writer {
        char *dir;
        const struct file_ops *ops;
        struct checkpoint_manifest manifest; /* config and extra point into `storage` */
        uint8_t *storage;
        checkpoint_next_fn next;
        void *context;
        int fd;             /* of the state file, -1: not open */
        struct bytes part;
        uint64_t n_bytes;   /* written */
        uint64_t n_synced;  /* of them */
        uint32_t crc;       /* of them */
        bool is_complete;   /* the state file stands under its name */
        bool is_published;
        uint64_t older_number, older_log_lsn; /* the generation before, 0: none */
};

/* ---- names ---- */

enum checkpoint_kind { CHECKPOINT_STATE, CHECKPOINT_MANIFEST, CHECKPOINT_TEMPORARY, CHECKPOINT_FOREIGN };

static const char *const checkpoint_suffixes[] = {[CHECKPOINT_STATE] = ".state", [CHECKPOINT_MANIFEST] = ".manifest"};

struct checkpoint_file {
        enum checkpoint_kind kind;
        uint64_t number;
        char name[CHECKPOINT_NAME_BYTES];
};

struct checkpoint_list {
        struct checkpoint_file *files;
        size_t n_files, capacity;
};

static enum checkpoint_kind checkpoint_parse_name(const char *name, uint64_t *ret_number)
{
        size_t len = strlen(name);
        char *end;

        if (len < 16 || len >= CHECKPOINT_NAME_BYTES || strspn(name, "0123456789abcdef") != 16)
                return CHECKPOINT_FOREIGN;
        *ret_number = strtoull(name, &end, 16);
        if (strcmp(name + 16, ".state") == 0)
                return CHECKPOINT_STATE;
        if (strcmp(name + 16, ".manifest") == 0)
                return CHECKPOINT_MANIFEST;
        return strcmp(name + len - 4, ".tmp") == 0 ? CHECKPOINT_TEMPORARY : CHECKPOINT_FOREIGN;
}

static void checkpoint_list_add(void *context, const char *name)
{
        struct checkpoint_list *list = context;
        struct checkpoint_file file = {.number = 0};

        file.kind = checkpoint_parse_name(name, &file.number);
        if (file.kind == CHECKPOINT_FOREIGN)
                return;
        snprintf(file.name, sizeof(file.name), "%s", name);
        if (list->n_files == list->capacity) {
                list->capacity = list->capacity == 0 ? 16 : 2 * list->capacity;
                list->files = alloc_resize(list->files, list->capacity, sizeof(*list->files));
        }
        list->files[list->n_files++] = file;
}

/* Newest first. */
static int checkpoint_list_compare(const void *a, const void *b)
{
        uint64_t first = ((const struct checkpoint_file *)a)->number;
        uint64_t second = ((const struct checkpoint_file *)b)->number;

        return (first < second) - (first > second);
}

static int checkpoint_list_read(const char *dir, const struct file_ops *ops, struct checkpoint_list *list,
                                struct err *err)
{
        *list = (struct checkpoint_list){.files = NULL};
        if (ops->list(ops->context, dir, checkpoint_list_add, list) != 0)
                return err_set_errno(err, ERR_IO, errno, "checkpoint directory '%s' cannot be read", dir);
        if (list->n_files > 1)
                qsort(list->files, list->n_files, sizeof(*list->files), checkpoint_list_compare);
        return 0;
}

static char *checkpoint_path(const char *dir, const char *name)
{
        size_t len = strlen(dir) + strlen(name) + 2;
        char *path = alloc_bytes(len);

        snprintf(path, len, "%s/%s", dir, name);
        return path;
}

static void checkpoint_name(uint64_t number, enum checkpoint_kind kind, const char *more,
                            char name[CHECKPOINT_NAME_BYTES])
{
        snprintf(name, CHECKPOINT_NAME_BYTES, "%016llx%s%s", (unsigned long long)number, checkpoint_suffixes[kind],
                 more);
}

static int checkpoint_unlink(const char *dir, const struct file_ops *ops, const char *name, struct err *err)
{
        WEIR_AUTO_FREE char *path = checkpoint_path(dir, name);

        if (ops->unlink(ops->context, path) != 0 && errno != ENOENT)
                return err_set_errno(err, ERR_IO, errno, "'%s' cannot be removed", path);
        return 0;
}

/* ---- manifests ---- */

static void checkpoint_put_manifest(const struct checkpoint_manifest *manifest, struct bytes *bytes)
{
        uint8_t *at;

        bytes_reset(bytes);
        at = bytes_reserve(bytes, CHECKPOINT_MANIFEST_HEAD_BYTES + manifest->config.len + manifest->extra.len);
        memset(at, 0, CHECKPOINT_MANIFEST_HEAD_BYTES);
        memcpy(at, CHECKPOINT_MANIFEST_MAGIC, 8);
        bytes_put_u32(at + 12, CHECKPOINT_VERSION);
        bytes_put_u64(at + 16, manifest->instance);
        bytes_put_u64(at + 24, manifest->number);
        bytes_put_u64(at + 32, manifest->start);
        bytes_put_u64(at + 40, manifest->log_lsn);
        bytes_put_u64(at + 48, manifest->outbox_lsn);
        bytes_put_u64(at + 56, manifest->last_epoch);
        bytes_put_u64(at + 64, (uint64_t)manifest->last_arrival_ms);
        bytes_put_u64(at + 72, (uint64_t)manifest->written_ms);
        bytes_put_u64(at + 80, manifest->state_bytes);
        bytes_put_u32(at + 88, manifest->state_crc);
        bytes_put_u32(at + 92, manifest->generation);
        bytes_put_u32(at + 96, manifest->is_log_durable ? CHECKPOINT_LOG_DURABLE : 0);
        bytes_put_u32(at + 100, (uint32_t)manifest->config.len);
        bytes_put_u32(at + 104, (uint32_t)manifest->extra.len);
        bytes->len = CHECKPOINT_MANIFEST_HEAD_BYTES;
        bytes_append_slice(bytes, manifest->config);
        bytes_append_slice(bytes, manifest->extra);
        bytes_put_u32(bytes->data + 8, crc32c(0, bytes->data + 12, bytes->len - 12));
}

/* config and extra point into `bytes`. */
static int checkpoint_get_manifest(struct slice bytes, struct checkpoint_manifest *ret_manifest, struct err *err)
{
        const uint8_t *at = bytes.data;
        uint64_t config_len, extra_len;

        if (bytes.len < CHECKPOINT_MANIFEST_HEAD_BYTES || memcmp(at, CHECKPOINT_MANIFEST_MAGIC, 8) != 0)
                return err_set(err, ERR_DATA, "it is no manifest");
        if (crc32c(0, at + 12, bytes.len - 12) != bytes_get_u32(at + 8))
                return err_set(err, ERR_DATA, "its checksum does not hold");
        if (bytes_get_u32(at + 12) != CHECKPOINT_VERSION)
                return err_set(err, ERR_DATA, "its format version is %u, not %u", bytes_get_u32(at + 12),
                               CHECKPOINT_VERSION);
        config_len = bytes_get_u32(at + 100);
        extra_len = bytes_get_u32(at + 104);
        if (config_len + extra_len != bytes.len - CHECKPOINT_MANIFEST_HEAD_BYTES)
                return err_set(err, ERR_DATA, "its lengths do not fit its size");
        *ret_manifest = (struct checkpoint_manifest){
                .instance = bytes_get_u64(at + 16),
                .number = bytes_get_u64(at + 24),
                .start = bytes_get_u64(at + 32),
                .log_lsn = bytes_get_u64(at + 40),
                .outbox_lsn = bytes_get_u64(at + 48),
                .last_epoch = bytes_get_u64(at + 56),
                .last_arrival_ms = (int64_t)bytes_get_u64(at + 64),
                .written_ms = (int64_t)bytes_get_u64(at + 72),
                .state_bytes = bytes_get_u64(at + 80),
                .state_crc = bytes_get_u32(at + 88),
                .generation = bytes_get_u32(at + 92),
                .is_log_durable = bytes_get_u32(at + 96) & CHECKPOINT_LOG_DURABLE,
                .config = slice_make(at + CHECKPOINT_MANIFEST_HEAD_BYTES, config_len),
                .extra = slice_make(at + CHECKPOINT_MANIFEST_HEAD_BYTES + config_len, extra_len),
        };
        return 0;
}

/* *ret_storage holds the bytes that the manifest points into. */
static int checkpoint_read_manifest(const char *dir, const struct file_ops *ops, const struct checkpoint_file *file,
                                    struct checkpoint_manifest *ret_manifest, uint8_t **ret_storage, struct err *err)
{
        WEIR_AUTO_FREE char *path = checkpoint_path(dir, file->name);
        WEIR_AUTO_FREE uint8_t *data = NULL;
        size_t len;

        if (file_read_whole(ops, path, CHECKPOINT_MANIFEST_BYTES_MAX, &data, &len, err) != 0)
                return -1;
        if (checkpoint_get_manifest(slice_make(data, len), ret_manifest, err) != 0)
                return err_prefix(err, "manifest '%s'", path);
        if (ret_manifest->number != file->number)
                return err_set(err, ERR_DATA, "manifest '%s' says that it is number %llu", path,
                               (unsigned long long)ret_manifest->number);
        *ret_storage = data;
        data = NULL;
        return 0;
}

/* ---- writing ---- */

/* The numbers in use, and the generation before. */
static int checkpoint_find_older(struct checkpoint_writer *writer, struct err *err)
{
        struct checkpoint_list list;
        int result = checkpoint_list_read(writer->dir, writer->ops, &list, err);

        writer->manifest.number = 1;
        for (size_t i = 0; result == 0 && i < list.n_files; i++) {
                struct checkpoint_manifest manifest;
                WEIR_AUTO_FREE uint8_t *storage = NULL;

                if (list.files[i].number >= writer->manifest.number)
                        writer->manifest.number = list.files[i].number + 1;
                if (list.files[i].kind != CHECKPOINT_MANIFEST || writer->older_number != 0)
                        continue;
                if (checkpoint_read_manifest(writer->dir, writer->ops, &list.files[i], &manifest, &storage, err) != 0)
                        continue; /* what does not check is no generation */
                writer->older_number = manifest.number;
                writer->older_log_lsn = manifest.log_lsn;
        }
        alloc_free(list.files);
        if (result == 0)
                err_reset(err);
        return result;
}

int checkpoint_begin(const char *dir, const struct file_ops *ops, const struct checkpoint_manifest *manifest,
                     checkpoint_next_fn next, void *context, struct checkpoint_writer **ret_writer, struct err *err)
{
        struct checkpoint_writer *writer = alloc_zero(1, sizeof(*writer));
        size_t config_len = manifest->config.len;

        writer->dir = alloc_text(dir);
        writer->ops = ops;
        writer->next = next;
        writer->context = context;
        writer->fd = -1;
        writer->manifest = *manifest;
        writer->storage = alloc_bytes(config_len + manifest->extra.len + 1);
        if (config_len > 0)
                memcpy(writer->storage, manifest->config.data, config_len);
        if (manifest->extra.len > 0)
                memcpy(writer->storage + config_len, manifest->extra.data, manifest->extra.len);
        writer->manifest.config.data = writer->storage;
        writer->manifest.extra.data = writer->storage + config_len;
        bytes_init(&writer->part);
        if (checkpoint_find_older(writer, err) != 0) {
                checkpoint_end(writer);
                return -1;
        }
        *ret_writer = writer;
        return 0;
}

uint64_t checkpoint_number(const struct checkpoint_writer *writer)
{
        return writer->manifest.number;
}

static int checkpoint_remove_attempt(struct checkpoint_writer *writer, struct err *err)
{
        char name[CHECKPOINT_NAME_BYTES];
        int result = 0;

        if (writer->fd >= 0)
                writer->ops->close(writer->ops->context, writer->fd);
        writer->fd = -1;
        /* The manifest first: without it the rest is nothing. */
        checkpoint_name(writer->manifest.number, CHECKPOINT_MANIFEST, "", name);
        result |= checkpoint_unlink(writer->dir, writer->ops, name, err);
        checkpoint_name(writer->manifest.number, CHECKPOINT_STATE, ".tmp", name);
        result |= checkpoint_unlink(writer->dir, writer->ops, name, err);
        checkpoint_name(writer->manifest.number, CHECKPOINT_STATE, "", name);
        result |= checkpoint_unlink(writer->dir, writer->ops, name, err);
        return result;
}

/* A file call failed with `why`; err is filled. */
static int checkpoint_failed(struct checkpoint_writer *writer, int why, struct err *err)
{
        if (why != ENOSPC && why != EDQUOT)
                return err_prefix(err, "checkpoint in '%s'", writer->dir);
        if (checkpoint_remove_attempt(writer, err) != 0)
                return -1;
        err_reset(err);
        return CHECKPOINT_E_NO_SPACE;
}

static int checkpoint_write(struct checkpoint_writer *writer, const void *data, size_t len, struct err *err)
{
        if (file_write_all(writer->ops, writer->fd, data, len, (off_t)writer->n_bytes, err) != 0)
                return -1;
        writer->n_bytes += len;
        writer->crc = crc32c(writer->crc, data, len);
        return 0;
}

static int checkpoint_open_state(struct checkpoint_writer *writer, struct err *err)
{
        char name[CHECKPOINT_NAME_BYTES];
        WEIR_AUTO_FREE char *path = NULL;
        uint8_t head[CHECKPOINT_STATE_HEAD_BYTES];

        checkpoint_name(writer->manifest.number, CHECKPOINT_STATE, ".tmp", name);
        path = checkpoint_path(writer->dir, name);
        writer->fd = writer->ops->open(writer->ops->context, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (writer->fd < 0)
                return err_set_errno(err, ERR_IO, errno, "'%s' cannot be made", path);
        memcpy(head, CHECKPOINT_STATE_MAGIC, 8);
        bytes_put_u32(head + 12, CHECKPOINT_VERSION);
        bytes_put_u64(head + 16, writer->manifest.instance);
        bytes_put_u64(head + 24, writer->manifest.number);
        bytes_put_u32(head + 8, crc32c(0, head + 12, sizeof(head) - 12));
        return checkpoint_write(writer, head, sizeof(head), err);
}

static int checkpoint_write_part(struct checkpoint_writer *writer, struct err *err)
{
        uint8_t head[CHECKPOINT_PART_HEAD_BYTES];

        if (writer->part.len == 0)
                return 0;
        assert(writer->part.len <= UINT32_MAX);
        bytes_put_u32(head, (uint32_t)writer->part.len);
        bytes_put_u32(head + 4, crc32c(0, writer->part.data, writer->part.len));
        if (checkpoint_write(writer, head, sizeof(head), err) != 0)
                return -1;
        return checkpoint_write(writer, writer->part.data, writer->part.len, err);
}

/* 1: the directory could not be synced, which nothing makes good again. */
static int checkpoint_close_state(struct checkpoint_writer *writer, struct err *err)
{
        const struct file_ops *ops = writer->ops;
        char name[CHECKPOINT_NAME_BYTES];
        WEIR_AUTO_FREE char *from = NULL;
        WEIR_AUTO_FREE char *to = NULL;
        int why;

        checkpoint_name(writer->manifest.number, CHECKPOINT_STATE, ".tmp", name);
        from = checkpoint_path(writer->dir, name);
        checkpoint_name(writer->manifest.number, CHECKPOINT_STATE, "", name);
        to = checkpoint_path(writer->dir, name);
        if (ops->fsync(ops->context, writer->fd) != 0) {
                why = errno;
                err_set_errno(err, ERR_IO, why, "'%s' cannot be synced", from);
                errno = why;
                return -1;
        }
        ops->close(ops->context, writer->fd);
        writer->fd = -1;
        if (ops->rename(ops->context, from, to) != 0) {
                why = errno;
                err_set_errno(err, ERR_IO, why, "'%s' cannot be renamed to '%s'", from, to);
                errno = why;
                return -1;
        }
        if (file_sync_dir(ops, writer->dir, err) != 0)
                return 1;
        writer->is_complete = true;
        return 0;
}

int checkpoint_step(struct checkpoint_writer *writer, struct err *err)
{
        bool has_more;
        int result;

        assert(!writer->is_complete);
        if (writer->fd < 0 && checkpoint_open_state(writer, err) != 0)
                return checkpoint_failed(writer, errno, err);
        bytes_reset(&writer->part);
        has_more = writer->next(writer->context, &writer->part);
        if (checkpoint_write_part(writer, err) != 0)
                return checkpoint_failed(writer, errno, err);
        if (has_more && writer->n_bytes - writer->n_synced >= CHECKPOINT_SYNC_BYTES) {
                if (writer->ops->fdatasync(writer->ops->context, writer->fd) != 0) {
                        int why = errno;

                        err_set_errno(err, ERR_IO, why, "sync failed");
                        return checkpoint_failed(writer, why, err);
                }
                writer->n_synced = writer->n_bytes;
        }
        if (has_more)
                return CHECKPOINT_E_MORE;
        result = checkpoint_close_state(writer, err);
        if (result > 0)
                return -1;
        return result == 0 ? 0 : checkpoint_failed(writer, errno, err);
}

/* Removes all but this generation and the one before. */
static int checkpoint_remove_old(struct checkpoint_writer *writer, struct err *err)
{
        struct checkpoint_list list;
        int result = checkpoint_list_read(writer->dir, writer->ops, &list, err);

        for (int pass = 0; pass < 2; pass++)
                for (size_t i = 0; result == 0 && i < list.n_files; i++) {
                        const struct checkpoint_file *file = &list.files[i];

                        /* Manifests before what they name. */
                        if ((file->kind == CHECKPOINT_MANIFEST) != (pass == 0))
                                continue;
                        if (file->number == writer->manifest.number || file->number == writer->older_number)
                                continue;
                        result = checkpoint_unlink(writer->dir, writer->ops, file->name, err);
                }
        alloc_free(list.files);
        return result;
}

int checkpoint_publish(struct checkpoint_writer *writer, uint64_t *ret_release_lsn, struct err *err)
{
        char name[CHECKPOINT_NAME_BYTES];
        int result;

        assert(writer->is_complete && !writer->is_published);
        writer->manifest.state_bytes = writer->n_bytes;
        writer->manifest.state_crc = writer->crc;
        checkpoint_put_manifest(&writer->manifest, &writer->part);
        checkpoint_name(writer->manifest.number, CHECKPOINT_MANIFEST, "", name);
        result = file_replace(writer->ops, writer->dir, name, bytes_slice(&writer->part), err);
        if (result != 0)
                return checkpoint_failed(writer, errno, err);
        writer->is_published = true;
        if (checkpoint_remove_old(writer, err) != 0)
                return -1;
        *ret_release_lsn = writer->older_log_lsn;
        return 0;
}

struct checkpoint_writer *checkpoint_end(struct checkpoint_writer *writer)
{
        if (writer == NULL)
                return NULL;
        /* Best effort: the next publication removes what is left over. */
        if (!writer->is_published && writer->manifest.number != 0)
                (void)checkpoint_remove_attempt(writer, NULL);
        bytes_done(&writer->part);
        alloc_free(writer->storage);
        alloc_free(writer->dir);
        alloc_free(writer);
        return NULL;
}

/* ---- reading ---- */

struct checkpoint_source { /* a state file under way */
        const struct file_ops *ops;
        int fd;
        uint64_t at;
        uint32_t crc;
};

static int checkpoint_take(struct checkpoint_source *source, void *data, size_t len, struct err *err)
{
        size_t n;

        if (file_read_all(source->ops, source->fd, data, len, (off_t)source->at, &n, err) != 0)
                return -1;
        if (n < len)
                return err_set(err, ERR_DATA, "it ends at byte %llu", (unsigned long long)(source->at + n));
        source->crc = crc32c(source->crc, data, len);
        source->at += len;
        return 0;
}

/* Joins the data of all parts at `to`, which has room for state_bytes. */
static int checkpoint_read_parts(struct checkpoint_source *source, const struct checkpoint_manifest *manifest,
                                 uint8_t *to, size_t *ret_len, struct err *err)
{
        uint8_t head[CHECKPOINT_STATE_HEAD_BYTES];
        size_t len = 0;

        if (checkpoint_take(source, head, sizeof(head), err) != 0)
                return -1;
        if (memcmp(head, CHECKPOINT_STATE_MAGIC, 8) != 0 ||
            crc32c(0, head + 12, sizeof(head) - 12) != bytes_get_u32(head + 8) ||
            bytes_get_u32(head + 12) != CHECKPOINT_VERSION || bytes_get_u64(head + 16) != manifest->instance ||
            bytes_get_u64(head + 24) != manifest->number)
                return err_set(err, ERR_DATA, "its head does not fit the manifest");
        while (source->at < manifest->state_bytes) {
                uint32_t part_len;

                if (checkpoint_take(source, head, CHECKPOINT_PART_HEAD_BYTES, err) != 0)
                        return -1;
                part_len = bytes_get_u32(head);
                if (part_len == 0 || part_len > manifest->state_bytes - source->at)
                        return err_set(err, ERR_DATA, "a part at byte %llu has an impossible length",
                                       (unsigned long long)source->at - CHECKPOINT_PART_HEAD_BYTES);
                if (checkpoint_take(source, to + len, part_len, err) != 0)
                        return -1;
                if (crc32c(0, to + len, part_len) != bytes_get_u32(head + 4))
                        return err_set(err, ERR_DATA, "the checksum of the part at byte %llu does not hold",
                                       (unsigned long long)(source->at - part_len) - CHECKPOINT_PART_HEAD_BYTES);
                len += part_len;
        }
        if (source->at != manifest->state_bytes || source->crc != manifest->state_crc)
                return err_set(err, ERR_DATA, "its size or checksum is not what the manifest says");
        *ret_len = len;
        return 0;
}

static int checkpoint_read_state(const char *dir, const struct file_ops *ops,
                                 const struct checkpoint_manifest *manifest, uint8_t **ret_data, size_t *ret_len,
                                 struct err *err)
{
        struct checkpoint_source source = {.ops = ops};
        char name[CHECKPOINT_NAME_BYTES];
        WEIR_AUTO_FREE char *path = NULL;
        WEIR_AUTO_FREE uint8_t *data = NULL;
        struct stat status;
        int result;

        checkpoint_name(manifest->number, CHECKPOINT_STATE, "", name);
        path = checkpoint_path(dir, name);
        source.fd = ops->open(ops->context, path, O_RDONLY, 0);
        if (source.fd < 0)
                return err_set_errno(err, ERR_IO, errno, "state '%s' cannot be opened", path);
        result = ops->fstat(ops->context, source.fd, &status);
        if (result != 0) {
                err_set_errno(err, ERR_IO, errno, "state '%s': stat failed", path);
        } else if ((uint64_t)status.st_size != manifest->state_bytes ||
                   manifest->state_bytes < CHECKPOINT_STATE_HEAD_BYTES) {
                result = err_set(err, ERR_DATA, "state '%s' has %llu bytes, not %llu as its manifest says", path,
                                 (unsigned long long)status.st_size, (unsigned long long)manifest->state_bytes);
        } else {
                data = alloc_bytes(manifest->state_bytes);
                result = checkpoint_read_parts(&source, manifest, data, ret_len, err);
                if (result != 0)
                        err_prefix(err, "state '%s'", path);
        }
        ops->close(ops->context, source.fd);
        if (result == 0) {
                *ret_data = data;
                data = NULL;
        }
        return result;
}

/* What is read from here on is on the disk; left-overs in the making are not. */
static int checkpoint_settle(const char *dir, const struct file_ops *ops, const struct checkpoint_list *list,
                             struct err *err)
{
        for (size_t i = 0; i < list->n_files; i++) {
                WEIR_AUTO_FREE char *path = checkpoint_path(dir, list->files[i].name);
                int fd, result;

                if (list->files[i].kind == CHECKPOINT_TEMPORARY) {
                        if (checkpoint_unlink(dir, ops, list->files[i].name, err) != 0)
                                return -1;
                        continue;
                }
                fd = ops->open(ops->context, path, O_RDONLY, 0);
                if (fd < 0)
                        return err_set_errno(err, ERR_IO, errno, "'%s' cannot be opened", path);
                result = ops->fsync(ops->context, fd);
                if (result != 0)
                        err_set_errno(err, ERR_IO, errno, "'%s' cannot be synced", path);
                ops->close(ops->context, fd);
                if (result != 0)
                        return -1;
        }
        return file_sync_dir(ops, dir, err);
}

/* A manifest that checks, and what it is used for: the state to start from, or how far the log may be released. */
static int checkpoint_load_one(const char *dir, const struct file_ops *ops, uint64_t instance,
                               const struct checkpoint_file *file, struct checkpoint *found, bool *ret_is_rejected,
                               struct err *err)
{
        struct checkpoint_manifest manifest;
        WEIR_AUTO_FREE uint8_t *storage = NULL;
        struct err why = {.code = ERR_NONE};
        size_t state_len = 0;
        int result = checkpoint_read_manifest(dir, ops, file, &manifest, &storage, &why);

        if (result == 0) {
                if (instance != 0 && manifest.instance != instance)
                        return err_set(err, ERR_DATA, "checkpoint '%s/%s' belongs to instance %016llx, not to %016llx",
                                       dir, file->name, (unsigned long long)manifest.instance,
                                       (unsigned long long)instance);
                if (manifest.is_log_durable && manifest.log_lsn > found->proven_lsn)
                        found->proven_lsn = manifest.log_lsn;
                if (found->storage[0] != NULL) {
                        if (found->release_lsn == 0)
                                found->release_lsn = manifest.log_lsn;
                        return 0;
                }
                result = checkpoint_read_state(dir, ops, &manifest, &found->storage[1], &state_len, &why);
        }
        if (result != 0) {
                *ret_is_rejected = true;
                if (found->n_rejected++ == 0)
                        snprintf(found->rejected, sizeof(found->rejected), "%s", why.text);
                return 0;
        }
        found->manifest = manifest;
        found->state = slice_make(found->storage[1], state_len);
        found->storage[0] = storage;
        storage = NULL;
        return 0;
}

static int checkpoint_put_aside(const char *dir, const struct file_ops *ops, const struct checkpoint_file *file,
                                struct err *err)
{
        char name[CHECKPOINT_NAME_BYTES];
        WEIR_AUTO_FREE char *from = checkpoint_path(dir, file->name);
        WEIR_AUTO_FREE char *to = NULL;

        snprintf(name, sizeof(name), "%016llx.rejected", (unsigned long long)file->number);
        to = checkpoint_path(dir, name);
        if (ops->rename(ops->context, from, to) != 0)
                return err_set_errno(err, ERR_IO, errno, "'%s' cannot be renamed to '%s'", from, to);
        return file_sync_dir(ops, dir, err);
}

int checkpoint_load(const char *dir, const struct file_ops *ops, uint64_t instance, struct checkpoint *ret_checkpoint,
                    struct err *err)
{
        struct checkpoint found = {.n_rejected = 0};
        struct checkpoint_list list;
        int result = checkpoint_list_read(dir, ops, &list, err);

        if (result == 0)
                result = checkpoint_settle(dir, ops, &list, err);
        for (size_t i = 0; result == 0 && i < list.n_files; i++) {
                bool is_rejected = false;

                if (list.files[i].kind != CHECKPOINT_MANIFEST)
                        continue;
                result = checkpoint_load_one(dir, ops, instance, &list.files[i], &found, &is_rejected, err);
                if (is_rejected)
                        list.files[i].kind = CHECKPOINT_FOREIGN;
        }
        for (size_t i = 0; result == 0 && found.storage[0] != NULL && i < list.n_files; i++)
                if (list.files[i].kind == CHECKPOINT_FOREIGN)
                        result = checkpoint_put_aside(dir, ops, &list.files[i], err);
        alloc_free(list.files);
        if (result != 0) {
                checkpoint_done(&found);
                return -1;
        }
        *ret_checkpoint = found;
        return found.storage[0] != NULL ? 0 : CHECKPOINT_E_NONE;
}

void checkpoint_done(struct checkpoint *checkpoint)
{
        alloc_free(checkpoint->storage[0]);
        alloc_free(checkpoint->storage[1]);
        *checkpoint = (struct checkpoint){.n_rejected = 0};
}

int checkpoint_inspect(const char *dir, const struct file_ops *ops, bool with_state, checkpoint_see_fn see,
                       void *context, struct err *err)
{
        struct checkpoint_list list;

        if (checkpoint_list_read(dir, ops, &list, err) != 0)
                return -1;
        for (size_t i = 0; i < list.n_files; i++) {
                struct checkpoint_manifest manifest;
                WEIR_AUTO_FREE uint8_t *storage = NULL;
                WEIR_AUTO_FREE uint8_t *state = NULL;
                struct err why = {.code = ERR_NONE};
                size_t len;

                if (list.files[i].kind != CHECKPOINT_MANIFEST)
                        continue;
                if (checkpoint_read_manifest(dir, ops, &list.files[i], &manifest, &storage, &why) != 0)
                        see(context, list.files[i].name, NULL, &why);
                else if (with_state && checkpoint_read_state(dir, ops, &manifest, &state, &len, &why) != 0)
                        see(context, list.files[i].name, &manifest, &why);
                else
                        see(context, list.files[i].name, &manifest, NULL);
        }
        alloc_free(list.files);
        return 0;
}
