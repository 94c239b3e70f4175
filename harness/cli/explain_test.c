/* SPDX-License-Identifier: MIT */
#include "cli/explain.h"

#include "cli/coverage_sample.h"

static void assert_explained(const char *word, const char *expected)
{
    struct sample s;
    struct coverage *c;
    struct buffer text;

    sample_set_up(&s);
    c = coverage_new(&s.sources, &s.d);
    buffer_init(&text, 10000);
    assert_int_equal(explain_word(&s.sources, c, word, &text), expected != NULL);
    assert_string_equal(buffer_text(&text), expected ? expected : "");
    buffer_free(&text);
    coverage_free(c);
    sample_tear_down(&s);
}

static void a_row_is_told_with_all_that_names_it(void **state)
{
    (void)state;
    assert_explained("a.cited", "a.cited\n"
                                "level    MUST, binds the server\n"
                                "section  S, line 10\n"
                                "demands  It is so.\n"
                                "where    there are options\n"
                                "breach   silence\n"
                                "also     a.shown: Said again.\n"
                                "case     one (cases/t.nbd:5): t\n"
                                "case     two (cases/t.nbd:11): the second\n"
                                "fault    mute: says nothing\n");
    assert_explained("a.ruled",
                     "a.ruled\n"
                     "level    MUST, binds the server and the client\n"
                     "section  S, line 12\n"
                     "demands  x\n"
                     "judged   as a warning: hardly legible\n"
                     "rule     it_closes, when the server closes without an excuse\n"
                     "rule     in any message, where bytes are no message, or a message does not obey its "
                     "layout, with extended headers\n"
                     "fault    mute: says nothing\n");
    assert_explained("c.polite", "c.polite\n"
                                 "level    MUST, binds the client\n"
                                 "section  S, line 20\n"
                                 "demands  x\n"
                                 "breaks   one (cases/t.nbd:4): t\n"
                                 "missing  nothing judges it, and nothing says why not\n");
}

static void a_row_that_shows_as_another_tells_how_that_is_judged(void **state)
{
    (void)state;
    assert_explained("13", "a.shown\n"
                           "level    SHOULD, binds the server\n"
                           "section  S, line 13\n"
                           "demands  Said again.\n"
                           "as       a.cited: 2 cases (one, two), 1 fault\n");
}

static void several_rows_are_a_list(void **state)
{
    (void)state;
    assert_explained("10", "a.cited\n"
                           "    MUST, binds the server, line 10: It is so.\n"
                           "    2 cases (one, two), 1 fault\n"
                           "a.bare\n"
                           "    FORMAT, binds the server, line 10: x\n"
                           "    1 case (one)\n");
}

static void a_line_without_rows_tells_those_around_it(void **state)
{
    (void)state;
    assert_explained("19", "No row is of line 19 alone; those around it:\n\n"
                           "a.taken\n"
                           "    MAY, binds the server, line 17: x\n"
                           "    1 oddity\n"
                           "c.polite\n"
                           "    MUST, binds the client, line 20: x\n"
                           "    1 case breaks it\n");
}

static void what_means_no_row_is_not_explained(void **state)
{
    (void)state;
    assert_explained("a.citted", NULL);
    assert_explained("uri:3", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_told_with_all_that_names_it),
        cmocka_unit_test(a_row_that_shows_as_another_tells_how_that_is_judged),
        cmocka_unit_test(several_rows_are_a_list),
        cmocka_unit_test(a_line_without_rows_tells_those_around_it),
        cmocka_unit_test(what_means_no_row_is_not_explained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
