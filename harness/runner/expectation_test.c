/* SPDX-License-Identifier: MIT */
#include "runner/expectation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    struct diagnostics d;
    struct catalogue *c;
    struct expectation *e;
};

static struct fixture parse(const char *text)
{
    static const char table[] = "id\tlevel\tparty\tsection\tline\tsummary\n"
                                "error.einval\tSHOULD\tserver\tError values\t1\tx\n"
                                "opt.abort.ack\tMUST\tserver\tOption types\t2\ty\n";
    struct fixture f;

    diagnostics_init(&f.d);
    f.c = catalogue_parse("t", span_text(table), &f.d);
    f.e = expectation_parse("known", span_text(text), f.c, &f.d);
    return f;
}

static void release(struct fixture *f)
{
    expectation_free(f->e);
    catalogue_free(f->c);
    diagnostics_free(&f->d);
}

static void a_line_matches_by_requirement_and_pattern(void **state)
{
    struct fixture f = parse("# nbdkit 1.32\n"
                             "\n"
                             "error.einval\tbad-flag/*  closes: \"ERROR\" never comes  \n");

    (void)state;
    assert_string_equal(expectation_match(f.e, "error.einval", "bad-flag/structured"),
                        "closes: \"ERROR\" never comes");
    assert_string_equal(expectation_match(f.e, "error.einval", "bad-flag/simple/length=1M"),
                        "closes: \"ERROR\" never comes");
    assert_null(expectation_match(f.e, "opt.abort.ack", "bad-flag/structured"));
    assert_null(expectation_match(f.e, "error.einval", "other/structured"));
    release(&f);
}

static void an_instance_with_signs_of_the_shell_in_it_matches_itself(void **state)
{
    struct fixture f = parse("error.einval reads/simple/length=[1*$block] why\n");

    (void)state;
    assert_string_equal(expectation_match(f.e, "error.einval", "reads/simple/length=[1*$block]"), "why");
    release(&f);
}

static void mistakes_name_the_nearest_requirement(void **state)
{
    struct fixture f = parse("opt.abrt.ack x why\n"
                             "error.einval x\n");

    (void)state;
    assert_null(f.e);
    assert_int_equal(f.d.errors, 2);
    assert_non_null(strstr(buffer_text(&f.d.text),
                           "known:1:1: error: unknown requirement; did you mean 'opt.abort.ack'?"));
    assert_non_null(strstr(buffer_text(&f.d.text), "known:2:1: error: a line needs"));
    release(&f);
}

static void count_one(void *ctx, const char *id, const char *instance)
{
    assert_string_equal(id, "opt.abort.ack");
    assert_string_equal(instance, "b*");
    ++*(unsigned *)ctx;
}

static void only_lines_that_could_be_seen_and_were_not_are_fixed(void **state)
{
    struct fixture f = parse("error.einval a seen\n"
                             "opt.abort.ack b* its instance ran, and all was well\n"
                             "opt.abort.ack c its instance did not run\n"
                             "opt.abort.ack bb sometimes it is well, sometimes not\n");
    unsigned fixed = 0;

    (void)state;
    expectation_ran(f.e, "a");
    expectation_match(f.e, "error.einval", "a");
    expectation_ran(f.e, "bb");
    expectation_fixed(f.e, count_one, &fixed);
    assert_int_equal(fixed, 1);
    release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_matches_by_requirement_and_pattern),
        cmocka_unit_test(an_instance_with_signs_of_the_shell_in_it_matches_itself),
        cmocka_unit_test(mistakes_name_the_nearest_requirement),
        cmocka_unit_test(only_lines_that_could_be_seen_and_were_not_are_fixed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
