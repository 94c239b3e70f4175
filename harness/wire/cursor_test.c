/* SPDX-License-Identifier: MIT */
#include "wire/cursor.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint8_t bytes[] = { 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde,
                                 0xf0, 0x0f, 0xed, 0xcb, 0xa9, 0x87, 0x65 };

static void numbers_are_big_endian(void **state)
{
    struct wire_in in = wire_in(span_of(bytes, sizeof bytes));

    (void)state;
    assert_int_equal(wire_get_64(&in), UINT64_C(0x123456789abcdef0));
    assert_int_equal(wire_get_32(&in), 0x0fedcba9);
    assert_int_equal(wire_get_16(&in), 0x8765);
    assert_int_equal(in.rest.len, 0);
    assert_false(in.is_short);
}

static void writing_gives_the_bytes_that_were_read(void **state)
{
    uint8_t written[sizeof bytes];
    struct wire_out out = wire_out(written, sizeof written);

    (void)state;
    wire_put_64(&out, UINT64_C(0x123456789abcdef0));
    wire_put_32(&out, 0x0fedcba9);
    wire_put_16(&out, 0x8765);
    assert_int_equal(out.len, sizeof bytes);
    assert_false(out.full);
    assert_memory_equal(written, bytes, sizeof bytes);
}

static void a_short_reader_gives_zeroes_from_then_on(void **state)
{
    struct wire_in in = wire_in(span_of(bytes, 5));

    (void)state;
    assert_int_equal(wire_get_16(&in), 0x1234);
    assert_int_equal(wire_get_32(&in), 0);
    assert_true(in.is_short);
    assert_int_equal(wire_get_16(&in), 0); /* though there were bytes enough for it */
    assert_int_equal(in.rest.len, 0);
    assert_int_equal(wire_get_bytes(&in, 1).len, 0);
}

static void a_reader_of_no_bytes_is_not_short_until_asked(void **state)
{
    struct wire_in in = wire_in(span_of(NULL, 0));

    (void)state;
    assert_int_equal(wire_get_bytes(&in, 0).len, 0);
    assert_false(in.is_short);
    assert_int_equal(wire_get_64(&in), 0);
    assert_true(in.is_short);
}

static void a_full_writer_writes_nothing_more(void **state)
{
    uint8_t written[6] = { 0 };
    struct wire_out out = wire_out(written, 5);

    (void)state;
    wire_put_32(&out, 0x01020304);
    wire_put_16(&out, 0x0506);
    assert_true(out.full);
    wire_put_bytes(&out, span_of("x", 1)); /* would fit, but comes after what did not */
    assert_int_equal(out.len, 4);
    assert_memory_equal(written, "\1\2\3\4\0\0", 6);
}

static void a_writer_may_be_filled_to_the_last_byte(void **state)
{
    uint8_t written[4];
    struct wire_out out = wire_out(written, sizeof written);

    (void)state;
    wire_put_bytes(&out, span_of(NULL, 0));
    wire_put_32(&out, 0x01020304);
    wire_put_bytes(&out, span_of(NULL, 0));
    assert_false(out.full);
    assert_int_equal(out.len, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_big_endian),
        cmocka_unit_test(writing_gives_the_bytes_that_were_read),
        cmocka_unit_test(a_short_reader_gives_zeroes_from_then_on),
        cmocka_unit_test(a_reader_of_no_bytes_is_not_short_until_asked),
        cmocka_unit_test(a_full_writer_writes_nothing_more),
        cmocka_unit_test(a_writer_may_be_filled_to_the_last_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
