/* SPDX-License-Identifier: MIT */
/* Rules of TLS: each seen broken, and what only looks as if. */
#include "referee/rule.h"

#include "referee/rules_test.h"
#include "referee/seen.h"

/* ---- TLS ---- */

/* Haggling with a server of that mode. */
static void haggle(struct talk *t, enum tls_mode mode)
{
    *t = talk_with(NULL);
    start_haggling(t, 3, 3);
    session_set_tls_mode(t->s, mode);
}

static void start_tls(struct talk *t)
{
    option(t, STARTTLS, NOTHING);
    option_reply(t, STARTTLS, ACK, NOTHING);
    assert_int_equal(session_phase(t->s), PHASE_STARTTLS);
    session_tls_started(t->s);
    assert_int_equal(session_phase(t->s), PHASE_HAGGLING);
}

enum { TLS_REQD = (int)0x80000005, UNSUP = (int)0x80000001 };

static void demands_for_tls(void **state)
{
    struct talk t;

    (void)state;
    haggle(&t, TLS_MODE_NOTLS);
    option(&t, LIST, NOTHING);
    option_reply(&t, LIST, (uint32_t)TLS_REQD, NOTHING);
    BREAKS(&t, "tls.notls.no-tls-reqd");
    haggle(&t, TLS_MODE_SELECTIVE);
    option(&t, LIST, NOTHING);
    option_reply(&t, LIST, (uint32_t)TLS_REQD, NOTHING);
    BREAKS(&t, "tls.selective.tls-reqd-only-for-info-go");
    haggle(&t, TLS_MODE_SELECTIVE);
    option(&t, GO, BYTES(U32(0), U16(0)));
    info_export(&t, GO, WRITABLE);
    option_reply(&t, GO, (uint32_t)TLS_REQD, NOTHING);
    ends_well(&t);
    haggle(&t, TLS_MODE_FORCED);
    option(&t, GO, BYTES(U32(0), U16(0)));
    option_reply(&t, GO, (uint32_t)TLS_REQD, NOTHING);
    option(&t, LIST, NOTHING);
    option_reply(&t, LIST, (uint32_t)TLS_REQD, NOTHING);
    ends_well(&t);
    haggle(&t, TLS_MODE_FORCED);
    option(&t, INFO, BYTES(U32(0), U16(0)));
    info_export(&t, INFO, WRITABLE);
    option_reply(&t, INFO, (uint32_t)TLS_REQD, NOTHING);
    BREAKS(&t, "opt.info-go.tls-reqd.forcedtls-no-info");
}

static void demands_for_tls_under_tls(void **state)
{
    struct talk t;

    (void)state;
    haggle(&t, TLS_MODE_FORCED);
    start_tls(&t);
    option(&t, LIST, NOTHING);
    option_reply(&t, LIST, (uint32_t)TLS_REQD, NOTHING);
    BREAKS(&t, "tls.forced.no-tls-reqd-after-tls");
    haggle(&t, TLS_MODE_SELECTIVE);
    start_tls(&t);
    option(&t, LIST, NOTHING);
    option_reply(&t, LIST, (uint32_t)TLS_REQD, NOTHING);
    BREAKS(&t, "tls.selective.no-tls-reqd-after-tls");
}

static void modes_that_change(void **state)
{
    struct talk t;

    (void)state;
    haggle(&t, TLS_MODE_UNKNOWN);
    option(&t, LIST, NOTHING);
    option_reply(&t, LIST, ACK, NOTHING);
    option(&t, LIST, NOTHING);
    option_reply(&t, LIST, (uint32_t)TLS_REQD, NOTHING);
    BREAKS(&t, "tls.mode.consistent");
    haggle(&t, TLS_MODE_UNKNOWN);
    option(&t, LIST, NOTHING);
    option_reply(&t, LIST, (uint32_t)TLS_REQD, NOTHING);
    option(&t, LIST, NOTHING);
    option_reply(&t, LIST, ACK, NOTHING);
    BREAKS(&t, "tls.mode.consistent");
    haggle(&t, TLS_MODE_UNKNOWN);
    option(&t, STARTTLS, NOTHING);
    option_reply(&t, STARTTLS, (uint32_t)UNSUP, NOTHING);
    option(&t, STARTTLS, NOTHING);
    option_reply(&t, STARTTLS, ACK, NOTHING);
    BREAKS(&t, "tls.mode.consistent");
    haggle(&t, TLS_MODE_UNKNOWN);
    option(&t, LIST, NOTHING);
    option_reply(&t, LIST, (uint32_t)TLS_REQD, NOTHING);
    start_tls(&t);
    option(&t, LIST, NOTHING);
    option_reply(&t, LIST, ACK, NOTHING);
    ends_well(&t);
}

static void what_is_kept_over_tls(void **state)
{
    struct talk t;

    (void)state;
    haggle(&t, TLS_MODE_SELECTIVE);
    option(&t, SR, NOTHING);
    option_reply(&t, SR, ACK, NOTHING);
    start_tls(&t);
    assert_false(session_negotiated(t.s)->structured);
    option(&t, GO, BYTES(U32(0), U16(0)));
    info_export(&t, GO, WRITABLE);
    option_reply(&t, GO, ACK, NOTHING);
    request(&t, FLUSH, 0, 1, 0, 0);
    chunk(&t, DONE, 0, 1, NOTHING);
    BREAKS(&t, "opt.starttls.resets-structured-reply");
}

static void plain_text_where_tls_is_due(void **state)
{
    struct talk t;

    (void)state;
    haggle(&t, TLS_MODE_SELECTIVE);
    option(&t, STARTTLS, NOTHING);
    option_reply(&t, STARTTLS, ACK, NOTHING);
    option_reply(&t, STARTTLS, ACK, NOTHING);
    BREAKS(&t, "tls.forced.everything-encrypted");
    haggle(&t, TLS_MODE_SELECTIVE);
    option(&t, STARTTLS, NOTHING);
    option_reply(&t, STARTTLS, ACK, NOTHING);
    option_reply(&t, LIST, ACK, NOTHING);
    BREAKS(&t, "tls.forced.everything-encrypted", "tls.notls.starttls-error");
    haggle(&t, TLS_MODE_SELECTIVE);
    start_tls(&t);
    session_ended(t.s, SIDE_SERVER, ENDING_GARBLED);
    session_tls_ended(t.s);
    BREAKS(&t, "tls.forced.everything-encrypted", "tls.no-downgrade");
    haggle(&t, TLS_MODE_SELECTIVE); /* an alert */
    option(&t, STARTTLS, NOTHING);
    option_reply(&t, STARTTLS, ACK, NOTHING);
    server_says(&t, 21, 3, 3, 0, 2, 2, 40);
    session_tls_failed(t.s);
    session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
    ends_well(&t);
}

static void enter(struct talk *t)
{
    option(t, GO, BYTES(U32(0), U16(0)));
    info_export(t, GO, WRITABLE);
    option_reply(t, GO, ACK, NOTHING);
}

static void ends_without_close_notify(void **state)
{
    struct talk t;

    (void)state;
    haggle(&t, TLS_MODE_SELECTIVE);
    start_tls(&t);
    option(&t, EXPORT_NAME, BYTES('x'));
    session_ended(t.s, SIDE_SERVER, ENDING_CUT_OFF);
    session_tls_ended(t.s);
    BREAKS(&t, "session.hard-disconnect.tls-shutdown");
    haggle(&t, TLS_MODE_SELECTIVE);
    start_tls(&t);
    enter(&t);
    request(&t, 99, 0, 1, 0, 0);
    session_ended(t.s, SIDE_SERVER, ENDING_CUT_OFF);
    session_tls_ended(t.s);
    BREAKS(&t, "session.transmission.hard-disconnect.tls-shutdown");
    haggle(&t, TLS_MODE_SELECTIVE);
    start_tls(&t);
    enter(&t);
    request(&t, DISC, 0, 1, 0, 0);
    session_ended(t.s, SIDE_SERVER, ENDING_CUT_OFF);
    session_tls_ended(t.s);
    BREAKS(&t, "cmd.disc.server-closes-tls");
    haggle(&t, TLS_MODE_SELECTIVE); /* the client went first */
    start_tls(&t);
    session_ended(t.s, SIDE_CLIENT, ENDING_FINISHED);
    session_ended(t.s, SIDE_SERVER, ENDING_CUT_OFF);
    session_tls_ended(t.s);
    ends_well(&t);
    haggle(&t, TLS_MODE_SELECTIVE); /* ABORT */
    start_tls(&t);
    option(&t, ABORT, NOTHING);
    option_reply(&t, ABORT, ACK, NOTHING);
    session_ended(t.s, SIDE_SERVER, ENDING_CUT_OFF);
    session_tls_ended(t.s);
    ends_well(&t);
}

int tls_rules_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(demands_for_tls),
        cmocka_unit_test(demands_for_tls_under_tls),
        cmocka_unit_test(modes_that_change),
        cmocka_unit_test(what_is_kept_over_tls),
        cmocka_unit_test(plain_text_where_tls_is_due),
        cmocka_unit_test(ends_without_close_notify),
    };

    return cmocka_run_group_tests_name("rules of TLS", tests, NULL, NULL);
}
