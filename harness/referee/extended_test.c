/* SPDX-License-Identifier: MIT */
/* Connections with extended headers: what is put together of them, and each rule seen to be broken.
 * proto-extended-headers.md. */
#include "referee/rule.h"

#include "referee/seen.h"

bool seen[RULES_MAX];

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* ---- what is put together ---- */

static void a_write_brings_its_payload(void **state)
{
    struct talk t = talk_with(model_new());
    struct exchange *e;

    (void)state;
    start_extended(&t, WRITABLE);
    assert_true(session_negotiated(t.s)->extended);
    extended_request(&t, WRITE, PAYLOAD_LEN, 5, 100, 4);
    assert_null(session_oldest(t.s)->filter);
    client_says(&t, 'a', 'b', 'c', 'd');
    e = t.last.exchange;
    assert_true(e->request.extended);
    assert_int_equal(e->request.length, 4);
    assert_int_equal(e->request.payload, 4);
    extended_chunk(&t, DONE, 0, 5, 100, NOTHING);
    assert_true(e->answered);
    assert_int_equal(e->form, REPLY_FORM_EXTENDED);
    assert_int_equal(e->head_offset, 100);
    extended_request(&t, READ, 0, 6, 98, 8);
    extended_chunk(&t, 0, 2, 6, 98, BYTES(U64(98), U32(2)));
    extended_chunk(&t, DONE, 1, 6, 98, BYTES(U64(100), 'a', 'b', 'x', 'd', 0, 0));
    assert_int_equal(t.last.exchange->data.len, 8);
    assert_memory_equal(t.last.exchange->data.bytes + 2, "abxd", 4);
    BREAKS(&t, "cmd.write.stored-before-reply");
    model_free(t.model);
}

static void lengths_have_64_bits(void **state)
{
    struct talk t = talk_with(model_new());

    (void)state;
    start_haggling(&t, 3, 3);
    option(&t, EXTENDED_HEADERS_OPT, NOTHING);
    option_reply(&t, EXTENDED_HEADERS_OPT, ACK, NOTHING);
    option(&t, GO, BYTES(U32(0), U16(0)));
    option_reply(&t, GO, REP_INFO, BYTES(U16(0), U64(UINT64_C(1) << 40), U16(WRITABLE)));
    option_reply(&t, GO, ACK, NOTHING);
    extended_request(&t, WRITE_ZEROES, 0, 1, 0, UINT64_C(0x200000000));
    assert_int_equal(t.last.exchange->request.length, UINT64_C(0x200000000));
    extended_chunk(&t, DONE, 0, 1, 0, NOTHING);
    extended_request(&t, READ, 0, 2, UINT64_C(0x1fffffffe), 2);
    extended_chunk(&t, DONE, 1, 2, UINT64_C(0x1fffffffe), BYTES(U64(0x1fffffffe), 0, 1));
    BREAKS(&t, "cmd.write-zeroes.reads-zero");
    model_free(t.model);
}

static void a_filter_says_what_is_asked_about(void **state)
{
    TALK;
    struct exchange *e;

    (void)state;
    start_extended(&t, WRITABLE | STATUS_PAYLOAD);
    extended_request(&t, BLOCK_STATUS, PAYLOAD_LEN, 5, 4096, 16);
    e = session_oldest(t.s);
    client_says(&t, U64(65536), U32(8), U32(7));
    assert_int_equal(e->request.length, 65536);
    assert_int_equal(e->filter_count, 2);
    assert_int_equal(e->filter[0], 8);
    assert_int_equal(e->filter[1], 7);
    extended_chunk(&t, 0, 6, 5, 4096, BYTES(U32(7), U32(2), U64(4096), U64(3), U64(1 << 20), U64(0)));
    extended_chunk(&t, DONE, 6, 5, 4096, BYTES(U32(8), U32(1), U64(65536), U64(0x100000000)));
    assert_int_equal(e->status_chunks, 2);
    assert_int_equal(e->statuses[0].count, 2);
    assert_int_equal(e->statuses[0].extents[1].length, 1 << 20);
    assert_int_equal(e->statuses[1].extents[0].flags, UINT64_C(0x100000000));
    ends_well(&t);
}

static void requests_may_follow_go_at_once(void **state)
{
    TALK;

    (void)state;
    start_haggling(&t, 3, 3);
    option(&t, EXTENDED_HEADERS_OPT, NOTHING);
    option_reply(&t, EXTENDED_HEADERS_OPT, ACK, NOTHING);
    option(&t, GO, BYTES(U32(0), U16(0)));
    extended_request(&t, FLUSH, 0, 9, 0, 0);
    info_export(&t, GO, WRITABLE);
    option_reply(&t, GO, ACK, NOTHING);
    extended_chunk(&t, DONE, 0, 9, 0, NOTHING);
    assert_true(t.last.exchange->answered);
    ends_well(&t);
}

static void an_error_tells_its_message(void **state)
{
    TALK;

    (void)state;
    start_extended(&t, WRITABLE);
    extended_request(&t, TRIM, 0, 9, 512, 512);
    extended_chunk(&t, DONE, 0x8001, 9, 512, BYTES(U32(5), U16(2), 'n', 'o'));
    assert_int_equal(t.last.exchange->error, 5);
    assert_true(span_equal(t.last.exchange->message_text, span_text("no")));
    ends_well(&t);
}

/* ---- headers ---- */

static void other_headers(void **state)
{
    TALK;

    (void)state;
    start_extended(&t, WRITABLE);
    extended_request(&t, FLUSH, 0, 1, 0, 0);
    simple(&t, 0, 1);
    assert_int_equal(t.event, SESSION_LOST);
    BREAKS(&t, "ext.simple-reply.forbidden");
    t = talk_with(NULL);
    start_extended(&t, WRITABLE);
    extended_request(&t, FLUSH, 0, 1, 0, 0);
    chunk(&t, DONE, 0, 1, NOTHING);
    BREAKS(&t, "ext.reply.always");
    t = talk_with(NULL);
    start_extended(&t, WRITABLE);
    server_says(&t, 1, 2, 3, 4);
    BREAKS(&t, "ext.reply.magic");
    t = talk_with(NULL); /* a byte more than was announced */
    start_extended(&t, WRITABLE);
    extended_request(&t, FLUSH, 0, 1, 0, 0);
    extended_chunk(&t, DONE, 0, 1, 0, NOTHING);
    extended_request(&t, FLUSH, 0, 2, 0, 0);
    server_says(&t, 0);
    extended_chunk(&t, DONE, 0, 2, 0, NOTHING);
    BREAKS(&t, "ext.reply.payload-bytes");
    t = talk_with(NULL);
    start_simple(&t, WRITABLE);
    request(&t, FLUSH, 0, 1, 0, 0);
    extended_chunk(&t, DONE, 0, 1, 0, NOTHING);
    BREAKS(&t, "ext.mode.compact-otherwise", "reply.magic.extended-unused");
}

/* A FLUSH or READ, and one chunk in reply. */
static void one_chunk(struct talk *t, unsigned type, unsigned flags, unsigned chunk_type, uint64_t cookie,
                      uint64_t offset, struct span payload)
{
    *t = talk_with(NULL);
    start_extended(t, WRITABLE);
    extended_request(t, type, 0, 1, type == FLUSH ? 0 : 4096, type == FLUSH ? 0 : 16);
    extended_chunk(t, flags, chunk_type, cookie, offset, payload);
}

static void fields_of_the_header(void **state)
{
    struct talk t;

    (void)state;
    one_chunk(&t, FLUSH, DONE, 0, 2, 0, NOTHING);
    BREAKS(&t, "ext.reply.cookie");
    one_chunk(&t, FLUSH, DONE, 0, 1, 1, NOTHING);
    BREAKS(&t, "ext.reply.offset");
    one_chunk(&t, READ, DONE, 0x8001, 1, 0, BYTES(U32(5), U16(0)));
    BREAKS(&t, "ext.reply.offset");
    one_chunk(&t, READ, 0, 1, 1, 4104, BYTES(U64(4104), 1, 2, 3, 4, 5, 6, 7, 8));
    BREAKS(&t, "ext.reply.offset-content");
    one_chunk(&t, TRIM, DONE, 0, 1, 4096, BYTES(U64(0), U64(0)));
    BREAKS(&t, "ext.reply.length-is-payload", "chunk.none.length-zero");
    one_chunk(&t, TRIM, DONE, 2, 1, 4096, BYTES(U64(4096), U32(16)));
    BREAKS(&t, "ext.reply.no-data-success", "chunk.offset-hole.only-for-read");
    one_chunk(&t, FLUSH, DONE, 0, 1, 0, NOTHING);
    extended_chunk(&t, 0, 0x8001, 1, 0, BYTES(U32(5), U16(0)));
    BREAKS(&t, "ext.reply.done");
    one_chunk(&t, READ, 0, 1, 1, 4096, BYTES(U64(4104), 1, 2, 3, 4, 5, 6, 7, 8));
    session_stalled(t.s);
    BREAKS(&t, "ext.reply.done");
}

static void lengths_that_are_none(void **state)
{
    TALK;

    (void)state;
    start_extended(&t, WRITABLE);
    extended_request(&t, TRIM, 0, 1, 0, 4096);
    server_says(&t, EXTENDED_REPLY, U16(DONE), U16(0), U64(1), U64(0), U64(4096));
    session_stalled(t.s);
    BREAKS(&t, "ext.reply.length-is-payload");
    t = talk_with(NULL);
    start_extended(&t, WRITABLE);
    extended_request(&t, TRIM, 0, 1, 0, 4096);
    server_says(&t, EXTENDED_REPLY, U16(DONE), U16(0), U64(1), U64(0), U64(UINT64_C(0x100000000)));
    assert_int_equal(t.event, SESSION_LOST);
    BREAKS(&t, "ext.reply.length-is-payload");
    t = talk_with(NULL);
    start_extended(&t, WRITABLE);
    extended_request(&t, READ, 0, 1, 0, (1 << 20) - 8);
    server_says(&t, EXTENDED_REPLY, U16(DONE), U16(1), U64(1), U64(0), U64(8 + (1 << 20) + 1), U64(0));
    filled(&t, SIDE_SERVER, 0, (1 << 20) + 1);
    BREAKS(&t, "ext.size.chunk-max-payload", "chunk.offset-data.within-request",
           "cmd.read.structured.covers-request");
}

/* ---- block status ---- */

static void one_status(struct talk *t, unsigned flags, uint64_t length, unsigned type, struct span payload)
{
    *t = talk_with(NULL);
    start_extended(t, WRITABLE);
    extended_request(t, BLOCK_STATUS, flags, 1, 0, length);
    extended_chunk(t, 0, type, 1, 0, payload);
}

static void chunks_of_block_status(void **state)
{
    struct talk t;

    (void)state;
    one_status(&t, 0, 512, 5, BYTES(U32(7), U32(512), U32(0)));
    BREAKS(&t, "ext.block-status.no-type-5", "ext.block-status.64bit-chunk");
    one_status(&t, 0, 512, 6, BYTES(U32(7), U32(0)));
    BREAKS(&t, "ext.block-status.length");
    one_status(&t, 0, 512, 6, BYTES(U32(7), U32(2), U64(512), U64(0)));
    BREAKS(&t, "ext.block-status.count-match");
    one_status(&t, 0, 512, 6, BYTES(U32(7), U32(0), U64(512), U64(0)));
    BREAKS(&t, "ext.block-status.count-nonzero");
    one_status(&t, 0, 512, 6, BYTES(U32(7), U32(1), U64(0), U64(0)));
    BREAKS(&t, "ext.block-status.extent-nonzero");
    one_status(&t, 0, 512, 6, BYTES(U32(9), U32(1), U64(512), U64(0)));
    BREAKS(&t, "ext.block-status.context-id");
    one_status(&t, 0, 512, 6, BYTES(U32(7), U32(1), U64(512), U64(UINT64_C(0x100000000))));
    BREAKS(&t, "ext.block-status.upper-status-zero");
    one_status(&t, 0, 512, 6, BYTES(U32(7), U32(1), U64(512), U64(4)));
    BREAKS(&t, "meta.base.allocation.reserved-zero");
    one_status(&t, 0, 512, 6, BYTES(U32(7), U32(2), U64(512), U64(0), U64(512), U64(3)));
    BREAKS(&t, "ext.block-status.sum-before-last");
    one_status(&t, REQ_ONE, 1024, 6, BYTES(U32(7), U32(2), U64(512), U64(0), U64(512), U64(3)));
    BREAKS(&t, "ext.block-status.req-one-count");
    one_status(&t, REQ_ONE, 512, 6, BYTES(U32(7), U32(1), U64(1024), U64(0)));
    BREAKS(&t, "ext.block-status.req-one-length");
    one_status(&t, 0, 512, 6, BYTES(U32(7), U32(1), U64(512), U64(0)));
    extended_chunk(&t, DONE, 0, 1, 0, NOTHING);
    BREAKS(&t, "ext.block-status.one-chunk-per-id");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, BLOCK_STATUS, 0, 1, 0, 512);
    chunk(&t, 0, 6, 1, BYTES(U32(7), U32(1), U64(512), U64(0)));
    BREAKS(&t, "ext.block-status.type-6-needs-ext", "chunk.block-status-ext.reserved");
}

static void too_many_descriptors(void **state)
{
    enum { TOO_MANY = (1 << 20) + 1 };
    TALK;

    (void)state;
    start_extended(&t, WRITABLE);
    extended_request(&t, BLOCK_STATUS, 0, 1, 0, TOO_MANY);
    server_says(&t, EXTENDED_REPLY, U16(0), U16(6), U64(1), U64(0), U64(8 + UINT64_C(16) * TOO_MANY), U32(7),
                U32(TOO_MANY));
    for (uint32_t i = 0; i < TOO_MANY; i++)
        server_says(&t, U64(1), U64(i % 2));
    BREAKS(&t, "ext.block-status.max-descriptors", "ext.size.chunk-max-payload",
           "cmd.block-status.extent-multiple-512");
}

static void filtered(struct talk *t, struct span ids)
{
    *t = talk_with(NULL);
    start_extended(t, WRITABLE | STATUS_PAYLOAD);
    extended_request(t, BLOCK_STATUS, PAYLOAD_LEN, 1, 0, 8 + ids.len);
    client_says(t, U64(512));
    say(t, SIDE_CLIENT, ids);
}

static void filters(void **state)
{
    struct talk t;

    (void)state;
    filtered(&t, BYTES(U32(7)));
    extended_chunk(&t, 0, 6, 1, 0, BYTES(U32(8), U32(1), U64(512), U64(0)));
    extended_chunk(&t, DONE, 6, 1, 0, BYTES(U32(7), U32(1), U64(512), U64(0)));
    BREAKS(&t, "ext.block-status.filter.only-listed");
    filtered(&t, BYTES(U32(8), U32(7)));
    extended_chunk(&t, DONE, 6, 1, 0, BYTES(U32(7), U32(1), U64(512), U64(0)));
    BREAKS(&t, "ext.block-status.filter.all-listed");
    filtered(&t, BYTES(U32(7)));
    extended_chunk(&t, DONE, 6, 1, 0, BYTES(U32(7), U32(1), U64(512), U64(0)));
    ends_well(&t);
    filtered(&t, BYTES(U32(7), U32(7)));
    extended_chunk(&t, DONE, 0x8001, 1, 0, BYTES(U32(22), U16(0)));
    ends_well(&t);
}

/* ---- the handshake ---- */

static void refusals(void **state)
{
    static const uint32_t required = 0x8000000a;
    TALK;

    (void)state;
    start_haggling(&t, 3, 3);
    option(&t, EXTENDED_HEADERS_OPT, NOTHING);
    option_reply(&t, EXTENDED_HEADERS_OPT, 0x80000008, NOTHING);
    BREAKS(&t, "opt.extended-headers.no-block-size-reqd");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, EXTENDED_HEADERS_OPT, NOTHING);
    option_reply(&t, EXTENDED_HEADERS_OPT, ACK, NOTHING);
    option(&t, SR, NOTHING);
    option_reply(&t, SR, required, NOTHING);
    option(&t, GO, BYTES(U32(0), U16(0)));
    option_reply(&t, GO, required, NOTHING);
    BREAKS(&t, "rep.ext-header-reqd.scope");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, EXTENDED_HEADERS_OPT, NOTHING);
    option_reply(&t, EXTENDED_HEADERS_OPT, ACK, NOTHING);
    query(&t, LIST_META, "base:");
    option_reply(&t, LIST_META, required, NOTHING);
    option(&t, GO, BYTES(U32(0), U16(0)));
    option_reply(&t, GO, 0x80000001, NOTHING);
    BREAKS(&t, "opt.list-meta-context.no-error-after-ext", "opt.go.no-unsup");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, SR, NOTHING);
    option_reply(&t, SR, ACK, NOTHING);
    query(&t, LIST_META, "x:");
    option_reply(&t, LIST_META, required, NOTHING);
    query(&t, LIST_META, "base:");
    option_reply(&t, LIST_META, required, NOTHING);
    query(&t, SET_META, "base:allocation");
    option_reply(&t, SET_META, required, NOTHING);
    BREAKS(&t, "opt.list-meta-context.base-no-error", "opt.set-meta-context.base-no-error");
}

static void the_flag_of_filters(void **state)
{
    TALK;

    (void)state;
    start_simple(&t, WRITABLE | STATUS_PAYLOAD);
    BREAKS(&t, "flag.block-status-payload.needs-ext", "flag.block-status-payload.bit-12");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, EXPORT_NAME, NOTHING);
    server_says(&t, U64(EXPORT_SIZE), U16(WRITABLE | STATUS_PAYLOAD));
    BREAKS(&t, "flag.block-status-payload.needs-ext", "flag.block-status-payload.bit-12");
    t = talk_with(NULL);
    start_haggling(&t, 3, 3);
    option(&t, EXTENDED_HEADERS_OPT, NOTHING);
    option_reply(&t, EXTENDED_HEADERS_OPT, ACK, NOTHING);
    option(&t, GO, BYTES(U32(0), U16(0)));
    info_export(&t, GO, WRITABLE | STATUS_PAYLOAD | SEND_DF);
    BREAKS(&t, "flag.block-status-payload.needs-contexts");
}

/* ---- closing ---- */

static void closing_on_odd_payloads(void **state)
{
    static const struct {
        unsigned type, flags;
        uint64_t length;
    } provocations[] = {
        { WRITE, 0, 512 },
        { READ, PAYLOAD_LEN, 0 },
        { FLUSH, PAYLOAD_LEN, 8 },
        { BLOCK_STATUS, PAYLOAD_LEN, 12 }, /* not advertised */
        { WRITE, PAYLOAD_LEN, (1 << 20) + 1 },
        { WRITE, PAYLOAD_LEN, UINT64_MAX },
        { TRIM, 0, UINT64_C(0x100000200) }, /* beyond the end */
    };
    TALK;

    (void)state;
    for (size_t i = 0; i < COUNT(provocations); i++) {
        t = talk_with(NULL);
        start_extended(&t, WRITABLE);
        extended_request(&t, provocations[i].type, provocations[i].flags, 1, 0, provocations[i].length);
        session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
        ends_well(&t);
    }
    t = talk_with(NULL);
    start_extended(&t, WRITABLE);
    extended_request(&t, WRITE, PAYLOAD_LEN, 1, 0, 4);
    client_says(&t, 1, 2, 3, 4);
    session_ended(t.s, SIDE_SERVER, ENDING_FINISHED);
    BREAKS(&t, "session.transmission.disconnect-only-when-allowed");
}

/* ---- all of them ---- */

static bool is_ours(const struct rule *rule)
{
    return rule->party == SIDE_SERVER && is_of_extension(rule);
}

static void every_rule_of_extended_headers_was_seen_broken(void **state)
{
    (void)state;
    assert_seen(is_ours);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_brings_its_payload),
        cmocka_unit_test(lengths_have_64_bits),
        cmocka_unit_test(a_filter_says_what_is_asked_about),
        cmocka_unit_test(requests_may_follow_go_at_once),
        cmocka_unit_test(an_error_tells_its_message),
        cmocka_unit_test(other_headers),
        cmocka_unit_test(fields_of_the_header),
        cmocka_unit_test(lengths_that_are_none),
        cmocka_unit_test(chunks_of_block_status),
        cmocka_unit_test(too_many_descriptors),
        cmocka_unit_test(filters),
        cmocka_unit_test(refusals),
        cmocka_unit_test(the_flag_of_filters),
        cmocka_unit_test(closing_on_odd_payloads),
        cmocka_unit_test(every_rule_of_extended_headers_was_seen_broken),
    };

    return cmocka_run_group_tests_name("extended", tests, NULL, NULL);
}
