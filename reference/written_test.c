/* SPDX-License-Identifier: MIT */
#include "reference/written.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LARGEST (UINT64_C(0x7fffffffffffffff))

static void expect(const struct written *w, uint64_t offset, uint64_t length, bool noted, uint64_t bytes)
{
    bool is;

    assert_int_equal(written_extent(w, offset, length, &is), bytes);
    assert_int_equal(is, noted);
}

static void nothing_is_noted_at_first(void **state)
{
    struct written *w = written_new(LARGEST, 65536);

    (void)state;
    expect(w, 0, LARGEST, false, LARGEST);
    expect(w, LARGEST - 1, 1, false, 1);
    written_note(w, 5, 0);
    expect(w, 0, LARGEST, false, LARGEST);
    written_free(w);
    written_free(NULL);
}

static void whole_pieces_are_noted(void **state)
{
    struct written *w = written_new(UINT64_C(1) << 40, 65536);

    (void)state;
    written_note(w, 4095, 2);
    expect(w, 0, 1 << 20, true, 8192);
    expect(w, 100, 200, true, 200);
    expect(w, 8000, 1 << 20, true, 192);
    expect(w, 8192, 1 << 20, false, 1 << 20);
    written_note(w, 12288, 1);
    expect(w, 8192, 1 << 20, false, 4096);
    expect(w, 12289, 1 << 20, true, 4095);
    written_note(w, 8192, 1);
    expect(w, 0, 1 << 20, true, 16384);
    written_free(w);
}

static void huge_ranges_are_noted_at_once(void **state)
{
    struct written *w = written_new(LARGEST, 65536);

    (void)state;
    written_note(w, 4096, LARGEST - 8192);
    expect(w, 0, LARGEST, false, 4096);
    expect(w, 4096, LARGEST - 4096, true, (LARGEST - 4096) / 4096 * 4096);
    expect(w, LARGEST - 1, 1, false, 1);
    written_note(w, 0, LARGEST);
    expect(w, 0, LARGEST, true, LARGEST);
    written_free(w);
}

/* Against one flag a piece. */
static void any_ranges_are_noted_as_one_by_one(void **state)
{
    static bool noted[4096 * 5];
    const uint64_t count = sizeof noted / sizeof *noted;
    struct written *w = written_new(count * 4096, 1 << 20);
    uint64_t random = 1;

    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        uint64_t first, last, at = 0;

        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        first = (random >> 33) % count;
        last = first + (random >> 20) % 300;
        last = last < count ? last : count - 1;
        for (uint64_t piece = first; piece <= last; piece++)
            noted[piece] = true;
        written_note(w, first * 4096 + random % 4096, (last - first) * 4096 + 4096 - random % 4096);
        while (at < count) {
            uint64_t end = at;

            while (end < count && noted[end] == noted[at])
                end++;
            expect(w, at * 4096, (count - at) * 4096, noted[at], (end - at) * 4096);
            at = end;
        }
    }
    written_free(w);
}

static void notes_become_coarser_where_there_is_no_room(void **state)
{
    struct written *w = written_new(LARGEST, 0);

    (void)state;
    written_note(w, 123456789, 1); /* the root's slots span 2^60 bytes */
    expect(w, 0, LARGEST, true, UINT64_C(1) << 60);
    expect(w, UINT64_C(1) << 60, 1, false, 1);
    written_note(w, 0, LARGEST);
    expect(w, 0, LARGEST, true, LARGEST);
    written_free(w);
}

static void room_that_is_given_up_is_used_again(void **state)
{
    struct written *w = written_new(4096 * 64 * 63, 3 * 8); /* two levels, three nodes below the root */

    (void)state;
    for (uint64_t i = 0; i < 63; i++) {
        written_note(w, i * 4096 * 64 + 8192, 4096);
        expect(w, i * 4096 * 64 + 4096, 4096, false, 4096);
        written_note(w, i * 4096 * 64, 4096 * 64);
    }
    expect(w, 0, 4096 * 64 * 63, true, 4096 * 64 * 63);
    written_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_noted_at_first),
        cmocka_unit_test(whole_pieces_are_noted),
        cmocka_unit_test(huge_ranges_are_noted_at_once),
        cmocka_unit_test(any_ranges_are_noted_as_one_by_one),
        cmocka_unit_test(notes_become_coarser_where_there_is_no_room),
        cmocka_unit_test(room_that_is_given_up_is_used_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
