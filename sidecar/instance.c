/* instance.c - the state directory and who owns it. Files: instance.h. */
#include "sidecar/instance.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

/* Connection numbers are reserved on disk in steps, so that a kill costs numbers, never repeats one. */
enum { CONNECTIONS_STEP = 1 << 20, INSTANCE_FILE_BYTES_MAX = 4096 };

/* A file call failed, err says how and errno why. */
static int no_space_or_failed(int why, struct err *err)
{
        if (why != ENOSPC && why != EDQUOT)
                return -1;
        err_reset(err);
        return INSTANCE_E_NO_SPACE;
}

static int path_in(const struct instance *instance, const char *name, char path[PATH_MAX], struct err *err)
{
        int len = snprintf(path, PATH_MAX, "%s/%s", instance->dir, name);

        if (len < 0 || len >= PATH_MAX)
                return err_set(err, ERR_CONFIG, "state directory '%s' has too long a name", instance->dir);
        return 0;
}

/* Makes the directory and its parents; what is there must be a directory of ours that others cannot write. */
static int make_dir(const struct file_ops *ops, const char *dir, struct err *err)
{
        char *partial __attribute__((cleanup(alloc_cleanup))) = alloc_text(dir);
        struct stat stat_now;

        for (char *at = partial + 1; *at != '\0'; at++) {
                if (*at != '/')
                        continue;
                *at = '\0';
                if (ops->mkdir(ops->context, partial, 0755) < 0 && errno != EEXIST)
                        return err_set_errno(err, ERR_IO, errno, "cannot make directory '%s'", partial);
                *at = '/';
        }
        if (ops->mkdir(ops->context, dir, 0700) < 0 && errno != EEXIST)
                return err_set_errno(err, ERR_IO, errno, "cannot make state directory '%s'", dir);
        if (lstat(dir, &stat_now) < 0)
                return err_set_errno(err, ERR_IO, errno, "cannot look at state directory '%s'", dir);
        if (S_ISLNK(stat_now.st_mode) || !S_ISDIR(stat_now.st_mode))
                return err_set(err, ERR_CONFIG, "state directory '%s' is not a directory; symbolic links are refused",
                               dir);
        if (stat_now.st_uid != geteuid())
                return err_set(err, ERR_CONFIG, "state directory '%s' belongs to user %u, weir runs as %u", dir,
                               stat_now.st_uid, geteuid());
        if ((stat_now.st_mode & 022) != 0)
                return err_set(err, ERR_CONFIG,
                               "state directory '%s' can be written by others (mode %03o); chmod 700 it", dir,
                               stat_now.st_mode & 0777);
        return 0;
}

static int lock(struct instance *instance, struct err *err)
{
        char path[PATH_MAX];

        if (path_in(instance, "lock", path, err) < 0)
                return -1;
        instance->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (instance->lock_fd < 0)
                return err_set_errno(err, ERR_IO, errno, "cannot open '%s'", path);
        if (flock(instance->lock_fd, LOCK_EX | LOCK_NB) < 0) {
                close(instance->lock_fd);
                instance->lock_fd = -1; /* nothing in there is ours to tidy up */
                return err_set(err, ERR_UNAVAILABLE,
                               "state directory '%s' is in use by another weir; stop it or set 'weir.state-dir'",
                               instance->dir);
        }
        return 0;
}

/* errno says why not. */
static int write_file(struct instance *instance, struct err *err)
{
        struct bytes text;
        int result, why;

        bytes_init(&text);
        bytes_append_format(&text, "id %016" PRIx64 "\nstarts %" PRIu64 "\nkey %016" PRIx64 "%016" PRIx64 "%016" PRIx64
                            "%016" PRIx64 "\nconnections %" PRIu64 "\n",
                            instance->id, instance->starts, instance->key.word[0], instance->key.word[1],
                            instance->key.word[2], instance->key.word[3], instance->reserved_connection);
        result = file_replace(instance->ops, instance->dir, "instance", bytes_slice(&text), err);
        why = errno;
        bytes_done(&text);
        errno = why;
        return result;
}

static int parse_file(struct instance *instance, const char *text, const char *path, struct err *err)
{
        int end = 0;

        if (sscanf(text,
                   "id %16" SCNx64 "\nstarts %" SCNu64 "\nkey %16" SCNx64 "%16" SCNx64 "%16" SCNx64 "%16" SCNx64
                   "\nconnections %" SCNu64 "\n%n",
                   &instance->id, &instance->starts, &instance->key.word[0], &instance->key.word[1],
                   &instance->key.word[2], &instance->key.word[3], &instance->reserved_connection, &end) != 7 ||
            text[end] != '\0')
                return err_set(
                        err, ERR_DATA,
                        "'%s' is damaged; without it re-sent rows cannot be recognised: restore it from a backup, or "
                        "move the whole state directory away to start empty",
                        path);
        return 0;
}

static int read_or_make(struct instance *instance, struct err *err)
{
        char path[PATH_MAX];
        uint8_t *data = NULL;
        size_t len = 0;
        int result = 0;

        if (path_in(instance, "instance", path, err) < 0)
                return -1;
        if (access(path, F_OK) < 0 && errno == ENOENT) {
                struct hash_key id;

                hash_key_draw(&id);
                hash_key_draw(&instance->key);
                instance->id = id.word[0];
                instance->reserved_connection = 1;
        } else {
                char *text;

                if (file_read_whole(instance->ops, path, INSTANCE_FILE_BYTES_MAX, &data, &len, err) < 0)
                        return -1;
                text = alloc_text_n(data, len);
                result = parse_file(instance, text, path, err);
                alloc_free(text);
                alloc_free(data);
        }
        if (result < 0)
                return -1;
        instance->starts++;
        instance->next_connection = instance->reserved_connection;
        instance->reserved_connection += CONNECTIONS_STEP;
        return 0;
}

/* The word is written before it is mapped: storing into a page that the disk has no room for would end the process. */
static int map_phase(struct instance *instance, struct err *err)
{
        char path[PATH_MAX];
        uint8_t word[sizeof *instance->phase] = {0};
        int fd, why;
        void *at;

        if (path_in(instance, "phase", path, err) < 0)
                return -1;
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) {
                why = errno;
                err_set_errno(err, ERR_IO, why, "cannot open '%s'", path);
                return no_space_or_failed(why, err);
        }
        if (file_write_all(instance->ops, fd, word, sizeof word, 0, err) < 0) {
                why = errno;
                close(fd);
                err_prefix(err, "'%s'", path);
                return no_space_or_failed(why, err);
        }
        at = mmap(NULL, sizeof *instance->phase, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        if (at == MAP_FAILED)
                return err_set_errno(err, ERR_IO, errno, "cannot map '%s'", path);
        instance->phase = at;
        __atomic_store_n(instance->phase, (uint32_t)INSTANCE_RECOVERY, __ATOMIC_RELAXED);
        return 0;
}

int instance_count_start(struct instance *instance, struct err *err)
{
        int result = instance->phase == NULL ? map_phase(instance, err) : 0;

        if (result != 0)
                return result;
        return write_file(instance, err) < 0 ? no_space_or_failed(errno, err) : 0;
}

int instance_open(const char *dir, const struct file_ops *ops, struct instance *ret_instance, struct err *err)
{
        struct instance instance = {.ops = ops, .lock_fd = -1};
        int result;

        if (make_dir(ops, dir, err) < 0)
                return -1;
        instance.dir = realpath(dir, NULL);
        if (instance.dir == NULL)
                return err_set_errno(err, ERR_IO, errno, "cannot resolve state directory '%s'", dir);
        if (lock(&instance, err) < 0 || read_or_make(&instance, err) < 0)
                result = -1;
        else
                result = instance_count_start(&instance, err);
        if (result < 0) {
                instance_close(&instance);
                return -1;
        }
        snprintf(instance.run, sizeof instance.run, "%016" PRIx64 ".%" PRIu64, instance.id, instance.starts);
        instance_remove_endpoints(&instance);
        *ret_instance = instance;
        return result;
}

void instance_close(struct instance *instance)
{
        if (instance->dir == NULL)
                return;
        if (instance->lock_fd >= 0)
                instance_remove_endpoints(instance);
        if (instance->phase != NULL)
                munmap(instance->phase, sizeof *instance->phase);
        if (instance->lock_fd >= 0)
                close(instance->lock_fd);
        alloc_free(instance->dir);
        *instance = (struct instance){.lock_fd = -1};
}

char *instance_name(struct slice setting)
{
        char host[256] = "";

        if (setting.len > 0)
                return alloc_text_n(setting.data, setting.len);
        if (gethostname(host, sizeof host - 1) < 0 || host[0] == '\0')
                return alloc_text("weir");
        return alloc_text(host);
}

int instance_take_connection(struct instance *instance, uint64_t *ret_connection, struct err *err)
{
        if (instance->next_connection == instance->reserved_connection) {
                instance->reserved_connection += CONNECTIONS_STEP;
                if (write_file(instance, err) < 0)
                        return -1;
        }
        *ret_connection = instance->next_connection++;
        return 0;
}

int instance_write_endpoints(struct instance *instance, struct slice json, struct err *err)
{
        if (file_replace(instance->ops, instance->dir, "endpoints.json", json, err) < 0)
                return no_space_or_failed(errno, err);
        return 0;
}

void instance_remove_endpoints(struct instance *instance)
{
        char path[PATH_MAX];

        if (path_in(instance, "endpoints.json", path, NULL) == 0)
                unlink(path);
}
