/* SPDX-License-Identifier: MIT */
/* Rules of options and their replies: each seen broken, and what only looks as if. */
#include "referee/rule.h"

#include "referee/rules_test.h"
#include "referee/seen.h"

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
    { /* what nobody has asked for is no second reply to what somebody has */
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, LIST, NOTHING);
        option_reply(&t, LIST, ACK, NOTHING);
        option_reply(&t, ABORT, ACK, NOTHING);
        BREAKS(&t, "session.soft-disconnect.client-only");
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
        info_export(&t, INFO, 0x0080 | 0x0800);
        option_reply(&t, INFO, ACK, NOTHING);
        BREAKS(&t, "flag.has-flags.set", "flag.send-df.only-with-structured",
               "flag.send-fast-zero.needs-write-zeroes");
    }
}

static void information_told_twice(void **state)
{
    (void)state;
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
        TALK; /* who asks twice may be told twice */
        start_haggling(&t, 3, 3);
        option(&t, INFO, BYTES(U32(0), U16(2), U16(3), U16(3)));
        info_export(&t, INFO, WRITABLE);
        option_reply(&t, INFO, REP_INFO, BYTES(U16(3), U32(512), U32(512), U32(1 << 20)));
        option_reply(&t, INFO, REP_INFO, BYTES(U16(3), U32(512), U32(512), U32(1 << 20)));
        option_reply(&t, INFO, ACK, NOTHING);
        ends_well(&t);
    }
}

static void information_under_another_number(void **state)
{
    (void)state;
    { /* what it carries tells which information is meant */
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, LIST, NOTHING);
        option_reply(&t, LIST, 2, BYTES(U32(1), 'x', 'o', 'l', 'd'));
        option_reply(&t, LIST, ACK, NOTHING);
        option(&t, INFO, BYTES(U32(1), 'x', U16(0)));
        info_export(&t, INFO, WRITABLE);
        option_reply(&t, INFO, ACK, NOTHING);
        option(&t, INFO, BYTES(U32(1), 'x', U16(3), U16(1), U16(2), U16(3)));
        info_export(&t, INFO, WRITABLE);
        option_reply(&t, INFO, REP_INFO, BYTES(U16(0x101), 'x'));
        option_reply(&t, INFO, REP_INFO, BYTES(U16(0x300), U32(512), U32(512), U32(1 << 20)));
        option_reply(&t, INFO, REP_INFO, BYTES(U16(0x102), 'o', 'l', 'd'));
        option_reply(&t, INFO, REP_INFO, BYTES(U16(0x8123), U32(512), U32(512), U32(1 << 20)));
        option_reply(&t, INFO, REP_INFO, BYTES(U16(0x201), 'y'));
        option_reply(&t, INFO, ACK, NOTHING);
        BREAKS(&t, "rep.info.name.number-1", "rep.info.block-size.number-3", "rep.info.description.number-2");
    }
    { /* the next number, and two that are exchanged */
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, LIST, NOTHING);
        option_reply(&t, LIST, 2, BYTES(U32(1), 'x', 'o', 'l', 'd'));
        option_reply(&t, LIST, ACK, NOTHING);
        option(&t, INFO, BYTES(U32(1), 'x', U16(0)));
        info_export(&t, INFO, WRITABLE);
        option_reply(&t, INFO, ACK, NOTHING);
        option(&t, INFO, BYTES(U32(1), 'x', U16(1), U16(3)));
        info_export(&t, INFO, WRITABLE);
        option_reply(&t, INFO, REP_INFO, BYTES(U16(4), U32(512), U32(512), U32(1 << 20)));
        option_reply(&t, INFO, ACK, NOTHING);
        option(&t, INFO, BYTES(U32(1), 'x', U16(2), U16(1), U16(2)));
        info_export(&t, INFO, WRITABLE);
        option_reply(&t, INFO, REP_INFO, BYTES(U16(1), 'o', 'l', 'd'));
        option_reply(&t, INFO, REP_INFO, BYTES(U16(2), 'x'));
        option_reply(&t, INFO, ACK, NOTHING);
        BREAKS(&t, "rep.info.block-size.number-3", "rep.info.description.number-2", "rep.info.name.number-1",
               "rep.info.description.same-as-list");
    }
    { /* types of the server's own, which carry the same, are told to anybody */
        TALK;
        start_haggling(&t, 3, 3);
        for (unsigned asked = 0; asked < 2; asked++) {
            option(&t, INFO, asked ? BYTES(U32(1), 'x', U16(2), U16(1), U16(3)) : BYTES(U32(1), 'x', U16(0)));
            info_export(&t, INFO, WRITABLE);
            option_reply(&t, INFO, REP_INFO, BYTES(U16(0x4e01), 'x'));
            option_reply(&t, INFO, REP_INFO, BYTES(U16(0x4e03), U32(512), U32(512), U32(1 << 20)));
            option_reply(&t, INFO, ACK, NOTHING);
        }
        ends_well(&t);
    }
    { /* nobody knows whether they are told to anybody: no INFO for this export asked for nothing */
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, INFO, BYTES(U32(1), 'y', U16(0)));
        info_export(&t, INFO, WRITABLE);
        option_reply(&t, INFO, ACK, NOTHING);
        option(&t, INFO, BYTES(U32(1), 'x', U16(1), U16(1)));
        info_export(&t, INFO, WRITABLE);
        option_reply(&t, INFO, REP_INFO, BYTES(U16(0x4e01), 'x'));
        option_reply(&t, INFO, ACK, NOTHING);
        ends_well(&t);
    }
}

static void information_of_a_wrong_layout(void **state)
{
    (void)state;
    { /* a bad length, and no second complaint that EXPORT is missing */
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, INFO, BYTES(U32(0), U16(0)));
        option_reply(&t, INFO, REP_INFO, BYTES(U16(0), U64(1)));
        option_reply(&t, INFO, REP_INFO, BYTES(U16(3), U32(1)));
        server_says(&t, REPLY_MAGIC, U32(INFO), U32(ACK), U32(1), 0);
        BREAKS(&t, "rep.info.export.length-12", "rep.info.block-size.length-14", "rep.ack.no-data");
    }
    { /* too wide a type looks like EXPORT */
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, INFO, BYTES(U32(0), U16(0)));
        option_reply(&t, INFO, REP_INFO, BYTES(U32(3), U32(512), U32(512), U32(1 << 20)));
        BREAKS(&t, "rep.info.export.length-12", "rep.info.type-16");
    }
    {
        TALK;
        start_haggling(&t, 3, 3);
        option(&t, INFO, BYTES(U32(0), U16(0)));
        option_reply(&t, INFO, REP_INFO, BYTES(U32(2), U32(512), U32(512), U32(1 << 20)));
        BREAKS(&t, "rep.info.export.length-12");
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
    says_of_unknown(&t, 0, 0xff, 3);
    BREAKS(&t, "rep.err.data-is-message", "string.utf8");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, LIST, NOTHING);
    option_reply(&t, LIST, 2, BYTES(U32(1), 'a', 'b', 0));
    option_reply(&t, LIST, ACK, NOTHING);
    option(&t, INFO, BYTES(U32(0), U16(0)));
    option_reply(&t, INFO, REP_INFO, BYTES(U16(2), 0xff));
    BREAKS(&t, "rep.server.details-displayable", "string.no-nul", "rep.info.description.displayable",
           "string.utf8");
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
    ends_well(&t);
    answers(&t, LIST, 0x80000007);
    option(&t, LIST, NOTHING);
    option_reply(&t, LIST, ACK, NOTHING);
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
    LISTED("x-a:base:leaf"); /* no half of an ID in front */
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
    LISTED("\0\0\0\7base:allocation"); /* the lower half of an ID of 64 bits */
    BREAKS(&t, "string.no-nul", "meta.name.no-nul", "opt.list-meta-context.name-string-limits",
           "rep.meta-context.id-32");
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
    start_simple(&t, 0x6d0d); /* has HAS_FLAGS, but FAST_ZERO without WRITE_ZEROES, and what nobody knows */
    BREAKS(&t, "transport.integers.big-endian", "flag.send-fast-zero.needs-write-zeroes");
    t = talk_with(NULL);
    start_simple(&t, 0x2d0d); /* would have FAST_ZERO without WRITE_ZEROES, too */
    BREAKS(&t, "flag.send-fast-zero.needs-write-zeroes");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, 99, NOTHING);
    server_says(&t, REPLY_MAGIC, U32(99), U32(0x80000001), U32(0x02000000), U16(0x6e6f));
    session_stalled(t.s);
    BREAKS(&t, "transport.integers.big-endian", "rep.data");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, 99, NOTHING);
    server_says(&t, REPLY_MAGIC, U32(99), U32(0x80000001), U32(0x02000000), U32(0x6e6f6e65));
    session_stalled(t.s);
    BREAKS(&t, "rep.data");
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

int option_rules_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_option_is_answered),
        cmocka_unit_test(answers_to_info_and_go),
        cmocka_unit_test(information_told_twice),
        cmocka_unit_test(information_under_another_number),
        cmocka_unit_test(information_of_a_wrong_layout),
        cmocka_unit_test(strings_in_replies),
        cmocka_unit_test(texts_for_people),
        cmocka_unit_test(lists),
        cmocka_unit_test(replies_that_are_none),
        cmocka_unit_test(types_of_replies),
        cmocka_unit_test(context_ids),
        cmocka_unit_test(names_of_contexts),
        cmocka_unit_test(listings_of_contexts),
        cmocka_unit_test(size_constraints),
        cmocka_unit_test(bytes_in_reverse),
    };

    return cmocka_run_group_tests_name("rules of greetings and options", tests, NULL, NULL);
}
