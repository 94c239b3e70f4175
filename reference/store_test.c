/* SPDX-License-Identifier: MIT */
#include "reference/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/random.h"

#define UNLIMITED (UINT64_C(1) << 50)
#define FLAT_BYTES (5 * STORE_PAGE_BYTES + 777)

static uint8_t flat[FLAT_BYTES], got[FLAT_BYTES];

static void new_contents_are_one_hole(void **state)
{
    struct store *s = store_new(1000, UNLIMITED);
    enum store_kind kind;

    (void)state;
    memset(got, 1, 1000);
    store_read(s, 0, got, 1000);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(got[i], 0);
    assert_int_equal(store_extent(s, 0, 1000, &kind), 1000);
    assert_int_equal(kind, STORE_HOLE);
    assert_int_equal(store_size(s), 1000);
    store_free(s);
    store_free(NULL);
}

/* One operation at random, on the store and on plain memory. */
static void operate(struct store *s, struct random *r)
{
    uint64_t offset = random_below(r, FLAT_BYTES), length = random_below(r, FLAT_BYTES - offset) + 1;
    uint64_t first = (offset + STORE_PAGE_BYTES - 1) / STORE_PAGE_BYTES * STORE_PAGE_BYTES;
    uint64_t end = (offset + length) / STORE_PAGE_BYTES * STORE_PAGE_BYTES;
    uint8_t byte = (uint8_t)random_below(r, 256);

    switch (random_below(r, 4)) {
    case 0:
        memset(flat + offset, byte, length);
        assert_true(store_write(s, offset, span_of(flat + offset, length)));
        break;
    case 1:
        memset(flat + offset, 0, length);
        assert_true(store_zero(s, offset, length, false));
        break;
    case 2:
        memset(flat + offset, 0, length);
        assert_true(store_zero(s, offset, length, true));
        break;
    default:
        if (first < end)
            memset(flat + first, 0, end - first);
        store_trim(s, offset, length);
        break;
    }
}

/* Extents add up, neighbours differ, and what is not data reads as zero. */
static void check_extents(const struct store *s)
{
    enum store_kind kind, last = STORE_HOLE;

    for (uint64_t at = 0, bytes; at < FLAT_BYTES; at += bytes) {
        bytes = store_extent(s, at, FLAT_BYTES - at, &kind);
        assert_in_range(bytes, 1, FLAT_BYTES - at);
        assert_true(at == 0 || kind != last);
        last = kind;
        for (uint64_t i = 0; kind != STORE_DATA && i < bytes; i++)
            assert_int_equal(flat[at + i], 0);
    }
}

/* What can be peeked at is what is read; where there is nothing to be seen there are no data. */
static void check_peeks(const struct store *s)
{
    enum store_kind kind;

    for (uint64_t at = 0, bytes; at < FLAT_BYTES; at += bytes) {
        struct span seen = store_peek(s, at, FLAT_BYTES - at);

        assert_true(seen.len <= STORE_PAGE_BYTES - at % STORE_PAGE_BYTES);
        assert_memory_equal(seen.len > 0 ? seen.at : flat + at, flat + at, seen.len);
        bytes = store_extent(s, at, FLAT_BYTES - at, &kind);
        assert_true((kind == STORE_DATA) == (seen.len > 0));
        bytes = kind == STORE_DATA ? seen.len : bytes;
    }
}

static void does_what_plain_memory_does(void **state)
{
    struct store *s = store_new(FLAT_BYTES, UNLIMITED);
    struct random r = random_seeded(7);

    (void)state;
    memset(flat, 0, sizeof flat);
    for (unsigned i = 0; i < 400; i++) {
        operate(s, &r);
        store_read(s, 0, got, FLAT_BYTES);
        assert_memory_equal(got, flat, FLAT_BYTES);
        check_extents(s);
        check_peeks(s);
    }
    store_free(s);
}

static void the_largest_size_costs_nothing(void **state)
{
    uint64_t size = INT64_MAX, exa = UINT64_C(1) << 60;
    struct store *s = store_new(size, UNLIMITED);
    enum store_kind kind;
    uint8_t byte = 0;

    (void)state;
    assert_true(store_write(s, size - 1, span_text("e")));
    assert_true(store_write(s, exa, span_text("x")));
    assert_true(store_extent(s, 0, size, &kind) == exa && kind == STORE_HOLE);
    assert_true(store_extent(s, exa, size - exa, &kind) == STORE_PAGE_BYTES && kind == STORE_DATA);
    assert_true(store_zero(s, 1, size - 2, false));
    store_read(s, size - 1, &byte, 1);
    assert_int_equal(byte, 'e');
    assert_true(store_extent(s, 0, size, &kind) == size - STORE_PAGE_BYTES + 1 && kind == STORE_HOLE);
    store_trim(s, 0, size);
    store_read(s, size - 1, &byte, 1);
    assert_int_equal(byte, 'e'); /* the last page is not whole */
    assert_true(store_zero(s, 0, size, false));
    assert_true(store_extent(s, 0, size, &kind) == size - STORE_PAGE_BYTES + 1 && kind == STORE_HOLE);
    store_free(s);
}

static void zeroing_whole_pages_makes_a_hole(void **state)
{
    struct store *s = store_new(4 * STORE_PAGE_BYTES, UNLIMITED);
    enum store_kind kind;

    (void)state;
    memset(flat, 1, sizeof flat);
    store_write(s, 0, span_of(flat, 4 * STORE_PAGE_BYTES));
    store_zero(s, STORE_PAGE_BYTES, 2 * STORE_PAGE_BYTES, false);
    assert_int_equal(store_extent(s, 0, 4 * STORE_PAGE_BYTES, &kind), STORE_PAGE_BYTES);
    assert_int_equal(store_extent(s, STORE_PAGE_BYTES, 3 * STORE_PAGE_BYTES, &kind), 2 * STORE_PAGE_BYTES);
    assert_int_equal(kind, STORE_HOLE);
    store_zero(s, 0, 4 * STORE_PAGE_BYTES, true);
    assert_int_equal(store_extent(s, 0, 4 * STORE_PAGE_BYTES, &kind), 4 * STORE_PAGE_BYTES);
    assert_int_equal(kind, STORE_ZERO);
    store_free(s);
}

static void nothing_is_allocated_beyond_the_ceiling(void **state)
{
    struct store *s = store_new(UINT64_C(1) << 40, 2 * STORE_PAGE_BYTES + 1);
    uint64_t far = UINT64_C(1) << 30;

    (void)state;
    assert_false(store_zero(s, 0, 3 * STORE_PAGE_BYTES, true));
    assert_true(store_write(s, 5, span_text("a")));
    assert_true(store_zero(s, STORE_PAGE_BYTES, 1, true));
    assert_false(store_write(s, far, span_text("b")));
    assert_true(
        store_write(s, 2 * STORE_PAGE_BYTES - 1, span_text("c"))); /* what was provisioned has its place */
    assert_true(store_write(s, 6, span_text("a")));
    store_trim(s, 0, STORE_PAGE_BYTES);
    assert_true(store_write(s, far, span_text("b")));
    assert_false(store_write(s, 0, span_text("a")));
    store_free(s);
}

static void stores_that_share_memory_fail_together(void **state)
{
    struct store_memory memory = { .ceiling = 4 * STORE_PAGE_BYTES, .machine = 2 * STORE_PAGE_BYTES };
    struct store *a = store_new(UINT64_C(1) << 40, UINT64_C(1) << 40);
    struct store *b = store_new(UINT64_C(1) << 40, UINT64_C(1) << 40);

    (void)state;
    store_share(a, &memory);
    store_share(b, &memory);
    assert_true(store_write(a, 0, span_text("x")));
    assert_true(store_zero(b, 0, 2 * STORE_PAGE_BYTES, true)); /* allocated, and takes nothing */
    assert_int_equal(memory.allocated, 3 * STORE_PAGE_BYTES);
    assert_int_equal(memory.taken, STORE_PAGE_BYTES);
    assert_false(store_zero(a, STORE_PAGE_BYTES, 2 * STORE_PAGE_BYTES, true));
    assert_true(store_write(b, 0, span_text("x")));
    assert_false(store_write(b, STORE_PAGE_BYTES, span_text("x"))); /* the machine has no more */
    assert_int_equal(memory.allocated, 3 * STORE_PAGE_BYTES);
    store_trim(a, 0, STORE_PAGE_BYTES);
    assert_true(store_write(b, STORE_PAGE_BYTES, span_text("x")));
    assert_true(store_zero(b, 0, STORE_PAGE_BYTES, true));
    assert_int_equal(memory.taken, STORE_PAGE_BYTES);
    assert_true(store_write(a, 0, span_text("x")));
    store_free(a);
    store_free(b);
    assert_int_equal(memory.allocated, 0);
    assert_int_equal(memory.taken, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_contents_are_one_hole),
        cmocka_unit_test(does_what_plain_memory_does),
        cmocka_unit_test(the_largest_size_costs_nothing),
        cmocka_unit_test(zeroing_whole_pages_makes_a_hole),
        cmocka_unit_test(nothing_is_allocated_beyond_the_ceiling),
        cmocka_unit_test(stores_that_share_memory_fail_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
