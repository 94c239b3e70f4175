/* SPDX-License-Identifier: MIT */
/* The player: how a case ends, by canary and goodbye. */
#include "script/play_puppet.h"

static void goodbye_is_said_where_the_case_does_not(void **state)
{
    struct server s = in_transmission();
    struct run r;

    (void)state;
    closes(&s);
    r = play_text(TRANSMISSION, &s);
    expect_clean(&r);
    expect_transcript_has(&r, "C: DISC offset=0 length=0 cookie=1\nS: close\n");
    end(&r);

    s = in_options();
    replies(&s, 2, 1, "");
    r = play_text(OPTIONS, &s);
    expect_clean(&r);
    expect_transcript_has(&r, "C: OPT ABORT\nS: REP ACK option=ABORT\n");
    end(&r);
}

static void a_canary_follows_an_error(void **state)
{
    struct server s = in_options();
    struct run r;

    (void)state;
    replies(&s, 3, 0x80000003, "no");
    replies(&s, 0x6e756c6c, 0x80000001, "");
    replies(&s, 2, 1, "");
    r = play_text(OPTIONS "C: OPT LIST data=\"x\" breaks a.b\nS: REP ERR_INVALID message=\"no\"\n", &s);
    expect_clean(&r);
    expect_transcript_has(&r, "C: OPT 0x6e756c6c data=hex(\"6e756c6c\")\n");
    end(&r);

    s = in_transmission();
    answers(&s, 22, 1, 0, 0);
    answers(&s, 0, 2, 512, 0);
    closes(&s);
    r = play_text(TRANSMISSION "C: CMD 999\nS: ERROR EINVAL\n", &s);
    expect_clean(&r);
    expect_transcript_has(&r, "C: READ offset=65536 length=512 cookie=2\nS: DATA zero cookie=2");
    end(&r);
}

static void a_canary_that_fails_tells_that_the_server_is_out_of_step(void **state)
{
    struct server s = in_options();
    struct run r;

    (void)state;
    replies(&s, 3, 0x80000003, "");
    put_text(says(&s), "surplus bytes of the data, surplus bytes");
    r = play_text(OPTIONS "C: OPT LIST data=\"x\" breaks a.b\nS: REP ERR_INVALID\n", &s);
    assert_non_null(finding_of(&r, "rep.every-option-answered"));
    assert_true(r.result->findings->from_referee);
    end(&r);

    s = in_options();
    replies(&s, 99, 0x80000001, "");
    r = play_text(OPTIONS "C: OPT 99\nS: REP ERR_UNSUP\n", &s);
    assert_non_null(finding_of(&r, "baseline.unknown-option.in-step"));
    end(&r);

    s = in_transmission();
    answers(&s, 22, 1, 0, 0);
    r = play_text(TRANSMISSION "C: CMD 999\nS: ERROR EINVAL\n", &s);
    expect_rules(&r, "reply.simple.every-request");
    end(&r);
}

static void no_canary_where_it_is_off(void **state)
{
    struct server s = in_transmission();
    struct run r;

    (void)state;
    answers(&s, 22, 1, 0, 0);
    closes(&s);
    r = play_text("case c \"c\"\nstart connect\ncanary off\n" TRANSMISSION "C: CMD 999\nS: ERROR EINVAL\n",
                  &s);
    expect_clean(&r);
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goodbye_is_said_where_the_case_does_not),
        cmocka_unit_test(a_canary_follows_an_error),
        cmocka_unit_test(a_canary_that_fails_tells_that_the_server_is_out_of_step),
        cmocka_unit_test(no_canary_where_it_is_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
