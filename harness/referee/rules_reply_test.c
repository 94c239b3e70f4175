/* SPDX-License-Identifier: MIT */
/* Rules of replies in either form, and of errors: each seen broken, and what only looks as if. */
#include "referee/rule.h"

#include "referee/rules_test.h"
#include "referee/seen.h"

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
    t = talk_with(NULL); /* before one that has */
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 2);
    chunk(&t, 0, 1, 2, BYTES(U64(0), 7));
    chunk(&t, DONE, 1, 1, BYTES(U64(1), 7));
    BREAKS(&t, "reply.cookie.echo", "chunk.cookie.same-in-reply", "cmd.read.structured.covers-request");
    t = talk_with(NULL); /* before a whole reply */
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 2);
    chunk(&t, 0, 1, 2, BYTES(U64(0), 7));
    chunk(&t, DONE, 1, 1, BYTES(U64(0), 7, 7));
    BREAKS(&t, "reply.cookie.echo");
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

/* What is wrong with a request is answered, or ends the session; only where the server may wait for bytes
 * that do not come, nobody can tell. */
static void wrong_requests_are_answered(void **state)
{
    TALK;

    (void)state;
    start_simple(&t, WRITABLE);
    request(&t, READ, 0, 1, EXPORT_SIZE, 512);
    session_stalled(t.s);
    BREAKS(&t, "reply.simple.every-request");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, 999, 0, 1, 0, 512);
    session_stalled(t.s);
    BREAKS(&t, "reply.one-per-request");
    t = talk_with(NULL);
    start_simple(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 1u << 30);
    session_stalled(t.s);
    ends_well(&t);
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
    t = talk_with(NULL); /* or of another phase */
    start_simple(&t, WRITABLE);
    request(&t, FLUSH, 0, 1, 0, 0);
    option_reply(&t, GO, ACK, NOTHING);
    BREAKS(&t, "rep.final-is-last", "session.transmission.message-kinds");
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
    t = talk_with(NULL); /* a length that counts the header */
    start_structured(&t, WRITABLE);
    request(&t, READ, 0, 1, 0, 2);
    server_says(&t, STRUCTURED, U16(1), U16(1), U64(1), U32(30), U64(0), 0, 0);
    session_stalled(t.s);
    BREAKS(&t, "chunk.header-layout", "chunk.payload");
    t = talk_with(NULL); /* flags of 32 bits again, and what is waited for does not come */
    start_structured(&t, WRITABLE);
    request(&t, FLUSH, 0, 0x1122334455667788, 0, 0);
    server_says(&t, STRUCTURED, U32(1), U16(0), U64(0x1122334455667788), U32(0));
    session_stalled(t.s);
    BREAKS(&t, "chunk.header-layout", "chunk.payload");
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
    BREAKS(&t, "chunk.error-preferred");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, BLOCK_STATUS, 0, 1, 0, 1);
    simple(&t, 22, 1);
    BREAKS(&t, "chunk.error-preferred");
    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, BLOCK_STATUS, 0, 1, 0, 1);
    simple(&t, 0, 1);
    BREAKS(&t, "cmd.block-status.structured-on-success");
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

int reply_rules_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(magics),
        cmocka_unit_test(cookies),
        cmocka_unit_test(bytes_behind_a_reply),
        cmocka_unit_test(wrong_requests_are_answered),
        cmocka_unit_test(replies_that_end_in_the_middle),
        cmocka_unit_test(fields_in_another_order),
        cmocka_unit_test(one_reply_per_request),
        cmocka_unit_test(replies_that_do_not_come),
        cmocka_unit_test(forms_of_replies),
        cmocka_unit_test(errors),
        cmocka_unit_test(successes_on_a_read_only_export),
    };

    return cmocka_run_group_tests_name("rules of replies", tests, NULL, NULL);
}
