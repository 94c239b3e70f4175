/* SPDX-License-Identifier: MIT */
/* What the server sends: every message is written here, behind the others that wait in the output. */
#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "reference/manners.h"
#include "reference/misconduct.h"
#include "reference/state.h"
#include "wire/constants.h"

enum {
    DATA_PIECE = 256 * 1024,   /* of a long READ, written at a time */
    GRANULE = 512,             /* chunks of a READ start and end at multiples of this, where they can */
    STATUS_EXTENTS_MAX = 4096, /* a chunk has no more of them; what is left out the client asks for again */
    READ_CHUNKS_MAX = 4096,    /* of the reply to a READ */
};

/* The largest hole of a READ, which has 32 bits and is to end where data may begin. */
#define HOLE_MAX (UINT64_C(1) << 31)

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
    MANNERS(s, manners_message(s, start));
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
    struct span text;
    size_t start = s->output.len;
    struct wire_out out;

    if (message)
        MANNERS(s, manners_option_message(s, &message));
    text = message ? span_text(message) : span_of(NULL, 0);
    out = option_reply(s, type, text.len);
    wire_put_bytes(&out, text);
    answer_put(s, start, SCAN_KIND_OPTION_REPLY);
}

static struct span description_of(struct reference_session *s, const struct reference_export *export)
{
    struct span text = export->description ? span_text(export->description) : span_of(NULL, 0);

    MANNERS(s, manners_description(s, &text));
    return text;
}

void answer_server(struct reference_session *s, const struct reference_export *export)
{
    struct span name = span_text(export->name);
    struct span details = description_of(s, export);
    size_t start = s->output.len;
    struct wire_out out;

    out = option_reply(s, NBD_REP_SERVER, 4 + name.len + details.len);
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
    MANNERS(s, manners_block_size(s, export, &size));
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
        answer_info_text(s, info, description_of(s, export));
        break;
    case NBD_INFO_BLOCK_SIZE:
        answer_info_block_size(s, export);
        break;
    }
    answer_put(s, start, SCAN_KIND_OPTION_REPLY);
}

void answer_context(struct reference_session *s, enum context context, uint32_t id)
{
    struct span name = span_text(context_rows[context].name);
    size_t start = s->output.len;
    struct wire_out out = option_reply(s, NBD_REP_META_CONTEXT, 4 + name.len);

    wire_put_32(&out, id);
    wire_put_bytes(&out, name);
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

/* How the chunks of the reply to a request begin. */
struct chunk_to answer_to(const struct reference_session *s, const struct request *r)
{
    return s->extended ? chunk_to_extended(r->cookie, r->offset) : chunk_to(r->cookie);
}

void answer_put_chunk(struct reference_session *s, size_t start)
{
    answer_put(s, start, s->extended ? SCAN_KIND_EXTENDED_REPLY : SCAN_KIND_CHUNK);
}

void answer_simple(struct reference_session *s, uint64_t cookie, uint32_t error)
{
    size_t start = s->output.len;
    struct wire_out out = answer_room(s, WIRE_SIZE_simple_reply);

    wire_put_simple_reply(&out,
                          &(struct wire_simple_reply){ (uint32_t)NBD_SIMPLE_REPLY_MAGIC, error, cookie });
    answer_put(s, start, SCAN_KIND_SIMPLE_REPLY);
}

void answer_none(struct reference_session *s, const struct request *r)
{
    struct chunk_to to = answer_to(s, r);
    size_t start = s->output.len;
    struct wire_out out = answer_room(s, chunk_header_size(to));

    chunk_put_none(&out, to);
    answer_put_chunk(s, start);
}

void answer_done(struct reference_session *s, const struct request *r)
{
    if (MANNERS_TAKE(s, manners_done(s, r)))
        return;
    if (s->structured)
        answer_none(s, r);
    else
        answer_simple(s, r->cookie, 0);
}

void answer_error(struct reference_session *s, const struct request *r, uint32_t error, const char *why)
{
    struct span message = span_text(why);
    struct chunk_to to = answer_to(s, r);
    size_t start = s->output.len;
    struct wire_out out;

    if (MANNERS_TAKE(s, manners_error(s, r, error, why)))
        return;
    if (!s->structured) {
        answer_simple(s, r->cookie, error);
        return;
    }
    out = answer_room(s, chunk_header_size(to) + WIRE_SIZE_chunk_error + message.len);
    chunk_put_error(&out, NBD_REPLY_FLAG_DONE, to, error, message);
    answer_put_chunk(s, start);
}

/* How many of the data that end a reply are written with its header.  Of many data only a piece, so that they
 * need not be in memory twice, and stay in the processor's cache on their way; what alters replies wants to
 * see them whole. */
static size_t first_piece(const struct reference_session *s, uint64_t length)
{
    return length <= DATA_PIECE || !s->in_pieces || s->misconduct || s->manners ? (size_t)length : DATA_PIECE;
}

void answer_settle(struct reference_session *s)
{
    if (s->loans)
        loans_settle(s->loans, s->output.bytes);
}

/* Data of the export into the output, at a place that was taken for them; where it may, they stay where they
 * are. */
static void put_data(struct reference_session *s, uint64_t offset, uint8_t *to, size_t length)
{
    const struct store *store = s->export->store;

    while (s->loans && length > 0) {
        struct span data = store_peek(store, offset, length);

        if (!loans_add(s->loans, (size_t)(to - s->output.bytes), data))
            break;
        offset += data.len;
        to += data.len;
        length -= data.len;
    }
    store_read(store, offset, to, length);
}

void answer_rest(struct reference_session *s)
{
    size_t piece = s->rest.length < DATA_PIECE ? (size_t)s->rest.length : DATA_PIECE;
    struct wire_out out = answer_room(s, piece);

    put_data(s, s->rest.offset, out.at, piece);
    s->rest.offset += piece;
    s->rest.length -= piece;
}

static void answer_simple_read(struct reference_session *s, const struct request *r)
{
    size_t start = s->output.len, piece = first_piece(s, r->length);
    struct wire_out out = answer_room(s, WIRE_SIZE_simple_reply + piece);

    wire_put_simple_reply(&out,
                          &(struct wire_simple_reply){ (uint32_t)NBD_SIMPLE_REPLY_MAGIC, 0, r->cookie });
    put_data(s, r->offset, out.at + out.len, piece);
    s->rest.offset = r->offset + piece;
    s->rest.length = r->length - piece;
    answer_put(s, start, SCAN_KIND_SIMPLE_REPLY);
}

void answer_data_chunk(struct reference_session *s, struct chunk_to to, uint16_t flags, uint64_t offset,
                       uint32_t length)
{
    size_t start = s->output.len, piece = flags & NBD_REPLY_FLAG_DONE ? first_piece(s, length) : length;
    struct wire_out out = answer_room(s, chunk_header_size(to) + WIRE_SIZE_chunk_data + piece);

    chunk_put_data_header(&out, flags, to, offset, length);
    put_data(s, offset, out.at + out.len, piece);
    s->rest.offset = offset + piece;
    s->rest.length = length - piece;
    answer_put_chunk(s, start);
}

void answer_hole_chunk(struct reference_session *s, struct chunk_to to, uint16_t flags, uint64_t offset,
                       uint32_t length)
{
    size_t start = s->output.len;
    struct wire_out out = answer_room(s, chunk_header_size(to) + WIRE_SIZE_chunk_hole);

    chunk_put_hole(&out, flags, to, offset, length);
    answer_put_chunk(s, start);
}

uint64_t answer_zeroes(const struct store *store, uint64_t offset, uint64_t length)
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
    uint64_t zeroes, bytes = 0;
    enum store_kind kind;

    *ret_hole = false;
    if (store_extent(store, offset, length, &kind) == length && kind == STORE_DATA)
        return length;
    zeroes = answer_zeroes(store, offset, length);
    *ret_hole = zeroes >= GRANULE;
    if (*ret_hole)
        return zeroes;
    while (zeroes < GRANULE) {
        bytes += zeroes;
        if (bytes == length)
            break;
        bytes += store_extent(store, offset + bytes, length - bytes, &kind);
        zeroes = answer_zeroes(store, offset + bytes, length - bytes);
        if (bytes == length)
            break;
    }
    return bytes;
}

/* Pages that hold something are sent in full at most, and no extent is in more chunks than its length makes.
 */
bool answer_fits(const struct reference_session *s, const struct request *r)
{
    uint64_t bytes = 0, chunks = r->length / HOLE_MAX, extent;

    for (uint64_t at = 0; at < r->length; at += extent) {
        enum store_kind kind;

        extent = store_extent(s->export->store, r->offset + at, r->length - at, &kind);
        chunks++;
        if (kind == STORE_DATA) {
            bytes += extent;
            chunks += extent / transmission_payload_max(s->export);
        }
        if (bytes > REFERENCE_MAX_PAYLOAD || chunks > READ_CHUNKS_MAX)
            return false;
    }
    return true;
}

/* How many bytes from there go into one chunk; the rest goes into the next ones. */
static uint64_t chunk_bytes(const struct reference_session *s, bool hole, uint64_t offset, uint64_t bytes)
{
    uint64_t most = hole ? HOLE_MAX : transmission_payload_max(s->export);

    return bytes > most ? most - (offset + most) % GRANULE : bytes;
}

/* With NBD_CMD_FLAG_DF one chunk: a hole only when all of it is. */
static void answer_structured_read(struct reference_session *s, const struct request *r)
{
    uint64_t offset = r->offset, end = offset + r->length;
    bool whole = (r->flags & NBD_CMD_FLAG_DF) && r->length <= transmission_payload_max(s->export);

    while (offset < end) {
        bool hole;
        uint64_t bytes = content_extent(s->export->store, offset, end - offset, &hole);
        uint16_t flags;

        if (whole && bytes < end - offset) {
            hole = false;
            bytes = end - offset;
        }
        bytes = chunk_bytes(s, hole, offset, bytes);
        flags = bytes == end - offset ? NBD_REPLY_FLAG_DONE : 0;
        if (hole)
            answer_hole_chunk(s, answer_to(s, r), flags, offset, (uint32_t)bytes);
        else
            answer_data_chunk(s, answer_to(s, r), flags, offset, (uint32_t)bytes);
        offset += bytes;
    }
}

void answer_read(struct reference_session *s, const struct request *r)
{
    if (MANNERS_TAKE(s, manners_read(s, r)))
        return;
    if (!s->structured)
        answer_simple_read(s, r);
    else if (r->length == 0)
        answer_none(s, r);
    else
        answer_structured_read(s, r);
}

/* Descriptors that a chunk may have: they stay within the maximum payload, too. */
static size_t extents_max(const struct reference_session *s, const struct request *r)
{
    size_t size = s->extended ? WIRE_SIZE_extended_extent : WIRE_SIZE_extent;
    size_t most = transmission_payload_max(s->export) / size;

    if ((r->flags & NBD_CMD_FLAG_REQ_ONE) || most == 0)
        return 1;
    return most < STATUS_EXTENTS_MAX ? most : STATUS_EXTENTS_MAX;
}

static void answer_status_of(struct reference_session *s, const struct request *r, uint16_t flags,
                             const struct context_row *context)
{
    size_t most = extents_max(s, r), count = 0, start = s->output.len;
    struct wire_extended_extent *extents = memory_grow(NULL, most * sizeof *extents);
    uint64_t at = r->offset, end = r->offset + r->length;
    struct chunk_to to = answer_to(s, r);
    struct wire_out out;

    while (at < end && count < most) {
        uint64_t status, bytes = context->extent(s->export, at, end - at, &status);

        extents[count++] = (struct wire_extended_extent){ bytes, status };
        at += bytes;
    }
    MANNERS(s, manners_status(s, r, (enum context)(context - context_rows), extents, &count));
    out = answer_room(s, chunk_header_size(to) +
                             (s->extended ? WIRE_SIZE_extended_status + count * WIRE_SIZE_extended_extent
                                          : WIRE_SIZE_chunk_status + count * WIRE_SIZE_extent));
    chunk_put_status(&out, flags, to, contexts_id(s, (unsigned)(context - context_rows)), extents, count);
    free(extents);
    answer_put_chunk(s, start);
}

/* One chunk for each context. */
void answer_block_status(struct reference_session *s, const struct request *r)
{
    unsigned last = CONTEXT_COUNT - 1;

    while (last > 0 && !(s->in.contexts & 1u << contexts_nth(s, last)))
        last--;
    for (unsigned i = 0; i < last; i++)
        if (s->in.contexts & 1u << contexts_nth(s, i))
            answer_status_of(s, r, 0, &context_rows[contexts_nth(s, i)]);
    answer_status_of(s, r, NBD_REPLY_FLAG_DONE, &context_rows[contexts_nth(s, last)]);
}
