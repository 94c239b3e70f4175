/* SPDX-License-Identifier: MIT */
/* Extended headers: agreeing on them, and every command in them.  proto-extended-headers.md. */
#include "reference/conversation.h"

#include <string.h>

enum { READ, WRITE, DISC, FLUSH, TRIM, CACHE, WRITE_ZEROES, BLOCK_STATUS };
enum { FUA = 1, NO_HOLE = 2, DF = 4, REQ_ONE = 8, PAYLOAD_LEN = 32 };
enum { EINVAL_ = 22, ENOSPC_ = 28, EOVERFLOW_ = 75 };

#define QUERY_ALLOCATION \
    0, 0, 0, 15, 'b', 'a', 's', 'e', ':', 'a', 'l', 'l', 'o', 'c', 'a', 't', 'i', 'o', 'n'
#define SELECT OPTION(10, 27), 0, 0, 0, 0, 0, 0, 0, 1, QUERY_ALLOCATION
#define GO OPTION(7, 6), 0, 0, 0, 0, 0, 0

/* Numbers of 64 bits, of which the tests need the lower 24 and a few above. */
#define WIDE(high_16, low_24) \
    0, 0, (high_16) >> 8 & 255, (high_16)&255, 0, (low_24) >> 16 & 255, (low_24) >> 8 & 255, (low_24)&255
#define EXTENDED(flags, type, cookie) \
    0x21, 0xe4, 0x1c, 0x71, 0, (flags), 0, (type), 0xc0, 0, 0, 0, 0, 0, 0, (cookie)
#define REPLIES(flags, type, cookie) \
    0x6e, 0x8a, 0x27, 0x8c, 0, (flags), (type) >> 8, (type)&255, 0xc0, 0, 0, 0, 0, 0, 0, (cookie)

static void drop_output(struct conversation *c)
{
    reference_session_sent(c->session, reference_session_output(c->session).len);
}

static void start(struct conversation *c)
{
    greet(c, 3);
    say(c, BYTES(OPTION(11, 0)));
    hear(c, BYTES(REPLY(11, 1, 0)));
    say(c, BYTES(SELECT, GO));
    drop_output(c);
}

/* An error in one chunk; nothing more. */
static void hear_error(struct conversation *c, uint8_t cookie, uint64_t offset, uint8_t error)
{
    struct span out = reference_session_output(c->session);
    uint8_t head[] = { REPLIES(1, 0x8001, cookie), WIDE(0, 0), WIDE(0, 0), 0, 0, 0, error };

    for (size_t i = 0; i < 8; i++)
        head[16 + i] = (uint8_t)(offset >> 8 * (7 - i));
    assert_in_range(out.len, 32 + 7, 32 + 200);
    head[31] = (uint8_t)(out.len - 32);
    assert_memory_equal(out.at, head, sizeof head);
    assert_int_equal(out.at[36] << 8 | out.at[37], out.len - 38); /* the message takes the rest */
    drop_output(c);
}

static void the_option_is_acknowledged_and_takes_no_data(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    greet(&c, 3);
    say(&c, BYTES(OPTION(11, 1), 'x'));
    hear_option_error(&c, 11, 3);
    say(&c, BYTES(OPTION(11, 0), OPTION(11, 0)));
    hear(&c, BYTES(REPLY(11, 1, 0), REPLY(11, 1, 0)));
    hear_nothing_more(&c);
    end(&c);
}

static void structured_replies_come_before_or_not_at_all(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    greet(&c, 3);
    say(&c, BYTES(OPTION(8, 0), OPTION(11, 0)));
    hear(&c, BYTES(REPLY(8, 1, 0), REPLY(11, 1, 0)));
    say(&c, BYTES(OPTION(8, 0)));
    hear_option_error(&c, 8, 10); /* NBD_REP_ERR_EXT_HEADER_REQD */
    say(&c, BYTES(GO));
    drop_output(&c);
    say(&c, BYTES(EXTENDED(0, FLUSH, 1), WIDE(0, 0), WIDE(0, 0)));
    hear(&c, BYTES(REPLIES(1, 0, 1), WIDE(0, 0), WIDE(0, 0)));
    hear_nothing_more(&c);
    end(&c);
}

static void a_server_may_not_know_them(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    c.config.no_extended = true;
    greet(&c, 3);
    say(&c, BYTES(OPTION(11, 0)));
    hear_option_error(&c, 11, 1);
    say(&c, BYTES(OPTION(8, 0)));
    hear(&c, BYTES(REPLY(8, 1, 0)));
    end(&c);
}

static uint16_t flags_after(struct conversation *c, const uint8_t *bytes, size_t len)
{
    struct span out;
    uint16_t flags;

    greet(c, 3);
    say(c, bytes, len);
    out = reference_session_output(c->session); /* the last but one reply is NBD_INFO_EXPORT */
    flags = (uint16_t)(out.at[out.len - 22] << 8 | out.at[out.len - 21]);
    reference_session_free(c->session);
    return flags;
}

static void the_filter_is_advertised_where_there_are_contexts(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    assert_int_equal(flags_after(&c, BYTES(OPTION(11, 0), GO)) & 0x1080, 0x0080);
    assert_int_equal(flags_after(&c, BYTES(OPTION(8, 0), SELECT, GO)) & 0x1080, 0x0080);
    assert_int_equal(flags_after(&c, BYTES(OPTION(11, 0), SELECT, GO)) & 0x1080, 0x1080);
    c.exports[0].without = 0x1000;
    assert_int_equal(flags_after(&c, BYTES(OPTION(11, 0), SELECT, GO)) & 0x1080, 0x0080);
    c.session = NULL;
    end(&c);
}

static void what_is_written_is_read_back(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    start(&c);
    say(&c, BYTES(EXTENDED(FUA | PAYLOAD_LEN, WRITE, 1), WIDE(0, 511), WIDE(0, 3), 'a', 'b', 'c'));
    hear(&c, BYTES(REPLIES(1, 0, 1), WIDE(0, 511), WIDE(0, 0)));
    say(&c, BYTES(EXTENDED(0, READ, 2), WIDE(0, 510), WIDE(0, 5)));
    hear(&c, BYTES(REPLIES(1, 1, 2), WIDE(0, 510), WIDE(0, 13), WIDE(0, 510), 0, 'a', 'b', 'c', 0));
    say(&c, BYTES(EXTENDED(0, READ, 3), WIDE(0, 9), WIDE(0, 0)));
    hear(&c, BYTES(REPLIES(1, 0, 3), WIDE(0, 9), WIDE(0, 0)));
    say(&c, BYTES(EXTENDED(PAYLOAD_LEN, WRITE, 4), WIDE(0, 1022), WIDE(0, 3), 'a', 'b', 'c'));
    hear_error(&c, 4, 1022, ENOSPC_);
    say(&c, BYTES(EXTENDED(0, WRITE, 5), WIDE(0, 6), WIDE(0, 3), 'x', 'y', 'z')); /* wrong, and understood */
    hear(&c, BYTES(REPLIES(1, 0, 5), WIDE(0, 6), WIDE(0, 0)));
    say(&c, BYTES(EXTENDED(0, READ, 5), WIDE(0, 5), WIDE(0, 5)));
    hear(&c, BYTES(REPLIES(1, 1, 5), WIDE(0, 5), WIDE(0, 13), WIDE(0, 5), 0, 'x', 'y', 'z', 0));
    say(&c, BYTES(EXTENDED(0, READ, 6), WIDE(0, 1023), WIDE(0, 2)));
    hear_error(&c, 6, 1023, EINVAL_);
    say(&c, BYTES(EXTENDED(0, DISC, 7), WIDE(0, 0), WIDE(0, 0)));
    hear_nothing_more(&c);
    assert_true(reference_session_over(c.session));
    end(&c);
}

static void a_range_may_be_as_large_as_the_export(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, UINT64_C(1) << 60);
    store_write(c.exports[0].store, UINT64_C(1) << 59, span_text("data"));
    start(&c);
    /* type 6: context 1, 3 extents */
    say(&c, BYTES(EXTENDED(0, BLOCK_STATUS, 1), WIDE(0, 0), 0x10, 0, 0, 0, 0, 0, 0, 0));
    hear(&c, BYTES(REPLIES(1, 6, 1), WIDE(0, 0), WIDE(0, 56), 0, 0, 0, 1, 0, 0, 0, 3));
    hear(&c, BYTES(8, 0, 0, 0, 0, 0, 0, 0, WIDE(0, 3), WIDE(0, 65536), WIDE(0, 0)));
    hear(&c, BYTES(7, 255, 255, 255, 255, 255, 0, 0, WIDE(0, 3)));
    say(&c, BYTES(EXTENDED(REQ_ONE, BLOCK_STATUS, 2), WIDE(0, 65536), WIDE(1, 0)));
    hear(&c, BYTES(REPLIES(1, 6, 2), WIDE(0, 65536), WIDE(0, 24), 0, 0, 0, 1, 0, 0, 0, 1, WIDE(1, 0),
                   WIDE(0, 3)));
    for (uint8_t type = TRIM; type <= WRITE_ZEROES; type++) {
        say(&c, BYTES(EXTENDED(0, type, 3), WIDE(0, 0), 0x10, 0, 0, 0, 0, 0, 0, 0));
        hear(&c, BYTES(REPLIES(1, 0, 3), WIDE(0, 0), WIDE(0, 0)));
        say(&c, BYTES(EXTENDED(0, type, 4), WIDE(0, 1), 0x10, 0, 0, 0, 0, 0, 0, 0));
        hear_error(&c, 4, 1, type == WRITE_ZEROES ? ENOSPC_ : EINVAL_);
    }
    say(&c, BYTES(EXTENDED(0, BLOCK_STATUS, 5), WIDE(0, 0), 0x10, 0, 0, 0, 0, 0, 0, 0));
    hear(&c, BYTES(REPLIES(1, 6, 5), WIDE(0, 0), WIDE(0, 24), 0, 0, 0, 1, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 0,
                   0, WIDE(0, 3)));
    hear_nothing_more(&c);
    end(&c);
}

static void a_long_read_comes_in_pieces(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, UINT64_C(1) << 60);
    c.exports[0].block_size = (struct wire_info_block_size){ 1, 4096, 65536 };
    for (unsigned page = 0; page < 2; page++)
        store_write(c.exports[0].store, page * 65536, span_text("data"));
    start(&c);
    say(&c, BYTES(EXTENDED(0, READ, 1), WIDE(0, 0), WIDE(1, 65536))); /* 4 GiB and a page */
    for (unsigned page = 0; page < 2; page++) {
        hear(&c,
             BYTES(REPLIES(0, 1, 1), WIDE(0, 0), WIDE(0, 65544), WIDE(0, page * 65536), 'd', 'a', 't', 'a'));
        reference_session_sent(c.session, 65532);
    }
    hear(&c, BYTES(REPLIES(0, 2, 1), WIDE(0, 0), WIDE(0, 12), WIDE(0, 131072), 0x80, 0, 0, 0));
    hear(&c, BYTES(REPLIES(1, 2, 1), WIDE(0, 0), WIDE(0, 12), 0, 0, 0, 0, 0x80, 2, 0, 0, 0x7f, 255, 0, 0));
    hear_nothing_more(&c);
    say(&c, BYTES(EXTENDED(DF, READ, 2), WIDE(0, 0), WIDE(0, 65537)));
    hear_error(&c, 2, 0, EOVERFLOW_);
    say(&c, BYTES(EXTENDED(0, READ, 3), WIDE(0, 0), 0x10, 0, 0, 0, 0, 0, 0, 0));
    hear_error(&c, 3, 0, EOVERFLOW_);
    end(&c);
}

static void the_status_of_some_contexts_can_be_asked_for(void **state)
{
    static const uint8_t status[] = { REPLIES(1, 6, 1), WIDE(0, 512), WIDE(0, 24), 0, 0, 0, 1, 0, 0, 0, 1,
                                      WIDE(0, 256),     WIDE(0, 3) };
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    start(&c);
    say(&c,
        BYTES(EXTENDED(PAYLOAD_LEN, BLOCK_STATUS, 1), WIDE(0, 512), WIDE(0, 12), WIDE(0, 256), 0, 0, 0, 1));
    hear(&c, status, sizeof status);
    /* no context, an unknown one, one twice, half of one, no range, and one beyond the end */
    say(&c, BYTES(EXTENDED(PAYLOAD_LEN, BLOCK_STATUS, 2), WIDE(0, 0), WIDE(0, 8), WIDE(0, 256)));
    hear_error(&c, 2, 0, EINVAL_);
    say(&c, BYTES(EXTENDED(PAYLOAD_LEN, BLOCK_STATUS, 3), WIDE(0, 0), WIDE(0, 12), WIDE(0, 256), 0, 0, 0, 9));
    hear_error(&c, 3, 0, EINVAL_);
    say(&c, BYTES(EXTENDED(PAYLOAD_LEN, BLOCK_STATUS, 4), WIDE(0, 0), WIDE(0, 16), WIDE(0, 256), 0, 0, 0, 1,
                  0, 0, 0, 1));
    hear_error(&c, 4, 0, EINVAL_);
    say(&c, BYTES(EXTENDED(PAYLOAD_LEN, BLOCK_STATUS, 5), WIDE(0, 0), WIDE(0, 10), WIDE(0, 256), 0, 1));
    hear_error(&c, 5, 0, EINVAL_);
    say(&c, BYTES(EXTENDED(PAYLOAD_LEN, BLOCK_STATUS, 6), WIDE(0, 0), WIDE(0, 12), WIDE(0, 0), 0, 0, 0, 1));
    hear_error(&c, 6, 0, EINVAL_);
    say(&c, BYTES(EXTENDED(PAYLOAD_LEN, BLOCK_STATUS, 7), WIDE(0, 0), WIDE(0, 12), WIDE(1, 0), 0, 0, 0, 1));
    hear_error(&c, 7, 0, EINVAL_);
    say(&c, BYTES(EXTENDED(PAYLOAD_LEN, BLOCK_STATUS, 8), WIDE(0, 0), WIDE(0, 0)));
    hear_error(&c, 8, 0, EINVAL_);
    say(&c, BYTES(EXTENDED(0, FLUSH, 9), WIDE(0, 0), WIDE(0, 0)));
    hear(&c, BYTES(REPLIES(1, 0, 9), WIDE(0, 0), WIDE(0, 0)));
    end(&c);
}

/* A filter of more contexts than there are is read to its end, and refused. */
static void a_filter_may_be_long(void **state)
{
    static const uint8_t ids[5000] = { 0 };
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    start(&c);
    say(&c, BYTES(EXTENDED(PAYLOAD_LEN, BLOCK_STATUS, 1), WIDE(0, 0), WIDE(0, 5008), WIDE(0, 256)));
    say(&c, ids, sizeof ids);
    hear_error(&c, 1, 0, EINVAL_);
    end(&c);
}

static void payloads_that_do_not_belong_are_skipped(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    start(&c);
    for (uint8_t type = READ; type < 12; type++) {
        if (type == WRITE || type == DISC || type == BLOCK_STATUS)
            continue;
        say(&c, BYTES(EXTENDED(PAYLOAD_LEN, type, type), WIDE(0, 0), WIDE(0, 4), 'd', 'a', 't', 'a'));
        hear_error(&c, type, 0, EINVAL_);
    }
    say(&c, BYTES(EXTENDED(0, READ, 1), WIDE(0, 0), WIDE(0, 1)));
    hear(&c, BYTES(REPLIES(1, 1, 1), WIDE(0, 0), WIDE(0, 9), WIDE(0, 0), 0));
    end(&c);
}

static void without_contexts_there_is_no_filter(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    greet(&c, 3);
    say(&c, BYTES(OPTION(11, 0), GO));
    drop_output(&c);
    say(&c, BYTES(EXTENDED(PAYLOAD_LEN, BLOCK_STATUS, 1), WIDE(0, 0), WIDE(0, 12), WIDE(0, 1), 0, 0, 0, 1));
    hear_error(&c, 1, 0, EINVAL_);
    say(&c, BYTES(EXTENDED(0, BLOCK_STATUS, 2), WIDE(0, 0), WIDE(0, 12)));
    hear_error(&c, 2, 0, EINVAL_);
    end(&c);
}

/* What the client sends, told the size of nothing, leaves a session that is over, with nothing to say. */
static void assert_ends(const uint8_t *bytes, size_t len)
{
    struct conversation c;

    begin(&c, UINT64_C(1) << 40);
    start(&c);
    say(&c, bytes, len);
    hear_nothing_more(&c);
    assert_true(reference_session_over(c.session));
    end(&c);
}

static void payloads_that_are_too_long_end_the_session(void **state)
{
    (void)state;
    assert_ends(
        BYTES(EXTENDED(PAYLOAD_LEN, WRITE, 1), WIDE(0, 0), 0, 0, 0, 0, 2, 0, 0, 1)); /* 32 MiB and 1 */
    assert_ends(BYTES(EXTENDED(PAYLOAD_LEN, WRITE, 1), WIDE(0, 0), WIDE(1, 0)));
    assert_ends(BYTES(EXTENDED(PAYLOAD_LEN, READ, 1), WIDE(0, 0), 255, 255, 255, 255, 255, 255, 255, 255));
}

static void a_compact_request_ends_the_session(void **state)
{
    (void)state;
    assert_ends(BYTES(REQUEST(0, FLUSH, 1), RANGE(0, 0)));
}

static void in_compact_requests_the_payload_flag_is_unknown(void **state)
{
    struct conversation c;

    (void)state;
    begin(&c, 1024);
    greet(&c, 3);
    say(&c, BYTES(OPTION(8, 0), GO));
    drop_output(&c);
    say(&c, BYTES(REQUEST(PAYLOAD_LEN, FLUSH, 1), RANGE(0, 4)));
    hear_error_chunk(&c, 1, EINVAL_);
    say(&c, BYTES(REQUEST(PAYLOAD_LEN, WRITE, 2), RANGE(0, 2), 'n', 'o'));
    hear_error_chunk(&c, 2, EINVAL_);
    say(&c, BYTES(EXTENDED(0, FLUSH, 3), WIDE(0, 0), WIDE(0, 0)));
    assert_true(reference_session_over(c.session));
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_option_is_acknowledged_and_takes_no_data),
        cmocka_unit_test(structured_replies_come_before_or_not_at_all),
        cmocka_unit_test(a_server_may_not_know_them),
        cmocka_unit_test(the_filter_is_advertised_where_there_are_contexts),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(a_range_may_be_as_large_as_the_export),
        cmocka_unit_test(a_long_read_comes_in_pieces),
        cmocka_unit_test(the_status_of_some_contexts_can_be_asked_for),
        cmocka_unit_test(a_filter_may_be_long),
        cmocka_unit_test(payloads_that_do_not_belong_are_skipped),
        cmocka_unit_test(without_contexts_there_is_no_filter),
        cmocka_unit_test(payloads_that_are_too_long_end_the_session),
        cmocka_unit_test(a_compact_request_ends_the_session),
        cmocka_unit_test(in_compact_requests_the_payload_flag_is_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
