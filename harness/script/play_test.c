/* SPDX-License-Identifier: MIT */
/* The player: a case played from its first line to its last. */
#include "script/play_puppet.h"

static void a_conversation_that_obeys_passes(void **state)
{
    struct server s = in_transmission();
    struct run r;
    static const uint8_t wanted[] = {
        0,    0,    0,    3,                                                /* client flags */
        'I',  'H',  'A',  'V',  'E', 'O', 'P', 'T', 0, 0, 0, 1, 0, 0, 0, 0, /* EXPORT_NAME "" */
        0x25, 0x60, 0x95, 0x13, 0,   0,   0,   0,   0, 0, 0, 0, 0, 0, 0, 1,
        0,    0,    0,    0,    0,   1,   0,   0,   0, 0, 2, 0, /* READ */
        0x25, 0x60, 0x95, 0x13, 0,   0,   0,   2,   0, 0, 0, 0, 0, 0, 0, 2,
        0,    0,    0,    0,    0,   0,   0,   0,   0, 0, 0, 0, /* DISC */
    };

    (void)state;
    answers(&s, 0, 1, 512, 0);
    closes(&s);
    r = play_text("S: GREETING style=newstyle flags has FIXED_NEWSTYLE by greeting.magic\n"
                  "C: FLAGS offered\n"
                  "C: OPT EXPORT_NAME name=\"\"\n"
                  "S: EXPORT size=?n flags=HAS_FLAGS zeroes=0|124\n"
                  "C: READ offset=$n/16 length=512\n"
                  "S: DATA zero by cmd.read.range\n"
                  "C: DISC\n"
                  "S: close\n",
                  &s);
    expect_clean(&r);
    assert_int_equal(r.sent[0].len, sizeof wanted);
    assert_memory_equal(r.sent[0].at, wanted, sizeof wanted);
    assert_true(r.closed[0]);
    assert_false(r.result->server_closed_early);
    end(&r);
}

static void a_transcript_plays_again(void **state)
{
    struct server s = in_transmission();
    struct run first, again;
    const char *text;

    (void)state;
    answers(&s, 22, 1, 0, 0);
    answers(&s, 0, 2, 512, 7);
    closes(&s);
    first = play_text(TRANSMISSION "C: CMD 999 offset=0 length=0\nS: ERROR EINVAL\n", &s);
    expect_clean(&first);
    text = arena_text(first.arena, first.result->transcript);
    s.next = 0;
    again = play_text(text, &s);
    expect_clean(&again);
    assert_string_equal(arena_text(again.arena, again.result->transcript), text);
    end(&again);
    end(&first);
}

static void a_segment_leaves_together(void **state)
{
    struct server s = in_transmission();
    struct run r;

    (void)state;
    add_simple(add_simple(says(&s), 0, 1, 512, 3), 0, 2, 512, 3);
    closes(&s);
    r = play_text(TRANSMISSION
                  "C: segment {\n  C: READ as a\n  C: READ\n  C: fin\n}\nS: DATA\nS: DATA\nS: close\n",
                  &s);
    expect_clean(&r);
    assert_true(r.finished);
    assert_int_equal(r.sent[0].len, 4 + 16 + 2 * 28);
    end(&r);
}

static void reset_ends_the_connection_at_once(void **state)
{
    struct server s = in_transmission();
    struct run r;

    (void)state;
    r = play_text(TRANSMISSION "C: READ\nC: reset\n", &s);
    expect_clean(&r);
    assert_true(r.reset);
    assert_false(r.closed[0]);
    end(&r);
}

/* ---- loops, and replies that are saved ---- */

static void loops_repeat_their_lines(void **state)
{
    struct server s = in_transmission();
    struct run r;

    (void)state;
    answers(&s, 0, 1, 1, 5);
    answers(&s, 0, 2, 1, 5);
    closes(&s);
    r = play_text(TRANSMISSION "repeat i in 4..5 {\n  C: READ offset=$i length=1\n  S: DATA fill(5)\n}\n",
                  &s);
    expect_clean(&r);
    expect_transcript_has(&r, "C: READ offset=4 length=1 cookie=1\n");
    expect_transcript_has(&r, "C: READ offset=5 length=1 cookie=2\n");
    end(&r);
}

static void a_line_in_a_loop_is_found_once(void **state)
{
    struct server s = in_transmission();
    struct run r;

    (void)state;
    answers(&s, 0, 1, 512, 5);
    answers(&s, 0, 2, 512, 5);
    closes(&s);
    r = play_text(TRANSMISSION "repeat i in 1..2 {\n  C: READ\n  S: ERROR by x\n}\n", &s);
    expect_rules(&r, "x");
    assert_non_null(strstr(finding_of(&r, "x")->came, "(and 1 more of this kind)"));
    end(&r);
}

static void many_replies_are_saved_compared_and_gone_through(void **state)
{
    struct server s = in_options();
    struct bytes *b = says(&s);
    struct run r;

    (void)state;
    add_server_reply(b, "one");
    add_server_reply(b, "two");
    add_option_reply(b, 3, 1, "");
    b = says(&s);
    add_server_reply(b, "two"); /* the order does not matter */
    add_server_reply(b, "one");
    add_option_reply(b, 3, 1, "");
    replies(&s, 6, 0x80000006, "");
    replies(&s, 6, 0x80000006, "");
    replies(&s, 0x6e756c6c, 0x80000001, "");
    replies(&s, 2, 1, "");
    r = play_text(OPTIONS "C: OPT LIST\nS: REP SERVER* as all\nS: REP ACK\n"
                          "C: OPT LIST\nS: REP SERVER* same all by x\nS: REP ACK\n"
                          "each e in all {\n  C: OPT INFO name=$e\n  S: REP INFO*\n  S: REP ERR by y\n}\n",
                  &s);
    expect_clean(&r);
    expect_transcript_has(&r, "C: OPT INFO name=\"one\" infos=()\n");
    expect_transcript_has(&r, "C: OPT INFO name=\"two\" infos=()\n");
    end(&r);
}

static void replies_that_are_not_the_same_are_named(void **state)
{
    struct server s = in_options();
    struct bytes *b = says(&s);
    struct run r;

    (void)state;
    add_server_reply(b, "one");
    add_option_reply(b, 3, 1, "");
    b = says(&s);
    add_server_reply(b, "two");
    add_option_reply(b, 3, 1, "");
    replies(&s, 2, 1, "");
    r = play_text(OPTIONS "C: OPT LIST\nS: REP SERVER* as all\nS: REP ACK\n"
                          "C: OPT LIST\nS: REP SERVER* same all by x\nS: REP ACK\n",
                  &s);
    expect_rules(&r, "x");
    assert_non_null(strstr(finding_of(&r, "x")->came, "of all there is no more: S: REP SERVER name=\"one\""));
    end(&r);
}

/* ---- mistakes of the case ---- */

static void mistakes_of_the_case_are_errors(void **state)
{
    static const struct {
        const char *line, *reason;
    } cases[] = {
        { "C: READ offset=$block-513\nS: DATA\n", "512 - 513 is not a number of 64 bits" },
        { "C: READ length=4294967296\nS: DATA\n", "4294967296 does not fit the 32 bits of length" },
        { "C: READ\nS: DATA zero[..5] zero zero\n", "only one term can take what the others leave" },
        { "S: OK\n", "no request waits for an answer" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct server s = in_transmission();
        char text[300];
        struct run r;

        if (i == 2)
            answers(&s, 0, 1, 512, 0);
        closes(&s);
        snprintf(text, sizeof text, TRANSMISSION "%s", cases[i].line);
        r = play_text(text, &s);
        if (!r.result->error)
            show(&r);
        assert_true(r.result->error);
        assert_string_equal(r.result->error_reason, cases[i].reason);
        assert_non_null(r.result->error_place.source);
        end(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_conversation_that_obeys_passes),
        cmocka_unit_test(a_transcript_plays_again),
        cmocka_unit_test(a_segment_leaves_together),
        cmocka_unit_test(reset_ends_the_connection_at_once),
        cmocka_unit_test(loops_repeat_their_lines),
        cmocka_unit_test(a_line_in_a_loop_is_found_once),
        cmocka_unit_test(many_replies_are_saved_compared_and_gone_through),
        cmocka_unit_test(replies_that_are_not_the_same_are_named),
        cmocka_unit_test(mistakes_of_the_case_are_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
