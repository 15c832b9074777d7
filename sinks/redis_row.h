/* redis_row.h - one row as commands.
 *
 *   hash     HSET key field value …, PEXPIRE key ttl
 *            with a NULL: MULTI, HSET, HDEL key field …, PEXPIRE, EXEC: a reader never sees half of it
 *   stream   XADD key <epoch>-<n> field value …
 *   zset     ZADD key score member  (the sink decides which key: redis_zset.h)
 *
 * Scratch space is kept between rows; nothing points into a row once redis_row_* returned. Loop thread. */
#ifndef WEIR_SINKS_REDIS_ROW_H
#define WEIR_SINKS_REDIS_ROW_H

#include "sidecar/column/batch.h"
#include "sinks/redis_link.h"
#include "sinks/redis_table.h"

/* What a reply must be; redis.c judges. */
enum redis_expect {
        REDIS_EXPECT_NUMBER,  /* HSET, HDEL, ZADD, DEL, XTRIM: any number */
        REDIS_EXPECT_ONE,     /* PEXPIRE: 1, the key is there */
        REDIS_EXPECT_OK,      /* MULTI, RENAME, … */
        REDIS_EXPECT_QUEUED,
        REDIS_EXPECT_EXEC,    /* a list without an error, its last element 1 (PEXPIRE) */
        REDIS_EXPECT_ID,      /* XADD: the id that was given */
        REDIS_EXPECT_ENTRY,   /* XRANGE of one id: it is there */
        REDIS_EXPECT_FIRST,   /* XRANGE of the first entry: a list */
        REDIS_EXPECT_CATALOG, /* HGET of a table that is gone: whatever it is, results do not depend on it */
        REDIS_EXPECT_OWNER,   /* everything from here on belongs to redis_owner.c */
};

struct redis_row {
        struct bytes key;
        struct bytes texts;     /* values that are no strings */
        const char **argv;
        size_t *lens;
        size_t *text_at;        /* per argument: offset in texts, SIZE_MAX: argv is set */
        int n_args, max_args;
        const char **null_argv; /* of HDEL */
        size_t *null_lens;
        int n_nulls;
};

void redis_row_init(struct redis_row *row);
void redis_row_done(struct redis_row *row);

/* The row's key into row->key; false: a part is NULL (or NaN), the row can never be written. */
bool redis_row_key(struct redis_row *row, const struct redis_table *table, const struct batch *rows, uint32_t i);

/* Send what belongs to one row. tag.expect is set here. */
void redis_row_send_hash(struct redis_row *row, const struct redis_table *table, const struct batch *rows, uint32_t i,
                         struct redis_link *link, struct redis_tag tag);
/* false: every column is NULL, and a stream has no empty entries. */
bool redis_row_send_stream(struct redis_row *row, const struct redis_table *table, const struct batch *rows, uint32_t i,
                           uint64_t epoch, struct redis_link *link, struct redis_tag tag);
/* false: member or score is NULL or NaN, the row can never be written. */
bool redis_row_has_member(const struct redis_table *table, const struct batch *rows, uint32_t i);
void redis_row_send_zset(struct redis_row *row, const struct redis_table *table, const struct batch *rows, uint32_t i,
                         struct slice key, struct redis_link *link, struct redis_tag tag);
/* PEXPIRE key ttl */
void redis_row_send_expire(struct redis_link *link, struct slice key, int64_t ttl_ms, struct redis_tag tag);

#endif
