/* test_reply.c - answers in the order of the calls, one frame each. */
#include "sidecar/ingest/reply.h"
#include "tests/lib/check.h"
#include "tests/lib/recorder.h"

static const enum handshake_match both = HANDSHAKE_BOTH;

TEST(answers_wait_for_those_before_them)
{
        struct session_counts counts = {0};
        struct reply_queue queue;
        uint64_t first, second, third;

        reply_queue_init(&queue, &counts);
        CHECK_UINT(reply_queue_next_token(&queue), 1);
        first = reply_queue_push(&queue, 7, &both);
        second = reply_queue_push(&queue, 8, NULL);
        third = reply_queue_push(&queue, 0xfffffffc, NULL);
        CHECK_UINT(third, 3);
        reply_queue_answer(&queue, third, REPLY_FAILED, NULL);
        reply_queue_answer(&queue, second, REPLY_ERROR, "spool full");
        CHECK_UINT(queue.output.len, 0);
        CHECK_UINT(queue.n_calls, 3);
        reply_queue_answer(&queue, first, REPLY_OK, NULL);
        CHECK_UINT(queue.n_calls, 0);
        CHECK_UINT(queue.n_calls_max, 3);
        CHECK_BYTES(queue.output.data, queue.output.len,
                    "\0\0\0\7\0\0\0\1\0\0\0\7\0\0\0\0\0\0\0"
                    "\0\0\0\x08\0\0\0\1\0\0\0\x0e\0\1\0\x14spool full"
                    "\xff\xff\xff\xfc\0\0\0\1\0\0\0\3\0\0\2", 19 + 26 + 15);
        CHECK_UINT(counts.answered_ok, 1);
        CHECK_UINT(counts.answered_error, 2);
        reply_queue_done(&queue);
}

TEST(pings_have_an_empty_buffer_or_the_handshake_alone)
{
        struct session_counts counts = {0};
        struct reply_queue queue;

        reply_queue_init(&queue, &counts);
        reply_queue_answer(&queue, reply_queue_push(&queue, 1, &both), REPLY_PING, NULL);
        reply_queue_answer(&queue, reply_queue_push(&queue, 2, NULL), REPLY_PING, NULL);
        CHECK_BYTES(queue.output.data, queue.output.len,
                    "\0\0\0\1\0\0\0\1\0\0\0\4\0\0\0\0"
                    "\0\0\0\2\0\0\0\1\0\0\0\0", 28);
        CHECK_UINT(counts.answered_ok + counts.answered_error, 0);
        reply_queue_done(&queue);
}

TEST(the_queue_grows_and_keeps_its_order)
{
        struct session_counts counts = {0};
        struct check_random random = check_seed(20261126);
        struct reply_queue queue;
        struct recorder_reply reply;
        struct bytes storage;
        uint64_t waiting[300];
        uint32_t n_waiting = 0, serial = 0, expected = 1;
        size_t at = 0;

        reply_queue_init(&queue, &counts);
        bytes_init(&storage);
        while (serial < 5000 || n_waiting > 0) {
                if (n_waiting < 300 && serial < 5000 && check_random_below(&random, 2) == 0) {
                        waiting[n_waiting++] = reply_queue_push(&queue, ++serial, NULL);
                } else if (n_waiting > 0) {
                        uint64_t i = check_random_below(&random, n_waiting);

                        reply_queue_answer(&queue, waiting[i], REPLY_OK, NULL);
                        waiting[i] = waiting[--n_waiting];
                }
        }
        while (recorder_next_reply(&queue.output, &at, &storage, &reply))
                CHECK_UINT(reply.serial, expected++);
        CHECK_UINT(expected, 5001);
        CHECK_UINT(at, queue.output.len);
        reply_queue_done(&queue);
        bytes_done(&storage);
}

TEST(what_is_not_answered_is_let_go)
{
        struct session_counts counts = {0};
        struct reply_queue queue;
        uint64_t second;

        reply_queue_init(&queue, &counts);
        (void)reply_queue_push(&queue, 1, NULL);
        second = reply_queue_push(&queue, 2, NULL);
        reply_queue_answer(&queue, second, REPLY_ERROR, "a text that the queue owns");
        reply_queue_done(&queue); /* LeakSanitizer looks */
        CHECK_UINT(counts.answered_error, 1);
}

TEST(a_deflate_stream_ends_once)
{
        struct session_counts counts = {0};
        struct reply_queue queue;
        struct bytes plain;
        size_t len;

        reply_queue_init(&queue, &counts);
        bytes_init(&plain);
        queue.is_deflate = true;
        reply_queue_answer(&queue, reply_queue_push(&queue, 1, &both), REPLY_OK, NULL);
        reply_queue_answer(&queue, reply_queue_push(&queue, 2, NULL), REPLY_OK, NULL);
        reply_queue_finish(&queue);
        len = queue.output.len;
        reply_queue_finish(&queue);
        CHECK_UINT(queue.output.len, len);
        recorder_inflate(bytes_slice(&queue.output), &plain);
        CHECK_UINT(plain.len, 19 + 15);
        reply_queue_done(&queue);
        bytes_done(&plain);
}
