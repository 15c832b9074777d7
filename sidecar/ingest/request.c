/* request.c - the walk over the payload of one call. */
#include "sidecar/ingest/request.h"

#include "sidecar/base/limits.h"

#include <assert.h>
#include <stdio.h>

/* What one step did. */
enum progress { PROGRESS_ON, PROGRESS_MORE, PROGRESS_LOST };

/* Events of another shape are rewritten this many at a time, and some more bytes, before the handler gets them. */
enum { REWRITE_EVENTS = 64, REWRITE_BYTES = 64 << 10 };

void request_init(struct request *request, const struct session_config *config)
{
        *request = (struct request){.config = config};
        bytes_init(&request->rewritten);
}

static void abort_batch(struct request *request)
{
        if (request->is_batch_open)
                request->config->handler->batch_abort(request->config->context, request->token);
        request->is_batch_open = false;
}

void request_done(struct request *request)
{
        abort_batch(request);
        request->peer = handshake_peer_release(request->peer);
        bytes_done(&request->rewritten);
}

void request_begin(struct request *request, uint64_t token)
{
        request->stage = request->is_connected ? REQUEST_HEAD : REQUEST_HANDSHAKE;
        request->token = token;
        request->has_match = false;
        request->is_oversize = false;
        request->n_events = 0;
        request->block_left = 0;
}

void request_refuse(struct request *request, const char *format, ...)
{
        va_list args;

        abort_batch(request);
        request->stage = REQUEST_REFUSED;
        va_start(args, format);
        vsnprintf(request->refusal.text, sizeof(request->refusal.text), format, args);
        va_end(args);
}

static void refuse_oversize(struct request *request)
{
        request_refuse(request, "frame has more than %u bytes, the most that weir takes: lower the sink's batch-size",
                       LIMIT_FRAME_BYTES);
}

void request_set_oversize(struct request *request)
{
        request->is_oversize = true;
        request->config->counts->oversize_frames++;
        /* before the handshake is over a refusal could not be understood */
        if (request->stage != REQUEST_HANDSHAKE && request->stage != REQUEST_REFUSED)
                refuse_oversize(request);
}

/* After a failed read: wait for more bytes, or refuse the call. */
static enum progress read_failed(struct request *request, const struct binary_reader *reader, const char *what)
{
        if (reader->problem == NULL)
                return PROGRESS_MORE;
        request_refuse(request, "%s: %s", what, reader->problem);
        return PROGRESS_ON;
}

static enum progress walk_handshake(struct request *request, struct binary_reader *reader, struct err *err)
{
        struct session_counts *counts = request->config->counts;
        struct handshake_request handshake;

        if (!handshake_read_request(reader, &handshake)) {
                if (reader->problem == NULL)
                        return PROGRESS_MORE;
                err_set(err, ERR_DATA, "the handshake holds %s", reader->problem);
                return PROGRESS_LOST;
        }
        request->peer = handshake_peer_release(request->peer);
        request->match = handshake_decide(request->config->protocols, &handshake, &request->peer);
        request->has_match = true;
        if (request->match == HANDSHAKE_NONE) {
                counts->handshakes_none++;
                request->stage = REQUEST_REFUSED;
                request->refusal.text[0] = '\0';
                return PROGRESS_ON;
        }
        if (request->match == HANDSHAKE_BOTH)
                counts->handshakes_both++;
        else
                counts->handshakes_client++;
        request->is_connected = true;
        request->stage = REQUEST_HEAD;
        if (request->is_oversize)
                refuse_oversize(request);
        return PROGRESS_ON;
}

static void begin_batch(struct request *request, const struct resolve_call *layout)
{
        const struct session_config *config = request->config;

        if (layout->problem[0] != '\0') {
                request_refuse(request, "%s", layout->problem);
                return;
        }
        request->layout = layout;
        request->param = 0;
        request->stage = REQUEST_PARAMETER;
        request->is_batch_open = true;
        config->handler->batch_begin(config->context, request->token);
}

static enum progress walk_head(struct request *request, struct binary_reader *reader)
{
        struct session_counts *counts = request->config->counts;
        struct slice name;

        if (!call_read_head(reader, &request->message, &name))
                return read_failed(request, reader, "the head of the call holds");
        counts->calls++;
        switch (request->message) {
        case CALL_PING:
                counts->pings++;
                request->stage = REQUEST_DONE;
                break;
        case CALL_APPEND:
                counts->append_calls++;
                begin_batch(request, &request->peer->append);
                break;
        case CALL_APPEND_BATCH:
                counts->append_batch_calls++;
                begin_batch(request, &request->peer->append_batch);
                break;
        case CALL_UNKNOWN:
                request_refuse(request, "No such remote message: %.*s", (int)name.len, (const char *)name.data);
                break;
        }
        return PROGRESS_ON;
}

static enum progress walk_parameter(struct request *request, struct binary_reader *reader)
{
        const struct resolve_call *layout = request->layout;

        if (request->param == layout->n_params) {
                request->stage = REQUEST_DONE;
        } else if (request->param != layout->event_param) {
                if (!resolve_skip(layout->params[request->param].type, reader))
                        return read_failed(request, reader, "a parameter of the call holds");
                request->param++;
        } else if (request->message == CALL_APPEND) {
                request->block_left = 1;
                request->stage = REQUEST_EVENTS;
        } else {
                request->stage = REQUEST_BLOCK;
        }
        return PROGRESS_ON;
}

static enum progress walk_block(struct request *request, struct binary_reader *reader)
{
        uint64_t items;

        if (!binary_read_block(reader, LIMIT_EVENTS_PER_BATCH - request->n_events, &items)) {
                if (reader->problem == NULL)
                        return PROGRESS_MORE;
                request_refuse(request, "the list of events holds %s (%u events in a batch at most)", reader->problem,
                               LIMIT_EVENTS_PER_BATCH);
                return PROGRESS_ON;
        }
        request->block_left = items;
        if (items > 0) {
                request->stage = REQUEST_EVENTS;
        } else {
                request->param++;
                request->stage = REQUEST_PARAMETER;
        }
        return PROGRESS_ON;
}

/* Hands a run of events in Flume's shape to the handler. -1: refused. */
static int consume(struct request *request, const uint8_t **at, const uint8_t *end, uint32_t max_events,
                   size_t *ret_need)
{
        const struct session_config *config = request->config;
        uint32_t n_events = 0;
        size_t n_consumed = 0;
        struct err err;

        if (config->handler->consume(config->context, *at, end, max_events, &n_consumed, &n_events, ret_need,
                                     &err) < 0) {
                request_refuse(request, "%s", err.text);
                return -1;
        }
        assert(n_events <= max_events && n_consumed <= (size_t)(end - *at));
        *at += n_consumed;
        request->n_events += n_events;
        request->block_left -= n_events;
        return 0;
}

/* Brings events of another shape into Flume's, some at a time. */
static enum progress walk_foreign_events(struct request *request, struct binary_reader *reader)
{
        struct bytes *rewritten = &request->rewritten;
        const uint8_t *at;
        uint32_t n_events = 0;
        size_t need = 0;

        bytes_reset(rewritten);
        while (n_events < request->block_left && n_events < REWRITE_EVENTS && rewritten->len < REWRITE_BYTES &&
               resolve_event(request->layout, reader, rewritten))
                n_events++;
        if (n_events == 0)
                return read_failed(request, reader, "an event holds");
        bytes_reserve(rewritten, SESSION_SLACK_BYTES);
        at = rewritten->data;
        if (consume(request, &at, at + rewritten->len, n_events, &need) == 0)
                assert(at == rewritten->data + rewritten->len);
        if (rewritten->capacity > 4 * REWRITE_BYTES) {
                bytes_done(rewritten);
                bytes_init(rewritten);
        }
        /* a read that failed behind the first event is repeated, and then judged, in the next turn */
        reader->missing = 0;
        reader->problem = NULL;
        return PROGRESS_ON;
}

static enum progress walk_events(struct request *request, struct binary_reader *reader)
{
        size_t need = 0;

        if (reader->at == reader->end) {
                reader->missing = 1;
                return PROGRESS_MORE;
        }
        if (!request->layout->is_native) {
                if (walk_foreign_events(request, reader) == PROGRESS_MORE)
                        return PROGRESS_MORE;
        } else {
                if (consume(request, &reader->at, reader->end, (uint32_t)request->block_left, &need) < 0)
                        return PROGRESS_ON;
                if (request->block_left > 0) {
                        size_t have = (size_t)(reader->end - reader->at);

                        reader->missing = need > have ? need - have : 1;
                        return PROGRESS_MORE;
                }
        }
        if (request->stage != REQUEST_EVENTS || request->block_left > 0)
                return PROGRESS_ON;
        if (request->message == CALL_APPEND) {
                request->param++;
                request->stage = REQUEST_PARAMETER;
        } else {
                request->stage = REQUEST_BLOCK;
        }
        return PROGRESS_ON;
}

static enum progress walk_step(struct request *request, struct binary_reader *reader, struct err *err)
{
        switch (request->stage) {
        case REQUEST_HANDSHAKE:
                return walk_handshake(request, reader, err);
        case REQUEST_HEAD:
                return walk_head(request, reader);
        case REQUEST_PARAMETER:
                return walk_parameter(request, reader);
        case REQUEST_BLOCK:
                return walk_block(request, reader);
        case REQUEST_EVENTS:
                return walk_events(request, reader);
        case REQUEST_DONE:
                request->config->counts->trailing_bytes += (uint64_t)(reader->end - reader->at);
                break;
        case REQUEST_REFUSED:
                break;
        }
        reader->at = reader->end;
        return PROGRESS_MORE;
}

int request_walk(struct request *request, const uint8_t **at, const uint8_t *end, size_t *ret_need, struct err *err)
{
        struct binary_reader reader = binary_reader_make(*at, end);
        enum progress progress;

        do
                progress = walk_step(request, &reader, err);
        while (progress == PROGRESS_ON);
        if (progress == PROGRESS_LOST)
                return -1;
        *at = reader.at;
        *ret_need = (size_t)(end - reader.at) + reader.missing;
        return 0;
}

int request_end(struct request *request, size_t n_left, struct err *err)
{
        switch (request->stage) {
        case REQUEST_HANDSHAKE:
                return err_set(err, ERR_DATA, "the first frame of the connection is too short for a handshake");
        case REQUEST_DONE:
        case REQUEST_REFUSED:
                break;
        case REQUEST_HEAD:
                request_refuse(request, "the frame ends inside the head of the call (%zu bytes left)", n_left);
                break;
        case REQUEST_PARAMETER:
        case REQUEST_BLOCK:
        case REQUEST_EVENTS:
                request_refuse(request, "the frame ends inside the parameters, behind event %u (%zu bytes left)",
                               request->n_events, n_left);
                break;
        }
        return 0;
}
