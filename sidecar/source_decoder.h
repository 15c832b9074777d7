/* source_decoder.h - what a listening source needs to read its events: the writer's schema and the compiled program.
 *
 * Made from the plan and the table's options: 'format', 'avro.schema-file', 'watermark.origin' = 'header:NAME' (an
 * extra column behind the plan's, which names each row's origin), 'dedup' and 'dedup.key'. One thread. */
#ifndef WEIR_SIDECAR_SOURCE_DECODER_H
#define WEIR_SIDECAR_SOURCE_DECODER_H

#include "avro/schema.h"
#include "sidecar/base/bytes.h"
#include "sidecar/column/decode.h"
#include "sidecar/plan/plan.h"

struct source_decoder {
        struct schema *schema;          /* NULL: the format has none */
        struct bytes schema_text;       /* as the file had it */
        struct decode_program *program;
        uint32_t n_origin_columns;      /* 0 or 1 */
};

/* Reads the schema file. ERR_CONFIG with table, column and types named. key: of fingerprints. */
int source_decoder_open(const struct plan_source *plan, const struct hash_key *key, struct source_decoder *ret_decoder,
                        struct err *err) WEIR_MUST_CHECK;
void source_decoder_close(struct source_decoder *decoder); /* zeroed ones are fine */
bool source_decoder_is_listening(const struct plan_source *plan);
/* All of a job's, and away again: what a start would refuse. */
int source_decoder_check(const struct plan_job *plan, struct err *err) WEIR_MUST_CHECK;

#endif
