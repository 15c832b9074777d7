/* log.c - lines of logfmt or JSON, built in the caller's storage and written by one write(2).
 *
 * Values come from the wire, so nothing in them may end a line, forge a field or drive a terminal: bytes
 * below 0x20, 0x7f, the C1 controls and whatever is not UTF-8 are written as \xNN (\n, \r, \t by name), in
 * both formats. In JSON the backslash of such an escape is doubled, so that both formats decode to the same
 * text. */
#include "sidecar/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
        LOG_TAIL_BYTES = 16, /* kept free for " cut=true\n" or ,"cut":true}\n */
        LOG_ESCAPE_BYTES = 8,
        LOG_FORMATTED_BYTES = 2048,
};

static struct {
        enum log_level least;
        enum log_format format;
        int fd;
        const struct clock *clock;
} log_state = {.least = LOG_INFO, .format = LOG_LOGFMT, .fd = STDERR_FILENO};

static const char *const log_level_names[] = {"debug", "info", "warn", "error"};
static const char *const log_format_names[] = {"logfmt", "json"};

void log_configure(enum log_level least, enum log_format format, int fd)
{
        log_state.least = least;
        log_state.format = format;
        log_state.fd = fd;
}

void log_set_clock(const struct clock *clock)
{
        log_state.clock = clock;
}

bool log_level_from_text(const char *text, enum log_level *ret_level)
{
        for (unsigned i = 0; i < sizeof(log_level_names) / sizeof(log_level_names[0]); i++)
                if (strcmp(text, log_level_names[i]) == 0) {
                        *ret_level = (enum log_level)i;
                        return true;
                }
        return false;
}

bool log_format_from_text(const char *text, enum log_format *ret_format)
{
        for (unsigned i = 0; i < sizeof(log_format_names) / sizeof(log_format_names[0]); i++)
                if (strcmp(text, log_format_names[i]) == 0) {
                        *ret_format = (enum log_format)i;
                        return true;
                }
        return false;
}

/* ---- escaping ---- */

/* Length of the UTF-8 character at `at` that may be shown as it is, or 0 for one byte to be escaped. */
static size_t log_character(const uint8_t *at, size_t left)
{
        uint32_t code;
        size_t n;

        if (at[0] < 0x80)
                return at[0] >= 0x20 && at[0] != 0x7f ? 1 : 0;
        n = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
        if (at[0] < 0xc2 || at[0] > 0xf4 || n > left)
                return 0;
        code = at[0] & (0x7fu >> n);
        for (size_t i = 1; i < n; i++) {
                if ((at[i] & 0xc0) != 0x80)
                        return 0;
                code = code << 6 | (at[i] & 0x3fu);
        }
        if (code < 0xa0 || (n == 3 && code < 0x800) || (n == 4 && code < 0x10000) || code > 0x10ffff ||
            (code >= 0xd800 && code < 0xe000))
                return 0;
        if (code == 0x2028 || code == 0x2029 || (code >= 0x202a && code <= 0x202e) ||
            (code >= 0x2066 && code <= 0x2069))
                return 0; /* line separators and direction overrides lie about what a line says */
        return n;
}

/* Writes what stands for the character at `at`; returns how many bytes of it were used. */
static size_t log_escape(const uint8_t *at, size_t left, char *ret_text, size_t *ret_len)
{
        const char *backslash = log_state.format == LOG_JSON ? "\\\\" : "\\";
        size_t n = log_character(at, left);
        int len;

        if (at[0] == '"' || at[0] == '\\')
                len = snprintf(ret_text, LOG_ESCAPE_BYTES, "\\%c", at[0]);
        else if (at[0] == '\n' || at[0] == '\r' || at[0] == '\t')
                len = snprintf(ret_text, LOG_ESCAPE_BYTES, "\\%c", at[0] == '\n' ? 'n' : at[0] == '\r' ? 'r' : 't');
        else if (n == 0)
                len = snprintf(ret_text, LOG_ESCAPE_BYTES, "%sx%02x", backslash, at[0]);
        else
                len = snprintf(ret_text, LOG_ESCAPE_BYTES, "%.*s", (int)n, (const char *)at);
        *ret_len = (size_t)len;
        return n == 0 ? 1 : n;
}

/* ---- building ---- */

static bool log_add(struct log_line *line, const char *text, size_t len)
{
        if (line->len + len > sizeof(line->text) - LOG_TAIL_BYTES) {
                line->is_cut = true;
                return false;
        }
        memcpy(line->text + line->len, text, len);
        line->len += len;
        return true;
}

static bool log_add_text(struct log_line *line, const char *text)
{
        return log_add(line, text, strlen(text));
}

static bool log_add_name(struct log_line *line, const char *name)
{
        if (log_state.format == LOG_JSON)
                return log_add_text(line, line->len == 0 ? "{\"" : ",\"") && log_add_text(line, name) &&
                       log_add_text(line, "\":");
        return (line->len == 0 || log_add_text(line, " ")) && log_add_text(line, name) && log_add_text(line, "=");
}

static bool log_needs_quotes(struct slice value)
{
        size_t n;

        if (value.len == 0)
                return true;
        for (size_t i = 0; i < value.len; i += n) {
                n = log_character(value.data + i, value.len - i);
                if (n == 0 || strchr(" \"=\\", value.data[i]) != NULL)
                        return true;
        }
        return false;
}

static bool log_add_value(struct log_line *line, struct slice value)
{
        bool quoted = log_state.format == LOG_JSON || log_needs_quotes(value);
        size_t shown = value.len <= LOG_VALUE_BYTES_MAX ? value.len : LOG_VALUE_BYTES_MAX;
        char escaped[LOG_ESCAPE_BYTES];
        size_t len;

        /* A cut never goes through a character. */
        while (shown < value.len && shown > LOG_VALUE_BYTES_MAX - 3 && (value.data[shown] & 0xc0) == 0x80)
                shown--;
        if (quoted && !log_add_text(line, "\""))
                return false;
        for (size_t i = 0; i < shown;) {
                i += log_escape(value.data + i, shown - i, escaped, &len);
                if (!log_add(line, escaped, len))
                        return false;
        }
        if (shown < value.len && !log_add_text(line, "..."))
                return false;
        return !quoted || log_add_text(line, "\"");
}

/* One field, whole or not at all. `value` is written as it is when it is a number. */
static void log_field(struct log_line *line, const char *name, struct slice value, bool is_number)
{
        size_t before = line->len;

        if (line->is_muted)
                return;
        if (!log_add_name(line, name) ||
            !(is_number ? log_add(line, (const char *)value.data, value.len) : log_add_value(line, value)))
                line->len = before;
}

void log_begin(struct log_line *line, enum log_level level, const char *event)
{
        const struct clock *clock = log_state.clock != NULL ? log_state.clock : clock_system();
        int64_t now_ms;
        time_t seconds;
        struct tm utc;
        char stamp[64];
        size_t len;

        line->level = level;
        line->is_muted = level < log_state.least;
        line->is_cut = false;
        line->len = 0;
        if (line->is_muted)
                return;
        now_ms = clock_wall_ms(clock);
        seconds = (time_t)(now_ms / 1000);
        gmtime_r(&seconds, &utc);
        len = strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
        snprintf(stamp + len, sizeof(stamp) - len, ".%03dZ", (int)(now_ms % 1000));
        log_text(line, "ts", stamp);
        log_text(line, "level", log_level_names[level]);
        log_text(line, "event", event);
}

void log_text(struct log_line *line, const char *name, const char *value)
{
        log_field(line, name, slice_from_text(value), false);
}

void log_bytes(struct log_line *line, const char *name, struct slice value)
{
        log_field(line, name, value, false);
}

void log_int(struct log_line *line, const char *name, int64_t value)
{
        char text[32];

        snprintf(text, sizeof(text), "%" PRId64, value);
        log_field(line, name, slice_from_text(text), true);
}

void log_uint(struct log_line *line, const char *name, uint64_t value)
{
        char text[32];

        snprintf(text, sizeof(text), "%" PRIu64, value);
        log_field(line, name, slice_from_text(text), true);
}

static void log_format_args(struct log_line *line, const char *name, const char *format, va_list args)
        __attribute__((format(printf, 3, 0)));

static void log_format_args(struct log_line *line, const char *name, const char *format, va_list args)
{
        char text[LOG_FORMATTED_BYTES];
        int len = vsnprintf(text, sizeof(text), format, args);

        if (len < 0)
                return;
        log_field(line, name, slice_make(text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1), false);
}

void log_format_value(struct log_line *line, const char *name, const char *format, ...)
{
        va_list args;

        if (line->is_muted)
                return;
        va_start(args, format);
        log_format_args(line, name, format, args);
        va_end(args);
}

void log_end(struct log_line *line)
{
        bool is_json = log_state.format == LOG_JSON;
        const char *tail = line->is_cut ? (is_json ? ",\"cut\":true}\n" : " cut=true\n") : (is_json ? "}\n" : "\n");
        ssize_t n;

        if (line->is_muted)
                return;
        memcpy(line->text + line->len, tail, strlen(tail));
        line->len += strlen(tail);
        do
                n = write(log_state.fd, line->text, line->len);
        while (n < 0 && errno == EINTR);
        /* Where the log cannot be written there is nowhere to say so; the daemon goes on. */
}

void log_message(enum log_level level, const char *event, const char *format, ...)
{
        struct log_line line;
        va_list args;

        log_begin(&line, level, event);
        if (line.is_muted)
                return;
        va_start(args, format);
        log_format_args(&line, "msg", format, args);
        va_end(args);
        log_end(&line);
}

bool log_limit_allow(struct log_limit *limit, uint64_t now_ns)
{
        uint64_t earned;

        if (limit->last_ns == 0) {
                limit->tokens = limit->burst;
                limit->last_ns = now_ns;
        }
        earned = limit->interval_ns == 0 ? limit->burst : (now_ns - limit->last_ns) / limit->interval_ns;
        if (earned > 0) {
                limit->tokens = earned > limit->burst - limit->tokens ? limit->burst : limit->tokens + (unsigned)earned;
                limit->last_ns += limit->interval_ns * earned;
        }
        if (limit->tokens == 0) {
                limit->muted += 1;
                return false;
        }
        limit->tokens -= 1;
        return true;
}
