/* redis_trouble.c - the ways in which a Redis refuses, and what each asks for. */
#include "sinks/redis_trouble.h"

enum { PAUSE_MIN_MS = 50, PAUSE_MAX_MS = 5000, PAUSE_DENIED_MS = 30000 };

struct trouble {
        const char *event;
        const char *words;
        enum log_level level;
        int64_t least_ms, most_ms; /* of the pause */
        bool ends_link;
};

static const struct trouble troubles[REDIS_TROUBLE_COUNT] = {
        [REDIS_FINE] = {"redis-up", "answers", LOG_INFO, PAUSE_MIN_MS, PAUSE_MAX_MS, false},
        [REDIS_AWAY] = {"redis-down", "is not there", LOG_WARN, PAUSE_MIN_MS, PAUSE_MAX_MS, true},
        [REDIS_LOADING] = {"redis-loading", "is loading its data", LOG_WARN, PAUSE_MIN_MS, PAUSE_MAX_MS, false},
        [REDIS_BUSY] = {"redis-busy", "is busy", LOG_WARN, PAUSE_MIN_MS, PAUSE_MAX_MS, false},
        [REDIS_MASTER_DOWN] = {"redis-master-down", "has lost its master", LOG_WARN, PAUSE_MIN_MS, PAUSE_MAX_MS, false},
        [REDIS_READ_ONLY] = {"redis-read-only", "is a read-only replica", LOG_WARN, PAUSE_MIN_MS, PAUSE_MAX_MS, true},
        [REDIS_FULL] = {"redis-out-of-memory", "is out of memory", LOG_ERROR, PAUSE_MIN_MS, PAUSE_MAX_MS, false},
        [REDIS_MISCONF] = {"redis-misconf", "cannot save and refuses writes", LOG_ERROR, PAUSE_MIN_MS, PAUSE_MAX_MS,
                           false},
        [REDIS_DENIED] = {"redis-denied", "does not let us", LOG_ERROR, PAUSE_DENIED_MS, PAUSE_DENIED_MS, true},
        [REDIS_WRONG_TYPE] = {"redis-wrong-type", "holds another type under our key", LOG_ERROR, PAUSE_MAX_MS,
                              PAUSE_MAX_MS, false},
        [REDIS_STREAM_AHEAD] = {"redis-stream-ahead", "has a stream that is ahead of us", LOG_ERROR, PAUSE_MAX_MS,
                                PAUSE_MAX_MS, false},
        [REDIS_VANISHED] = {"redis-key-vanished", "lost a key right after it was written", LOG_WARN, PAUSE_MIN_MS,
                            PAUSE_MAX_MS, false},
        [REDIS_AHEAD] = {"redis-ahead", "knows more than our log", LOG_ERROR, PAUSE_MAX_MS, PAUSE_MAX_MS, false},
        [REDIS_OTHER] = {"redis-error", "refuses", LOG_ERROR, PAUSE_MAX_MS, PAUSE_MAX_MS, false},
};

struct fault_word {
        const char *word;
        enum redis_trouble trouble;
};

static const struct fault_word fault_words[] = {
        {"LOADING", REDIS_LOADING},     {"BUSY", REDIS_BUSY},           {"TRYAGAIN", REDIS_BUSY},
        {"CLUSTERDOWN", REDIS_BUSY},    {"NOREPLICAS", REDIS_BUSY},     {"MASTERDOWN", REDIS_MASTER_DOWN},
        {"READONLY", REDIS_READ_ONLY},  {"OOM", REDIS_FULL},            {"MISCONF", REDIS_MISCONF},
        {"NOAUTH", REDIS_DENIED},       {"WRONGPASS", REDIS_DENIED},    {"NOPERM", REDIS_DENIED},
        {"WRONGTYPE", REDIS_WRONG_TYPE}, {"DENIED", REDIS_DENIED},
};

enum redis_trouble redis_trouble_of(struct slice fault)
{
        size_t len = 0;

        while (len < fault.len && fault.data[len] != ' ')
                len++;
        for (size_t i = 0; i < sizeof(fault_words) / sizeof(fault_words[0]); i++)
                if (strlen(fault_words[i].word) == len && memcmp(fault_words[i].word, fault.data, len) == 0)
                        return fault_words[i].trouble;
        return REDIS_OTHER;
}

const char *redis_trouble_event(enum redis_trouble trouble)
{
        return troubles[trouble].event;
}

const char *redis_trouble_words(enum redis_trouble trouble)
{
        return troubles[trouble].words;
}

enum log_level redis_trouble_level(enum redis_trouble trouble)
{
        return troubles[trouble].level;
}

bool redis_trouble_ends_link(enum redis_trouble trouble)
{
        return troubles[trouble].ends_link;
}

void redis_trouble_backoff_init(struct redis_backoff *backoff, uint64_t seed)
{
        *backoff = (struct redis_backoff){.random = seed | 1};
}

void redis_trouble_backoff_reset(struct redis_backoff *backoff)
{
        backoff->attempts = 0;
}

int64_t redis_trouble_backoff_next_ms(struct redis_backoff *backoff, enum redis_trouble trouble)
{
        int64_t pause = troubles[trouble].least_ms;

        for (uint32_t i = 0; i < backoff->attempts && pause < troubles[trouble].most_ms; i++)
                pause *= 2;
        if (pause > troubles[trouble].most_ms)
                pause = troubles[trouble].most_ms;
        if (backoff->attempts < 32)
                backoff->attempts++;
        /* xorshift64: many instances must not come back in the same millisecond */
        backoff->random ^= backoff->random << 13;
        backoff->random ^= backoff->random >> 7;
        backoff->random ^= backoff->random << 17;
        return pause / 2 + (int64_t)(backoff->random % (uint64_t)(pause / 2 + 1));
}
