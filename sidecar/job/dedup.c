/* dedup.c - in-doubt batches and tokens. See dedup.h.
 *
 * In a checkpoint, little-endian:
 *   varint  open connections, then for each, in ascending order
 *     8       connection
 *     varint  batches in doubt, oldest first: 8 sequence, varint n, n fingerprints of 8
 *   varint  tokens that nobody has taken, oldest first: 8 fingerprint, 8 expiry
 *
 * Which of several tokens of one fingerprint was taken does not matter to the next row, but it does to expiry: the
 * oldest goes first. The ring is not searched for it; the fingerprint's slot counts how many of its oldest tokens are
 * taken, and they are let go when they come to the ring's head. */
#include "sidecar/job/dedup.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"

enum { SLOTS_FIRST = 1024, TOKENS_FIRST = 1024 };

struct dedup_batch {
        uint64_t sequence;
        uint32_t n, capacity;
        uint64_t *fingerprints;
};

struct dedup_connection {
        uint64_t connection;
        uint32_t n, capacity;        /* batches in doubt, oldest first */
        struct dedup_batch *batches; /* storage beyond n is kept for the next ones */
};

struct dedup_token {
        uint64_t fingerprint;
        int64_t expiry_ms;
};

struct dedup_slot {
        uint64_t fingerprint;
        uint32_t n_free;  /* tokens to take */
        uint32_t n_taken; /* of the oldest ones in the ring */
        uint32_t round;   /* of the last dedup_match that looked here */
        uint32_t n_used;  /* in that round */
};

void dedup_init(struct dedup *dedup, int64_t horizon_ms)
{
        memset(dedup, 0, sizeof *dedup);
        dedup->horizon_ms = horizon_ms;
}

static void connection_done(struct dedup_connection *connection)
{
        for (uint32_t i = 0; i < connection->capacity; i++)
                alloc_free(connection->batches[i].fingerprints);
        alloc_free(connection->batches);
}

void dedup_done(struct dedup *dedup)
{
        for (uint32_t i = 0; i < dedup->n_connections; i++)
                connection_done(&dedup->connections[i]);
        alloc_free(dedup->connections);
        alloc_free(dedup->tokens);
        alloc_free(dedup->slots);
        memset(dedup, 0, sizeof *dedup);
}

/* ---- slots ---- */

static uint32_t slot_home(const struct dedup *dedup, uint64_t fingerprint)
{
        return (uint32_t)(fingerprint * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (dedup->slots_capacity - 1);
}

static bool slot_is_empty(const struct dedup_slot *slot)
{
        return slot->n_free == 0 && slot->n_taken == 0;
}

static struct dedup_slot *slot_find(struct dedup *dedup, uint64_t fingerprint)
{
        uint32_t at;

        if (dedup->slots_capacity == 0)
                return NULL;
        for (at = slot_home(dedup, fingerprint); !slot_is_empty(&dedup->slots[at]);
             at = (at + 1) & (dedup->slots_capacity - 1))
                if (dedup->slots[at].fingerprint == fingerprint)
                        return &dedup->slots[at];
        return NULL;
}

static void slot_put(struct dedup *dedup, const struct dedup_slot *slot)
{
        uint32_t at = slot_home(dedup, slot->fingerprint);

        while (!slot_is_empty(&dedup->slots[at]))
                at = (at + 1) & (dedup->slots_capacity - 1);
        dedup->slots[at] = *slot;
}

static void slots_grow(struct dedup *dedup)
{
        struct dedup_slot *old = dedup->slots;
        uint32_t n_old = dedup->slots_capacity;

        dedup->slots_capacity = n_old == 0 ? SLOTS_FIRST : n_old * 2;
        dedup->slots = alloc_zero(dedup->slots_capacity, sizeof *dedup->slots);
        for (uint32_t i = 0; i < n_old; i++)
                if (!slot_is_empty(&old[i]))
                        slot_put(dedup, &old[i]);
        alloc_free(old);
}

/* The slot has become empty: those behind it close up. */
static void slot_remove(struct dedup *dedup, struct dedup_slot *slot)
{
        uint32_t mask = dedup->slots_capacity - 1;
        uint32_t hole = (uint32_t)(slot - dedup->slots);

        for (uint32_t at = (hole + 1) & mask; !slot_is_empty(&dedup->slots[at]); at = (at + 1) & mask)
                if (((at - slot_home(dedup, dedup->slots[at].fingerprint)) & mask) >= ((at - hole) & mask)) {
                        dedup->slots[hole] = dedup->slots[at];
                        hole = at;
                }
        memset(&dedup->slots[hole], 0, sizeof dedup->slots[hole]);
        dedup->n_slots--;
}

/* ---- tokens ---- */

static void tokens_grow(struct dedup *dedup)
{
        uint32_t capacity = dedup->tokens_capacity == 0 ? TOKENS_FIRST : dedup->tokens_capacity * 2;
        struct dedup_token *tokens = alloc_array(capacity, sizeof *tokens);

        for (uint32_t i = 0; i < dedup->n_tokens; i++)
                tokens[i] = dedup->tokens[(dedup->first_token + i) & (dedup->tokens_capacity - 1)];
        alloc_free(dedup->tokens);
        dedup->tokens = tokens;
        dedup->tokens_capacity = capacity;
        dedup->first_token = 0;
}

static void add_token(struct dedup *dedup, uint64_t fingerprint, int64_t expiry_ms)
{
        struct dedup_slot *slot;

        if (dedup->n_tokens == dedup->tokens_capacity)
                tokens_grow(dedup);
        if (dedup->n_tokens > 0) { /* a job change may have shortened the horizon: the ring stays in order */
                uint32_t last = (dedup->first_token + dedup->n_tokens - 1) & (dedup->tokens_capacity - 1);

                if (expiry_ms < dedup->tokens[last].expiry_ms)
                        expiry_ms = dedup->tokens[last].expiry_ms;
        }
        dedup->tokens[(dedup->first_token + dedup->n_tokens++) & (dedup->tokens_capacity - 1)] =
                (struct dedup_token){.fingerprint = fingerprint, .expiry_ms = expiry_ms};
        dedup->n_free++;
        slot = slot_find(dedup, fingerprint);
        if (slot != NULL) {
                slot->n_free++;
                return;
        }
        if ((dedup->n_slots + 1) * 2 > dedup->slots_capacity)
                slots_grow(dedup);
        slot_put(dedup, &(struct dedup_slot){.fingerprint = fingerprint, .n_free = 1});
        dedup->n_slots++;
}

static void drop_first_token(struct dedup *dedup)
{
        struct dedup_slot *slot = slot_find(dedup, dedup->tokens[dedup->first_token].fingerprint);

        dedup->first_token = (dedup->first_token + 1) & (dedup->tokens_capacity - 1);
        dedup->n_tokens--;
        if (slot->n_taken > 0) {
                slot->n_taken--;
        } else {
                slot->n_free--;
                dedup->n_free--;
        }
        if (slot_is_empty(slot))
                slot_remove(dedup, slot);
}

void dedup_expire(struct dedup *dedup, int64_t now_ms)
{
        while (dedup->n_tokens > 0 &&
               (dedup->n_free == 0 || dedup->tokens[dedup->first_token].expiry_ms <= now_ms))
                drop_first_token(dedup);
}

void dedup_take(struct dedup *dedup, const uint64_t *fingerprints, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++) {
                struct dedup_slot *slot = slot_find(dedup, fingerprints[i]);

                if (slot == NULL || slot->n_free == 0)
                        continue;
                slot->n_free--;
                slot->n_taken++;
                dedup->n_free--;
        }
}

uint32_t dedup_match(struct dedup *dedup, const uint64_t *fingerprints, uint32_t n, uint64_t *ret_duplicate)
{
        uint32_t n_matched = 0;

        memset(ret_duplicate, 0, (n + 63) / 64 * sizeof *ret_duplicate);
        if (dedup->n_free == 0)
                return 0;
        dedup->round++;
        for (uint32_t i = 0; i < n; i++) {
                struct dedup_slot *slot = slot_find(dedup, fingerprints[i]);

                if (slot == NULL)
                        continue;
                if (slot->round != dedup->round) {
                        slot->round = dedup->round;
                        slot->n_used = 0;
                }
                if (slot->n_used >= slot->n_free)
                        continue;
                slot->n_used++;
                ret_duplicate[i / 64] |= UINT64_C(1) << (i % 64);
                n_matched++;
        }
        return n_matched;
}

/* ---- connections ---- */

/* Position of the first connection whose number is not below this one. */
static uint32_t connection_position(const struct dedup *dedup, uint64_t connection)
{
        uint32_t low = 0, high = dedup->n_connections;

        while (low < high) {
                uint32_t middle = (low + high) / 2;

                if (dedup->connections[middle].connection < connection)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static struct dedup_connection *find_connection(struct dedup *dedup, uint64_t connection)
{
        uint32_t at = connection_position(dedup, connection);

        return at < dedup->n_connections && dedup->connections[at].connection == connection ? &dedup->connections[at]
                                                                                            : NULL;
}

static struct dedup_connection *need_connection(struct dedup *dedup, uint64_t connection)
{
        struct dedup_connection *found = find_connection(dedup, connection);
        uint32_t at = connection_position(dedup, connection);

        if (found != NULL)
                return found;
        if (dedup->n_connections == dedup->connections_capacity) {
                dedup->connections_capacity = dedup->connections_capacity == 0 ? 8 : dedup->connections_capacity * 2;
                dedup->connections =
                        alloc_resize(dedup->connections, dedup->connections_capacity, sizeof *dedup->connections);
        }
        found = &dedup->connections[at];
        memmove(found + 1, found, (dedup->n_connections++ - at) * sizeof *found);
        *found = (struct dedup_connection){.connection = connection};
        return found;
}

void dedup_open(struct dedup *dedup, uint64_t connection)
{
        need_connection(dedup, connection);
}

/* Room for a new last batch; with n at its limit the oldest batch's storage becomes the newest's. */
static struct dedup_batch *rotate(struct dedup_connection *connection, uint32_t limit)
{
        while (connection->n >= limit) {
                struct dedup_batch oldest = connection->batches[0];

                memmove(connection->batches, connection->batches + 1,
                        (connection->n - 1) * sizeof *connection->batches);
                connection->batches[--connection->n] = oldest;
        }
        if (connection->n == connection->capacity) {
                uint32_t capacity = connection->capacity == 0 ? 1 : connection->capacity * 2;

                connection->batches = alloc_resize(connection->batches, capacity, sizeof *connection->batches);
                memset(connection->batches + connection->capacity, 0,
                       (capacity - connection->capacity) * sizeof *connection->batches);
                connection->capacity = capacity;
        }
        return &connection->batches[connection->n++];
}

void dedup_add(struct dedup *dedup, uint64_t connection, uint64_t sequence, uint32_t depth,
               const uint64_t *fingerprints, uint32_t n)
{
        struct dedup_connection *found = need_connection(dedup, connection);
        struct dedup_batch *batch = found->n == 0 ? NULL : &found->batches[found->n - 1];

        if (batch == NULL || batch->sequence != sequence) {
                batch = rotate(found, depth < 1 ? 1 : depth > LIMIT_CALLS_IN_FLIGHT ? LIMIT_CALLS_IN_FLIGHT : depth);
                batch->sequence = sequence;
                batch->n = 0;
        }
        if (batch->capacity - batch->n < n) {
                batch->capacity = (batch->n + n) * 2;
                batch->fingerprints = alloc_resize(batch->fingerprints, batch->capacity, sizeof *batch->fingerprints);
        }
        if (n > 0)
                memcpy(batch->fingerprints + batch->n, fingerprints, n * sizeof *fingerprints);
        batch->n += n;
}

static void make_tokens(struct dedup *dedup, const struct dedup_connection *connection, int64_t now_ms)
{
        for (uint32_t b = 0; b < connection->n; b++)
                for (uint32_t i = 0; i < connection->batches[b].n; i++)
                        add_token(dedup, connection->batches[b].fingerprints[i], now_ms + dedup->horizon_ms);
}

void dedup_close(struct dedup *dedup, uint64_t connection, int64_t now_ms)
{
        struct dedup_connection *found = find_connection(dedup, connection);
        uint32_t behind;

        if (found == NULL)
                return;
        make_tokens(dedup, found, now_ms);
        connection_done(found);
        behind = dedup->n_connections - (uint32_t)(found - dedup->connections) - 1;
        memmove(found, found + 1, behind * sizeof *found);
        dedup->n_connections--;
}

void dedup_close_all(struct dedup *dedup, int64_t now_ms)
{
        for (uint32_t i = 0; i < dedup->n_connections; i++) {
                make_tokens(dedup, &dedup->connections[i], now_ms);
                connection_done(&dedup->connections[i]);
        }
        dedup->n_connections = 0;
}

/* ---- checkpoint ---- */

static void save_tokens(struct dedup *dedup, struct bytes *bytes)
{
        dedup->round++;
        bytes_append_varint(bytes, dedup->n_free);
        for (uint32_t i = 0; i < dedup->n_tokens; i++) {
                const struct dedup_token *token =
                        &dedup->tokens[(dedup->first_token + i) & (dedup->tokens_capacity - 1)];
                struct dedup_slot *slot = slot_find(dedup, token->fingerprint);

                if (slot->round != dedup->round) {
                        slot->round = dedup->round;
                        slot->n_used = 0;
                }
                if (slot->n_used++ < slot->n_taken)
                        continue;
                bytes_append_u64(bytes, token->fingerprint);
                bytes_append_u64(bytes, (uint64_t)token->expiry_ms);
        }
}

void dedup_save(struct dedup *dedup, struct bytes *bytes)
{
        bytes_append_varint(bytes, dedup->n_connections);
        for (uint32_t c = 0; c < dedup->n_connections; c++) {
                const struct dedup_connection *connection = &dedup->connections[c];

                bytes_append_u64(bytes, connection->connection);
                bytes_append_varint(bytes, connection->n);
                for (uint32_t b = 0; b < connection->n; b++) {
                        bytes_append_u64(bytes, connection->batches[b].sequence);
                        bytes_append_varint(bytes, connection->batches[b].n);
                        for (uint32_t i = 0; i < connection->batches[b].n; i++)
                                bytes_append_u64(bytes, connection->batches[b].fingerprints[i]);
                }
        }
        save_tokens(dedup, bytes);
}

static int damaged(struct err *err, const char *what)
{
        return err_set(err, ERR_DATA, "the %s of re-sent rows are damaged", what);
}

static int load_connection(struct dedup *dedup, struct bytes_reader *reader, struct err *err)
{
        uint64_t id = bytes_read_u64(reader), n_batches = bytes_read_varint(reader);

        if (reader->failed || n_batches > LIMIT_CALLS_IN_FLIGHT || find_connection(dedup, id) != NULL)
                return damaged(err, "connections");
        dedup_open(dedup, id);
        for (uint64_t b = 0; b < n_batches; b++) {
                uint64_t sequence = bytes_read_u64(reader), n = bytes_read_varint(reader);

                if (reader->failed || n > (uint64_t)(reader->end - reader->at) / 8)
                        return damaged(err, "batches");
                dedup_add(dedup, id, sequence, LIMIT_CALLS_IN_FLIGHT, NULL, 0);
                for (uint64_t i = 0; i < n; i++) {
                        uint64_t fingerprint = bytes_read_u64(reader);

                        dedup_add(dedup, id, sequence, LIMIT_CALLS_IN_FLIGHT, &fingerprint, 1);
                }
                if (find_connection(dedup, id)->n != b + 1)
                        return damaged(err, "batches");
        }
        return 0;
}

int dedup_load(struct dedup *dedup, struct bytes_reader *reader, struct err *err)
{
        uint64_t n = bytes_read_varint(reader);
        int64_t last_ms = INT64_MIN;

        for (uint64_t i = 0; i < n; i++)
                if (load_connection(dedup, reader, err) < 0)
                        return -1;
        n = bytes_read_varint(reader);
        if (reader->failed || n > (uint64_t)(reader->end - reader->at) / 16)
                return damaged(err, "tokens");
        for (uint64_t i = 0; i < n; i++) {
                uint64_t fingerprint = bytes_read_u64(reader);
                int64_t expiry_ms = (int64_t)bytes_read_u64(reader);

                if (expiry_ms < last_ms)
                        return damaged(err, "tokens");
                add_token(dedup, fingerprint, expiry_ms);
                last_ms = expiry_ms;
        }
        return 0;
}
