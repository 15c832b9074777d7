/* container.h - Avro object container files, read and written block by block.
 *
 * Reading trusts nothing: lengths are compared with limits before memory is taken, a block must end in the file's sync
 * marker, and inflating is bounded. Writing gives blocks of about CONTAINER_BLOCK_BYTES. Codecs: null and deflate, the
 * two that every Avro has. The layout stands at the top of container.c. One thread at a time. */
#ifndef WEIR_AVRO_CONTAINER_H
#define WEIR_AVRO_CONTAINER_H

#include "sidecar/base/bytes.h"
#include "sidecar/base/err.h"

enum { CONTAINER_BLOCK_BYTES = 64 << 10, CONTAINER_SYNC_BYTES = 16, CONTAINER_E_END = 1 };

struct container_reader;

/* fd stays the caller's; it is read from where it stands. path is for messages. ERR_DATA: not a container file, or a
 * codec that is not known here. */
int container_reader_open(int fd, const char *path, struct container_reader **ret_reader,
                          struct err *err) WEIR_MUST_CHECK;
struct container_reader *container_reader_close(struct container_reader *reader); /* NULL allowed; returns NULL */
/* The writer's schema as JSON; lives as long as the reader. */
struct slice container_reader_schema(const struct container_reader *reader);
/* The next block: n data one behind the other; CONTAINER_E_END; < 0: damaged, with the block's number. At least 64
 * bytes behind the block may be read. Valid until the next call. */
int container_reader_next(struct container_reader *reader, struct slice *ret_block, uint64_t *ret_n, struct err *err)
        WEIR_MUST_CHECK;

struct container_writer;

/* Makes what stands at the beginning of a file. sync: 16 bytes, random or (tests) fixed. Bytes gather in the writer;
 * the caller takes them to the file. */
struct container_writer *container_writer_new(struct slice schema_json, bool is_deflated,
                                              const uint8_t sync[CONTAINER_SYNC_BYTES]);
/* For a file that holds a header already: only blocks. */
struct container_writer *container_writer_append(bool is_deflated, const uint8_t sync[CONTAINER_SYNC_BYTES]);
struct container_writer *container_writer_free(struct container_writer *writer); /* NULL allowed; returns NULL */
void container_writer_add(struct container_writer *writer, struct slice datum);
/* Ends the open block; what is complete may be taken now. */
void container_writer_flush(struct container_writer *writer);
/* Bytes for the file; bytes_reset it when they are there. */
struct bytes *container_writer_output(struct container_writer *writer);

#endif
