/* SPDX-License-Identifier: MIT */
#include "reference/bench/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "wire/constants.h"

enum {
    BATCH_MAX = 1 << 20,
    REPLY_FLAG_DONE = 1,
    REPLY_TYPE_ERROR_BIT = 1 << 15,
};

/* Plain stores instead of the cursors of wire/: the client must cost as little as can be. */
static void put_16(uint8_t *at, uint16_t value)
{
    value = __builtin_bswap16(value);
    memcpy(at, &value, sizeof value);
}

static void put_32(uint8_t *at, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(at, &value, sizeof value);
}

static void put_64(uint8_t *at, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(at, &value, sizeof value);
}

static uint16_t get_16(const uint8_t *at)
{
    uint16_t value;

    memcpy(&value, at, sizeof value);
    return __builtin_bswap16(value);
}

static uint32_t get_32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof value);
    return __builtin_bswap32(value);
}

static uint64_t get_64(const uint8_t *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof value);
    return __builtin_bswap64(value);
}

static size_t request_size(const struct workload *w)
{
    return w->framing == FRAMING_EXTENDED ? 32 : 28;
}

static size_t slot_size(const struct workload *w)
{
    return request_size(w) + (w->command == NBD_CMD_WRITE ? w->length : 0);
}

/* What is the same in every request is written once. */
static void prepare_slot(uint8_t *at, const struct workload *w)
{
    bool extended = w->framing == FRAMING_EXTENDED;

    put_32(at, extended ? 0x21e41c71 : 0x25609513);
    put_16(at + 4, extended && w->command == NBD_CMD_WRITE ? 1 << 5 : 0); /* PAYLOAD_LEN */
    put_16(at + 6, w->command);
    if (extended)
        put_64(at + 24, w->length);
    else
        put_32(at + 24, (uint32_t)w->length);
    if (w->command == NBD_CMD_WRITE)
        memset(at + request_size(w), 0xa5, w->length);
}

void stream_open(struct stream *s, struct end end, const struct workload *w, uint64_t seed)
{
    size_t slots = BATCH_MAX / slot_size(w);

    *s = (struct stream){ .end = end, .random = seed * 2 + 1 };
    s->slots = slots < 1 ? 1 : slots < w->depth ? slots : w->depth;
    s->batch = memory_take(s->slots * slot_size(w));
    for (size_t i = 0; i < s->slots; i++)
        prepare_slot(s->batch + i * slot_size(w), w);
}

void stream_close(struct stream *s)
{
    end_close(&s->end);
    free(s->batch);
}

static uint64_t next_offset(struct stream *s, const struct workload *w)
{
    uint64_t at;

    if (w->random) { /* xorshift */
        s->random ^= s->random << 13;
        s->random ^= s->random >> 7;
        s->random ^= s->random << 17;
        return w->start + s->random % (w->span / w->length) * w->length;
    }
    at = s->next;
    s->next += w->stride > 0 ? w->stride : w->length;
    if (s->next > w->span - w->length)
        s->next = 0;
    return w->start + at;
}

static void make_requests(struct stream *s, struct workload *w)
{
    size_t size = slot_size(w);

    s->batch_len = 0;
    s->batch_sent = 0;
    for (size_t i = 0; i < s->slots && s->in_flight < w->depth && w->remaining > 0; i++) {
        uint64_t offset = next_offset(s, w);
        uint8_t *at = s->batch + i * size;

        put_64(at + 8, offset);
        put_64(at + 16, offset);
        s->batch_len += size;
        s->in_flight++;
        w->remaining--;
    }
}

bool stream_wants_send(const struct stream *s)
{
    return s->batch_sent < s->batch_len;
}

bool stream_send(struct stream *s, struct workload *w)
{
    for (;;) {
        ssize_t sent;

        if (!stream_wants_send(s))
            make_requests(s, w);
        if (!stream_wants_send(s))
            return true;
        sent = end_send(&s->end, s->batch + s->batch_sent, s->batch_len - s->batch_sent);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        s->batch_sent += (size_t)sent;
        if (stream_wants_send(s))
            return true;
    }
}

/* ---- receiving ---- */

/* Reads one kind of header: sets skip and ends.  False when it tells of an error. */
static bool take_simple(struct stream *s, const struct workload *w)
{
    s->skip = w->command == NBD_CMD_READ ? w->length : 0;
    s->ends = true;
    return get_32(s->head + 4) == 0;
}

static bool take_structured(struct stream *s, const struct workload *w)
{
    (void)w;
    s->skip = get_32(s->head + 16);
    s->ends = get_16(s->head + 4) & REPLY_FLAG_DONE;
    return !(get_16(s->head + 6) & REPLY_TYPE_ERROR_BIT);
}

static bool take_extended(struct stream *s, const struct workload *w)
{
    (void)w;
    s->skip = get_64(s->head + 24);
    s->ends = get_16(s->head + 4) & REPLY_FLAG_DONE;
    return !(get_16(s->head + 6) & REPLY_TYPE_ERROR_BIT);
}

static const struct header {
    uint32_t magic;
    size_t size;
    bool (*take)(struct stream *s, const struct workload *w);
} headers[] = {
    [FRAMING_SIMPLE] = { 0x67446698, 16, take_simple },
    [FRAMING_STRUCTURED] = { 0x668e33ef, 20, take_structured },
    [FRAMING_EXTENDED] = { 0x6e8a278c, 32, take_extended },
};

enum { MAGIC_SIZE = 4 };

/* The header that begins with what is there, a magic or more; NULL when it is none that may come.  Simple
 * replies may stand between structured ones. */
static const struct header *header_of(const struct stream *s, const struct workload *w)
{
    uint32_t magic = get_32(s->head);

    if (magic == headers[w->framing].magic)
        return &headers[w->framing];
    if (magic == headers[FRAMING_SIMPLE].magic && w->framing == FRAMING_STRUCTURED)
        return &headers[FRAMING_SIMPLE];
    return NULL;
}

/* Takes bytes of a header off the front.  False when it is none of a successful reply. */
static bool take_head(struct stream *s, const struct workload *w, const uint8_t **at, size_t *len,
                      bool *ret_whole)
{
    size_t want = s->have < MAGIC_SIZE ? MAGIC_SIZE : header_of(s, w)->size;
    size_t part = want - s->have < *len ? want - s->have : *len;

    memcpy(s->head + s->have, *at, part);
    s->have += part;
    *at += part;
    *len -= part;
    *ret_whole = want > MAGIC_SIZE && s->have == want;
    if (*ret_whole)
        return header_of(s, w)->take(s, w);
    return s->have < MAGIC_SIZE || header_of(s, w) != NULL;
}

/* Returns how many requests were answered, -1 when a header is none of a successful reply. */
static int take_replies(struct stream *s, const struct workload *w, const uint8_t *at, size_t len)
{
    int answered = 0;

    while (len > 0) {
        bool whole = s->skip > 0; /* a header */

        if (s->skip > 0) {
            size_t part = s->skip < len ? (size_t)s->skip : len;

            s->skip -= part;
            at += part;
            len -= part;
        } else if (!take_head(s, w, &at, &len, &whole)) {
            return -1;
        }
        if (whole && s->skip == 0) {
            s->have = 0;
            answered += s->ends;
        }
    }
    return answered;
}

int stream_receive(struct stream *s, const struct workload *w, uint8_t *room, const char **ret_why)
{
    ssize_t received = end_receive(&s->end, room, STREAM_RECEIVE_MAX);
    int answered;

    if (received < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (received <= 0) {
        *ret_why = received == 0 ? "the server closed the connection" : strerror(errno);
        return -1;
    }
    answered = take_replies(s, w, room, (size_t)received);
    if (answered < 0)
        *ret_why = "the server sent an error, or no reply";
    else
        s->in_flight -= (unsigned)answered;
    return answered;
}
