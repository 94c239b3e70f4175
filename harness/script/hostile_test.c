/* SPDX-License-Identifier: MIT */
/* The player against servers that fall silent, leave, lie or never end. */
#include "script/play_puppet.h"

/* A conversation with a bit of everything. */
static const char *const long_case =
    "S: GREETING\nC: FLAGS offered\nC: OPT LIST\nS: REP SERVER* as all\nS: REP ACK by x\n"
    "C: OPT EXPORT_NAME name=\"\"\nS: EXPORT\nC: READ length=16 as a\nC: CMD 999 as b\nS: b ERROR\nS: a "
    "DATA\n";

static struct server long_server(void)
{
    struct server s = in_options();
    struct bytes *b = says(&s);

    add_server_reply(b, "disk");
    add_option_reply(b, 3, 1, "");
    exports(&s);
    add_simple(add_simple(says(&s), 22, 2, 0, 0), 0, 1, 16, 4);
    answers(&s, 0, 3, 512, 4);
    closes(&s);
    return s;
}

static void any_cut_gives_the_same_transcript(void **state)
{
    struct server s = long_server();
    struct run whole = play_text(long_case, &s);

    (void)state;
    expect_clean(&whole);
    for (size_t cut = 1; cut < 50; cut++) {
        struct run r;

        s = long_server();
        s.cut = cut;
        r = play_text(long_case, &s);
        expect_clean(&r);
        assert_true(span_equal(r.result->transcript, whole.result->transcript));
        end(&r);
    }
    end(&whole);
}

static void silence_or_a_close_after_any_byte_ends_in_findings(void **state)
{
    (void)state;
    for (size_t after = 0; after < 600; after++)
        for (int quit = 0; quit < 2; quit++) {
            struct server s = long_server();
            struct run r;

            s.silence = 1 + after;
            s.quit = quit;
            r = play_text(long_case, &s);
            assert_false(r.result->error);
            if (r.result->failed == 0 && !r.result->server_closed_early)
                show(&r);
            assert_true(r.result->failed > 0 || r.result->server_closed_early);
            assert_true(r.result->failed < 6);
            end(&r);
        }
}

static void any_wrong_byte_is_survived(void **state)
{
    (void)state;
    for (size_t cue = 0; cue < 5; cue++)
        for (size_t at = 0; at < 60; at++) {
            struct server s = long_server();
            struct run r;

            if (at >= s.cues[cue].bytes.len)
                break;
            s.cues[cue].bytes.at[at] ^= 0xff;
            r = play_text(long_case, &s);
            end(&r);
        }
}

/* Gives the same bytes for ever. */
static struct run flood(const char *text, struct server *s, const struct bytes *endless)
{
    struct run r = begin_play(text, NULL);
    struct play_action a;

    for (a = play_next(r.play); a.kind != PLAY_DONE; a = play_next(r.play)) {
        if (a.kind == PLAY_WAIT && s->next == s->count)
            play_received(r.play, 0, span_of(endless->at, endless->len));
        else
            act(&r, s, &a);
        r.waits = 0;
    }
    return r;
}

static void endless_option_replies_are_cut_short(void **state)
{
    struct server s = in_options();
    struct bytes endless = { .len = 0 };
    struct run r;

    (void)state;
    add_server_reply(&endless, "again");
    r = flood("case c \"c\"\nstart connect\n" OPTIONS "C: OPT LIST\nS: REP SERVER*\nS: REP ACK by x\n", &s,
              &endless);
    assert_non_null(finding_of(&r, "rep.every-option-answered"));
    assert_string_equal(finding_of(&r, "rep.every-option-answered")->came, "16384 replies and no final one");
    end(&r);
}

static void endless_replies_to_nothing_are_cut_short(void **state)
{
    struct server s = in_transmission();
    struct bytes endless = { .len = 0 };
    struct run r;

    (void)state;
    for (int i = 0; i < 100; i++)
        add_simple(&endless, 0, 77, 0, 0);
    r = flood("case c \"c\"\nstart connect\n" TRANSMISSION "C: FLUSH\nS: OK by x\n", &s, &endless);
    assert_true(r.result->failed > 0);
    assert_true(r.result->transcript.len < 20 * 1024 * 1024);
    end(&r);
}

static void waits_share_one_limit_while_little_comes(void **state)
{
    struct server s = in_transmission();
    struct bytes reply = { .len = 0 };
    struct run r;
    uint64_t wait = 0;

    (void)state;
    add_simple(&reply, 0, 1, 512, 0);
    r = begin_play("case c \"c\"\nstart connect\n" TRANSMISSION "C: READ\nS: DATA\n", NULL);
    for (size_t given = 0; given < reply.len;) {
        struct play_action a = play_next(r.play);

        if (a.kind != PLAY_WAIT || s.next < s.count) {
            act(&r, &s, &a);
            continue;
        }
        assert_int_equal(a.time_ns, 1000000000);
        assert_true(given == 0 || a.wait == wait);
        wait = a.wait;
        play_received(r.play, 0, span_of(reply.at + given++, 1));
    }
    assert_int_not_equal(play_next(r.play).wait, wait);
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_gives_the_same_transcript),
        cmocka_unit_test(silence_or_a_close_after_any_byte_ends_in_findings),
        cmocka_unit_test(any_wrong_byte_is_survived),
        cmocka_unit_test(endless_option_replies_are_cut_short),
        cmocka_unit_test(endless_replies_to_nothing_are_cut_short),
        cmocka_unit_test(waits_share_one_limit_while_little_comes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
