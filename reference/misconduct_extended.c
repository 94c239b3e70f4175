/* SPDX-License-Identifier: MIT */
/* What is sent under extended headers, altered on its way out: a function a fault, called with the place of
 * the message, and others called when the whole reply to a request is there. */
#include "reference/misconduct_parts.h"

enum {
    FLAGS_AT = 4,
    TYPE_AT = 6,
    COOKIE_AT = 8,
    OFFSET_AT = 16,
    LENGTH_AT = 24,
    PAYLOAD_AT = WIRE_SIZE_extended_reply,
    DATA_AT = PAYLOAD_AT + WIRE_SIZE_chunk_data,
    HOLE_SIZE_AT = PAYLOAD_AT + 8,
    COUNT_AT = PAYLOAD_AT + 4,
    EXTENTS_AT = PAYLOAD_AT + WIRE_SIZE_extended_status,
};

enum {
    REPEATED_MAX = 1 << 20,
    EXTENTS_MOST = 1 << 20,
    ROUND = 32 << 20,
    TYPE_UNKNOWN = 3,
    CONTEXT_UNKNOWN = 77
};

typedef void edit(struct reference_session *s, size_t start, const struct request *r);

/* Puts the bytes of payload that there are now into the header. */
static void set_length(struct reference_session *s, size_t start)
{
    edit_set(s, start + LENGTH_AT, 8, s->output.len - start - PAYLOAD_AT);
}

static void set_done(struct reference_session *s, size_t start, bool done)
{
    edit_set(s, start + FLAGS_AT, 2, done ? NBD_REPLY_FLAG_DONE : 0);
}

static void exchange(struct reference_session *s, size_t one, size_t other, size_t len)
{
    uint64_t kept = edit_get(s, one, len);

    edit_set(s, one, len, edit_get(s, other, len));
    edit_set(s, other, len, kept);
}

/* ---- headers ---- */

static void magic_changed(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start, 4, NBD_EXTENDED_REPLY_MAGIC ^ 1);
}

static void cookie_changed(struct reference_session *s, size_t start, const struct request *r)
{
    edit_set(s, start + COOKIE_AT, 8, r->cookie ^ 1);
}

static void cookie_cut(struct reference_session *s, size_t start, const struct request *r)
{
    edit_set(s, start + COOKIE_AT, 8, (uint32_t)r->cookie);
}

static void cookie_and_offset_swapped(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    exchange(s, start + COOKIE_AT, start + OFFSET_AT, 8);
}

static void offset_zero(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start + OFFSET_AT, 8, 0);
}

static void offset_cut(struct reference_session *s, size_t start, const struct request *r)
{
    edit_set(s, start + OFFSET_AT, 8, (uint32_t)r->offset);
}

static void offset_of_content(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start + OFFSET_AT, 8, edit_get(s, start + PAYLOAD_AT, 8));
}

static void length_upper_bit(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start + LENGTH_AT, 8, edit_get(s, start + LENGTH_AT, 8) | UINT64_C(1) << 32);
}

static void length_of_effect(struct reference_session *s, size_t start, const struct request *r)
{
    edit_set(s, start + LENGTH_AT, 8, r->length);
}

static void payload_short(struct reference_session *s, size_t start, const struct request *r)
{
    (void)start;
    (void)r;
    s->output.len--;
}

static void done_missing(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    set_done(s, start, false);
}

static void type_unknown(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start + TYPE_AT, 2, TYPE_UNKNOWN);
}

/* ---- payloads ---- */

static void longer(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_insert(s, s->output.len, 4);
    set_length(s, start);
}

static void error_short(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    s->output.len = start + PAYLOAD_AT + 4;
    set_length(s, start);
}

static void error_wide(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_insert(s, start + PAYLOAD_AT, 4);
    set_length(s, start);
}

static void hole_wide(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_insert(s, start + HOLE_SIZE_AT, 4);
    set_length(s, start);
}

/* Two chunks of one, and what ends the reply in both. */
static void done_early(struct reference_session *s, size_t start, const struct request *r)
{
    size_t bytes = s->output.len - start - DATA_AT, half = bytes / 2, second = start + DATA_AT + half;
    uint64_t offset = edit_get(s, start + PAYLOAD_AT, 8);
    struct wire_out out;

    if ((r->flags & NBD_CMD_FLAG_DF) || half == 0)
        return;
    edit_insert(s, second, DATA_AT);
    out = wire_out(s->output.bytes + second, DATA_AT);
    chunk_put_data_header(&out, (uint16_t)edit_get(s, start + FLAGS_AT, 2),
                          chunk_to_extended(r->cookie, r->offset), offset + half, (uint32_t)(bytes - half));
    edit_set(s, start + LENGTH_AT, 8, WIRE_SIZE_chunk_data + half);
    set_done(s, start, true);
}

/* ---- block status ---- */

static size_t last_extent(const struct reference_session *s)
{
    return s->output.len - WIRE_SIZE_extended_extent;
}

static void append_extent(struct reference_session *s, size_t start, uint64_t length, uint64_t flags)
{
    size_t at = s->output.len;

    edit_insert(s, at, WIRE_SIZE_extended_extent);
    edit_set(s, at, 8, length);
    edit_set(s, at + 8, 8, flags);
    edit_set(s, start + COUNT_AT, 4, edit_get(s, start + COUNT_AT, 4) + 1);
    set_length(s, start);
}

/* A status that differs from that of the last extent and claims nothing about contents. */
static uint64_t other_status(const struct reference_session *s)
{
    return edit_get(s, last_extent(s) + 8, 8) == 0 ? NBD_STATE_HOLE : 0;
}

static void status_type_7(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start + TYPE_AT, 2, 7);
}

static void status_twice(struct reference_session *s, size_t start, const struct request *r)
{
    size_t len = s->output.len - start;

    (void)r;
    if (len > REPEATED_MAX)
        return;
    edit_repeat(s, start, len);
    set_done(s, start, false);
}

/* The payload of a chunk of type 5, up to the first extent that does not fit one. */
static void status_narrow(struct reference_session *s, size_t start, const struct request *r)
{
    size_t from = start + EXTENTS_AT, to = start + PAYLOAD_AT + WIRE_SIZE_chunk_status;
    bool fits = true;

    (void)r;
    for (; fits && from < s->output.len; from += WIRE_SIZE_extended_extent, to += WIRE_SIZE_extent) {
        uint64_t length = edit_get(s, from, 8), flags = edit_get(s, from + 8, 8);

        fits = length <= UINT32_MAX;
        edit_set(s, to, 4, fits ? length : 0xffff0000);
        edit_set(s, to + 4, 4, flags);
    }
    s->output.len = to;
    edit_set(s, start + TYPE_AT, 2, NBD_REPLY_TYPE_BLOCK_STATUS);
    set_length(s, start);
}

static void status_narrow_where_it_fits(struct reference_session *s, size_t start, const struct request *r)
{
    if (r->length < 4096)
        status_narrow(s, start, r);
}

static void status_without_extents(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    s->output.len = start + EXTENTS_AT;
    edit_set(s, start + COUNT_AT, 4, 0);
    set_length(s, start);
}

static void status_fields_swapped(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    exchange(s, start + PAYLOAD_AT, start + COUNT_AT, 4);
}

static void status_context(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start + PAYLOAD_AT, 4, CONTEXT_UNKNOWN);
}

static void count_high(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start + COUNT_AT, 4, edit_get(s, start + COUNT_AT, 4) + 1);
}

static void count_zero(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start + COUNT_AT, 4, 0);
}

static void extent_fields_swapped(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    for (size_t at = start + EXTENTS_AT; at < s->output.len; at += WIRE_SIZE_extended_extent)
        exchange(s, at, at + 8, 8);
}

static void extent_empty(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start + EXTENTS_AT, 8, 0);
}

static void status_upper_bit(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    for (size_t at = start + EXTENTS_AT; at < s->output.len; at += WIRE_SIZE_extended_extent)
        edit_set(s, at + 8, 8, edit_get(s, at + 8, 8) | UINT64_C(1) << 32);
}

static void req_one_ignored(struct reference_session *s, size_t start, const struct request *r)
{
    size_t last = last_extent(s);
    uint64_t length = edit_get(s, last, 8), front = length > 512 ? 512 : length / 2;

    if (!(r->flags & NBD_CMD_FLAG_REQ_ONE) || front == 0)
        return;
    edit_set(s, last, 8, front);
    append_extent(s, start, length - front, other_status(s));
}

static void req_one_long(struct reference_session *s, size_t start, const struct request *r)
{
    if (r->flags & NBD_CMD_FLAG_REQ_ONE)
        edit_set(s, start + EXTENTS_AT, 8, r->length + 512);
}

static void extent_behind_request(struct reference_session *s, size_t start, const struct request *r)
{
    if (!(r->flags & NBD_CMD_FLAG_REQ_ONE))
        append_extent(s, start, 512, other_status(s));
}

static void extents_reversed(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    for (size_t low = start + EXTENTS_AT, high = last_extent(s); low < high;
         low += WIRE_SIZE_extended_extent, high -= WIRE_SIZE_extended_extent) {
        exchange(s, low, high, 8);
        exchange(s, low + 8, high + 8, 8);
    }
}

/* Two statuses in turn, neither of which claims anything about contents; in answer to round requests alone,
 * for they are many. */
static void extents_too_many(struct reference_session *s, size_t start, const struct request *r)
{
    uint64_t length = r->length / (EXTENTS_MOST + 1);

    if ((r->flags & NBD_CMD_FLAG_REQ_ONE) || length == 0 || r->length % ROUND != 0)
        return;
    s->output.len = start + EXTENTS_AT;
    edit_insert(s, s->output.len, (EXTENTS_MOST + 1) * WIRE_SIZE_extended_extent);
    for (size_t at = start + EXTENTS_AT, i = 0; at < s->output.len; at += WIRE_SIZE_extended_extent, i++) {
        edit_set(s, at, 8, length);
        edit_set(s, at + 8, 8, i % 2 == 0 ? 0 : NBD_STATE_HOLE);
    }
    edit_set(s, start + COUNT_AT, 4, EXTENTS_MOST + 1);
    set_length(s, start);
}

/* Chunks of that type that answer such a command.  Columns that are ANY match everything. */
#define ANY UINT32_MAX
static const struct extended_fault {
    enum fault fault;
    uint32_t chunk, command;
    edit *edit;
} rows[] = {
    { FAULT_EXTENDED_LENGTH_OF_EFFECT, NBD_REPLY_TYPE_NONE, ANY, length_of_effect },
    { FAULT_EXTENDED_DONE_MISSING, NBD_REPLY_TYPE_NONE, ANY, done_missing },
    { FAULT_EXTENDED_SUCCESS_OF_UNKNOWN_TYPE, NBD_REPLY_TYPE_NONE, ANY, type_unknown },
    { FAULT_EXTENDED_SUCCESS_WITH_PAYLOAD, NBD_REPLY_TYPE_NONE, ANY, longer },
    { FAULT_EXTENDED_OFFSET_ZERO_OF_SUCCESS, NBD_REPLY_TYPE_NONE, ANY, offset_zero },

    { FAULT_EXTENDED_PAYLOAD_SHORT, NBD_REPLY_TYPE_OFFSET_DATA, ANY, payload_short },
    { FAULT_EXTENDED_DONE_EARLY, NBD_REPLY_TYPE_OFFSET_DATA, ANY, done_early },
    { FAULT_EXTENDED_DATA_OF_UNKNOWN_TYPE, NBD_REPLY_TYPE_OFFSET_DATA, ANY, type_unknown },
    { FAULT_EXTENDED_READ_ENDLESS, NBD_REPLY_TYPE_OFFSET_DATA, ANY, done_missing },
    { FAULT_EXTENDED_READ_ENDLESS, NBD_REPLY_TYPE_OFFSET_HOLE, ANY, done_missing },
    { FAULT_EXTENDED_OFFSET_OF_CONTENT, NBD_REPLY_TYPE_OFFSET_DATA, ANY, offset_of_content },
    { FAULT_EXTENDED_OFFSET_OF_CONTENT, NBD_REPLY_TYPE_OFFSET_HOLE, ANY, offset_of_content },
    { FAULT_EXTENDED_HOLE_WIDE, NBD_REPLY_TYPE_OFFSET_HOLE, ANY, hole_wide },

    { FAULT_EXTENDED_ERROR_SHORT, NBD_REPLY_TYPE_ERROR, ANY, error_short },
    { FAULT_EXTENDED_ERROR_WIDE, NBD_REPLY_TYPE_ERROR, ANY, error_wide },
    { FAULT_EXTENDED_OFFSET_ZERO_OF_ERRORS, NBD_REPLY_TYPE_ERROR, ANY, offset_zero },

    { FAULT_EXTENDED_STATUS_OF_TYPE_7, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY, status_type_7 },
    { FAULT_EXTENDED_STATUS_TWICE, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY, status_twice },
    { FAULT_EXTENDED_STATUS_NARROW, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY, status_narrow },
    { FAULT_EXTENDED_STATUS_NARROW_WHERE_IT_FITS, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY,
      status_narrow_where_it_fits },
    { FAULT_EXTENDED_STATUS_LENGTH_ODD, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY, longer },
    { FAULT_EXTENDED_STATUS_WITHOUT_EXTENTS, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY, status_without_extents },
    { FAULT_EXTENDED_STATUS_FIELDS_SWAPPED, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY, status_fields_swapped },
    { FAULT_EXTENDED_STATUS_CONTEXT_UNKNOWN, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY, status_context },
    { FAULT_EXTENDED_STATUS_COUNT_HIGH, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY, count_high },
    { FAULT_EXTENDED_STATUS_COUNT_ZERO, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY, count_zero },
    { FAULT_EXTENDED_EXTENT_FIELDS_SWAPPED, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY, extent_fields_swapped },
    { FAULT_EXTENDED_EXTENT_EMPTY, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY, extent_empty },
    { FAULT_EXTENDED_STATUS_UPPER_BIT, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY, status_upper_bit },
    { FAULT_EXTENDED_REQ_ONE_IGNORED, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY, req_one_ignored },
    { FAULT_EXTENDED_REQ_ONE_LONG, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY, req_one_long },
    { FAULT_EXTENDED_EXTENT_BEHIND_REQUEST, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY, extent_behind_request },
    { FAULT_EXTENDED_EXTENTS_REVERSED, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY, extents_reversed },
    { FAULT_EXTENDED_EXTENTS_TOO_MANY, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY, extents_too_many },

    { FAULT_EXTENDED_REPLY_MAGIC_WRONG, ANY, ANY, magic_changed },
    { FAULT_EXTENDED_COOKIE_CHANGED, ANY, ANY, cookie_changed },
    { FAULT_EXTENDED_COOKIE_CUT, ANY, ANY, cookie_cut },
    { FAULT_EXTENDED_COOKIE_AND_OFFSET_SWAPPED, ANY, ANY, cookie_and_offset_swapped },
    { FAULT_EXTENDED_OFFSET_ZERO, ANY, ANY, offset_zero },
    { FAULT_EXTENDED_OFFSET_CUT, ANY, ANY, offset_cut },
    { FAULT_EXTENDED_LENGTH_UPPER_BIT, ANY, ANY, length_upper_bit },
};

void extended_misconduct(struct reference_session *s, size_t start)
{
    const struct request *r = &s->in.request;
    uint64_t chunk = edit_get(s, start + TYPE_AT, 2);

    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct extended_fault *row = &rows[i];

        if (!fault_on(s, row->fault) || (row->chunk != ANY && row->chunk != chunk) ||
            (row->command != ANY && row->command != r->type))
            continue;
        row->edit(s, start, r);
        return; /* one alteration a message, so that each finds what it expects */
    }
}

/* ---- whole replies ---- */

enum form { SIMPLE, STRUCTURED, EXTENDED };

/* Answers once more in that form. */
static void answer_again(struct reference_session *s, const struct request *r, size_t start, enum form form)
{
    bool extended = s->extended, structured = s->structured;

    s->output.len = start;
    s->extended = form == EXTENDED;
    s->structured = form != SIMPLE;
    if (s->in.error != 0)
        answer_error(s, r, s->in.error, s->in.why);
    else if (r->type == NBD_CMD_READ)
        answer_read(s, r);
    else if (r->type == NBD_CMD_BLOCK_STATUS)
        answer_block_status(s, r);
    else
        answer_done(s, r);
    s->extended = extended;
    s->structured = structured;
}

/* The form that a fault wants instead of the one that was negotiated. */
static enum form wanted_form(const struct reference_session *s, const struct request *r)
{
    const struct misconduct *m = s->misconduct;
    bool error = s->in.error != 0, read = r->type == NBD_CMD_READ, status = r->type == NBD_CMD_BLOCK_STATUS;

    if (!error && status)
        return EXTENDED;
    if ((error && fault_on(s, FAULT_EXTENDED_ERROR_SIMPLE)) ||
        (!error && !read && fault_on(s, FAULT_EXTENDED_SUCCESS_SIMPLE)) ||
        (!error && read && r->length <= transmission_payload_max(s->export) &&
         fault_on(s, FAULT_EXTENDED_READ_SIMPLE)))
        return SIMPLE;
    if ((error && fault_on(s, FAULT_EXTENDED_ERROR_STRUCTURED)) ||
        (!error && read && fault_on(s, FAULT_EXTENDED_READ_STRUCTURED)) ||
        (r->type == NBD_CMD_FLUSH && fault_on(s, FAULT_EXTENDED_REPLY_STRUCTURED)) ||
        (m->structured_before && fault_on(s, FAULT_EXTENDED_HEADERS_LOSE_TO_STRUCTURED)) ||
        (m->structured_after && fault_on(s, FAULT_STRUCTURED_REPLY_DOWNGRADES)))
        return STRUCTURED;
    return EXTENDED;
}

/* The data of a READ in one chunk, however many they are. */
static void answer_in_one_chunk(struct reference_session *s, const struct request *r, size_t start)
{
    struct wire_out out;

    s->output.len = start;
    out = answer_room(s, DATA_AT + r->length);
    chunk_put_data_header(&out, NBD_REPLY_FLAG_DONE, chunk_to_extended(r->cookie, r->offset), r->offset,
                          (uint32_t)r->length);
    store_read(s->export->store, r->offset, out.at + out.len, r->length);
}

void extended_misconduct_answered(struct reference_session *s, const struct request *r, size_t start)
{
    bool done = s->in.error == 0, read = r->type == NBD_CMD_READ, status = r->type == NBD_CMD_BLOCK_STATUS;

    if (!s->extended) {
        if (r->type == NBD_CMD_FLUSH && fault_on(s, FAULT_EXTENDED_REPLY_UNNEGOTIATED))
            answer_again(s, r, start, EXTENDED);
        return;
    }
    if (wanted_form(s, r) != EXTENDED)
        answer_again(s, r, start, wanted_form(s, r));
    if (done && read && r->length > transmission_payload_max(s->export) &&
        r->length <= REFERENCE_MAX_PAYLOAD && fault_on(s, FAULT_EXTENDED_DATA_CHUNK_LONG))
        answer_in_one_chunk(s, r, start);
    if (done && ((read && fault_on(s, FAULT_EXTENDED_READ_WITHOUT_CONTENT)) ||
                 (status && fault_on(s, FAULT_EXTENDED_STATUS_MISSING)))) {
        s->output.len = start;
        answer_done(s, r);
    }
}

/* ---- without extended headers ---- */

/* A status of structured replies becomes one of type 6. */
void extended_status_widened(struct reference_session *s, size_t start, const struct request *r)
{
    size_t payload = start + WIRE_SIZE_chunk, narrow = payload + WIRE_SIZE_chunk_status;
    size_t wide = payload + WIRE_SIZE_extended_status;
    size_t count = (s->output.len - narrow) / WIRE_SIZE_extent;

    (void)r;
    edit_insert(s, s->output.len, 4 + count * (WIRE_SIZE_extended_extent - WIRE_SIZE_extent));
    for (size_t i = count; i > 0; i--) { /* from the end, where there is room */
        size_t from = narrow + (i - 1) * WIRE_SIZE_extent, to = wide + (i - 1) * WIRE_SIZE_extended_extent;
        uint64_t length = edit_get(s, from, 4), flags = edit_get(s, from + 4, 4);

        edit_set(s, to, 8, length);
        edit_set(s, to + 8, 8, flags);
    }
    edit_set(s, payload + 4, 4, count);
    edit_set(s, start + TYPE_AT, 2, NBD_REPLY_TYPE_BLOCK_STATUS_EXT);
    edit_set(s, start + 16, 4, s->output.len - payload);
}
