/* test_feeder.c - one epoch at a time, in order, again from where the far side says: with a sink that does as it is
 * told. */
#include "tests/lib/check.h"
#include "tests/lib/sink_rig.h"

#include <stdio.h>

/* A sink that writes down its calls: "w<epoch>:<first>+<n>@<window> c<epoch> …". */
struct told_sink {
        struct sink sink;
        struct sink_listener listener;
        struct bytes calls;
        uint32_t take;        /* rows per write, 0: all */
        bool is_down;         /* answers SINK_DOWN */
        bool commits_at_once; /* on_committed from inside commit */
        uint64_t last_commit;
};

static int add_table(struct sink *sink, const struct plan_table *table, struct err *err)
{
        (void)sink;
        (void)table;
        (void)err;
        return 0;
}

static int open_sink(struct sink *sink, const struct sink_config *config, struct err *err)
{
        (void)err;
        ((struct told_sink *)sink)->listener = *config->listener;
        return 0;
}

static enum sink_result write_rows(struct sink *sink, const struct plan_table *table, uint64_t epoch,
                                   uint64_t first_index, int64_t window_end_ms, const struct batch *rows, uint32_t from,
                                   uint32_t *ret_next)
{
        struct told_sink *told = (struct told_sink *)sink;
        uint32_t n = rows->n_rows - from;

        (void)table;
        if (told->is_down)
                return SINK_DOWN;
        if (told->take > 0 && n > told->take)
                n = told->take;
        bytes_append_format(&told->calls, "w%d:%d+%u", (int)epoch, (int)(first_index + from), n);
        if (window_end_ms != INT64_MIN)
                bytes_append_format(&told->calls, "@%d", (int)window_end_ms);
        bytes_append_byte(&told->calls, ' ');
        *ret_next = from + n;
        return from + n < rows->n_rows ? SINK_BUSY : SINK_OK;
}

static enum sink_result commit(struct sink *sink, uint64_t epoch, uint64_t lsn)
{
        struct told_sink *told = (struct told_sink *)sink;

        bytes_append_format(&told->calls, "c%d/%d ", (int)epoch, (int)lsn);
        told->last_commit = epoch;
        if (told->commits_at_once)
                told->listener.on_committed(told->listener.context, epoch);
        return SINK_OK;
}

static void close_sink(struct sink *sink)
{
        bytes_done(&((struct told_sink *)sink)->calls);
}

static const struct sink_ops ops = {add_table, open_sink, write_rows, commit, close_sink};

struct setup {
        struct sink_rig rig;
        struct told_sink told;
        struct plan_table *keyed, *plain;
};

static void set_up(struct setup *setup)
{
        struct feeder_config config;

        memset(setup, 0, sizeof(*setup));
        sink_rig_init(&setup->rig);
        setup->told.sink.ops = &ops;
        bytes_init(&setup->told.calls);
        setup->keyed = rows_table(&setup->rig.arena, "keyed", "id BIGINT*", "connector=told");
        setup->plain = rows_table(&setup->rig.arena, "plain", "id BIGINT", "connector=told");
        config = (struct feeder_config){.sink = &setup->told.sink, .source = &setup->rig.source,
                                        .events = &setup->rig.events, .has_table = setup->rig.has_table};
        setup->rig.feeder = feeder_new(&config);
        setup->told.listener = *feeder_listener(setup->rig.feeder);
}

static void tear_down(struct setup *setup)
{
        close_sink(&setup->told.sink);
        sink_rig_done(&setup->rig);
}

static void check_calls(struct setup *setup, const char *expected)
{
        while (feeder_step(setup->rig.feeder, 1000))
                continue;
        CHECK_SLICE(bytes_slice(&setup->told.calls), expected);
        bytes_reset(&setup->told.calls);
}

static void ready(struct setup *setup, enum sink_memory memory, uint64_t epoch)
{
        setup->told.listener.on_ready(setup->told.listener.context, memory, epoch);
}

static void committed(struct setup *setup)
{
        setup->told.listener.on_committed(setup->told.listener.context, setup->told.last_commit);
}

static void add_epochs(struct setup *setup)
{
        for (int epoch = 1; epoch <= 3; epoch++) {
                sink_rig_piece(&setup->rig, setup->keyed, epoch * 10, "1; 2");
                sink_rig_piece(&setup->rig, setup->keyed, epoch * 10, "3");
                sink_rig_piece(&setup->rig, setup->plain, INT64_MIN, "4; 5");
                sink_rig_end(&setup->rig, (uint64_t)epoch, (uint64_t)epoch * 7);
        }
}

TEST(nothing_goes_out_before_the_sink_is_ready)
{
        struct setup setup;

        set_up(&setup);
        add_epochs(&setup);
        check_calls(&setup, "");
        CHECK(!feeder_is_drained(setup.rig.feeder));
        tear_down(&setup);
}

TEST(one_epoch_is_open_until_it_is_committed)
{
        struct setup setup;

        set_up(&setup);
        add_epochs(&setup);
        ready(&setup, SINK_FIRST, 0);
        check_calls(&setup, "w1:0+2@10 w1:2+1@10 w1:0+2 c1/7 ");
        check_calls(&setup, "");
        CHECK_UINT(feeder_committed(setup.rig.feeder), 0);
        committed(&setup);
        CHECK_UINT(feeder_committed(setup.rig.feeder), 1);
        CHECK_UINT(setup.rig.committed, 1);
        check_calls(&setup, "w2:0+2@20 w2:2+1@20 w2:0+2 c2/14 ");
        committed(&setup);
        setup.told.commits_at_once = true;
        check_calls(&setup, "w3:0+2@30 w3:2+1@30 w3:0+2 c3/21 ");
        CHECK(feeder_is_drained(setup.rig.feeder));
        tear_down(&setup);
}

TEST(a_busy_sink_gets_the_rest_when_it_has_room)
{
        struct setup setup;

        set_up(&setup);
        sink_rig_piece(&setup.rig, setup.plain, INT64_MIN, "1; 2; 3; 4; 5");
        sink_rig_end(&setup.rig, 1, 1);
        setup.told.take = 2;
        ready(&setup, SINK_FIRST, 0);
        check_calls(&setup, "w1:0+2 ");
        check_calls(&setup, "");
        setup.told.listener.on_progress(setup.told.listener.context);
        check_calls(&setup, "w1:2+2 ");
        setup.told.listener.on_progress(setup.told.listener.context);
        check_calls(&setup, "w1:4+1 c1/1 ");
        setup.told.listener.on_progress(setup.told.listener.context); /* late: means nothing any more */
        check_calls(&setup, "");
        tear_down(&setup);
}

TEST(after_trouble_it_goes_on_behind_what_the_far_side_has)
{
        struct setup setup;

        set_up(&setup);
        add_epochs(&setup);
        ready(&setup, SINK_KEPT, 1);
        check_calls(&setup, "w2:0+2@20 w2:2+1@20 w2:0+2 c2/14 ");
        setup.told.listener.on_down(setup.told.listener.context, "gone");
        committed(&setup); /* of an epoch that is void */
        CHECK_UINT(feeder_committed(setup.rig.feeder), 1);
        check_calls(&setup, "");
        ready(&setup, SINK_KEPT, 2); /* the record had been written all the same */
        check_calls(&setup, "w3:0+2@30 w3:2+1@30 w3:0+2 c3/21 ");
        ready(&setup, SINK_KEPT, 0); /* it came back older */
        check_calls(&setup, "w1:0+2@10 w1:2+1@10 w1:0+2 c1/7 ");
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "sink-resend"), 0);
        tear_down(&setup);
}

TEST(a_far_side_that_forgot_gets_all_that_is_kept_and_one_note_says_from_when)
{
        struct setup setup;

        set_up(&setup);
        add_epochs(&setup);
        setup.rig.oldest = 1; /* epoch 1 was dropped from the outbox */
        ready(&setup, SINK_FORGOTTEN, 0);
        setup.told.commits_at_once = true;
        check_calls(&setup, "w2:0+2@20 w2:2+1@20 w2:0+2 c2/14 w3:0+2@30 w3:2+1@30 w3:0+2 c3/21 ");
        CHECK_UINT(sink_rig_count_notes(&setup.rig, "sink-resend"), 1);
        CHECK_CONTAINS((const char *)setup.rig.notes.data, "from epoch 2,");
        tear_down(&setup);
}

TEST(an_unordered_epoch_goes_out_by_window_and_streams_as_they_came)
{
        struct setup setup;

        set_up(&setup);
        setup.rig.is_ordered = false;
        setup.told.commits_at_once = true;
        sink_rig_piece(&setup.rig, setup.keyed, 30, "1");
        sink_rig_piece(&setup.rig, setup.plain, 30, "1; 2");
        sink_rig_piece(&setup.rig, setup.keyed, 10, "2");
        sink_rig_piece(&setup.rig, setup.keyed, 30, "3");
        sink_rig_piece(&setup.rig, setup.plain, 10, "3");
        sink_rig_end(&setup.rig, 1, 1);
        ready(&setup, SINK_FIRST, 0);
        check_calls(&setup, "w1:0+2@30 w1:2+1@10 w1:1+1@10 w1:0+1@30 w1:2+1@30 c1/1 ");
        tear_down(&setup);
}

/* For the undefined-behaviour sanitizer: there is nothing to sort, and nowhere. */
TEST(an_unordered_epoch_of_other_sinks_is_committed_without_rows)
{
        struct setup setup;
        struct batch rows;

        set_up(&setup);
        rows = rows_batch(&setup.rig.arena, setup.keyed, "1");
        setup.rig.is_ordered = false;
        setup.told.commits_at_once = true;
        sink_rig_piece_batch(&setup.rig, NULL, 30, &rows);
        sink_rig_piece_batch(&setup.rig, NULL, 10, &rows);
        sink_rig_end(&setup.rig, 1, 1);
        ready(&setup, SINK_FIRST, 0);
        check_calls(&setup, "c1/1 ");
        tear_down(&setup);
}

TEST(an_outbox_that_cannot_be_read_is_fatal)
{
        struct setup setup;

        set_up(&setup);
        add_epochs(&setup);
        setup.rig.is_broken = true;
        ready(&setup, SINK_FIRST, 0);
        check_calls(&setup, "");
        CHECK_TEXT(setup.rig.fatal, "the outbox cannot be read");
        ready(&setup, SINK_FIRST, 0); /* stopped is stopped */
        check_calls(&setup, "");
        tear_down(&setup);
}

TEST(a_step_hands_over_a_bounded_number_of_rows)
{
        struct setup setup;

        set_up(&setup);
        add_epochs(&setup);
        ready(&setup, SINK_FIRST, 0);
        CHECK(feeder_step(setup.rig.feeder, 1));
        CHECK_SLICE(bytes_slice(&setup.told.calls), "w1:0+2@10 ");
        CHECK(feeder_step(setup.rig.feeder, 3));
        CHECK_SLICE(bytes_slice(&setup.told.calls), "w1:0+2@10 w1:2+1@10 w1:0+2 ");
        tear_down(&setup);
}

static bool has_keyed(void *context, uint32_t sink_index, const struct plan_table *table)
{
        (void)context;
        (void)sink_index;
        return table->n_primary_key > 0;
}

static uint32_t n_reads, n_rows_read;

static int count_read(void *context, uint32_t feeder, uint64_t position, bool with_rows, struct feeder_piece *ret_piece,
                      uint64_t *ret_next, struct err *err)
{
        struct setup *setup = context;

        n_reads++;
        n_rows_read += with_rows;
        return setup->rig.source.read(setup->rig.source.context, feeder, position, with_rows, ret_piece, ret_next, err);
}

static bool count_find(void *context, uint64_t after, struct feeder_epoch *ret_epoch)
{
        struct setup *setup = context;

        return setup->rig.source.find_epoch(setup->rig.source.context, after, ret_epoch);
}

/* An epoch of which nearly all is another sink's: no step looks at all of it, and its rows are not decoded. */
static void check_passing_over(bool is_ordered, const char *expected)
{
        struct setup setup;
        struct feeder_source source = {.context = &setup, .find_epoch = count_find, .read = count_read};
        struct feeder_config config;
        uint32_t n_steps = 0, most = 0;

        set_up(&setup);
        setup.rig.is_ordered = is_ordered;
        setup.told.commits_at_once = true;
        for (int i = 0; i < 25; i++) {
                sink_rig_piece(&setup.rig, i == 12 || i == 20 ? setup.keyed : setup.plain, 100 - i, "1; 2; 3");
                if (i == 20)
                        sink_rig_piece(&setup.rig, setup.keyed, 100, "4");
        }
        sink_rig_end(&setup.rig, 1, 1);
        feeder_free(setup.rig.feeder);
        config = (struct feeder_config){.sink = &setup.told.sink, .source = &source, .events = &setup.rig.events,
                                        .has_table = has_keyed};
        setup.rig.feeder = feeder_new(&config);
        setup.told.listener = *feeder_listener(setup.rig.feeder);
        ready(&setup, SINK_FIRST, 0);
        n_reads = n_rows_read = 0;
        for (bool has_more = true; has_more; n_steps++) {
                uint32_t before = n_reads;

                has_more = feeder_step(setup.rig.feeder, 400);
                most = n_reads - before > most ? n_reads - before : most;
        }
        CHECK_SLICE(bytes_slice(&setup.told.calls), expected);
        CHECK(n_steps > 5);
        CHECK(most <= 8); /* at most twice a piece, and four pieces a step */
        CHECK(n_rows_read <= 6); /* three of its own; where others' begin, one more */
        tear_down(&setup);
}

TEST(what_is_for_others_is_passed_over_in_bounded_steps)
{
        check_passing_over(true, "w1:0+3@88 w1:3+3@80 w1:6+1@100 c1/1 ");
        check_passing_over(false, "w1:3+3@80 w1:0+3@88 w1:6+1@100 c1/1 ");
}

TEST(a_sink_that_is_down_is_waited_for)
{
        struct setup setup;

        set_up(&setup);
        add_epochs(&setup);
        setup.told.is_down = true;
        ready(&setup, SINK_FIRST, 0);
        check_calls(&setup, "");
        setup.told.is_down = false;
        check_calls(&setup, "");
        ready(&setup, SINK_FIRST, 0);
        check_calls(&setup, "w1:0+2@10 w1:2+1@10 w1:0+2 c1/7 ");
        tear_down(&setup);
}
