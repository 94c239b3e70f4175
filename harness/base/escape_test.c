/* SPDX-License-Identifier: MIT */
#include "base/escape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void escapes_to(const char *bytes, size_t len, const char *wanted)
{
    struct buffer b;

    buffer_init(&b, 1000);
    assert_true(escape_text(&b, span_of(bytes, len)));
    assert_string_equal(buffer_text(&b), wanted);
    buffer_free(&b);
}

static void printable_text_stays_as_it_is(void **state)
{
    (void)state;
    escapes_to("base:allocation ~", 17, "base:allocation ~");
    escapes_to("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
}

static void quotes_and_backslashes_get_a_backslash(void **state)
{
    (void)state;
    escapes_to("a\"b\\c", 5, "a\\\"b\\\\c");
}

static void control_characters_are_never_shown(void **state)
{
    (void)state;
    escapes_to("\n\t\r\0\x1b\x7f", 6, "\\n\\t\\r\\x00\\x1b\\x7f");
    escapes_to("\xc2\x9b", 2, "\\xc2\\x9b"); /* U+009B begins a terminal's command */
    escapes_to("\xc2\xa0", 2, "\xc2\xa0");
}

static void broken_utf8_is_escaped_byte_by_byte(void **state)
{
    (void)state;
    escapes_to("a\xff"
               "b",
               3, "a\\xffb");
    escapes_to("\xe2\x82", 2, "\\xe2\\x82");
    escapes_to("\xe2\x82z", 3, "\\xe2\\x82z");
}

static void the_ceiling_is_reported(void **state)
{
    struct buffer b;

    (void)state;
    buffer_init(&b, 4);
    assert_true(escape_text(&b, span_text("\x01")));
    assert_false(escape_text(&b, span_text("x")));
    buffer_free(&b);
}

static bool valid(const char *text)
{
    return utf8_valid(span_text(text));
}

static void utf8_is_what_rfc_3629_says(void **state)
{
    (void)state;
    assert_true(valid(""));
    assert_true(utf8_valid(span_of("a\0b", 3)));
    assert_true(valid("\xc2\x80"));         /* U+0080 */
    assert_true(valid("\xe0\xa0\x80"));     /* U+0800 */
    assert_true(valid("\xed\x9f\xbf"));     /* U+D7FF */
    assert_true(valid("\xee\x80\x80"));     /* U+E000 */
    assert_true(valid("\xf0\x90\x80\x80")); /* U+10000 */
    assert_true(valid("\xf4\x8f\xbf\xbf")); /* U+10FFFF */

    assert_false(valid("\xc0\x80"));         /* overlong U+0000 */
    assert_false(valid("\xc1\xbf"));         /* overlong U+007F */
    assert_false(valid("\xe0\x9f\xbf"));     /* overlong U+07FF */
    assert_false(valid("\xf0\x8f\xbf\xbf")); /* overlong U+FFFF */
    assert_false(valid("\xed\xa0\x80"));     /* U+D800, a surrogate */
    assert_false(valid("\xed\xbf\xbf"));     /* U+DFFF, a surrogate */
    assert_false(valid("\xf4\x90\x80\x80")); /* above U+10FFFF */
    assert_false(valid("\xf5\x80\x80\x80"));
    assert_false(valid("\x80"));     /* a continuation without a beginning */
    assert_false(valid("a\xc3"));    /* cut */
    assert_false(valid("\xe2\x82")); /* cut */
    assert_false(valid("\xc3z"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(printable_text_stays_as_it_is),
        cmocka_unit_test(quotes_and_backslashes_get_a_backslash),
        cmocka_unit_test(control_characters_are_never_shown),
        cmocka_unit_test(broken_utf8_is_escaped_byte_by_byte),
        cmocka_unit_test(the_ceiling_is_reported),
        cmocka_unit_test(utf8_is_what_rfc_3629_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
