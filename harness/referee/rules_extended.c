/* SPDX-License-Identifier: MIT */
/* Extended headers, an experimental extension: proto-extended-headers.md, "Extended reply chunk message",
 * "Structured reply types", NBD_OPT_EXTENDED_HEADERS, NBD_FLAG_BLOCK_STATUS_PAYLOAD. */
#include <inttypes.h>

#include "referee/rule.h"
#include "wire/constants.h"

/* ---- the header of a reply ---- */

static const struct session_chunk *head(const struct sight *at)
{
    return &at->message->chunk_head;
}

/* The chunk's payload has an offset of its own, which its header has taken. */
static bool has_offset_of_payload(const struct sight *at)
{
    const struct chunk_data *chunk = &at->message->chunk;

    return (chunk->role == CHUNK_CONTENT || chunk->has_error_offset) && head(at)->offset == chunk->offset;
}

static bool another_offset(const struct sight *at)
{
    return at->exchange && head(at)->offset != at->exchange->request.offset;
}

bool offset_not_echoed(const struct sight *at)
{
    return another_offset(at) && !has_offset_of_payload(at) &&
           broken(at, "offset %" PRIu64 " in the header of a chunk of type 0x%x; the request has %" PRIu64,
                  head(at)->offset, head(at)->type, at->exchange->request.offset);
}

bool offset_of_content(const struct sight *at)
{
    return another_offset(at) && has_offset_of_payload(at) &&
           broken(at, "offset %" PRIu64 ", that of the payload, in the header; the request has %" PRIu64,
                  head(at)->offset, at->exchange->request.offset);
}

bool none_with_request_length(const struct sight *at)
{
    return at->exchange && head(at)->type == NBD_REPLY_TYPE_NONE && head(at)->length > 0 &&
           head(at)->length == at->exchange->request.length &&
           broken(at, "a NONE chunk with the length of the request, %" PRIu64, head(at)->length);
}

/* The bytes that were announced do not come, for they never were to be any. */
bool payload_of_request_length(const struct sight *at)
{
    const struct stream *st = rule_server(at);

    return at->session->transmission && rule_progress(at, NULL) >= WIRE_SIZE_extended_reply && st->exchange &&
           st->head.kind == SCAN_KIND_EXTENDED_REPLY && st->chunk.type == NBD_REPLY_TYPE_NONE &&
           st->chunk.length > 0 && st->chunk.length == st->exchange->request.length &&
           broken(at, "a NONE chunk with the length of the request, %" PRIu64, st->chunk.length);
}

static bool has_no_data(uint16_t command)
{
    return command == NBD_CMD_WRITE || command == NBD_CMD_FLUSH || command == NBD_CMD_TRIM ||
           command == NBD_CMD_CACHE || command == NBD_CMD_WRITE_ZEROES;
}

bool other_than_none(const struct sight *at)
{
    enum chunk_role role = at->message->chunk.role;

    return at->exchange && has_no_data(at->exchange->request.type) && role != CHUNK_ENDS &&
           role != CHUNK_ERROR &&
           broken(at, "a chunk of type 0x%x in the reply to %s", head(at)->type,
                  command_rules_of(at->exchange->request.type)->name);
}

/* "although it MUST honor any additional payload constraints": the fixed part of a chunk comes on top. */
bool chunk_beyond_maximum(const struct sight *at)
{
    const struct negotiated *n = &at->session->negotiated;
    const struct chunk_data *chunk = &at->message->chunk;
    uint64_t bytes = 0;

    if (head(at)->type == NBD_REPLY_TYPE_OFFSET_DATA)
        bytes = chunk->data_bytes;
    else if (head(at)->type == NBD_REPLY_TYPE_BLOCK_STATUS && head(at)->length > WIRE_SIZE_chunk_status)
        bytes = head(at)->length - WIRE_SIZE_chunk_status;
    else if (chunk->wide && head(at)->length > WIRE_SIZE_extended_status)
        bytes = head(at)->length - WIRE_SIZE_extended_status;
    return n->block_size_known && bytes > n->block_size.maximum &&
           broken(at, "%" PRIu64 " bytes in a chunk of type 0x%x; the maximum payload is %" PRIu32, bytes,
                  head(at)->type, n->block_size.maximum);
}

/* ---- block status ---- */

bool narrow_status(const struct sight *at)
{
    return head(at)->type == NBD_REPLY_TYPE_BLOCK_STATUS && broken(at, "a chunk of type 5");
}

bool wide_status(const struct sight *at)
{
    return head(at)->type == NBD_REPLY_TYPE_BLOCK_STATUS_EXT && broken(at, "a chunk of type 6");
}

static const struct session_context *context_of(const struct sight *at, uint32_t id)
{
    const struct negotiated *n = &at->session->negotiated;

    for (size_t i = 0; i < n->context_count && !at->session->contexts_doubtful; i++)
        if (n->contexts[i].id == id)
            return &n->contexts[i];
    return NULL;
}

bool upper_status_set(const struct sight *at)
{
    const struct chunk_data *chunk = &at->message->chunk;
    const struct session_context *context = context_of(at, chunk->context);
    struct span extents = chunk->extents;
    struct wire_extended_extent extent;

    if (!at->exchange || !chunk->wide || !context || strncmp(context->name, "base:", strlen("base:")) != 0)
        return false;
    while (chunk_next_status(&extents, true, &extent))
        if (extent.flags > UINT32_MAX)
            return broken(at, "status 0x%" PRIx64 " in %.60s", extent.flags, context->name);
    return false;
}

static size_t times_listed(const struct exchange *e, uint32_t id)
{
    size_t times = 0;

    for (size_t i = 0; i < e->filter_count; i++)
        times += e->filter[i] == id;
    return times;
}

bool context_not_listed(const struct sight *at)
{
    const struct exchange *e = at->exchange;
    uint32_t id = at->message->chunk.context;

    return e && e->request.filtered && e->filter_count > 0 && at->message->chunk.role == CHUNK_STATUS &&
           context_of(at, id) && times_listed(e, id) == 0 &&
           broken(at, "a chunk for context ID %" PRIu32 ", which the request does not list", id);
}

bool not_one_chunk_per_listed(const struct sight *at)
{
    const struct exchange *e = at->exchange;

    if (!e->request.filtered || e->error != 0 || e->error_chunks > 0)
        return false;
    for (size_t i = 0; i < e->filter_count; i++) {
        unsigned chunks = 0;

        if (!context_of(at, e->filter[i]) || times_listed(e, e->filter[i]) > 1)
            return false; /* should have failed, which is another matter */
        for (unsigned k = 0; k < e->status_chunks; k++)
            chunks += e->statuses[k].context == e->filter[i];
        if (chunks != 1)
            return broken(at, "%u chunks for context ID %" PRIu32 ", which the request lists", chunks,
                          e->filter[i]);
    }
    return false;
}

/* ---- options ---- */

static bool is_error_to(const struct sight *at, uint32_t option, uint32_t error)
{
    return at->option && at->option->option == option && at->message->head.option_reply.type == error &&
           !at->session->astray && !at->session->streams[SIDE_CLIENT].lost;
}

bool go_unsupported(const struct sight *at)
{
    return is_error_to(at, NBD_OPT_GO, NBD_REP_ERR_UNSUP) && broken(at, "ERR_UNSUP to GO");
}

bool headers_demanded_again(const struct sight *at)
{
    return at->option && at->option->option != NBD_OPT_STRUCTURED_REPLY &&
           at->option->option != NBD_OPT_LIST_META_CONTEXT &&
           is_error_to(at, at->option->option, NBD_REP_ERR_EXT_HEADER_REQD) &&
           broken(at, "ERR_EXT_HEADER_REQD to option %" PRIu32, at->option->option);
}

bool headers_demanded_by_list(const struct sight *at)
{
    return is_error_to(at, NBD_OPT_LIST_META_CONTEXT, NBD_REP_ERR_EXT_HEADER_REQD) &&
           broken(at, "ERR_EXT_HEADER_REQD to LIST_META_CONTEXT");
}

bool block_size_demanded_for_headers(const struct sight *at)
{
    return is_error_to(at, NBD_OPT_EXTENDED_HEADERS, NBD_REP_ERR_BLOCK_SIZE_REQD) &&
           broken(at, "ERR_BLOCK_SIZE_REQD to EXTENDED_HEADERS");
}

/* Without structured replies either, it is an answer to an option that came too early. */
static bool demanded_for_base(const struct sight *at, uint32_t option)
{
    return is_error_to(at, option, NBD_REP_ERR_EXT_HEADER_REQD) && at->session->negotiated.structured &&
           at->option->whole && at->option->sound && at->option->asks_base &&
           broken(at, "ERR_EXT_HEADER_REQD, and all queries are in \"base:\"");
}

bool headers_demanded_for_base_list(const struct sight *at)
{
    return demanded_for_base(at, NBD_OPT_LIST_META_CONTEXT);
}

bool headers_demanded_for_base(const struct sight *at)
{
    return demanded_for_base(at, NBD_OPT_SET_META_CONTEXT);
}

/* ---- transmission flags ---- */

static bool has_payload_flag(const struct sight *at, uint16_t flags)
{
    return (flags & NBD_FLAG_BLOCK_STATUS_PAYLOAD) && !at->session->astray;
}

static bool payload_alone(const struct sight *at, uint16_t flags)
{
    return has_payload_flag(at, flags) &&
           broken(at, "transmission flags 0x%04x, with BLOCK_STATUS_PAYLOAD, without extended headers",
                  flags);
}

bool export_has_payload_alone(const struct sight *at)
{
    return payload_alone(at, at->message->head.export.flags);
}

bool info_has_payload_alone(const struct sight *at)
{
    return at->message->reply.info == NBD_INFO_EXPORT && payload_alone(at, at->message->reply.export.flags);
}

bool info_has_payload_without_contexts(const struct sight *at)
{
    uint16_t flags = at->message->reply.export.flags;

    return at->message->reply.info == NBD_INFO_EXPORT && at->option && at->option->option == NBD_OPT_GO &&
           at->session->negotiated.context_count == 0 && has_payload_flag(at, flags) &&
           broken(at, "transmission flags 0x%04x, with BLOCK_STATUS_PAYLOAD, and no context is selected",
                  flags);
}
