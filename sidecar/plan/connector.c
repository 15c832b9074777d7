/* connector.c - the table of connectors and their options. */
#include "sidecar/plan/connector.h"

#include "sidecar/base/nearest.h"

#include <assert.h>

#define CONNECTOR_ITSELF                                                                                  \
        {                                                                                                 \
                .key = "connector", .type = OPTION_TEXT, .is_required = true, .help = "what the table is" \
        }
#define SINK_PARALLELISM                                                               \
        {                                                                              \
                .key = "sink.parallelism", .type = OPTION_INTEGER, .is_ignored = true, \
                .help = "Flink: parallel writers"                                      \
        }

static const struct option_spec flume_options[] = {
        CONNECTOR_ITSELF,
        {.key = "listen",
         .type = OPTION_ADDRESS,
         .is_required = true,
         .help = "where Flume's avro sinks connect to; port 0 takes a free port"},
        {.key = "format",
         .type = OPTION_WORD,
         .words = "avro json raw",
         .is_required = true,
         .help = "form of an event's body"},
        {.key = "avro.schema-file", .type = OPTION_PATH, .help = "schema (.avsc) with which the bodies were written"},
        {.key = "watermark.origin",
         .type = OPTION_WORD,
         .words = "peer connection table header:",
         .fallback = "peer",
         .help = "what has a watermark of its own: each address, each connection, each value of a header, or the "
                 "table"},
        {.key = "watermark.idle-timeout",
         .type = OPTION_DURATION,
         .fallback = "60 s",
         .help = "an origin without rows for so long is not waited for"},
        {.key = "watermark.idle-advance",
         .type = OPTION_SWITCH,
         .fallback = "off",
         .help = "while all origins are idle, let the clock move the watermark"},
        {.key = "dedup",
         .type = OPTION_WORD,
         .words = "in-doubt off",
         .fallback = "in-doubt",
         .help = "recognise rows that an agent sends again because it did not hear the OK"},
        {.key = "dedup.key",
         .type = OPTION_COLUMN,
         .help = "column that names a row; else a fingerprint of the event does"},
        {.key = "dedup.horizon",
         .type = OPTION_DURATION,
         .fallback = "15 min",
         .help = "how long rows in doubt are remembered"},
};

static const struct option_spec redis_options[] = {
        CONNECTOR_ITSELF,
        {.key = "url",
         .type = OPTION_TEXT,
         .is_required = true,
         .help = "redis://[USER[:PASSWORD]@]HOST[:PORT][/DB], or unix:///PATH[?db=N]"},
        {.key = "username", .type = OPTION_TEXT, .help = "ACL user"},
        {.key = "password", .type = OPTION_TEXT, .help = "password; better in password-file"},
        {.key = "password-file", .type = OPTION_PATH, .help = "file whose first line is the password"},
        {.key = "type",
         .type = OPTION_WORD,
         .words = "hash stream zset",
         .help = "hash (with a PRIMARY KEY) or stream (without): that follows from the table; zset must be said"},
        {.key = "member", .type = OPTION_COLUMN, .help = "zset: the column whose values are ranked"},
        {.key = "score", .type = OPTION_COLUMN, .help = "zset: the number they are ranked by"},
        {.key = "ttl",
         .type = OPTION_DURATION,
         .fallback = "24 h",
         .help = "life of a key after its last write, and of an entry of a stream"},
        SINK_PARALLELISM,
};

static const struct option_spec filesystem_options[] = {
        CONNECTOR_ITSELF,
        {.key = "path",
         .type = OPTION_PATH,
         .is_required = true,
         .help = "a file; a source may name a folder of files"},
        {.key = "format", .type = OPTION_WORD, .words = "json avro", .is_required = true, .help = "form of the rows"},
        {.key = "json.timestamp-format.standard",
         .type = OPTION_WORD,
         .words = "SQL ISO-8601",
         .fallback = "SQL",
         .help = "how timestamps are written: 2020-12-30 12:13:14.123, or with a T between date and time"},
        {.key = "json.encode.decimal-as-plain-number",
         .type = OPTION_BOOLEAN,
         .fallback = "false",
         .help = "write DECIMAL without an exponent, always"},
        {.key = "json.encode.ignore-null-fields",
         .type = OPTION_BOOLEAN,
         .fallback = "false",
         .help = "leave fields out that are NULL"},
        {.key = "sink.rolling-policy.file-size",
         .type = OPTION_SIZE,
         .fallback = "128 mb",
         .help = "a part file that has grown to this is finished"},
        {.key = "sink.rolling-policy.rollover-interval",
         .type = OPTION_DURATION,
         .fallback = "30 min",
         .help = "a part file that is open for so long is finished"},
        {.key = "json.fail-on-missing-field",
         .type = OPTION_WORD,
         .words = "false",
         .fallback = "false",
         .help = "a missing field is NULL"},
        {.key = "json.ignore-parse-errors",
         .type = OPTION_BOOLEAN,
         .fallback = "false",
         .help = "a field that is no value of its column's type is NULL; what is no JSON is a dead letter still"},
        {.key = "avro.codec",
         .type = OPTION_WORD,
         .words = "null deflate",
         .fallback = "null",
         .help = "compression of written container files"},
        SINK_PARALLELISM,
};

static const struct option_spec print_options[] = {
        CONNECTOR_ITSELF,
        {.key = "print-identifier", .type = OPTION_TEXT, .help = "put in front of every row"},
        {.key = "standard-error", .type = OPTION_BOOLEAN, .fallback = "false", .help = "print to stderr"},
        SINK_PARALLELISM,
};

static const struct option_spec blackhole_options[] = {
        CONNECTOR_ITSELF,
        SINK_PARALLELISM,
};


static const struct type string_nullable = {.kind = TYPE_VARCHAR, .nullable = true, .length = TYPE_LENGTH_MAX};

static const struct connector_metadata flume_metadata[] = {
        {.key = "headers",
         .type = {.kind = TYPE_MAP, .element = &string_nullable, .key = &string_nullable, .nullable = true},
         .help = "the event's headers"},
};

#define OPTIONS_OF(array) .n_options = sizeof(array) / sizeof(array)[0], .options = (array)

static const struct connector connectors[] = {
        {.name = "flume",
         .help = "listens for Flume's avro sinks",
         .is_source = true,
         OPTIONS_OF(flume_options),
         .n_metadata = 1,
         .metadata = flume_metadata},
        {.name = "redis",
         .help = "writes hashes and streams to Redis or Valkey",
         .is_sink = true,
         .is_keyed = true,
         OPTIONS_OF(redis_options)},
        {.name = "filesystem",
         .help = "reads and writes JSON lines and Avro container files",
         .is_source = true,
         .is_sink = true,
         .is_bounded = true,
         OPTIONS_OF(filesystem_options)},
        {.name = "print",
         .help = "prints rows as Flink's print does",
         .is_sink = true,
         .is_keyed = true,
         OPTIONS_OF(print_options)},
        {.name = "blackhole",
         .help = "takes rows and forgets them",
         .is_sink = true,
         .is_keyed = true,
         OPTIONS_OF(blackhole_options)},
};

uint32_t connector_count(void)
{
        return sizeof connectors / sizeof connectors[0];
}

const struct connector *connector_at(uint32_t index)
{
        assert(index < connector_count());
        return &connectors[index];
}

const struct connector *connector_find(struct slice name)
{
        for (uint32_t i = 0; i < connector_count(); i++)
                if (slice_is_equal(name, slice_from_text(connectors[i].name)))
                        return &connectors[i];
        return NULL;
}

const char *connector_suggest(struct slice name)
{
        struct nearest nearest;

        nearest_init(&nearest, name);
        for (uint32_t i = 0; i < connector_count(); i++)
                nearest_offer(&nearest, slice_from_text(connectors[i].name));
        return nearest_text(&nearest);
}

bool connector_is_flinks(struct slice name)
{
        static const char *const names[] = {
                "kafka",           "upsert-kafka", "jdbc",  "datagen",   "mongodb",   "kinesis",
                "firehose",        "dynamodb",     "hive",  "hbase-2.2", "hbase-1.4", "elasticsearch-6",
                "elasticsearch-7", "opensearch",   "pulsar"};

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
                if (slice_is_equal(name, slice_from_text(names[i])))
                        return true;
        return false;
}

bool connector_is_flinks_key(const struct connector *connector, struct slice key)
{
        static const char *const prefixes[] = {
                "source.",   "partition.", "sink.", "compaction.", "auto-compaction", "file.",      "format.",
                "json.map-", "json.encode.", "json.decode.", "csv.", "avro.timestamp_mapping", "parquet.", "orc."};

        if (strcmp(connector->name, "filesystem") != 0)
                return false;
        for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
                if (key.len >= strlen(prefixes[i]) && memcmp(key.data, prefixes[i], strlen(prefixes[i])) == 0)
                        return true;
        return false;
}

const struct option_spec *connector_option(const struct connector *connector, struct slice key)
{
        for (uint32_t i = 0; i < connector->n_options; i++)
                if (slice_is_equal(key, slice_from_text(connector->options[i].key)))
                        return &connector->options[i];
        return NULL;
}

const char *connector_suggest_option(const struct connector *connector, struct slice key)
{
        struct nearest nearest;

        nearest_init(&nearest, key);
        for (uint32_t i = 0; i < connector->n_options; i++)
                nearest_offer(&nearest, slice_from_text(connector->options[i].key));
        return nearest_text(&nearest);
}

const struct connector *connector_of(const struct plan_table *table)
{
        const struct plan_option *option = plan_table_option(table, "connector");

        return option == NULL ? NULL : connector_find(option->value);
}

static int check_flume(const struct plan_table *table, struct err *err)
{
        bool is_avro = connector_is(table, "format", "avro");
        bool has_schema = plan_table_option(table, "avro.schema-file") != NULL;
        uint32_t n_physical = 0;

        if (is_avro && !has_schema)
                return err_set(err, ERR_CONFIG, "'format' = 'avro' needs 'avro.schema-file'");
        if (!is_avro && has_schema)
                return err_set(err, ERR_CONFIG, "'avro.schema-file' goes with 'format' = 'avro' only");
        if (connector_is(table, "format", "raw")) {
                for (uint32_t i = 0; i < table->n_columns; i++)
                        n_physical += table->columns[i].kind == PLAN_PHYSICAL;
                if (n_physical > 1)
                        return err_set(err, ERR_CONFIG, "'format' = 'raw' is one column, the body; this table has %u",
                                       n_physical);
        }
        if (connector_is(table, "dedup", "off") &&
            (plan_table_option(table, "dedup.key") != NULL || plan_table_option(table, "dedup.horizon") != NULL))
                return err_set(err, ERR_CONFIG, "'dedup' = 'off' goes without the other dedup options");
        return 0;
}

static int32_t find_column(const struct plan_table *table, struct slice name)
{
        for (uint32_t i = 0; i < table->n_columns; i++)
                if (slice_is_equal(table->columns[i].name, name))
                        return (int32_t)i;
        return -1;
}

static bool is_in_key(const struct plan_table *table, int32_t column)
{
        for (uint32_t i = 0; i < table->n_primary_key; i++)
                if ((int32_t)table->primary_key[i] == column)
                        return true;
        return false;
}

/* A row of a sorted set is a member of one set: the PRIMARY KEY says of which, and of which window. */
static int check_zset(const struct plan_table *table, struct err *err)
{
        int32_t member = find_column(table, connector_text(table, "member"));
        int32_t score = find_column(table, connector_text(table, "score"));

        if (plan_table_option(table, "member") == NULL || plan_table_option(table, "score") == NULL)
                return err_set(err, ERR_CONFIG,
                               "'type' = 'zset' needs 'member' and 'score', each the name of a column");
        if (member < 0 || score < 0)
                return err_set(err, ERR_CONFIG, "'%s' must name a column of the table",
                               member < 0 ? "member" : "score");
        if (!type_is_numeric(&table->columns[score].type))
                return err_set(err, ERR_CONFIG, "the 'score' of a sorted set must be a number");
        if (!is_in_key(table, member) || is_in_key(table, score))
                return err_set(err, ERR_CONFIG,
                               "'type' = 'zset' needs a PRIMARY KEY that holds the 'member' column, not the 'score'");
        return 0;
}

static int check_redis(const struct plan_table *table, struct err *err)
{
        bool is_zset = connector_is(table, "type", "zset");
        bool has_key = table->n_primary_key > 0;

        if (plan_table_option(table, "password") != NULL && plan_table_option(table, "password-file") != NULL)
                return err_set(err, ERR_CONFIG, "'password' and 'password-file' exclude each other");
        if (slice_is_equal(table->name, slice_from_text("commit")))
                return err_set(err, ERR_CONFIG, "no table in Redis can be named 'commit': that is the commit record");
        if (is_zset && check_zset(table, err) < 0)
                return -1;
        if (!is_zset && (plan_table_option(table, "member") != NULL || plan_table_option(table, "score") != NULL))
                return err_set(err, ERR_CONFIG, "'member' and 'score' go with 'type' = 'zset' only");
        if (connector_is(table, "type", "hash") && !has_key)
                return err_set(err, ERR_CONFIG,
                               "'type' = 'hash' needs a PRIMARY KEY: a table without one is a stream");
        if (connector_is(table, "type", "stream") && has_key)
                return err_set(err, ERR_CONFIG,
                               "'type' = 'stream' goes without PRIMARY KEY: a table with one is a hash per key");
        if (connector_ms(table, "ttl") == 0)
                return err_set(err, ERR_CONFIG, "'ttl' must be longer than 0: every key has a life");
        return 0;
}

static int check_filesystem(const struct plan_table *table, struct err *err)
{
        bool is_json = connector_is(table, "format", "json");

        for (uint32_t i = 0; i < table->n_options; i++) {
                struct slice key = table->options[i].key;

                if (!is_json && key.len > 5 && memcmp(key.data, "json.", 5) == 0)
                        return err_set(err, ERR_CONFIG, "'%.*s' goes with 'format' = 'json' only", (int)key.len,
                                       (const char *)key.data);
                if (is_json && key.len > 5 && memcmp(key.data, "avro.", 5) == 0)
                        return err_set(err, ERR_CONFIG, "'%.*s' goes with 'format' = 'avro' only", (int)key.len,
                                       (const char *)key.data);
        }
        return 0;
}

int connector_check(const struct connector *connector, const struct plan_table *table, struct err *err)
{
        if (strcmp(connector->name, "flume") == 0)
                return check_flume(table, err);
        if (strcmp(connector->name, "redis") == 0)
                return check_redis(table, err);
        if (strcmp(connector->name, "filesystem") == 0)
                return check_filesystem(table, err);
        return 0;
}

/* ---- values in force ---- */

struct slice connector_text(const struct plan_table *table, const char *key)
{
        const struct plan_option *option = plan_table_option(table, key);
        const struct connector *connector = connector_of(table);
        const struct option_spec *spec;

        if (option != NULL)
                return option->value;
        spec = connector == NULL ? NULL : connector_option(connector, slice_from_text(key));
        assert(spec != NULL);
        return slice_from_text(spec->fallback == NULL ? "" : spec->fallback);
}

struct slice connector_path(const struct plan_table *table, const char *key)
{
        const struct plan_option *option = plan_table_option(table, key);

        return option != NULL ? option->path : slice_make(NULL, 0);
}

int64_t connector_ms(const struct plan_table *table, const char *key)
{
        int64_t ms = 0;

        if (!option_read_duration(connector_text(table, key), &ms))
                return 0;
        return ms;
}

uint64_t connector_bytes(const struct plan_table *table, const char *key)
{
        uint64_t bytes = 0;

        if (!option_read_size(connector_text(table, key), &bytes))
                return 0;
        return bytes;
}

int64_t connector_integer(const struct plan_table *table, const char *key)
{
        int64_t value = 0;

        if (!option_read_integer(connector_text(table, key), &value))
                return 0;
        return value;
}

bool connector_is_on(const struct plan_table *table, const char *key)
{
        bool is_on = false;

        return option_read_boolean(connector_text(table, key), &is_on) && is_on;
}

bool connector_is(const struct plan_table *table, const char *key, const char *word)
{
        return slice_is_equal(connector_text(table, key), slice_from_text(word));
}
