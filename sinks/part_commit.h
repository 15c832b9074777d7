/* part_commit.h - part files made durable, all of an epoch or nothing of it.
 *
 * A part is written under a hidden name and gets its own when it is finished and committed:
 *
 *     .part-<uid>-<index>.inprogress    →    part-<uid>-<index>.<json|avro>        uid: drawn at each start
 *
 * The commit record, a small text file beside them, says how far the parts are good. It is replaced as a whole:
 *
 *     .weir-<name>.commit     weir-parts 1                (name: <weir.name>.<table>)
 *                             instance <16 hex digits>
 *                             uid <16 hex digits>
 *                             extension json
 *                             epoch <n>
 *                             lsn <n>
 *                             open <index> <bytes>       the part that was open, and what of it counts
 *                             finished <index>           parts that get their names now
 *
 * Order of a commit: sync the parts, replace the record (write, sync, rename, sync of the folder), rename the
 * finished parts, sync the folder. A start after a crash renames the finished ones again, cuts the open one to its
 * bytes and finishes it, and removes parts of that uid that the record does not know. `.weir-<name>.lock` is locked
 * as long as an instance lives.
 *
 * part_commit_run may run on any thread; the rest at start. */
#ifndef WEIR_SINKS_PART_COMMIT_H
#define WEIR_SINKS_PART_COMMIT_H

#include "sidecar/base/bytes.h"
#include "sidecar/base/file.h"

enum { PART_COMMIT_UID_BYTES = 17, PART_COMMIT_PATH_BYTES = 4096 };
enum { PART_COMMIT_E_NO_SPACE = 1, PART_COMMIT_E_LOCKED = 2 };

struct part_commit_place { /* where and under which names */
        const struct file_ops *ops;
        char *dir;
        char *name;      /* <weir.name>.<table> percent-encoded; NULL: no record is kept */
        char *extension; /* "json" */
        char uid[PART_COMMIT_UID_BYTES];
        int lock_fd;
};

/* One commit. Owned by whoever runs it. */
struct part_commit_task {
        uint64_t instance, epoch, lsn;
        int open_fd; /* -1: none */
        uint32_t open_index;
        uint64_t open_bytes;
        uint32_t n_finished;
        uint32_t *finished;
};

/* Makes the folder when it is not there (its parent must be), draws a uid. ops NULL: the system's. ERR_CONFIG when
 * dir is a file. */
int part_commit_open(struct part_commit_place *place, const struct file_ops *ops, const char *dir,
                     const char *name, const char *extension, struct err *err) WEIR_MUST_CHECK;
/* Whether part_commit_open would do, and files could be made there; makes the folder. */
int part_commit_probe(const char *dir, struct err *err) WEIR_MUST_CHECK;
void part_commit_close(struct part_commit_place *place);

/* After part_commit_open with a name: takes the lock (PART_COMMIT_E_LOCKED: another instance has it) and puts the
 * folder in order. *ret_has_record: *ret_instance and *ret_epoch say who committed last, and what. */
int part_commit_recover(struct part_commit_place *place, bool *ret_has_record, uint64_t *ret_instance,
                        uint64_t *ret_epoch, struct err *err) WEIR_MUST_CHECK;

void part_commit_path(const struct part_commit_place *place, uint32_t index, bool is_finished,
                      char path[PART_COMMIT_PATH_BYTES]);
/* Cuts a hidden part to what was committed. */
int part_commit_cut(const struct part_commit_place *place, const char *path, uint64_t bytes, struct err *err)
        WEIR_MUST_CHECK;
/* 0; PART_COMMIT_E_NO_SPACE: the disk is full, nothing was committed; < 0: nothing can be said about the files any
 * more, stop. */
int part_commit_run(const struct part_commit_place *place, const struct part_commit_task *task, struct err *err)
        WEIR_MUST_CHECK;

#endif
