/* load_client.c - the load of `make bench`: ad events in Flume's Avro RPC, as fast as the server takes them.
 *
 *     load_client PORT --connections N --frame N --seconds S [--warm-up S] [--stop-and-wait] [--in-flight N]
 *                 [--keys N] [--pass N] [--time-early] [--slide-events N]
 *
 * Events: headers `timestamp` and `host`, a body of about 140 bytes (schemas tests/bench/ad_late.avsc and
 * ad_early.avsc), about 190 bytes on the wire with the frames cut in buffers of 8192 bytes as Java cuts them.
 *
 * The client must cost less than any server it drives, or it sets the rate. So frames are built beforehand, one for
 * each that can be under way, in a file in memory, and go out by sendfile(2), which hands over pages instead of copying
 * them; the sockets use Reno, which has no pacing timers. A frame is written to again only when it was answered: before
 * it goes out anew its event times move on and its keys are drawn afresh, in place (both have varints of fixed length),
 * so windows slide and every key comes up. Ids are those of the frame built first: what is measured with dedup on is
 * making and keeping fingerprints, no row is a duplicate of one in doubt.
 *
 *   --keys N        campaign ids are drawn from N values (default 100)
 *   --pass N        one event in N is a click or an impression, the others have types that the jobs filter out
 *                   (default 1)
 *   --in-flight N   frames of a connection without an answer (default: of 4000 events, at least 4: what is on its way
 *                   then fits the sockets' windows and the processor's cache; with more, servers pay for the transport)
 *   --slide-events N  events of all connections per five minutes of event time (default 20 M)
 *
 * Prints one JSON object: events acknowledged in the measured time, rate, batches answered FAILED, latency of answers,
 * bytes, the client's own CPU ns per event. */
#include "sidecar/base/bytes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_BYTES = 8192, TEMPLATES = 4, CONNECTIONS_MAX = 64 };
enum { LATENCIES_MAX = 1 << 20, PREFETCH_EVENTS = 16 };
enum { TIME_BYTES = 6, KEY_BYTES = 3 }; /* zig-zag varints of today's milliseconds; of 8192 .. 1048575 */

struct options {
        uint16_t port;
        uint32_t n_connections, n_frame, in_flight, n_keys, pass;
        double seconds, warm_up;
        bool is_early;
        double slide_events;
};

/* The bytes of a frame; many frames are made from one. */
struct template {
        struct bytes bytes;
        uint32_t *time_at; /* per event: offset in the payload of its bytes */
        uint32_t *key_at;
        uint32_t n_head;
};

struct frame {
        const struct template *made_from;
        uint8_t *data; /* in the file's mapping */
        off_t at;      /* and in the file */
};

struct connection {
        int fd;
        struct frame first;        /* with the handshake */
        struct frame *frames;      /* as many as may be in flight, by serial, one behind the other in the file */
        off_t at, end;             /* of the file: what is ready and not sent */
        uint32_t serial;
        uint32_t n_in_flight;
        double *sent_at;           /* ring by serial */
        uint8_t word[8];           /* of the answer: head of the frame or of a buffer */
        uint32_t n_word, n_buffers, n_left;
        uint32_t answered;         /* serial of the answer */
        uint8_t last[2];           /* its last bytes: error flag, status */
        bool has_answered;
};

struct load {
        struct options options;
        struct connection connections[CONNECTIONS_MAX];
        struct template first, templates[TEMPLATES];
        int file;
        uint64_t random;
        uint64_t n_made;
        int64_t base_ms;
        uint64_t n_acked;
        uint64_t n_failed; /* batches answered FAILED */
        float *latency_us;
        size_t n_latencies;
        bool is_measuring;
};

static void die(const char *what)
{
        perror(what);
        exit(1);
}

static double now_s(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double cpu_s(void)
{
        struct timespec spent;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
        return (double)spent.tv_sec + (double)spent.tv_nsec * 1e-9;
}

static uint64_t draw(struct load *load)
{
        load->random ^= load->random << 13;
        load->random ^= load->random >> 7;
        load->random ^= load->random << 17;
        return load->random;
}

static void put_long(struct bytes *bytes, int64_t value)
{
        bytes_append_varint(bytes, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

static void put_text(struct bytes *bytes, const char *text)
{
        put_long(bytes, (int64_t)strlen(text));
        bytes_append_text(bytes, text);
}

/* One body; *ret_time and *ret_key are offsets in it. */
static void make_body(struct load *load, struct bytes *body, uint32_t *ret_time, uint32_t *ret_key)
{
        static const char *types[] = {"impression", "impression", "click"}, *others[] = {"viewable", "hover"};
        char text[64];
        uint64_t r = draw(load);
        bool passes = load->n_made++ % load->options.pass == 0;

        snprintf(text, sizeof text, "%08x-%04x-4%03x-8%03x-%012llx", (unsigned)r, (unsigned)(r >> 48),
                 (unsigned)(r >> 20) & 0xfff, (unsigned)(r >> 8) & 0xfff,
                 (unsigned long long)(draw(load) & 0xffffffffffff));
        put_text(body, text); /* event_id */
        if (load->options.is_early) {
                *ret_time = (uint32_t)body->len;
                bytes_append(body, "\x80\x80\x80\x80\x80\x01", TIME_BYTES);
        }
        put_text(body, passes ? types[r % 3] : others[r % 2]);
        *ret_key = (uint32_t)body->len;
        bytes_append(body, "\x80\x80\x01", KEY_BYTES); /* campaign_id */
        put_long(body, (int64_t)(10000 + r % 1000)); /* ad_id */
        snprintf(text, sizeof text, "user-%08llx", (unsigned long long)(r >> 32));
        put_text(body, text);
        snprintf(text, sizeof text, "198.51.%u.%u", 100 + (unsigned)(r >> 40) % 100, 100 + (unsigned)(r >> 16) % 100);
        put_text(body, text);
        put_text(body, "Mozilla/5.0 (X11; Linux x86_64) weir-bench/1.0"); /* user_agent */
        if (!load->options.is_early) {
                *ret_time = (uint32_t)body->len;
                bytes_append(body, "\x80\x80\x80\x80\x80\x01", TIME_BYTES);
        }
}

/* Offset in the payload -> offset in the frame: buffers of 8192 bytes behind a first buffer of n_head bytes. */
static uint32_t in_frame(uint32_t n_head, uint32_t at)
{
        return 8 + 4 + n_head + (at / BUFFER_BYTES + 1) * 4 + at;
}

static void make_template(struct load *load, struct template *template, bool is_first)
{
        static const uint8_t hash[16] = {0x86, 0xaa, 0xda, 0xe2, 0xc4, 0x54, 0x74, 0xc0,
                                         0xfe, 0x93, 0xff, 0xd0, 0xf2, 0x35, 0x0a, 0x65};
        uint32_t n = load->options.n_frame;
        struct bytes head, payload, body, *out = &template->bytes;

        bytes_init(&head);
        bytes_init(&payload);
        bytes_init(&body);
        bytes_init(out);
        template->time_at = calloc(n, sizeof *template->time_at);
        template->key_at = calloc(n, sizeof *template->key_at);
        if (template->time_at == NULL || template->key_at == NULL)
                die("calloc");
        if (is_first) {
                bytes_append(&head, hash, 16);
                bytes_append(&head, "\0", 1);
                bytes_append(&head, hash, 16);
                bytes_append(&head, "\2\0", 2);
        }
        bytes_append(&head, "\0", 1);
        put_text(&head, "appendBatch");
        template->n_head = (uint32_t)head.len;
        put_long(&payload, n);
        for (uint32_t i = 0; i < n; i++) {
                uint32_t time_at = 0, key_at = 0;

                bytes_reset(&body);
                make_body(load, &body, &time_at, &key_at);
                put_long(&payload, 2);
                put_text(&payload, "timestamp");
                put_text(&payload, "1700000000000");
                put_text(&payload, "host");
                put_text(&payload, "web-0001.example");
                put_long(&payload, 0);
                put_long(&payload, (int64_t)body.len);
                template->time_at[i] = (uint32_t)payload.len + time_at;
                template->key_at[i] = (uint32_t)payload.len + key_at;
                bytes_append_slice(&payload, bytes_slice(&body));
        }
        put_long(&payload, 0);
        bytes_reserve(out, payload.len + payload.len / 1024 + 256);
        out->len = 12;
        bytes_put_be32(out->data + 4, 1 + (uint32_t)((payload.len + BUFFER_BYTES - 1) / BUFFER_BYTES));
        bytes_put_be32(out->data + 8, (uint32_t)head.len);
        bytes_append_slice(out, bytes_slice(&head));
        for (size_t at = 0; at < payload.len; at += BUFFER_BYTES) {
                uint32_t len = (uint32_t)(payload.len - at < BUFFER_BYTES ? payload.len - at : BUFFER_BYTES);
                uint8_t word[4];

                bytes_put_be32(word, len);
                bytes_append(out, word, 4);
                bytes_append(out, payload.data + at, len);
        }
        bytes_done(&head);
        bytes_done(&payload);
        bytes_done(&body);
}

/* Writes n <= 8 bytes at a payload offset; a buffer head may stand between them. */
static inline void patch(struct frame *frame, uint32_t at, uint64_t digits, uint32_t n)
{
        uint32_t to_head = BUFFER_BYTES - at % BUFFER_BYTES;

        if (n <= to_head) {
                memcpy(frame->data + in_frame(frame->made_from->n_head, at), &digits, n);
                return;
        }
        for (uint32_t i = 0; i < n; i++)
                frame->data[in_frame(frame->made_from->n_head, at + i)] = (uint8_t)(digits >> 8 * i);
}

/* Varints of exactly six and three bytes, little-endian in one word. */
static inline uint64_t encode_time(uint64_t zigzag)
{
        return (zigzag & 0x7f) | (zigzag >> 7 & 0x7f) << 8 | (zigzag >> 14 & 0x7f) << 16 | (zigzag >> 21 & 0x7f) << 24 |
               (zigzag >> 28 & 0x7f) << 32 | (zigzag >> 35 & 0x7f) << 40 | UINT64_C(0x008080808080);
}

static inline uint64_t encode_key(uint64_t zigzag)
{
        return (zigzag & 0x7f) | (zigzag >> 7 & 0x7f) << 8 | (zigzag >> 14 & 0x7f) << 16 | 0x8080;
}

/* New times and keys, and the serial. */
static void refresh(struct load *load, struct connection *connection, struct frame *frame)
{
        const struct template *template = frame->made_from;
        uint32_t n = load->options.n_frame;
        double ms_per_event = 300000.0 / load->options.slide_events;
        uint64_t ms = (uint64_t)(load->base_ms + (int64_t)((double)load->n_made * ms_per_event));

        for (uint32_t i = 0; i < n; i++) {
                uint64_t r = draw(load);

                if (i + PREFETCH_EVENTS < n) { /* the server's core had the lines last */
                        uint32_t soon = i + PREFETCH_EVENTS;

                        __builtin_prefetch(frame->data + in_frame(template->n_head, template->time_at[soon]), 1);
                        __builtin_prefetch(frame->data + in_frame(template->n_head, template->key_at[soon]), 1);
                }
                patch(frame, template->time_at[i], encode_time((ms - (r & 1023)) << 1), TIME_BYTES);
                patch(frame, template->key_at[i], encode_key((8192 + ((r >> 32) * load->options.n_keys >> 32)) << 1),
                      KEY_BYTES);
        }
        load->n_made += n;
        bytes_put_be32(frame->data, ++connection->serial);
}

static void open_connection(struct load *load, struct connection *connection)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                      .sin_port = htons(load->options.port)};
        int one = 1;

        connection->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connection->fd < 0 || connect(connection->fd, (struct sockaddr *)&address, sizeof address) < 0 ||
            fcntl(connection->fd, F_SETFL, O_NONBLOCK) < 0)
                die("connect");
        setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_CONGESTION, "reno", strlen("reno"));
        connection->sent_at = calloc(65536, sizeof *connection->sent_at);
}

static size_t put_frame(struct frame *frame, const struct template *template, uint8_t *file, size_t at)
{
        *frame = (struct frame){.made_from = template, .data = file + at, .at = (off_t)at};
        memcpy(frame->data, template->bytes.data, template->bytes.len);
        return at + template->bytes.len;
}

/* Every connection's frames, in one file in memory. */
static void make_frames(struct load *load)
{
        uint32_t n_connections = load->options.n_connections, in_flight = load->options.in_flight;
        size_t most = 0, len, at = 0;
        uint8_t *file;

        make_template(load, &load->first, true);
        for (uint32_t i = 0; i < TEMPLATES; i++) {
                make_template(load, &load->templates[i], false);
                most = load->templates[i].bytes.len > most ? load->templates[i].bytes.len : most;
        }
        len = n_connections * (load->first.bytes.len + in_flight * most);
        load->file = memfd_create("frames", 0);
        if (load->file < 0 || ftruncate(load->file, (off_t)len) < 0)
                die("memfd_create");
        file = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, load->file, 0);
        if (file == MAP_FAILED)
                die("mmap");
        for (uint32_t c = 0; c < n_connections; c++) {
                struct connection *connection = &load->connections[c];

                connection->frames = calloc(in_flight, sizeof *connection->frames);
                if (connection->frames == NULL)
                        die("calloc");
                at = put_frame(&connection->first, &load->first, file, at);
                for (uint32_t i = 0; i < in_flight; i++)
                        at = put_frame(&connection->frames[i], &load->templates[i % TEMPLATES], file, at);
        }
}

/* Makes ready what the window allows: frames that follow each other in the file go out in one call. */
static void ready_frames(struct load *load, struct connection *connection)
{
        while (connection->n_in_flight < load->options.in_flight) {
                struct frame *frame = connection->serial == 0
                                              ? &connection->first
                                              : &connection->frames[connection->serial % load->options.in_flight];

                /* the frame with the handshake goes out once, alone */
                if (connection->serial > 0 && !connection->has_answered)
                        return;
                if (connection->at == connection->end)
                        connection->at = connection->end = frame->at;
                if (connection->end != frame->at)
                        return;
                refresh(load, connection, frame);
                connection->end += (off_t)frame->made_from->bytes.len;
                connection->sent_at[connection->serial & 65535] = now_s();
                connection->n_in_flight++;
        }
}

static void send_some(struct load *load, struct connection *connection)
{
        for (;;) {
                ssize_t n;

                ready_frames(load, connection);
                if (connection->at == connection->end)
                        return;
                n = sendfile(connection->fd, load->file, &connection->at, (size_t)(connection->end - connection->at));
                if (n < 0 && errno == EAGAIN)
                        return;
                if (n < 0)
                        die("sendfile");
        }
}

static void take_answer(struct load *load, struct connection *connection)
{
        bool is_ok = connection->last[1] == 0;
        double sent_s;

        if (connection->last[0] != 0) {
                fprintf(stderr, "load_client: a batch was answered with an error\n");
                exit(1);
        }
        connection->has_answered = true;
        connection->n_in_flight--;
        if (!load->is_measuring)
                return;
        if (!is_ok) {
                load->n_failed++;
                return;
        }
        load->n_acked += load->options.n_frame;
        sent_s = connection->sent_at[connection->answered & 65535];
        if (load->n_latencies < LATENCIES_MAX)
                load->latency_us[load->n_latencies++] = (float)((now_s() - sent_s) * 1e6);
}

/* Flume answers the handshake in a buffer of its own. */
static void take_byte(struct load *load, struct connection *connection, uint8_t byte)
{
        if (connection->n_left > 0) {
                connection->last[0] = connection->last[1];
                connection->last[1] = byte;
                connection->n_left--;
        } else {
                connection->word[connection->n_word++] = byte;
                if (connection->n_word < (connection->n_buffers == 0 ? 8 : 4))
                        return;
                connection->n_word = 0;
                if (connection->n_buffers == 0) {
                        connection->answered = bytes_get_be32(connection->word);
                        connection->n_buffers = bytes_get_be32(connection->word + 4);
                        return;
                }
                connection->n_left = bytes_get_be32(connection->word);
        }
        if (connection->n_left == 0 && --connection->n_buffers == 0)
                take_answer(load, connection);
}

static void receive_some(struct load *load, struct connection *connection)
{
        uint8_t buffer[4096];
        ssize_t n = recv(connection->fd, buffer, sizeof buffer, MSG_DONTWAIT);

        if (n < 0 && errno == EAGAIN)
                return;
        if (n <= 0) {
                fprintf(stderr, "load_client: the server closed a connection\n");
                exit(1);
        }
        for (ssize_t i = 0; i < n; i++)
                take_byte(load, connection, buffer[i]);
}

static int compare_float(const void *a, const void *b)
{
        float x = *(const float *)a, y = *(const float *)b;

        return (x > y) - (x < y);
}

static void run(struct load *load)
{
        struct pollfd polls[CONNECTIONS_MAX];
        double start = now_s() + load->options.warm_up, end = start + load->options.seconds, now;
        double cpu = 0;
        uint64_t n_events = 0;

        do {
                for (uint32_t i = 0; i < load->options.n_connections; i++) {
                        struct connection *connection = &load->connections[i];

                        send_some(load, connection);
                        polls[i] = (struct pollfd){.fd = connection->fd,
                                                   .events = (short)(POLLIN |
                                                                     (connection->at < connection->end ? POLLOUT : 0))};
                }
                poll(polls, load->options.n_connections, 100);
                for (uint32_t i = 0; i < load->options.n_connections; i++)
                        if (polls[i].revents & (POLLIN | POLLHUP | POLLERR))
                                receive_some(load, &load->connections[i]);
                now = now_s();
                if (!load->is_measuring && now >= start) {
                        load->is_measuring = true;
                        start = now;
                        cpu = cpu_s();
                        printf("measuring\n");
                        fflush(stdout);
                }
        } while (now < end);
        n_events = load->n_acked;
        cpu = cpu_s() - cpu;
        qsort(load->latency_us, load->n_latencies, sizeof *load->latency_us, compare_float);
        printf("{\"events\": %llu, \"failed\": %llu, \"seconds\": %.6f, \"events_per_second\": %.0f, \"answers\": %zu, "
               "\"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f, \"frame_bytes\": %zu, \"client_cpu_ns\": %.1f}\n",
               (unsigned long long)n_events, (unsigned long long)load->n_failed, now - start,
               (double)n_events / (now - start), load->n_latencies,
               load->n_latencies ? (double)load->latency_us[load->n_latencies / 2] : 0,
               load->n_latencies ? (double)load->latency_us[load->n_latencies * 99 / 100] : 0,
               load->n_latencies ? (double)load->latency_us[load->n_latencies - 1] : 0,
               load->templates[0].bytes.len, n_events > 0 ? cpu * 1e9 / (double)n_events : 0);
}

static void parse(struct options *options, int argc, char **argv)
{
        *options = (struct options){.n_connections = 8, .n_frame = 1000, .n_keys = 100, .pass = 1, .seconds = 2,
                                    .warm_up = 0.5, .slide_events = 20e6};
        if (argc < 2) {
                fprintf(stderr, "usage: load_client PORT [OPTION]...; the options stand at the top of load_client.c\n");
                exit(64);
        }
        options->port = (uint16_t)strtoul(argv[1], NULL, 10);
        for (int i = 2; i < argc; i++) {
                const char *value = i + 1 < argc ? argv[i + 1] : "";

                if (strcmp(argv[i], "--time-early") == 0)
                        options->is_early = true;
                else if (strcmp(argv[i], "--stop-and-wait") == 0)
                        options->in_flight = 1;
                else if (strcmp(argv[i], "--connections") == 0 && ++i)
                        options->n_connections = (uint32_t)strtoul(value, NULL, 10);
                else if (strcmp(argv[i], "--frame") == 0 && ++i)
                        options->n_frame = (uint32_t)strtoul(value, NULL, 10);
                else if (strcmp(argv[i], "--in-flight") == 0 && ++i)
                        options->in_flight = (uint32_t)strtoul(value, NULL, 10);
                else if (strcmp(argv[i], "--keys") == 0 && ++i)
                        options->n_keys = (uint32_t)strtoul(value, NULL, 10);
                else if (strcmp(argv[i], "--pass") == 0 && ++i)
                        options->pass = (uint32_t)strtoul(value, NULL, 10);
                else if (strcmp(argv[i], "--seconds") == 0 && ++i)
                        options->seconds = strtod(value, NULL);
                else if (strcmp(argv[i], "--warm-up") == 0 && ++i)
                        options->warm_up = strtod(value, NULL);
                else if (strcmp(argv[i], "--slide-events") == 0 && ++i)
                        options->slide_events = strtod(value, NULL);
                else {
                        fprintf(stderr, "load_client: what is '%s'?\n", argv[i]);
                        exit(64);
                }
        }
        if (options->in_flight == 0)
                options->in_flight = 4000 / options->n_frame > 4 ? 4000 / options->n_frame : 4;
        if (options->n_connections > CONNECTIONS_MAX || options->n_keys > 1048575 - 8192 + 1 || options->n_frame == 0 ||
            options->pass == 0) {
                fprintf(stderr, "load_client: an option is out of range\n");
                exit(64);
        }
}

int main(int argc, char **argv)
{
        static struct load load;
        struct timespec wall;

        parse(&load.options, argc, argv);
        signal(SIGPIPE, SIG_IGN);
        load.random = 0x9e3779b97f4a7c15;
        clock_gettime(CLOCK_REALTIME, &wall);
        load.base_ms = (int64_t)wall.tv_sec * 1000 - 24 * 3600000;
        load.latency_us = calloc(LATENCIES_MAX, sizeof *load.latency_us);
        if (load.latency_us == NULL)
                die("calloc");
        for (uint32_t i = 0; i < load.options.n_connections; i++)
                open_connection(&load, &load.connections[i]);
        make_frames(&load);
        load.n_made = 0;
        run(&load);
        return 0;
}
