/* SPDX-License-Identifier: MIT */
/* Replies altered on their way out, simple ones and any: a function a fault, called with the place of the
 * message; and others called when the whole reply to a request is there.  Chunks: misconduct_chunks.c,
 * misconduct_status.c, misconduct_extended.c. */
#include "reference/misconduct_replies.h"

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

static void payload_last_byte_with_fua(struct reference_session *s, size_t start, const struct request *r)
{
    if (r->flags & NBD_CMD_FLAG_FUA)
        payload_last_byte(s, start, r);
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

static void simple_cookie_first(struct reference_session *s, size_t start, const struct request *r)
{
    uint64_t error = edit_get(s, start + ERROR_AT, 4);

    if (command_rules_of(r->type))
        return;
    edit_set(s, start + ERROR_AT, 8, r->cookie);
    edit_set(s, start + ERROR_AT + 8, 4, error);
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

static const struct reply_fault rows[] = {
    { FAULT_READ_PAYLOAD_SHORT, SCAN_KIND_SIMPLE_REPLY, ANY, NBD_CMD_READ, payload_short },
    { FAULT_READ_PAYLOAD_LONG, SCAN_KIND_SIMPLE_REPLY, ANY, NBD_CMD_READ, payload_long },
    { FAULT_READ_LAST_BYTE_WRONG, SCAN_KIND_SIMPLE_REPLY, ANY, NBD_CMD_READ, payload_last_byte },
    { FAULT_READ_FUA_LAST_BYTE_WRONG, SCAN_KIND_SIMPLE_REPLY, ANY, NBD_CMD_READ, payload_last_byte_with_fua },
    { FAULT_READ_ERROR_WITH_PAYLOAD, SCAN_KIND_SIMPLE_REPLY, ANY, NBD_CMD_READ, payload_after_error },
    { FAULT_WRITE_WITH_PAYLOAD, SCAN_KIND_SIMPLE_REPLY, ANY, NBD_CMD_WRITE, payload_of_other },
    { FAULT_FLUSH_WITH_PAYLOAD, SCAN_KIND_SIMPLE_REPLY, ANY, NBD_CMD_FLUSH, payload_of_other },
    { FAULT_CACHE_WITH_DATA, SCAN_KIND_SIMPLE_REPLY, ANY, NBD_CMD_CACHE, payload_of_other },
    { FAULT_SIMPLE_COOKIE_FIRST, SCAN_KIND_SIMPLE_REPLY, ANY, ANY, simple_cookie_first },
    { FAULT_FLUSH_MAGIC_OF_OLD, SCAN_KIND_SIMPLE_REPLY, ANY, NBD_CMD_FLUSH, magic_of_old },
    { FAULT_FLUSH_MAGIC_OF_LOG, SCAN_KIND_SIMPLE_REPLY, ANY, NBD_CMD_FLUSH, magic_of_log },
    { FAULT_ERROR_REVERSED, SCAN_KIND_SIMPLE_REPLY, ANY, ANY, error_reversed },
    { FAULT_COOKIE_CHANGED, SCAN_KIND_SIMPLE_REPLY, ANY, ANY, cookie_changed },
    { FAULT_COOKIE_CHANGED, SCAN_KIND_CHUNK, ANY, ANY, cookie_changed },
    { FAULT_COOKIE_BYTES_SWAPPED, SCAN_KIND_SIMPLE_REPLY, ANY, ANY, cookie_swapped },
    { FAULT_COOKIE_BYTES_SWAPPED, SCAN_KIND_CHUNK, ANY, ANY, cookie_swapped },
    { FAULT_COOKIE_CUT_TO_32_BITS, SCAN_KIND_SIMPLE_REPLY, ANY, ANY, cookie_cut },
    { FAULT_COOKIE_CUT_TO_32_BITS, SCAN_KIND_CHUNK, ANY, ANY, cookie_cut },
    { FAULT_REPLY_MAGIC_WRONG, SCAN_KIND_SIMPLE_REPLY, ANY, ANY, magic_changed },
    { FAULT_REPLY_MAGIC_WRONG, SCAN_KIND_CHUNK, ANY, ANY, magic_changed },
    { FAULT_EXTENDED_REPLY_MAGIC_WRONG, SCAN_KIND_EXTENDED_REPLY, ANY, ANY, magic_changed },
    { FAULT_EXTENDED_COOKIE_CHANGED, SCAN_KIND_EXTENDED_REPLY, ANY, ANY, cookie_changed },
    { FAULT_EXTENDED_COOKIE_CUT, SCAN_KIND_EXTENDED_REPLY, ANY, ANY, cookie_cut },
};

bool replies_alter(struct reference_session *s, size_t start, enum scan_kind kind,
                   const struct reply_fault *faults, size_t count)
{
    const struct request *r = &s->in.request;
    uint64_t chunk =
        edit_get(s, start + TYPE_AT, 2); /* of a simple reply: nothing that rows for those look at */

    for (size_t i = 0; i < count; i++) {
        const struct reply_fault *row = &faults[i];

        if (!fault_on(s, row->fault) || row->kind != kind || (row->chunk != ANY && row->chunk != chunk) ||
            (row->command != ANY && row->command != r->type))
            continue;
        row->edit(s, start, r);
        return true;
    }
    return false;
}

void replies_misconduct(struct reference_session *s, size_t start, enum scan_kind kind)
{
    if (!chunks_misconduct(s, start, kind) && !status_misconduct(s, start, kind) &&
        !extended_misconduct(s, start, kind))
        replies_alter(s, start, kind, rows, COUNT(rows));
}

/* ---- whole replies ---- */

/* Answers once more in the other form: structured where simple was agreed, and the other way round. */
static void answer_in_other_form(struct reference_session *s, const struct request *r, size_t start)
{
    s->output.len = start;
    s->structured = !s->structured;
    if (r->type == NBD_CMD_BLOCK_STATUS && s->in.error == 0)
        answer_done(s, r); /* a status has no other form */
    else
        transmission_answer(s, r);
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

    edit_insert(s, start, PAYLOAD_AT + WIRE_SIZE_chunk_data + 1);
    out = wire_out(s->output.bytes + start, PAYLOAD_AT + WIRE_SIZE_chunk_data);
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
