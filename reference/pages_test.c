/* SPDX-License-Identifier: MIT */
#include "reference/pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "reference/store.h"

enum { MANY = 100 }; /* pages: several blocks */

static void assert_zero(const uint8_t *page)
{
    static const uint8_t zero[STORE_PAGE_BYTES];

    assert_memory_equal(page, zero, STORE_PAGE_BYTES);
}

static void pages_are_zero_and_apart(void **state)
{
    struct pages p = { 0 };
    uint8_t *taken[MANY];

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        taken[i] = pages_take(&p);
        assert_non_null(taken[i]);
        assert_zero(taken[i]);
        memset(taken[i], (int)i + 1, STORE_PAGE_BYTES);
    }
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(taken[i][0], i + 1);
        assert_int_equal(taken[i][STORE_PAGE_BYTES - 1], i + 1);
        pages_give(&p, taken[i]);
    }
    pages_free(&p);
}

static void what_was_given_back_is_taken_again_as_zeroes(void **state)
{
    struct pages p = { 0 };
    uint8_t *taken[MANY];
    size_t blocks;

    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        memset(taken[i] = pages_take(&p), 0xff, STORE_PAGE_BYTES);
    blocks = p.count;
    for (unsigned i = 0; i < MANY; i += 3)
        pages_give(&p, taken[i]);
    for (unsigned i = 0; i < MANY; i += 3) {
        taken[i] = pages_take(&p);
        assert_zero(taken[i]);
    }
    assert_int_equal(p.count, blocks);
    for (unsigned i = 0; i < MANY; i++)
        pages_give(&p, taken[i]);
    pages_free(&p);
}

static void memory_goes_back_when_no_page_of_a_block_is_in_use(void **state)
{
    struct pages p = { 0 };
    uint8_t *taken[MANY];

    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        taken[i] = pages_take(&p);
    assert_in_range(p.count, 3, MANY);
    for (unsigned i = 0; i < MANY; i++)
        pages_give(&p, taken[i]);
    assert_int_equal(p.count, 1);
    pages_free(&p);
    assert_int_equal(p.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_zero_and_apart),
        cmocka_unit_test(what_was_given_back_is_taken_again_as_zeroes),
        cmocka_unit_test(memory_goes_back_when_no_page_of_a_block_is_in_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
