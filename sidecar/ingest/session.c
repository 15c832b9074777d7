/* session.c - one Flume connection: transport, deframing, and what is kept between two reads.
 *
 *     bytes -> (inflate) -> frame_next -> spans -> request_walk -> handler
 *
 * A span ends where the client's buffer ends or where the read ended, so nearly always inside an event. What could
 * not be used, `pending`, is joined with the next span in one of two ways. Small rests (the rule) are copied in front
 * of it, over bytes that were used already: the walk then goes on in place, and no event is walked twice. Large ones
 * (a body of megabytes) grow in `pending` until the walker's need is met, each byte copied once. */
#include "sidecar/ingest/session.h"

#include "avro/frame.h"
#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"
#include "sidecar/ingest/diagnose.h"
#include "sidecar/ingest/reply.h"
#include "sidecar/ingest/request.h"

#include <assert.h>
#include <stdio.h>

enum {
        SCRATCH_BYTES = 64 << 10, /* inflated at a time */
        IDLE_BYTES = 16 << 10,    /* a buffer that may stay with an idle connection */
};

/* Input that waits while the session is blocked. What was taken of it since stays in front, as room. */
struct kept {
        struct bytes bytes;
        size_t at;
};

enum transport { TRANSPORT_UNKNOWN, TRANSPORT_PLAIN, TRANSPORT_DEFLATE, TRANSPORT_ENDED };

struct session {
        struct session_config config;
        enum transport transport;
        bool is_paused;
        bool is_full; /* too many calls or too much output wait; holds until half of that is gone */
        bool is_lost;
        uint32_t n_first, n_first_inflated;
        uint8_t first[DIAGNOSE_BYTES];          /* what the connection began with */
        uint8_t first_inflated[DIAGNOSE_BYTES];
        struct deflate_reader *inflate;
        struct frame frame;
        uint64_t n_frames;    /* whole ones so far */
        uint32_t last_serial; /* of the frame before this one */
        struct request request;
        struct reply_queue replies;
        struct bytes pending; /* payload of the present frame that is not whole values yet */
        size_t need;          /* bytes that the walk needs, counted from the start of pending */
        struct kept kept;          /* as it came */
        struct kept kept_inflated; /* comes before `kept` */
        bool is_inflating;         /* the inflater holds output that belongs between the two */
};

void session_pool_init(struct session_pool *pool, size_t limit_bytes)
{
        *pool = (struct session_pool){.limit_bytes = limit_bytes};
}

void session_pool_done(struct session_pool *pool)
{
        alloc_free(pool->scratch);
        pool->scratch = NULL;
}

struct session *session_new(const struct session_config *config)
{
        struct session *session = alloc_zero(1, sizeof(*session));

        session->config = *config;
        frame_init(&session->frame, frame_limits_default());
        request_init(&session->request, &session->config);
        reply_queue_init(&session->replies, config->counts);
        bytes_init(&session->pending);
        bytes_init(&session->kept.bytes);
        bytes_init(&session->kept_inflated.bytes);
        return session;
}

/* Buffers count against the pool by what they hold. Storage beyond what an idle connection may keep is given back. */
static void buffer_empty(struct session *session, struct bytes *buffer)
{
        session->config.pool->held_bytes -= buffer->len;
        bytes_reset(buffer);
        if (buffer->capacity > IDLE_BYTES) {
                bytes_done(buffer);
                bytes_init(buffer);
        }
}

static void buffer_append(struct session *session, struct bytes *buffer, const uint8_t *at, size_t len)
{
        bytes_append(buffer, at, len);
        session->config.pool->held_bytes += len;
}

struct session *session_free(struct session *session)
{
        if (session == NULL)
                return NULL;
        request_done(&session->request);
        reply_queue_done(&session->replies);
        buffer_empty(session, &session->pending);
        buffer_empty(session, &session->kept.bytes);
        buffer_empty(session, &session->kept_inflated.bytes);
        bytes_done(&session->pending);
        bytes_done(&session->kept.bytes);
        bytes_done(&session->kept_inflated.bytes);
        deflate_reader_free(session->inflate);
        alloc_free(session);
        return NULL;
}

/* Keeps payload that is not a whole value yet; refuses the call when the pool is spent. */
static void keep_pending(struct session *session, const uint8_t *at, size_t len)
{
        const struct session_pool *pool = session->config.pool;

        if (session->pending.len + len > IDLE_BYTES && pool->held_bytes + len > pool->limit_bytes) {
                buffer_empty(session, &session->pending);
                request_refuse(&session->request, "memory for events on their way in is used up (%zu bytes): "
                               "send smaller batches, or over fewer connections", pool->limit_bytes);
                return;
        }
        buffer_append(session, &session->pending, at, len);
}

static bool is_walking(const struct session *session)
{
        return session->request.stage != REQUEST_DONE && session->request.stage != REQUEST_REFUSED;
}

/* The walk over payload that lies in place; what is left goes to pending, which is empty. */
static int walk_in_place(struct session *session, const uint8_t *at, const uint8_t *end, struct err *err)
{
        if (request_walk(&session->request, &at, end, &session->need, err) < 0)
                return -1;
        if (at < end)
                keep_pending(session, at, (size_t)(end - at));
        return 0;
}

/* Adds payload to pending and walks there until the walk has left what was pending before; then goes on in place. */
static int walk_gathered(struct session *session, uint8_t *at, uint8_t *end, struct err *err)
{
        struct bytes *pending = &session->pending;

        while (at < end && is_walking(session)) {
                size_t old = pending->len;
                size_t have = (size_t)(end - at);
                size_t want = session->need > 2 * old ? session->need - old : old + 1;
                size_t n = want < have ? want : have;
                const uint8_t *next;

                keep_pending(session, at, n);
                if (!is_walking(session))
                        break;
                at += n;
                if (pending->len < session->need)
                        return 0;
                bytes_reserve(pending, SESSION_SLACK_BYTES);
                next = pending->data;
                if (request_walk(&session->request, &next, pending->data + pending->len, &session->need, err) < 0)
                        return -1;
                n = (size_t)(next - pending->data);
                if (n == 0 && session->need < 2 * pending->len)
                        session->need = 2 * pending->len;
                if (n >= old) {
                        /* all that is left lies in the span itself */
                        at -= pending->len - n;
                        buffer_empty(session, pending);
                        return walk_in_place(session, at, end, err);
                }
                session->config.pool->held_bytes -= n;
                bytes_drop_front(pending, n);
        }
        if (!is_walking(session)) {
                buffer_empty(session, pending);
                return walk_in_place(session, at, end, err);
        }
        return 0;
}

/* One span of payload. SESSION_ROOM_BYTES before it may be overwritten. */
static int take_span(struct session *session, uint8_t *at, size_t len, struct err *err)
{
        size_t old = session->pending.len;
        uint8_t *end = at + len;

        if (old == 0)
                return walk_in_place(session, at, end, err);
        if (old > SESSION_ROOM_BYTES || old + len < session->need)
                return walk_gathered(session, at, end, err);
        at -= old;
        memcpy(at, session->pending.data, old);
        buffer_empty(session, &session->pending);
        return walk_in_place(session, at, end, err);
}

/* The frame ends: what was gathered for a walk that had more to hope for is walked as it is. */
static int walk_rest(struct session *session, struct err *err)
{
        struct bytes *pending = &session->pending;
        const uint8_t *next;

        if (pending->len == 0 || !is_walking(session))
                return 0;
        bytes_reserve(pending, SESSION_SLACK_BYTES);
        next = pending->data;
        if (request_walk(&session->request, &next, pending->data + pending->len, &session->need, err) < 0)
                return -1;
        session->config.pool->held_bytes -= (size_t)(next - pending->data);
        bytes_drop_front(pending, (size_t)(next - pending->data));
        return 0;
}

static void end_batch(struct session *session, uint64_t token)
{
        struct request *request = &session->request;
        const struct session_config *config = &session->config;
        bool is_append = request->message == CALL_APPEND;
        struct err err;

        request->is_batch_open = false;
        if (config->handler->batch_end(config->context, token, request->n_events, is_append, &err) < 0)
                reply_queue_answer(&session->replies, token, REPLY_ERROR, err.text);
}

/* Stops and restarts at different marks, so that kept input is not moved about for each answer. */
static void update_full(struct session *session)
{
        uint32_t n_calls = session->replies.n_calls;
        size_t n_bytes = session->replies.output.len;

        if (n_calls >= LIMIT_CALLS_IN_FLIGHT || n_bytes >= LIMIT_CONNECTION_OUTPUT_BYTES)
                session->is_full = true;
        else if (n_calls <= LIMIT_CALLS_IN_FLIGHT / 2 && n_bytes <= LIMIT_CONNECTION_OUTPUT_BYTES / 2)
                session->is_full = false;
}

/* The frame is whole: it gets its place among the replies, and its answer if that is known. */
static int end_frame(struct session *session, struct err *err)
{
        struct request *request = &session->request;
        uint64_t token;

        if (walk_rest(session, err) < 0 || request_end(request, session->pending.len, err) < 0)
                return -1;
        buffer_empty(session, &session->pending);
        session->n_frames++;
        session->last_serial = session->frame.serial;
        token = reply_queue_push(&session->replies, session->frame.serial, request->has_match ? &request->match : NULL);
        assert(token == request->token);
        if (request->stage == REQUEST_DONE && request->message != CALL_PING)
                end_batch(session, token);
        else if (request->stage == REQUEST_DONE || request->refusal.text[0] == '\0')
                reply_queue_answer(&session->replies, token, REPLY_PING, NULL);
        else
                reply_queue_answer(&session->replies, token, REPLY_ERROR, request->refusal.text);
        update_full(session);
        return 0;
}

/* A client that announces one buffer too few leaves four zero bytes before its next frame: serial 0, and the count is
 * the real serial. */
static bool is_shifted(const struct session *session)
{
        return session->n_frames > 0 && session->frame.serial == 0 && session->last_serial != 0 &&
               session->frame.count == session->last_serial + 1;
}

/* Says what the connection seems to be. problem must not lie in err. */
static int bad_frame(const struct session *session, const char *problem, struct err *err)
{
        bool is_inflated = session->transport == TRANSPORT_DEFLATE;
        char name[DIAGNOSE_TEXT_BYTES];

        if (session->n_frames > 0)
                return err_set(err, ERR_DATA, "desynchronised behind %llu good frames (%s): the client miscounts its "
                               "buffers, or bytes were lost; it is closed and will connect again",
                               (unsigned long long)session->n_frames, problem);
        diagnose_name(is_inflated ? slice_make(session->first_inflated, session->n_first_inflated)
                                  : slice_make(session->first, session->n_first), is_inflated, name);
        return err_set(err, ERR_DATA, "not a Flume avro sink (%s); it looks like %s", problem, name);
}

/* Works on plain bytes up to a frame's end at which the session is blocked. */
static int take_plain(struct session *session, uint8_t *data, size_t len, size_t *ret_taken, struct err *err)
{
        const uint8_t *at = data, *end = data + len;
        struct frame *frame = &session->frame;
        struct slice span;
        struct err inner;

        for (;;) {
                switch (frame_next(frame, &at, end, &span)) {
                case FRAME_MORE:
                        *ret_taken = len;
                        return 0;
                case FRAME_BEGIN:
                        if (is_shifted(session))
                                return bad_frame(session, "serial 0 with the next serial in place of the count", err);
                        request_begin(&session->request, reply_queue_next_token(&session->replies));
                        break;
                case FRAME_SPAN:
                        if (take_span(session, data + (span.data - data), span.len, &inner) < 0)
                                return bad_frame(session, inner.text, err);
                        break;
                case FRAME_OVERSIZE:
                        request_set_oversize(&session->request);
                        break;
                case FRAME_END:
                        if (end_frame(session, &inner) < 0)
                                return bad_frame(session, inner.text, err);
                        if (session_is_blocked(session)) {
                                *ret_taken = (size_t)(at - data);
                                return 0;
                        }
                        break;
                case FRAME_BAD:
                        return bad_frame(session, frame_problem_text(frame->problem), err);
                }
        }
}

/* Keeps input for later, with room in front. */
static void keep_input(struct session *session, struct kept *kept, const uint8_t *at, size_t len)
{
        static const uint8_t room[SESSION_ROOM_BYTES];

        if (len == 0)
                return;
        if (kept->bytes.len == 0) {
                buffer_append(session, &kept->bytes, room, sizeof(room));
                kept->at = sizeof(room);
        }
        buffer_append(session, &kept->bytes, at, len);
}

static bool has_bytes(const struct kept *kept)
{
        return kept->bytes.len > 0;
}

static void note_first(uint8_t *first, uint32_t *n_first, const uint8_t *at, size_t len)
{
        size_t n = DIAGNOSE_BYTES - *n_first < len ? DIAGNOSE_BYTES - *n_first : len;

        memcpy(first + *n_first, at, n);
        *n_first += (uint32_t)n;
}

/* A blocked session begins no frame; one that began goes on to its end. */
static bool is_stopped(const struct session *session)
{
        return session_is_blocked(session) && !session->frame.is_inside;
}

static int take_inflated(struct session *session, uint8_t *data, size_t len, struct err *err)
{
        size_t taken = 0;

        if (session->n_first_inflated < DIAGNOSE_BYTES && len > 0) {
                note_first(session->first_inflated, &session->n_first_inflated, data, len);
                if (session->n_frames == 0 &&
                    diagnose_transport(slice_make(session->first_inflated, session->n_first_inflated)) == DIAGNOSE_TLS)
                        return bad_frame(session, "TLS record", err);
        }
        if (take_plain(session, data, len, &taken, err) < 0)
                return -1;
        keep_input(session, &session->kept_inflated, data + taken, len - taken);
        return 0;
}

static int take_deflated(struct session *session, const uint8_t *data, size_t len, size_t *ret_taken, struct err *err)
{
        struct session_pool *pool = session->config.pool;
        const uint8_t *at = data, *end = data + len;
        uint8_t *scratch;
        struct err damage;
        size_t n;
        int result;

        if (pool->scratch == NULL)
                pool->scratch = alloc_zero(1, SESSION_ROOM_BYTES + SCRATCH_BYTES + SESSION_SLACK_BYTES);
        scratch = pool->scratch + SESSION_ROOM_BYTES;
        do {
                result = deflate_read(session->inflate, &at, end, scratch, SCRATCH_BYTES, &n, &damage);
                /* what stood before the damage counts, wherever the network cut the stream */
                if (take_inflated(session, scratch, n, err) < 0)
                        return -1;
                if (result < 0)
                        return err_set(err, damage.code, "%s", damage.text);
                session->is_inflating = result == 0 && n == SCRATCH_BYTES;
        } while (session->is_inflating && !is_stopped(session));
        if (result == DEFLATE_E_END) {
                session->transport = TRANSPORT_ENDED;
                session->inflate = deflate_reader_free(session->inflate);
                if (at < end)
                        return err_set(err, ERR_DATA, "bytes behind the end of the deflate stream");
        }
        *ret_taken = (size_t)(at - data);
        return 0;
}

/* Input of a connection whose transport is known, up to where the session is blocked. */
static int take_known(struct session *session, uint8_t *data, size_t len, size_t *ret_taken, struct err *err)
{
        switch (session->transport) {
        case TRANSPORT_PLAIN:
                return take_plain(session, data, len, ret_taken, err);
        case TRANSPORT_DEFLATE:
                return take_deflated(session, data, len, ret_taken, err);
        case TRANSPORT_ENDED:
                if (len > 0)
                        return err_set(err, ERR_DATA, "bytes behind the end of the deflate stream");
                *ret_taken = 0;
                return 0;
        case TRANSPORT_UNKNOWN:
                break;
        }
        assert(false && "input before the transport is known");
        return -1;
}

static int take_input(struct session *session, uint8_t *data, size_t len, struct err *err)
{
        size_t taken = 0;

        if (!is_stopped(session) && !session_has_kept_input(session) &&
            take_known(session, data, len, &taken, err) < 0)
                return -1;
        keep_input(session, &session->kept, data + taken, len - taken);
        return 0;
}

/* The first bytes decide. Those that came before the deciding ones were kept in `first`. */
static int take_first(struct session *session, uint8_t *data, size_t len, struct err *err)
{
        uint8_t early[SESSION_ROOM_BYTES + DIAGNOSE_BYTES + SESSION_SLACK_BYTES];
        uint32_t n_early = session->n_first;

        note_first(session->first, &session->n_first, data, len);
        switch (diagnose_transport(slice_make(session->first, session->n_first))) {
        case DIAGNOSE_WAIT:
                return 0;
        case DIAGNOSE_TLS:
                return bad_frame(session, "TLS record", err);
        case DIAGNOSE_PLAIN:
                session->transport = TRANSPORT_PLAIN;
                break;
        case DIAGNOSE_DEFLATE:
                session->transport = TRANSPORT_DEFLATE;
                session->inflate = deflate_reader_new();
                session->replies.is_deflate = true;
                break;
        }
        memset(early, 0, sizeof(early));
        memcpy(early + SESSION_ROOM_BYTES, session->first, n_early);
        if (take_input(session, early + SESSION_ROOM_BYTES, n_early, err) < 0)
                return -1;
        return take_input(session, data, len, err);
}

/* After an error no byte more is taken, and a half batch is void. */
static int settle(struct session *session, int result)
{
        if (result < 0) {
                session->is_lost = true;
                session->config.counts->refused_connections++;
                request_done(&session->request);
                request_init(&session->request, &session->config);
        }
        return result;
}

int session_feed(struct session *session, uint8_t *data, size_t len, struct err *err)
{
        struct err own;

        assert(!session->is_lost);
        if (err == NULL)
                err = &own;
        session->config.counts->bytes_in += len;
        if (session->transport == TRANSPORT_UNKNOWN)
                return settle(session, take_first(session, data, len, err));
        if (session->n_first < DIAGNOSE_BYTES)
                note_first(session->first, &session->n_first, data, len);
        return settle(session, take_input(session, data, len, err));
}

/* Goes on with kept input; what is left stays where it is. */
static int take_kept(struct session *session, struct kept *kept, bool is_inflated, struct err *err)
{
        size_t len = kept->bytes.len - kept->at, taken = 0;
        uint8_t *data;
        int result;

        bytes_reserve(&kept->bytes, SESSION_SLACK_BYTES);
        data = kept->bytes.data + kept->at;
        if (is_inflated)
                result = take_plain(session, data, len, &taken, err);
        else
                result = take_known(session, data, len, &taken, err);
        kept->at += taken;
        if (kept->at == kept->bytes.len)
                buffer_empty(session, &kept->bytes);
        return result;
}

/* What the inflater still holds; it needs no input for that. */
static int take_held_back(struct session *session, struct err *err)
{
        size_t taken;
        uint8_t none;

        return take_known(session, &none, 0, &taken, err);
}

int session_continue(struct session *session, struct err *err)
{
        struct err own;

        assert(!session->is_lost);
        if (err == NULL)
                err = &own;
        while (session_has_kept_input(session) && !session_is_blocked(session)) {
                int result;

                if (has_bytes(&session->kept_inflated))
                        result = take_kept(session, &session->kept_inflated, true, err);
                else if (session->is_inflating)
                        result = take_held_back(session, err);
                else
                        result = take_kept(session, &session->kept, false, err);
                if (result < 0)
                        return settle(session, -1);
        }
        return 0;
}

int session_end_of_input(struct session *session, struct err *err)
{
        bool is_undecided = session->transport == TRANSPORT_UNKNOWN && session->n_first > 0;
        char name[DIAGNOSE_TEXT_BYTES];

        request_done(&session->request);
        request_init(&session->request, &session->config);
        buffer_empty(session, &session->kept.bytes);
        buffer_empty(session, &session->kept_inflated.bytes);
        session->is_inflating = false;
        /* a deflate client that closes without a word leaves the empty stream, eight bytes */
        if (is_undecided && session->n_first == 8 && memcmp(session->first + 2, "\x03\x00\x00\x00\x00\x01", 6) == 0)
                return 0;
        if (!is_undecided && frame_is_between(&session->frame))
                return 0;
        if (session->n_frames > 0) {
                err_set(err, ERR_DATA, "the client closed inside a frame, behind %llu good ones",
                        (unsigned long long)session->n_frames);
        } else {
                diagnose_name(slice_make(session->first, session->n_first), false, name);
                err_set(err, ERR_DATA, "closed before its first frame was whole; it began with %s", name);
        }
        return SESSION_E_MID_FRAME;
}

bool session_is_blocked(const struct session *session)
{
        return session->is_paused || session->is_full;
}

bool session_may_read(const struct session *session)
{
        return !session->is_lost && !is_stopped(session) && !session_has_kept_input(session);
}

bool session_has_kept_input(const struct session *session)
{
        return has_bytes(&session->kept) || has_bytes(&session->kept_inflated) || session->is_inflating;
}

void session_pause(struct session *session)
{
        session->is_paused = true;
}

void session_resume(struct session *session)
{
        session->is_paused = false;
}

void session_answer(struct session *session, uint64_t token, enum session_status status, const char *text)
{
        static const enum reply_kind kinds[] = {
                [SESSION_OK] = REPLY_OK, [SESSION_FAILED] = REPLY_FAILED, [SESSION_ERROR] = REPLY_ERROR};

        reply_queue_answer(&session->replies, token, kinds[status], text);
        update_full(session);
}

uint32_t session_in_flight(const struct session *session)
{
        return session->replies.n_calls;
}

uint32_t session_in_flight_max(const struct session *session)
{
        return session->replies.n_calls_max;
}

bool session_is_lost(const struct session *session)
{
        return session->is_lost;
}

bool session_is_mid_frame(const struct session *session)
{
        return session->frame.is_inside;
}

struct slice session_output(const struct session *session)
{
        return bytes_slice(&session->replies.output);
}

void session_output_drop(struct session *session, size_t len)
{
        struct bytes *output = &session->replies.output;

        session->config.counts->bytes_out += len;
        bytes_drop_front(output, len);
        if (output->len == 0 && output->capacity > IDLE_BYTES) {
                bytes_done(output);
                bytes_init(output);
        }
        update_full(session);
}

void session_finish_output(struct session *session)
{
        reply_queue_finish(&session->replies);
}
