/* SPDX-License-Identifier: MIT */
/* The player against servers that answer as a case expects, or not. */
#include "script/play_puppet.h"
#include "script/words.h"

/* ---- the straight way ---- */

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

/* ---- what does not match ---- */

static void each_verb_that_does_not_match_is_found(void **state)
{
    static const struct {
        const char *line;
        uint32_t error;
        size_t data;
    } verbs[] = {
        { "C: READ\nS: DATA by x", 22, 0 },
        { "C: READ\nS: DATA zero by x", 0, 512 },
        { "C: READ\nS: ERROR by x", 0, 512 },
        { "C: READ\nS: ERROR EINVAL|EPERM by x", 5, 0 },
        { "C: READ\nS: OK by x", 22, 0 },
        { "C: READ\nS: STATUS by x", 0, 512 },
        { "C: READ\nS: OK form=structured by x", 0, 512 },
        { "C: READ\nS: OK chunks>0 by x", 0, 512 },
        { "C: READ\nS: DATA length<512 by x", 0, 512 },
        { "C: READ\nS: close by x", 0, 512 },
        { "C: READ\nS: ERROR message=\"no\" by x", 22, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        struct server s = in_transmission();
        char text[300];
        struct run r;

        answers(&s, verbs[i].error, 1, verbs[i].data, 9);
        if (verbs[i].error)
            answers(&s, 0, 2, 512, 9);
        closes(&s);
        snprintf(text, sizeof text, TRANSMISSION "%s\n", verbs[i].line);
        r = play_text(text, &s);
        expect_rules(&r, "x");
        assert_int_equal(strncmp(line_of(&r, finding_of(&r, "x")), "S: ", 3), 0);
        end(&r);
    }
}

static void a_full_server_ends_the_case_and_is_not_at_fault(void **state)
{
    static const struct {
        const char *line;
        uint32_t error;
        bool fails;
    } lines[] = {
        { "C: WRITE offset=0 length=512 data=zero\nS: OK", 28, false },
        { "C: WRITE offset=0 length=512 data=zero\nS: OK by x", 28, false },
        { "C: WRITE offset=0 length=512 data=zero\nS: OK", 5, true },
        { "C: READ\nS: DATA", 28, true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct server s = in_transmission();
        char text[300];
        struct run r;

        answers(&s, lines[i].error, 1, 0, 0);
        closes(&s);
        snprintf(text, sizeof text, TRANSMISSION "%s\nconnect two\nC.two: READ\nS.two: DATA\n",
                 lines[i].line);
        r = play_text(text, &s);
        assert_false(r.result->error);
        assert_null(finding_of(&r, "x"));
        assert_int_equal(r.result->failed > 0, lines[i].fails);
        end(&r);
    }
}

static void a_request_that_fails_says_nothing_of_rows_that_it_has_no_part_in(void **state)
{
    static const struct {
        const char *line;
        uint32_t error;
        bool blames;
    } lines[] = {
        { "C: READ\nS: DATA by x", 5, false },
        { "C: READ\nS: OK by x", 28, false },
        { "C: READ\nS: DATA zero by x", 22, false },
        { "C: READ\nS: DATA by x", 22, true },
        { "C: READ\nS: OK | ERROR EIO by x", 28, true },
        { "C: READ breaks y\nS: ERROR EINVAL by x", 5, true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct server s = in_transmission();
        char text[300];
        struct run r;

        answers(&s, lines[i].error, 1, 0, 0);
        answers(&s, 0, 2, 512, 9);
        closes(&s);
        snprintf(text, sizeof text, TRANSMISSION "%s\n", lines[i].line);
        r = play_text(text, &s);
        assert_int_equal(finding_of(&r, "x") != NULL, lines[i].blames);
        assert_true(r.result->failed > 0);
        end(&r);
    }
}

static void a_finding_says_what_was_demanded_and_what_came(void **state)
{
    struct server s = in_transmission();
    struct run r;
    const struct finding *f;

    (void)state;
    answers(&s, 0, 1, 512, 9);
    closes(&s);
    r = play_text(TRANSMISSION "C: READ offset=1024\nS: DATA fill(8)[..511] fill(9) by x, y\n", &s);
    expect_rules(&r, "x y");
    f = finding_of(&r, "x");
    assert_string_equal(f->demanded, "S: DATA fill(8)[..511] fill(9)");
    assert_string_equal(
        f->came, "S: DATA fill(0x9) cookie=1 form=simple: the byte at offset 1024 is 0x09 and not 0x08, "
                 "511 bytes differ");
    assert_string_equal(line_of(&r, f), "S: DATA fill(0x9) cookie=1 form=simple");
    assert_false(f->from_referee);
    assert_non_null(f->place.source);
    end(&r);
}

static void demands_are_judged_one_by_one(void **state)
{
    struct server s = in_transmission();
    struct run r;

    (void)state;
    answers(&s, 5, 1, 0, 0);
    answers(&s, 0, 2, 512, 0);
    closes(&s);
    r = play_text(TRANSMISSION
                  "C: READ\nS: ERROR by a\n & error=EPERM by b\n & error!=EINVAL by c\n & form=structured\n",
                  &s);
    expect_rules(&r, "b -");
    assert_string_equal(finding_of(&r, "b")->demanded, "& error=EPERM");
    end(&r);
}

static void after_a_failure_the_case_goes_on_without_cascades(void **state)
{
    struct server s = in_options();
    struct run r;
    struct bytes *b;

    (void)state;
    replies(&s, 3, 0x80000001, ""); /* where SERVER and ACK were expected */
    replies(&s, 0x1234, 0x80000001, "");
    b = says(&s); /* more than was expected, then the next answer */
    add_server_reply(b, "a");
    add_option_reply(b, 3, 1, "");
    replies(&s, 0x1234, 0x80000001, ""); /* the canary is not added: nothing failed since */
    replies(&s, 0x6e756c6c, 0x80000001, "");
    replies(&s, 2, 1, "");
    r = play_text(OPTIONS "C: OPT LIST\nS: REP SERVER by a\nS: REP ACK by b\n"
                          "C: OPT 0x1234\nS: REP ERR_UNSUP by c\n"
                          "C: OPT LIST\nS: REP ACK by d\nS: REP ACK by e\n"
                          "C: OPT 0x1234\nS: REP ERR_UNSUP by f\n",
                  &s);
    expect_rules(&r, "a d");
    end(&r);
}

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

/* ---- replies ---- */

static void replies_may_come_in_any_order(void **state)
{
    struct server s = in_transmission();
    struct run r;

    (void)state;
    add_simple(add_simple(add_simple(says(&s), 0, 3, 512, 3), 0, 1, 512, 1), 0, 2, 512, 2);
    closes(&s);
    r = play_text(TRANSMISSION "C: READ as a\nC: READ as b\nC: READ as c\n"
                               "S: a DATA fill(1) by x\nS: DATA fill(2) by x\nS: c DATA fill(3) by x\n",
                  &s);
    expect_clean(&r);
    end(&r);

    s.next = 0;
    r = play_text(TRANSMISSION
                  "C: READ as a\nC: READ as b\nC: READ\n"
                  "S: unordered {\n  b DATA fill(2) by x\n  a DATA fill(3) by y\n}\nS: DATA fill(3)\n",
                  &s);
    expect_rules(&r, "y");
    end(&r);
}

static void replies_that_nobody_asks_for_are_waited_for(void **state)
{
    struct server s = in_transmission();
    struct run r;

    (void)state;
    answers(&s, 0, 1, 512, 3);
    closes(&s);
    r = play_text(TRANSMISSION "C: READ\n", &s);
    expect_clean(&r);
    expect_transcript_has(&r, "S: DATA fill(0x3) cookie=1 form=simple\nC: DISC");
    end(&r);
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

static void a_reply_of_chunks_is_judged_as_a_whole(void **state)
{
    struct server s = in_options();
    struct bytes *b;
    struct run r;

    (void)state;
    replies(&s, 8, 1, "");
    exports(&s);
    b = add_chunk(says(&s), 0, 1, 1, 8 + 512); /* the second half first */
    put(b, 65536 + 512, 8);
    memset(b->at + b->len, 6, 512);
    b->len += 512;
    b = add_chunk(says(&s), 1, 2, 1, 12); /* a hole, and DONE */
    put(b, 65536, 8);
    put(b, 512, 4);
    closes(&s);
    r = play_text(OPTIONS
                  "C: OPT STRUCTURED_REPLY\nS: REP ACK\nC: OPT EXPORT_NAME name=\"\"\nS: EXPORT\n"
                  "C: READ length=1024\n"
                  "S: DATA zero[..512] fill(6) form=structured content_chunks=2 data_chunks=1 hole_chunks=1 "
                  "error_chunks=0 chunks<=3 length=1024 cookie=1\n",
                  &s);
    expect_clean(&r);
    expect_transcript_has(&r, "S: DATA zero[..512] fill(0x6)[..512] cookie=1 form=structured chunks=2\n");
    end(&r);
}

static void extended_headers_are_spoken_once_they_are_granted(void **state)
{
    struct server s = in_options();
    struct run r;

    (void)state;
    replies(&s, 11, 1, "");
    exports(&s);
    add_extended(says(&s), 1, 0, 1, 65536, 0);
    add_extended(says(&s), 1, 2, 2, 65536, 12);
    put(&s.cues[s.count - 1].bytes, 65536, 8);
    put(&s.cues[s.count - 1].bytes, 512, 4);
    add_extended(says(&s), 1, 0, 3, 7, 0); /* another offset than the request's */
    closes(&s);
    r = play_text(OPTIONS "C: OPT EXTENDED_HEADERS\nS: REP ACK\nC: OPT EXPORT_NAME name=\"\"\nS: EXPORT\n"
                          "C: WRITE_ZEROES\n"
                          "S: OK form=extended chunks=1 offset=65536\n"
                          "C: READ\n"
                          "S: DATA zero form=extended hole_chunks=1\n"
                          "C: CACHE length=0x100000000\n"
                          "S: OK by ext.effect.oversize-no-disconnect\n"
                          " & offset=65536 by ext.reply.layout\n",
                  &s);
    expect_rules(&r, "ext.reply.offset ext.reply.layout");
    expect_transcript_has(&r, "C: CACHE offset=65536 length=4294967296 cookie=3\n"
                              "S: OK cookie=3 form=extended chunks=1 offset=7\n");
    end(&r);
}

static void extents_are_judged(void **state)
{
    struct server s = in_options();
    struct bytes *b;
    struct run r;

    (void)state;
    replies(&s, 8, 1, "");
    b = says(&s);
    put(b, UINT64_C(0x3e889045565a9), 8); /* SET_META_CONTEXT selects base:allocation as 5 */
    put(b, 10, 4);
    put(b, 4, 4);
    put(b, 4 + 15, 4);
    put(b, 5, 4);
    put_text(b, "base:allocation");
    add_option_reply(b, 10, 1, "");
    exports(&s);
    b = add_chunk(says(&s), 1, 5, 1, 4 + 2 * 8);
    put(b, 5, 4);
    put(b, 512, 4);
    put(b, 3, 4);
    put(b, 1024, 4);
    put(b, 0, 4);
    closes(&s);
    r = play_text(
        OPTIONS "C: OPT STRUCTURED_REPLY\nS: REP ACK\n"
                "C: OPT SET_META_CONTEXT name=\"\" queries=(\"base:allocation\")\n"
                "S: REP META_CONTEXT id=?id name=\"base:allocation\"\nS: REP ACK\n"
                "C: OPT EXPORT_NAME name=\"\"\nS: EXPORT\n"
                "C: BLOCK_STATUS length=1536\n"
                "S: STATUS contexts=1 extents=2 first=512 first_flags=HOLE|ZERO total=1536 flags has HOLE\n",
        &s);
    expect_clean(&r);
    end(&r);
}

static void contents_are_judged_once(void **state)
{
    struct server s = in_transmission();
    struct run r;

    (void)state;
    answers(&s, 0, 1, 0, 0);
    answers(&s, 0, 2, 512, 4);
    closes(&s);
    r = play_text(TRANSMISSION "C: WRITE\nS: OK\nC: READ\nS: DATA\n", &s); /* the model says it */
    expect_rules(&r, "cmd.write.stored-before-reply");
    assert_true(r.result->findings->from_referee);
    assert_string_equal(line_of(&r, r.result->findings), "S: DATA fill(0x4) cookie=2 form=simple");
    expect_transcript_has(&r, "C: WRITE offset=65536 length=512 cookie=1 data=pattern(1)\n");
    end(&r);

    s.next = 0;
    r = play_text(TRANSMISSION "C: WRITE\nS: OK\nC: READ\nS: DATA pattern(1) by x\n",
                  &s); /* the line says it */
    expect_rules(&r, "x");
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

/* ---- haggling ---- */

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
        cmocka_unit_test(a_conversation_that_obeys_passes),
        cmocka_unit_test(goodbye_is_said_where_the_case_does_not),
        cmocka_unit_test(a_transcript_plays_again),
        cmocka_unit_test(each_verb_that_does_not_match_is_found),
        cmocka_unit_test(a_full_server_ends_the_case_and_is_not_at_fault),
        cmocka_unit_test(a_request_that_fails_says_nothing_of_rows_that_it_has_no_part_in),
        cmocka_unit_test(a_finding_says_what_was_demanded_and_what_came),
        cmocka_unit_test(demands_are_judged_one_by_one),
        cmocka_unit_test(after_a_failure_the_case_goes_on_without_cascades),
        cmocka_unit_test(a_stall_says_who_owes_whom),
        cmocka_unit_test(a_close_that_was_not_allowed_is_found_once),
        cmocka_unit_test(what_came_before_a_close_is_judged_first),
        cmocka_unit_test(breaks_allows_a_close_with_a_note),
        cmocka_unit_test(breaks_excuses_a_later_close_too),
        cmocka_unit_test(replies_may_come_in_any_order),
        cmocka_unit_test(replies_that_nobody_asks_for_are_waited_for),
        cmocka_unit_test(a_segment_leaves_together),
        cmocka_unit_test(reset_ends_the_connection_at_once),
        cmocka_unit_test(loops_repeat_their_lines),
        cmocka_unit_test(a_reply_of_chunks_is_judged_as_a_whole),
        cmocka_unit_test(extended_headers_are_spoken_once_they_are_granted),
        cmocka_unit_test(extents_are_judged),
        cmocka_unit_test(contents_are_judged_once),
        cmocka_unit_test(a_line_in_a_loop_is_found_once),
        cmocka_unit_test(many_replies_are_saved_compared_and_gone_through),
        cmocka_unit_test(replies_that_are_not_the_same_are_named),
        cmocka_unit_test(a_canary_follows_an_error),
        cmocka_unit_test(a_server_may_close_after_a_read_that_failed_with_a_simple_reply),
        cmocka_unit_test(a_canary_that_fails_tells_that_the_server_is_out_of_step),
        cmocka_unit_test(no_canary_where_it_is_off),
        cmocka_unit_test(two_connections_are_told_apart),
        cmocka_unit_test(each_connection_goes_the_way_in),
        cmocka_unit_test(a_way_in_that_fails_ends_the_part_of_its_connection),
        cmocka_unit_test(a_connection_that_cannot_be_opened_ends_the_case),
        cmocka_unit_test(mistakes_of_the_case_are_errors),
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
