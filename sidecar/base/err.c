/* err.c - fills struct err. A sentence that does not fit is cut at a whole UTF-8 character, so that what
 * reaches a log or a Flume agent is always text. */
#include "sidecar/base/err.h"

#include <stdio.h>
#include <string.h>

/* Length of text without a UTF-8 character that was cut in two at its end. */
static size_t err_whole_characters(const char *text, size_t len)
{
        size_t back = 0;
        unsigned char lead;

        while (back < len && back < 3 && ((unsigned char)text[len - 1 - back] & 0xc0) == 0x80)
                back++;
        if (back == len)
                return len;
        lead = (unsigned char)text[len - 1 - back];
        if ((lead >= 0xf0 && back < 3) || (lead >= 0xe0 && lead < 0xf0 && back < 2) ||
            (lead >= 0xc0 && lead < 0xe0 && back < 1))
                return len - 1 - back;
        return len;
}

/* Ends err->text after a formatting call that wanted `wanted` bytes from `from` on. */
static void err_finish(struct err *err, size_t from, int wanted)
{
        if (wanted < 0)
                err->text[from] = '\0';
        else if ((size_t)wanted >= sizeof(err->text) - from)
                err->text[err_whole_characters(err->text, sizeof(err->text) - 1)] = '\0';
}

int err_set_at(struct err *err, enum err_code code, const char *file, int line, const char *format, ...)
{
        va_list args;

        if (err == NULL)
                return -1;
        err->code = code;
        err->file = file;
        err->line = line;
        va_start(args, format);
        err_finish(err, 0, vsnprintf(err->text, sizeof(err->text), format, args));
        va_end(args);
        return -1;
}

int err_set_errno_at(struct err *err, enum err_code code, int errno_value, const char *file, int line,
                     const char *format, ...)
{
        char why[128];
        va_list args;
        size_t len;

        if (err == NULL)
                return -1;
        err->code = code;
        err->file = file;
        err->line = line;
        va_start(args, format);
        err_finish(err, 0, vsnprintf(err->text, sizeof(err->text), format, args));
        va_end(args);
        len = strlen(err->text);
        err_finish(
                err, len,
                snprintf(err->text + len, sizeof(err->text) - len, ": %s", strerror_r(errno_value, why, sizeof(why))));
        return -1;
}

int err_prefix(struct err *err, const char *format, ...)
{
        char old[ERR_TEXT_BYTES];
        va_list args;
        size_t len;

        if (err == NULL)
                return -1;
        memcpy(old, err->text, sizeof(old));
        va_start(args, format);
        err_finish(err, 0, vsnprintf(err->text, sizeof(err->text), format, args));
        va_end(args);
        len = strlen(err->text);
        err_finish(err, len, snprintf(err->text + len, sizeof(err->text) - len, ": %s", old));
        return -1;
}

void err_reset(struct err *err)
{
        if (err == NULL)
                return;
        err->code = ERR_NONE;
        err->file = NULL;
        err->line = 0;
        err->text[0] = '\0';
}
