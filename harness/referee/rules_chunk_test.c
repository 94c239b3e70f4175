/* SPDX-License-Identifier: MIT */
/* Rules of chunks, contents and block status: each seen broken, and what only looks as if. */
#include "referee/rule.h"

#include "referee/rules_test.h"
#include "referee/seen.h"

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
    chunk(&t, DONE, 0x8001, 1, BYTES(U32(5), U32(2), 'n', 'o'));
    BREAKS(&t, "chunk.error.common-prefix");
    begin_read(&t, 0);
    chunk(&t, DONE, 0x8002, 1, BYTES(U32(5), U32(2), 'n', 'o', U64(35)));
    BREAKS(&t, "chunk.error.common-prefix", "chunk.error-offset.within-request");
    begin_read(&t, 0); /* fields that nobody has told us about, and bytes that nothing is said of */
    chunk(&t, DONE, 0x8055, 1, BYTES(U32(5), U16(0), U32(7)));
    ends_well(&t);
    begin_read(&t, 0);
    chunk(&t, DONE, 0x8001, 1, BYTES(U32(5), U16(0), U16(0)));
    ends_well(&t);
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
    assert_int_equal(t.v.count, t.v.of_client);
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
    one_status(&t, 0, BYTES(U32(7), U32(2048), U32(0), U32(2048), U32(6)));
    BREAKS(&t, "meta.base.allocation.reserved-zero", "meta.base.allocation.hole-bit");
    one_status(&t, 0, BYTES(U32(7), U32(2048), U32(1), U32(2048), U32(6)));
    BREAKS(&t, "meta.base.allocation.reserved-zero");

    t = talk_with(NULL);
    start_structured(&t, WRITABLE);
    request(&t, BLOCK_STATUS, 0, 1, 0, 4096);
    chunk(&t, 0, 5, 1, BYTES(U32(7), U32(4096), U32(0)));
    chunk(&t, DONE, 5, 1, BYTES(U32(8), U32(4096), U32(0)));
    BREAKS(&t, "chunk.block-status.known-context-id", "opt.set-meta-context.one-reply-per-selected");
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

int chunk_rules_test(void)
{
    const struct CMUnitTest tests[] = {
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
    };

    return cmocka_run_group_tests_name("rules of chunks", tests, NULL, NULL);
}
