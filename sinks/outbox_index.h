/* outbox_index.h - what the outbox holds: its files, its complete epochs, and the epoch that is open.
 *
 * Loading walks the files of a directory up to the cursor, refuses what is damaged before it, and removes what lies
 * behind it. Used by the outbox only; loop thread. */
#ifndef WEIR_SINKS_OUTBOX_INDEX_H
#define WEIR_SINKS_OUTBOX_INDEX_H

#include "sidecar/base/arena.h"
#include "sidecar/base/file.h"
#include "sidecar/wal/wal_format.h"
#include "sinks/outbox_payload.h"

enum { OUTBOX_FILE_EPOCHS_MAX = 65536 }; /* so that the next file's first record fits */

struct outbox_file {
        uint64_t first_lsn, end_lsn; /* end_lsn: behind its last record so far */
        uint64_t number;
        uint32_t salt;
        uint32_t n_tables, table_capacity;
        struct outbox_table *tables;
        struct arena arena; /* names and columns of the tables */
};

struct outbox_index {
        const struct file_ops *ops;
        char *dir;
        uint64_t instance;
        uint32_t n_files, file_capacity;
        struct outbox_file **files; /* in order, contiguous; the last is being written */
        size_t n_epochs, epoch_capacity;
        struct outbox_epoch *epochs; /* complete ones, in order */
        uint32_t chain;              /* of the last record */
        /* The open epoch. */
        uint64_t last_epoch, open_first;
        bool is_open_ordered;
        uint32_t n_counters, counter_capacity;
        struct outbox_counter *counters; /* names are owned */
};

void outbox_index_init(struct outbox_index *index, const struct file_ops *ops, const char *dir, uint64_t instance);
void outbox_index_done(struct outbox_index *index);
/* Cuts the directory back to the cursor and reads what is left. */
int outbox_index_load(struct outbox_index *index, uint64_t cursor, struct err *err) WEIR_MUST_CHECK;

/* "<dir>/%016x.wal", to be freed with alloc_free. */
char *outbox_index_path(const char *dir, uint64_t first_lsn);

/* Reads every record before the cursor and changes nothing; 0: up to wherever the records end. ret_epochs: complete
 * ones. */
int outbox_index_verify(const char *dir, const struct file_ops *ops, uint64_t cursor, uint64_t *ret_first,
                        uint64_t *ret_end, uint64_t *ret_epochs, struct err *err) WEIR_MUST_CHECK;

/* Behind the last record, and the first position held. */
uint64_t outbox_index_end(const struct outbox_index *index);
uint64_t outbox_index_first(const struct outbox_index *index);
/* The file that holds a position; the end of one belongs to the next, if there is one. NULL: none does. */
struct outbox_file *outbox_index_find_file(const struct outbox_index *index, uint64_t lsn);
/* A new last file that begins at the end; ret_header is its header block, `summary` the payload of its first record. */
struct outbox_file *outbox_index_add_file(struct outbox_index *index, struct wal_segment_header *ret_header,
                                          struct bytes *summary);
/* Removes the oldest file and the epochs that began in it from the books. */
void outbox_index_drop_file(struct outbox_index *index);

/* The number of a table in the last file, or UINT32_MAX. */
uint32_t outbox_index_find_table(const struct outbox_index *index, uint32_t generation, struct slice name);
uint32_t outbox_index_add_table(struct outbox_index *index, struct outbox_file *file, const struct outbox_table *table);
/* A piece of the open epoch; returns its first_index. */
uint64_t outbox_index_add_rows(struct outbox_index *index, struct slice table, int64_t window_end_ms, uint32_t n_rows);
/* The open epoch is complete; its end record ends at `end`. */
void outbox_index_end_epoch(struct outbox_index *index, uint64_t epoch, uint64_t lsn, uint64_t end);
/* The oldest complete epoch above `after` whose pieces are all held; NULL: none. */
const struct outbox_epoch *outbox_index_find_epoch(const struct outbox_index *index, uint64_t after);

#endif
