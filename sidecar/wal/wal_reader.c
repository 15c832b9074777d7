/* wal_reader.c - whole units out of a log directory.
 *
 * Two scans: one shows records, the other runs ahead to see whether a unit of several records has its last one. It has
 * to look only once per unit. A unit breaks off where the process died, or where a torn tail began; the next record
 * then starts a unit of its own (WAL_FIRST), in a new segment. Where reading begins in the middle of a unit, the rest
 * of it is no unit, but layouts and dictionaries that the segment goes on with stand there. */
#include "sidecar/wal/wal_reader.h"

#include "sidecar/base/alloc.h"
#include "sidecar/wal/wal_scan.h"

struct wal_reader {
        struct wal_reader_config config;
        struct wal_dir dir;
        struct wal_scan scan, ahead;
        bool is_in_unit;     /* between a first and its last record, which is known to be there */
        bool has_begun;      /* some unit began */
        uint64_t skip_until; /* records before it belong to a broken unit */
        struct wal_end_info end;
        uint64_t *segment_ends; /* behind the last record shown, per segment */
};

/* The segment that holds `lsn`, or the first behind it; UINT32_MAX: there is none. */
static uint32_t wal_reader_find_segment(const struct wal_dir *dir, uint64_t lsn)
{
        uint32_t found = wal_dir_next_started(dir, UINT32_MAX);

        for (uint32_t i = found; i != UINT32_MAX && dir->segments[i].first_lsn <= lsn; i = wal_dir_next_started(dir, i))
                found = i;
        return found;
}

/* Without a position: the oldest segment from which the log goes on without a gap in its numbers. */
static uint32_t wal_reader_find_oldest(const struct wal_dir *dir)
{
        uint32_t found = UINT32_MAX;
        uint64_t number = 0;

        for (uint32_t i = dir->n_segments; i-- > 0;) {
                if (!dir->segments[i].is_started)
                        continue;
                if (found != UINT32_MAX && dir->segments[i].header.number + 1 != number)
                        break;
                found = i;
                number = dir->segments[i].header.number;
        }
        return found;
}

static int wal_reader_check_start(const struct wal_reader *reader, uint32_t index, struct err *err)
{
        const struct wal_reader_config *config = &reader->config;
        const struct wal_dir_segment *segment;

        if (index == UINT32_MAX) {
                if (config->proven_lsn == 0)
                        return 0;
                return err_set(err, ERR_DATA, "log '%s' is empty, but its records before lsn %llu were durable",
                               config->dir, (unsigned long long)config->proven_lsn);
        }
        segment = &reader->dir.segments[index];
        if (config->from_lsn != 0 && segment->first_lsn > config->from_lsn &&
            segment->header.previous_end > config->from_lsn)
                return WAL_E_GAP;
        return 0;
}

int wal_reader_open(const struct wal_reader_config *config, struct wal_reader **ret_reader, struct err *err)
{
        struct wal_reader *reader = alloc_zero(1, sizeof(*reader));
        uint32_t index;
        int result;

        reader->config = *config;
        reader->scan.fd = reader->ahead.fd = -1;
        result = wal_dir_read(&reader->dir, config->dir, config->ops, config->instance, false, err);
        if (result != 0)
                goto out;
        index = config->from_lsn == 0 ? wal_reader_find_oldest(&reader->dir)
                                      : wal_reader_find_segment(&reader->dir, config->from_lsn);
        result = wal_reader_check_start(reader, index, err);
        if (result != 0)
                goto out;
        wal_scan_init(&reader->scan, &reader->dir, index, config->proven_lsn);
        wal_scan_init(&reader->ahead, &reader->dir, index, config->proven_lsn);
        reader->segment_ends = alloc_zero(reader->dir.n_segments + 1, sizeof(*reader->segment_ends));
        reader->end.end_lsn = index == UINT32_MAX ? 0 : reader->dir.segments[index].first_lsn + WAL_BLOCK_BYTES;
        reader->config.dir = reader->dir.path;
        *ret_reader = reader;
        return 0;
out:
        wal_reader_close(reader);
        return result;
}

struct wal_reader *wal_reader_close(struct wal_reader *reader)
{
        if (reader == NULL)
                return NULL;
        wal_scan_done(&reader->scan);
        wal_scan_done(&reader->ahead);
        wal_dir_done(&reader->dir);
        alloc_free(reader->segment_ends);
        alloc_free(reader);
        return NULL;
}

/* Is the unit whose first record the scan has just passed whole? If not, everything up to `skip_until` is skipped. */
static int wal_reader_look_ahead(struct wal_reader *reader, struct err *err)
{
        struct wal_record record;
        int result;

        wal_scan_move(&reader->ahead, &reader->scan);
        for (;;) {
                result = wal_scan_next(&reader->ahead, &record, err);
                if (result < 0)
                        return -1;
                if (result == WAL_E_END) {
                        reader->skip_until = UINT64_MAX;
                        break;
                }
                if (record.type == WAL_TYPE_PAD)
                        continue;
                if (record.flags & WAL_FIRST) {
                        reader->skip_until = record.lsn;
                        break;
                }
                if (record.flags & WAL_LAST) {
                        reader->is_in_unit = true;
                        return 0;
                }
        }
        reader->end.n_broken_units++;
        return 0;
}

/* Whether a valid record belongs to what is shown. */
static int wal_reader_admit(struct wal_reader *reader, const struct wal_record *record, bool *ret_shown,
                            struct err *err)
{
        *ret_shown = false;
        if (record->type == WAL_TYPE_PAD || record->lsn < reader->skip_until)
                return 0;
        if (record->flags & WAL_FIRST) {
                reader->has_begun = true;
                reader->is_in_unit = false;
                if (!(record->flags & WAL_LAST) && wal_reader_look_ahead(reader, err) != 0)
                        return -1;
                *ret_shown = reader->is_in_unit || record->flags & WAL_LAST;
                return 0;
        }
        /* A record inside a unit of which no first record came: reading began in its middle. */
        *ret_shown = reader->is_in_unit;
        if (record->flags & WAL_LAST)
                reader->is_in_unit = false;
        return 0;
}

int wal_reader_next(struct wal_reader *reader, struct wal_record *ret_record, struct err *err)
{
        struct wal_record record;
        bool is_shown;
        int result;

        for (;;) {
                result = wal_scan_next(&reader->scan, &record, err);
                if (result == WAL_E_END)
                        reader->end.torn_bytes = reader->scan.torn_bytes;
                if (result != 0)
                        return result;
                reader->end.end_lsn = record.next_lsn;
                reader->segment_ends[reader->scan.index] = record.next_lsn;
                if (wal_reader_admit(reader, &record, &is_shown, err) != 0)
                        return -1;
                if (!is_shown && !reader->config.with_pads &&
                    (reader->has_begun || !reader->config.with_segment || record.type == WAL_TYPE_PAD))
                        continue;
                if (record.lsn < reader->config.from_lsn && !reader->config.with_segment)
                        continue;
                reader->end.n_records += record.type != WAL_TYPE_PAD;
                *ret_record = record;
                ret_record->is_whole = is_shown;
                return 0;
        }
}

void wal_reader_end(const struct wal_reader *reader, struct wal_end_info *ret_end)
{
        *ret_end = reader->end;
}

uint32_t wal_reader_n_segments(const struct wal_reader *reader)
{
        return reader->dir.n_segments;
}

void wal_reader_segment(const struct wal_reader *reader, uint32_t index, struct wal_segment_info *ret_info)
{
        const struct wal_dir_segment *segment = &reader->dir.segments[index];

        *ret_info = (struct wal_segment_info){
                .first_lsn = segment->first_lsn,
                .end_lsn = reader->segment_ends[index],
                .bytes = segment->bytes,
                .number = segment->is_started ? segment->header.number : 0,
                .salt = segment->is_started ? segment->header.salt : 0,
                .is_started = segment->is_started,
                .name = segment->name,
        };
}
