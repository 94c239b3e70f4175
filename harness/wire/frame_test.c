/* SPDX-License-Identifier: MIT */
#include "wire/frame.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/random.h"
#include "wire/constants.h"
#include "wire/golden.h"

/* Reads a frame at `skip` bytes into golden bytes into `v`, and writing it gives those bytes again. */
#define READ(v, frame, golden, skip)                                                      \
    struct wire_in v##_in = wire_in(span_of((golden) + (skip), sizeof(golden) - (skip))); \
    struct wire_##frame v = wire_get_##frame(&v##_in);                                    \
    do {                                                                                  \
        uint8_t again[WIRE_SIZE_##frame];                                                 \
        struct wire_out out = wire_out(again, sizeof again);                              \
                                                                                          \
        assert_false(v##_in.is_short);                                                    \
        assert_int_equal(v##_in.rest.len, sizeof(golden) - (skip) - sizeof again);        \
        wire_put_##frame(&out, &v);                                                       \
        assert_false(out.full);                                                           \
        assert_int_equal(out.len, sizeof again);                                          \
        assert_memory_equal(again, (golden) + (skip), sizeof again);                      \
    } while (0)

static void greetings(void **state)
{
    READ(old, greeting, golden_oldstyle, 0);
    READ(old_rest, oldstyle, golden_oldstyle, WIRE_SIZE_greeting);
    READ(new, greeting, golden_newstyle, 0);
    READ(new_rest, handshake_flags, golden_newstyle, WIRE_SIZE_greeting);
    READ(client, client_flags, golden_client_flags, 0);

    (void)state;
    assert_int_equal(old.init_passwd, NBD_INIT_PASSWD);
    assert_int_equal(old.magic, NBD_CLISERV_MAGIC);
    assert_int_equal(old_rest.size, UINT64_C(0x100000200));
    assert_int_equal(old_rest.handshake, 0);
    assert_int_equal(old_rest.transmission, NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH);
    assert_int_equal(new.init_passwd, NBD_INIT_PASSWD);
    assert_int_equal(new.magic, NBD_OPTS_MAGIC);
    assert_int_equal(new_rest.flags, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
    assert_int_equal(client.flags, NBD_FLAG_C_FIXED_NEWSTYLE | NBD_FLAG_C_NO_ZEROES);
}

static void options_and_their_replies(void **state)
{
    READ(option, option, golden_info, 0);
    READ(reply, option_reply, golden_err_unsup, 0);
    READ(export, export, golden_export, 0);
    READ(info_export, info_export, golden_info_export, WIRE_SIZE_option_reply + 2);
    READ(block_size, info_block_size, golden_info_block_size, WIRE_SIZE_option_reply + 2);

    (void)state;
    assert_int_equal(option.magic, NBD_OPTS_MAGIC);
    assert_int_equal(option.option, NBD_OPT_INFO);
    assert_int_equal(option.length, 14);
    assert_int_equal(reply.magic, NBD_REP_MAGIC);
    assert_int_equal(reply.option, 99);
    assert_int_equal(reply.type, NBD_REP_ERR_UNSUP);
    assert_int_equal(reply.length, 2);
    assert_int_equal(export.size, 0x100000);
    assert_int_equal(export.flags, NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA);
    assert_int_equal(info_export.size, 0x100000);
    assert_int_equal(info_export.flags, NBD_FLAG_HAS_FLAGS | NBD_FLAG_READ_ONLY | NBD_FLAG_CAN_MULTI_CONN);
    assert_int_equal(block_size.minimum, 512);
    assert_int_equal(block_size.preferred, 4096);
    assert_int_equal(block_size.maximum, 0x2000000);
}

/* READ, WRITE, ...: magic, cookie, offset and length are checked for one, flags and type for all. */
static void requests(void **state)
{
    READ(read, request, golden_read, 0);
    READ(write, request, golden_write, 0);
    READ(disc, request, golden_disc, 0);
    READ(flush, request, golden_flush, 0);
    READ(trim, request, golden_trim, 0);
    READ(cache, request, golden_cache, 0);
    READ(zeroes, request, golden_write_zeroes, 0);
    READ(status, request, golden_block_status, 0);
    READ(resize, request, golden_resize, 0);

    (void)state;
    assert_int_equal(read.magic, NBD_REQUEST_MAGIC);
    assert_int_equal(read.flags, NBD_CMD_FLAG_DF);
    assert_int_equal(read.type, NBD_CMD_READ);
    assert_int_equal(read.cookie, UINT64_C(0x0102030405060708));
    assert_int_equal(read.offset, 512);
    assert_int_equal(read.length, 4096);
    assert_int_equal(write.flags, NBD_CMD_FLAG_FUA);
    assert_int_equal(write.type, NBD_CMD_WRITE);
    assert_int_equal(write.cookie, UINT64_C(0xc00000000000001e));
    assert_int_equal(write.length, 3);
    assert_int_equal(disc.type, NBD_CMD_DISC);
    assert_int_equal(flush.type, NBD_CMD_FLUSH);
    assert_int_equal(trim.type, NBD_CMD_TRIM);
    assert_int_equal(trim.offset, UINT64_C(0x100000000));
    assert_int_equal(trim.length, 0x80000000);
    assert_int_equal(cache.type, NBD_CMD_CACHE);
    assert_int_equal(cache.length, UINT32_MAX);
    assert_int_equal(zeroes.flags, NBD_CMD_FLAG_NO_HOLE | NBD_CMD_FLAG_FAST_ZERO);
    assert_int_equal(zeroes.type, NBD_CMD_WRITE_ZEROES);
    assert_int_equal(status.flags, NBD_CMD_FLAG_REQ_ONE);
    assert_int_equal(status.type, NBD_CMD_BLOCK_STATUS);
    assert_int_equal(status.offset, UINT64_C(0x8000000000000000));
    assert_int_equal(resize.type, NBD_CMD_RESIZE);
}

static void replies(void **state)
{
    READ(done, simple_reply, golden_simple_done, 0);
    READ(error, simple_reply, golden_simple_error, 0);
    READ(none, chunk, golden_none, 0);
    READ(at, chunk, golden_error_offset, 0);

    (void)state;
    assert_int_equal(done.magic, NBD_SIMPLE_REPLY_MAGIC);
    assert_int_equal(done.error, 0);
    assert_int_equal(done.cookie, UINT64_C(0x0100000000000000));
    assert_int_equal(error.error, NBD_EINVAL);
    assert_int_equal(error.cookie, 9);
    assert_int_equal(none.magic, NBD_STRUCTURED_REPLY_MAGIC);
    assert_int_equal(none.flags, NBD_REPLY_FLAG_DONE);
    assert_int_equal(none.type, NBD_REPLY_TYPE_NONE);
    assert_int_equal(none.cookie, UINT64_C(0x0102030405060708));
    assert_int_equal(none.length, 0);
    assert_int_equal(at.flags, 0);
    assert_int_equal(at.type, NBD_REPLY_TYPE_ERROR_OFFSET);
    assert_int_equal(at.length, 16);
}

static void payloads(void **state)
{
    READ(data, chunk_data, golden_data, WIRE_SIZE_chunk);
    READ(hole, chunk_hole, golden_hole, WIRE_SIZE_chunk);
    READ(status, chunk_status, golden_status, WIRE_SIZE_chunk);
    READ(extent, extent, golden_status, WIRE_SIZE_chunk + WIRE_SIZE_chunk_status);
    READ(error, chunk_error, golden_error, WIRE_SIZE_chunk);

    (void)state;
    assert_int_equal(data.offset, 512);
    assert_int_equal(hole.offset, UINT64_C(0x100000000));
    assert_int_equal(hole.size, 4096);
    assert_int_equal(status.context, 0x12345678);
    assert_int_equal(extent.length, 4096);
    assert_int_equal(extent.flags, NBD_STATE_HOLE | NBD_STATE_ZERO);
    assert_int_equal(error.error, NBD_EINVAL);
    assert_int_equal(error.length, 3);
}

static void extended_headers(void **state)
{
    READ(request, extended_request, golden_extended_request, 0);
    READ(reply, extended_reply, golden_extended_reply, 0);

    (void)state;
    assert_int_equal(request.magic, NBD_EXTENDED_REQUEST_MAGIC);
    assert_int_equal(request.flags, NBD_CMD_FLAG_PAYLOAD_LEN);
    assert_int_equal(request.type, NBD_CMD_WRITE);
    assert_int_equal(request.cookie, UINT64_C(0x0102030405060708));
    assert_int_equal(request.offset, 512);
    assert_int_equal(request.length, UINT64_C(0x100000000));
    assert_int_equal(reply.magic, NBD_EXTENDED_REPLY_MAGIC);
    assert_int_equal(reply.flags, NBD_REPLY_FLAG_DONE);
    assert_int_equal(reply.type, NBD_REPLY_TYPE_BLOCK_STATUS_EXT);
    assert_int_equal(reply.cookie, UINT64_C(0x0102030405060708));
    assert_int_equal(reply.offset, 512);
    assert_int_equal(reply.length, 24);
}

static void a_frame_that_is_short_is_all_zeroes(void **state)
{
    struct wire_in in = wire_in(span_of(golden_read, sizeof golden_read - 1));
    struct wire_request request = wire_get_request(&in);

    (void)state;
    assert_true(in.is_short);
    assert_int_equal(request.magic, 0);
    assert_int_equal(request.cookie, 0);
    assert_int_equal(request.length, 0);
}

static void a_frame_that_does_not_fit_is_not_begun(void **state)
{
    uint8_t bytes[WIRE_SIZE_simple_reply - 1] = { 0 };
    struct wire_out out = wire_out(bytes, sizeof bytes);

    (void)state;
    wire_put_simple_reply(&out, &(struct wire_simple_reply){ UINT32_MAX, UINT32_MAX, UINT64_MAX });
    assert_true(out.full);
    assert_int_equal(out.len, 0);
    for (size_t i = 0; i < sizeof bytes; i++)
        assert_int_equal(bytes[i], 0);
}

static void the_fields_of_a_frame_follow_the_wire(void **state)
{
    static const char *const names[] = { "magic", "flags", "type", "cookie", "offset", "length" };
    const struct wire_request request = { .length = 5 };
    unsigned bits = 0;
    uint32_t length;
    size_t i = 0;

    (void)state;
    for (; wire_request_fields[i].name; i++) {
        assert_string_equal(wire_request_fields[i].name, names[i]);
        bits += wire_request_fields[i].bits;
    }
    assert_int_equal(i, 6);
    assert_int_equal(bits, 8 * WIRE_SIZE_request);
    memcpy(&length, (const char *)&request + wire_request_fields[5].offset, sizeof length);
    assert_int_equal(length, 5);
}

/* Any bytes are some frame: reading and writing them gives them back. */
static void any_bytes_survive_a_round_trip(void **state)
{
    struct random random = random_seeded(1);

    (void)state;
    for (int i = 0; i < 200; i++) {
        uint8_t bytes[64];

        for (size_t at = 0; at < sizeof bytes; at++)
            bytes[at] = (uint8_t)random_next(&random);
#define BEGIN(frame, size, section) \
    {                               \
        READ(v, frame, bytes, 0);   \
    }
#define F(frame, bits, field, meaning)
#define END(frame)
#include "wire/tbl/frame.def"
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greetings),
        cmocka_unit_test(options_and_their_replies),
        cmocka_unit_test(requests),
        cmocka_unit_test(replies),
        cmocka_unit_test(payloads),
        cmocka_unit_test(extended_headers),
        cmocka_unit_test(a_frame_that_is_short_is_all_zeroes),
        cmocka_unit_test(a_frame_that_does_not_fit_is_not_begun),
        cmocka_unit_test(the_fields_of_a_frame_follow_the_wire),
        cmocka_unit_test(any_bytes_survive_a_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
