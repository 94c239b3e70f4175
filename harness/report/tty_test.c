/* SPDX-License-Identifier: MIT */
#include "report/tty.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/constants.h"

/* A report and what it has written so far. */
struct fixture {
    FILE *out;
    char *text;
    size_t len;
    struct tty_report *report;
    struct listener listener;
};

static void set_up(struct fixture *f, const struct tty_options *options)
{
    struct tty_options all = *options;

    *f = (struct fixture){ 0 };
    f->out = open_memstream(&f->text, &f->len);
    assert_non_null(f->out);
    all.out = f->out;
    all.again = "nbdtest --server localhost:10809";
    f->report = tty_report_new(&all);
    f->listener = tty_report_listener(f->report);
}

static const char *written(struct fixture *f)
{
    fflush(f->out);
    return f->text;
}

static void tear_down(struct fixture *f)
{
    tty_report_free(f->report);
    fclose(f->out);
    free(f->text);
}

static void expect(struct fixture *f, const char *piece)
{
    if (!strstr(written(f), piece))
        print_error("'%s' is not in:\n%s\n", piece, f->text);
    assert_non_null(strstr(f->text, piece));
}

static void expect_not(struct fixture *f, const char *piece)
{
    if (strstr(written(f), piece))
        print_error("'%s' is in:\n%s\n", piece, f->text);
    assert_null(strstr(f->text, piece));
}

static const struct about about = {
    .server = "localhost:10809",
    .export = "disk",
    .size = UINT64_C(64) << 20,
    .transmission_flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH,
    .structured = true,
    .has_block_size = true,
    .minimum_block = 512,
    .preferred_block = 4096,
    .maximum_payload = 1048576,
    .writes_allowed = true,
    .scratch_ranges = 1,
    .scratch_offset = 65536,
    .scratch_length = 131072,
    .instances = 12,
};

static const struct requirement must = {
    .id = "cmd.write-zeroes.reads-zero",
    .level = LEVEL_MUST,
    .level_text = "MUST",
    .party = "server",
    .section = "Request types",
    .line = "2158",
    .summary = "A zeroed range reads as zero.",
    .judged = LEVEL_MUST,
};

static struct verdict_finding finding(void)
{
    return (struct verdict_finding){ .verdict = VERDICT_FAIL,
                                     .requirement = &must,
                                     .file = "cases/zeroes.nbd",
                                     .file_line = 12,
                                     .file_column = 4,
                                     .demanded = "DATA zero",
                                     .came = "DATA 0x01 at offset 65536",
                                     .transcript_line = 2 };
}

static struct instance failed(struct verdict_finding *findings)
{
    return (struct instance){ .file = "cases/zeroes.nbd",
                              .name = "reads-zero",
                              .title = "a zeroed range reads as zero",
                              .mode = "simple",
                              .choices = "length=1M",
                              .id = "reads-zero/simple/length=1M",
                              .verdict = VERDICT_FAIL,
                              .findings = findings,
                              .transcript = span_text("C: READ offset=65536\nS: DATA 0x01\nC: DISC\n") };
}

static struct instance plain(enum verdict verdict, const char *reason)
{
    return (struct instance){ .file = "cases/a.nbd",
                              .name = "a",
                              .title = "title of a",
                              .choices = "",
                              .id = "a/simple",
                              .verdict = verdict,
                              .reason = reason,
                              .transcript = span_text(verdict == VERDICT_SKIP ? "" : "C: FLUSH\nS: OK\n") };
}

/* ---- the tests ---- */

static void what_is_tested_is_said_first(void **state)
{
    struct about two = about;
    struct fixture f;

    (void)state;
    set_up(&f, &(struct tty_options){ 0 });
    f.listener.began(f.listener.ctx, &about);
    expect(&f, "server       localhost:10809\n");
    expect(&f, "export       \"disk\", 67108864 bytes (64 MiB)\n");
    expect(&f, "HAS_FLAGS");
    expect(&f, "SEND_FLUSH");
    expect(&f, "minimum 512, preferred 4096, maximum payload 1048576\n");
    expect(&f, "simple, structured");
    expect(&f, "131072 bytes from offset 65536, zeroed again at the end\n");
    tear_down(&f);

    two.scratch_ranges = 2;
    set_up(&f, &(struct tty_options){ 0 });
    f.listener.began(f.listener.ctx, &two);
    expect(&f, "writes       131072 bytes in 2 ranges from offset 65536 on, zeroed again at the end\n");
    tear_down(&f);
}

static void what_is_not_so_is_said_too(void **state)
{
    struct about other = about;
    struct fixture f;

    (void)state;
    other.export_chosen = true;
    other.size = 1000;
    other.structured = other.has_block_size = other.writes_allowed = false;
    other.writes_why_not = "--read-only";
    set_up(&f, &(struct tty_options){ 0 });
    f.listener.began(f.listener.ctx, &other);
    expect(&f, "\"disk\" (the only one that the server lists), 1000 bytes\n");
    expect(&f,
           "minimum 512, preferred 4096, maximum payload 1048576 (not advertised: the defaults, but smaller "
           "requests are not served)\n");
    expect(&f, "writes       none: --read-only\n");
    expect_not(&f, "structured");
    tear_down(&f);
}

static void a_failure_comes_with_its_proof(void **state)
{
    struct verdict_finding found = finding();
    struct instance i = failed(&found);
    struct fixture f;

    (void)state;
    set_up(&f, &(struct tty_options){ 0 });
    f.listener.instance(f.listener.ctx, &i);
    expect(&f, "FAIL  reads-zero/simple/length=1M: a zeroed range reads as zero\n");
    expect(&f, "fail  cmd.write-zeroes.reads-zero (MUST, \"Request types\", line 2158)\n");
    expect(&f, "demanded  A zeroed range reads as zero.\n");
    expect(&f, "expected  DATA zero\n");
    expect(&f, "came      DATA 0x01 at offset 65536\n");
    expect(&f, "at        cases/zeroes.nbd:12:4\n");
    expect(&f, "again     nbdtest --server localhost:10809 'reads-zero/simple/length=1M'\n");
    tear_down(&f);
}

static size_t times(struct fixture *f, const char *piece)
{
    size_t n = 0;

    for (const char *at = written(f); (at = strstr(at, piece)); at++)
        n++;
    return n;
}

static void what_was_proved_three_times_is_told_in_short(void **state)
{
    struct verdict_finding found = finding(), again = finding();
    struct instance i = failed(&found);
    struct totals totals = { 0 };

    (void)state;
    found.next = &again; /* one instance may show it twice */
    for (int transcripts = 0; transcripts < 2; transcripts++) {
        struct fixture f;

        set_up(&f, &(struct tty_options){ .transcripts = transcripts });
        for (unsigned n = 0; n < 5; n++)
            f.listener.instance(f.listener.ctx, &i);
        assert_int_equal(times(&f, "FAIL  reads-zero"), 5);
        assert_int_equal(times(&f, "came "), 10);
        assert_int_equal(times(&f, "again "), 5);
        assert_int_equal(times(&f, "demanded "), transcripts ? 10 : 6);
        assert_int_equal(times(&f, ">  2 | S: DATA 0x01"), transcripts ? 5 : 3);
        f.listener.ended(f.listener.ctx, &totals);
        expect(&f, "broken     5: cmd.write-zeroes.reads-zero, first in 'reads-zero/simple/length=1M'\n");
        tear_down(&f);
    }
}

static void the_worst_that_a_requirement_came_to_is_told_last(void **state)
{
    struct verdict_finding warned = finding(), bare = { .verdict = VERDICT_FAIL, .came = "S: ERROR" };
    struct instance first = failed(&warned), second = failed(&bare);
    struct totals totals = { 0 };
    struct fixture f;

    (void)state;
    warned.verdict = first.verdict = VERDICT_WARN;
    set_up(&f, &(struct tty_options){ 0 });
    f.listener.instance(f.listener.ctx, &first);
    f.listener.instance(f.listener.ctx, &second);
    f.listener.ended(f.listener.ctx, &totals);
    expect(&f, "warning    1: cmd.write-zeroes.reads-zero, first in 'reads-zero/simple/length=1M'\n"
               "broken     1: (what cases need in order to go on), first in");
    tear_down(&f);
}

static void a_server_that_died_is_told_apart_from_other_breaches_of_the_requirement(void **state)
{
    struct verdict_finding closed = finding();
    struct verdict_finding death = finding();
    struct instance first = failed(&closed), second = failed(&death);
    struct totals totals = { 0 };
    struct fixture f;

    (void)state;
    death.died = true;
    set_up(&f, &(struct tty_options){ 0 });
    f.listener.instance(f.listener.ctx, &first);
    f.listener.instance(f.listener.ctx, &second);
    f.listener.ended(f.listener.ctx, &totals);
    expect(&f, "broken     1: cmd.write-zeroes.reads-zero, first in");
    expect(&f, "broken     1: cmd.write-zeroes.reads-zero (the server serves nobody any more), first in");
    tear_down(&f);
}

static void the_line_that_shows_it_is_marked(void **state)
{
    struct verdict_finding note = finding(), found = finding();
    struct instance i = failed(&note);
    struct fixture f;

    (void)state;
    note.verdict = VERDICT_NOTE; /* the mark is the worst finding's */
    note.transcript_line = 1;
    note.next = &found;
    set_up(&f, &(struct tty_options){ 0 });
    f.listener.instance(f.listener.ctx, &i);
    expect(&f, "       1 | C: READ offset=65536\n    >  2 | S: DATA 0x01\n       3 | C: DISC\n");
    tear_down(&f);
}

static void a_finding_may_have_no_requirement_and_no_place(void **state)
{
    struct verdict_finding found = { .verdict = VERDICT_FAIL, .came = "the server died" };
    struct instance i = failed(&found);
    struct fixture f;

    (void)state;
    i.transcript = span_text("C: DISC"); /* without an end of line */
    set_up(&f, &(struct tty_options){ 0 });
    f.listener.instance(f.listener.ctx, &i);
    expect(&f, "  fail\n  came      the server died\n       1 | C: DISC\n");
    expect_not(&f, "demanded");
    expect_not(&f, ">");
    tear_down(&f);
}

static void what_makes_a_requirement_unclear_is_said(void **state)
{
    struct requirement unclear = must;
    struct verdict_finding found = finding();
    struct instance i = failed(&found);
    struct fixture f;

    (void)state;
    unclear.judged_why = "two sections disagree";
    found.requirement = &unclear;
    found.verdict = i.verdict = VERDICT_WARN;
    set_up(&f, &(struct tty_options){ 0 });
    f.listener.instance(f.listener.ctx, &i);
    expect(&f, "WARN  reads-zero/simple/length=1M");
    expect(&f, "unclear   two sections disagree\n");
    expect(&f, "again ");
    tear_down(&f);
}

static void a_known_deviation_has_its_reason_and_needs_no_proof(void **state)
{
    struct verdict_finding found = finding();
    struct instance i = failed(&found);
    struct fixture f;

    (void)state;
    found.verdict = i.verdict = VERDICT_KNOWN;
    found.known_reason = "bug 17";
    set_up(&f, &(struct tty_options){ 0 });
    f.listener.instance(f.listener.ctx, &i);
    expect(&f, "KNOWN  reads-zero/simple/length=1M");
    expect(&f, "known     bug 17\n");
    expect_not(&f, " | ");
    expect_not(&f, "again ");
    tear_down(&f);
}

static void what_passes_is_not_told_one_by_one(void **state)
{
    struct instance i = plain(VERDICT_PASS, NULL);
    struct fixture f;

    (void)state;
    set_up(&f, &(struct tty_options){ 0 });
    f.listener.instance(f.listener.ctx, &i);
    assert_string_equal(written(&f), "");
    tear_down(&f);

    set_up(&f, &(struct tty_options){ .transcripts = true });
    f.listener.instance(f.listener.ctx, &i);
    expect(&f, "pass  a/simple: title of a\n");
    expect(&f, "       1 | C: FLUSH\n       2 | S: OK\n");
    tear_down(&f);
}

static void skips_are_told_by_reason_with_their_number(void **state)
{
    struct instance first = plain(VERDICT_SKIP, "needs SEND_TRIM"), second = plain(VERDICT_SKIP, "size");
    struct totals totals = { .by_verdict[VERDICT_SKIP] = 3 };
    struct fixture f;

    (void)state;
    set_up(&f, &(struct tty_options){ .transcripts = true });
    f.listener.instance(f.listener.ctx, &first);
    f.listener.instance(f.listener.ctx, &second);
    f.listener.instance(f.listener.ctx, &first);
    assert_string_equal(written(&f), "");
    f.listener.ended(f.listener.ctx, &totals);
    expect(&f, "skipped    2: needs SEND_TRIM\nskipped    1: size\n");
    expect(&f, "0 pass, 3 skip, 0 fail");
    tear_down(&f);
}

static void totals_come_last(void **state)
{
    struct totals totals = { .by_verdict = { [VERDICT_PASS] = 9, [VERDICT_WARN] = 2, [VERDICT_FAIL] = 1 },
                             .requirements_checked = 40,
                             .requirements_failed = 1,
                             .requirements_warned = 2,
                             .took_ns = UINT64_C(1250000000) };
    struct instance i = plain(VERDICT_PASS, NULL);
    struct fixture f;

    (void)state;
    set_up(&f, &(struct tty_options){ 0 });
    for (unsigned n = 0; n < 12; n++)
        f.listener.instance(f.listener.ctx, &i);
    f.listener.ended(f.listener.ctx, &totals);
    assert_string_equal(written(&f), "12 instances in 1.25 s: 9 pass, 2 warn, 1 fail\n"
                                     "40 requirements checked, 1 broken, 2 recommendations not followed\n");
    tear_down(&f);
}

static void experimental_extensions_are_told_apart(void **state)
{
    struct totals totals = { .requirements_checked = 40,
                             .experimental_checked = 3,
                             .experimental_failed = 1 };
    struct requirement extended = must;
    struct verdict_finding v = finding();
    struct instance i = plain(VERDICT_FAIL, NULL);
    struct fixture f;

    (void)state;
    set_up(&f, &(struct tty_options){ 0 });
    extended.line = "ext:509";
    v.requirement = &extended;
    i.findings = &v;
    f.listener.instance(f.listener.ctx, &i);
    expect(&f, "line ext:509, experimental)");
    f.listener.ended(f.listener.ctx, &totals);
    expect(&f, "40 requirements checked, 0 broken, 0 recommendations not followed\n"
               "experimental: 3 requirements checked, 1 broken, 0 recommendations not followed\n");
    tear_down(&f);
}

static void what_was_left_behind_is_said_loudly(void **state)
{
    struct totals totals = { .not_zeroed_offset = 65536,
                             .not_zeroed_length = 512,
                             .stopped = "the server serves no connection any more" };
    struct fixture f;

    (void)state;
    set_up(&f, &(struct tty_options){ 0 });
    f.listener.ended(f.listener.ctx, &totals);
    expect(&f, "NOT ZEROED AGAIN: 512 bytes from offset 65536\n");
    expect(&f, "stopped early: the server serves no connection any more\n");
    tear_down(&f);
}

static void everything(struct fixture *f)
{
    struct verdict_finding found = finding();
    struct instance fails = failed(&found), passes = plain(VERDICT_PASS, NULL);
    struct totals totals = { .by_verdict[VERDICT_PASS] = 1 };

    f->listener.began(f->listener.ctx, &about);
    f->listener.instance(f->listener.ctx, &passes);
    f->listener.instance(f->listener.ctx, &fails);
    f->listener.ended(f->listener.ctx, &totals);
}

static void there_are_no_colours_unless_asked_for(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, &(struct tty_options){ 0 });
    everything(&f);
    expect_not(&f, "\033");
    expect_not(&f, "\r");
    tear_down(&f);

    set_up(&f, &(struct tty_options){ .colours = true });
    everything(&f);
    expect(&f, "\033[1;31mFAIL\033[0m  reads-zero");
    expect_not(&f, "\r");
    tear_down(&f);
}

static void progress_is_a_line_that_goes_away(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, &(struct tty_options){ .progress = true });
    everything(&f);
    expect(&f, "\r\033[K[1/12] a/simple\r\033[KFAIL  reads-zero");
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_tested_is_said_first),
        cmocka_unit_test(what_is_not_so_is_said_too),
        cmocka_unit_test(a_failure_comes_with_its_proof),
        cmocka_unit_test(what_was_proved_three_times_is_told_in_short),
        cmocka_unit_test(the_worst_that_a_requirement_came_to_is_told_last),
        cmocka_unit_test(a_server_that_died_is_told_apart_from_other_breaches_of_the_requirement),
        cmocka_unit_test(the_line_that_shows_it_is_marked),
        cmocka_unit_test(a_finding_may_have_no_requirement_and_no_place),
        cmocka_unit_test(what_makes_a_requirement_unclear_is_said),
        cmocka_unit_test(a_known_deviation_has_its_reason_and_needs_no_proof),
        cmocka_unit_test(what_passes_is_not_told_one_by_one),
        cmocka_unit_test(skips_are_told_by_reason_with_their_number),
        cmocka_unit_test(totals_come_last),
        cmocka_unit_test(experimental_extensions_are_told_apart),
        cmocka_unit_test(what_was_left_behind_is_said_loudly),
        cmocka_unit_test(there_are_no_colours_unless_asked_for),
        cmocka_unit_test(progress_is_a_line_that_goes_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
