/* SPDX-License-Identifier: MIT */
#include "reference/session.h"

#include "reference/sample.h"

enum { HEARD_MAX = 16 << 20 };

static void hear_sample(size_t which, size_t piece, size_t cut, struct buffer *heard)
{
    struct conversation c;

    begin(&c, 4 * 65536);
    if (cut == 0) {
        converse(&c, samples[which], piece, heard);
    } else {
        struct span said = samples[which], front = span_take(&said, cut), out;

        connect(&c);
        reference_session_feed(c.session, &front);
        reference_session_feed(c.session, &said);
        out = reference_session_output(c.session);
        buffer_add(heard, out.at, out.len);
        reference_session_sent(c.session, out.len);
        while (said.len > 0 && !reference_session_over(c.session)) {
            reference_session_feed(c.session, &said);
            out = reference_session_output(c.session);
            buffer_add(heard, out.at, out.len);
            reference_session_sent(c.session, out.len);
        }
    }
    end(&c);
}

static void any_cut_gives_the_same_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct buffer whole, cut;

        buffer_init(&whole, HEARD_MAX);
        buffer_init(&cut, HEARD_MAX);
        hear_sample(i, SIZE_MAX, 0, &whole);
        assert_in_range(whole.len, 18, HEARD_MAX);
        for (size_t piece = 1; piece < 70; piece += 3) {
            buffer_clear(&cut);
            hear_sample(i, piece, 0, &cut);
            assert_true(span_equal(buffer_span(&whole), buffer_span(&cut)));
        }
        for (size_t at = 1; at < samples[i].len; at += 7) {
            buffer_clear(&cut);
            hear_sample(i, 0, at, &cut);
            assert_true(span_equal(buffer_span(&whole), buffer_span(&cut)));
        }
        buffer_free(&whole);
        buffer_free(&cut);
    }
}

static void nothing_is_taken_while_much_waits_to_be_sent(void **state)
{
    static const uint8_t go[] = { 0, 0, 0, 1, OPTION(1, 0) };
    static const uint8_t reads[] = { REQUEST(0, 0, 1), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0, 0,
                                     REQUEST(0, 0, 2), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0, 0 };
    struct span in = span_of(reads, sizeof reads);
    struct conversation c;

    (void)state;
    begin(&c, 8 << 20);
    connect(&c);
    say(&c, go, sizeof go);
    reference_session_sent(c.session, reference_session_output(c.session).len);
    reference_session_feed(c.session, &in);
    assert_int_equal(in.len, 28);
    assert_int_equal(reference_session_output(c.session).len, 16 + (2 << 20));
    reference_session_sent(c.session, (1 << 20) + 15);
    reference_session_feed(c.session, &in);
    assert_int_equal(in.len, 28);
    reference_session_sent(c.session, 1);
    reference_session_feed(c.session, &in);
    assert_int_equal(in.len, 0);
    assert_int_equal(reference_session_output(c.session).len, (1 << 20) + 16 + (2 << 20));
    end(&c);
}

static void what_one_connection_wrote_another_reads(void **state)
{
    static const uint8_t go[] = { 0, 0, 0, 3, OPTION(1, 0) };
    struct conversation c;
    struct reference_session *writer;

    (void)state;
    begin(&c, 1024);
    connect(&c);
    say(&c, go, sizeof go);
    say(&c, BYTES(REQUEST(0, 1, 1), RANGE(5, 2), 'h', 'i'));
    writer = c.session;
    connect(&c);
    say(&c, go, sizeof go);
    reference_session_sent(c.session, reference_session_output(c.session).len);
    say(&c, BYTES(REQUEST(0, 0, 1), RANGE(5, 2)));
    hear(&c, BYTES(SIMPLE(0, 1), 'h', 'i'));
    reference_session_free(writer);
    end(&c);
}

static void the_session_is_over_when_the_client_has_closed(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    connect(&c);
    assert_false(reference_session_over(c.session));
    reference_session_finished(c.session);
    assert_true(reference_session_over(c.session));
    assert_int_equal(reference_session_output(c.session).len, 18);
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_gives_the_same_answers),
        cmocka_unit_test(nothing_is_taken_while_much_waits_to_be_sent),
        cmocka_unit_test(what_one_connection_wrote_another_reads),
        cmocka_unit_test(the_session_is_over_when_the_client_has_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
