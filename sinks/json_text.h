/* json_text.h - strings as JSON, escaped as Flink's writer escapes them.
 *
 * `"` and `\` with a backslash; control bytes as \b \t \n \f \r or \u00XX (upper-case hex); everything else as it
 * is, so valid UTF-8 stays readable. Each byte that is not part of well-formed UTF-8 becomes U+FFFD: JSON must be
 * UTF-8. */
#ifndef WEIR_SINKS_JSON_TEXT_H
#define WEIR_SINKS_JSON_TEXT_H

#include "sidecar/base/bytes.h"

/* Appends the string with its quotes. */
void json_text_append(struct bytes *json, struct slice text);

#endif
