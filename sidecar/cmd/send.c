/* send.c - `weir send`: a client that behaves as Flume's avro sinks do.
 *
 * Events come from one input; connections take turns. Each has at most --pipeline calls under way (1, as a sink has).
 * An event counts as sent when its call was answered OK. After anything else, or a lost connection, the connection is
 * closed and what it had under way goes back to the head of the queue, as into Flume's channel: it is sent again,
 * first, on whichever connection has room next, cut anew, with new events behind it where the call has room. So every
 * event is delivered at least once, and the order of first sends is the input's.
 *
 * Memory: nothing is read ahead, so the queue and the calls under way together never hold more events than fit
 * --connections times --pipeline calls. */
#include "avro/client.h"
#include "sidecar/base/alloc.h"
#include "sidecar/base/clock.h"
#include "sidecar/cmd/command.h"
#include "sidecar/cmd/send_options.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_TIMEOUT_S = 20 };

struct sent_event {
        uint64_t number; /* in the input, from 0 */
        size_t end;      /* behind it in its batch's bytes */
};

struct sent_batch {
        struct sent_batch *next;
        struct bytes events;
        struct sent_event *each; /* room for --batch-size */
        uint32_t n_events;
        uint32_t n_moved; /* of a batch in the queue: its first ones are in another batch already */
        uint32_t serial;
        uint64_t sent_ns;
};

struct sender {
        int fd; /* -1: not connected */
        bool is_connecting;
        uint64_t retry_ns;
        struct client *client;
        struct bytes output;
        size_t output_at;
        struct sent_batch *under_way, **last_under_way; /* in order of sending */
        uint32_t n_under_way;
};

struct send {
        const struct clock *clock;
        const struct send_options *options;
        struct sender *senders;
        struct send_input *input;
        bool is_input_done;
        struct sent_batch *again, *unused; /* again: the queue, oldest first */
        uint64_t n_taken, n_acked, n_resent_events, n_failures;
        uint64_t start_ns, shown_ns, progress_ns; /* last OK */
        FILE *ack_log;
        bool is_tty;
        char last_failure[256];
        volatile sig_atomic_t *interrupted;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
        (void)number;
        interrupted = interrupted + 1;
}

/* ---- Batches */

static struct sent_batch *take_unused(struct send *send)
{
        struct sent_batch *batch = send->unused;

        if (batch == NULL) {
                batch = alloc_zero(1, sizeof *batch);
                batch->each = alloc_array(send->options->batch_size, sizeof *batch->each);
                return batch;
        }
        send->unused = batch->next;
        batch->next = NULL;
        bytes_reset(&batch->events);
        batch->n_events = batch->n_moved = 0;
        return batch;
}

static void put_unused(struct send *send, struct sent_batch *batch)
{
        batch->next = send->unused;
        send->unused = batch;
}

static uint64_t next_number(const struct sent_batch *batch)
{
        return batch->each[batch->n_moved].number;
}

/* An event whose bytes were appended. */
static void end_event(struct sent_batch *batch, uint64_t number)
{
        batch->each[batch->n_events++] = (struct sent_event){.number = number, .end = batch->events.len};
}

/* Events that failed, from the head of the queue. */
static void move_queued(struct send *send, struct sent_batch *batch)
{
        while (send->again != NULL && batch->n_events < send->options->batch_size) {
                struct sent_batch *from = send->again;
                size_t begin = from->n_moved == 0 ? 0 : from->each[from->n_moved - 1].end;

                bytes_append(&batch->events, from->events.data + begin, from->each[from->n_moved].end - begin);
                end_event(batch, next_number(from));
                if (++from->n_moved == from->n_events) {
                        send->again = from->next;
                        put_unused(send, from);
                }
        }
}

/* How many new events --rate lets go by now. */
static uint64_t allowance(const struct send *send)
{
        double seconds = (double)(clock_monotonic_ns(send->clock) - send->start_ns) * 1e-9;
        double allowed = seconds * send->options->rate + 1 - (double)send->n_taken;

        if (send->options->rate == 0)
                return send->options->batch_size;
        return allowed < 1 ? 0 : (uint64_t)allowed;
}

static int move_new(struct send *send, struct sent_batch *batch, struct err *err)
{
        uint64_t most = allowance(send);
        uint32_t n;

        for (; most > 0 && batch->n_events < send->options->batch_size && !send->is_input_done; most--) {
                int result = send_input_next(send->input, 1, &batch->events, &n, err);

                if (result < 0)
                        return -1;
                if (result == 0)
                        end_event(batch, send->n_taken++);
                else
                        send->is_input_done = true;
        }
        return 0;
}

/* The next events to send. NULL: none now. */
static int next_batch(struct send *send, struct sent_batch **ret_batch, struct err *err)
{
        struct sent_batch *batch = take_unused(send);
        int result = 0;

        *ret_batch = NULL;
        move_queued(send, batch);
        if (!*send->interrupted)
                result = move_new(send, batch, err);
        if (result < 0 || batch->n_events == 0)
                put_unused(send, batch);
        else
                *ret_batch = batch;
        return result;
}

/* ---- Connections */

static void fail(struct send *send, struct sender *sender, const char *why)
{
        struct sent_batch **at = &send->again;

        snprintf(send->last_failure, sizeof send->last_failure, "%s", why);
        send->n_failures++;
        if (sender->fd >= 0)
                close(sender->fd);
        sender->fd = -1;
        sender->client = client_free(sender->client);
        bytes_reset(&sender->output);
        sender->output_at = 0;
        sender->retry_ns = clock_monotonic_ns(send->clock) + send->options->retry_ms * 1000000;
        /* What was under way goes again in the input's order. */
        while (sender->under_way != NULL) {
                struct sent_batch *batch = sender->under_way;

                sender->under_way = batch->next;
                send->n_resent_events += batch->n_events;
                at = &send->again;
                while (*at != NULL && next_number(*at) < next_number(batch))
                        at = &(*at)->next;
                batch->next = *at;
                *at = batch;
        }
        sender->last_under_way = &sender->under_way;
        sender->n_under_way = 0;
}

static void dial(struct send *send, struct sender *sender)
{
        const struct addrinfo *to = send->options->address, *local = send->options->bind;
        int one = 1;

        sender->fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (sender->fd < 0 ||
            (local != NULL && bind(sender->fd, local->ai_addr, local->ai_addrlen) < 0)) {
                fail(send, sender, strerror(errno));
                return;
        }
        setsockopt(sender->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        sender->client = client_new(send->options->deflate_level);
        sender->is_connecting = true;
        if (connect(sender->fd, to->ai_addr, to->ai_addrlen) < 0 && errno != EINPROGRESS)
                fail(send, sender, strerror(errno));
}

static void end_dial(struct send *send, struct sender *sender)
{
        int failure = 0;
        socklen_t len = sizeof failure;

        getsockopt(sender->fd, SOL_SOCKET, SO_ERROR, &failure, &len);
        sender->is_connecting = false;
        if (failure != 0)
                fail(send, sender, strerror(failure));
}

static int start_batches(struct send *send, struct sender *sender, struct err *err)
{
        while (sender->n_under_way < send->options->pipeline) {
                struct sent_batch *batch;

                if (next_batch(send, &batch, err) < 0)
                        return -1;
                if (batch == NULL)
                        return 0;
                batch->serial = client_append_batch(sender->client, batch->n_events, bytes_slice(&batch->events),
                                                    &sender->output);
                batch->sent_ns = clock_monotonic_ns(send->clock);
                *sender->last_under_way = batch;
                sender->last_under_way = &batch->next;
                sender->n_under_way++;
        }
        return 0;
}

static void write_some(struct send *send, struct sender *sender)
{
        while (sender->output_at < sender->output.len) {
                ssize_t n = write(sender->fd, sender->output.data + sender->output_at,
                                  sender->output.len - sender->output_at);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return;
                if (n < 0) {
                        fail(send, sender, strerror(errno));
                        return;
                }
                sender->output_at += (size_t)n;
        }
        bytes_reset(&sender->output);
        sender->output_at = 0;
}

/* A line for each run of consecutive events. */
static void log_acknowledged(const struct send *send, const struct sent_batch *batch)
{
        uint32_t first = 0;

        for (uint32_t i = 1; i <= batch->n_events; i++) {
                if (i < batch->n_events && batch->each[i].number == batch->each[i - 1].number + 1)
                        continue;
                fprintf(send->ack_log, "%llu %u\n", (unsigned long long)batch->each[first].number, i - first);
                first = i;
        }
}

static void acknowledge(struct send *send, struct sender *sender, struct sent_batch **at)
{
        struct sent_batch *batch = *at;

        *at = batch->next;
        if (sender->last_under_way == &batch->next)
                sender->last_under_way = at;
        sender->n_under_way--;
        send->n_acked += batch->n_events;
        send->progress_ns = clock_monotonic_ns(send->clock);
        if (send->ack_log != NULL)
                log_acknowledged(send, batch);
        batch->next = NULL;
        put_unused(send, batch);
}

/* Empty: go on. Else why the connection is over. */
static void take_answer(struct send *send, struct sender *sender, const struct client_answer *answer, char *why,
                        size_t why_bytes)
{
        struct sent_batch **at = &sender->under_way;

        while (*at != NULL && (*at)->serial != answer->serial)
                at = &(*at)->next;
        if (*at == NULL)
                snprintf(why, why_bytes, "an answer to serial %u, which is not under way", answer->serial);
        else if (answer->status == CLIENT_OK)
                acknowledge(send, sender, at);
        else if (answer->status == CLIENT_ERROR)
                snprintf(why, why_bytes, "the server refuses: %.*s",
                         (int)(answer->text.len < 200 ? answer->text.len : 200), (const char *)answer->text.data);
        else
                snprintf(why, why_bytes, "the server answers %s",
                         answer->status == CLIENT_FAILED ? "FAILED" : "UNKNOWN");
}

static void read_some(struct send *send, struct sender *sender)
{
        uint8_t buffer[16 << 10];
        struct client_answer answer;
        struct err err = {0};
        char why[256] = "";
        ssize_t n = read(sender->fd, buffer, sizeof buffer);
        int result = 0;

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                fail(send, sender, n == 0 ? "the server closed the connection" : strerror(errno));
                return;
        }
        result = client_feed(sender->client, buffer, (size_t)n, &err);
        while (result >= 0 && why[0] == '\0' && (result = client_next(sender->client, &answer, &err)) == 1)
                take_answer(send, sender, &answer, why, sizeof why);
        if (result < 0)
                snprintf(why, sizeof why, "%.200s", err.text);
        if (why[0] != '\0')
                fail(send, sender, why);
}

/* ---- Progress */

static void show(struct send *send, bool is_last)
{
        uint64_t now_ns = clock_monotonic_ns(send->clock);
        double seconds = (double)(now_ns - send->start_ns) * 1e-9;
        uint64_t every_ns = send->is_tty ? UINT64_C(200000000) : UINT64_C(10000000000);

        if (send->options->is_quiet || (!is_last && now_ns - send->shown_ns < every_ns))
                return;
        send->shown_ns = now_ns;
        fprintf(stderr, "%s%llu events acknowledged, %.0f/s, %llu sent again%s%s%s", send->is_tty ? "\r\033[K" : "",
                (unsigned long long)send->n_acked, seconds > 0 ? (double)send->n_acked / seconds : 0,
                (unsigned long long)send->n_resent_events,
                send->last_failure[0] == '\0' || is_last ? "" : "; last failure: ", is_last ? "" : send->last_failure,
                send->is_tty && !is_last ? "" : "\n");
        fflush(stderr);
}

/* ---- The loop */

static bool is_done(const struct send *send)
{
        if (!(send->is_input_done || *send->interrupted) || send->again != NULL)
                return false;
        for (uint32_t i = 0; i < send->options->n_connections; i++)
                if (send->senders[i].n_under_way > 0)
                        return false;
        return true;
}

static void check_time_out(struct send *send, struct sender *sender, uint64_t now_ns)
{
        if (sender->under_way != NULL && now_ns - sender->under_way->sent_ns > REQUEST_TIMEOUT_S * UINT64_C(1000000000))
                fail(send, sender, "no answer within 20 s");
}

static int turn(struct send *send, struct pollfd *polls, struct err *err)
{
        uint64_t now_ns = clock_monotonic_ns(send->clock);

        for (uint32_t i = 0; i < send->options->n_connections; i++) {
                struct sender *sender = &send->senders[i];

                check_time_out(send, sender, now_ns);
                if (sender->fd < 0 && now_ns >= sender->retry_ns)
                        dial(send, sender);
                if (sender->fd >= 0 && !sender->is_connecting) {
                        if (start_batches(send, sender, err) < 0)
                                return -1;
                        write_some(send, sender);
                }
                polls[i] = (struct pollfd){.fd = sender->fd, .events = POLLIN};
                if (sender->is_connecting || sender->output_at < sender->output.len)
                        polls[i].events |= POLLOUT;
        }
        if (poll(polls, send->options->n_connections, send->options->rate > 0 ? 5 : 100) < 0 && errno != EINTR)
                return err_set_errno(err, ERR_INTERNAL, errno, "poll");
        for (uint32_t i = 0; i < send->options->n_connections; i++) {
                struct sender *sender = &send->senders[i];

                if (polls[i].revents == 0 || sender->fd < 0 || polls[i].fd != sender->fd)
                        continue;
                if (sender->is_connecting)
                        end_dial(send, sender);
                else if (polls[i].revents & (POLLIN | POLLHUP | POLLERR))
                        read_some(send, sender);
        }
        return 0;
}

static int run(struct send *send, struct err *err)
{
        struct pollfd *polls = alloc_zero(send->options->n_connections, sizeof *polls);
        uint64_t give_up_ns = send->options->give_up_s * UINT64_C(1000000000);
        int result = 0;

        send->start_ns = send->progress_ns = clock_monotonic_ns(send->clock);
        while (result == 0 && !is_done(send)) {
                result = turn(send, polls, err);
                show(send, false);
                if (result == 0 && *send->interrupted > 1)
                        result = err_set(err, ERR_UNAVAILABLE, "interrupted with events not acknowledged");
                if (result == 0 && send->n_failures > 0 &&
                    clock_monotonic_ns(send->clock) - send->progress_ns > give_up_ns)
                        result = err_set(err, ERR_UNAVAILABLE, "no event was acknowledged for %llu s: %s",
                                         (unsigned long long)send->options->give_up_s, send->last_failure);
        }
        alloc_free(polls);
        show(send, true);
        return result;
}

static void done(struct send *send)
{
        for (uint32_t i = 0; i < send->options->n_connections; i++) {
                struct sender *sender = &send->senders[i];

                if (sender->fd >= 0 && sender->client != NULL && !sender->is_connecting) {
                        client_append_end(sender->client, &sender->output);
                        write_some(send, sender);
                }
                if (sender->fd >= 0)
                        close(sender->fd);
                client_free(sender->client);
                bytes_done(&sender->output);
                *sender->last_under_way = send->again;
                send->again = sender->under_way;
        }
        for (int list = 0; list < 2; list++)
                for (struct sent_batch *batch = list == 0 ? send->again : send->unused, *next; batch != NULL;
                     batch = next) {
                        next = batch->next;
                        bytes_done(&batch->events);
                        alloc_free(batch->each);
                        alloc_free(batch);
                }
        alloc_free(send->senders);
        send_input_close(send->input);
        if (send->ack_log != NULL)
                fclose(send->ack_log);
}

/* ---- Life */

static int open_all(struct send *send, struct err *err)
{
        const struct send_options *options = send->options;

        send->senders = alloc_zero(options->n_connections, sizeof *send->senders);
        for (uint32_t i = 0; i < options->n_connections; i++) {
                send->senders[i].fd = -1;
                send->senders[i].last_under_way = &send->senders[i].under_way;
        }
        if (options->ack_log != NULL) {
                send->ack_log = fopen(options->ack_log, "we");
                if (send->ack_log == NULL)
                        return err_set_errno(err, ERR_IO, errno, "cannot write '%s'", options->ack_log);
                setvbuf(send->ack_log, NULL, _IOLBF, 0);
        }
        return send_input_open(&options->input, &send->input, err);
}

int command_send(int argc, char **argv)
{
        struct send_options options;
        struct send send = {.clock = clock_system(), .options = &options, .interrupted = &interrupted,
                            .is_tty = isatty(STDERR_FILENO)};
        struct err err = {0};
        int parsed = send_options_parse(&options, clock_wall_ms(send.clock), argc, argv);

        if (parsed != 0) {
                send_options_done(&options);
                return parsed < 0 ? ERR_USAGE : parsed == SEND_OPTIONS_E_UNKNOWN_HOST ? ERR_UNAVAILABLE : ERR_NONE;
        }
        sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
        sigaction(SIGINT, &(struct sigaction){.sa_handler = on_interrupt}, NULL);
        sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_interrupt}, NULL);
        if (open_all(&send, &err) == 0 && run(&send, &err) == 0 && *send.interrupted)
                err_set(&err, ERR_UNAVAILABLE, "interrupted; everything sent so far was acknowledged");
        done(&send);
        send_options_done(&options);
        if (err.code != ERR_NONE)
                fprintf(stderr, "weir send: %s\n", err.text);
        return (int)err.code;
}
