/* SPDX-License-Identifier: MIT */
/* Rules of how connections end: each seen broken, and what only looks as if. */
#include "referee/rule.h"

#include "referee/rules_test.h"
#include "referee/seen.h"

/* ---- the end ---- */

static void closing_without_a_reason(void **state)
{
    TALK;

    (void)state;
    start_haggling(&t, 3, 3);
    option(&t, LIST, NOTHING);
    session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
    BREAKS(&t, "session.hard-disconnect.only-when-allowed");
    t = talk_with(NULL);
    start_simple(&t, WRITABLE);
    request(&t, FLUSH, 0, 1, 0, 0);
    server_says(&t, SIMPLE, U32(0), 0);
    session_ended(t.s, SIDE_SERVER, ENDING_RESET);
    assert_string_equal(t.v.all[0].came, "closed after 9 of 16 bytes of a reply, with 1 requests in flight");
    BREAKS(&t, "session.transmission.disconnect-only-when-allowed");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
    BREAKS(&t, "session.transmission.disconnect-only-when-allowed");
}

static void closing_on_what_is_no_request(void **state)
{
    TALK;

    (void)state;
    start_haggling(&t, 3, 3);
    option(&t, GO, BYTES(U32(0), U16(0)));
    client_says(&t, 'I', 0, 0, 1, 0); /* came before the answer: as yet an option of a bad kind */
    info_export(&t, GO, WRITABLE);
    option_reply(&t, GO, ACK, NOTHING);
    session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
    ends_well(&t);
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    query(&t, SET_META, "base:allocation"); /* before structured replies */
    session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
    ends_well(&t);
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    client_says(&t, IHAVEOPT, U32(LIST), U32(100000), 1); /* more than is waited for */
    session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
    ends_well(&t);
}

static void closing_with_a_reason(void **state)
{
    static const struct {
        unsigned type, flags;
        uint64_t offset;
        uint32_t length;
    } provocations[] = {
        { 999, 0, 0, 0 },
        { FLUSH, 0, 1, 0 },
        { READ, 0x8000, 0, 1 },
        { READ, DF, 0, 1 }, /* not advertised */
        { READ, 0, EXPORT_SIZE, 1 },
        { READ, 0, UINT64_MAX, 2 },
        { READ, 0, 0, 0 },
        { TRIM, FAST_ZERO, 0, 1 },
        { BLOCK_STATUS, 0, 0, 1 }, /* nothing selected */
    };
    TALK;

    (void)state;
    for (size_t i = 0; i < sizeof provocations / sizeof *provocations; i++) {
        t = talk_with(NULL);
        start_simple(&t, WRITABLE);
        request(&t, provocations[i].type, provocations[i].flags, 1, provocations[i].offset,
                provocations[i].length);
        session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
        ends_well(&t);
    }
    t = talk_with(NULL); /* an excuse */
    start_simple(&t, WRITABLE);
    session_excuse(t.s, "request.magic");
    request(&t, FLUSH, 0, 1, 0, 0);
    assert_string_equal(t.last.exchange->excused, "request.magic");
    session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
    ends_well(&t);
    t = talk_with(NULL); /* within the data of a simple reply */
    start_simple(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 4);
    simple(&t, 0, 1);
    server_says(&t, 1, 2);
    session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
    ends_well(&t);
    t = talk_with(NULL); /* after a simple error to READ */
    start_simple(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 4);
    simple(&t, 5, 1);
    session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
    ends_well(&t);
    t = talk_with(NULL); /* shutdown */
    start_simple(&t, WRITABLE);
    request(&t, FLUSH, 0, 1, 0, 0);
    simple(&t, 108, 1);
    session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
    ends_well(&t);
    t = talk_with(NULL); /* the client went first */
    start_simple(&t, WRITABLE);
    request(&t, FLUSH, 0, 1, 0, 0);
    session_ended(t.s, SIDE_CLIENT, ENDING_FINISHED);
    session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
    ends_well(&t);
    t = talk_with(NULL); /* unknown client flags */
    start_haggling(&t, 3, 0x80000003);
    option(&t, LIST, NOTHING);
    session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
    ends_well(&t);
    t = talk_with(NULL); /* ABORT */
    start_haggling(&t, 3, 3);
    option(&t, ABORT, NOTHING);
    option_reply(&t, ABORT, ACK, NOTHING);
    session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
    ends_well(&t);
    t = talk_with(NULL); /* not asked anything */
    start_haggling(&t, 3, 3);
    session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
    ends_well(&t);
}

/* ---- shutdown, and want of memory ---- */

static void a_server_that_shuts_down_says_so_and_answers(void **state)
{
    (void)state;
    { /* another error than before */
        TALK;
        start_simple(&t, WRITABLE);
        request(&t, FLUSH, 0, 1, 0, 0);
        request(&t, FLUSH, 0, 2, 0, 0);
        simple(&t, 108, 1);
        simple(&t, 5, 2);
        BREAKS(&t, "session.transmission.shutdown.eshutdown");
    }
    { /* what came before is never answered */
        TALK;
        start_simple(&t, WRITABLE);
        request(&t, FLUSH, 0, 1, 0, 0);
        request(&t, FLUSH, 0, 2, 0, 0);
        simple(&t, 108, 2);
        session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
        BREAKS(&t, "session.transmission.shutdown.drain");
    }
    { /* what came behind may never have reached it; what is wrong is told as ever */
        TALK;
        start_simple(&t, WRITABLE);
        request(&t, FLUSH, 0, 1, 0, 0);
        request(&t, TRIM, 0, 2, EXPORT_SIZE, 512);
        request(&t, FLUSH, 0, 3, 0, 0);
        simple(&t, 108, 1);
        simple(&t, 22, 2);
        session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
        ends_well(&t);
    }
}

static void little_memory_is_no_excuse(void **state)
{
    TALK;

    (void)state;
    start_simple(&t, WRITABLE);
    request(&t, TRIM, 0, 1, 0, 65536);
    simple(&t, 12, 1);
    BREAKS(&t, "error.enomem.avoided");
    t = talk_with(NULL);
    start_simple(&t, WRITABLE);
    request(&t, WRITE_ZEROES, 0, 1, 0, 65537);
    simple(&t, 12, 1);
    ends_well(&t);
}

int end_rules_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closing_without_a_reason),
        cmocka_unit_test(closing_on_what_is_no_request),
        cmocka_unit_test(closing_with_a_reason),
        cmocka_unit_test(a_server_that_shuts_down_says_so_and_answers),
        cmocka_unit_test(little_memory_is_no_excuse),
    };

    return cmocka_run_group_tests_name("rules of the end", tests, NULL, NULL);
}
