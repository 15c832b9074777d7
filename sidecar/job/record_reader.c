/* record_reader.c - values out of a log.
 *
 * The wal_reader shows whole units from the start of the segment; what stands before from_lsn, and the rest of a unit
 * that began in the segment before, is only taken in. A new segment resets the decoder, as it reset the encoder. */
#include "sidecar/job/record_reader.h"

#include "sidecar/base/alloc.h"

enum { RECORD_READER_CHUNK_BYTES = 1 << 20 };

struct record_reader {
        struct wal_reader *wal;
        struct record_decoder *decoder;
        struct arena arena; /* of the record shown */
        uint64_t from_lsn, segment;
        bool has_segment;
        char *dir;
};

int record_reader_open(const struct wal_reader_config *config, struct record_reader **ret_reader, struct err *err)
{
        struct wal_reader_config own = *config;
        struct record_reader *reader;
        struct wal_reader *wal;
        int result;

        own.with_segment = true;
        own.with_pads = false;
        result = wal_reader_open(&own, &wal, err);
        if (result == WAL_E_GAP)
                return err_set(err, ERR_DATA, "log '%s' does not reach back to lsn %llu", config->dir,
                               (unsigned long long)config->from_lsn);
        if (result != 0)
                return -1;
        reader = alloc_zero(1, sizeof(*reader));
        reader->wal = wal;
        reader->decoder = record_decoder_new();
        reader->from_lsn = config->from_lsn;
        reader->dir = alloc_text(config->dir);
        arena_init(&reader->arena, RECORD_READER_CHUNK_BYTES, 0);
        *ret_reader = reader;
        return 0;
}

struct record_reader *record_reader_close(struct record_reader *reader)
{
        if (reader == NULL)
                return NULL;
        wal_reader_close(reader->wal);
        record_decoder_free(reader->decoder);
        arena_done(&reader->arena);
        alloc_free(reader->dir);
        alloc_free(reader);
        return NULL;
}

int record_reader_next(struct record_reader *reader, struct record *ret_record, struct err *err)
{
        struct wal_record record;
        int result;

        for (;;) {
                result = wal_reader_next(reader->wal, &record, err);
                if (result != 0)
                        return result;
                if (!reader->has_segment || record.segment != reader->segment) {
                        record_decoder_reset(reader->decoder);
                        reader->segment = record.segment;
                        reader->has_segment = true;
                }
                arena_reset(&reader->arena);
                if (record.is_whole && record.lsn >= reader->from_lsn)
                        break;
                if (record_decode_skip(reader->decoder, record.type, record.payload, &reader->arena, err) != 0)
                        goto bad;
        }
        if (record_decode(reader->decoder, record.type, record.payload, &reader->arena, ret_record, err) != 0)
                goto bad;
        ret_record->lsn = record.lsn;
        ret_record->next_lsn = record.next_lsn;
        return 0;
bad:
        return err_prefix(err, "log '%s', lsn %llu", reader->dir, (unsigned long long)record.lsn);
}

void record_reader_end(const struct record_reader *reader, struct wal_end_info *ret_end)
{
        wal_reader_end(reader->wal, ret_end);
}
