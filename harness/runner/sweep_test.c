/* SPDX-License-Identifier: MIT */
#include "runner/sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct sweep_messages messages;

static void send(size_t a, size_t b)
{
    messages.count = 0;
    sweep_add(&messages, a);
    sweep_add(&messages, b);
}

static void each_message_is_split_at_each_place(void **state)
{
    size_t index = 0;

    (void)state;
    send(4, 28);
    assert_int_equal(sweep_count(SWEEP_SPLITS, &messages), 3 + 27);
    for (size_t m = 0; m < 2; m++)
        for (size_t at = 1; at < messages.lengths[m]; at++, index++) {
            struct sweep_delivery d = sweep_delivery(SWEEP_SPLITS, &messages, index);

            assert_int_equal(d.message, m);
            assert_int_equal(d.at, at);
            assert_int_equal(sweep_piece(&d, m, 0, messages.lengths[m]), at);
            assert_int_equal(sweep_piece(&d, m, at, messages.lengths[m] - at), messages.lengths[m] - at);
            assert_int_equal(sweep_piece(&d, 1 - m, 0, 9), 9);
            assert_false(sweep_is_cut(&d, m, at));
        }
}

static void the_middle_of_a_payload_is_left_in_peace(void **state)
{
    (void)state;
    send(1, 1000);
    assert_int_equal(sweep_count(SWEEP_SPLITS, &messages), SWEEP_HEAD + SWEEP_TAIL);
    for (size_t i = 0; i < SWEEP_HEAD + SWEEP_TAIL; i++) {
        size_t at = sweep_delivery(SWEEP_SPLITS, &messages, i).at;

        assert_int_equal(at, i < SWEEP_HEAD ? i + 1 : 1000 - SWEEP_TAIL + i - SWEEP_HEAD);
    }
}

static void a_client_is_gone_behind_each_byte_in_two_ways(void **state)
{
    (void)state;
    send(3, 2);
    assert_int_equal(sweep_count(SWEEP_CUT, &messages), 2 * 5);
    for (size_t i = 0; i < 10; i++) {
        struct sweep_delivery d = sweep_delivery(SWEEP_CUT, &messages, i);

        assert_int_equal(d.message, i / 2 < 3 ? 0 : 1);
        assert_int_equal(d.at, i / 2 < 3 ? i / 2 + 1 : i / 2 - 2);
        assert_int_equal(d.reset, i % 2 == 1);
        assert_false(sweep_is_cut(&d, d.message, d.at - 1));
        assert_true(sweep_is_cut(&d, d.message, d.at));
        assert_false(sweep_is_cut(&d, 1 - d.message, d.at));
    }
    send(0, 1000);
    assert_int_equal(sweep_count(SWEEP_CUT, &messages), 2 * (SWEEP_HEAD + SWEEP_TAIL + 1));
    assert_int_equal(sweep_delivery(SWEEP_CUT, &messages, 2 * (SWEEP_HEAD + SWEEP_TAIL)).at, 1000);
}

static void bytes_go_one_by_one(void **state)
{
    const struct sweep_delivery d = { .kind = SWEEP_BYTES };

    (void)state;
    send(28, 28);
    assert_int_equal(sweep_count(SWEEP_BYTES, &messages), 1);
    assert_int_equal(sweep_piece(&d, 0, 0, 28), 1);
    assert_int_equal(sweep_piece(&d, 0, 27, 1), 1);
    assert_int_equal(sweep_piece(&d, 0, SWEEP_HEAD - 1, 1000), 1);
    assert_int_equal(sweep_piece(&d, 0, SWEEP_HEAD, 1000), 1000 - SWEEP_TAIL);
    assert_int_equal(sweep_piece(&d, 0, 1032, 16), 1);
}

static void of_too_many_deliveries_some_are_taken_evenly(void **state)
{
    struct sweep_delivery last;

    (void)state;
    messages.count = 0;
    for (size_t i = 0; i < SWEEP_MESSAGES + 10; i++)
        sweep_add(&messages, 28);
    assert_int_equal(messages.count, SWEEP_MESSAGES);
    assert_int_equal(sweep_count(SWEEP_SPLITS, &messages), SWEEP_DELIVERIES);
    assert_int_equal(sweep_delivery(SWEEP_SPLITS, &messages, 0).message, 0);
    last = sweep_delivery(SWEEP_SPLITS, &messages, SWEEP_DELIVERIES - 1);
    assert_true(last.message > SWEEP_MESSAGES - 10 && last.message < SWEEP_MESSAGES);
}

static void nothing_is_swept_where_nothing_is_sent(void **state)
{
    (void)state;
    send(0, 0);
    assert_int_equal(sweep_count(SWEEP_SPLITS, &messages), 0);
    assert_int_equal(sweep_count(SWEEP_CUT, &messages), 0);
    assert_int_equal(sweep_count(SWEEP_NONE, &messages), 0);
}

static void sweeps_have_names(void **state)
{
    (void)state;
    for (unsigned i = SWEEP_NONE + 1; i < SWEEP_COUNT; i++)
        assert_int_equal(sweep_named(sweep_name((enum sweep)i)), i);
    assert_int_equal(sweep_named("none"), SWEEP_COUNT);
    assert_int_equal(sweep_named(""), SWEEP_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_is_split_at_each_place),
        cmocka_unit_test(the_middle_of_a_payload_is_left_in_peace),
        cmocka_unit_test(a_client_is_gone_behind_each_byte_in_two_ways),
        cmocka_unit_test(bytes_go_one_by_one),
        cmocka_unit_test(of_too_many_deliveries_some_are_taken_evenly),
        cmocka_unit_test(nothing_is_swept_where_nothing_is_sent),
        cmocka_unit_test(sweeps_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
