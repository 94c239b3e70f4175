/* SPDX-License-Identifier: MIT */
/* The player: connections that fall silent, close, are several, or go over to TLS. */
#include "script/play_puppet.h"
#include "script/words.h"

/* ---- stalls and closes ---- */

static void a_stall_says_who_owes_whom(void **state)
{
    struct server s = in_transmission();
    struct run r;
    const struct finding *f;

    (void)state;
    r = play_text(TRANSMISSION "C: READ\nS: DATA by x\nC: READ\nS: DATA by y\n", &s);
    expect_rules(&r, "reply.simple.every-request x");
    assert_non_null(strstr(finding_of(&r, "x")->came, "the server"));
    assert_true(r.closed[0]);
    end(&r);

    s = in_transmission();
    r = play_text(TRANSMISSION "C: READ\nS: DATA\n", &s);
    expect_rules(&r, "reply.simple.every-request");
    f = finding_of(&r, "reply.simple.every-request");
    assert_string_equal(f->demanded, "S: DATA");
    assert_int_equal(strncmp(line_of(&r, f), "# nothing more came: ", 21), 0);
    end(&r);

    s = in_options();
    r = play_text(OPTIONS "C: OPT LIST\nS: REP ACK\n", &s);
    expect_rules(&r, "rep.every-option-answered");
    end(&r);

    s = in_options();
    replies(&s, 8, 1, "");
    exports(&s);
    add_chunk(says(&s), 0, 0, 1, 0); /* of a request that a server may close upon, but not be silent */
    r = play_text(OPTIONS "C: OPT STRUCTURED_REPLY\nS: REP ACK\nC: OPT EXPORT_NAME name=\"\"\nS: EXPORT\n"
                          "C: READ offset=0xffffffffffff0000 length=512\nS: DATA | ERROR\n",
                  &s);
    assert_non_null(finding_of(&r, "chunk.done.present"));
    assert_null(finding_of(&r, "reply.simple.every-request"));
    end(&r);

    s = (struct server){ .count = 0 };
    r = play_text("S: GREETING\nC: FLAGS offered\n", &s);
    expect_rules(&r, "greeting.magic");
    end(&r);

    s = in_transmission();
    r = play_text(TRANSMISSION, &s);
    expect_rules(&r, "cmd.disc.closes-connection");
    end(&r);
}

static void a_close_that_was_not_allowed_is_found_once(void **state)
{
    struct server s = in_transmission();
    struct run r;

    (void)state;
    closes(&s);
    r = play_text(TRANSMISSION "C: READ\nS: DATA by x\nC: READ\nS: DATA by y\n", &s);
    assert_non_null(finding_of(&r, "x"));
    assert_null(finding_of(&r, "y"));
    assert_string_equal(finding_of(&r, "x")->came, "the connection was closed");
    assert_string_equal(line_of(&r, finding_of(&r, "x")), "S: close");
    assert_false(r.result->server_closed_early);
    end(&r);
}

static void what_came_before_a_close_is_judged_first(void **state)
{
    struct server s = in_transmission();
    struct run r;

    (void)state;
    answers(&s, 0, 1, 512, 0);
    s.cues[s.count - 1].what = RESETS;
    r = play_text(TRANSMISSION "C: READ\nS: DATA zero\nC: READ\nS: DATA | close\n", &s);
    expect_clean(&r);
    assert_true(r.result->server_closed_early);
    end(&r);
}

static void breaks_allows_a_close_with_a_note(void **state)
{
    struct server s = in_transmission();
    struct run r;

    (void)state;
    closes(&s);
    r = play_text(TRANSMISSION
                  "C: CMD 999 breaks baseline.x\nS: ERROR EINVAL by x\ncanary\nC: READ\nS: DATA by y\n",
                  &s);
    expect_rules(&r, "");
    assert_non_null(r.result->findings);
    assert_true(r.result->findings->note);
    assert_int_equal(r.result->failed, 0);
    assert_true(r.result->server_closed_early);
    end(&r);
}

/* A server may say what is wrong, and then hang up. */
static void breaks_excuses_a_later_close_too(void **state)
{
    struct server s = in_transmission();
    struct run r;

    (void)state;
    answers(&s, 22, 1, 0, 0);
    closes(&s);
    r = play_text(TRANSMISSION "C: CMD 999 breaks baseline.x\nS: ERROR EINVAL by x\nC: READ\nS: DATA by y\n",
                  &s);
    assert_null(finding_of(&r, "y"));
    assert_int_equal(r.result->failed, 0);
    assert_true(r.result->server_closed_early);
    end(&r);

    s.next = 0;
    r = play_text(TRANSMISSION "C: CMD 999\nS: ERROR EINVAL by x\nC: READ\nS: DATA by y\n", &s);
    assert_non_null(finding_of(&r, "y"));
    end(&r);
}

static void a_server_may_close_after_a_read_that_failed_with_a_simple_reply(void **state)
{
    struct server s = in_transmission();
    struct run r;

    (void)state;
    answers(&s, 22, 1, 0, 0);
    closes(&s);
    r = play_text(TRANSMISSION "C: READ\nS: ERROR EINVAL\n", &s);
    assert_int_equal(r.result->failed, 0);
    end(&r);

    s = in_transmission();
    answers(&s, 22, 1, 0, 0);
    closes(&s);
    r = play_text(TRANSMISSION "C: FLUSH\nS: ERROR EINVAL\n", &s);
    assert_int_not_equal(r.result->failed, 0);
    end(&r);
}

/* ---- several connections ---- */

static void two_connections_are_told_apart(void **state)
{
    struct server s = in_options();
    struct run r;

    (void)state;
    greets(&s);
    s.cues[s.count - 1].connection = 1;
    replies(&s, 3, 1, "");
    s.cues[s.count - 1].connection = 1;
    replies(&s, 2, 1, "");
    replies(&s, 2, 1, "");
    s.cues[s.count - 1].connection = 1;
    r = play_text(OPTIONS "connect two start=connect\nS.two: GREETING\nC.two: FLAGS offered\n"
                          "C.two: OPT LIST\nS.two: REP ERR by x\n",
                  &s);
    expect_rules(&r, "x");
    assert_string_equal(finding_of(&r, "x")->came, "S.two: REP ACK option=LIST");
    assert_string_equal(finding_of(&r, "x")->demanded, "S.two: REP ERR");
    expect_transcript_has(&r, "connect two start=connect\nS.two: GREETING");
    assert_true(r.closed[0] && r.closed[1]);
    end(&r);
}

static void each_connection_goes_the_way_in(void **state)
{
    struct server s = in_transmission();
    struct run r;

    (void)state;
    greets(&s);
    exports(&s);
    s.cues[2].connection = s.cues[3].connection = 1;
    answers(&s, 0, 1, 512, 0);
    s.cues[4].connection = 1;
    closes(&s);
    closes(&s);
    s.cues[6].connection = 1;
    r = begin_play("case c \"c\"\nconnect two\nC.two: READ\nS.two: DATA zero\n", TRANSMISSION);
    play_on(&r, &s);
    expect_clean(&r);
    assert_int_equal(r.sent[0].len, 4 + 16 + 28);
    assert_int_equal(r.sent[1].len, 4 + 16 + 2 * 28);
    end(&r);
}

static void a_way_in_that_fails_ends_the_part_of_its_connection(void **state)
{
    struct server s = in_options();
    struct run r;

    (void)state;
    replies(&s, 7, 0x80000006, "");
    replies(&s, 2, 1, "");
    r = begin_play("case c \"c\"\nC: READ\nS: DATA by x\n",
                   OPTIONS "C: OPT GO name=\"\"\nS: REP INFO*\nS: REP ACK by y\n");
    play_on(&r, &s);
    expect_rules(&r, "y");
    expect_transcript_has(&r, "C: OPT ABORT\nS: REP ACK");
    end(&r);
}

static void a_connection_that_cannot_be_opened_ends_the_case(void **state)
{
    struct server s = in_options();
    struct run r;

    (void)state;
    replies(&s, 2, 1, "");
    s.refuses = true;
    r = play_text(OPTIONS "connect two\nS.two: GREETING by x\nC: OPT LIST\n", &s);
    expect_clean(&r);
    assert_true(r.result->unreachable);
    assert_string_equal(r.result->error_reason, "connection refused");
    assert_true(r.closed[0]);
    end(&r);
}

/* ---- TLS ---- */

#define UPGRADE OPTIONS "C: OPT STARTTLS\nS: REP ACK\n"

static void acknowledges_tls(struct server *s)
{
    greets(s);
    replies(s, 5, 1, "");
}

static void after_the_upgrade_the_case_goes_on(void **state)
{
    struct server s = { .tls = { .result = PLAY_TLS_OK, .version = SCRIPT_TLS_1_3 } };
    struct run r;

    (void)state;
    acknowledges_tls(&s);
    replies(&s, 3, 1, "");
    replies(&s, 2, 1, "");
    r = play_text(UPGRADE "C: tls versions=TLS1_3|TLS1_2\nS: tls ok version=TLS1_3\n"
                          "C: OPT LIST\nS: REP ACK\n",
                  &s);
    assert_int_equal(r.result->failed, 0);
    assert_int_equal(r.handshakes, 1);
    assert_int_equal(r.versions, SCRIPT_TLS_1_2 | SCRIPT_TLS_1_3);
    expect_transcript_has(&r, "\nS: tls ok version=TLS1_3\nC: OPT LIST\n");
    end(&r);
}

static void a_broken_handshake_breaks_what_the_line_cites(void **state)
{
    struct server s = { .tls = { .result = PLAY_TLS_BROKEN, .why = "no\nTLS" } };
    struct run r;

    (void)state;
    acknowledges_tls(&s);
    r = play_text(UPGRADE "C: tls\nS: tls ok by x.y\nC: OPT LIST\nS: REP ACK\n", &s);
    assert_int_equal(r.result->failed, 1);
    assert_string_equal(r.result->findings->rule, "x.y");
    assert_non_null(strstr(r.result->findings->came, "no\\nTLS"));
    end(&r);
}

/* Whom a server lets in is its own affair; which versions it speaks is not. */
static void a_refusal_breaks_no_row_unless_versions_were_given(void **state)
{
    static const struct {
        const char *line, *rule;
    } lines[] = { { "C: tls\n", NULL }, { "C: tls versions=TLS1_2\n", "x.y" } };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct server s = { .tls = { .result = PLAY_TLS_REFUSED, .why = "an alert" } };
        char text[400];
        struct run r;

        acknowledges_tls(&s);
        snprintf(text, sizeof text, UPGRADE "%sS: tls ok by x.y\n", lines[i].line);
        r = play_text(text, &s);
        assert_int_equal(r.result->failed, 1);
        if (lines[i].rule)
            assert_string_equal(r.result->findings->rule, lines[i].rule);
        else
            assert_null(r.result->findings->rule);
        end(&r);
    }
}

static void a_handshake_may_be_meant_to_fail(void **state)
{
    struct server s = { .tls = { .result = PLAY_TLS_REFUSED, .why = "an alert" } };
    struct run r;

    (void)state;
    acknowledges_tls(&s);
    s.cues[s.count++].what = RESETS;
    r = play_text(UPGRADE "C: tls\nS: tls failed\nS: close\n", &s);
    assert_int_equal(r.result->failed, 0);
    end(&r);
}

static void plain_text_is_sent_and_told_and_judges_nothing(void **state)
{
    struct server s = { .count = 0 };
    struct run r;

    (void)state;
    acknowledges_tls(&s);
    s.cues[s.count++].what = CLOSES;
    r = play_text(UPGRADE "C: plain \"xyz\"\nS: close\n", &s);
    assert_int_equal(r.result->failed, 0);
    assert_memory_equal(r.sent[0].at + r.sent[0].len - 3, "xyz", 3);
    expect_transcript_has(&r, "\nC: plain hex(\"78797a\")\nS: close\n");
    end(&r);
}

static void tls_without_leave_is_a_mistake(void **state)
{
    struct server s = { .count = 0 };
    struct run r;

    (void)state;
    greets(&s);
    r = play_text("S: GREETING\nC: FLAGS 3\nC: tls\nS: tls ok\n", &s);
    assert_true(r.result->error);
    assert_int_equal(r.handshakes, 0);
    end(&r);
}

static void closing_under_tls_without_close_notify_is_told(void **state)
{
    struct server s = { .tls = { .result = PLAY_TLS_OK, .version = SCRIPT_TLS_1_2 } };
    struct run r;

    (void)state;
    acknowledges_tls(&s);
    s.cues[s.count++].what = CUTS_OFF;
    r = play_text(UPGRADE "C: tls\nS: tls ok\nC: OPT EXPORT_NAME name=\"x\"\nS: close\n", &s);
    assert_int_equal(r.result->failed, 1);
    assert_string_equal(r.result->findings->rule, "session.hard-disconnect.tls-shutdown");
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stall_says_who_owes_whom),
        cmocka_unit_test(a_close_that_was_not_allowed_is_found_once),
        cmocka_unit_test(what_came_before_a_close_is_judged_first),
        cmocka_unit_test(breaks_allows_a_close_with_a_note),
        cmocka_unit_test(breaks_excuses_a_later_close_too),
        cmocka_unit_test(a_server_may_close_after_a_read_that_failed_with_a_simple_reply),
        cmocka_unit_test(two_connections_are_told_apart),
        cmocka_unit_test(each_connection_goes_the_way_in),
        cmocka_unit_test(a_way_in_that_fails_ends_the_part_of_its_connection),
        cmocka_unit_test(a_connection_that_cannot_be_opened_ends_the_case),
        cmocka_unit_test(after_the_upgrade_the_case_goes_on),
        cmocka_unit_test(a_broken_handshake_breaks_what_the_line_cites),
        cmocka_unit_test(a_refusal_breaks_no_row_unless_versions_were_given),
        cmocka_unit_test(a_handshake_may_be_meant_to_fail),
        cmocka_unit_test(plain_text_is_sent_and_told_and_judges_nothing),
        cmocka_unit_test(tls_without_leave_is_a_mistake),
        cmocka_unit_test(closing_under_tls_without_close_notify_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
