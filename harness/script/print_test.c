/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "script/parse.h"
#include "script/print.h"

enum { PRINT_MAX = 64 * 1024 };

static struct tree *parse(const char *text)
{
    struct diagnostics d;
    struct tree *t;

    diagnostics_init(&d);
    t = tree_parse("test.nbd", span_text(text), &d);
    if (d.errors > 0)
        print_error("%s\n%s", buffer_text(&d.text), text);
    assert_int_equal(d.errors, 0);
    diagnostics_free(&d);
    return t;
}

static void print_all(const struct tree *t, struct buffer *to)
{
    buffer_init(to, PRINT_MAX);
    for (const struct tree_case *c = t->cases; c; c = c->next)
        assert_true(print_case(c, to));
}

/* Printed and read again, a text prints as before. */
static void comes_back(const char *text)
{
    struct tree *once = parse(text), *twice;
    struct buffer first, second;

    print_all(once, &first);
    twice = parse(buffer_text(&first));
    print_all(twice, &second);
    assert_string_equal(buffer_text(&first), buffer_text(&second));
    buffer_free(&first);
    buffer_free(&second);
    tree_free(once);
    tree_free(twice);
}

/* A text in the printer's own style is printed as it stands. */
static void stays(const char *text)
{
    struct tree *t = parse(text);
    struct buffer printed;

    print_all(t, &printed);
    assert_string_equal(buffer_text(&printed), text);
    buffer_free(&printed);
    tree_free(t);
}

static void headers_stay(void **state)
{
    (void)state;
    stays(
        "case reads-zero \"it \\\"reads\\\" zero\"\n"
        "needs   SEND_WRITE_ZEROES, not READ_ONLY, size>=1048576, option LIST, context \"base:allocation\"\n"
        "for     cmd in WRITE a-b 3 $block-1 \"x\" zero[..4] needs SEND_$cmd\n"
        "for     i in 1 2\n"
        "modes   simple structured\n"
        "start   greeting\n"
        "export  \"a\" \"b\"\n"
        "contexts \"base:allocation\" $x\n"
        "infos   EXPORT 9\n"
        "window  tail 8*$block\n"
        "timeout 500ms\n"
        "canary  off\n"
        "tags    slow big-one\n");
    stays("case a \"t\"\n");
    stays("case a \"t\"\nwindow  8192 at 65536\n");
}

static void steps_stay(void **state)
{
    (void)state;
    stays("case a \"t\"\n"
          "\n"
          "C: FLAGS offered\n"
          "C: FLAGS FIXED_NEWSTYLE|NO_ZEROES\n"
          "C: OPT 0x6e756c6c data=\"any\\x00thing\" length=99 magic=1\n"
          "C: OPT LIST_META_CONTEXT name=\"\" name.length=9 queries=(\"base:allocation\" length=99 \"q\") "
          "queries.count=5\n"
          "C: OPT GO infos=() infos.count=1\n"
          "S: REP INFO EXPORT size=?n flags has READ_ONLY|SEND_FUA flags lacks SEND_DF\n"
          "S: REP INFO*\n"
          "S: REP INFO EXPORT* as first by a.b, c-d\n"
          "S: REP (1+2) same first\n"
          "S: EXPORT zeroes=0|124 size!=$n\n"
          "S: GREETING style=newstyle watches a.b, c.d\n"
          "C.two: $cmd offset=$base+2*$block length=1G as r breaks x.y\n"
          "S.two: r ERROR EINVAL|ENOSPC | OK chunks<=1 chunks<2 chunks>0 chunks>=1 | close by z\n"
          " & error=EPERM by q\n"
          " & message=\"no\" \"ne\"|zero[..3]\n"
          "C: raw be64(0xffffffffffffffff) hex(\"00ff\") fill(165)[..$block]\n"
          "C: fin\n"
          "C: reset\n"
          "C: segment {\n"
          "  C: FLUSH as a\n"
          "  C: FLUSH\n"
          "}\n"
          "S: unordered {\n"
          "  a DATA pattern(1)[..$block] zero[1..2] \"x\"[3*$block..]\n"
          "   & length=5\n"
          "  b STATUS first_flags=HOLE|ZERO\n"
          "}\n"
          "repeat i in 0..9 {\n"
          "  each name in first {\n"
          "    pause 100ms\n"
          "    pause 2s\n"
          "  }\n"
          "}\n"
          "connect two start=options export=\"x\" mode=simple\n"
          "canary\n");
}

static void only_needed_parentheses_are_printed(void **state)
{
    (void)state;
    stays("case a \"t\"\n\n"
          "C: OPT 1-(2-3)-4*(5+6)/7\n"
          "C: OPT (1+2)*3-$x/(4*5)\n");
    comes_back("case a \"t\"\nC: OPT ((1)+((2*3)))\nS: REP ((1)) (2+3)*\nS: ERROR (1+2)*3|(4)\n");
}

static void what_is_written_oddly_comes_back(void **state)
{
    (void)state;
    comes_back(
        "case\ta\"t\"#\nneeds not not , size = 5 , size has 3, option=5,foo\"x\",size \"y\"\ninfos A "
        "(1+2)*3\n"
        "for x in a (1)\nS:DATA zero zero=1\nS:a OK by x as y by z # c\nC:raw(1)\"x\" zero breaks q as r\n"
        "C:OPT 1 foo=(fill(zero)[..1] b=(c) \"d\"e=1 (2))\nS:unordered{\nS OK\n}\n");
    comes_back(
        "case a \"\"\nC: OPT 1 infos=(EXPORT (1))  length=(1+2)*3 data=(fill(1))\npause 0ms\npause 0s\n");
}

static void steps_are_indented_by_depth(void **state)
{
    struct tree *t = parse("case a \"t\"\nS: OK\n& error=1\n");
    struct buffer printed;

    (void)state;
    buffer_init(&printed, PRINT_MAX);
    assert_true(print_step(t->cases->steps, 2, &printed));
    assert_string_equal(buffer_text(&printed), "    S: OK\n     & error=1\n");
    buffer_clear(&printed);
    assert_true(print_outcomes(t->cases->steps->outcomes, &printed));
    assert_string_equal(buffer_text(&printed), "OK");
    buffer_free(&printed);
    tree_free(t);
}

static void a_full_buffer_is_told(void **state)
{
    struct tree *t =
        parse("case a \"t\"\nneeds size>=1, foo\nwindow 5\nS: OK chunks=1 | close by x\n& error=1\n"
              "repeat i in 0..1 {\ncanary\n}\nC: OPT 1 infos=(A zero[..4] \"x\")\n");
    struct buffer whole;

    (void)state;
    print_all(t, &whole);
    for (size_t ceiling = 0; ceiling < whole.len; ceiling++) {
        struct buffer small;

        buffer_init(&small, ceiling);
        assert_false(print_case(t->cases, &small));
        buffer_free(&small);
    }
    buffer_free(&whole);
    tree_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_stay),
        cmocka_unit_test(steps_stay),
        cmocka_unit_test(only_needed_parentheses_are_printed),
        cmocka_unit_test(what_is_written_oddly_comes_back),
        cmocka_unit_test(steps_are_indented_by_depth),
        cmocka_unit_test(a_full_buffer_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
