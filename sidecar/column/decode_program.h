/* decode_program.h - what a decoder does, step by step (inside the decoder only: see decode.h).
 *
 * A step works on all events of a group, one after the other, and moves each event's position on. Steps are
 * compiled by decode_program.c and run by decode_run.c. */
#ifndef WEIR_SIDECAR_COLUMN_DECODE_PROGRAM_H
#define WEIR_SIDECAR_COLUMN_DECODE_PROGRAM_H

#include "sidecar/column/decode.h"
#include "sidecar/column/envelope.h"

enum { DECODE_GROUP = 128 }; /* events worked on together: their bodies, some 20 KB, stay in the first-level cache */

enum decode_step_kind {
        /* Skips of fields that nobody wants. */
        STEP_SKIP_RUN,            /* n_longs, n_texts */
        STEP_SKIP_INT,            /* count of them in a row */
        STEP_SKIP_BOOLEAN,        /* count of them in a row */
        STEP_SKIP_ENUM,           /* count: symbols */
        STEP_SKIP_FIXED,          /* count: bytes of all floats, doubles and fixed in a row */
        STEP_SKIP_OPTIONAL_TEXT,  /* union of null (branch null_branch) and one more */
        STEP_SKIP_OPTIONAL_LONG,
        STEP_SKIP_OPTIONAL_FIXED, /* count: bytes */
        STEP_SKIP_VALUE,          /* node: anything else, by skip.h */
        /* Loads into `column`. */
        STEP_LOAD_BOOLEAN,
        STEP_LOAD_INT,
        STEP_LOAD_LONG,
        STEP_LOAD_FLOAT,
        STEP_LOAD_DOUBLE,
        STEP_LOAD_TEXT,
        STEP_LOAD_ENUM,           /* count: symbols */
        STEP_LOAD_FIXED,          /* count: bytes */
        STEP_LOAD_DECIMAL,        /* of bytes */
        STEP_LOAD_DECIMAL_FIXED,  /* count: bytes */
        STEP_LOAD_NULL,
        STEP_LOAD_HEADER,         /* count: which of the wanted headers */
        STEP_LOAD_BODY,
        STEP_HASH_TEXT,           /* fingerprints of the rows, in place of the column's load */
        /* Conversions of what was just loaded into `column`. */
        STEP_TO_DOUBLE,
        STEP_TO_FLOAT,
        STEP_CHECK_RANGE,         /* least..most */
        STEP_MULTIPLY,            /* by factor; out of range when it overflows */
        STEP_DIVIDE,              /* by factor, floored */
        STEP_FLOOR,               /* to a multiple of factor */
        STEP_RESCALE,             /* decimal: below 10^count in magnitude, then times wide_factor; else NULL */
        /* A union: branch null_branch (-1: none) means NULL for the n_nulls columns of null_columns, branch
         * value_branch that the next `count` steps run for the event. */
        STEP_SELECT,
};

struct decode_step {
        enum decode_step_kind kind;
        uint32_t column;
        uint32_t count;
        uint32_t n_longs, n_texts;   /* SKIP_RUN: so many longs, then so many strings or bytes */
        int32_t null_branch, value_branch;
        int64_t least, most;
        int64_t factor;
        weir_i128 wide_factor;
        const struct schema_node *node;
        const uint32_t *null_columns;
        uint32_t n_nulls;
        struct slice field; /* for dead letters and EXPLAIN: "bid.price" */
};

/* The events of a group, one behind the other in memory. A failed one goes on over zeros, so that the loops need
 * no question; its row is taken out afterwards. */
struct decode_lanes {
        const uint8_t *at[DECODE_GROUP];       /* position in the body */
        const uint8_t *end[DECODE_GROUP];      /* of the event and of its body */
        const uint8_t *true_end[DECODE_GROUP]; /* of a failed event */
        const uint8_t *begin;                  /* of the first event */
        uint8_t reason[DECODE_GROUP];          /* enum reason */
        uint16_t step[DECODE_GROUP];           /* where it failed */
        uint32_t n_failed;
};

struct decode_header { /* one that is wanted */
        struct slice value[DECODE_GROUP]; /* data NULL: the event has no such header */
};

enum { DECODE_LAYOUTS = 4 }; /* agents of a few kinds, met in turns */

struct decode_program {
        enum decode_body_kind format;
        const struct schema *schema;
        enum decode_fingerprint fingerprint;
        uint32_t fingerprint_column;
        bool hashes_text; /* a STEP_HASH_TEXT makes the fingerprints of rows where the column is not NULL */
        struct hash_key fingerprint_key;
        bool has_pext;

        uint32_t n_columns;
        struct builder_spec *specs;
        struct slice *names;          /* of the columns */
        uint32_t n_steps;
        struct decode_step *steps;
        uint32_t n_nullable;
        uint32_t *nullable;           /* columns with is_nullable */
        uint32_t n_headers;
        struct decode_header *headers;
        struct envelope_wanted *wanted_headers; /* their keys */
        struct json_reader *json;     /* format JSON */
        struct arena arena;           /* everything above */

        struct decode_lanes lanes;
        struct envelope_layout layouts[DECODE_LAYOUTS];
        const struct envelope_layout *layout; /* that the last event had */
        uint32_t next_layout;                 /* to be replaced */
        uint32_t n_unmatched;                 /* events whose headers had to be walked */
        bool is_full;                 /* the arena of the builder was spent while steps ran */
};

/* Fills specs, steps and headers of a program whose arena is there. As decode_compile. */
int decode_program_compile(struct decode_program *program, const struct decode_config *config, struct err *err)
        WEIR_MUST_CHECK;

/* Steps at work on a group. */
struct decode_run {
        struct decode_program *program;
        struct builder *builder;
        struct decode_lanes *lanes;
        uint32_t row; /* of lane 0 */
};

/* Before a group of at most `most` events: their rows are not NULL unless a step says so. */
void decode_run_begin(struct decode_program *program, struct builder *builder, uint32_t most);
/* Runs the steps from `first_step` on for events 0..n of the lanes into rows builder->n_rows... */
void decode_run_steps(struct decode_program *program, struct builder *builder, uint32_t first_step, uint32_t n);

#endif
