/* bare_server.c - the yardstick of `make bench`: takes Flume's Avro RPC frames off the wire and answers OK.
 *
 *     bare_server            prints "port N" on stdout, serves until it is killed
 *
 * It does what any server must (read, find the ends of frames, answer in order) and nothing else: bodies are never
 * looked at, a batch of answers goes out in one write. One thread, epoll, one receive buffer for all connections, as
 * in weir's own loop. Reference: flume-avro-wire sections 1 and 2. */
#include "sidecar/base/bytes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECEIVE_BYTES = 256 << 10, ANSWERS_BYTES = 64 << 10 };

struct peer {
        int fd;
        bool has_handshaken;
        uint8_t word[8]; /* a frame or buffer head cut by the end of a read */
        uint32_t n_word;
        uint32_t n_buffers; /* buffers of the frame still to come; 0: between frames */
        uint32_t n_left;    /* bytes of the buffer still to come */
        uint8_t serial[4];
        uint8_t answers[ANSWERS_BYTES];
        size_t n_answers;
};

static void die(const char *what)
{
        perror(what);
        exit(1);
}

static void flush(struct peer *peer)
{
        size_t at = 0;

        while (at < peer->n_answers) {
                ssize_t n = send(peer->fd, peer->answers + at, peer->n_answers - at, MSG_NOSIGNAL);

                if (n < 0 && errno == EAGAIN) {
                        usleep(50);
                        continue;
                }
                if (n < 0)
                        break;
                at += (size_t)n;
        }
        peer->n_answers = 0;
}

/* serial, one buffer, [handshake BOTH], empty metadata, no error, OK */
static void answer(struct peer *peer)
{
        static const uint8_t body[7] = {0};
        uint32_t n_body = peer->has_handshaken ? 3 : 7;
        uint8_t *at;

        if (peer->n_answers + 32 > ANSWERS_BYTES)
                flush(peer);
        at = peer->answers + peer->n_answers;
        memcpy(at, peer->serial, 4);
        bytes_put_be32(at + 4, 1);
        bytes_put_be32(at + 8, n_body);
        memcpy(at + 12, body, n_body);
        peer->n_answers += 12 + n_body;
        peer->has_handshaken = true;
}

static void end_of_buffer(struct peer *peer)
{
        if (--peer->n_buffers == 0)
                answer(peer);
}

static void drain(struct peer *peer, const uint8_t *at, const uint8_t *end)
{
        while (at < end) {
                uint32_t n_head = peer->n_buffers == 0 ? 8 : 4;
                size_t n;

                if (peer->n_left > 0) {
                        n = (size_t)(end - at) < peer->n_left ? (size_t)(end - at) : peer->n_left;
                        at += n;
                        peer->n_left -= (uint32_t)n;
                        if (peer->n_left == 0)
                                end_of_buffer(peer);
                        continue;
                }
                n = n_head - peer->n_word;
                if (n > (size_t)(end - at))
                        n = (size_t)(end - at);
                memcpy(peer->word + peer->n_word, at, n);
                at += n;
                peer->n_word += (uint32_t)n;
                if (peer->n_word < n_head)
                        return;
                peer->n_word = 0;
                if (n_head == 8) {
                        memcpy(peer->serial, peer->word, 4);
                        peer->n_buffers = bytes_get_be32(peer->word + 4);
                } else {
                        peer->n_left = bytes_get_be32(peer->word);
                        if (peer->n_left == 0)
                                end_of_buffer(peer);
                }
        }
}

static int listen_anywhere(void)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof address;
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 64) < 0 ||
            getsockname(fd, (struct sockaddr *)&address, &len) < 0)
                die("listen");
        printf("port %u\n", ntohs(address.sin_port));
        fflush(stdout);
        return fd;
}

static void add(int epoll, int fd, void *pointer)
{
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = pointer};

        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
                die("epoll_ctl");
}

static void accept_peer(int epoll, int listener)
{
        struct peer *peer = calloc(1, sizeof *peer);
        int one = 1;

        if (peer == NULL)
                die("calloc");
        peer->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (peer->fd < 0)
                die("accept");
        setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        add(epoll, peer->fd, peer);
}

int main(void)
{
        static uint8_t buffer[RECEIVE_BYTES];
        struct epoll_event events[64];
        int epoll = epoll_create1(0);
        int listener = listen_anywhere();

        if (epoll < 0)
                die("epoll_create1");
        add(epoll, listener, NULL);
        for (;;) {
                int n_events = epoll_wait(epoll, events, 64, -1);

                for (int i = 0; i < n_events; i++) {
                        struct peer *peer = events[i].data.ptr;
                        ssize_t n;

                        if (peer == NULL) {
                                accept_peer(epoll, listener);
                                continue;
                        }
                        n = recv(peer->fd, buffer, sizeof buffer, 0);
                        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                                continue;
                        if (n <= 0) {
                                close(peer->fd);
                                free(peer);
                                continue;
                        }
                        drain(peer, buffer, buffer + n);
                        flush(peer);
                }
        }
}
