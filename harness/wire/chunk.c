/* SPDX-License-Identifier: MIT */
/* Chunk payloads.  See wire/body.h.  proto.md, "Structured reply types". */
#include "wire/body.h"
#include "wire/flaw.h"

struct chunk_row {
    uint16_t type;
    enum chunk_layout layout;
    enum chunk_role role;
    uint64_t least, most; /* bytes of payload */
    const char *rule;
};

static const struct chunk_row rows[] = {
#define CHUNK(name, value, layout, role, least, most, rule) \
    { value, CHUNK_##layout, role, least, most, rule },
#include "wire/tbl/chunk.def"
};

static const struct error_rules {
    const char *nonzero, *fits;
    struct string_rules message;
    uint32_t tail; /* bytes of payload behind the message */
} plain_rules = { "chunk.error.nonzero",
                  "chunk.error.message-fits",
                  { "chunk.error.message-max", "chunk.error.message-text", "chunk.error.message-text" },
                  0 },
  offset_rules = { "chunk.error-offset.nonzero",
                   "chunk.error-offset.message-fits",
                   { NULL, "chunk.error-offset.message-text", "chunk.error-offset.message-text" },
                   8 };

static bool is_error(uint16_t type)
{
    return (type & 0x8000) != 0;
}

static const struct chunk_row *row_of(uint16_t type)
{
    static const struct chunk_row unknown = { 0, CHUNK_UNKNOWN, CHUNK_OTHER, 0, UINT64_MAX, "" };
    /* Every error begins as NBD_REPLY_TYPE_ERROR does; fields of its own may follow the message. */
    static const struct chunk_row unknown_error = { 0, CHUNK_ERROR_PLAIN, CHUNK_ERROR,
                                                    6, UINT64_MAX,        "chunk.error.common-prefix" };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].type == type)
            return &rows[i];
    return is_error(type) ? &unknown_error : &unknown;
}

enum chunk_role chunk_role_of(uint16_t type)
{
    return row_of(type)->role;
}

static void get_hole(struct wire_in *in, struct chunk_data *ret, struct wire_flaw *flaw)
{
    struct wire_chunk_hole hole = wire_get_chunk_hole(in);

    ret->offset = hole.offset;
    ret->data_bytes = hole.size;
    if (!in->is_short && hole.size == 0)
        flaw_note(flaw, "chunk.offset-hole.size-nonzero", "hole size", 8, "is 0");
}

static void get_status(const struct chunk_row *row, struct wire_in *in, uint64_t length,
                       struct chunk_data *ret, struct wire_flaw *flaw)
{
    struct wire_extent extent;
    struct span extents;

    ret->context = wire_get_chunk_status(in).context;
    if (length >= row->least && (length - WIRE_SIZE_chunk_status) % WIRE_SIZE_extent != 0)
        flaw_note(flaw, row->rule, "length", 0, "is not that of whole extents");
    ret->extents = span_take(&in->rest, in->rest.len - in->rest.len % WIRE_SIZE_extent);
    extents = ret->extents;
    for (size_t at = WIRE_SIZE_chunk_status; chunk_next_extent(&extents, &extent); at += WIRE_SIZE_extent)
        if (extent.length == 0)
            flaw_note(flaw, "chunk.block-status.extent-nonzero", "extent length", at, "is 0");
}

static void get_extended_status(const struct chunk_row *row, struct wire_in *in, uint64_t length,
                                struct chunk_data *ret, struct wire_flaw *flaw)
{
    struct wire_extended_status status = wire_get_extended_status(in);
    uint64_t room = length - WIRE_SIZE_extended_status;
    struct wire_extended_extent extent;
    struct span extents;

    ret->wide = true;
    ret->context = status.context;
    ret->extent_count = status.count;
    if (length >= row->least && room % WIRE_SIZE_extended_extent != 0)
        flaw_note(flaw, row->rule, "length", 0, "is not that of whole extents");
    if (!in->is_short && status.count == 0)
        flaw_note(flaw, "ext.block-status.count-nonzero", "descriptor count", 4, "is 0");
    if (!in->is_short && status.count != room / WIRE_SIZE_extended_extent)
        flaw_note(flaw, "ext.block-status.count-match", "descriptor count", 4,
                  "does not agree with the length");
    ret->extents = span_take(&in->rest, in->rest.len - in->rest.len % WIRE_SIZE_extended_extent);
    extents = ret->extents;
    for (size_t at = WIRE_SIZE_extended_status; chunk_next_status(&extents, true, &extent);
         at += WIRE_SIZE_extended_extent)
        if (extent.length == 0)
            flaw_note(flaw, "ext.block-status.extent-nonzero", "extent length", at, "is 0");
}

static void get_error(const struct error_rules *rules, struct wire_in *in, uint64_t length,
                      struct chunk_data *ret, struct wire_flaw *flaw)
{
    struct wire_in front = *in;
    struct wire_chunk_error error = wire_get_chunk_error(in);
    uint64_t room = WIRE_SIZE_chunk_error + rules->tail;

    if (in->is_short) {
        ret->error = wire_get_32(&front);
        return;
    }
    ret->error = error.error;
    if (error.error == 0)
        flaw_note(flaw, rules->nonzero, "error", 0, "is 0");
    if (length >= room && error.length > length - room)
        flaw_note(flaw, rules->fits, "message length", 4, "reaches beyond the chunk's payload");
    ret->message = span_take(&in->rest, error.length);
    if (ret->message.len == error.length) /* of part of a message nothing can be said */
        flaw_check_string(flaw, &rules->message, "message", WIRE_SIZE_chunk_error, ret->message);
}

static void get_error_offset(struct wire_in *in, uint64_t length, struct chunk_data *ret,
                             struct wire_flaw *flaw)
{
    get_error(&offset_rules, in, length, ret, flaw);
    ret->offset = wire_get_64(in);
    ret->has_error_offset = !in->is_short;
}

/* What is asked of an error of a type that nobody has told us about. */
static const struct error_rules *rules_of(uint16_t type)
{
    static const struct error_rules unknown = { "chunk.error.common-prefix",
                                                "chunk.error.common-prefix",
                                                { "string.length.max-4096", "chunk.error.common-prefix",
                                                  "chunk.error.common-prefix" },
                                                0 };

    return type == NBD_REPLY_TYPE_ERROR ? &plain_rules : &unknown;
}

bool chunk_decode(uint16_t type, struct span payload, uint64_t length, struct chunk_data *ret,
                  struct wire_flaw *ret_flaw)
{
    const struct chunk_row *row = row_of(type);
    struct wire_in in = wire_in(payload);

    *ret = (struct chunk_data){ .role = row->role };
    *ret_flaw = (struct wire_flaw){ 0 };
    if (length < row->least)
        flaw_note(ret_flaw, row->rule, "length", 0, "is too short for a chunk of this type");
    if (length > row->most)
        flaw_note(ret_flaw, row->rule, "length", 0, "is too long for a chunk of this type");

    switch (row->layout) {
    case CHUNK_OFFSET_DATA:
        ret->offset = wire_get_chunk_data(&in).offset;
        ret->data = in.rest;
        ret->data_bytes = length > WIRE_SIZE_chunk_data ? length - WIRE_SIZE_chunk_data : 0;
        break;
    case CHUNK_OFFSET_HOLE:
        get_hole(&in, ret, ret_flaw);
        break;
    case CHUNK_BLOCK_STATUS:
        get_status(row, &in, length, ret, ret_flaw);
        break;
    case CHUNK_EXTENDED_STATUS:
        get_extended_status(row, &in, length, ret, ret_flaw);
        break;
    case CHUNK_ERROR_PLAIN:
        get_error(rules_of(type), &in, length, ret, ret_flaw);
        break;
    case CHUNK_ERROR_AT:
        get_error_offset(&in, length, ret, ret_flaw);
        break;
    case CHUNK_NONE:
    case CHUNK_UNKNOWN:
        break;
    }
    return !ret_flaw->rule;
}

bool chunk_next_extent(struct span *extents, struct wire_extent *ret)
{
    struct wire_in in = wire_in(*extents);
    struct wire_extent extent = wire_get_extent(&in);

    if (in.is_short)
        return false;
    *extents = in.rest;
    *ret = extent;
    return true;
}

bool chunk_next_status(struct span *extents, bool wide, struct wire_extended_extent *ret)
{
    struct wire_in in = wire_in(*extents);
    struct wire_extended_extent extent;
    struct wire_extent narrow;

    if (wide) {
        extent = wire_get_extended_extent(&in);
    } else {
        narrow = wire_get_extent(&in);
        extent = (struct wire_extended_extent){ narrow.length, narrow.flags };
    }
    if (in.is_short)
        return false;
    *extents = in.rest;
    *ret = extent;
    return true;
}

void chunk_put_header(struct wire_out *out, uint16_t flags, uint16_t type, struct chunk_to to,
                      uint64_t length)
{
    if (to.extended)
        wire_put_extended_reply(out, &(struct wire_extended_reply){ (uint32_t)NBD_EXTENDED_REPLY_MAGIC, flags,
                                                                    type, to.cookie, to.offset, length });
    else if (length <= UINT32_MAX)
        wire_put_chunk(out, &(struct wire_chunk){ (uint32_t)NBD_STRUCTURED_REPLY_MAGIC, flags, type,
                                                  to.cookie, (uint32_t)length });
    else
        out->full = true;
}

void chunk_put_none(struct wire_out *out, struct chunk_to to)
{
    chunk_put_header(out, NBD_REPLY_FLAG_DONE, NBD_REPLY_TYPE_NONE, to, 0);
}

void chunk_put_data_header(struct wire_out *out, uint16_t flags, struct chunk_to to, uint64_t offset,
                           uint32_t bytes)
{
    chunk_put_header(out, flags, NBD_REPLY_TYPE_OFFSET_DATA, to, UINT64_C(0) + WIRE_SIZE_chunk_data + bytes);
    wire_put_chunk_data(out, &(struct wire_chunk_data){ offset });
}

void chunk_put_hole(struct wire_out *out, uint16_t flags, struct chunk_to to, uint64_t offset, uint32_t size)
{
    chunk_put_header(out, flags, NBD_REPLY_TYPE_OFFSET_HOLE, to, WIRE_SIZE_chunk_hole);
    wire_put_chunk_hole(out, &(struct wire_chunk_hole){ offset, size });
}

/* An error with its message, tail bytes of payload still to follow. */
static void put_error(struct wire_out *out, uint16_t flags, uint16_t type, struct chunk_to to, uint32_t error,
                      struct span message, uint32_t tail)
{
    if (message.len > UINT16_MAX) {
        out->full = true;
        return;
    }
    chunk_put_header(out, flags, type, to, WIRE_SIZE_chunk_error + message.len + tail);
    wire_put_chunk_error(out, &(struct wire_chunk_error){ error, (uint16_t)message.len });
    wire_put_bytes(out, message);
}

void chunk_put_error(struct wire_out *out, uint16_t flags, struct chunk_to to, uint32_t error,
                     struct span message)
{
    put_error(out, flags, NBD_REPLY_TYPE_ERROR, to, error, message, 0);
}

void chunk_put_error_offset(struct wire_out *out, uint16_t flags, struct chunk_to to, uint32_t error,
                            struct span message, uint64_t offset)
{
    put_error(out, flags, NBD_REPLY_TYPE_ERROR_OFFSET, to, error, message, 8);
    wire_put_64(out, offset);
}

static void put_extended_status(struct wire_out *out, uint16_t flags, struct chunk_to to, uint32_t context,
                                const struct wire_extended_extent *extents, size_t count)
{
    if (count > UINT32_MAX) {
        out->full = true;
        return;
    }
    chunk_put_header(out, flags, NBD_REPLY_TYPE_BLOCK_STATUS_EXT, to,
                     WIRE_SIZE_extended_status + (uint64_t)count * WIRE_SIZE_extended_extent);
    wire_put_extended_status(out, &(struct wire_extended_status){ context, (uint32_t)count });
    for (size_t i = 0; i < count; i++)
        wire_put_extended_extent(out, &extents[i]);
}

void chunk_put_status(struct wire_out *out, uint16_t flags, struct chunk_to to, uint32_t context,
                      const struct wire_extended_extent *extents, size_t count)
{
    if (to.extended) {
        put_extended_status(out, flags, to, context, extents, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        out->full = out->full || extents[i].length > UINT32_MAX || extents[i].flags > UINT32_MAX;
    chunk_put_header(out, flags, NBD_REPLY_TYPE_BLOCK_STATUS, to,
                     WIRE_SIZE_chunk_status + (uint64_t)count * WIRE_SIZE_extent);
    wire_put_chunk_status(out, &(struct wire_chunk_status){ context });
    for (size_t i = 0; i < count; i++)
        wire_put_extent(out,
                        &(struct wire_extent){ (uint32_t)extents[i].length, (uint32_t)extents[i].flags });
}
