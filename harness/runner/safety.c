/* SPDX-License-Identifier: MIT */
#include "runner/safety.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/memory.h"
#include "runner/client.h"
#include "runner/signature.h"
#include "script/value.h"
#include "wire/constants.h"

enum {
    SECTOR = 512,            /* what is looked at as one piece, so that a pattern can be told from data */
    SAYS_ENOUGH = 8,         /* bytes by which a pattern is recognised */
    READ_SURELY = 64 * 1024, /* a READ of no more has to be served in one go */
    READ_AT_ONCE = 4 * 1024 * 1024, /* at more, taking the memory costs more than reading into it */
    ZEROED_AT_ONCE = 64 * 1024 * 1024,
    WRITTEN_AT_ONCE = 1024 * 1024, /* where zeroing did not help */
    PATIENCE = 6,                  /* zeroing may take so many times as long as a case's request */
};

/* ---- ranges ---- */

static bool touches(const struct ranges *r, unsigned i, uint64_t offset, uint64_t length)
{
    return offset <= r->all[i].offset + r->all[i].length && r->all[i].offset <= offset + length;
}

void ranges_add(struct ranges *r, uint64_t offset, uint64_t length)
{
    unsigned kept = 0;

    if (length == 0)
        return;
    for (unsigned i = 0; i < r->count; i++) {
        uint64_t end = offset + length, other_end = r->all[i].offset + r->all[i].length;

        if (!touches(r, i, offset, length)) {
            r->all[kept++] = r->all[i];
            continue;
        }
        offset = offset < r->all[i].offset ? offset : r->all[i].offset;
        length = (end > other_end ? end : other_end) - offset;
    }
    assert(kept < SAFETY_RANGES_MAX);
    r->all[kept].offset = offset;
    r->all[kept].length = length;
    r->count = kept + 1;
}

/* ---- looking at data ---- */

static bool is_zero(struct span data)
{
    return data.len == 0 || (data.at[0] == 0 && memcmp(data.at, data.at + 1, data.len - 1) == 0);
}

static bool is_one_byte(struct span data)
{
    return data.len >= SAYS_ENOUGH && memcmp(data.at, data.at + 1, data.len - 1) == 0;
}

/* A pattern has no zero bytes: where there are some, something was zeroed afterwards. */
static bool is_pattern(uint64_t seed, uint64_t offset, struct span data)
{
    size_t same = 0;

    for (size_t i = 0; i < data.len; i++) {
        if (data.at[i] == 0)
            continue;
        if (data.at[i] != pattern_byte(seed, offset + i))
            return false;
        same++;
    }
    return same >= SAYS_ENOUGH;
}

bool safety_is_leftover(uint64_t offset, struct span data)
{
    if (is_zero(data) || is_one_byte(data))
        return true;
    for (uint64_t seed = 0; seed < 256; seed++)
        if (is_pattern(seed, offset, data))
            return true;
    return false;
}

/* Looks at what is read, sector by sector, however it is cut. */
struct look {
    bool zero_only;    /* leftovers do not pass */
    uint64_t from, to; /* what lies outside is passed over: blocks are read whole */
    bool found;        /* something that may not be there */
    uint64_t found_at;
    uint64_t offset; /* of the part of a sector in hand */
    uint8_t part[SECTOR];
    size_t len;
};

static void judge(struct look *l, uint64_t offset, struct span sector)
{
    if (l->found || is_zero(sector) || (!l->zero_only && safety_is_leftover(offset, sector)))
        return;
    l->found = true;
    for (l->found_at = offset; *sector.at == 0; l->found_at++)
        span_take(&sector, 1);
}

static void judge_part(struct look *l)
{
    judge(l, l->offset, span_of(l->part, l->len));
    l->len = 0;
}

/* Leaves what lies within the range.  False when nothing does. */
static bool clip(const struct look *l, uint64_t *offset, struct span *data)
{
    if (*offset < l->from) {
        uint64_t before = l->from - *offset;

        *offset += span_take(data, before < data->len ? (size_t)before : data->len).len;
    }
    if (*offset >= l->to)
        return false;
    if (data->len > l->to - *offset)
        data->len = (size_t)(l->to - *offset);
    return data->len > 0;
}

static void look_at(void *ctx, uint64_t offset, struct span data)
{
    struct look *l = ctx;

    if (!data.at || !clip(l, &offset, &data))
        return;
    if (l->len > 0 && offset != l->offset + l->len)
        judge_part(l); /* a server may send pieces in any order */
    if (l->len == 0 && is_zero(data))
        return; /* most of it, most of the time */
    while (data.len > 0 && !l->found) {
        size_t left = SECTOR - (size_t)(offset % SECTOR);
        struct span piece = span_take(&data, left);

        if (l->len == 0)
            l->offset = offset;
        memcpy(l->part + l->len, piece.at, piece.len);
        l->len += piece.len;
        offset += piece.len;
        if (offset % SECTOR == 0)
            judge_part(l);
    }
}

/* ---- reading ---- */

/* A range in pieces that the server has to serve: multiples of its block, as large as a payload may be. */
static uint32_t piece_bytes(const struct facts *f, uint32_t most)
{
    uint32_t block = facts_unit(f), max = f->block_size.maximum;

    if (max < most && max >= block)
        most = max;
    return most > block ? most - most % block : block;
}

/* A server may refuse a large READ though its payload is within the maximum; smaller ones are tried then:
 * proto.md, NBD_CMD_READ, "Structured replies". */
static bool was_too_large(const struct client *c, uint32_t bytes)
{
    return !c->broke && c->refusal == NBD_EOVERFLOW && bytes > READ_SURELY;
}

static bool read_range(struct client *c, const struct facts *f, uint64_t offset, uint64_t length,
                       uint32_t at_once, struct look *l)
{
    uint32_t block = facts_unit(f);
    uint64_t end = offset + length;

    l->from = offset;
    l->to = end;
    offset -= offset % block;
    if (end % block != 0 && f->size - end >= block - end % block)
        end += block - end % block;
    end -= end % block; /* the last bytes of an export that does not end with a block cannot be had */
    while (offset < end && !l->found) {
        uint32_t most = piece_bytes(f, at_once);
        uint32_t bytes = end - offset < most ? (uint32_t)(end - offset) : most;

        if (client_read(c, offset, bytes, (struct client_reader){ look_at, l }))
            offset += bytes;
        else if (was_too_large(c, bytes))
            at_once = bytes / 2;
        else
            return false;
    }
    judge_part(l);
    return true;
}

struct first_bytes {
    uint8_t bytes[SIGNATURE_BYTES];
};

static void copy_start(void *ctx, uint64_t offset, struct span data)
{
    struct first_bytes *s = ctx;

    if (data.at && offset < SIGNATURE_BYTES)
        memcpy(s->bytes + offset, data.at,
               data.len < SIGNATURE_BYTES - offset ? data.len : SIGNATURE_BYTES - offset);
}

/* The name of what stands at the export's start, or NULL. */
static bool read_start(struct client *c, const struct facts *f, uint32_t at_once, const char **ret_name)
{
    struct first_bytes *s = memory_take(sizeof *s);
    uint32_t block = facts_unit(f);
    uint64_t wanted = ((uint64_t)SIGNATURE_BYTES + block - 1) / block * block;
    uint64_t end = wanted < f->size ? wanted : f->size - f->size % block, offset = 0;
    bool good = true;

    while (good && offset < end) {
        uint32_t most = piece_bytes(f, at_once);
        uint32_t bytes = end - offset < most ? (uint32_t)(end - offset) : most;

        if (client_read(c, offset, bytes, (struct client_reader){ copy_start, s }))
            offset += bytes;
        else if (was_too_large(c, bytes))
            at_once = bytes / 2;
        else
            good = false;
    }
    *ret_name = good ? signature_find(span_of(s->bytes, sizeof s->bytes)) : NULL;
    free(s);
    return good;
}

/* ---- before the first write ---- */

static void name_ways_on(const struct ranges *ranges, struct buffer *to)
{
    buffer_print(to, "The cases would write to ");
    for (unsigned i = 0; i < ranges->count; i++)
        buffer_print(to, "%soffsets %" PRIu64 " to %" PRIu64, i > 0 ? " and " : "", ranges->all[i].offset,
                     ranges->all[i].offset + ranges->all[i].length - 1);
    buffer_print(to, ", so nbdtest stops here.  The ways on:\n"
                     "  --read-only  only the cases that do not write\n"
                     "  --destroy    write there, whatever is lost\n");
}

/* What was seen in an export. */
struct view {
    struct look look;
    const char *name; /* of what stands at its start, or NULL */
};

/* Others were served before. */
static enum status not_served(const struct target *target, uint64_t timeout_ns, const char *why,
                              struct buffer *error)
{
    static const char gone[] =
        "is gone: it died of what it was asked (--pcap FILE records it), or ends when a "
        "client leaves, as qemu-nbd does without -t";
    char error_now[300] = "";
    struct link *link = target->dial(target->ctx, timeout_ns, error_now, sizeof error_now);
    bool reached = link != NULL;

    link_free(link);
    buffer_print(error, "the server, having served other connections, %s: %s\n",
                 reached ? "does not serve this one" : gone, why);
    return reached ? STATUS_UNREACHABLE : STATUS_DIED;
}

/* VIOLATIONS where it could not be read; error is then told why. */
static enum status look_once(const struct target *target, const struct facts *facts, uint64_t timeout_ns,
                             const struct ranges *ranges, enum client_headers headers, uint32_t at_once,
                             struct view *ret, struct buffer *error)
{
    struct client c;
    uint32_t type;
    bool good;

    *ret = (struct view){ 0 };
    if (client_enter(&c, target, timeout_ns, span_text(facts->export), headers, &type) != CLIENT_IN) {
        client_close(&c, false);
        return not_served(target, timeout_ns, c.error, error);
    }
    good = read_start(&c, facts, at_once, &ret->name);
    for (unsigned i = 0; good && !ret->name && i < ranges->count && !ret->look.found; i++)
        good = read_range(&c, facts, ranges->all[i].offset, ranges->all[i].length, at_once, &ret->look);
    client_close(&c, true);
    if (good)
        return STATUS_CONFORMS;
    buffer_print(error,
                 "cannot tell whether the export holds data: %s\n"
                 "The cases that write are left out, as with --read-only\n",
                 c.error);
    return STATUS_VIOLATIONS;
}

enum status safety_look(const struct target *target, const struct facts *facts, uint64_t timeout_ns,
                        const struct ranges *ranges, struct buffer *ret_error)
{
    enum status status;
    struct buffer why, again;
    struct view view;

    buffer_init(&why, 4096);
    buffer_init(&again, 4096);
    status = look_once(target, facts, timeout_ns, ranges, CLIENT_STRUCTURED, READ_AT_ONCE, &view, &why);
    /* Where answers are slow, or make no sense, those to less at once, in the other form, may do: what is
     * wrong with READ is for the cases to show, and they have to write. */
    if (status == STATUS_VIOLATIONS && look_once(target, facts, timeout_ns, ranges, CLIENT_SIMPLE,
                                                 READ_SURELY, &view, &again) == STATUS_CONFORMS)
        status = STATUS_CONFORMS;
    if (status != STATUS_CONFORMS)
        buffer_add(ret_error, why.bytes, why.len);
    buffer_free(&why);
    buffer_free(&again);
    if (status != STATUS_CONFORMS)
        return status;
    if (view.name)
        buffer_print(ret_error, "the export holds %s, recognised by its first bytes\n", view.name);
    else if (view.look.found)
        buffer_print(ret_error, "the export holds data: the bytes at offset %" PRIu64 " are not zero\n",
                     view.look.found_at);
    if (!view.name && !view.look.found)
        return STATUS_CONFORMS;
    name_ways_on(ranges, ret_error);
    return STATUS_USAGE;
}

enum status safety_try(const struct target *target, const struct facts *facts, uint64_t timeout_ns,
                       const struct ranges *ranges, bool *ret_refused, struct buffer *ret_error)
{
    uint32_t bytes = facts_unit(facts), type;
    struct client c;
    uint8_t *zeroes;

    *ret_refused = false;
    if (client_enter(&c, target, timeout_ns, span_text(facts->export), CLIENT_STRUCTURED, &type) !=
        CLIENT_IN) {
        client_close(&c, false);
        return not_served(target, timeout_ns, c.error, ret_error);
    }
    zeroes = memory_take(bytes);
    if (!client_write(&c, ranges->all[0].offset, span_of(zeroes, bytes)))
        *ret_refused = !c.broke && c.refusal == NBD_EPERM;
    free(zeroes);
    client_close(&c, true);
    return STATUS_CONFORMS;
}

/* ---- at the end ---- */

/* A session for zeroing, opened again when it broke. */
struct zeroing {
    const struct target *target;
    const struct facts *facts;
    uint64_t timeout_ns;
    enum client_headers headers;
    struct client client;
    uint8_t *zeroes; /* taken when they are needed */
    uint32_t zeroes_len;
    bool by_little; /* requests of more than is served surely were of no use */
};

static bool connected(struct zeroing *z)
{
    uint32_t type;

    if (!z->client.broke)
        return true;
    client_close(&z->client, true);
    return client_enter(&z->client, z->target, z->timeout_ns, span_text(z->facts->export), z->headers,
                        &type) == CLIENT_IN;
}

static bool reads_as_zero(struct zeroing *z, uint64_t offset, uint64_t length)
{
    struct look look = { .zero_only = true };
    uint32_t at_once = z->by_little ? READ_SURELY : READ_AT_ONCE;

    if (!connected(z))
        return false;
    if (read_range(&z->client, z->facts, offset, length, at_once, &look))
        return !look.found;
    if (!z->client.broke || z->headers == CLIENT_SIMPLE)
        return false;
    z->headers = CLIENT_SIMPLE; /* chunks that make no sense do not say that anything is left */
    return reads_as_zero(z, offset, length);
}

static bool write_zeroes_where_needed(struct zeroing *z, uint64_t offset, uint64_t length)
{
    if (!z->zeroes) {
        z->zeroes_len = piece_bytes(z->facts, WRITTEN_AT_ONCE);
        z->zeroes = memory_take(z->zeroes_len);
    }
    while (length > 0) {
        size_t most = z->by_little ? piece_bytes(z->facts, READ_SURELY) : z->zeroes_len;
        size_t bytes = length < most ? (size_t)length : most;

        if (!reads_as_zero(z, offset, bytes) &&
            !(connected(z) && client_write(&z->client, offset, span_of(z->zeroes, bytes))))
            return false;
        offset += bytes;
        length -= bytes;
    }
    return true;
}

/* Believes nothing: what was zeroed is read again, and a server that zeroes badly, or not at all, is written
 * to; but only where something is left, as zeroes that are written may cost it memory. */
static bool write_until_zero(struct zeroing *z, uint64_t offset, uint32_t length)
{
    return reads_as_zero(z, offset, length) ||
           (write_zeroes_where_needed(z, offset, length) && reads_as_zero(z, offset, length));
}

static bool zero_piece(struct zeroing *z, uint64_t offset, uint32_t length)
{
    if ((z->facts->flags_structured & NBD_FLAG_SEND_WRITE_ZEROES) && connected(z))
        client_write_zeroes(&z->client, offset, length);
    if (write_until_zero(z, offset, length))
        return true;
    if (z->by_little)
        return false;
    z->by_little = true;
    return write_until_zero(z, offset, length);
}

bool safety_zero(const struct target *target, const struct facts *facts, uint64_t timeout_ns,
                 const struct ranges *ranges, uint64_t *ret_offset, uint64_t *ret_length)
{
    struct zeroing z = { target, facts, PATIENCE * timeout_ns, CLIENT_STRUCTURED, .client.broke = true };
    uint32_t most = piece_bytes(facts, ZEROED_AT_ONCE); /* more than a payload's length may be refused */
    bool good = true;

    for (unsigned i = 0; good && i < ranges->count; i++) {
        uint64_t offset = ranges->all[i].offset, end = offset + ranges->all[i].length;

        while (good && offset < end) {
            uint32_t bytes = end - offset < most ? (uint32_t)(end - offset) : most;

            good = zero_piece(&z, offset, bytes);
            if (!good) {
                *ret_offset = offset;
                *ret_length = end - offset;
            }
            offset += bytes;
        }
    }
    client_close(&z.client, true);
    free(z.zeroes);
    return good;
}
