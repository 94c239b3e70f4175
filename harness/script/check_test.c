/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "script/check.h"
#include "script/parse.h"

#define IN_CASE "case a \"t\"\nwindow 64K\n"

static const char *const requirements[] = { "opt.abort.ack", "cmd.write-zeroes.reads-zero" };

static bool known(void *ctx, struct span id)
{
    (void)ctx;
    for (size_t i = 0; i < 2; i++)
        if (span_equal(id, span_text(requirements[i])))
            return true;
    return false;
}

static void each(void *ctx, void (*offer)(void *to, const char *id), void *to)
{
    (void)ctx;
    for (size_t i = 0; i < 2; i++)
        offer(to, requirements[i]);
}

/* Parses and checks. */
static void check(const char *text, struct diagnostics *d)
{
    struct check_rules rules = { known, each, NULL };
    struct tree *t;

    diagnostics_init(d);
    t = tree_parse("test.nbd", span_text(text), d);
    if (d->errors > 0)
        print_error("%s", buffer_text(&d->text));
    assert_int_equal(d->errors, 0);
    check_tree(t, &rules, d);
    tree_free(t);
}

static void right(const char *text)
{
    struct diagnostics d;

    check(text, &d);
    if (d.errors > 0)
        print_error("%s", buffer_text(&d.text));
    assert_int_equal(d.errors, 0);
    diagnostics_free(&d);
}

/* One mistake in the line below the case's first two. */
static void wrong(const char *lines, const char *message)
{
    size_t room = strlen(IN_CASE) + strlen(lines) + 1;
    char *text = calloc(1, room);
    struct diagnostics d;

    snprintf(text, room, "%s%s", IN_CASE, lines);
    check(text, &d);
    if (d.errors != 1 || !strstr(buffer_text(&d.text), message))
        print_error("wanted: %s\ngot: %s", message, buffer_text(&d.text));
    assert_non_null(strstr(buffer_text(&d.text), message));
    assert_int_equal(d.errors, 1);
    diagnostics_free(&d);
    free(text);
}

static void what_means_something_is_right(void **state)
{
    (void)state;
    right(
        "case a \"t\"\n"
        "needs   SEND_WRITE_ZEROES, not READ_ONLY, FIXED_NEWSTYLE, writable, structured, size>=1M, option 9,"
        " option LIST, context \"base:allocation\", connections>=2, max_payload<=$size, min_block=1\n"
        "for     cmd in WRITE WRITE_ZEROES TRIM needs SEND_$cmd\n"
        "for     n in $block 1 0xffffffff\n"
        "infos   EXPORT 77\n"
        "contexts \"base:allocation\"\n"
        "window  8*$block\n"
        "C: FLAGS offered\n"
        "C: FLAGS FIXED_NEWSTYLE|0x80000000\n"
        "C: OPT 77 data=be16(65535) be32(1) zero[..4] hex(\"0aFf\") \"x\" length=1 option=GO\n"
        "C: OPT GO name=$export infos=(EXPORT 9) infos.count=3\n"
        "C: OPT SET_META_CONTEXT queries=(\"a\" length=9 $export)\n"
        "C: $cmd offset=$base+$n length=$n flags=FUA|0x100 cookie=1 as r\n"
        "S: r OK | ERROR EINVAL|9 form=simple | close by opt.abort.ack\n"
        " & error=EPERM|EINVAL chunks<=1 message!=\"\" by cmd.write-zeroes.reads-zero\n"
        "C: CMD 999\n"
        "S: ERROR\n"
        "S: REP INFO EXPORT size=?seen flags has SEND_$cmd flags=?f\n"
        "S: REP INFO 3 minimum=1|2\n"
        "S: REP ERR as first\n"
        "S: REP 0x80000009 option=LIST same first\n"
        "each name in first {\n"
        "  C: OPT INFO name=$name\n"
        "}\n"
        "repeat i in 0..3 {\n"
        "  C: READ offset=$base+$i*$block length=$seen flags=$f\n"
        "  S: DATA zero content_chunks<=1 length=$seen\n"
        "}\n"
        "connect two start=options mode=simple export=\"x\"\n"
        "C.two: segment {\n"
        "  C.two: FLUSH as q\n"
        "}\n"
        "S.two: unordered {\n"
        "  q STATUS contexts=1 first_flags lacks HOLE flags=ZERO|HOLE\n"
        "}\n"
        "S: GREETING style=newstyle flags has NO_ZEROES\n"
        "S: EXPORT zeroes=0|124 size=$size\n");
}

static void unknown_words_are_mistakes(void **state)
{
    (void)state;
    wrong("C: OPT GOO\n", "3:8: error: unknown option 'GOO'; did you mean 'GO'?");
    wrong("C: READ flags=FUA|FD\n", "3:19: error: unknown command flag 'FD'; did you mean 'DF'?");
    wrong("C: READ offst=1\n", "3:9: error: 'READ' has no field 'offst'; did you mean 'offset'?");
    wrong("C: fin offset=1\n", "'fin' has no field 'offset'");
    wrong("C: FLAGS offred\n", "'offred'");
    wrong("C: OPT GO infos=(EXPRT)\n", "did you mean 'EXPORT'?");
    wrong("S: REP AKC\n", "did you mean 'ACK'?");
    wrong("S: REP INFO EXPORTS\n", "did you mean 'EXPORT'?");
    wrong("S: REP ACK EXPORT\n", "only 'REP INFO' has a type of information");
    wrong("S: ERROR EINVAL|EPERN\n", "did you mean 'EPERM'?");
    wrong("S: OK eror=1\n", "'OK' has no field 'eror'; did you mean 'error'?");
    wrong("S: OK | close\n& form=simpel\n", "did you mean 'simple'?");
    wrong("S: GREETING flags has NO_ZEROS\n", "did you mean 'NO_ZEROES'?");
    wrong("connect two strt=options\n", "did you mean 'start'?");
    wrong("connect two start=optins\n", "did you mean 'options'?");
    wrong("infos EXPRT\n", "did you mean 'EXPORT'?");
    wrong("needs SEND_TRM\n", "unknown need 'SEND_TRM'; did you mean 'SEND_TRIM'?");
    wrong("needs option LISTT\n", "did you mean 'LIST'?");
    wrong("S: OK by opt.abort.akc\n", "unknown requirement 'opt.abort.akc'; did you mean 'opt.abort.ack'?");
    wrong("C: FLUSH breaks nothing.like.it\n", "unknown requirement");
}

static void words_of_a_choice_are_looked_up_too(void **state)
{
    (void)state;
    wrong("for cmd in WRITE TRIMM\nC: $cmd\n", "unknown command 'TRIMM'; did you mean 'TRIM'?");
    wrong("for cmd in WRITE TRIMM needs SEND_$cmd\n", "unknown need 'SEND_TRIMM'; did you mean 'SEND_TRIM'?");
    wrong("for e in EPERM ENIVAL\nS: ERROR $e\n", "unknown error 'ENIVAL'; did you mean 'EINVAL'?");
}

static void names_have_to_be_given_first(void **state)
{
    (void)state;
    wrong("C: READ offset=$bas\n", "unknown variable 'bas'; did you mean 'base'?");
    wrong("S: REP INFO size=$n\n", "unknown variable 'n'");
    wrong("repeat i in 0..1 {\n}\nC: READ offset=$i\n", "unknown variable 'i'");
    wrong("C: READ as aa\nS: ab OK\n", "4:1: error: unknown label 'ab'; did you mean 'aa'?");
    wrong("connect two\nC: READ as aa\nS.two: aa OK\n", "'aa' was sent on another connection");
    wrong("S: REP INFO as one\nS: REP INFO same two\n", "no replies were saved 'as two'");
    wrong("each n in names {\n}\n", "no replies were saved 'as names'");
    wrong("C.two: FLUSH\n", "unknown connection 'two'");
    wrong("needs size>=$bloc\n", "did you mean 'block'?");
    wrong("C: SEND_$x\n", "unknown variable 'x'");
}

static void values_have_to_be_of_their_kind(void **state)
{
    (void)state;
    wrong("C: READ offset=block\n", "expected a number, not the word 'block'; did you mean '$block'?");
    wrong("C: READ offset=\"x\"\n", "expected a number, not data");
    wrong("C: READ offset=1|2\n", "there is one value here");
    wrong("C: READ offset=?n\n", "'?n' takes a value seen");
    wrong("C: OPT GO offset=1\n", "'OPT' has no field 'offset'");
    wrong("C: OPT GO name=(1)\n", "a number among data needs a width");
    wrong("C: OPT GO infos=EXPORT\n", "expected a list in parentheses");
    wrong("C: OPT GO infos=(EXPORT length=1)\n", "has no field 'length'");
    wrong("C: OPT 1 data=5\n", "a number among data needs a width");
    wrong("C: OPT 1 data=abc\n", "unknown kind of data 'abc'");
    wrong("C: OPT 1 data=be16(65536)\n", "65536 does not fit into 16 bits");
    wrong("C: OPT 1 data=fill(1, 2)\n", "'fill' takes one value");
    wrong("C: OPT 1 data=namespace(7)\n", "");
    wrong("C: OPT 1 data=hex(\"0\")\n", "pairs of hexadecimal digits");
    wrong("C: OPT 1 data=zero[2..1]\n", "the slice ends before it begins");
    wrong("C: OPT 1 length=1 length=2\n", "'length' is given twice");
    wrong("S: OK form<simple\n", "compared with = and != only");
    wrong("S: OK chunks has 1\n", "'has' and 'lacks' are for flags");
    wrong("S: OK chunks<1|2\n", "there is one value here");
    wrong("needs size\n", "'size' is compared with a number");
    wrong("needs writable 5\n", "nothing belongs behind 'writable'");
    wrong("needs option\n", "an option's name belongs behind");
    wrong("needs context LIST\n", "unknown kind of data 'LIST'");
}

static void what_alters_the_export_needs_a_window(void **state)
{
    static const char *const cases[] = { "case a \"t\"\nC: WRITE\n", "case a \"t\"\nC: CMD 4\n",
                                         "case a \"t\"\nC: CMD TRIM\n",
                                         "case a \"t\"\nfor c in READ TRIM\nC: $c\n" };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct diagnostics d;

        check(cases[i], &d);
        assert_int_equal(d.errors, 1);
        assert_non_null(strstr(buffer_text(&d.text), "needs a 'window'"));
        diagnostics_free(&d);
    }
    right("case a \"t\"\nC: READ\nC: CMD 999\n");
}

static void cases_have_names_of_their_own(void **state)
{
    (void)state;
    wrong("case b \"t\"\ncase a \"t\"\n", "4:6: error: this file already has a case 'a'");
    wrong("for x in 1 2\nfor x in 3 4\n", "'x' is chosen twice");
}

static void instances_and_connections_have_limits(void **state)
{
    (void)state;
    wrong("for a in 1 2 3 4 5 6 7 8 9\nfor b in 1 2 3 4 5 6 7 8 9\nfor c in 1 2 3 4 5 6 7 8 9\n"
          "for e in 1 2 3 4 5 6 7 8 9\n",
          "at most 4096 instances");
    wrong("connect a\nconnect b\nconnect c\nconnect e\nconnect f\nconnect g\nconnect h\nconnect i\n",
          "at most 8 connections");
}

static void many_loops_share_the_room_for_variables(void **state)
{
    char text[8192] = "case a \"t\"\n";

    (void)state;
    for (int i = 0; i < 100; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "repeat i%d in 0..1 {\nC: READ offset=$i%d\n}\n", i, i);
    right(text);
}

static void too_many_mistakes_end_the_check(void **state)
{
    char *text = calloc(1, 64 + 500 * 16);
    struct diagnostics d;

    (void)state;
    strcpy(text, "case a \"t\"\n");
    for (int i = 0; i < 500; i++)
        strcat(text, "C: OPT x\n");
    check(text, &d);
    assert_int_equal(d.errors, 101);
    diagnostics_free(&d);
    free(text);
}

/* ---- the reference text ---- */

static char *reference(void)
{
    FILE *file = fopen(NBDTEST_SOURCE_DIR "/cases/README.md", "rb");
    char *text = calloc(1, 256 * 1024);

    assert_non_null(file);
    assert_true(fread(text, 1, 256 * 1024 - 1, file) > 0);
    fclose(file);
    return text;
}

static void example(struct span text, unsigned number)
{
    struct diagnostics d;
    struct tree *t;
    char path[64];

    snprintf(path, sizeof path, "cases/README.md, example %u", number);
    diagnostics_init(&d);
    t = tree_parse(path, text, &d);
    check_tree(t, NULL, &d);
    if (d.errors > 0)
        print_error("%s", buffer_text(&d.text));
    assert_int_equal(d.errors, 0);
    assert_true(t->case_count > 0);
    diagnostics_free(&d);
    tree_free(t);
}

static void every_example_of_the_reference_is_right(void **state)
{
    char *text = reference(), *at = text;
    unsigned count = 0;

    (void)state;
    while ((at = strstr(at, "\n```nbd\n"))) {
        char *begin = at + strlen("\n```nbd\n"), *end = strstr(begin, "\n```\n");

        assert_non_null(end);
        example(span_of(begin, (size_t)(end - begin)), ++count);
        at = end;
    }
    assert_true(count > 10);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_means_something_is_right),
        cmocka_unit_test(unknown_words_are_mistakes),
        cmocka_unit_test(words_of_a_choice_are_looked_up_too),
        cmocka_unit_test(names_have_to_be_given_first),
        cmocka_unit_test(values_have_to_be_of_their_kind),
        cmocka_unit_test(what_alters_the_export_needs_a_window),
        cmocka_unit_test(cases_have_names_of_their_own),
        cmocka_unit_test(instances_and_connections_have_limits),
        cmocka_unit_test(many_loops_share_the_room_for_variables),
        cmocka_unit_test(too_many_mistakes_end_the_check),
        cmocka_unit_test(every_example_of_the_reference_is_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
