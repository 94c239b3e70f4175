/* SPDX-License-Identifier: MIT */
/* Replies to BLOCK_STATUS.  proto.md, "Structured reply types", NBD_REPLY_TYPE_BLOCK_STATUS; "Request types",
 * NBD_CMD_BLOCK_STATUS; "base:allocation metadata context". */
#include <inttypes.h>

#include "referee/rule.h"
#include "wire/constants.h"

/* A sound status chunk in reply to BLOCK_STATUS. */
static bool is_status(const struct sight *at)
{
    return at->exchange && at->exchange->request.type == NBD_CMD_BLOCK_STATUS &&
           at->message->chunk.role == CHUNK_STATUS;
}

static bool is_sound_status(const struct sight *at)
{
    return is_status(at) && !at->message->flaw.rule;
}

static bool contexts_known(const struct sight *at)
{
    return at->session->negotiated.context_count > 0 && !at->session->contexts_doubtful;
}

static const struct session_context *find_context(const struct sight *at, uint32_t id)
{
    const struct negotiated *n = &at->session->negotiated;

    for (size_t i = 0; i < n->context_count; i++)
        if (n->contexts[i].id == id)
            return &n->contexts[i];
    return NULL;
}

static bool has_req_one(const struct sight *at)
{
    return at->exchange->request.flags & NBD_CMD_FLAG_REQ_ONE;
}

static uint64_t extents_announced(const struct sight *at)
{
    const struct message *m = at->message;

    return m->chunk.wide ? (m->chunk_head.length - WIRE_SIZE_extended_status) / WIRE_SIZE_extended_extent
                         : (m->chunk_head.length - WIRE_SIZE_chunk_status) / WIRE_SIZE_extent;
}

/* ---- each chunk ---- */

bool unknown_context(const struct sight *at)
{
    return is_status(at) && at->message->chunk_head.length >= WIRE_SIZE_chunk_status && contexts_known(at) &&
           !find_context(at, at->message->chunk.context) &&
           broken(at, "context ID %" PRIu32 ", which was not selected", at->message->chunk.context);
}

bool last_extent_outside(const struct sight *at)
{
    struct span extents = at->message->chunk.extents;
    struct wire_extended_extent extent;
    uint64_t sum = 0;

    if (!is_sound_status(at) || has_req_one(at) || at->exchange->request.length == 0)
        return false;
    for (size_t i = 0; chunk_next_status(&extents, at->message->chunk.wide, &extent); i++) {
        if (i > 0 && sum >= at->exchange->request.length)
            return broken(at, "extent %zu begins %" PRIu64 " bytes into a request of %" PRIu64, i, sum,
                          at->exchange->request.length);
        sum = extent.length < UINT64_MAX - sum ? sum + extent.length : UINT64_MAX;
    }
    return false;
}

bool too_many_extents(const struct sight *at)
{
    return is_sound_status(at) && extents_announced(at) > 1 << 20 &&
           broken(at, "%" PRIu64 " extents in a chunk", extents_announced(at));
}

/* ---- whole blocks ---- */

/* Whether the request and the extents that end within it keep to multiples of so many bytes; an extent that
 * reaches the end of the export may have any length, and outer ones where the request is not aligned. */
static bool not_in_units(const struct sight *at, uint64_t unit, bool unaligned_excused)
{
    const struct session_request *r = &at->exchange->request;
    struct span extents = at->message->chunk.extents;
    bool aligned = r->offset % unit == 0 && r->length % unit == 0;
    uint64_t room = r->offset < at->session->negotiated.size ? at->session->negotiated.size - r->offset : 0;
    struct wire_extended_extent extent;

    for (size_t i = 0; chunk_next_status(&extents, at->message->chunk.wide, &extent); i++) {
        bool outer = i == 0 || extents.len == 0;

        if (extent.length >= room)
            return false;
        if (extent.length % unit != 0 && !(unaligned_excused && !aligned && outer))
            return broken(at, "extent %zu has %" PRIu64 " bytes, no multiple of %" PRIu64, i, extent.length,
                          unit);
        room -= extent.length;
    }
    return false;
}

bool extent_no_multiple_of_512(const struct sight *at)
{
    return is_sound_status(at) && at->exchange->request.length > 0 && not_in_units(at, 512, true);
}

/* Only where the request itself keeps to the minimum. */
bool extent_no_multiple_of_minimum(const struct sight *at)
{
    const struct negotiated *n = &at->session->negotiated;
    uint32_t minimum = n->block_size_known ? n->block_size.minimum : 1;

    return is_sound_status(at) && minimum > 1 && at->exchange->request.offset % minimum == 0 &&
           at->exchange->request.length % minimum == 0 && at->exchange->request.length > 0 &&
           not_in_units(at, minimum, false);
}

/* Two that could not be one, for the sum would not fit the field, may be alike. */
bool equal_neighbours(const struct sight *at)
{
    struct span extents = at->message->chunk.extents;
    struct wire_extended_extent before, extent;
    uint64_t most;

    if (!is_sound_status(at) || !chunk_next_status(&extents, at->message->chunk.wide, &before))
        return false;
    most = at->message->chunk.wide ? UINT64_MAX : UINT32_MAX;
    for (size_t i = 1; chunk_next_status(&extents, at->message->chunk.wide, &extent); i++) {
        if (extent.flags == before.flags && extent.length <= most - before.length)
            return broken(at, "extents %zu and %zu both have status 0x%" PRIx64, i - 1, i, extent.flags);
        before = extent;
    }
    return false;
}

bool no_extents(const struct sight *at)
{
    return is_status(at) && at->message->chunk_head.length == WIRE_SIZE_chunk_status &&
           broken(at, "a chunk without an extent");
}

bool more_than_one_extent(const struct sight *at)
{
    return is_sound_status(at) && has_req_one(at) && extents_announced(at) > 1 &&
           broken(at, "%" PRIu64 " extents in a chunk, though REQ_ONE was set", extents_announced(at));
}

bool extent_beyond_length(const struct sight *at)
{
    struct span extents = at->message->chunk.extents;
    struct wire_extended_extent extent;

    return is_sound_status(at) && has_req_one(at) && at->exchange->request.length > 0 &&
           chunk_next_status(&extents, at->message->chunk.wide, &extent) &&
           extent.length > at->exchange->request.length &&
           broken(at, "an extent of %" PRIu64 " bytes for a request of %" PRIu64, extent.length,
                  at->exchange->request.length);
}

/* Zeroes that are told of with a bit too many, while the one for holes is never there. */
bool hole_of_another_bit(const struct sight *at)
{
    const struct session_context *context = find_context(at, at->message->chunk.context);
    struct span extents = at->message->chunk.extents;
    struct wire_extended_extent extent;
    uint64_t all = 0, zeroes = 0;

    if (!is_sound_status(at) || !contexts_known(at) || !context ||
        strcmp(context->name, "base:allocation") != 0)
        return false;
    while (chunk_next_status(&extents, at->message->chunk.wide, &extent)) {
        all |= extent.flags;
        if (extent.flags & NBD_STATE_ZERO)
            zeroes |= (uint32_t)extent.flags & ~(uint32_t)NBD_STATE_ZERO;
    }
    return zeroes != 0 && !(all & NBD_STATE_HOLE) &&
           broken(at, "0x%" PRIx64 " beside ZERO, and HOLE nowhere", zeroes);
}

bool reserved_state(const struct sight *at)
{
    const struct session_context *context = find_context(at, at->message->chunk.context);
    struct span extents = at->message->chunk.extents;
    struct wire_extended_extent extent;

    if (!is_sound_status(at) || !contexts_known(at) || !context ||
        strcmp(context->name, "base:allocation") != 0)
        return false;
    while (chunk_next_status(&extents, at->message->chunk.wide, &extent))
        if ((uint32_t)extent.flags & ~(uint32_t)(NBD_STATE_HOLE | NBD_STATE_ZERO))
            return broken(at, "status 0x%" PRIx64 " in base:allocation", extent.flags);
    return false;
}

/* ---- the whole reply ---- */

static bool is_good_reply(const struct sight *at)
{
    const struct exchange *e = at->exchange;

    return e && e->request.type == NBD_CMD_BLOCK_STATUS && e->request.length > 0 &&
           e->form != REPLY_FORM_SIMPLE && e->error == 0 && e->error_chunks == 0 && contexts_known(at);
}

static unsigned chunks_for(const struct exchange *e, uint32_t context)
{
    unsigned chunks = 0;

    for (unsigned k = 0; k < e->status_chunks; k++)
        chunks += e->statuses[k].context == context;
    return chunks;
}

bool not_one_chunk_per_context(const struct sight *at)
{
    const struct negotiated *n = &at->session->negotiated;

    if (!is_good_reply(at) || at->exchange->request.filtered)
        return false;
    for (size_t i = 0; i < n->context_count; i++) {
        unsigned chunks = chunks_for(at->exchange, n->contexts[i].id);

        if (chunks != 1)
            return broken(at, "%u chunks for context ID %" PRIu32, chunks, n->contexts[i].id);
    }
    return false;
}

/* Beside all that were named when they were selected there is one more. */
bool context_never_named(const struct sight *at)
{
    const struct negotiated *n = &at->session->negotiated;

    if (!is_good_reply(at) || at->exchange->request.filtered || n->context_count == 0 ||
        at->exchange->status_chunks <= n->context_count)
        return false;
    for (size_t i = 0; i < n->context_count; i++)
        if (chunks_for(at->exchange, n->contexts[i].id) != 1)
            return false;
    return broken(at, "%u chunks, and %zu contexts were named", at->exchange->status_chunks,
                  n->context_count);
}

bool no_status(const struct sight *at)
{
    return is_good_reply(at) && at->exchange->status_chunks == 0 && broken(at, "success without a status");
}

bool zero_state_not_zero(const struct sight *at)
{
    const struct model_mismatch *wrong;

    if (!is_good_reply(at))
        return false;
    wrong = &held_of(at->exchange)->wrong.status;
    return wrong->bytes > 0 &&
           broken(at, "NBD_STATE_ZERO over byte %" PRIu64 ", which is 0x%02x", wrong->offset, wrong->wanted);
}
