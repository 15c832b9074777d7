/* wal_writer.h - frames records in memory: one group at a time, in a buffer that its caller owns.
 *
 * Knows the chain and where the group stands, nothing of files. The log (wal.c) and the outbox write through it. One
 * thread at a time. */
#ifndef WEIR_SIDECAR_WAL_WAL_WRITER_H
#define WEIR_SIDECAR_WAL_WAL_WRITER_H

#include "sidecar/wal/wal_format.h"

struct wal_writer {
        uint8_t *buffer;
        size_t capacity, used;
        uint64_t group_lsn; /* of buffer[0] */
        uint32_t salt, chain;
        uint32_t n_records; /* in this group, without PAD */
        bool is_unsynced;   /* `back` claims nothing */
        size_t reserved;    /* most payload bytes of the record under way, SIZE_MAX: none is */
};

/* A new group in this buffer. Salt and chain stay those of the segment under way. */
void wal_writer_begin(struct wal_writer *writer, uint8_t *buffer, size_t capacity, uint64_t group_lsn);
/* Starts a segment: its header block becomes the first block of the (empty) group. */
void wal_writer_start_segment(struct wal_writer *writer, const char *magic, const struct wal_segment_header *header);

/* Bytes that the buffer needs, padding to whole blocks included, if one more record with payload_max bytes comes. */
static inline uint64_t wal_writer_bytes_with(const struct wal_writer *writer, size_t payload_max)
{
        /* A gap too small for a PAD header costs one more block: keep room for that header. */
        uint64_t end = writer->used + wal_format_record_bytes(payload_max) + WAL_HEADER_BYTES;

        return (end + WAL_BLOCK_BYTES - 1) / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES;
}
/* Room for a payload. The caller has checked wal_writer_bytes_with against the capacity. */
uint8_t *wal_writer_reserve(struct wal_writer *writer, size_t payload_max);
uint64_t wal_writer_finish(struct wal_writer *writer, uint8_t type, uint8_t flags, size_t payload_len);
/* Position behind the last record. */
static inline uint64_t wal_writer_end(const struct wal_writer *writer)
{
        return writer->group_lsn + writer->used;
}
/* Fills up to whole blocks with a PAD record. Returns the bytes of the group. */
size_t wal_writer_pad(struct wal_writer *writer);
/* A PAD record of `bytes` (a multiple of 8, at least a header), header included. */
void wal_writer_append_pad(struct wal_writer *writer, size_t bytes);

#endif
