/* SPDX-License-Identifier: MIT */
/* Chunks of block status, whichever their header, altered on their way out: a function a fault. */
#include "reference/misconduct_replies.h"

enum { EXTENTS_MOST = 1 << 20, ROUND = 32 << 20, CONTEXT_UNKNOWN = 77 };

/* ---- extents: two numbers of so many bytes, a length and a status ---- */

static size_t width(const struct reference_session *s)
{
    return s->extended ? WIRE_SIZE_extended_extent / 2 : WIRE_SIZE_extent / 2;
}

static size_t extents_at(const struct reference_session *s, size_t start)
{
    return payload_of(s, start) + (s->extended ? WIRE_SIZE_extended_status : WIRE_SIZE_chunk_status);
}

static size_t last_extent(const struct reference_session *s)
{
    return s->output.len - 2 * width(s);
}

static uint64_t length_at(const struct reference_session *s, size_t at)
{
    return edit_get(s, at, width(s));
}

static uint64_t status_at(const struct reference_session *s, size_t at)
{
    return edit_get(s, at + width(s), width(s));
}

static void set_length_at(struct reference_session *s, size_t at, uint64_t length)
{
    edit_set(s, at, width(s), length);
}

static void set_status_at(struct reference_session *s, size_t at, uint64_t status)
{
    edit_set(s, at + width(s), width(s), status);
}

/* Has the chunk say how many extents it has now. */
static void fit_count(struct reference_session *s, size_t start)
{
    fit_length(s, start);
    if (s->extended)
        edit_set(s, payload_of(s, start) + 4, 4, (s->output.len - extents_at(s, start)) / (2 * width(s)));
}

static void append_extent(struct reference_session *s, size_t start, uint64_t length, uint64_t status)
{
    size_t at = s->output.len;

    edit_insert(s, at, 2 * width(s));
    set_length_at(s, at, length);
    set_status_at(s, at, status);
    fit_count(s, start);
}

/* A status that differs from that of the last extent and claims nothing about contents. */
static uint64_t other_status(const struct reference_session *s)
{
    return status_at(s, last_extent(s)) == 0 ? NBD_STATE_HOLE : 0;
}

/* ---- the faults ---- */

static void status_without_extents(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    s->output.len = extents_at(s, start);
    fit_count(s, start);
}

static void status_context(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, payload_of(s, start), 4, CONTEXT_UNKNOWN);
}

static void extent_empty(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    set_length_at(s, extents_at(s, start), 0);
}

static void extent_behind_request(struct reference_session *s, size_t start, const struct request *r)
{
    if (!(r->flags & NBD_CMD_FLAG_REQ_ONE))
        append_extent(s, start, 512, other_status(s));
}

/* Cuts the last extent in two, the second with this status. */
static void split_last(struct reference_session *s, size_t start, uint64_t status)
{
    size_t last = last_extent(s);
    uint64_t length = length_at(s, last), front = length > 512 ? 512 : length / 2;

    if (front == 0)
        return;
    set_length_at(s, last, front);
    append_extent(s, start, length - front, status);
}

static void extent_split(struct reference_session *s, size_t start, const struct request *r)
{
    if (!(r->flags & NBD_CMD_FLAG_REQ_ONE))
        split_last(s, start, status_at(s, last_extent(s)));
}

static void req_one_ignored(struct reference_session *s, size_t start, const struct request *r)
{
    if (r->flags & NBD_CMD_FLAG_REQ_ONE)
        split_last(s, start, other_status(s));
}

static void req_one_long(struct reference_session *s, size_t start, const struct request *r)
{
    if (r->flags & NBD_CMD_FLAG_REQ_ONE)
        set_length_at(s, extents_at(s, start), r->length + 512);
}

static void set_status_bits(struct reference_session *s, size_t start, uint64_t bits)
{
    for (size_t at = extents_at(s, start); at < s->output.len; at += 2 * width(s))
        set_status_at(s, at, status_at(s, at) | bits);
}

static void status_reserved(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    set_status_bits(s, start, 0x80000000);
}

static void status_upper_bit(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    set_status_bits(s, start, UINT64_C(1) << 32);
}

/* Extents that are all the same then make one, lest they be reported for that. */
static void status_all_zero(struct reference_session *s, size_t start, const struct request *r)
{
    s->output.len = extents_at(s, start);
    append_extent(s, start, r->length, NBD_STATE_ZERO);
}

static void status_type_7(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start + TYPE_AT, 2, 7);
}

static void extent_fields_swapped(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    for (size_t at = extents_at(s, start); at < s->output.len; at += 2 * width(s))
        edit_exchange(s, at, at + width(s), width(s));
}

static void extents_reversed(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    for (size_t low = extents_at(s, start), high = last_extent(s); low < high;
         low += 2 * width(s), high -= 2 * width(s)) {
        edit_exchange(s, low, high, width(s));
        edit_exchange(s, low + width(s), high + width(s), width(s));
    }
}

/* As if the request began where the page does. */
static void extents_from_page(struct reference_session *s, size_t start, const struct request *r)
{
    if (!(r->flags & NBD_CMD_FLAG_REQ_ONE))
        set_length_at(s, extents_at(s, start),
                      length_at(s, extents_at(s, start)) + r->offset % STORE_PAGE_BYTES);
}

/* Moves the border between the first two extents, so that what is told to be zero has become shorter. */
static void move_border(struct reference_session *s, size_t start, uint64_t by)
{
    size_t first = extents_at(s, start), second = first + 2 * width(s);
    bool zero = status_at(s, first) & NBD_STATE_ZERO;
    size_t from = zero ? first : second, to = zero ? second : first;

    if (second >= s->output.len || length_at(s, from) <= by)
        return;
    set_length_at(s, from, length_at(s, from) - by);
    set_length_at(s, to, length_at(s, to) + by);
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
    s->output.len = extents_at(s, start);
    edit_insert(s, s->output.len, (EXTENTS_MOST + 1) * 2 * width(s));
    for (size_t at = extents_at(s, start), i = 0; at < s->output.len; at += 2 * width(s), i++) {
        set_length_at(s, at, length);
        set_status_at(s, at, i % 2 == 0 ? 0 : NBD_STATE_HOLE);
    }
    fit_count(s, start);
}

static bool is_allocation(const struct reference_session *s, size_t start)
{
    return edit_get(s, payload_of(s, start), 4) == contexts_id(s, CONTEXT_ALLOCATION);
}

static void holes_inverted(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    for (size_t at = extents_at(s, start); at < s->output.len && is_allocation(s, start); at += 2 * width(s))
        set_status_at(s, at, status_at(s, at) ^ NBD_STATE_HOLE);
}

static void clear_status_bits(struct reference_session *s, size_t start, uint64_t bits)
{
    for (size_t at = extents_at(s, start); at < s->output.len && is_allocation(s, start); at += 2 * width(s))
        set_status_at(s, at, status_at(s, at) & ~bits);
}

static void holes_untold(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    clear_status_bits(s, start, NBD_STATE_HOLE);
}

static void holes_as_bit_2(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    for (size_t at = extents_at(s, start); at < s->output.len && is_allocation(s, start); at += 2 * width(s))
        if (status_at(s, at) & NBD_STATE_HOLE)
            set_status_at(s, at, status_at(s, at) ^ (NBD_STATE_HOLE | 4));
}

static void zeroes_untold(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    clear_status_bits(s, start, NBD_STATE_ZERO);
}

static const struct reply_fault rows[] = {
    { FAULT_BLOCK_STATUS_LENGTH_ODD, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, chunk_longer },
    { FAULT_BLOCK_STATUS_WITHOUT_EXTENTS, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY,
      status_without_extents },
    { FAULT_BLOCK_STATUS_CONTEXT_UNKNOWN, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, status_context },
    { FAULT_BLOCK_STATUS_TWICE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, chunk_twice },
    { FAULT_EXTENT_EMPTY, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, extent_empty },
    { FAULT_EXTENT_BEHIND_REQUEST, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, extent_behind_request },
    { FAULT_EXTENTS_UNMERGED, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, extent_split },
    { FAULT_REQ_ONE_IGNORED, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, req_one_ignored },
    { FAULT_REQ_ONE_EXTENT_LONG, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, req_one_long },
    { FAULT_DATA_REPORTED_ZERO, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, status_all_zero },
    { FAULT_ZEROES_UNTOLD, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, zeroes_untold },
    { FAULT_RESERVED_STATE_BIT, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, status_reserved },
    { FAULT_BLOCK_STATUS_OF_TYPE_7, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, status_type_7 },
    { FAULT_EXTENT_FIELDS_SWAPPED, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, extent_fields_swapped },
    { FAULT_EXTENTS_REVERSED, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, extents_reversed },
    { FAULT_EXTENTS_FROM_PAGE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, extents_from_page },
    { FAULT_EXTENTS_ODD, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, extents_odd },
    { FAULT_EXTENTS_OF_SECTORS, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, extents_of_sectors },
    { FAULT_EXTENTS_TOO_MANY, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, extents_too_many },
    { FAULT_HOLES_INVERTED, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, holes_inverted },
    { FAULT_HOLES_AS_BIT_2, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, holes_as_bit_2 },
    { FAULT_HOLES_UNTOLD, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, holes_untold },
    { FAULT_STRUCTURED_STATUS_WIDE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY,
      extended_status_widened },

    { FAULT_EXTENDED_STATUS_OF_TYPE_7, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY,
      status_type_7 },
    { FAULT_EXTENDED_STATUS_TWICE, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY,
      chunk_twice },
    { FAULT_EXTENDED_STATUS_LENGTH_ODD, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY,
      chunk_longer },
    { FAULT_EXTENDED_STATUS_WITHOUT_EXTENTS, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY,
      status_without_extents },
    { FAULT_EXTENDED_STATUS_CONTEXT_UNKNOWN, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY,
      status_context },
    { FAULT_EXTENDED_EXTENT_FIELDS_SWAPPED, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY,
      extent_fields_swapped },
    { FAULT_EXTENDED_EXTENT_EMPTY, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY,
      extent_empty },
    { FAULT_EXTENDED_STATUS_UPPER_BIT, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY,
      status_upper_bit },
    { FAULT_EXTENDED_REQ_ONE_IGNORED, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY,
      req_one_ignored },
    { FAULT_EXTENDED_REQ_ONE_LONG, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY,
      req_one_long },
    { FAULT_EXTENDED_EXTENT_BEHIND_REQUEST, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY,
      extent_behind_request },
    { FAULT_EXTENDED_EXTENTS_REVERSED, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY,
      extents_reversed },
    { FAULT_EXTENDED_EXTENTS_TOO_MANY, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY,
      extents_too_many },
};

bool status_misconduct(struct reference_session *s, size_t start, enum scan_kind kind)
{
    return replies_alter(s, start, kind, rows, COUNT(rows));
}
