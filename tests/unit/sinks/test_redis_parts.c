/* test_redis_parts.c - URLs, keys, replies, refusals: what needs no server. */
#include "sidecar/base/alloc.h"
#include "sinks/redis_key.h"
#include "sinks/redis_reply.h"
#include "sinks/redis_trouble.h"
#include "sinks/redis_url.h"
#include "sinks/redis_zset.h"
#include "tests/lib/check.h"

#include <stdio.h>

TEST(urls_are_read_and_shown_without_the_password)
{
        static const struct {
                const char *text, *shown, *user, *password;
        } cases[] = {
                {"redis://h", "redis://h:6379/0", NULL, NULL},
                {"redis://h/", "redis://h:6379/0", NULL, NULL},
                {"redis://127.0.0.1:7000/3", "redis://127.0.0.1:7000/3", NULL, NULL},
                {"redis://h:7000?db=2", "redis://h:7000/2", NULL, NULL},
                {"redis://[2001:db8::1]:7000/1", "redis://[2001:db8::1]:7000/1", NULL, NULL},
                {"redis://[::1]", "redis://[::1]:6379/0", NULL, NULL},
                {"redis://:p@h", "redis://h:6379/0", NULL, "p"},
                {"redis://ads:p%40%3A%2Fx@h", "redis://ads@h:6379/0", "ads", "p@:/x"},
                {"redis://ads@h", "redis://ads@h:6379/0", "ads", NULL},
                {"unix:///run/redis.sock", "unix:///run/redis.sock?db=0", NULL, NULL},
                {"unix:///run/a@b/redis.sock?db=1", "unix:///run/a@b/redis.sock?db=1", NULL, NULL},
                {"unix://u:p@/run/redis.sock", "unix://u@/run/redis.sock?db=0", "u", "p"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct redis_url url;
                struct bytes shown;
                struct err err;

                err_reset(&err);
                CHECK_OK(redis_url_parse(slice_from_text(cases[i].text), &url, &err), &err);
                bytes_init(&shown);
                redis_url_format(&url, &shown);
                CHECK_SLICE(bytes_slice(&shown), cases[i].shown);
                CHECK_TEXT(url.user == NULL ? "-" : url.user, cases[i].user == NULL ? "-" : cases[i].user);
                CHECK_TEXT(url.password == NULL ? "-" : url.password,
                           cases[i].password == NULL ? "-" : cases[i].password);
                bytes_done(&shown);
                redis_url_done(&url);
        }
}

#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

TEST(bad_urls_are_refused_by_what_is_wrong)
{
        static const struct {
                const char *text, *why;
        } cases[] = {
                {"http://h", "must begin with redis:// or unix://"},
                {"rediss://h", "TLS"},
                {"redis://", "no host"},
                {"redis://:7000", "no host"},
                {"redis://h:0", "port"},
                {"redis://h:70000", "port"},
                {"redis://h:x", "port"},
                {"redis://h/x", "database"},
                {"redis://h/99999999999", "database"},
                {"redis://h?tls=1", "?db=NUMBER"},
                {"redis://u:%zz@h", "bad % escape"},
                {"redis://u:%4@h", "bad % escape"},
                {"redis://u:%00@h", "bad % escape"},
                {"redis://[::1", "without ']'"},
                {"unix://relative/path", "absolute path"},
                {"unix:///" A32 A32 A32 A32, "longer than"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct redis_url url;
                struct err err;

                err_reset(&err);
                CHECK_FAILS(redis_url_parse(slice_from_text(cases[i].text), &url, &err), &err, cases[i].why);
        }
}

TEST(a_part_of_a_key_never_leaves_its_place)
{
        struct bytes key;
        size_t begun;

        bytes_init(&key);
        redis_key_begin(&key, slice_from_text("ctr"));
        begun = key.len;
        redis_key_part(&key, slice_from_text("a:b{c}d%e f"));
        redis_key_part(&key, slice_from_text(""));
        redis_key_part(&key, slice_from_text("A-z0.9_~\xc3\xa9"));
        redis_key_end(&key, begun);
        CHECK_SLICE(bytes_slice(&key), "weir:{ctr:a%3Ab%7Bc%7Dd%25e%20f::A-z0.9_~%C3%A9}");
        bytes_done(&key);
}

TEST(long_keys_are_cut_and_differ_by_their_hash)
{
        char text[2000];
        struct bytes keys[2];

        memset(text, 'x', sizeof(text));
        for (int i = 0; i < 2; i++) {
                size_t begun;

                text[sizeof(text) - 1] = (char)('a' + i);
                bytes_init(&keys[i]);
                redis_key_begin(&keys[i], slice_from_text("t"));
                begun = keys[i].len;
                redis_key_part(&keys[i], slice_make(text, sizeof(text)));
                redis_key_end(&keys[i], begun);
                CHECK_UINT(keys[i].len, begun + REDIS_KEY_PARTS_MAX + 1 + 64 + 1);
        }
        CHECK(keys[0].len == keys[1].len && memcmp(keys[0].data, keys[1].data, keys[0].len) != 0);
        bytes_done(&keys[0]);
        bytes_done(&keys[1]);
}

static const char replies[] = "+OK\r\n-ERR no\r\n"
                              ":42\r\n$-1\r\n*-1\r\n$5\r\na\r\nb\0\r\n*2\r\n*2\r\n$3\r\n1-1\r\n*0\r\n:7\r\n";

static void check_replies(struct redis_reply_reader *reader, size_t piece)
{
        static const enum redis_reply_type types[] = {REDIS_REPLY_WORD, REDIS_REPLY_FAULT, REDIS_REPLY_NUMBER,
                                                      REDIS_REPLY_NONE, REDIS_REPLY_NONE,  REDIS_REPLY_TEXT,
                                                      REDIS_REPLY_LIST};
        size_t n = 0;
        struct err err;

        err_reset(&err);
        for (size_t at = 0; at < sizeof(replies) - 1; at += piece) {
                const struct redis_reply *reply;
                size_t len = sizeof(replies) - 1 - at < piece ? sizeof(replies) - 1 - at : piece;

                CHECK_OK(redis_reply_feed(reader, replies + at, len, &err), &err);
                for (;;) {
                        CHECK_OK(redis_reply_next(reader, &reply, &err), &err);
                        if (reply == NULL)
                                break;
                        REQUIRE(n < sizeof(types) / sizeof(types[0]));
                        CHECK_INT(reply->type, types[n]);
                        if (n == 0)
                                CHECK(redis_reply_is_word(reply, "OK"));
                        if (n == 1)
                                CHECK_SLICE(reply->text, "ERR no");
                        if (n == 2)
                                CHECK_INT(reply->number, 42);
                        if (n == 5)
                                CHECK_BYTES(reply->text.data, reply->text.len, "a\r\nb\0", 5);
                        if (n == 6) {
                                CHECK_UINT(reply->n_elements, 2);
                                CHECK_SLICE(redis_reply_at(redis_reply_at(reply, 0), 0)->text, "1-1");
                                CHECK_INT(redis_reply_at(reply, 1)->number, 7);
                                CHECK(redis_reply_at(reply, 2) == NULL);
                        }
                        n++;
                }
        }
        CHECK_UINT(n, sizeof(types) / sizeof(types[0]));
}

TEST(replies_are_read_whole_and_in_every_cut)
{
        for (size_t piece = 1; piece < sizeof(replies); piece++) {
                struct redis_reply_reader *reader = redis_reply_reader_new();

                check_replies(reader, piece);
                redis_reply_reader_free(reader);
        }
}

TEST(what_is_no_reply_ends_in_an_error_and_costs_no_memory)
{
        static const char *const bad[] = {"HTTP/1.1 400 Bad Request\r\n", "*9999999\r\n:1\r\n",
                                          "$99999999999999999999\r\n",
                                          "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"};

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct redis_reply_reader *reader = redis_reply_reader_new();
                const struct redis_reply *reply = NULL;
                struct err err;
                int rc;

                err_reset(&err);
                rc = redis_reply_feed(reader, bad[i], strlen(bad[i]), &err);
                /* A list that announces too much is refused when its elements no longer fit. */
                for (int n = 0; rc == 0 && n < 6000; n++) {
                        rc = redis_reply_next(reader, &reply, &err);
                        if (rc == 0 && reply == NULL)
                                rc = redis_reply_feed(reader, ":1\r\n", 4, &err);
                }
                CHECK(rc < 0);
                CHECK(err.text[0] != '\0');
                redis_reply_reader_free(reader);
        }
}

TEST(a_reply_beyond_the_limit_is_refused)
{
        struct redis_reply_reader *reader = redis_reply_reader_new();
        char *piece = alloc_zero(1, 64u << 10);
        const struct redis_reply *reply;
        struct err err;
        int rc;

        err_reset(&err);
        memset(piece, 'x', 64u << 10);
        rc = redis_reply_feed(reader, "$10000000\r\n", 11, &err);
        for (int i = 0; i < 64 && rc == 0; i++) {
                rc = redis_reply_feed(reader, piece, 64u << 10, &err);
                if (rc == 0)
                        rc = redis_reply_next(reader, &reply, &err);
        }
        CHECK_FAILS(rc, &err, "longer than");
        alloc_free(piece);
        redis_reply_reader_free(reader);
}

TEST(refusals_are_known_by_their_first_word)
{
        static const struct {
                const char *fault;
                enum redis_trouble trouble;
        } cases[] = {
                {"LOADING Redis is loading the dataset in memory", REDIS_LOADING},
                {"BUSY Redis is busy running a script.", REDIS_BUSY},
                {"NOREPLICAS Not enough good replicas to write.", REDIS_BUSY},
                {"MASTERDOWN Link with MASTER is down", REDIS_MASTER_DOWN},
                {"READONLY You can't write against a read only replica.", REDIS_READ_ONLY},
                {"OOM command not allowed when used memory > 'maxmemory'.", REDIS_FULL},
                {"MISCONF Redis is configured to save RDB snapshots", REDIS_MISCONF},
                {"NOAUTH Authentication required.", REDIS_DENIED},
                {"NOPERM this user has no permissions", REDIS_DENIED},
                {"WRONGPASS invalid username-password pair", REDIS_DENIED},
                {"DENIED Redis is running in protected mode", REDIS_DENIED},
                {"WRONGTYPE Operation against a key", REDIS_WRONG_TYPE},
                {"ERR unknown command", REDIS_OTHER},
                {"BUSYKEY Target key name already exists.", REDIS_OTHER},
                {"", REDIS_OTHER},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                CHECK_INT(redis_trouble_of(slice_from_text(cases[i].fault)), cases[i].trouble);
}

TEST(pauses_grow_have_jitter_and_an_end)
{
        struct redis_backoff backoff;
        int64_t most = 50;
        unsigned n_different = 0;

        redis_trouble_backoff_init(&backoff, 7);
        for (int i = 0; i < 40; i++) {
                int64_t pause = redis_trouble_backoff_next_ms(&backoff, REDIS_AWAY);

                CHECK(pause >= most / 2 && pause <= most);
                n_different += pause != most;
                most = most * 2 < 5000 ? most * 2 : 5000;
        }
        CHECK(n_different > 30);
        redis_trouble_backoff_reset(&backoff);
        CHECK(redis_trouble_backoff_next_ms(&backoff, REDIS_AWAY) <= 50);
        CHECK(redis_trouble_backoff_next_ms(&backoff, REDIS_DENIED) >= 15000);
        CHECK(redis_trouble_backoff_next_ms(&backoff, REDIS_WRONG_TYPE) >= 2500);
}

TEST(sets_under_way_are_found_by_key)
{
        struct redis_zsets zsets;
        bool is_new;

        redis_zset_init(&zsets);
        for (int round = 0; round < 2; round++) {
                for (int i = 0; i < 1000; i++) {
                        char key[32];
                        struct redis_zset *set;

                        (void)snprintf(key, sizeof(key), "weir:{top:%d}", i);
                        set = redis_zset_find(&zsets, slice_from_text(key), &is_new);
                        CHECK(is_new == (round == 0));
                        if (round == 0)
                                set->window_end_ms = i;
                        CHECK_INT(set->window_end_ms, i);
                }
        }
        CHECK_UINT(zsets.n_sets, 1000);
        CHECK_SLICE(zsets.sets[7].next, "weir:{top:7}:next");
        redis_zset_reset(&zsets);
        CHECK_UINT(zsets.n_sets, 0);
        (void)redis_zset_find(&zsets, slice_from_text("weir:{top:7}"), &is_new);
        CHECK(is_new);
        redis_zset_done(&zsets);
}
