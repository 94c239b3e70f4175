/* SPDX-License-Identifier: MIT */
#include "reference/faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/cited.h"
#include "reference/sample.h"

enum { HEARD_MAX = 128 << 20 };

static void names_are_unique_and_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < FAULT_COUNT; i++) {
        struct faults f = { { false } };

        assert_true(faults_switch_on(&f, span_text(fault_rows[i].name)));
        for (size_t j = 0; j < FAULT_COUNT; j++)
            assert_int_equal(f.on[j], i == j);
        assert_true(fault_rows[i].breaks[0] != '\0' && fault_rows[i].does[0] != '\0');
    }
    assert_false(faults_switch_on(&(struct faults){ { false } }, span_text("nonsense")));
}

static void rows_name_requirements_of_the_catalogue(void **state)
{
    char *catalogue = read_catalogue();

    (void)state;
    for (size_t i = 0; i < FAULT_COUNT; i++) {
        check_ids(catalogue, fault_rows[i].breaks);
        check_ids(catalogue, fault_rows[i].consequences);
    }
    test_free(catalogue);
}

enum { FILLED = 6 * 65536 };

/* An export with data but for a few pages, and data past 4 GiB if it is that large. */
static void fill(struct store *store)
{
    static uint8_t data[FILLED];

    memset(data, 0xa5, store_size(store) < FILLED ? (size_t)store_size(store) : FILLED);
    store_write(store, 0, span_of(data, store_size(store) < FILLED ? store_size(store) : FILLED));
    store_zero(store, 65536, 65536, false);
    if (store_size(store) > FILLED) {
        store_zero(store, 4 * 65536, 65536, false);
        store_write(store, store_size(store) - 2000, span_of(data, 2000));
    }
}

/* What the client does not hear, and can find out: that the session is over, and what is in the store. */
static void look_around(const struct conversation *c, bool over, struct buffer *heard)
{
    const struct store *store = c->exports[0].store;
    uint64_t size = store_size(store);
    size_t first = size < 4 * 65536 ? (size_t)size : 4 * 65536;

    buffer_add(heard, &over, 1);
    store_read(store, 0, buffer_extend(heard, first), first);
    store_read(store, size - 3000, buffer_extend(heard, 3000), 3000);
}

/* Each sample is told to a writable and to a read-only export, to a small and, which takes longest and comes
 * last, to a large one. */
enum { KINDS = 3, SAMPLES = sizeof samples / sizeof *samples, TOLD = KINDS * SAMPLES, TELLINGS = TOLD + 1 };

/* A server that greets in oldstyle, and one that has to be asked for its block sizes. */
static void hear_others(const struct faults *faults, struct buffer *heard)
{
    static const uint8_t flush[] = { REQUEST(0, 3, 1), RANGE(0, 0) };
    const struct span said[] = { span_of(flush, sizeof flush), samples[0],
                                 span_of(sample_required, sizeof sample_required) };

    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        struct conversation c;
        bool over;

        begin(&c, 131072);
        c.config.faults = *faults;
        if (i == 0)
            c.config.face = REFERENCE_OLDSTYLE;
        c.exports[0].block_size = (struct wire_info_block_size){ 512, 4096, 1 << 20 };
        c.exports[0].block_size_required = true;
        over = converse(&c, said[i], SIZE_MAX, heard);
        buffer_add(heard, &over, 1);
        end(&c);
    }
}

/* What comes of one telling. */
static void hear_one(const struct faults *faults, size_t telling, struct buffer *heard)
{
    size_t kind = telling / SAMPLES;
    struct conversation c;
    bool over;

    if (telling == TOLD) {
        hear_others(faults, heard);
        return;
    }
    begin(&c, kind & 2 ? UINT64_C(0x100000000) + 1000 : 131072);
    c.config.faults = *faults;
    c.exports[0].read_only = kind & 1;
    c.exports[0].written = written_new(store_size(c.exports[0].store), 1 << 16);
    fill(c.exports[0].store);
    over = converse(&c, samples[telling % SAMPLES], kind == 0 ? 5 : SIZE_MAX, heard);
    look_around(&c, over, heard);
    written_free(c.exports[0].written);
    end(&c);
}

static void hear_all(const struct faults *faults, struct buffer *heard)
{
    for (size_t i = 0; i < TELLINGS; i++)
        hear_one(faults, i, heard);
}

/* Those that take more than the samples: payloads of many MiB, a second connection, block sizes, whole pages,
 * a context selected under extended headers, several queries in an option or an odd one, one of them behind
 * a selection, names that are long or of another export, much data or information, TLS.  ci/mutate shows
 * them. */
static bool is_shown_elsewhere(size_t fault)
{
    static const enum fault others[] = {
        FAULT_NO_HOLE_NOT_PROVISIONED,
        FAULT_EXPORT_NAME_UNMET_STAYS,
        FAULT_PAYLOAD_LEN_OBEYED,
        FAULT_HOLE_AS_TYPE_3,
        FAULT_DF_MIXED_AS_HOLE,
        FAULT_READ_AFTER_FAILED_CACHE_REFUSED,
        FAULT_MAXIMUM_READ_REFUSED,
        FAULT_MAXIMUM_WRITE_REFUSED,
        FAULT_DEFAULT_MAXIMUM_READ_REFUSED,
        FAULT_DEFAULT_MAXIMUM_WRITE_REFUSED,
        FAULT_FLUSH_NOT_SHARED,
        FAULT_FUA_NOT_SHARED,
        FAULT_EXTENTS_TOO_MANY,
        FAULT_EXTENDED_EXTENTS_REVERSED,
        FAULT_EXTENDED_ENDLESS_PAYLOAD_AWAITED,
        FAULT_EXTENDED_HEADERS_TOGGLED,
        FAULT_STATUS_PAYLOAD_BIT_13,
        FAULT_CONTEXT_IDS_EQUAL,
        FAULT_CONTEXT_LISTED_PER_QUERY,
        FAULT_PRIVATE_WILDCARD_NOT_LISTED,
        FAULT_PRIVATE_WILDCARD_SELECTS,
        FAULT_CONTEXT_FOUND_BY_PREFIX,
        FAULT_SECOND_CONTEXT_UNREPORTED,
        FAULT_MANY_QUERIES_FIND_NOTHING,
        FAULT_LONG_QUERY_REFUSED,
        FAULT_LISTING_FORGETS_SELECTION,
        FAULT_LISTING_SELECTS,
        FAULT_UNKNOWN_OPTION_LENGTH_16_BITS,
        FAULT_MANY_INFOS_REFUSED,
        FAULT_UNKNOWN_EXPORT_WITH_NAME,
        FAULT_FAILED_SELECTION_KEEPS,
        FAULT_UNKNOWN_EXPORT_SELECTION_KEEPS,
        FAULT_LONG_NAME_CLOSES,
        FAULT_LONG_NAME_SERVED,
        FAULT_LONGER_NAME_SERVED,
        FAULT_GO_DEFAULT_ONLY,
        FAULT_EXTENDED_EXTENTS_TOO_MANY,
        FAULT_MINIMUM_READ_REFUSED,
        FAULT_MINIMUM_WRITE_REFUSED,
        FAULT_UNALIGNED_READ_GRANTED,
        FAULT_UNALIGNED_READ_EIO,
        FAULT_UNALIGNED_WRITE_GRANTED,
        FAULT_UNALIGNED_WRITE_EIO,
        FAULT_UNALIGNED_TRIM_GRANTED,
        FAULT_UNALIGNED_WRITE_ZEROES_GRANTED,
        FAULT_UNALIGNED_CACHE_GRANTED,
        FAULT_UNALIGNED_BLOCK_STATUS_GRANTED,
        FAULT_UNTOLD_UNALIGNED_CLOSES,
        FAULT_UNTOLD_WRITE_ROUNDED,
        FAULT_UNTOLD_REFUSED_ALTERS,
        FAULT_UNTOLD_UNALIGNED_REFUSED,
        FAULT_OVER_MAXIMUM_READ_CLOSES,
        FAULT_OVER_MAXIMUM_WRITE_CLOSES,
        FAULT_OVER_16M_CLOSES,
        FAULT_REQUEST_IN_PIECES_CLOSES,
        FAULT_LAST_BLOCK_READ_REFUSED,
        FAULT_SIZE_OF_OTHER_EXPORT,
        FAULT_HOLE_CHUNK_LONG,
        FAULT_HOLE_CHUNK_BEYOND_REQUEST,
        FAULT_HOLE_CHUNK_EMPTY,
        FAULT_ZEROES_LAST_BYTE_OF_EXPORT_MISSED,
        FAULT_ZEROES_WHOLE_PAGES_NOT_DONE,
        FAULT_ZEROES_NO_HOLE_NOT_DONE,
        FAULT_ZEROES_FUA_NOT_DONE,
        FAULT_ZEROES_FUA_ROUNDED_IN,
        FAULT_TRIM_OFFSET_32_BITS,
        FAULT_WRITE_OF_ZEROES_SKIPPED,
        FAULT_ZEROES_FAST_NOT_DONE,
        FAULT_ZEROES_AGAIN_FILLED,
        FAULT_ZEROES_AFTER_TRIM_FILLED,
        FAULT_ZEROES_STORED_LATE,
        FAULT_EXTENDED_STATUS_LENGTH_32_BITS,
        FAULT_COMPACT_PAYLOAD_FLAG_ACCEPTED,
        FAULT_COMPACT_PAYLOAD_FLAG_TAKES_DATA,
        FAULT_EXTENDED_STATUS_OF_TYPE_7,
        FAULT_EXTENDED_STATUS_TWICE,
        FAULT_EXTENDED_STATUS_MISSING,
        FAULT_EXTENDED_STATUS_NARROW,
        FAULT_EXTENDED_STATUS_NARROW_WHERE_IT_FITS,
        FAULT_EXTENDED_STATUS_LENGTH_ODD,
        FAULT_EXTENDED_STATUS_WITHOUT_EXTENTS,
        FAULT_EXTENDED_STATUS_FIELDS_SWAPPED,
        FAULT_EXTENDED_STATUS_CONTEXT_UNKNOWN,
        FAULT_EXTENDED_STATUS_COUNT_HIGH,
        FAULT_EXTENDED_STATUS_COUNT_ZERO,
        FAULT_EXTENDED_EXTENT_FIELDS_SWAPPED,
        FAULT_EXTENDED_EXTENT_EMPTY,
        FAULT_EXTENDED_STATUS_UPPER_BIT,
        FAULT_EXTENDED_REQ_ONE_IGNORED,
        FAULT_EXTENDED_REQ_ONE_LONG,
        FAULT_EXTENDED_EXTENT_BEHIND_REQUEST,
        FAULT_FILTER_REFUSED,
        FAULT_FILTER_LENGTH_OF_PAYLOAD,
        FAULT_FILTER_IGNORED,
        FAULT_FILTER_LAST_ALONE,
        FAULT_FILTER_DUPLICATE_ACCEPTED,
        FAULT_FILTER_DUPLICATE_CLOSES,
        FAULT_FILTER_UNKNOWN_ACCEPTED,
        FAULT_FILTER_UNKNOWN_CLOSES,
        FAULT_DATA_OVER_MAXIMUM,
        FAULT_TOO_BIG_NUMBERED_OTHERWISE,
        FAULT_RESIZE_GRANTED,
        FAULT_FLUSH_LOST,
        FAULT_FUA_LOST,
    };

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i] == fault)
            return true;
    return strstr(fault_rows[fault].with, "--tls") != NULL;
}

/* Whether a fault alters what comes of some telling. */
static bool shows(size_t fault, const struct buffer right[], struct buffer *heard)
{
    struct faults one = { { false } };
    bool same = true;

    one.on[fault] = true;
    for (size_t i = 0; i < TELLINGS && same; i++) {
        buffer_clear(heard);
        hear_one(&one, i, heard);
        same = span_equal(buffer_span(&right[i]), buffer_span(heard));
    }
    return !same;
}

static void every_fault_shows(void **state)
{
    struct faults none = { { false } };
    struct buffer right[TELLINGS], heard;
    size_t silent = 0;

    (void)state;
    buffer_init(&heard, HEARD_MAX);
    for (size_t i = 0; i < TELLINGS; i++) {
        buffer_init(&right[i], HEARD_MAX);
        hear_one(&none, i, &right[i]);
    }
    for (size_t i = 0; i < FAULT_COUNT; i++)
        if (!is_shown_elsewhere(i) && !shows(i, right, &heard))
            print_message("%s does not show\n", fault_rows[i].name), silent++;
    assert_int_equal(silent, 0);
    buffer_free(&heard);
    for (size_t i = 0; i < TELLINGS; i++)
        buffer_free(&right[i]);
}

/* What a second connection reads after a first one wrote "new" with these flags, flushed it, and is still
 * there. */
static void second_reads(enum fault fault, uint8_t flags, bool flushed, const char *wanted)
{
    static const uint8_t start[] = { 0, 0, 0, 3, OPTION(1, 0) };
    struct conversation c;
    struct reference_session *first;

    begin(&c, 1024);
    store_write(c.exports[0].store, 7, span_text("old"));
    c.config.faults.on[fault] = true;
    connect(&c);
    say(&c, start, sizeof start);
    say(&c, BYTES(REQUEST(flags, 1, 1), RANGE(7, 3), 'n', 'e', 'w'));
    if (flushed)
        say(&c, BYTES(REQUEST(0, 3, 2), RANGE(0, 0)));
    say(&c, BYTES(REQUEST(0, 0, 3), RANGE(7, 3)));
    reference_session_sent(c.session, reference_session_output(c.session).len - 3);
    hear(&c, BYTES('n', 'e', 'w'));
    first = c.session;
    connect(&c);
    say(&c, start, sizeof start);
    reference_session_sent(c.session, 28);
    say(&c, BYTES(REQUEST(0, 0, 3), RANGE(7, 3)));
    reference_session_sent(c.session, 16);
    hear(&c, (const uint8_t *)wanted, 3);
    reference_session_free(first);
    say(&c, BYTES(REQUEST(0, 0, 3), RANGE(7, 3)));
    reference_session_sent(c.session, 16);
    hear(&c, BYTES('n', 'e', 'w'));
    end(&c);
}

static void what_is_not_shared_another_connection_does_not_see(void **state)
{
    (void)state;
    second_reads(FAULT_COOKIE_CHANGED, 0, false, "new");
    second_reads(FAULT_FLUSH_NOT_SHARED, 0, true, "old");
    second_reads(FAULT_FLUSH_NOT_SHARED, 1, false, "new");
    second_reads(FAULT_FUA_NOT_SHARED, 1, false, "old");
    second_reads(FAULT_FUA_NOT_SHARED, 1, true, "new");
    second_reads(FAULT_FUA_NOT_SHARED, 0, true, "new");
}

/* What is there after a connection that wrote "new" with these flags was flushed, and ended in this way. */
static void stays(enum fault fault, uint8_t flags, bool disc, const char *wanted)
{
    static const uint8_t start[] = { 0, 0, 0, 3, OPTION(1, 0) };
    uint8_t there[3];
    struct conversation c;

    begin(&c, 1024);
    store_write(c.exports[0].store, 7, span_text("old"));
    c.config.faults.on[fault] = true;
    connect(&c);
    say(&c, start, sizeof start);
    say(&c, BYTES(REQUEST(flags, 1, 1), RANGE(7, 3), 'n', 'e', 'w'));
    say(&c, BYTES(REQUEST(0, 3, 2), RANGE(0, 0)));
    if (disc)
        say(&c, BYTES(REQUEST(0, 2, 3), RANGE(0, 0)));
    reference_session_free(c.session);
    c.session = NULL;
    store_read(c.exports[0].store, 7, there, sizeof there);
    assert_memory_equal(there, wanted, sizeof there);
    end(&c);
}

static void what_is_lost_is_lost_with_the_connection(void **state)
{
    (void)state;
    stays(FAULT_COOKIE_CHANGED, 0, false, "new");
    stays(FAULT_FLUSH_LOST, 0, false, "old");
    stays(FAULT_FLUSH_LOST, 1, false, "new");
    stays(FAULT_FLUSH_LOST, 0, true, "new");
    stays(FAULT_FUA_LOST, 1, false, "old");
    stays(FAULT_FUA_LOST, 0, false, "new");
}

static void all_faults_at_once_crash_nothing(void **state)
{
    struct faults all, some;
    struct buffer heard;

    (void)state;
    memset(all.on, true, sizeof all.on);
    buffer_init(&heard, HEARD_MAX);
    hear_all(&all, &heard);
    for (size_t step = 2; step < 7; step++)
        for (size_t first = 0; first < step; first++) {
            some = (struct faults){ { false } };
            for (size_t i = first; i < FAULT_COUNT; i += step)
                some.on[i] = true;
            buffer_clear(&heard);
            hear_all(&some, &heard);
        }
    buffer_free(&heard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_unique_and_found),
        cmocka_unit_test(rows_name_requirements_of_the_catalogue),
        cmocka_unit_test(every_fault_shows),
        cmocka_unit_test(what_is_not_shared_another_connection_does_not_see),
        cmocka_unit_test(what_is_lost_is_lost_with_the_connection),
        cmocka_unit_test(all_faults_at_once_crash_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
