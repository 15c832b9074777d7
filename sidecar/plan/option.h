/* option.h - the values of SET and WITH: their types, and how their text is read.
 *
 * Settings (setting.h) and connector options (connector.h) are rows of one shape. sql/ checks every value against its
 * row before a plan exists, so readers of a plan get numbers and never errors. Durations and sizes are written as
 * Flink writes them ('30 s', '2 h', '64 MiB'). */
#ifndef WEIR_SIDECAR_PLAN_OPTION_H
#define WEIR_SIDECAR_PLAN_OPTION_H

#include "sidecar/base/err.h"
#include "sidecar/base/slice.h"

enum option_type {
        OPTION_TEXT,     /* any text that is not empty */
        OPTION_WORD,     /* one of `words` */
        OPTION_BOOLEAN,  /* true, false */
        OPTION_SWITCH,   /* on, off */
        OPTION_INTEGER,  /* 0 .. 2^63-1 */
        OPTION_DURATION, /* milliseconds */
        OPTION_SIZE,     /* bytes */
        OPTION_ADDRESS,  /* HOST:PORT, [V6]:PORT, *:PORT */
        OPTION_PATH,     /* a file or folder, relative to the job file that names it */
        OPTION_COLUMN,   /* a column of the table */
};

/* One row: what a key means. The same rows yield checks and --help. */
struct option_spec {
        const char *key;
        enum option_type type;
        const char
                *words; /* WORD: the choices, separated by blanks; a choice ending in ':' takes any text behind it */
        const char *fallback; /* when it is not set; NULL: none */
        const char *help;     /* one line */
        bool is_required;
        bool is_ignored; /* known to Flink and without meaning here: checked, then without effect */
};

/* 0, or ERR_CONFIG with a sentence that says what was expected instead. */
int option_check(const struct option_spec *spec, struct slice value, struct err *err) WEIR_MUST_CHECK;

/* False when the text is not a value of the type. Blanks around the number and the unit are allowed. */
bool option_read_duration(struct slice value, int64_t *ret_ms);
bool option_read_size(struct slice value, uint64_t *ret_bytes);
bool option_read_integer(struct slice value, int64_t *ret_value);
bool option_read_boolean(struct slice value, bool *ret_value); /* true, false, on, off; any case */

/* The type in words for help texts: "duration", "one of group, off". Static storage or `text`. */
const char *option_type_text(const struct option_spec *spec, char *text, size_t text_bytes);

#endif
