/* SPDX-License-Identifier: MIT */
#include "runner/target_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct target_file *parse(const char *text)
{
    struct diagnostics d;
    struct target_file *t;

    diagnostics_init(&d);
    t = target_file_parse("t.conf", span_text(text), &d);
    assert_string_equal(buffer_text(&d.text), "");
    assert_non_null(t);
    diagnostics_free(&d);
    return t;
}

static void refuse(const char *text, const char *complaint)
{
    struct diagnostics d;

    diagnostics_init(&d);
    assert_null(target_file_parse("t.conf", span_text(text), &d));
    if (!strstr(buffer_text(&d.text), complaint))
        fail_msg("'%s' is not in:\n%s", complaint, buffer_text(&d.text));
    diagnostics_free(&d);
}

static void what_stands_above_the_names_holds_for_all(void **state)
{
    struct target_file *t = parse("# a server\n"
                                  "timeout  3s\n"
                                  "expect   all.expect\n"
                                  "setup    truncate -s 1G {dir}/disk\n"
                                  "\n"
                                  "[one]\n"
                                  "command  server {socket}\n"
                                  "[two]\n"
                                  "command  server -r\n"
                                  "           --flag  # of no use\n"
                                  "setup    touch x\n"
                                  "timeout  1s\n"
                                  "expect   two.expect\n"
                                  "exclude  zero-* trim\n"
                                  "read-only\n"
                                  "destroy\n"
                                  "rows     12\n"
                                  "tls      require\n"
                                  "tls-psk  {dir}/keys\n"
                                  "tls-certificates pki\n"
                                  "export   \"a disk\"\n");
    const struct target_configuration *one = target_file_find(t, "one"), *two = target_file_find(t, "two");

    (void)state;
    assert_int_equal(t->count, 2);
    assert_int_equal(t->expect_count, 1);
    assert_int_equal(one->timeout_ns, 3000000000);
    assert_int_equal(one->setup_count, 1);
    assert_int_equal(one->expect_count, 0);
    assert_int_equal(one->command.count, 2);
    assert_string_equal(one->command.words[1], "{socket}");
    assert_null(one->command.words[2]);
    assert_null(one->export);
    assert_true(target_mentions(one, "{socket}"));

    assert_int_equal(two->timeout_ns, 1000000000);
    assert_int_equal(two->setup_count, 2);
    assert_string_equal(two->setups[0].words[3], "{dir}/disk");
    assert_string_equal(two->setups[1].words[1], "x");
    assert_string_equal(two->expects[0], "two.expect");
    assert_int_equal(two->exclude_count, 2);
    assert_string_equal(two->excludes[1], "trim");
    assert_true(two->read_only);
    assert_true(two->destroy);
    assert_false(one->destroy);
    assert_int_equal(two->rows, 12);
    assert_string_equal(two->tls.mode, "require");
    assert_string_equal(two->tls.psk, "{dir}/keys");
    assert_string_equal(two->tls.certificates, "pki");
    assert_null(one->tls.mode);
    assert_string_equal(two->export, "a disk");
    assert_int_equal(two->command.count, 7);
    assert_false(target_mentions(two, "{socket}"));
    assert_null(target_file_find(t, "three"));
    target_file_free(t);
}

static void a_file_s_lines_stand_below_its_name(void **state)
{
    struct target_file *t = parse("[a]\n"
                                  "file  {dir}/config\n"
                                  "  # for the server\n"
                                  "  [generic]\n"
                                  "\n"
                                  "    unixsock = {socket}\n"
                                  "command server\n");

    (void)state;
    assert_int_equal(t->all[0].file_count, 1);
    assert_string_equal(t->all[0].files[0].path, "{dir}/config");
    assert_string_equal(t->all[0].files[0].contents, "# for the server\n[generic]\nunixsock = {socket}\n");
    assert_true(target_mentions(&t->all[0], "{socket}"));
    target_file_free(t);
}

static void quotes_hold_blanks_and_quotes(void **state)
{
    struct target_file *t =
        parse("[a]\ncommand s \"two words\" a\" \"b \"\\\"\\\\\\x\" \"\" {brace ${x} {A}\n");
    const struct target_command *c = &t->all[0].command;

    (void)state;
    assert_int_equal(c->count, 8);
    assert_string_equal(c->words[1], "two words");
    assert_string_equal(c->words[2], "a b");
    assert_string_equal(c->words[3], "\"\\\\x");
    assert_string_equal(c->words[4], "");
    assert_string_equal(c->words[5], "{brace");
    target_file_free(t);
}

static void placeholders_are_replaced(void **state)
{
    const struct target_names names = { .socket = "/s", .dir = "{port}", .port = "7", .here = "/etc" };
    struct arena *arena = arena_new();

    (void)state;
    assert_string_equal(target_expand(arena, "-k{socket} {dir}/{port}{nbdtest}{other}{here}{", &names),
                        "-k/s {port}/7{nbdtest}{other}/etc{");
    arena_free(arena);
}

static void mistakes_name_their_place(void **state)
{
    (void)state;
    refuse("[a]\ncomand x\n", "t.conf:2:1: error: unknown key; did you mean 'command'?");
    refuse("[a]\ncommand x {sock} {scket}\n",
           "t.conf:2:18: error: unknown placeholder; did you mean '{socket}'?");
    refuse("[a]\ncommand x \"y\n", "t.conf:2:11: error: the quote is not closed");
    refuse("[a]\ncommand x\ncommand y\n", "t.conf:3:8: error: there is a command already");
    refuse("[a]\nrows many\n", "t.conf:2:6: error: a whole number");
    refuse("[a]\ntimeout 3\n", "t.conf:2:9: error: a whole number of at most 9 digits and s is meant");
    refuse("[a]\ntimeout 0s\n", "a timeout is from 1s to 3600s");
    refuse("[a]\nexport a b\n", "t.conf:2:10: error: this is one word too many");
    refuse("[a]\nexport\n", "error: something has to follow");
    refuse("[a]\nread-only yes\n", "t.conf:2:11: error: nothing may follow");
    refuse("[a]\ntimeout 3s\n  more\n", "t.conf:3:3: error: a line that begins with a blank");
    refuse("  [a]\n", "t.conf:1:3: error: a line that begins with a blank");
    refuse("[a b]\n", "t.conf:1:1: error: a name is");
    refuse("[]\n", "t.conf:1:1: error: a name is");
    refuse("[", "t.conf:1:1: error: a name is");
    refuse("[a]\ncommand x\n[a]\ncommand x\n", "t.conf:3:2: error: there is a configuration of this name");
    refuse("timeout 3s\n[a]\nrows 1\n", "t.conf:2:2: error: there is no command");
    refuse("[a]\ncommand\n", "t.conf:1:2: error: there is no command");
    refuse("[a]\nsetup\ncommand x\n", "error: something has to follow");
    refuse("[a]\ncommand x\ntls off\n",
           "t.conf:3:5: error: TLS is 'on' (where it is asked for) or 'require'");
    refuse("[a]\ncommand x\ntls on\n", "t.conf:1:2: error: 'tls' goes with 'tls-psk', 'tls-certificates'");
    refuse("[a]\ncommand x\ntls-psk y\n", "t.conf:1:2: error: 'tls' goes with");
    refuse("# nothing\n", "there is no configuration");
}

/* Nothing that a file can hold takes more memory or time than is good. */
static void much_of_anything_is_refused(void **state)
{
    const char *const lines[] = { "[a]\n", "setup x\n", "command\n",     "  {a}",       "{a}",
                                  "x ",    "\"",        "file x\n  y\n", "exclude x\n", "  y\n" };
    char *text = malloc(TARGET_MAX_BYTES + 1);
    struct diagnostics d;

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        size_t len = (size_t)snprintf(text, 100, i % 2 ? "[z]\ncommand x " : "[z]\nfile x\n ");

        while (len + strlen(lines[i]) <= TARGET_MAX_BYTES)
            len += (size_t)snprintf(text + len, TARGET_MAX_BYTES + 1 - len, "%s", lines[i]);
        diagnostics_init(&d);
        target_file_free(target_file_parse("t", span_of(text, len), &d));
        assert_true(d.errors > 0);
        assert_true(d.errors < 100);
        diagnostics_free(&d);
    }
    diagnostics_init(&d);
    assert_null(target_file_parse("t", span_of("[a]\ncommand \0\n", 14), &d));
    diagnostics_free(&d);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stands_above_the_names_holds_for_all),
        cmocka_unit_test(a_file_s_lines_stand_below_its_name),
        cmocka_unit_test(quotes_hold_blanks_and_quotes),
        cmocka_unit_test(placeholders_are_replaced),
        cmocka_unit_test(mistakes_name_their_place),
        cmocka_unit_test(much_of_anything_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
