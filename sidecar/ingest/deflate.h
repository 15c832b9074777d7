/* deflate.h - `compression-type = deflate`: one zlib stream (RFC 1950) per direction and connection.
 *
 * Reading inflates in bounded pieces into the caller's memory, whatever the ratio. Writing uses stored blocks: a
 * reply has some twenty bytes, compressing it gains nothing and would cost a quarter of a megabyte per connection.
 * The bytes are those of zlib at level 0 with a sync flush behind each reply. */
#ifndef WEIR_SIDECAR_INGEST_DEFLATE_H
#define WEIR_SIDECAR_INGEST_DEFLATE_H

#include "sidecar/base/bytes.h"
#include "sidecar/base/err.h"

struct deflate_reader;

struct deflate_reader *deflate_reader_new(void);
struct deflate_reader *deflate_reader_free(struct deflate_reader *reader); /* returns NULL */
enum { DEFLATE_E_END = 1 };
/* Inflates from *at (moved on, at most to end) into [data, data + room); *ret_len bytes came out. All that the input
 * gives is there when *ret_len < room. DEFLATE_E_END: the stream ends here, *at is behind it. < 0: ERR_DATA,
 * damaged, behind those bytes. */
int deflate_read(struct deflate_reader *reader, const uint8_t **at, const uint8_t *end, uint8_t *data, size_t room,
                 size_t *ret_len, struct err *err) WEIR_MUST_CHECK;

struct deflate_writer {
        bool is_begun;
        uint32_t adler;
};

void deflate_writer_init(struct deflate_writer *writer);
/* Appends data to the stream in `out`, complete up to its last byte. */
void deflate_write(struct deflate_writer *writer, struct slice data, struct bytes *out);
/* Ends the stream; once. */
void deflate_write_end(struct deflate_writer *writer, struct bytes *out);

#endif
