/* SPDX-License-Identifier: MIT */
#include "referee/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"

static struct model *m;
static struct model_mismatch wrong;

static int make(void **state)
{
    (void)state;
    m = model_new();
    return 0;
}

static int drop(void **state)
{
    (void)state;
    model_free(m);
    return 0;
}

static uint64_t write_sent(uint64_t offset, const char *text)
{
    return model_write_sent(m, offset, strlen(text), span_text(text));
}

static void written(uint64_t offset, const char *text)
{
    model_settle(m, write_sent(offset, text), MODEL_DONE);
}

static bool agrees(uint64_t offset, const char *text)
{
    return model_agrees(m, model_now(m), offset, span_text(text), &wrong);
}

static bool is_known(uint64_t offset, size_t length)
{
    uint8_t data[64];

    return model_contents(m, offset, data, length);
}

static void unknown_bytes_agree_with_anything(void **state)
{
    (void)state;
    assert_true(agrees(0, "anything"));
    assert_false(is_known(0, 1));
    assert_true(model_agrees_zero(m, model_now(m), 0, UINT64_MAX, &wrong));
}

static void written_bytes_have_to_be_read(void **state)
{
    (void)state;
    written(10, "hello");
    assert_true(agrees(8, "??hello??"));
    assert_false(agrees(8, "??heLLo??"));
    assert_int_equal(wrong.offset, 12);
    assert_int_equal(wrong.got, 'L');
    assert_int_equal(wrong.wanted, 'l');
    assert_int_equal(wrong.bytes, 2);
    assert_int_equal(wrong.origin, MODEL_WRITTEN);
}

static void later_writes_replace_parts(void **state)
{
    (void)state;
    written(0, "abcdefgh");
    written(2, "XY");
    assert_true(agrees(0, "abXYefgh"));
    written(0, "1");
    written(7, "2");
    assert_true(agrees(0, "1bXYefg2"));
}

static void zeroes_read_as_zero(void **state)
{
    (void)state;
    written(0, "abcdefgh");
    model_settle(m, model_zero_sent(m, 2, UINT64_C(5000000000)), MODEL_DONE);
    assert_true(model_agrees(m, model_now(m), 0, span_of("ab\0\0", 4), &wrong));
    assert_false(agrees(0, "abcd"));
    assert_int_equal(wrong.origin, MODEL_ZEROED);
    assert_true(model_agrees_zero(m, model_now(m), 2, UINT64_C(4999999998), &wrong));
    assert_false(model_agrees_zero(m, model_now(m), 0, 8, &wrong));
    assert_int_equal(wrong.wanted, 'a');
    assert_int_equal(wrong.bytes, 2);
}

static void a_range_in_flight_is_unknown(void **state)
{
    uint64_t ticket;

    (void)state;
    written(0, "abcdefgh");
    ticket = write_sent(2, "XY");
    assert_true(agrees(0, "ab??efgh"));
    assert_false(agrees(0, "?b??efgh"));
    model_settle(m, ticket, MODEL_DONE);
    assert_false(agrees(0, "ab??efgh"));
}

static void overlapping_writes_in_flight_leave_unknown(void **state)
{
    uint64_t first = write_sent(0, "aaaa"), second = write_sent(2, "bbbb");

    (void)state;
    model_settle(m, second, MODEL_DONE);
    model_settle(m, first, MODEL_DONE);
    assert_true(agrees(0, "aa??bb"));
    assert_true(is_known(0, 2));
    assert_false(is_known(2, 1));
    assert_false(is_known(3, 1));
    assert_true(is_known(4, 2));
}

static void a_failed_write_leaves_unknown(void **state)
{
    (void)state;
    written(0, "abcd");
    model_settle(m, write_sent(1, "XY"), MODEL_FAILED);
    assert_true(agrees(0, "a??d"));
    assert_false(agrees(0, "?bc?"));
}

static void a_trim_leaves_unknown(void **state)
{
    (void)state;
    written(0, "abcd");
    model_settle(m, model_trim_sent(m, 1, 2), MODEL_DONE);
    assert_false(is_known(1, 1));
    assert_true(agrees(0, "a??d"));
}

static void a_refused_write_leaves_what_was_there(void **state)
{
    (void)state;
    written(0, "abcd");
    model_settle(m, model_zero_sent(m, 1, 8), MODEL_REFUSED);
    assert_true(agrees(0, "abcd"));
    assert_false(agrees(0, "aXcd"));
    assert_int_equal(wrong.origin, MODEL_KEPT);
    assert_false(is_known(4, 1));
}

static void a_refused_write_brings_nothing_back_where_another_was_in_flight(void **state)
{
    uint64_t refused, other;

    (void)state;
    written(0, "abcd");
    refused = model_zero_sent(m, 0, 4);
    other = write_sent(1, "X");
    model_settle(m, other, MODEL_DONE);
    model_settle(m, refused, MODEL_REFUSED);
    assert_true(is_known(0, 1));
    assert_false(is_known(1, 1));
    assert_true(is_known(2, 2));
}

static void a_read_sent_before_the_change_is_not_judged(void **state)
{
    model_moment before;

    (void)state;
    written(0, "abcd");
    before = model_now(m);
    written(1, "XY");
    assert_true(model_agrees(m, before, 0, span_text("abcd"), &wrong));
    assert_true(model_agrees(m, before, 0, span_text("aXYd"), &wrong));
    assert_false(model_agrees(m, before, 0, span_text("?bc?"), &wrong));
}

static void what_is_forgotten_is_unknown(void **state)
{
    uint64_t ticket = write_sent(4, "abcd");

    (void)state;
    written(0, "abcd");
    model_forget(m, 2, 4);
    model_settle(m, ticket, MODEL_DONE);
    assert_true(is_known(0, 2));
    assert_false(is_known(2, 1));
    assert_false(is_known(5, 1));
    assert_true(is_known(6, 2));
}

static void other_connections_see_it_when_it_is_flushed(void **state)
{
    int writer, reader;
    struct model_view own = { &writer, 0, 0 }, other = { &reader, 0, 0 };
    model_moment settled;

    (void)state;
    model_settle_unflushed(m, write_sent(0, "abcd"), &writer);
    settled = own.since = other.since = other.others_since = model_now(m);
    assert_false(model_agrees_as(m, &own, 0, span_text("????"), &wrong));
    assert_true(model_agrees_as(m, &other, 0, span_text("????"), &wrong));
    model_flushed(m, &writer, settled);
    assert_true(model_agrees_as(m, &other, 0, span_text("????"), &wrong));
    other.others_since = model_now(m);
    assert_false(model_agrees_as(m, &other, 0, span_text("????"), &wrong));
}

static void ranges_may_end_at_the_last_byte_there_can_be(void **state)
{
    (void)state;
    model_settle(m, model_zero_sent(m, UINT64_MAX - 4, UINT64_MAX), MODEL_DONE);
    assert_true(model_agrees_zero(m, model_now(m), UINT64_MAX - 4, 4, &wrong));
    model_settle(m, model_write_sent(m, UINT64_MAX - 2, 8, span_of("12345678", 8)), MODEL_DONE);
    assert_false(model_agrees(m, model_now(m), UINT64_MAX - 2, span_of("xx", 2), &wrong));
    model_settle(m, 12345, MODEL_DONE);
    model_settle(m, model_zero_sent(m, 5, 0), MODEL_DONE);
}

/* A plain array beside the model, both under random writes. */
static void it_agrees_with_a_plain_array(void **state)
{
    struct random r = random_seeded(1);
    uint8_t plain[256], data[256];
    bool known[256] = { false };

    (void)state;
    for (unsigned step = 0; step < 20000; step++) {
        size_t offset = (size_t)random_below(&r, 256), length = (size_t)random_below(&r, 256 - offset) + 1;
        unsigned what = (unsigned)random_below(&r, 4);

        for (size_t i = 0; i < length; i++)
            data[i] = what == 1 ? 0 : (uint8_t)(1 + random_below(&r, what == 0 ? 255 : 1));
        memcpy(plain + offset, data, length);
        memset(known + offset, what != 3, length);
        if (what == 1)
            model_settle(m, model_zero_sent(m, offset, length), MODEL_DONE);
        else
            model_settle(m, model_write_sent(m, offset, length, span_of(data, length)),
                         what == 3 ? MODEL_FAILED : MODEL_DONE);
        assert_true(model_agrees(m, model_now(m), 0, span_of(plain, sizeof plain), &wrong));
        for (size_t i = 0; i < sizeof plain; i++) {
            assert_int_equal(model_contents(m, i, data, 1), known[i]);
            if (known[i])
                assert_int_equal(data[0], plain[i]);
        }
    }
}

static void long_data_are_kept_whole(void **state)
{
    enum { LENGTH = 3 * 1000 * 1000 };
    uint8_t *data = malloc(LENGTH), *back = malloc(LENGTH);

    (void)state;
    for (size_t i = 0; i < LENGTH; i++)
        data[i] = (uint8_t)(i * i >> 5);
    model_settle(m, model_write_sent(m, 77, LENGTH, span_of(data, LENGTH)), MODEL_DONE);
    assert_true(model_contents(m, 77, back, LENGTH));
    assert_memory_equal(back, data, LENGTH);
    back[LENGTH - 1] ^= 1;
    assert_false(model_agrees(m, model_now(m), 77, span_of(back, LENGTH), &wrong));
    assert_int_equal(wrong.offset, 77 + LENGTH - 1);
    free(data);
    free(back);
}

/* Whoever never answers must not make the judge slow. */
static void too_much_in_flight_leaves_all_unknown(void **state)
{
    uint64_t last = 0;

    (void)state;
    written(0, "known");
    for (uint64_t i = 1; i < 10000; i++)
        last = write_sent(i * 10, "x");
    assert_false(is_known(0, 1));
    model_settle(m, last, MODEL_DONE);
    assert_false(is_known(99990, 1));
}

static void many_writes_in_any_order_are_known(void **state)
{
    struct random r;

    (void)state;
    r = random_seeded(1);
    for (uint64_t i = 0; i < 20000; i++)
        written(random_below(&r, UINT64_C(1) << 40) * 4, "abcd");
    r = random_seeded(1);
    for (uint64_t i = 0; i < 20000; i++)
        assert_true(is_known(random_below(&r, UINT64_C(1) << 40) * 4, 4));
}

#define HOLDS(test) cmocka_unit_test_setup_teardown(test, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOLDS(unknown_bytes_agree_with_anything),
        HOLDS(written_bytes_have_to_be_read),
        HOLDS(later_writes_replace_parts),
        HOLDS(zeroes_read_as_zero),
        HOLDS(a_range_in_flight_is_unknown),
        HOLDS(overlapping_writes_in_flight_leave_unknown),
        HOLDS(a_failed_write_leaves_unknown),
        HOLDS(a_trim_leaves_unknown),
        HOLDS(a_refused_write_leaves_what_was_there),
        HOLDS(a_refused_write_brings_nothing_back_where_another_was_in_flight),
        HOLDS(a_read_sent_before_the_change_is_not_judged),
        HOLDS(what_is_forgotten_is_unknown),
        HOLDS(other_connections_see_it_when_it_is_flushed),
        HOLDS(ranges_may_end_at_the_last_byte_there_can_be),
        HOLDS(it_agrees_with_a_plain_array),
        HOLDS(long_data_are_kept_whole),
        HOLDS(too_much_in_flight_leaves_all_unknown),
        HOLDS(many_writes_in_any_order_are_known),
    };

    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
