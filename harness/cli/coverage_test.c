/* SPDX-License-Identifier: MIT */
#include "cli/coverage.h"

#include "cli/coverage_sample.h"

static const struct coverage_row *row_of(const struct coverage *c, const struct sample *s, const char *id)
{
    const struct requirement *r = catalogue_find(s->catalogue, span_text(id));

    assert_non_null(r);
    return coverage_at(c, (size_t)(r - catalogue_at(s->catalogue, 0)));
}

static void a_case_counts_once_for_a_row(void **state)
{
    struct sample s;
    struct coverage *c;

    (void)state;
    sample_set_up(&s);
    c = coverage_new(&s.sources, &s.d);
    assert_int_equal(s.d.errors, 0);
    assert_int_equal(row_of(c, &s, "a.cited")->cases, 2);
    assert_string_equal(row_of(c, &s, "a.cited")->first_cases[0], "one");
    assert_string_equal(row_of(c, &s, "a.cited")->first_cases[1], "two");
    assert_int_equal(row_of(c, &s, "a.bare")->cases, 1);
    assert_int_equal(row_of(c, &s, "c.polite")->cases, 0);
    assert_int_equal(row_of(c, &s, "c.polite")->breaches, 1);
    assert_int_equal(row_of(c, &s, "a.ruled")->rules, 2);
    assert_int_equal(row_of(c, &s, "a.ruled")->faults, 1);
    assert_int_equal(row_of(c, &s, "a.bare")->faults, 0);
    assert_int_equal(row_of(c, &s, "a.taken")->oddities, 1);
    coverage_free(c);
    sample_tear_down(&s);
}

static void what_is_missing_is_a_hole(void **state)
{
    struct sample s;
    struct coverage *c;

    (void)state;
    sample_set_up(&s);
    c = coverage_new(&s.sources, &s.d);
    assert_int_equal(row_of(c, &s, "a.cited")->hole, HOLE_NONE);
    assert_int_equal(row_of(c, &s, "a.bare")->hole, HOLE_NO_FAULT);
    assert_int_equal(row_of(c, &s, "a.ruled")->hole, HOLE_NONE);
    assert_int_equal(row_of(c, &s, "a.shown")->hole, HOLE_NONE);
    assert_int_equal(row_of(c, &s, "a.unseen")->hole, HOLE_NONE);
    assert_int_equal(row_of(c, &s, "a.never")->hole, HOLE_UNJUDGED);
    assert_int_equal(row_of(c, &s, "a.leave")->hole, HOLE_UNTRIED);
    assert_int_equal(row_of(c, &s, "a.taken")->hole, HOLE_NONE);
    assert_int_equal(row_of(c, &s, "c.polite")->hole, HOLE_UNJUDGED);
    coverage_free(c);
    /* Without the faults, what is shown as another row lacks one as well. */
    s.sources.fault_count = 0;
    c = coverage_new(&s.sources, &s.d);
    assert_int_equal(row_of(c, &s, "a.cited")->hole, HOLE_NO_FAULT);
    assert_int_equal(row_of(c, &s, "a.shown")->hole, HOLE_NO_FAULT);
    coverage_free(c);
    sample_tear_down(&s);
}

static void it_is_put_in_words(void **state)
{
    static const struct {
        const char *id, *words;
    } expected[] = {
        { "a.cited", "2 cases (one, two), 1 fault" },
        { "a.bare", "1 case (one)" },
        { "a.ruled", "2 rules (it_closes, of the layout), 1 fault; warn: hardly legible" },
        { "a.shown", "as a.cited" },
        { "a.unseen", "unseen: it is on the disk" },
        { "a.never", "-" },
        { "a.taken", "1 oddity" },
        { "c.polite", "1 case breaks it" },
    };
    struct sample s;
    struct coverage *c;

    (void)state;
    sample_set_up(&s);
    c = coverage_new(&s.sources, &s.d);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const struct requirement *r = catalogue_find(s.catalogue, span_text(expected[i].id));
        struct buffer words;

        buffer_init(&words, 1000);
        coverage_describe(c, (size_t)(r - catalogue_at(s.catalogue, 0)), &words);
        assert_string_equal(buffer_text(&words), expected[i].words);
        buffer_free(&words);
    }
    coverage_free(c);
    sample_tear_down(&s);
}

static void ids_that_are_no_rows_are_mistakes(void **state)
{
    static const struct fault_row wrong_faults[] = { { "odd", "a.cited a.citted", "b", "", "x" } };
    static const struct oddity_row wrong_oddities[] = { { "queer", "a.lave", "", "x" } };
    static const struct rule wrong_rules[] = { { "a.", ANY_HEADERS, SIDE_SERVER, AT_CLOSE, sample_watch,
                                                 "it_closes" } };
    struct sample s;

    (void)state;
    sample_set_up(&s);
    s.sources.faults = wrong_faults;
    s.sources.oddities = wrong_oddities;
    s.sources.rules = wrong_rules;
    s.sources.rule_count = 1;
    coverage_free(coverage_new(&s.sources, &s.d));
    assert_int_equal(s.d.errors, 4);
    assert_non_null(strstr(buffer_text(&s.d.text), "the fault odd names 'a.citted'"));
    assert_non_null(strstr(buffer_text(&s.d.text), "the fault odd names 'b'"));
    assert_non_null(strstr(buffer_text(&s.d.text), "the oddity queer names 'a.lave'"));
    assert_non_null(strstr(buffer_text(&s.d.text), "the rule it_closes names 'a.'"));
    sample_tear_down(&s);
}

static void a_name_is_a_whole_word(void **state)
{
    (void)state;
    assert_true(coverage_names("a.b c.d", "c.d"));
    assert_true(coverage_names("a.b c.d", "a.b"));
    assert_true(coverage_names("c.dd c.d", "c.d"));
    assert_false(coverage_names("a.b c.d", "a"));
    assert_false(coverage_names("a.b c.d", "b"));
    assert_false(coverage_names("", "a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_case_counts_once_for_a_row), cmocka_unit_test(what_is_missing_is_a_hole),
        cmocka_unit_test(it_is_put_in_words),           cmocka_unit_test(ids_that_are_no_rows_are_mistakes),
        cmocka_unit_test(a_name_is_a_whole_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
