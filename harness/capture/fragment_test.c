/* SPDX-License-Identifier: MIT */
#include "capture/fragment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"

static const char payload[] = "0123456789abcdefghijklmnop"; /* 26 bytes */

/* The fragment of these bytes of the payload. */
static struct packet_fragment piece(uint32_t id, uint32_t at, size_t len)
{
    return (struct packet_fragment){ .id = id,
                                     .at = at,
                                     .more = at + len < sizeof payload - 1,
                                     .bytes = span_of((const uint8_t *)payload + at, len) };
}

static bool add(struct fragment_table *t, struct packet_fragment f)
{
    struct span whole;
    bool got = fragment_table_add(t, &f, &whole);

    if (got) {
        assert_int_equal(whole.len, sizeof payload - 1);
        assert_memory_equal(whole.at, payload, whole.len);
    }
    return got;
}

static void fragments_come_in_any_order_and_more_than_once(void **state)
{
    static const struct {
        uint32_t at;
        size_t len;
    } pieces[] = { { 0, 8 }, { 8, 16 }, { 24, 2 } };
    static const size_t orders[][4] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 2, 0 }, { 2, 0, 1 } };

    (void)state;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        struct fragment_table *t = fragment_table_new();

        for (size_t k = 0; k < 3; k++) {
            struct packet_fragment f = piece(1, pieces[orders[i][k]].at, pieces[orders[i][k]].len);

            assert_int_equal(add(t, f), k == 2);
            if (k < 2)
                assert_false(add(t, f));
        }
        fragment_table_free(t);
    }
}

static void packets_do_not_mix(void **state)
{
    struct fragment_table *t = fragment_table_new();
    struct packet_fragment other = piece(1, 8, 18);

    (void)state;
    other.from[0] = 1;
    assert_false(add(t, piece(1, 0, 8)));
    assert_false(add(t, piece(2, 8, 18)));
    assert_false(add(t, other));
    assert_true(add(t, piece(1, 8, 18)));
    assert_false(add(t, piece(1, 8, 18))); /* the id was free again */
    fragment_table_free(t);
}

static void what_lacks_a_fragment_gives_way(void **state)
{
    struct fragment_table *t = fragment_table_new();

    (void)state;
    for (uint32_t id = 0; id <= FRAGMENTED_MAX; id++)
        assert_false(add(t, piece(id, 0, 8)));
    assert_false(add(t, piece(0, 8, 18)));
    assert_true(add(t, piece(FRAGMENTED_MAX, 8, 18)));
    fragment_table_free(t);
}

static void any_fragments_do_no_harm(void **state)
{
    static const uint8_t bytes[65536];
    struct random random = random_seeded(5);
    struct fragment_table *t = fragment_table_new();
    struct span whole;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        struct packet_fragment f = { .id = (uint32_t)random_below(&random, 3),
                                     .at = (uint32_t)random_below(&random, 8192 + 1) * 8,
                                     .more = random_next(&random) & 1,
                                     .bytes = span_of(bytes, random_below(&random, 100)) };

        fragment_table_add(t, &f, &whole);
    }
    fragment_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fragments_come_in_any_order_and_more_than_once),
        cmocka_unit_test(packets_do_not_mix),
        cmocka_unit_test(what_lacks_a_fragment_gives_way),
        cmocka_unit_test(any_fragments_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
