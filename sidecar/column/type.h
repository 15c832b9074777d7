/* type.h - the SQL types of weir: one table, Flink's names and rules (sql-semantics.md 1.2).
 *
 * A struct type is a value: copy it freely. element, key and fields point into the job's arena (or
 * static storage) and live as long as the job. Each type has one physical form (enum phys); vectors,
 * the log and the window state only know the physical form.
 *
 *   physical   SQL types                                         in memory
 *   PHYS_I64   BOOLEAN (0/1), TINYINT, SMALLINT, INT, BIGINT,     int64_t
 *              DATE (days since 1970), TIME (ms of the day),
 *              TIMESTAMP, TIMESTAMP_LTZ (microseconds since
 *              1970-01-01T00:00 resp. ...Z),
 *              INTERVAL DAY TO SECOND (microseconds),
 *              INTERVAL YEAR TO MONTH (months)
 *   PHYS_F64   FLOAT (always rounded to single), DOUBLE          double
 *   PHYS_DEC   DECIMAL(p <= 38, s): unscaled value               __int128
 *   PHYS_STR   CHAR, VARCHAR, STRING (UTF-8), BINARY, BYTES       struct slice
 *   PHYS_NONE  NULL literal without a type, ARRAY, MAP, ROW       (never in a vector)
 *
 * TIMESTAMP(p) goes to p = 6; windows and watermarks look at whole milliseconds, floored. */
#ifndef WEIR_SIDECAR_COLUMN_TYPE_H
#define WEIR_SIDECAR_COLUMN_TYPE_H

#include "sidecar/base/slice.h"

enum type_kind {
        TYPE_NULL, /* the type of a bare NULL */
        TYPE_BOOLEAN,
        TYPE_TINYINT,
        TYPE_SMALLINT,
        TYPE_INT,
        TYPE_BIGINT,
        TYPE_FLOAT,
        TYPE_DOUBLE,
        TYPE_DECIMAL,
        TYPE_CHAR,
        TYPE_VARCHAR, /* STRING is VARCHAR(TYPE_LENGTH_MAX) */
        TYPE_BINARY,
        TYPE_VARBINARY, /* BYTES is VARBINARY(TYPE_LENGTH_MAX) */
        TYPE_DATE,
        TYPE_TIME,
        TYPE_TIMESTAMP,
        TYPE_TIMESTAMP_LTZ,
        TYPE_INTERVAL_SECOND, /* day-time interval */
        TYPE_INTERVAL_MONTH,  /* year-month interval */
        TYPE_ARRAY,
        TYPE_MAP,
        TYPE_ROW,
        TYPE_KIND_COUNT
};

enum phys { PHYS_NONE, PHYS_I64, PHYS_F64, PHYS_DEC, PHYS_STR };

#define TYPE_LENGTH_MAX 2147483647u
#define TYPE_PRECISION_TIMESTAMP_MAX 6u
#define TYPE_PRECISION_DECIMAL_MAX 38u
#define TYPE_MICROS_PER_MS INT64_C(1000)

struct type_field;

struct type {
        enum type_kind kind;
        bool nullable;
        bool is_time_attribute; /* rowtime of a source, kept by views and projections */
        uint8_t precision;      /* DECIMAL 1..38, TIME 0..3, TIMESTAMP(_LTZ) 0..6 */
        uint8_t scale;          /* DECIMAL */
        uint32_t length;        /* CHAR, VARCHAR (code points), BINARY, VARBINARY (bytes) */
        const struct type *element; /* ARRAY element, MAP value */
        const struct type *key;     /* MAP key */
        const struct type_field *fields; /* ROW */
        uint32_t n_fields;
};

struct type_field {
        struct slice name;
        struct type type;
};

static inline struct type type_make(enum type_kind kind, bool nullable)
{
        return (struct type){.kind = kind, .nullable = nullable};
}
struct type type_string(bool nullable);
struct type type_decimal(unsigned precision, unsigned scale, bool nullable);
struct type type_timestamp(enum type_kind kind, unsigned precision, bool nullable);
enum phys type_phys(const struct type *type);
bool type_is_integer(const struct type *type);   /* TINYINT .. BIGINT */
bool type_is_exact(const struct type *type);     /* integers and DECIMAL */
bool type_is_approximate(const struct type *type); /* FLOAT, DOUBLE */
bool type_is_numeric(const struct type *type);
bool type_is_character(const struct type *type); /* CHAR, VARCHAR */
bool type_is_binary(const struct type *type);
bool type_is_timestamp(const struct type *type); /* TIMESTAMP, TIMESTAMP_LTZ */
bool type_is_interval(const struct type *type);
/* Equal but for nullability and the time attribute. */
bool type_is_same(const struct type *a, const struct type *b);
/* Bits of an integer type (8, 16, 32, 64). */
unsigned type_integer_bits(const struct type *type);

enum { TYPE_TEXT_BYTES = 256 };
/* Flink's spelling: "DECIMAL(10, 2) NOT NULL", "STRING", "ROW<`a` INT>"; cut with "..." when long. */
void type_format(const struct type *type, char text[TYPE_TEXT_BYTES]);

#endif
