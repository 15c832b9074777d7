/* wal_format.c - headers of the log to bytes and back; the layout stands in wal_format.h. */
#include "sidecar/wal/wal_format.h"

#include "sidecar/base/limits.h"

#include <assert.h>
#include <stdio.h>

static void wal_format_put_header(uint8_t *at, const struct wal_header *header)
{
        bytes_put_u32(at + 4, header->length);
        bytes_put_u64(at + 8, header->lsn);
        bytes_put_u32(at + 16, header->salt);
        bytes_put_u32(at + 20, header->chain);
        bytes_put_u32(at + 24, header->back);
        at[28] = header->type;
        at[29] = header->flags;
        at[30] = WAL_VERSION;
        at[31] = 0;
}

uint32_t wal_format_put_record(uint8_t *at, const struct wal_header *header)
{
        uint64_t whole = wal_format_record_bytes(header->length);
        uint64_t used = WAL_HEADER_BYTES + (uint64_t)header->length;
        uint32_t crc;

        memset(at + used, 0, whole - used);
        wal_format_put_header(at, header);
        crc = crc32c(0, at + 4, whole - 4);
        bytes_put_u32(at, crc);
        return crc;
}

void wal_format_get_record(const uint8_t *at, struct wal_header *ret_header)
{
        ret_header->crc = bytes_get_u32(at);
        ret_header->length = bytes_get_u32(at + 4);
        ret_header->lsn = bytes_get_u64(at + 8);
        ret_header->salt = bytes_get_u32(at + 16);
        ret_header->chain = bytes_get_u32(at + 20);
        ret_header->back = bytes_get_u32(at + 24);
        ret_header->type = at[28];
        ret_header->flags = at[29];
}

bool wal_format_is_plausible(const uint8_t *at, uint64_t room, uint64_t lsn, uint32_t salt,
                             struct wal_header *ret_header)
{
        if (room < WAL_HEADER_BYTES)
                return false;
        wal_format_get_record(at, ret_header);
        return ret_header->lsn == lsn && ret_header->salt == salt && at[30] == WAL_VERSION && at[31] == 0 &&
               (ret_header->flags & ~WAL_WHOLE) == 0 && ret_header->type != 0 &&
               ret_header->length <= LIMIT_LOG_RECORD_BYTES && wal_format_record_bytes(ret_header->length) <= room &&
               (ret_header->back == WAL_BACK_NONE || ret_header->back <= lsn);
}

bool wal_format_is_record(const uint8_t *at, uint64_t room, uint64_t lsn, uint32_t salt, struct wal_header *ret_header)
{
        uint64_t whole;

        if (!wal_format_is_plausible(at, room, lsn, salt, ret_header))
                return false;
        whole = wal_format_record_bytes(ret_header->length);
        for (uint64_t i = WAL_HEADER_BYTES + (uint64_t)ret_header->length; i < whole; i++)
                if (at[i] != 0)
                        return false;
        return crc32c(0, at + 4, whole - 4) == ret_header->crc;
}

uint32_t wal_format_put_segment(uint8_t block[WAL_BLOCK_BYTES], const char *magic,
                                const struct wal_segment_header *header)
{
        uint32_t crc;

        assert(strlen(magic) == WAL_MAGIC_BYTES);
        memset(block, 0, WAL_BLOCK_BYTES);
        memcpy(block, magic, WAL_MAGIC_BYTES);
        bytes_put_u32(block + 12, WAL_VERSION);
        bytes_put_u64(block + 16, header->instance);
        bytes_put_u64(block + 24, header->number);
        bytes_put_u64(block + 32, header->bytes);
        bytes_put_u64(block + 40, header->first_lsn);
        bytes_put_u64(block + 48, header->salt);
        bytes_put_u64(block + 56, header->previous_end);
        bytes_put_u32(block + 64, header->previous_chain);
        bytes_put_u32(block + 68, header->flags);
        crc = crc32c(0, block + 12, WAL_BLOCK_BYTES - 12);
        bytes_put_u32(block + 8, crc);
        return crc;
}

bool wal_format_get_segment(const uint8_t block[WAL_BLOCK_BYTES], const char *magic,
                            struct wal_segment_header *ret_header)
{
        struct wal_segment_header header;

        if (memcmp(block, magic, WAL_MAGIC_BYTES) != 0 || bytes_get_u32(block + 12) != WAL_VERSION)
                return false;
        header.crc = bytes_get_u32(block + 8);
        if (crc32c(0, block + 12, WAL_BLOCK_BYTES - 12) != header.crc)
                return false;
        header.instance = bytes_get_u64(block + 16);
        header.number = bytes_get_u64(block + 24);
        header.bytes = bytes_get_u64(block + 32);
        header.first_lsn = bytes_get_u64(block + 40);
        header.salt = bytes_get_u64(block + 48);
        header.previous_end = bytes_get_u64(block + 56);
        header.previous_chain = bytes_get_u32(block + 64);
        header.flags = bytes_get_u32(block + 68);
        if (header.number == 0 || header.bytes % WAL_BLOCK_BYTES != 0 || header.first_lsn % WAL_BLOCK_BYTES != 0 ||
            header.first_lsn > UINT64_MAX - header.bytes || header.previous_end > header.first_lsn)
                return false;
        *ret_header = header;
        return true;
}

void wal_format_name(uint64_t first_lsn, char name[WAL_NAME_BYTES])
{
        snprintf(name, WAL_NAME_BYTES, "%016llx.wal", (unsigned long long)first_lsn);
}

bool wal_format_parse_name(const char *name, uint64_t *ret_first_lsn)
{
        uint64_t value = 0;

        for (int i = 0; i < 16; i++) {
                char c = name[i];
                unsigned digit;

                if (c >= '0' && c <= '9')
                        digit = (unsigned)(c - '0');
                else if (c >= 'a' && c <= 'f')
                        digit = (unsigned)(c - 'a') + 10;
                else
                        return false;
                value = value << 4 | digit;
        }
        if (strcmp(name + 16, ".wal") != 0)
                return false;
        *ret_first_lsn = value;
        return true;
}
