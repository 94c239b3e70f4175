/* SPDX-License-Identifier: MIT */
#include "wire/vocabulary.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "wire/constants.h"

static const struct vocabulary *const all[] = {
    &vocabulary_options,         &vocabulary_replies,      &vocabulary_infos,
    &vocabulary_commands,        &vocabulary_chunks,       &vocabulary_errors,
    &vocabulary_handshake_flags, &vocabulary_client_flags, &vocabulary_transmission_flags,
    &vocabulary_command_flags,   &vocabulary_chunk_flags,  &vocabulary_state_flags,
};

static void numbers_have_the_names_of_the_specification(void **state)
{
    (void)state;
    assert_string_equal(vocabulary_name(&vocabulary_options, 7), "GO");
    assert_string_equal(vocabulary_name(&vocabulary_replies, 0x80000006), "ERR_UNKNOWN");
    assert_string_equal(vocabulary_name(&vocabulary_infos, 3), "BLOCK_SIZE");
    assert_string_equal(vocabulary_name(&vocabulary_commands, 6), "WRITE_ZEROES");
    assert_string_equal(vocabulary_name(&vocabulary_chunks, 0x8002), "ERROR_OFFSET");
    assert_string_equal(vocabulary_name(&vocabulary_errors, 75), "EOVERFLOW");
    assert_string_equal(vocabulary_name(&vocabulary_handshake_flags, 2), "NO_ZEROES");
    assert_string_equal(vocabulary_name(&vocabulary_client_flags, 1), "FIXED_NEWSTYLE");
    assert_string_equal(vocabulary_name(&vocabulary_transmission_flags, 1 << 11), "SEND_FAST_ZERO");
    assert_string_equal(vocabulary_name(&vocabulary_command_flags, 1 << 3), "REQ_ONE");
    assert_string_equal(vocabulary_name(&vocabulary_chunk_flags, 1), "DONE");
    assert_string_equal(vocabulary_name(&vocabulary_state_flags, 2), "ZERO");
    assert_null(vocabulary_name(&vocabulary_options, 12));
    assert_null(vocabulary_name(&vocabulary_errors, 0));
    assert_string_equal(vocabulary_command_flags.what, "command flag");
}

static void each_word_is_found_by_name_and_by_number(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (size_t j = 0; j < all[i]->count; j++) {
            const struct word *word = &all[i]->words[j];

            assert_ptr_equal(vocabulary_find(all[i], span_text(word->name)), word);
            assert_string_equal(vocabulary_name(all[i], word->value), word->name);
        }
}

static void only_whole_names_are_found(void **state)
{
    (void)state;
    assert_null(vocabulary_find(&vocabulary_commands, span_text("READX")));
    assert_null(vocabulary_find(&vocabulary_commands, span_text("REA")));
    assert_null(vocabulary_find(&vocabulary_commands, span_text("read")));
    assert_null(vocabulary_find(&vocabulary_commands, span_of(NULL, 0)));
    assert_int_equal(vocabulary_find(&vocabulary_commands, span_of("READ flags", 4))->value, NBD_CMD_READ);
}

static void assert_prints(const char *wanted,
                          void (*print)(const struct vocabulary *, uint64_t, struct buffer *),
                          const struct vocabulary *v, uint64_t value)
{
    struct buffer text;

    buffer_init(&text, 200);
    print(v, value, &text);
    assert_string_equal(buffer_text(&text), wanted);
    buffer_free(&text);
}

static void unknown_numbers_print_in_hexadecimal(void **state)
{
    (void)state;
    assert_prints("TRIM", vocabulary_print, &vocabulary_commands, 4);
    assert_prints("0x99", vocabulary_print, &vocabulary_commands, 0x99);
    assert_prints("0x8000ffff", vocabulary_print, &vocabulary_replies, 0x8000ffff);
}

static void flags_print_with_bars_and_unknown_bits_last(void **state)
{
    (void)state;
    assert_prints("0", vocabulary_print_flags, &vocabulary_command_flags, 0);
    assert_prints("FUA", vocabulary_print_flags, &vocabulary_command_flags, 1);
    assert_prints("FUA|DF", vocabulary_print_flags, &vocabulary_command_flags, 5);
    assert_prints("FUA|DF|0xc000", vocabulary_print_flags, &vocabulary_command_flags, 0xc005);
    assert_prints("0x80000000", vocabulary_print_flags, &vocabulary_client_flags, 0x80000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_the_names_of_the_specification),
        cmocka_unit_test(each_word_is_found_by_name_and_by_number),
        cmocka_unit_test(only_whole_names_are_found),
        cmocka_unit_test(unknown_numbers_print_in_hexadecimal),
        cmocka_unit_test(flags_print_with_bars_and_unknown_bits_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
