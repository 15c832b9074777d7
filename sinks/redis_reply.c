/* redis_reply.c - replies of Redis, read by hiredis's reader into a bounded pool. */
#include "sinks/redis_reply.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/arena.h"
#include "sidecar/base/limits.h"

#include <assert.h>
#include <hiredis/read.h>

/* Our longest answer is one EXEC of a row; XRANGE of one entry comes second. */
enum { REPLY_NODES = 4096 };

struct redis_reply_reader {
        redisReader *hiredis;
        redisReplyObjectFunctions functions; /* hiredis wants a pointer to them that is not const */
        struct arena texts;
        uint32_t n_nodes;
        struct redis_reply nodes[REPLY_NODES];
};

static_assert((int)REDIS_REPLY_LIST == REDIS_REPLY_ARRAY && (int)REDIS_REPLY_FAULT == REDIS_REPLY_ERROR &&
                      (int)REDIS_REPLY_NONE == REDIS_REPLY_NIL && (int)REDIS_REPLY_WORD == REDIS_REPLY_STATUS &&
                      (int)REDIS_REPLY_NUMBER == REDIS_REPLY_INTEGER,
              "numbers are hiredis's");

/* A node, chained to its parent; NULL (which hiredis reports as out of memory) when the pool is spent. */
static struct redis_reply *take_node(const redisReadTask *task)
{
        struct redis_reply_reader *reader = task->privdata;
        struct redis_reply *node;

        if (reader->n_nodes == REPLY_NODES)
                return NULL;
        node = &reader->nodes[reader->n_nodes++];
        *node = (struct redis_reply){.type = (enum redis_reply_type)task->type};
        if (task->parent != NULL) {
                struct redis_reply *parent = task->parent->obj;
                struct redis_reply **link = &parent->first;

                while (*link != NULL)
                        link = &(*link)->next;
                *link = node;
        }
        return node;
}

static void *create_string(const redisReadTask *task, char *text, size_t len)
{
        struct redis_reply_reader *reader = task->privdata;
        struct redis_reply *node = take_node(task);
        uint8_t *copy = node == NULL ? NULL : arena_take(&reader->texts, len + 1, 1);

        if (copy == NULL)
                return NULL;
        memcpy(copy, text, len);
        copy[len] = 0;
        node->text = slice_make(copy, len);
        return node;
}

static void *create_array(const redisReadTask *task, int elements)
{
        struct redis_reply *node = take_node(task);

        if (node != NULL)
                node->n_elements = elements < 0 ? 0 : (uint32_t)elements;
        return node;
}

static void *create_integer(const redisReadTask *task, long long number)
{
        struct redis_reply *node = take_node(task);

        if (node != NULL)
                node->number = number;
        return node;
}

static void *create_nil(const redisReadTask *task)
{
        struct redis_reply *node = take_node(task);

        if (node != NULL)
                node->type = REDIS_REPLY_NONE; /* the task still has the type that the nil stands for */
        return node;
}

static void free_object(void *object)
{
        (void)object; /* the pool is emptied as a whole */
}

struct redis_reply_reader *redis_reply_reader_new(void)
{
        struct redis_reply_reader *reader = alloc_zero(1, sizeof(*reader));

        arena_init(&reader->texts, 16u << 10, 2 * LIMIT_REDIS_REPLY_BYTES);
        reader->functions = (redisReplyObjectFunctions){
                .createString = create_string,
                .createArray = create_array,
                .createInteger = create_integer,
                .createNil = create_nil,
                .freeObject = free_object,
        };
        reader->hiredis = redisReaderCreateWithFunctions(&reader->functions);
        assert(reader->hiredis != NULL);
        reader->hiredis->privdata = reader;
        return reader;
}

struct redis_reply_reader *redis_reply_reader_free(struct redis_reply_reader *reader)
{
        if (reader == NULL)
                return NULL;
        redisReaderFree(reader->hiredis);
        arena_done(&reader->texts);
        alloc_free(reader);
        return NULL;
}

int redis_reply_feed(struct redis_reply_reader *reader, const void *data, size_t len, struct err *err)
{
        if (reader->hiredis->len - reader->hiredis->pos + len > LIMIT_REDIS_REPLY_BYTES)
                return err_set(err, ERR_DATA, "a reply is longer than %u bytes", LIMIT_REDIS_REPLY_BYTES);
        if (redisReaderFeed(reader->hiredis, data, len) != REDIS_OK)
                return err_set(err, ERR_DATA, "the reply cannot be read: %s", reader->hiredis->errstr);
        return 0;
}

int redis_reply_next(struct redis_reply_reader *reader, const struct redis_reply **ret_reply, struct err *err)
{
        void *reply = NULL;

        /* hiredis keeps a half-read reply's nodes between calls: the pool is emptied only between replies. */
        if (reader->hiredis->ridx < 0) {
                reader->n_nodes = 0;
                arena_reset(&reader->texts);
        }
        if (redisReaderGetReply(reader->hiredis, &reply) != REDIS_OK)
                return err_set(err, ERR_DATA, "the answer is not Redis's protocol: %s", reader->hiredis->errstr);
        *ret_reply = reply;
        return 0;
}

bool redis_reply_is_word(const struct redis_reply *reply, const char *word)
{
        return reply->type == REDIS_REPLY_WORD && slice_is_equal(reply->text, slice_from_text(word));
}

const struct redis_reply *redis_reply_at(const struct redis_reply *reply, uint32_t i)
{
        const struct redis_reply *element = reply->type == REDIS_REPLY_LIST ? reply->first : NULL;

        while (element != NULL && i-- > 0)
                element = element->next;
        return element;
}
