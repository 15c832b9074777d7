/* log_life.h - a small weir of log, checkpoints and outbox, for tests that break the disk under it.
 *
 * A life works off numbered operations: every kind of record, dictionaries, job changes, dead letters, result rows
 * that no sink takes. Each operation says its number in its own bytes, so a later life knows what came back, and both
 * log and outbox can be judged from the numbers alone:
 *
 *     what comes back are operations 0..k, each once, in order, value for value, and every acknowledged one is among
 *     them; the outbox then holds exactly the rows that operations 0..k made and that were not cut.
 *
 * One thread; the log works inline. */
#ifndef WEIR_TESTS_FAULT_LOG_LIFE_H
#define WEIR_TESTS_FAULT_LOG_LIFE_H

#include "sidecar/base/err.h"
#include "sidecar/base/file.h"

enum { LIFE_SEGMENT_BYTES = 16 << 10, LIFE_INSTANCE = 77 };

/* What the outside knows across lives. */
struct log_life {
        char dir[4000];        /* has log/, checkpoint/ and outbox/ in it */
        uint64_t n_acked;      /* operations before it were acknowledged */
        uint64_t cut_epoch;    /* epochs up to here were given up */
        uint64_t n_no_space;   /* times a full disk was waited for */
        uint64_t group_size;   /* operations between two acknowledgements; 0: one to three */
        const char *phase;     /* what was going on last */
};

/* Makes the three directories. */
void log_life_init(struct log_life *life, const char *dir);
/* Recovers, judges what came back, and goes on up to operation `until`. < 0: a call failed, err says which; what was
 * acknowledged stands in life. The judge's findings are failed checks. */
int log_life_run(struct log_life *life, const struct file_ops *ops, uint64_t until, struct err *err);

enum { LIFE_OPERATIONS_MAX = 256 };
struct life_log {
        uint64_t n;                            /* operations that came back */
        uint64_t ends[LIFE_OPERATIONS_MAX];    /* positions behind each */
};
/* Reads a log directory from its very beginning, without any checkpoint. < 0: refused. The judge's findings are failed
 * checks. */
int log_life_read(const char *log_dir, const struct file_ops *ops, uint64_t proven_lsn, struct life_log *ret_log,
                  struct err *err);
/* "<dir>/<name>" */
void log_life_path(const struct log_life *life, const char *name, char path[4200]);

#endif
