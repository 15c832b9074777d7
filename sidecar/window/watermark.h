/* watermark.h - the watermark of one source table: one per origin, the least of those that are not idle.
 *
 * Design section 4. An origin is a name (an address, a connection, a header's value, or "" for the whole table). Its
 * watermark is the highest candidate of its rows that was above 0, as in Flink. The table's watermark is the minimum
 * over the origins that are not idle; it never goes back; when all are idle it stands still, or, with
 * 'watermark.idle-advance', moves on at the pace of the logged clock. An origin is idle when a tick comes
 * 'watermark.idle-timeout' or more after its last row; the first tick after a restart counts as a row of each.
 *
 * The minimum is kept in a tree, so that a row of one of thousands of origins costs a few comparisons. Loop thread
 * only; pure state, part of the checkpoint. */
#ifndef WEIR_SIDECAR_WINDOW_WATERMARK_H
#define WEIR_SIDECAR_WINDOW_WATERMARK_H

#include "sidecar/base/bytes.h"
#include "sidecar/base/err.h"
#include "sidecar/base/hash.h"

#define WATERMARK_NONE INT64_MIN /* none yet */
#define WATERMARK_END INT64_MAX  /* the source is at its end */

struct watermark_origin {
        char *name;
        uint32_t name_len;
        bool is_idle;
        int64_t watermark_ms;  /* highest candidate; WATERMARK_NONE */
        int64_t active_ms;     /* logged time of its last row */
};

struct watermark {
        int64_t idle_timeout_ms; /* 0: never idle */
        bool is_advancing;       /* 'watermark.idle-advance' */
        int64_t table_ms;
        bool is_ended;
        uint32_t n_origins, capacity; /* capacity is a power of two */
        struct watermark_origin *origins; /* in order of first appearance */
        int64_t *tree;           /* 2 * capacity: leaf capacity + i is origin i, INT64_MAX while it is idle */
        uint32_t n_idle;
        int64_t stand_ms;        /* table_ms when the last origin fell idle */
        int64_t stand_since_ms;  /* logged time of the last row then */
        uint32_t last;           /* origin found last */
        struct hash_key hash_key;
        uint32_t *index;         /* 4 * capacity slots: origin + 1, by the hash of its name; 0: empty */
};

void watermark_init(struct watermark *mark, int64_t idle_timeout_ms, bool is_advancing);
void watermark_done(struct watermark *mark);

/* A batch of this origin came in at arrival_ms: it is known now, and not idle. Beyond LIMIT_ORIGINS the origin that has
 * been silent longest is forgotten. Returns its number, valid until the next call. */
uint32_t watermark_touch(struct watermark *mark, struct slice name, int64_t arrival_ms);
/* The table's watermark is at most this, whatever this origin's rows say. */
int64_t watermark_others(const struct watermark *mark, uint32_t origin);
/* A row of the origin says candidate_ms (WATERMARK_NONE: nothing). Returns the table's watermark. */
int64_t watermark_raise(struct watermark *mark, uint32_t origin, int64_t candidate_ms);
/* The clock. is_ready: all origins are waited for from now. Returns the table's watermark. */
int64_t watermark_tick(struct watermark *mark, int64_t now_ms, bool is_ready);
int64_t watermark_end(struct watermark *mark);

/* Checkpoint; the layout stands at the top of watermark.c. Load into a fresh watermark; ERR_DATA. */
void watermark_save(const struct watermark *mark, struct bytes *bytes);
int watermark_load(struct watermark *mark, struct bytes_reader *reader, struct err *err) WEIR_MUST_CHECK;

#endif
