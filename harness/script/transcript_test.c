/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "script/transcript.h"
#include "script/value.h"

static void line_is(const struct message *m, const char *connection, const char *wanted)
{
    struct teller teller = { .connection = connection };
    struct buffer got;

    buffer_init(&got, 1 << 20);
    assert_true(transcript_message(&teller, m, &got));
    assert_string_equal(buffer_text(&got), wanted);
    buffer_free(&got);
}

static void data_line_is(struct span data, uint64_t origin, const char *wanted)
{
    struct buffer got;

    buffer_init(&got, 1 << 20);
    assert_true(transcript_data(data, origin, &got));
    assert_string_equal(buffer_text(&got), wanted);
    buffer_free(&got);
}

/* ---- data ---- */

static void data_are_told_as_what_made_them(void **state)
{
    uint8_t data[2048] = { 0 };

    (void)state;
    data_line_is(span_of(data, sizeof data), 0, "zero");
    memset(data, 0xa5, sizeof data);
    data_line_is(span_of(data, sizeof data), 0, "fill(0xa5)");
    pattern_fill(3, 65536, data, sizeof data);
    data_line_is(span_of(data, sizeof data), 65536, "pattern(3)");
    data_line_is(span_of(data, 0), 0, "\"\"");
    data_line_is(span_of("\x01\x02\xff", 3), 0, "hex(\"0102ff\")");
}

static void mixed_data_are_told_piece_by_piece(void **state)
{
    uint8_t data[2048] = { 0 };

    (void)state;
    pattern_fill(1, 4096, data, 512);
    pattern_fill(1, 4096 + 1536, data + 1536, 512);
    data_line_is(span_of(data, sizeof data), 4096, "pattern(1)[0..512] zero[..1024] pattern(1)[1536..2048]");
    data[700] = 7;
    data_line_is(span_of(data, 1024), 4096, "pattern(1)[0..512] zero[..188] hex(\"07\") zero[..323]");
}

static void pieces_are_the_same_data_again(void **state)
{
    struct value seed = { .kind = VALUE_NUMBER, .number = 1 };
    struct value from = { .kind = VALUE_NUMBER, .number = 512 },
                 to = { .kind = VALUE_NUMBER, .number = 1024 };
    struct value pattern = { .kind = VALUE_CALL, .text = "pattern", .first = &seed };
    struct value slice = { .kind = VALUE_SLICE, .left = &pattern, .from = &from, .to = &to };
    struct environment e = { .count = 0 };
    struct value_error error;
    struct buffer data;

    (void)state;
    buffer_init(&data, 4096);
    assert_true(value_data(&slice, &e, 8192, UINT64_MAX, &data, &error));
    data_line_is(buffer_span(&data), 8192 + 512, "pattern(1)");
    buffer_free(&data);
}

static void foreign_data_are_told_by_their_beginning(void **state)
{
    uint8_t data[256];

    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * i);
    data_line_is(span_of(data, sizeof data), 0, "hex(\"00010409101924314051647990a9c4e1\")");
}

static const struct session_request write_of_256 = { .type = 1, .cookie = 7, .offset = 4096, .length = 256 };

static void fill_strangely(uint8_t data[256])
{
    for (size_t i = 0; i < 256; i++)
        data[i] = (uint8_t)(i * i);
}

/* ---- the client's lines ---- */

static void client_messages_are_lines(void **state)
{
    struct message m = { .from = SIDE_CLIENT };
    uint8_t data[512];

    (void)state;
    m.head.kind = SCAN_KIND_CLIENT_FLAGS;
    m.head.client_flags.flags = 3;
    line_is(&m, NULL, "C: FLAGS FIXED_NEWSTYLE|NO_ZEROES\n");

    m.head.kind = SCAN_KIND_REQUEST;
    m.request =
        (struct session_request){ .flags = 1, .type = 1, .cookie = 7, .offset = 65536, .length = 512 };
    memset(data, 1, sizeof data);
    m.body = span_of(data, sizeof data);
    m.body_bytes = sizeof data;
    line_is(&m, "two", "C.two: WRITE offset=65536 length=512 flags=FUA cookie=7 data=fill(0x1)\n");

    m.request = (struct session_request){ .flags = 0x8000, .type = 999, .cookie = 7 };
    m.body_bytes = m.body.len = 0;
    line_is(&m, NULL, "C: CMD 999 offset=0 length=0 flags=0x8000 cookie=7\n");
}

static void options_are_told_by_their_fields(void **state)
{
    struct message m = { .from = SIDE_CLIENT, .head.kind = SCAN_KIND_OPTION };
    static const uint8_t go[] = { 0, 0, 0, 1, 'x', 0, 2, 0, 0, 0, 3 };
    static const uint8_t contexts[] = { 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5, 'b', 'a', 's', 'e', ':' };

    (void)state;
    m.head.option.option = 7;
    m.body = span_of(go, sizeof go);
    m.body_bytes = sizeof go;
    assert_true(option_decode(7, m.body, &m.option, &m.flaw));
    m.flaw.rule = NULL;
    line_is(&m, NULL, "C: OPT GO name=\"x\" infos=(EXPORT BLOCK_SIZE)\n");

    m.head.option.option = 9;
    m.body = span_of(contexts, sizeof contexts);
    m.body_bytes = sizeof contexts;
    assert_true(option_decode(9, m.body, &m.option, &m.flaw));
    line_is(&m, NULL, "C: OPT LIST_META_CONTEXT name=\"\" queries=(\"base:\")\n");

    m.flaw.rule = "any";
    line_is(&m, NULL, "C: OPT LIST_META_CONTEXT data=hex(\"000000000000000100000005626173653a\")\n");
}

static void bytes_that_are_no_message_are_raw(void **state)
{
    struct buffer got;

    (void)state;
    buffer_init(&got, 4096);
    assert_true(transcript_raw("raw", span_of("\0\1", 2), "two", &got));
    assert_string_equal(buffer_text(&got), "C.two: raw hex(\"0001\")\n");
    buffer_free(&got);
}

/* What has no short name is played again with other data of the same length. */
static void foreign_data_are_written_as_a_pattern(void **state)
{
    struct message m = { .from = SIDE_CLIENT, .head.kind = SCAN_KIND_REQUEST, .request = write_of_256 };
    uint8_t data[256];

    (void)state;
    fill_strangely(data);
    m.body = span_of(data, sizeof data);
    m.body_bytes = sizeof data;
    line_is(&m, NULL,
            "C: WRITE offset=4096 length=256 cookie=7 data=pattern(197)  # in place of 256 bytes that begin "
            "with hex(\"00010409101924314051647990a9c4e1\")\n");

    m.head.kind = SCAN_KIND_OPTION; /* other bytes have to be these */
    m.head.option.option = 99;
    m.body.len = m.body_bytes = 80;
    line_is(
        &m, NULL,
        "C: OPT 0x63 data=hex(\"00010409101924314051647990a9c4e10021446990b9e4114071a4d9104984c1004184c91059"
        "a4f14091e43990e944a10061c42990f964d140b124991089048100810489109924b140d164f99029c461\")\n");
}

/* ---- the server's lines ---- */

static void handshake_replies_are_lines(void **state)
{
    struct message m = { .from = SIDE_SERVER, .head.kind = SCAN_KIND_OPTION_REPLY };
    static const uint8_t export[] = { 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 5 };
    static const uint8_t server[] = { 0, 0, 0, 2, 'a', '"', 0x1b, '[' };

    (void)state;
    m.head.option_reply = (struct wire_option_reply){ 0, 7, 3, sizeof export };
    m.body = span_of(export, sizeof export);
    m.body_bytes = sizeof export;
    assert_true(reply_decode(3, m.body, &m.reply, &m.flaw));
    m.flaw.rule = NULL;
    line_is(&m, NULL, "S: REP INFO EXPORT size=1048576 flags=HAS_FLAGS|SEND_FLUSH option=GO\n");

    m.head.option_reply = (struct wire_option_reply){ 0, 3, 2, sizeof server };
    m.body = span_of(server, sizeof server);
    m.body_bytes = sizeof server;
    reply_decode(2, m.body, &m.reply, &m.flaw);
    m.flaw.rule = NULL;
    line_is(&m, NULL, "S: REP SERVER name=\"a\\\"\" details=\"\\x1b[\" option=LIST\n");

    m.flaw.rule = "any";
    line_is(&m, NULL, "S: REP SERVER length=8 option=LIST  # hex(\"0000000261221b5b\")\n");
}

static void a_whole_reply_is_one_line(void **state)
{
    struct exchange e = { .request = { .cookie = 7, .offset = 65536, .length = 512 },
                          .form = REPLY_FORM_STRUCTURED,
                          .chunks = 1 };
    struct message m = { .from = SIDE_SERVER, .head.kind = SCAN_KIND_CHUNK, .exchange = &e };
    struct wire_extended_extent extents[] = { { 4096, 3 }, { 512, 0 } };
    struct session_status status = { 1, extents, 2 };

    (void)state;
    line_is(&m, NULL, "");
    e.answered = true;
    buffer_init(&e.data, 512);
    buffer_add_zero(&e.data, 512);
    line_is(&m, NULL, "S: DATA zero cookie=7 form=structured chunks=1\n");
    for (size_t i = 0; i < 512; i++)
        e.data.bytes[i] = (uint8_t)(i * i);
    line_is(&m, NULL,
            "S: DATA cookie=7 form=structured chunks=1  # hex(\"00010409101924314051647990a9c4e1\"), the "
            "first of 512 "
            "bytes\n");
    buffer_free(&e.data);

    e.error = 22;
    e.message_text = span_text("no\n");
    line_is(&m, NULL, "S: ERROR EINVAL message=\"no\\n\" cookie=7 form=structured chunks=1\n");

    e.error = 0;
    e.request.type = 7;
    e.status_chunks = 1;
    e.statuses = &status;
    line_is(
        &m, NULL,
        "S: STATUS contexts=1 extents=2 total=4608 first=4096 first_flags=HOLE|ZERO cookie=7 form=structured "
        "chunks=1\n");

    e.request.type = 1;
    e.form = REPLY_FORM_SIMPLE;
    line_is(&m, NULL, "S: OK cookie=7 form=simple\n");
}

/* Nobody knows what would be read in place of it. */
static void what_is_read_of_other_data_is_no_value(void **state)
{
    struct exchange e = { .request = { .cookie = 8, .offset = 4351, .length = 4 },
                          .form = REPLY_FORM_SIMPLE,
                          .answered = true };
    struct message written = { .from = SIDE_CLIENT, .head.kind = SCAN_KIND_REQUEST, .request = write_of_256 };
    struct message read = { .from = SIDE_SERVER, .head.kind = SCAN_KIND_SIMPLE_REPLY, .exchange = &e };
    struct teller teller = { .connection = NULL };
    uint8_t data[256];
    struct buffer got;

    (void)state;
    fill_strangely(data);
    written.body = span_of(data, sizeof data);
    written.body_bytes = sizeof data;
    buffer_init(&e.data, 4);
    buffer_add(&e.data, "\1\2\3\4", 4);
    buffer_init(&got, 4096);
    transcript_message(&teller, &written, &got);
    buffer_clear(&got);
    transcript_message(&teller, &read, &got);
    e.request.offset++;
    transcript_message(&teller, &read, &got);
    e.unseen = true;
    transcript_message(&teller, &read, &got);
    assert_string_equal(buffer_text(&got),
                        "S: DATA cookie=8 form=simple  # hex(\"01020304\")\n"
                        "S: DATA hex(\"01020304\") cookie=8 form=simple\n"
                        "S: DATA cookie=8 form=simple  # its data were not all captured\n");
    buffer_free(&e.data);
    buffer_free(&got);
}

static void loose_lines_say_what_has_to_come(void **state)
{
    struct exchange e = { .request = { .cookie = 8 }, .form = REPLY_FORM_SIMPLE, .answered = true };
    struct message m = { .from = SIDE_SERVER, .head.kind = SCAN_KIND_NEWSTYLE };
    struct teller teller = { .loose = true, .option = 7 };
    struct buffer got;

    (void)state;
    buffer_init(&got, 4096);
    transcript_message(&teller, &m, &got);
    m.head.kind = SCAN_KIND_OPTION_REPLY;
    m.head.option_reply = (struct wire_option_reply){ 0, 7, 3, 0 };
    transcript_message(&teller, &m, &got); /* INFO: the final reply tells it */
    m.head.option_reply.type = 1;
    transcript_message(&teller, &m, &got);
    m.head.option_reply = (struct wire_option_reply){ 0, 5, 0x80000002, 0 };
    teller.option = 5;
    transcript_message(&teller, &m, &got);
    m.head.kind = SCAN_KIND_SIMPLE_REPLY;
    m.exchange = &e;
    transcript_message(&teller, &m, &got);
    e.error = 5;
    e.request.type = 3;
    transcript_message(&teller, &m, &got);
    teller.option = 3;
    transcript_due(&teller, NULL, &got);
    assert_string_equal(buffer_text(&got), "S: GREETING\n"
                                           "S: REP INFO*\nS: REP ACK\n"
                                           "S: REP ERR\n"
                                           "S: DATA cookie=8 | ERROR cookie=8\n"
                                           "S: OK cookie=8 | ERROR cookie=8\n"
                                           "S: REP SERVER*\nS: REP ACK | REP ERR\n");
    buffer_free(&got);
}

static void extended_messages_are_lines(void **state)
{
    static const uint8_t filter[] = { 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 7 };
    struct exchange e = { .request = { true, 0, 1, 7, 4096, 512, 512, false },
                          .form = REPLY_FORM_EXTENDED,
                          .chunks = 1,
                          .head_offset = 4096,
                          .answered = true };
    struct message m = { .from = SIDE_CLIENT, .head.kind = SCAN_KIND_EXTENDED_REQUEST };

    (void)state;
    m.request = (struct session_request){ .extended = true, .flags = 1, .type = 4, .cookie = 7, .offset = 1 };
    m.head.extended_request.length = UINT64_C(1) << 40;
    line_is(&m, NULL, "C: TRIM offset=1 length=1099511627776 flags=FUA cookie=7\n");
    m.request.type = 7;
    m.request.flags = 0x20;
    m.body = span_of(filter, sizeof filter);
    m.body_bytes = m.head.extended_request.length = sizeof filter;
    line_is(&m, NULL,
            "C: BLOCK_STATUS offset=1 length=12 flags=PAYLOAD_LEN cookie=7 "
            "payload=hex(\"000000000001000000000007\")\n");
    m.request.type = 1;
    m.request.flags = 0;
    m.body_bytes = m.body.len = 0;
    line_is(&m, NULL, "C: WRITE offset=1 length=12 cookie=7 payload=\"\"\n"); /* it should have one */

    m = (struct message){ .from = SIDE_SERVER, .head.kind = SCAN_KIND_EXTENDED_REPLY, .exchange = &e };
    line_is(&m, NULL, "S: OK cookie=7 form=extended chunks=1 offset=4096\n");
    m.exchange = NULL;
    m.chunk_head = (struct session_chunk){ true, 1, 0, 9, 5, 3 };
    line_is(&m, NULL, "# S: chunk to nothing in flight: NONE flags=DONE cookie=9 length=3 offset=5\n");
}

static void replies_to_nothing_are_comments(void **state)
{
    struct message m = { .from = SIDE_SERVER, .head.kind = SCAN_KIND_SIMPLE_REPLY };

    (void)state;
    m.head.simple_reply = (struct wire_simple_reply){ 0, 5, 9 };
    line_is(&m, NULL, "# S: simple reply to nothing in flight: error=EIO cookie=9\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_are_told_as_what_made_them),
        cmocka_unit_test(mixed_data_are_told_piece_by_piece),
        cmocka_unit_test(pieces_are_the_same_data_again),
        cmocka_unit_test(foreign_data_are_told_by_their_beginning),
        cmocka_unit_test(client_messages_are_lines),
        cmocka_unit_test(options_are_told_by_their_fields),
        cmocka_unit_test(bytes_that_are_no_message_are_raw),
        cmocka_unit_test(handshake_replies_are_lines),
        cmocka_unit_test(a_whole_reply_is_one_line),
        cmocka_unit_test(foreign_data_are_written_as_a_pattern),
        cmocka_unit_test(what_is_read_of_other_data_is_no_value),
        cmocka_unit_test(loose_lines_say_what_has_to_come),
        cmocka_unit_test(extended_messages_are_lines),
        cmocka_unit_test(replies_to_nothing_are_comments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
