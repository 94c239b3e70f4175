/* SPDX-License-Identifier: MIT */
/* What there is only with extended headers, altered on its way out: a function a fault, called with the place
 * of the message, and others called when the whole reply to a request is there. */
#include "reference/misconduct_replies.h"

enum {
    DATA_AT = EXTENDED_PAYLOAD_AT + WIRE_SIZE_chunk_data,
    HOLE_SIZE_AT = EXTENDED_PAYLOAD_AT + 8,
    COUNT_AT = EXTENDED_PAYLOAD_AT + 4,
    EXTENTS_AT = EXTENDED_PAYLOAD_AT + WIRE_SIZE_extended_status,
};

enum { TYPE_UNKNOWN = 3 };

/* ---- headers ---- */

static void cookie_and_offset_swapped(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_exchange(s, start + COOKIE_AT, start + OFFSET_AT, 8);
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
    edit_set(s, start + OFFSET_AT, 8, edit_get(s, start + EXTENDED_PAYLOAD_AT, 8));
}

static void length_upper_bit(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start + EXTENDED_LENGTH_AT, 8,
             edit_get(s, start + EXTENDED_LENGTH_AT, 8) | UINT64_C(1) << 32);
}

static void length_of_effect(struct reference_session *s, size_t start, const struct request *r)
{
    edit_set(s, start + EXTENDED_LENGTH_AT, 8, r->length);
}

static void payload_short(struct reference_session *s, size_t start, const struct request *r)
{
    (void)start;
    (void)r;
    s->output.len--;
}

static void type_unknown(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_set(s, start + TYPE_AT, 2, TYPE_UNKNOWN);
}

/* ---- payloads ---- */

static void error_wide(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_insert(s, start + EXTENDED_PAYLOAD_AT, 4);
    fit_length(s, start);
}

static void hole_wide(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_insert(s, start + HOLE_SIZE_AT, 4);
    fit_length(s, start);
}

/* Two chunks of one, and what ends the reply in both. */
static void done_early(struct reference_session *s, size_t start, const struct request *r)
{
    size_t half = (s->output.len - start - DATA_AT) / 2;

    if ((r->flags & NBD_CMD_FLAG_DF) || half == 0)
        return;
    chunk_split(s, start, r, half);
    set_done(s, start, true);
}

/* ---- block status ---- */

/* The payload of a chunk of type 5, up to the first extent that does not fit one. */
static void status_narrow(struct reference_session *s, size_t start, const struct request *r)
{
    size_t from = start + EXTENTS_AT, to = start + EXTENDED_PAYLOAD_AT + WIRE_SIZE_chunk_status;
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
    fit_length(s, start);
}

static void status_narrow_where_it_fits(struct reference_session *s, size_t start, const struct request *r)
{
    if (r->length < 4096)
        status_narrow(s, start, r);
}

static void status_fields_swapped(struct reference_session *s, size_t start, const struct request *r)
{
    (void)r;
    edit_exchange(s, start + EXTENDED_PAYLOAD_AT, start + COUNT_AT, 4);
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

static const struct reply_fault rows[] = {
    { FAULT_EXTENDED_LENGTH_OF_EFFECT, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_NONE, ANY, length_of_effect },
    { FAULT_EXTENDED_DONE_MISSING, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_NONE, ANY, chunk_without_done },
    { FAULT_EXTENDED_SUCCESS_OF_UNKNOWN_TYPE, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_NONE, ANY,
      type_unknown },
    { FAULT_EXTENDED_SUCCESS_WITH_PAYLOAD, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_NONE, ANY, chunk_longer },
    { FAULT_EXTENDED_OFFSET_ZERO_OF_SUCCESS, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_NONE, ANY,
      offset_zero },
    { FAULT_EXTENDED_PAYLOAD_SHORT, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_OFFSET_DATA, ANY,
      payload_short },
    { FAULT_EXTENDED_DONE_EARLY, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_OFFSET_DATA, ANY, done_early },
    { FAULT_EXTENDED_DATA_OF_UNKNOWN_TYPE, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_OFFSET_DATA, ANY,
      type_unknown },
    { FAULT_EXTENDED_READ_ENDLESS, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_OFFSET_DATA, ANY,
      chunk_without_done },
    { FAULT_EXTENDED_READ_ENDLESS, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_OFFSET_HOLE, ANY,
      chunk_without_done },
    { FAULT_EXTENDED_OFFSET_OF_CONTENT, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_OFFSET_DATA, ANY,
      offset_of_content },
    { FAULT_EXTENDED_OFFSET_OF_CONTENT, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_OFFSET_HOLE, ANY,
      offset_of_content },
    { FAULT_EXTENDED_HOLE_WIDE, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_OFFSET_HOLE, ANY, hole_wide },
    { FAULT_EXTENDED_ERROR_SHORT, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_ERROR, ANY, error_chunk_short },
    { FAULT_EXTENDED_ERROR_WIDE, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_ERROR, ANY, error_wide },
    { FAULT_EXTENDED_OFFSET_ZERO_OF_ERRORS, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_ERROR, ANY,
      offset_zero },
    { FAULT_EXTENDED_STATUS_NARROW, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY,
      status_narrow },
    { FAULT_EXTENDED_STATUS_NARROW_WHERE_IT_FITS, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_BLOCK_STATUS_EXT,
      ANY, status_narrow_where_it_fits },
    { FAULT_EXTENDED_STATUS_FIELDS_SWAPPED, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY,
      status_fields_swapped },
    { FAULT_EXTENDED_STATUS_COUNT_HIGH, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY,
      count_high },
    { FAULT_EXTENDED_STATUS_COUNT_ZERO, SCAN_KIND_EXTENDED_REPLY, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, ANY,
      count_zero },
    { FAULT_EXTENDED_COOKIE_AND_OFFSET_SWAPPED, SCAN_KIND_EXTENDED_REPLY, ANY, ANY,
      cookie_and_offset_swapped },
    { FAULT_EXTENDED_OFFSET_ZERO, SCAN_KIND_EXTENDED_REPLY, ANY, ANY, offset_zero },
    { FAULT_EXTENDED_OFFSET_CUT, SCAN_KIND_EXTENDED_REPLY, ANY, ANY, offset_cut },
    { FAULT_EXTENDED_LENGTH_UPPER_BIT, SCAN_KIND_EXTENDED_REPLY, ANY, ANY, length_upper_bit },
};

bool extended_misconduct(struct reference_session *s, size_t start, enum scan_kind kind)
{
    return replies_alter(s, start, kind, rows, COUNT(rows));
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
    transmission_answer(s, r);
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
    size_t payload = start + PAYLOAD_AT, narrow = payload + WIRE_SIZE_chunk_status;
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
    fit_length(s, start);
}
