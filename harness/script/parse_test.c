/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "script/parse.h"

#define IN_CASE "case a \"t\"\n"

static struct tree *parse(const char *text, struct diagnostics *d)
{
    diagnostics_init(d);
    return tree_parse("test.nbd", span_text(text), d);
}

/* Parses what has to be right. */
static struct tree *right(const char *text)
{
    struct diagnostics d;
    struct tree *t = parse(text, &d);

    if (d.errors > 0)
        print_error("%s", buffer_text(&d.text));
    assert_int_equal(d.errors, 0);
    diagnostics_free(&d);
    return t;
}

/* Parses what has one mistake, which is said so at that line and column. */
static void wrong(const char *text, const char *message)
{
    struct diagnostics d;
    struct tree *t = parse(text, &d);

    if (d.errors != 1 || !strstr(buffer_text(&d.text), message))
        print_error("wanted: %s\ngot: %s", message, buffer_text(&d.text));
    assert_non_null(strstr(buffer_text(&d.text), message));
    assert_int_equal(d.errors, 1);
    diagnostics_free(&d);
    tree_free(t);
}

static void a_case_has_its_headers(void **state)
{
    struct tree *t = right("# a file\n\ncase reads-zero \"a title\"\r\n"
                           "needs   SEND_WRITE_ZEROES, not READ_ONLY, size>=1M\n"
                           "needs   option LIST, context \"base:allocation\"\n"
                           "modes   simple structured\n"
                           "start   options\n"
                           "export  \"x\"\n"
                           "contexts \"base:allocation\" \"q\"\n"
                           "infos   EXPORT BLOCK_SIZE\n"
                           "window  tail 8*$block\n"
                           "for     cmd in WRITE a-b 3 $block-1 needs SEND_$cmd\n"
                           "timeout 500ms\n"
                           "canary  off\n"
                           "tags    slow big-one\n");
    const struct tree_case *c = t->cases;

    (void)state;
    assert_int_equal(t->case_count, 1);
    assert_string_equal(c->name, "reads-zero");
    assert_string_equal(c->title, "a title");
    assert_string_equal(c->needs->word, "SEND_WRITE_ZEROES");
    assert_true(c->needs->next->negated);
    assert_int_equal(c->needs->next->next->comparison, COMPARE_AT_LEAST);
    assert_int_equal(c->needs->next->next->value->number, 1048576);
    assert_string_equal(c->needs->next->next->next->value->text, "LIST");
    assert_int_equal(c->modes, MODE_SIMPLE | MODE_STRUCTURED);
    assert_int_equal(c->start, START_OPTIONS);
    assert_int_equal(c->contexts->first->next->bytes.len, 1);
    assert_string_equal(c->infos->first->next->text, "BLOCK_SIZE");
    assert_true(c->window_at_tail);
    assert_int_equal(c->window->kind, VALUE_BINARY);
    assert_string_equal(c->choices->values->next->text, "a-b");
    assert_int_equal(c->choices->values->next->next->number, 3);
    assert_int_equal(c->choices->values->next->next->next->kind, VALUE_BINARY);
    assert_string_equal(c->choices->needs->word, "SEND_$cmd");
    assert_int_equal(c->timeout_ns, 500000000);
    assert_true(c->canary_off);
    assert_string_equal(c->tags->next->id, "big-one");
    tree_free(t);
}

static void a_frame_is_a_verb_a_subject_and_fields(void **state)
{
    struct tree *t = right(IN_CASE "C.two: OPT LIST_META_CONTEXT name=\"x\" name.length=9"
                                   " queries=(\"base:allocation\" length=99 \"q\") as a breaks b.c-d, e\n");
    const struct step *s = t->cases->steps;
    const struct field *f = s->frame.fields;

    (void)state;
    assert_string_equal(s->connection, "two");
    assert_string_equal(s->frame.verb, "OPT");
    assert_string_equal(s->frame.subject->text, "LIST_META_CONTEXT");
    assert_string_equal(f->next->name, "name.length");
    assert_int_equal(f->next->next->value->kind, VALUE_LIST);
    assert_int_equal(f->next->next->value->first->fields->value->number, 99);
    assert_int_equal(f->next->next->value->first->next->bytes.len, 1);
    assert_string_equal(s->label, "a");
    assert_string_equal(s->breaks->id, "b.c-d");
    assert_string_equal(s->breaks->next->id, "e");
    tree_free(t);
}

static void a_verb_may_be_a_variable(void **state)
{
    struct tree *t = right(IN_CASE "C: $cmd offset=$base length=0\n");

    (void)state;
    assert_string_equal(t->cases->steps->frame.verb, "$cmd");
    tree_free(t);
}

static void an_expectation_has_outcomes_and_demands(void **state)
{
    struct tree *t = right(IN_CASE "S: OK | ERROR EINVAL|ENOSPC cookie=1 | close by x.y\n"
                                   "\n"
                                   "  & error=EPERM form!=simple by z\n"
                                   "C: fin\n");
    const struct step *s = t->cases->steps;

    (void)state;
    assert_null(s->label);
    assert_string_equal(s->outcomes->frame.verb, "OK");
    assert_int_equal(s->outcomes->next->frame.subject->kind, VALUE_EITHER);
    assert_string_equal(s->outcomes->next->frame.fields->name, "cookie");
    assert_string_equal(s->outcomes->next->next->frame.verb, "close");
    assert_string_equal(s->by->id, "x.y");
    assert_int_equal(s->demands->fields->next->comparison, COMPARE_NOT_EQUAL);
    assert_string_equal(s->demands->by->id, "z");
    assert_string_equal(s->next->frame.verb, "fin");
    tree_free(t);
}

static void the_first_word_may_be_a_label(void **state)
{
    struct tree *t = right(IN_CASE "S: a DATA\nS: DATA\nS: unordered {\n b DATA zero\n  & length=5\n}\n");
    const struct step *s = t->cases->steps;

    (void)state;
    assert_string_equal(s->label, "a");
    assert_string_equal(s->outcomes->frame.verb, "DATA");
    assert_null(s->next->label);
    assert_int_equal(s->next->next->kind, STEP_UNORDERED);
    assert_string_equal(s->next->next->body->label, "b");
    assert_string_equal(s->next->next->body->demands->fields->name, "length");
    tree_free(t);
}

static void a_reply_may_have_a_detail_and_be_many(void **state)
{
    struct tree *t = right(IN_CASE "S: REP INFO EXPORT size=?n flags has READ_ONLY|SEND_FUA\n"
                                   "S: REP INFO* as first\nS: REP ERR\nS: REP SERVER* same first\n");
    const struct step *s = t->cases->steps;

    (void)state;
    assert_string_equal(s->outcomes->frame.detail->text, "EXPORT");
    assert_int_equal(s->outcomes->frame.fields->value->kind, VALUE_BIND);
    assert_int_equal(s->outcomes->frame.fields->next->comparison, COMPARE_HAS);
    s = s->next;
    assert_true(s->outcomes->frame.many);
    assert_null(s->outcomes->frame.detail);
    assert_string_equal(s->save, "first");
    assert_string_equal(s->next->outcomes->frame.subject->text, "ERR");
    assert_string_equal(s->next->next->same, "first");
    tree_free(t);
}

static void data_are_terms_one_behind_the_other(void **state)
{
    struct tree *t = right(
        IN_CASE "S: DATA pattern(1)[..$block] zero[..2*$block] \"a\"[1..2] pattern(1)[3*$block..] by x\n"
                "C: raw be64(0x49484156454f5054) be32(7) hex(\"00ff\")\n");
    const struct value *v = t->cases->steps->outcomes->frame.subject;

    (void)state;
    assert_int_equal(v->kind, VALUE_JOINED);
    assert_int_equal(v->first->kind, VALUE_SLICE);
    assert_null(v->first->from);
    assert_string_equal(v->first->left->text, "pattern");
    assert_int_equal(v->first->left->first->number, 1);
    assert_string_equal(v->first->next->left->text, "zero");
    assert_int_equal(v->first->next->next->left->kind, VALUE_STRING);
    assert_null(v->first->next->next->next->to);
    assert_int_equal(t->cases->steps->next->frame.subject->kind, VALUE_JOINED);
    tree_free(t);
}

static void operators_bind_as_in_arithmetic(void **state)
{
    struct tree *t = right(IN_CASE "C: READ offset=$a-$b-2*(3+4) length=1\n");
    const struct value *v = t->cases->steps->frame.fields->value;

    (void)state;
    assert_int_equal(v->operator, '-');
    assert_int_equal(v->left->operator, '-');
    assert_string_equal(v->left->left->text, "a");
    assert_int_equal(v->right->operator, '*');
    assert_int_equal(v->right->right->operator, '+');
    tree_free(t);
}

static void blocks_hold_steps(void **state)
{
    struct tree *t = right(IN_CASE "repeat i in 0..9 {\n  C: segment {\n    C: FLUSH\n    C: FLUSH\n  }\n}\n"
                                   "each name in names {\n  pause 2s\n}\n"
                                   "connect two start=options export=\"\"\ncanary\n");
    const struct step *s = t->cases->steps;

    (void)state;
    assert_int_equal(s->kind, STEP_REPEAT);
    assert_int_equal(s->to->number, 9);
    assert_int_equal(s->body->kind, STEP_SEGMENT);
    assert_non_null(s->body->body->next);
    s = s->next;
    assert_int_equal(s->kind, STEP_EACH);
    assert_string_equal(s->list, "names");
    assert_int_equal(s->body->pause_ns, UINT64_C(2000000000));
    s = s->next;
    assert_int_equal(s->kind, STEP_CONNECT);
    assert_string_equal(s->variable, "two");
    assert_string_equal(s->fields->next->name, "export");
    assert_int_equal(s->next->kind, STEP_CANARY);
    tree_free(t);
}

static void mistakes_say_what_was_expected_and_what_may_be_meant(void **state)
{
    (void)state;
    wrong(IN_CASE "C: RAED offset=0\n", "test.nbd:2:4: error: unknown command 'RAED'; did you mean 'READ'?");
    wrong(IN_CASE "S: OKK\n", "test.nbd:2:4: error: unknown outcome 'OKK'; did you mean 'OK'?");
    wrong(IN_CASE "C READ\n", "expected ':', not 'READ'");
    wrong(IN_CASE "C: READ offset\n", "2:15: error: expected '=', not the end of the line");
    wrong(IN_CASE "C: READ offset=\n", "expected a value, not the end of the line");
    wrong(IN_CASE "C: READ offset=base+1\n", "'base' is a word, not a number; did you mean '$base'?");
    wrong(IN_CASE "windw 5\n", "unknown line 'windw'; did you mean 'window'?");
    wrong(IN_CASE "paus 5ms\n", "unknown step 'paus'; did you mean 'pause'?");
    wrong(IN_CASE "canary\nwindow 5\n", "'window' belongs before the case's first step");
    wrong(IN_CASE "modes simple\nmodes simple\n", "a case has only one line 'modes'");
    wrong(IN_CASE "modes simpel\n", "unknown mode 'simpel'; did you mean 'simple'?");
    wrong(IN_CASE "timeout 5\n", "expected a duration, such as 500ms or 2s, not '5'");
    wrong(IN_CASE "C: raw fil(3)\n", "unknown kind of data 'fil'; did you mean 'fill'?");
    wrong(IN_CASE "S: REP ERR_UNSUP | ERR_POLICY\n", "expected an outcome; did you mean 'REP ERR_POLICY'?");
    wrong(IN_CASE "S: OK by \n", "expected the id of a requirement");
    wrong(IN_CASE "& error=1\n", "a line with '&' adds to an expectation");
    wrong(IN_CASE "repeat i in 0..$n {\n}\n", "the bounds of a repeat are literal");
    wrong(IN_CASE "repeat i in 2..1 {\n}\n", "the second bound is less than the first");
    wrong("case\n", "expected the name of a case");
    wrong("case a\n", "expected a title in quotes");
    wrong("C: FLUSH\nS: OK\n", "1:1: error: expected 'case'");
}

static void what_is_to_come_is_said_to_be_so(void **state)
{
    static const char *const lines[] = {
        "C: FLUSH split=4,12\n",
        "C: FLUSH cut=13\n",
        "S: CHUNK OFFSET_DATA\n",
        "each extent e of s {\n}\n",
        "C: WRITE data=file(\"x\")[0..1]\n",
    };
    char text[128];

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        snprintf(text, sizeof text, "%s%s", IN_CASE, lines[i]);
        wrong(text, "is not supported yet");
    }
}

static void blocks_that_do_not_end_are_mistakes(void **state)
{
    (void)state;
    wrong(IN_CASE "repeat i in 0..1 {\ncanary\n", "2:1: error: the block that is opened here has no '}'");
    wrong(IN_CASE "repeat i in 0..1 {\ncase b \"t\"\ncanary\n", "has no '}'");
    wrong(IN_CASE "}\n", "no block is open");
    wrong(IN_CASE "repeat i in 0..1 { canary }\n",
          "2:20: error: the steps of a block stand on lines of their own");
}

static void a_mistake_in_a_blocks_first_line_does_not_spread(void **state)
{
    (void)state;
    wrong(IN_CASE "repeat i on 0..1 {\n  canary\n}\ncanary\n", "expected 'in', not 'on'");
    wrong(IN_CASE "repat i in 0..1 {\n  canary\n}\ncanary\n", "unknown step 'repat'");
    wrong(IN_CASE "S: unorderd {\n  a OK\n}\ncanary\n", "did you mean 'unordered'?");
    wrong(IN_CASE "S: OKK\n  & error=1\ncanary\n", "did you mean 'OK'?");
}

static void all_mistakes_of_a_file_come_in_one_go(void **state)
{
    struct diagnostics d;
    struct tree *t = parse(IN_CASE "C: x\nS: y\nC: FLUSH\n# \xff\ncase b \"t\"\nmodes z\nS: OK \"\n", &d);

    (void)state;
    assert_int_equal(d.errors, 5);
    assert_int_equal(t->case_count, 2);
    assert_string_equal(t->cases->steps->frame.verb, "FLUSH");
    diagnostics_free(&d);
    tree_free(t);
}

static void too_many_mistakes_end_the_reading(void **state)
{
    char *text = calloc(1, 100 + 3 * 5000);
    struct diagnostics d;

    (void)state;
    strcpy(text, IN_CASE);
    for (int i = 0; i < 5000; i++)
        strcat(text + i, "^\n");
    tree_free(parse(text, &d));
    assert_int_equal(d.errors, 101);
    diagnostics_free(&d);
    free(text);
}

/* so many times the one, then the other, then the third */
static char *nested(const char *open, const char *within, const char *close, unsigned depth)
{
    size_t room = strlen(IN_CASE) + 32 + depth * (strlen(open) + strlen(close)) + strlen(within), len = 0;
    char *text = calloc(1, room);

    len += (size_t)snprintf(text, room, "%s", IN_CASE);
    if (open[0] == '(')
        len += (size_t)snprintf(text + len, room - len, "C: OPT ");
    for (unsigned i = 0; i < depth; i++)
        len += (size_t)snprintf(text + len, room - len, "%s", open);
    len += (size_t)snprintf(text + len, room - len, "%s", within);
    for (unsigned i = 0; i < depth; i++)
        len += (size_t)snprintf(text + len, room - len, "%s", close);
    return text;
}

static void depth_has_a_limit(void **state)
{
    static const struct {
        const char *open, *within, *close, *message;
    } cases[] = {
        { "(", "1", ")", "parentheses are nested more than 32 deep" },
        { "repeat i in 0..0 {\n", "canary\n", "}\n", "blocks are nested more than 32 deep" },
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char *fits = nested(cases[i].open, cases[i].within, cases[i].close, 32);
        char *deep = nested(cases[i].open, cases[i].within, cases[i].close, 33);
        char *very = nested(cases[i].open, cases[i].within, cases[i].close, 20000);

        tree_free(right(fits));
        wrong(deep, cases[i].message);
        wrong(very, cases[i].message);
        free(fits);
        free(deep);
        free(very);
    }
}

static void loops_and_expressions_have_limits(void **state)
{
    (void)state;
    wrong(IN_CASE "repeat i in 0..4096 {\n}\n", "at most 4096 rounds");
    wrong(IN_CASE "repeat i in 0..99 {\nrepeat j in 0..99 {\n}\n}\n", "at most 4096 rounds");
    wrong(IN_CASE "repeat i in 0..0xffffffffffffffff {\n}\n", "at most 4096 rounds");
    tree_free(right(IN_CASE "repeat i in 1..4096 {\n}\nrepeat i in 0..63 {\nrepeat j in 0..63 {\n}\n}\n"));
    wrong(IN_CASE "pause 3601s\n", "a pause is an hour at most");
}

static void a_long_expression_is_a_mistake(void **state)
{
    char text[1024] = IN_CASE "C: OPT 1";

    (void)state;
    for (int i = 0; i < 64; i++)
        strcat(text, "+1");
    tree_free(right(text));
    strcat(text, "+1");
    wrong(text, "at most 64 operators");
}

static void a_file_that_is_too_long_is_not_read(void **state)
{
    size_t len = SCRIPT_MAX_BYTES + 1;
    char *text = calloc(1, len + 1);
    struct diagnostics d;
    struct tree *t;

    (void)state;
    memset(text, '\n', len);
    t = parse(text, &d);
    assert_int_equal(d.errors, 1);
    assert_null(t->cases);
    tree_free(t);
    diagnostics_free(&d);
    free(text);
}

static void lists_of_a_case_have_limits(void **state)
{
    static const struct {
        const char *before, *again, *after, *message;
    } cases[] = {
        { "needs a", ", a", "\n", "at most 64 conditions" },
        { "for x in 1", " 1", "\n", "at most 256 values" },
        { "for x in 1", "\nfor x in 1", "\n", "at most 16 lines 'for'" },
        { "S: OK", " | OK", "\n", "at most 16 outcomes" },
    };
    static const unsigned fits[] = { 63, 255, 15, 15 };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[4096];

        snprintf(text, sizeof text, "%s%s", IN_CASE, cases[i].before);
        for (unsigned n = 0; n < fits[i]; n++)
            strcat(text, cases[i].again);
        tree_free(right(text));
        strcat(text, cases[i].again);
        strcat(text, cases[i].after);
        wrong(text, cases[i].message);
    }
}

static void steps_can_be_parsed_alone(void **state)
{
    struct arena *arena = arena_new();
    struct diagnostics d;
    struct step *s;

    (void)state;
    diagnostics_init(&d);
    s = tree_parse_steps(arena, "way", span_text("C: FLAGS offered\nC: OPT GO name=$export infos=(EXPORT)\n"),
                         &d);
    assert_int_equal(d.errors, 0);
    assert_string_equal(s->next->frame.verb, "OPT");
    assert_null(s->next->next);
    tree_parse_steps(arena, "way", span_text("case a \"b\"\n"), &d);
    assert_int_equal(d.errors, 1);
    diagnostics_free(&d);
    arena_free(arena);
}

static void an_empty_file_has_no_cases(void **state)
{
    struct diagnostics d;
    struct tree *t;

    (void)state;
    diagnostics_init(&d);
    t = tree_parse("x", (struct span){ NULL, 0 }, &d);
    assert_int_equal(d.errors, 0);
    assert_int_equal(t->case_count, 0);
    tree_free(t);
    tree_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_case_has_its_headers),
        cmocka_unit_test(a_frame_is_a_verb_a_subject_and_fields),
        cmocka_unit_test(a_verb_may_be_a_variable),
        cmocka_unit_test(an_expectation_has_outcomes_and_demands),
        cmocka_unit_test(the_first_word_may_be_a_label),
        cmocka_unit_test(a_reply_may_have_a_detail_and_be_many),
        cmocka_unit_test(data_are_terms_one_behind_the_other),
        cmocka_unit_test(operators_bind_as_in_arithmetic),
        cmocka_unit_test(blocks_hold_steps),
        cmocka_unit_test(mistakes_say_what_was_expected_and_what_may_be_meant),
        cmocka_unit_test(what_is_to_come_is_said_to_be_so),
        cmocka_unit_test(blocks_that_do_not_end_are_mistakes),
        cmocka_unit_test(a_mistake_in_a_blocks_first_line_does_not_spread),
        cmocka_unit_test(all_mistakes_of_a_file_come_in_one_go),
        cmocka_unit_test(too_many_mistakes_end_the_reading),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(loops_and_expressions_have_limits),
        cmocka_unit_test(a_long_expression_is_a_mistake),
        cmocka_unit_test(a_file_that_is_too_long_is_not_read),
        cmocka_unit_test(lists_of_a_case_have_limits),
        cmocka_unit_test(steps_can_be_parsed_alone),
        cmocka_unit_test(an_empty_file_has_no_cases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
