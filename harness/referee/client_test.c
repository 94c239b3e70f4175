/* SPDX-License-Identifier: MIT */
/* What clients do wrong, each rule seen broken, and what they do right. */
#include "referee/rule.h"

#include "referee/seen.h"

bool seen[RULES_MAX];

/* ---- transmission ---- */

static void what_clients_do_wrong(void **state)
{
    static const uint32_t magics[] = { 0x12560953, 0x25609514, 0x21e41c71 };
    static const char *const ids[] = { "request.magic.historic-unused",
                                       "request.magic.transaction-log-unused",
                                       "request.magic.extended-unused" };
    TALK;

    (void)state;
    start_structured(&t, WRITABLE | SEND_DF);
    request(&t, READ, DF | FUA, 1, 0, 1);
    request(&t, FLUSH, FUA, 2, 0, 0);
    request(&t, READ, 0x8000, 3, 0, 1);
    request(&t, TRIM, DF, 4, 0, 1);
    request(&t, READ, 0, 5, 0, 0);
    request(&t, FLUSH, 0, 1, 0, 0);
    BREAKS(&t, "cmd.flag.fua.only-on-writes", "cmd.flag.only-documented-bits",
           "cmd.read.zero-length.client-avoids", "request.cookie.distinct");
    t = talk_with(NULL);
    start_simple(&t, 1);
    request(&t, WRITE, FUA, 1, 0, 1);
    client_says(&t, 1);
    request(&t, READ, DF, 2, 0, 1);
    request(&t, WRITE_ZEROES, FAST_ZERO, 3, 0, 1);
    BREAKS(&t, "cmd.flag.fua.requires-send-fua", "cmd.flag.df.requires-send-df",
           "cmd.flag.fast-zero.requires-send-fast-zero");
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        t = talk_with(NULL);
        start_simple(&t, WRITABLE);
        client_says(&t, U32(magics[i]), U32(0), U64(1), U64(0), U32(1));
        assert_int_equal(t.v.all[0].party, SIDE_CLIENT);
        BREAKS(&t, ids[i]);
    }
    t = talk_with(NULL);
    start_simple(&t, WRITABLE);
    client_says(&t, U32(0x12345678), U32(0), U64(1), U64(0), U32(1));
    BREAKS(&t, "request.magic");
}

static void what_clients_ask_for_wrongly(void **state)
{
    TALK;

    (void)state;
    start_simple(&t, WRITABLE);
    request(&t, WRITE, 0, 1, 0, 0);
    request(&t, TRIM, 0, 2, 0, 0);
    request(&t, WRITE_ZEROES, 0, 3, 0, 0);
    request(&t, FLUSH, 0, 4, 0, 1);
    request(&t, READ, 0, 5, EXPORT_SIZE - 1, 2);
    request(&t, READ, 0, 6, 0, (1 << 25) + 512);
    request(&t, DISC, 0, 7, 512, 0);
    request(&t, FLUSH, 0, 8, 0, 0);
    BREAKS(&t, "cmd.write.zero-length.client-avoids", "cmd.trim.zero-length.client-avoids",
           "cmd.write-zeroes.zero-length.client-avoids", "cmd.flush.zero-fields",
           "request.range.within-export", "block-size.client.default-max-payload", "cmd.disc.zero-fields",
           "cmd.disc.wait-for-inflight", "cmd.disc.nothing-after");
    t = talk_with(NULL);
    start_simple(&t, 1);
    request(&t, FLUSH, 0, 1, 0, 0);
    request(&t, TRIM, 0, 2, 0, 512);
    request(&t, WRITE_ZEROES, 0, 3, 0, 512);
    BREAKS(&t, "cmd.flush.requires-send-flush", "cmd.trim.requires-send-trim",
           "cmd.write-zeroes.requires-send-write-zeroes");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, GO, BYTES(U32(0), U16(1), U16(3)));
    info_export(&t, GO, WRITABLE);
    option_reply(&t, GO, REP_INFO, BYTES(U16(3), U32(512), U32(4096), U32(1 << 20)));
    option_reply(&t, GO, ACK, NOTHING);
    request(&t, READ, 0, 1, 1, 512);
    request(&t, READ, 0, 2, 0, (1 << 20) + 512);
    BREAKS(&t, "block-size.client.aligned", "block-size.client.max-payload", "request.range.within-export");
    t = talk_with(NULL);
    start_simple(&t, WRITABLE);
    request(&t, FLUSH, 0, 1, 0, 0);
    simple(&t, 108, 1);
    request(&t, FLUSH, 0, 2, 0, 0);
    BREAKS(&t, "error.eshutdown.client-soft-disconnect");
}

static void what_clients_do_right(void **state)
{
    TALK;

    (void)state;
    start_structured(&t, WRITABLE | SEND_DF);
    request(&t, READ, DF, 1, 0, 512);
    data_chunk(&t, DONE, 1, 0, 512, 'a');
    request(&t, FLUSH, 0, 1, 0, 0); /* the same cookie, which is free again */
    request(&t, WRITE, FUA, 2, 0, 512);
    filled(&t, SIDE_CLIENT, 1, 512);
    request(&t, WRITE_ZEROES, FAST_ZERO | NO_HOLE | FUA, 3, 0, 512);
    request(&t, TRIM, FUA, 4, 0, 512);
    request(&t, CACHE, 0, 5, 0, 512);
    request(&t, BLOCK_STATUS, REQ_ONE, 6, 0, 512);
    for (unsigned cookie = 1; cookie <= 6; cookie++)
        chunk(&t, DONE, 0x8001, cookie, BYTES(U32(5), U16(0)));
    request(&t, DISC, 0, 7, 0, 0);
    assert_true(client_was_good(&t));
    ends_well(&t);
}

static void commands_that_were_not_advertised(void **state)
{
    TALK;

    (void)state;
    start_simple(&t, 1);
    request(&t, FLUSH, 0, 1, 0, 0);
    request(&t, TRIM, 0, 2, 0, 1);
    request(&t, WRITE_ZEROES, NO_HOLE, 3, 0, 1);
    BREAKS(&t, "cmd.flush.requires-send-flush", "flag.send-flush.client-needs-flag",
           "cmd.trim.requires-send-trim", "flag.send-trim.client-needs-flag",
           "cmd.write-zeroes.requires-send-write-zeroes", "flag.send-write-zeroes.client-needs-flag",
           "flag.send-write-zeroes.no-hole-client-needs-flag");
}

static void block_status(void **state)
{
    TALK;

    (void)state;
    start_simple(&t, WRITABLE);
    request(&t, BLOCK_STATUS, 0, 1, 0, 0);
    BREAKS(&t, "cmd.block-status.zero-length.client-avoids", "cmd.block-status.requires-structured-replies",
           "cmd.block-status.requires-context", "cmd.block-status.requires-set-meta-context",
           "meta.block-status.needs-selection", "opt.set-meta-context.needs-returned-context");
}

static void contexts_of_another_export(void **state)
{
    TALK;

    (void)state;
    start_haggling(&t, 3, 3);
    option(&t, SR, NOTHING);
    option_reply(&t, SR, ACK, NOTHING);
    query(&t, SET_META, "x-y:z");
    option_reply(&t, SET_META, META, BYTES(U32(8), 'x', '-', 'y', ':', 'z'));
    option_reply(&t, SET_META, ACK, NOTHING);
    option(&t, GO, BYTES(U32(1), 'a', U16(1), U16(3)));
    info_export(&t, GO, WRITABLE);
    option_reply(&t, GO, ACK, NOTHING);
    request(&t, BLOCK_STATUS, 0, 1, 0, 512);
    BREAKS(&t, "meta.block-status.same-export-name", "cmd.block-status.requires-same-export");
}

static void requests_off_512(void **state)
{
    TALK;

    (void)state;
    start_simple(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 511);
    BREAKS(&t, "block-size.client.default-min-512");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, GO, BYTES(U32(0), U16(1), U16(3)));
    option_reply(&t, GO, REP_INFO, BYTES(U16(0), U64(1000), U16(1)));
    option_reply(&t, GO, ACK, NOTHING);
    request(&t, READ, 0, 1, 512, 488); /* up to the end */
    assert_true(client_was_good(&t));
    ends_well(&t);
}

/* The server sends a chunk, and the client goes on. */
static void goes_on(struct talk *t, uint64_t turns)
{
    for (uint64_t cookie = 100; cookie < 100 + turns; cookie++) {
        request(t, FLUSH, 0, cookie, 0, 0);
        chunk(t, DONE, 0, cookie, NOTHING);
    }
}

static void staying_where_the_connection_cannot_go_on(void **state)
{
    static const struct {
        uint16_t type;
        size_t len;
        const char *client, *server;
    } chunks[] = {
        { 0x0077, 0, "chunk.unknown-type.client-disconnects", NULL },
        { 0x0005, 12, "chunk.unexpected-type.client-disconnects", NULL },
        { 0x0002, 11, "chunk.inconsistent.client-disconnects", "chunk.offset-hole.length" },
        { 0x8001, 8, "chunk.unknown-error.bad-message-length", "chunk.error.message-fits" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        static const uint8_t payload[] = { U32(5), U16(100), U32(7), U32(512) };
        TALK;

        start_structured(&t, WRITABLE);
        request(&t, READ, 0, 1, 0, 512);
        request(&t, FLUSH, 0, 2, 0, 0);
        chunk(&t, 0, chunks[i].type, 1, span_of(payload, chunks[i].len));
        chunk(&t, DONE, 0, 2, NOTHING); /* this one was under way */
        goes_on(&t, 2);
        assert_false(has_rule(&t, chunks[i].client));
        goes_on(&t, 1);
        assert_true(has_rule(&t, chunks[i].client));
        note_seen(&t);
        session_free(t.s);
    }
}

static void staying_with_extended_headers(void **state)
{
    static const struct {
        uint16_t type;
        const char *client;
    } chunks[] = { { 0x0005, "ext.client.unexpected-type" }, { 0x0006, "ext.client.inconsistent-chunk" } };

    (void)state;
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        TALK;

        start_extended(&t, WRITABLE);
        extended_request(&t, i == 0 ? READ : BLOCK_STATUS, 0, 1, 0, 512);
        extended_chunk(&t, 0, chunks[i].type, 1, 0, BYTES(U32(7), U32(2), U64(512)));
        for (uint64_t cookie = 2; cookie < 5; cookie++) {
            extended_request(&t, FLUSH, 0, cookie, 0, 0);
            extended_chunk(&t, DONE, 0, cookie, 0, NOTHING);
        }
        assert_true(has_rule(&t, chunks[i].client));
        note_seen(&t);
        session_free(t.s);
    }
}

static void what_extended_requests_ask_for(void **state)
{
    TALK;

    (void)state;
    start_extended(&t, WRITABLE | STATUS_PAYLOAD);
    extended_request(&t, READ, 0, 1, 0, UINT64_C(1) << 32);
    extended_request(&t, BLOCK_STATUS, PAYLOAD_LEN, 2, 0, 12);
    client_says(&t, U64(512), U32(9));
    BREAKS(&t, "ext.read.portable-length", "ext.block-status.filter.layout");
    t = talk_with(NULL);
    start_extended(&t, WRITABLE);
    extended_request(&t, BLOCK_STATUS, PAYLOAD_LEN, 1, 0, 12);
    client_says(&t, U64(512), U32(7));
    extended_request(&t, WRITE, PAYLOAD_LEN, 2, 0, UINT64_C(1) << 32);
    BREAKS(&t, "ext.block-status.filter.client-needs-flag", "ext.request.payload-32bit");
    t = talk_with(NULL);
    start_extended(&t, WRITABLE);
    client_says(&t, U32(0x12345678));
    BREAKS(&t, "ext.request.magic");
    t = talk_with(NULL);
    start_extended(&t, WRITABLE);
    request(&t, FLUSH, 0, 1, 0, 0);
    BREAKS(&t, "ext.request.always");
}

static void payloads_of_extended_requests(void **state)
{
    TALK;

    (void)state;
    start_extended(&t, WRITABLE);
    extended_request(&t, WRITE, 0, 1, 0, 4);
    client_says(&t, U32(7)); /* comes all the same */
    extended_request(&t, WRITE, PAYLOAD_LEN, 2, 0, 0);
    BREAKS(&t, "ext.write.payload-flag", "ext.payload.nonzero");
    t = talk_with(NULL);
    start_simple(&t, WRITABLE);
    request(&t, TRIM, PAYLOAD_LEN, 1, 0, 1);
    BREAKS(&t, "ext.request.compact-no-payload-flag");
}

/* ---- before it ---- */

static void client_flags(void **state)
{
    TALK;

    (void)state;
    start_haggling(&t, 1, 6);
    BREAKS(&t, "flags.reserved-clear", "flags.no-zeroes.only-if-offered", "flags.fixed-newstyle.set");
    t = talk_with(NULL);
    start(&t);
    client_says(&t, U32(3));
    BREAKS(&t, "flags.after-greeting");
}

static void the_order_of_options(void **state)
{
    TALK;

    (void)state;
    start_haggling(&t, 3, 3);
    option(&t, SR, NOTHING);
    option(&t, LIST, NOTHING);
    option_reply(&t, SR, ACK, NOTHING);
    option_reply(&t, LIST, ACK, NOTHING);
    option(&t, SR, NOTHING);
    option_reply(&t, SR, ACK, NOTHING);
    option(&t, ABORT, NOTHING);
    option(&t, LIST, NOTHING);
    BREAKS(&t, "opt.one-at-a-time", "opt.stateful.not-repeated", "opt.abort.client-closes");
    t = talk_with(NULL);
    start_haggling(&t, 0, 0);
    option(&t, LIST, NOTHING);
    BREAKS(&t, "opt.nonfixed.export-name-only", "opt.export-name.only-nonfixed",
           "flags.fixed-newstyle.unset-not-relied-on");
    t = talk_with(NULL);
    start_simple(&t, WRITABLE);
    option(&t, LIST, NOTHING);
    BREAKS(&t, "opt.go.no-options-after-ack");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, EXTENDED_HEADERS_OPT, NOTHING);
    option_reply(&t, EXTENDED_HEADERS_OPT, ACK, NOTHING);
    option(&t, EXPORT_NAME, NOTHING);
    BREAKS(&t, "opt.extended-headers.no-export-name");
}

static void what_options_say(void **state)
{
    TALK;

    (void)state;
    start_haggling(&t, 3, 3);
    option(&t, 4, NOTHING);
    option_reply(&t, 4, 0x80000001, NOTHING);
    option(&t, LIST, BYTES(0));
    option_reply(&t, LIST, 0x80000003, NOTHING);
    option(&t, INFO, BYTES(U32(0), U16(2), U16(1), U16(1)));
    option_reply(&t, INFO, 0x80000003, NOTHING);
    option(&t, INFO, BYTES(U32(9), U16(0)));
    option_reply(&t, INFO, 0x80000003, NOTHING);
    query(&t, LIST_META, "base");
    option_reply(&t, LIST_META, 0x80000003, NOTHING);
    query(&t, SET_META, "base");
    option_reply(&t, SET_META, 0x80000003, NOTHING);
    BREAKS(&t, "opt.peek-export.number-4", "opt.list.no-data", "opt.info-go.requests-unique",
           "opt.info-go.name-length.max", "opt.list-meta-context.needs-structured",
           "opt.list-meta-context.prerequisite", "opt.list-meta-context.query-has-namespace",
           "opt.set-meta-context.needs-structured", "opt.set-meta-context.prerequisite",
           "opt.set-meta-context.query-has-namespace");
}

static void what_stands_before_an_option(void **state)
{
    TALK;

    (void)state;
    start(&t);
    server_says(&t, NBDMAGIC, IHAVEOPT, U16(3));
    client_says(&t, U16(3), IHAVEOPT, U32(LIST), U32(0));
    BREAKS(&t, "flags.width");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    client_says(&t, U32(0), IHAVEOPT, U32(LIST), U32(0));
    BREAKS(&t, "flags.width");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, LIST, NOTHING);
    option_reply(&t, LIST, ACK, NOTHING);
    client_says(&t, U16(0), IHAVEOPT, U32(LIST), U32(0)); /* data that no length tells */
    BREAKS(&t, "opt.request.data");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    client_says(&t, IHAVEOPT, U32(99), U32(3));
    client_says(&t, IHAVEOPT, U32(LIST), U32(0)); /* too few of them */
    BREAKS(&t, "opt.request.data");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    client_says(&t, U64(UINT64_C(0x123456789abcdef0)));
    assert_false(has_rule(&t, "flags.width"));
    BREAKS(&t, "opt.request.magic");
    t = talk_with(NULL);
    start(&t);
    server_says(&t, NBDMAGIC, U64(UINT64_C(0x420281861253)), U64(EXPORT_SIZE), U32(1));
    filled(&t, SIDE_SERVER, 0, 124);
    client_says(&t, U32(3), IHAVEOPT);
    BREAKS(&t, "greeting.oldstyle.client-silent");
}

static void the_choice_of_options(void **state)
{
    TALK;

    (void)state;
    start_haggling(&t, 3, 3);
    option(&t, EXPORT_NAME, NOTHING);
    BREAKS(&t, "opt.go.preferred");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, STARTTLS, NOTHING);
    option_reply(&t, STARTTLS, 0x80000001, NOTHING);
    option(&t, INFO, BYTES(U32(0), U16(1), U16(3)));
    option_reply(&t, INFO, 0x80000006, NOTHING);
    option(&t, EXPORT_NAME, BYTES(U32(1), 'a'));
    BREAKS(&t, "opt.go.preferred", "tls.client.uses-go", "block-size.client.uses-go",
           "opt.export-name.data-is-name");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, GO, BYTES(U32(0), U16(0)));
    option_reply(&t, GO, 0x80000001, NOTHING);
    option(&t, GO, BYTES(U32(0), U16(0)));
    option_reply(&t, GO, 0x80000001, NOTHING);
    option(&t, EXPORT_NAME, BYTES('a', 0));
    BREAKS(&t, "interop.client-queries-block-size", "opt.info-go.unsup-fallback",
           "opt.export-name.data-is-name");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, GO, BYTES(U32(0), U16(1), U16(3)));
    option_reply(&t, GO, 0x80000001, NOTHING);
    option(&t, EXPORT_NAME, BYTES('a')); /* as it should */
    assert_true(client_was_good(&t));
    ends_well(&t);
}

static void giving_up(void **state)
{
    static const uint32_t options[] = { GO, SR, EXTENDED_HEADERS_OPT };

    (void)state;
    for (size_t i = 0; i < 2 * (sizeof options / sizeof *options); i++) {
        uint32_t which = options[i / 2];
        TALK;

        start_haggling(&t, 3, 3);
        option(&t, which, which == GO ? BYTES(U32(0), U16(1), U16(3)) : NOTHING);
        option_reply(&t, which, 0x80000001, NOTHING);
        if (i % 2 == 0)
            option(&t, ABORT, NOTHING);
        else
            session_ended(t.s, SIDE_CLIENT, ENDING_FINISHED);
        if (which == GO)
            BREAKS(&t, "opt.export-name.fallback", "opt.info-go.unsup-fallback");
        else if (which == SR)
            BREAKS(&t, "opt.structured-reply.unsup-handled");
        else
            BREAKS(&t, "opt.extended-headers.unsup-fallback");
    }
    TALK;
    start_haggling(&t, 3, 3);
    option(&t, SR, NOTHING);
    option_reply(&t, SR, 0x80000007, NOTHING);
    option(&t, LIST, NOTHING);
    BREAKS(&t, "rep.shutdown.client-soft-disconnect");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, SR, NOTHING);
    option_reply(&t, SR, 0x80000007, NOTHING);
    session_ended(t.s, SIDE_CLIENT, ENDING_RESET);
    BREAKS(&t, "rep.shutdown.client-soft-disconnect");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, SR, NOTHING);
    option_reply(&t, SR, 0x80000007, NOTHING);
    option(&t, ABORT, NOTHING);
    assert_true(client_was_good(&t));
    ends_well(&t);
}

static void tls(void **state)
{
    TALK;

    (void)state;
    start_haggling(&t, 3, 3);
    option(&t, SR, NOTHING);
    option_reply(&t, SR, ACK, NOTHING);
    option(&t, EXTENDED_HEADERS_OPT, NOTHING);
    option_reply(&t, EXTENDED_HEADERS_OPT, ACK, NOTHING);
    option(&t, STARTTLS, NOTHING);
    option_reply(&t, STARTTLS, ACK, NOTHING);
    option(&t, LIST, NOTHING);
    BREAKS(&t, "tls.client.starttls-first", "opt.starttls.defer-stateful-options", "opt.starttls.defer-ext",
           "tls.client.ack-upgrade");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, STARTTLS, NOTHING);
    option_reply(&t, STARTTLS, ACK, NOTHING);
    session_tls_started(t.s);
    option(&t, STARTTLS, NOTHING);
    BREAKS(&t, "tls.client.no-second-starttls");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, STARTTLS, NOTHING);
    option_reply(&t, STARTTLS, 0x80000002, NOTHING);
    client_says(&t, 0x16, 3, 1, U16(4), U32(0));
    BREAKS(&t, "tls.client.error-continue-or-end");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, LIST, NOTHING);
    option_reply(&t, LIST, 0x80000005, NOTHING); /* that is why */
    option(&t, STARTTLS, NOTHING);
    option_reply(&t, STARTTLS, ACK, NOTHING);
    client_says(&t, 0x16, 3, 1, U16(4), U32(0));
    server_says(&t, 0x16, 3, 3, U16(4), U32(0));
    session_ended(t.s, SIDE_CLIENT, ENDING_FINISHED);
    assert_true(client_was_good(&t));
    ends_well(&t);
}

static void leaving(void **state)
{
    TALK;

    (void)state;
    start_haggling(&t, 3, 3);
    session_ended(t.s, SIDE_CLIENT, ENDING_FINISHED);
    BREAKS(&t, "session.hard-disconnect.client-no-whim", "session.abandon.client-soft");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, ABORT, NOTHING);
    option_reply(&t, ABORT, ACK, NOTHING);
    session_ended(t.s, SIDE_CLIENT, ENDING_FINISHED);
    assert_true(client_was_good(&t));
    ends_well(&t);
}

/* A client that does wrong all the time does not hide what there is to say of the server. */
static void the_server_is_heard_all_the_same(void **state)
{
    TALK;

    (void)state;
    start_simple(&t, WRITABLE);
    for (unsigned i = 0; i < 2 * VIOLATIONS_MAX; i++) {
        request(&t, READ, 0, i, 0, 0);
        simple(&t, 0, i);
    }
    simple(&t, 0, 12345);
    assert_true(t.v.lost > 0);
    BREAKS(&t, "reply.cookie.echo");
}

/* ---- all of them ---- */

static bool is_ours(const struct rule *rule)
{
    return rule->watch && rule->party == SIDE_CLIENT;
}

static void every_rule_for_clients_was_seen_broken(void **state)
{
    (void)state;
    assert_seen(is_ours);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_clients_do_wrong),
        cmocka_unit_test(what_clients_ask_for_wrongly),
        cmocka_unit_test(what_clients_do_right),
        cmocka_unit_test(commands_that_were_not_advertised),
        cmocka_unit_test(block_status),
        cmocka_unit_test(contexts_of_another_export),
        cmocka_unit_test(requests_off_512),
        cmocka_unit_test(staying_where_the_connection_cannot_go_on),
        cmocka_unit_test(staying_with_extended_headers),
        cmocka_unit_test(what_extended_requests_ask_for),
        cmocka_unit_test(payloads_of_extended_requests),
        cmocka_unit_test(client_flags),
        cmocka_unit_test(the_order_of_options),
        cmocka_unit_test(what_options_say),
        cmocka_unit_test(what_stands_before_an_option),
        cmocka_unit_test(the_choice_of_options),
        cmocka_unit_test(giving_up),
        cmocka_unit_test(tls),
        cmocka_unit_test(leaving),
        cmocka_unit_test(the_server_is_heard_all_the_same),
        cmocka_unit_test(every_rule_for_clients_was_seen_broken), /* the last one */
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
