/* SPDX-License-Identifier: MIT */
#include "base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void bytes_come_out_as_they_went_in(void **state)
{
    struct buffer b;

    (void)state;
    buffer_init(&b, 1000);
    for (int i = 0; i < 100; i++)
        assert_true(buffer_add(&b, "abcde", 5));
    assert_int_equal(b.len, 500);
    for (size_t i = 0; i < 500; i++)
        assert_int_equal(b.bytes[i], "abcde"[i % 5]);
    buffer_free(&b);
}

static void the_ceiling_is_reached_but_never_passed(void **state)
{
    struct buffer b;

    (void)state;
    buffer_init(&b, 10);
    assert_true(buffer_add(&b, "0123456789", 10));
    assert_false(buffer_add(&b, "x", 1));
    assert_null(buffer_extend(&b, 1));
    assert_null(buffer_extend(&b, SIZE_MAX));
    assert_false(buffer_add_zero(&b, 1));
    assert_false(buffer_print(&b, "%d", 1));
    assert_true(buffer_add(&b, NULL, 0));
    assert_string_equal(buffer_text(&b), "0123456789");
    buffer_free(&b);
}

static void what_does_not_fit_is_not_appended_in_part(void **state)
{
    struct buffer b;

    (void)state;
    buffer_init(&b, 5);
    assert_true(buffer_add(&b, "abc", 3));
    assert_false(buffer_add(&b, "def", 3));
    assert_false(buffer_print(&b, "%s", "def"));
    assert_string_equal(buffer_text(&b), "abc");
    buffer_free(&b);
}

static void dropping_takes_bytes_off_the_front(void **state)
{
    struct buffer b;

    (void)state;
    buffer_init(&b, 100);
    assert_true(buffer_print(&b, "%s", "abcdef"));
    buffer_drop(&b, 2);
    assert_string_equal(buffer_text(&b), "cdef");
    buffer_drop(&b, 99);
    assert_int_equal(b.len, 0);
    buffer_drop(&b, 1);
    buffer_free(&b);
}

static void what_is_reserved_is_not_there_yet_and_never_moves(void **state)
{
    struct buffer b;
    const uint8_t *first;

    (void)state;
    buffer_init(&b, 1000);
    assert_true(buffer_add(&b, "a", 1));
    buffer_reserve(&b, 999);
    assert_int_equal(b.len, 1);
    first = b.bytes;
    for (int i = 1; i < 1000; i++)
        assert_true(buffer_add(&b, "b", 1));
    assert_ptr_equal(b.bytes, first);
    buffer_clear(&b);
    buffer_reserve(&b, 1001);
    assert_int_equal(b.len, 0);
    assert_true(buffer_add_zero(&b, 1000));
    buffer_free(&b);
}

static void zeroes_are_zero_in_a_new_buffer_and_behind_other_bytes(void **state)
{
    struct buffer b;

    (void)state;
    buffer_init(&b, 1000);
    assert_true(buffer_add_zero(&b, 300));
    assert_true(buffer_add(&b, "abc", 3));
    assert_true(buffer_add_zero(&b, 300));
    assert_int_equal(b.len, 603);
    for (size_t i = 0; i < b.len; i++)
        assert_int_equal(b.bytes[i], i < 300 || i >= 303 ? 0 : "abc"[i - 300]);
    assert_false(buffer_add_zero(&b, 398));
    buffer_free(&b);
    assert_false(buffer_add_zero(&b, 1001));
    assert_int_equal(b.len, 0);
}

static void an_emptied_buffer_is_usable_again(void **state)
{
    struct buffer b;

    (void)state;
    buffer_init(&b, 4);
    assert_true(buffer_add(&b, "abcd", 4));
    buffer_clear(&b);
    assert_true(buffer_add_zero(&b, 4));
    assert_memory_equal(b.bytes, "\0\0\0\0", 4);
    buffer_free(&b);
    assert_true(buffer_add(&b, "wxyz", 4));
    assert_false(buffer_add(&b, "!", 1));
    buffer_free(&b);
}

static void an_empty_buffer_is_the_empty_text(void **state)
{
    struct buffer b;

    (void)state;
    buffer_init(&b, 0);
    assert_string_equal(buffer_text(&b), "");
    assert_int_equal(b.len, 0);
    buffer_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_out_as_they_went_in),
        cmocka_unit_test(the_ceiling_is_reached_but_never_passed),
        cmocka_unit_test(what_does_not_fit_is_not_appended_in_part),
        cmocka_unit_test(dropping_takes_bytes_off_the_front),
        cmocka_unit_test(what_is_reserved_is_not_there_yet_and_never_moves),
        cmocka_unit_test(zeroes_are_zero_in_a_new_buffer_and_behind_other_bytes),
        cmocka_unit_test(an_emptied_buffer_is_usable_again),
        cmocka_unit_test(an_empty_buffer_is_the_empty_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
