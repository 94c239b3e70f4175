/* SPDX-License-Identifier: MIT */
#include "wire/body_checks.h"
#include "wire/golden.h"

static struct option_data decoded_option(uint32_t option, struct span data)
{
    struct option_data got;
    struct wire_flaw flaw;

    assert_true(option_decode(option, data, &got, &flaw));
    assert_null(flaw.rule);
    assert_int_equal(got.layout, option_layout_of(option));
    return got;
}

static void options_without_data(void **state)
{
    (void)state;
    ASSERT_WRITES(golden_abort, option_put(&out, NBD_OPT_ABORT, TEXT("")));
    ASSERT_WRITES(golden_list, option_put(&out, NBD_OPT_LIST, TEXT("")));
    ASSERT_WRITES(golden_starttls, option_put(&out, NBD_OPT_STARTTLS, TEXT("")));
    ASSERT_WRITES(golden_structured_reply, option_put(&out, NBD_OPT_STRUCTURED_REPLY, TEXT("")));
    ASSERT_WRITES(golden_extended_headers, option_put(&out, NBD_OPT_EXTENDED_HEADERS, TEXT("")));
    for (uint32_t option = NBD_OPT_ABORT; option <= NBD_OPT_EXTENDED_HEADERS; option++)
        if (option_layout_of(option) == OPTION_NONE)
            decoded_option(option, TEXT(""));
}

static void the_export_name_is_all_of_its_options_data(void **state)
{
    struct option_data got = decoded_option(NBD_OPT_EXPORT_NAME, BODY(golden_export_name, option));

    (void)state;
    assert_int_equal(got.layout, OPTION_NAME);
    assert_span(got.name, "disk");
    ASSERT_WRITES(golden_export_name, option_put(&out, NBD_OPT_EXPORT_NAME, TEXT("disk")));
    assert_span(decoded_option(NBD_OPT_EXPORT_NAME, TEXT("")).name, "");
}

static void info_and_go(void **state)
{
    static const uint16_t requests[] = { NBD_INFO_NAME, NBD_INFO_BLOCK_SIZE };
    struct option_data got = decoded_option(NBD_OPT_INFO, BODY(golden_info, option));
    uint16_t info;

    (void)state;
    assert_int_equal(got.layout, OPTION_INFOS);
    assert_span(got.name, "disk");
    assert_int_equal(got.info_count, 2);
    assert_true(option_next_info(&got.infos, &info));
    assert_int_equal(info, NBD_INFO_NAME);
    assert_true(option_next_info(&got.infos, &info));
    assert_int_equal(info, NBD_INFO_BLOCK_SIZE);
    assert_false(option_next_info(&got.infos, &info));
    ASSERT_WRITES(golden_info, option_put_infos(&out, NBD_OPT_INFO, TEXT("disk"), requests, 2));

    got = decoded_option(NBD_OPT_GO, BODY(golden_go, option));
    assert_span(got.name, "");
    assert_int_equal(got.info_count, 0);
    assert_false(option_next_info(&got.infos, &info));
    ASSERT_WRITES(golden_go, option_put_infos(&out, NBD_OPT_GO, TEXT(""), NULL, 0));
}

static void meta_context_queries(void **state)
{
    struct span queries[] = { TEXT("base:allocation"), TEXT("x:yz") };
    struct option_data got = decoded_option(NBD_OPT_SET_META_CONTEXT, BODY(golden_set_meta_context, option));
    struct span query;

    (void)state;
    assert_int_equal(got.layout, OPTION_QUERIES);
    assert_span(got.name, "d");
    assert_int_equal(got.query_count, 2);
    assert_true(option_next_query(&got.queries, &query));
    assert_span(query, "base:allocation");
    assert_true(option_next_query(&got.queries, &query));
    assert_span(query, "x:yz");
    assert_false(option_next_query(&got.queries, &query));
    ASSERT_WRITES(golden_set_meta_context,
                  option_put_queries(&out, NBD_OPT_SET_META_CONTEXT, TEXT("d"), queries, 2));

    got = decoded_option(NBD_OPT_LIST_META_CONTEXT, BODY(golden_list_meta_context, option));
    assert_span(got.name, "disk");
    assert_int_equal(got.query_count, 0);
    assert_int_equal(got.queries.len, 0);
    ASSERT_WRITES(golden_list_meta_context,
                  option_put_queries(&out, NBD_OPT_LIST_META_CONTEXT, TEXT("disk"), NULL, 0));
}

static void the_data_of_unknown_options_are_anything(void **state)
{
    (void)state;
    assert_int_equal(option_layout_of(0xdeadbeef), OPTION_UNKNOWN);
    decoded_option(0xdeadbeef, TEXT("\0\xff anything"));
    decoded_option(NBD_OPT_PEEK_EXPORT, BODY(golden_peek_export, option));
    ASSERT_WRITES(golden_peek_export, option_put(&out, NBD_OPT_PEEK_EXPORT, TEXT("x")));
}

static void flawed_options(void **state)
{
    static const struct {
        uint32_t option;
        struct span data;
        const char *rule;
        size_t at;
    } flaws[] = {
#define FLAW(option, data, rule, at) \
    { NBD_OPT_##option, { (const uint8_t *)(data), sizeof(data) - 1 }, rule, at }
        FLAW(ABORT, "x", "opt.abort.no-data", 0),
        FLAW(LIST, "x", "opt.list.no-data", 0),
        FLAW(STARTTLS, "x", "opt.starttls.no-data", 0),
        FLAW(STRUCTURED_REPLY, "x", "opt.structured-reply.no-data", 0),
        FLAW(EXTENDED_HEADERS, "x", "opt.extended-headers.no-data", 0),
        FLAW(EXPORT_NAME, "a\0b", "string.no-nul", 0),
        FLAW(EXPORT_NAME, "\xff", "string.utf8", 0),
        FLAW(INFO, "", "opt.info-go.name-length.width-32", 0),
        FLAW(INFO, "\0\0\0", "opt.info-go.name-length.width-32", 0),
        FLAW(GO, "\0\0\0\0", "opt.info-go.layout.count-16", 4),
        FLAW(GO, "\0\0\0\5disk\0\0", "opt.info-go.name-length.max", 0),
        FLAW(GO,
             "\xff\xff\xff\xff"
             "disk\0\0",
             "opt.info-go.name-length.max", 0),
        FLAW(GO, "\0\0\0\4disk\0\1\0", "opt.info-go.layout.requests-16", 8),
        FLAW(GO, "\0\0\0\4disk\0\1\0\1\0\2", "opt.info-go.layout.requests-16", 8),
        FLAW(GO, "\0\0\0\4disk\xff\xff", "opt.info-go.layout.requests-16", 8),
        FLAW(GO, "\0\0\0\4d\0sk\0\0", "string.no-nul", 4),
        FLAW(LIST_META_CONTEXT, "\0\0", "opt.list-meta-context.layout.name-length-32", 0),
        FLAW(SET_META_CONTEXT, "\0\0", "opt.set-meta-context.layout.name-length-32", 0),
        FLAW(SET_META_CONTEXT, "\0\0\0\2x", "opt.set-meta-context.layout.name", 0),
        FLAW(SET_META_CONTEXT, "\0\0\0\1x\0\0\0", "opt.set-meta-context.layout.count-32", 5),
        FLAW(LIST_META_CONTEXT, "\0\0\0\1x\0\0\0\1", "opt.list-meta-context.layout.query", 9),
        FLAW(LIST_META_CONTEXT, "\0\0\0\1x\0\0\0\1\0\0\0\3a:", "opt.list-meta-context.layout.query", 9),
        FLAW(LIST_META_CONTEXT, "\0\0\0\0\xff\xff\xff\xff", "opt.list-meta-context.layout.query", 8),
        FLAW(SET_META_CONTEXT, "\0\0\0\0\0\0\0\1\0\0\0\2a:b", "opt.set-meta-context.layout.query", 14),
        FLAW(SET_META_CONTEXT, "\0\0\0\0\0\0\0\0x", "opt.set-meta-context.layout.query", 8),
        FLAW(SET_META_CONTEXT, "\0\0\0\0\0\0\0\1\0\0\0\3a:\xfe", "string.utf8", 12),
#undef FLAW
    };
    uint8_t bytes[NBD_MAX_STRING + 10];
    struct option_data got;
    struct wire_flaw flaw;

    (void)state;
    for (size_t i = 0; i < sizeof flaws / sizeof *flaws; i++) {
        if (option_decode(flaws[i].option, flaws[i].data, &got, &flaw))
            fail_msg("row %zu passes", i);
        assert_string_equal(flaw.rule, flaws[i].rule);
        assert_int_equal(flaw.at, flaws[i].at);
        assert_non_null(flaw.field);
        assert_non_null(flaw.reason);
    }
    assert_false(option_decode(NBD_OPT_EXPORT_NAME, long_text(bytes, TEXT("")), &got, &flaw));
    assert_string_equal(flaw.rule, "string.length.max-4096");
}

static void a_flawed_option_is_decoded_as_far_as_it_goes(void **state)
{
    struct option_data got;
    struct wire_flaw flaw;
    struct span query;
    uint16_t info;

    (void)state;
    assert_false(option_decode(NBD_OPT_GO, TEXT("\0\0\0\1d\0\3\0\1\0"), &got, &flaw));
    assert_span(got.name, "d");
    assert_int_equal(got.info_count, 3);
    assert_true(option_next_info(&got.infos, &info));
    assert_int_equal(info, 1);
    assert_false(option_next_info(&got.infos, &info));

    assert_false(
        option_decode(NBD_OPT_SET_META_CONTEXT, TEXT("\0\0\0\1d\0\0\0\3\0\0\0\2a:\0\0\0\2b"), &got, &flaw));
    assert_int_equal(got.query_count, 3);
    assert_true(option_next_query(&got.queries, &query));
    assert_span(query, "a:");
    assert_false(option_next_query(&got.queries, &query));
}

static void any_bytes_can_be_decoded(void **state)
{
    struct random random = random_seeded(3);

    (void)state;
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[40];
        struct span data = likely_bytes(&random, bytes, sizeof bytes);
        struct option_data got;
        struct wire_flaw flaw;
        bool sound = option_decode((uint32_t)random_below(&random, 13), data, &got, &flaw);

        assert_int_equal(sound, flaw.rule == NULL);
        assert_true(got.name.len + got.infos.len + got.queries.len <= data.len);
    }
}

static void generated_options_survive_a_round_trip(void **state)
{
    struct random random = random_seeded(5);

    (void)state;
    for (int round = 0; round < 500; round++) {
        uint8_t name_bytes[30], query_bytes[8][30], bytes[1000];
        struct span name = letters(&random, name_bytes, sizeof name_bytes), queries[8], query;
        uint32_t count = (uint32_t)random_below(&random, 9);
        struct wire_out out = wire_out(bytes, sizeof bytes);
        struct wire_in in;
        struct wire_option header;
        struct option_data got;

        for (uint32_t i = 0; i < count; i++)
            queries[i] = letters(&random, query_bytes[i], sizeof query_bytes[i]);
        option_put_queries(&out, NBD_OPT_LIST_META_CONTEXT, name, queries, count);
        in = wire_in(span_of(bytes, out.len));
        header = wire_get_option(&in);
        assert_int_equal(header.length, in.rest.len);
        got = decoded_option(header.option, in.rest);
        assert_true(span_equal(got.name, name));
        assert_int_equal(got.query_count, count);
        for (uint32_t i = 0; i < count; i++) {
            assert_true(option_next_query(&got.queries, &query));
            assert_true(span_equal(query, queries[i]));
        }
        assert_int_equal(got.queries.len, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_without_data),
        cmocka_unit_test(the_export_name_is_all_of_its_options_data),
        cmocka_unit_test(info_and_go),
        cmocka_unit_test(meta_context_queries),
        cmocka_unit_test(the_data_of_unknown_options_are_anything),
        cmocka_unit_test(flawed_options),
        cmocka_unit_test(a_flawed_option_is_decoded_as_far_as_it_goes),
        cmocka_unit_test(any_bytes_can_be_decoded),
        cmocka_unit_test(generated_options_survive_a_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
