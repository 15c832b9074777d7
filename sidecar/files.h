/* files.h - a filesystem source: a file, or the files of a folder in the order of their names, as rows.
 *
 * JSON lines ('format' = 'json') or Avro container files ('format' = 'avro', each with the schema it brings). Rows that
 * cannot be read are dead letters in the builder. Whoever calls; one thread. */
#ifndef WEIR_SIDECAR_FILES_H
#define WEIR_SIDECAR_FILES_H

#include "sidecar/base/err.h"
#include "sidecar/column/builder.h"
#include "sidecar/plan/plan.h"

enum { FILES_E_END = 1 };

struct files;

/* ERR_UNAVAILABLE: no such file or folder. */
int files_open(const struct plan_source *source, struct files **ret_files, struct err *err) WEIR_MUST_CHECK;
struct files *files_close(struct files *files); /* NULL allowed; returns NULL */
/* The next rows, at least one row or dead letter; about n_rows of both, more where a block of a container file holds
 * more. Valid until the next call. FILES_E_END; < 0: a file cannot be read, or is no container file (ERR_DATA). */
int files_next(struct files *files, uint32_t n_rows, struct builder **ret_builder, struct err *err) WEIR_MUST_CHECK;

#endif
