/* time_pattern.c - see time_pattern.h. A pattern is a list of items: a run of one letter, or literal text. */
#include "sidecar/exec/time_pattern.h"

#include <assert.h>

#include "sidecar/base/calendar.h"
#include "sidecar/base/number.h"

struct item {
        char letter; /* 0: literal text */
        uint8_t count;
        uint8_t reserve; /* parsing: digits of the fixed-width items right behind */
        struct slice text;
};

struct time_pattern {
        uint32_t n_items;
        struct item *items;
        size_t room;
};

static const char *const months[12] = {"January", "February", "March",     "April",   "May",      "June",
                                       "July",    "August",   "September", "October", "November", "December"};
static const char *const days[7] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

static bool is_letter(uint8_t byte)
{
        return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

/* The longest run of a letter that means something, 0 for letters that are not known in this use. */
static unsigned longest_run(char letter, enum time_pattern_use use)
{
        bool is_parse = use == TIME_PATTERN_PARSE, is_simple = use == TIME_PATTERN_FORMAT_SIMPLE;

        switch (letter) {
        case 'y':
                return is_parse ? 4 : 9;
        case 'u':
                return is_simple ? 0 : is_parse ? 4 : 9;
        case 'M':
                return is_parse || is_simple ? 4 : 5;
        case 'L':
                return is_parse || is_simple ? 0 : 5;
        case 'd':
        case 'H':
        case 'h':
        case 'k':
        case 'K':
        case 'm':
        case 's':
                return 2;
        case 'S':
                return is_simple ? 3 : 9;
        case 'D':
                return is_parse ? 0 : 3;
        case 'E':
                return is_parse ? 0 : is_simple ? 4 : 5;
        case 'e':
                return is_parse || is_simple ? 0 : 4;
        case 'c':
                return is_parse || is_simple ? 0 : 1;
        case 'a':
                return 1;
        case 'Q':
        case 'q':
                return is_parse || is_simple ? 0 : 4;
        case 'G':
                return is_parse || is_simple ? 0 : 4;
        default:
                return 0;
        }
}

static bool is_numeric(const struct item *item)
{
        return item->letter != 0 && item->letter != 'a' && !(item->letter == 'M' && item->count > 2);
}

static bool is_fixed_width(const struct item *item)
{
        return is_numeric(item) && (item->letter == 'S' || item->count == 2);
}

/* Text between quotes from `at` (behind the opening quote); '' is a quote. Returns what follows, or 0: no closing
 * quote. */
static size_t take_quoted(struct slice pattern, size_t at, uint8_t *text, size_t *len)
{
        while (at < pattern.len) {
                if (pattern.data[at] == '\'') {
                        if (at + 1 < pattern.len && pattern.data[at + 1] == '\'')
                                at += 1;
                        else
                                return at + 1;
                }
                text[(*len)++] = pattern.data[at++];
        }
        return 0;
}

static int refuse(struct slice pattern, const char *why, struct err *err)
{
        return err_set(err, ERR_CONFIG, "'%.*s' %s", (int)(pattern.len < 80 ? pattern.len : 80),
                       (const char *)pattern.data, why);
}

/* One item at `at`; returns what follows, or 0 with err set. */
static size_t take_item(struct slice pattern, size_t at, enum time_pattern_use use, struct arena *arena,
                        struct item *item, struct err *err)
{
        uint8_t byte = pattern.data[at];
        size_t from = at;

        if (is_letter(byte)) {
                unsigned longest = longest_run((char)byte, use);

                while (at < pattern.len && pattern.data[at] == byte)
                        at += 1;
                if (longest == 0 || at - from > longest) {
                        err_set(err, ERR_CONFIG, "'%.*s': weir does not know '%.*s' in a pattern of dates",
                                (int)(pattern.len < 80 ? pattern.len : 80), (const char *)pattern.data,
                                (int)(at - from), (const char *)pattern.data + from);
                        return 0;
                }
                *item = (struct item){.letter = (char)byte, .count = (uint8_t)(at - from)};
                return at;
        }
        if (memchr("{}#[]", byte, 5) != NULL) {
                refuse(pattern, "holds a reserved character of patterns of dates: quote it", err);
                return 0;
        }
        item->letter = 0;
        if (byte == '\'') {
                uint8_t *text = arena_take(arena, pattern.len, 1);
                size_t len = 0;

                if (at + 1 < pattern.len && pattern.data[at + 1] == '\'') {
                        text[len++] = '\'';
                        at += 2;
                } else {
                        at = take_quoted(pattern, at + 1, text, &len);
                        if (at == 0)
                                refuse(pattern, "ends inside quotes", err);
                }
                item->text = slice_make(text, len);
                return at;
        }
        while (at < pattern.len && !is_letter(pattern.data[at]) && memchr("'{}#[]", pattern.data[at], 6) == NULL)
                at += 1;
        item->text = slice_make(pattern.data + from, at - from);
        return at;
}

int time_pattern_compile(struct slice pattern, enum time_pattern_use use, struct arena *arena,
                         const struct time_pattern **ret_pattern, struct err *err)
{
        struct time_pattern *made = arena_new(arena, struct time_pattern);
        struct slice copy = arena_copy(arena, pattern);
        size_t at = 0;

        made->items = arena_new_n(arena, struct item, pattern.len + 1);
        while (at < copy.len) {
                struct item *item = &made->items[made->n_items];

                at = take_item(copy, at, use, arena, item, err);
                if (at == 0)
                        return -1;
                made->room += item->letter == 0 ? item->text.len : 24;
                made->n_items += 1;
        }
        for (uint32_t i = made->n_items; i > 0; i--) {
                struct item *item = &made->items[i - 1];
                struct item *next = i < made->n_items ? &made->items[i] : NULL;

                if (is_numeric(item) && next != NULL && is_fixed_width(next))
                        item->reserve = (uint8_t)(next->count + next->reserve);
        }
        *ret_pattern = made;
        return 0;
}

size_t time_pattern_room(const struct time_pattern *pattern)
{
        return pattern->room;
}

static size_t put_number(char *text, int64_t value, unsigned width)
{
        char digits[NUMBER_TEXT_BYTES];
        size_t n = number_format_i64(value, digits), len = 0;

        while (len + n < width)
                text[len++] = '0';
        memcpy(text + len, digits, n);
        return len + n;
}

static size_t put_word(char *text, const char *word, size_t most)
{
        size_t len = strlen(word) < most ? strlen(word) : most;

        memcpy(text, word, len);
        return len;
}

/* Four letters and more are the whole word, five the first letter alone, else three letters. */
static size_t put_name(char *text, const char *name, unsigned count)
{
        return put_word(text, name, count == 4 ? SIZE_MAX : count == 5 ? 1 : 3);
}

static size_t put_year(char *text, int64_t year, unsigned count)
{
        if (count == 2)
                return put_number(text, year % 100, 2);
        return put_number(text, year, count == 1 ? 1 : count);
}

static size_t put_quarter(char *text, unsigned quarter, unsigned count)
{
        static const char *const words[4] = {"1st quarter", "2nd quarter", "3rd quarter", "4th quarter"};

        if (count <= 2)
                return put_number(text, quarter, count);
        if (count == 4)
                return put_word(text, words[quarter - 1], SIZE_MAX);
        text[0] = 'Q';
        return 1 + put_number(text + 1, quarter, 1);
}

static size_t put_fraction(char *text, unsigned micro, unsigned count)
{
        char digits[16];

        put_number(digits, micro, 6);
        memcpy(digits + 6, "000", 3);
        memcpy(text, digits, count);
        return count;
}

static size_t put_item(char *text, const struct item *item, const struct calendar_time *time, int64_t day)
{
        unsigned count = item->count, weekday = (unsigned)(day + 4 - calendar_floor_div(day + 4, 7) * 7);

        switch (item->letter) {
        case 0:
                if (item->text.len > 0)
                        memcpy(text, item->text.data, item->text.len);
                return item->text.len;
        case 'y': /* of the era */
                return put_year(text, time->date.year > 0 ? time->date.year : 1 - time->date.year, count);
        case 'u':
                return put_year(text, time->date.year, count);
        case 'M':
        case 'L':
                return count <= 2 ? put_number(text, time->date.month, count)
                                  : put_name(text, months[time->date.month - 1], count);
        case 'd':
                return put_number(text, time->date.day, count);
        case 'D':
                return put_number(text, day - calendar_days(time->date.year, 1, 1) + 1, count);
        case 'H':
                return put_number(text, time->hour, count);
        case 'k':
                return put_number(text, time->hour == 0 ? 24 : time->hour, count);
        case 'K':
                return put_number(text, time->hour % 12, count);
        case 'h':
                return put_number(text, time->hour % 12 == 0 ? 12 : time->hour % 12, count);
        case 'm':
                return put_number(text, time->minute, count);
        case 's':
                return put_number(text, time->second, count);
        case 'S':
                return put_fraction(text, time->micro, count);
        case 'E':
                return put_name(text, days[weekday], count);
        case 'e':
        case 'c':
                return count <= 2 ? put_number(text, weekday + 1, count) : put_name(text, days[weekday], count);
        case 'a':
                return put_word(text, time->hour < 12 ? "AM" : "PM", SIZE_MAX);
        case 'Q':
        case 'q':
                return put_quarter(text, (time->date.month + 2) / 3, count);
        default:
                assert(item->letter == 'G');
                return put_word(text,
                                count == 4 ? (time->date.year > 0 ? "Anno Domini" : "Before Christ")
                                           : (time->date.year > 0 ? "AD" : "BC"),
                                SIZE_MAX);
        }
}

size_t time_pattern_format(const struct time_pattern *pattern, int64_t micros, char *text)
{
        struct calendar_time time = calendar_time(micros);
        int64_t day = calendar_floor_div(micros, CALENDAR_US_PER_DAY);
        size_t len = 0;

        for (uint32_t i = 0; i < pattern->n_items; i++)
                len += put_item(text + len, &pattern->items[i], &time, day);
        assert(len <= pattern->room);
        return len;
}

/* ---- parsing ---- */

struct fields {
        unsigned year, month, day, hour, clock_hour, half, minute, second, nano;
        bool has_year, has_month, has_day, has_hour, has_clock_hour, has_half;
};

static size_t count_digits(struct slice text, size_t at)
{
        size_t n = 0;

        while (at + n < text.len && text.data[at + n] >= '0' && text.data[at + n] <= '9')
                n += 1;
        return n;
}

/* Digits of a numeric item: as many as its width asks for, leaving what is reserved for those right behind. */
static bool take_number(struct slice text, size_t *at, const struct item *item, unsigned *ret_value)
{
        size_t n = count_digits(text, *at), least = item->count, most = 9;
        unsigned value = 0;

        if (item->letter == 'y' || item->letter == 'u') {
                if (item->count == 2)
                        most = 2;
                else if (item->count > 2)
                        most = item->count; /* longer years need a sign */
        } else if (item->letter == 'S' || item->count == 2) {
                most = item->count;
        }
        if (item->letter != 'S' && n > item->reserve && most > n - item->reserve)
                most = n - item->reserve;
        if (n < least || most < least)
                return false;
        if (n > most)
                n = most;
        for (size_t i = 0; i < n; i++)
                value = value * 10 + (text.data[*at + i] - '0');
        *at += n;
        *ret_value = value;
        return true;
}

static bool take_month_name(struct slice text, size_t *at, const struct item *item, struct fields *fields)
{
        for (unsigned i = 0; i < 12; i++) {
                size_t len = item->count == 4 ? strlen(months[i]) : 3;

                if (text.len - *at >= len && memcmp(text.data + *at, months[i], len) == 0) {
                        *at += len;
                        fields->month = i + 1;
                        fields->has_month = true;
                        return true;
                }
        }
        return false;
}

static bool take_half(struct slice text, size_t *at, struct fields *fields)
{
        if (text.len - *at < 2 || (memcmp(text.data + *at, "AM", 2) != 0 && memcmp(text.data + *at, "PM", 2) != 0))
                return false;
        fields->half = text.data[*at] == 'P';
        fields->has_half = true;
        *at += 2;
        return true;
}

static bool set_field(struct fields *fields, const struct item *item, unsigned value)
{
        static const unsigned unit[10] = {1000000000, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1};

        switch (item->letter) {
        case 'y':
        case 'u':
                fields->year = item->count == 2 ? 2000 + value : value;
                fields->has_year = true;
                return item->letter == 'u' || fields->year > 0;
        case 'M':
                fields->month = value;
                fields->has_month = true;
                return value >= 1 && value <= 12;
        case 'd':
                fields->day = value;
                fields->has_day = true;
                return value >= 1 && value <= 31;
        case 'H':
                fields->hour = value;
                fields->has_hour = true;
                return value <= 24;
        case 'k':
                fields->hour = value % 24;
                fields->has_hour = true;
                return value >= 1 && value <= 24;
        case 'h':
                fields->clock_hour = value % 12;
                fields->has_clock_hour = true;
                return value >= 1 && value <= 12;
        case 'K':
                fields->clock_hour = value;
                fields->has_clock_hour = true;
                return value <= 11;
        case 'm':
                fields->minute = value;
                return value <= 59;
        case 's':
                fields->second = value;
                return value <= 59;
        default:
                assert(item->letter == 'S');
                fields->nano = value * unit[item->count];
                return true;
        }
}

static bool take_fields(const struct time_pattern *pattern, struct slice text, struct fields *fields)
{
        size_t at = 0;

        for (uint32_t i = 0; i < pattern->n_items; i++) {
                const struct item *item = &pattern->items[i];
                unsigned value;

                if (item->letter == 0) {
                        if (text.len - at < item->text.len ||
                            memcmp(text.data + at, item->text.data, item->text.len) != 0)
                                return false;
                        at += item->text.len;
                } else if (item->letter == 'a') {
                        if (!take_half(text, &at, fields))
                                return false;
                } else if (item->letter == 'M' && item->count > 2) {
                        if (!take_month_name(text, &at, item, fields))
                                return false;
                } else if (!take_number(text, &at, item, &value) || !set_field(fields, item, value)) {
                        return false;
                }
        }
        return at == text.len;
}

static int64_t micros_of(int64_t days_, unsigned hour, unsigned minute, unsigned second, unsigned nano)
{
        return days_ * CALENDAR_US_PER_DAY + (((int64_t)hour * 60 + minute) * 60 + second) * CALENDAR_US_PER_SECOND +
               nano / 1000;
}

static bool resolve(struct fields *fields, int64_t *ret_micros)
{
        bool is_whole_date = fields->has_year && fields->has_month && fields->has_day;
        unsigned length;

        if (!fields->has_year)
                fields->year = 1970;
        if (!fields->has_month)
                fields->month = 1;
        if (!fields->has_day)
                fields->day = 1;
        if (!fields->has_hour && fields->has_clock_hour && fields->has_half)
                fields->hour = fields->half * 12 + fields->clock_hour;
        if (fields->hour == 24 && (fields->minute != 0 || fields->second != 0 || fields->nano != 0 || !is_whole_date))
                return false;
        length = calendar_month_length(fields->year, fields->month);
        if (fields->day > length) {
                if (!is_whole_date) /* java.time resolves whole dates only */
                        return false;
                fields->day = length;
        }
        /* TIMESTAMP(3) */
        *ret_micros = micros_of(calendar_days(fields->year, fields->month, fields->day), fields->hour, fields->minute,
                                fields->second, fields->nano - fields->nano % 1000000);
        return true;
}

/* Digits up to `end`, 1 to 9 of them. */
static bool parse_part(struct slice text, size_t from, size_t end, unsigned *ret_value)
{
        unsigned value = 0;

        if (from >= end || end - from > 9 || count_digits(text, from) < end - from)
                return false;
        for (size_t i = from; i < end; i++)
                value = value * 10 + (text.data[i] - '0');
        *ret_value = value;
        return true;
}

static size_t find_byte(struct slice text, size_t from, char byte)
{
        while (from < text.len && text.data[from] != (uint8_t)byte)
                from += 1;
        return from;
}

/* java.sql.Date: yyyy-[M]M-[d]d in text[0..end); days beyond the month run into the next. */
static bool parse_sql_date(struct slice text, size_t end, int64_t *ret_days)
{
        size_t first = find_byte(text, 0, '-'), second = find_byte(text, first + 1, '-');
        unsigned year, month, day;

        if (first != 4 || second >= end || second - first > 3 || end - second > 3 ||
            !parse_part(text, 0, first, &year) || !parse_part(text, first + 1, second, &month) ||
            !parse_part(text, second + 1, end, &day) || month - 1 >= 12 || day - 1 >= 31)
                return false;
        *ret_days = calendar_days(year, month, 1) + day - 1;
        return true;
}

/* java.sql.Timestamp: that, a blank, H:m:s[.f], every part as large as it likes. */
static bool parse_sql(struct slice text, int64_t *ret_micros)
{
        unsigned hour, minute, second, nano = 0;
        size_t blank, first, colon, point;
        int64_t days_;

        text = number_trim(text);
        blank = find_byte(text, 0, ' ');
        if (blank == text.len) {
                if (!parse_sql_date(text, text.len, &days_))
                        return false;
                *ret_micros = days_ * CALENDAR_US_PER_DAY;
                return true;
        }
        first = find_byte(text, blank + 1, ':');
        colon = first < text.len ? find_byte(text, first + 1, ':') : text.len;
        point = colon < text.len ? find_byte(text, colon + 1, '.') : text.len;
        if (!parse_sql_date(text, blank, &days_) || colon >= text.len || !parse_part(text, blank + 1, first, &hour) ||
            !parse_part(text, first + 1, colon, &minute) || !parse_part(text, colon + 1, point, &second))
                return false;
        if (point < text.len) {
                if (!parse_part(text, point + 1, text.len, &nano))
                        return false;
                for (size_t n = text.len - point - 1; n < 9; n++)
                        nano *= 10;
        }
        *ret_micros = micros_of(days_, hour, minute, second, nano);
        return true;
}

bool time_pattern_parse(const struct time_pattern *pattern, struct slice text, int64_t *ret_micros)
{
        struct fields fields = {.year = 0};

        if (take_fields(pattern, text, &fields))
                return resolve(&fields, ret_micros);
        return parse_sql(text, ret_micros);
}

/* A number after blanks; at most 9 digits, which is more than any field of a date. */
static bool take_simple(struct slice text, size_t *at, unsigned *ret_value)
{
        size_t n;

        while (*at < text.len && (text.data[*at] == ' ' || text.data[*at] == '\t'))
                *at += 1;
        n = count_digits(text, *at);
        if (!parse_part(text, *at, *at + n, ret_value))
                return false;
        *at += n;
        return true;
}

bool time_pattern_parse_simple(struct slice text, int64_t *ret_seconds)
{
        static const char separators[] = "-- ::";
        unsigned part[6];
        int64_t month_count;
        size_t at = 0;

        for (unsigned i = 0; i < 6; i++) {
                if (!take_simple(text, &at, &part[i]))
                        return false;
                if (i < 5) {
                        if (at == text.len || text.data[at] != (uint8_t)separators[i])
                                return false;
                        at += 1;
                }
        }
        /* Lenient: month 13 is January of the next year. */
        month_count = (int64_t)part[0] * 12 + part[1] - 1;
        *ret_seconds = (calendar_days(calendar_floor_div(month_count, 12),
                                      (unsigned)(month_count - calendar_floor_div(month_count, 12) * 12) + 1, 1) +
                        part[2] - 1) *
                               86400 +
                       (int64_t)part[3] * 3600 + (int64_t)part[4] * 60 + part[5];
        return true;
}
