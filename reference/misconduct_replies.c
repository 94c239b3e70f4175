/* SPDX-License-Identifier: MIT */
/* What is sent in transmission, altered on its way out: a function a fault, called with the place of the
 * message, and others called when the whole reply to a request is there. */
#include "reference/misconduct_parts.h"

enum {
    COOKIE_AT = 8, /* in simple replies and chunks alike */
    ERROR_AT = 4,  /* simple reply */
    FLAGS_AT = 4,  /* chunk */
    TYPE_AT = 6,
    LENGTH_AT = 16,
    PAYLOAD_AT = WIRE_SIZE_chunk,
    DATA_AT = PAYLOAD_AT + WIRE_SIZE_chunk_data,
    HOLE_SIZE_AT = PAYLOAD_AT + 8,
    MESSAGE_LENGTH_AT = PAYLOAD_AT + 4,
    MESSAGE_AT = PAYLOAD_AT + WIRE_SIZE_chunk_error,
    EXTENTS_AT = PAYLOAD_AT + WIRE_SIZE_chunk_status,
};

enum { PAYLOAD_ADDED_MAX = 65536, REPEATED_MAX = 1 << 20, EXTENTS_MOST = 1 << 20, ROUND = 32 << 20 };

typedef void edit(struct reference_session *s, size_t start, const struct request *r);

/* Makes a chunk longer by what was inserted into it, or shorter. */
static void adjust_length(struct reference_session *s, size_t start, int64_t by)
{
    edit_set(s, start + LENGTH_AT, 4, (uint64_t)((int64_t)edit_get(s, start + LENGTH_AT, 4) + by));
}

static void set_done(struct reference_session *s, size_t start, bool done)
{
    edit_set(s, start + FLAGS_AT, 2, done ? NBD_REPLY_FLAG_DONE : 0);
}

static bool is_done(const struct reference_session *s, size_t start)
{
    return edit_get(s, start + FLAGS_AT, 2) & NBD_REPLY_FLAG_DONE;
}

/* ---- any reply ---- */

static void cookie_changed(struct reference_session *s, size_t start, const struct request *r)
{
    edit_set(s, start + COOKIE_AT, 8, r->cookie ^ 1);
}

static void cookie_swapped(struct reference_session *s, size_t start, const struct request *r)
{
    edit_set(s, start + COOKIE_AT, 8, __builtin_bswap64(r->cookie));
}

static void cookie_cut(struct reference_session *s, size_t start, const struct request *r)
{
    edit_set(s, start + COOKIE_AT, 8, (uint32_t)r->cookie);
}

static void magic_changed(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start + 3, 1, edit_get(s, start + 3, 1) ^ 1);
}

/* ---- simple replies ---- */

static void error_reversed(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start + ERROR_AT, 4, __builtin_bswap32((uint32_t)edit_get(s, start + ERROR_AT, 4)));
}

static bool read_data_follows(const struct reference_session *s, size_t start)
{
    return edit_get(s, start + ERROR_AT, 4) == 0 && s->output.len > start + WIRE_SIZE_simple_reply;
}

static void payload_short(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    if (read_data_follows(s, start))
        s->output.len--;
}

static void payload_long(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    if (read_data_follows(s, start))
        edit_insert(s, s->output.len, 1);
}

static void payload_last_byte(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    if (read_data_follows(s, start))
        edit_set(s, s->output.len - 1, 1, ~edit_get(s, s->output.len - 1, 1));
}

static void payload_after_error(struct reference_session *s, size_t start, const struct request *r)
{
    if (edit_get(s, start + ERROR_AT, 4) != 0)
        edit_insert(s, s->output.len, r->length < PAYLOAD_ADDED_MAX ? r->length : PAYLOAD_ADDED_MAX);
}

static void payload_of_other(struct reference_session *s, size_t start, const struct request *r)
{
    (void)start;
    (void)r;
    edit_insert(s, s->output.len, 4);
}

/* ---- chunks ---- */

static void done_cleared(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    set_done(s, start, false);
}

static void none_with_payload(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_insert(s, s->output.len, 4);
    adjust_length(s, start, 4);
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
    adjust_length(s, start, 1);
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

static void content_twice(struct reference_session *s, size_t start, const struct request *r)
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
    adjust_length(s, start, -1);
}

static void hole_less(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    if (is_done(s, start))
        edit_set(s, start + HOLE_SIZE_AT, 4, edit_get(s, start + HOLE_SIZE_AT, 4) - 1);
}

/* Makes two chunks of one; returns how many bytes of data the first has. */
static size_t split_data(struct reference_session *s, size_t start, const struct request *r)
{
    size_t bytes = s->output.len - start - DATA_AT, half = bytes / 2;
    uint64_t offset = edit_get(s, start + PAYLOAD_AT, 8);
    uint16_t flags = (uint16_t)edit_get(s, start + FLAGS_AT, 2);
    struct wire_out out;

    edit_insert(s, start + DATA_AT + half, DATA_AT);
    out = wire_out(s->output.bytes + start + DATA_AT + half, DATA_AT);
    chunk_put_data_header(&out, flags, chunk_to(r->cookie), offset + half, (uint32_t)(bytes - half));
    set_done(s, start, false);
    edit_set(s, start + LENGTH_AT, 4, WIRE_SIZE_chunk_data + half);
    return half;
}

static void data_split(struct reference_session *s, size_t start, const struct request *r)
{
    if ((r->flags & NBD_CMD_FLAG_DF) && s->output.len - start >= DATA_AT + 2)
        split_data(s, start, r);
}

/* Two chunks, the second with the same data as the first. */
static void data_from_start(struct reference_session *s, size_t start, const struct request *r)
{
    size_t half;

    if ((r->flags & NBD_CMD_FLAG_DF) || s->output.len - start < DATA_AT + 2)
        return;
    half = split_data(s, start, r);
    memcpy(s->output.bytes + start + DATA_AT + half + DATA_AT, s->output.bytes + start + DATA_AT, half);
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

static void hole_long(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_insert(s, s->output.len, 4);
    adjust_length(s, start, 4);
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

static void error_short(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    s->output.len = start + PAYLOAD_AT + 4;
    edit_set(s, start + LENGTH_AT, 4, 4);
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

static void error_at_end(struct reference_session *s, size_t start, const struct request *r)
{
    edit_insert(s, s->output.len, 8);
    edit_set(s, s->output.len - 8, 8, r->offset + r->length);
    edit_set(s, start + TYPE_AT, 2, NBD_REPLY_TYPE_ERROR_OFFSET);
    adjust_length(s, start, 8);
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

/* ---- headers ---- */

static void simple_cookie_first(struct reference_session *s, size_t start, const struct request *r)
{
    uint64_t error = edit_get(s, start + ERROR_AT, 4);

    if (command_rules_of(r->type))
        return;
    edit_set(s, start + ERROR_AT, 8, r->cookie);
    edit_set(s, start + ERROR_AT + 8, 4, error);
}

static void chunk_cookie_first(struct reference_session *s, size_t start, const struct request *r)
{
    uint64_t flags_and_type = edit_get(s, start + FLAGS_AT, 4);

    if (command_rules_of(r->type))
        return;
    edit_set(s, start + FLAGS_AT, 8, r->cookie);
    edit_set(s, start + FLAGS_AT + 8, 4, flags_and_type);
}

static void magic_of_old(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start, 4, 0x96744668);
}

static void magic_of_log(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start, 4, 0x25609514);
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
    size_t bytes = s->output.len - start - DATA_AT;
    uint64_t offset = edit_get(s, start + PAYLOAD_AT, 8);
    uint16_t flags = (uint16_t)edit_get(s, start + FLAGS_AT, 2);
    size_t at = start + DATA_AT + piece;
    struct wire_out out;

    if (bytes <= piece)
        return;
    edit_set(s, start + LENGTH_AT, 4, WIRE_SIZE_chunk_data + piece);
    set_done(s, start, false);
    while (bytes > piece) {
        size_t next;

        bytes -= piece;
        offset += piece;
        next = bytes < piece ? bytes : piece;
        edit_insert(s, at, DATA_AT);
        out = wire_out(s->output.bytes + at, DATA_AT);
        chunk_put_data_header(&out, bytes > piece ? 0 : flags, chunk_to(r->cookie), offset, (uint32_t)next);
        at += DATA_AT + piece;
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
    size_t half;

    if (!is_chosen(r) || s->output.len - start < DATA_AT + 2)
        return;
    half = split_data(s, start, r);
    edit_set(s, start + DATA_AT + half + COOKIE_AT, 8, r->cookie ^ 0x100000000);
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

/* Makes the error one that says where. */
static void error_at(struct reference_session *s, size_t start, uint64_t offset)
{
    edit_insert(s, s->output.len, 8);
    edit_set(s, s->output.len - 8, 8, offset);
    edit_set(s, start + TYPE_AT, 2, NBD_REPLY_TYPE_ERROR_OFFSET);
    adjust_length(s, start, 8);
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
    edit_set(s, start + LENGTH_AT, 4, WIRE_SIZE_chunk_error);
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

/* ---- block status ---- */

static size_t last_extent(const struct reference_session *s)
{
    return s->output.len - WIRE_SIZE_extent;
}

/* A status that differs from this one and claims nothing about contents. */
static uint64_t other_status(uint64_t flags)
{
    return flags == 0 ? NBD_STATE_HOLE : 0;
}

static void append_extent(struct reference_session *s, size_t start, uint64_t length, uint64_t flags)
{
    size_t at = s->output.len;

    edit_insert(s, at, WIRE_SIZE_extent);
    edit_set(s, at, 4, length);
    edit_set(s, at + 4, 4, flags);
    adjust_length(s, start, WIRE_SIZE_extent);
}

static void status_odd(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_insert(s, s->output.len, 4);
    adjust_length(s, start, 4);
}

static void status_without_extents(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    s->output.len = start + EXTENTS_AT;
    edit_set(s, start + LENGTH_AT, 4, WIRE_SIZE_chunk_status);
}

static void status_context(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start + PAYLOAD_AT, 4, 77);
}

static void extent_empty(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start + EXTENTS_AT, 4, 0);
}

static void extent_behind_request(struct reference_session *s, size_t start, const struct request *r)
{
    if (!(r->flags & NBD_CMD_FLAG_REQ_ONE))
        append_extent(s, start, 512, other_status(edit_get(s, last_extent(s) + 4, 4)));
}

/* Cuts the last extent in two, the second with this status. */
static void split_last(struct reference_session *s, size_t start, uint64_t flags)
{
    size_t last = last_extent(s);
    uint64_t length = edit_get(s, last, 4), front = length > 512 ? 512 : length / 2;

    if (front == 0)
        return;
    edit_set(s, last, 4, front);
    append_extent(s, start, length - front, flags);
}

static void extent_split(struct reference_session *s, size_t start, const struct request *r)
{
    if (!(r->flags & NBD_CMD_FLAG_REQ_ONE))
        split_last(s, start, edit_get(s, last_extent(s) + 4, 4));
}

static void req_one_ignored(struct reference_session *s, size_t start, const struct request *r)
{
    if (r->flags & NBD_CMD_FLAG_REQ_ONE)
        split_last(s, start, other_status(edit_get(s, last_extent(s) + 4, 4)));
}

static void req_one_long(struct reference_session *s, size_t start, const struct request *r)
{
    if (r->flags & NBD_CMD_FLAG_REQ_ONE)
        edit_set(s, start + EXTENTS_AT, 4, (uint64_t)r->length + 512);
}

static void set_status_bits(struct reference_session *s, size_t start, uint64_t bits)
{
    for (size_t at = start + EXTENTS_AT; at < s->output.len; at += WIRE_SIZE_extent)
        edit_set(s, at + 4, 4, edit_get(s, at + 4, 4) | bits);
}

/* Extents that are all the same then make one, lest they be reported for that. */
static void status_all_zero(struct reference_session *s, size_t start, const struct request *r)
{
    s->output.len = start + EXTENTS_AT;
    edit_set(s, start + LENGTH_AT, 4, WIRE_SIZE_chunk_status);
    append_extent(s, start, r->length, NBD_STATE_ZERO);
}

static void status_reserved(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    set_status_bits(s, start, 0x80000000);
}

static void status_type_7(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start + TYPE_AT, 2, 7);
}

static void exchange(struct reference_session *s, size_t one, size_t other, size_t len)
{
    uint64_t kept = edit_get(s, one, len);

    edit_set(s, one, len, edit_get(s, other, len));
    edit_set(s, other, len, kept);
}

static void extent_fields_swapped(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    for (size_t at = start + EXTENTS_AT; at < s->output.len; at += WIRE_SIZE_extent)
        exchange(s, at, at + 4, 4);
}

static void extents_reversed(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    for (size_t low = start + EXTENTS_AT, high = last_extent(s); low < high;
         low += WIRE_SIZE_extent, high -= WIRE_SIZE_extent)
        exchange(s, low, high, WIRE_SIZE_extent);
}

/* As if the request began where the page does. */
static void extents_from_page(struct reference_session *s, size_t start, const struct request *r)
{
    if (!(r->flags & NBD_CMD_FLAG_REQ_ONE))
        edit_set(s, start + EXTENTS_AT, 4, edit_get(s, start + EXTENTS_AT, 4) + r->offset % STORE_PAGE_BYTES);
}

/* Moves the border between the first two extents, so that what is told to be zero has become shorter. */
static void move_border(struct reference_session *s, size_t start, uint64_t by)
{
    size_t first = start + EXTENTS_AT, second = first + WIRE_SIZE_extent;
    bool zero = edit_get(s, first + 4, 4) & NBD_STATE_ZERO;
    size_t from = zero ? first : second, to = zero ? second : first;

    if (second >= s->output.len || edit_get(s, from, 4) <= by)
        return;
    edit_set(s, from, 4, edit_get(s, from, 4) - by);
    edit_set(s, to, 4, edit_get(s, to, 4) + by);
}

static void extents_odd(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    move_border(s, start, 100);
}

static void extents_of_sectors(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    move_border(s, start, 512);
}

/* Two statuses in turn, neither of which claims anything about contents; in answer to round requests alone,
 * for they are many. */
static void extents_too_many(struct reference_session *s, size_t start, const struct request *r)
{
    uint64_t length = r->length / (EXTENTS_MOST + 1);

    if ((r->flags & NBD_CMD_FLAG_REQ_ONE) || length == 0 || r->length % ROUND != 0)
        return;
    s->output.len = start + EXTENTS_AT;
    edit_insert(s, s->output.len, (EXTENTS_MOST + 1) * WIRE_SIZE_extent);
    for (size_t at = start + EXTENTS_AT, i = 0; at < s->output.len; at += WIRE_SIZE_extent, i++) {
        edit_set(s, at, 4, length);
        edit_set(s, at + 4, 4, i % 2 == 0 ? 0 : NBD_STATE_HOLE);
    }
    edit_set(s, start + LENGTH_AT, 4, s->output.len - start - PAYLOAD_AT);
}

static bool is_allocation(const struct reference_session *s, size_t start)
{
    return edit_get(s, start + PAYLOAD_AT, 4) == contexts_id(s, CONTEXT_ALLOCATION);
}

static void holes_inverted(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    for (size_t at = start + EXTENTS_AT; at < s->output.len && is_allocation(s, start);
         at += WIRE_SIZE_extent)
        edit_set(s, at + 4, 4, edit_get(s, at + 4, 4) ^ NBD_STATE_HOLE);
}

static void holes_untold(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    for (size_t at = start + EXTENTS_AT; at < s->output.len && is_allocation(s, start);
         at += WIRE_SIZE_extent)
        edit_set(s, at + 4, 4, edit_get(s, at + 4, 4) & ~(uint64_t)NBD_STATE_HOLE);
}

/* A message of that kind that answers such a command.  Columns that are ANY match everything. */
#define ANY UINT32_MAX
static const struct reply_fault {
    enum fault fault;
    enum scan_kind kind;
    uint32_t chunk, command;
    edit *edit;
} rows[] = {
    { FAULT_READ_PAYLOAD_SHORT, SCAN_KIND_SIMPLE_REPLY, ANY, NBD_CMD_READ, payload_short },
    { FAULT_READ_PAYLOAD_LONG, SCAN_KIND_SIMPLE_REPLY, ANY, NBD_CMD_READ, payload_long },
    { FAULT_READ_LAST_BYTE_WRONG, SCAN_KIND_SIMPLE_REPLY, ANY, NBD_CMD_READ, payload_last_byte },
    { FAULT_READ_ERROR_WITH_PAYLOAD, SCAN_KIND_SIMPLE_REPLY, ANY, NBD_CMD_READ, payload_after_error },
    { FAULT_WRITE_WITH_PAYLOAD, SCAN_KIND_SIMPLE_REPLY, ANY, NBD_CMD_WRITE, payload_of_other },
    { FAULT_FLUSH_WITH_PAYLOAD, SCAN_KIND_SIMPLE_REPLY, ANY, NBD_CMD_FLUSH, payload_of_other },
    { FAULT_CACHE_WITH_DATA, SCAN_KIND_SIMPLE_REPLY, ANY, NBD_CMD_CACHE, payload_of_other },

    { FAULT_NONE_WITH_PAYLOAD, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_NONE, ANY, none_with_payload },
    { FAULT_NONE_WITHOUT_DONE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_NONE, ANY, none_without_done },
    { FAULT_READ_WITHOUT_DONE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, done_cleared },
    { FAULT_READ_WITHOUT_DONE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_HOLE, ANY, done_cleared },

    { FAULT_DATA_CHUNK_EMPTY, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, data_empty_before },
    { FAULT_DATA_CHUNK_BEYOND_REQUEST, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, data_beyond },
    { FAULT_DATA_CHUNK_RELATIVE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, data_relative },
    { FAULT_DATA_CHUNK_FROM_START, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, data_from_start },
    { FAULT_DATA_CHUNK_LAST_BYTE_WRONG, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, data_last_byte },
    { FAULT_CONTENT_TWICE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, content_twice },
    { FAULT_CONTENT_TWICE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_HOLE, ANY, content_twice },
    { FAULT_CONTENT_MISSING, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, data_less },
    { FAULT_CONTENT_MISSING, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_HOLE, ANY, hole_less },
    { FAULT_DF_IGNORED, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, data_split },
    { FAULT_HOLE_OVER_DATA, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, data_as_hole },
    { FAULT_HOLE_CHUNK_LONG, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_HOLE, ANY, hole_long },
    { FAULT_HOLE_CHUNK_BEYOND_REQUEST, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_HOLE, ANY, hole_beyond },
    { FAULT_HOLE_CHUNK_EMPTY, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_HOLE, ANY, hole_empty_before },

    { FAULT_ERROR_CHUNK_ZERO, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, ANY, error_zero },
    { FAULT_ERROR_CHUNK_SHORT, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, ANY, error_short },
    { FAULT_ERROR_MESSAGE_PAST_END, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, ANY, error_message_long },
    { FAULT_ERROR_MESSAGE_NOT_UTF8, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, ANY, error_message_not_utf8 },
    { FAULT_ERROR_MESSAGE_WITH_NUL, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, ANY, error_message_with_nul },
    { FAULT_ERROR_OFFSET_OUTSIDE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, NBD_CMD_READ, error_at_end },

    { FAULT_NONE_AS_TYPE_3, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_NONE, ANY, none_as_type_3 },
    { FAULT_DATA_AS_TYPE_3, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, content_as_type_3 },
    { FAULT_HOLE_AS_TYPE_3, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_HOLE, ANY, content_as_type_3 },
    { FAULT_ERROR_AS_TYPE_3, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, ANY, error_as_type_3 },
    { FAULT_ERROR_AS_TYPE_8000, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, ANY, error_as_type_8000 },
    { FAULT_ERROR_UNLIKE_OTHERS, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_ERROR, ANY, error_unlike_others },
    { FAULT_DONE_AS_BIT_15, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, done_as_bit_15 },
    { FAULT_CHUNK_COOKIE_FIRST, SCAN_KIND_CHUNK, ANY, ANY, chunk_cookie_first },
    { FAULT_CHUNK_LONG, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, chunk_long },
    { FAULT_DATA_IN_CRUMBS, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, data_in_crumbs },
    { FAULT_DATA_CUT_ODDLY, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, data_cut_oddly },
    { FAULT_SECOND_COOKIE_CHANGED, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_OFFSET_DATA, ANY, second_cookie_changed },
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
    { FAULT_SIMPLE_COOKIE_FIRST, SCAN_KIND_SIMPLE_REPLY, ANY, ANY, simple_cookie_first },
    { FAULT_FLUSH_MAGIC_OF_OLD, SCAN_KIND_SIMPLE_REPLY, ANY, NBD_CMD_FLUSH, magic_of_old },
    { FAULT_FLUSH_MAGIC_OF_LOG, SCAN_KIND_SIMPLE_REPLY, ANY, NBD_CMD_FLUSH, magic_of_log },

    { FAULT_BLOCK_STATUS_LENGTH_ODD, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, status_odd },
    { FAULT_BLOCK_STATUS_WITHOUT_EXTENTS, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY,
      status_without_extents },
    { FAULT_BLOCK_STATUS_CONTEXT_UNKNOWN, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, status_context },
    { FAULT_BLOCK_STATUS_TWICE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, content_twice },
    { FAULT_EXTENT_EMPTY, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, extent_empty },
    { FAULT_EXTENT_BEHIND_REQUEST, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, extent_behind_request },
    { FAULT_EXTENTS_UNMERGED, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, extent_split },
    { FAULT_REQ_ONE_IGNORED, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, req_one_ignored },
    { FAULT_REQ_ONE_EXTENT_LONG, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, req_one_long },
    { FAULT_DATA_REPORTED_ZERO, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, status_all_zero },
    { FAULT_RESERVED_STATE_BIT, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, status_reserved },

    { FAULT_BLOCK_STATUS_OF_TYPE_7, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, status_type_7 },
    { FAULT_EXTENT_FIELDS_SWAPPED, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, extent_fields_swapped },
    { FAULT_EXTENTS_REVERSED, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, extents_reversed },
    { FAULT_EXTENTS_FROM_PAGE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, extents_from_page },
    { FAULT_EXTENTS_ODD, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, extents_odd },
    { FAULT_EXTENTS_OF_SECTORS, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, extents_of_sectors },
    { FAULT_EXTENTS_TOO_MANY, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, extents_too_many },
    { FAULT_HOLES_INVERTED, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, holes_inverted },
    { FAULT_HOLES_UNTOLD, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, holes_untold },

    { FAULT_STRUCTURED_STATUS_WIDE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY,
      extended_status_widened },

    { FAULT_ERROR_REVERSED, SCAN_KIND_SIMPLE_REPLY, ANY, ANY, error_reversed },
    { FAULT_COOKIE_CHANGED, SCAN_KIND_SIMPLE_REPLY, ANY, ANY, cookie_changed },
    { FAULT_COOKIE_CHANGED, SCAN_KIND_CHUNK, ANY, ANY, cookie_changed },
    { FAULT_COOKIE_BYTES_SWAPPED, SCAN_KIND_SIMPLE_REPLY, ANY, ANY, cookie_swapped },
    { FAULT_COOKIE_BYTES_SWAPPED, SCAN_KIND_CHUNK, ANY, ANY, cookie_swapped },
    { FAULT_COOKIE_CUT_TO_32_BITS, SCAN_KIND_SIMPLE_REPLY, ANY, ANY, cookie_cut },
    { FAULT_COOKIE_CUT_TO_32_BITS, SCAN_KIND_CHUNK, ANY, ANY, cookie_cut },
    { FAULT_REPLY_MAGIC_WRONG, SCAN_KIND_SIMPLE_REPLY, ANY, ANY, magic_changed },
    { FAULT_REPLY_MAGIC_WRONG, SCAN_KIND_CHUNK, ANY, ANY, magic_changed },
};

void replies_misconduct(struct reference_session *s, size_t start, enum scan_kind kind)
{
    const struct request *r = &s->in.request;
    uint64_t chunk =
        edit_get(s, start + TYPE_AT, 2); /* of a simple reply: nothing that rows for those look at */

    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct reply_fault *row = &rows[i];

        if (!fault_on(s, row->fault) || row->kind != kind || (row->chunk != ANY && row->chunk != chunk) ||
            (row->command != ANY && row->command != r->type))
            continue;
        row->edit(s, start, r);
        return; /* one alteration a message, so that each finds what it expects */
    }
}

/* ---- whole replies ---- */

/* Answers once more in the other form: structured where simple was agreed, and the other way round. */
static void answer_in_other_form(struct reference_session *s, const struct request *r, size_t start)
{
    s->output.len = start;
    s->structured = !s->structured;
    if (s->in.error != 0)
        answer_error(s, r, s->in.error, s->in.why);
    else if (r->type == NBD_CMD_READ)
        answer_read(s, r);
    else
        answer_done(s, r);
    s->structured = !s->structured;
}

static bool wants_other_form(const struct reference_session *s, const struct request *r)
{
    bool read = r->type == NBD_CMD_READ, error = s->in.error != 0;

    if (!s->structured)
        return (read && fault_on(s, FAULT_UNNEGOTIATED_CHUNK_FOR_READ)) ||
               (r->type == NBD_CMD_FLUSH && fault_on(s, FAULT_UNNEGOTIATED_CHUNK_FOR_FLUSH));
    return (read && fault_on(s, FAULT_READ_SIMPLE)) ||
           (read && error && fault_on(s, FAULT_READ_ERROR_SIMPLE)) ||
           (!read && error && fault_on(s, FAULT_ERROR_SIMPLE)) ||
           (r->type == NBD_CMD_BLOCK_STATUS && !error && fault_on(s, FAULT_BLOCK_STATUS_SIMPLE));
}

/* Puts a chunk with data before the reply, as if it were a part of it. */
static void insert_data_chunk(struct reference_session *s, const struct request *r, size_t start)
{
    struct wire_out out;

    edit_insert(s, start, DATA_AT + 1);
    out = wire_out(s->output.bytes + start, DATA_AT);
    chunk_put_data_header(&out, 0, chunk_to(r->cookie), r->offset, 1);
}

static void insert_hole_chunk(struct reference_session *s, const struct request *r, size_t start)
{
    struct wire_out out;

    edit_insert(s, start, WIRE_SIZE_chunk + WIRE_SIZE_chunk_hole);
    out = wire_out(s->output.bytes + start, WIRE_SIZE_chunk + WIRE_SIZE_chunk_hole);
    chunk_put_hole(&out, 0, chunk_to(r->cookie), r->offset, 512);
}

void replies_misconduct_answered(struct reference_session *s, const struct request *r, size_t start)
{
    bool done = s->in.error == 0, structured = s->structured;
    bool read = r->type == NBD_CMD_READ;

    if (wants_other_form(s, r)) {
        answer_in_other_form(s, r, start);
        return;
    }
    if (structured && read && done && fault_on(s, FAULT_DONE_BEFORE_LAST))
        answer_done(s, r);
    if (structured && done && r->type == NBD_CMD_WRITE && fault_on(s, FAULT_DATA_CHUNK_FOR_WRITE))
        insert_data_chunk(s, r, start);
    if (structured && done && r->type == NBD_CMD_WRITE && fault_on(s, FAULT_HOLE_CHUNK_FOR_WRITE))
        insert_hole_chunk(s, r, start);
    if (structured && done && r->type == NBD_CMD_CACHE && fault_on(s, FAULT_CACHE_WITH_DATA))
        insert_data_chunk(s, r, start);
    if (structured && done && r->type == NBD_CMD_BLOCK_STATUS && fault_on(s, FAULT_BLOCK_STATUS_MISSING)) {
        s->output.len = start;
        answer_done(s, r);
    }
    if (r->type == NBD_CMD_WRITE && fault_on(s, FAULT_WRITE_ANSWERED_TWICE))
        edit_repeat(s, start, s->output.len - start);
    if (r->type == NBD_CMD_FLUSH && fault_on(s, FAULT_FLUSH_ANSWERED_TWICE))
        edit_repeat(s, start, s->output.len - start);
}
