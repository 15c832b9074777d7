/* reason.c - the words of dead letters. */
#include "sidecar/column/reason.h"

#include <assert.h>
#include <stdio.h>

static const struct {
        const char *word;
        const char *sentence; /* goes on with " 'field'" */
} table[REASON_COUNT] = {
        [REASON_NONE] = {"none", "nothing is wrong with field"},
        [REASON_TRUNCATED] = {"truncated", "the body ends inside field"},
        [REASON_BAD_VARINT] = {"bad-varint", "a number of more than 64 bits in field"},
        [REASON_BAD_INT] = {"bad-int", "a number of more than 32 bits in int field"},
        [REASON_BAD_BOOLEAN] = {"bad-boolean", "a byte other than 0 and 1 in boolean field"},
        [REASON_BAD_LENGTH] = {"bad-length", "a negative length in field"},
        [REASON_BAD_BRANCH] = {"bad-union-branch", "a union branch that the schema does not have in field"},
        [REASON_BAD_SYMBOL] = {"bad-enum-index", "an enum index that the schema does not have in field"},
        [REASON_BAD_BLOCK] = {"bad-block", "an array or map block that cannot be in field"},
        [REASON_TOO_MANY_ITEMS] = {"too-many-items", "too many items without bytes in field"},
        [REASON_TOO_DEEP] = {"too-deep", "data nested too deeply in field"},
        [REASON_NULL_VALUE] = {"null-value", "NULL in the NOT NULL column of field"},
        [REASON_OUT_OF_RANGE] = {"out-of-range", "a value that the declared type cannot hold in field"},
        [REASON_BAD_TEXT] = {"bad-text", "text that is no value of the declared type in field"},
        [REASON_BAD_JSON] = {"bad-json", "no JSON object; parsing stopped at"},
        [REASON_TOO_LARGE] = {"too-large", "more bytes or headers than an event may have in"},
};

const char *reason_word(enum reason reason)
{
        assert((unsigned)reason < REASON_COUNT);
        return table[reason].word;
}

void reason_format(enum reason reason, struct slice field, char text[REASON_TEXT_BYTES])
{
        assert((unsigned)reason < REASON_COUNT);
        (void)snprintf(text, REASON_TEXT_BYTES, "%s '%.*s'", table[reason].sentence, (int)field.len,
                       field.len == 0 ? "" : (const char *)field.data);
}
