/* SPDX-License-Identifier: MIT */
#include "wire/body_checks.h"
#include "wire/golden.h"

static void the_table_says_what_a_command_may_do(void **state)
{
    (void)state;
    assert_string_equal(command_rules_of(NBD_CMD_WRITE)->name, "WRITE");
    assert_true(command_rules_of(NBD_CMD_WRITE)->data);
    assert_true(command_rules_of(NBD_CMD_WRITE_ZEROES)->writes);
    assert_false(command_rules_of(NBD_CMD_WRITE_ZEROES)->data);
    assert_true(command_rules_of(NBD_CMD_READ)->ranged);
    assert_false(command_rules_of(NBD_CMD_FLUSH)->ranged);
    assert_int_equal(command_rules_of(NBD_CMD_READ)->flags & NBD_CMD_FLAG_DF, NBD_CMD_FLAG_DF);
    assert_null(command_rules_of(0x7777));
}

static void a_payload_is_announced_under_extended_headers_alone(void **state)
{
    (void)state;
    assert_int_equal(command_flags(command_rules_of(NBD_CMD_WRITE), false), NBD_CMD_FLAG_FUA);
    assert_int_equal(command_flags(command_rules_of(NBD_CMD_WRITE), true),
                     NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_PAYLOAD_LEN);
    assert_int_equal(command_flags(command_rules_of(NBD_CMD_BLOCK_STATUS), true),
                     NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_REQ_ONE | NBD_CMD_FLAG_PAYLOAD_LEN);
    assert_int_equal(command_flags(command_rules_of(NBD_CMD_TRIM), true), NBD_CMD_FLAG_FUA);
}

static void a_filter_has_an_effect_length_and_contexts(void **state)
{
    static const uint8_t payload[] = { 0, 0, 1, 0, 0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 9 };
    static const uint32_t contexts[] = { 0x12345678, 9 };
    struct status_filter filter;
    struct wire_flaw flaw;
    uint32_t context;

    (void)state;
    assert_true(filter_decode(BODY(golden_extended_filter, extended_request), &filter, &flaw));
    assert_null(flaw.rule);
    assert_int_equal(filter.length, UINT64_C(1) << 40);
    for (size_t i = 0; i < 2; i++) {
        assert_true(filter_next_context(&filter.contexts, &context));
        assert_int_equal(context, contexts[i]);
    }
    assert_false(filter_next_context(&filter.contexts, &context));
    ASSERT_WRITES(payload, filter_put(&out, UINT64_C(1) << 40, contexts, 2));
}

static void a_filter_of_another_size_is_flawed(void **state)
{
    static const uint8_t payload[16] = { 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 2 };
    struct status_filter filter;
    struct wire_flaw flaw;

    (void)state;
    for (size_t len = 0; len <= sizeof payload; len++) {
        bool sound = filter_decode(span_of(payload, len), &filter, &flaw);

        assert_int_equal(sound, len >= 8 && len % 4 == 0);
        assert_int_equal(filter.length, len < 8 ? 0 : 512);
        assert_int_equal(filter.contexts.len, len < 8 ? 0 : (len - 8) / 4 * 4);
        if (!sound)
            assert_string_equal(flaw.rule, "ext.block-status.filter.size");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_says_what_a_command_may_do),
        cmocka_unit_test(a_payload_is_announced_under_extended_headers_alone),
        cmocka_unit_test(a_filter_has_an_effect_length_and_contexts),
        cmocka_unit_test(a_filter_of_another_size_is_flawed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
