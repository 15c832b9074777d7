/* wal_scan.c - walks records and tells a torn tail from damage.
 *
 * Where no valid record stands, the question is whether one ever stood there durably. Proofs, cheapest first: the
 * caller knows a durable position behind it; a later segment was started (unless it says that it was written without
 * sync); a valid record of a later group stands in this segment; the segment behind, whose header block does not
 * check, holds a record of its second group or a later one (so its header block, and all before it, was durable).
 * Groups begin at multiples of 4096, so that is where records are looked for. */
#include "sidecar/wal/wal_scan.h"

#include "sidecar/base/alloc.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>

enum { WAL_SCAN_CHUNK_BYTES = 1 << 20 };

void wal_scan_init(struct wal_scan *scan, const struct wal_dir *dir, uint32_t index, uint64_t proven_lsn)
{
        *scan = (struct wal_scan){.dir = dir,
                                  .proven_lsn = proven_lsn,
                                  .index = index,
                                  .offset = WAL_BLOCK_BYTES,
                                  .open_index = UINT32_MAX,
                                  .fd = -1};
        if (index != UINT32_MAX)
                scan->chain = dir->segments[index].header.crc;
}

static void wal_scan_close_file(struct wal_scan *scan)
{
        if (scan->fd >= 0)
                scan->dir->ops->close(scan->dir->ops->context, scan->fd);
        scan->fd = -1;
        scan->open_index = UINT32_MAX;
        scan->loaded = 0;
}

void wal_scan_done(struct wal_scan *scan)
{
        wal_scan_close_file(scan);
        alloc_free(scan->data);
        scan->data = NULL;
}

void wal_scan_move(struct wal_scan *scan, const struct wal_scan *to)
{
        scan->index = to->index;
        scan->offset = to->offset;
        scan->chain = to->chain;
        scan->is_ended = to->is_ended;
        scan->torn_bytes = to->torn_bytes;
}

uint64_t wal_scan_lsn(const struct wal_scan *scan)
{
        if (scan->index == UINT32_MAX)
                return 0;
        return scan->dir->segments[scan->index].first_lsn + scan->offset;
}

/* ---- bytes ---- */

static int wal_scan_open_file(struct wal_scan *scan, uint32_t index, struct err *err)
{
        const struct wal_dir *dir = scan->dir;
        const struct wal_dir_segment *segment = &dir->segments[index];
        WEIR_AUTO_FREE char *path = wal_dir_path(dir->path, segment->name);

        if (scan->open_index == index)
                return 0;
        wal_scan_close_file(scan);
        scan->fd = dir->ops->open(dir->ops->context, path, O_RDONLY, 0);
        if (scan->fd < 0)
                return err_set_errno(err, ERR_IO, errno, "segment '%s' cannot be opened", path);
        scan->open_index = index;
        /* What lies behind the size that the header names cannot be ours. */
        scan->bytes = segment->bytes;
        if (segment->is_started && segment->header.bytes < scan->bytes)
                scan->bytes = segment->header.bytes;
        if (scan->capacity < scan->bytes) {
                alloc_free(scan->data);
                scan->data = alloc_pages(scan->bytes);
                scan->capacity = scan->bytes;
        }
        return 0;
}

/* Makes bytes up to `end` (cut at the end of the file) readable. */
static int wal_scan_load(struct wal_scan *scan, uint64_t end, struct err *err)
{
        size_t len;

        while (scan->loaded < end && scan->loaded < scan->bytes) {
                size_t want = scan->bytes - scan->loaded;

                if (want > WAL_SCAN_CHUNK_BYTES)
                        want = WAL_SCAN_CHUNK_BYTES;
                if (file_read_all(scan->dir->ops, scan->fd, scan->data + scan->loaded, want, (off_t)scan->loaded, &len,
                                  err) != 0)
                        return err_prefix(err, "segment '%s/%s'", scan->dir->path,
                                          scan->dir->segments[scan->open_index].name);
                scan->loaded += len;
                if (len < want)
                        scan->bytes = scan->loaded; /* shorter than its size said */
        }
        return 0;
}

/* ---- records ---- */

/* 1: a record that obeys rules 1 to 3 stands at offset; 0: none; < 0: unreadable. any_salt: the header block that would
 * say the salt does not check. */
static int wal_scan_try(struct wal_scan *scan, uint64_t offset, bool any_salt, struct wal_header *ret_header,
                        struct err *err)
{
        const struct wal_dir_segment *segment = &scan->dir->segments[scan->open_index];
        uint64_t lsn = segment->first_lsn + offset;
        uint32_t salt = (uint32_t)segment->header.salt;
        uint64_t room;

        if (wal_scan_load(scan, offset + WAL_HEADER_BYTES, err) != 0)
                return -1;
        if (offset + WAL_HEADER_BYTES > scan->bytes)
                return 0;
        room = scan->bytes - offset;
        if (any_salt)
                salt = bytes_get_u32(scan->data + offset + 16);
        if (!wal_format_is_plausible(scan->data + offset, room, lsn, salt, ret_header))
                return 0;
        if (wal_scan_load(scan, offset + wal_format_record_bytes(ret_header->length), err) != 0)
                return -1;
        if (scan->bytes - offset < wal_format_record_bytes(ret_header->length))
                return 0;
        return wal_format_is_record(scan->data + offset, room, lsn, salt, ret_header) ? 1 : 0;
}

/* Looks in the open segment, from the first group border behind `after`, for a record whose group begins behind
 * position `group_after`. 1 with its LSN, 0, < 0. */
static int wal_scan_find_later(struct wal_scan *scan, uint64_t after, uint64_t group_after, bool any_salt,
                               uint64_t *ret_lsn, struct err *err)
{
        struct wal_header header;
        uint64_t offset = after / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES + WAL_BLOCK_BYTES;
        int found;

        for (; offset < scan->bytes; offset += WAL_BLOCK_BYTES) {
                found = wal_scan_try(scan, offset, any_salt, &header, err);
                if (found < 0)
                        return -1;
                if (found && header.back != WAL_BACK_NONE && header.lsn - header.back > group_after) {
                        *ret_lsn = header.lsn;
                        return 1;
                }
        }
        return 0;
}

/* How far traces of this life's records go behind the end: what a torn tail cost. */
static int wal_scan_measure_torn(struct wal_scan *scan, struct err *err)
{
        const struct wal_dir_segment *segment = &scan->dir->segments[scan->index];
        uint64_t end = scan->offset;
        struct wal_header header;

        if (wal_scan_load(scan, scan->bytes, err) != 0)
                return -1;
        for (uint64_t offset = scan->offset; offset + WAL_HEADER_BYTES <= scan->bytes; offset += 8)
                if (wal_format_is_plausible(scan->data + offset, scan->bytes - offset, segment->first_lsn + offset,
                                            (uint32_t)segment->header.salt, &header))
                        end = offset + wal_format_record_bytes(header.length);
        scan->torn_bytes = end - scan->offset;
        return 0;
}

static int wal_scan_damage(const struct wal_scan *scan, uint64_t proof, const char *what, struct err *err)
{
        const struct wal_dir_segment *segment = &scan->dir->segments[scan->index];
        uint64_t lsn = segment->first_lsn + scan->offset;

        return err_set(err, ERR_DATA,
                       "segment '%s/%s' is damaged at offset %llu: records from lsn %llu on were durable (%s at lsn "
                       "%llu proves it) and cannot be read",
                       scan->dir->path, segment->name, (unsigned long long)scan->offset, (unsigned long long)lsn, what,
                       (unsigned long long)proof);
}

/* No valid record stands at the position, and no segment behind takes up there. */
static int wal_scan_judge_end(struct wal_scan *scan, struct err *err)
{
        const struct wal_dir *dir = scan->dir;
        uint64_t lsn = wal_scan_lsn(scan);
        uint64_t proof;
        int found;

        if (scan->proven_lsn > lsn)
                return wal_scan_damage(scan, scan->proven_lsn, "a manifest or commit record", err);
        found = wal_scan_find_later(scan, scan->offset, lsn, false, &proof, err);
        if (found < 0)
                return -1;
        if (found)
                return wal_scan_damage(scan, proof, "a later group", err);
        if (wal_scan_measure_torn(scan, err) != 0)
                return -1;
        if (scan->index + 1 < dir->n_segments && !dir->segments[scan->index + 1].is_started) {
                const struct wal_dir_segment *next = &dir->segments[scan->index + 1];

                if (wal_scan_open_file(scan, scan->index + 1, err) != 0)
                        return -1;
                found = wal_scan_find_later(scan, 0, next->first_lsn, true, &proof, err);
                if (found < 0)
                        return -1;
                if (found)
                        return err_set(err, ERR_DATA,
                                       "segment '%s/%s' is damaged at offset 0: its header block does not check, but "
                                       "a later group at lsn %llu proves that it was durable",
                                       dir->path, next->name, (unsigned long long)proof);
        }
        scan->is_ended = true;
        return WAL_E_END;
}

/* At the end that the next segment names: goes on there. */
static int wal_scan_cross(struct wal_scan *scan, uint32_t next, struct err *err)
{
        const struct wal_dir_segment *from = &scan->dir->segments[scan->index];
        const struct wal_dir_segment *to = &scan->dir->segments[next];

        if (to->header.number != from->header.number + 1)
                return err_set(err, ERR_DATA,
                               "segment %llu of the log is missing (or its header block is damaged) between '%s' and "
                               "'%s' in '%s': records from lsn %llu to %llu",
                               (unsigned long long)from->header.number + 1, from->name, to->name, scan->dir->path,
                               (unsigned long long)wal_scan_lsn(scan), (unsigned long long)to->header.previous_end);
        if (to->header.previous_chain != scan->chain)
                return wal_scan_damage(scan, to->first_lsn, "another record's checksum in the next segment", err);
        scan->index = next;
        scan->offset = WAL_BLOCK_BYTES;
        scan->chain = to->header.crc;
        return 0;
}

static void wal_scan_take(struct wal_scan *scan, const struct wal_header *header, struct wal_record *ret_record)
{
        uint64_t whole = wal_format_record_bytes(header->length);

        *ret_record = (struct wal_record){
                .lsn = header->lsn,
                .next_lsn = header->lsn + whole,
                .segment = scan->dir->segments[scan->index].first_lsn,
                .group = header->back == WAL_BACK_NONE ? 0 : header->lsn - header->back,
                .crc = header->crc,
                .type = header->type,
                .flags = header->flags,
                .payload = slice_make(scan->data + scan->offset + WAL_HEADER_BYTES, header->length),
        };
        scan->offset += whole;
        scan->chain = header->crc;
}

int wal_scan_next(struct wal_scan *scan, struct wal_record *ret_record, struct err *err)
{
        const struct wal_dir *dir = scan->dir;
        struct wal_header header;
        int found;

        if (scan->is_ended || scan->index == UINT32_MAX)
                return WAL_E_END;
        for (;;) {
                uint32_t next = wal_dir_next_started(dir, scan->index);
                bool is_gap = next != UINT32_MAX &&
                              dir->segments[next].header.number != dir->segments[scan->index].header.number + 1;

                if (next != UINT32_MAX && !is_gap && wal_scan_lsn(scan) == dir->segments[next].header.previous_end) {
                        if (wal_scan_cross(scan, next, err) != 0)
                                return -1;
                        continue;
                }
                if (wal_scan_open_file(scan, scan->index, err) != 0)
                        return -1;
                found = wal_scan_try(scan, scan->offset, false, &header, err);
                if (found < 0)
                        return -1;
                if (found && header.chain == scan->chain) {
                        wal_scan_take(scan, &header, ret_record);
                        return 0;
                }
                if (next == UINT32_MAX)
                        return wal_scan_judge_end(scan, err);
                if (dir->segments[next].header.flags & WAL_SEGMENT_UNSYNCED && scan->proven_lsn <= wal_scan_lsn(scan)) {
                        if (wal_scan_measure_torn(scan, err) != 0)
                                return -1;
                        scan->is_ended = true;
                        return WAL_E_END;
                }
                if (is_gap)
                        return wal_scan_cross(scan, next, err);
                return wal_scan_damage(scan, dir->segments[next].first_lsn, "the next segment", err);
        }
}
