/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "script/parse.h"
#include "script/value.h"

/* The data of a case's one line, "C: raw DATA"; the tree owns it. */
static const struct value *data_of(struct arena *arena, const char *text)
{
    struct diagnostics d;
    struct step *step;

    diagnostics_init(&d);
    step = tree_parse_steps(arena, "test", span_text(arena_print(arena, "C: raw %s\n", text)), &d);
    if (d.errors > 0)
        fail_msg("%s", buffer_text(&d.text));
    diagnostics_free(&d);
    return step->frame.subject;
}

static const struct value *length_of(struct arena *arena, const char *text)
{
    struct diagnostics d;
    struct step *step;

    diagnostics_init(&d);
    step = tree_parse_steps(arena, "test", span_text(arena_print(arena, "C: READ length=%s\n", text)), &d);
    if (d.errors > 0)
        fail_msg("%s", buffer_text(&d.text));
    diagnostics_free(&d);
    return step->frame.fields->value;
}

static struct environment some_variables(void)
{
    struct environment e = { .count = 0 };

    environment_set_number(&e, "block", 512);
    environment_set_number(&e, "base", 65536);
    environment_set(&e, (struct bound){ .name = "cmd", .kind = BOUND_WORD, .word = "TRIM" });
    environment_set(&e, (struct bound){ .name = "export", .kind = BOUND_BYTES, .bytes = span_text("disk") });
    return e;
}

static void data_is(const char *text, uint64_t origin, uint64_t length, const void *wanted, size_t len)
{
    struct arena *arena = arena_new();
    struct environment e = some_variables();
    struct value_error error;
    struct buffer got;

    buffer_init(&got, 1 << 20);
    if (!value_data(data_of(arena, text), &e, origin, length, &got, &error))
        fail_msg("%s: %s", text, error.reason);
    assert_int_equal(got.len, len);
    if (len > 0)
        assert_memory_equal(got.bytes, wanted, len);
    buffer_free(&got);
    arena_free(arena);
}

static void data_fails(const char *text, uint64_t length, const char *reason)
{
    struct arena *arena = arena_new();
    struct environment e = some_variables();
    struct value_error error;
    struct buffer got;

    buffer_init(&got, 4096);
    assert_false(value_data(data_of(arena, text), &e, 0, length, &got, &error));
    assert_string_equal(error.reason, reason);
    assert_non_null(error.place.source);
    buffer_free(&got);
    arena_free(arena);
}

static void terms_stand_one_behind_the_other(void **state)
{
    static const uint8_t wanted[] = { 'd', 'i', 's', 'k', 'a', 'b', 0x12, 0x34, 0, 0,    0,
                                      7,   0,   0,   0,   0,   0,   0,    0,    1, 0xff, 0x00 };

    (void)state;
    data_is("$export \"ab\" be16(0x1234) be32(7) be64(1) hex(\"ff00\")", 0, UINT64_MAX, wanted,
            sizeof wanted);
}

static void an_open_term_takes_what_is_left(void **state)
{
    (void)state;
    data_is("\"a\" fill(0x2d) \"b\"", 0, 5, "a---b", 5);
    data_is("zero", 0, 3, "\0\0\0", 3);
    data_is("zero", 0, 0, "", 0);
}

static void slices_cut(void **state)
{
    (void)state;
    data_is("zero[..2] fill(0x41)[..3]", 0, UINT64_MAX, "\0\0AAA", 5);
    data_is("\"abcdef\"[2..4]", 0, UINT64_MAX, "cd", 2);
    data_is("\"abcdef\"[4..]", 0, UINT64_MAX, "ef", 2);
    data_is("namespace(\"x-y:a:b\") namespace(\"none\")", 0, UINT64_MAX, "x-y:none", 8);
    data_is("hex(\"00112233\")[1..3]", 0, UINT64_MAX, "\x11\x22", 2);
}

static void a_sliced_pattern_counts_from_the_first_byte_of_the_whole(void **state)
{
    uint8_t wanted[2048] = { 0 };

    (void)state;
    pattern_fill(1, 65536, wanted, 512);
    pattern_fill(1, 65536 + 1536, wanted + 1536, 512);
    data_is("pattern(1)[..$block] zero[..2*$block] pattern(1)[3*$block..]", 65536, 2048, wanted,
            sizeof wanted);
    pattern_fill(1, 65536 + 512, wanted, 512);
    data_is("pattern(1)[512..1024]", 65536, UINT64_MAX, wanted, 512);
}

static void data_that_cannot_be_are_mistakes(void **state)
{
    (void)state;
    data_fails("zero", UINT64_MAX, "how many bytes? nothing here says it: add [..N]");
    data_fails("zero fill(1)", 9, "only one term can take what the others leave");
    data_fails("\"abc\" zero", 2, "3 bytes of data, and there are to be 2");
    data_fails("$nothing", 2, "nothing is known of $nothing");
    data_fails("$block", 2, "$block is a number, and data are wanted here: be32($block)");
    data_fails("be16(65536)", 2, "65536 does not fit 16 bits");
    data_fails("zero[..5000]", UINT64_MAX, "more than 4096 bytes of data");
    data_fails("\"abc\"[2..1]", 2, "the slice ends before it begins");
    data_fails("\"abc\"[2..4]", 2, "the slice ends behind the 3 bytes that there are");
}

static void fixed_terms_may_differ_from_the_length(void **state)
{
    (void)state;
    data_is("\"abc\"", 0, 2, "abc", 3);
    data_is("\"abc\"", 0, 9, "abc", 3);
}

static void arithmetic_has_64_bits_and_says_where_it_fails(void **state)
{
    struct arena *arena = arena_new();
    struct environment e = some_variables();
    struct value_error error;
    uint64_t got;

    (void)state;
    assert_true(value_number(length_of(arena, "2*($block+1)-$base/65536"), &e, NULL, &got, &error));
    assert_int_equal(got, 1025);
    assert_false(value_number(length_of(arena, "$block-513"), &e, NULL, &got, &error));
    assert_string_equal(error.reason, "512 - 513 is not a number of 64 bits");
    assert_false(value_number(length_of(arena, "0xffffffffffffffff+1"), &e, NULL, &got, &error));
    assert_false(value_number(length_of(arena, "$block/0"), &e, NULL, &got, &error));
    assert_string_equal(error.reason, "division by zero");
    arena_free(arena);
}

static void words_are_looked_up_and_flags_are_united(void **state)
{
    struct arena *arena = arena_new();
    struct environment e = some_variables();
    struct value fua = { .kind = VALUE_WORD, .text = "FUA" }, df = { .kind = VALUE_WORD, .text = "DF" };
    struct value either = { .kind = VALUE_EITHER, .first = &fua };
    struct value flag = { .kind = VALUE_WORD, .text = "SEND_$cmd" },
                 cmd = { .kind = VALUE_VARIABLE, .text = "cmd" };
    struct value_error error;
    uint64_t got;

    (void)state;
    fua.next = &df;
    assert_true(value_number(&either, &e, &vocabulary_command_flags, &got, &error));
    assert_int_equal(got, 1 | 4);
    assert_true(value_number(&flag, &e, &vocabulary_transmission_flags, &got, &error));
    assert_int_equal(got, 1 << 5);
    assert_true(value_number(&cmd, &e, &vocabulary_commands, &got, &error));
    assert_int_equal(got, 4);
    assert_false(value_number(&fua, &e, &vocabulary_errors, &got, &error));
    assert_string_equal(error.reason, "there is no error 'FUA'");
    assert_false(value_number(&either, &e, &vocabulary_errors, &got, &error));
    assert_string_equal(value_word("SEND_$cmd", &e, arena), "SEND_TRIM");
    assert_null(value_word("$export", &e, arena));
    arena_free(arena);
}

static void inner_variables_hide_outer_ones_until_dropped(void **state)
{
    struct environment e = some_variables();

    (void)state;
    assert_true(environment_set_number(&e, "block", 1));
    assert_true(environment_set_number(&e, "later", 2));
    assert_int_equal(environment_find(&e, "block")->number, 1);
    assert_true(environment_assign(&e, (struct bound){ .name = "block", .kind = BOUND_NUMBER, .number = 9 }));
    assert_int_equal(environment_find(&e, "block")->number, 9);
    environment_drop(&e, "block");
    assert_int_equal(environment_find(&e, "block")->number, 512);
    assert_int_equal(environment_find(&e, "later")->number, 2);
    while (environment_set_number(&e, "x", 0))
        ;
    assert_int_equal(e.count, sizeof e.all / sizeof e.all[0]);
}

static void pattern_has_no_zero_and_tells_neighbours_apart(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++)
        for (uint64_t at = 0; at < 5000; at++) {
            assert_int_not_equal(pattern_byte(seed, at), 0);
            assert_int_not_equal(pattern_byte(seed, at), pattern_byte(seed, at + 1));
            assert_int_not_equal(pattern_byte(seed, at), pattern_byte(seed + 1, at));
        }
}

static void pattern_does_not_repeat(void **state)
{
    uint8_t window[16], other[16];

    (void)state;
    pattern_fill(1, 1 << 20, window, sizeof window);
    for (uint64_t at = 0; at < 1 << 16; at++) {
        pattern_fill(1, at, other, sizeof other);
        assert_memory_not_equal(window, other, sizeof other);
    }
}

static void pattern_is_the_same_from_any_offset(void **state)
{
    uint8_t all[64], part[64];

    (void)state;
    pattern_fill(7, 1000, all, sizeof all);
    for (size_t from = 0; from < sizeof all; from++) {
        pattern_fill(7, 1000 + from, part, sizeof all - from);
        assert_memory_equal(part, all + from, sizeof all - from);
    }
}

static void pattern_is_recognised(void **state)
{
    uint8_t data[300];
    uint64_t seed;

    (void)state;
    pattern_fill(200, 12345, data, sizeof data);
    assert_true(pattern_recognise(12345, span_of(data, sizeof data), &seed));
    assert_int_equal(seed, 200);
    assert_false(pattern_recognise(12346, span_of(data, sizeof data), &seed));
    data[299] ^= 1;
    assert_false(pattern_recognise(12345, span_of(data, sizeof data), &seed));
    assert_false(pattern_recognise(0, span_of(data, 0), &seed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terms_stand_one_behind_the_other),
        cmocka_unit_test(an_open_term_takes_what_is_left),
        cmocka_unit_test(slices_cut),
        cmocka_unit_test(a_sliced_pattern_counts_from_the_first_byte_of_the_whole),
        cmocka_unit_test(data_that_cannot_be_are_mistakes),
        cmocka_unit_test(fixed_terms_may_differ_from_the_length),
        cmocka_unit_test(arithmetic_has_64_bits_and_says_where_it_fails),
        cmocka_unit_test(words_are_looked_up_and_flags_are_united),
        cmocka_unit_test(inner_variables_hide_outer_ones_until_dropped),
        cmocka_unit_test(pattern_has_no_zero_and_tells_neighbours_apart),
        cmocka_unit_test(pattern_does_not_repeat),
        cmocka_unit_test(pattern_is_the_same_from_any_offset),
        cmocka_unit_test(pattern_is_recognised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
