/* SPDX-License-Identifier: MIT */
/* What the server sends: every message is written here, behind the others that wait in the output. */
#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "reference/misconduct.h"
#include "reference/state.h"
#include "wire/constants.h"

enum {
    HOLE_GRANULE = 512,        /* holes of a READ start and end at multiples of this, where they can */
    STATUS_EXTENTS_MAX = 4096, /* a chunk has no more of them; what is left out the client asks for again */
};

struct wire_out answer_room(struct reference_session *s, size_t len)
{
    uint8_t *at = buffer_extend(&s->output, len);

    assert(at); /* the feed stops long before the output is full */
    return wire_out(at, len);
}

void answer_put(struct reference_session *s, size_t start, enum scan_kind kind)
{
    (void)start;
    (void)kind;
    MISCONDUCT(s, misconduct_message(s, start, kind));
}

/* ---- handshake: "Option reply types" ---- */

/* Room for a reply to the option that is being answered with len bytes of data; its header is written. */
static struct wire_out option_reply(struct reference_session *s, uint32_t type, size_t len)
{
    struct wire_out out = answer_room(s, WIRE_SIZE_option_reply + len);

    wire_put_option_reply(
        &out, &(struct wire_option_reply){ NBD_REP_MAGIC, s->in.head.option.option, type, (uint32_t)len });
    return out;
}

void answer_option(struct reference_session *s, uint32_t type, const char *message)
{
    struct span text = message ? span_text(message) : span_of(NULL, 0);
    size_t start = s->output.len;
    struct wire_out out = option_reply(s, type, text.len);

    wire_put_bytes(&out, text);
    answer_put(s, start, SCAN_KIND_OPTION_REPLY);
}

void answer_server(struct reference_session *s, const struct reference_export *export)
{
    struct span name = span_text(export->name);
    struct span details = export->description ? span_text(export->description) : span_of(NULL, 0);
    size_t start = s->output.len;
    struct wire_out out = option_reply(s, NBD_REP_SERVER, 4 + name.len + details.len);

    wire_put_32(&out, (uint32_t)name.len);
    wire_put_bytes(&out, name);
    wire_put_bytes(&out, details);
    answer_put(s, start, SCAN_KIND_OPTION_REPLY);
}

static void answer_info_text(struct reference_session *s, uint16_t info, struct span text)
{
    struct wire_out out = option_reply(s, NBD_REP_INFO, 2 + text.len);

    wire_put_16(&out, info);
    wire_put_bytes(&out, text);
}

static void answer_info_export(struct reference_session *s, const struct reference_export *export)
{
    struct wire_out out = option_reply(s, NBD_REP_INFO, 2 + WIRE_SIZE_info_export);

    wire_put_16(&out, NBD_INFO_EXPORT);
    wire_put_info_export(&out, &(struct wire_info_export){ store_size(export->store),
                                                           handshake_transmission_flags(s, export) });
}

static void answer_info_block_size(struct reference_session *s, const struct reference_export *export)
{
    struct wire_info_block_size size = export->block_size;
    struct wire_out out = option_reply(s, NBD_REP_INFO, 2 + WIRE_SIZE_info_block_size);

    if (size.minimum == 0)
        size.minimum = 1;
    if (size.preferred == 0)
        size.preferred = size.minimum > 4096 ? size.minimum : 4096;
    size.maximum = transmission_payload_max(export);
    wire_put_16(&out, NBD_INFO_BLOCK_SIZE);
    wire_put_info_block_size(&out, &size);
}

void answer_info(struct reference_session *s, const struct reference_export *export, uint16_t info)
{
    size_t start = s->output.len;

    switch ((enum nbd_info)info) {
    case NBD_INFO_EXPORT:
        answer_info_export(s, export);
        break;
    case NBD_INFO_NAME:
        answer_info_text(s, info, span_text(export->name));
        break;
    case NBD_INFO_DESCRIPTION:
        answer_info_text(s, info, span_text(export->description));
        break;
    case NBD_INFO_BLOCK_SIZE:
        answer_info_block_size(s, export);
        break;
    }
    answer_put(s, start, SCAN_KIND_OPTION_REPLY);
}

void answer_context(struct reference_session *s, uint32_t id)
{
    size_t start = s->output.len;
    struct wire_out out = option_reply(s, NBD_REP_META_CONTEXT, 4 + strlen(ALLOCATION_CONTEXT));

    wire_put_32(&out, id);
    wire_put_bytes(&out, span_text(ALLOCATION_CONTEXT));
    answer_put(s, start, SCAN_KIND_OPTION_REPLY);
}

void answer_export_name(struct reference_session *s, const struct reference_export *export)
{
    size_t start = s->output.len;
    size_t padding = s->no_zeroes ? 0 : NBD_EXPORT_PADDING;
    struct wire_out out = answer_room(s, WIRE_SIZE_export + padding);

    wire_put_export(
        &out, &(struct wire_export){ store_size(export->store), handshake_transmission_flags(s, export) });
    memset(out.at + out.len, 0, padding);
    answer_put(s, start, SCAN_KIND_EXPORT);
}

/* ---- transmission: "Simple reply message", "Structured reply types" ---- */

static void answer_simple(struct reference_session *s, uint64_t cookie, uint32_t error)
{
    size_t start = s->output.len;
    struct wire_out out = answer_room(s, WIRE_SIZE_simple_reply);

    wire_put_simple_reply(&out,
                          &(struct wire_simple_reply){ (uint32_t)NBD_SIMPLE_REPLY_MAGIC, error, cookie });
    answer_put(s, start, SCAN_KIND_SIMPLE_REPLY);
}

static void answer_none(struct reference_session *s, uint64_t cookie)
{
    size_t start = s->output.len;
    struct wire_out out = answer_room(s, WIRE_SIZE_chunk);

    chunk_put_none(&out, cookie);
    answer_put(s, start, SCAN_KIND_CHUNK);
}

void answer_done(struct reference_session *s, uint64_t cookie)
{
    if (s->structured)
        answer_none(s, cookie);
    else
        answer_simple(s, cookie, 0);
}

void answer_error(struct reference_session *s, const struct wire_request *r, uint32_t error, const char *why)
{
    struct span message = span_text(why);
    size_t start = s->output.len;
    struct wire_out out;

    if (!s->structured) {
        answer_simple(s, r->cookie, error);
        return;
    }
    out = answer_room(s, WIRE_SIZE_chunk + WIRE_SIZE_chunk_error + message.len);
    chunk_put_error(&out, NBD_REPLY_FLAG_DONE, r->cookie, error, message);
    answer_put(s, start, SCAN_KIND_CHUNK);
}

static void answer_simple_read(struct reference_session *s, const struct wire_request *r)
{
    size_t start = s->output.len;
    struct wire_out out = answer_room(s, WIRE_SIZE_simple_reply + (size_t)r->length);

    wire_put_simple_reply(&out,
                          &(struct wire_simple_reply){ (uint32_t)NBD_SIMPLE_REPLY_MAGIC, 0, r->cookie });
    store_read(s->export->store, r->offset, out.at + out.len, r->length);
    answer_put(s, start, SCAN_KIND_SIMPLE_REPLY);
}

static void answer_data_chunk(struct reference_session *s, uint64_t cookie, uint16_t flags, uint64_t offset,
                              uint32_t length)
{
    size_t start = s->output.len;
    struct wire_out out = answer_room(s, WIRE_SIZE_chunk + WIRE_SIZE_chunk_data + (size_t)length);

    chunk_put_data_header(&out, flags, cookie, offset, length);
    store_read(s->export->store, offset, out.at + out.len, length);
    answer_put(s, start, SCAN_KIND_CHUNK);
}

static void answer_hole_chunk(struct reference_session *s, uint64_t cookie, uint16_t flags, uint64_t offset,
                              uint32_t length)
{
    size_t start = s->output.len;
    struct wire_out out = answer_room(s, WIRE_SIZE_chunk + WIRE_SIZE_chunk_hole);

    chunk_put_hole(&out, flags, cookie, offset, length);
    answer_put(s, start, SCAN_KIND_CHUNK);
}

/* Bytes, from offset and at most length, that are known to read as zero. */
static uint64_t zeroes_from(const struct store *store, uint64_t offset, uint64_t length)
{
    enum store_kind kind;
    uint64_t bytes = 0, extent;

    while (bytes < length) {
        extent = store_extent(store, offset + bytes, length - bytes, &kind);
        if (kind == STORE_DATA)
            break;
        bytes += extent;
    }
    return bytes;
}

/* How far, from offset and at most to length, one content chunk reaches, and whether it is a hole.  Borders
 * between data and holes are those of pages and so multiples of 512; holes that are shorter count as data. */
static uint64_t content_extent(const struct store *store, uint64_t offset, uint64_t length, bool *ret_hole)
{
    uint64_t zeroes = zeroes_from(store, offset, length), bytes = 0;
    enum store_kind kind;

    *ret_hole = zeroes >= HOLE_GRANULE;
    if (*ret_hole)
        return zeroes;
    while (zeroes < HOLE_GRANULE) {
        bytes += zeroes;
        if (bytes == length)
            break;
        bytes += store_extent(store, offset + bytes, length - bytes, &kind);
        zeroes = zeroes_from(store, offset + bytes, length - bytes);
        if (bytes == length)
            break;
    }
    return bytes;
}

/* With NBD_CMD_FLAG_DF one chunk: a hole only when all of it is. */
static void answer_structured_read(struct reference_session *s, const struct wire_request *r)
{
    uint64_t offset = r->offset, end = offset + r->length;
    bool whole = r->flags & NBD_CMD_FLAG_DF;

    while (offset < end) {
        bool hole;
        uint64_t bytes = content_extent(s->export->store, offset, end - offset, &hole);
        uint16_t flags;

        if (whole && bytes < end - offset) {
            hole = false;
            bytes = end - offset;
        }
        flags = bytes == end - offset ? NBD_REPLY_FLAG_DONE : 0;
        if (hole)
            answer_hole_chunk(s, r->cookie, flags, offset, (uint32_t)bytes);
        else
            answer_data_chunk(s, r->cookie, flags, offset, (uint32_t)bytes);
        offset += bytes;
    }
}

void answer_read(struct reference_session *s, const struct wire_request *r)
{
    if (!s->structured)
        answer_simple_read(s, r);
    else if (r->length == 0)
        answer_none(s, r->cookie);
    else
        answer_structured_read(s, r);
}

void answer_block_status(struct reference_session *s, const struct wire_request *r)
{
    static const uint32_t states[] = {
        [STORE_HOLE] = NBD_STATE_HOLE | NBD_STATE_ZERO, [STORE_ZERO] = NBD_STATE_ZERO, [STORE_DATA] = 0
    };
    size_t most = r->flags & NBD_CMD_FLAG_REQ_ONE ? 1 : STATUS_EXTENTS_MAX, count = 0, start = s->output.len;
    struct wire_extent *extents = memory_take(most * sizeof *extents);
    uint64_t at = r->offset, end = r->offset + r->length;
    struct wire_out out;

    while (at < end && count < most) {
        enum store_kind kind;
        uint64_t bytes = store_extent(s->export->store, at, end - at, &kind);

        extents[count++] = (struct wire_extent){ (uint32_t)bytes, states[kind] };
        at += bytes;
    }
    out = answer_room(s, WIRE_SIZE_chunk + WIRE_SIZE_chunk_status + count * WIRE_SIZE_extent);
    chunk_put_status(&out, NBD_REPLY_FLAG_DONE, r->cookie, ALLOCATION_ID, extents, count);
    free(extents);
    answer_put(s, start, SCAN_KIND_CHUNK);
}
