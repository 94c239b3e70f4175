/* SPDX-License-Identifier: MIT */
/* The player: what comes compared with what a line expects, and what is found of it. */
#include "script/play_puppet.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_verb_that_does_not_match_is_found),
        cmocka_unit_test(a_full_server_ends_the_case_and_is_not_at_fault),
        cmocka_unit_test(a_request_that_fails_says_nothing_of_rows_that_it_has_no_part_in),
        cmocka_unit_test(a_finding_says_what_was_demanded_and_what_came),
        cmocka_unit_test(demands_are_judged_one_by_one),
        cmocka_unit_test(after_a_failure_the_case_goes_on_without_cascades),
        cmocka_unit_test(replies_may_come_in_any_order),
        cmocka_unit_test(replies_that_nobody_asks_for_are_waited_for),
        cmocka_unit_test(a_reply_of_chunks_is_judged_as_a_whole),
        cmocka_unit_test(extended_headers_are_spoken_once_they_are_granted),
        cmocka_unit_test(extents_are_judged),
        cmocka_unit_test(contents_are_judged_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
