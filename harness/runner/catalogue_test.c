/* SPDX-License-Identifier: MIT */
#include "runner/catalogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runner/library.h"

static const char header[] = "id\tlevel\tparty\tsection\tline\tsummary\tprecondition\tviolation\n";

static struct catalogue *parse(const char *rows, struct diagnostics *d)
{
    struct buffer text;
    struct catalogue *c;

    buffer_init(&text, 64 * 1024);
    buffer_print(&text, "%s%s", header, rows);
    diagnostics_init(d);
    c = catalogue_parse("requirements.tsv", buffer_span(&text), d);
    buffer_free(&text);
    return c;
}

static void a_row_is_found_by_its_id(void **state)
{
    struct diagnostics d;
    struct catalogue *c =
        parse("opt.abort.ack\tMUST\tserver\tOption types\t1089\tABORT is answered.\t-\tsilence\n"
              "error.eperm\tSHOULD-NOT\tboth\tError values\text:7\tNot so.\n",
              &d);
    const struct requirement *r;

    (void)state;
    assert_non_null(c);
    assert_int_equal(catalogue_count(c), 2);
    r = catalogue_find(c, span_text("error.eperm"));
    assert_ptr_equal(r, catalogue_at(c, 1));
    assert_int_equal(r->level, LEVEL_SHOULD);
    assert_string_equal(r->level_text, "SHOULD-NOT");
    assert_string_equal(r->party, "both");
    assert_string_equal(r->section, "Error values");
    assert_string_equal(r->line, "ext:7");
    assert_string_equal(r->summary, "Not so.");
    assert_null(r->precondition);
    assert_null(r->violation);
    r = catalogue_at(c, 0);
    assert_null(r->precondition);
    assert_string_equal(r->violation, "silence");
    assert_null(catalogue_find(c, span_text("error.eper")));
    catalogue_free(c);
    diagnostics_free(&d);
}

static void an_unclear_row_is_judged_more_mildly(void **state)
{
    struct diagnostics d;
    struct catalogue *c = parse("a\tMUST\tserver\tS\t1\tx\t-\t-\twarn: two sentences disagree\n"
                                "b\tMUST\tserver\tS\t1\tx\t-\t-\n",
                                &d);
    const struct requirement *a, *b;

    (void)state;
    assert_non_null(c);
    a = catalogue_find(c, span_text("a"));
    b = catalogue_find(c, span_text("b"));
    assert_int_equal(a->level, LEVEL_MUST);
    assert_int_equal(a->judged, LEVEL_SHOULD);
    assert_string_equal(a->judged_why, "two sentences disagree");
    assert_int_equal(b->judged, LEVEL_MUST);
    assert_null(b->judged_why);
    catalogue_free(c);
    diagnostics_free(&d);
    assert_null(parse("a\tMUST\tserver\tS\t1\tx\t-\t-\tmaybe\n", &d));
    assert_int_equal(d.errors, 1);
    diagnostics_free(&d);
}

static void a_row_says_as_which_others_it_shows(void **state)
{
    struct diagnostics d;
    struct catalogue *c = parse("a\tMUST\tserver\tS\t1\tx\t-\t-\tas b, c\n"
                                "b\tMUST\tserver\tS\t1\tx\n"
                                "c\tMUST\tserver\tS\t1\tx\t-\t-\tunseen: it is written in a manual\n",
                                &d);
    const struct requirement *a, *b, *missing;

    (void)state;
    assert_non_null(c);
    a = catalogue_at(c, 0);
    b = catalogue_at(c, 1);
    missing = catalogue_at(c, 2);
    assert_ptr_equal(a->shows_as->to, b);
    assert_ptr_equal(a->shows_as->next->to, missing);
    assert_null(a->shows_as->next->next);
    assert_ptr_equal(b->shown_by->to, a);
    assert_null(a->shown_by);
    assert_null(b->unseen_why);
    assert_string_equal(missing->unseen_why, "it is written in a manual");
    catalogue_free(c);
    diagnostics_free(&d);
    assert_null(parse("a\tMUST\tserver\tS\t1\tx\t-\t-\tas d\n", &d));
    assert_non_null(strstr(buffer_text(&d.text), "requirements.tsv:2:28: error: no row has this id"));
    diagnostics_free(&d);
}

static void each_wrong_row_is_a_mistake_with_its_line(void **state)
{
    struct diagnostics d;

    (void)state;
    assert_null(parse("a\tMUST\tserver\tS\t1\tx\n"
                      "b\tMIGHT\tserver\tS\t1\tx\n"
                      "c\tMUST\tpeer\tS\t1\tx\n"
                      "d\tMUST\n"
                      "a\tMUST\tserver\tS\t1\tx\n",
                      &d));
    assert_int_equal(d.errors, 4);
    assert_non_null(strstr(buffer_text(&d.text), "requirements.tsv:3:3: error: a level is one of"));
    assert_non_null(strstr(buffer_text(&d.text), "requirements.tsv:4:8: error: a party is one of"));
    assert_non_null(strstr(buffer_text(&d.text), "requirements.tsv:6:1: error: this id is used"));
    diagnostics_free(&d);
}

static void the_catalogue_that_is_shipped_has_no_mistakes(void **state)
{
    struct diagnostics d;
    char error[200];
    size_t len;
    char *text = read_file(NBDTEST_SOURCE_DIR "/cases/requirements.tsv", 4 << 20, &len, error, sizeof error);
    struct catalogue *c;

    (void)state;
    diagnostics_init(&d);
    assert_non_null(text);
    c = catalogue_parse("cases/requirements.tsv", span_of(text, len), &d);
    free(text);
    assert_int_equal(d.errors, 0);
    assert_true(catalogue_count(c) > 800);
    for (size_t i = 0; i < catalogue_count(c); i++)
        assert_ptr_equal(catalogue_find(c, span_text(catalogue_at(c, i)->id)), catalogue_at(c, i));
    catalogue_free(c);
    diagnostics_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_found_by_its_id),
        cmocka_unit_test(an_unclear_row_is_judged_more_mildly),
        cmocka_unit_test(a_row_says_as_which_others_it_shows),
        cmocka_unit_test(each_wrong_row_is_a_mistake_with_its_line),
        cmocka_unit_test(the_catalogue_that_is_shipped_has_no_mistakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
