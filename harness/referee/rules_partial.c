/* SPDX-License-Identifier: MIT */
/* Replies that bring errors, with content chunks or without: what may come with what, where errors are said
 * to be, and what was padded.  proto.md, "Structured reply types", NBD_CMD_READ. */
#include <inttypes.h>

#include "referee/rule.h"
#include "wire/constants.h"

static const struct held *reply(const struct sight *at)
{
    return held_of(at->exchange);
}

static const struct chunk_data *chunk(const struct sight *at)
{
    return &at->message->chunk;
}

static bool is_type(const struct sight *at, uint16_t type)
{
    return at->exchange && at->message->chunk_head.type == type;
}

/* A chunk that says where an error is, and does so rightly. */
static bool has_place(const struct sight *at)
{
    return is_type(at, NBD_REPLY_TYPE_ERROR_OFFSET) && chunk(at)->has_error_offset &&
           !at->message->flaw.rule && assemble_is_inside(at->exchange, chunk(at)->offset, 1);
}

/* ---- one error ---- */

/* Taken for what it is, the message has no bytes: those of its length, and the text, stand behind it. */
bool message_length_of_32_bits(const struct sight *at)
{
    struct wire_in in = wire_in(at->message->body);
    struct wire_chunk_error error = wire_get_chunk_error(&in);
    uint16_t length = wire_get_16(&in);
    size_t tail = is_type(at, NBD_REPLY_TYPE_ERROR_OFFSET) ? sizeof(uint64_t) : 0;

    return chunk(at)->role == CHUNK_ERROR && at->message->body.len == at->message->body_bytes &&
           !in.is_short && error.length == 0 && length > 0 && in.rest.len == length + tail &&
           broken(at, "a message of %" PRIu16 " bytes, whose length has 32 bits", length);
}

/* ---- several errors ---- */

bool second_error(const struct sight *at)
{
    return is_type(at, NBD_REPLY_TYPE_ERROR) && reply(at)->plain_errors > 0 &&
           broken(at, "ERROR chunk number %u of one reply", reply(at)->plain_errors + 1);
}

bool mixed_errors(const struct sight *at)
{
    unsigned others;

    if (!at->exchange || chunk(at)->role != CHUNK_ERROR)
        return false;
    others = at->exchange->error_chunks - reply(at)->plain_errors;
    return (is_type(at, NBD_REPLY_TYPE_ERROR) ? others : reply(at)->plain_errors) > 0 &&
           broken(at, "an error chunk of type 0x%x behind one of another type", at->message->chunk_head.type);
}

bool error_offset_again(const struct sight *at)
{
    if (!has_place(at))
        return false;
    for (size_t i = 0; i < reply(at)->error_offset_count; i++)
        if (reply(at)->error_offsets[i] == chunk(at)->offset)
            return broken(at, "error offset %" PRIu64 " a second time", chunk(at)->offset);
    return false;
}

/* The content chunk in which a byte came, or NULL. */
static const struct session_content *content_with(const struct sight *at, uint64_t offset)
{
    for (size_t i = 0; i < reply(at)->content_count; i++) {
        const struct session_content *content = &reply(at)->contents[i];

        if (offset >= content->start && offset < content->end)
            return content;
    }
    return NULL;
}

bool two_errors_in_one_chunk(const struct sight *at)
{
    const struct session_content *content = has_place(at) ? content_with(at, chunk(at)->offset) : NULL;

    if (!content)
        return false;
    for (size_t i = 0; i < reply(at)->error_offset_count; i++) {
        uint64_t other = reply(at)->error_offsets[i];

        if (other != chunk(at)->offset && other >= content->start && other < content->end)
            return broken(
                at, "errors at %" PRIu64 " and %" PRIu64 " in the chunk of %" PRIu64 " bytes from %" PRIu64,
                other, chunk(at)->offset, content->end - content->start, content->start);
    }
    return false;
}

bool error_offset_for_another_command(const struct sight *at)
{
    const struct command_rules *command;

    if (!is_type(at, NBD_REPLY_TYPE_ERROR_OFFSET))
        return false;
    command = command_rules_of(at->exchange->request.type);
    return (!command || !command->ranged) &&
           broken(at, "one in the reply to %s", command ? command->name : "an unknown command");
}

/* ---- errors and content ---- */

bool content_behind_its_error(const struct sight *at)
{
    if (!at->exchange || at->exchange->request.type != NBD_CMD_READ || chunk(at)->role != CHUNK_CONTENT ||
        at->message->flaw.rule || !assemble_is_inside(at->exchange, chunk(at)->offset, chunk(at)->data_bytes))
        return false;
    for (size_t i = 0; i < reply(at)->error_offset_count; i++) {
        uint64_t error = reply(at)->error_offsets[i];

        if (error >= chunk(at)->offset && error - chunk(at)->offset < chunk(at)->data_bytes)
            return broken(at, "%" PRIu64 " bytes from %" PRIu64 " behind an error at %" PRIu64,
                          chunk(at)->data_bytes, chunk(at)->offset, error);
    }
    return false;
}

/* From the error on there is nothing but padding in the chunk where it was found. */
bool padding_not_zero(const struct sight *at)
{
    const struct session_content *content = has_place(at) ? content_with(at, chunk(at)->offset) : NULL;
    const struct exchange *e = at->exchange;

    if (!content || !content->data || e->data.len != e->request.length)
        return false;
    for (uint64_t at_byte = chunk(at)->offset; at_byte < content->end; at_byte++) {
        uint8_t byte = e->data.bytes[at_byte - e->request.offset];

        if (byte != 0)
            return broken(at, "byte %" PRIu64 ", behind the error at %" PRIu64 ", is 0x%02x", at_byte,
                          chunk(at)->offset, byte);
    }
    return false;
}

/* ---- content that ends in the middle ---- */

static bool is_cut_off(const struct sight *at, uint64_t *ret_have, uint64_t *ret_want)
{
    const struct stream *st = rule_server(at);
    bool extended = st->head.kind == SCAN_KIND_EXTENDED_REPLY;

    *ret_have = rule_progress(at, ret_want);
    return at->session->transmission && (extended || st->head.kind == SCAN_KIND_CHUNK) &&
           *ret_have >= (extended ? WIRE_SIZE_extended_reply : WIRE_SIZE_chunk) && *ret_have < *ret_want &&
           st->exchange && st->exchange->request.type == NBD_CMD_READ &&
           chunk_role_of(st->chunk.type) == CHUNK_CONTENT;
}

bool content_cut_off(const struct sight *at)
{
    uint64_t have, want;

    return is_cut_off(at, &have, &want) &&
           broken(at, "closed after %" PRIu64 " of the %" PRIu64 " bytes of a content chunk", have, want);
}

bool last_content_cut_off(const struct sight *at)
{
    uint64_t have, want;

    return is_cut_off(at, &have, &want) &&
           (at->session->streams[SIDE_SERVER].chunk.flags & NBD_REPLY_FLAG_DONE) &&
           broken(at, "closed after %" PRIu64 " of the %" PRIu64 " bytes of a chunk with DONE", have, want);
}
