/* SPDX-License-Identifier: MIT */
/* Rules of greetings, of the answer to NBD_OPT_EXPORT_NAME, and of what stands between handshake and
 * transmission: each seen broken, and what only looks as if. */
#include "referee/rule.h"

#include "referee/rules_test.h"
#include "referee/seen.h"

static void greetings(void **state)
{
    (void)state;
    {
        TALK;
        start(&t);
        server_says(&t, 'N', 'B', 'D', 'M', 'A', 'G', 'I', 'K', IHAVEOPT, U16(3));
        assert_int_equal(t.event, SESSION_LOST);
        BREAKS(&t, "greeting.magic");
    }
    {
        TALK;
        start(&t);
        server_says(&t, NBDMAGIC, 'I', 'H', 'A', 'V', 'E', 'O', 'P', 'P', U16(3));
        BREAKS(&t, "greeting.ihaveopt");
    }
    {
        TALK;
        start(&t);
        server_says(&t, NBDMAGIC, IHAVEOPT, U16(7));
        BREAKS(&t, "greeting.flags.reserved-clear");
    }
    {
        TALK;
        start(&t);
        session_stalled(t.s);
        BREAKS(&t, "greeting.magic");
    }
    { /* flags of 8 bits */
        TALK;
        start(&t);
        server_says(&t, NBDMAGIC, IHAVEOPT, 3);
        session_stalled(t.s);
        BREAKS(&t, "greeting.flags.width");
    }
    { /* flags of 32 bits */
        TALK;
        start(&t);
        server_says(&t, NBDMAGIC, IHAVEOPT, U32(3));
        client_says(&t, U32(0));
        BREAKS(&t, "greeting.flags.width");
    }
    {
        TALK;
        start(&t);
        server_says(&t, NBDMAGIC, IHAVEOPT, U16(0x0300));
        BREAKS(&t, "greeting.flags.reserved-clear", "transport.integers.big-endian");
    }
}

static void oldstyle(struct talk *t, uint16_t handshake, uint16_t transmission, uint8_t padding)
{
    *t = talk_with(NULL);
    start(t);
    server_says(t, NBDMAGIC, U64(UINT64_C(0x0000420281861253)), U64(EXPORT_SIZE), U16(handshake),
                U16(transmission));
    filled(t, SIDE_SERVER, padding, 123);
}

static void oldstyle_greetings(void **state)
{
    TALK;

    (void)state;
    oldstyle(&t, 0, 1, 0);
    server_says(&t, 0);
    request(&t, FLUSH, 0, 1, 0, 0);
    simple(&t, 0, 1);
    ends_well(&t);
    oldstyle(&t, 0, 1, 0);
    session_stalled(t.s);
    BREAKS(&t, "greeting.oldstyle.reserved-zeroes");
    oldstyle(&t, 0, 1, 1);
    server_says(&t, 0);
    BREAKS(&t, "greeting.oldstyle.reserved-zeroes");
    oldstyle(&t, 0, 1, 0);
    server_says(&t, 0, 0, 0, 0, 0);
    BREAKS(&t, "greeting.oldstyle.reserved-zeroes");
    oldstyle(&t, 3, 1, 0);
    server_says(&t, 0);
    BREAKS(&t, "greeting.flags.oldstyle-clear");
    oldstyle(&t, 1, 0, 0);
    server_says(&t, 0);
    BREAKS(&t, "greeting.flags.oldstyle-clear", "flag.oldstyle-position", "flag.has-flags.set");
    oldstyle(&t, 0, 1 | SEND_DF | 0x0800, 0);
    server_says(&t, 0);
    BREAKS(&t, "flag.send-df.only-with-structured", "flag.send-fast-zero.needs-write-zeroes");
}

static void answers_to_export_name(void **state)
{
    (void)state;
    { /* both sides want no zeroes, and zeroes come */
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, EXPORT_NAME, NOTHING);
        server_says(&t, U64(EXPORT_SIZE), U16(1));
        filled(&t, SIDE_SERVER, 0, 124);
        BREAKS(&t, "opt.export-name.reply.no-zeroes", "greeting.flags.no-zeroes.omits-padding");
    }
    { /* the size alone, and silence */
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, EXPORT_NAME, NOTHING);
        server_says(&t, U64(EXPORT_SIZE));
        session_stalled(t.s);
        BREAKS(&t, "opt.export-name.reply.flags");
    }
    { /* less than the size */
        TALK;
        start_haggling(&t, 3, 1);
        option(&t, EXPORT_NAME, NOTHING);
        server_says(&t, U32(EXPORT_SIZE));
        session_stalled(t.s);
        BREAKS(&t, "opt.export-name.reply.size");
    }
    { /* padding that is not zero */
        TALK;
        start_haggling(&t, 3, 1);
        option(&t, EXPORT_NAME, NOTHING);
        server_says(&t, U64(EXPORT_SIZE), U16(1));
        filled(&t, SIDE_SERVER, 1, 124);
        BREAKS(&t, "opt.export-name.reply.zeroes");
    }
    { /* none, and a reply in its place */
        TALK;
        start_haggling(&t, 3, 1);
        option(&t, EXPORT_NAME, NOTHING);
        server_says(&t, U64(EXPORT_SIZE), U16(1), SIMPLE, U32(0), U64(1));
        BREAKS(&t, "opt.export-name.reply.zeroes");
    }
    { /* none, and silence */
        TALK;
        start_haggling(&t, 3, 1);
        option(&t, EXPORT_NAME, NOTHING);
        server_says(&t, U64(EXPORT_SIZE), U16(1));
        session_stalled(t.s);
        BREAKS(&t, "opt.export-name.reply.zeroes");
    }
    { /* half of it, and the end */
        TALK;
        start_haggling(&t, 3, 1);
        option(&t, EXPORT_NAME, NOTHING);
        server_says(&t, U64(EXPORT_SIZE), U16(1), 0, 0, 0, 0);
        session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
        BREAKS(&t, "opt.export-name.reply.zeroes");
    }
    { /* too much of it */
        TALK;
        start_haggling(&t, 3, 1);
        option(&t, EXPORT_NAME, NOTHING);
        server_says(&t, U64(EXPORT_SIZE), U16(1));
        filled(&t, SIDE_SERVER, 0, 128);
        BREAKS(&t, "opt.export-name.reply.zeroes");
    }
    {
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, EXPORT_NAME, NOTHING);
        option_reply(&t, EXPORT_NAME, ACK, NOTHING);
        BREAKS(&t, "opt.export-name.reply.headerless");
    }
    {
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, EXPORT_NAME, NOTHING);
        server_says(&t, U64(EXPORT_SIZE), U16(0x0080 | 0x0800));
        BREAKS(&t, "flag.has-flags.set", "flag.send-df.only-with-structured",
               "flag.send-fast-zero.needs-write-zeroes");
    }
    { /* a refusal */
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, EXPORT_NAME, NOTHING);
        session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
        ends_well(&t);
    }
}

static void zeroes_behind_go(void **state)
{
    TALK;

    (void)state;
    start_simple(&t, WRITABLE);
    filled(&t, SIDE_SERVER, 0, 124);
    BREAKS(&t, "opt.go.no-zero-padding");
}

int handshake_rules_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greetings),
        cmocka_unit_test(oldstyle_greetings),
        cmocka_unit_test(answers_to_export_name),
        cmocka_unit_test(zeroes_behind_go),
    };

    return cmocka_run_group_tests_name("handshake", tests, NULL, NULL);
}
