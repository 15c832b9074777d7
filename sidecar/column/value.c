/* value.c - see value.h. */
#include "sidecar/column/value.h"

#include <assert.h>
#include <strings.h>

#include "sidecar/base/bytes.h"
#include "sidecar/base/calendar.h"
#include "sidecar/base/number.h"
#include "sidecar/base/utf8.h"

size_t value_format_short(const struct type *type, const struct value *value, char text[VALUE_TEXT_BYTES])
{
        switch (type->kind) {
        case TYPE_BOOLEAN:
                memcpy(text, value->i64 != 0 ? "TRUE" : "FALSE", 5);
                return value->i64 != 0 ? 4 : 5;
        case TYPE_TINYINT:
        case TYPE_SMALLINT:
        case TYPE_INT:
        case TYPE_BIGINT:
                return number_format_i64(value->i64, text);
        case TYPE_FLOAT:
                return number_format_float((float)value->f64, text);
        case TYPE_DOUBLE:
                return number_format_double(value->f64, text);
        case TYPE_DECIMAL:
                return decimal_format(value->dec, type->scale, text);
        case TYPE_DATE:
                return calendar_format_date(value->i64, text);
        case TYPE_TIME:
                return calendar_format_time(value->i64, type->precision, text);
        case TYPE_TIMESTAMP:
        case TYPE_TIMESTAMP_LTZ:
                return calendar_format_timestamp(value->i64, type->precision, text);
        case TYPE_INTERVAL_SECOND:
                return calendar_format_interval(value->i64, text);
        case TYPE_INTERVAL_MONTH:
                return calendar_format_interval_months(value->i64, text);
        default:
                assert(false);
                return 0;
        }
}

void value_format(const struct type *type, const struct value *value, struct bytes *text)
{
        if (value->is_null)
                return;
        if (type_phys(type) == PHYS_STR) {
                bytes_append_slice(text, value->str);
                return;
        }
        text->len += value_format_short(type, value, (char *)bytes_reserve(text, VALUE_TEXT_BYTES));
}

struct slice value_fit_length(const struct type *type, struct slice text, struct arena *arena)
{
        bool is_text = type_is_character(type);
        bool is_padded = type->kind == TYPE_CHAR || type->kind == TYPE_BINARY;
        uint8_t *padded;
        size_t count;

        if (type->length == TYPE_LENGTH_MAX || (text.len == type->length && (!is_text || utf8_is_ascii(text))))
                return text;
        if (text.len >= type->length) {
                size_t cut = is_text ? utf8_offset(text, type->length) : type->length;

                if (cut < text.len)
                        return slice_make(text.data, cut);
        }
        if (!is_padded)
                return text;
        count = is_text ? utf8_count(text) : text.len;
        if (count >= type->length)
                return text;
        padded = arena_take(arena, text.len + type->length - count, 1);
        assert(padded != NULL);
        if (text.len > 0)
                memcpy(padded, text.data, text.len);
        memset(padded + text.len, is_text ? ' ' : 0, type->length - count);
        return slice_make(padded, text.len + type->length - count);
}

static bool is_word(struct slice text, const char *const words[], size_t n_words)
{
        for (size_t i = 0; i < n_words; i++) {
                if (strlen(words[i]) == text.len && strncasecmp(words[i], (const char *)text.data, text.len) == 0)
                        return true;
        }
        return false;
}

static int parse_boolean(struct slice text, int64_t *ret_value)
{
        static const char *const yes[] = {"t", "true", "y", "yes", "1"};
        static const char *const no[] = {"f", "false", "n", "no", "0"};

        if (text.len == 0)
                return VALUE_E_BAD;
        if (is_word(text, yes, sizeof yes / sizeof yes[0]))
                *ret_value = 1;
        else if (is_word(text, no, sizeof no / sizeof no[0]))
                *ret_value = 0;
        else
                return VALUE_E_BAD;
        return 0;
}

static int parse_integer(const struct type *type, struct slice text, int64_t *ret_value)
{
        int64_t highest = INT64_MAX >> (64 - type_integer_bits(type));

        return number_parse_integer(text, -highest - 1, highest, ret_value);
}

int value_parse(const struct type *type, struct slice text, struct arena *arena, struct value *ret_value)
{
        struct value value = {.phys = type_phys(type)};
        float single;
        int result;

        switch (type->kind) {
        case TYPE_BOOLEAN:
                result = parse_boolean(text, &value.i64);
                break;
        case TYPE_TINYINT:
        case TYPE_SMALLINT:
        case TYPE_INT:
        case TYPE_BIGINT:
                result = parse_integer(type, text, &value.i64);
                break;
        case TYPE_FLOAT:
                result = number_parse_float(text, &single);
                if (result == 0)
                        value.f64 = (double)single;
                break;
        case TYPE_DOUBLE:
                result = number_parse_double(text, &value.f64);
                break;
        case TYPE_DECIMAL:
                result = decimal_parse(text, (struct decimal_type){type->precision, type->scale}, &value.dec);
                break;
        case TYPE_DATE:
                result = calendar_parse_date(text, &value.i64);
                break;
        case TYPE_TIME:
                result = calendar_parse_time(text, &value.i64);
                if (type->precision == 0 && result == 0)
                        value.i64 -= value.i64 % 1000;
                break;
        case TYPE_TIMESTAMP:
        case TYPE_TIMESTAMP_LTZ:
                result = calendar_parse_timestamp(text, type->precision, &value.i64);
                break;
        case TYPE_CHAR:
        case TYPE_VARCHAR:
        case TYPE_BINARY:
        case TYPE_VARBINARY:
                value.str = value_fit_length(type, text, arena);
                result = 0;
                break;
        default:
                result = VALUE_E_BAD;
                break;
        }
        if (result != 0)
                return VALUE_E_BAD;
        *ret_value = value;
        return 0;
}
