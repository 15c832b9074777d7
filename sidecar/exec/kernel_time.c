/* kernel_time.c - dates, timestamps and intervals, over base/calendar.h. The session's zone is UTC. */
#include <assert.h>

#include "sidecar/base/calendar.h"
#include "sidecar/exec/kernel.h"
#include "sidecar/exec/time_pattern.h"

static int64_t wrap_multiply(int64_t a, int64_t b)
{
        return (int64_t)((uint64_t)a * (uint64_t)b);
}

static int64_t wrap_add(int64_t a, int64_t b)
{
        return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t add_interval(int64_t time, enum type_kind kind, int64_t interval, bool is_months)
{
        int64_t ms;

        if (kind == TYPE_DATE)
                return is_months ? calendar_add_months_to_date(time, (int32_t)interval)
                                 : wrap_add(time, interval / CALENDAR_US_PER_DAY);
        if (kind == TYPE_TIME) {
                if (is_months)
                        return time;
                ms = time + interval / 1000 % CALENDAR_MS_PER_DAY;
                return ms - calendar_floor_div(ms, CALENDAR_MS_PER_DAY) * CALENDAR_MS_PER_DAY;
        }
        return is_months ? calendar_add_months(time, (int32_t)interval) : wrap_add(time, interval);
}

void kernel_time_add(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0), *b = program_arg(frame, step, 1);
        bool is_months = step->arg_types[1].kind == TYPE_INTERVAL_MONTH;
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                int64_t interval = b->i64[row & b->mask];

                if (step->mode == FN_SUBTRACT_INTERVAL)
                        interval = (int64_t)(0 - (uint64_t)interval);
                out->i64[row] = add_interval(a->i64[row & a->mask], step->arg_types[0].kind, interval, is_months);
        }
}

/* A DATE or TIME as the timestamp that has its fields. */
static int64_t as_micros(int64_t value, const struct type *type)
{
        if (type->kind == TYPE_DATE)
                return wrap_multiply(value, CALENDAR_US_PER_DAY);
        if (type->kind == TYPE_TIME)
                return value * 1000;
        return value;
}

void kernel_time_extract(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];

                out->i64[row] = calendar_extract(as_micros(a->i64[row & a->mask], &step->arg_types[0]),
                                                 (enum calendar_unit)step->mode);
        }
}

void kernel_time_floor(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        enum calendar_unit unit = (enum calendar_unit)(step->mode & ~(unsigned)KERNEL_TIME_CEIL);
        bool is_ceil = (step->mode & KERNEL_TIME_CEIL) != 0, is_date = step->type.kind == TYPE_DATE;
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                int64_t micros = as_micros(a->i64[row & a->mask], &step->arg_types[0]);

                micros = is_ceil ? calendar_ceil(micros, unit) : calendar_floor(micros, unit);
                out->i64[row] = is_date ? calendar_floor_div(micros, CALENDAR_US_PER_DAY) : micros;
        }
}

static int64_t unit_ms(enum calendar_unit unit)
{
        switch (unit) {
        case UNIT_WEEK:
                return 7 * CALENDAR_MS_PER_DAY;
        case UNIT_DAY:
                return CALENDAR_MS_PER_DAY;
        case UNIT_HOUR:
                return 3600000;
        case UNIT_MINUTE:
                return 60000;
        case UNIT_SECOND:
                return 1000;
        default:
                assert(unit == UNIT_MILLISECOND);
                return 1;
        }
}

static int64_t unit_months(enum calendar_unit unit)
{
        return unit == UNIT_YEAR ? 12 : unit == UNIT_QUARTER ? 3 : unit == UNIT_MONTH ? 1 : 0;
}

void kernel_time_diff(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0), *b = program_arg(frame, step, 1);
        enum calendar_unit unit = (enum calendar_unit)step->mode;
        int64_t months = unit_months(unit);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                int64_t from = as_micros(a->i64[row & a->mask], &step->arg_types[0]);
                int64_t to = as_micros(b->i64[row & b->mask], &step->arg_types[1]);

                int64_t ms = calendar_floor_div(to, 1000) - calendar_floor_div(from, 1000);

                if (months != 0)
                        out->i64[row] = (int32_t)(calendar_months_between(from, to) / months);
                else if (unit == UNIT_WEEK) /* Flink's weeks are made of an INT of seconds, and wrap after 68 years */
                        out->i64[row] = (int32_t)(ms / 1000) / (7 * 86400);
                else
                        out->i64[row] = (int32_t)(ms / unit_ms(unit));
        }
}

void kernel_time_add_units(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0), *b = program_arg(frame, step, 1); /* count, time */
        enum calendar_unit unit = (enum calendar_unit)step->mode;
        int64_t months = unit_months(unit);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                int64_t count = a->i64[row & a->mask], time = b->i64[row & b->mask];
                /* Flink's interval is an int of months or a long of milliseconds, and wraps as such. */
                int64_t interval = months != 0 ? (int32_t)wrap_multiply(count, months)
                                               : wrap_multiply(wrap_multiply(count, unit_ms(unit)), 1000);

                out->i64[row] = add_interval(time, step->type.kind, interval, months != 0);
        }
}

static int64_t convert(int64_t value, const struct type *from, const struct type *to, bool is_literal)
{
        static const int64_t unit[7] = {1000000, 100000, 10000, 1000, 100, 10, 1};
        int64_t micros = as_micros(value, from);

        if (to->kind == TYPE_DATE)
                return calendar_day_of(micros);
        if (to->kind == TYPE_TIME) {
                int64_t ms = calendar_floor_div(micros, 1000);

                ms -= calendar_floor_div(ms, CALENDAR_MS_PER_DAY) * CALENDAR_MS_PER_DAY;
                return to->precision == 0 ? ms - ms % 1000 : ms;
        }
        if (to->precision < 3 && !is_literal) /* Flink cuts milliseconds towards 1970, its planner does not */
                micros = calendar_floor_div(micros, 1000) * 1000 / unit[to->precision] * unit[to->precision];
        return calendar_floor_div(micros, unit[to->precision]) * unit[to->precision];
}

void kernel_time_convert(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];

                out->i64[row] = convert(a->i64[row & a->mask], &step->arg_types[0], &step->type, step->mode != 0);
        }
}

/* 0000-01-01 to 9999-12-31; everything else is NULL. */
#define LOWEST_MS INT64_C(-62167219200000)
#define HIGHEST_MS INT64_C(253402300799999)

/* Java's cast of a double to long. */
static int64_t to_long(double value)
{
        if (value >= -0x1p63 && value < 0x1p63)
                return (int64_t)value;
        return value != value ? 0 : value < 0 ? INT64_MIN : INT64_MAX;
}

static bool ms_of_number(const struct reg *a, uint32_t row, const struct type *type, bool is_seconds, int64_t *ret_ms)
{
        uint32_t i = row & a->mask;

        if (type->kind == TYPE_DECIMAL) {
                int64_t whole = decimal_to_i64(a->dec[i], type->scale);

                *ret_ms = is_seconds ? wrap_multiply(whole, 1000) : whole;
        } else if (type_is_approximate(type)) {
                double value = a->f64[i];

                if (is_seconds && !(value >= (double)(LOWEST_MS / 1000) && value <= (double)(HIGHEST_MS / 1000)))
                        return false;
                *ret_ms = to_long(is_seconds ? value * 1000 : value);
        } else {
                if (is_seconds && (a->i64[i] < LOWEST_MS / 1000 || a->i64[i] > HIGHEST_MS / 1000))
                        return false;
                *ret_ms = is_seconds ? a->i64[i] * 1000 : a->i64[i];
        }
        return *ret_ms >= LOWEST_MS && *ret_ms <= HIGHEST_MS;
}

/* NULL for the rows beyond the years that there are. */
static void clear_out_of_range(struct frame *frame, const struct reg *a, struct reg *out)
{
        uint64_t *valid = program_words(frame); /* out's may be the argument's */

        for (uint32_t w = 0; w < frame->n_words; w++)
                valid[w] = out->valid == NULL ? UINT64_MAX : out->valid[w];
        for (uint32_t row = 0; row < frame->n_rows; row++) {
                int64_t ms = a->i64[row & a->mask];

                if (ms < LOWEST_MS || ms > HIGHEST_MS)
                        bitmap_clear(valid, row);
        }
        out->valid = valid;
}

/* Milliseconds in an integer column: what nearly every job's rowtime is. */
static void from_milliseconds(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        struct reg *out = program_out(frame, step);
        const int64_t *restrict from = a->i64;
        int64_t *restrict to;
        bool is_out = false;

        program_take_data(frame, step);
        program_strict_valid(frame, step);
        to = out->i64;
        for (uint32_t row = 0; row < frame->n_rows; row++) {
                uint64_t ms = (uint64_t)from[row & a->mask];

                to[row] = (int64_t)(ms * 1000);
                is_out |= ms - (uint64_t)LOWEST_MS > (uint64_t)(HIGHEST_MS - LOWEST_MS);
        }
        if (is_out)
                clear_out_of_range(frame, a, out);
}

void kernel_time_from_number(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        bool is_seconds = step->mode == 0;
        struct selection rows;
        struct reg *out;

        if (!is_seconds && type_is_integer(&step->arg_types[0])) {
                from_milliseconds(frame, step);
                return;
        }
        rows = program_strict_rows(frame, step);
        out = program_out(frame, step);
        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                int64_t ms = 0;

                if (ms_of_number(a, row, &step->arg_types[0], is_seconds, &ms)) {
                        out->i64[row] = ms * 1000;
                } else {
                        out->i64[row] = 0;
                        program_set_null(frame, out, row);
                }
        }
}

static bool parse_one(const struct step *step, struct slice text, int64_t *ret_value)
{
        switch (step->mode) {
        case FN_TO_TIMESTAMP:
                if (step->extra != NULL)
                        return time_pattern_parse(step->extra, text, ret_value);
                return calendar_parse_timestamp(text, 3, ret_value) == 0;
        case FN_TO_DATE:
                return calendar_parse_date(text, ret_value) == 0;
        default:
                assert(step->mode == FN_UNIX_TIMESTAMP);
                if (!time_pattern_parse_simple(text, ret_value))
                        *ret_value = INT64_MIN; /* not NULL in Flink */
                return true;
        }
}

void kernel_time_parse(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];

                out->i64[row] = 0;
                if (!parse_one(step, a->str[row & a->mask], &out->i64[row]))
                        program_set_null(frame, out, row);
        }
}

void kernel_time_format(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        const struct time_pattern *pattern = step->extra;
        size_t room = time_pattern_room(pattern);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                int64_t micros;
                uint8_t *text;

                if (type_is_character(&step->arg_types[0])) {
                        int64_t seconds;

                        if (!time_pattern_parse_simple(a->str[row & a->mask], &seconds)) {
                                out->str[row] = slice_make(NULL, 0);
                                program_set_null(frame, out, row);
                                continue;
                        }
                        micros = wrap_multiply(seconds, CALENDAR_US_PER_SECOND);
                } else if (step->mode == FN_FROM_UNIXTIME) {
                        /* Seconds to milliseconds wrap. */
                        micros = wrap_multiply(wrap_multiply(a->i64[row & a->mask], 1000), 1000);
                } else {
                        micros = a->i64[row & a->mask];
                }
                text = program_take_text(frame, room);
                out->str[row] = program_keep_text(frame, text, room,
                                                  time_pattern_format(pattern, micros, (char *)text));
        }
}
