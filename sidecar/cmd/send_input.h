/* send_input.h - where `weir send` takes its events from: JSON lines, Avro container files, or generated traffic.
 *
 * Every event comes out as an encoded AvroFlumeEvent. JSON lines are Flume's JSON handler's objects
 * ({"headers": {...}, "body": "text"}), or anything else: then the whole line is the body, as a taildir source sends
 * it; with a schema, the object (or its "body", when that is an object) becomes a bare Avro datum. A container file's
 * data are sent as bare data, as a spooldir source with the AVRO deserializer sends them. One thread. */
#ifndef WEIR_SIDECAR_CMD_SEND_INPUT_H
#define WEIR_SIDECAR_CMD_SEND_INPUT_H

#include "sidecar/base/bytes.h"
#include "sidecar/base/err.h"
#include "sidecar/cmd/ad_traffic.h"

enum { SEND_INPUT_E_END = 1 };

struct send_input_options {
        char *const *paths;      /* "-" is standard input */
        uint32_t n_paths;        /* 0: generate */
        const char *schema_path; /* NULL: bodies are text */
        const char *const *header_keys, *const *header_values; /* added to every event */
        uint32_t n_headers;
        struct ad_traffic_options traffic;
        uint64_t n_generate;
        const char *label_path;  /* NULL, or where generated events go as JSON lines, each with its "label" */
};

struct send_input;

int send_input_open(const struct send_input_options *options, struct send_input **ret_input,
                    struct err *err) WEIR_MUST_CHECK;
struct send_input *send_input_close(struct send_input *input); /* NULL allowed; returns NULL */
/* Appends at most max_events events; *ret_n of them (> 0). SEND_INPUT_E_END; < 0: file, line and what is wrong. */
int send_input_next(struct send_input *input, uint32_t max_events, struct bytes *events, uint32_t *ret_n,
                    struct err *err) WEIR_MUST_CHECK;

#endif
