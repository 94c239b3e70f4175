/* SPDX-License-Identifier: MIT */
/* Whole runs against a server within the process, from the case's text to the verdict and the status. */
#include "runner/drive.h"
#include "runner/run.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/clock.h"
#include "runner/test_server.h"
#include "script/parse.h"

#define SECOND UINT64_C(1000000000)
#define SIZE (256 * 1024)

static const char table[] = "id\tlevel\tparty\tsection\tline\tsummary\n"
                            "zeroes.read\tMUST\tserver\tS\t1\tA zeroed range reads as zero.\n"
                            "error.einval\tSHOULD\tserver\tS\t2\tAn unknown command draws EINVAL.\n"
                            "info.go\tMAY\tserver\tS\t3\tx\n"
                            "baseline.cmd-read\tMUST\tserver\tS\t4\tREAD is implemented.\n"
                            "session.transmission.disconnect-only-when-allowed\tMUST-NOT\tserver\tS\t5\tx\n";

static const char cases[] =
    "case zeroes \"t\"\nmodes simple structured\nneeds writable, SEND_WRITE_ZEROES\nwindow 4*$block\n\n"
    "C: WRITE offset=$base length=4*$block data=pattern(1)\nS: OK\n"
    "C: WRITE_ZEROES offset=$base length=2*$block\nS: OK\n"
    "C: READ offset=$base length=4*$block\n"
    "S: DATA zero[..2*$block] pattern(1)[2*$block..]  by zeroes.read\n"
    "\n"
    "case unknown \"t\"\nmodes simple\n\n"
    "C: CMD 999 offset=0 length=0\nS: ERROR by error.einval\n & error=ENOTSUP by error.einval\n"
    "\n"
    "case trims \"t\"\nmodes simple\nneeds SEND_TRIM\n\nC: DISC\nS: close\n";

/* What listeners are told. */
struct told {
    unsigned began, instances, ended;
    size_t by_verdict[VERDICT_COUNT];
    char last_id[100], reason[100], came[200], writes_why_not[100];
    struct totals totals;
    bool died;
    size_t transcripts;
};

static void began(void *ctx, const struct about *about)
{
    struct told *t = ctx;

    t->began++;
    snprintf(t->writes_why_not, sizeof t->writes_why_not, "%s",
             about->writes_why_not ? about->writes_why_not : "");
}

static void one(void *ctx, const struct instance *i)
{
    struct told *t = ctx;

    t->instances++;
    t->by_verdict[i->verdict]++;
    t->died = t->died || i->server_died;
    t->transcripts += i->transcript.len > 0;
    snprintf(t->last_id, sizeof t->last_id, "%s", i->id);
    if (i->reason)
        snprintf(t->reason, sizeof t->reason, "%s", i->reason);
    for (const struct verdict_finding *f = i->findings; f; f = f->next)
        snprintf(t->came, sizeof t->came, "%s", f->came);
}

static void ended(void *ctx, const struct totals *totals)
{
    struct told *t = ctx;

    t->ended++;
    t->totals = *totals;
}

struct fixture {
    struct test_server server;
    struct run_options options;
    struct catalogue *catalogue;
    struct expectation *expectation;
    struct library library;
    struct tree *tree;
    struct diagnostics d;
    struct buffer error;
    struct told told;
};

static void set_up(struct fixture *f, const char *text)
{
    *f = (struct fixture){ .server = test_server(SIZE) };
    diagnostics_init(&f->d);
    buffer_init(&f->error, 64 * 1024);
    f->options.timeout_ns = SECOND;
    f->catalogue = catalogue_parse("t", span_text(table), &f->d);
    f->tree = tree_parse("t.nbd", span_text(text), &f->d);
    f->library = (struct library){ &f->tree, 1, NULL };
    assert_string_equal(buffer_text(&f->d.text), "");
}

static void expect_broken(struct fixture *f, const char *text)
{
    f->expectation = expectation_parse("known", span_text(text), f->catalogue, &f->d);
    assert_non_null(f->expectation);
}

static enum status run(struct fixture *f)
{
    const struct listener listener = { .began = began, .instance = one, .ended = ended, .ctx = &f->told };
    const struct target target = test_target(&f->server);

    return run_library(&f->library, f->catalogue, &target, &f->options, f->expectation, &listener, 1,
                       &f->error);
}

static void tear_down(struct fixture *f)
{
    assert_int_equal(f->server.open, 0);
    free(f->server.store);
    expectation_free(f->expectation);
    catalogue_free(f->catalogue);
    tree_free(f->tree);
    buffer_free(&f->error);
    diagnostics_free(&f->d);
}

static void verdicts_follow_from_the_levels_of_rows(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, cases);
    assert_int_equal(run(&f), STATUS_CONFORMS);
    assert_string_equal(buffer_text(&f.error), "");
    assert_int_equal(f.told.began, 1);
    assert_int_equal(f.told.ended, 1);
    assert_int_equal(f.told.instances, 4);
    assert_int_equal(f.told.by_verdict[VERDICT_PASS], 2);
    assert_int_equal(f.told.by_verdict[VERDICT_WARN], 1); /* error=ENOTSUP, SHOULD */
    assert_int_equal(f.told.by_verdict[VERDICT_SKIP], 1);
    assert_string_equal(f.told.reason, "needs SEND_TRIM");
    assert_int_equal(f.told.transcripts, 3);
    assert_int_equal(f.told.totals.requirements_checked, 2);
    assert_int_equal(f.told.totals.requirements_warned, 1);
    assert_int_equal(f.told.totals.requirements_failed, 0);
    assert_int_equal(f.told.totals.not_zeroed_length, 0);
    for (size_t i = 0; i < SIZE; i++)
        assert_int_equal(f.server.store[i], 0); /* cleaned up */
    tear_down(&f);
}

static void a_must_that_does_not_hold_is_a_violation(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, cases);
    f.server.zeroes_nothing = true;
    assert_int_equal(run(&f), STATUS_VIOLATIONS);
    assert_int_equal(f.told.by_verdict[VERDICT_FAIL], 2);
    assert_int_equal(f.told.totals.requirements_failed, 1);
    tear_down(&f);
}

static void warnings_matter_where_the_user_is_strict(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, cases);
    f.options.strict = true;
    assert_int_equal(run(&f), STATUS_VIOLATIONS);
    tear_down(&f);
}

static void what_is_expected_is_known_and_what_is_not_so_is_fixed(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, cases);
    expect_broken(&f, "error.einval unknown/* says EINVAL\nzeroes.read zeroes/simple used to be\n");
    assert_int_equal(run(&f), STATUS_CONFORMS);
    assert_int_equal(f.told.by_verdict[VERDICT_KNOWN], 1);
    assert_int_equal(f.told.by_verdict[VERDICT_FIXED], 1);
    assert_int_equal(f.told.by_verdict[VERDICT_PASS], 2);
    tear_down(&f);
}

static void without_leave_nothing_is_written(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, cases);
    f.options.read_only = true;
    f.server.store[65536] = 'x'; /* nobody minds */
    assert_int_equal(run(&f), STATUS_CONFORMS);
    assert_int_equal(f.told.by_verdict[VERDICT_SKIP], 3);
    assert_string_equal(f.told.writes_why_not, "--read-only");
    assert_int_equal(f.server.store[65536], 'x');
    tear_down(&f);
}

static void data_stop_the_run_before_it_begins(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, cases);
    f.server.store[65536] = 'x';
    assert_int_equal(run(&f), STATUS_USAGE);
    assert_int_equal(f.told.began, 0);
    assert_non_null(strstr(buffer_text(&f.error), "the export holds data"));
    f.options.destroy = true;
    assert_int_equal(run(&f), STATUS_CONFORMS);
    tear_down(&f);
}

static void why_nobody_can_look_is_told_whatever_was_asked_for(void **state)
{
    static const char reads[] = "\ncase reads \"t\"\nmodes simple\n\n"
                                "C: READ offset=0 length=2*$block\nS: DATA by baseline.cmd-read\n";
    const char *const asked = "zeroes";
    char text[sizeof cases + sizeof reads];
    struct fixture f;

    (void)state;
    snprintf(text, sizeof text, "%s%s", cases, reads);
    set_up(&f, text);
    f.options.patterns = &asked;
    f.options.pattern_count = 1;
    assert_int_equal(run(&f), STATUS_CONFORMS);
    assert_int_equal(f.told.instances, 2);
    f.told = (struct told){ 0 };
    f.server.read_max = 1;
    assert_int_equal(run(&f), STATUS_VIOLATIONS);
    assert_non_null(strstr(buffer_text(&f.error), "cannot tell whether the export holds data"));
    assert_int_equal(f.told.instances, 3);
    assert_int_equal(f.told.by_verdict[VERDICT_SKIP], 2);
    assert_int_equal(f.told.by_verdict[VERDICT_FAIL], 1);
    assert_string_equal(f.told.last_id, "reads/simple");
    assert_int_equal(f.told.totals.requirements_failed, 1);
    tear_down(&f);
}

static void a_server_that_dies_ends_the_run(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, cases);
    f.options.destroy = true;
    f.server.dies = true;
    assert_int_equal(run(&f), STATUS_DIED);
    assert_true(f.told.died);
    assert_int_equal(f.told.totals.requirements_failed, 1); /* it disconnected whoever was served */
    assert_int_equal(f.told.instances, 1);
    assert_int_equal(f.told.ended, 1);
    assert_non_null(f.told.totals.stopped);
    assert_true(f.told.totals.not_zeroed_length > 0);
    tear_down(&f);
}

static void what_a_death_that_is_expected_brings_about_is_known(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, cases);
    f.options.destroy = true;
    f.server.dies = true;
    expect_broken(&f, "dies * sometimes it does\n");
    run(&f);
    assert_int_equal(f.told.by_verdict[VERDICT_KNOWN], 1);
    assert_int_equal(f.told.by_verdict[VERDICT_FAIL] + f.told.by_verdict[VERDICT_WARN], 0);
    tear_down(&f);

    set_up(&f, cases); /* and is not missed where it does not come */
    f.options.destroy = true;
    expect_broken(&f, "dies * sometimes it does\n");
    run(&f);
    assert_int_equal(f.told.by_verdict[VERDICT_KNOWN] + f.told.by_verdict[VERDICT_FIXED], 0);
    tear_down(&f);
}

static void what_is_all_skipped_has_a_status_of_its_own(void **state)
{
    const char *pattern = "trims";
    struct fixture f;

    (void)state;
    set_up(&f, cases);
    f.options.patterns = &pattern;
    f.options.pattern_count = 1;
    assert_int_equal(run(&f), STATUS_SKIPPED);
    pattern = "nothing";
    assert_int_equal(run(&f), STATUS_USAGE);
    tear_down(&f);
}

static void a_server_that_is_not_there_is_unreachable(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, cases);
    f.server.dead = true;
    assert_int_equal(run(&f), STATUS_UNREACHABLE);
    assert_int_equal(f.told.began, 0);
    tear_down(&f);
}

static void list_one(void *ctx, const struct instance *i)
{
    assert_non_null(i->id);
    ++*(unsigned *)ctx;
}

static void instances_are_listed_without_a_server(void **state)
{
    unsigned count = 0;
    struct fixture f;

    (void)state;
    set_up(&f, cases);
    run_list(&f.library, &f.options, list_one, &count);
    assert_int_equal(count, 4);
    assert_int_equal(f.server.connections, 0);
    tear_down(&f);
}

static void silence_is_a_verdict_at_once_within_the_process(void **state)
{
    uint64_t began_ns = clock_ns();
    struct fixture f;

    (void)state;
    set_up(&f, "case waits \"t\"\nstart options\n\nS: REP ACK\n");
    assert_int_equal(run(&f), STATUS_VIOLATIONS);
    assert_int_equal(f.told.by_verdict[VERDICT_FAIL], 1);
    assert_true(clock_ns() - began_ns < SECOND);
    tear_down(&f);
}

static void a_server_that_often_says_nothing_is_not_waited_for_as_long(void **state)
{
    struct drive d = { .timeout_ns = 20 * SECOND, .slowest_ns = SECOND / 100, .stalls = 2 };

    (void)state;
    assert_int_equal(drive_patience(&d, 10 * SECOND, false), 10 * SECOND);
    d.stalls = 3;
    assert_int_equal(drive_patience(&d, 10 * SECOND, false), SECOND);
    assert_int_equal(drive_patience(&d, SECOND / 2, false), SECOND / 2);
    d.slowest_ns = 2 * SECOND; /* a slow one */
    assert_int_equal(drive_patience(&d, 10 * SECOND, false), 4 * SECOND);
    d.slowest_ns = 6 * SECOND;
    assert_int_equal(drive_patience(&d, 10 * SECOND, false), 10 * SECOND);
    d.stalls = 100; /* next to nothing is answered, but what is takes its time */
    assert_int_equal(drive_patience(&d, 15 * SECOND, false), 12 * SECOND);
    d.slowest_ns = SECOND / 100;
    assert_int_equal(drive_patience(&d, 10 * SECOND, false), SECOND / 4);
    assert_int_equal(drive_patience(&d, 60 * SECOND, false), 60 * SECOND); /* what takes long */
    d.long_stalls = 1;
    assert_int_equal(drive_patience(&d, 60 * SECOND, false), 20 * SECOND);
    d.slowest_long_ns = 12 * SECOND;
    assert_int_equal(drive_patience(&d, 10 * SECOND, false), SECOND / 4);
    assert_int_equal(drive_patience(&d, 60 * SECOND, false), 24 * SECOND);
    d = (struct drive){ .stalls = 3, .within = true };
    assert_int_equal(drive_patience(&d, 10 * SECOND, false), 10 * SECOND);
}

static void a_server_that_leaves_connections_open_is_hardly_waited_for_at_their_end(void **state)
{
    struct drive d = { .slowest_ns = SECOND / 1000, .left_open = 2 };

    (void)state;
    assert_int_equal(drive_patience(&d, 10 * SECOND, true), 10 * SECOND);
    d.left_open = 3;
    assert_in_range(drive_patience(&d, 10 * SECOND, true), SECOND / 100, SECOND / 10);
    assert_int_equal(drive_patience(&d, 10 * SECOND, false), 10 * SECOND); /* it answers */
    d = (struct drive){ .stalls = 3, .left_open = 2 };
    assert_int_equal(drive_patience(&d, 10 * SECOND, true), 10 * SECOND);
}

static void replies_without_an_end_are_cut_off(void **state)
{
    static const uint8_t one_reply[] = {
        0, 0x03, 0xe8, 0x89, 0x04, 0x55, 0x65, 0xa9, /* NBD_REP_MAGIC */
        0, 0,    0,    3,    0,    0,    0,    2,    /* LIST, SERVER */
        0, 0,    0,    4,    0,    0,    0,    0,    /* length 4: a name of no bytes */
    };
    uint64_t began_ns = clock_ns();
    struct fixture f;

    (void)state;
    set_up(&f, "case endless \"t\"\nstart options\n\nC: OPT LIST\nS: REP SERVER*\nS: REP ACK\n");
    f.server.canned_option = NBD_OPT_LIST;
    f.server.canned = span_of(one_reply, sizeof one_reply);
    f.server.repeats = true;
    f.options.timeout_ns = SECOND / 10;
    assert_int_equal(run(&f), STATUS_VIOLATIONS);
    assert_int_equal(f.told.by_verdict[VERDICT_FAIL], 1);
    assert_true(clock_ns() - began_ns < 20 * SECOND);
    tear_down(&f);
}

static void a_busy_machine_is_no_fault_of_a_server_within_the_process(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, cases);
    f.server.takes_ns = SECOND / 50;
    f.options.timeout_ns = SECOND / 100;
    assert_int_equal(run(&f), STATUS_CONFORMS);
    tear_down(&f);
}

static void a_server_that_closes_at_every_byte_is_survived(void **state)
{
    struct fixture f;

    (void)state;
    for (size_t bytes = 1; bytes < 300; bytes++) {
        set_up(&f, cases);
        f.options.destroy = true;
        f.server.closes_after = bytes;
        run(&f);
        tear_down(&f);
    }
}

/* ---- in several processes ---- */

static void several_jobs_come_to_the_same(void **state)
{
    (void)state;
    for (unsigned jobs = 2; jobs < 6; jobs++) {
        struct fixture f;

        set_up(&f, cases);
        expect_broken(&f, "error.einval * it is like that\n");
        f.options.jobs = jobs;
        f.options.strict = true;
        f.server.zeroes_nothing = true;
        assert_int_equal(run(&f), STATUS_VIOLATIONS);
        assert_int_equal(f.told.instances, 4);
        assert_int_equal(f.told.by_verdict[VERDICT_FAIL], 2);
        assert_int_equal(f.told.by_verdict[VERDICT_KNOWN], 1);
        assert_int_equal(f.told.by_verdict[VERDICT_SKIP], 1);
        assert_int_equal(f.told.transcripts, 3);
        assert_int_equal(f.told.totals.requirements_checked, 2);
        assert_string_equal(f.told.last_id, "trims/simple");
        tear_down(&f);
    }
}

static void what_ends_a_job_is_an_error_of_its_instance(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, cases);
    f.options.jobs = 2;
    f.server.kills = 999;
    assert_int_equal(run(&f), STATUS_DEFECT);
    assert_int_equal(f.told.instances, 4);
    assert_int_equal(f.told.by_verdict[VERDICT_ERROR], 1);
    assert_int_equal(f.told.by_verdict[VERDICT_PASS], 2);
    assert_int_equal(f.told.by_verdict[VERDICT_SKIP], 1);
    assert_non_null(
        strstr(buffer_text(&f.error), "unknown/simple could not be run: the process that played it"));
    tear_down(&f);
}

static void a_server_that_dies_ends_all_jobs(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, cases);
    f.options.jobs = 2;
    f.server.dies = true;
    assert_int_equal(run(&f), STATUS_DIED);
    assert_true(f.told.died);
    assert_int_equal(f.told.ended, 1);
    tear_down(&f);
}

/* ---- sweeps ---- */

static const char swept[] =
    "case haggles \"t\"\nstart greeting\n\nC: FLAGS offered\nC: OPT LIST\nS: REP SERVER*\nS: REP ACK\n"
    "C: OPT ABORT\nS: close\n"
    "\n"
    "case zeroes \"t\"\nmodes simple\nneeds writable, SEND_WRITE_ZEROES\nwindow 4*$block\n\n"
    "C: WRITE offset=$base length=4*$block data=pattern(1)\nS: OK\n"
    "C: READ offset=$base length=2*$block as a\nC: READ offset=$base length=$block as b\n"
    "S: unordered {\n  a DATA by zeroes.read\n  b DATA\n}\n";

static void a_sound_server_holds_however_it_is_sent_to(void **state)
{
    (void)state;
    for (unsigned kind = SWEEP_NONE; kind < SWEEP_COUNT; kind++) {
        struct fixture f;
        unsigned connections;

        set_up(&f, swept);
        f.options.sweep = (enum sweep)kind;
        if (run(&f) != STATUS_CONFORMS)
            fail_msg("%s: %s: %s", f.told.last_id, f.told.came, buffer_text(&f.error));
        assert_int_equal(f.told.instances, 2);
        assert_int_equal(f.told.by_verdict[VERDICT_PASS], 2);
        connections = f.server.connections;
        tear_down(&f);
        if (kind == SWEEP_SPLITS || kind == SWEEP_CUT) /* they were all played */
            assert_true(connections > 4 + 16 + 16 + 28);
    }
}

/* What only a sweep sees, and what is said of it. */
static void expect_seen(void (*turn)(struct test_server *s), enum sweep kind, const char *reason)
{
    struct fixture f;

    set_up(&f, swept);
    turn(&f.server);
    assert_int_equal(run(&f), STATUS_CONFORMS);
    tear_down(&f);

    set_up(&f, swept);
    turn(&f.server);
    f.options.sweep = kind;
    assert_int_not_equal(run(&f), STATUS_CONFORMS);
    assert_true(f.told.by_verdict[VERDICT_FAIL] > 0);
    if (!strstr(f.told.reason, reason))
        fail_msg("'%s' is not in '%s'", reason, f.told.reason);
    tear_down(&f);
}

static void want_whole(struct test_server *s)
{
    s->wants_whole = true;
}

static void see_one_at_once(struct test_server *s)
{
    s->one_at_once = true;
}

static void die_when_cut(struct test_server *s)
{
    s->dies_when_cut = true;
}

static void a_server_that_wants_messages_whole_is_seen(void **state)
{
    (void)state;
    expect_seen(want_whole, SWEEP_BYTES, "sent byte by byte");
    expect_seen(want_whole, SWEEP_SPLITS, "message 1 sent in two pieces, cut behind 1 bytes");
}

static void a_server_that_sees_one_message_of_a_piece_is_seen(void **state)
{
    (void)state;
    expect_seen(see_one_at_once, SWEEP_COALESCE, "messages sent in one piece");
}

static void a_server_that_dies_of_half_a_message_is_seen(void **state)
{
    struct fixture f;

    (void)state;
    expect_seen(die_when_cut, SWEEP_CUT, "the client gone, by FIN, behind 1 bytes of message 1");
    set_up(&f, swept);
    f.server.dies_when_cut = true;
    f.options.sweep = SWEEP_CUT;
    assert_int_equal(run(&f), STATUS_DIED);
    assert_true(f.told.died);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_jobs_come_to_the_same),
        cmocka_unit_test(what_ends_a_job_is_an_error_of_its_instance),
        cmocka_unit_test(a_server_that_dies_ends_all_jobs),
        cmocka_unit_test(a_sound_server_holds_however_it_is_sent_to),
        cmocka_unit_test(a_server_that_wants_messages_whole_is_seen),
        cmocka_unit_test(a_server_that_sees_one_message_of_a_piece_is_seen),
        cmocka_unit_test(a_server_that_dies_of_half_a_message_is_seen),
        cmocka_unit_test(verdicts_follow_from_the_levels_of_rows),
        cmocka_unit_test(a_must_that_does_not_hold_is_a_violation),
        cmocka_unit_test(warnings_matter_where_the_user_is_strict),
        cmocka_unit_test(what_is_expected_is_known_and_what_is_not_so_is_fixed),
        cmocka_unit_test(without_leave_nothing_is_written),
        cmocka_unit_test(data_stop_the_run_before_it_begins),
        cmocka_unit_test(why_nobody_can_look_is_told_whatever_was_asked_for),
        cmocka_unit_test(a_server_that_dies_ends_the_run),
        cmocka_unit_test(what_a_death_that_is_expected_brings_about_is_known),
        cmocka_unit_test(what_is_all_skipped_has_a_status_of_its_own),
        cmocka_unit_test(a_server_that_is_not_there_is_unreachable),
        cmocka_unit_test(instances_are_listed_without_a_server),
        cmocka_unit_test(a_server_that_often_says_nothing_is_not_waited_for_as_long),
        cmocka_unit_test(a_server_that_leaves_connections_open_is_hardly_waited_for_at_their_end),
        cmocka_unit_test(replies_without_an_end_are_cut_off),
        cmocka_unit_test(a_busy_machine_is_no_fault_of_a_server_within_the_process),
        cmocka_unit_test(a_server_that_closes_at_every_byte_is_survived),
        cmocka_unit_test(silence_is_a_verdict_at_once_within_the_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
