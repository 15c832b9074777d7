/* wal_writer.c - frames records in memory. */
#include "sidecar/wal/wal_writer.h"

#include <assert.h>

void wal_writer_begin(struct wal_writer *writer, uint8_t *buffer, size_t capacity, uint64_t group_lsn)
{
        writer->buffer = buffer;
        writer->capacity = capacity;
        writer->used = 0;
        writer->group_lsn = group_lsn;
        writer->n_records = 0;
        writer->reserved = SIZE_MAX;
}

void wal_writer_start_segment(struct wal_writer *writer, const char *magic, const struct wal_segment_header *header)
{
        assert(writer->used == 0 && writer->capacity >= WAL_BLOCK_BYTES && writer->group_lsn == header->first_lsn);
        writer->chain = wal_format_put_segment(writer->buffer, magic, header);
        writer->salt = (uint32_t)header->salt;
        writer->used = WAL_BLOCK_BYTES;
}

uint8_t *wal_writer_reserve(struct wal_writer *writer, size_t payload_max)
{
        assert(wal_writer_bytes_with(writer, payload_max) <= writer->capacity);
        writer->reserved = payload_max;
        return writer->buffer + writer->used + WAL_HEADER_BYTES;
}

static uint64_t wal_writer_append(struct wal_writer *writer, uint8_t type, uint8_t flags, size_t payload_len)
{
        uint64_t lsn = writer->group_lsn + writer->used;
        struct wal_header header = {
                .length = (uint32_t)payload_len,
                .lsn = lsn,
                .salt = writer->salt,
                .chain = writer->chain,
                .back = writer->is_unsynced ? WAL_BACK_NONE : (uint32_t)writer->used,
                .type = type,
                .flags = flags,
        };

        writer->chain = wal_format_put_record(writer->buffer + writer->used, &header);
        writer->used += wal_format_record_bytes(payload_len);
        writer->reserved = SIZE_MAX;
        return lsn;
}

uint64_t wal_writer_finish(struct wal_writer *writer, uint8_t type, uint8_t flags, size_t payload_len)
{
        assert(writer->reserved != SIZE_MAX && payload_len <= writer->reserved);
        assert(type != 0 && type != WAL_TYPE_PAD);
        writer->n_records++;
        return wal_writer_append(writer, type, flags, payload_len);
}

void wal_writer_append_pad(struct wal_writer *writer, size_t bytes)
{
        assert(bytes >= WAL_HEADER_BYTES && bytes % 8 == 0 && writer->used + bytes <= writer->capacity);
        memset(writer->buffer + writer->used, 0, bytes);
        wal_writer_append(writer, WAL_TYPE_PAD, WAL_WHOLE, bytes - WAL_HEADER_BYTES);
}

size_t wal_writer_pad(struct wal_writer *writer)
{
        size_t gap = (WAL_BLOCK_BYTES - writer->used % WAL_BLOCK_BYTES) % WAL_BLOCK_BYTES;

        if (gap != 0)
                wal_writer_append_pad(writer, gap < WAL_HEADER_BYTES ? gap + WAL_BLOCK_BYTES : gap);
        return writer->used;
}
