/* SPDX-License-Identifier: MIT */
#include "wire/body_checks.h"
#include "wire/golden.h"

static struct reply_data decoded_reply(uint32_t type, struct span data)
{
    struct reply_data got;
    struct wire_flaw flaw;

    assert_true(reply_decode(type, data, &got, &flaw));
    assert_null(flaw.rule);
    assert_int_equal(got.layout, reply_layout_of(type));
    return got;
}

static void ack_and_server(void **state)
{
    struct reply_data got = decoded_reply(NBD_REP_SERVER, BODY(golden_server, option_reply));

    (void)state;
    assert_int_equal(got.layout, REPLY_SERVER);
    assert_span(got.name, "disk");
    assert_span(got.text, "old");
    ASSERT_WRITES(golden_server, reply_put_server(&out, NBD_OPT_LIST, TEXT("disk"), TEXT("old")));
    assert_int_equal(decoded_reply(NBD_REP_ACK, TEXT("")).layout, REPLY_NONE);
    ASSERT_WRITES(golden_ack, reply_put(&out, NBD_OPT_GO, NBD_REP_ACK, TEXT("")));
}

static void each_kind_of_information(void **state)
{
    static const struct wire_info_block_size sizes = { 512, 4096, 0x2000000 };
    struct reply_data got;

    (void)state;
    got = decoded_reply(NBD_REP_INFO, BODY(golden_info_export, option_reply));
    assert_int_equal(got.info, NBD_INFO_EXPORT);
    assert_int_equal(got.export.size, 0x100000);
    assert_int_equal(got.export.flags, 0x103);
    ASSERT_WRITES(golden_info_export, reply_put_info_export(&out, NBD_OPT_GO, 0x100000, 0x103));

    got = decoded_reply(NBD_REP_INFO, BODY(golden_info_name, option_reply));
    assert_int_equal(got.info, NBD_INFO_NAME);
    assert_span(got.name, "disk");
    ASSERT_WRITES(golden_info_name, reply_put_info_text(&out, NBD_OPT_INFO, NBD_INFO_NAME, TEXT("disk")));

    got = decoded_reply(NBD_REP_INFO, BODY(golden_info_description, option_reply));
    assert_int_equal(got.info, NBD_INFO_DESCRIPTION);
    assert_span(got.text, "o\xc3\xa4");
    ASSERT_WRITES(golden_info_description,
                  reply_put_info_text(&out, NBD_OPT_INFO, NBD_INFO_DESCRIPTION, TEXT("o\xc3\xa4")));

    got = decoded_reply(NBD_REP_INFO, BODY(golden_info_block_size, option_reply));
    assert_int_equal(got.info, NBD_INFO_BLOCK_SIZE);
    assert_int_equal(got.block_size.minimum, 512);
    assert_int_equal(got.block_size.preferred, 4096);
    assert_int_equal(got.block_size.maximum, 0x2000000);
    ASSERT_WRITES(golden_info_block_size, reply_put_info_block_size(&out, NBD_OPT_GO, &sizes));

    assert_int_equal(decoded_reply(NBD_REP_INFO, TEXT("\x12\x34\0\xff")).info,
                     0x1234); /* unknown: anything */
}

static void meta_context(void **state)
{
    struct reply_data got = decoded_reply(NBD_REP_META_CONTEXT, BODY(golden_meta_context, option_reply));

    (void)state;
    assert_int_equal(got.context, 0x12345678);
    assert_span(got.name, "base:allocation");
    ASSERT_WRITES(golden_meta_context, reply_put_meta_context(&out, NBD_OPT_SET_META_CONTEXT, 0x12345678,
                                                              TEXT("base:allocation")));
}

static void errors_and_their_messages(void **state)
{
    struct reply_data got = decoded_reply(NBD_REP_ERR_UNSUP, BODY(golden_err_unsup, option_reply));

    (void)state;
    assert_int_equal(got.layout, REPLY_MESSAGE);
    assert_span(got.text, "no");
    assert_int_equal(reply_layout_of(0x80001234), REPLY_MESSAGE);
    assert_int_equal(reply_layout_of(0x1234), REPLY_UNKNOWN);
    assert_true(reply_is_error(NBD_REP_ERR_TOO_BIG));
    assert_false(reply_is_error(NBD_REP_META_CONTEXT));
    decoded_reply(0x1234, TEXT("\0\xff"));

    ASSERT_WRITES(golden_err_unsup, reply_put(&out, 99, NBD_REP_ERR_UNSUP, TEXT("no")));
    ASSERT_WRITES(golden_err_policy, reply_put(&out, 3, NBD_REP_ERR_POLICY, TEXT("")));
    ASSERT_WRITES(golden_err_invalid, reply_put(&out, 3, NBD_REP_ERR_INVALID, TEXT("")));
    ASSERT_WRITES(golden_err_platform, reply_put(&out, 5, NBD_REP_ERR_PLATFORM, TEXT("")));
    ASSERT_WRITES(golden_err_tls_reqd, reply_put(&out, 7, NBD_REP_ERR_TLS_REQD, TEXT("")));
    ASSERT_WRITES(golden_err_unknown, reply_put(&out, 7, NBD_REP_ERR_UNKNOWN, TEXT("")));
    ASSERT_WRITES(golden_err_shutdown, reply_put(&out, 7, NBD_REP_ERR_SHUTDOWN, TEXT("")));
    ASSERT_WRITES(golden_err_block_size_reqd, reply_put(&out, 7, NBD_REP_ERR_BLOCK_SIZE_REQD, TEXT("")));
    ASSERT_WRITES(golden_err_too_big, reply_put(&out, 10, NBD_REP_ERR_TOO_BIG, TEXT("")));
    ASSERT_WRITES(golden_err_ext_header_reqd, reply_put(&out, 8, NBD_REP_ERR_EXT_HEADER_REQD, TEXT("")));
}

static void flawed_replies(void **state)
{
    static const struct {
        uint32_t type;
        struct span data;
        const char *rule;
        size_t at;
    } flaws[] = {
#define FLAW(type, data, rule, at) { NBD_REP_##type, { (const uint8_t *)(data), sizeof(data) - 1 }, rule, at }
        FLAW(ACK, "x", "rep.ack.no-data", 0),
        FLAW(SERVER, "\0\0\0", "rep.server.name-length.width-32", 0),
        FLAW(SERVER, "\0\0\0\5disk", "rep.server.name-length.max", 0),
        FLAW(SERVER, "\0\0\0\3d\0k", "string.no-nul", 4),
        FLAW(SERVER, "\0\0\0\1d\xc0\x80", "string.utf8", 5),
        FLAW(INFO, "\0", "rep.info.type-16", 0),
        FLAW(INFO, "\0\0\0\0\0\0\0\0\0\0\0", "rep.info.export.length-12", 0),
        FLAW(INFO, "\0\0\0\0\0\0\0\0\0\0\0\0\0", "rep.info.export.length-12", 0),
        FLAW(INFO, "\0\1\xff", "string.utf8", 2),
        FLAW(INFO, "\0\2\0", "string.no-nul", 2),
        FLAW(INFO, "\0\3\0\0\0\0\0\0\0\0\0\0\0", "rep.info.block-size.length-14", 0),
        FLAW(INFO, "\0\3\0\0\0\0\0\0\0\0\0\0\0\0\0", "rep.info.block-size.length-14", 0),
        FLAW(META_CONTEXT, "\0\0\1", "rep.meta-context.id-32", 0),
        FLAW(META_CONTEXT, "\0\0\0\1x:\xed\xa0\x80", "rep.meta-context.name-utf8", 4),
        FLAW(META_CONTEXT, "\0\0\0\1x:\0", "string.no-nul", 4),
        FLAW(ERR_UNSUP, "\0", "string.no-nul", 0),
        FLAW(ERR_UNSUP, "\x80", "string.utf8", 0),
#undef FLAW
    };
    uint8_t bytes[NBD_MAX_STRING + 10];
    struct reply_data got;
    struct wire_flaw flaw;

    (void)state;
    for (size_t i = 0; i < sizeof flaws / sizeof *flaws; i++) {
        if (reply_decode(flaws[i].type, flaws[i].data, &got, &flaw))
            fail_msg("row %zu passes", i);
        assert_string_equal(flaw.rule, flaws[i].rule);
        assert_int_equal(flaw.at, flaws[i].at);
    }
    assert_false(reply_decode(NBD_REP_INFO, long_text(bytes, TEXT("\0\1")), &got, &flaw));
    assert_string_equal(flaw.rule, "string.length.max-4096");
    assert_int_equal(flaw.at, 2);
    assert_false(reply_decode(NBD_REP_ERR_INVALID, long_text(bytes, TEXT("")), &got, &flaw));
    assert_string_equal(flaw.rule, "string.length.max-4096");
}

static void an_export_info_with_trailing_bytes_still_tells_the_size(void **state)
{
    struct reply_data got;
    struct wire_flaw flaw;

    (void)state;
    assert_false(reply_decode(NBD_REP_INFO, TEXT("\0\0\0\0\0\0\0\0\2\0\0\5\0\0"), &got, &flaw));
    assert_int_equal(got.export.size, 512);
    assert_int_equal(got.export.flags, 5);
}

static void any_bytes_can_be_decoded(void **state)
{
    struct random random = random_seeded(3);

    (void)state;
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[40];
        struct span data = likely_bytes(&random, bytes, sizeof bytes);
        struct reply_data got;
        struct wire_flaw flaw;
        bool sound = reply_decode((uint32_t)random_below(&random, 6), data, &got, &flaw);

        assert_int_equal(sound, flaw.rule == NULL);
        assert_true(got.name.len + got.text.len <= data.len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ack_and_server),
        cmocka_unit_test(each_kind_of_information),
        cmocka_unit_test(meta_context),
        cmocka_unit_test(errors_and_their_messages),
        cmocka_unit_test(flawed_replies),
        cmocka_unit_test(an_export_info_with_trailing_bytes_still_tells_the_size),
        cmocka_unit_test(any_bytes_can_be_decoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
