/* word.h - the words of Flink SQL: which are reserved, and which token each is.
 *
 * The reserved words are those of Flink's running parser, 1.20.1 and what 2.2.0 adds (sql-semantics 1.1): unquoted
 * they are no names. The others have a meaning in one place of the grammar and are names everywhere else. */
#ifndef WEIR_SIDECAR_SQL_WORD_H
#define WEIR_SIDECAR_SQL_WORD_H

#include "sidecar/base/slice.h"

struct word {
        const char *text; /* lower case */
        bool is_reserved;
        int token; /* enum grammar_tokentype */
};

/* Any case; NULL: an ordinary name. */
const struct word *word_find(struct slice text);
uint32_t word_count(void);
const struct word *word_at(uint32_t index);

#endif
