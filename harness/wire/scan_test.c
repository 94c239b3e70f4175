/* SPDX-License-Identifier: MIT */
#include "wire/scan.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/random.h"
#include "wire/body.h"
#include "wire/constants.h"
#include "wire/events.h"
#include "wire/golden.h"

#define C &events_client
#define S &events_server

/* Every golden frame and what the scanner has to make of it. */
static const struct frame {
    const char *name;
    const uint8_t *bytes;
    size_t len;
    const struct events_owner *owner;
    enum scan_expect expect;
    enum scan_kind kind;
    size_t body;
} frames[] = {
#define FRAME(owner, expect, kind, name, body)                                                   \
    {                                                                                            \
#name, golden_##name, sizeof golden_##name, owner, SCAN_##expect, SCAN_KIND_##kind, body \
    }
    FRAME(S, GREETING, OLDSTYLE, oldstyle, 124),
    FRAME(S, GREETING, NEWSTYLE, newstyle, 0),
    FRAME(C, CLIENT_FLAGS, CLIENT_FLAGS, client_flags, 0),
    FRAME(C, OPTION, OPTION, export_name, 4),
    FRAME(C, OPTION, OPTION, abort, 0),
    FRAME(C, OPTION, OPTION, list, 0),
    FRAME(C, OPTION, OPTION, peek_export, 1),
    FRAME(C, OPTION, OPTION, starttls, 0),
    FRAME(C, OPTION, OPTION, info, 14),
    FRAME(C, OPTION, OPTION, go, 6),
    FRAME(C, OPTION, OPTION, structured_reply, 0),
    FRAME(C, OPTION, OPTION, list_meta_context, 12),
    FRAME(C, OPTION, OPTION, set_meta_context, 36),
    FRAME(C, OPTION, OPTION, extended_headers, 0),
    FRAME(S, OPTION_REPLY, OPTION_REPLY, ack, 0),
    FRAME(S, OPTION_REPLY, OPTION_REPLY, server, 11),
    FRAME(S, OPTION_REPLY, OPTION_REPLY, info_export, 12),
    FRAME(S, OPTION_REPLY, OPTION_REPLY, info_name, 6),
    FRAME(S, OPTION_REPLY, OPTION_REPLY, info_description, 5),
    FRAME(S, OPTION_REPLY, OPTION_REPLY, info_block_size, 14),
    FRAME(S, OPTION_REPLY, OPTION_REPLY, meta_context, 19),
    FRAME(S, OPTION_REPLY, OPTION_REPLY, err_unsup, 2),
    FRAME(S, OPTION_REPLY, OPTION_REPLY, err_policy, 0),
    FRAME(S, OPTION_REPLY, OPTION_REPLY, err_invalid, 0),
    FRAME(S, OPTION_REPLY, OPTION_REPLY, err_platform, 0),
    FRAME(S, OPTION_REPLY, OPTION_REPLY, err_tls_reqd, 0),
    FRAME(S, OPTION_REPLY, OPTION_REPLY, err_unknown, 0),
    FRAME(S, OPTION_REPLY, OPTION_REPLY, err_shutdown, 0),
    FRAME(S, OPTION_REPLY, OPTION_REPLY, err_block_size_reqd, 0),
    FRAME(S, OPTION_REPLY, OPTION_REPLY, err_too_big, 0),
    FRAME(S, OPTION_REPLY, OPTION_REPLY, err_ext_header_reqd, 0),
    FRAME(S, EXPORT, EXPORT, export, 124),
    FRAME(S, EXPORT_NO_ZEROES, EXPORT, export_no_zeroes, 0),
    FRAME(C, REQUEST, REQUEST, read, 0),
    FRAME(C, REQUEST, REQUEST, write, 3),
    FRAME(C, REQUEST, REQUEST, disc, 0),
    FRAME(C, REQUEST, REQUEST, flush, 0),
    FRAME(C, REQUEST, REQUEST, trim, 0),
    FRAME(C, REQUEST, REQUEST, cache, 0),
    FRAME(C, REQUEST, REQUEST, write_zeroes, 0),
    FRAME(C, REQUEST, REQUEST, block_status, 0),
    FRAME(C, REQUEST, REQUEST, resize, 0),
    FRAME(S, REPLY, SIMPLE_REPLY, simple_done, 0),
    FRAME(S, REPLY, SIMPLE_REPLY, simple_data, 4),
    FRAME(S, REPLY, SIMPLE_REPLY, simple_error, 0),
    FRAME(S, REPLY, CHUNK, none, 0),
    FRAME(S, REPLY, CHUNK, data, 11),
    FRAME(S, REPLY, CHUNK, hole, 12),
    FRAME(S, REPLY, CHUNK, status, 20),
    FRAME(S, REPLY, CHUNK, error, 9),
    FRAME(S, REPLY, CHUNK, error_offset, 16),
    FRAME(C, EXTENDED_REQUEST, EXTENDED_REQUEST, extended_write, 3),
    FRAME(C, EXTENDED_REQUEST, EXTENDED_REQUEST, extended_trim, 0),
    FRAME(C, EXTENDED_REQUEST, EXTENDED_REQUEST, extended_filter, 16),
    FRAME(S, EXTENDED_REPLY, EXTENDED_REPLY, extended_none, 0),
    FRAME(S, EXTENDED_REPLY, EXTENDED_REPLY, extended_data, 11),
    FRAME(S, EXTENDED_REPLY, EXTENDED_REPLY, extended_hole, 12),
    FRAME(S, EXTENDED_REPLY, EXTENDED_REPLY, extended_status, 40),
    FRAME(S, EXTENDED_REPLY, EXTENDED_REPLY, extended_error, 9),
    FRAME(S, EXTENDED_REPLY, EXTENDED_REPLY, extended_error_offset, 16),
};
enum { FRAMES = sizeof frames / sizeof *frames };

/* Feeds the stream whole, in two parts at every place, and byte by byte; all have to boil down to
 * the same. */
static struct events feed_in_every_way(const struct events_owner *owner, enum scan_expect first,
                                       const uint8_t *bytes, size_t len)
{
    struct events whole, other;

    events_init(&whole, owner, first);
    events_feed(&whole, bytes, len);
    for (size_t cut = 0; cut <= len; cut++) {
        events_init(&other, owner, first);
        events_feed(&other, bytes, cut);
        events_feed(&other, bytes + cut, len - cut);
        assert_true(events_equal(&whole, &other));
    }
    events_init(&other, owner, first);
    for (size_t i = 0; i < len; i++)
        events_feed(&other, bytes + i, 1);
    assert_true(events_equal(&whole, &other));
    return whole;
}

static void any_cut_gives_the_same_frame(void **state)
{
    (void)state;
    for (size_t i = 0; i < FRAMES; i++) {
        const struct frame *f = &frames[i];
        struct events got = feed_in_every_way(f->owner, f->expect, f->bytes, f->len);

        if (got.heads != 1 || got.ends != 1)
            fail_msg("%s: %u heads, %u ends", f->name, got.heads, got.ends);
        assert_false(got.lost);
        assert_int_equal(got.last.kind, f->kind);
        assert_int_equal(got.last.at, 0);
        assert_int_equal(got.last.body, f->body);
        assert_int_equal(got.data_bytes, f->body);
        assert_int_equal(got.scan.at, f->len);
    }
}

/* Puts the golden frames of one direction behind each other, those that may follow `first` in their order. */
static size_t join(const struct events_owner *owner, const char *const *names, uint8_t *to)
{
    size_t len = 0;

    for (; *names; names++)
        for (size_t i = 0; i < FRAMES; i++)
            if (frames[i].owner == owner && strcmp(frames[i].name, *names) == 0) {
                memcpy(to + len, frames[i].bytes, frames[i].len);
                len += frames[i].len;
            }
    return len;
}

static void any_cut_gives_the_same_client(void **state)
{
    static const char *const names[] = {
        "client_flags",
        "abort",
        "list",
        "starttls",
        "structured_reply",
        "set_meta_context",
        "info",
        "go",
        "read",
        "write",
        "flush",
        "trim",
        "write_zeroes",
        "cache",
        "block_status",
        "write",
        "disc",
        NULL,
    };
    uint8_t stream[1000];
    struct events got = feed_in_every_way(C, SCAN_CLIENT_FLAGS, stream, join(C, names, stream));

    (void)state;
    assert_false(got.lost);
    assert_int_equal(got.heads, 17);
    assert_int_equal(got.ends, 17);
    assert_int_equal(got.data_bytes, 36 + 14 + 6 + 3 + 3);
    assert_int_equal(got.last.request.type, NBD_CMD_DISC);
}

static void any_cut_gives_the_same_server(void **state)
{
    static const char *const names[] = {
        "newstyle", "err_unsup",   "server",      "meta_context", "info_export", "info_block_size",
        "ack",      "simple_done", "simple_data", "data",         "hole",        "status",
        "error",    "simple_data", "none",        "error_offset", NULL,
    };
    uint8_t stream[1000];
    struct events got = feed_in_every_way(S, SCAN_GREETING, stream, join(S, names, stream));

    (void)state;
    assert_false(got.lost);
    assert_int_equal(got.heads, 16);
    assert_int_equal(got.ends, 16);
    assert_int_equal(got.data_bytes, 2 + 11 + 19 + 12 + 14 + 4 + 11 + 12 + 20 + 9 + 4 + 16);
    assert_int_equal(got.last.chunk.type, NBD_REPLY_TYPE_ERROR_OFFSET);
}

static void transmission_follows_an_oldstyle_greeting_and_an_export(void **state)
{
    static const char *const oldstyle[] = { "oldstyle", "simple_data", NULL };
    static const char *const export[] = { "export", "simple_data", NULL };
    uint8_t stream[1000];
    struct events got;

    (void)state;
    got = feed_in_every_way(S, SCAN_GREETING, stream, join(S, oldstyle, stream));
    assert_int_equal(got.ends, 2);
    assert_int_equal(got.last.at, 152);
    got = feed_in_every_way(S, SCAN_EXPORT, stream, join(S, export, stream));
    assert_int_equal(got.ends, 2);
    assert_int_equal(got.last.at, 134);
}

/* Feeds a frame with one byte of a magic changed: it is lost with the last byte of that magic, and not
 * before. */
static void assert_loses(const char *name, size_t wrong, size_t at, const struct scan_lost *wanted)
{
    const struct frame *f = frames;
    uint8_t bytes[152];
    struct events got;

    while (strcmp(f->name, name) != 0)
        f++;
    memcpy(bytes, f->bytes, f->len);
    bytes[wrong] ^= 0x40;

    got = feed_in_every_way(f->owner, f->expect, bytes, at + wanted->bits / 8 - 1);
    assert_false(got.lost);
    got = feed_in_every_way(f->owner, f->expect, bytes, f->len);
    assert_true(got.lost);
    assert_int_equal(got.heads, 0);
    assert_int_equal(got.scan.at, at + wanted->bits / 8);
    assert_string_equal(got.scan.lost.frame, wanted->frame);
    assert_string_equal(got.scan.lost.field, wanted->field);
    assert_string_equal(got.scan.lost.rule, wanted->rule);
    assert_int_equal(got.scan.lost.at, at);
    assert_int_equal(got.scan.lost.bits, wanted->bits);
    assert_int_equal(got.scan.lost.wanted, wanted->wanted);
    assert_int_equal(got.scan.lost.got,
                     wanted->wanted ^ (UINT64_C(0x40) << 8 * (at + wanted->bits / 8 - 1 - wrong)));
}

static void a_wrong_magic_is_lost_with_its_last_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < 8; i++) {
        assert_loses("newstyle", i, 0,
                     &(struct scan_lost){ .frame = "greeting",
                                          .field = "init_passwd",
                                          .wanted = NBD_INIT_PASSWD,
                                          .bits = 64,
                                          .rule = "greeting.magic" });
        assert_loses("newstyle", 8 + i, 8,
                     &(struct scan_lost){ .frame = "greeting",
                                          .field = "magic",
                                          .wanted = NBD_OPTS_MAGIC,
                                          .bits = 64,
                                          .rule = "greeting.ihaveopt" });
        assert_loses("go", i, 0,
                     &(struct scan_lost){ .frame = "option",
                                          .field = "magic",
                                          .wanted = NBD_OPTS_MAGIC,
                                          .bits = 64,
                                          .rule = "opt.request.magic" });
        assert_loses("ack", i, 0,
                     &(struct scan_lost){ .frame = "option reply",
                                          .field = "magic",
                                          .wanted = NBD_REP_MAGIC,
                                          .bits = 64,
                                          .rule = "rep.header.magic" });
    }
    for (size_t i = 0; i < 4; i++) {
        assert_loses("write", i, 0,
                     &(struct scan_lost){ .frame = "request",
                                          .field = "magic",
                                          .wanted = NBD_REQUEST_MAGIC,
                                          .bits = 32,
                                          .rule = "request.magic" });
        assert_loses("simple_data", i, 0,
                     &(struct scan_lost){ .frame = "reply",
                                          .field = "magic",
                                          .wanted = NBD_SIMPLE_REPLY_MAGIC,
                                          .bits = 32,
                                          .rule = "session.transmission.message-kinds" });
        assert_loses("extended_write", i, 0,
                     &(struct scan_lost){ .frame = "extended request",
                                          .field = "magic",
                                          .wanted = NBD_EXTENDED_REQUEST_MAGIC,
                                          .bits = 32,
                                          .rule = "ext.request.magic" });
        assert_loses("extended_none", i, 0,
                     &(struct scan_lost){ .frame = "extended reply",
                                          .field = "magic",
                                          .wanted = NBD_EXTENDED_REPLY_MAGIC,
                                          .bits = 32,
                                          .rule = "ext.reply.magic" });
    }
}

static void assert_breaks(const struct events_owner *owner, enum scan_expect expect, const uint8_t *bytes,
                          const char *rule)
{
    struct events got = feed_in_every_way(owner, expect, bytes, 16);

    assert_true(got.lost);
    assert_int_equal(got.scan.at, 4);
    assert_string_equal(got.scan.lost.rule, rule);
}

/* Frames of the kind that was not negotiated break a rule of their own. */
static void frames_of_the_other_headers_are_lost(void **state)
{
    (void)state;
    assert_breaks(C, SCAN_EXTENDED_REQUEST, golden_flush, "ext.request.always");
    assert_breaks(S, SCAN_EXTENDED_REPLY, golden_simple_done, "ext.simple-reply.forbidden");
    assert_breaks(S, SCAN_EXTENDED_REPLY, golden_none, "ext.reply.always");
    assert_breaks(C, SCAN_REQUEST, golden_extended_trim, "ext.mode.compact-otherwise");
    assert_breaks(S, SCAN_REPLY, golden_extended_none, "ext.mode.compact-otherwise");
}

static void a_loss_is_final_and_takes_nothing_more(void **state)
{
    struct span in = span_of("bad magic", 9);
    struct scan_ret ret;
    struct scan s;

    (void)state;
    scan_init(&s, SCAN_REPLY);
    assert_int_equal(scan_next(&s, &in, &ret), SCAN_LOST);
    assert_int_equal(in.len, 5);
    in = span_of(golden_none, sizeof golden_none);
    assert_int_equal(scan_next(&s, &in, &ret), SCAN_LOST);
    assert_int_equal(in.len, sizeof golden_none);
    assert_int_equal(s.at, 4);
    assert_int_equal(s.lost.at, 0);
    assert_int_equal(s.lost.got, 0x62616420);
}

static void the_place_of_a_loss_counts_from_the_start_of_the_stream(void **state)
{
    uint8_t stream[2 * sizeof golden_write];
    struct events got;

    (void)state;
    memcpy(stream, golden_write, sizeof golden_write);
    memcpy(stream + sizeof golden_write, golden_write, sizeof golden_write);
    stream[sizeof golden_write + 1] = 0;
    got = feed_in_every_way(C, SCAN_REQUEST, stream, sizeof stream);
    assert_true(got.lost);
    assert_int_equal(got.ends, 1);
    assert_int_equal(got.scan.lost.at, 31);
}

static void headers_arrive_as_they_were_sent(void **state)
{
    struct span in = span_of(golden_block_status, sizeof golden_block_status);
    struct scan_ret ret;
    struct scan s;

    (void)state;
    scan_init(&s, SCAN_REQUEST);
    assert_int_equal(scan_next(&s, &in, &ret), SCAN_HEAD);
    assert_int_equal(ret.head.kind, SCAN_KIND_REQUEST);
    assert_int_equal(ret.head.request.magic, NBD_REQUEST_MAGIC);
    assert_int_equal(ret.head.request.flags, NBD_CMD_FLAG_REQ_ONE);
    assert_int_equal(ret.head.request.type, NBD_CMD_BLOCK_STATUS);
    assert_int_equal(ret.head.request.cookie, 6);
    assert_int_equal(ret.head.request.offset, UINT64_C(0x8000000000000000));
    assert_int_equal(ret.head.request.length, 0x10000);
    assert_int_equal(scan_next(&s, &in, &ret), SCAN_END);
    assert_int_equal(scan_next(&s, &in, &ret), SCAN_MORE);
    assert_int_equal(scan_next(&s, &in, &ret), SCAN_MORE);
}

static void extended_headers_arrive_as_they_were_sent(void **state)
{
    struct span in = span_of(golden_extended_filter, sizeof golden_extended_filter);
    struct scan_ret ret;
    struct scan s;

    (void)state;
    scan_init(&s, SCAN_EXTENDED_REQUEST);
    assert_int_equal(scan_next(&s, &in, &ret), SCAN_HEAD);
    assert_int_equal(ret.head.kind, SCAN_KIND_EXTENDED_REQUEST);
    assert_int_equal(ret.head.extended_request.flags, NBD_CMD_FLAG_PAYLOAD_LEN | NBD_CMD_FLAG_REQ_ONE);
    assert_int_equal(ret.head.extended_request.type, NBD_CMD_BLOCK_STATUS);
    assert_int_equal(ret.head.extended_request.cookie, 6);
    assert_int_equal(ret.head.extended_request.offset, 65536);
    assert_int_equal(ret.head.extended_request.length, 16);
    assert_int_equal(scan_next(&s, &in, &ret), SCAN_DATA);
    assert_int_equal(ret.data.len, 16);
    assert_int_equal(scan_next(&s, &in, &ret), SCAN_END);

    in = span_of(golden_extended_data, sizeof golden_extended_data);
    scan_init(&s, SCAN_EXTENDED_REPLY);
    assert_int_equal(scan_next(&s, &in, &ret), SCAN_HEAD);
    assert_int_equal(ret.head.kind, SCAN_KIND_EXTENDED_REPLY);
    assert_int_equal(ret.head.extended_reply.flags, NBD_REPLY_FLAG_DONE);
    assert_int_equal(ret.head.extended_reply.type, NBD_REPLY_TYPE_OFFSET_DATA);
    assert_int_equal(ret.head.extended_reply.cookie, UINT64_C(0x0102030405060708));
    assert_int_equal(ret.head.extended_reply.offset, 512);
    assert_int_equal(ret.head.extended_reply.length, 11);
}

static void nothing_is_assumed_to_follow_an_unknown_command(void **state)
{
    uint8_t bytes[sizeof golden_read];
    struct events got;

    (void)state;
    memcpy(bytes, golden_read, sizeof bytes);
    bytes[6] = 0x77;
    got = feed_in_every_way(C, SCAN_REQUEST, bytes, sizeof bytes);
    assert_int_equal(got.last.request.type, 0x7700);
    assert_int_equal(got.ends, 1);
}

static void the_owner_says_how_long_a_body_is(void **state)
{
    struct span in = span_of(golden_simple_data, sizeof golden_simple_data);
    struct scan_ret ret;
    struct scan s;

    (void)state;
    scan_init(&s, SCAN_REPLY);
    assert_int_equal(scan_next(&s, &in, &ret), SCAN_HEAD);
    assert_int_equal(ret.head.body, 0);
    assert_int_equal(s.body, 0);
    s.body = 3;
    assert_int_equal(scan_next(&s, &in, &ret), SCAN_DATA);
    assert_memory_equal(ret.data.at, "dat", 3);
    assert_int_equal(ret.data.len, 3);
    assert_int_equal(scan_next(&s, &in, &ret), SCAN_END);
    assert_int_equal(in.len, 1);
}

static void data_are_slices_of_the_callers_bytes(void **state)
{
    static uint8_t stream[WIRE_SIZE_request + 0x200000];
    struct wire_out out = wire_out(stream, sizeof stream);
    struct span in = span_of(stream, sizeof stream);
    struct scan_ret ret;
    struct scan s;

    (void)state;
    wire_put_request(&out,
                     &(struct wire_request){ (uint32_t)NBD_REQUEST_MAGIC, 0, NBD_CMD_WRITE, 1, 0, 0x200000 });
    scan_init(&s, SCAN_REQUEST);
    assert_int_equal(scan_next(&s, &in, &ret), SCAN_HEAD);
    assert_int_equal(scan_next(&s, &in, &ret), SCAN_DATA);
    assert_ptr_equal(ret.data.at, stream + WIRE_SIZE_request);
    assert_int_equal(ret.data.len, 0x200000);
    assert_int_equal(scan_next(&s, &in, &ret), SCAN_END);
}

static void assert_progress(const struct scan *s, uint64_t wanted_have, uint64_t wanted_want)
{
    uint64_t have, want;

    scan_progress(s, &have, &want);
    assert_int_equal(have, wanted_have);
    assert_int_equal(want, wanted_want);
}

static void progress_tells_how_far_into_a_frame_the_stream_is(void **state)
{
    struct events e;

    (void)state;
    events_init(&e, S, SCAN_REPLY);
    assert_progress(&e.scan, 0, 0);
    events_feed(&e, golden_data, 3);
    assert_progress(&e.scan, 3, 16); /* may still be a simple reply */
    events_feed(&e, golden_data + 3, 6);
    assert_progress(&e.scan, 9, 20);
    events_feed(&e, golden_data + 9, 12);
    assert_progress(&e.scan, 21, 31);
    events_feed(&e, golden_data + 21, 10);
    assert_progress(&e.scan, 0, 0);
    events_feed(&e, golden_none, 1);
    assert_progress(&e.scan, 1, 16);

    events_init(&e, S, SCAN_GREETING);
    events_feed(&e, golden_oldstyle, 15);
    assert_progress(&e.scan, 15, 18);
    events_feed(&e, golden_oldstyle + 15, 1);
    assert_progress(&e.scan, 16, 28);
}

static void the_longest_body_is_counted_in_full(void **state)
{
    uint8_t bytes[WIRE_SIZE_option + 1] = { 0 };
    struct wire_out out = wire_out(bytes, sizeof bytes);
    struct events e;

    (void)state;
    wire_put_option(&out, &(struct wire_option){ NBD_OPTS_MAGIC, 0xffffffff, UINT32_MAX });
    events_init(&e, C, SCAN_OPTION);
    events_feed(&e, bytes, sizeof bytes);
    assert_progress(&e.scan, 17, UINT64_C(0x10000000f));
    assert_int_equal(e.last.body, UINT32_MAX);
    assert_int_equal(e.scan.body, UINT32_MAX - 1);
}

/* A body of 2^64-1 bytes is counted as far as there are numbers, and never stored. */
static void a_body_may_end_beyond_all_counting(void **state)
{
    uint8_t bytes[WIRE_SIZE_extended_request + 3] = { 0 };
    struct wire_out out = wire_out(bytes, sizeof bytes);
    struct events e;

    (void)state;
    wire_put_extended_request(&out, &(struct wire_extended_request){ (uint32_t)NBD_EXTENDED_REQUEST_MAGIC,
                                                                     NBD_CMD_FLAG_PAYLOAD_LEN, NBD_CMD_READ,
                                                                     1, 0, UINT64_MAX });
    events_init(&e, C, SCAN_EXTENDED_REQUEST);
    events_feed(&e, bytes, sizeof bytes);
    assert_progress(&e.scan, 35, UINT64_MAX);
    assert_int_equal(e.last.body, UINT64_MAX);
    assert_int_equal(e.scan.body, UINT64_MAX - 3);
}

/* Writes a few hundred frames that the server policy understands, some with data of any length. */
static size_t generate_replies(struct random *random, bool extended, uint8_t *to, size_t room,
                               unsigned *ret_frames)
{
    struct wire_out out = wire_out(to, room);
    uint8_t data[300] = { 0 };

    *ret_frames = 0;
    while (out.room - out.len > 400) {
        uint64_t cookie = random_next(random);
        size_t len = (size_t)random_below(random, sizeof data);
        struct chunk_to to_request =
            extended ? chunk_to_extended(cookie, random_next(random)) : chunk_to(cookie);

        switch (random_below(random, extended ? 3 : 4)) {
        case 0:
            chunk_put_none(&out, to_request);
            break;
        case 1:
            chunk_put_data_header(&out, 0, to_request, random_next(random), (uint32_t)len);
            wire_put_bytes(&out, span_of(data, len));
            break;
        case 2:
            chunk_put_error(&out, 0, to_request, NBD_EIO, span_of(data, len));
            break;
        default:
            wire_put_simple_reply(&out,
                                  &(struct wire_simple_reply){ (uint32_t)NBD_SIMPLE_REPLY_MAGIC, 0, cookie });
            wire_put_bytes(&out, span_of(data, cookie & 0xff));
            break;
        }
        ++*ret_frames;
    }
    assert_false(out.full);
    return out.len;
}

static void generated_streams_survive_any_number_of_cuts(void **state)
{
    static uint8_t stream[20000];
    struct random random = random_seeded(7);

    (void)state;
    for (int round = 0; round < 50; round++) {
        unsigned wanted;
        bool extended = round % 2;
        enum scan_expect expect = extended ? SCAN_EXTENDED_REPLY : SCAN_REPLY;
        size_t len = generate_replies(&random, extended, stream, sizeof stream, &wanted);
        struct events whole, pieces;

        events_init(&whole, S, expect);
        events_feed(&whole, stream, len);
        assert_int_equal(whole.ends, wanted);
        events_init(&pieces, S, expect);
        for (size_t at = 0, piece; at < len; at += piece) {
            piece = (size_t)random_below(&random, 40);
            if (piece > len - at)
                piece = len - at;
            events_feed(&pieces, stream + at, piece);
        }
        assert_true(events_equal(&whole, &pieces));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_gives_the_same_frame),
        cmocka_unit_test(any_cut_gives_the_same_client),
        cmocka_unit_test(any_cut_gives_the_same_server),
        cmocka_unit_test(transmission_follows_an_oldstyle_greeting_and_an_export),
        cmocka_unit_test(a_wrong_magic_is_lost_with_its_last_byte),
        cmocka_unit_test(frames_of_the_other_headers_are_lost),
        cmocka_unit_test(a_loss_is_final_and_takes_nothing_more),
        cmocka_unit_test(the_place_of_a_loss_counts_from_the_start_of_the_stream),
        cmocka_unit_test(headers_arrive_as_they_were_sent),
        cmocka_unit_test(extended_headers_arrive_as_they_were_sent),
        cmocka_unit_test(nothing_is_assumed_to_follow_an_unknown_command),
        cmocka_unit_test(the_owner_says_how_long_a_body_is),
        cmocka_unit_test(data_are_slices_of_the_callers_bytes),
        cmocka_unit_test(progress_tells_how_far_into_a_frame_the_stream_is),
        cmocka_unit_test(the_longest_body_is_counted_in_full),
        cmocka_unit_test(a_body_may_end_beyond_all_counting),
        cmocka_unit_test(generated_streams_survive_any_number_of_cuts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
