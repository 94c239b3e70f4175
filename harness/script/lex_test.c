/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "script/lex.h"

static struct source source;

static struct lex on(const char *text)
{
    source = (struct source){ "test", text, strlen(text) };
    return (struct lex){ &source, 0 };
}

static void assert_token(struct token token, enum token_kind kind, const char *text)
{
    assert_int_equal(token.kind, kind);
    assert_int_equal(token.text.len, strlen(text));
    assert_memory_equal(token.text.at, text, strlen(text));
}

static struct token only(const char *text)
{
    struct lex l = on(text);
    struct token token = lex_next(&l, LEX_WORD);

    return token;
}

static void a_line_comes_as_its_tokens(void **state)
{
    struct lex l = on("C: READ offset=$base+1  # the start\r\nS");

    (void)state;
    assert_token(lex_next(&l, LEX_WORD), TOKEN_WORD, "C");
    assert_token(lex_next(&l, LEX_WORD), TOKEN_OPERATOR, ":");
    assert_token(lex_next(&l, LEX_WORD), TOKEN_WORD, "READ");
    assert_token(lex_next(&l, LEX_WORD), TOKEN_WORD, "offset");
    assert_token(lex_next(&l, LEX_WORD), TOKEN_OPERATOR, "=");
    assert_token(lex_next(&l, LEX_WORD), TOKEN_VARIABLE, "base");
    assert_token(lex_next(&l, LEX_WORD), TOKEN_OPERATOR, "+");
    assert_int_equal(lex_next(&l, LEX_WORD).number, 1);
    assert_int_equal(lex_next(&l, LEX_WORD).kind, TOKEN_LINE_END);
    assert_token(lex_next(&l, LEX_WORD), TOKEN_WORD, "S");
    assert_int_equal(lex_next(&l, LEX_WORD).kind, TOKEN_TEXT_END);
    assert_int_equal(lex_next(&l, LEX_WORD).kind, TOKEN_TEXT_END);
}

static void a_token_knows_its_place(void **state)
{
    struct lex l = on("  pause 100ms");
    struct token token = lex_next(&l, LEX_WORD);

    (void)state;
    assert_int_equal(token.place.at, 2);
    assert_int_equal(token.place.len, 5);
    token = lex_next(&l, LEX_WORD);
    assert_int_equal(token.place.at, 8);
    assert_int_equal(token.place.len, 5);
}

static void numbers_have_bases_and_units(void **state)
{
    static const struct {
        const char *text;
        uint64_t number;
    } cases[] = {
        { "0", 0 },
        { "4096", 4096 },
        { "0x6e", 0x6e },
        { "0xFFFFFFFFFFFFFFFF", UINT64_MAX },
        { "18446744073709551615", UINT64_MAX },
        { "64K", 65536 },
        { "3M", 3145728 },
        { "2G", UINT64_C(2147483648) },
        { "1T", UINT64_C(1099511627776) },
        { "0x10K", 16384 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct token token = only(cases[i].text);

        assert_int_equal(token.kind, TOKEN_NUMBER);
        assert_int_equal(token.number, cases[i].number);
    }
}

static void durations_are_in_nanoseconds(void **state)
{
    (void)state;
    assert_int_equal(only("500ms").kind, TOKEN_DURATION);
    assert_int_equal(only("500ms").number, 500000000);
    assert_int_equal(only("2s").number, UINT64_C(2000000000));
}

static void what_is_no_number_is_a_mistake(void **state)
{
    static const char *const texts[] = {
        "18446744073709551616", "0x10000000000000000", "16777216T", "12q", "0x", "1KK", "20000000000s"
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(only(texts[i]).kind, TOKEN_MISTAKE);
}

static void dashes_and_dots_are_in_names_and_ids_only(void **state)
{
    struct lex l = on("a-b.c");

    (void)state;
    assert_token(lex_next(&l, LEX_WORD), TOKEN_WORD, "a");
    l.at = 0;
    assert_token(lex_next(&l, LEX_NAME), TOKEN_WORD, "a-b");
    l.at = 0;
    assert_token(lex_next(&l, LEX_ID), TOKEN_WORD, "a-b.c");
    assert_true(lex_is_word("reads-zero", LEX_NAME));
    assert_false(lex_is_word("reads-zero", LEX_WORD));
    assert_false(lex_is_word("", LEX_NAME));
}

static void a_word_may_have_a_variable_in_it(void **state)
{
    (void)state;
    assert_token(only("SEND_$cmd"), TOKEN_WORD, "SEND_$cmd");
    assert_int_equal(only("SEND_$").kind, TOKEN_MISTAKE);
    assert_int_equal(only("$1").kind, TOKEN_MISTAKE);
    assert_token(only("?size"), TOKEN_BIND, "size");
}

static void a_slice_of_numbers_is_three_tokens(void **state)
{
    struct lex l = on("0..9");

    (void)state;
    assert_int_equal(lex_next(&l, LEX_WORD).number, 0);
    assert_token(lex_next(&l, LEX_WORD), TOKEN_OPERATOR, "..");
    assert_int_equal(lex_next(&l, LEX_WORD).number, 9);
}

static void escapes_are_undone(void **state)
{
    struct token token = only("\"a\\\"\\\\\\n\\t\\r\\x00\\xfF\"");
    uint8_t bytes[32];
    static const uint8_t wanted[] = { 'a', '"', '\\', '\n', '\t', '\r', 0x00, 0xff };

    (void)state;
    assert_int_equal(token.kind, TOKEN_STRING);
    assert_int_equal(lex_unescape(token.text, bytes), sizeof wanted);
    assert_memory_equal(bytes, wanted, sizeof wanted);
}

static void wrong_strings_are_mistakes(void **state)
{
    static const char *const texts[] = { "\"open",   "\"bad \\q\"", "\"\\x1\"",    "\"\xff\"",
                                         "\"\x01\"", "\"\\",        "\"\xc2\x85\"" };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(only(texts[i]).kind, TOKEN_MISTAKE);
}

static void foreign_bytes_are_mistakes_in_comments_too(void **state)
{
    struct lex l = { &source, 0 };

    (void)state;
    assert_int_equal(only("# \xff").kind, TOKEN_MISTAKE);
    assert_int_equal(only("# fine: \xc3\xa9").kind, TOKEN_TEXT_END);
    assert_int_equal(only("\xc3\xa9").kind, TOKEN_MISTAKE);
    assert_int_equal(only("a\rb").kind, TOKEN_WORD);
    assert_int_equal(only("\rb").kind, TOKEN_MISTAKE);
    source = (struct source){ "test", "# \0 {", 5 };
    assert_int_equal(lex_next(&l, LEX_WORD).kind, TOKEN_MISTAKE);
    assert_int_equal(lex_next(&l, LEX_WORD).kind, TOKEN_TEXT_END);
}

static void skipping_a_line_tells_whether_it_opens_a_block(void **state)
{
    struct lex l = on("repeat ^ {  # so\n}\n\"{\n{ x\n");

    (void)state;
    assert_int_equal(lex_skip_line(&l), '{');
    assert_int_equal(lex_skip_line(&l), '}');
    assert_false(lex_skip_line(&l));
    assert_false(lex_skip_line(&l));
    assert_int_equal(lex_next(&l, LEX_WORD).kind, TOKEN_TEXT_END);
    assert_false(lex_skip_line(&l));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_comes_as_its_tokens),
        cmocka_unit_test(a_token_knows_its_place),
        cmocka_unit_test(numbers_have_bases_and_units),
        cmocka_unit_test(durations_are_in_nanoseconds),
        cmocka_unit_test(what_is_no_number_is_a_mistake),
        cmocka_unit_test(dashes_and_dots_are_in_names_and_ids_only),
        cmocka_unit_test(a_word_may_have_a_variable_in_it),
        cmocka_unit_test(a_slice_of_numbers_is_three_tokens),
        cmocka_unit_test(escapes_are_undone),
        cmocka_unit_test(wrong_strings_are_mistakes),
        cmocka_unit_test(foreign_bytes_are_mistakes_in_comments_too),
        cmocka_unit_test(skipping_a_line_tells_whether_it_opens_a_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
