/* send_options.c - the command line of `weir send`.
 *
 * Numbers are read strictly: what is no number of the option's range, from its first byte to its last, is wrong usage,
 * and the sentence says the range. */
#include "sidecar/cmd/send_options.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/number.h"

#include <getopt.h>
#include <inttypes.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { WHY_BYTES = 160, PORT_MAX = 65535 };

static void print_help(void)
{
        fputs("usage: weir send HOST:PORT [OPTION]... FILE...\n"
              "       weir send HOST:PORT [OPTION]... --generate N\n"
              "\n"
              "Sends events to weir, or to any Flume avro source, as an avro sink does; what was not acknowledged is sent again,\n"
              "in calls cut anew.\n"
              "FILE is an Avro container file, or JSON lines: {\"headers\": {...}, \"body\": \"text\"}, or any line, which is then the\n"
              "body. - is standard input.\n"
              "\n"
              "  --schema FILE         JSON objects become bare Avro data by this schema (.avsc)\n"
              "  --header KEY=VALUE    a header for every event\n"
              "  --connections N       default 1\n"
              "  --batch-size N        events in a call at most, default 100\n"
              "  --pipeline N          calls under way on a connection, default 1 (Flume's sinks wait for each answer)\n"
              "  --deflate[=LEVEL]     compression-type = deflate, level 0-9, default 6\n"
              "  --rate R              events a second, default as fast as they are taken\n"
              "  --bind ADDRESS        local address of the connections\n"
              "  --retry-ms N          pause after a failure, default 1000\n"
              "  --give-up S           end with 69 when nothing was acknowledged for so long, default 120\n"
              "  --ack-log FILE        a line for each run of acknowledged events: number of the first in the input, how many\n"
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
              "Exit codes: 0 everything acknowledged, 64 usage, 65 bad input, 69 not delivered,\n"
              "74 a file cannot be read or written.\n",
              stdout);
}

/* ---- Numbers */

enum number_kind { NONE, WHOLE32, WHOLE64, SIGNED64, REAL };

/* An option that takes one number, and where it goes. */
struct number {
        const char *name;
        enum number_kind kind;
        size_t at; /* in struct send_options */
        double lowest, highest;
};

#define AT(member) offsetof(struct send_options, member)

static const struct number numbers[] = {
        {"connections", WHOLE32, AT(n_connections), 1, 1024},
        {"batch-size", WHOLE32, AT(batch_size), 1, 1000000},
        {"pipeline", WHOLE32, AT(pipeline), 1, 1024},
        {"rate", REAL, AT(rate), 0.001, 1e9},
        {"retry-ms", WHOLE64, AT(retry_ms), 0, 3600000},
        {"give-up", WHOLE64, AT(give_up_s), 1, 31536000},
        {"generate", WHOLE64, AT(input.n_generate), 1, 1e12},
        {"seed", WHOLE64, AT(input.traffic.seed), 0, 18446744073709551615.0},
        {"campaigns", WHOLE32, AT(input.traffic.n_campaigns), 1, UINT32_MAX},
        {"ads", WHOLE32, AT(input.traffic.n_ads), 1, UINT32_MAX},
        {"users", WHOLE32, AT(input.traffic.n_users), 1, UINT32_MAX},
        {"addresses", WHOLE32, AT(input.traffic.n_addresses), 1, UINT32_MAX},
        {"start", SIGNED64, AT(input.traffic.start_ms), -62135596800000, 253402300799999},
        {"ms-per-event", REAL, AT(input.traffic.ms_per_event), 0, 1000000},
        {"disorder", WHOLE32, AT(input.traffic.disorder_ms), 0, UINT32_MAX},
        {"click-share", REAL, AT(input.traffic.click_share), 0, 1},
};

/* Digits and nothing else. */
static bool read_whole(const char *text, uint64_t *ret_value)
{
        uint64_t value = 0;

        if (*text == '\0')
                return false;
        for (; *text != '\0'; text++) {
                unsigned digit = (unsigned)((unsigned char)*text - '0');

                if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
                    __builtin_add_overflow(value, digit, &value))
                        return false;
        }
        *ret_value = value;
        return true;
}

/* Decimals: no blanks, no hex, no suffix, no NaN. */
static bool read_real(const char *text, double *ret_value)
{
        return strspn(text, "0123456789.eE+-") == strlen(text) &&
               number_parse_double(slice_from_text(text), ret_value) == 0;
}

static bool is_between(double value, const struct number *number)
{
        return value >= number->lowest && value <= number->highest;
}

static bool read_number(const struct number *number, const char *text, struct send_options *options)
{
        void *to = (char *)options + number->at;
        bool is_negative = number->kind == SIGNED64 && text[0] == '-';
        uint64_t whole;
        double real;

        if (number->kind == REAL) {
                if (!read_real(text, &real) || !is_between(real, number))
                        return false;
                *(double *)to = real;
                return true;
        }
        if (!read_whole(text + is_negative, &whole) ||
            !is_between(is_negative ? -(double)whole : (double)whole, number))
                return false;
        if (number->kind == WHOLE32)
                *(uint32_t *)to = (uint32_t)whole;
        else if (number->kind == WHOLE64)
                *(uint64_t *)to = whole;
        else
                *(int64_t *)to = is_negative ? -(int64_t)whole : (int64_t)whole;
        return true;
}

static bool set_number(const struct number *number, const char *text, struct send_options *options, char why[WHY_BYTES])
{
        if (read_number(number, text, options))
                return true;
        snprintf(why, WHY_BYTES, "a %snumber from %.15g to %.15g is needed", number->kind == REAL ? "" : "whole ",
                 number->lowest, number->highest);
        return false;
}

/* ---- The other options */

static bool parse_pair(char *text, const char **ret_value)
{
        char *sign = strchr(text, '=');

        if (sign == NULL)
                return false;
        *sign = '\0';
        *ret_value = sign + 1;
        return true;
}

static bool set_fraud(struct send_options *options, char *text, char why[WHY_BYTES])
{
        const struct number share = {"fraud", REAL, AT(input.traffic.user_fraud), 0, 1};
        const struct number address = {"fraud", REAL, AT(input.traffic.address_fraud), 0, 1};
        const char *value;

        snprintf(why, WHY_BYTES, "address=SHARE or user=SHARE is needed");
        if (!parse_pair(text, &value))
                return false;
        if (strcmp(text, "address") == 0)
                return set_number(&address, value, options, why);
        return strcmp(text, "user") == 0 && set_number(&share, value, options, why);
}

static bool set_header(struct send_options *options, char *text, char why[WHY_BYTES])
{
        uint32_t n = options->input.n_headers;

        snprintf(why, WHY_BYTES, n == SEND_OPTIONS_HEADERS ? "there are too many headers" : "KEY=VALUE is needed");
        if (n == SEND_OPTIONS_HEADERS || !parse_pair(text, &options->header_values[n]))
                return false;
        options->header_keys[n] = text;
        options->input.n_headers++;
        return true;
}

static bool set_deflate(struct send_options *options, const char *text, char why[WHY_BYTES])
{
        uint64_t level = 6;

        if (text != NULL && (!read_whole(text, &level) || level > 9)) {
                snprintf(why, WHY_BYTES, "a level from 0 to 9 is needed");
                return false;
        }
        options->deflate_level = (int)level;
        return true;
}

enum option_id { SCHEMA = 256, HEADER, DEFLATE, BIND, ACK_LOG, QUIET, FRAUD, LABELS, NUMBER };

enum { N_NUMBERS = sizeof numbers / sizeof numbers[0], N_OTHERS = 9 };

static const struct option others[N_OTHERS] = {
        {"schema", 1, NULL, SCHEMA}, {"header", 1, NULL, HEADER}, {"deflate", 2, NULL, DEFLATE},
        {"bind", 1, NULL, BIND},     {"ack-log", 1, NULL, ACK_LOG}, {"quiet", 0, NULL, QUIET},
        {"fraud", 1, NULL, FRAUD},   {"labels", 1, NULL, LABELS},   {"help", 0, NULL, 'h'},
};

static bool set_option(struct send_options *options, int id, char *text, const char **bind, char why[WHY_BYTES])
{
        switch (id) {
        case SCHEMA: options->input.schema_path = text; return true;
        case HEADER: return set_header(options, text, why);
        case DEFLATE: return set_deflate(options, text, why);
        case BIND: *bind = text; return true;
        case ACK_LOG: options->ack_log = text; return true;
        case QUIET: options->is_quiet = true; return true;
        case FRAUD: return set_fraud(options, text, why);
        case LABELS: options->input.label_path = text; return true;
        default: return set_number(&numbers[id - NUMBER], text, options, why);
        }
}

/* ---- Addresses */

/* 0, SEND_OPTIONS_E_UNKNOWN_HOST, < 0: wrong usage; said on stderr. */
static int resolve(const char *text, bool has_port, struct addrinfo **ret_address)
{
        struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
        char *host = alloc_text(text);
        char *colon = has_port ? strrchr(host, ':') : NULL;
        char *name = host;
        uint64_t port;
        int failed;

        /* The resolver cuts larger ports to 16 bits, and takes 0 and none at all. */
        if (has_port && (colon == NULL || !read_whole(colon + 1, &port) || port == 0 || port > PORT_MAX)) {
                fprintf(stderr, "weir send: '%s' is not HOST:PORT, with a port from 1 to %d\n", text, PORT_MAX);
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
        return failed == 0 ? 0 : SEND_OPTIONS_E_UNKNOWN_HOST;
}

/* ---- All of it */

/* 0, SEND_OPTIONS_E_HELP, < 0. */
static int parse_options(struct send_options *options, int argc, char **argv, const char **bind)
{
        struct option table[N_NUMBERS + N_OTHERS + 1] = {{NULL, 0, NULL, 0}};
        char why[WHY_BYTES] = "";
        int id, index = 0;

        for (int i = 0; i < N_NUMBERS; i++)
                table[i] = (struct option){numbers[i].name, 1, NULL, NUMBER + i};
        memcpy(table + N_NUMBERS, others, sizeof others);
        optind = 1;
        while ((id = getopt_long(argc, argv, "h", table, &index)) != -1) {
                if (id == '?')
                        return -1;
                if (id == 'h')
                        return SEND_OPTIONS_E_HELP;
                if (!set_option(options, id, optarg, bind, why)) {
                        fprintf(stderr, "weir send: --%s '%s': %s; --help says more\n", table[index].name,
                                optarg == NULL ? "" : optarg, why);
                        return -1;
                }
        }
        return 0;
}

int send_options_parse(struct send_options *options, int64_t start_ms, int argc, char **argv)
{
        const char *bind = NULL;
        int result;

        *options = (struct send_options){.n_connections = 1, .batch_size = 100, .pipeline = 1, .deflate_level = -1,
                                         .retry_ms = 1000, .give_up_s = 120};
        ad_traffic_options_default(&options->input.traffic);
        options->input.traffic.start_ms = start_ms;
        options->input.header_keys = options->header_keys;
        options->input.header_values = options->header_values;
        result = parse_options(options, argc, argv, &bind);
        if (result == SEND_OPTIONS_E_HELP)
                print_help();
        if (result != 0)
                return result;
        if (optind >= argc || (optind + 1 == argc) != (options->input.n_generate > 0)) {
                fputs("weir send: HOST:PORT and either files or --generate N are needed; --help says more\n", stderr);
                return -1;
        }
        options->input.paths = argv + optind + 1;
        options->input.n_paths = (uint32_t)(argc - optind - 1);
        result = resolve(argv[optind], true, &options->address);
        return result == 0 && bind != NULL ? resolve(bind, false, &options->bind) : result;
}

void send_options_done(struct send_options *options)
{
        if (options->address != NULL)
                freeaddrinfo(options->address);
        if (options->bind != NULL)
                freeaddrinfo(options->bind);
}
