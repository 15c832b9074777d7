/* The state directory: one process, one identity, numbers that never come twice. */
#include "sidecar/instance.h"

#include "sidecar/base/bytes.h"
#include "tests/lib/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder in the temporary directory; what is in it is removed with it. */
static void make_folder(char path[64])
{
        snprintf(path, 64, "/tmp/weir-test-XXXXXX");
        REQUIRE(mkdtemp(path) != NULL);
}

static void remove_folder(const char *path)
{
        static const char *const names[] = {"/lock", "/instance", "/phase", "/endpoints.json"};
        char name[96];

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
                snprintf(name, sizeof name, "%s%s", path, names[i]);
                unlink(name);
        }
        rmdir(path);
}

static void overwrite(const char *folder, const char *text)
{
        struct err err = {0};

        CHECK_OK(file_replace(file_ops_system(), folder, "instance", slice_from_text(text), &err), &err);
}

TEST(identity_is_drawn_once_and_starts_are_counted)
{
        struct instance instance, first;
        struct err err = {0};
        char path[64];

        make_folder(path);
        CHECK_OK(instance_open(path, file_ops_system(), &instance, &err), &err);
        first = instance;
        CHECK_UINT(first.starts, 1);
        CHECK(first.id != 0);
        instance_close(&instance);
        CHECK_OK(instance_open(path, file_ops_system(), &instance, &err), &err);
        CHECK_UINT(instance.id, first.id);
        CHECK_UINT(instance.starts, 2);
        CHECK_BYTES(&instance.key, sizeof instance.key, &first.key, sizeof first.key);
        CHECK(strcmp(instance.run, first.run) != 0);
        instance_close(&instance);
        remove_folder(path);
}

TEST(second_process_is_refused)
{
        struct instance first, second;
        struct err err = {0};
        char path[64], name[80];

        make_folder(path);
        CHECK_OK(instance_open(path, file_ops_system(), &first, &err), &err);
        CHECK_OK(instance_write_endpoints(&first, slice_from_text("{}\n"), &err), &err);
        CHECK_FAILS(instance_open(path, file_ops_system(), &second, &err), &err, "in use by another weir");
        CHECK_INT(err.code, ERR_UNAVAILABLE);
        snprintf(name, sizeof name, "%s/endpoints.json", path);
        CHECK_INT(access(name, F_OK), 0); /* the first one's stays */
        instance_close(&first);
        CHECK_OK(instance_open(path, file_ops_system(), &second, &err), &err);
        instance_close(&second);
        remove_folder(path);
}

TEST(connection_numbers_never_come_twice)
{
        struct instance instance;
        struct err err = {0};
        uint64_t number = 0, last = 0;
        char path[64];

        make_folder(path);
        for (int life = 0; life < 3; life++) {
                CHECK_OK(instance_open(path, file_ops_system(), &instance, &err), &err);
                for (int i = 0; i < 5; i++) {
                        CHECK_OK(instance_take_connection(&instance, &number, &err), &err);
                        CHECK(number > last);
                        last = number;
                }
                instance.next_connection = instance.reserved_connection; /* a million later */
                CHECK_OK(instance_take_connection(&instance, &number, &err), &err);
                CHECK(number > last);
                last = number;
                instance_close(&instance);
        }
        remove_folder(path);
}

TEST(damaged_instance_file_stops_the_start)
{
        struct instance instance;
        struct err err = {0};
        char path[64];

        make_folder(path);
        overwrite(path, "id 12\nstarts many\n");
        CHECK_FAILS(instance_open(path, file_ops_system(), &instance, &err), &err, "is damaged");
        CHECK_INT(err.code, ERR_DATA);
        remove_folder(path);
}

TEST(directory_that_others_may_write_is_refused)
{
        struct instance instance;
        struct err err = {0};
        char path[64];

        make_folder(path);
        CHECK_INT(chmod(path, 0777), 0);
        CHECK_FAILS(instance_open(path, file_ops_system(), &instance, &err), &err, "can be written by others");
        CHECK_INT(err.code, ERR_CONFIG);
        remove_folder(path);
}

TEST(symbolic_link_is_refused)
{
        struct instance instance;
        struct err err = {0};
        char path[64], link[80];

        make_folder(path);
        snprintf(link, sizeof link, "%s-link", path);
        CHECK_INT(symlink(path, link), 0);
        CHECK_FAILS(instance_open(link, file_ops_system(), &instance, &err), &err, "symbolic links are refused");
        unlink(link);
        remove_folder(path);
}

TEST(phase_survives_in_the_file)
{
        struct instance instance;
        struct err err = {0};
        char path[64], name[80];
        uint8_t word[4] = {0};
        FILE *file;

        make_folder(path);
        CHECK_OK(instance_open(path, file_ops_system(), &instance, &err), &err);
        instance_phase_clear(&instance, INSTANCE_RECOVERY);
        instance_phase_set(&instance, INSTANCE_SYNC);
        instance_phase_set(&instance, INSTANCE_EMISSION);
        snprintf(name, sizeof name, "%s/phase", path);
        file = fopen(name, "r");
        REQUIRE(file != NULL);
        CHECK_UINT(fread(word, 1, sizeof word, file), 4);
        fclose(file);
        CHECK_UINT(bytes_get_u32(word), INSTANCE_SYNC | INSTANCE_EMISSION);
        instance_close(&instance);
        remove_folder(path);
}

TEST(endpoints_go_away_at_close)
{
        struct instance instance;
        struct err err = {0};
        char path[64], name[80];

        make_folder(path);
        CHECK_OK(instance_open(path, file_ops_system(), &instance, &err), &err);
        CHECK_OK(instance_write_endpoints(&instance, slice_from_text("{}\n"), &err), &err);
        snprintf(name, sizeof name, "%s/endpoints.json", path);
        CHECK_INT(access(name, F_OK), 0);
        instance_close(&instance);
        CHECK_INT(access(name, F_OK), -1);
        remove_folder(path);
}
