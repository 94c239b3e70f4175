/* SPDX-License-Identifier: MIT */
#include "runner/jobs.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "runner/upshot.h"
#include "script/parse.h"

enum { PIECES = 1000, LARGE = 1024 * 1024 };

struct ledger {
    size_t next, ends, lost;
    size_t dies_at;  /* pieces; 0: nowhere */
    size_t stops_at; /* for the taker */
    bool large;
    char how[200];
};

static bool work(void *ctx, size_t index, struct buffer *ret)
{
    const struct ledger *l = ctx;

    if (l->dies_at && index == l->dies_at) {
        buffer_add(ret, "half", 4);
        raise(SIGKILL);
    }
    buffer_add(ret, &index, sizeof index);
    if (l->large && index % 100 == 0)
        buffer_add_zero(ret, LARGE);
    return true;
}

static bool take(void *ctx, size_t index, struct span result)
{
    struct ledger *l = ctx;

    assert_true(result.len >= sizeof index);
    assert_memory_equal(result.at, &index, sizeof index);
    if (index == PIECES) {
        l->ends++;
        return true;
    }
    assert_int_equal(index, l->next++);
    assert_int_equal(result.len, sizeof index + (l->large && index % 100 == 0 ? LARGE : 0));
    return !l->stops_at || index < l->stops_at;
}

static bool lose(void *ctx, size_t index, const char *how)
{
    struct ledger *l = ctx;

    assert_int_equal(index, l->next++);
    l->lost++;
    snprintf(l->how, sizeof l->how, "%s", how);
    return true;
}

static void run(struct ledger *l, unsigned count)
{
    const struct jobs j = {
        .jobs = count, .count = PIECES, .work = work, .take = take, .lost = lose, .ctx = l
    };
    char error[200] = "";

    assert_true(jobs_run(&j, error, sizeof error));
    assert_string_equal(error, "");
}

static void results_come_in_the_order_of_the_work(void **state)
{
    static const unsigned counts[] = { 1, 2, 3, 7, JOBS_MAX };

    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct ledger l = { .large = i < 3 };

        run(&l, counts[i]);
        assert_int_equal(l.next, PIECES);
        assert_int_equal(l.ends, counts[i]);
        assert_int_equal(l.lost, 0);
    }
}

static void a_job_that_dies_loses_one_piece(void **state)
{
    static const size_t places[] = { 1, 2, 500, PIECES - 1 };

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct ledger l = { .dies_at = places[i] };

        run(&l, 3);
        assert_int_equal(l.next, PIECES);
        assert_int_equal(l.lost, 1);
        assert_int_equal(l.ends, 3);
        assert_non_null(strstr(l.how, "was ended by signal 9"));
    }
}

static void who_takes_may_stop(void **state)
{
    struct ledger l = { .stops_at = 10 };

    (void)state;
    run(&l, 2);
    assert_int_equal(l.next, 11);
    assert_int_equal(l.ends, 0);
}

/* ---- what the runner sends this way ---- */

static const char text[] = "case one \"t\"\n\nC: DISC\nS: close\n";

struct fixture {
    struct diagnostics d;
    struct tree *tree;
    struct arena *arena;
    struct buffer bytes;
};

static struct fixture set_up(void)
{
    struct fixture f;

    diagnostics_init(&f.d);
    f.tree = tree_parse("t.nbd", span_text(text), &f.d);
    f.arena = arena_new();
    buffer_init(&f.bytes, 64 * 1024);
    return f;
}

static void tear_down(struct fixture *f)
{
    buffer_free(&f->bytes);
    arena_free(f->arena);
    tree_free(f->tree);
    diagnostics_free(&f->d);
}

static struct upshot sample(const struct fixture *f, struct finding found[2])
{
    static const struct source way = { "way", "S: GREETING\n", 12 };

    found[0] = (struct finding){ .rule = "greeting.magic",
                                 .place = { &way, 3, 8 },
                                 .came = "S: close",
                                 .line = 7,
                                 .from_referee = true,
                                 .next = &found[1] };
    found[1] = (struct finding){
        .place = { f->tree->cases->place.source, 23, 5 }, .demanded = "S: close", .came = "", .note = true
    };
    return (struct upshot){ .planned = PLAN_READY,
                            .result = { .findings = found,
                                        .failed = 1,
                                        .unreachable = true,
                                        .server_closed_early = true,
                                        .transcript = span_text("C: DISC\nS: close\n"),
                                        .transcript_lines = 2 },
                            .death = "the server closed the connection",
                            .gone = true,
                            .took_ns = 12345 };
}

static void an_upshot_comes_out_as_it_went_in(void **state)
{
    struct fixture f = set_up();
    struct finding found[2];
    struct upshot o = sample(&f, found), got;
    const struct finding *first, *second;

    (void)state;
    upshot_put(&o, f.tree->cases, &f.bytes);
    assert_true(upshot_get(buffer_span(&f.bytes), f.tree->cases, f.arena, &got));
    assert_int_equal(got.planned, PLAN_READY);
    assert_null(got.reason);
    assert_string_equal(got.death, o.death);
    assert_true(got.gone && got.result.unreachable && got.result.server_closed_early && !got.result.error);
    assert_int_equal(got.took_ns, 12345);
    assert_int_equal(got.result.failed, 1);
    assert_int_equal(got.result.transcript_lines, 2);
    assert_true(span_equal(got.result.transcript, o.result.transcript));
    first = got.result.findings;
    assert_string_equal(first->rule, "greeting.magic");
    assert_non_null(first->place.source);
    assert_ptr_not_equal(first->place.source, f.tree->cases->place.source);
    assert_null(first->demanded);
    assert_string_equal(first->came, "S: close");
    assert_int_equal(first->line, 7);
    assert_true(first->from_referee && !first->note);
    second = first->next;
    assert_null(second->rule);
    assert_ptr_equal(second->place.source, f.tree->cases->place.source);
    assert_int_equal(second->place.at, 23);
    assert_int_equal(second->place.len, 5);
    assert_string_equal(second->came, "");
    assert_true(second->note && !second->from_referee);
    assert_null(second->next);
    tear_down(&f);
}

static void half_an_upshot_is_none(void **state)
{
    struct fixture f = set_up();
    struct finding found[2];
    struct upshot o = sample(&f, found), got;

    (void)state;
    upshot_put(&o, f.tree->cases, &f.bytes);
    for (size_t len = 0; len < f.bytes.len; len++)
        assert_false(upshot_get(span_of(f.bytes.bytes, len), f.tree->cases, f.arena, &got));
    buffer_add(&f.bytes, "x", 1);
    assert_false(upshot_get(buffer_span(&f.bytes), f.tree->cases, f.arena, &got));
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_come_in_the_order_of_the_work),
        cmocka_unit_test(a_job_that_dies_loses_one_piece),
        cmocka_unit_test(who_takes_may_stop),
        cmocka_unit_test(an_upshot_comes_out_as_it_went_in),
        cmocka_unit_test(half_an_upshot_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
