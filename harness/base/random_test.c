/* SPDX-License-Identifier: MIT */
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_numbers_are_those_of_splitmix64(void **state)
{
    struct random r = random_seeded(1234567);

    (void)state;
    assert_true(random_next(&r) == 6457827717110365317U);
    assert_true(random_next(&r) == 3203168211198807973U);
    assert_true(random_next(&r) == 9817491932198370423U);
}

static void a_bound_is_kept_and_all_below_it_is_drawn(void **state)
{
    struct random r = random_seeded(1);
    unsigned drawn[7] = { 0 };

    (void)state;
    for (int i = 0; i < 7000; i++) {
        uint64_t n = random_below(&r, 7);

        assert_true(n < 7);
        drawn[n]++;
    }
    for (int i = 0; i < 7; i++)
        assert_in_range(drawn[i], 800, 1200);
    assert_true(random_below(&r, 1) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_numbers_are_those_of_splitmix64),
        cmocka_unit_test(a_bound_is_kept_and_all_below_it_is_drawn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
