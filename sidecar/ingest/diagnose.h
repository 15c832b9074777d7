/* diagnose.h - what else may have knocked at the port.
 *
 * An operator who points the wrong thing at weir shall read its name and what to do, not "count is negative". */
#ifndef WEIR_SIDECAR_INGEST_DIAGNOSE_H
#define WEIR_SIDECAR_INGEST_DIAGNOSE_H

#include "sidecar/base/slice.h"

enum { DIAGNOSE_BYTES = 24, DIAGNOSE_TEXT_BYTES = 320 };

/* Which way of reading a connection its first bytes ask for. */
enum diagnose_verdict {
        DIAGNOSE_WAIT, /* too few bytes to say */
        DIAGNOSE_PLAIN,
        DIAGNOSE_DEFLATE,
        DIAGNOSE_TLS, /* no frame begins like this */
};

/* first: the bytes so far, at most DIAGNOSE_BYTES of them count; never WAIT from 12 on. */
enum diagnose_verdict diagnose_transport(struct slice first);
/* Names what bytes that turned out to be no Avro frame look like, and what to do. is_inflated: they came out of a
 * deflate stream. */
void diagnose_name(struct slice first, bool is_inflated, char ret_text[DIAGNOSE_TEXT_BYTES]);

#endif
