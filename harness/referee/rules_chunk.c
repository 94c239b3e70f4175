/* SPDX-License-Identifier: MIT */
/* Chunks in reply to READ, and the data that were read.  proto.md, "Structured reply types",
 * "Request types". */
#include <inttypes.h>

#include "referee/rule.h"
#include "wire/constants.h"

static const struct chunk_data *content(const struct sight *at)
{
    return &at->message->chunk;
}

static bool is_type(const struct sight *at, uint16_t type)
{
    return at->message->chunk_head.type == type;
}

static bool is_for_read(const struct sight *at)
{
    return at->exchange && at->exchange->request.type == NBD_CMD_READ;
}

bool none_without_done(const struct sight *at)
{
    return is_type(at, NBD_REPLY_TYPE_NONE) && !(at->message->chunk_head.flags & NBD_REPLY_FLAG_DONE) &&
           broken(at, "a NONE chunk with flags 0x%04x", at->message->chunk_head.flags);
}

/* ---- content chunks ---- */

static bool is_for_another_command(const struct sight *at)
{
    return at->exchange && !is_for_read(at) && command_rules_of(at->exchange->request.type) &&
           broken(at, "one in the reply to %s", command_rules_of(at->exchange->request.type)->name);
}

bool data_for_another_command(const struct sight *at)
{
    return is_type(at, NBD_REPLY_TYPE_OFFSET_DATA) && is_for_another_command(at);
}

bool hole_for_another_command(const struct sight *at)
{
    return is_type(at, NBD_REPLY_TYPE_OFFSET_HOLE) && is_for_another_command(at);
}

static bool outside(const struct sight *at)
{
    const struct exchange *e = at->exchange;
    const struct chunk_data *chunk = content(at);

    return is_for_read(at) && !at->message->flaw.rule &&
           !assemble_is_inside(e, chunk->offset, chunk->data_bytes) &&
           broken(at, "%" PRIu64 " bytes from %" PRIu64 "; %" PRIu64 " from %" PRIu64 " were asked for",
                  chunk->data_bytes, chunk->offset, e->request.length, e->request.offset);
}

bool data_outside(const struct sight *at)
{
    return is_type(at, NBD_REPLY_TYPE_OFFSET_DATA) && outside(at);
}

bool hole_outside(const struct sight *at)
{
    return is_type(at, NBD_REPLY_TYPE_OFFSET_HOLE) && outside(at);
}

bool content_overlaps(const struct sight *at)
{
    const struct chunk_data *chunk = content(at);

    return is_for_read(at) && chunk->role == CHUNK_CONTENT && !at->message->flaw.rule &&
           assemble_is_inside(at->exchange, chunk->offset, chunk->data_bytes) &&
           assemble_is_covered(at->exchange, chunk->offset, chunk->data_bytes) &&
           broken(at, "%" PRIu64 " bytes from %" PRIu64 ", some of which were covered before",
                  chunk->data_bytes, chunk->offset);
}

bool error_offset_outside(const struct sight *at)
{
    const struct exchange *e = at->exchange;
    const struct chunk_data *chunk = content(at);

    return e && is_type(at, NBD_REPLY_TYPE_ERROR_OFFSET) && chunk->has_error_offset &&
           e->request.length > 0 && !at->message->flaw.rule && !assemble_is_inside(e, chunk->offset, 1) &&
           broken(at, "error offset %" PRIu64 "; the request has %" PRIu64 " bytes from %" PRIu64,
                  chunk->offset, e->request.length, e->request.offset);
}

bool second_content_chunk(const struct sight *at)
{
    const struct exchange *e = at->exchange;

    return is_for_read(at) && content(at)->role == CHUNK_CONTENT && (e->request.flags & NBD_CMD_FLAG_DF) &&
           (at->session->negotiated.transmission_flags & NBD_FLAG_SEND_DF) &&
           e->data_chunks + e->hole_chunks > 0 &&
           broken(at, "content chunk number %u in reply to a READ with DF",
                  e->data_chunks + e->hole_chunks + 1);
}

/* The length of such a chunk has 32 bits. */
bool length_overflown(const struct sight *at)
{
    uint64_t payload;

    if (!is_for_read(at) || !is_type(at, NBD_REPLY_TYPE_OFFSET_DATA))
        return false;
    payload = at->exchange->request.length + WIRE_SIZE_chunk_data;
    return payload > UINT32_MAX && at->message->chunk_head.length == (uint32_t)payload &&
           broken(at, "a chunk with length %" PRIu64 " for %" PRIu64 " bytes", at->message->chunk_head.length,
                  at->exchange->request.length);
}

/* ---- the whole reply to READ ---- */

static bool is_good_read(const struct sight *at)
{
    return is_for_read(at) && at->exchange->error == 0 && at->exchange->error_chunks == 0;
}

bool read_not_covered(const struct sight *at)
{
    const struct exchange *e = at->exchange;

    return is_good_read(at) && e->form != REPLY_FORM_SIMPLE && !held_of(e)->untracked &&
           e->covered < e->request.length &&
           broken(at, "%" PRIu64 " of %" PRIu64 " bytes, without an error", e->covered, e->request.length);
}

static bool differs(const struct sight *at, enum model_origin origin, const char *should)
{
    const struct model_mismatch *wrong;

    if (!is_good_read(at))
        return false;
    wrong = &held_of(at->exchange)->wrong.data;
    return wrong->bytes > 0 && wrong->origin == origin &&
           broken(at, "byte %" PRIu64 " reads as 0x%02x, %s 0x%02x; %" PRIu64 " bytes differ", wrong->offset,
                  wrong->got, should, wrong->wanted, wrong->bytes);
}

bool read_differs_from_written(const struct sight *at)
{
    return differs(at, MODEL_WRITTEN, "was written as");
}

bool read_differs_from_zeroed(const struct sight *at)
{
    return differs(at, MODEL_ZEROED, "was zeroed:");
}

bool read_differs_from_kept(const struct sight *at)
{
    return differs(at, MODEL_KEPT, "was before a refused request");
}

bool read_misplaced(const struct sight *at)
{
    const struct content *wrong;

    if (!is_good_read(at))
        return false;
    wrong = &held_of(at->exchange)->wrong;
    return wrong->misplaced &&
           broken(at, "the data of a chunk for offset %" PRIu64 " or before are those from %" PRIu64,
                  wrong->data.offset, wrong->right_at);
}

bool hole_not_zero(const struct sight *at)
{
    const struct model_mismatch *wrong;

    if (!is_good_read(at))
        return false;
    wrong = &held_of(at->exchange)->wrong.hole;
    return wrong->bytes > 0 &&
           broken(at, "a hole over byte %" PRIu64 ", which is 0x%02x; %" PRIu64 " bytes are not zero",
                  wrong->offset, wrong->wanted, wrong->bytes);
}

/* ---- how it is divided ---- */

enum { SECTOR = 512, CHUNKS_FEW = 16 };

/* A border between content chunks that lies within a sector all of which was asked for.  Where the request
 * begins or ends there it may be anywhere. */
static bool is_odd_border(const struct sight *at, uint64_t border)
{
    return border % SECTOR != 0 && assemble_is_inside(at->exchange, border - border % SECTOR, SECTOR);
}

bool chunks_not_aligned(const struct sight *at)
{
    const struct held *h;

    if (!is_good_read(at) || at->exchange->covered < at->exchange->request.length)
        return false;
    h = held_of(at->exchange);
    for (size_t i = 0; i < h->content_count; i++)
        if (is_odd_border(at, h->contents[i].start) || is_odd_border(at, h->contents[i].end))
            return broken(at,
                          "a chunk of %" PRIu64 " bytes from %" PRIu64 " among those for %" PRIu64
                          " bytes from %" PRIu64,
                          h->contents[i].end - h->contents[i].start, h->contents[i].start,
                          at->exchange->request.length, at->exchange->request.offset);
    return false;
}

/* "A server SHOULD try to minimize the number of chunks": one for each sector and more is no trying. */
bool too_many_chunks(const struct sight *at)
{
    const struct exchange *e = at->exchange;
    unsigned chunks;

    if (!is_good_read(at))
        return false;
    chunks = e->data_chunks + e->hole_chunks;
    return chunks > CHUNKS_FEW && chunks > e->request.length / SECTOR + 2 &&
           broken(at, "%u content chunks for %" PRIu64 " bytes", chunks, e->request.length);
}

/* ---- DF ---- */

static bool has_df(const struct sight *at)
{
    return is_for_read(at) && (at->exchange->request.flags & NBD_CMD_FLAG_DF) &&
           (at->session->negotiated.transmission_flags & NBD_FLAG_SEND_DF);
}

/* A hole in the reply while not all that was asked for is one. */
bool hole_for_both(const struct sight *at)
{
    const struct exchange *e = at->exchange;
    const struct model_mismatch *data;

    if (!has_df(at) || !is_good_read(at) || e->hole_chunks == 0)
        return false;
    data = &held_of(e)->wrong.hole;
    if (e->covered < e->request.length)
        return broken(at, "a hole over %" PRIu64 " of %" PRIu64 " bytes", e->covered, e->request.length);
    return data->bytes > 0 && data->bytes < e->request.length &&
           broken(at, "a hole over %" PRIu64 " bytes, %" PRIu64 " of which are not zero", e->request.length,
                  data->bytes);
}

bool overflow_with_content(const struct sight *at)
{
    const struct exchange *e = at->exchange;

    return has_df(at) && e->error == NBD_EOVERFLOW && e->data_chunks + e->hole_chunks > 0 &&
           broken(at, "EOVERFLOW, and %u content chunks", e->data_chunks + e->hole_chunks);
}
