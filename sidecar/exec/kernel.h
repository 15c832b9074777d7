/* kernel.h - the kernels: one line per step function; inside sidecar/exec only.
 *
 * "dense" kernels compute every row whatever the selection and NULLs (what they compute there is thrown away): they
 * neither fail nor follow pointers. The others compute selected rows without NULL arguments. `mode` is step->mode. */
#ifndef WEIR_SIDECAR_EXEC_KERNEL_H
#define WEIR_SIDECAR_EXEC_KERNEL_H

#include "sidecar/exec/program.h"

/* kernel_logic.c: three-valued logic on bitmaps, dense. */
void kernel_logic_and(struct frame *frame, const struct step *step); /* n-ary */
void kernel_logic_or(struct frame *frame, const struct step *step);
/* args[1] was computed under selection `mode` only: elsewhere args[0] stands. */
void kernel_logic_and_under(struct frame *frame, const struct step *step);
void kernel_logic_or_under(struct frame *frame, const struct step *step);
void kernel_logic_not(struct frame *frame, const struct step *step);
void kernel_logic_is(struct frame *frame, const struct step *step);       /* mode: FN_IS_TRUE ... FN_IS_NOT_FALSE */
void kernel_logic_is_null(struct frame *frame, const struct step *step);  /* mode 1: IS NOT NULL; of anything */
void kernel_logic_require(struct frame *frame, const struct step *step);  /* NULL fails the row; of anything */
void kernel_logic_distinct(struct frame *frame, const struct step *step); /* a <> b, a, b; mode 1: NOT DISTINCT */
void kernel_logic_from_i64(struct frame *frame, const struct step *step); /* an input column of 0 and 1 */
void kernel_logic_to_i64(struct frame *frame, const struct step *step);
/* One of two values, all of them computed for every row: args are condition, value, other value; mode 1: value, other
 * value, and the condition is that the first is not NULL. Dense. */
void kernel_logic_select(struct frame *frame, const struct step *step);
/* The value of CASE and COALESCE: args are values, step->extra the selection (uint16_t) of each, in which it replaces
 * what the ones before gave. */
void kernel_logic_choose(struct frame *frame, const struct step *step);

/* kernel_arith.c: integers wrap in `mode` bits, dense but for division. */
void kernel_arith_add_i64(struct frame *frame, const struct step *step);
void kernel_arith_subtract_i64(struct frame *frame, const struct step *step);
void kernel_arith_multiply_i64(struct frame *frame, const struct step *step);
void kernel_arith_negate_i64(struct frame *frame, const struct step *step);
void kernel_arith_abs_i64(struct frame *frame, const struct step *step);
void kernel_arith_sign_i64(struct frame *frame, const struct step *step);
void kernel_arith_wrap_i64(struct frame *frame, const struct step *step);   /* CAST to a narrower integer */
void kernel_arith_divide_i64(struct frame *frame, const struct step *step); /* fails on 0 */
void kernel_arith_modulo_i64(struct frame *frame, const struct step *step);
/* Dense; mode 1: FLOAT. */
void kernel_arith_add_f64(struct frame *frame, const struct step *step);
void kernel_arith_subtract_f64(struct frame *frame, const struct step *step);
void kernel_arith_multiply_f64(struct frame *frame, const struct step *step);
void kernel_arith_divide_f64(struct frame *frame, const struct step *step);
void kernel_arith_negate_f64(struct frame *frame, const struct step *step);
void kernel_arith_abs_f64(struct frame *frame, const struct step *step);
void kernel_arith_sign_f64(struct frame *frame, const struct step *step);
void kernel_arith_i64_to_f64(struct frame *frame, const struct step *step);
void kernel_arith_round_f64(struct frame *frame, const struct step *step);  /* DOUBLE to FLOAT */
void kernel_arith_f64_to_i64(struct frame *frame, const struct step *step); /* Java's cast; mode: bits */

/* kernel_compare.c: BOOLEAN of two values; mode: FN_EQ ... FN_GE. i64 and f64 are dense. */
void kernel_compare_i64(struct frame *frame, const struct step *step);
void kernel_compare_f64(struct frame *frame, const struct step *step);
void kernel_compare_dec(struct frame *frame, const struct step *step);
void kernel_compare_str(struct frame *frame, const struct step *step);
void kernel_compare_in_i64(struct frame *frame, const struct step *step); /* extra: struct kernel_list, sorted; dense */
void kernel_compare_in_f64(struct frame *frame, const struct step *step);
/* step->test over step->extra for each string, by dictionary where there is one. */
void kernel_compare_test(struct frame *frame, const struct step *step);
void kernel_compare_free_caches(struct eval_state *state);
bool kernel_compare_is_in(const void *list, struct slice text); /* text tests; extra: struct kernel_list, sorted */
bool kernel_compare_is_equal(const void *literal, struct slice text); /* extra: struct slice */
bool kernel_compare_is_unequal(const void *literal, struct slice text);
void kernel_compare_greatest(struct frame *frame, const struct step *step); /* mode FN_GREATEST, FN_LEAST; any type */

struct kernel_list {
        uint32_t n;
        union {
                const int64_t *i64;
                const double *f64;
                const struct slice *str;
        };
};

/* kernel_decimal.c; arguments in their own scales. */
void kernel_decimal_binary(struct frame *frame,
                           const struct step *step); /* mode: FN_ADD ... FN_MODULO; overflow is NULL */
void kernel_decimal_negate(struct frame *frame, const struct step *step);
void kernel_decimal_abs(struct frame *frame, const struct step *step);
void kernel_decimal_sign(struct frame *frame, const struct step *step);
void kernel_decimal_round(struct frame *frame,
                          const struct step *step); /* mode: enum decimal_mode; digits: args[1] or 0 */
void kernel_decimal_rescale(struct frame *frame, const struct step *step);
void kernel_decimal_from_i64(struct frame *frame, const struct step *step);
void kernel_decimal_from_f64(struct frame *frame, const struct step *step);
void kernel_decimal_to_i64(struct frame *frame, const struct step *step); /* mode: bits */
void kernel_decimal_to_f64(struct frame *frame, const struct step *step); /* mode 1: FLOAT */
void kernel_decimal_is_not_zero(struct frame *frame, const struct step *step);

/* kernel_math.c: numeric functions; mode: the function. */
void kernel_math_f64(struct frame *frame, const struct step *step);       /* of one or two DOUBLE */
void kernel_math_round_f64(struct frame *frame, const struct step *step); /* ROUND, TRUNCATE, FLOOR, CEIL */
void kernel_math_round_i64(struct frame *frame, const struct step *step);

/* kernel_cast.c: to and from strings. */
void kernel_cast_to_text(struct frame *frame, const struct step *step);
void kernel_cast_from_text(struct frame *frame, const struct step *step); /* mode 1: TRY_CAST */
void kernel_cast_text(struct frame *frame, const struct step *step);      /* lengths; BINARY to text repairs it */

/* kernel_time.c; mode: unit or function. */
void kernel_time_add(struct frame *frame, const struct step *step);
void kernel_time_extract(struct frame *frame, const struct step *step);
enum { KERNEL_TIME_CEIL = 0x100 }; /* flag beside the unit */
void kernel_time_floor(struct frame *frame, const struct step *step);
void kernel_time_diff(struct frame *frame, const struct step *step);
void kernel_time_add_units(struct frame *frame, const struct step *step);   /* TIMESTAMPADD */
void kernel_time_convert(struct frame *frame, const struct step *step);     /* CAST between DATE, TIME and timestamps */
void kernel_time_from_number(struct frame *frame, const struct step *step); /* TO_TIMESTAMP_LTZ */
void kernel_time_parse(struct frame *frame, const struct step *step);       /* TO_TIMESTAMP, TO_DATE, UNIX_TIMESTAMP */
void kernel_time_format(struct frame *frame, const struct step *step);      /* DATE_FORMAT, FROM_UNIXTIME */

/* kernel_text.c and kernel_text_edit.c; mode: the function. */
void kernel_text_length(struct frame *frame, const struct step *step); /* CHAR_LENGTH, ASCII */
void kernel_text_position(struct frame *frame, const struct step *step);
void kernel_text_substring(struct frame *frame, const struct step *step); /* SUBSTRING, LEFT, RIGHT */
void kernel_text_trim(struct frame *frame, const struct step *step);
void kernel_text_affix(struct frame *frame, const struct step *step); /* STARTSWITH, ENDSWITH */
void kernel_text_split_index(struct frame *frame, const struct step *step);
void kernel_text_concat(struct frame *frame, const struct step *step);
void kernel_text_concat_ws(struct frame *frame, const struct step *step);
void kernel_text_edit_case(struct frame *frame, const struct step *step); /* UPPER, LOWER, INITCAP */
void kernel_text_edit_pad(struct frame *frame, const struct step *step);
void kernel_text_edit_repeat(struct frame *frame, const struct step *step);
void kernel_text_edit_replace(struct frame *frame, const struct step *step);
void kernel_text_edit_reverse(struct frame *frame, const struct step *step);
void kernel_text_edit_overlay(struct frame *frame, const struct step *step);
void kernel_text_edit_translate(struct frame *frame, const struct step *step);

/* kernel_like.c */
void kernel_like_run(struct frame *frame, const struct step *step); /* patterns from rows */
/* A pattern made ready: extra of the test. ERR_CONFIG for a bad escape. */
int kernel_like_compile(struct slice pattern, const struct slice *escape, struct arena *arena, const void **ret_pattern,
                        struct err *err) WEIR_MUST_CHECK;
bool kernel_like_is_match(const void *pattern, struct slice text);

/* kernel_code.c: other forms of bytes and numbers; mode: the function. */
void kernel_code_digest(struct frame *frame, const struct step *step);
void kernel_code_free_state(void *digest);
void kernel_code_number(struct frame *frame, const struct step *step); /* BIN, HEX of integers, CHR */
void kernel_code_hex(struct frame *frame, const struct step *step);    /* of a string */
void kernel_code_base64(struct frame *frame, const struct step *step); /* TO_BASE64, FROM_BASE64 */
void kernel_code_charset(struct frame *frame,
                         const struct step *step);       /* ENCODE, DECODE; extra: the charset found below */
const void *kernel_code_find_charset(struct slice name); /* NULL: not known */

/* kernel_url.c; mode: the function. */
void kernel_url_code(struct frame *frame, const struct step *step); /* URL_ENCODE, URL_DECODE */
void kernel_url_parse(struct frame *frame, const struct step *step);
bool kernel_url_is_plain_key(struct slice key); /* Flink takes a key of PARSE_URL for a regular expression */

/* kernel_regexp.c: PCRE2 with limits; extra: from kernel_regexp_compile. */
int kernel_regexp_compile(struct slice pattern, struct arena *arena, const void **ret_regexp,
                          struct err *err) WEIR_MUST_CHECK;
void kernel_regexp_run(struct frame *frame, const struct step *step); /* mode: FN_REGEXP, _EXTRACT, _REPLACE */
void kernel_regexp_free_state(void *regexp);

#endif
