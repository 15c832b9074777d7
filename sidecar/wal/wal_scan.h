/* wal_scan.h - walks the records of a log directory from segment to segment and judges how it ends.
 *
 * The judgement is that of wal_format.h: clean, torn or damaged. No unit logic (wal_reader does that). One thread at a
 * time. */
#ifndef WEIR_SIDECAR_WAL_WAL_SCAN_H
#define WEIR_SIDECAR_WAL_WAL_SCAN_H

#include "sidecar/wal/wal_dir.h"
#include "sidecar/wal/wal_reader.h"

struct wal_scan {
        const struct wal_dir *dir; /* borrowed */
        uint64_t proven_lsn;
        uint32_t index;  /* of the segment, UINT32_MAX: there is none */
        uint64_t offset; /* in it, of the next record */
        uint32_t chain;
        /* The file, read as far as needed. */
        uint32_t open_index; /* whose bytes these are, UINT32_MAX: nobody's */
        int fd;
        uint8_t *data;
        size_t capacity, loaded, bytes;
        bool is_ended;
        uint64_t torn_bytes;
};

/* From the start of segment `index`. */
void wal_scan_init(struct wal_scan *scan, const struct wal_dir *dir, uint32_t index, uint64_t proven_lsn);
void wal_scan_done(struct wal_scan *scan);
/* Takes the position of another scan of the same directory. */
void wal_scan_move(struct wal_scan *scan, const struct wal_scan *to);
/* 0: the next valid record, PAD included; its payload is valid until the scan leaves the segment. WAL_E_END. < 0:
 * damage, or unreadable. */
int wal_scan_next(struct wal_scan *scan, struct wal_record *ret_record, struct err *err) WEIR_MUST_CHECK;
/* Position of the next record. */
uint64_t wal_scan_lsn(const struct wal_scan *scan);

#endif
