/* fuzz_log.c - whatever a value holds, a log line stays one line of printable UTF-8 within its storage. */
#include "sidecar/base/log.h"

#include "tests/lib/fuzz.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void require(bool holds)
{
        if (!holds)
                abort();
}

static void check_line(const struct log_line *line)
{
        require(line->len <= sizeof(line->text) && line->text[line->len - 1] == '\n');
        for (size_t i = 0; i + 1 < line->len; i++)
                require((uint8_t)line->text[i] >= 0x20 && line->text[i] != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        static int null_fd = -1;
        struct log_line line;
        size_t half = len / 2;

        if (null_fd < 0)
                null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
        for (int format = LOG_LOGFMT; format <= LOG_JSON; format++) {
                log_configure(LOG_INFO, (enum log_format)format, null_fd);
                log_begin(&line, LOG_INFO, "fuzz");
                log_bytes(&line, "first", slice_make(data, half));
                log_bytes(&line, "second", slice_make(data + half, len - half));
                for (size_t i = 0; i < 16 && len > 0; i++)
                        log_bytes(&line, "again", slice_make(data, len));
                log_end(&line);
                check_line(&line);
        }
        return 0;
}
