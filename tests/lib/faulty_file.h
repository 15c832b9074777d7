/* faulty_file.h - a file_ops that fails, tears, kills and crashes at the n-th call.
 *
 *     for (uint64_t n = 1;; n++) {
 *             faulty_file_init(&faulty, file_ops_system());
 *             faulty_file_fail(&faulty, n, FAULTY_ERRNO, EIO);
 *             ... run with &faulty.ops; stop when it held and !faulty.has_failed ...
 *             faulty_file_done(&faulty);
 *     }
 *
 * FAULTY_KILL makes the n-th call and all after it fail with ESHUTDOWN and change nothing: what is on the disk then is
 * what a SIGKILL leaves. faulty_file_crash goes further and is a power cut: of everything not synced it takes back a
 * seeded part, writes by sectors and in any order, changes of directories from some point on (as a journalling file
 * system does, in order). close, list, fstat and lock are counted, never killed half-way; close always closes.
 *
 * Any number of threads may call through ops; the rest is for one thread while no other calls. */
#ifndef WEIR_TESTS_LIB_FAULTY_FILE_H
#define WEIR_TESTS_LIB_FAULTY_FILE_H

#include "sidecar/base/file.h"
#include "tests/lib/check.h"

#include <pthread.h>

enum faulty_kind {
        FAULTY_ERRNO, /* the call does nothing and fails */
        FAULTY_SHORT, /* a transfer moves half of its bytes (at least one); other calls fail with the errno */
        FAULTY_TORN,  /* a write moves half of its bytes and fails; other calls fail with the errno */
        FAULTY_KILL,  /* this call and all later ones do nothing and fail */
};

struct faulty_change;

struct faulty_file {
        struct file_ops ops; /* what the code under test is given */
        const struct file_ops *below;
        pthread_mutex_t lock;
        uint64_t n_calls;
        uint64_t fail_from; /* 1 is the first call; 0: none */
        uint64_t fail_until; /* the last one that fails */
        const char *fail_only; /* name of the only call that counts, NULL: all */
        enum faulty_kind kind;
        int fail_errno;
        bool has_failed;
        bool is_dead;
        const char *failed_name; /* "pwrite", ... */
        struct faulty_change *changes; /* not synced, the last first */
};

void faulty_file_init(struct faulty_file *faulty, const struct file_ops *below);
void faulty_file_done(struct faulty_file *faulty);

/* The n-th call from now on fails once; n = 0: none does. */
void faulty_file_fail(struct faulty_file *faulty, uint64_t n, enum faulty_kind kind, int fail_errno);
/* All calls named `name` fail until faulty_file_heal: a disk that is full, a disk that is gone. */
void faulty_file_fail_all(struct faulty_file *faulty, const char *name, int fail_errno);
void faulty_file_heal(struct faulty_file *faulty);

/* The power goes: every later call fails, and a part of what was not synced is taken back on the disk. Descriptors
 * stay to be closed. keep_all: the part is nothing (the same as a kill); lose_all: it is everything. */
enum faulty_loss { FAULTY_LOSE_SOME, FAULTY_LOSE_ALL, FAULTY_KEEP_ALL };
void faulty_file_crash(struct faulty_file *faulty, enum faulty_loss loss, struct check_random *random);

#endif
