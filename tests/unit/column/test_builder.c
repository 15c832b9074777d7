/* Batches in the making: growth, validity, codes, dead letters, giving storage back. */
#include "sidecar/column/builder.h"
#include "sidecar/base/limits.h"
#include "tests/lib/check.h"

static void append_row(struct builder *builder, int64_t number, const char *text)
{
        uint32_t row = builder->n_rows;
        uint8_t padded[64 + BUILDER_PAD_BYTES] = {0};
        struct err err;

        CHECK_OK(builder_reserve(builder, 1, &err), &err);
        builder->columns[0].i64[row] = number;
        builder->columns[0].present[row] = 1;
        builder->columns[1].present[row] = 1;
        if (number < 0)
                builder_set_null(builder, 0, row);
        if (text == NULL) {
                builder_set_null(builder, 1, row);
        } else {
                memcpy(padded, text, strlen(text));
                CHECK(builder_put_text(builder, 1, row, slice_make(padded, strlen(text))));
        }
        builder->n_rows++;
}

TEST(rows_come_out_as_columns)
{
        struct intern *intern = intern_new();
        struct builder_spec specs[2] = {{.phys = PHYS_I64, .is_nullable = true},
                                        {.phys = PHYS_STR, .is_nullable = true, .intern = intern}};
        struct builder builder;
        struct batch batch;

        builder_init(&builder, specs, 2, false);
        builder_batch(&builder, &batch);
        CHECK_UINT(batch.n_rows, 0);
        CHECK(batch.columns[0].data != NULL && batch.columns[1].data != NULL);
        for (int i = 0; i < 1000; i++)
                append_row(&builder, i % 7 == 0 ? -1 : i, i % 5 == 0 ? NULL : i % 2 == 0 ? "even" : "odd");
        builder_batch(&builder, &batch);
        REQUIRE(batch.n_rows == 1000 && batch.n_columns == 2);
        for (uint32_t i = 0; i < 1000; i++) {
                CHECK_INT(vector_is_null(&batch.columns[0], i), i % 7 == 0);
                CHECK_INT(batch.columns[0].i64[i], i % 7 == 0 ? 0 : i);
                CHECK_INT(vector_is_null(&batch.columns[1], i), i % 5 == 0);
                CHECK_SLICE(batch.columns[1].str[i], i % 5 == 0 ? "" : i % 2 == 0 ? "even" : "odd");
                CHECK_SLICE(batch.columns[1].dict->entry[batch.columns[1].code[i]],
                            i % 5 == 0 ? "" : i % 2 == 0 ? "even" : "odd");
        }
        builder_done(&builder);
        intern_free(intern);
}

TEST(one_string_without_a_code_takes_the_codes_from_its_batch_only)
{
        struct intern *intern = intern_new();
        struct builder_spec specs[2] = {{.phys = PHYS_I64, .is_nullable = true},
                                        {.phys = PHYS_STR, .is_nullable = true, .intern = intern}};
        struct builder builder;
        struct batch batch;
        uint8_t text[INTERN_STRING_BYTES_MAX + 1 + BUILDER_PAD_BYTES] = {0};

        builder_init(&builder, specs, 2, false);
        append_row(&builder, 1, "a");
        append_row(&builder, 2, "b");
        memset(text, 'x', sizeof(text));
        CHECK(builder_put_text(&builder, 1, 1, slice_make(text, INTERN_STRING_BYTES_MAX + 1)));
        memset(text, 'y', sizeof(text));
        builder_batch(&builder, &batch);
        CHECK(batch.columns[1].code == NULL);
        CHECK_SLICE(batch.columns[1].str[0], "a");
        CHECK_UINT(batch.columns[1].str[1].len, INTERN_STRING_BYTES_MAX + 1);
        CHECK_INT(batch.columns[1].str[1].data[7], 'x');
        builder_reset(&builder);
        append_row(&builder, 1, "a");
        builder_batch(&builder, &batch);
        CHECK(batch.columns[1].code != NULL);
        builder_done(&builder);
        intern_free(intern);
}

TEST(strings_of_all_lengths_are_copied_whole)
{
        struct builder_spec spec = {.phys = PHYS_STR};
        uint8_t text[300 + BUILDER_PAD_BYTES];
        struct builder builder;
        struct batch batch;
        struct err err;

        builder_init(&builder, &spec, 1, false);
        CHECK_OK(builder_reserve(&builder, 300, &err), &err);
        for (uint32_t len = 0; len < 300; len++) {
                memset(text, (int)(len % 251), sizeof(text));
                CHECK(builder_put_text(&builder, 0, len, slice_make(text, len)));
                builder.n_rows++;
        }
        memset(text, 0, sizeof(text));
        builder_batch(&builder, &batch);
        for (uint32_t len = 0; len < 300; len++) {
                bool is_same = batch.columns[0].str[len].len == len;

                for (uint32_t i = 0; is_same && i < len; i++)
                        is_same = batch.columns[0].str[len].data[i] == len % 251;
                CHECK(is_same);
        }
        CHECK(batch.columns[0].valid == NULL);
        builder_done(&builder);
}

TEST(unusually_large_batches_give_their_storage_back)
{
        struct builder_spec specs[2] = {{.phys = PHYS_I64, .is_nullable = true},
                                        {.phys = PHYS_STR, .is_nullable = true}};
        struct builder builder;

        builder_init(&builder, specs, 2, true);
        CHECK_UINT(builder.column_bytes + builder.arena.held_bytes, 0);
        for (int i = 0; i < 20000; i++)
                append_row(&builder, i, "twenty bytes of text");
        CHECK(builder.capacity >= 20000);
        builder_reset(&builder);
        CHECK_UINT(builder.capacity, 0);
        append_row(&builder, 1, "a");
        builder_reset(&builder);
        CHECK(builder.capacity > 0);
        builder_trim(&builder);
        CHECK_UINT(builder.capacity + builder.arena.held_bytes, 0);
        append_row(&builder, 1, "a");
        CHECK_UINT(builder.n_rows, 1);
        builder_done(&builder);
        builder_done(&builder); /* a second time does no harm */
}

TEST(more_rows_than_the_limit_are_refused)
{
        struct builder_spec specs[4] = {{.phys = PHYS_DEC}, {.phys = PHYS_DEC}, {.phys = PHYS_STR}, {.phys = PHYS_STR}};
        struct builder builder;
        struct err err;

        builder_init(&builder, specs, 4, false);
        CHECK_FAILS(builder_reserve(&builder, LIMIT_BUILDER_BYTES / 64 + 1, &err), &err, "as columns");
        CHECK_INT(err.code, ERR_UNAVAILABLE);
        CHECK_OK(builder_reserve(&builder, 10, &err), &err);
        builder_done(&builder);
}

TEST(dead_letters_keep_a_part_of_their_body)
{
        struct builder_spec spec = {.phys = PHYS_I64};
        static const uint8_t body[4] = {1, 2, 3, 4};
        struct slice field = slice_from_text("f");
        struct builder builder;
        struct err err;

        builder_init(&builder, &spec, 1, false);
        CHECK_OK(builder_append_dead(&builder, REASON_TRUNCATED, field, slice_make(body, 4), &err), &err);
        CHECK_OK(builder_append_dead(&builder, REASON_BAD_JSON, field, slice_make(NULL, 0), &err), &err);
        REQUIRE(builder.n_dead == 2);
        CHECK_BYTES(builder.dead[0].body.data, builder.dead[0].body.len, body, 4);
        CHECK(builder.dead[0].body.data != body);
        CHECK_UINT(builder.dead[1].event, 1);
        CHECK_SLICE(builder.dead[1].field, "f");
        builder_done(&builder);
}

TEST(reasons_have_stable_words_and_sentences)
{
        char text[REASON_TEXT_BYTES];
        char long_name[500];

        CHECK_TEXT(reason_word(REASON_TRUNCATED), "truncated");
        CHECK_TEXT(reason_word(REASON_BAD_BRANCH), "bad-union-branch");
        for (int i = 0; i < REASON_COUNT; i++)
                CHECK(reason_word((enum reason)i) != NULL && strlen(reason_word((enum reason)i)) > 2);
        reason_format(REASON_TRUNCATED, slice_from_text("bid.price"), text);
        CHECK_TEXT(text, "the body ends inside field 'bid.price'");
        memset(long_name, 'n', sizeof(long_name));
        reason_format(REASON_TOO_LARGE, slice_make(long_name, sizeof(long_name)), text);
        CHECK_UINT(strlen(text), REASON_TEXT_BYTES - 1);
}
