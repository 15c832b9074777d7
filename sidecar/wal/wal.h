/* wal.h - the log: a directory of segments that promises what it acknowledges.
 *
 * The log stores bytes and knows nothing of events. A position in it is an LSN: a byte count that only grows, across
 * segments and restarts. A record at lsn is durable once lsn < wal_durable(): then it survives a power cut, and it
 * comes back whole or, where the disk lost what it had promised, the log refuses to start. What is not durable yet may
 * come back or not.
 *
 * Writing. The loop thread encodes a record straight into the buffer of the gathering group:
 *
 *     wal_reserve(wal, most, &room, err)     room.payload has `most` bytes; WAL_E_FULL: stop reading until progress
 *     ... write room.payload ...
 *     lsn = wal_finish(wal, type, flags, length)
 *     wal_kick(wal)                          nothing more to read now, or the group is old enough
 *
 * One group is in flight at a time, on the sync thread; while it is, the next gathers. None of these calls enters the
 * kernel, but for waking a sleeping sync thread.
 *
 * Units. What must come back together (a batch and its dead letters) is one unit: its first record carries WAL_FIRST,
 * its last WAL_LAST (a lone record both). Readers never show a unit whose last record is missing.
 *
 * Background work (making, recycling and closing segments) is done in small steps by wal_tend on one other thread.
 *
 * Threads: wal_tend on the background thread; wal_durable, wal_is_poisoned and wal_release on any; everything else on
 * the loop thread. Two logs in one process know nothing of each other. */
#ifndef WEIR_SIDECAR_WAL_WAL_H
#define WEIR_SIDECAR_WAL_WAL_H

#include "sidecar/base/err.h"
#include "sidecar/base/file.h"
#include "sidecar/wal/wal_format.h"

enum {
        WAL_E_FULL = 1, /* no room now: no ready segment, or the group buffers are full */
        WAL_E_MORE = 2, /* wal_tend: call again at once (or after the throttle's pause) */
        WAL_E_NO_SPACE = 3, /* wal_tend: the disk is full or max_bytes is reached; call again in a second */
};

enum wal_sync_mode {
        WAL_SYNC_GROUP, /* one fdatasync per group; durable means on the disk */
        /* no sync but at the end: durable means handed to the kernel; survives SIGKILL, not power cuts */
        WAL_SYNC_OFF,
};

struct wal_config {
        const char *dir; /* exists */
        const struct file_ops *ops;
        uint64_t instance;      /* of the state directory; segments of another are refused */
        size_t segment_bytes;   /* multiple of 4096, at least WAL_SEGMENT_BYTES_MIN; 0: WAL_SEGMENT_BYTES */
        size_t record_bytes;    /* largest payload; 0: LIMIT_LOG_RECORD_BYTES, or what a segment holds */
        /* Of all segment files; 0: no limit ('weir.wal.max-bytes'). A log has two segments whatever it says. */
        uint64_t max_bytes;
        unsigned n_ready;       /* segments held ready ahead of need; 0: 3 */
        enum wal_sync_mode sync;
        bool is_inline;         /* no sync thread: wal_kick writes and syncs before it returns (tests, tools) */
        /* Recovery. */
        uint64_t from_lsn;      /* the checkpoint: what lies before it is not needed */
        /* everything before it is known to have been durable (manifest, commit record); 0: nothing */
        uint64_t proven_lsn;
        /* After each record that opening looks at; < 0 ends it with that error. May be NULL. */
        int (*on_progress)(void *context, struct err *err);
        void *context;
};

/* What opening found. */
struct wal_recovery {
        uint64_t first_lsn;   /* oldest position still held */
        uint64_t end_lsn;     /* behind the last valid record; == from_lsn: nothing to replay */
        uint64_t next_lsn;    /* first position of the segment to come */
        uint64_t torn_lsn;    /* where a torn tail began */
        uint64_t torn_bytes;  /* how far traces of its records went; 0: the log ended cleanly */
        uint32_t n_segments;
};

struct wal;

/* Recovers and opens: syncs every segment and the directory, finds the end, refuses a damaged log (ERR_DATA: file,
 * offset, LSN range). Writing goes on in a new segment with a new salt. The first segment is made by
 * wal_tend: until then wal_reserve says WAL_E_FULL. Segments are kept until wal_release. */
int wal_open(const struct wal_config *config, struct wal **ret_wal, struct wal_recovery *ret_recovery, struct err *err)
        WEIR_MUST_CHECK;
/* Ends the sync thread after the groups it has. Records not yet kicked are given up. NULL allowed; returns NULL. */
struct wal *wal_close(struct wal *wal);

/* Room for one record. Valid until the next call on this log. Reserving again gives the room back. */
struct wal_room {
        uint8_t *payload;
        size_t payload_max;
        uint64_t lsn;     /* of the record to come */
        uint64_t segment; /* first LSN of its segment: a new value means that dictionaries start afresh */
};
/* 0, WAL_E_FULL, or < 0: the log is poisoned (or payload_max exceeds record_bytes: ERR_INTERNAL). */
int wal_reserve(struct wal *wal, size_t payload_max, struct wal_room *ret_room, struct err *err) WEIR_MUST_CHECK;
/* Completes the reserved record with its first `payload_len` bytes. type: 1..255 but WAL_TYPE_PAD; flags: WAL_FIRST,
 * WAL_LAST. Returns its lsn. */
uint64_t wal_finish(struct wal *wal, uint8_t type, uint8_t flags, size_t payload_len);

/* Hands the gathered group over if none is in flight. Cheap when there is nothing to do. true: one was handed over. */
bool wal_kick(struct wal *wal);
/* Readable when a group has landed, a segment has become ready, or the log was poisoned. Then call wal_on_event. */
int wal_event_fd(const struct wal *wal);
/* Clears the event; kick when that is due. < 0: the log is poisoned for ever; err says by what; stop the process. */
int wal_on_event(struct wal *wal, struct err *err) WEIR_MUST_CHECK;
/* Waits at most max_ns for a group in flight by spinning, on machines where the sync thread has a core of its own.
 * true: wal_durable moved since the last call. For the moment before the loop sleeps. */
bool wal_spin(struct wal *wal, uint64_t max_ns);
/* Blocks until every finished record is durable (clean stop; before wal_close). */
int wal_drain(struct wal *wal, struct err *err) WEIR_MUST_CHECK;

/* Whether something of several records, of that many bytes together, may be begun: a quarter of a segment is left, or
 * another is ready; for what is larger, room for twice as much is ready, or all that ever will be. Who asks before the
 * first record of each unit is not stopped in the middle of one when the log cannot grow, and a checkpoint can be
 * taken, which lets it grow again. */
bool wal_has_reserve(struct wal *wal, size_t bytes);
/* The largest payload that can be reserved. */
size_t wal_record_bytes(const struct wal *wal);
/* Position behind the last finished record. */
uint64_t wal_end(const struct wal *wal);
/* Everything before it is durable. Never goes back. */
uint64_t wal_durable(const struct wal *wal);
/* A group is in flight or gathered. */
bool wal_is_busy(const struct wal *wal);
bool wal_is_poisoned(const struct wal *wal);

/* Positions before lsn will not be asked for again: whole segments are recycled by wal_tend. Loop or background. */
void wal_release(struct wal *wal, uint64_t lsn);

/* Says whom to tell when there is background work at once (a ready segment was taken, segments were released), so that
 * the background thread may sleep meanwhile. Called on the thread that caused it. Before the first record. */
void wal_set_need(struct wal *wal, void (*on_need)(void *context), void *context);
/* One bounded step of background work: at most 1 MiB zero-filled, or a few calls. 0: nothing to do; WAL_E_MORE;
 * WAL_E_NO_SPACE: the log cannot grow, which is a state and no error; < 0: poisoned. */
int wal_tend(struct wal *wal, struct err *err) WEIR_MUST_CHECK;

struct wal_stats {
        uint64_t n_records, n_groups, n_bytes; /* written in this life, padding included in n_bytes */
        uint64_t n_syncs, sync_ns, sync_ns_max;
        uint64_t n_full;        /* reservations refused */
        uint64_t first_lsn, end_lsn, durable_lsn;
        uint64_t disk_bytes;    /* of all segment files, ready ones included */
        uint32_t n_segments, n_ready;
        uint64_t segment_bytes; /* what a new segment takes */
        uint64_t max_bytes;     /* as configured */
        bool is_short;          /* the last that asked was refused for want of a segment */
        bool is_no_space;       /* it cannot grow ... */
        bool is_at_max;         /* ... because of max_bytes; otherwise the disk is full */
};
void wal_stats(struct wal *wal, struct wal_stats *ret_stats);

#endif
