/* SPDX-License-Identifier: MIT */
#include "report/merged.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Three rows, a report, and what it has written. */
struct fixture {
    struct catalogue *catalogue;
    struct merged_report *merged;
    FILE *out;
    char *text;
    size_t len;
};

static void set_up(struct fixture *f, bool all)
{
    static const char table[] = "id\tlevel\tparty\tsection\tline\tsummary\n"
                                "a.row\tMUST\tserver\tOne\t1\tx\n"
                                "b.row\tSHOULD\tserver\tTwo\t2\ty\n"
                                "c.row\tMUST\tserver\tThree\t3\tz\n";
    struct diagnostics d;

    diagnostics_init(&d);
    f->catalogue = catalogue_parse("t", span_text(table), &d);
    assert_non_null(f->catalogue);
    diagnostics_free(&d);
    f->out = open_memstream(&f->text, &f->len);
    f->merged = merged_report_new(f->catalogue, f->out, all);
}

static void tear_down(struct fixture *f)
{
    merged_report_free(f->merged);
    catalogue_free(f->catalogue);
    fclose(f->out);
    free(f->text);
}

static void expect(struct fixture *f, const char *piece)
{
    fflush(f->out);
    if (!strstr(f->text, piece))
        fail_msg("'%s' is not in:\n%s", piece, f->text);
}

static void expect_not(struct fixture *f, const char *piece)
{
    fflush(f->out);
    if (strstr(f->text, piece))
        fail_msg("'%s' is in:\n%s", piece, f->text);
}

/* A configuration in which the rows a, b and c have these verdicts; VERDICT_COUNT: not checked. */
static void add(struct fixture *f, const char *name, enum status status, const enum verdict verdicts[3])
{
    const struct listener l = merged_report_listener(f->merged, name);
    struct totals totals = { .by_verdict = { [VERDICT_PASS] = 7 }, .took_ns = 1500000000 };

    for (size_t i = 0; i < 3; i++)
        if (verdicts[i] != VERDICT_COUNT) {
            l.row(l.ctx, catalogue_at(f->catalogue, i), verdicts[i]);
            totals.requirements_checked++;
        }
    l.ended(l.ctx, &totals);
    merged_report_configuration(f->merged, status, NULL);
}

static void rows_are_put_together(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, false);
    add(&f, "plain", STATUS_VIOLATIONS, (enum verdict[]){ VERDICT_FAIL, VERDICT_KNOWN, VERDICT_PASS });
    assert_int_equal(merged_report_rows(f.merged), 3);
    add(&f, "ro", STATUS_CONFORMS, (enum verdict[]){ VERDICT_PASS, VERDICT_KNOWN, VERDICT_NOTE });
    add(&f, "tls", STATUS_CONFORMS, (enum verdict[]){ VERDICT_PASS, VERDICT_COUNT, VERDICT_COUNT });
    merged_report_end(f.merged);
    expect(&f, "BAD  plain                7 pass; 3 requirements checked, 1.5 s\n");
    expect(&f, "ok   ro                   7 pass; 3 requirements checked, 1.5 s\n");
    expect(&f, "a.row (MUST, line 1)\n    fail in plain; pass (2)\n");
    expect(&f, "b.row (SHOULD, line 2)\n    known wherever checked (2)\n");
    expect_not(&f, "c.row");
    expect(&f,
           "3 requirements checked in one configuration or more: 1 broken, 0 recommendations not followed, "
           "1 known\n3 configurations in 4.5 s: 2 as they should be, 1 not\n");
    tear_down(&f);
}

static void all_rows_are_shown_where_that_is_asked_for(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, true);
    add(&f, "plain", STATUS_CONFORMS, (enum verdict[]){ VERDICT_PASS, VERDICT_WARN, VERDICT_COUNT });
    add(&f, "ro", STATUS_CONFORMS, (enum verdict[]){ VERDICT_PASS, VERDICT_PASS, VERDICT_COUNT });
    merged_report_end(f.merged);
    expect(&f, "a.row (MUST, line 1)\n    pass everywhere (2)\n");
    expect(&f, "b.row (SHOULD, line 2)\n    warn in plain; pass (1)\n");
    expect_not(&f, "c.row");
    tear_down(&f);
}

static void one_that_was_not_run_is_told(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f, false);
    merged_report_listener(f.merged, "gone");
    merged_report_configuration(f.merged, STATUS_UNREACHABLE, "it is gone");
    expect(&f, "BAD  gone                 could not be run; it is gone\n");
    assert_int_equal(merged_report_rows(f.merged), 0);
    tear_down(&f);
}

static void the_first_status_that_applies_is_that_of_all(void **state)
{
    static const struct {
        enum status a, b, both;
    } rows[] = {
        { STATUS_CONFORMS, STATUS_VIOLATIONS, STATUS_VIOLATIONS },
        { STATUS_VIOLATIONS, STATUS_DIED, STATUS_DIED },
        { STATUS_UNREACHABLE, STATUS_DIED, STATUS_UNREACHABLE },
        { STATUS_USAGE, STATUS_UNREACHABLE, STATUS_USAGE },
        { STATUS_DEFECT, STATUS_USAGE, STATUS_DEFECT },
        { STATUS_SKIPPED, STATUS_CONFORMS, STATUS_CONFORMS },
        { STATUS_SKIPPED, STATUS_SKIPPED, STATUS_SKIPPED },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned swapped = 0; swapped < 2; swapped++) {
            struct fixture f;

            set_up(&f, false);

            merged_report_listener(f.merged, "x");
            merged_report_configuration(f.merged, swapped ? rows[i].b : rows[i].a, NULL);
            merged_report_listener(f.merged, "y");
            merged_report_configuration(f.merged, swapped ? rows[i].a : rows[i].b, NULL);
            assert_int_equal(merged_report_status(f.merged), rows[i].both);
            tear_down(&f);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_put_together),
        cmocka_unit_test(all_rows_are_shown_where_that_is_asked_for),
        cmocka_unit_test(one_that_was_not_run_is_told),
        cmocka_unit_test(the_first_status_that_applies_is_that_of_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
