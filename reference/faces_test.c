/* SPDX-License-Identifier: MIT */
/* Older handshakes, clients that are turned away, and shutdown.  proto.md, "Oldstyle negotiation", "Newstyle
 * negotiation", "Size constraints", "Terminating the transmission phase". */
#include "reference/conversation.h"

#define FLAGS 0x0d, 0x6d
#define SIZE_64K 0, 0, 0, 0, 0, 1, 0, 0

enum { SHUTDOWN = 7, BLOCK_SIZE_REQD = 8, TOO_BIG = 9 };

static void hear_zeroes(struct conversation *c, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        hear(c, BYTES(0));
}

static void oldstyle_needs_no_word_from_the_client(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 65536);
    c.config.face = REFERENCE_OLDSTYLE;
    connect(&c);
    assert_false(reference_session_in_handshake(c.session));
    hear(&c, BYTES('N', 'B', 'D', 'M', 'A', 'G', 'I', 'C', 0, 0, 0x42, 2, 0x81, 0x86, 0x12, 0x53, SIZE_64K, 0,
                   0, FLAGS));
    hear_zeroes(&c, 124);
    hear_nothing_more(&c);
    say(&c, BYTES(REQUEST(0, 1, 1), RANGE(0, 2), 'h', 'i', REQUEST(0, 0, 2), RANGE(0, 3)));
    hear(&c, BYTES(SIMPLE(0, 1), SIMPLE(0, 2), 'h', 'i', 0));
    say(&c, BYTES(REQUEST(0, 7, 3), RANGE(0, 512))); /* contexts cannot have been negotiated */
    hear(&c, BYTES(SIMPLE(22, 3)));
    say(&c, BYTES(REQUEST(0, 2, 4), RANGE(0, 0)));
    assert_true(reference_session_over(c.session));
    end(&c);
}

static void greet_newstyle(struct conversation *c, uint8_t client_flags)
{
    begin(c, 65536);
    c->config.face = REFERENCE_NEWSTYLE;
    connect(c);
    hear(c, BYTES('N', 'B', 'D', 'M', 'A', 'G', 'I', 'C', IHAVEOPT, 0, 0));
    say(c, BYTES(0, 0, 0, client_flags));
    hear_nothing_more(c);
}

static void newstyle_that_is_not_fixed_knows_one_option(void **state)
{
    struct conversation c;

    (void)state;
    greet_newstyle(&c, 0);
    say(&c, BYTES(OPTION(1, 1), 'a'));
    hear(&c, BYTES(SIZE_64K, FLAGS));
    hear_zeroes(&c, 124);
    hear_nothing_more(&c);
    say(&c, BYTES(REQUEST(0, 0, 1), RANGE(0, 1)));
    hear(&c, BYTES(SIMPLE(0, 1), 0));
    end(&c);
}

static void newstyle_that_is_not_fixed_closes_at_any_other_option(void **state)
{
    struct conversation c;

    (void)state;
    greet_newstyle(&c, 0);
    say(&c, BYTES(OPTION(3, 0)));
    hear_nothing_more(&c);
    assert_true(reference_session_over(c.session));
    end(&c);
    greet_newstyle(&c, 1); /* a flag that it does not know */
    assert_true(reference_session_over(c.session));
    end(&c);
}

static void begin_required(struct conversation *c)
{
    begin(c, 65536);
    c->exports[0].block_size = (struct wire_info_block_size){ 512, 4096, 1 << 20 };
    c->exports[0].block_size_required = true;
    greet(c, 3);
}

static void hear_block_size(struct conversation *c, uint8_t option)
{
    hear(c, BYTES(REPLY(option, 3, 14), 0, 3, 0, 0, 2, 0, 0, 0, 0x10, 0, 0, 0x10, 0, 0));
}

static void clients_that_ignore_the_block_size_are_turned_away(void **state)
{
    struct conversation c;

    (void)state;
    begin_required(&c);
    for (uint8_t option = 6; option <= 7; option++) { /* INFO, GO */
        say(&c, BYTES(OPTION(option, 7), 0, 0, 0, 1, 'a', 0, 0));
        hear(&c, BYTES(REPLY(option, 3, 12), 0, 0, SIZE_64K, FLAGS));
        hear_block_size(&c, option);
        hear_option_error(&c, option, BLOCK_SIZE_REQD);
    }
    say(&c, BYTES(OPTION(1, 1), 'a'));
    hear_nothing_more(&c);
    assert_true(reference_session_over(c.session));
    end(&c);
}

static void clients_that_ask_for_the_block_size_are_served(void **state)
{
    struct conversation c;

    (void)state;
    begin_required(&c);
    say(&c, BYTES(OPTION(7, 7), 0, 0, 0, 1, 'b', 0, 0)); /* another one, which does not insist */
    hear(&c, BYTES(REPLY(7, 3, 12), 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, FLAGS, REPLY(7, 1, 0)));
    end(&c);
    begin_required(&c);
    say(&c, BYTES(OPTION(6, 9), 0, 0, 0, 1, 'a', 0, 1, 0, 3));
    hear(&c, BYTES(REPLY(6, 3, 12), 0, 0, SIZE_64K, FLAGS));
    hear_block_size(&c, 6);
    hear(&c, BYTES(REPLY(6, 1, 0)));
    say(&c, BYTES(OPTION(7, 7), 0, 0, 0, 1, 'a', 0, 0)); /* it was told above */
    hear(&c, BYTES(REPLY(7, 3, 12), 0, 0, SIZE_64K, FLAGS, REPLY(7, 1, 0)));
    say(&c, BYTES(REQUEST(0, 0, 1), RANGE(0, 511), REQUEST(0, 0, 2), RANGE(1, 512)));
    hear(&c, BYTES(SIMPLE(22, 1), SIMPLE(22, 2)));
    end(&c);
}

static void one_option_too_many_ends_the_session(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    c.config.limits.options = 3;
    greet(&c, 1);
    for (unsigned i = 0; i < 3; i++) {
        say(&c, BYTES(OPTION(8, 0)));
        hear(&c, BYTES(REPLY(8, 1, 0)));
        assert_false(reference_session_over(c.session));
    }
    say(&c, BYTES(OPTION(8, 0)));
    hear_nothing_more(&c);
    assert_true(reference_session_over(c.session));
    end(&c);
}

static void the_data_of_an_option_may_be_limited(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 65536);
    c.config.limits.option_bytes = 7;
    greet(&c, 1);
    say(&c, BYTES(OPTION(6, 9), 0, 0, 0, 1, 'a', 0, 1, 0, 0));
    hear_option_error(&c, 6, TOO_BIG);
    say(&c, BYTES(OPTION(6, 7), 0, 0, 0, 1, 'a', 0, 0));
    hear(&c, BYTES(REPLY(6, 3, 12), 0, 0, SIZE_64K, FLAGS, REPLY(6, 1, 0)));
    end(&c);
}

static void at_shutdown_options_are_refused_but_abort(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    greet(&c, 1);
    say(&c, BYTES(OPTION(8, 1))); /* it has begun; one byte of data is missing */
    reference_session_shut_down(c.session);
    say(&c, BYTES(0));
    hear_option_error(&c, 8, 3);
    say(&c, BYTES(OPTION(3, 0)));
    hear_option_error(&c, 3, SHUTDOWN);
    say(&c, BYTES(OPTION(0x63, 2), 1, 2));
    hear_option_error(&c, 0x63, SHUTDOWN);
    say(&c, BYTES(OPTION(7, 7), 0, 0, 0, 1, 'a', 0, 0));
    hear_option_error(&c, 7, SHUTDOWN);
    assert_false(reference_session_over(c.session));
    say(&c, BYTES(OPTION(2, 0)));
    hear(&c, BYTES(REPLY(2, 1, 0)));
    assert_true(reference_session_over(c.session));
    end(&c);
    begin(&c, 1024);
    greet(&c, 1);
    reference_session_shut_down(c.session);
    say(&c, BYTES(OPTION(1, 1), 'a')); /* there is no way to refuse it but this */
    hear_nothing_more(&c);
    assert_true(reference_session_over(c.session));
    end(&c);
}

static void at_shutdown_requests_in_flight_are_done_and_later_ones_refused(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    greet(&c, 3);
    say(&c, BYTES(OPTION(1, 0)));
    reference_session_sent(c.session, reference_session_output(c.session).len);
    say(&c, BYTES(REQUEST(0, 1, 1), RANGE(0, 2), 'h'));
    reference_session_shut_down(c.session);
    say(&c, BYTES('i'));
    hear(&c, BYTES(SIMPLE(0, 1)));
    say(&c, BYTES(REQUEST(0, 0, 2), RANGE(0, 2), REQUEST(0, 1, 3), RANGE(0, 2), 'n', 'o', REQUEST(0, 99, 4),
                  RANGE(0, 0)));
    hear(&c, BYTES(SIMPLE(108, 2), SIMPLE(108, 3), SIMPLE(108, 4)));
    hear_nothing_more(&c);
    assert_false(reference_session_over(c.session));
    say(&c, BYTES(REQUEST(0, 2, 5), RANGE(0, 0)));
    hear_nothing_more(&c);
    assert_true(reference_session_over(c.session));
    reference_session_free(c.session);
    greet(&c, 3);
    say(&c, BYTES(OPTION(1, 0)));
    reference_session_sent(c.session, reference_session_output(c.session).len);
    say(&c, BYTES(REQUEST(0, 0, 1), RANGE(0, 2)));
    hear(&c, BYTES(SIMPLE(0, 1), 'h', 'i'));
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oldstyle_needs_no_word_from_the_client),
        cmocka_unit_test(newstyle_that_is_not_fixed_knows_one_option),
        cmocka_unit_test(newstyle_that_is_not_fixed_closes_at_any_other_option),
        cmocka_unit_test(clients_that_ignore_the_block_size_are_turned_away),
        cmocka_unit_test(clients_that_ask_for_the_block_size_are_served),
        cmocka_unit_test(one_option_too_many_ends_the_session),
        cmocka_unit_test(the_data_of_an_option_may_be_limited),
        cmocka_unit_test(at_shutdown_options_are_refused_but_abort),
        cmocka_unit_test(at_shutdown_requests_in_flight_are_done_and_later_ones_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
