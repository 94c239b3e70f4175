/* SPDX-License-Identifier: MIT */
/* Whole handshakes.  proto.md, "Newstyle negotiation" to "Option reply types". */
#include "reference/conversation.h"

/* HAS_FLAGS, SEND_FLUSH, SEND_FUA, SEND_TRIM, SEND_WRITE_ZEROES, CAN_MULTI_CONN,
 * SEND_CACHE, SEND_FAST_ZERO */
#define FLAGS 0x0d, 0x6d
#define FLAGS_WITH_DF 0x0d, 0xed
#define SIZE_1K 0, 0, 0, 0, 0, 0, 4, 0

enum { UNSUP = 1, INVALID = 3, UNKNOWN = 6, TOO_BIG = 9 };

static void export_name_is_answered_with_padding(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    greet(&c, 1);
    say(&c, BYTES(OPTION(1, 1), 'a'));
    hear(&c, BYTES(SIZE_1K, FLAGS));
    for (unsigned i = 0; i < 124; i++)
        hear(&c, BYTES(0));
    hear_nothing_more(&c);
    say(&c, BYTES(REQUEST(0, 3, 1), RANGE(0, 0)));
    hear(&c, BYTES(SIMPLE(0, 1)));
    end(&c);
}

static void export_name_is_answered_without_padding_where_that_is_agreed(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    greet(&c, 3);
    say(&c, BYTES(OPTION(1, 0))); /* the default export */
    hear(&c, BYTES(SIZE_1K, FLAGS));
    hear_nothing_more(&c);
    assert_false(reference_session_over(c.session));
    end(&c);
}

static void an_unknown_export_name_ends_the_session(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    greet(&c, 3);
    say(&c, BYTES(OPTION(1, 1), 'x'));
    hear_nothing_more(&c);
    assert_true(reference_session_over(c.session));
    end(&c);
}

static void unknown_client_flags_end_the_session(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    greet(&c, 5);
    assert_true(reference_session_over(c.session));
    end(&c);
}

static void a_wrong_magic_ends_the_session(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    greet(&c, 1);
    say(&c, BYTES('I', 'H', 'A', 'V', 'E', 'O', 'P', 'A', 0, 0));
    hear_nothing_more(&c);
    assert_true(reference_session_over(c.session));
    end(&c);
}

static void abort_is_acknowledged_whatever_data_it_has(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    greet(&c, 1);
    say(&c, BYTES(OPTION(2, 3), 'b', 'y', 'e'));
    hear(&c, BYTES(REPLY(2, 1, 0)));
    hear_nothing_more(&c);
    assert_true(reference_session_over(c.session));
    end(&c);
}

static void unknown_options_are_refused_and_their_data_skipped(void **state)
{
    struct conversation c;
    uint8_t *data = test_calloc(1, 1 << 20);

    (void)state;
    begin(&c, 1024);
    greet(&c, 0); /* a client that does not say it knows fixed newstyle is served all the same */
    say(&c, BYTES(OPTION(0x63, 5), 1, 2, 3, 4, 5));
    hear_option_error(&c, 0x63, UNSUP);
    say(&c, BYTES(OPTION(5, 0)));
    hear_option_error(&c, 5, UNSUP);
    say(&c, BYTES(IHAVEOPT, 0x7f, 0, 0, 1, 0, 0x10, 0, 0));
    hear_nothing_more(&c);
    say(&c, data, 1 << 20);
    hear_option_error(&c, 0x7f000001, UNSUP);
    say(&c, BYTES(OPTION(2, 0)));
    hear(&c, BYTES(REPLY(2, 1, 0)));
    test_free(data);
    end(&c);
}

static void all_exports_are_listed(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    greet(&c, 1);
    say(&c, BYTES(OPTION(3, 0)));
    hear(&c, BYTES(REPLY(3, 2, 10), 0, 0, 0, 1, 'a', 'f', 'i', 'r', 's', 't'));
    hear(&c, BYTES(REPLY(3, 2, 5), 0, 0, 0, 1, 'b'));
    hear(&c, BYTES(REPLY(3, 1, 0)));
    hear_nothing_more(&c);
    say(&c, BYTES(OPTION(3, 1), 0));
    hear_option_error(&c, 3, INVALID);
    end(&c);
}

static void info_tells_what_is_asked_for_and_stays_in_haggling(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    greet(&c, 1);
    /* BLOCK_SIZE, an unknown one, NAME, DESCRIPTION, BLOCK_SIZE again */
    say(&c, BYTES(OPTION(6, 16), 0, 0, 0, 0, 0, 5, 0, 3, 0x77, 0x77, 0, 1, 0, 2, 0, 3));
    hear(&c, BYTES(REPLY(6, 3, 12), 0, 0, SIZE_1K, FLAGS));
    hear(&c, BYTES(REPLY(6, 3, 3), 0, 1, 'a'));
    hear(&c, BYTES(REPLY(6, 3, 7), 0, 2, 'f', 'i', 'r', 's', 't'));
    hear(&c, BYTES(REPLY(6, 3, 14), 0, 3, 0, 0, 0, 1, 0, 0, 0x10, 0, 2, 0, 0, 0));
    hear(&c, BYTES(REPLY(6, 1, 0)));
    say(&c, BYTES(OPTION(6, 9), 0, 0, 0, 1, 'b', 0, 1, 0, 2)); /* no description */
    hear(&c, BYTES(REPLY(6, 3, 12), 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, FLAGS));
    hear(&c, BYTES(REPLY(6, 1, 0)));
    hear_nothing_more(&c);
    end(&c);
}

static void go_enters_transmission(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    greet(&c, 1);
    say(&c, BYTES(OPTION(8, 0)));
    hear(&c, BYTES(REPLY(8, 1, 0)));
    say(&c, BYTES(OPTION(7, 7), 0, 0, 0, 1, 'a', 0, 0));
    hear(&c, BYTES(REPLY(7, 3, 12), 0, 0, SIZE_1K, FLAGS_WITH_DF));
    hear(&c, BYTES(REPLY(7, 1, 0)));
    hear_nothing_more(&c);
    say(&c, BYTES(REQUEST(0, 3, 1), RANGE(0, 0)));
    hear(&c, BYTES(CHUNK(1, 0, 1, 0)));
    hear_nothing_more(&c);
    end(&c);
}

static void info_and_go_refuse_what_is_unknown_or_malformed(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    greet(&c, 1);
    say(&c, BYTES(OPTION(6, 7), 0, 0, 0, 1, 'x', 0, 0));
    hear_option_error(&c, 6, UNKNOWN);
    say(&c, BYTES(OPTION(7, 7), 0, 0, 0, 1, 'x', 0, 0));
    hear_option_error(&c, 7, UNKNOWN);
    say(&c, BYTES(OPTION(7, 7), 0, 0, 0, 2, 'a', 0, 0)); /* a name up to where the count should be */
    hear_option_error(&c, 7, INVALID);
    say(&c, BYTES(OPTION(7, 7), 0xff, 0xff, 0xff, 0xff, 'a', 0, 0));
    hear_option_error(&c, 7, INVALID);
    say(&c, BYTES(OPTION(7, 7), 0, 0, 0, 1, 'a', 0, 1)); /* a request is missing */
    hear_option_error(&c, 7, INVALID);
    say(&c, BYTES(OPTION(7, 3), 0, 0, 0));
    hear_option_error(&c, 7, INVALID);
    say(&c, BYTES(OPTION(7, 7), 0, 0, 0, 1, 'b', 0, 0));
    hear(&c, BYTES(REPLY(7, 3, 12), 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, FLAGS));
    end(&c);
}

static void options_that_are_too_long_are_skipped(void **state)
{
    struct conversation c;
    uint8_t *data = test_calloc(1, 1 << 20);

    (void)state;
    begin(&c, 1024);
    greet(&c, 1);
    say(&c, BYTES(OPTION(8, 0)));
    hear(&c, BYTES(REPLY(8, 1, 0)));
    say(&c, BYTES(IHAVEOPT, 0, 0, 0, 9, 0, 0x10, 0, 0));
    say(&c, data, 1 << 20);
    hear_option_error(&c, 9, TOO_BIG);
    say(&c, BYTES(IHAVEOPT, 0, 0, 0, 3, 0, 0x10, 0, 0));
    say(&c, data, 1 << 20);
    hear_option_error(&c, 3, INVALID);
    say(&c, BYTES(IHAVEOPT, 0, 0, 0, 2, 0, 0x10, 0, 0));
    say(&c, data, 1 << 20);
    hear(&c, BYTES(REPLY(2, 1, 0)));
    test_free(data);
    end(&c);
}

#define QUERY_ALLOCATION \
    0, 0, 0, 15, 'b', 'a', 's', 'e', ':', 'a', 'l', 'l', 'o', 'c', 'a', 't', 'i', 'o', 'n'
#define CONTEXT(option, id)                                                                               \
    REPLY(option, 4, 19), 0, 0, 0, (id), 'b', 'a', 's', 'e', ':', 'a', 'l', 'l', 'o', 'c', 'a', 't', 'i', \
        'o', 'n'

static void contexts_need_structured_replies(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    greet(&c, 1);
    say(&c, BYTES(OPTION(9, 9), 0, 0, 0, 1, 'a', 0, 0, 0, 0));
    hear_option_error(&c, 9, INVALID);
    say(&c, BYTES(OPTION(10, 9), 0, 0, 0, 1, 'a', 0, 0, 0, 0));
    hear_option_error(&c, 10, INVALID);
    say(&c, BYTES(OPTION(8, 1), 0));
    hear_option_error(&c, 8, INVALID);
    end(&c);
}

static void contexts_are_listed(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    greet(&c, 1);
    say(&c, BYTES(OPTION(8, 0)));
    hear(&c, BYTES(REPLY(8, 1, 0)));
    say(&c, BYTES(OPTION(9, 9), 0, 0, 0, 1, 'a', 0, 0, 0, 0));
    hear(&c, BYTES(CONTEXT(9, 0)));
    hear(&c, BYTES(REPLY(9, 1, 0)));
    say(&c, BYTES(OPTION(9, 17), 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5, 'b', 'a', 's', 'e', ':'));
    hear(&c, BYTES(CONTEXT(9, 0)));
    hear(&c, BYTES(REPLY(9, 1, 0)));
    say(&c, BYTES(OPTION(9, 29), 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 6, 'b', 'a', 's', 'e', ':', 'x', 0, 0, 0, 7,
                  'o', 't', 'h', 'e', 'r', ':', 'y'));
    hear(&c, BYTES(REPLY(9, 1, 0)));
    say(&c, BYTES(OPTION(9, 14), 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 'b',
                  'a')); /* a query longer than the data */
    hear_option_error(&c, 9, INVALID);
    say(&c, BYTES(OPTION(9, 9), 0, 0, 0, 1, 'x', 0, 0, 0, 0));
    hear_option_error(&c, 9, UNKNOWN);
    end(&c);
}

static void the_last_selection_counts(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    greet(&c, 1);
    say(&c, BYTES(OPTION(8, 0)));
    hear(&c, BYTES(REPLY(8, 1, 0)));
    say(&c, BYTES(OPTION(10, 47), 0, 0, 0, 1, 'a', 0, 0, 0, 2, QUERY_ALLOCATION, QUERY_ALLOCATION));
    hear(&c, BYTES(CONTEXT(10, 1)));
    hear(&c, BYTES(REPLY(10, 1, 0)));
    say(&c, BYTES(OPTION(10, 18), 0, 0, 0, 1, 'a', 0, 0, 0, 1, 0, 0, 0, 5, 'b', 'a', 's', 'e', ':'));
    hear(&c, BYTES(REPLY(10, 1, 0)));
    say(&c, BYTES(OPTION(7, 6), 0, 0, 0, 0, 0, 0));
    hear(&c, BYTES(REPLY(7, 3, 12), 0, 0, SIZE_1K, FLAGS_WITH_DF));
    hear(&c, BYTES(REPLY(7, 1, 0)));
    say(&c, BYTES(REQUEST(0, 7, 9), RANGE(0, 512)));
    hear_error_chunk(&c, 9, 22);
    end(&c);
}

static void a_selection_counts_for_its_export_alone(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    greet(&c, 1);
    say(&c, BYTES(OPTION(8, 0)));
    hear(&c, BYTES(REPLY(8, 1, 0)));
    say(&c, BYTES(OPTION(10, 28), 0, 0, 0, 1, 'b', 0, 0, 0, 1, QUERY_ALLOCATION));
    hear(&c, BYTES(CONTEXT(10, 1)));
    hear(&c, BYTES(REPLY(10, 1, 0)));
    say(&c, BYTES(OPTION(7, 7), 0, 0, 0, 1, 'a', 0, 0));
    hear(&c, BYTES(REPLY(7, 3, 12), 0, 0, SIZE_1K, FLAGS_WITH_DF));
    hear(&c, BYTES(REPLY(7, 1, 0)));
    say(&c, BYTES(REQUEST(0, 7, 9), RANGE(0, 512)));
    hear_error_chunk(&c, 9, 22);
    end(&c);
}

static void what_is_withheld_is_not_advertised(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    c.exports[0].read_only = true;
    c.exports[0].without = 1 << 0 | 1 << 6; /* HAS_FLAGS, which cannot be withheld, and SEND_WRITE_ZEROES */
    c.config.no_structured = true;
    greet(&c, 3);
    say(&c, BYTES(OPTION(8, 0)));
    hear_option_error(&c, 8, UNSUP);
    say(&c, BYTES(OPTION(10, 9), 0, 0, 0, 1, 'a', 0, 0, 0, 0));
    hear_option_error(&c, 10, UNSUP);
    say(&c, BYTES(OPTION(1, 0)));
    hear(&c, BYTES(SIZE_1K, 0x05, 0x2f));
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(export_name_is_answered_with_padding),
        cmocka_unit_test(export_name_is_answered_without_padding_where_that_is_agreed),
        cmocka_unit_test(an_unknown_export_name_ends_the_session),
        cmocka_unit_test(unknown_client_flags_end_the_session),
        cmocka_unit_test(a_wrong_magic_ends_the_session),
        cmocka_unit_test(abort_is_acknowledged_whatever_data_it_has),
        cmocka_unit_test(unknown_options_are_refused_and_their_data_skipped),
        cmocka_unit_test(all_exports_are_listed),
        cmocka_unit_test(info_tells_what_is_asked_for_and_stays_in_haggling),
        cmocka_unit_test(go_enters_transmission),
        cmocka_unit_test(info_and_go_refuse_what_is_unknown_or_malformed),
        cmocka_unit_test(options_that_are_too_long_are_skipped),
        cmocka_unit_test(contexts_need_structured_replies),
        cmocka_unit_test(contexts_are_listed),
        cmocka_unit_test(the_last_selection_counts),
        cmocka_unit_test(a_selection_counts_for_its_export_alone),
        cmocka_unit_test(what_is_withheld_is_not_advertised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
