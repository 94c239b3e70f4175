/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void what_is_taken_is_zero_and_aligned(void **state)
{
    static const uint8_t zero[100000];
    struct arena *a = arena_new();

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (size_t size = 0; size < sizeof zero; size = size * 3 + 1) {
            uint8_t *taken = arena_take(a, size);

            assert_int_equal((uintptr_t)taken % alignof(max_align_t), 0);
            assert_memory_equal(taken, zero, size);
            memset(taken, 0xa5, size);
        }
        arena_reset(a);
    }
    arena_free(a);
}

static void objects_do_not_overlap(void **state)
{
    struct arena *a = arena_new();
    uint8_t *taken[200];

    (void)state;
    for (size_t i = 0; i < 200; i++)
        taken[i] = memset(arena_take(a, i * 7), (int)i, i * 7);
    for (size_t i = 0; i < 200; i++)
        for (size_t j = 0; j < i * 7; j++)
            assert_int_equal(taken[i][j], i);
    arena_free(a);
}

static void copies_are_whole(void **state)
{
    static const char with_nul[] = { 'a', '\0', 'b' };
    struct arena *a = arena_new();

    (void)state;
    assert_memory_equal(arena_text(a, span_of(with_nul, 3)), "a\0b\0", 4);
    assert_string_equal(arena_text(a, span_of(NULL, 0)), "");
    assert_memory_equal(arena_copy(a, with_nul, 3), "a\0b", 3);
    assert_string_equal(arena_print(a, "%s-%d", "x", 7), "x-7");
    arena_free(a);
}

static void there_need_not_be_an_arena_to_free(void **state)
{
    (void)state;
    arena_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken_is_zero_and_aligned),
        cmocka_unit_test(objects_do_not_overlap),
        cmocka_unit_test(copies_are_whole),
        cmocka_unit_test(there_need_not_be_an_arena_to_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
