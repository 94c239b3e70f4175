/* SPDX-License-Identifier: MIT */
#include "reference/oddities.h"

#include <stdio.h>
#include <stdlib.h>

#include "reference/cited.h"
#include "reference/sample.h"

enum { HEARD_MAX = 128 << 20 };

static void names_are_unique_and_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < ODDITY_COUNT; i++) {
        struct oddities o = { { false }, 0 };

        assert_true(oddities_switch_on(&o, span_text(oddity_rows[i].name)));
        for (size_t j = 0; j < ODDITY_COUNT; j++)
            assert_int_equal(o.on[j], i == j);
        assert_true(oddity_rows[i].permitted[0] != '\0' && oddity_rows[i].does[0] != '\0');
    }
    assert_false(oddities_switch_on(&(struct oddities){ { false }, 0 }, span_text("nonsense")));
}

static void rows_name_requirements_of_the_catalogue(void **state)
{
    char *catalogue = read_catalogue();

    (void)state;
    for (size_t i = 0; i < ODDITY_COUNT; i++)
        check_ids(catalogue, oddity_rows[i].permitted);
    test_free(catalogue);
}

enum { FILLED = 4 * 65536 };

/* Data, zeroes that were written, a hole in between. */
static void fill(struct store *store)
{
    uint8_t *data = test_calloc(1, FILLED);

    for (size_t i = 0; i < FILLED; i++)
        data[i] = i / 4096 % 2 ? (uint8_t)(i / 4096) : 0;
    store_write(store, 0, span_of(data, store_size(store) < FILLED ? store_size(store) : FILLED));
    store_zero(store, 65536, 65536, false);
    test_free(data);
}

#define FLAGS_3 0, 0, 0, 3
#define INFO_OR_GO(option, name) OPTION(option, 7), 0, 0, 0, 1, (name), 0, 0
#define INFO_DEFAULT OPTION(6, 6), 0, 0, 0, 0, 0, 0

/* What the samples do not say: another GO behind INFO, many options, and everything to a server that has TLS
 * for an export that may not be had without. */
static void hear_others(const struct oddities *oddities, struct buffer *heard)
{
    static const uint8_t said[] = { FLAGS_3,      OPTION(3, 0),       INFO_OR_GO(6, 'b'),
                                    INFO_DEFAULT, INFO_OR_GO(7, 'x'), INFO_DEFAULT,
                                    OPTION(3, 0), OPTION(5, 1),       'x',
                                    SAMPLE_GO,    OPTION(2, 0) };
    static const uint8_t unfixed[] = { 0, 0, 0, 2, OPTION(3, 0) };
    const struct {
        enum reference_tls tls;
        struct span said;
    } tellings[] = {
        { REFERENCE_TLS_OFF, span_of(said, sizeof said) },
        { REFERENCE_TLS_OFF, span_of(unfixed, sizeof unfixed) },
        { REFERENCE_TLS_SELECTIVE, span_of(said, sizeof said) },
        { REFERENCE_TLS_FORCED, span_of(said, sizeof said) },
    };

    for (size_t i = 0; i < sizeof tellings / sizeof *tellings; i++) {
        struct conversation c;
        bool over;

        begin(&c, 131072);
        c.config.oddities = *oddities;
        c.config.tls = tellings[i].tls;
        c.exports[0].tls_only = tellings[i].tls == REFERENCE_TLS_SELECTIVE;
        over = converse(&c, tellings[i].said, SIZE_MAX, heard);
        buffer_add(heard, &over, 1);
        end(&c);
    }
}

/* What comes of all samples, and is in the store afterwards. */
static void hear_all(const struct oddities *oddities, const struct faults *faults, struct buffer *heard)
{
    hear_others(oddities, heard);
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        for (unsigned kind = 0; kind < 3; kind++) {
            struct conversation c;
            bool over;

            begin(&c, kind == 2 ? UINT64_C(0x100000000) + 1024 : 131072);
            c.config.oddities = *oddities;
            if (faults)
                c.config.faults = *faults;
            c.exports[0].block_size.minimum = kind == 1 ? 512 : 0;
            fill(c.exports[0].store);
            over = converse(&c, samples[i], kind == 0 ? 5 : SIZE_MAX, heard);
            buffer_add(heard, &over, 1);
            store_read(c.exports[0].store, 0, buffer_extend(heard, 131072), 131072);
            end(&c);
        }
}

/* Those that take more than the samples: payloads of many MiB, many queries, what later requests cover up. */
static bool is_shown_elsewhere(size_t oddity)
{
    static const enum oddity others[] = {
        ODDITY_LARGE_READS_REFUSED,
        ODDITY_LARGE_READS_SPLIT,
        ODDITY_LARGE_PAYLOAD_CLOSES,
        ODDITY_MANY_QUERIES_TOO_BIG,
        ODDITY_COLONLESS_QUERIES_REFUSED,
        ODDITY_REPEATED_STRUCTURED_REPLY_REFUSED,
        ODDITY_HOLES_FULL,
        ODDITY_TRIM_KEEPS,
        ODDITY_TRIM_ZEROES,
        ODDITY_ZEROES_ALLOCATED,
    };

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i] == oddity)
            return true;
    return false;
}

static void every_oddity_shows(void **state)
{
    struct oddities none = { { false }, 0 };
    struct buffer usual, odd;

    (void)state;
    buffer_init(&usual, HEARD_MAX);
    buffer_init(&odd, HEARD_MAX);
    hear_all(&none, NULL, &usual);
    for (size_t i = 0; i < ODDITY_COUNT; i++) {
        struct oddities one = none;

        one.on[i] = true;
        buffer_clear(&odd);
        hear_all(&one, NULL, &odd);
        if (span_equal(buffer_span(&usual), buffer_span(&odd)) && !is_shown_elsewhere(i))
            fail_msg("%s does not show", oddity_rows[i].name);
    }
    buffer_free(&usual);
    buffer_free(&odd);
}

static void all_oddities_at_once_crash_nothing_with_faults_or_without(void **state)
{
    struct faults faults;
    struct buffer heard;

    (void)state;
    memset(faults.on, true, sizeof faults.on);
    buffer_init(&heard, HEARD_MAX);
    for (size_t step = 1; step < 4; step++)
        for (size_t first = 0; first < step; first++) {
            struct oddities some = { { false }, step };

            for (size_t i = first; i < ODDITY_COUNT; i += step)
                some.on[i] = true;
            buffer_clear(&heard);
            hear_all(&some, NULL, &heard);
            buffer_clear(&heard);
            hear_all(&some, &faults, &heard);
        }
    buffer_free(&heard);
}

/* ---- what requests do ---- */

static void trim(enum oddity oddity, char first, char second)
{
    static const uint8_t start[] = { 0, 0, 0, 3, OPTION(1, 0) };
    struct conversation c;
    uint8_t got;

    begin(&c, 131072);
    c.config.oddities.on[oddity] = true;
    store_write(c.exports[0].store, 0, span_text("a"));
    store_write(c.exports[0].store, 65536, span_text("b"));
    connect(&c);
    say(&c, start, sizeof start);
    say(&c,
        BYTES(REQUEST(0, 4, 1), 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1)); /* a page, and a byte of the next one */
    store_read(c.exports[0].store, 0, &got, 1);
    assert_int_equal(got, first);
    store_read(c.exports[0].store, 65536, &got, 1);
    assert_int_equal(got, second);
    end(&c);
}

static void what_was_trimmed_may_be_anything(void **state)
{
    (void)state;
    trim(ODDITY_CACHE_FAILS, 0, 'b');
    trim(ODDITY_TRIM_KEEPS, 'a', 'b');
    trim(ODDITY_TRIM_ZEROES, 0, 0);
}

static void zeroes_are_allocated(void **state)
{
    static const uint8_t start[] = { 0, 0, 0, 3, OPTION(1, 0), REQUEST(0, 6, 1), RANGE(0, 512) };
    struct conversation c;
    enum store_kind kind;

    (void)state;
    begin(&c, 131072);
    c.config.oddities.on[ODDITY_ZEROES_ALLOCATED] = true;
    connect(&c);
    say(&c, start, sizeof start);
    store_extent(c.exports[0].store, 0, 512, &kind);
    assert_int_equal(kind, STORE_ZERO);
    end(&c);
}

static void structured_replies_are_not_granted_twice(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    c.config.oddities.on[ODDITY_REPEATED_STRUCTURED_REPLY_REFUSED] = true;
    greet(&c, 3);
    say(&c, BYTES(OPTION(8, 0)));
    hear(&c, BYTES(REPLY(8, 1, 0)));
    say(&c, BYTES(OPTION(8, 0)));
    hear_option_error(&c, 8, 3);
    end(&c);
}

/* ---- order ---- */

static void enter(struct conversation *c, enum oddity oddity, bool structured)
{
    begin(c, 131072);
    c->config.oddities.on[oddity] = true;
    greet(c, 3);
    if (structured) {
        say(c, BYTES(OPTION(8, 0)));
        hear(c, BYTES(REPLY(8, 1, 0)));
    }
    say(c, BYTES(OPTION(1, 0)));
    assert_int_equal(reference_session_output(c->session).len, 10);
    reference_session_sent(c->session, 10);
}

static void requests_that_came_together_are_answered_in_reverse(void **state)
{
    struct conversation c;

    (void)state;
    enter(&c, ODDITY_REPLIES_REVERSED, false);
    say(&c, BYTES(REQUEST(0, 1, 1), RANGE(0, 1), 'a', REQUEST(0, 1, 2), RANGE(0, 1), 'b', REQUEST(0, 0, 3),
                  RANGE(0, 1)));
    hear(&c, BYTES(SIMPLE(0, 3), 'b', SIMPLE(0, 2), SIMPLE(0, 1)));
    say(&c, BYTES(REQUEST(0, 0, 4), RANGE(0, 1)));
    hear(&c, BYTES(SIMPLE(0, 4), 'b'));
    hear_nothing_more(&c);
    end(&c);
}

static void requests_that_came_together_are_done_in_reverse(void **state)
{
    struct conversation c;

    (void)state;
    enter(&c, ODDITY_REQUESTS_REVERSED, false);
    say(&c, BYTES(REQUEST(0, 1, 1), RANGE(0, 1), 'a', REQUEST(0, 1, 2), RANGE(0, 2), 'b', 'c',
                  REQUEST(0, 0, 3), RANGE(0, 2), REQUEST(0, 1, 4), RANGE(0, 2), 'd'));
    hear(&c, BYTES(SIMPLE(0, 3), 0, 0, SIMPLE(0, 2), SIMPLE(0, 1)));
    hear_nothing_more(&c);
    say(&c, BYTES('e', REQUEST(0, 0, 5), RANGE(0, 2)));
    hear(&c, BYTES(SIMPLE(0, 5), 'a', 'c', SIMPLE(0, 4)));
    say(&c, BYTES(REQUEST(0, 0, 6), RANGE(0, 2)));
    hear(&c, BYTES(SIMPLE(0, 6), 'd', 'e'));
    end(&c);
}

static void a_disconnect_waits_for_what_is_kept_back(void **state)
{
    struct conversation c;

    (void)state;
    enter(&c, ODDITY_DELAYED, false);
    say(&c, BYTES(REQUEST(0, 3, 1), RANGE(0, 0)));
    hear_nothing_more(&c);
    say(&c, BYTES(REQUEST(0, 3, 2), RANGE(0, 0), REQUEST(0, 2, 3), RANGE(0, 0)));
    hear(&c, BYTES(SIMPLE(0, 1), SIMPLE(0, 2)));
    assert_true(reference_session_over(c.session));
    hear_nothing_more(&c);
    end(&c);
}

static void what_is_kept_back_is_let_go_when_the_client_is_quiet(void **state)
{
    struct conversation c;

    (void)state;
    enter(&c, ODDITY_DELAYED, false);
    assert_false(reference_session_quiet(c.session));
    say(&c, BYTES(REQUEST(0, 3, 1), RANGE(0, 0)));
    hear_nothing_more(&c);
    assert_true(reference_session_quiet(c.session));
    hear(&c, BYTES(SIMPLE(0, 1)));
    assert_false(reference_session_quiet(c.session));
    end(&c);
}

static void the_chunks_of_a_read_come_in_descending_order(void **state)
{
    struct conversation c;

    (void)state;
    enter(&c, ODDITY_READ_CHUNKS_REVERSED, true);
    say(&c, BYTES(REQUEST(0, 1, 1), RANGE(0x7fff, 2), 'a', 'b'));
    hear(&c, BYTES(CHUNK(1, 0, 1, 0)));
    say(&c, BYTES(REQUEST(0, 0, 2), RANGE(0x7fff, 2)));
    hear(&c, BYTES(CHUNK(0, 1, 2, 9), 0, 0, 0, 0, 0, 0, 0x80, 0, 'b'));
    hear(&c, BYTES(CHUNK(1, 1, 2, 9), 0, 0, 0, 0, 0, 0, 0x7f, 0xff, 'a'));
    hear_nothing_more(&c);
    end(&c);
}

static void a_half_read_brings_what_there_is_and_where_it_ends(void **state)
{
    struct conversation c;

    (void)state;
    enter(&c, ODDITY_READ_BEFORE_ERROR, true);
    c.config.oddities.on[ODDITY_ERRORS_BARE] = true;
    say(&c, BYTES(REQUEST(0, 0, 2), 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0,
                  2)); /* the last of 128K, and one more */
    hear(&c, BYTES(CHUNK(0, 2, 2, 12), 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 1));
    hear(&c, BYTES(0x66, 0x8e, 0x33, 0xef, 0, 1, 0x80, 2, 0xc0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 14, 0, 0, 0, 22,
                   0, 0, 0, 0, 0, 0, 0, 2, 0, 0));
    hear_nothing_more(&c);
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_unique_and_found),
        cmocka_unit_test(rows_name_requirements_of_the_catalogue),
        cmocka_unit_test(every_oddity_shows),
        cmocka_unit_test(all_oddities_at_once_crash_nothing_with_faults_or_without),
        cmocka_unit_test(what_was_trimmed_may_be_anything),
        cmocka_unit_test(zeroes_are_allocated),
        cmocka_unit_test(structured_replies_are_not_granted_twice),
        cmocka_unit_test(requests_that_came_together_are_answered_in_reverse),
        cmocka_unit_test(requests_that_came_together_are_done_in_reverse),
        cmocka_unit_test(a_disconnect_waits_for_what_is_kept_back),
        cmocka_unit_test(what_is_kept_back_is_let_go_when_the_client_is_quiet),
        cmocka_unit_test(the_chunks_of_a_read_come_in_descending_order),
        cmocka_unit_test(a_half_read_brings_what_there_is_and_where_it_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
