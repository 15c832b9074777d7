/* recorder.h - a session with a handler that writes down what it is given.
 *
 * Stands where decoder and pipeline stand: events of a batch count once the batch ended, and are gone when it was
 * aborted. It insists on the contract of session.h from its side as well: begins and ends match, no event is split. */
#ifndef WEIR_TESTS_LIB_RECORDER_H
#define WEIR_TESTS_LIB_RECORDER_H

#include "sidecar/base/bytes.h"
#include "sidecar/ingest/event.h"
#include "sidecar/ingest/session.h"

enum recorder_mode {
        RECORDER_OK,     /* answers each batch at once */
        RECORDER_FAILED,
        RECORDER_ERROR,  /* "spool full" */
        RECORDER_REFUSE, /* batch_end says no: "spool full" */
        RECORDER_LATER,  /* the test answers */
};

struct recorder_batch {
        uint64_t token;
        uint32_t n_events;
        bool is_append;
};

struct recorder {
        struct session *session;
        struct session_pool pool;
        struct session_counts counts;
        struct handshake_cache *protocols; /* own, unless the test gave one */
        enum recorder_mode mode;
        enum recorder_mode plan[8]; /* for the first n_plan batches, instead of mode */
        uint32_t n_plan;

        struct bytes events;        /* committed events, one behind the other, as Flume writes them */
        uint32_t n_events;
        struct recorder_batch batches[4096];
        uint32_t n_batches;
        uint32_t n_aborted;
        uint32_t n_consume_calls;

        bool is_open;               /* a batch */
        uint64_t token;
        size_t mark_bytes;
        uint32_t mark_events;
        struct bytes replies;       /* what the session wrote, inflated if it was deflated */
        struct bytes raw_replies;
        struct bytes feed;          /* the feeding buffer, with room and slack */
        struct err err;             /* of the last feed */
};

void recorder_init(struct recorder *recorder);
void recorder_done(struct recorder *recorder);
/* A fresh connection with the same counts and events; protocols are kept. */
void recorder_reconnect(struct recorder *recorder);
/* Feeds a copy and takes the output. 0, or -1 with recorder->err. */
int recorder_feed(struct recorder *recorder, const void *data, size_t len);
/* Takes what the session wrote since. */
void recorder_take_output(struct recorder *recorder);
/* The n-th committed event from 0; false when there is none. */
bool recorder_event(const struct recorder *recorder, uint32_t n, struct event *ret_event);

/* One reply frame with its buffers joined. */
struct recorder_reply {
        uint32_t serial;
        uint32_t n_buffers;
        struct slice payload; /* in storage of the caller */
};
/* The frame at *at in `bytes`; joined payload goes to `storage`. False at the end, or when the frame is not whole. */
bool recorder_next_reply(const struct bytes *bytes, size_t *at, struct bytes *storage,
                         struct recorder_reply *ret_reply);
/* Inflates a whole zlib stream, its end optional. */
void recorder_inflate(struct slice deflated, struct bytes *plain);
void recorder_deflate(struct slice plain, int level, bool end, struct bytes *deflated);
/* A file of tests/data, appended. */
void recorder_load(const char *path, struct bytes *bytes);

/* Requests of a client that is Flume but for what the test wants else. */
void recorder_append_request(struct bytes *bytes, uint32_t serial, bool with_handshake, bool is_batch,
                             struct slice params);

#endif
