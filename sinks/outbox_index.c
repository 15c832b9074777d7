/* outbox_index.c - what the outbox holds.
 *
 * A file's first record says where the outbox stood at its beginning, and which tables and epochs the file before held.
 * So loading reads the first record of each file and walks only the last one, however much is kept. */
#include "sinks/outbox_index.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/hash.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- life ---- */

void outbox_index_init(struct outbox_index *index, const struct file_ops *ops, const char *dir, uint64_t instance)
{
        *index = (struct outbox_index){.ops = ops, .dir = alloc_text(dir), .instance = instance};
        index->is_open_ordered = true;
}

static void outbox_file_free(struct outbox_file *file)
{
        arena_done(&file->arena);
        alloc_free(file->tables);
        alloc_free(file);
}

void outbox_index_done(struct outbox_index *index)
{
        for (uint32_t i = 0; i < index->n_files; i++)
                outbox_file_free(index->files[i]);
        for (uint32_t i = 0; i < index->n_counters; i++)
                alloc_free((void *)(uintptr_t)index->counters[i].name.data);
        alloc_free(index->files);
        alloc_free(index->epochs);
        alloc_free(index->counters);
        alloc_free(index->dir);
}

/* ---- files ---- */

uint64_t outbox_index_end(const struct outbox_index *index)
{
        return index->n_files == 0 ? 0 : index->files[index->n_files - 1]->end_lsn;
}

uint64_t outbox_index_first(const struct outbox_index *index)
{
        return index->n_files == 0 ? 0 : index->files[0]->first_lsn;
}

struct outbox_file *outbox_index_find_file(const struct outbox_index *index, uint64_t lsn)
{
        uint32_t low = 0;
        uint32_t high = index->n_files;

        /* The last file that begins at or before it. */
        while (low < high) {
                uint32_t middle = low + (high - low) / 2;

                if (index->files[middle]->first_lsn <= lsn)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low == 0 ? NULL : index->files[low - 1];
}

static struct outbox_file *outbox_index_push_file(struct outbox_index *index, const struct wal_segment_header *header)
{
        struct outbox_file *file = alloc_zero(1, sizeof(*file));

        file->first_lsn = header->first_lsn;
        file->end_lsn = header->first_lsn + WAL_BLOCK_BYTES;
        file->number = header->number;
        file->salt = (uint32_t)header->salt;
        arena_init(&file->arena, 1024, 0);
        if (index->n_files == index->file_capacity) {
                index->file_capacity = index->file_capacity == 0 ? 16 : 2 * index->file_capacity;
                index->files = alloc_resize(index->files, index->file_capacity, sizeof(*index->files));
        }
        index->files[index->n_files++] = file;
        return file;
}

/* Epochs that ended in the last file. */
static size_t outbox_index_epochs_of_last(const struct outbox_index *index)
{
        uint64_t begin = index->files[index->n_files - 1]->first_lsn;
        size_t n = 0;

        while (n < index->n_epochs && index->epochs[index->n_epochs - n - 1].end > begin)
                n++;
        return n;
}

struct outbox_file *outbox_index_add_file(struct outbox_index *index, struct wal_segment_header *ret_header,
                                          struct bytes *summary)
{
        const struct outbox_file *before = index->n_files == 0 ? NULL : index->files[index->n_files - 1];
        struct hash_key key = hash_key_from_seed(index->instance);
        struct outbox_summary said = {
                .last_epoch = index->last_epoch,
                .open_first = index->open_first,
                .is_open_ordered = index->is_open_ordered,
                .n_counters = index->n_counters,
                .counters = index->counters,
        };

        *ret_header = (struct wal_segment_header){
                .instance = index->instance,
                .number = before == NULL ? 1 : before->number + 1,
                .first_lsn = outbox_index_end(index),
                .previous_end = outbox_index_end(index),
                .previous_chain = index->chain,
        };
        /* From instance and position alone: replay makes the same bytes. */
        ret_header->salt = hash_u64(&key, ret_header->first_lsn);
        if (before != NULL) {
                said.n_tables = before->n_tables;
                said.tables = before->tables;
                said.n_epochs = (uint32_t)outbox_index_epochs_of_last(index);
                said.epochs = index->epochs + index->n_epochs - said.n_epochs;
        }
        bytes_reset(summary);
        outbox_payload_put_summary(summary, &said);
        return outbox_index_push_file(index, ret_header);
}

void outbox_index_drop_file(struct outbox_index *index)
{
        size_t n = 0;

        assert(index->n_files > 1);
        outbox_file_free(index->files[0]);
        index->n_files--;
        memmove(index->files, index->files + 1, index->n_files * sizeof(*index->files));
        while (n < index->n_epochs && index->epochs[n].first < index->files[0]->first_lsn)
                n++;
        index->n_epochs -= n;
        if (n > 0)
                memmove(index->epochs, index->epochs + n, index->n_epochs * sizeof(*index->epochs));
}

/* ---- tables and epochs ---- */

uint32_t outbox_index_find_table(const struct outbox_index *index, uint32_t generation, struct slice name)
{
        const struct outbox_file *file = index->files[index->n_files - 1];

        for (uint32_t i = 0; i < file->n_tables; i++)
                if (file->tables[i].generation == generation && slice_is_equal(file->tables[i].name, name))
                        return i;
        return UINT32_MAX;
}

uint32_t outbox_index_add_table(struct outbox_index *index, struct outbox_file *file, const struct outbox_table *table)
{
        struct slice *names = arena_new_n(&file->arena, struct slice, table->n_columns);
        enum phys *phys = arena_new_n(&file->arena, enum phys, table->n_columns);
        struct outbox_table *copy;

        (void)index;
        if (file->n_tables == file->table_capacity) {
                file->table_capacity = file->table_capacity == 0 ? 4 : 2 * file->table_capacity;
                file->tables = alloc_resize(file->tables, file->table_capacity, sizeof(*file->tables));
        }
        copy = &file->tables[file->n_tables];
        *copy = *table;
        copy->name = arena_copy(&file->arena, table->name);
        for (uint32_t i = 0; i < table->n_columns; i++) {
                names[i] = arena_copy(&file->arena, table->names[i]);
                phys[i] = table->phys[i];
        }
        copy->names = names;
        copy->phys = phys;
        return file->n_tables++;
}

static struct outbox_counter *outbox_index_counter(struct outbox_index *index, struct slice table)
{
        struct outbox_counter *counter;

        for (uint32_t i = 0; i < index->n_counters; i++)
                if (slice_is_equal(index->counters[i].name, table))
                        return &index->counters[i];
        if (index->n_counters == index->counter_capacity) {
                index->counter_capacity = index->counter_capacity == 0 ? 8 : 2 * index->counter_capacity;
                index->counters = alloc_resize(index->counters, index->counter_capacity, sizeof(*index->counters));
        }
        counter = &index->counters[index->n_counters++];
        *counter = (struct outbox_counter){.window_end_ms = INT64_MIN};
        counter->name = slice_make(alloc_text_n(table.data, table.len), table.len);
        return counter;
}

uint64_t outbox_index_add_rows(struct outbox_index *index, struct slice table, int64_t window_end_ms, uint32_t n_rows)
{
        struct outbox_counter *counter = outbox_index_counter(index, table);
        uint64_t first_index = counter->next_index;

        if (window_end_ms < counter->window_end_ms)
                index->is_open_ordered = false;
        counter->window_end_ms = window_end_ms;
        counter->next_index += n_rows;
        return first_index;
}

static void outbox_index_push_epoch(struct outbox_index *index, const struct outbox_epoch *epoch)
{
        if (index->n_epochs == index->epoch_capacity) {
                index->epoch_capacity = index->epoch_capacity == 0 ? 64 : 2 * index->epoch_capacity;
                index->epochs = alloc_resize(index->epochs, index->epoch_capacity, sizeof(*index->epochs));
        }
        index->epochs[index->n_epochs++] = *epoch;
}

void outbox_index_end_epoch(struct outbox_index *index, uint64_t epoch, uint64_t lsn, uint64_t end)
{
        struct outbox_epoch complete = {.epoch = epoch,
                                        .lsn = lsn,
                                        .first = index->open_first,
                                        .end = end,
                                        .is_ordered = index->is_open_ordered};

        outbox_index_push_epoch(index, &complete);
        index->last_epoch = epoch;
        index->open_first = end;
        index->is_open_ordered = true;
        for (uint32_t i = 0; i < index->n_counters; i++)
                alloc_free((void *)(uintptr_t)index->counters[i].name.data);
        index->n_counters = 0;
}

const struct outbox_epoch *outbox_index_find_epoch(const struct outbox_index *index, uint64_t after)
{
        size_t low = 0;
        size_t high = index->n_epochs;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (index->epochs[middle].epoch > after)
                        high = middle;
                else
                        low = middle + 1;
        }
        return low < index->n_epochs ? &index->epochs[low] : NULL;
}

/* ---- loading ---- */

struct outbox_names {
        uint64_t *lsn;
        size_t n, capacity;
};

static void outbox_names_add(void *context, const char *name)
{
        struct outbox_names *names = context;
        uint64_t lsn;

        if (!wal_format_parse_name(name, &lsn))
                return;
        if (names->n == names->capacity) {
                names->capacity = names->capacity == 0 ? 16 : 2 * names->capacity;
                names->lsn = alloc_resize(names->lsn, names->capacity, sizeof(*names->lsn));
        }
        names->lsn[names->n++] = lsn;
}

static int outbox_names_compare(const void *a, const void *b)
{
        uint64_t first = *(const uint64_t *)a;
        uint64_t second = *(const uint64_t *)b;

        return (first > second) - (first < second);
}

char *outbox_index_path(const char *dir, uint64_t lsn)
{
        char name[WAL_NAME_BYTES];
        size_t len = strlen(dir) + sizeof(name) + 1;
        char *path = alloc_bytes(len);

        wal_format_name(lsn, name);
        snprintf(path, len, "%s/%s", dir, name);
        return path;
}

/* A file under way: read from the front, a chunk at a time. */
struct outbox_walk {
        const struct file_ops *ops;
        int fd;
        uint8_t *data;
        uint64_t size, loaded; /* of the file; of it */
        struct wal_segment_header header;
};

enum { OUTBOX_WALK_BYTES = 1 << 20 };

static int outbox_walk_load(struct outbox_walk *walk, uint64_t end, struct err *err)
{
        size_t len;

        while (walk->loaded < end && walk->loaded < walk->size) {
                size_t want = walk->size - walk->loaded < OUTBOX_WALK_BYTES ? (size_t)(walk->size - walk->loaded)
                                                                             : OUTBOX_WALK_BYTES;

                if (file_read_all(walk->ops, walk->fd, walk->data + walk->loaded, want, (off_t)walk->loaded, &len,
                                  err) != 0)
                        return -1;
                walk->loaded += len;
                if (len < want)
                        walk->size = walk->loaded;
        }
        return 0;
}

/* The record at an offset; ERR_DATA when none that fits stands there. */
static int outbox_walk_record(struct outbox_walk *walk, uint64_t offset, struct wal_header *ret_header, struct err *err)
{
        uint64_t room;

        if (outbox_walk_load(walk, offset + WAL_HEADER_BYTES, err) != 0)
                return -1;
        room = walk->size > offset ? walk->size - offset : 0;
        if (!wal_format_is_plausible(walk->data + offset, room, walk->header.first_lsn + offset,
                                     (uint32_t)walk->header.salt, ret_header))
                return err_set(err, ERR_DATA, "no record stands at offset %llu", (unsigned long long)offset);
        if (outbox_walk_load(walk, offset + wal_format_record_bytes(ret_header->length), err) != 0)
                return -1;
        if (!wal_format_is_record(walk->data + offset, walk->size - offset, walk->header.first_lsn + offset,
                                  (uint32_t)walk->header.salt, ret_header))
                return err_set(err, ERR_DATA, "the record at offset %llu is damaged", (unsigned long long)offset);
        return 0;
}

static struct slice outbox_walk_payload(const struct outbox_walk *walk, uint64_t offset,
                                        const struct wal_header *header)
{
        return slice_make(walk->data + offset + WAL_HEADER_BYTES, header->length);
}

static int outbox_index_apply_summary(struct outbox_index *index, struct slice payload, bool is_first, struct err *err)
{
        struct outbox_summary summary;
        struct arena arena;
        int result;

        arena_init(&arena, 4096, 0);
        result = outbox_payload_get_summary(payload, &arena, &summary, err);
        if (result == 0) {
                struct outbox_file *before = is_first ? NULL : index->files[index->n_files - 2];

                for (uint32_t i = 0; before != NULL && i < summary.n_tables; i++)
                        outbox_index_add_table(index, before, &summary.tables[i]);
                for (uint32_t i = 0; i < summary.n_epochs; i++)
                        if (summary.epochs[i].first >= outbox_index_first(index))
                                outbox_index_push_epoch(index, &summary.epochs[i]);
                for (uint32_t i = 0; i < index->n_counters; i++)
                        alloc_free((void *)(uintptr_t)index->counters[i].name.data);
                index->n_counters = 0;
                for (uint32_t i = 0; i < summary.n_counters; i++) {
                        struct outbox_counter *counter = outbox_index_counter(index, summary.counters[i].name);

                        counter->next_index = summary.counters[i].next_index;
                        counter->window_end_ms = summary.counters[i].window_end_ms;
                }
                index->last_epoch = summary.last_epoch;
                index->open_first = summary.open_first;
                index->is_open_ordered = summary.is_open_ordered;
        }
        arena_done(&arena);
        return result;
}

/* One record of the last file. */
static int outbox_index_apply(struct outbox_index *index, struct outbox_file *file, uint8_t type, struct slice payload,
                              uint64_t end, struct err *err)
{
        struct outbox_table table;
        struct outbox_rows rows;
        uint64_t epoch, lsn;

        switch (type) {
        case OUTBOX_TABLE:
                if (outbox_payload_get_table(payload, &file->arena, &table, err) != 0)
                        return -1;
                outbox_index_add_table(index, file, &table);
                return 0;
        case OUTBOX_ROWS:
                if (outbox_payload_get_rows(payload, &rows, err) != 0)
                        return -1;
                if (rows.table >= file->n_tables)
                        return err_set(err, ERR_DATA, "ROWS record of an unknown table");
                outbox_index_add_rows(index, file->tables[rows.table].name, rows.window_end_ms, rows.n_rows);
                return 0;
        case OUTBOX_EPOCH_END:
                if (outbox_payload_get_epoch_end(payload, &epoch, &lsn, err) != 0)
                        return -1;
                outbox_index_end_epoch(index, epoch, lsn, end);
                return 0;
        case OUTBOX_FILE:
        case WAL_TYPE_PAD:
                return 0;
        default:
                return err_set(err, ERR_DATA, "record of unknown type %u: a newer weir wrote it", type);
        }
}

/* Walks the last file up to the cursor. */
static int outbox_index_walk(struct outbox_index *index, struct outbox_file *file, struct outbox_walk *walk,
                             uint64_t cursor, struct err *err)
{
        uint64_t end = cursor - file->first_lsn;
        uint64_t offset = WAL_BLOCK_BYTES;
        struct wal_header header;

        index->chain = walk->header.crc;
        while (offset < end) {
                if (outbox_walk_record(walk, offset, &header, err) != 0)
                        return -1;
                if (header.chain != index->chain)
                        return err_set(err, ERR_DATA, "the record at offset %llu does not follow the one before it",
                                       (unsigned long long)offset);
                if (outbox_index_apply(index, file, header.type, outbox_walk_payload(walk, offset, &header),
                                       header.lsn + wal_format_record_bytes(header.length), err) != 0)
                        return -1;
                index->chain = header.crc;
                offset += wal_format_record_bytes(header.length);
        }
        if (offset != end)
                return err_set(err, ERR_DATA, "the cursor %llu stands inside a record", (unsigned long long)cursor);
        file->end_lsn = cursor;
        return 0;
}

static int outbox_index_load_open(struct outbox_index *index, struct outbox_walk *walk, uint64_t first_lsn,
                                  uint64_t end_lsn, bool is_last, struct err *err)
{
        struct outbox_file *file;
        struct wal_header header;

        if (outbox_walk_load(walk, WAL_BLOCK_BYTES, err) != 0)
                return -1;
        if (walk->size < WAL_BLOCK_BYTES || !wal_format_get_segment(walk->data, WAL_MAGIC_OUTBOX, &walk->header) ||
            walk->header.first_lsn != first_lsn)
                return err_set(err, ERR_DATA, "its header block does not check");
        if (walk->header.instance != index->instance)
                return err_set(err, ERR_DATA, "it belongs to instance %016llx, not to %016llx",
                               (unsigned long long)walk->header.instance, (unsigned long long)index->instance);
        if (first_lsn + walk->size < end_lsn)
                return err_set(err, ERR_DATA, "it ends at %llu, but rows up to %llu were durable",
                               (unsigned long long)(first_lsn + walk->size), (unsigned long long)end_lsn);
        if (outbox_walk_record(walk, WAL_BLOCK_BYTES, &header, err) != 0)
                return -1;
        if (header.type != OUTBOX_FILE)
                return err_set(err, ERR_DATA, "its first record is not FILE");
        file = outbox_index_push_file(index, &walk->header);
        if (outbox_index_apply_summary(index, outbox_walk_payload(walk, WAL_BLOCK_BYTES, &header), index->n_files == 1,
                                       err) != 0)
                return -1;
        if (is_last)
                return outbox_index_walk(index, file, walk, end_lsn, err);
        file->end_lsn = end_lsn;
        return 0;
}

/* One file that is kept; it ends at end_lsn, where the next begins or the cursor stands. */
static int outbox_index_load_file(struct outbox_index *index, uint64_t first_lsn, uint64_t end_lsn, bool is_last,
                                  struct err *err)
{
        const struct file_ops *ops = index->ops;
        WEIR_AUTO_FREE char *path = outbox_index_path(index->dir, first_lsn);
        struct outbox_walk walk = {.ops = ops};
        struct stat status;
        int result = -1;

        walk.fd = ops->open(ops->context, path, O_RDWR, 0);
        if (walk.fd < 0)
                return err_set_errno(err, ERR_IO, errno, "outbox file '%s' cannot be opened", path);
        if (ops->fsync(ops->context, walk.fd) != 0 || ops->fstat(ops->context, walk.fd, &status) != 0) {
                err_set_errno(err, ERR_IO, errno, "sync or stat failed");
                goto out;
        }
        walk.size = (uint64_t)status.st_size;
        if (walk.size > end_lsn - first_lsn)
                walk.size = end_lsn - first_lsn;
        walk.data = alloc_bytes(walk.size + WAL_BLOCK_BYTES);
        if (outbox_index_load_open(index, &walk, first_lsn, end_lsn, is_last, err) != 0)
                goto out;
        /* Nothing behind the cursor may ever be read: replay makes it again. */
        if (is_last && (uint64_t)status.st_size > walk.size &&
            (ops->ftruncate(ops->context, walk.fd, (off_t)walk.size) != 0 || ops->fsync(ops->context, walk.fd) != 0)) {
                err_set_errno(err, ERR_IO, errno, "it cannot be cut back");
                goto out;
        }
        result = 0;
out:
        ops->close(ops->context, walk.fd);
        alloc_free(walk.data);
        return result == 0 ? 0 : err_prefix(err, "outbox file '%s'", path);
}

static int outbox_index_remove(struct outbox_index *index, uint64_t first_lsn, struct err *err)
{
        WEIR_AUTO_FREE char *path = outbox_index_path(index->dir, first_lsn);

        if (index->ops->unlink(index->ops->context, path) != 0 && errno != ENOENT)
                return err_set_errno(err, ERR_IO, errno, "outbox file '%s' cannot be removed", path);
        return 0;
}

/* ---- verifying ---- */

/* All records of a file up to `end`; with is_open the file may end before it. *ret_end: behind the last. */
static int outbox_walk_verify(struct outbox_walk *walk, uint64_t first_lsn, uint64_t end, bool is_open,
                              uint64_t *ret_end, uint64_t *ret_epochs, struct err *err)
{
        uint64_t offset = WAL_BLOCK_BYTES;
        struct wal_header header;
        uint32_t chain;

        if (outbox_walk_load(walk, WAL_BLOCK_BYTES, err) != 0)
                return -1;
        if (walk->size < WAL_BLOCK_BYTES || !wal_format_get_segment(walk->data, WAL_MAGIC_OUTBOX, &walk->header) ||
            walk->header.first_lsn != first_lsn)
                return err_set(err, ERR_DATA, "its header block does not check");
        chain = walk->header.crc;
        while (first_lsn + offset < end) {
                if (outbox_walk_record(walk, offset, &header, err) != 0 || header.chain != chain) {
                        if (is_open)
                                break;
                        return err_set(err, ERR_DATA, "no record that follows the one before it stands at offset %llu",
                                       (unsigned long long)offset);
                }
                chain = header.crc;
                *ret_epochs += header.type == OUTBOX_EPOCH_END;
                offset += wal_format_record_bytes(header.length);
        }
        *ret_end = first_lsn + offset;
        return 0;
}

static int outbox_index_verify_file(const struct outbox_index *index, uint64_t first_lsn, uint64_t end, bool is_open,
                                    uint64_t *ret_end, uint64_t *ret_epochs, struct err *err)
{
        const struct file_ops *ops = index->ops;
        WEIR_AUTO_FREE char *path = outbox_index_path(index->dir, first_lsn);
        struct outbox_walk walk = {.ops = ops};
        struct stat status;
        int result;

        walk.fd = ops->open(ops->context, path, O_RDONLY, 0);
        if (walk.fd < 0)
                return err_set_errno(err, ERR_IO, errno, "outbox file '%s' cannot be opened", path);
        if (ops->fstat(ops->context, walk.fd, &status) != 0) {
                result = err_set_errno(err, ERR_IO, errno, "stat failed");
        } else {
                walk.size = (uint64_t)status.st_size;
                walk.data = alloc_bytes(walk.size + WAL_BLOCK_BYTES);
                result = outbox_walk_verify(&walk, first_lsn, end, is_open, ret_end, ret_epochs, err);
        }
        ops->close(ops->context, walk.fd);
        alloc_free(walk.data);
        return result == 0 ? 0 : err_prefix(err, "outbox file '%s'", path);
}

int outbox_index_verify(const char *dir, const struct file_ops *ops, uint64_t cursor, uint64_t *ret_first,
                        uint64_t *ret_end, uint64_t *ret_epochs, struct err *err)
{
        struct outbox_index index = {.ops = ops, .dir = alloc_text(dir)};
        struct outbox_names names = {.lsn = NULL};
        uint64_t end = 0, n_epochs = 0;
        int result = 0;

        if (ops->list(ops->context, dir, outbox_names_add, &names) != 0)
                result = err_set_errno(err, ERR_IO, errno, "outbox directory '%s' cannot be read", dir);
        if (names.n > 1)
                qsort(names.lsn, names.n, sizeof(*names.lsn), outbox_names_compare);
        for (size_t i = 0; result == 0 && i < names.n; i++) {
                bool is_last = i + 1 == names.n;
                /* Behind the cursor nothing was promised. */
                bool is_open = is_last || names.lsn[i + 1] > cursor;

                if (names.lsn[i] >= cursor && cursor != 0)
                        break;
                result = outbox_index_verify_file(&index, names.lsn[i], is_last ? UINT64_MAX : names.lsn[i + 1],
                                                  is_open, &end, &n_epochs, err);
        }
        if (result == 0 && end < cursor)
                result = err_set(err, ERR_DATA, "outbox '%s' ends at %llu, but rows up to %llu were durable", dir,
                                 (unsigned long long)end, (unsigned long long)cursor);
        if (result == 0) {
                *ret_first = names.n == 0 ? 0 : names.lsn[0];
                *ret_end = end;
                *ret_epochs = n_epochs;
        }
        alloc_free(names.lsn);
        alloc_free(index.dir);
        return result;
}

/* ---- all of it ---- */

int outbox_index_load(struct outbox_index *index, uint64_t cursor, struct err *err)
{
        struct outbox_names names = {.lsn = NULL};
        size_t n_kept = 0;
        int result = 0;

        if (index->ops->list(index->ops->context, index->dir, outbox_names_add, &names) != 0) {
                result = err_set_errno(err, ERR_IO, errno, "outbox directory '%s' cannot be read", index->dir);
                goto out;
        }
        if (names.n > 1)
                qsort(names.lsn, names.n, sizeof(*names.lsn), outbox_names_compare);
        while (n_kept < names.n && names.lsn[n_kept] < cursor)
                n_kept++;
        if (cursor > 0 && n_kept == 0) {
                result = err_set(err, ERR_DATA, "outbox '%s' is empty, but rows before %llu were durable", index->dir,
                                 (unsigned long long)cursor);
                goto out;
        }
        /* Newest first: what is left is without a gap at every moment. */
        for (size_t i = names.n; result == 0 && i-- > n_kept;)
                result = outbox_index_remove(index, names.lsn[i], err);
        for (size_t i = 0; result == 0 && i < n_kept; i++)
                result = outbox_index_load_file(index, names.lsn[i], i + 1 < n_kept ? names.lsn[i + 1] : cursor,
                                                i + 1 == n_kept, err);
        if (result == 0)
                result = file_sync_dir(index->ops, index->dir, err);
out:
        alloc_free(names.lsn);
        return result;
}
