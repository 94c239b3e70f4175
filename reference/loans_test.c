/* SPDX-License-Identifier: MIT */
#include "reference/loans.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { OUTPUT = 3 * LOAN_MIN };

static const uint8_t stored[LOAN_MIN] = "as it lies in the store";

static void expect_part(struct span part, const uint8_t *at, size_t len)
{
    assert_ptr_equal(part.at, at);
    assert_int_equal(part.len, len);
}

static void few_data_are_not_lent(void **state)
{
    struct loans loans = { 0 };

    (void)state;
    assert_false(loans_add(&loans, 0, span_of(stored, LOAN_MIN - 1)));
    assert_int_equal(loans.count, 0);
    assert_true(loans_add(&loans, 0, span_of(stored, LOAN_MIN)));
    assert_int_equal(loans.count, 1);
}

static void no_more_are_lent_than_there_is_room_for(void **state)
{
    struct loans loans = { 0 };

    (void)state;
    for (size_t i = 0; i < LOANS_MAX; i++)
        assert_true(loans_add(&loans, i * LOAN_MIN, span_of(stored, LOAN_MIN)));
    assert_false(loans_add(&loans, LOANS_MAX * LOAN_MIN, span_of(stored, LOAN_MIN)));
    assert_int_equal(loans.count, LOANS_MAX);
}

static void an_output_without_loans_is_one_part(void **state)
{
    static const uint8_t output[OUTPUT];
    const struct loans loans = { 0 };
    struct span parts[LOANS_PARTS_MAX];

    (void)state;
    assert_int_equal(loans_parts(&loans, span_of(output, OUTPUT), 7, parts), 1);
    expect_part(parts[0], output + 7, OUTPUT - 7);
    assert_int_equal(loans_parts(&loans, span_of(output, OUTPUT), OUTPUT, parts), 0);
}

static void loans_stand_between_what_is_the_output_s_own(void **state)
{
    static const uint8_t output[OUTPUT];
    struct loans loans = { 0 };
    struct span parts[LOANS_PARTS_MAX];

    (void)state;
    assert_true(loans_add(&loans, 16, span_of(stored, LOAN_MIN)));
    assert_int_equal(loans_parts(&loans, span_of(output, OUTPUT), 4, parts), 3);
    expect_part(parts[0], output + 4, 12);
    expect_part(parts[1], stored, LOAN_MIN);
    expect_part(parts[2], output + 16 + LOAN_MIN, OUTPUT - 16 - LOAN_MIN);
}

static void parts_are_never_empty(void **state)
{
    static const uint8_t output[OUTPUT];
    struct loans loans = { 0 };
    struct span parts[LOANS_PARTS_MAX];

    (void)state;
    for (size_t i = 0; i < OUTPUT / LOAN_MIN; i++)
        assert_true(loans_add(&loans, i * LOAN_MIN, span_of(stored, LOAN_MIN)));
    assert_int_equal(loans_parts(&loans, span_of(output, OUTPUT), 0, parts), OUTPUT / LOAN_MIN);
    for (size_t i = 0; i < OUTPUT / LOAN_MIN; i++)
        expect_part(parts[i], stored, LOAN_MIN);
}

static void settled_loans_are_copied_to_their_places(void **state)
{
    uint8_t output[OUTPUT];
    struct loans loans = { 0 };
    struct span parts[LOANS_PARTS_MAX];

    (void)state;
    memset(output, 0xee, sizeof output);
    assert_true(loans_add(&loans, 16, span_of(stored, LOAN_MIN)));
    loans_settle(&loans, output);
    assert_int_equal(output[15], 0xee);
    assert_memory_equal(output + 16, stored, LOAN_MIN);
    assert_int_equal(output[16 + LOAN_MIN], 0xee);
    assert_int_equal(loans_parts(&loans, span_of(output, OUTPUT), 0, parts), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_data_are_not_lent),
        cmocka_unit_test(no_more_are_lent_than_there_is_room_for),
        cmocka_unit_test(an_output_without_loans_is_one_part),
        cmocka_unit_test(loans_stand_between_what_is_the_output_s_own),
        cmocka_unit_test(parts_are_never_empty),
        cmocka_unit_test(settled_loans_are_copied_to_their_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
