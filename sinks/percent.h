/* percent.h - percent-encoding as RFC 3986: all bytes but A-Z a-z 0-9 - . _ ~ become %XX, upper case.
 *
 * The same text as every language's standard URL quoting gives (Python: urllib.parse.quote(value, safe="")), so who
 * knows a value knows the name made of it. Any thread. */
#ifndef WEIR_SINKS_PERCENT_H
#define WEIR_SINKS_PERCENT_H

#include "sidecar/base/bytes.h"

void percent_append(struct bytes *text, struct slice part);

#endif
