/* SPDX-License-Identifier: MIT */
/* The client in transmission.  proto.md, "Transmission phase". */
#include <inttypes.h>

#include "runner/client.h"
#include "runner/client_bytes.h"
#include "wire/body.h"
#include "wire/scan.h"
#include "wire/vocabulary.h"

enum {
    PAYLOAD_MAX = 64 * 1024,      /* bytes of a chunk's payload, but for data */
    CHUNKS_MAX = 4 * 1024 * 1024, /* of a reply */
};

/* One request and what is gathered of its answer. */
struct transfer {
    struct wire_request request;
    struct client_reader reader; /* piece NULL: no data are expected */
    uint64_t covered;            /* bytes of a READ that came */
    uint32_t error;              /* the first error; 0: none */
};

static bool send_request(struct client *c, struct transfer *t, struct span data)
{
    uint8_t bytes[WIRE_SIZE_extended_request];
    struct wire_out out = wire_out(bytes, sizeof bytes);

    t->request.magic = (uint32_t)NBD_REQUEST_MAGIC;
    t->request.cookie = ++c->cookie;
    if (c->extended)
        wire_put_extended_request(&out, &(struct wire_extended_request){
                                            (uint32_t)NBD_EXTENDED_REQUEST_MAGIC,
                                            data.len > 0 ? NBD_CMD_FLAG_PAYLOAD_LEN : 0, t->request.type,
                                            t->request.cookie, t->request.offset, t->request.length });
    else
        wire_put_request(&out, &t->request);
    return client_send(c, span_of(bytes, out.len)) && client_send(c, data);
}

/* Takes len bytes of data that begin at an offset of the export. */
static bool take_data(struct client *c, struct transfer *t, uint64_t offset, uint64_t len)
{
    if (len > t->request.length - t->covered)
        return client_lose(c, "there are more data than were asked for");
    while (len > 0) {
        struct span data;

        if (!client_some(c, len < SIZE_MAX ? (size_t)len : SIZE_MAX, &data))
            return false;
        t->reader.piece(t->reader.ctx, offset, data);
        offset += data.len;
        len -= data.len;
        t->covered += data.len;
    }
    return true;
}

static bool within(const struct transfer *t, uint64_t offset, uint64_t len)
{
    return offset >= t->request.offset && len <= t->request.length &&
           offset - t->request.offset <= t->request.length - len;
}

static bool take_simple_reply(struct client *c, struct transfer *t)
{
    struct wire_simple_reply reply;
    struct span bytes;
    struct wire_in in;

    if (!client_need(c, WIRE_SIZE_simple_reply - 4, &bytes))
        return false;
    in = wire_in(bytes);
    reply.error = wire_get_32(&in);
    t->error = reply.error;
    if (t->error == 0 && t->reader.piece)
        return take_data(c, t, t->request.offset, t->request.length);
    return true;
}

static bool take_data_chunk(struct client *c, struct transfer *t, uint32_t length)
{
    struct span bytes;
    struct wire_in in;
    uint64_t offset;

    if (length < WIRE_SIZE_chunk_data || !client_need(c, WIRE_SIZE_chunk_data, &bytes))
        return c->broke ? false : client_lose(c, "a chunk of data is shorter than its offset");
    in = wire_in(bytes);
    offset = wire_get_64(&in);
    length -= WIRE_SIZE_chunk_data;
    if (!t->reader.piece || !within(t, offset, length))
        return client_lose(c, "a chunk brings data that were not asked for");
    return take_data(c, t, offset, length);
}

/* A hole, an error, or nothing. */
static bool take_small_chunk(struct client *c, struct transfer *t, const struct wire_chunk *chunk)
{
    struct chunk_data decoded;
    struct wire_flaw flaw;
    struct span bytes;

    if (chunk->length > PAYLOAD_MAX)
        return client_lose(c, "a chunk announces a payload of more than 64 KiB");
    if (!client_need(c, chunk->length, &bytes))
        return false;
    chunk_decode(chunk->type, bytes, chunk->length, &decoded, &flaw);
    if (decoded.role == CHUNK_ERROR && t->error == 0)
        t->error = decoded.error ? decoded.error : NBD_EIO;
    if (chunk->type == NBD_REPLY_TYPE_OFFSET_HOLE && bytes.len >= WIRE_SIZE_chunk_hole) {
        if (!t->reader.piece || !within(t, decoded.offset, decoded.data_bytes))
            return client_lose(c, "a chunk brings a hole that was not asked for");
        if (decoded.data_bytes > t->request.length - t->covered)
            return client_lose(c, "there are more data than were asked for");
        t->reader.piece(t->reader.ctx, decoded.offset, span_of(NULL, (size_t)decoded.data_bytes));
        t->covered += decoded.data_bytes;
    }
    return true;
}

static bool take_chunk(struct client *c, struct transfer *t, bool extended, bool *ret_done)
{
    struct wire_chunk chunk;
    struct span bytes;
    struct wire_in in;
    uint64_t length;

    if (!client_need(c, (extended ? WIRE_SIZE_extended_reply : WIRE_SIZE_chunk) - 4, &bytes))
        return false;
    in = wire_in(bytes);
    chunk = (struct wire_chunk){ .flags = wire_get_16(&in) };
    chunk.type = wire_get_16(&in);
    chunk.cookie = wire_get_64(&in);
    if (extended)
        wire_get_64(&in); /* the offset of the request */
    length = extended ? wire_get_64(&in) : wire_get_32(&in);
    if (length > UINT32_MAX)
        return client_lose(c, "a chunk announces a payload of more than 32 bits");
    chunk.length = (uint32_t)length;
    *ret_done = (chunk.flags & NBD_REPLY_FLAG_DONE) != 0;
    if (chunk.type == NBD_REPLY_TYPE_OFFSET_DATA)
        return take_data_chunk(c, t, chunk.length);
    return take_small_chunk(c, t, &chunk);
}

/* Takes the whole answer, of whatever form. */
static bool take_answer(struct client *c, struct transfer *t)
{
    bool done = false;

    for (unsigned chunks = 0; !done; chunks++) {
        struct span bytes;
        struct wire_in in;
        uint32_t magic;

        if (chunks == CHUNKS_MAX || client_now(c) > c->deadline_ns)
            return client_break(c, "the answer does not end");
        if (!client_need(c, 4, &bytes))
            return false;
        in = wire_in(bytes);
        magic = wire_get_32(&in);
        if (magic == NBD_SIMPLE_REPLY_MAGIC) {
            done = true;
            if (!take_simple_reply(c, t))
                return false;
        } else if (magic == NBD_STRUCTURED_REPLY_MAGIC || magic == NBD_EXTENDED_REPLY_MAGIC) {
            if (!take_chunk(c, t, magic == NBD_EXTENDED_REPLY_MAGIC, &done))
                return false;
        } else {
            return client_lose(c, "what comes is no reply: its magic is wrong");
        }
    }
    return true;
}

static bool transfer(struct client *c, struct transfer *t, struct span data)
{
    c->refusal = 0;
    if (!send_request(c, t, data) || !take_answer(c, t))
        return false;
    c->refusal = t->error;
    if (t->error) {
        const char *name = vocabulary_name(&vocabulary_errors, t->error);

        return name ? client_fail(c, "the server answers %s", name)
                    : client_fail(c, "the server answers error %" PRIu32, t->error);
    }
    if (t->reader.piece && t->covered != t->request.length)
        return client_fail(c, "the answer covers %" PRIu64 " bytes of it", t->covered);
    return true;
}

bool client_read(struct client *c, uint64_t offset, uint32_t length, struct client_reader reader)
{
    struct transfer t = { .request = { .type = NBD_CMD_READ, .offset = offset, .length = length },
                          .reader = reader };

    client_doing(c, "READ of %" PRIu32 " bytes at offset %" PRIu64, length, offset);
    return transfer(c, &t, span_of(NULL, 0));
}

bool client_write(struct client *c, uint64_t offset, struct span data)
{
    struct transfer t = { .request = {
                              .type = NBD_CMD_WRITE, .offset = offset, .length = (uint32_t)data.len } };

    client_doing(c, "WRITE of %zu bytes at offset %" PRIu64, data.len, offset);
    return transfer(c, &t, data);
}

bool client_write_zeroes(struct client *c, uint64_t offset, uint32_t length)
{
    struct transfer t = { .request = { .type = NBD_CMD_WRITE_ZEROES, .offset = offset, .length = length } };

    client_doing(c, "WRITE_ZEROES of %" PRIu32 " bytes at offset %" PRIu64, length, offset);
    return transfer(c, &t, span_of(NULL, 0));
}
