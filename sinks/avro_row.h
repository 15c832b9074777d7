/* avro_row.h - rows as Avro data, with the schema that Flink's avro format derives from a table.
 *
 *   BOOLEAN boolean · TINYINT, SMALLINT, INT int · BIGINT long · FLOAT float · DOUBLE double
 *   CHAR, VARCHAR string · BINARY, VARBINARY bytes · DECIMAL bytes (decimal) · DATE int (date)
 *   TIME int (time-millis) · TIMESTAMP(0..3) long (timestamp-millis), TIMESTAMP(4..6) long (timestamp-micros),
 *   TIMESTAMP_LTZ likewise. A nullable column is a union of null and that.
 *
 * The record is org.apache.flink.avro.generated.record, as in Flink, but without the union with null that Flink
 * puts around it; and Flink refuses what is finer than milliseconds, and TIMESTAMP_LTZ. Intervals have no Avro
 * type. Any thread. */
#ifndef WEIR_SINKS_AVRO_ROW_H
#define WEIR_SINKS_AVRO_ROW_H

#include "sidecar/base/bytes.h"
#include "sidecar/base/err.h"
#include "sidecar/column/batch.h"
#include "sidecar/plan/plan.h"

/* Every physical column has an Avro type. ERR_CONFIG with the column otherwise. */
int avro_row_check(const struct plan_table *table, struct err *err) WEIR_MUST_CHECK;
/* Appends the schema as JSON. */
void avro_row_schema(const struct plan_table *table, struct bytes *json);
/* Appends one datum. */
void avro_row_append(struct bytes *datum, const struct plan_table *table, const struct batch *rows, uint32_t i);

#endif
