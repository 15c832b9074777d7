/* reply.c - answers in the order of the calls. */
#include "sidecar/ingest/reply.h"

#include "avro/call.h"
#include "avro/frame.h"
#include "sidecar/base/alloc.h"

#include <assert.h>

enum { FIRST_CAPACITY = 8 };

void reply_queue_init(struct reply_queue *queue, struct session_counts *counts)
{
        *queue = (struct reply_queue){.first_token = 1, .counts = counts};
        deflate_writer_init(&queue->deflate);
        bytes_init(&queue->output);
        bytes_init(&queue->frame);
}

static struct reply_call *call_at(struct reply_queue *queue, uint64_t token)
{
        return &queue->calls[token & (queue->capacity - 1)];
}

void reply_queue_done(struct reply_queue *queue)
{
        for (uint32_t i = 0; i < queue->n_calls; i++)
                alloc_free(call_at(queue, queue->first_token + i)->text);
        alloc_free(queue->calls);
        bytes_done(&queue->output);
        bytes_done(&queue->frame);
}

static void grow(struct reply_queue *queue)
{
        uint32_t capacity = queue->capacity == 0 ? FIRST_CAPACITY : 2 * queue->capacity;
        struct reply_call *calls = alloc_array(capacity, sizeof(*calls));

        for (uint32_t i = 0; i < queue->n_calls; i++) {
                uint64_t token = queue->first_token + i;

                calls[token & (capacity - 1)] = *call_at(queue, token);
        }
        alloc_free(queue->calls);
        queue->calls = calls;
        queue->capacity = capacity;
}

uint64_t reply_queue_push(struct reply_queue *queue, uint32_t serial, const enum handshake_match *match)
{
        uint64_t token = reply_queue_next_token(queue);

        if (queue->n_calls == queue->capacity)
                grow(queue);
        *call_at(queue, token) = (struct reply_call){
                .serial = serial,
                .kind = REPLY_WAITING,
                .has_handshake = match != NULL,
                .match = match != NULL ? (uint8_t)*match : 0,
        };
        queue->n_calls++;
        if (queue->n_calls > queue->n_calls_max)
                queue->n_calls_max = queue->n_calls;
        return token;
}

static void append_payload(const struct reply_call *call, struct bytes *bytes)
{
        if (call->has_handshake)
                handshake_append_response(bytes, (enum handshake_match)call->match);
        switch ((enum reply_kind)call->kind) {
        case REPLY_OK:
                call_append_status(bytes, CALL_OK);
                break;
        case REPLY_FAILED:
                call_append_status(bytes, CALL_FAILED);
                break;
        case REPLY_ERROR:
                call_append_error(bytes, slice_from_text(call->text));
                break;
        case REPLY_PING:
        case REPLY_WAITING:
                break;
        }
}

static void append_reply(const struct reply_call *call, struct bytes *bytes)
{
        size_t start = bytes->len;

        frame_append_head(bytes, call->serial, 0);
        append_payload(call, bytes);
        /* the length, now that it is known */
        bytes_put_be32(bytes->data + start + FRAME_HEAD_BYTES,
                       (uint32_t)(bytes->len - start - FRAME_HEAD_BYTES - FRAME_LENGTH_BYTES));
}

static void flush(struct reply_queue *queue)
{
        while (queue->n_calls > 0) {
                struct reply_call *call = call_at(queue, queue->first_token);

                if (call->kind == REPLY_WAITING)
                        return;
                if (queue->is_deflate) {
                        bytes_reset(&queue->frame);
                        append_reply(call, &queue->frame);
                        deflate_write(&queue->deflate, bytes_slice(&queue->frame), &queue->output);
                } else {
                        append_reply(call, &queue->output);
                }
                alloc_free(call->text);
                call->text = NULL;
                queue->first_token++;
                queue->n_calls--;
        }
}

void reply_queue_answer(struct reply_queue *queue, uint64_t token, enum reply_kind kind, const char *text)
{
        struct reply_call *call;

        assert(token >= queue->first_token && token - queue->first_token < queue->n_calls);
        call = call_at(queue, token);
        assert(call->kind == REPLY_WAITING && kind != REPLY_WAITING);
        call->kind = (uint8_t)kind;
        if (kind == REPLY_ERROR)
                call->text = alloc_text(text);
        if (kind == REPLY_OK)
                queue->counts->answered_ok++;
        else if (kind != REPLY_PING)
                queue->counts->answered_error++;
        flush(queue);
}

void reply_queue_finish(struct reply_queue *queue)
{
        if (queue->is_deflate && !queue->is_ended)
                deflate_write_end(&queue->deflate, &queue->output);
        queue->is_ended = true;
}
