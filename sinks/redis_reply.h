/* redis_reply.h - replies of Redis, read by hiredis's reader into a bounded pool.
 *
 * hiredis parses, our object functions store: nodes come from a fixed pool and texts from one buffer, both emptied
 * at each top-level reply, so a peer that sends nonsense costs at most LIMIT_REDIS_REPLY_BYTES. Loop thread. */
#ifndef WEIR_SINKS_REDIS_REPLY_H
#define WEIR_SINKS_REDIS_REPLY_H

#include "sidecar/base/err.h"
#include "sidecar/base/slice.h"

enum redis_reply_type {
        REDIS_REPLY_TEXT = 1, /* hiredis's own numbers */
        REDIS_REPLY_LIST = 2,
        REDIS_REPLY_NUMBER = 3,
        REDIS_REPLY_NONE = 4,
        REDIS_REPLY_WORD = 5, /* +OK */
        REDIS_REPLY_FAULT = 6,
};

struct redis_reply {
        enum redis_reply_type type;
        int64_t number;
        struct slice text;        /* TEXT, WORD, FAULT; NUL-terminated behind its end */
        uint32_t n_elements;
        struct redis_reply *first; /* elements of a LIST, chained by next */
        struct redis_reply *next;
};

struct redis_reply_reader;

struct redis_reply_reader *redis_reply_reader_new(void);
struct redis_reply_reader *redis_reply_reader_free(struct redis_reply_reader *reader); /* returns NULL */
/* Bytes from the connection. -1: this is not Redis, or a reply beyond the limit. */
int redis_reply_feed(struct redis_reply_reader *reader, const void *data, size_t len, struct err *err) WEIR_MUST_CHECK;
/* The next whole reply, valid until the next call; NULL when more bytes are needed. */
int redis_reply_next(struct redis_reply_reader *reader, const struct redis_reply **ret_reply, struct err *err)
        WEIR_MUST_CHECK;

/* Is it +WORD? */
bool redis_reply_is_word(const struct redis_reply *reply, const char *word);
/* Element i of a LIST, or NULL. */
const struct redis_reply *redis_reply_at(const struct redis_reply *reply, uint32_t i);

#endif
