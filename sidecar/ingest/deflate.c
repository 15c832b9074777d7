/* deflate.c - zlib streams of a connection: inflate in pieces, write stored blocks.
 *
 * What is written:
 *
 *     stream := 78 01  { block sync }  end
 *     block  := 00  len:u16le  ~len:u16le  byte{len}      stored, not the last; len <= 65535
 *     sync   := 00  00 00 ff ff                           an empty stored block: the mark of a sync flush
 *     end    := 01  00 00 ff ff  adler32:u32be            an empty stored block that is the last */
#include "sidecar/ingest/deflate.h"

#include "sidecar/base/alloc.h"

#include <assert.h>
#include <zlib.h>

struct deflate_reader {
        z_stream stream;
};

struct deflate_reader *deflate_reader_new(void)
{
        struct deflate_reader *reader = alloc_zero(1, sizeof(*reader));
        int result = inflateInit(&reader->stream);

        /* as alloc.h: without memory for the fixed state of a connection, the process ends and the log makes that
         * safe */
        assert(result == Z_OK);
        /* The checksum stands at the stream's end, when every batch was answered long ago: it protects nothing, costs
         * a tenth of inflating, and Flume 1.4 gets it wrong after some hundred frames. */
        result = inflateValidate(&reader->stream, 0);
        assert(result == Z_OK);
        return reader;
}

struct deflate_reader *deflate_reader_free(struct deflate_reader *reader)
{
        if (reader != NULL) {
                inflateEnd(&reader->stream);
                alloc_free(reader);
        }
        return NULL;
}

int deflate_read(struct deflate_reader *reader, const uint8_t **at, const uint8_t *end, uint8_t *data, size_t room,
                 size_t *ret_len, struct err *err)
{
        size_t len = (size_t)(end - *at);
        z_stream *stream = &reader->stream;
        int result;

        stream->next_in = (z_const Bytef *)(uintptr_t)*at;
        stream->avail_in = len > UINT32_MAX ? UINT32_MAX : (uInt)len;
        stream->next_out = data;
        stream->avail_out = room > UINT32_MAX ? UINT32_MAX : (uInt)room;
        result = inflate(stream, Z_SYNC_FLUSH);
        *at = stream->next_in;
        *ret_len = (size_t)(stream->next_out - data);
        switch (result) {
        case Z_OK:
        case Z_BUF_ERROR: /* no progress was possible: more input is needed */
                return 0;
        case Z_STREAM_END:
                return DEFLATE_E_END;
        case Z_NEED_DICT:
                return err_set(err, ERR_DATA, "deflate stream wants a dictionary");
        case Z_MEM_ERROR:
                return err_set(err, ERR_UNAVAILABLE, "no memory to inflate");
        default:
                return err_set(err, ERR_DATA, "deflate stream is damaged: %s",
                               stream->msg != NULL ? stream->msg : "no reason given");
        }
}

void deflate_writer_init(struct deflate_writer *writer)
{
        *writer = (struct deflate_writer){.is_begun = false, .adler = 1};
}

static void append_stored(struct bytes *out, bool is_last, struct slice data)
{
        uint8_t head[5];

        head[0] = is_last;
        bytes_put_u16(head + 1, (uint16_t)data.len);
        bytes_put_u16(head + 3, (uint16_t)~data.len);
        bytes_append(out, head, sizeof(head));
        bytes_append_slice(out, data);
}

static void begin(struct deflate_writer *writer, struct bytes *out)
{
        if (!writer->is_begun)
                bytes_append(out, "\x78\x01", 2);
        writer->is_begun = true;
}

void deflate_write(struct deflate_writer *writer, struct slice data, struct bytes *out)
{
        begin(writer, out);
        writer->adler = (uint32_t)adler32_z(writer->adler, data.data, data.len);
        while (data.len > 0) {
                size_t len = data.len < UINT16_MAX ? data.len : UINT16_MAX;

                append_stored(out, false, slice_make(data.data, len));
                data = slice_make(data.data + len, data.len - len);
        }
        append_stored(out, false, slice_make(NULL, 0));
}

void deflate_write_end(struct deflate_writer *writer, struct bytes *out)
{
        begin(writer, out);
        append_stored(out, true, slice_make(NULL, 0));
        bytes_put_be32(bytes_reserve(out, 4), writer->adler);
        out->len += 4;
}
