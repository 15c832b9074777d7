/* Container files: libavro reads ours and we read libavro's; cut or changed files are refused with the place. */
#include "avro/binary.h"
#include "avro/container.h"
#include "sidecar/base/limits.h"
#include "tests/lib/check.h"

#include <avro.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

static const char schema_text[] = "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                                  "{\"name\":\"n\",\"type\":\"long\"},{\"name\":\"s\",\"type\":\"string\"}]}";
static const uint8_t marker[CONTAINER_SYNC_BYTES] = "0123456789abcdef";

static const char *path_of(const char *name)
{
        static char path[512];

        (void)snprintf(path, sizeof(path), "%s/%s", check_dir(), name);
        return path;
}

static void save(const char *path, struct slice content)
{
        FILE *file = fopen(path, "wb");

        REQUIRE(file != NULL);
        if (content.len > 0)
                CHECK_UINT(fwrite(content.data, 1, content.len, file), content.len);
        CHECK_INT(fclose(file), 0);
}

static void encode(struct bytes *datum, int64_t n)
{
        char text[300];
        size_t len = (size_t)(n % 251);

        memset(text, 'a' + (int)(n % 26), sizeof(text));
        bytes_reset(datum);
        binary_append_long(datum, n);
        binary_append_bytes(datum, slice_make(text, len));
}

static void make_ours(bool is_deflated, int64_t n_data, struct bytes *ret_file)
{
        struct container_writer *writer = container_writer_new(slice_from_text(schema_text), is_deflated, marker);
        struct bytes datum;

        bytes_init(&datum);
        for (int64_t i = 0; i < n_data; i++) {
                encode(&datum, i);
                container_writer_add(writer, bytes_slice(&datum));
        }
        container_writer_flush(writer);
        bytes_init(ret_file);
        bytes_append_slice(ret_file, bytes_slice(container_writer_output(writer)));
        bytes_done(&datum);
        container_writer_free(writer);
}

/* A file of these bytes in memory. */
static int fd_of(struct slice content)
{
        int fd = memfd_create("container", MFD_CLOEXEC);

        REQUIRE(fd >= 0);
        if (content.len > 0)
                CHECK_INT(write(fd, content.data, content.len), content.len);
        CHECK_INT(lseek(fd, 0, SEEK_SET), 0);
        return fd;
}

/* Every datum of every block must be the next one; returns their number, or -1 and the error. Closes fd. */
static int64_t read_ours(int fd, struct err *err)
{
        struct container_reader *reader = NULL;
        struct bytes expected;
        struct slice block;
        int64_t n_data = 0;
        uint64_t n;
        int result;

        bytes_init(&expected);
        result = container_reader_open(fd, "test.avro", &reader, err);
        if (result == 0)
                CHECK_SLICE(container_reader_schema(reader), schema_text);
        while (result == 0 && (result = container_reader_next(reader, &block, &n, err)) == 0) {
                for (; n > 0; n--) {
                        encode(&expected, n_data++);
                        if (block.len < expected.len || memcmp(block.data, expected.data, expected.len) != 0) {
                                CHECK_FAIL("datum %lld differs", (long long)n_data);
                                block.len = 0;
                                break;
                        }
                        block = slice_make(block.data + expected.len, block.len - expected.len);
                }
                CHECK_UINT(block.len, 0);
        }
        CHECK(reader == NULL || result != 0);
        container_reader_close(reader);
        (void)close(fd);
        bytes_done(&expected);
        return result < 0 ? -1 : n_data;
}

static int64_t read_theirs(const char *path)
{
        avro_file_reader_t reader;
        avro_value_iface_t *class;
        avro_schema_t schema;
        avro_value_t datum, field;
        int64_t n = 0, number = -1;

        if (avro_file_reader(path, &reader) != 0)
                return -1;
        schema = avro_file_reader_get_writer_schema(reader);
        class = avro_generic_class_from_schema(schema);
        avro_schema_decref(schema);
        (void)avro_generic_value_new(class, &datum);
        while (avro_file_reader_read_value(reader, &datum) == 0) {
                (void)avro_value_get_by_index(&datum, 0, &field, NULL);
                (void)avro_value_get_long(&field, &number);
                if (number != n)
                        break;
                n++;
        }
        avro_value_decref(&datum);
        avro_value_iface_decref(class);
        (void)avro_file_reader_close(reader);
        return n;
}

static void write_theirs(const char *path, const char *codec, int64_t n_data)
{
        avro_file_writer_t writer;
        avro_schema_t schema;
        struct bytes datum;

        bytes_init(&datum);
        REQUIRE(avro_schema_from_json_length(schema_text, strlen(schema_text), &schema) == 0);
        REQUIRE(avro_file_writer_create_with_codec(path, schema, &writer, codec, 32 << 10) == 0);
        for (int64_t i = 0; i < n_data; i++) {
                encode(&datum, i);
                CHECK_INT(avro_file_writer_append_encoded(writer, datum.data, (int64_t)datum.len), 0);
        }
        CHECK_INT(avro_file_writer_close(writer), 0);
        avro_schema_decref(schema);
        bytes_done(&datum);
}

static const int64_t sizes_of_files[] = {0, 1, 5000};

TEST(libavro_reads_what_we_write)
{
        for (int i = 0; i < 6; i++) {
                struct bytes file;

                make_ours(i % 2 == 0, sizes_of_files[i / 2], &file);
                save(path_of("ours.avro"), bytes_slice(&file));
                CHECK_INT(read_theirs(path_of("ours.avro")), sizes_of_files[i / 2]);
                bytes_done(&file);
        }
}

TEST(we_read_what_we_write)
{
        for (int i = 0; i < 6; i++) {
                struct bytes file;
                struct err err;

                make_ours(i % 2 == 0, sizes_of_files[i / 2], &file);
                CHECK_INT(read_ours(fd_of(bytes_slice(&file)), &err), sizes_of_files[i / 2]);
                bytes_done(&file);
        }
}

/* Number of data in all blocks; closes fd. */
static int64_t count_data(int fd, struct err *err)
{
        struct container_reader *reader = NULL;
        struct slice block;
        uint64_t n = 0, sum = 0;
        int result = container_reader_open(fd, "test.avro", &reader, err);

        while (result == 0 && (result = container_reader_next(reader, &block, &n, err)) == 0)
                sum += n;
        container_reader_close(reader);
        (void)close(fd);
        return result < 0 ? -1 : (int64_t)sum;
}

TEST(blocks_of_libavro_are_found_whole)
{
        struct err err;

        write_theirs(path_of("c.avro"), "null", 3000);
        write_theirs(path_of("d.avro"), "deflate", 3000);
        CHECK_INT(count_data(open(path_of("c.avro"), O_RDONLY | O_CLOEXEC), &err), 3000);
        CHECK_INT(count_data(open(path_of("d.avro"), O_RDONLY | O_CLOEXEC), &err), 3000);
}

/* A cut file gives an error, or its end where a block ends. */
static void check_cuts(bool is_deflated)
{
        struct bytes whole;
        unsigned n_ends = 0;

        make_ours(is_deflated, 3, &whole);
        for (size_t len = 0; len < whole.len; len++) {
                struct err err;

                n_ends += read_ours(fd_of(slice_make(whole.data, len)), &err) == 0;
        }
        CHECK_UINT(n_ends, 1); /* behind the header, before the only block */
        bytes_done(&whole);
}

TEST(a_file_cut_at_any_byte_is_refused)
{
        check_cuts(false);
        check_cuts(true);
}

TEST(a_changed_byte_never_does_harm)
{
        struct bytes whole;
        unsigned n_refused = 0;

        make_ours(true, 40, &whole);
        for (size_t at = 0; at < whole.len; at++) {
                struct err err;

                whole.data[at] ^= 0x55;
                n_refused += count_data(fd_of(bytes_slice(&whole)), &err) < 0;
                whole.data[at] ^= 0x55;
        }
        CHECK(n_refused >= 4 + 2 * CONTAINER_SYNC_BYTES); /* at least magic and markers; data have no checksum */
        bytes_done(&whole);
}

static void refuse(struct bytes *file, const char *part)
{
        struct err err;

        CHECK_FAILS((int)count_data(fd_of(bytes_slice(file)), &err), &err, part);
        CHECK_CONTAINS(err.text, "test.avro");
}

static void head(struct bytes *file, const char *codec)
{
        bytes_reset(file);
        bytes_append(file, "Obj\1", 4);
        binary_append_long(file, 2);
        binary_append_bytes(file, slice_from_text("avro.codec"));
        binary_append_bytes(file, slice_from_text(codec));
        binary_append_bytes(file, slice_from_text("avro.schema"));
        binary_append_bytes(file, slice_from_text(schema_text));
        binary_append_long(file, 0);
        bytes_append(file, marker, CONTAINER_SYNC_BYTES);
}

TEST(what_is_no_container_is_refused_in_plain_words)
{
        struct bytes file;

        bytes_init(&file);
        refuse(&file, "no Avro container");
        bytes_append_text(&file, "{\"a\": 1}\n");
        refuse(&file, "no Avro container");
        head(&file, "zstandard");
        refuse(&file, "codec 'zstandard'");
        bytes_reset(&file);
        bytes_append(&file, "Obj\1", 4);
        binary_append_long(&file, 0);
        bytes_append(&file, marker, CONTAINER_SYNC_BYTES);
        refuse(&file, "no schema");
        bytes_reset(&file);
        bytes_append(&file, "Obj\1", 4);
        binary_append_long(&file, INT64_MAX);
        refuse(&file, "metadata");
        bytes_reset(&file);
        bytes_append(&file, "Obj\1", 4);
        binary_append_long(&file, INT64_MIN);
        refuse(&file, "metadata");
        bytes_done(&file);
}

TEST(blocks_of_impossible_sizes_are_refused)
{
        static const int64_t sizes[][2] = {{-1, 0}, {1, -1}, {1, INT64_MAX}, {INT64_MIN, 4}, {1, INT64_MIN},
                                           {1, (int64_t)LIMIT_FRAME_BYTES + 1}, {1, LIMIT_FRAME_BYTES}};
        struct bytes file;

        bytes_init(&file);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                head(&file, "null");
                binary_append_long(&file, sizes[i][0]);
                binary_append_long(&file, sizes[i][1]);
                refuse(&file, "block 1");
        }
        head(&file, "null");
        binary_append_long(&file, 0);
        binary_append_bytes(&file, slice_make(NULL, 0));
        bytes_append(&file, "fedcba9876543210", 16);
        refuse(&file, "sync marker");
        bytes_done(&file);
}

/* A deflated mebibyte of zeros, flushed so that it can be repeated. */
static void zeros_deflated(struct bytes *piece)
{
        static uint8_t zeros[1 << 20];
        z_stream stream = {.next_in = zeros, .avail_in = sizeof(zeros)};

        bytes_reserve(piece, 8192);
        REQUIRE(deflateInit2(&stream, 1, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
        stream.next_out = piece->data;
        stream.avail_out = 8192;
        CHECK_INT(deflate(&stream, Z_FULL_FLUSH), Z_OK);
        piece->len = 8192 - stream.avail_out;
        (void)deflateEnd(&stream);
}

/* Some hundred KiB that would inflate to more than 64 MiB: given up at the limit. */
TEST(inflating_is_bounded)
{
        struct bytes file, block, piece;

        bytes_init(&file);
        bytes_init(&block);
        bytes_init(&piece);
        zeros_deflated(&piece);
        for (uint32_t inflated = 0; inflated <= LIMIT_INFLATE_BYTES_PER_FRAME + (1u << 20); inflated += 1u << 20)
                bytes_append_slice(&block, bytes_slice(&piece));
        CHECK(block.len < 1000000);
        head(&file, "deflate");
        binary_append_long(&file, 1);
        binary_append_bytes(&file, bytes_slice(&block));
        bytes_append(&file, marker, CONTAINER_SYNC_BYTES);
        refuse(&file, "inflates to more");
        bytes_done(&piece);
        bytes_done(&block);
        bytes_done(&file);
}

TEST(headers_in_several_blocks_with_foreign_keys_are_read)
{
        struct bytes file;
        struct err err;

        bytes_init(&file);
        bytes_append(&file, "Obj\1", 4);
        binary_append_long(&file, -1); /* one entry behind its size */
        binary_append_long(&file, 12 + (int64_t)sizeof(schema_text) + 1);
        binary_append_bytes(&file, slice_from_text("avro.schema"));
        binary_append_bytes(&file, slice_from_text(schema_text));
        binary_append_long(&file, 1);
        binary_append_bytes(&file, slice_from_text("writer.of.this.file.is.somebody.with.a.long.name"));
        binary_append_bytes(&file, slice_from_text("x"));
        binary_append_long(&file, 0);
        bytes_append(&file, marker, CONTAINER_SYNC_BYTES);
        CHECK_INT(read_ours(fd_of(bytes_slice(&file)), &err), 0);
        bytes_done(&file);
}
