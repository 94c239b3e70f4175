/* SPDX-License-Identifier: MIT */
#include "runner/safety.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "runner/signature.h"
#include "runner/test_server.h"
#include "script/value.h"

#define SECOND UINT64_C(1000000000)
#define SIZE (256 * 1024)

struct fixture {
    struct test_server server;
    struct facts facts;
    struct ranges ranges;
    struct buffer error;
};

static void set_up(struct fixture *f)
{
    *f = (struct fixture){ .server = test_server(SIZE) };
    f->facts = (struct facts){ .size = SIZE,
                               .flags_structured = f->server.transmission_flags,
                               .structured = true,
                               .block_size = f->server.block_size };
    ranges_add(&f->ranges, 65536, 65536);
    buffer_init(&f->error, 4096);
}

static void tear_down(struct fixture *f)
{
    assert_int_equal(f->server.open, 0);
    free(f->server.store);
    buffer_free(&f->error);
}

static bool look(struct fixture *f)
{
    struct target target = test_target(&f->server);

    return safety_look(&target, &f->facts, SECOND, &f->ranges, &f->error) == STATUS_CONFORMS;
}

/* ---- ranges ---- */

static void ranges_that_touch_become_one(void **state)
{
    struct ranges r = { 0 };

    (void)state;
    ranges_add(&r, 100, 10);
    ranges_add(&r, 500, 10);
    ranges_add(&r, 0, 0);
    assert_int_equal(r.count, 2);
    ranges_add(&r, 110, 20);
    assert_int_equal(r.count, 2);
    ranges_add(&r, 0, 505);
    assert_int_equal(r.count, 1);
    assert_int_equal(r.all[0].offset, 0);
    assert_int_equal(r.all[0].length, 510);
}

/* ---- leftovers ---- */

static void what_cases_leave_is_told_from_data(void **state)
{
    uint8_t sector[512];

    (void)state;
    memset(sector, 0, sizeof sector);
    assert_true(safety_is_leftover(65536, span_of(sector, sizeof sector)));
    memset(sector, 0xa5, sizeof sector);
    assert_true(safety_is_leftover(65536, span_of(sector, sizeof sector)));
    pattern_fill(1, 65536, sector, sizeof sector);
    assert_true(safety_is_leftover(65536, span_of(sector, sizeof sector)));
    memset(sector + 100, 0, 50); /* something was zeroed within */
    assert_true(safety_is_leftover(65536, span_of(sector, sizeof sector)));
    assert_false(safety_is_leftover(65537, span_of(sector, sizeof sector))); /* not where it belongs */
    memset(sector, 0, sizeof sector);
    memcpy(sector + 7, "a letter to somebody", 20);
    assert_false(safety_is_leftover(65536, span_of(sector, sizeof sector)));
}

/* ---- looking ---- */

static void an_empty_export_may_be_written_to(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    assert_true(look(&f));
    f.server.structured = false;
    assert_true(look(&f));
    assert_int_equal(f.error.len, 0);
    tear_down(&f);
}

static void data_are_found_wherever_they_stand_in_the_range(void **state)
{
    static const size_t places[] = { 65536, 65536 + 511, 100000, 131071 };

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct fixture f;
        char told[100];

        set_up(&f);
        f.server.store[places[i]] = 'x';
        assert_false(look(&f));
        snprintf(told, sizeof told, "the export holds data: the bytes at offset %zu are not zero", places[i]);
        assert_non_null(strstr(buffer_text(&f.error), told));
        assert_non_null(strstr(buffer_text(&f.error), "offsets 65536 to 131071"));
        assert_non_null(strstr(buffer_text(&f.error), "--read-only"));
        assert_non_null(strstr(buffer_text(&f.error), "--destroy"));
        tear_down(&f);
    }
}

static void data_outside_of_the_range_are_nobodys_business(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    f.server.store[131072] = 'x';
    f.server.store[65535] = 'x';
    assert_true(look(&f));
    f.facts.block_size.minimum = 4096; /* blocks are read whole */
    f.ranges = (struct ranges){ 0 };
    ranges_add(&f.ranges, 65536, 1000);
    f.server.store[65536 + 1000] = 'x';
    assert_true(look(&f));
    tear_down(&f);
}

static void a_file_system_at_the_start_is_recognised(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    memcpy(f.server.store + 1080, "\x53\xef", 2); /* the magic of ext4; the range itself is empty */
    assert_false(look(&f));
    assert_non_null(strstr(buffer_text(&f.error), "the export holds an ext2, ext3 or ext4 file system"));
    tear_down(&f);
}

static void what_cannot_be_read_counts_as_data(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    f.server.dies = true;
    assert_false(look(&f));
    assert_non_null(strstr(buffer_text(&f.error), "cannot tell whether the export holds data: "));
    tear_down(&f);
}

static void chunks_that_make_no_sense_leave_simple_replies_to_look_through(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    f.server.chunks_misplaced = true;
    assert_true(look(&f));
    f.server.store[100000] = 'x';
    assert_false(look(&f));
    assert_non_null(strstr(buffer_text(&f.error), "the bytes at offset 100000 are not zero"));
    tear_down(&f);
}

static void signatures_are_told_apart(void **state)
{
    uint8_t start[SIGNATURE_BYTES] = { 0 };

    (void)state;
    assert_null(signature_find(span_of(start, sizeof start)));
    start[510] = 0x55;
    start[511] = 0xaa;
    assert_non_null(strstr(signature_find(span_of(start, sizeof start)), "MBR"));
    memcpy(start + 512, "EFI PART", 8);
    assert_non_null(strstr(signature_find(span_of(start, sizeof start)), "GPT"));
    memset(start, 0, 1024);
    memcpy(start + 0x10040, "_BHRfS_M", 8);
    assert_non_null(strstr(signature_find(span_of(start, sizeof start)), "Btrfs"));
    assert_null(signature_find(span_of(start, 65536)));
}

/* ---- zeroing ---- */

static bool zero(struct fixture *f, uint64_t *ret_offset, uint64_t *ret_length)
{
    struct target target = test_target(&f->server);

    *ret_length = 0;
    return safety_zero(&target, &f->facts, SECOND, &f->ranges, ret_offset, ret_length);
}

static void what_was_touched_is_zero_in_the_end_and_nothing_else(void **state)
{
    uint64_t offset, length;
    struct fixture f;

    (void)state;
    for (int lies = 0; lies < 2; lies++) {
        set_up(&f);
        f.server.zeroes_nothing = lies;
        memset(f.server.store, 'x', SIZE);
        assert_true(zero(&f, &offset, &length));
        assert_int_equal(f.server.store[65535], 'x');
        assert_int_equal(f.server.store[65536], 0);
        assert_int_equal(f.server.store[131071], 0);
        assert_int_equal(f.server.store[131072], 'x');
        tear_down(&f);
    }
}

static void chunks_that_make_no_sense_leave_simple_replies_to_zero_by(void **state)
{
    uint64_t offset, length;
    struct fixture f;

    (void)state;
    set_up(&f);
    f.server.chunks_misplaced = true;
    memset(f.server.store, 'x', SIZE);
    assert_true(zero(&f, &offset, &length));
    assert_int_equal(f.server.store[131071], 0);
    assert_int_equal(f.server.store[131072], 'x');
    tear_down(&f);
}

static void what_could_not_be_zeroed_is_told(void **state)
{
    uint64_t offset, length;
    struct fixture f;

    (void)state;
    set_up(&f);
    f.server.transmission_flags |= NBD_FLAG_READ_ONLY;
    memset(f.server.store, 'x', SIZE);
    assert_false(zero(&f, &offset, &length));
    assert_int_equal(offset, 65536);
    assert_int_equal(length, 65536);
    tear_down(&f);
}

static void a_server_that_takes_little_at_once_is_zeroed_by_little(void **state)
{
    uint64_t offset, length;
    struct fixture f;

    (void)state;
    set_up(&f);
    ranges_add(&f.ranges, 0, SIZE);
    f.server.request_max = 65536; /* and closes at more */
    f.server.zeroes_nothing = true;
    memset(f.server.store, 'x', SIZE);
    assert_true(zero(&f, &offset, &length));
    assert_int_equal(f.server.store[SIZE - 1], 0);
    tear_down(&f);
}

static void large_reads_that_are_refused_are_tried_in_pieces(void **state)
{
    struct fixture f;

    (void)state;
    set_up(&f);
    ranges_add(&f.ranges, 0, SIZE);
    f.server.read_max = 65536;
    assert_true(look(&f));
    f.server.store[SIZE - 1] = 'x';
    assert_false(look(&f));
    f.server.store[SIZE - 1] = 0;
    f.server.read_max = 512; /* nobody may refuse so little */
    assert_false(look(&f));
    assert_non_null(strstr(buffer_text(&f.error), "the server answers EOVERFLOW"));
    tear_down(&f);
}

static void a_server_that_died_meanwhile_is_told_from_one_that_does_not_serve(void **state)
{
    (void)state;
    for (int dead = 0; dead < 2; dead++) {
        struct fixture f;
        struct target target;

        set_up(&f);
        f.server.says_nothing = !dead;
        f.server.dead = dead;
        target = test_target(&f.server);
        assert_int_equal(safety_look(&target, &f.facts, SECOND, &f.ranges, &f.error),
                         dead ? STATUS_DIED : STATUS_UNREACHABLE);
        tear_down(&f);
    }
}

static void a_server_that_refuses_to_write_is_found_out(void **state)
{
    struct fixture f;
    struct target target;
    bool refused;

    (void)state;
    set_up(&f);
    target = test_target(&f.server);
    assert_int_equal(safety_try(&target, &f.facts, SECOND, &f.ranges, &refused, &f.error), STATUS_CONFORMS);
    assert_false(refused);
    f.server.transmission_flags |= NBD_FLAG_READ_ONLY;
    assert_int_equal(safety_try(&target, &f.facts, SECOND, &f.ranges, &refused, &f.error), STATUS_CONFORMS);
    assert_true(refused);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_that_touch_become_one),
        cmocka_unit_test(what_cases_leave_is_told_from_data),
        cmocka_unit_test(an_empty_export_may_be_written_to),
        cmocka_unit_test(data_are_found_wherever_they_stand_in_the_range),
        cmocka_unit_test(data_outside_of_the_range_are_nobodys_business),
        cmocka_unit_test(a_file_system_at_the_start_is_recognised),
        cmocka_unit_test(what_cannot_be_read_counts_as_data),
        cmocka_unit_test(chunks_that_make_no_sense_leave_simple_replies_to_look_through),
        cmocka_unit_test(signatures_are_told_apart),
        cmocka_unit_test(what_was_touched_is_zero_in_the_end_and_nothing_else),
        cmocka_unit_test(chunks_that_make_no_sense_leave_simple_replies_to_zero_by),
        cmocka_unit_test(what_could_not_be_zeroed_is_told),
        cmocka_unit_test(a_server_that_takes_little_at_once_is_zeroed_by_little),
        cmocka_unit_test(large_reads_that_are_refused_are_tried_in_pieces),
        cmocka_unit_test(a_server_that_died_meanwhile_is_told_from_one_that_does_not_serve),
        cmocka_unit_test(a_server_that_refuses_to_write_is_found_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
