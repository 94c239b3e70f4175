/* SPDX-License-Identifier: MIT */
#include "base/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *among_flags(const char *wanted)
{
    static const char *const words[] = { "FUA", "NO_HOLE", "DF", "REQ_ONE", "FAST_ZERO", "PAYLOAD_LEN" };
    struct nearest n = nearest_to(span_text(wanted));

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        nearest_offer(&n, words[i]);
    return n.best;
}

static void a_slip_finds_its_word(void **state)
{
    (void)state;
    assert_string_equal(among_flags("FD"), "DF");
    assert_string_equal(among_flags("FUAA"), "FUA");
    assert_string_equal(among_flags("NOHOLE"), "NO_HOLE");
    assert_string_equal(among_flags("PAYLAOD_LEN"), "PAYLOAD_LEN");
    assert_string_equal(among_flags("FAST-ZERO"), "FAST_ZERO");
}

static void case_does_not_count(void **state)
{
    (void)state;
    assert_string_equal(among_flags("req_one"), "REQ_ONE");
}

static void a_word_of_another_kind_finds_nothing(void **state)
{
    (void)state;
    assert_null(among_flags("zebra"));
    assert_null(among_flags("x"));
    assert_null(among_flags(""));
}

static void no_word_is_too_long_to_ask_for(void **state)
{
    char word[1001];

    (void)state;
    memset(word, 'F', 1000);
    word[1000] = '\0';
    assert_null(among_flags(word));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slip_finds_its_word),
        cmocka_unit_test(case_does_not_count),
        cmocka_unit_test(a_word_of_another_kind_finds_nothing),
        cmocka_unit_test(no_word_is_too_long_to_ask_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
