/* SPDX-License-Identifier: MIT */
#include "wire/body_checks.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_says_what_a_command_may_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
