/* SPDX-License-Identifier: MIT */
#include "wire/body_checks.h"
#include "wire/golden.h"

#define COOKIE UINT64_C(0x0102030405060708)
#define TO_EXTENDED chunk_to_extended(COOKIE, 512)

static struct chunk_data decoded_chunk(uint16_t type, struct span payload)
{
    struct chunk_data got;
    struct wire_flaw flaw;

    assert_true(chunk_decode(type, payload, (uint32_t)payload.len, &got, &flaw));
    assert_null(flaw.rule);
    assert_int_equal(got.role, chunk_role_of(type));
    return got;
}

static void chunks_with_content(void **state)
{
    struct chunk_data got;

    (void)state;
    got = decoded_chunk(NBD_REPLY_TYPE_NONE, TEXT(""));
    assert_int_equal(got.role, CHUNK_ENDS);
    ASSERT_WRITES(golden_none, chunk_put_none(&out, chunk_to(COOKIE)));

    got = decoded_chunk(NBD_REPLY_TYPE_OFFSET_DATA, BODY(golden_data, chunk));
    assert_int_equal(got.role, CHUNK_CONTENT);
    assert_int_equal(got.offset, 512);
    assert_span(got.data, "abc");
    assert_int_equal(got.data_bytes, 3);
    ASSERT_WRITES(golden_data, chunk_put_data_header(&out, NBD_REPLY_FLAG_DONE, chunk_to(COOKIE), 512, 3);
                  wire_put_bytes(&out, TEXT("abc")));

    got = decoded_chunk(NBD_REPLY_TYPE_OFFSET_HOLE, BODY(golden_hole, chunk));
    assert_int_equal(got.role, CHUNK_CONTENT);
    assert_int_equal(got.offset, UINT64_C(0x100000000));
    assert_int_equal(got.data_bytes, 4096);
    ASSERT_WRITES(golden_hole, chunk_put_hole(&out, 0, chunk_to(COOKIE), UINT64_C(0x100000000), 4096));
}

static void block_status(void **state)
{
    static const struct wire_extended_extent extents[] = { { 4096, 3 }, { 512, 0 } };
    struct chunk_data got = decoded_chunk(NBD_REPLY_TYPE_BLOCK_STATUS, BODY(golden_status, chunk));
    struct wire_extent extent;

    (void)state;
    assert_int_equal(got.role, CHUNK_STATUS);
    assert_int_equal(got.context, 0x12345678);
    for (size_t i = 0; i < 2; i++) {
        assert_true(chunk_next_extent(&got.extents, &extent));
        assert_int_equal(extent.length, extents[i].length);
        assert_int_equal(extent.flags, extents[i].flags);
    }
    assert_false(chunk_next_extent(&got.extents, &extent));
    ASSERT_WRITES(golden_status,
                  chunk_put_status(&out, NBD_REPLY_FLAG_DONE, chunk_to(COOKIE), 0x12345678, extents, 2));
}

static void error_chunks(void **state)
{
    struct chunk_data got = decoded_chunk(NBD_REPLY_TYPE_ERROR, BODY(golden_error, chunk));

    (void)state;
    assert_int_equal(got.role, CHUNK_ERROR);
    assert_int_equal(got.error, NBD_EINVAL);
    assert_span(got.message, "bad");
    assert_false(got.has_error_offset);
    ASSERT_WRITES(golden_error,
                  chunk_put_error(&out, NBD_REPLY_FLAG_DONE, chunk_to(COOKIE), NBD_EINVAL, TEXT("bad")));

    got = decoded_chunk(NBD_REPLY_TYPE_ERROR_OFFSET, BODY(golden_error_offset, chunk));
    assert_int_equal(got.role, CHUNK_ERROR);
    assert_int_equal(got.error, NBD_EIO);
    assert_span(got.message, "io");
    assert_true(got.has_error_offset);
    assert_int_equal(got.offset, 513);
    ASSERT_WRITES(golden_error_offset,
                  chunk_put_error_offset(&out, 0, chunk_to(COOKIE), NBD_EIO, TEXT("io"), 513));
}

static void assert_extents(struct chunk_data got, const struct wire_extended_extent *extents, size_t count)
{
    struct wire_extended_extent extent;

    for (size_t i = 0; i < count; i++) {
        assert_true(chunk_next_status(&got.extents, got.wide, &extent));
        assert_int_equal(extent.length, extents[i].length);
        assert_int_equal(extent.flags, extents[i].flags);
    }
    assert_false(chunk_next_status(&got.extents, got.wide, &extent));
}

static void extended_block_status(void **state)
{
    static const struct wire_extended_extent extents[] = { { UINT64_C(1) << 60, 3 },
                                                           { 512, UINT64_C(1) << 63 } };
    static const struct wire_extended_extent narrow[] = { { 4096, 3 }, { 512, 0 } };
    struct chunk_data got =
        decoded_chunk(NBD_REPLY_TYPE_BLOCK_STATUS_EXT, BODY(golden_extended_status, extended_reply));

    (void)state;
    assert_int_equal(got.role, CHUNK_STATUS);
    assert_true(got.wide);
    assert_int_equal(got.context, 0x12345678);
    assert_int_equal(got.extent_count, 2);
    assert_extents(got, extents, 2);
    ASSERT_WRITES(golden_extended_status,
                  chunk_put_status(&out, NBD_REPLY_FLAG_DONE, TO_EXTENDED, 0x12345678, extents, 2));
    assert_extents(decoded_chunk(NBD_REPLY_TYPE_BLOCK_STATUS, BODY(golden_status, chunk)), narrow, 2);
}

static void chunks_with_extended_headers(void **state)
{
    (void)state;
    ASSERT_WRITES(golden_extended_none, chunk_put_none(&out, TO_EXTENDED));
    ASSERT_WRITES(golden_extended_data,
                  chunk_put_data_header(&out, NBD_REPLY_FLAG_DONE, TO_EXTENDED, 1024, 3);
                  wire_put_bytes(&out, TEXT("abc")));
    ASSERT_WRITES(golden_extended_hole, chunk_put_hole(&out, 0, TO_EXTENDED, UINT64_C(0x100000000), 4096));
    ASSERT_WRITES(golden_extended_error,
                  chunk_put_error(&out, NBD_REPLY_FLAG_DONE, TO_EXTENDED, NBD_EINVAL, TEXT("bad")));
    ASSERT_WRITES(golden_extended_error_offset,
                  chunk_put_error_offset(&out, 0, TO_EXTENDED, NBD_EIO, TEXT("io"), 513));
    assert_int_equal(chunk_header_size(TO_EXTENDED), 32);
    assert_int_equal(chunk_header_size(chunk_to(COOKIE)), 20);
}

static void chunks_of_unknown_types(void **state)
{
    struct chunk_data got = decoded_chunk(0x8077, TEXT("\0\0\0\5\0\2no and more"));

    (void)state;
    assert_int_equal(got.role, CHUNK_ERROR);
    assert_int_equal(got.error, NBD_EIO);
    assert_span(got.message, "no");
    assert_int_equal(decoded_chunk(0x77, TEXT("anything")).role, CHUNK_OTHER);
}

/* A READ of many megabytes is decoded from the front of its chunk. */
static void the_front_of_a_payload_is_enough(void **state)
{
    struct chunk_data got;
    struct wire_flaw flaw;

    (void)state;
    assert_true(chunk_decode(NBD_REPLY_TYPE_OFFSET_DATA, TEXT("\0\0\0\0\0\0\2\0ab"), 0x2000008, &got, &flaw));
    assert_int_equal(got.offset, 512);
    assert_span(got.data, "ab");
    assert_int_equal(got.data_bytes, 0x2000000);
    assert_true(
        chunk_decode(NBD_REPLY_TYPE_BLOCK_STATUS, TEXT("\0\0\0\1\0\0\2\0\0\0\0\0\0\0"), 4 + 80, &got, &flaw));
    assert_int_equal(got.extents.len, 8);
    assert_true(
        chunk_decode(NBD_REPLY_TYPE_BLOCK_STATUS_EXT, TEXT("\0\0\0\1\0\0\0\x5\0\0"), 8 + 80, &got, &flaw));
    assert_int_equal(got.extent_count, 5);
    assert_int_equal(got.extents.len, 0);
    assert_true(chunk_decode(NBD_REPLY_TYPE_ERROR, TEXT("\0\0\0\5\0\x4\xc3\xa4\xc3"), 10, &got, &flaw));
    assert_int_equal(got.message.len, 3);
}

/* The payload of a BLOCK_STATUS_EXT chunk with one extent: count, last byte of its length. */
#define EXTENT(count, length) "\0\0\0\1\0\0\0" count "\0\0\0\0\0\0\0" length "\0\0\0\0\0\0\0\0"

static void flawed_chunks(void **state)
{
    static const struct {
        uint16_t type;
        struct span payload;
        const char *rule;
        size_t at;
    } flaws[] = {
#define FLAW(type, payload, rule, at) \
    { NBD_REPLY_TYPE_##type, { (const uint8_t *)(payload), sizeof(payload) - 1 }, rule, at }
        FLAW(NONE, "x", "chunk.none.length-zero", 0),
        FLAW(OFFSET_DATA, "", "chunk.offset-data.length-min", 0),
        FLAW(OFFSET_DATA, "\0\0\0\0\0\0\0\0", "chunk.offset-data.length-min", 0),
        FLAW(OFFSET_HOLE, "\0\0\0\0\0\0\0\0\0\0\1", "chunk.offset-hole.length", 0),
        FLAW(OFFSET_HOLE, "\0\0\0\0\0\0\0\0\0\0\0\1\0", "chunk.offset-hole.length", 0),
        FLAW(OFFSET_HOLE, "\0\0\0\0\0\0\0\0\0\0\0\0", "chunk.offset-hole.size-nonzero", 8),
        FLAW(BLOCK_STATUS, "", "chunk.block-status.length", 0),
        FLAW(BLOCK_STATUS, "\0\0\0\1", "chunk.block-status.length", 0),
        FLAW(BLOCK_STATUS, "\0\0\0\1\0\0\2\0\0\0\0\0\0", "chunk.block-status.length", 0),
        FLAW(BLOCK_STATUS, "\0\0\0\1\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0", "chunk.block-status.extent-nonzero",
             12),
        FLAW(BLOCK_STATUS_EXT, "", "ext.block-status.length", 0),
        FLAW(BLOCK_STATUS_EXT, "\0\0\0\1\0\0\0\0", "ext.block-status.length", 0),
        FLAW(BLOCK_STATUS_EXT, EXTENT("\1", "\1") "\0\0\0\0\0\0\0", "ext.block-status.length", 0),
        FLAW(BLOCK_STATUS_EXT, EXTENT("\0", "\1"), "ext.block-status.count-nonzero", 4),
        FLAW(BLOCK_STATUS_EXT, EXTENT("\2", "\1"), "ext.block-status.count-match", 4),
        FLAW(BLOCK_STATUS_EXT, EXTENT("\1", "\0"), "ext.block-status.extent-nonzero", 8),
        FLAW(ERROR, "\0\0\0\5\0", "chunk.error.length-min", 0),
        FLAW(ERROR, "\0\0\0\0\0\0", "chunk.error.nonzero", 0),
        FLAW(ERROR, "\0\0\0\5\0\1", "chunk.error.message-fits", 4),
        FLAW(ERROR, "\0\0\0\5\0\1\xff", "chunk.error.message-text", 6),
        FLAW(ERROR, "\0\0\0\5\0\1\0", "chunk.error.message-text", 6),
        FLAW(ERROR_OFFSET, "\0\0\0\5\0\0\0\0\0\0\0\0\0", "chunk.error-offset.length-min", 0),
        FLAW(ERROR_OFFSET, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "chunk.error-offset.nonzero", 0),
        FLAW(ERROR_OFFSET, "\0\0\0\5\0\1\0\0\0\0\0\0\0\0", "chunk.error-offset.message-fits", 4),
        FLAW(ERROR_OFFSET, "\0\0\0\5\0\1\xff\0\0\0\0\0\0\0\0", "chunk.error-offset.message-text", 6),
#undef FLAW
    };
    struct chunk_data got;
    struct wire_flaw flaw;

    (void)state;
    for (size_t i = 0; i < sizeof flaws / sizeof *flaws; i++) {
        if (chunk_decode(flaws[i].type, flaws[i].payload, (uint32_t)flaws[i].payload.len, &got, &flaw))
            fail_msg("row %zu passes", i);
        assert_string_equal(flaw.rule, flaws[i].rule);
        assert_int_equal(flaw.at, flaws[i].at);
    }
    assert_false(chunk_decode(0x8077, TEXT("\0\0\0\5\0\7no"), 8, &got, &flaw));
    assert_string_equal(flaw.rule, "chunk.error.common-prefix");
    assert_int_equal(got.error, NBD_EIO);
    assert_false(
        chunk_decode(NBD_REPLY_TYPE_ERROR_OFFSET, TEXT("\0\0\0\5\0\1\0\0\0\0\0\0\0\0"), 14, &got, &flaw));
    assert_false(got.has_error_offset);
}

static void a_message_of_an_error_chunk_has_at_most_4096_bytes(void **state)
{
    uint8_t bytes[NBD_MAX_STRING + 20] = { 0 };
    struct span payload = long_text(bytes, TEXT("\0\0\0\5\x10\1"));
    struct chunk_data got;
    struct wire_flaw flaw;

    (void)state;
    assert_false(chunk_decode(NBD_REPLY_TYPE_ERROR, payload, (uint32_t)payload.len, &got, &flaw));
    assert_string_equal(flaw.rule, "chunk.error.message-max");
    payload.len += 8;
    assert_false(chunk_decode(NBD_REPLY_TYPE_ERROR_OFFSET, payload, (uint32_t)payload.len, &got, &flaw));
    assert_string_equal(flaw.rule, "string.length.max-4096");
    bytes[5] = 0; /* 4096, and an offset behind it */
    assert_true(chunk_decode(NBD_REPLY_TYPE_ERROR_OFFSET, payload, (uint32_t)payload.len, &got, &flaw));
}

static void any_bytes_can_be_decoded(void **state)
{
    struct random random = random_seeded(3);

    (void)state;
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[40];
        struct span data = likely_bytes(&random, bytes, sizeof bytes);
        struct chunk_data got;
        struct wire_flaw flaw;
        bool sound = chunk_decode((uint16_t)(random_below(&random, 8) | random_below(&random, 2) << 15), data,
                                  (uint32_t)random_below(&random, 80), &got, &flaw);

        assert_int_equal(sound, flaw.rule == NULL);
        assert_true(got.data.len + got.extents.len + got.message.len <= data.len);
    }
}

static void generated_errors_survive_a_round_trip(void **state)
{
    struct random random = random_seeded(6);

    (void)state;
    for (int round = 0; round < 500; round++) {
        uint8_t text[200], bytes[300];
        struct span message = letters(&random, text, sizeof text);
        uint32_t error = (uint32_t)random_below(&random, UINT32_MAX) + 1;
        uint64_t cookie = random_next(&random), offset = random_next(&random);
        struct wire_out out = wire_out(bytes, sizeof bytes);
        struct wire_in in;
        struct wire_chunk header;
        struct chunk_data got;

        chunk_put_error_offset(&out, NBD_REPLY_FLAG_DONE, chunk_to(cookie), error, message, offset);
        in = wire_in(span_of(bytes, out.len));
        header = wire_get_chunk(&in);
        assert_int_equal(header.cookie, cookie);
        assert_int_equal(header.length, in.rest.len);
        got = decoded_chunk(header.type, in.rest);
        assert_int_equal(got.error, error);
        assert_true(span_equal(got.message, message));
        assert_int_equal(got.offset, offset);
    }
}

static void generated_statuses_survive_a_round_trip(void **state)
{
    struct random random = random_seeded(8);

    (void)state;
    for (int round = 0; round < 500; round++) {
        struct wire_extended_extent extents[20];
        size_t count = (size_t)random_below(&random, 20) + 1;
        uint32_t context = (uint32_t)random_next(&random);
        bool extended = round % 2;
        uint8_t bytes[32 + 8 + 20 * 16];
        struct wire_out out = wire_out(bytes, sizeof bytes);
        struct chunk_data got;
        size_t header = extended ? 32 : 20;

        for (size_t i = 0; i < count; i++)
            extents[i] = (struct wire_extended_extent){ (random_next(&random) >> (extended ? 0 : 32)) | 1,
                                                        random_next(&random) >> (extended ? 0 : 32) };
        chunk_put_status(&out, 0, extended ? TO_EXTENDED : chunk_to(COOKIE), context, extents, count);
        assert_false(out.full);
        got = decoded_chunk(extended ? NBD_REPLY_TYPE_BLOCK_STATUS_EXT : NBD_REPLY_TYPE_BLOCK_STATUS,
                            span_of(bytes + header, out.len - header));
        assert_int_equal(got.context, context);
        assert_int_equal(got.extent_count, extended ? count : 0);
        assert_extents(got, extents, count);
    }
}

static void a_length_that_its_field_cannot_hold_is_not_written(void **state)
{
    static uint8_t text[UINT16_MAX + 1];
    static uint8_t bytes[UINT16_MAX + 100];
    struct wire_out out = wire_out(bytes, sizeof bytes);

    (void)state;
    chunk_put_error(&out, 0, chunk_to(COOKIE), NBD_EIO, span_of(text, sizeof text));
    assert_true(out.full);
    assert_int_equal(out.len, 0);
    out = wire_out(bytes, sizeof bytes);
    chunk_put_data_header(&out, 0, chunk_to(COOKIE), 0, UINT32_MAX - 7);
    assert_true(out.full);
    assert_int_equal(out.len, 0);
    out = wire_out(bytes, sizeof bytes);
    chunk_put_data_header(&out, 0, TO_EXTENDED, 0, UINT32_MAX - 7);
    assert_false(out.full);
    assert_memory_equal(bytes + 24, "\0\0\0\1\0\0\0\0", 8);
    out = wire_out(bytes, sizeof bytes);
    chunk_put_status(&out, 0, chunk_to(COOKIE), 1, &(struct wire_extended_extent){ UINT64_C(1) << 32, 0 }, 1);
    assert_true(out.full);
    assert_int_equal(out.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_with_content),
        cmocka_unit_test(block_status),
        cmocka_unit_test(extended_block_status),
        cmocka_unit_test(chunks_with_extended_headers),
        cmocka_unit_test(error_chunks),
        cmocka_unit_test(chunks_of_unknown_types),
        cmocka_unit_test(the_front_of_a_payload_is_enough),
        cmocka_unit_test(flawed_chunks),
        cmocka_unit_test(a_message_of_an_error_chunk_has_at_most_4096_bytes),
        cmocka_unit_test(any_bytes_can_be_decoded),
        cmocka_unit_test(generated_errors_survive_a_round_trip),
        cmocka_unit_test(generated_statuses_survive_a_round_trip),
        cmocka_unit_test(a_length_that_its_field_cannot_hold_is_not_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
