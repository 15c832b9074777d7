/* container.c - Avro object container files. See container.h.
 *
 *   file   := 'O' 'b' 'j' 1  metadata  sync  block*
 *   metadata := map<bytes> with "avro.schema" (JSON) and "avro.codec" ("null" when absent)
 *   sync   := 16 bytes, drawn per file
 *   block  := long: number of data  long: bytes of data  data  sync
 *
 * With codec deflate the data of a block are one raw deflate stream (RFC 1951); with snappy a raw Snappy block and the
 * CRC-32 of the plain bytes, big-endian (read only). Longs are zig-zag varints. Source: the
 * Avro specification, "Object Container Files". */
#include "avro/container.h"

#include "avro/binary.h"
#include "avro/snappy.h"
#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

enum { SNAPPY_CRC_BYTES = 4 };
enum { READ_BYTES = 256 << 10, SLACK_BYTES = 64, META_ENTRIES_MAX = 256, RAW_DEFLATE = -15, MEMORY_LEVEL = 8 };

static const uint8_t magic[4] = {'O', 'b', 'j', 1};

struct container_reader {
        int fd;
        char *path;
        struct bytes input;  /* read, not yet used from `at` on */
        size_t at;
        bool is_at_end;
        struct bytes schema, inflated;
        uint8_t sync[CONTAINER_SYNC_BYTES];
        bool is_deflated, is_snappy;
        uint64_t n_blocks;
};

/* At least `need` unused bytes: 0; CONTAINER_E_END when the file has fewer left. */
static int want(struct container_reader *reader, size_t need, struct err *err)
{
        while (reader->input.len - reader->at < need && !reader->is_at_end) {
                size_t room = need > READ_BYTES ? need : READ_BYTES;
                ssize_t n;

                bytes_drop_front(&reader->input, reader->at);
                reader->at = 0;
                bytes_reserve(&reader->input, room + SLACK_BYTES);
                n = read(reader->fd, reader->input.data + reader->input.len, room);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return err_set_errno(err, ERR_IO, errno, "cannot read '%s'", reader->path);
                reader->is_at_end = n == 0;
                reader->input.len += (size_t)n;
        }
        return reader->input.len - reader->at < need ? CONTAINER_E_END : 0;
}

static int damaged(const struct container_reader *reader, const char *what, struct err *err)
{
        return err_set(err, ERR_DATA, "'%s' is damaged: block %llu: %s", reader->path,
                       (unsigned long long)reader->n_blocks + 1, what);
}

/* A long at the present place; CONTAINER_E_END in front of the file's end. */
static int read_long(struct container_reader *reader, int64_t *ret_value, struct err *err)
{
        const uint8_t *begin, *behind;

        if (want(reader, 10, err) < 0)
                return -1;
        if (reader->input.len == reader->at)
                return CONTAINER_E_END;
        begin = reader->input.data + reader->at;
        behind = binary_long(begin, reader->input.data + reader->input.len, ret_value);
        if (behind == NULL)
                return damaged(reader, "a number cannot be read", err);
        reader->at += (size_t)(behind - begin);
        return 0;
}

static int read_value(struct container_reader *reader, size_t max, struct slice *ret_value, struct err *err)
{
        int64_t len;
        int result = read_long(reader, &len, err);

        if (result < 0)
                return -1;
        if (result > 0 || len < 0 || (uint64_t)len > max)
                return damaged(reader, "the metadata cannot be read", err);
        result = want(reader, (size_t)len, err);
        if (result != 0)
                return result < 0 ? -1 : damaged(reader, "the file ends inside the metadata", err);
        *ret_value = slice_make(reader->input.data + reader->at, (size_t)len);
        reader->at += (size_t)len;
        return 0;
}

static int take_entry(struct container_reader *reader, struct err *err)
{
        struct slice key, value;
        char name[32] = "";

        if (read_value(reader, sizeof name * 8, &key, err) < 0)
                return -1;
        memcpy(name, key.data, key.len < sizeof name ? key.len : 0);
        if (read_value(reader, LIMIT_SCHEMA_BYTES, &value, err) < 0)
                return -1;
        if (strcmp(name, "avro.schema") == 0) {
                bytes_reset(&reader->schema);
                bytes_append_slice(&reader->schema, value);
        } else if (strcmp(name, "avro.codec") == 0) {
                reader->is_deflated = slice_is_equal(value, slice_from_text("deflate"));
                reader->is_snappy = slice_is_equal(value, slice_from_text("snappy"));
                if (!reader->is_deflated && !reader->is_snappy && !slice_is_equal(value, slice_from_text("null")))
                        return err_set(err, ERR_DATA, "'%s' has codec '%.*s'; weir reads null, deflate and snappy",
                                       reader->path, (int)(value.len < 40 ? value.len : 40), (const char *)value.data);
        }
        return 0;
}

static int read_metadata(struct container_reader *reader, struct err *err)
{
        uint32_t n_entries = 0;

        for (;;) {
                int64_t count, bytes;
                int result = read_long(reader, &count, err);

                if (result == 0 && count < 0 && count != INT64_MIN) {
                        count = -count;
                        result = read_long(reader, &bytes, err);
                }
                if (result < 0)
                        return -1;
                if (result > 0 || count < 0 || count > META_ENTRIES_MAX ||
                    (n_entries += (uint32_t)count) > META_ENTRIES_MAX)
                        return damaged(reader, "the metadata cannot be read", err);
                if (count == 0)
                        return 0;
                for (int64_t i = 0; i < count; i++)
                        if (take_entry(reader, err) < 0)
                                return -1;
        }
}

int container_reader_open(int fd, const char *path, struct container_reader **ret_reader, struct err *err)
{
        struct container_reader *reader = alloc_zero(1, sizeof *reader);
        int result;

        reader->fd = fd;
        reader->path = alloc_text(path);
        result = want(reader, sizeof magic, err);
        if (result > 0 || (result == 0 && memcmp(reader->input.data, magic, sizeof magic) != 0))
                result = err_set(err, ERR_DATA, "'%s' is no Avro container file", path);
        reader->at = sizeof magic;
        if (result == 0)
                result = read_metadata(reader, err);
        if (result == 0)
                result = want(reader, CONTAINER_SYNC_BYTES, err);
        if (result > 0 || (result == 0 && reader->schema.len == 0))
                result = err_set(err, ERR_DATA, "'%s' is damaged: its head has no schema", path);
        if (result < 0) {
                container_reader_close(reader);
                return -1;
        }
        memcpy(reader->sync, reader->input.data + reader->at, CONTAINER_SYNC_BYTES);
        reader->at += CONTAINER_SYNC_BYTES;
        *ret_reader = reader;
        return 0;
}

struct container_reader *container_reader_close(struct container_reader *reader)
{
        if (reader == NULL)
                return NULL;
        bytes_done(&reader->input);
        bytes_done(&reader->schema);
        bytes_done(&reader->inflated);
        alloc_free(reader->path);
        alloc_free(reader);
        return NULL;
}

struct slice container_reader_schema(const struct container_reader *reader)
{
        return bytes_slice(&reader->schema);
}

static int inflate_block(struct container_reader *reader, struct slice data, struct slice *ret_block, struct err *err)
{
        z_stream stream = {.next_in = (Bytef *)(uintptr_t)data.data, .avail_in = (uInt)data.len};
        int result;

        if (inflateInit2(&stream, RAW_DEFLATE) != Z_OK)
                abort(); /* only for want of memory */
        bytes_reset(&reader->inflated);
        do {
                stream.next_out = bytes_reserve(&reader->inflated, READ_BYTES + SLACK_BYTES);
                stream.avail_out = READ_BYTES;
                result = inflate(&stream, Z_NO_FLUSH);
                reader->inflated.len = (size_t)(stream.next_out - reader->inflated.data);
        } while (result == Z_OK && reader->inflated.len <= LIMIT_INFLATE_BYTES_PER_FRAME);
        inflateEnd(&stream);
        if (result != Z_STREAM_END)
                return damaged(reader, result == Z_OK ? "it inflates to more than weir takes" : "it does not inflate",
                               err);
        bytes_reserve(&reader->inflated, SLACK_BYTES);
        *ret_block = bytes_slice(&reader->inflated);
        return 0;
}

/* The CRC-32 of the plain bytes follows, big-endian. */
static int unsnap_block(struct container_reader *reader, struct slice data, struct slice *ret_block, struct err *err)
{
        const uint8_t *crc;

        if (data.len < SNAPPY_CRC_BYTES)
                return damaged(reader, "it has no checksum", err);
        data.len -= SNAPPY_CRC_BYTES;
        crc = data.data + data.len;
        if (!snappy_inflate(data, LIMIT_INFLATE_BYTES_PER_FRAME, &reader->inflated))
                return damaged(reader, "it is no Snappy, or more than weir takes", err);
        if (crc32_z(0, reader->inflated.data, reader->inflated.len) !=
            ((uLong)crc[0] << 24 | (uLong)crc[1] << 16 | (uLong)crc[2] << 8 | crc[3]))
                return damaged(reader, "its checksum is wrong", err);
        bytes_reserve(&reader->inflated, SLACK_BYTES);
        *ret_block = bytes_slice(&reader->inflated);
        return 0;
}

int container_reader_next(struct container_reader *reader, struct slice *ret_block, uint64_t *ret_n, struct err *err)
{
        int64_t n, bytes;
        struct slice data;
        int result = read_long(reader, &n, err);

        if (result != 0)
                return result;
        result = read_long(reader, &bytes, err);
        if (result < 0)
                return -1;
        if (result > 0 || n < 0 || bytes < 0 || bytes > (int64_t)LIMIT_FRAME_BYTES)
                return damaged(reader, "its head cannot be, or it is larger than weir takes", err);
        result = want(reader, (size_t)bytes + CONTAINER_SYNC_BYTES, err);
        if (result != 0)
                return result < 0 ? -1 : damaged(reader, "the file ends inside it", err);
        data = slice_make(reader->input.data + reader->at, (size_t)bytes);
        if (memcmp(data.data + data.len, reader->sync, CONTAINER_SYNC_BYTES) != 0)
                return damaged(reader, "it does not end in the file's sync marker", err);
        reader->at += (size_t)bytes + CONTAINER_SYNC_BYTES;
        if (reader->is_deflated) {
                if (inflate_block(reader, data, ret_block, err) < 0)
                        return -1;
        } else if (reader->is_snappy) {
                if (unsnap_block(reader, data, ret_block, err) < 0)
                        return -1;
        } else {
                *ret_block = data;
        }
        reader->n_blocks++;
        *ret_n = (uint64_t)n;
        return 0;
}

/* ---- Writing */

struct container_writer {
        bool is_deflated;
        uint8_t sync[CONTAINER_SYNC_BYTES];
        struct bytes block, output;
        uint64_t n;
};

struct container_writer *container_writer_append(bool is_deflated, const uint8_t sync[CONTAINER_SYNC_BYTES])
{
        struct container_writer *writer = alloc_zero(1, sizeof *writer);

        writer->is_deflated = is_deflated;
        memcpy(writer->sync, sync, CONTAINER_SYNC_BYTES);
        return writer;
}

struct container_writer *container_writer_new(struct slice schema_json, bool is_deflated,
                                              const uint8_t sync[CONTAINER_SYNC_BYTES])
{
        struct container_writer *writer = container_writer_append(is_deflated, sync);

        bytes_append(&writer->output, magic, sizeof magic);
        binary_append_long(&writer->output, 2);
        binary_append_bytes(&writer->output, slice_from_text("avro.schema"));
        binary_append_bytes(&writer->output, schema_json);
        binary_append_bytes(&writer->output, slice_from_text("avro.codec"));
        binary_append_bytes(&writer->output, slice_from_text(is_deflated ? "deflate" : "null"));
        bytes_append_byte(&writer->output, 0);
        bytes_append(&writer->output, sync, CONTAINER_SYNC_BYTES);
        return writer;
}

struct container_writer *container_writer_free(struct container_writer *writer)
{
        if (writer == NULL)
                return NULL;
        bytes_done(&writer->block);
        bytes_done(&writer->output);
        alloc_free(writer);
        return NULL;
}

static void deflate_block(struct container_writer *writer, struct bytes *packed)
{
        z_stream stream = {.next_in = writer->block.data, .avail_in = (uInt)writer->block.len};

        if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, RAW_DEFLATE, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) !=
            Z_OK)
                abort(); /* only for want of memory */
        bytes_reserve(packed, deflateBound(&stream, stream.avail_in));
        stream.next_out = packed->data;
        stream.avail_out = (uInt)packed->capacity;
        deflate(&stream, Z_FINISH);
        packed->len = (size_t)(stream.next_out - packed->data);
        deflateEnd(&stream);
}

void container_writer_flush(struct container_writer *writer)
{
        struct bytes packed;

        if (writer->n == 0)
                return;
        bytes_init(&packed);
        if (writer->is_deflated)
                deflate_block(writer, &packed);
        binary_append_long(&writer->output, (int64_t)writer->n);
        binary_append_bytes(&writer->output, writer->is_deflated ? bytes_slice(&packed) : bytes_slice(&writer->block));
        bytes_append(&writer->output, writer->sync, CONTAINER_SYNC_BYTES);
        bytes_done(&packed);
        bytes_reset(&writer->block);
        writer->n = 0;
}

void container_writer_add(struct container_writer *writer, struct slice datum)
{
        bytes_append_slice(&writer->block, datum);
        writer->n++;
        if (writer->block.len >= CONTAINER_BLOCK_BYTES)
                container_writer_flush(writer);
}

struct bytes *container_writer_output(struct container_writer *writer)
{
        return &writer->output;
}
