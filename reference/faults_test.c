/* SPDX-License-Identifier: MIT */
#include "reference/faults.h"

#include <stdio.h>
#include <stdlib.h>

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

/* The catalogue, read whole. */
static char *read_catalogue(void)
{
    FILE *file = fopen(NBDTEST_SOURCE_DIR "/cases/requirements.tsv", "r");
    char *text = test_calloc(1, 1 << 20);
    size_t len;

    assert_non_null(file);
    text[0] = '\n';
    len = fread(text + 1, 1, (1 << 20) - 2, file);
    assert_in_range(len, 1, (1 << 20) - 3);
    fclose(file);
    return text;
}

static void check_ids(const char *catalogue, const char *ids)
{
    char line[200];

    while (*ids) {
        size_t len = strcspn(ids, " ");

        snprintf(line, sizeof line, "\n%.*s\t", (int)len, ids);
        if (!strstr(catalogue, line))
            fail_msg("the catalogue has no row '%.*s'", (int)len, ids);
        ids += len;
        ids += *ids == ' ';
    }
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

enum { FILLED = 20 * 65536 };

/* An export with data but for a few pages, and data past 4 GiB if it is that large. */
static void fill(struct store *store)
{
    uint8_t *data = test_malloc(FILLED);

    memset(data, 0xa5, FILLED);
    store_write(store, 0, span_of(data, store_size(store) < FILLED ? store_size(store) : FILLED));
    store_zero(store, 65536, 65536, false);
    if (store_size(store) > FILLED) {
        store_zero(store, 4 * 65536, 65536, false);
        store_write(store, store_size(store) - 2000, span_of(data, 2000));
    }
    test_free(data);
}

/* What the client does not hear, and can find out: that the session is over, and what is in the store. */
static void look_around(const struct conversation *c, bool over, struct buffer *heard)
{
    const struct store *store = c->exports[0].store;
    uint64_t size = store_size(store);

    buffer_add(heard, &over, 1);
    store_read(store, 0, buffer_extend(heard, 4 * 65536), size < 4 * 65536 ? size : 4 * 65536);
    store_read(store, size - 3000, buffer_extend(heard, 3000), 3000);
}

/* What comes of all samples, against a writable and a read-only export, a small and a large one. */
static void hear_all(const struct faults *faults, struct buffer *heard)
{
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        for (unsigned kind = 0; kind < 3; kind++) {
            struct conversation c;
            bool over;

            begin(&c, kind & 2 ? UINT64_C(0x100000000) + 1000 : 131072);
            c.config.faults = *faults;
            c.exports[0].read_only = kind & 1;
            fill(c.exports[0].store);
            over = converse(&c, samples[i], kind == 0 ? 5 : SIZE_MAX, heard);
            look_around(&c, over, heard);
            end(&c);
        }
}

/* Those that take more than the samples: payloads of many MiB, a second connection. */
static bool is_shown_elsewhere(size_t fault)
{
    static const enum fault others[] = {
        FAULT_MAXIMUM_READ_REFUSED,          FAULT_MAXIMUM_WRITE_REFUSED, FAULT_DEFAULT_MAXIMUM_READ_REFUSED,
        FAULT_DEFAULT_MAXIMUM_WRITE_REFUSED, FAULT_FLUSH_NOT_SHARED,      FAULT_FUA_NOT_SHARED,
    };

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i] == fault)
            return true;
    return false;
}

static void every_fault_shows(void **state)
{
    struct faults none = { { false } };
    struct buffer right, wrong;

    (void)state;
    buffer_init(&right, HEARD_MAX);
    buffer_init(&wrong, HEARD_MAX);
    hear_all(&none, &right);
    for (size_t i = 0; i < FAULT_COUNT; i++) {
        struct faults one = none;

        one.on[i] = true;
        buffer_clear(&wrong);
        hear_all(&one, &wrong);
        if (span_equal(buffer_span(&right), buffer_span(&wrong)) && !is_shown_elsewhere(i))
            fail_msg("%s does not show", fault_rows[i].name);
    }
    buffer_free(&right);
    buffer_free(&wrong);
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
        cmocka_unit_test(all_faults_at_once_crash_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
