/* SPDX-License-Identifier: MIT */
/* Each rule seen to be broken, and what only looks as if. */
#include "referee/rule.h"

#include "referee/seen.h"

/* ---- handshake ---- */

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

/* ---- option replies ---- */

static void which_option_is_answered(void **state)
{
    (void)state;
    {
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, LIST, NOTHING);
        server_says(&t, U64(1), U32(LIST), U32(ACK), U32(0));
        BREAKS(&t, "rep.header.magic");
    }
    {
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, LIST, NOTHING);
        option_reply(&t, 0x03000000, ACK, NOTHING);
        BREAKS(&t, "rep.header.option-echo");
    }
    {
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, LIST, NOTHING);
        option_reply(&t, LIST, ACK, NOTHING);
        option_reply(&t, LIST, ACK, NOTHING);
        BREAKS(&t, "rep.final-is-last");
    }
    { /* the same, seen later */
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, LIST, NOTHING);
        option_reply(&t, LIST, ACK, NOTHING);
        option(&t, SR, NOTHING);
        option_reply(&t, LIST, ACK, NOTHING);
        option_reply(&t, SR, ACK, NOTHING);
        assert_true(session_negotiated(t.s)->structured);
        BREAKS(&t, "rep.final-is-last");
    }
    {
        TALK;
        start_simple(&t, WRITABLE);
        option_reply(&t, GO, ACK, NOTHING);
        BREAKS(&t, "rep.final-is-last");
    }
    {
        TALK;
        start_haggling(&t, 3, 3);
        option_reply(&t, ABORT, ACK, NOTHING);
        BREAKS(&t, "session.soft-disconnect.client-only");
    }
    {
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, LIST, NOTHING);
        session_stalled(t.s);
        BREAKS(&t, "rep.every-option-answered");
    }
}

static void answers_to_info_and_go(void **state)
{
    (void)state;
    {
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, INFO, BYTES(U32(0), U16(0)));
        option_reply(&t, INFO, ACK, NOTHING);
        BREAKS(&t, "opt.info.info-export-before-ack");
    }
    {
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, GO, BYTES(U32(0), U16(0)));
        option_reply(&t, GO, REP_INFO, BYTES(U16(1)));
        option_reply(&t, GO, ACK, NOTHING);
        BREAKS(&t, "opt.go.info-export-before-ack");
    }
    {
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, GO, BYTES(U32(0), U16(0)));
        info_export(&t, GO, WRITABLE);
        option_reply(&t, GO, 0x80000006, NOTHING);
        BREAKS(&t, "opt.info-go.unknown-export-no-info");
    }
    {
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, GO, BYTES(U32(0), U16(1), U16(3)));
        option_reply(&t, GO, 0x80000008, NOTHING);
        BREAKS(&t, "opt.info-go.block-size-reqd.not-if-requested");
    }
    { /* it was asked for by INFO and not by GO */
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, INFO, BYTES(U32(0), U16(1), U16(3)));
        info_export(&t, INFO, WRITABLE);
        option_reply(&t, INFO, ACK, NOTHING);
        option(&t, GO, BYTES(U32(0), U16(0)));
        option_reply(&t, GO, REP_INFO, BYTES(U16(3), U32(512), U32(512), U32(1 << 20)));
        option_reply(&t, GO, 0x80000008, NOTHING);
        ends_well(&t);
    }
    {
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, INFO, BYTES(U32(0), U16(0)));
        info_export(&t, INFO, WRITABLE);
        info_export(&t, INFO, WRITABLE);
        option_reply(&t, INFO, ACK, NOTHING);
        BREAKS(&t, "rep.info.type-once");
    }
    {
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, INFO, BYTES(U32(0), U16(0)));
        info_export(&t, INFO, 0x0080 | 0x0800);
        option_reply(&t, INFO, ACK, NOTHING);
        BREAKS(&t, "flag.has-flags.set", "flag.send-df.only-with-structured",
               "flag.send-fast-zero.needs-write-zeroes");
    }
    { /* a bad length, and no second complaint that EXPORT is missing */
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, INFO, BYTES(U32(0), U16(0)));
        option_reply(&t, INFO, REP_INFO, BYTES(U16(0), U64(1)));
        option_reply(&t, INFO, REP_INFO, BYTES(U16(3), U32(1)));
        server_says(&t, REPLY_MAGIC, U32(INFO), U32(ACK), U32(1), 0);
        BREAKS(&t, "rep.info.export.length-12", "rep.info.block-size.length-14", "rep.ack.no-data");
    }
}

static void strings_in_replies(void **state)
{
    TALK;

    (void)state;
    start_haggling(&t, 3, 3);
    option(&t, LIST, NOTHING);
    option_reply(&t, LIST, 2, BYTES(U32(5), 'a', 'b'));
    option_reply(&t, LIST, 2, BYTES(U32(1), 0xff));
    option_reply(&t, LIST, 2, BYTES(U32(2), 'a', 0));
    option_reply(&t, LIST, 0x80000002, BYTES('n', 'o'));
    BREAKS(&t, "rep.server.name-length.max", "string.utf8", "string.no-nul");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, LIST, NOTHING);
    option_reply(&t, LIST, 2, BYTES(U16(3), 'a', 'b', 'c'));
    option_reply(&t, LIST, 2, BYTES(U16(0)));
    option_reply(&t, LIST, ACK, NOTHING);
    BREAKS(&t, "rep.server.name-length.width-32", "rep.server.name-length.width-32");
}

static void says_of_unknown(struct talk *t, size_t data, uint8_t with, size_t length)
{
    *t = talk_with(NULL);
    start_haggling(t, 3, 3);
    client_says(t, IHAVEOPT, U32(99), U32(data));
    filled(t, SIDE_CLIENT, 'x', data);
    server_says(t, REPLY_MAGIC, U32(99), U32(0x80000001), U32(length));
    filled(t, SIDE_SERVER, with, length);
}

static void texts_for_people(void **state)
{
    TALK;

    (void)state;
    says_of_unknown(&t, 0, 'x', 256);
    ends_well(&t);
    says_of_unknown(&t, 0, '\n', 3);
    ends_well(&t);
    says_of_unknown(&t, 257, 'x', 4096); /* may have what was sent in it */
    ends_well(&t);
    says_of_unknown(&t, 256, 'x', 257);
    BREAKS(&t, "string.length.recommended-256");
    says_of_unknown(&t, 0, 'x', 4097);
    BREAKS(&t, "string.length.recommended-256", "string.length.max-4096");
    t = talk_with(NULL); /* an echo of what the client should not have said */
    start_haggling(&t, 3, 3);
    option(&t, INFO, BYTES(U32(1), 0xff, U16(0)));
    option_reply(&t, INFO, 0x80000006, BYTES('n', 'o', ' ', 0xff));
    ends_well(&t);
    says_of_unknown(&t, 0, 0x1b, 3);
    BREAKS(&t, "rep.err.data-is-message");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, LIST, NOTHING);
    option_reply(&t, LIST, 2, BYTES(U32(1), 'a', 7));
    option_reply(&t, LIST, ACK, NOTHING);
    option(&t, INFO, BYTES(U32(0), U16(0)));
    option_reply(&t, INFO, REP_INFO, BYTES(U16(2), 0x7f));
    BREAKS(&t, "rep.server.details-displayable", "rep.info.description.displayable");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 512);
    server_says(&t, STRUCTURED, U16(DONE), U16(0x8001), U64(1), U32(6 + 257), U32(22), U16(257));
    filled(&t, SIDE_SERVER, 'x', 257);
    BREAKS(&t, "string.length.recommended-256");
}

static void lists(void **state)
{
    TALK;

    (void)state;
    start_haggling(&t, 3, 3);
    for (unsigned i = 0; i < 2; i++) {
        option(&t, LIST, NOTHING);
        option_reply(&t, LIST, 2, BYTES(U32(1), 'a', 'o', 'l', 'd'));
        option_reply(&t, LIST, 2, BYTES(U32(1), 'b'));
        option_reply(&t, LIST, ACK, NOTHING);
    }
    option(&t, INFO, BYTES(U32(1), 'a', U16(0)));
    option_reply(&t, INFO, REP_INFO, BYTES(U16(2), 'o', 'l', 'd'));
    option_reply(&t, INFO, 0x80000002, NOTHING);
    option(&t, INFO, BYTES(U32(1), 'b', U16(0)));
    option_reply(&t, INFO, REP_INFO, BYTES(U16(2), 'n', 'e', 'w'));
    ends_well(&t);
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, LIST, NOTHING);
    option_reply(&t, LIST, 2, BYTES(U32(1), 'a', 'o', 'l', 'd'));
    option_reply(&t, LIST, 2, BYTES(U32(1), 'a'));
    option_reply(&t, LIST, ACK, NOTHING);
    option(&t, INFO, BYTES(U32(1), 'a', U16(0)));
    option_reply(&t, INFO, REP_INFO, BYTES(U16(2), 'n', 'e', 'w'));
    BREAKS(&t, "opt.list.one-server-per-export", "rep.info.description.same-as-list");
}

static void replies_that_are_none(void **state)
{
    TALK;

    (void)state;
    start_haggling(&t, 3, 3); /* the first of them: its magic alone is wrong */
    option(&t, LIST, NOTHING);
    server_says(&t, U64(UINT64_C(0x0003e889045565aa)));
    BREAKS(&t, "rep.header.magic");
    t = talk_with(NULL); /* more data than it has length */
    start_haggling(&t, 3, 3);
    option(&t, 99, NOTHING);
    option_reply(&t, 99, 0x80000001, NOTHING);
    server_says(&t, U64(0));
    BREAKS(&t, "rep.header.magic", "rep.data");
    t = talk_with(NULL); /* less */
    start_haggling(&t, 3, 3);
    option(&t, 99, NOTHING);
    server_says(&t, REPLY_MAGIC, U32(99), U32(0x80000001), U32(1));
    session_stalled(t.s);
    BREAKS(&t, "rep.data");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, 99, NOTHING);
    server_says(&t, SIMPLE, U32(22), U64(0));
    BREAKS(&t, "session.handshake-first");
}

/* What the answer of a type to an option breaks. */
static void answers(struct talk *t, uint32_t number, uint32_t type)
{
    *t = talk_with(NULL);
    start_haggling(t, 3, 3);
    option(t, number, NOTHING);
    option_reply(t, number, type, type == 2 ? BYTES(U32(0)) : NOTHING);
}

static void types_of_replies(void **state)
{
    TALK;

    (void)state;
    answers(&t, 99, 0x5555); /* an option of the server's own may have replies of its own */
    ends_well(&t);
    answers(&t, LIST, 0x8000ffff);
    ends_well(&t);
    answers(&t, LIST, 0x5555);
    BREAKS(&t, "rep.header.type");
    answers(&t, ABORT, 2);
    BREAKS(&t, "rep.header.type", "rep.err.bit-31");
    answers(&t, 99, 6);
    BREAKS(&t, "rep.err.bit-31");
    answers(&t, 99, 0x01000080);
    BREAKS(&t, "transport.integers.big-endian");
    answers(&t, LIST, 0x80000008);
    BREAKS(&t, "opt.info-go.block-size-reqd");
    answers(&t, LIST, 0x80000007);
    option(&t, ABORT, NOTHING);
    option_reply(&t, ABORT, ACK, NOTHING);
    ends_well(&t);
    answers(&t, LIST, 0x80000007);
    option(&t, 99, NOTHING);
    option_reply(&t, 99, 0x80000001, NOTHING);
    BREAKS(&t, "session.shutdown.later-options");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, GO, BYTES(U32(0), U16(0)));
    option_reply(&t, GO, 0x80000008, NOTHING);
    BREAKS(&t, "opt.info-go.block-size-reqd.info-first");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, GO, BYTES(U32(0), U16(0)));
    option_reply(&t, GO, REP_INFO, BYTES(U16(3), U32(512), U32(512), U32(1 << 20)));
    option_reply(&t, GO, 0x80000008, NOTHING);
    ends_well(&t);
}

static void context_ids(void **state)
{
    TALK;

    (void)state;
    start_haggling(&t, 3, 3);
    option(&t, SR, NOTHING);
    option_reply(&t, SR, ACK, NOTHING);
    option(&t, SET_META, BYTES(U32(0), U32(0)));
    option_reply(&t, SET_META, META, BYTES(U32(1), 'x', '-', ':'));
    option_reply(&t, SET_META, META, BYTES(U32(1), 'x', '-', 'y', ':'));
    option_reply(&t, SET_META, ACK, NOTHING);
    BREAKS(&t, "opt.set-meta-context.unique-ids");
}

/* A listing without queries is answered with one context of that name, or two. */
static void listed(struct talk *t, struct span name, bool twice)
{
    *t = talk_with(NULL);
    start_haggling(t, 3, 3);
    option(t, SR, NOTHING);
    option_reply(t, SR, ACK, NOTHING);
    option(t, LIST_META, BYTES(U32(0), U32(0)));
    for (int i = 0; i <= twice; i++) {
        server_says(t, REPLY_MAGIC, U32(LIST_META), U32(META), U32(4 + name.len), U32(0));
        say(t, SIDE_SERVER, name);
    }
    option_reply(t, LIST_META, ACK, NOTHING);
}

#define LISTED(text) listed(&t, span_of((const uint8_t *)(text), sizeof(text) - 1), false)

static void names_of_contexts(void **state)
{
    struct talk t;
    static uint8_t long_name[4097];

    (void)state;
    memset(long_name, 'n', sizeof long_name);
    memcpy(long_name, "x-y:", 4);
    LISTED("base:allocation");
    ends_well(&t);
    LISTED("base:");
    ends_well(&t);
    LISTED("qemu:dirty-bitmap:a:b");
    ends_well(&t);
    LISTED("x-\xc3\xa9: any \n leaf");
    ends_well(&t);
    LISTED("nothing");
    BREAKS(&t, "meta.name.namespace-colon-leaf", "opt.list-meta-context.name-has-namespace");
    LISTED(":leaf");
    BREAKS(&t, "meta.name.namespace-nonempty", "opt.list-meta-context.name-has-namespace");
    LISTED("x-a b:leaf");
    BREAKS(&t, "meta.name.namespace-charset");
    LISTED("x-a\xc2\xa0:leaf");
    BREAKS(&t, "meta.name.namespace-charset");
    LISTED("x:leaf");
    BREAKS(&t, "meta.namespace.allowed");
    LISTED("base:other");
    BREAKS(&t, "meta.namespace.base-reserved");
    LISTED("nbd-server:any");
    BREAKS(&t, "meta.namespace.nbd-server-reserved");
    LISTED("");
    BREAKS(&t, "rep.meta-context.id-32", "meta.name.namespace-colon-leaf",
           "opt.list-meta-context.name-has-namespace");
    LISTED("x-y:\xff");
    BREAKS(&t, "rep.meta-context.name-utf8", "opt.list-meta-context.name-string-limits");
    LISTED("x-y:a\0b");
    BREAKS(&t, "string.no-nul", "meta.name.no-nul", "opt.list-meta-context.name-string-limits");
    LISTED("x-y:a\0");
    BREAKS(&t, "string.no-nul", "meta.name.no-nul", "opt.list-meta-context.name-string-limits",
           "rep.meta-context.name-layout");
    LISTED("\0\0\0\x05x-y:a");
    BREAKS(&t, "string.no-nul", "meta.name.no-nul", "opt.list-meta-context.name-string-limits",
           "rep.meta-context.name-layout");
    listed(&t, span_of(long_name, 256), false);
    ends_well(&t);
    listed(&t, span_of(long_name, 257), false);
    BREAKS(&t, "meta.name.max-256");
    listed(&t, span_of(long_name, 4097), false);
    BREAKS(&t, "string.length.max-4096", "meta.name.max-4096", "opt.list-meta-context.name-string-limits");
}

static void listings_of_contexts(void **state)
{
    struct talk t;

    (void)state;
    listed(&t, span_text("base:allocation"), true);
    BREAKS(&t, "opt.list-meta-context.one-reply-per-context");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, LIST_META, BYTES(U32(0), U32(0)));
    option_reply(&t, LIST_META, 0x80000009, NOTHING);
    BREAKS(&t, "opt.list-meta-context.zero-queries-not-too-big");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    query(&t, LIST_META, "base:");
    option_reply(&t, LIST_META, 0x80000009, NOTHING);
    ends_well(&t);
}

static void with_sizes(struct talk *t, uint32_t minimum, uint32_t preferred, uint32_t maximum)
{
    start_haggling(t, 3, 3);
    option(t, GO, BYTES(U32(0), U16(1), U16(3)));
    option_reply(t, GO, REP_INFO, BYTES(U16(3), U32(minimum), U32(preferred), U32(maximum)));
    info_export(t, GO, WRITABLE);
    option_reply(t, GO, ACK, NOTHING);
}

static void size_constraints(void **state)
{
    TALK;

    (void)state;
    with_sizes(&t, 1, 512, 1 << 20);
    ends_well(&t);
    t = talk_with(NULL);
    with_sizes(&t, 65536, 65536, 0xffffffff);
    ends_well(&t);
    t = talk_with(NULL);
    with_sizes(&t, 0, 4096, 1 << 25);
    BREAKS(&t, "block-size.min.power-of-two");
    t = talk_with(NULL);
    with_sizes(&t, 1 << 17, 1 << 17, 1 << 25);
    BREAKS(&t, "block-size.min.at-most-64k");
    t = talk_with(NULL);
    with_sizes(&t, 1, 4097, 1 << 25);
    BREAKS(&t, "block-size.preferred.power-of-two");
    t = talk_with(NULL);
    with_sizes(&t, 1, 256, 1 << 25);
    BREAKS(&t, "block-size.preferred.at-least-min-and-512");
    t = talk_with(NULL);
    with_sizes(&t, 4096, 512, 1 << 25);
    BREAKS(&t, "block-size.preferred.at-least-min-and-512");
    t = talk_with(NULL);
    with_sizes(&t, 1, 1 << 22, 1 << 21);
    BREAKS(&t, "block-size.max-payload.at-least-preferred");
    t = talk_with(NULL);
    with_sizes(&t, 1, 4096, 65536);
    BREAKS(&t, "block-size.max-payload.at-least-1m");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, GO, BYTES(U32(0), U16(1), U16(3)));
    option_reply(&t, GO, REP_INFO, BYTES(U16(0), U64(1000), U16(1)));
    option_reply(&t, GO, REP_INFO, BYTES(U16(3), U32(512), U32(512), U32(512)));
    option_reply(&t, GO, ACK, NOTHING);
    BREAKS(&t, "block-size.export-size.multiple-of-min");
}

static void bytes_in_reverse(void **state)
{
    TALK;

    (void)state;
    with_sizes(&t, 0x01000000, 0x00100000, 0x00000002);
    BREAKS(&t, "transport.integers.big-endian", "block-size.min.at-most-64k",
           "block-size.preferred.at-least-min-and-512", "block-size.max-payload.at-least-preferred",
           "block-size.max-payload.at-least-1m", "block-size.export-size.multiple-of-min");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, EXPORT_NAME, NOTHING);
    server_says(&t, U64(EXPORT_SIZE), U16(0x0100));
    BREAKS(&t, "transport.integers.big-endian", "flag.has-flags.set");
    t = talk_with(NULL);
    start_simple(&t, 0x0100);
    BREAKS(&t, "transport.integers.big-endian", "flag.has-flags.set");
    t = talk_with(NULL);
    start_simple(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 1);
    simple(&t, 0x16000000, 1);
    BREAKS(&t, "transport.integers.big-endian", "error.allowed-values");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 1);
    chunk(&t, DONE, 0x8001, 1, BYTES(U32(0x16000000), U16(0)));
    BREAKS(&t, "transport.integers.big-endian", "error.allowed-values");
}

/* ---- replies ---- */

static void magics(void **state)
{
    TALK;

    (void)state;
    start_simple(&t, WRITABLE); /* nothing is asked for that could be meant */
    server_says(&t, U32(0x12345678), U32(0), U64(0));
    BREAKS(&t, "session.transmission.message-kinds");
    t = talk_with(NULL);
    start_simple(&t, WRITABLE);
    request(&t, FLUSH, 0, 1, 0, 0);
    server_says(&t, U32(0x12345678), U32(0), U64(1));
    BREAKS(&t, "reply.simple.magic", "session.transmission.message-kinds");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 1);
    server_says(&t, U32(0x12345678), U16(1), U16(1), U64(1), U32(9), U64(0), 7);
    BREAKS(&t, "chunk.header.magic", "session.transmission.message-kinds");
    t = talk_with(NULL); /* either kind of reply may be meant */
    start_structured(&t, WRITABLE);
    request(&t, FLUSH, 0, 1, 0, 0);
    server_says(&t, U32(0x12345678), U16(1), U16(0), U64(1), U32(0));
    BREAKS(&t, "session.transmission.message-kinds");
    t = talk_with(NULL);
    start_simple(&t, WRITABLE);
    server_says(&t, U32(0x25609514), U32(0), U64(0));
    BREAKS(&t, "request.magic.transaction-log-unused");
    t = talk_with(NULL);
    t = talk_with(NULL);
    start_simple(&t, WRITABLE);
    server_says(&t, U32(0x6e8a278c), U32(0), U64(0));
    BREAKS(&t, "reply.magic.extended-unused", "ext.mode.compact-otherwise");
    t = talk_with(NULL);
    start_simple(&t, WRITABLE);
    server_says(&t, U32(0x96744668), U32(0), U64(0));
    BREAKS(&t, "reply.magic.historic-unused");
}

static void cookies(void **state)
{
    TALK;

    (void)state;
    start_simple(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 4);
    simple(&t, 0, 2);
    server_says(&t, 1, 2, 3, 4); /* taken for the data of the READ */
    assert_null(t.last.exchange);
    simple(&t, 5, 1);
    BREAKS(&t, "reply.cookie.echo");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, FLUSH, 0, 1, 0, 0);
    chunk(&t, DONE, 0, 2, NOTHING);
    BREAKS(&t, "reply.cookie.echo");
    t = talk_with(NULL); /* behind chunks that have the right one */
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 2);
    chunk(&t, 0, 1, 1, BYTES(U64(0), 7));
    chunk(&t, DONE, 1, 2, BYTES(U64(1), 7));
    BREAKS(&t, "reply.cookie.echo", "chunk.cookie.same-in-reply");
}

static void bytes_behind_a_reply(void **state)
{
    TALK;

    (void)state;
    start_simple(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 2);
    simple(&t, 0, 1);
    server_says(&t, 1, 2, 3, 4, 5, 6);
    BREAKS(&t, "reply.simple.read-payload");
    t = talk_with(NULL);
    start_simple(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 4);
    simple(&t, 5, 1);
    server_says(&t, 0, 0, 0, 0);
    BREAKS(&t, "reply.simple.no-payload-on-error");
    t = talk_with(NULL);
    start_simple(&t, WRITABLE);
    request(&t, FLUSH, 0, 1, 0, 0);
    simple(&t, 0, 1);
    server_says(&t, 0, 0, 0, 0);
    BREAKS(&t, "reply.simple.no-payload-other-commands");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 1);
    chunk(&t, DONE, 1, 1, BYTES(U64(0), 7));
    server_says(&t, 8, 0, 0, 0);
    BREAKS(&t, "chunk.payload");
}

static void replies_that_end_in_the_middle(void **state)
{
    TALK;

    (void)state;
    start_simple(&t, WRITABLE); /* a cookie of 32 bits */
    request(&t, FLUSH, 0, 1, 0, 0);
    server_says(&t, SIMPLE, U32(0), U32(1));
    session_stalled(t.s);
    BREAKS(&t, "reply.simple.header-layout");
    t = talk_with(NULL);
    start_simple(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 2);
    simple(&t, 0, 1);
    server_says(&t, 1);
    session_stalled(t.s);
    BREAKS(&t, "reply.simple.read-payload");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, FLUSH, 0, 1, 0, 0);
    server_says(&t, STRUCTURED, U16(1), U16(0), U64(1), U16(0));
    session_stalled(t.s);
    BREAKS(&t, "chunk.header-layout");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 2);
    server_says(&t, STRUCTURED, U16(1), U16(1), U64(1), U32(10), U64(0), 7);
    session_stalled(t.s);
    BREAKS(&t, "chunk.payload");
}

static void fields_in_another_order(void **state)
{
    TALK;

    (void)state;
    start_simple(&t, WRITABLE);
    request(&t, FLUSH, 0, 0x1122334455667788, 0, 0);
    server_says(&t, SIMPLE, U64(0x1122334455667788), U32(0));
    BREAKS(&t, "reply.simple.header-layout", "reply.cookie.echo", "error.allowed-values");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, FLUSH, 0, 0x1122334455667788, 0, 0);
    server_says(&t, STRUCTURED, U64(0x1122334455667788), U16(1), U16(0), U32(0));
    BREAKS(&t, "chunk.header-layout", "reply.cookie.echo", "chunk.flag.other-bits-clear");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, FLUSH, 0, 0x5566778800000001, 0, 0);
    server_says(&t, STRUCTURED, U16(1), U16(0), U32(0), U64(0x5566778800000001), 0);
    BREAKS(&t, "chunk.header-layout", "reply.cookie.echo", "chunk.none.length-zero");
    t = talk_with(NULL); /* flags of 32 bits; what was read as the length goes on with the next bytes */
    start_structured(&t, WRITABLE);
    request(&t, FLUSH, 0, 0x1122334455660000, 0, 0);
    request(&t, FLUSH, 0, 0x1122334455660001, 0, 0);
    server_says(&t, STRUCTURED, U32(1), U16(0), U64(0x1122334455660001), U32(0), 0, 0, 0, 0);
    filled(&t, SIDE_SERVER, 0, 0x10000 - 6);
    BREAKS(&t, "chunk.header-layout", "reply.cookie.echo");
    t = talk_with(NULL); /* of 8 bits */
    start_structured(&t, WRITABLE);
    request(&t, FLUSH, 0, 0x1122334455667788, 0, 0);
    server_says(&t, STRUCTURED, 1, U16(0), U64(0x1122334455667788), U32(0), 0);
    BREAKS(&t, "chunk.header-layout", "reply.cookie.echo", "chunk.flag.other-bits-clear");
}

static void one_reply_per_request(void **state)
{
    TALK;

    (void)state;
    start_simple(&t, WRITABLE);
    request(&t, FLUSH, 0, 1, 0, 0);
    simple(&t, 0, 1);
    simple(&t, 0, 1);
    BREAKS(&t, "reply.one-per-request");
    t = talk_with(NULL); /* both kinds */
    start_structured(&t, WRITABLE);
    request(&t, FLUSH, 0, 1, 0, 0);
    simple(&t, 0, 1);
    chunk(&t, DONE, 0, 1, NOTHING);
    BREAKS(&t, "reply.one-per-request");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, WRITE, 0, 1, 0, 1);
    client_says(&t, 1);
    chunk(&t, 0, 0x8002, 1, BYTES(U32(5), U16(0), U64(0)));
    simple(&t, 0, 1);
    BREAKS(&t, "reply.one-per-request");
    t = talk_with(NULL); /* a whole second reply */
    start_structured(&t, WRITABLE);
    request(&t, FLUSH, 0, 1, 0, 0);
    chunk(&t, DONE, 0, 1, NOTHING);
    chunk(&t, DONE, 0, 1, NOTHING);
    BREAKS(&t, "reply.one-per-request", "chunk.flag.done.clear-before-last");
    t = talk_with(NULL); /* DONE too early */
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 1);
    chunk(&t, DONE, 1, 1, BYTES(U64(0), 1));
    chunk(&t, 0, 0x8001, 1, BYTES(U32(5), U16(0)));
    BREAKS(&t, "chunk.flag.done.clear-before-last");
    t = talk_with(NULL);
    start_simple(&t, WRITABLE);
    request(&t, DISC, 0, 1, 0, 0);
    simple(&t, 0, 1);
    BREAKS(&t, "cmd.disc.no-reply");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, DISC, 0, 1, 0, 0);
    chunk(&t, DONE, 0, 1, NOTHING);
    BREAKS(&t, "cmd.disc.no-reply");
}

static void replies_that_do_not_come(void **state)
{
    TALK;

    (void)state;
    start_simple(&t, WRITABLE);
    request(&t, FLUSH, 0, 1, 0, 0);
    session_stalled(t.s);
    BREAKS(&t, "reply.simple.every-request");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, FLUSH, 0, 1, 0, 0);
    session_stalled(t.s);
    BREAKS(&t, "reply.one-per-request");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 1);
    chunk(&t, 0, 1, 1, BYTES(U64(0), 1));
    session_stalled(t.s);
    BREAKS(&t, "chunk.done.present");
    t = talk_with(NULL); /* as if DONE were bit 15 */
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 1);
    chunk(&t, 0x8000, 1, 1, BYTES(U64(0), 1));
    session_stalled(t.s);
    BREAKS(&t, "chunk.done.present", "chunk.flag.done.bit", "chunk.flag.other-bits-clear");
}

static void forms_of_replies(void **state)
{
    TALK;

    (void)state;
    start_simple(&t, WRITABLE);
    request(&t, FLUSH, 0, 1, 0, 0);
    chunk(&t, DONE, 0, 1, NOTHING);
    BREAKS(&t, "chunk.only-if-negotiated");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 2);
    simple(&t, 0, 1);
    server_says(&t, 1, 2);
    BREAKS(&t, "chunk.read-never-simple", "opt.structured-reply.read-structured",
           "chunk.required-for-payload");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, FLUSH, 0, 1, 0, 0);
    simple(&t, 5, 1);
    request(&t, BLOCK_STATUS, 0, 1, 0, 1);
    simple(&t, 22, 1);
    BREAKS(&t, "chunk.error-preferred");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, BLOCK_STATUS, 0, 1, 0, 1);
    simple(&t, 0, 1);
    BREAKS(&t, "cmd.block-status.structured-on-success");
}

/* ---- chunks ---- */

static void malformed_chunks(void **state)
{
    TALK;

    (void)state;
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 8);
    chunk(&t, 0, 0, 1, NOTHING);
    BREAKS(&t, "chunk.none.done-set");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 8);
    chunk(&t, 0, 1, 1, BYTES(U64(0)));
    chunk(&t, 0, 2, 1, BYTES(U64(0)));
    chunk(&t, 0, 2, 1, BYTES(U64(0), U32(0)));
    chunk(&t, 0, 0x8001, 1, BYTES(U32(5)));
    chunk(&t, 0, 0x8001, 1, BYTES(U32(0), U16(0)));
    chunk(&t, 0, 0x8001, 1, BYTES(U32(5), U16(2), 'x'));
    chunk(&t, 0, 0x8001, 1, BYTES(U32(5), U16(1), 0xff));
    chunk(&t, DONE, 0, 1, BYTES(1));
    BREAKS(&t, "chunk.offset-data.length-min", "chunk.offset-hole.length", "chunk.offset-hole.size-nonzero",
           "chunk.error.length-min", "chunk.error.nonzero", "chunk.error.message-fits",
           "chunk.error.message-text", "chunk.none.length-zero", "chunk.error.once");
}

static void what_is_said_of_no_bytes_may_be_empty(void **state)
{
    TALK;

    (void)state;
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 0);
    chunk(&t, DONE, 1, 1, BYTES(U64(0)));
    ends_well(&t);
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 0);
    chunk(&t, DONE, 0x8001, 1, BYTES(U32(0), U16(0)));
    BREAKS(&t, "chunk.error.nonzero");
}

static void chunks_in_the_wrong_place(void **state)
{
    TALK;

    (void)state;
    start_structured(&t, WRITABLE | SEND_DF);
    request(&t, FLUSH, 0, 1, 0, 0);
    chunk(&t, 0, 1, 1, BYTES(U64(0), 1));
    chunk(&t, DONE, 2, 1, BYTES(U64(0), U32(1)));
    BREAKS(&t, "chunk.offset-data.only-for-read", "chunk.offset-hole.only-for-read");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE | SEND_DF);
    request(&t, READ, 0, 1, 8, 4);
    chunk(&t, 0, 1, 1, BYTES(U64(0), 1, 2, 3, 4));
    chunk(&t, 0, 2, 1, BYTES(U64(10), U32(3)));
    chunk(&t, DONE, 1, 1, BYTES(U64(8), 1, 2, 3, 4));
    BREAKS(&t, "chunk.offset-data.within-request", "chunk.offset-hole.within-request");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE | SEND_DF);
    request(&t, READ, 0, 1, 8, 4);
    chunk(&t, 0, 1, 1, BYTES(U64(8), 1, 2));
    chunk(&t, DONE, 1, 1, BYTES(U64(9), 2, 3, 4));
    BREAKS(&t, "chunk.content.no-overlap");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE | SEND_DF);
    request(&t, READ, 0, 1, 8, 4);
    chunk(&t, DONE, 0x8002, 1, BYTES(U32(5), U16(0), U64(12)));
    BREAKS(&t, "chunk.error-offset.within-request");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE | SEND_DF);
    request(&t, READ, DF, 1, 8, 4);
    chunk(&t, 0, 1, 1, BYTES(U64(8), 1, 2));
    chunk(&t, DONE, 2, 1, BYTES(U64(10), U32(2)));
    BREAKS(&t, "cmd.flag.df.one-content-chunk");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE | SEND_DF);
    request(&t, READ, 0, 1, 8, 4);
    chunk(&t, DONE, 1, 1, BYTES(U64(9), 2, 3, 4));
    BREAKS(&t, "cmd.read.structured.covers-request");
}

/* What a READ of 16 bytes from 32 is answered with. */
#define READ_OF_16 chunk(&t, 0, 1, 1, BYTES(U64(32), 1, 2, 3, 4, 5, 6, 7, 8))
#define ERROR_AT(flags, offset) chunk(&t, (flags), 0x8002, 1, BYTES(U32(5), U16(0), U64(offset)))

static void begin_read(struct talk *t, unsigned flags)
{
    *t = talk_with(NULL);
    start_structured(t, WRITABLE | SEND_DF);
    request(t, READ, flags, 1, 32, 16);
}

static void errors_beside_content(void **state)
{
    struct talk t;

    (void)state;
    begin_read(&t, 0); /* as it should be: content, then its error, then another error and more content */
    chunk(&t, 0, 1, 1, BYTES(U64(32), 1, 2, 3, 0));
    ERROR_AT(0, 35);
    ERROR_AT(0, 40);
    chunk(&t, DONE, 1, 1, BYTES(U64(36), 1, 2, 3, 4));
    ends_well(&t);
    begin_read(&t, 0);
    chunk(&t, 0, 0x8001, 1, BYTES(U32(5), U16(0)));
    chunk(&t, DONE, 0x8001, 1, BYTES(U32(5), U16(0)));
    BREAKS(&t, "chunk.error.once");
    begin_read(&t, 0);
    ERROR_AT(0, 32);
    chunk(&t, DONE, 0x8001, 1, BYTES(U32(5), U16(0)));
    BREAKS(&t, "cmd.read.structured.no-mixed-errors");
    begin_read(&t, 0);
    chunk(&t, 0, 0x8001, 1, BYTES(U32(5), U16(0)));
    ERROR_AT(DONE, 32);
    BREAKS(&t, "cmd.read.structured.no-mixed-errors");
    begin_read(&t, 0);
    ERROR_AT(0, 33);
    ERROR_AT(DONE, 33);
    BREAKS(&t, "chunk.error-offset.no-repeated-offset");
    begin_read(&t, 0);
    chunk(&t, 0, 2, 1, BYTES(U64(32), U32(8)));
    ERROR_AT(0, 33);
    ERROR_AT(DONE, 39);
    BREAKS(&t, "chunk.error-offset.one-per-content-chunk");
    begin_read(&t, 0);
    ERROR_AT(0, 39);
    chunk(&t, DONE, 2, 1, BYTES(U64(32), U32(8)));
    BREAKS(&t, "chunk.content.no-overlap-error");
    begin_read(&t, 0);
    READ_OF_16;
    ERROR_AT(DONE, 38);
    BREAKS(&t, "cmd.read.structured.padding-zero");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, FLUSH, 0, 1, 0, 0);
    ERROR_AT(DONE, 0);
    BREAKS(&t, "chunk.error-offset.valid-commands");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, 999, 0, 1, 0, 1);
    ERROR_AT(DONE, 0);
    BREAKS(&t, "chunk.error-offset.valid-commands");
}

static void content_that_ends_in_the_middle(void **state)
{
    struct talk t;

    (void)state;
    begin_read(&t, 0);
    server_says(&t, STRUCTURED, U16(0), U16(1), U64(1), U32(24), U64(32), 1);
    session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
    BREAKS(&t, "cmd.read.structured.chunk-completed-on-error",
           "session.transmission.disconnect-only-when-allowed");
    begin_read(&t, 0);
    server_says(&t, STRUCTURED, U16(DONE), U16(1), U64(1), U32(24), U64(32), 1);
    session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
    BREAKS(&t, "cmd.read.structured.chunk-completed-on-error", "chunk.done.not-while-error-possible",
           "session.transmission.disconnect-only-when-allowed");
}

static void types_that_nobody_knows(void **state)
{
    struct talk t;

    (void)state;
    begin_read(&t, 0);
    chunk(&t, 0, 3, 1, BYTES(U64(32), 1, 2, 3, 4, 5, 6, 7, 8));
    chunk(&t, 0, 4, 1, BYTES(U64(40), U32(8)));
    chunk(&t, DONE, 8, 1, NOTHING);
    BREAKS(&t, "chunk.offset-data.type", "chunk.offset-hole.type", "chunk.none.type",
           "cmd.read.structured.covers-request");
    begin_read(&t, 0);
    chunk(&t, DONE, 3, 1, BYTES(U32(5), U16(1), 'x'));
    BREAKS(&t, "chunk.error.bit15", "cmd.read.structured.covers-request");
    begin_read(&t, 0);
    chunk(&t, DONE, 0x8000, 1, BYTES(U32(5), U16(1), 'x'));
    BREAKS(&t, "chunk.error.type");
    begin_read(&t, 0);
    chunk(&t, DONE, 0x8003, 1, BYTES(U32(5), U16(1), 'x', U64(32)));
    BREAKS(&t, "chunk.error-offset.type");
    begin_read(&t, 0); /* nobody knows what this is */
    chunk(&t, 0, 3, 1, BYTES(1, 2, 3));
    chunk(&t, 0, 0xffff, 1, BYTES(U32(5), U16(1), 'x', 1, 2, 3));
    chunk(&t, DONE, 0, 1, NOTHING);
    ends_well(&t);
}

static void chunks_in_odd_pieces(void **state)
{
    TALK;

    (void)state;
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 100, 2000);
    data_chunk(&t, 0, 1, 100, 412, 'a');
    data_chunk(&t, 0, 1, 512, 1024, 'a');
    data_chunk(&t, DONE, 1, 1536, 564, 'a');
    request(&t, READ, 0, 1, EXPORT_SIZE - 100, 100);
    data_chunk(&t, DONE, 1, EXPORT_SIZE - 100, 100, 'a');
    ends_well(&t);
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 1024);
    data_chunk(&t, 0, 1, 0, 500, 'a');
    data_chunk(&t, DONE, 1, 500, 524, 'a');
    BREAKS(&t, "cmd.read.structured.chunk-alignment");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 20);
    for (unsigned i = 0; i < 20; i++)
        data_chunk(&t, i == 19 ? DONE : 0, 1, i, 1, 'a');
    BREAKS(&t, "chunk.count.small");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 32 * 512);
    for (unsigned i = 0; i < 32; i++)
        data_chunk(&t, i == 31 ? DONE : 0, 1, i * 512, 512, 'a');
    ends_well(&t);
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, SR, NOTHING);
    option_reply(&t, SR, ACK, NOTHING);
    option(&t, GO, BYTES(U32(0), U16(1), U16(3)));
    info_export(&t, GO, WRITABLE);
    option_reply(&t, GO, REP_INFO, BYTES(U16(3), U32(1), U32(512), U32(1024)));
    option_reply(&t, GO, ACK, NOTHING);
    request(&t, READ, 0, 1, 0, 1536);
    data_chunk(&t, DONE, 1, 0, 1536, 'a');
    BREAKS(&t, "chunk.max-payload.not-exceeded", "block-size.max-payload.at-least-1m");
    t = talk_with(NULL); /* 7 is 2^32 - 1 + 8, in 32 bits */
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, UINT32_MAX);
    chunk(&t, DONE, 1, 1, BYTES(1, 2, 3, 4, 5, 6, 7));
    BREAKS(&t, "cmd.read.structured.over-4g-split", "chunk.offset-data.length-min",
           "cmd.read.structured.covers-request");
}

static void reads_that_may_not_be_divided(void **state)
{
    struct talk t;

    (void)state;
    begin_read(&t, DF);
    chunk(&t, DONE, 2, 1, BYTES(U64(32), U32(8)));
    BREAKS(&t, "cmd.flag.df.mixed-as-data", "cmd.read.structured.covers-request");
    begin_read(&t, DF);
    READ_OF_16;
    chunk(&t, DONE, 0x8001, 1, BYTES(U32(75), U16(0)));
    BREAKS(&t, "cmd.flag.df.eoverflow-no-content", "error.eoverflow.only-documented");
    t = talk_with(model_new());
    start_structured(&t, WRITABLE | SEND_DF);
    written(&t, 0, 64, 'w');
    request(&t, WRITE_ZEROES, 0, 1, 64, 64);
    chunk(&t, DONE, 0, 1, NOTHING);
    request(&t, READ, DF, 1, 0, 128);
    chunk(&t, DONE, 2, 1, BYTES(U64(0), U32(128)));
    BREAKS(&t, "cmd.flag.df.mixed-as-data", "chunk.offset-hole.reads-zero");
    model_free(t.model);
}

/* ---- contents ---- */

static void contents(void **state)
{
    struct talk t = talk_with(model_new());

    (void)state;
    start_simple(&t, WRITABLE);
    written(&t, 10, 10, 'w');
    request(&t, READ, 0, 1, 0, 30);
    simple(&t, 0, 1);
    filled(&t, SIDE_SERVER, 'w', 30);
    assert_int_equal(t.v.count, 0);
    request(&t, READ, 0, 1, 19, 2);
    simple(&t, 0, 1);
    server_says(&t, 'v', 'w');
    BREAKS(&t, "cmd.write.stored-before-reply");
    model_free(t.model);

    t = talk_with(model_new());
    start_structured(&t, WRITABLE);
    written(&t, 0, 64, 'w');
    request(&t, WRITE_ZEROES, 0, 1, 8, 8);
    chunk(&t, DONE, 0, 1, NOTHING);
    request(&t, READ, 0, 1, 0, 16);
    data_chunk(&t, DONE, 1, 0, 16, 'w');
    BREAKS(&t, "cmd.write-zeroes.reads-zero");
    model_free(t.model);

    t = talk_with(model_new());
    start_structured(&t, WRITABLE);
    written(&t, 0, 64, 'w');
    request(&t, READ, 0, 1, 0, 64);
    chunk(&t, DONE, 2, 1, BYTES(U64(0), U32(64)));
    BREAKS(&t, "chunk.offset-hole.reads-zero");
    model_free(t.model);

    t = talk_with(model_new());
    start_structured(&t, WRITABLE);
    written(&t, 0, 64, 'a');
    written(&t, 64, 64, 'b');
    request(&t, READ, 0, 1, 0, 128);
    data_chunk(&t, 0, 1, 0, 64, 'a');
    data_chunk(&t, DONE, 1, 64, 64, 'a');
    BREAKS(&t, "cmd.write.stored-before-reply", "chunk.offset-data.contents");
    model_free(t.model);

    t = talk_with(model_new());
    start_structured(&t, WRITABLE);
    written(&t, 0, 4, 'a');
    request(&t, WRITE_ZEROES, FAST_ZERO, 1, 0, 4);
    chunk(&t, DONE, 0x8001, 1, BYTES(U32(95), U16(0)));
    request(&t, READ, 0, 1, 0, 4);
    data_chunk(&t, DONE, 1, 0, 4, 0);
    BREAKS(&t, "cmd.write-zeroes.fast-zero.enotsup-unaltered");
    model_free(t.model);
}

static void contents_that_nobody_can_know(void **state)
{
    struct talk t = talk_with(model_new()), other;

    (void)state;
    start_structured(&t, WRITABLE | MULTI_CONN);
    written(&t, 0, 64, 'a');
    request(&t, READ, 0, 1, 0, 64); /* sent before the write that follows */
    request(&t, WRITE, 0, 2, 0, 32);
    filled(&t, SIDE_CLIENT, 'b', 32);
    data_chunk(&t, 0, 1, 0, 20, 'b');
    simple(&t, 0, 2);
    data_chunk(&t, 0, 1, 20, 12, 'a');
    data_chunk(&t, DONE, 1, 32, 32, 'a');
    request(&t, WRITE_ZEROES, 0, 3, 0, 64); /* fails: anything may be there */
    chunk(&t, DONE, 0x8001, 3, BYTES(U32(5), U16(0)));
    request(&t, READ, 0, 4, 0, 64);
    data_chunk(&t, DONE, 4, 0, 64, 'c');
    written(&t, 0, 64, 'd');
    request(&t, READ, 0, 5, 0, 64); /* an error makes the data padding */
    data_chunk(&t, 0, 5, 0, 64, 0);
    chunk(&t, DONE, 0x8002, 5, BYTES(U32(5), U16(0), U64(0)));

    other = talk_with(t.model); /* what one connection wrote and did not flush, another need not see */
    start_structured(&other, WRITABLE | MULTI_CONN);
    request(&other, READ, 0, 1, 0, 64);
    data_chunk(&other, DONE, 1, 0, 64, 'x');
    ends_well(&other);
    ends_well(&t);

    other = talk_with(t.model); /* the writer is gone */
    start_structured(&other, WRITABLE);
    request(&other, READ, 0, 1, 0, 64);
    data_chunk(&other, DONE, 1, 0, 64, 'x');
    BREAKS(&other, "cmd.write.stored-before-reply");

    t = talk_with(t.model); /* without CAN_MULTI_CONN each connection may have contents of its own */
    start_structured(&t, WRITABLE);
    written(&t, 0, 64, 'e');
    ends_well(&t);
    other = talk_with(t.model);
    start_structured(&other, WRITABLE);
    request(&other, READ, 0, 1, 0, 64);
    data_chunk(&other, DONE, 1, 0, 64, 'x');
    ends_well(&other);
    model_free(t.model);
}

static void flushed_contents_are_seen_by_all(void **state)
{
    struct model *model = model_new();
    struct talk writer = talk_with(model), reader = talk_with(model);

    (void)state;
    start_structured(&reader, WRITABLE | MULTI_CONN);
    start_structured(&writer, WRITABLE | MULTI_CONN);
    written(&writer, 0, 64, 'a');
    request(&writer, FLUSH, 0, 1, 0, 0);
    chunk(&writer, DONE, 0, 1, NOTHING);
    request(&reader, READ, 0, 1, 0, 64);
    data_chunk(&reader, DONE, 1, 0, 64, 'x');
    BREAKS(&reader, "cmd.write.stored-before-reply");
    ends_well(&writer);
    model_free(model);
}

/* ---- BLOCK_STATUS ---- */

static void one_status(struct talk *t, unsigned flags, struct span payload)
{
    *t = talk_with(NULL);
    start_structured(t, WRITABLE);
    request(t, BLOCK_STATUS, flags, 1, 0, 4096);
    chunk(t, DONE, 5, 1, payload);
}

static void block_status(void **state)
{
    struct talk t;

    (void)state;
    one_status(&t, 0, BYTES(U32(7), U32(512), U32(0), U32(0xffffffff), U32(3)));
    ends_well(&t);
    one_status(&t, 0, BYTES(U32(7), U32(0xffffffff), U32(0)));
    ends_well(&t);
    one_status(&t, REQ_ONE, BYTES(U32(7), U32(4096), U32(0)));
    ends_well(&t);
    one_status(&t, 0, BYTES(U32(7), U32(4096)));
    BREAKS(&t, "chunk.block-status.length");
    one_status(&t, 0, BYTES(U32(7), U32(0), U32(1), U32(4096), U32(0)));
    BREAKS(&t, "chunk.block-status.extent-nonzero");
    one_status(&t, 0, BYTES(U32(8), U32(4096), U32(0)));
    BREAKS(&t, "chunk.block-status.known-context-id", "cmd.block-status.one-chunk-per-context");
    one_status(&t, 0, BYTES(U32(7), U32(4096), U32(0), U32(4096), U32(1)));
    BREAKS(&t, "chunk.block-status.sum-before-last");
    one_status(&t, 0, BYTES(U32(7)));
    BREAKS(&t, "chunk.block-status.length", "cmd.block-status.at-least-one-extent");
    one_status(&t, 0, BYTES(U32(7), U32(512), U32(0), U32(512), U32(0)));
    BREAKS(&t, "cmd.block-status.distinct-neighbours");
    one_status(&t, REQ_ONE, BYTES(U32(7), U32(512), U32(0), U32(512), U32(1)));
    BREAKS(&t, "cmd.flag.req-one.single-extent");
    one_status(&t, REQ_ONE, BYTES(U32(7), U32(4608), U32(0)));
    BREAKS(&t, "cmd.flag.req-one.extent-within-length");
    one_status(&t, 0, BYTES(U32(7), U32(4096), U32(4)));
    BREAKS(&t, "meta.base.allocation.reserved-zero");

    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, BLOCK_STATUS, 0, 1, 0, 4096);
    chunk(&t, DONE, 0, 1, NOTHING);
    BREAKS(&t, "cmd.block-status.one-chunk-per-context", "cmd.block-status.at-least-one-extent");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, BLOCK_STATUS, 0, 1, 0, 4096);
    chunk(&t, DONE, 0x8001, 1, BYTES(U32(22), U16(0)));
    ends_well(&t);

    t = talk_with(model_new());
    start_structured(&t, WRITABLE);
    written(&t, 100, 1, 'w');
    request(&t, BLOCK_STATUS, 0, 1, 0, 4096);
    chunk(&t, DONE, 5, 1, BYTES(U32(7), U32(4096), U32(2)));
    BREAKS(&t, "meta.base.allocation.zero-reads-zero");
    model_free(t.model);
}

static void too_many_extents_in_a_chunk(void **state)
{
    enum { COUNT = (1 << 20) + 1 };
    TALK;

    (void)state;
    start_structured(&t, WRITABLE);
    request(&t, BLOCK_STATUS, 0, 1, 0, 0xfffff);
    server_says(&t, STRUCTURED, U16(DONE), U16(5), U64(1), U32(4 + 8 * COUNT), U32(7));
    for (uint32_t i = 0; i < COUNT; i++)
        server_says(&t, U32(1), U32(i % 2));
    assert_true(t.last.exchange->answered);
    BREAKS(&t, "chunk.block-status.max-extents", "chunk.block-status.sum-before-last",
           "cmd.block-status.extent-multiple-512");
}

/* In answer to a request for so many bytes from there on; the export has 1 MiB. */
static void status_at(struct talk *t, uint64_t offset, uint32_t length, struct span payload)
{
    *t = talk_with(NULL);
    start_structured(t, WRITABLE);
    request(t, BLOCK_STATUS, 0, 1, offset, length);
    chunk(t, DONE, 5, 1, payload);
}

static void extents_of_whole_sectors(void **state)
{
    struct talk t;

    (void)state;
    status_at(&t, 0, 4096, BYTES(U32(7), U32(100), U32(0), U32(4096), U32(1)));
    BREAKS(&t, "cmd.block-status.extent-multiple-512");
    status_at(&t, 0, 4096, BYTES(U32(7), U32(512), U32(0), U32(100), U32(1)));
    BREAKS(&t, "cmd.block-status.extent-multiple-512");
    status_at(&t, 100, 4096, BYTES(U32(7), U32(412), U32(0), U32(100), U32(1), U32(412), U32(0)));
    BREAKS(&t, "cmd.block-status.extent-multiple-512");
    status_at(&t, 100, 4096, BYTES(U32(7), U32(412), U32(0), U32(512), U32(1), U32(100), U32(0)));
    ends_well(&t);
    status_at(&t, EXPORT_SIZE - 512, 512, BYTES(U32(7), U32(1000), U32(0)));
    ends_well(&t);
}

/* The minimum block size is 4096. */
static void extents_of_whole_blocks(void **state)
{
    static const char name[] = "base:allocation";

    (void)state;
    for (uint32_t length = 4096 - 512; length <= 4096; length += 512) {
        TALK;

        start_haggling(&t, 3, 3);
        option(&t, SR, NOTHING);
        option_reply(&t, SR, ACK, NOTHING);
        query(&t, SET_META, name);
        server_says(&t, REPLY_MAGIC, U32(SET_META), U32(META), U32(4 + 15), U32(7));
        say(&t, SIDE_SERVER, span_text(name));
        option_reply(&t, SET_META, ACK, NOTHING);
        option(&t, GO, BYTES(U32(0), U16(1), U16(3)));
        info_export(&t, GO, WRITABLE);
        option_reply(&t, GO, REP_INFO, BYTES(U16(3), U32(4096), U32(4096), U32(1 << 20)));
        option_reply(&t, GO, ACK, NOTHING);
        request(&t, BLOCK_STATUS, 0, 1, 0, 4096);
        chunk(&t, DONE, 5, 1, BYTES(U32(7), U32(length), U32(0)));
        if (length == 4096)
            ends_well(&t);
        else
            BREAKS(&t, "cmd.block-status.extent-multiple-min-block");
    }
}

/* ---- errors ---- */

static void fails_with(struct talk *t, unsigned flags, unsigned type, unsigned command_flags, uint32_t length,
                       uint32_t error)
{
    *t = talk_with(NULL);
    start_structured(t, flags);
    request(t, type, command_flags, 1, 0, length);
    if (type == WRITE)
        filled(t, SIDE_CLIENT, 0, length);
    chunk(t, DONE, 0x8001, 1, BYTES(U32(error), U16(0)));
}

static void errors(void **state)
{
    struct talk t;

    (void)state;
    fails_with(&t, WRITABLE, FLUSH, 0, 0, 2);
    BREAKS(&t, "error.allowed-values");
    t = talk_with(NULL);
    start_simple(&t, WRITABLE);
    request(&t, FLUSH, 0, 1, 0, 0);
    simple(&t, 2, 1);
    BREAKS(&t, "error.allowed-values");
    fails_with(&t, WRITABLE, FLUSH, 0, 0, 75);
    BREAKS(&t, "error.eoverflow.only-documented");
    fails_with(&t, WRITABLE, TRIM, 0, 4096, 75);
    BREAKS(&t, "error.eoverflow.only-documented");
    fails_with(&t, WRITABLE, READ, 0, 65536, 75);
    BREAKS(&t, "error.eoverflow.only-documented");
    fails_with(&t, WRITABLE, READ, 0, 65537, 75);
    ends_well(&t);
    fails_with(&t, WRITABLE, TRIM, 0, (1 << 25) + 1, 75);
    ends_well(&t);
    fails_with(&t, WRITABLE, WRITE_ZEROES, FAST_ZERO, 4096, 75);
    BREAKS(&t, "cmd.write-zeroes.fast-zero.no-eoverflow");
    fails_with(&t, WRITABLE, WRITE, 0, 1, 95);
    BREAKS(&t, "error.enotsup.only-fast-zero");
    fails_with(&t, WRITABLE, WRITE_ZEROES, 0, 1, 95);
    BREAKS(&t, "cmd.write-zeroes.plain-no-enotsup");
    fails_with(&t, WRITABLE & ~0x0800, WRITE_ZEROES, 0, 1, 95);
    BREAKS(&t, "cmd.write-zeroes.fast-zero.unadvertised-no-enotsup");
    fails_with(&t, WRITABLE, WRITE_ZEROES, FAST_ZERO, 1, 95);
    ends_well(&t);
}

static void successes_on_a_read_only_export(void **state)
{
    TALK;

    (void)state;
    start_simple(&t, WRITABLE | READ_ONLY);
    written(&t, 0, 1, 'w');
    BREAKS(&t, "flag.read-only.write-errors");
    t = talk_with(NULL);
    start_simple(&t, WRITABLE | READ_ONLY);
    request(&t, WRITE_ZEROES, 0, 1, 0, 1);
    simple(&t, 0, 1);
    BREAKS(&t, "flag.read-only.write-zeroes-errors");
    t = talk_with(NULL);
    start_simple(&t, WRITABLE | READ_ONLY);
    request(&t, TRIM, 0, 1, 0, 1);
    simple(&t, 0, 1);
    BREAKS(&t, "flag.read-only.trim-errors");
    t = talk_with(NULL);
    start_simple(&t, WRITABLE | READ_ONLY);
    request(&t, TRIM, 0, 1, 0, 0); /* of nothing */
    simple(&t, 0, 1);
    ends_well(&t);
}

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
    option_reply(&t, LIST, ACK, NOTHING);
    BREAKS(&t, "tls.forced.everything-encrypted");
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

/* ---- all of them ---- */

static void every_rule_with_a_function_was_seen_broken(void **state)
{
    (void)state;
    for (size_t i = 0; i < rule_count; i++)
        if (rules[i].watch && rules[i].party == SIDE_SERVER && !is_of_extension(&rules[i]) && !seen[i])
            fail_msg("no test breaks %s", rules[i].id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greetings),
        cmocka_unit_test(oldstyle_greetings),
        cmocka_unit_test(answers_to_export_name),
        cmocka_unit_test(zeroes_behind_go),
        cmocka_unit_test(which_option_is_answered),
        cmocka_unit_test(answers_to_info_and_go),
        cmocka_unit_test(strings_in_replies),
        cmocka_unit_test(texts_for_people),
        cmocka_unit_test(lists),
        cmocka_unit_test(replies_that_are_none),
        cmocka_unit_test(types_of_replies),
        cmocka_unit_test(bytes_in_reverse),
        cmocka_unit_test(context_ids),
        cmocka_unit_test(names_of_contexts),
        cmocka_unit_test(listings_of_contexts),
        cmocka_unit_test(size_constraints),
        cmocka_unit_test(magics),
        cmocka_unit_test(cookies),
        cmocka_unit_test(bytes_behind_a_reply),
        cmocka_unit_test(replies_that_end_in_the_middle),
        cmocka_unit_test(fields_in_another_order),
        cmocka_unit_test(one_reply_per_request),
        cmocka_unit_test(replies_that_do_not_come),
        cmocka_unit_test(forms_of_replies),
        cmocka_unit_test(malformed_chunks),
        cmocka_unit_test(what_is_said_of_no_bytes_may_be_empty),
        cmocka_unit_test(chunks_in_the_wrong_place),
        cmocka_unit_test(errors_beside_content),
        cmocka_unit_test(content_that_ends_in_the_middle),
        cmocka_unit_test(types_that_nobody_knows),
        cmocka_unit_test(chunks_in_odd_pieces),
        cmocka_unit_test(reads_that_may_not_be_divided),
        cmocka_unit_test(contents),
        cmocka_unit_test(contents_that_nobody_can_know),
        cmocka_unit_test(flushed_contents_are_seen_by_all),
        cmocka_unit_test(block_status),
        cmocka_unit_test(too_many_extents_in_a_chunk),
        cmocka_unit_test(extents_of_whole_sectors),
        cmocka_unit_test(extents_of_whole_blocks),
        cmocka_unit_test(errors),
        cmocka_unit_test(successes_on_a_read_only_export),
        cmocka_unit_test(closing_without_a_reason),
        cmocka_unit_test(closing_on_what_is_no_request),
        cmocka_unit_test(closing_with_a_reason),
        cmocka_unit_test(a_server_that_shuts_down_says_so_and_answers),
        cmocka_unit_test(little_memory_is_no_excuse),
        cmocka_unit_test(demands_for_tls),
        cmocka_unit_test(demands_for_tls_under_tls),
        cmocka_unit_test(modes_that_change),
        cmocka_unit_test(what_is_kept_over_tls),
        cmocka_unit_test(plain_text_where_tls_is_due),
        cmocka_unit_test(ends_without_close_notify),
        cmocka_unit_test(every_rule_with_a_function_was_seen_broken),
    };

    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
