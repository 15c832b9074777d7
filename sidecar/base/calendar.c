/* calendar.c - see calendar.h. Days are counted in 400-year eras that begin on 1 March, so that the leap day is the
 * last of a year. */
#include "sidecar/base/calendar.h"

#include <assert.h>
#include <strings.h>

#include "sidecar/base/number.h"

#define US_PER_MINUTE INT64_C(60000000)
#define US_PER_HOUR INT64_C(3600000000)

static const char *const unit_names[UNIT_COUNT_] = {
        [UNIT_YEAR] = "YEAR",
        [UNIT_QUARTER] = "QUARTER",
        [UNIT_MONTH] = "MONTH",
        [UNIT_WEEK] = "WEEK",
        [UNIT_DAY] = "DAY",
        [UNIT_HOUR] = "HOUR",
        [UNIT_MINUTE] = "MINUTE",
        [UNIT_SECOND] = "SECOND",
        [UNIT_MILLISECOND] = "MILLISECOND",
        [UNIT_MICROSECOND] = "MICROSECOND",
        [UNIT_NANOSECOND] = "NANOSECOND",
        [UNIT_EPOCH] = "EPOCH",
        [UNIT_DOW] = "DOW",
        [UNIT_ISODOW] = "ISODOW",
        [UNIT_DOY] = "DOY",
        [UNIT_ISOYEAR] = "ISOYEAR",
        [UNIT_DECADE] = "DECADE",
        [UNIT_CENTURY] = "CENTURY",
        [UNIT_MILLENNIUM] = "MILLENNIUM",
};

bool calendar_unit_find(struct slice name, enum calendar_unit *ret_unit)
{
        for (unsigned i = 0; i < UNIT_COUNT_; i++) {
                if (strlen(unit_names[i]) == name.len &&
                    strncasecmp(unit_names[i], (const char *)name.data, name.len) == 0) {
                        *ret_unit = (enum calendar_unit)i;
                        return true;
                }
        }
        return false;
}

const char *calendar_unit_name(enum calendar_unit unit)
{
        return unit_names[unit];
}

int64_t calendar_days(int64_t year, unsigned month, unsigned day)
{
        int64_t era, year_of_era, day_of_year, day_of_era;

        year -= month <= 2;
        era = calendar_floor_div(year, 400);
        year_of_era = year - era * 400;
        day_of_year = (int64_t)(153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
        day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        return era * 146097 + day_of_era - 719468;
}

struct calendar_date calendar_date(int64_t days)
{
        int64_t era, day_of_era, year_of_era, day_of_year, month_from_march;
        struct calendar_date date;

        days += 719468;
        era = calendar_floor_div(days, 146097);
        day_of_era = days - era * 146097;
        year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
        day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        month_from_march = (5 * day_of_year + 2) / 153;
        date.day = (unsigned)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
        date.month = (unsigned)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
        date.year = year_of_era + era * 400 + (date.month <= 2);
        return date;
}

struct calendar_time calendar_time(int64_t micros)
{
        int64_t days = calendar_floor_div(micros, CALENDAR_US_PER_DAY);
        int64_t rest = micros - days * CALENDAR_US_PER_DAY;

        return (struct calendar_time){
                .date = calendar_date(days),
                .hour = (unsigned)(rest / US_PER_HOUR),
                .minute = (unsigned)(rest / US_PER_MINUTE % 60),
                .second = (unsigned)(rest / CALENDAR_US_PER_SECOND % 60),
                .micro = (unsigned)(rest % CALENDAR_US_PER_SECOND),
        };
}

static bool is_leap(int64_t year)
{
        return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

unsigned calendar_month_length(int64_t year, unsigned month)
{
        if (month == 2)
                return is_leap(year) ? 29 : 28;
        return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

int64_t calendar_add_months_to_date(int64_t days, int64_t months)
{
        struct calendar_date date = calendar_date(days);
        int64_t count = date.year * 12 + date.month - 1 + months;
        int64_t year = calendar_floor_div(count, 12);
        unsigned month = (unsigned)(count - year * 12) + 1;
        unsigned length = calendar_month_length(year, month);

        return calendar_days(year, month, date.day < length ? date.day : length);
}

int64_t calendar_add_months(int64_t micros, int64_t months)
{
        int64_t days = calendar_floor_div(micros, CALENDAR_US_PER_DAY);
        int64_t rest = micros - days * CALENDAR_US_PER_DAY;

        return (int64_t)((uint64_t)calendar_add_months_to_date(days, months) * (uint64_t)CALENDAR_US_PER_DAY +
                         (uint64_t)rest);
}

/* The largest count of months that, added to the earlier day, does not pass the later one. */
static int64_t months_between_days(int64_t earlier, int64_t later)
{
        struct calendar_date from = calendar_date(earlier), to = calendar_date(later);
        int64_t months = (to.year - from.year) * 12 + (int64_t)to.month - (int64_t)from.month;

        return months - (calendar_add_months_to_date(earlier, months) > later);
}

int64_t calendar_months_between(int64_t from_micros, int64_t to_micros)
{
        int64_t from = calendar_floor_div(from_micros, CALENDAR_US_PER_DAY);
        int64_t to = calendar_floor_div(to_micros, CALENDAR_US_PER_DAY);
        int64_t months = to < from ? -months_between_days(to, from) : months_between_days(from, to);
        int64_t from_ms = calendar_floor_div(from_micros - from * CALENDAR_US_PER_DAY, 1000);
        int64_t to_ms = calendar_floor_div(to_micros - to * CALENDAR_US_PER_DAY, 1000);

        /* Days first, then the time of day, in this direction whichever is earlier: Flink's order. */
        if (calendar_add_months_to_date(from, months) == to && to_ms < from_ms)
                months -= 1;
        return months;
}

bool calendar_is_floor_unit(enum calendar_unit unit)
{
        return unit <= UNIT_MILLISECOND || unit == UNIT_DECADE || unit == UNIT_CENTURY || unit == UNIT_MILLENNIUM;
}

/* Of a unit with a fixed length, else 0. */
static int64_t unit_micros(enum calendar_unit unit)
{
        switch (unit) {
        case UNIT_DAY:
                return CALENDAR_US_PER_DAY;
        case UNIT_HOUR:
                return US_PER_HOUR;
        case UNIT_MINUTE:
                return US_PER_MINUTE;
        case UNIT_SECOND:
                return CALENDAR_US_PER_SECOND;
        case UNIT_MILLISECOND:
                return 1000;
        default:
                return 0;
        }
}

/* First day of the unit that holds the day, or of the unit `ahead` units later. */
static int64_t floor_days(int64_t days, enum calendar_unit unit, int64_t ahead)
{
        struct calendar_date date = calendar_date(days);
        int64_t month_count;

        switch (unit) {
        case UNIT_WEEK: /* 1970-01-01 was a Thursday */
                return calendar_floor_div(days + 4, 7) * 7 - 4 + ahead * 7;
        case UNIT_MONTH:
                month_count = date.year * 12 + date.month - 1 + ahead;
                return calendar_days(calendar_floor_div(month_count, 12),
                                     (unsigned)(month_count - calendar_floor_div(month_count, 12) * 12) + 1, 1);
        case UNIT_QUARTER:
                month_count = date.year * 12 + (date.month - 1) / 3 * 3 + ahead * 3;
                return calendar_days(calendar_floor_div(month_count, 12),
                                     (unsigned)(month_count - calendar_floor_div(month_count, 12) * 12) + 1, 1);
        case UNIT_YEAR:
                return calendar_days(date.year + ahead, 1, 1);
        case UNIT_DECADE:
                return calendar_days((calendar_floor_div(date.year, 10) + ahead) * 10, 1, 1);
        case UNIT_CENTURY: /* begins with year 1 */
                return calendar_days((calendar_floor_div(date.year - 1, 100) + ahead) * 100 + 1, 1, 1);
        case UNIT_MILLENNIUM:
                return calendar_days((calendar_floor_div(date.year - 1, 1000) + ahead) * 1000 + 1, 1, 1);
        default:
                assert(false);
                return days;
        }
}

int64_t calendar_floor(int64_t micros, enum calendar_unit unit)
{
        int64_t length = unit_micros(unit);

        if (length != 0)
                return (int64_t)((uint64_t)calendar_floor_div(micros, length) * (uint64_t)length);
        return (int64_t)((uint64_t)floor_days(micros / CALENDAR_US_PER_DAY, unit, 0) * (uint64_t)CALENDAR_US_PER_DAY);
}

int64_t calendar_ceil(int64_t micros, enum calendar_unit unit)
{
        int64_t length = unit_micros(unit);
        int64_t days, floor;

        if (length != 0)
                return (int64_t)((uint64_t)(calendar_floor_div(micros, length) + (micros % length != 0)) *
                                 (uint64_t)length);
        days = micros / CALENDAR_US_PER_DAY;
        floor = floor_days(days, unit, 0);
        /* Units above the year always go up. */
        if (floor != days || unit == UNIT_DECADE || unit == UNIT_CENTURY || unit == UNIT_MILLENNIUM)
                floor = floor_days(days, unit, 1);
        return (int64_t)((uint64_t)floor * (uint64_t)CALENDAR_US_PER_DAY);
}

/* Monday is 1. */
static int64_t iso_day_of_week(int64_t days)
{
        return days + 3 - calendar_floor_div(days + 3, 7) * 7 + 1;
}

/* ISO 8601: the week belongs to the year that holds its Thursday. */
static int64_t iso_week(int64_t days, int64_t *ret_year)
{
        int64_t thursday = days - iso_day_of_week(days) + 4;
        int64_t year = calendar_date(thursday).year;

        *ret_year = year;
        return (thursday - calendar_days(year, 1, 1)) / 7 + 1;
}

static int64_t extract_from_days(int64_t days, enum calendar_unit unit)
{
        struct calendar_date date = calendar_date(days);
        int64_t iso_year;

        switch (unit) {
        case UNIT_YEAR:
                return date.year;
        case UNIT_QUARTER:
                return (date.month + 2) / 3;
        case UNIT_MONTH:
                return date.month;
        case UNIT_WEEK:
                return iso_week(days, &iso_year);
        case UNIT_DAY:
                return date.day;
        case UNIT_DOW: /* Sunday is 1 */
                return iso_day_of_week(days) % 7 + 1;
        case UNIT_ISODOW:
                return iso_day_of_week(days);
        case UNIT_DOY:
                return days - calendar_days(date.year, 1, 1) + 1;
        case UNIT_ISOYEAR:
                (void)iso_week(days, &iso_year);
                return iso_year;
        case UNIT_DECADE:
                return date.year / 10;
        case UNIT_CENTURY:
                return date.year > 0 ? (date.year + 99) / 100 : (date.year - 99) / 100;
        case UNIT_MILLENNIUM:
                return date.year > 0 ? (date.year + 999) / 1000 : (date.year - 999) / 1000;
        default:
                assert(false);
                return 0;
        }
}

int64_t calendar_extract(int64_t micros, enum calendar_unit unit)
{
        int64_t ms;

        /* Flink cuts milliseconds toward zero from here on, also before 1970. */
        ms = calendar_floor_div(micros, 1000);
        switch (unit) {
        case UNIT_HOUR:
                return ms % CALENDAR_MS_PER_DAY / 3600000;
        case UNIT_MINUTE:
                return ms % 3600000 / 60000;
        case UNIT_SECOND:
                return ms % 60000 / 1000;
        case UNIT_MILLISECOND:
                return ms % 1000;
        case UNIT_MICROSECOND:
                return ms % 1000 * 1000 + (micros - ms * 1000);
        case UNIT_NANOSECOND:
                return ms % 1000 * 1000000 + (micros - ms * 1000) * 1000;
        case UNIT_EPOCH:
                return ms / 1000;
        default:
                return extract_from_days(ms / CALENDAR_MS_PER_DAY, unit);
        }
}

/* A cursor over text to parse. */
struct cursor {
        struct slice text;
        size_t at;
};

static bool take_byte(struct cursor *cursor, uint8_t byte)
{
        if (cursor->at == cursor->text.len || cursor->text.data[cursor->at] != byte)
                return false;
        cursor->at += 1;
        return true;
}

/* min..max digits. */
static bool take_number(struct cursor *cursor, unsigned min_digits, unsigned max_digits, unsigned *ret_value)
{
        unsigned value = 0, n_digits = 0;

        while (n_digits < max_digits && cursor->at < cursor->text.len) {
                unsigned digit = (unsigned)cursor->text.data[cursor->at] - '0';

                if (digit > 9)
                        break;
                value = value * 10 + digit;
                n_digits += 1;
                cursor->at += 1;
        }
        *ret_value = value;
        return n_digits >= min_digits;
}

int calendar_parse_timestamp(struct slice text, unsigned precision, int64_t *ret_micros)
{
        static const unsigned unit[7] = {1000000, 100000, 10000, 1000, 100, 10, 1};
        struct cursor cursor = {.text = text, .at = 0};
        unsigned year, month, day, hour = 0, minute = 0, second = 0, micro = 0;
        int64_t days;

        assert(precision <= 6);
        if (!take_number(&cursor, 4, 4, &year) || year == 0 || !take_byte(&cursor, '-') ||
            !take_number(&cursor, 1, 2, &month) || month - 1 >= 12 || !take_byte(&cursor, '-') ||
            !take_number(&cursor, 1, 2, &day) || day - 1 >= 31)
                return CALENDAR_E_BAD;
        if (take_byte(&cursor, ' ')) {
                if (!take_number(&cursor, 1, 2, &hour) || !take_byte(&cursor, ':') ||
                    !take_number(&cursor, 1, 2, &minute) || !take_byte(&cursor, ':') ||
                    !take_number(&cursor, 1, 2, &second) || minute >= 60 || second >= 60)
                        return CALENDAR_E_BAD;
                if (take_byte(&cursor, '.')) {
                        size_t from = cursor.at;

                        if (!take_number(&cursor, 0, 6, &micro))
                                return CALENDAR_E_BAD;
                        micro *= unit[cursor.at - from];
                        if (cursor.at - from == 6) { /* nanoseconds are cut */
                                unsigned nanos;

                                (void)take_number(&cursor, 0, 3, &nanos);
                                if (hour == 24 && nanos != 0)
                                        return CALENDAR_E_BAD;
                        }
                }
                if (hour >= 24 && (hour > 24 || minute != 0 || second != 0 || micro != 0))
                        return CALENDAR_E_BAD;
        }
        if (cursor.at != text.len)
                return CALENDAR_E_BAD;
        if (day > calendar_month_length(year, month))
                day = calendar_month_length(year, month);
        days = calendar_days(year, month, day);
        micro -= micro % unit[precision];
        *ret_micros = days * CALENDAR_US_PER_DAY + hour * US_PER_HOUR + minute * US_PER_MINUTE +
                      second * CALENDAR_US_PER_SECOND + micro;
        return 0;
}

/* The digits of a part between blanks; at most 9 of them, more cannot be a year, day, hour or second. */
static bool parse_part(struct slice text, unsigned *ret_value)
{
        struct cursor cursor = {.text = number_trim(text), .at = 0};

        while (cursor.at + 1 < cursor.text.len && cursor.text.data[cursor.at] == '0')
                cursor.at += 1;
        return take_number(&cursor, 1, 9, ret_value) && cursor.at == cursor.text.len;
}

/* Cuts the part before the first `byte` off the front of rest; false when there is no such byte (then all is the
 * part). */
static bool cut_part(struct slice *rest, uint8_t byte, struct slice *ret_part)
{
        const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->data, byte, rest->len);

        *ret_part = *rest;
        if (end == NULL)
                return false;
        ret_part->len = (size_t)(end - rest->data);
        rest->len -= ret_part->len + 1;
        rest->data = end + 1;
        return true;
}

int calendar_parse_date(struct slice text, int64_t *ret_days)
{
        const uint8_t *blank = text.len == 0 ? NULL : memchr(text.data, ' ', text.len);
        unsigned year, month = 1, day = 1;
        struct slice part;
        bool more;

        if (blank != NULL && blank > text.data)
                text.len = (size_t)(blank - text.data);
        more = cut_part(&text, '-', &part);
        if (!parse_part(part, &year))
                return CALENDAR_E_BAD;
        if (more) {
                more = cut_part(&text, '-', &part);
                if (!parse_part(part, &month) || (more && !parse_part(text, &day)))
                        return CALENDAR_E_BAD;
        }
        if (year > 9999 || month - 1 >= 12 || day == 0 || day > calendar_month_length(year, month))
                return CALENDAR_E_BAD;
        *ret_days = calendar_days(year, month, day);
        return 0;
}

int calendar_parse_time(struct slice text, int64_t *ret_ms)
{
        static const unsigned unit[4] = {1000, 100, 10, 1};
        unsigned hour, minute = 0, second = 0, ms = 0;
        struct slice part;
        bool more = cut_part(&text, ':', &part);

        if (!parse_part(part, &hour))
                return CALENDAR_E_BAD;
        if (more) {
                more = cut_part(&text, ':', &part);
                if (!parse_part(part, &minute))
                        return CALENDAR_E_BAD;
        }
        if (more) {
                more = cut_part(&text, '.', &part);
                if (!parse_part(part, &second))
                        return CALENDAR_E_BAD;
        }
        if (more) {
                struct cursor cursor = {.text = number_trim(text), .at = 0};

                if (!take_number(&cursor, 0, 3, &ms))
                        return CALENDAR_E_BAD;
                ms *= unit[cursor.at];
        }
        if (hour >= 24 || minute >= 60 || second >= 60)
                return CALENDAR_E_BAD;
        *ret_ms = ((int64_t)hour * 3600 + minute * 60 + second) * 1000 + ms;
        return 0;
}

/* At least `width` digits. */
static size_t put_number(char *text, uint64_t value, unsigned width)
{
        char reversed[20];
        size_t n = 0;

        do {
                reversed[n++] = (char)('0' + value % 10);
                value /= 10;
        } while (value != 0 || n < width);
        for (size_t i = 0; i < n; i++)
                text[i] = reversed[n - 1 - i];
        return n;
}

static size_t put_year(char *text, int64_t year)
{
        size_t n = 0;

        if (year < 0) {
                text[n++] = '-';
                year = -year;
        }
        return n + put_number(text + n, (uint64_t)year, 4);
}

static size_t put_date(char *text, struct calendar_date date)
{
        size_t n = put_year(text, date.year);

        text[n++] = '-';
        n += put_number(text + n, date.month, 2);
        text[n++] = '-';
        return n + put_number(text + n, date.day, 2);
}

static size_t put_clock(char *text, unsigned hour, unsigned minute, unsigned second)
{
        size_t n = put_number(text, hour, 2);

        text[n++] = ':';
        n += put_number(text + n, minute, 2);
        text[n++] = ':';
        return n + put_number(text + n, second, 2);
}

size_t calendar_format_timestamp(int64_t micros, unsigned precision, char text[CALENDAR_TEXT_BYTES])
{
        struct calendar_time time = calendar_time(micros);
        size_t n = put_date(text, time.date);
        size_t digits = 6;

        text[n++] = ' ';
        n += put_clock(text + n, time.hour, time.minute, time.second);
        text[n] = '.';
        put_number(text + n + 1, time.micro, 6);
        /* Digits beyond the type's precision are shown when they are there: TIMESTAMP(0) + INTERVAL '0.5' SECOND. */
        while (digits > precision && text[n + digits] == '0')
                digits -= 1;
        return digits == 0 ? n : n + 1 + digits;
}

size_t calendar_format_date(int64_t days, char text[CALENDAR_TEXT_BYTES])
{
        return put_date(text, calendar_date(days));
}

size_t calendar_format_time(int64_t ms, unsigned precision, char text[CALENDAR_TEXT_BYTES])
{
        size_t n = put_clock(text, (unsigned)(ms / 3600000), (unsigned)(ms / 60000 % 60), (unsigned)(ms / 1000 % 60));

        if (precision == 0)
                return n;
        text[n++] = '.';
        put_number(text + n, (uint64_t)(ms % 1000), 3);
        return n + precision;
}

size_t calendar_format_interval(int64_t micros, char text[CALENDAR_TEXT_BYTES])
{
        uint64_t ms = (micros < 0 ? 0 - (uint64_t)micros : (uint64_t)micros) / 1000;
        size_t n = 0;

        text[n++] = micros < 0 ? '-' : '+';
        n += put_number(text + n, ms / (uint64_t)CALENDAR_MS_PER_DAY, 1);
        text[n++] = ' ';
        n += put_clock(text + n, (unsigned)(ms / 3600000 % 24), (unsigned)(ms / 60000 % 60),
                       (unsigned)(ms / 1000 % 60));
        text[n++] = '.';
        return n + put_number(text + n, ms % 1000, 3);
}

size_t calendar_format_interval_months(int64_t months, char text[CALENDAR_TEXT_BYTES])
{
        uint64_t count = months < 0 ? 0 - (uint64_t)months : (uint64_t)months;
        size_t n = 0;

        text[n++] = months < 0 ? '-' : '+';
        n += put_number(text + n, count / 12, 1);
        text[n++] = '-';
        return n + put_number(text + n, count % 12, 2);
}
