/* option.c - reading the values of settings and options. */
#include "sidecar/plan/option.h"

#include <ctype.h>
#include <stdio.h>

struct unit {
        const char *name; /* lower case */
        uint64_t factor;
};

/* Flink's spellings (a bare number is the smallest unit that Flink takes it for: ms, bytes). */
static const struct unit duration_units[] = {
        {"", 1},
        {"ms", 1},
        {"milli", 1},
        {"millis", 1},
        {"millisecond", 1},
        {"milliseconds", 1},
        {"s", 1000},
        {"sec", 1000},
        {"secs", 1000},
        {"second", 1000},
        {"seconds", 1000},
        {"m", 60000},
        {"min", 60000},
        {"mins", 60000},
        {"minute", 60000},
        {"minutes", 60000},
        {"h", 3600000},
        {"hour", 3600000},
        {"hours", 3600000},
        {"d", 86400000},
        {"day", 86400000},
        {"days", 86400000},
};

static const struct unit size_units[] = {
        {"", 1},
        {"b", 1},
        {"bytes", 1},
        {"k", UINT64_C(1) << 10},
        {"kb", UINT64_C(1) << 10},
        {"kib", UINT64_C(1) << 10},
        {"kibibytes", UINT64_C(1) << 10},
        {"m", UINT64_C(1) << 20},
        {"mb", UINT64_C(1) << 20},
        {"mib", UINT64_C(1) << 20},
        {"mebibytes", UINT64_C(1) << 20},
        {"g", UINT64_C(1) << 30},
        {"gb", UINT64_C(1) << 30},
        {"gib", UINT64_C(1) << 30},
        {"gibibytes", UINT64_C(1) << 30},
        {"t", UINT64_C(1) << 40},
        {"tb", UINT64_C(1) << 40},
        {"tib", UINT64_C(1) << 40},
        {"tebibytes", UINT64_C(1) << 40},
};

#define N_OF(array) (sizeof(array) / sizeof(array)[0])

static struct slice trim(struct slice text)
{
        while (text.len > 0 && isspace(text.data[0])) {
                text.data++;
                text.len--;
        }
        while (text.len > 0 && isspace(text.data[text.len - 1]))
                text.len--;
        return text;
}

static bool is_text(struct slice value, const char *text)
{
        size_t len = strlen(text);

        if (value.len != len)
                return false;
        for (size_t i = 0; i < len; i++)
                if (tolower(value.data[i]) != text[i])
                        return false;
        return true;
}

/* Digits at the front; value keeps the rest. False without digits or beyond 2^63-1. */
static bool take_digits(struct slice *value, uint64_t *ret_number)
{
        uint64_t number = 0;
        size_t n = 0;

        for (; n < value->len && isdigit(value->data[n]); n++) {
                uint64_t digit = (uint64_t)(value->data[n] - '0');

                if (number > ((uint64_t)INT64_MAX - digit) / 10)
                        return false;
                number = number * 10 + digit;
        }
        if (n == 0)
                return false;
        *value = slice_make(value->data + n, value->len - n);
        *ret_number = number;
        return true;
}

static bool read_with_unit(struct slice value, const struct unit *units, size_t n_units, uint64_t *ret_value)
{
        struct slice rest = trim(value);
        uint64_t number;

        if (!take_digits(&rest, &number))
                return false;
        rest = trim(rest);
        for (size_t i = 0; i < n_units; i++) {
                if (!is_text(rest, units[i].name))
                        continue;
                if (number > (uint64_t)INT64_MAX / units[i].factor)
                        return false;
                *ret_value = number * units[i].factor;
                return true;
        }
        return false;
}

bool option_read_duration(struct slice value, int64_t *ret_ms)
{
        uint64_t ms;

        if (!read_with_unit(value, duration_units, N_OF(duration_units), &ms))
                return false;
        *ret_ms = (int64_t)ms;
        return true;
}

bool option_read_size(struct slice value, uint64_t *ret_bytes)
{
        return read_with_unit(value, size_units, N_OF(size_units), ret_bytes);
}

bool option_read_integer(struct slice value, int64_t *ret_value)
{
        struct slice rest = trim(value);
        uint64_t number;

        if (!take_digits(&rest, &number) || rest.len > 0)
                return false;
        *ret_value = (int64_t)number;
        return true;
}

bool option_read_boolean(struct slice value, bool *ret_value)
{
        struct slice word = trim(value);

        if (is_text(word, "true") || is_text(word, "on"))
                *ret_value = true;
        else if (is_text(word, "false") || is_text(word, "off"))
                *ret_value = false;
        else
                return false;
        return true;
}

static bool is_word(const char *words, struct slice value)
{
        while (*words != '\0') {
                size_t len = strcspn(words, " ");

                if (words[len - 1] == ':') {
                        if (value.len > len && memcmp(value.data, words, len) == 0)
                                return true;
                } else if (value.len == len && memcmp(value.data, words, len) == 0) {
                        return true;
                }
                words += len;
                words += strspn(words, " ");
        }
        return false;
}

static bool is_address(struct slice value)
{
        struct slice port;
        const uint8_t *colon = NULL;
        uint64_t number;

        for (size_t i = 0; i < value.len; i++) {
                if (value.data[i] == ':')
                        colon = value.data + i;
                if (isspace(value.data[i]))
                        return false;
        }
        if (colon == NULL || colon == value.data)
                return false;
        if (memchr(value.data, ':', (size_t)(colon - value.data)) != NULL &&
            (value.data[0] != '[' || colon[-1] != ']'))
                return false;
        port = slice_make(colon + 1, value.len - (size_t)(colon + 1 - value.data));
        return take_digits(&port, &number) && port.len == 0 && number <= 65535;
}

/* "one of a, b, c": the choices of a WORD in words; a choice with a tail shows it. */
static void format_words(const char *words, char *text, size_t text_bytes)
{
        size_t at = (size_t)snprintf(text, text_bytes, "one of ");

        while (*words != '\0' && at < text_bytes) {
                size_t len = strcspn(words, " ");
                const char *tail = words[len - 1] == ':' ? "NAME" : "";
                const char *comma = words[len] == '\0' ? "" : ", ";

                at += (size_t)snprintf(text + at, text_bytes - at, "'%.*s%s'%s", (int)len, words, tail, comma);
                words += len;
                words += strspn(words, " ");
        }
}

const char *option_type_text(const struct option_spec *spec, char *text, size_t text_bytes)
{
        switch (spec->type) {
        case OPTION_TEXT:
                return "a text that is not empty";
        case OPTION_WORD:
                format_words(spec->words, text, text_bytes);
                return text;
        case OPTION_BOOLEAN:
                return "'true' or 'false'";
        case OPTION_SWITCH:
                return "'on' or 'off'";
        case OPTION_INTEGER:
                return "a whole number";
        case OPTION_DURATION:
                return "a duration such as '30 s', '5 min' or '2 h'";
        case OPTION_SIZE:
                return "a size such as '512 kb', '64 mb' or '4 gb'";
        case OPTION_ADDRESS:
                return "an address such as '0.0.0.0:4141' or '[::1]:4141'";
        case OPTION_PATH:
                return "a path";
        case OPTION_COLUMN:
                return "the name of a column";
        }
        return "";
}

int option_check(const struct option_spec *spec, struct slice value, struct err *err)
{
        char type_text[256];
        int64_t number;
        uint64_t bytes;
        bool flag, ok = true;

        switch (spec->type) {
        case OPTION_TEXT:
        case OPTION_PATH:
        case OPTION_COLUMN:
                ok = value.len > 0;
                break;
        case OPTION_WORD:
                ok = is_word(spec->words, value);
                break;
        case OPTION_BOOLEAN:
                ok = option_read_boolean(value, &flag) && !is_text(value, "on") && !is_text(value, "off");
                break;
        case OPTION_SWITCH:
                ok = option_read_boolean(value, &flag);
                break;
        case OPTION_INTEGER:
                ok = option_read_integer(value, &number);
                break;
        case OPTION_DURATION:
                ok = option_read_duration(value, &number);
                break;
        case OPTION_SIZE:
                ok = option_read_size(value, &bytes);
                break;
        case OPTION_ADDRESS:
                ok = is_address(value);
                break;
        }
        if (ok)
                return 0;
        return err_set(err, ERR_CONFIG, "'%s' takes %s, not '%.*s'", spec->key,
                       option_type_text(spec, type_text, sizeof type_text), (int)(value.len < 80 ? value.len : 80),
                       (const char *)value.data);
}
