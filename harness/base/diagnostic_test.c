/* SPDX-License-Identifier: MIT */
#include "base/diagnostic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What is reported for len bytes at at in a text of text_len bytes. */
static void reports(const char *text, size_t text_len, size_t at, size_t len, const char *wanted)
{
    struct source source = { "x.nbd", text, text_len };
    struct diagnostics d;

    diagnostics_init(&d);
    diagnostic_error(&d, (struct place){ &source, at, len }, "wrong");
    assert_string_equal(buffer_text(&d.text), wanted);
    assert_int_equal(d.errors, 1);
    diagnostics_free(&d);
}

static void the_report_is_that_of_the_header(void **state)
{
    static const char text[] = "\n\n\n\n\n\n\n\n\n\n\n\n\nC: READ offset=$base flags=FD length=64K\nS: OK\n";
    struct source source = { "cases/reads/df.nbd", text, sizeof text - 1 };
    struct diagnostics d;

    (void)state;
    diagnostics_init(&d);
    diagnostic_error(&d, (struct place){ &source, 13 + 27, 2 },
                     "unknown command flag '%s'; did you mean '%s'?", "FD", "DF");
    assert_string_equal(buffer_text(&d.text),
                        "cases/reads/df.nbd:14:28: error: unknown command flag 'FD'; did you mean 'DF'?\n"
                        "   14 | C: READ offset=$base flags=FD length=64K\n"
                        "      |                            ^~\n");
    diagnostics_free(&d);
}

static void tabs_stay_and_the_caret_follows_them(void **state)
{
    (void)state;
    reports("\tC:\tREAD", 8, 4, 4,
            "x.nbd:1:5: error: wrong\n"
            "    1 | \tC:\tREAD\n"
            "      | \t  \t^~~~\n");
}

static void foreign_bytes_are_escaped_and_the_caret_follows_them(void **state)
{
    (void)state;
    reports("a\0\x1b[ b", 6, 5, 1,
            "x.nbd:1:6: error: wrong\n"
            "    1 | a\\x00\\x1b[ b\n"
            "      |            ^\n");
    reports("\xc3\xa4 b", 4, 3, 1,
            "x.nbd:1:4: error: wrong\n"
            "    1 | \xc3\xa4 b\n"
            "      |   ^\n");
    reports("a\0b", 3, 1, 1,
            "x.nbd:1:2: error: wrong\n"
            "    1 | a\\x00b\n"
            "      |  ^~~~\n");
}

static void places_at_the_edges_have_a_caret(void **state)
{
    (void)state;
    reports("ab\n", 3, 2, 0,
            "x.nbd:1:3: error: wrong\n"
            "    1 | ab\n"
            "      |   ^\n");
    reports("ab\n", 3, 3, 0,
            "x.nbd:2:1: error: wrong\n"
            "    2 | \n"
            "      | ^\n");
    reports("ab", 2, 100, 100,
            "x.nbd:1:3: error: wrong\n"
            "    1 | ab\n"
            "      |   ^\n");
    reports(NULL, 0, 0, 0,
            "x.nbd:1:1: error: wrong\n"
            "    1 | \n"
            "      | ^\n");
}

static void a_mark_ends_with_its_line(void **state)
{
    (void)state;
    reports("ab\r\ncd", 6, 1, 5,
            "x.nbd:1:2: error: wrong\n"
            "    1 | ab\n"
            "      |  ^\n");
}

static void a_long_line_is_cut_around_the_mark(void **state)
{
    char text[1000], wanted[1000];
    size_t len;

    (void)state;
    memset(text, 'x', sizeof text);
    text[500] = 'y';
    len = (size_t)snprintf(wanted, sizeof wanted, "x.nbd:1:501: error: wrong\n    1 | ...%.60sy%.99s...\n",
                           text, text);
    snprintf(wanted + len, sizeof wanted - len, "      |    %60s^\n", "");
    reports(text, sizeof text, 500, 1, wanted);
}

static void all_mistakes_are_counted_and_memory_is_bounded(void **state)
{
    struct source source = { "x.nbd", "abc", 3 };
    struct diagnostics d;

    (void)state;
    diagnostics_init(&d);
    for (int i = 0; i < 5000; i++)
        diagnostic_error(&d, (struct place){ &source, 0, 3 }, "wrong");
    assert_int_equal(d.errors, 5000);
    assert_in_range(d.text.len, 60 * 1024, 64 * 1024);
    assert_int_equal(d.text.bytes[d.text.len - 1], '\n');
    diagnostics_free(&d);
}

static void a_mistake_may_be_nowhere(void **state)
{
    struct diagnostics d;

    (void)state;
    diagnostics_init(&d);
    diagnostic_error(&d, (struct place){ 0 }, "no cases in '%s'", "a\x1b");
    assert_string_equal(buffer_text(&d.text), "error: no cases in 'a\\x1b'\n");
    diagnostics_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_report_is_that_of_the_header),
        cmocka_unit_test(tabs_stay_and_the_caret_follows_them),
        cmocka_unit_test(foreign_bytes_are_escaped_and_the_caret_follows_them),
        cmocka_unit_test(places_at_the_edges_have_a_caret),
        cmocka_unit_test(a_mark_ends_with_its_line),
        cmocka_unit_test(a_long_line_is_cut_around_the_mark),
        cmocka_unit_test(all_mistakes_are_counted_and_memory_is_bounded),
        cmocka_unit_test(a_mistake_may_be_nowhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
