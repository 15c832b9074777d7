/* send_options.h - the command line of `weir send`. */
#ifndef WEIR_SIDECAR_CMD_SEND_OPTIONS_H
#define WEIR_SIDECAR_CMD_SEND_OPTIONS_H

#include "sidecar/cmd/send_input.h"

struct addrinfo;

enum { SEND_OPTIONS_HEADERS = 64, SEND_OPTIONS_E_HELP = 1, SEND_OPTIONS_E_UNKNOWN_HOST = 2 };

struct send_options {
        struct addrinfo *address, *bind; /* bind: NULL: any */
        uint32_t n_connections, batch_size, pipeline;
        int deflate_level;               /* -1: plain */
        double rate;                     /* events a second, 0: as fast as it goes */
        uint64_t retry_ms, give_up_s;
        const char *ack_log;             /* NULL: none */
        bool is_quiet;
        struct send_input_options input; /* borrows from argv, and from this: it must not move */
        const char *header_keys[SEND_OPTIONS_HEADERS], *header_values[SEND_OPTIONS_HEADERS];
};

/* start_ms: event time of the first generated event, where the line does not say. SEND_OPTIONS_E_HELP: the help was
 * asked for and printed. SEND_OPTIONS_E_UNKNOWN_HOST: said on stderr. < 0: wrong usage, said on stderr. */
int send_options_parse(struct send_options *options, int64_t start_ms, int argc, char **argv) WEIR_MUST_CHECK;
void send_options_done(struct send_options *options);

#endif
