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

/* The bytes are those of an answer in one piece, while little of them is there at any time; a request behind
 * waits. */
static void long_data_come_in_pieces_where_that_is_asked_for(void **state)
{
    static const uint8_t go[] = { 0, 0, 0, 1, OPTION(1, 0) };
    static const uint8_t requests[] = { REQUEST(0, 0, 1), 0,          0, 0, 0, 0, 0, 0, 3, 0, 0x20, 0, 0,
                                        REQUEST(0, 3, 2), RANGE(0, 0) };
    struct buffer heard[2];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct span in = span_of(requests, sizeof requests);
        struct conversation c;
        size_t most = 0;

        begin(&c, 8 << 20);
        for (uint64_t at = 0; at < 2 << 20; at += 70001)
            store_write(c.exports[0].store, at, span_text("something"));
        connect(&c);
        if (i == 1)
            reference_session_answer_in_pieces(c.session);
        say(&c, go, sizeof go);
        reference_session_sent(c.session, reference_session_output(c.session).len);
        buffer_init(&heard[i], 4 << 20);
        do {
            struct span output;

            reference_session_feed(c.session, &in);
            output = reference_session_output(c.session);
            most = output.len > most ? output.len : most;
            output.len = output.len < 100003 ? output.len : 100003;
            buffer_add(&heard[i], output.at, output.len);
            reference_session_sent(c.session, output.len);
        } while (in.len > 0 || reference_session_output(c.session).len > 0);
        assert_true(i == 0 ? most > 2 << 20 : most < 400000);
        end(&c);
    }
    assert_int_equal(heard[0].len, 16 + (2 << 20) + 16);
    assert_true(span_equal(buffer_span(&heard[0]), buffer_span(&heard[1])));
    buffer_free(&heard[0]);
    buffer_free(&heard[1]);
}

/* What waits, put together from its parts, of which at most this many bytes are then taken. */
static void hear_parts(struct reference_session *s, size_t most, struct buffer *heard)
{
    struct span parts[LOANS_PARTS_MAX];
    size_t count = reference_session_output_parts(s, parts), left = most, taken;

    for (size_t i = 0; i < count && left > 0; i++) {
        taken = parts[i].len < left ? parts[i].len : left;
        buffer_add(heard, parts[i].at, taken);
        left -= taken;
    }
    reference_session_sent(s, most - left);
}

/* Data that were read show what was there when the request was done, though they are sent after others were
 * written: of what is read, written and read again, the answers are the same however they leave. */
static void lent_data_are_those_of_their_time(void **state)
{
    static const uint8_t go[] = { 0, 0, 0, 1, OPTION(1, 0) };
    static const uint8_t requests[] = { REQUEST(0, 0, 1),
                                        RANGE(7, 40000),
                                        REQUEST(0, 1, 2),
                                        RANGE(100, 4),
                                        'n',
                                        'e',
                                        'w',
                                        '!',
                                        REQUEST(0, 0, 3),
                                        RANGE(0, 2000),
                                        REQUEST(0, 6, 4),
                                        RANGE(0, 5000),
                                        REQUEST(0, 0, 5),
                                        RANGE(64, 65000),
                                        REQUEST(0, 4, 6),
                                        RANGE(0, 65535),
                                        REQUEST(0, 0, 7),
                                        RANGE(0, 20) };
    static const size_t mosts[] = { SIZE_MAX, 1, 17, 5000, 50001 };
    static uint8_t old[65536];
    struct buffer wanted;
    bool lent = false;

    (void)state;
    for (size_t i = 0; i < sizeof old; i++)
        old[i] = (uint8_t)(i * 7 + i / 256);
    buffer_init(&wanted, 1 << 20);
    for (size_t i = 0; i < 1 + sizeof mosts / sizeof *mosts; i++) {
        struct span in = span_of(requests, sizeof requests);
        struct conversation c;
        struct loans loans = { 0 };
        struct buffer heard;

        begin(&c, 4 * 65536);
        store_write(c.exports[0].store, 0, span_of(old, sizeof old));
        connect(&c);
        say(&c, go, sizeof go);
        reference_session_sent(c.session, reference_session_waiting(c.session));
        buffer_init(&heard, 1 << 20);
        if (i == 0) {
            reference_session_feed(c.session, &in);
            hear_parts(c.session, SIZE_MAX, &wanted);
        } else {
            struct span first = span_take(&in, 28);

            reference_session_lend(c.session, &loans);
            reference_session_feed(c.session, &first);
            lent = lent || loans.count > 0;
            hear_parts(c.session, mosts[i - 1] / 2, &heard);
            reference_session_feed(c.session, &in);
            while (reference_session_waiting(c.session) > 0)
                hear_parts(c.session, mosts[i - 1], &heard);
            assert_true(span_equal(buffer_span(&heard), buffer_span(&wanted)));
        }
        buffer_free(&heard);
        end(&c);
    }
    assert_true(lent);
    assert_memory_equal(wanted.bytes + 16, old + 7, 40000);
    buffer_free(&wanted);
}

static void what_is_taken_back_has_been_copied(void **state)
{
    static const uint8_t go[] = { 0, 0, 0, 1, OPTION(1, 0) };
    static uint8_t old[4096];
    struct conversation c;
    struct loans loans = { 0 };

    (void)state;
    memset(old, 'o', sizeof old);
    begin(&c, 65536);
    store_write(c.exports[0].store, 0, span_of(old, sizeof old));
    connect(&c);
    say(&c, go, sizeof go);
    reference_session_sent(c.session, reference_session_waiting(c.session));
    reference_session_lend(c.session, &loans);
    say(&c, BYTES(REQUEST(0, 0, 1), RANGE(0, 4096)));
    assert_int_equal(loans.count, 1);
    reference_session_lend(c.session, NULL);
    assert_int_equal(loans.count, 0);
    store_trim(c.exports[0].store, 0, 65536);
    hear(&c, BYTES(SIMPLE(0, 1)));
    hear(&c, old, sizeof old);
    end(&c);
}

static void memory_is_exchanged_only_while_nothing_waits(void **state)
{
    struct buffer spare;
    struct conversation c;
    uint8_t *first;

    (void)state;
    begin(&c, 1024);
    connect(&c);
    buffer_init(&spare, 4096);
    buffer_add_zero(&spare, 100);
    buffer_clear(&spare);
    first = spare.bytes;
    reference_session_swap_memory(c.session, &spare); /* the greeting waits */
    assert_ptr_equal(spare.bytes, first);
    reference_session_sent(c.session, 18);
    reference_session_swap_memory(c.session, &spare);
    assert_ptr_not_equal(spare.bytes, first);
    reference_session_swap_memory(c.session, &spare);
    assert_ptr_equal(spare.bytes, first);
    buffer_free(&spare);
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
        cmocka_unit_test(long_data_come_in_pieces_where_that_is_asked_for),
        cmocka_unit_test(lent_data_are_those_of_their_time),
        cmocka_unit_test(what_is_taken_back_has_been_copied),
        cmocka_unit_test(memory_is_exchanged_only_while_nothing_waits),
        cmocka_unit_test(what_one_connection_wrote_another_reads),
        cmocka_unit_test(the_session_is_over_when_the_client_has_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
