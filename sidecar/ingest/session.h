/* session.h - one Flume connection, without its socket.
 *
 * A session is fed the bytes that arrive and leaves the bytes that answer in its output. In between stand, each for
 * itself: dispatch by the first bytes (plain or deflate), the deframer (avro/frame.h), the handshake
 * (avro/handshake.h), the call (avro/call.h) and the walk over its parameters. Events are not cut out one by one: the
 * handler gets runs of whole events, as many as stand in one buffer of the client's frame, and decodes them in its own
 * loop.
 *
 * All or nothing: a batch counts when batch_end was called, and its frame is whole then. Everything consumed since
 * batch_begin is void after batch_abort.
 *
 * Answers: batch_end hands out a token; the pipeline answers later with session_answer, in any order. Replies leave
 * in the order of the requests, one buffer and one frame each, exactly one per request.
 *
 * Loop thread only. Lengths from the wire are compared with limits.h before anything is allocated for them; memory
 * held for half an event comes out of a struct session_pool shared by all sessions. */
#ifndef WEIR_SIDECAR_INGEST_SESSION_H
#define WEIR_SIDECAR_INGEST_SESSION_H

#include "sidecar/base/err.h"
#include "sidecar/base/slice.h"

struct handshake_cache;
struct session;

/* What session_feed may do to the memory around the bytes it is given. */
enum {
        SESSION_ROOM_BYTES = 4096, /* before the data: may be overwritten */
        SESSION_SLACK_BYTES = 64,  /* behind the data: may be read, content does not matter (DECODE_PAD_BYTES) */
};

/* Who decodes and logs. Each function is called on the loop thread with session_config.context. */
struct session_handler {
        /* The events of a call begin. `token` counts the calls of this connection from 1, gaps included (pings and
         * refused calls count too). */
        void (*batch_begin)(void *context, uint64_t token);
        /* Decodes whole events that stand one after the other in [at, end), each an AvroFlumeEvent as Flume writes it
         * (map of headers, then body; clients with another shape were brought into this one before), at most
         * max_events (> 0). *ret_consumed bytes made *ret_events whole events. When these are fewer than max_events,
         * the event at at + *ret_consumed is not whole, and *ret_need says how many bytes it has at least, counted
         * from its first (the session calls again when that many are there, so a body is never scanned twice). Bytes
         * are valid during the call only. SESSION_SLACK_BYTES behind `end` may be read.
         *
         * Negative: the bytes cannot be events (negative length, a limit of limits.h). The session aborts the batch,
         * answers the call with err->text and stays usable. A body that is an event but not decodable is no error
         * here: it is a dead letter, also when it is larger than LIMIT_EVENT_BODY_BYTES (the frame's limit bounds
         * it). */
        int (*consume)(void *context, const uint8_t *at, const uint8_t *end, uint32_t max_events, size_t *ret_consumed,
                       uint32_t *ret_events, size_t *ret_need, struct err *err);
        /* The frame is whole: the batch of n_events (0 is possible) stands. The handler answers now or later,
         * once. Negative: it does not take the batch (log full, stopping), which is void; err->text is the answer. */
        int (*batch_end)(void *context, uint64_t token, uint32_t n_events, bool is_append, struct err *err);
        void (*batch_abort)(void *context, uint64_t token);
};

/* Bytes that all sessions together may hold for events that are not whole yet, and for input that waits. */
struct session_pool {
        size_t limit_bytes;
        size_t held_bytes;
        uint8_t *scratch; /* where deflate streams are inflated, one piece at a time; made when first needed */
};
void session_pool_init(struct session_pool *pool, size_t limit_bytes);
void session_pool_done(struct session_pool *pool);

/* Sums for metrics; one struct may serve many sessions. */
struct session_counts {
        uint64_t bytes_in, bytes_out;   /* on the wire, before inflating and after deflating */
        uint64_t calls;                 /* frames that were calls */
        uint64_t append_calls, append_batch_calls;
        uint64_t pings;
        uint64_t handshakes_both, handshakes_client, handshakes_none;
        uint64_t answered_ok, answered_error; /* FAILED counts as an error */
        uint64_t trailing_bytes;        /* behind the parameters of a call: ignored, as Java does */
        uint64_t oversize_frames;       /* skipped and answered with an error */
        uint64_t refused_connections;   /* closed for bytes that are not Avro RPC */
};

struct session_config {
        const struct session_handler *handler;
        void *context;
        struct handshake_cache *protocols; /* clients' protocols, shared by the sessions of a server */
        struct session_pool *pool;
        struct session_counts *counts;
};

struct session *session_new(const struct session_config *config);
struct session *session_free(struct session *session); /* returns NULL; aborts a batch that is not whole */

/* Takes all `len` bytes. data is writable memory with SESSION_ROOM_BYTES before and SESSION_SLACK_BYTES behind it;
 * its content is undefined afterwards. Work stops at a frame's end while the session is blocked (below); what is left
 * is kept, so the caller reads no more until session_may_read says yes. < 0: what arrived is not Avro RPC; err says
 * what it seems to be and what to do. The caller writes session_output and closes; feeding again is a mistake. */
int session_feed(struct session *session, uint8_t *data, size_t len, struct err *err) WEIR_MUST_CHECK;
/* Goes on with what was kept, after the reason for blocking went away. As session_feed. */
int session_continue(struct session *session, struct err *err) WEIR_MUST_CHECK;
/* The peer will send no more; input that is still kept is dropped. 0: between frames; SESSION_E_MID_FRAME: half a frame
 * was dropped, and err (which may be NULL) says what stood there. Answers still leave afterwards. */
enum { SESSION_E_MID_FRAME = 1 };
int session_end_of_input(struct session *session, struct err *err) WEIR_MUST_CHECK;

/* No frame is begun: paused, too many calls in flight, or too much output waits. */
bool session_is_blocked(const struct session *session);
/* Input is wanted: no kept one waits, and the session is not blocked, or is inside a frame, which is taken to its end
 * even so. */
bool session_may_read(const struct session *session);
/* Input was kept and session_continue has work to do. */
bool session_has_kept_input(const struct session *session);
void session_pause(struct session *session);
void session_resume(struct session *session);

enum session_status { SESSION_OK, SESSION_FAILED, SESSION_ERROR };
/* Answers one batch. text is for SESSION_ERROR: the agent logs it, so it names the reason. */
void session_answer(struct session *session, uint64_t token, enum session_status status, const char *text);
/* Frames whose reply has not left yet, now and at most so far (>= 1 once a call was seen). */
uint32_t session_in_flight(const struct session *session);
uint32_t session_in_flight_max(const struct session *session);
/* A feed failed: no more input is taken. */
bool session_is_lost(const struct session *session);
/* A frame began and its end is still to come. */
bool session_is_mid_frame(const struct session *session);

/* Bytes for the peer. Valid until the next call on this session other than the question functions. */
struct slice session_output(const struct session *session);
void session_output_drop(struct session *session, size_t len);
/* Ends the deflate stream, when there is one, behind the last reply. Once is enough, more does nothing. */
void session_finish_output(struct session *session);

#endif
