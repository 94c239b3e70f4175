/* SPDX-License-Identifier: MIT */
#include "reference/upgrade.h"

#include "reference/conversation.h"

#define STARTTLS OPTION(5, 0)
#define STARTTLS_ACK REPLY(5, 1, 0)

/* Exports "a" and "b", of which b is served under TLS only. */
static void begin_with(struct conversation *c, enum reference_tls tls)
{
    begin(c, 4096);
    c->exports[1].tls_only = true;
    c->config.tls = tls;
    greet(c, 3);
}

static void upgrade(struct conversation *c)
{
    say(c, BYTES(STARTTLS));
    hear(c, BYTES(STARTTLS_ACK));
    hear_nothing_more(c);
    assert_true(reference_session_wants_tls(c->session));
    reference_session_tls_started(c->session);
    assert_false(reference_session_wants_tls(c->session));
}

static void hear_no_session(struct conversation *c)
{
    hear_nothing_more(c);
    assert_true(reference_session_over(c->session));
}

/* Replies of type NBD_REP_INFO and whatever they hold, up to an ACK. */
static void hear_infos(struct conversation *c, uint32_t option)
{
    for (;;) {
        uint32_t type, length;

        hear(c, BYTES(0, 3, 0xe8, 0x89, 4, 0x55, 0x65, 0xa9));
        assert_int_equal(take_32(c), option);
        type = take_32(c);
        length = take_32(c);
        reference_session_sent(c->session, length);
        if (type == 1)
            break;
        assert_int_equal(type, 3);
    }
    hear_nothing_more(c);
}

#define GO_A OPTION(7, 7), 0, 0, 0, 1, 'a', 0, 0
#define GO_B OPTION(7, 7), 0, 0, 0, 1, 'b', 0, 0
#define INFO_A OPTION(6, 7), 0, 0, 0, 1, 'a', 0, 0
#define INFO_B OPTION(6, 7), 0, 0, 0, 1, 'b', 0, 0
#define INFO_X OPTION(6, 7), 0, 0, 0, 1, 'x', 0, 0
#define LIST OPTION(3, 0)
#define STRUCTURED OPTION(8, 0)
#define SET_CONTEXT_A                                                                                      \
    OPTION(10, 28), 0, 0, 0, 1, 'a', 0, 0, 0, 1, 0, 0, 0, 15, 'b', 'a', 's', 'e', ':', 'a', 'l', 'l', 'o', \
        'c', 'a', 't', 'i', 'o', 'n'
#define SET_CONTEXT_B                                                                                      \
    OPTION(10, 28), 0, 0, 0, 1, 'b', 0, 0, 0, 1, 0, 0, 0, 15, 'b', 'a', 's', 'e', ':', 'a', 'l', 'l', 'o', \
        'c', 'a', 't', 'i', 'o', 'n'

enum { UNSUP = 1, POLICY = 2, INVALID = 3, TLS_REQD = 5, UNKNOWN = 6 };

/* ---- NOTLS ---- */

static void without_tls_starttls_is_unknown(void **state)
{
    struct conversation c;

    (void)state;
    begin_with(&c, REFERENCE_TLS_OFF);
    say(&c, BYTES(STARTTLS));
    hear_option_error(&c, 5, UNSUP);
    assert_false(reference_session_wants_tls(c.session));
    say(&c, BYTES(OPTION(5, 3), 'n', 'o', 'w'));
    hear_option_error(&c, 5, UNSUP);
    say(&c, BYTES(INFO_B)); /* out of reach, but that must not be said with ERR_TLS_REQD */
    hear_option_error(&c, 6, POLICY);
    end(&c);
}

static void a_client_without_fixed_newstyle_gets_no_tls(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 4096);
    c.exports[1].tls_only = true;
    c.config.tls = REFERENCE_TLS_SELECTIVE;
    greet(&c, 0);
    say(&c, BYTES(STARTTLS));
    hear_option_error(&c, 5, UNSUP);
    say(&c, BYTES(OPTION(1, 1), 'b'));
    hear_no_session(&c);
    end(&c);

    begin(&c, 4096);
    c.config.tls = REFERENCE_TLS_FORCED;
    greet(&c, 2);
    hear_no_session(&c);
    end(&c);
}

/* ---- FORCEDTLS ---- */

static void forced_nothing_goes_before_tls(void **state)
{
    struct conversation c;

    (void)state;
    begin_with(&c, REFERENCE_TLS_FORCED);
    say(&c, BYTES(LIST));
    hear_option_error(&c, 3, TLS_REQD);
    say(&c, BYTES(INFO_A));
    hear_option_error(&c, 6, TLS_REQD);
    say(&c, BYTES(INFO_X));
    hear_option_error(&c, 6, TLS_REQD);
    say(&c, BYTES(GO_A));
    hear_option_error(&c, 7, TLS_REQD);
    say(&c, BYTES(OPTION(7, 1), 'x')); /* malformed */
    hear_option_error(&c, 7, TLS_REQD);
    say(&c, BYTES(STRUCTURED));
    hear_option_error(&c, 8, TLS_REQD);
    say(&c, BYTES(SET_CONTEXT_A));
    hear_option_error(&c, 10, TLS_REQD);
    say(&c, BYTES(OPTION(11, 0)));
    hear_option_error(&c, 11, TLS_REQD);
    say(&c, BYTES(OPTION(99, 2), 'h', 'i')); /* unknown */
    hear_option_error(&c, 99, TLS_REQD);
    upgrade(&c);
    say(&c, BYTES(OPTION(99, 2), 'h', 'i'));
    hear_option_error(&c, 99, UNSUP);
    say(&c, BYTES(INFO_X));
    hear_option_error(&c, 6, UNKNOWN);
    say(&c, BYTES(GO_B));
    hear_infos(&c, 7);
    end(&c);
}

static void forced_export_name_ends_the_session(void **state)
{
    struct conversation c;

    (void)state;
    begin_with(&c, REFERENCE_TLS_FORCED);
    say(&c, BYTES(OPTION(1, 1), 'a'));
    hear_no_session(&c);
    end(&c);

    begin_with(&c, REFERENCE_TLS_FORCED);
    upgrade(&c);
    say(&c, BYTES(OPTION(1, 1), 'a'));
    assert_int_equal(reference_session_output(c.session).len, 10);
    assert_false(reference_session_over(c.session));
    end(&c);
}

static void forced_abort_is_dealt_with_as_usual(void **state)
{
    struct conversation c;

    (void)state;
    begin_with(&c, REFERENCE_TLS_FORCED);
    say(&c, BYTES(OPTION(2, 0)));
    hear(&c, BYTES(REPLY(2, 1, 0)));
    hear_no_session(&c);
    end(&c);
}

/* ---- SELECTIVETLS ---- */

static void selective_only_what_is_for_tls_waits_for_it(void **state)
{
    struct conversation c;

    (void)state;
    begin_with(&c, REFERENCE_TLS_SELECTIVE);
    say(&c, BYTES(INFO_A));
    hear_infos(&c, 6);
    say(&c, BYTES(INFO_B));
    hear_option_error(&c, 6, TLS_REQD);
    say(&c, BYTES(GO_B));
    hear_option_error(&c, 7, TLS_REQD);
    say(&c, BYTES(INFO_X));
    hear_option_error(&c, 6, UNKNOWN);
    say(&c, BYTES(OPTION(99, 0)));
    hear_option_error(&c, 99, UNSUP);
    say(&c, BYTES(STRUCTURED));
    hear(&c, BYTES(REPLY(8, 1, 0)));
    say(&c, BYTES(SET_CONTEXT_B)); /* ERR_TLS_REQD is for INFO and GO */
    hear_option_error(&c, 10, POLICY);
    say(&c, BYTES(GO_A));
    hear_infos(&c, 7);
    end(&c);
}

static void selective_export_name_ends_the_session_where_tls_is_due(void **state)
{
    struct conversation c;

    (void)state;
    begin_with(&c, REFERENCE_TLS_SELECTIVE);
    say(&c, BYTES(OPTION(1, 1), 'b'));
    hear_no_session(&c);
    end(&c);

    begin_with(&c, REFERENCE_TLS_SELECTIVE);
    say(&c, BYTES(OPTION(1, 1), 'a'));
    assert_int_equal(reference_session_output(c.session).len, 10);
    end(&c);
}

static void selective_under_tls_everything_is_served(void **state)
{
    struct conversation c;

    (void)state;
    begin_with(&c, REFERENCE_TLS_SELECTIVE);
    say(&c, BYTES(INFO_A)); /* the upgrade may come at any time */
    hear_infos(&c, 6);
    upgrade(&c);
    say(&c, BYTES(INFO_B));
    hear_infos(&c, 6);
    say(&c, BYTES(GO_B));
    hear_infos(&c, 7);
    end(&c);
}

/* ---- the upgrade ---- */

static void starttls_with_data_is_invalid_and_starts_nothing(void **state)
{
    struct conversation c;

    (void)state;
    for (enum reference_tls tls = REFERENCE_TLS_FORCED; tls <= REFERENCE_TLS_SELECTIVE; tls++) {
        begin_with(&c, tls);
        say(&c, BYTES(OPTION(5, 3), 'n', 'o', 'w'));
        hear_option_error(&c, 5, INVALID);
        assert_false(reference_session_wants_tls(c.session));
        upgrade(&c);
        end(&c);
    }
}

static void starttls_under_tls_is_invalid(void **state)
{
    struct conversation c;

    (void)state;
    for (enum reference_tls tls = REFERENCE_TLS_FORCED; tls <= REFERENCE_TLS_SELECTIVE; tls++) {
        begin_with(&c, tls);
        upgrade(&c);
        say(&c, BYTES(STARTTLS));
        hear_option_error(&c, 5, INVALID);
        say(&c, BYTES(OPTION(5, 3), 'n', 'o', 'w'));
        hear_option_error(&c, 5, INVALID);
        say(&c, BYTES(INFO_A));
        hear_infos(&c, 6);
        end(&c);
    }
}

/* A READ of 4 bytes is answered simply, BLOCK_STATUS not at all. */
static void structured_replies_and_contexts_are_forgotten(void **state)
{
    struct conversation c;

    (void)state;
    for (int extended = 0; extended < 2; extended++) {
        begin_with(&c, REFERENCE_TLS_SELECTIVE);
        if (extended) {
            say(&c, BYTES(OPTION(11, 0)));
            hear(&c, BYTES(REPLY(11, 1, 0)));
        } else {
            say(&c, BYTES(STRUCTURED));
            hear(&c, BYTES(REPLY(8, 1, 0)));
        }
        say(&c, BYTES(SET_CONTEXT_A));
        reference_session_sent(c.session, reference_session_output(c.session).len);
        upgrade(&c);
        say(&c, BYTES(SET_CONTEXT_A));
        hear_option_error(&c, 10, INVALID);
        say(&c, BYTES(GO_A));
        hear_infos(&c, 7);
        say(&c, BYTES(REQUEST(0, 0, 1), RANGE(0, 4)));
        hear(&c, BYTES(SIMPLE(0, 1), 0, 0, 0, 0));
        say(&c, BYTES(REQUEST(0, 7, 2), RANGE(0, 4)));
        hear(&c, BYTES(SIMPLE(22, 2)));
        hear_nothing_more(&c);
        end(&c);
    }

    begin_with(&c, REFERENCE_TLS_SELECTIVE); /* contexts alone, structured replies being asked for again */
    say(&c, BYTES(STRUCTURED, SET_CONTEXT_A));
    reference_session_sent(c.session, reference_session_output(c.session).len);
    upgrade(&c);
    say(&c, BYTES(STRUCTURED));
    hear(&c, BYTES(REPLY(8, 1, 0)));
    say(&c, BYTES(GO_A));
    hear_infos(&c, 7);
    say(&c, BYTES(REQUEST(0, 7, 2), RANGE(0, 4)));
    hear_error_chunk(&c, 2, 22);
    end(&c);
}

/* CVE-2021-3716 and its like: what somebody put behind STARTTLS in plain text. */
static void plain_text_behind_starttls_is_never_an_option(void **state)
{
    static const uint8_t said[] = { STARTTLS, LIST, STRUCTURED };
    struct conversation c;

    (void)state;
    for (size_t cut = 1; cut <= sizeof said; cut++) {
        struct span front = span_of(said, cut), rest = span_of(said + cut, sizeof said - cut);

        begin_with(&c, REFERENCE_TLS_SELECTIVE);
        reference_session_feed(c.session, &front);
        reference_session_feed(c.session, &rest);
        assert_true(reference_session_over(c.session));
        assert_false(reference_session_wants_tls(c.session));
        hear(&c, BYTES(STARTTLS_ACK));
        hear_nothing_more(&c);
        end(&c);
    }
}

static void disc_ends_a_session_under_tls(void **state)
{
    struct conversation c;

    (void)state;
    begin_with(&c, REFERENCE_TLS_FORCED);
    upgrade(&c);
    say(&c, BYTES(GO_B));
    hear_infos(&c, 7);
    say(&c, BYTES(REQUEST(0, 2, 1), RANGE(0, 0)));
    hear_no_session(&c);
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_tls_starttls_is_unknown),
        cmocka_unit_test(a_client_without_fixed_newstyle_gets_no_tls),
        cmocka_unit_test(forced_nothing_goes_before_tls),
        cmocka_unit_test(forced_export_name_ends_the_session),
        cmocka_unit_test(forced_abort_is_dealt_with_as_usual),
        cmocka_unit_test(selective_only_what_is_for_tls_waits_for_it),
        cmocka_unit_test(selective_export_name_ends_the_session_where_tls_is_due),
        cmocka_unit_test(selective_under_tls_everything_is_served),
        cmocka_unit_test(starttls_with_data_is_invalid_and_starts_nothing),
        cmocka_unit_test(starttls_under_tls_is_invalid),
        cmocka_unit_test(structured_replies_and_contexts_are_forgotten),
        cmocka_unit_test(plain_text_behind_starttls_is_never_an_option),
        cmocka_unit_test(disc_ends_a_session_under_tls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
