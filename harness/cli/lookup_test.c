/* SPDX-License-Identifier: MIT */
#include "cli/lookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct catalogue *catalogue(void)
{
    static const char table[] = "id\tlevel\tparty\tsection\tline\tsummary\n"
                                "opt.abort.ack\tMUST\tserver\tS\t1194\tx\n"
                                "opt.abort.data\tMUST\tserver\tS\t1194\tx\n"
                                "opt.go.ack\tMUST\tserver\tS\t1300\tx\n"
                                "ext.reply.magic\tFORMAT\tserver\tS\text:1194\tx\n";
    struct diagnostics d;
    struct catalogue *c;

    diagnostics_init(&d);
    c = catalogue_parse("t", span_text(table), &d);
    assert_non_null(c);
    diagnostics_free(&d);
    return c;
}

struct names {
    char text[400];
};

static void add(void *ctx, const struct requirement *r)
{
    struct names *n = ctx;

    strcat(strcat(n->text, " "), r->id);
}

static void assert_rows(const char *word, const char *expected, size_t count)
{
    struct catalogue *c = catalogue();
    struct names n = { "" };

    assert_int_equal(lookup_rows(c, word, add, &n), count);
    assert_string_equal(n.text, expected);
    catalogue_free(c);
}

static void a_word_is_an_id_or_its_beginning_or_a_pattern(void **state)
{
    (void)state;
    assert_rows("opt.abort.ack", " opt.abort.ack", 1);
    assert_rows("opt.abort", " opt.abort.ack opt.abort.data", 2);
    assert_rows("*.ack", " opt.abort.ack opt.go.ack", 2);
    assert_rows("abort", "", 0);
    assert_rows("", "", 0);
}

static void a_word_is_a_line_of_one_text(void **state)
{
    (void)state;
    assert_rows("1194", " opt.abort.ack opt.abort.data", 2);
    assert_rows("ext:1194", " ext.reply.magic", 1);
    assert_rows("1195", "", 0);
    assert_true(lookup_is_line("1195"));
    assert_true(lookup_is_line("ext:7"));
    assert_false(lookup_is_line("ext:"));
    assert_false(lookup_is_line("12a"));
    assert_false(lookup_is_line("opt.abort"));
}

static void around_a_line_are_rows_of_the_same_text(void **state)
{
    struct catalogue *c = catalogue();
    const struct requirement *before, *behind;

    (void)state;
    lookup_around(c, "1200", &before, &behind);
    assert_string_equal(before->line, "1194");
    assert_string_equal(behind->line, "1300");
    lookup_around(c, "ext:1", &before, &behind);
    assert_null(before);
    assert_string_equal(behind->line, "ext:1194");
    lookup_around(c, "uri:1", &before, &behind);
    assert_null(before);
    assert_null(behind);
    catalogue_free(c);
}

static void the_nearest_ids_come_nearest_first(void **state)
{
    struct catalogue *c = catalogue();
    const char *near[LOOKUP_NEAREST_MAX];

    (void)state;
    assert_int_equal(lookup_nearest(c, "opt.abort.akc", near), 2);
    assert_string_equal(near[0], "opt.abort.ack");
    assert_string_equal(near[1], "opt.abort.data");
    assert_int_equal(lookup_nearest(c, "nothing.like.it", near), 0);
    catalogue_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_is_an_id_or_its_beginning_or_a_pattern),
        cmocka_unit_test(a_word_is_a_line_of_one_text),
        cmocka_unit_test(around_a_line_are_rows_of_the_same_text),
        cmocka_unit_test(the_nearest_ids_come_nearest_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
