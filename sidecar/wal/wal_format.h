/* wal_format.h - the log on disk, byte by byte.
 *
 * The promise: a record whose group was synced comes back whole, in order, after any crash; if the disk broke its word,
 * the log says so and where. All numbers are little-endian. `crc` is CRC-32C (Castagnoli).
 *
 * A position (LSN) is a byte count over all segments: LSN = first LSN of the segment + offset in its file. The segment
 * file is named by its first LSN, 16 lower-case hex digits and ".wal". Positions are never used twice: what a torn
 * tail lost is skipped.
 *
 *   segment  = header block, groups
 *   group    = records, padded by a PAD record to a multiple of 4096: one write, one sync
 *   record   = 32 bytes of header, payload, zeros up to a multiple of 8
 *
 * Header block, 4096 bytes, written together with the segment's first group (and part of it):
 *
 *     0  u8[8]  magic "WEIRWAL\n"           40  u64  first LSN
 *     8  u32    crc of bytes 12..4095       48  u64  salt, drawn for this segment
 *    12  u32    format version, 1           56  u64  LSN behind the last record of the segment before, 0: none
 *    16  u64    instance                    64  u32  chain: crc of that record (or of that header block); 0: none
 *    24  u64    segment number, from 1      68  u32  flags: 1 = the segment before was written without sync
 *    32  u64    size of the file            72  zeros
 *
 * Record header:
 *
 *     0  u32  crc of bytes 4.. up to the end of the zeros behind the payload
 *     4  u32  length of the payload
 *     8  u64  LSN of this header
 *    16  u32  low half of the segment's salt
 *    20  u32  chain: crc of the record before in this segment; of the header block for the first
 *    24  u32  back: LSN - first LSN of this record's group; ffffffff: written without sync
 *    28  u8   type (255 is PAD, the others are their users' affair)
 *    29  u8   flags: 1 = first, 2 = last record of its unit
 *    30  u8   record version, 1
 *    31  u8   0
 *
 * Group k+1 is written only after group k was synced. So `back` names a durable position: all bytes before this
 * record's group were on the disk when it was written. The first group of a segment starts with the header block, so
 * a valid header block proves the whole segment before it.
 *
 * A record at offset p of a segment is valid when
 *   1. p is a multiple of 8 and 32 + length (rounded up to 8) bytes lie before the end of the file;
 *   2. the LSN is the segment's first LSN + p, salt and version are the segment's, bytes 31 and the padding are 0;
 *   3. crc holds;
 *   4. chain is the crc of the record (or header block) that ends at p.
 *
 * Where no valid record stands at p, the segment ends, if the next segment's header block names p and the crc of the
 * last record. Otherwise p is damage if any of these proves that p was durable once: a valid record of a later
 * group (searched at each multiple of 4096, without rule 4), a later segment's header block, or a position handed in
 * from a manifest or a commit record. Without proof it is a torn tail: the group in flight when the machine stopped.
 *
 * Recycled segments keep the bytes of their former life. Nothing of it can be taken for a record: LSNs are never
 * used twice and stand in every header, and the salt is new.
 *
 * Downsides, known and accepted: a group takes at least 4096 bytes, so that no block with acknowledged data is ever
 * written again; damage confined to the very last synced group looks like a torn tail (a tick each second bounds that).
 * Not taken: a record cut over several blocks (LevelDB), cumulative checksums only (SQLite: a flipped bit hides all
 * that follows), O_DIRECT (no faster here, and alignment rules everywhere).
 *
 * Example: a segment of instance 1 with two records of 5 and 0 bytes in one group:
 *     0000  header block
 *     1000  record 1, length 5, lsn 1000, chain = crc of the header block, back 1000 (the group begins at 0), flags 3
 *     1028  record 2, length 0, lsn 1028, chain = crc of record 1, back 1028, flags 3
 *     1048  PAD, length f98: up to 2000
 */
#ifndef WEIR_SIDECAR_WAL_WAL_FORMAT_H
#define WEIR_SIDECAR_WAL_WAL_FORMAT_H

#include "sidecar/base/bytes.h"
#include "sidecar/base/crc32c.h"
#include "sidecar/base/slice.h"

#define WAL_BLOCK_BYTES 4096u
#define WAL_HEADER_BYTES 32u
#define WAL_SEGMENT_BYTES (64u << 20)
#define WAL_SEGMENT_BYTES_MIN (16u << 10)
#define WAL_VERSION 1u
#define WAL_MAGIC_LOG "WEIRWAL\n"
#define WAL_MAGIC_OUTBOX "WEIROUT\n"
#define WAL_MAGIC_BYTES 8u
#define WAL_BACK_NONE UINT32_MAX
#define WAL_SEGMENT_UNSYNCED 1u
enum { WAL_TYPE_PAD = 255 };
enum { WAL_FIRST = 1, WAL_LAST = 2, WAL_WHOLE = WAL_FIRST | WAL_LAST };
enum { WAL_NAME_BYTES = 24 }; /* 16 hex digits, a suffix, NUL */

struct wal_header { /* of a record */
        uint32_t crc, length;
        uint64_t lsn;
        uint32_t salt, chain, back;
        uint8_t type, flags;
};

struct wal_segment_header {
        uint32_t crc;
        uint64_t instance, number, bytes, first_lsn, salt;
        uint64_t previous_end;
        uint32_t previous_chain;
        uint32_t flags;
};

_Static_assert(WAL_HEADER_BYTES % 8 == 0 && WAL_BLOCK_BYTES % 8 == 0, "records stand at multiples of 8");
_Static_assert(WAL_SEGMENT_BYTES % WAL_BLOCK_BYTES == 0, "groups are whole blocks");

/* Bytes of a record with this payload in the log. */
static inline uint64_t wal_format_record_bytes(uint64_t payload_len)
{
        return WAL_HEADER_BYTES + ((payload_len + 7) & ~UINT64_C(7));
}

/* Fills the header in front of payload bytes that already stand at `at` + 32, zeroes the padding, returns the crc. */
uint32_t wal_format_put_record(uint8_t *at, const struct wal_header *header);
/* Reads a header without judging it. */
void wal_format_get_record(const uint8_t *at, struct wal_header *ret_header);
/* A header that belongs at this position: all of rules 1 and 2 that the header alone can show. */
bool wal_format_is_plausible(const uint8_t *at, uint64_t room, uint64_t lsn, uint32_t salt,
                             struct wal_header *ret_header);
/* Rules 1 to 3 for the record at `at`, of which at most `room` bytes exist. */
bool wal_format_is_record(const uint8_t *at, uint64_t room, uint64_t lsn, uint32_t salt, struct wal_header *ret_header);

/* One block; header->crc is ignored, the crc is returned. */
uint32_t wal_format_put_segment(uint8_t block[WAL_BLOCK_BYTES], const char *magic,
                                const struct wal_segment_header *header);
/* Magic, version, crc and plausible sizes hold. */
bool wal_format_get_segment(const uint8_t block[WAL_BLOCK_BYTES], const char *magic,
                            struct wal_segment_header *ret_header);

/* "%016x.wal" and back; false: not such a name. */
void wal_format_name(uint64_t first_lsn, char name[WAL_NAME_BYTES]);
bool wal_format_parse_name(const char *name, uint64_t *ret_first_lsn);

#endif
