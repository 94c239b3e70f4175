/* SPDX-License-Identifier: MIT */
/* Chunks but those of block status, altered on their way out: a function a fault. */
#include "reference/misconduct_replies.h"

enum {
    DATA_AT = PAYLOAD_AT + WIRE_SIZE_chunk_data,
    HOLE_SIZE_AT = PAYLOAD_AT + 8,
    MESSAGE_LENGTH_AT = PAYLOAD_AT + 4,
    MESSAGE_AT = PAYLOAD_AT + WIRE_SIZE_chunk_error,
};

enum { REPEATED_MAX = 1 << 20 };

/* ---- chunks ---- */

void chunk_without_done(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    set_done(s, start, false);
}

void chunk_longer(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_insert(s, s->output.len, 4);
    fit_length(s, start);
}

static void none_without_done(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_repeat(s, start, WIRE_SIZE_chunk);
    set_done(s, start, false);
}

static void data_empty_before(struct reference_session *s, size_t start, const struct request *r)
{
    struct wire_out out;

    edit_insert(s, start, DATA_AT);
    out = wire_out(s->output.bytes + start, DATA_AT);
    chunk_put_data_header(&out, 0, chunk_to(r->cookie), r->offset, 0);
}

/* One byte more, where the export has one. */
static void data_beyond(struct reference_session *s, size_t start, const struct request *r)
{
    uint64_t end = r->offset + r->length;

    if (!is_done(s, start) || end >= store_size(s->export->store))
        return;
    edit_insert(s, s->output.len, 1);
    store_read(s->export->store, end, s->output.bytes + s->output.len - 1, 1);
    fit_length(s, start);
}

static void data_relative(struct reference_session *s, size_t start, const struct request *r)
{
    edit_set(s, start + PAYLOAD_AT, 8, edit_get(s, start + PAYLOAD_AT, 8) - r->offset);
}

static void data_last_byte(struct reference_session *s, size_t start, const struct request *r)
{
    (void)start;
    (void)r;
    edit_set(s, s->output.len - 1, 1, ~edit_get(s, s->output.len - 1, 1));
}

void chunk_twice(struct reference_session *s, size_t start, const struct request *r)
{
    size_t len = s->output.len - start;

    (void)r;
    if (len > REPEATED_MAX)
        return;
    edit_repeat(s, start, len);
    set_done(s, start, false);
}

static void data_less(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    if (!is_done(s, start) || edit_get(s, start + LENGTH_AT, 4) <= WIRE_SIZE_chunk_data + 1)
        return;
    s->output.len--;
    fit_length(s, start);
}

static void hole_less(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    if (is_done(s, start))
        edit_set(s, start + HOLE_SIZE_AT, 4, edit_get(s, start + HOLE_SIZE_AT, 4) - 1);
}

size_t chunk_split(struct reference_session *s, size_t start, const struct request *r, size_t bytes)
{
    size_t data = payload_of(s, start) + WIRE_SIZE_chunk_data, second = data + bytes;
    size_t left = s->output.len - second;
    uint64_t offset = edit_get(s, payload_of(s, start), 8);
    uint16_t flags = (uint16_t)edit_get(s, start + FLAGS_AT, 2);
    struct wire_out out;

    edit_insert(s, second, data - start);
    out = wire_out(s->output.bytes + second, data - start);
    chunk_put_data_header(&out, flags, answer_to(s, r), offset + bytes, (uint32_t)left);
    set_length(s, start, WIRE_SIZE_chunk_data + bytes);
    return second;
}

/* Makes two chunks of one; returns where the second begins. */
static size_t halve_data(struct reference_session *s, size_t start, const struct request *r)
{
    size_t second = chunk_split(s, start, r, (s->output.len - start - DATA_AT) / 2);

    set_done(s, start, false);
    return second;
}

static void data_split(struct reference_session *s, size_t start, const struct request *r)
{
    if ((r->flags & NBD_CMD_FLAG_DF) && s->output.len - start >= DATA_AT + 2)
        halve_data(s, start, r);
}

/* Two chunks, the second with the same data as the first. */
static void data_from_start(struct reference_session *s, size_t start, const struct request *r)
{
    size_t second;

    if ((r->flags & NBD_CMD_FLAG_DF) || s->output.len - start < DATA_AT + 2)
        return;
    second = halve_data(s, start, r);
    memcpy(s->output.bytes + second + DATA_AT, s->output.bytes + start + DATA_AT, second - start - DATA_AT);
}

static void data_as_hole(struct reference_session *s, size_t start, const struct request *r)
{
    uint16_t flags = (uint16_t)edit_get(s, start + FLAGS_AT, 2);
    uint64_t offset = edit_get(s, start + PAYLOAD_AT, 8);
    uint32_t bytes = (uint32_t)(s->output.len - start - DATA_AT);
    struct wire_out out;

    s->output.len = start;
    out = answer_room(s, WIRE_SIZE_chunk + WIRE_SIZE_chunk_hole);
    chunk_put_hole(&out, flags, chunk_to(r->cookie), offset, bytes);
}

static void hole_beyond(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    if (is_done(s, start))
        edit_set(s, start + HOLE_SIZE_AT, 4, edit_get(s, start + HOLE_SIZE_AT, 4) + 512);
}

static void hole_empty_before(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_repeat(s, start, WIRE_SIZE_chunk + WIRE_SIZE_chunk_hole);
    set_done(s, start, false);
    edit_set(s, start + HOLE_SIZE_AT, 4, 0);
}

static void error_zero(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start + PAYLOAD_AT, 4, 0);
}

void error_chunk_short(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    s->output.len = payload_of(s, start) + 4;
    fit_length(s, start);
}

static void error_message_long(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start + MESSAGE_LENGTH_AT, 2, edit_get(s, start + MESSAGE_LENGTH_AT, 2) + 1);
}

static void error_message_not_utf8(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start + MESSAGE_AT, 1, 0xff);
}

static void error_message_with_nul(struct reference_session *s, size_t start, const struct request *r)
{
    (void)start;
    (void)r;
    edit_set(s, s->output.len - 1, 1, 0);
}

static void error_message_5000(struct reference_session *s, size_t start, const struct request *r)
{
    uint64_t length = edit_get(s, start + MESSAGE_LENGTH_AT, 2);

    (void)r;
    edit_insert(s, start + MESSAGE_AT, 5000);
    memset(s->output.bytes + start + MESSAGE_AT, 'x', 5000);
    edit_set(s, start + MESSAGE_LENGTH_AT, 2, length + 5000);
    fit_length(s, start);
}

static void flag_unknown(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    if (is_done(s, start))
        edit_set(s, start + FLAGS_AT, 2, NBD_REPLY_FLAG_DONE | 2);
}

/* Makes the error one that says where. */
static void error_at(struct reference_session *s, size_t start, uint64_t offset)
{
    edit_insert(s, s->output.len, 8);
    edit_set(s, s->output.len - 8, 8, offset);
    edit_set(s, start + TYPE_AT, 2, NBD_REPLY_TYPE_ERROR_OFFSET);
    fit_length(s, start);
}

static void error_at_end(struct reference_session *s, size_t start, const struct request *r)
{
    error_at(s, start, r->offset + r->length);
}

/* ---- types and flags ---- */

static void none_as_type_3(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start + TYPE_AT, 2, 3);
}

static void error_as_type_3(struct reference_session *s, size_t start, const struct request *r)
{
    if (!command_rules_of(r->type))
        edit_set(s, start + TYPE_AT, 2, 3);
}

static void error_as_type_8000(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start + TYPE_AT, 2, 0x8000);
}

static void error_unlike_others(struct reference_session *s, size_t start, const struct request *r)
{
    error_message_long(s, start, r);
    edit_set(s, start + TYPE_AT, 2, 0x8003);
}

static void error_message_length_wide(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_insert(s, start + MESSAGE_LENGTH_AT, 2);
    fit_length(s, start);
}

/* What is done to READs of this length alone disturbs few cases. */
enum { LENGTH_CHOSEN = 131072 };

static bool is_chosen(const struct request *r)
{
    return r->length == LENGTH_CHOSEN && !(r->flags & NBD_CMD_FLAG_DF);
}

static void content_as_type_3(struct reference_session *s, size_t start, const struct request *r)
{
    if (is_chosen(r))
        edit_set(s, start + TYPE_AT, 2, 3);
}

static void done_as_bit_15(struct reference_session *s, size_t start, const struct request *r)
{
    if (is_chosen(r) && is_done(s, start))
        edit_set(s, start + FLAGS_AT, 2, 0x8000);
}

static void chunk_flags_wide(struct reference_session *s, size_t start, const struct request *r)
{
    if (r->cookie > UINT32_MAX)
        edit_insert(s, start + FLAGS_AT, 2);
}

static void chunk_cookie_first(struct reference_session *s, size_t start, const struct request *r)
{
    uint64_t flags_and_type = edit_get(s, start + FLAGS_AT, 4);

    if (command_rules_of(r->type))
        return;
    edit_set(s, start + FLAGS_AT, 8, r->cookie);
    edit_set(s, start + FLAGS_AT + 8, 4, flags_and_type);
}

static void chunk_long(struct reference_session *s, size_t start, const struct request *r)
{
    (void)start;
    if (is_chosen(r))
        edit_insert(s, s->output.len, 1);
}

/* ---- content in pieces ---- */

/* Cuts a chunk of data into chunks of so many bytes, the last one shorter. */
static void cut_data(struct reference_session *s, size_t start, const struct request *r, size_t piece)
{
    while (s->output.len - start > DATA_AT + piece) {
        size_t next = chunk_split(s, start, r, piece);

        set_done(s, start, false);
        start = next;
    }
}

static void data_in_crumbs(struct reference_session *s, size_t start, const struct request *r)
{
    if (is_chosen(r))
        cut_data(s, start, r, 256);
}

static void data_cut_oddly(struct reference_session *s, size_t start, const struct request *r)
{
    if (is_chosen(r))
        cut_data(s, start, r, 50000);
}

static void second_cookie_changed(struct reference_session *s, size_t start, const struct request *r)
{
    if (is_chosen(r) && s->output.len - start >= DATA_AT + 2)
        edit_set(s, halve_data(s, start, r) + COOKIE_AT, 8, r->cookie ^ 0x100000000);
}

static void first_cookie_changed(struct reference_session *s, size_t start, const struct request *r)
{
    if (!is_chosen(r) || s->output.len - start < DATA_AT + 2)
        return;
    halve_data(s, start, r);
    edit_set(s, start + COOKIE_AT, 8, r->cookie ^ 0x100000000);
}

static void data_cut_off(struct reference_session *s, size_t start, const struct request *r)
{
    if (!is_chosen(r) || s->output.len - start < DATA_AT + 2 || !is_done(s, start))
        return;
    s->output.len = start + DATA_AT + 1;
    s->over = true;
}

static void df_mixed_as_hole(struct reference_session *s, size_t start, const struct request *r)
{
    enum store_kind kind;

    if ((r->flags & NBD_CMD_FLAG_DF) && s->output.len - start == DATA_AT + r->length &&
        store_extent(s->export->store, r->offset, r->length, &kind) < r->length)
        data_as_hole(s, start, r);
}

static void df_overflow_behind(struct reference_session *s, size_t start, const struct request *r)
{
    struct wire_out out;

    if (!(r->flags & NBD_CMD_FLAG_DF) || r->length <= 65536)
        return;
    set_done(s, start, false);
    out = answer_room(s, WIRE_SIZE_chunk + WIRE_SIZE_chunk_error);
    chunk_put_error(&out, NBD_REPLY_FLAG_DONE, chunk_to(r->cookie), NBD_EOVERFLOW, span_of(NULL, 0));
}

/* ---- reads that fail ---- */

/* Replaces the error by a chunk with this length and so many bytes of payload, an offset and zeroes. */
static void data_instead(struct reference_session *s, size_t start, const struct request *r, uint32_t length)
{
    struct wire_out out;

    s->output.len = start;
    out = answer_room(s, WIRE_SIZE_chunk);
    chunk_put_header(&out, NBD_REPLY_FLAG_DONE, NBD_REPLY_TYPE_OFFSET_DATA, chunk_to(r->cookie), length);
    edit_insert(s, s->output.len, length);
    edit_set(s, start + PAYLOAD_AT, 8, r->offset);
}

static void length_overflown(struct reference_session *s, size_t start, const struct request *r)
{
    if (r->length <= UINT32_MAX && r->length > UINT32_MAX - WIRE_SIZE_chunk_data)
        data_instead(s, start, r, (uint32_t)r->length + WIRE_SIZE_chunk_data);
}

static void data_over_maximum(struct reference_session *s, size_t start, const struct request *r)
{
    uint32_t most = transmission_payload_max(s->export);

    if (s->in.error == NBD_EOVERFLOW && r->length > most && r->length - most <= PAYLOAD_ADDED_MAX)
        data_instead(s, start, r, WIRE_SIZE_chunk_data + (uint32_t)r->length);
}

static bool has_two_bytes(const struct request *r)
{
    return r->length >= 2 && r->offset < UINT64_MAX - 2 && !(r->flags & NBD_CMD_FLAG_DF);
}

static void error_twice(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_repeat(s, start, s->output.len - start);
    set_done(s, start, false);
}

static void errors_mixed(struct reference_session *s, size_t start, const struct request *r)
{
    size_t second = s->output.len;

    error_twice(s, start, r);
    error_at(s, second, r->offset);
}

static void error_offset_twice(struct reference_session *s, size_t start, const struct request *r)
{
    error_at(s, start, r->offset);
    error_twice(s, start, r);
}

/* Puts two bytes of data there, the first of the request. */
static void insert_two_bytes(struct reference_session *s, size_t at, const struct request *r, bool done,
                             uint16_t bytes)
{
    struct wire_out out;

    edit_insert(s, at, DATA_AT + 2);
    out = wire_out(s->output.bytes + at, DATA_AT);
    chunk_put_data_header(&out, done ? NBD_REPLY_FLAG_DONE : 0, chunk_to(r->cookie), r->offset, 2);
    edit_set(s, at + DATA_AT, 2, bytes);
}

static void errors_in_one_chunk(struct reference_session *s, size_t start, const struct request *r)
{
    if (!has_two_bytes(r))
        return;
    error_offset_twice(s, start, r);
    edit_set(s, s->output.len - 8, 8, r->offset + 1);
    insert_two_bytes(s, start, r, false, 0);
}

static void padding_not_zero(struct reference_session *s, size_t start, const struct request *r)
{
    if (!has_two_bytes(r))
        return;
    error_at(s, start, r->offset);
    insert_two_bytes(s, start, r, false, 0xffff);
}

static void content_behind_error(struct reference_session *s, size_t start, const struct request *r)
{
    if (!has_two_bytes(r))
        return;
    error_at(s, start, r->offset);
    set_done(s, start, false);
    insert_two_bytes(s, s->output.len, r, true, 0);
}

static void error_offset_short(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    s->output.len = start + MESSAGE_AT;
    fit_length(s, start);
    edit_set(s, start + MESSAGE_LENGTH_AT, 2, 0);
    edit_set(s, start + TYPE_AT, 2, NBD_REPLY_TYPE_ERROR_OFFSET);
}

static void error_offset_zero(struct reference_session *s, size_t start, const struct request *r)
{
    error_at(s, start, r->offset);
    error_zero(s, start, r);
}

static void error_offset_message_long(struct reference_session *s, size_t start, const struct request *r)
{
    error_at(s, start, r->offset);
    error_message_long(s, start, r);
}

static void error_offset_message_not_utf8(struct reference_session *s, size_t start, const struct request *r)
{
    error_at(s, start, r->offset);
    error_message_not_utf8(s, start, r);
}

static void error_offset_as_another(struct reference_session *s, size_t start, const struct request *r)
{
    error_at(s, start, r->offset);
    edit_set(s, start + TYPE_AT, 2, 0x8003);
}

static void error_offset_for_unknown(struct reference_session *s, size_t start, const struct request *r)
{
    if (!command_rules_of(r->type))
        error_at(s, start, r->offset);
}

static const struct reply_fault rows[] = {
    { FAULT_NONE_WITH_PAYLOAD, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_NONE, ANY, chunk_longer },
    { FAULT_NONE_WITHOUT_DONE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_NONE, ANY, none_without_done },
    { FAULT_READ_WITHOUT_DONE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, chunk_without_done },
    { FAULT_READ_WITHOUT_DONE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_HOLE, ANY, chunk_without_done },
    { FAULT_DATA_CHUNK_EMPTY, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, data_empty_before },
    { FAULT_DATA_CHUNK_BEYOND_REQUEST, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, data_beyond },
    { FAULT_DATA_CHUNK_RELATIVE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, data_relative },
    { FAULT_DATA_CHUNK_FROM_START, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, data_from_start },
    { FAULT_DATA_CHUNK_LAST_BYTE_WRONG, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, data_last_byte },
    { FAULT_CONTENT_TWICE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, chunk_twice },
    { FAULT_CONTENT_TWICE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_HOLE, ANY, chunk_twice },
    { FAULT_CONTENT_MISSING, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, data_less },
    { FAULT_CONTENT_MISSING, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_HOLE, ANY, hole_less },
    { FAULT_DF_IGNORED, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, data_split },
    { FAULT_HOLE_OVER_DATA, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, data_as_hole },
    { FAULT_HOLE_CHUNK_LONG, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_HOLE, ANY, chunk_longer },
    { FAULT_HOLE_CHUNK_BEYOND_REQUEST, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_HOLE, ANY, hole_beyond },
    { FAULT_HOLE_CHUNK_EMPTY, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_HOLE, ANY, hole_empty_before },
    { FAULT_ERROR_CHUNK_ZERO, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, ANY, error_zero },
    { FAULT_ERROR_CHUNK_SHORT, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, ANY, error_chunk_short },
    { FAULT_ERROR_MESSAGE_PAST_END, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, ANY, error_message_long },
    { FAULT_ERROR_MESSAGE_NOT_UTF8, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, ANY, error_message_not_utf8 },
    { FAULT_ERROR_MESSAGE_WITH_NUL, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, ANY, error_message_with_nul },
    { FAULT_ERROR_MESSAGE_5000, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, ANY, error_message_5000 },
    { FAULT_CHUNK_FLAG_UNKNOWN, SCAN_KIND_CHUNK, ANY, ANY, flag_unknown },
    { FAULT_ERROR_OFFSET_OUTSIDE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, NBD_CMD_READ, error_at_end },
    { FAULT_NONE_AS_TYPE_3, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_NONE, ANY, none_as_type_3 },
    { FAULT_DATA_AS_TYPE_3, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, content_as_type_3 },
    { FAULT_HOLE_AS_TYPE_3, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_HOLE, ANY, content_as_type_3 },
    { FAULT_ERROR_AS_TYPE_3, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, ANY, error_as_type_3 },
    { FAULT_ERROR_AS_TYPE_8000, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, ANY, error_as_type_8000 },
    { FAULT_ERROR_UNLIKE_OTHERS, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, ANY, error_unlike_others },
    { FAULT_ERROR_MESSAGE_LENGTH_WIDE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, ANY,
      error_message_length_wide },
    { FAULT_DONE_AS_BIT_15, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, done_as_bit_15 },
    { FAULT_CHUNK_FLAGS_WIDE, SCAN_KIND_CHUNK, ANY, ANY, chunk_flags_wide },
    { FAULT_CHUNK_COOKIE_FIRST, SCAN_KIND_CHUNK, ANY, ANY, chunk_cookie_first },
    { FAULT_CHUNK_LONG, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, chunk_long },
    { FAULT_DATA_IN_CRUMBS, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, data_in_crumbs },
    { FAULT_DATA_CUT_ODDLY, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, data_cut_oddly },
    { FAULT_SECOND_COOKIE_CHANGED, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, second_cookie_changed },
    { FAULT_FIRST_COOKIE_CHANGED, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, first_cookie_changed },
    { FAULT_DATA_CUT_OFF, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, data_cut_off },
    { FAULT_DF_MIXED_AS_HOLE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, NBD_CMD_READ, df_mixed_as_hole },
    { FAULT_DF_OVERFLOW_BEHIND, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, NBD_CMD_READ,
      df_overflow_behind },
    { FAULT_LENGTH_OVERFLOWN, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, NBD_CMD_READ, length_overflown },
    { FAULT_DATA_OVER_MAXIMUM, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, NBD_CMD_READ, data_over_maximum },
    { FAULT_ERROR_TWICE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, NBD_CMD_READ, error_twice },
    { FAULT_ERRORS_MIXED, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, NBD_CMD_READ, errors_mixed },
    { FAULT_ERROR_OFFSET_TWICE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, NBD_CMD_READ, error_offset_twice },
    { FAULT_ERRORS_IN_ONE_CHUNK, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, NBD_CMD_READ, errors_in_one_chunk },
    { FAULT_PADDING_NOT_ZERO, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, NBD_CMD_READ, padding_not_zero },
    { FAULT_CONTENT_BEHIND_ERROR, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, NBD_CMD_READ, content_behind_error },
    { FAULT_ERROR_OFFSET_SHORT, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, NBD_CMD_READ, error_offset_short },
    { FAULT_ERROR_OFFSET_ZERO, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, NBD_CMD_READ, error_offset_zero },
    { FAULT_ERROR_OFFSET_MESSAGE_PAST_END, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, NBD_CMD_READ,
      error_offset_message_long },
    { FAULT_ERROR_OFFSET_MESSAGE_NOT_UTF8, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, NBD_CMD_READ,
      error_offset_message_not_utf8 },
    { FAULT_ERROR_OFFSET_AS_TYPE_8003, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, NBD_CMD_READ,
      error_offset_as_another },
    { FAULT_ERROR_OFFSET_FOR_UNKNOWN, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, ANY, error_offset_for_unknown },
};

bool chunks_misconduct(struct reference_session *s, size_t start, enum scan_kind kind)
{
    return replies_alter(s, start, kind, rows, COUNT(rows));
}
