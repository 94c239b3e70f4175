/* SPDX-License-Identifier: MIT */
/* Chunks of block status, altered on their way out: a function a fault. */
#include "reference/misconduct_replies.h"

enum { EXTENTS_AT = PAYLOAD_AT + WIRE_SIZE_chunk_status };

enum { EXTENTS_MOST = 1 << 20, ROUND = 32 << 20 };

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

static void clear_status_bits(struct reference_session *s, size_t start, uint64_t bits)
{
    for (size_t at = start + EXTENTS_AT; at < s->output.len && is_allocation(s, start);
         at += WIRE_SIZE_extent)
        edit_set(s, at + 4, 4, edit_get(s, at + 4, 4) & ~bits);
}

static void holes_untold(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    clear_status_bits(s, start, NBD_STATE_HOLE);
}

static void zeroes_untold(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    clear_status_bits(s, start, NBD_STATE_ZERO);
}

static const struct reply_fault rows[] = {
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
    { FAULT_HOLES_UNTOLD, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY, holes_untold },
    { FAULT_STRUCTURED_STATUS_WIDE, SCAN_KIND_CHUNK, NBD_REPLY_TYPE_BLOCK_STATUS, ANY,
      extended_status_widened },
};

bool status_misconduct(struct reference_session *s, size_t start, enum scan_kind kind)
{
    return replies_alter(s, start, kind, rows, COUNT(rows));
}
