/* outbox.c - fired rows in files, until their sinks have kept them.
 *
 * Files are named by their first position ("%016x.wal", as segments of the log) and follow each other without a gap.
 * A file is a header block (wal_format.h, magic "WEIROUT\n", size 0: it grows) and records in the log's record
 * format, written without sync (`back` is ffffffff). Their payloads (varint, zigzag and text as in record.c):
 *
 *   16 FILE       varint last complete epoch, varint position where the open epoch begins, u8 its pieces are in order
 *   so far,
 *                 varint n, n times: text table, varint rows in the open epoch, zigzag window end of the last piece
 *                 varint n, n times: a TABLE of the file before
 *                 varint n, n times an epoch that ended in the file before: varint epoch, varint log lsn,
 *                                    varint first position, varint end, u8 in order
 *                 The first record of each file, and only there.
 *   17 TABLE      varint generation, text name, varint n_columns, n times: u8 physical type, text name
 *                 Tables of a file are numbered from 0 in order of these records.
 *   18 ROWS       varint number of the table, varint first_index, zigzag window_end_ms, varint n_rows, columns
 *   (codec.c,
 *                 without dictionaries: a feeder may begin anywhere)
 *   19 EPOCH_END  varint epoch, varint log lsn
 *
 * What a checkpoint names (outbox_seal) ends with a PAD at a multiple of 4096, so that nothing durable is written
 * again.
 *
 * Appending fills chunks in memory. A full or sealed chunk is handed to the background thread, which writes it; the
 * loop thread frees it afterwards. Until then feeders read it where it is. A failed write or sync poisons the outbox,
 * except that a full disk is waited for: a chunk is written again from its beginning, which nobody relies on yet. */
#include "sinks/outbox.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"
#include "sidecar/wal/wal_writer.h"
#include "sinks/outbox_index.h"
#include "sinks/outbox_view.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
        OUTBOX_CHUNK_BYTES = 256 << 10,
        OUTBOX_CHUNKS_SPARE = 16,
        OUTBOX_FILE_BYTES = 64 << 20,
        OUTBOX_MEMORY_BYTES = 32 << 20,
        OUTBOX_SYNC_BYTES = 4 << 20, /* written at most before a sync, so that a checkpoint finds little to do */
};

struct outbox_chunk {
        struct outbox_chunk *next;
        uint64_t lsn;      /* of data[0] */
        uint64_t file_lsn; /* first position of its file */
        size_t used, capacity;
        bool is_handed, is_written;
        uint8_t *data;
};

struct outbox {
        struct outbox_config config;
        char *dir;
        struct feeder_source source;
        /* Loop thread. */
        struct outbox_index index;
        struct wal_writer writer;     /* the current chunk's */
        struct outbox_chunk *current; /* the last of the list, not yet handed over; or NULL */
        struct outbox_chunk *spare;
        unsigned n_spare;
        struct bytes scratch;
        uint64_t durable_lsn;
        uint64_t cut_epoch;
        bool has_cut;
        struct outbox_view *views;
        uint32_t n_views;
        /* Both, with the lock. */
        pthread_mutex_t lock;
        struct outbox_chunk *first, *last; /* what is not yet written, and the current chunk */
        uint64_t memory_bytes;
        uint64_t *gone; /* files to be removed */
        uint32_t n_gone, gone_capacity;
        uint64_t sync_lsn; /* wanted */
        struct err poison;
        atomic_bool is_poisoned, is_no_space;
        atomic_uint_least64_t written_lsn, synced_lsn;
        /* Background thread. */
        int fd;
        uint64_t file_lsn; /* of fd */
        bool is_dir_unsynced;
};

/* ---- chunks ---- */

static struct outbox_chunk *outbox_chunk_new(struct outbox *outbox, size_t capacity)
{
        struct outbox_chunk *chunk = outbox->spare;

        if (capacity <= OUTBOX_CHUNK_BYTES && chunk != NULL) {
                outbox->spare = chunk->next;
                outbox->n_spare--;
        } else {
                chunk = alloc_zero(1, sizeof(*chunk));
                chunk->capacity = capacity < OUTBOX_CHUNK_BYTES ? OUTBOX_CHUNK_BYTES : capacity;
                chunk->data = alloc_bytes(chunk->capacity);
        }
        chunk->next = NULL;
        chunk->used = 0;
        chunk->is_handed = chunk->is_written = false;
        return chunk;
}

static void outbox_chunk_free(struct outbox_chunk *chunk)
{
        alloc_free(chunk->data);
        alloc_free(chunk);
}

/* Takes what was written out of the list. */
static void outbox_free_written(struct outbox *outbox)
{
        struct outbox_chunk *chunk;

        for (;;) {
                pthread_mutex_lock(&outbox->lock);
                chunk = outbox->first;
                if (chunk != NULL && chunk->is_written) {
                        outbox->first = chunk->next;
                        if (outbox->first == NULL)
                                outbox->last = NULL;
                        outbox->memory_bytes -= chunk->used;
                } else {
                        chunk = NULL;
                }
                pthread_mutex_unlock(&outbox->lock);
                if (chunk == NULL)
                        return;
                if (chunk->capacity == OUTBOX_CHUNK_BYTES && outbox->n_spare < OUTBOX_CHUNKS_SPARE) {
                        chunk->next = outbox->spare;
                        outbox->spare = chunk;
                        outbox->n_spare++;
                } else {
                        outbox_chunk_free(chunk);
                }
        }
}

static void outbox_hand_over(struct outbox *outbox)
{
        struct outbox_chunk *chunk = outbox->current;

        if (chunk == NULL)
                return;
        pthread_mutex_lock(&outbox->lock);
        chunk->used = outbox->writer.used;
        chunk->is_handed = true;
        outbox->memory_bytes += chunk->used;
        pthread_mutex_unlock(&outbox->lock);
        outbox->current = NULL;
}

static void outbox_begin_chunk(struct outbox *outbox, size_t capacity)
{
        struct outbox_chunk *chunk = outbox_chunk_new(outbox, capacity);

        assert(outbox->current == NULL);
        chunk->lsn = outbox_index_end(&outbox->index);
        chunk->file_lsn = outbox->index.files[outbox->index.n_files - 1]->first_lsn;
        wal_writer_begin(&outbox->writer, chunk->data, chunk->capacity, chunk->lsn);
        pthread_mutex_lock(&outbox->lock);
        if (outbox->last == NULL)
                outbox->first = chunk;
        else
                outbox->last->next = chunk;
        outbox->last = chunk;
        pthread_mutex_unlock(&outbox->lock);
        outbox->current = chunk;
}

/* ---- appending ---- */

static int outbox_poisoned_err(struct outbox *outbox, struct err *err)
{
        pthread_mutex_lock(&outbox->lock);
        if (err != NULL)
                *err = outbox->poison;
        pthread_mutex_unlock(&outbox->lock);
        return -1;
}

/* A record into the current chunk, which has room for it. */
static void outbox_finish(struct outbox *outbox, uint8_t type, size_t payload_len)
{
        struct outbox_file *file = outbox->index.files[outbox->index.n_files - 1];

        wal_writer_finish(&outbox->writer, type, WAL_WHOLE, payload_len);
        outbox->index.chain = outbox->writer.chain;
        file->end_lsn = wal_writer_end(&outbox->writer);
}

static uint8_t *outbox_reserve(struct outbox *outbox, size_t payload_max)
{
        /* Two blocks: the most that a PAD behind it can take. */
        uint64_t need = wal_format_record_bytes(payload_max) + 2 * (uint64_t)WAL_BLOCK_BYTES;

        if (outbox->current == NULL || outbox->writer.capacity - outbox->writer.used < need) {
                outbox_hand_over(outbox);
                outbox_begin_chunk(outbox, need);
        }
        return wal_writer_reserve(&outbox->writer, payload_max);
}

static void outbox_append_bytes(struct outbox *outbox, uint8_t type, const struct bytes *payload)
{
        memcpy(outbox_reserve(outbox, payload->len), payload->data, payload->len);
        outbox_finish(outbox, type, payload->len);
}

/* Pads to whole blocks of the file (a chunk may begin anywhere in it). Without a current chunk that is so already. */
static void outbox_pad(struct outbox *outbox)
{
        struct outbox_file *file;
        size_t gap;

        if (outbox->current == NULL) {
                assert(outbox_index_end(&outbox->index) % WAL_BLOCK_BYTES == 0);
                return;
        }
        file = outbox->index.files[outbox->index.n_files - 1];
        gap = WAL_BLOCK_BYTES - (size_t)(file->end_lsn % WAL_BLOCK_BYTES);
        if (gap == WAL_BLOCK_BYTES)
                return;
        wal_writer_append_pad(&outbox->writer, gap < WAL_HEADER_BYTES ? gap + WAL_BLOCK_BYTES : gap);
        outbox->index.chain = outbox->writer.chain;
        file->end_lsn = wal_writer_end(&outbox->writer);
}

static void outbox_begin_file(struct outbox *outbox)
{
        struct wal_segment_header header;

        outbox_pad(outbox);
        outbox_hand_over(outbox);
        outbox_index_add_file(&outbox->index, &header, &outbox->scratch);
        outbox->index.files[outbox->index.n_files - 1]->end_lsn = header.first_lsn;
        outbox_begin_chunk(outbox, outbox->scratch.len + 4 * (size_t)WAL_BLOCK_BYTES);
        wal_writer_start_segment(&outbox->writer, WAL_MAGIC_OUTBOX, &header);
        outbox->index.files[outbox->index.n_files - 1]->end_lsn = wal_writer_end(&outbox->writer);
        outbox_append_bytes(outbox, OUTBOX_FILE, &outbox->scratch);
}

bool outbox_is_full(const struct outbox *outbox)
{
        const struct outbox_index *index = &outbox->index;
        const struct outbox_epoch *waiting = outbox->has_cut ? outbox_index_find_epoch(index, outbox->cut_epoch) : NULL;

        return outbox->config.keep_bytes != 0 && waiting != NULL &&
               outbox_index_end(index) - waiting->first > outbox->config.keep_bytes;
}

/* 0 when another record may be appended, in a file that has room for it. */
static int outbox_prepare(struct outbox *outbox, struct err *err)
{
        const struct outbox_index *index = &outbox->index;
        const struct outbox_file *file = index->n_files == 0 ? NULL : index->files[index->n_files - 1];
        uint64_t memory_bytes;

        if (atomic_load(&outbox->is_poisoned))
                return outbox_poisoned_err(outbox, err);
        outbox_free_written(outbox);
        pthread_mutex_lock(&outbox->lock);
        memory_bytes = outbox->memory_bytes;
        pthread_mutex_unlock(&outbox->lock);
        if (memory_bytes >= outbox->config.memory_bytes || outbox_is_full(outbox))
                return OUTBOX_E_FULL;
        if (file == NULL || file->end_lsn - file->first_lsn >= outbox->config.file_bytes ||
            (index->n_epochs > OUTBOX_FILE_EPOCHS_MAX &&
             index->epochs[index->n_epochs - OUTBOX_FILE_EPOCHS_MAX].end > file->first_lsn))
                outbox_begin_file(outbox);
        return 0;
}

/* Describes a sink table by its columns that rows have. */
static uint32_t outbox_add_table(struct outbox *outbox, uint32_t generation, const struct plan_table *table,
                                 const struct batch *rows)
{
        struct outbox_file *file = outbox->index.files[outbox->index.n_files - 1];
        struct slice *names = alloc_zero(rows->n_columns, sizeof(*names));
        enum phys *phys = alloc_zero(rows->n_columns, sizeof(*phys));
        struct outbox_table said = {.generation = generation,
                                    .name = table->name,
                                    .n_columns = rows->n_columns,
                                    .names = names,
                                    .phys = phys};
        uint32_t n = 0;
        uint32_t number;

        for (uint32_t i = 0; i < table->n_columns && n < rows->n_columns; i++)
                if (table->columns[i].kind == PLAN_PHYSICAL)
                        names[n++] = table->columns[i].name;
        for (uint32_t i = 0; i < rows->n_columns; i++)
                phys[i] = rows->columns[i].phys;
        bytes_reset(&outbox->scratch);
        outbox_payload_put_table(&outbox->scratch, &said);
        outbox_append_bytes(outbox, OUTBOX_TABLE, &outbox->scratch);
        number = outbox_index_add_table(&outbox->index, file, &said);
        alloc_free(names);
        alloc_free(phys);
        return number;
}

int outbox_append_rows(struct outbox *outbox, uint32_t generation, const struct plan_table *table,
                       int64_t window_end_ms, const struct batch *rows, struct err *err)
{
        int result = outbox_prepare(outbox, err);
        uint32_t number, n;

        if (result != 0)
                return result;
        assert(rows->n_rows <= LIMIT_ROWS_PER_VECTOR);
        number = outbox_index_find_table(&outbox->index, generation, table->name);
        if (number == UINT32_MAX)
                number = outbox_add_table(outbox, generation, table, rows);
        for (uint32_t from = 0; from < rows->n_rows; from += n) {
                uint64_t first_index;
                uint8_t *at;

                n = outbox_payload_cut_rows(rows, from);
                first_index = outbox_index_add_rows(&outbox->index, table->name, window_end_ms, n);
                at = outbox_reserve(outbox, outbox_payload_bound_rows(rows, from, n));
                outbox_finish(outbox, OUTBOX_ROWS,
                              outbox_payload_put_rows(at, number, first_index, window_end_ms, rows, from, n));
        }
        return 0;
}

int outbox_append_epoch_end(struct outbox *outbox, uint64_t epoch, uint64_t lsn, struct err *err)
{
        int result = outbox_prepare(outbox, err);
        uint8_t *at;

        if (result != 0)
                return result;
        if (epoch <= outbox->index.last_epoch)
                return err_set(err, ERR_INTERNAL, "epoch %llu ends after epoch %llu", (unsigned long long)epoch,
                               (unsigned long long)outbox->index.last_epoch);
        at = outbox_reserve(outbox, OUTBOX_EPOCH_END_BYTES);
        outbox_finish(outbox, OUTBOX_EPOCH_END, outbox_payload_put_epoch_end(at, epoch, lsn));
        outbox_index_end_epoch(&outbox->index, epoch, lsn, outbox_index_end(&outbox->index));
        return 0;
}

uint64_t outbox_seal(struct outbox *outbox)
{
        uint64_t end;

        outbox_pad(outbox);
        outbox_hand_over(outbox);
        end = outbox_index_end(&outbox->index);
        pthread_mutex_lock(&outbox->lock);
        if (end > outbox->sync_lsn)
                outbox->sync_lsn = end;
        pthread_mutex_unlock(&outbox->lock);
        return end;
}

/* ---- keeping ---- */

void outbox_set_durable(struct outbox *outbox, uint64_t lsn)
{
        if (lsn > outbox->durable_lsn)
                outbox->durable_lsn = lsn;
}

/* The newest epoch with a piece in the oldest file, and whether all such are complete. */
static bool outbox_oldest_epoch(const struct outbox_index *index, uint64_t *ret_epoch)
{
        uint64_t end = index->files[0]->end_lsn;
        uint64_t epoch = 0;

        if (index->open_first < end)
                return false;
        for (size_t i = 0; i < index->n_epochs && index->epochs[i].first < end; i++)
                epoch = index->epochs[i].epoch;
        *ret_epoch = epoch;
        return true;
}

void outbox_cut(struct outbox *outbox, int64_t now_ms, uint64_t epoch, uint64_t cursor)
{
        struct outbox_index *index = &outbox->index;
        const struct outbox_config *config = &outbox->config;

        outbox->cut_epoch = epoch;
        outbox->has_cut = true;
        /* The file behind must hold something before the cursor: it says where the outbox stood. */
        while (index->n_files > 1 && index->files[1]->first_lsn < cursor) {
                uint64_t bytes = outbox_index_end(index) - outbox_index_first(index);
                uint64_t newest;

                if (!outbox_oldest_epoch(index, &newest) || newest > epoch)
                        return;
                /* Epochs are numbered by their time in ms. */
                if ((int64_t)newest > now_ms - config->keep_ms &&
                    (config->keep_bytes == 0 || bytes <= config->keep_bytes))
                        return;
                pthread_mutex_lock(&outbox->lock);
                if (outbox->n_gone == outbox->gone_capacity) {
                        outbox->gone_capacity = outbox->gone_capacity == 0 ? 8 : 2 * outbox->gone_capacity;
                        outbox->gone = alloc_resize(outbox->gone, outbox->gone_capacity, sizeof(*outbox->gone));
                }
                outbox->gone[outbox->n_gone++] = index->files[0]->first_lsn;
                pthread_mutex_unlock(&outbox->lock);
                outbox_index_drop_file(index);
        }
}

/* ---- reading ---- */

static bool outbox_source_find_epoch(void *context, uint64_t after, struct feeder_epoch *ret_epoch)
{
        const struct outbox *outbox = context;
        const struct outbox_epoch *epoch = outbox_index_find_epoch(&outbox->index, after);

        if (epoch == NULL || epoch->lsn >= outbox->durable_lsn)
                return false;
        *ret_epoch = (struct feeder_epoch){
                .epoch = epoch->epoch, .lsn = epoch->lsn, .first = epoch->first, .is_ordered = epoch->is_ordered};
        return true;
}

static struct outbox_view *outbox_view_of(struct outbox *outbox, uint32_t feeder)
{
        while (outbox->n_views <= feeder) {
                outbox->views = alloc_resize(outbox->views, outbox->n_views + 1, sizeof(*outbox->views));
                outbox_view_init(&outbox->views[outbox->n_views++], outbox->config.ops);
        }
        return &outbox->views[feeder];
}

/* The chunk that holds a position, if it is still in memory. Loop thread: only it frees chunks. */
static const struct outbox_chunk *outbox_find_chunk(struct outbox *outbox, uint64_t lsn)
{
        const struct outbox_chunk *chunk;

        pthread_mutex_lock(&outbox->lock);
        for (chunk = outbox->first; chunk != NULL; chunk = chunk->next) {
                size_t used = chunk == outbox->current ? outbox->writer.used : chunk->used;

                if (lsn >= chunk->lsn && lsn < chunk->lsn + used)
                        break;
        }
        pthread_mutex_unlock(&outbox->lock);
        return chunk;
}

/* The bytes from a position on: a whole record, if one stands there. */
static int outbox_read_bytes(struct outbox *outbox, struct outbox_view *view, const struct outbox_file *file,
                             uint64_t lsn, struct slice *ret_bytes, struct err *err)
{
        const struct outbox_chunk *chunk = outbox_find_chunk(outbox, lsn);
        WEIR_AUTO_FREE char *path = NULL;
        uint64_t whole;

        if (chunk != NULL) {
                size_t used = chunk == outbox->current ? outbox->writer.used : chunk->used;

                *ret_bytes = slice_make(chunk->data + (lsn - chunk->lsn), used - (size_t)(lsn - chunk->lsn));
                return 0;
        }
        path = outbox_index_path(outbox->dir, file->first_lsn);
        if (outbox_view_load(view, path, file->first_lsn, lsn, WAL_HEADER_BYTES, ret_bytes, err) != 0)
                return -1;
        if (ret_bytes->len < WAL_HEADER_BYTES)
                return 0;
        whole = wal_format_record_bytes(bytes_get_u32(ret_bytes->data + 4));
        if (whole <= ret_bytes->len || whole > file->end_lsn - lsn)
                return 0;
        return outbox_view_load(view, path, file->first_lsn, lsn, whole, ret_bytes, err);
}

/* The record at a position of a file: header and payload, checked. */
static int outbox_read_record(struct outbox *outbox, struct outbox_view *view, const struct outbox_file *file,
                              uint64_t lsn, struct wal_header *ret_header, struct slice *ret_payload, struct err *err)
{
        struct slice bytes;

        if (outbox_read_bytes(outbox, view, file, lsn, &bytes, err) != 0)
                return -1;
        if (!wal_format_is_record(bytes.data, bytes.len, lsn, file->salt, ret_header))
                return err_set(err, ERR_DATA, "outbox file '%s/%016llx.wal' is damaged at offset %llu", outbox->dir,
                               (unsigned long long)file->first_lsn, (unsigned long long)(lsn - file->first_lsn));
        *ret_payload = slice_make(bytes.data + WAL_HEADER_BYTES, ret_header->length);
        return 0;
}

/* The table of today behind rows of any day; NULL when it is gone or its columns are others. */
static const struct plan_table *outbox_resolve(const struct outbox *outbox, const struct outbox_table *said)
{
        const struct plan_table *table =
                outbox->config.find_table(outbox->config.context, said->generation, said->name);
        uint32_t n = 0;

        if (table == NULL)
                return NULL;
        for (uint32_t i = 0; i < table->n_columns; i++) {
                if (table->columns[i].kind != PLAN_PHYSICAL)
                        continue;
                if (n >= said->n_columns || !slice_is_equal(said->names[n], table->columns[i].name) ||
                    said->phys[n] != type_phys(&table->columns[i].type))
                        return NULL;
                n++;
        }
        return n == said->n_columns ? table : NULL;
}

static int outbox_read_rows(struct outbox *outbox, struct outbox_view *view, const struct outbox_file *file,
                            struct slice payload, bool with_rows, struct feeder_piece *ret_piece, struct err *err)
{
        struct outbox_rows rows;
        struct batch batch = {.n_rows = 0};

        if (outbox_payload_get_rows(payload, &rows, err) != 0)
                return -1;
        if (rows.table >= file->n_tables)
                return err_set(err, ERR_DATA, "ROWS record of an unknown table");
        arena_reset(&view->arena);
        if (with_rows && outbox_payload_get_columns(&rows, &file->tables[rows.table], &view->arena, &batch, err) != 0)
                return -1;
        *ret_piece = (struct feeder_piece){
                .table = outbox_resolve(outbox, &file->tables[rows.table]),
                .first_index = rows.first_index,
                .window_end_ms = rows.window_end_ms,
                .rows = batch,
        };
        return 0;
}

static int outbox_source_read(void *context, uint32_t feeder, uint64_t position, bool with_rows,
                              struct feeder_piece *ret_piece, uint64_t *ret_next, struct err *err)
{
        struct outbox *outbox = context;
        struct outbox_view *view = outbox_view_of(outbox, feeder);
        struct wal_header header;
        struct slice payload;

        for (;;) {
                const struct outbox_file *file = outbox_index_find_file(&outbox->index, position);

                if (file == NULL || position >= outbox_index_end(&outbox->index))
                        return err_set(err, ERR_INTERNAL, "outbox position %llu is not held",
                                       (unsigned long long)position);
                if (position == file->first_lsn)
                        position += WAL_BLOCK_BYTES;
                if (outbox_read_record(outbox, view, file, position, &header, &payload, err) != 0)
                        return -1;
                position += wal_format_record_bytes(header.length);
                if (header.type == OUTBOX_EPOCH_END) {
                        *ret_piece = (struct feeder_piece){.is_end = true};
                        *ret_next = position;
                        return 0;
                }
                if (header.type != OUTBOX_ROWS)
                        continue;
                *ret_next = position;
                if (outbox_read_rows(outbox, view, file, payload, with_rows, ret_piece, err) != 0)
                        return err_prefix(err, "outbox file '%s/%016llx.wal'", outbox->dir,
                                          (unsigned long long)file->first_lsn);
                return 0;
        }
}

const struct feeder_source *outbox_source(struct outbox *outbox)
{
        return &outbox->source;
}

/* ---- background thread ---- */

/* A file call failed: a full disk is a state, anything else is for ever. */
static int outbox_failed(struct outbox *outbox, int why, const struct err *own, struct err *err)
{
        if (why == ENOSPC || why == EDQUOT) {
                atomic_store(&outbox->is_no_space, true);
                return OUTBOX_E_NO_SPACE;
        }
        pthread_mutex_lock(&outbox->lock);
        if (!atomic_load(&outbox->is_poisoned))
                outbox->poison = *own;
        atomic_store(&outbox->is_poisoned, true);
        pthread_mutex_unlock(&outbox->lock);
        return outbox_poisoned_err(outbox, err);
}

/* The file of the next chunk, made when it is new. */
static int outbox_open_file(struct outbox *outbox, uint64_t file_lsn, struct err *err)
{
        const struct file_ops *ops = outbox->config.ops;
        WEIR_AUTO_FREE char *path = outbox_index_path(outbox->dir, file_lsn);
        int why;

        if (outbox->fd >= 0 && outbox->file_lsn == file_lsn)
                return 0;
        if (outbox->fd >= 0) {
                /* A failed sync must not look like a full disk: what was lost is not known. */
                if (ops->fsync(ops->context, outbox->fd) != 0) {
                        err_set_errno(err, ERR_IO, errno, "outbox '%s': sync failed", outbox->dir);
                        errno = EIO;
                        return -1;
                }
                ops->close(ops->context, outbox->fd);
                outbox->fd = -1;
        }
        outbox->fd = ops->open(ops->context, path, O_RDWR | O_CREAT, 0600);
        if (outbox->fd < 0) {
                why = errno;
                err_set_errno(err, ERR_IO, why, "outbox file '%s' cannot be made", path);
                errno = why;
                return -1;
        }
        outbox->file_lsn = file_lsn;
        outbox->is_dir_unsynced = true;
        return 0;
}

static int outbox_write_chunk(struct outbox *outbox, struct outbox_chunk *chunk, struct err *err)
{
        struct err own = {.code = ERR_NONE};

        if (outbox_open_file(outbox, chunk->file_lsn, &own) != 0)
                return outbox_failed(outbox, errno, &own, err);
        if (file_write_all(outbox->config.ops, outbox->fd, chunk->data, chunk->used,
                           (off_t)(chunk->lsn - chunk->file_lsn), &own) != 0) {
                int why = errno;

                err_prefix(&own, "outbox '%s'", outbox->dir);
                return outbox_failed(outbox, why, &own, err);
        }
        atomic_store(&outbox->written_lsn, chunk->lsn + chunk->used);
        atomic_store(&outbox->is_no_space, false);
        pthread_mutex_lock(&outbox->lock);
        chunk->is_written = true;
        pthread_mutex_unlock(&outbox->lock);
        return OUTBOX_E_MORE;
}

static int outbox_sync(struct outbox *outbox, uint64_t lsn, struct err *err)
{
        const struct file_ops *ops = outbox->config.ops;
        struct err own = {.code = ERR_NONE};

        if (outbox->fd >= 0 && ops->fsync(ops->context, outbox->fd) != 0) {
                err_set_errno(&own, ERR_IO, errno, "outbox '%s': sync failed", outbox->dir);
                return outbox_failed(outbox, EIO, &own, err);
        }
        if (outbox->is_dir_unsynced && file_sync_dir(ops, outbox->dir, &own) != 0)
                return outbox_failed(outbox, EIO, &own, err);
        outbox->is_dir_unsynced = false;
        atomic_store(&outbox->synced_lsn, lsn);
        return OUTBOX_E_MORE;
}

int outbox_tend(struct outbox *outbox, struct err *err)
{
        struct outbox_chunk *chunk;
        uint64_t sync_lsn, gone = UINT64_MAX;

        if (atomic_load(&outbox->is_poisoned))
                return outbox_poisoned_err(outbox, err);
        pthread_mutex_lock(&outbox->lock);
        for (chunk = outbox->first; chunk != NULL && chunk->is_written;)
                chunk = chunk->next;
        if (chunk != NULL && !chunk->is_handed)
                chunk = NULL;
        sync_lsn = outbox->sync_lsn;
        if (outbox->n_gone > 0) /* oldest first: what is left is without a gap at every moment */
                gone = outbox->gone[0];
        pthread_mutex_unlock(&outbox->lock);
        if (chunk != NULL && atomic_load(&outbox->written_lsn) - atomic_load(&outbox->synced_lsn) < OUTBOX_SYNC_BYTES)
                return outbox_write_chunk(outbox, chunk, err);
        if (sync_lsn > atomic_load(&outbox->synced_lsn) ||
            atomic_load(&outbox->written_lsn) - atomic_load(&outbox->synced_lsn) >= OUTBOX_SYNC_BYTES)
                return outbox_sync(outbox, atomic_load(&outbox->written_lsn), err);
        if (gone != UINT64_MAX) {
                WEIR_AUTO_FREE char *path = outbox_index_path(outbox->dir, gone);

                if (outbox->config.ops->unlink(outbox->config.ops->context, path) != 0 && errno != ENOENT) {
                        struct err own;

                        err_set_errno(&own, ERR_IO, errno, "outbox file '%s' cannot be removed", path);
                        return outbox_failed(outbox, EIO, &own, err);
                }
                pthread_mutex_lock(&outbox->lock);
                memmove(outbox->gone, outbox->gone + 1, --outbox->n_gone * sizeof(*outbox->gone));
                pthread_mutex_unlock(&outbox->lock);
                return OUTBOX_E_MORE;
        }
        return 0;
}

uint64_t outbox_synced(const struct outbox *outbox)
{
        return atomic_load(&outbox->synced_lsn);
}

uint64_t outbox_written(const struct outbox *outbox)
{
        return atomic_load(&outbox->written_lsn);
}

/* ---- life ---- */

int outbox_open(const struct outbox_config *config, struct outbox **ret_outbox, struct err *err)
{
        struct outbox *outbox = alloc_zero(1, sizeof(*outbox));
        uint64_t end;

        outbox->config = *config;
        outbox->dir = alloc_text(config->dir);
        outbox->config.dir = outbox->dir;
        if (outbox->config.file_bytes == 0)
                outbox->config.file_bytes = OUTBOX_FILE_BYTES;
        if (outbox->config.memory_bytes == 0)
                outbox->config.memory_bytes = OUTBOX_MEMORY_BYTES;
        outbox->fd = -1;
        outbox->source = (struct feeder_source){
                .context = outbox, .find_epoch = outbox_source_find_epoch, .read = outbox_source_read};
        pthread_mutex_init(&outbox->lock, NULL);
        outbox_index_init(&outbox->index, config->ops, config->dir, config->instance);
        if (outbox_index_load(&outbox->index, config->cursor, err) != 0) {
                outbox_close(outbox);
                return -1;
        }
        end = outbox_index_end(&outbox->index);
        outbox->writer.is_unsynced = true;
        outbox->writer.chain = outbox->index.chain;
        if (outbox->index.n_files > 0)
                outbox->writer.salt = outbox->index.files[outbox->index.n_files - 1]->salt;
        outbox->sync_lsn = end;
        atomic_store(&outbox->written_lsn, end);
        atomic_store(&outbox->synced_lsn, end);
        *ret_outbox = outbox;
        return 0;
}

struct outbox *outbox_close(struct outbox *outbox)
{
        const struct file_ops *ops;

        if (outbox == NULL)
                return NULL;
        ops = outbox->config.ops;
        while (outbox->first != NULL) {
                struct outbox_chunk *next = outbox->first->next;

                outbox_chunk_free(outbox->first);
                outbox->first = next;
        }
        while (outbox->spare != NULL) {
                struct outbox_chunk *next = outbox->spare->next;

                outbox_chunk_free(outbox->spare);
                outbox->spare = next;
        }
        for (uint32_t i = 0; i < outbox->n_views; i++)
                outbox_view_done(&outbox->views[i]);
        if (outbox->fd >= 0)
                ops->close(ops->context, outbox->fd);
        outbox_index_done(&outbox->index);
        bytes_done(&outbox->scratch);
        pthread_mutex_destroy(&outbox->lock);
        alloc_free(outbox->views);
        alloc_free(outbox->gone);
        alloc_free(outbox->dir);
        alloc_free(outbox);
        return NULL;
}

void outbox_stats(const struct outbox *outbox, struct outbox_stats *ret_stats)
{
        const struct outbox_index *index = &outbox->index;

        *ret_stats = (struct outbox_stats){
                .first_epoch = index->n_epochs == 0 ? 0 : index->epochs[0].epoch,
                .last_epoch = index->n_epochs == 0 ? 0 : index->epochs[index->n_epochs - 1].epoch,
                .first_lsn = outbox_index_first(index),
                .end_lsn = outbox_index_end(index),
                .written_lsn = outbox_written(outbox),
                .synced_lsn = outbox_synced(outbox),
                .disk_bytes = outbox_written(outbox) - outbox_index_first(index),
                .memory_bytes = outbox_index_end(index) - outbox_written(outbox),
                .n_files = index->n_files,
                .is_no_space = atomic_load(&outbox->is_no_space),
        };
}
