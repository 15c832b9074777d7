/* send.c - `weir send`: a client that behaves as Flume's avro sinks do.
 *
 * Events come in batches from one input; connections take turns. Each has at most --pipeline batches under way (1, as a
 * sink has). A batch counts as sent when it was answered OK. After anything else, or a lost connection, its connection
 * is closed and what it had under way is sent again, first, on the next connection that has room; short batches may
 * grow on the way, as Flume's do. So every event is delivered at least once, and the order of first sends is the
 * input's. */
#include "avro/client.h"
#include "sidecar/base/alloc.h"
#include "sidecar/base/clock.h"
#include "sidecar/cmd/command.h"
#include "sidecar/cmd/send_input.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 1024, HEADERS_MAX = 64, REQUEST_TIMEOUT_S = 20 };

struct sent_batch {
        struct sent_batch *next;
        struct bytes events;
        uint32_t n_events;
        uint64_t first; /* number of its first event in the input, from 0 */
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
        struct addrinfo *address, *bind;
        uint32_t n_senders, batch_size, pipeline;
        int deflate_level;
        double rate;             /* events a second, 0: as fast as it goes */
        uint64_t retry_ms, give_up_ms;
        struct sender *senders;
        struct send_input *input;
        struct send_input_options input_options;
        bool is_input_done;
        struct sent_batch *again, *unused; /* to be sent again, oldest first */
        uint64_t n_taken, n_acked, n_resent_events, n_failures;
        uint64_t start_ns, shown_ns, progress_ns; /* last OK */
        FILE *ack_log;
        bool is_tty, is_quiet;
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

        if (batch == NULL)
                return alloc_zero(1, sizeof *batch);
        send->unused = batch->next;
        batch->next = NULL;
        bytes_reset(&batch->events);
        batch->n_events = 0;
        return batch;
}

static void put_unused(struct send *send, struct sent_batch *batch)
{
        batch->next = send->unused;
        send->unused = batch;
}

static bool may_take(const struct send *send, uint64_t now_ns)
{
        double seconds = (double)(now_ns - send->start_ns) * 1e-9;

        return send->rate == 0 || (double)send->n_taken < seconds * send->rate + send->batch_size;
}

/* The next batch to send: one that failed, else new events. NULL: nothing now. */
static int next_batch(struct send *send, uint64_t now_ns, struct sent_batch **ret_batch, struct err *err)
{
        struct sent_batch *batch = send->again;
        uint32_t n = 0;
        int result;

        *ret_batch = NULL;
        if (batch != NULL) {
                send->again = batch->next;
                batch->next = NULL;
                *ret_batch = batch;
                return 0;
        }
        if (send->is_input_done || *send->interrupted || !may_take(send, now_ns))
                return 0;
        batch = take_unused(send);
        result = send_input_next(send->input, send->batch_size, &batch->events, &n, err);
        if (result != 0) {
                put_unused(send, batch);
                send->is_input_done = true;
                return result < 0 ? -1 : 0;
        }
        batch->n_events = n;
        batch->first = send->n_taken;
        send->n_taken += n;
        *ret_batch = batch;
        return 0;
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
        sender->retry_ns = clock_monotonic_ns(send->clock) + send->retry_ms * 1000000;
        /* What was under way goes again in the input's order. */
        while (sender->under_way != NULL) {
                struct sent_batch *batch = sender->under_way;

                sender->under_way = batch->next;
                send->n_resent_events += batch->n_events;
                at = &send->again;
                while (*at != NULL && (*at)->first < batch->first)
                        at = &(*at)->next;
                batch->next = *at;
                *at = batch;
        }
        sender->last_under_way = &sender->under_way;
        sender->n_under_way = 0;
}

static void dial(struct send *send, struct sender *sender)
{
        const struct addrinfo *to = send->address;
        int one = 1;

        sender->fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (sender->fd < 0 ||
            (send->bind != NULL && bind(sender->fd, send->bind->ai_addr, send->bind->ai_addrlen) < 0)) {
                fail(send, sender, strerror(errno));
                return;
        }
        setsockopt(sender->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        sender->client = client_new(send->deflate_level);
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
        while (sender->n_under_way < send->pipeline) {
                uint64_t now_ns = clock_monotonic_ns(send->clock);
                struct sent_batch *batch;

                if (next_batch(send, now_ns, &batch, err) < 0)
                        return -1;
                if (batch == NULL)
                        return 0;
                batch->serial = client_append_batch(sender->client, batch->n_events, bytes_slice(&batch->events),
                                                    &sender->output);
                batch->sent_ns = now_ns;
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
                fprintf(send->ack_log, "%llu %u\n", (unsigned long long)batch->first, batch->n_events);
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

        if (send->is_quiet || (!is_last && now_ns - send->shown_ns < every_ns))
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
        for (uint32_t i = 0; i < send->n_senders; i++)
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

        for (uint32_t i = 0; i < send->n_senders; i++) {
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
        if (poll(polls, send->n_senders, send->rate > 0 ? 5 : 100) < 0 && errno != EINTR)
                return err_set_errno(err, ERR_INTERNAL, errno, "poll");
        for (uint32_t i = 0; i < send->n_senders; i++) {
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
        struct pollfd *polls = alloc_zero(send->n_senders, sizeof *polls);
        int result = 0;

        send->start_ns = send->progress_ns = clock_monotonic_ns(send->clock);
        while (result == 0 && !is_done(send)) {
                result = turn(send, polls, err);
                show(send, false);
                if (result == 0 && *send->interrupted > 1)
                        result = err_set(err, ERR_UNAVAILABLE, "interrupted with events not acknowledged");
                if (result == 0 && clock_monotonic_ns(send->clock) - send->progress_ns > send->give_up_ms * 1000000 &&
                    send->n_failures > 0)
                        result = err_set(err, ERR_UNAVAILABLE, "no event was acknowledged for %llu s: %s",
                                         (unsigned long long)send->give_up_ms / 1000, send->last_failure);
        }
        alloc_free(polls);
        show(send, true);
        return result;
}

static void done(struct send *send)
{
        for (uint32_t i = 0; i < send->n_senders; i++) {
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
                        alloc_free(batch);
                }
        alloc_free(send->senders);
        send_input_close(send->input);
        if (send->address != NULL)
                freeaddrinfo(send->address);
        if (send->bind != NULL)
                freeaddrinfo(send->bind);
        if (send->ack_log != NULL)
                fclose(send->ack_log);
}

/* ---- Command line */

static void print_help(void)
{
        fputs("usage: weir send HOST:PORT [OPTION]... FILE...\n"
              "       weir send HOST:PORT [OPTION]... --generate N\n"
              "\n"
              "Sends events to weir, or to any Flume avro source, as an avro sink does; what was not acknowledged is sent again.\n"
              "FILE is an Avro container file, or JSON lines: {\"headers\": {...}, \"body\": \"text\"}, or any line, which is then the\n"
              "body. - is standard input.\n"
              "\n"
              "  --schema FILE         JSON objects become bare Avro data by this schema (.avsc)\n"
              "  --header KEY=VALUE    a header for every event\n"
              "  --connections N       default 1\n"
              "  --batch-size N        events in a call, default 100\n"
              "  --pipeline N          calls under way on a connection, default 1 (Flume's sinks wait for each answer)\n"
              "  --deflate[=LEVEL]     compression-type = deflate, level 0-9, default 6\n"
              "  --rate R              events a second, default as fast as they are taken\n"
              "  --bind ADDRESS        local address of the connections\n"
              "  --retry-ms N          pause after a failure, default 1000\n"
              "  --give-up S           end with 69 when nothing was acknowledged for so long, default 120\n"
              "  --ack-log FILE        a line for each acknowledged batch: number of its first event, number of events\n"
              "  --quiet               no progress\n"
              "\n"
              "Generated ad traffic (schemas/events/ad_event.avsc):\n"
              "  --generate N          so many events\n"
              "  --seed S              default 42; everything follows from it\n"
              "  --campaigns N, --ads N, --users N, --addresses N\n"
              "  --start MS            event time of the first event, default now\n"
              "  --ms-per-event F      how fast event time passes, default 1\n"
              "  --disorder MS         events lie at most so far behind, default 2000\n"
              "  --click-share F       of the fair events, default 0.05\n"
              "  --fraud KIND=SHARE    address or user; share of all events that are click fraud of that kind\n"
              "  --labels FILE         the generated events as JSON lines, each with its \"label\": fair, address or user\n"
              "\n"
              "Exit codes: 0 everything acknowledged, 64 usage, 65 bad input, 69 not delivered.\n",
              stdout);
}

static int resolve(const char *text, bool has_port, struct addrinfo **ret_address)
{
        struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
        char *host = alloc_text(text);
        char *colon = has_port ? strrchr(host, ':') : NULL;
        char *name = host;
        int failed;

        if (has_port && colon == NULL) {
                fprintf(stderr, "weir send: '%s' is not HOST:PORT\n", text);
                alloc_free(host);
                return -1;
        }
        if (colon != NULL)
                *colon = '\0';
        if (name[0] == '[' && name[strlen(name) - 1] == ']') {
                name[strlen(name) - 1] = '\0';
                name++;
        }
        failed = getaddrinfo(name, colon == NULL ? NULL : colon + 1, &hints, ret_address);
        if (failed != 0)
                fprintf(stderr, "weir send: cannot resolve '%s': %s\n", text, gai_strerror(failed));
        alloc_free(host);
        return failed == 0 ? 0 : -1;
}

struct send_arguments {
        const char *header_keys[HEADERS_MAX], *header_values[HEADERS_MAX];
        const char *ack_log, *bind;
        bool wants_help;
};

static bool parse_pair(char *text, const char **ret_value)
{
        char *sign = strchr(text, '=');

        if (sign == NULL)
                return false;
        *sign = '\0';
        *ret_value = sign + 1;
        return true;
}

static bool parse_fraud(struct ad_traffic_options *traffic, char *text)
{
        const char *share;

        if (!parse_pair(text, &share))
                return false;
        if (strcmp(text, "address") == 0)
                traffic->address_fraud = strtod(share, NULL);
        else if (strcmp(text, "user") == 0)
                traffic->user_fraud = strtod(share, NULL);
        else
                return false;
        return true;
}

enum option_id {
        SCHEMA = 256,
        HEADER,
        CONNECTIONS,
        BATCH_SIZE,
        PIPELINE,
        DEFLATE,
        RATE,
        BIND,
        RETRY,
        GIVE_UP,
        ACK_LOG,
        QUIET,
        GENERATE,
        SEED,
        CAMPAIGNS,
        ADS,
        USERS,
        ADDRESSES,
        START,
        MS_PER_EVENT,
        DISORDER,
        CLICK_SHARE,
        FRAUD,
        LABELS
};

static const struct option options[] = {{"schema", 1, NULL, SCHEMA},
                                        {"header", 1, NULL, HEADER},
                                        {"connections", 1, NULL, CONNECTIONS},
                                        {"batch-size", 1, NULL, BATCH_SIZE},
                                        {"pipeline", 1, NULL, PIPELINE},
                                        {"deflate", 2, NULL, DEFLATE},
                                        {"rate", 1, NULL, RATE},
                                        {"bind", 1, NULL, BIND},
                                        {"retry-ms", 1, NULL, RETRY},
                                        {"give-up", 1, NULL, GIVE_UP},
                                        {"ack-log", 1, NULL, ACK_LOG},
                                        {"quiet", 0, NULL, QUIET},
                                        {"generate", 1, NULL, GENERATE},
                                        {"seed", 1, NULL, SEED},
                                        {"campaigns", 1, NULL, CAMPAIGNS},
                                        {"ads", 1, NULL, ADS},
                                        {"users", 1, NULL, USERS},
                                        {"addresses", 1, NULL, ADDRESSES},
                                        {"start", 1, NULL, START},
                                        {"ms-per-event", 1, NULL, MS_PER_EVENT},
                                        {"disorder", 1, NULL, DISORDER},
                                        {"click-share", 1, NULL, CLICK_SHARE},
                                        {"fraud", 1, NULL, FRAUD},
                                        {"labels", 1, NULL, LABELS},
                                        {"help", 0, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};

static bool set_traffic(struct send *send, int option, char *text)
{
        struct ad_traffic_options *traffic = &send->input_options.traffic;
        uint64_t number = strtoull(text, NULL, 10);

        switch (option) {
        case GENERATE: send->input_options.n_generate = number; return number > 0;
        case SEED: traffic->seed = number; return true;
        case CAMPAIGNS: traffic->n_campaigns = (uint32_t)number; return number > 0;
        case ADS: traffic->n_ads = (uint32_t)number; return number > 0;
        case USERS: traffic->n_users = (uint32_t)number; return number > 0;
        case ADDRESSES: traffic->n_addresses = (uint32_t)number; return number > 0;
        case START: traffic->start_ms = strtoll(text, NULL, 10); return true;
        case MS_PER_EVENT: traffic->ms_per_event = strtod(text, NULL); return traffic->ms_per_event >= 0;
        case DISORDER: traffic->disorder_ms = (uint32_t)number; return true;
        case CLICK_SHARE: traffic->click_share = strtod(text, NULL); return true;
        case FRAUD: return parse_fraud(traffic, text);
        case LABELS: send->input_options.label_path = text; return true;
        default: return false;
        }
}

static bool set_option(struct send *send, struct send_arguments *arguments, int option, char *text)
{
        uint64_t number = text == NULL ? 0 : strtoull(text, NULL, 10);
        uint32_t n = send->input_options.n_headers;

        switch (option) {
        case SCHEMA: send->input_options.schema_path = text; return true;
        case HEADER:
                if (n == HEADERS_MAX || !parse_pair(text, &arguments->header_values[n]))
                        return false;
                arguments->header_keys[n] = text;
                send->input_options.n_headers++;
                return true;
        case CONNECTIONS: send->n_senders = (uint32_t)number; return number > 0 && number <= CONNECTIONS_MAX;
        case BATCH_SIZE: send->batch_size = (uint32_t)number; return number > 0 && number <= 1000000;
        case PIPELINE: send->pipeline = (uint32_t)number; return number > 0 && number <= 1024;
        case DEFLATE: send->deflate_level = text == NULL ? 6 : (int)number; return number <= 9;
        case RATE: send->rate = strtod(text, NULL); return send->rate > 0;
        case BIND: arguments->bind = text; return true;
        case RETRY: send->retry_ms = number; return true;
        case GIVE_UP: send->give_up_ms = number * 1000; return number > 0;
        case ACK_LOG: arguments->ack_log = text; return true;
        case QUIET: send->is_quiet = true; return true;
        case 'h': arguments->wants_help = true; return true;
        default: return set_traffic(send, option, text);
        }
}

/* 0 go on, > 0 help was asked for, < 0 usage. */
static int parse(struct send *send, struct send_arguments *arguments, int argc, char **argv)
{
        int option;

        optind = 1;
        while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                if (option == '?')
                        return -1;
                if (!set_option(send, arguments, option, optarg)) {
                        fprintf(stderr, "weir send: '%s' does not fit its option; --help says what does\n",
                                optarg == NULL ? "" : optarg);
                        return -1;
                }
        }
        if (arguments->wants_help)
                return 1;
        send->input_options.header_keys = arguments->header_keys;
        send->input_options.header_values = arguments->header_values;
        if (optind >= argc || (optind + 1 == argc) != (send->input_options.n_generate > 0)) {
                fputs("weir send: HOST:PORT and either files or --generate N are needed; --help says more\n", stderr);
                return -1;
        }
        send->input_options.paths = argv + optind + 1;
        send->input_options.n_paths = (uint32_t)(argc - optind - 1);
        return resolve(argv[optind], true, &send->address) < 0 ||
                               (arguments->bind != NULL && resolve(arguments->bind, false, &send->bind) < 0)
                       ? -1
                       : 0;
}

static int open_all(struct send *send, const struct send_arguments *arguments, struct err *err)
{
        send->senders = alloc_zero(send->n_senders, sizeof *send->senders);
        for (uint32_t i = 0; i < send->n_senders; i++) {
                send->senders[i].fd = -1;
                send->senders[i].last_under_way = &send->senders[i].under_way;
        }
        if (arguments->ack_log != NULL) {
                send->ack_log = fopen(arguments->ack_log, "we");
                if (send->ack_log == NULL)
                        return err_set_errno(err, ERR_IO, errno, "cannot write '%s'", arguments->ack_log);
                setvbuf(send->ack_log, NULL, _IOLBF, 0);
        }
        return send_input_open(&send->input_options, &send->input, err);
}

int command_send(int argc, char **argv)
{
        struct send send = {.clock = clock_system(),
                            .n_senders = 1,
                            .batch_size = 100,
                            .pipeline = 1,
                            .deflate_level = -1,
                            .retry_ms = 1000,
                            .give_up_ms = 120000,
                            .interrupted = &interrupted,
                            .is_tty = isatty(STDERR_FILENO)};
        struct send_arguments arguments = {.ack_log = NULL};
        struct err err = {0};
        int parsed;

        ad_traffic_options_default(&send.input_options.traffic);
        send.input_options.traffic.start_ms = clock_wall_ms(send.clock);
        parsed = parse(&send, &arguments, argc, argv);
        if (parsed > 0)
                print_help();
        if (parsed != 0)
                return parsed < 0 ? ERR_USAGE : ERR_NONE;
        sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
        sigaction(SIGINT, &(struct sigaction){.sa_handler = on_interrupt}, NULL);
        sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_interrupt}, NULL);
        if (open_all(&send, &arguments, &err) == 0 && run(&send, &err) == 0 && *send.interrupted)
                err_set(&err, ERR_UNAVAILABLE, "interrupted; everything sent so far was acknowledged");
        done(&send);
        if (err.code != ERR_NONE)
                fprintf(stderr, "weir send: %s\n", err.text);
        return (int)err.code;
}
