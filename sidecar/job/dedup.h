/* dedup.h - rows of one source that an agent may send again.
 *
 * Flume's sink sends a batch, waits for the OK, then sends the next: when a connection ends, only its last batches (as
 * many as were seen in flight) can be in doubt. Their fingerprints are kept while the connection is open and become
 * tokens when it ends; a row that arrives with the fingerprint of a token takes it and is a duplicate. Tokens expire a
 * horizon after the connection's end. Verdicts are logged (record_batch.taken), so replay takes the same tokens.
 *
 * A multiset: two equal rows in doubt are two tokens; each is taken once, the oldest first. Pure state, part of the
 * checkpoint. Loop thread only. */
#ifndef WEIR_SIDECAR_JOB_DEDUP_H
#define WEIR_SIDECAR_JOB_DEDUP_H

#include "sidecar/base/bytes.h"
#include "sidecar/base/err.h"

struct dedup_connection;
struct dedup_slot;
struct dedup_token;

struct dedup {
        int64_t horizon_ms;
        uint32_t n_connections, connections_capacity;
        struct dedup_connection *connections; /* open ones, ascending */
        /* Tokens in order of their making, which is that of their expiry: a ring. */
        struct dedup_token *tokens;
        /* capacity: a power of two; taken ones count until they pass */
        uint32_t first_token, n_tokens, tokens_capacity;
        uint32_t n_free;                                 /* tokens that nobody has taken */
        /* How many of each fingerprint: open addressing. */
        struct dedup_slot *slots;
        uint32_t slots_capacity, n_slots;
        uint32_t round; /* of dedup_match */
};

void dedup_init(struct dedup *dedup, int64_t horizon_ms);
void dedup_done(struct dedup *dedup);

void dedup_open(struct dedup *dedup, uint64_t connection);
/* The batch `sequence` of a connection, or one more record of it; at most the last `depth` batches are kept. */
void dedup_add(struct dedup *dedup, uint64_t connection, uint64_t sequence, uint32_t depth,
               const uint64_t *fingerprints, uint32_t n);
/* What the connection had in doubt becomes tokens. */
void dedup_close(struct dedup *dedup, uint64_t connection, int64_t now_ms);
void dedup_close_all(struct dedup *dedup, int64_t now_ms);
/* Tokens used up by duplicates. One that is not there (any more) is no error. */
void dedup_take(struct dedup *dedup, const uint64_t *fingerprints, uint32_t n);
void dedup_expire(struct dedup *dedup, int64_t now_ms);

static inline bool dedup_has_tokens(const struct dedup *dedup)
{
        return dedup->n_free > 0;
}
/* Sets bit i for each fingerprint that takes a token, in order; the tokens stay. Returns how many did. */
uint32_t dedup_match(struct dedup *dedup, const uint64_t *fingerprints, uint32_t n, uint64_t *ret_duplicate);

/* Checkpoint; the layout stands at the top of dedup.c. Load into a fresh one; ERR_DATA. */
void dedup_save(struct dedup *dedup, struct bytes *bytes);
int dedup_load(struct dedup *dedup, struct bytes_reader *reader, struct err *err) WEIR_MUST_CHECK;

#endif
