/* fuzz_wal_reader.c - any bytes as segment files: reading ends, stays within them, and shows only what it verified.
 *
 * The input is one or two files: its first byte says where the second begins, in 1/256 of the rest. */
#include "sidecar/wal/wal_reader.h"

#include "tests/lib/fuzz.h"

#include <errno.h>
#include <stdlib.h>

struct memory {
        struct slice files[2];
        unsigned n;
};

static void require(bool holds)
{
        if (!holds)
                abort();
}

static int memory_open(void *context, const char *path, int flags, mode_t mode)
{
        const struct memory *memory = context;
        const char *name = strrchr(path, '/');
        uint64_t lsn;

        (void)flags;
        (void)mode;
        for (unsigned i = 0; i < memory->n; i++)
                if (name != NULL && wal_format_parse_name(name + 1, &lsn) && lsn == i * 65536)
                        return 1000 + (int)i;
        errno = ENOENT;
        return -1;
}

static int memory_close(void *context, int fd)
{
        (void)context;
        (void)fd;
        return 0;
}

static ssize_t memory_pread(void *context, int fd, void *data, size_t len, off_t at)
{
        const struct memory *memory = context;
        struct slice file = memory->files[fd - 1000];

        require(at >= 0);
        if ((size_t)at >= file.len)
                return 0;
        if (len > file.len - (size_t)at)
                len = file.len - (size_t)at;
        memcpy(data, file.data + at, len);
        return (ssize_t)len;
}

static int memory_fstat(void *context, int fd, struct stat *ret_stat)
{
        const struct memory *memory = context;

        *ret_stat = (struct stat){.st_size = (off_t)memory->files[fd - 1000].len};
        return 0;
}

static int memory_list(void *context, const char *path, file_name_fn each, void *each_context)
{
        const struct memory *memory = context;

        (void)path;
        for (unsigned i = 0; i < memory->n; i++) {
                char name[WAL_NAME_BYTES];

                wal_format_name(i * 65536, name);
                each(each_context, name);
        }
        return 0;
}

static void read_log(struct memory *memory, uint64_t proven_lsn, bool with_pads)
{
        struct file_ops ops = {.context = memory,
                               .open = memory_open,
                               .close = memory_close,
                               .pread = memory_pread,
                               .fstat = memory_fstat,
                               .list = memory_list};
        struct wal_reader_config config = {.dir = "log", .ops = &ops, .proven_lsn = proven_lsn, .with_pads = with_pads};
        struct wal_reader *reader;
        struct wal_record record;
        struct wal_end_info end;
        uint64_t last = 0, bytes = 0;
        struct err err = {.code = ERR_NONE};
        int result;

        result = wal_reader_open(&config, &reader, &err);
        if (result != 0) {
                require(result == WAL_E_GAP || err.code != ERR_NONE);
                return;
        }
        while ((result = wal_reader_next(reader, &record, &err)) == 0) {
                uint32_t sum = 0;

                require(record.lsn >= last && record.next_lsn > record.lsn);
                last = record.next_lsn;
                bytes += record.next_lsn - record.lsn;
                for (size_t i = 0; i < record.payload.len; i++)
                        sum += record.payload.data[i];
                require(sum <= 255 * record.payload.len);
        }
        require(result == WAL_E_END || (result < 0 && err.text[0] != '\0'));
        require(bytes <= memory->files[0].len + memory->files[1].len);
        wal_reader_end(reader, &end);
        require(end.torn_bytes <= memory->files[0].len + memory->files[1].len);
        wal_reader_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        struct memory memory = {.n = 1};
        size_t first;

        if (len < 1)
                return 0;
        first = (len - 1) * data[0] / 255;
        memory.files[0] = slice_make(data + 1, first);
        memory.files[1] = slice_make(data + 1 + first, len - 1 - first);
        memory.n = memory.files[1].len > 0 ? 2 : 1;
        read_log(&memory, 0, false);
        read_log(&memory, 5000, true);
        return 0;
}
