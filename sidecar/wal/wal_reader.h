/* wal_reader.h - reads a directory of segments, without a struct wal and without writing a byte.
 *
 * Replay, `weir wal ls|verify|dump`, recovery and tests use it. Every record that comes out was checked: CRC, position,
 * salt and chain. Only whole units come out: a unit whose last record is missing is skipped (and counted).
 *
 * The end of the log is one of three things (reliability page 1.4.4):
 *     clean    the last segment ends behind a valid record
 *     torn     bytes follow that are no record, and nothing proves that they ever were durable
 *     damage   the same, with proof: a later group, a later segment, or a position the caller knows to have been
 *     durable.
 *              That is an error (ERR_DATA) naming file, offset and LSN range; nothing behind it is shown.
 *
 * One thread at a time. */
#ifndef WEIR_SIDECAR_WAL_WAL_READER_H
#define WEIR_SIDECAR_WAL_WAL_READER_H

#include "sidecar/base/err.h"
#include "sidecar/base/file.h"
#include "sidecar/wal/wal_format.h"

enum {
        WAL_E_END = 10, /* no more records; wal_reader_end says how it ended */
        WAL_E_GAP = 11, /* wal_reader_open: the log begins behind from_lsn */
};

struct wal_record {
        uint64_t lsn;
        uint64_t next_lsn; /* behind it; the next record may stand later (a new segment) */
        uint64_t segment;  /* first LSN of its segment */
        uint64_t group;    /* first LSN of its group */
        uint32_t crc;
        uint8_t type, flags;
        /* false: PAD or part of a broken unit, seen with with_pads only; or of a unit that began before reading did,
         * seen with with_segment: what the records behind it refer to may stand in it */
        bool is_whole;
        struct slice payload; /* valid until the next call on this reader */
};

struct wal_segment_info {
        uint64_t first_lsn, end_lsn; /* end_lsn: behind its last record as far as read; first_lsn of an unread one */
        uint64_t bytes;              /* size of the file */
        uint64_t number;
        uint64_t salt;
        bool is_started; /* false: a ready segment, or one whose first group never became durable */
        const char *name;
};

struct wal_end_info {
        uint64_t end_lsn;    /* behind the last valid record */
        uint64_t torn_bytes; /* how far traces of torn records go behind it; 0: clean */
        uint64_t n_records;
        uint32_t n_broken_units; /* units without their last record, skipped */
};

struct wal_reader_config {
        const char *dir;
        const struct file_ops *ops;
        uint64_t instance;   /* 0: any */
        uint64_t from_lsn;   /* 0: from the oldest segment */
        uint64_t proven_lsn; /* everything before it is known to have been durable; 0: nothing is known */
        bool with_segment;   /* start at the beginning of the segment that holds from_lsn (dictionaries) */
        bool with_pads;      /* show PAD records and broken units too (dump) */
};

struct wal_reader;

int wal_reader_open(const struct wal_reader_config *config, struct wal_reader **ret_reader, struct err *err)
        WEIR_MUST_CHECK;
struct wal_reader *wal_reader_close(struct wal_reader *reader);
/* 0, WAL_E_END, or < 0: damage, or a file that cannot be read. */
int wal_reader_next(struct wal_reader *reader, struct wal_record *ret_record, struct err *err) WEIR_MUST_CHECK;
/* How the log ended; all of it is known after WAL_E_END. */
void wal_reader_end(const struct wal_reader *reader, struct wal_end_info *ret_end);
uint32_t wal_reader_n_segments(const struct wal_reader *reader);
void wal_reader_segment(const struct wal_reader *reader, uint32_t index, struct wal_segment_info *ret_info);

#endif
