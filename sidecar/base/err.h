/* err.h - the one error doctrine of weir.
 *
 * Functions that can fail return int and are marked WEIR_MUST_CHECK:
 *     0   success
 *   < 0   fatal for this operation; err is filled; callers forward it unchanged
 *   > 0   a documented condition of that function (MODULE_E_...); the caller handles it and
 *         never forwards it
 *
 * A sentence says what failed first, in lower case, with the subject in single quotes and no full
 * stop. Layers above put their own words in front with err_prefix(). Outputs named ret_ are written
 * on success only. struct err is owned by the caller, may be NULL everywhere, and needs no release.
 * Any thread; one struct err belongs to one thread at a time. */
#ifndef WEIR_SIDECAR_BASE_ERR_H
#define WEIR_SIDECAR_BASE_ERR_H

#include <stdarg.h>

#define WEIR_MUST_CHECK __attribute__((warn_unused_result))
#define WEIR_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))

/* Process exit codes (design section 8, values of sysexits.h). They double as error classes. */
enum err_code {
        ERR_NONE = 0,
        ERR_USAGE = 64,
        ERR_DATA = 65,
        ERR_UNAVAILABLE = 69,
        ERR_INTERNAL = 70,
        ERR_IO = 74,
        ERR_CONFIG = 78,
};

enum { ERR_TEXT_BYTES = 1024 };

struct err {
        enum err_code code;
        const char *file; /* where the error was first set: source file and line */
        int line;
        char text[ERR_TEXT_BYTES]; /* one sentence, NUL-terminated, cut if it does not fit */
};

/* Fills err and returns -1, so that `return err_set(err, ...)` reads well. */
#define err_set(err, code, ...) err_set_at((err), (code), __FILE__, __LINE__, __VA_ARGS__)

int err_set_at(struct err *err, enum err_code code, const char *file, int line, const char *format, ...)
        WEIR_PRINTF(5, 6);

/* Like err_set with ": <strerror(errno_value)>" behind the sentence. */
#define err_set_errno(err, code, errno_value, ...) \
        err_set_errno_at((err), (code), (errno_value), __FILE__, __LINE__, __VA_ARGS__)

int err_set_errno_at(struct err *err, enum err_code code, int errno_value, const char *file, int line,
                     const char *format, ...) WEIR_PRINTF(6, 7);

/* Puts "words: " in front of the sentence already there; returns -1. */
int err_prefix(struct err *err, const char *format, ...) WEIR_PRINTF(2, 3);

void err_reset(struct err *err);

#endif
