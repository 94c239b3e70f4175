/* SPDX-License-Identifier: MIT */
#include "capture/pcapng.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

enum {
    BLOCK_TOO_LARGE = 0, /* nobody has this one */
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_OLD_PACKET = 2,
    BLOCK_SIMPLE_PACKET = 3,
    BLOCK_PACKET = 6,
    OPTION_TIME_RESOLUTION = 9,
    OPTION_TIME_OFFSET = 14,
    FRAME_BYTES = 12,             /* of a block around its body: type, length, length */
    BODY_MAX = 16 * 1024 * 1024,  /* bytes of a block that is looked at */
    INTERFACES_MAX = 1024 * 1024, /* of a section */
    NS_PER_S = 1000000000,
};

struct interface {
    unsigned link_type;
    uint32_t snaplen;   /* 0: none */
    uint8_t resolution; /* if_tsresol */
    uint64_t offset_s;  /* if_tsoffset, two's complement */
};

struct pcapng {
    FILE *file;
    bool begun; /* a section */
    bool little;
    struct interface *interfaces;
    size_t count, room;
    struct buffer body;
};

struct pcapng *pcapng_new(FILE *file)
{
    struct pcapng *p = memory_take(sizeof *p);

    p->file = file;
    buffer_init(&p->body, BODY_MAX);
    return p;
}

void pcapng_free(struct pcapng *p)
{
    if (!p)
        return;
    buffer_free(&p->body);
    free(p->interfaces);
    free(p);
}

/* ---- numbers in the byte order of the section ---- */

static uint64_t number(const struct pcapng *p, const uint8_t *at, size_t len)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++)
        value = value << 8 | at[p->little ? len - 1 - i : i];
    return value;
}

static uint32_t number_32(const struct pcapng *p, const uint8_t *at)
{
    return (uint32_t)number(p, at, 4);
}

/* ---- interfaces ---- */

static void take_options(const struct pcapng *p, struct span options, struct interface *ret)
{
    while (options.len >= 4) {
        uint64_t code = number(p, options.at, 2), len = number(p, options.at + 2, 2);
        size_t padded = (size_t)(len + 3) / 4 * 4;

        span_take(&options, 4);
        if (padded > options.len)
            return;
        if (code == OPTION_TIME_RESOLUTION && len >= 1)
            ret->resolution = *options.at;
        else if (code == OPTION_TIME_OFFSET && len >= 8)
            ret->offset_s = number(p, options.at, 8);
        span_take(&options, padded);
    }
}

static bool take_interface(struct pcapng *p)
{
    struct span options = buffer_span(&p->body);
    struct interface *interface;

    if (options.len < 8 || p->count == INTERFACES_MAX)
        return false;
    if (p->count == p->room) {
        p->room = p->room > 0 ? 2 * p->room : 4;
        p->interfaces = memory_grow(p->interfaces, p->room * sizeof *p->interfaces);
    }
    interface = &p->interfaces[p->count++];
    *interface = (struct interface){ .link_type = (unsigned)number(p, p->body.bytes, 2),
                                     .snaplen = number_32(p, p->body.bytes + 4),
                                     .resolution = 6 };
    span_take(&options, 8);
    take_options(p, options, interface);
    return true;
}

/* Units of a clock as nanoseconds. */
static uint64_t time_of(const struct interface *interface, uint64_t units)
{
    unsigned power = interface->resolution & 0x7f;
    uint64_t time_ns = units, fraction;

    if (interface->resolution & 0x80) { /* of two */
        power = power < 63 ? power : 63;
        fraction = power > 0 ? units << (64 - power) >> 32 : 0; /* in units of 2^-32 s */
        time_ns = (units >> power) * NS_PER_S + (fraction * NS_PER_S >> 32);
    } else if (power <= 9) {
        for (; power < 9; power++)
            time_ns *= 10;
    } else {
        for (; power > 9 && time_ns > 0; power--)
            time_ns /= 10;
    }
    return time_ns + interface->offset_s * NS_PER_S;
}

/* ---- packets ---- */

/* A packet's data stand behind so many bytes of its block, which say from where it is, when, and how long. */
static bool take_packet(struct pcapng *p, uint64_t from, uint64_t units, size_t len, size_t behind,
                        struct pcapng_packet *ret)
{
    if (from >= p->count || len > p->body.len - behind)
        return false;
    *ret = (struct pcapng_packet){ .link_type = p->interfaces[from].link_type,
                                   .time_ns = units > 0 ? time_of(&p->interfaces[from], units) : 0,
                                   .bytes = span_of(p->body.bytes + behind, len) };
    return true;
}

static bool take_timed_packet(struct pcapng *p, uint64_t from, struct pcapng_packet *ret)
{
    const uint8_t *at = p->body.bytes;
    uint64_t units = (uint64_t)number_32(p, at + 4) << 32 | number_32(p, at + 8);

    return take_packet(p, from, units, number_32(p, at + 12), 20, ret);
}

static bool take_simple_packet(struct pcapng *p, struct pcapng_packet *ret)
{
    size_t len = number_32(p, p->body.bytes), most = p->body.len - 4;

    if (p->count > 0 && p->interfaces[0].snaplen > 0 && p->interfaces[0].snaplen < most)
        most = p->interfaces[0].snaplen;
    return take_packet(p, 0, 0, len < most ? len : most, 4, ret);
}

/* ---- blocks ---- */

/* True when a byte of it was there. */
static bool read_exactly(struct pcapng *p, size_t len, bool *ret_whole)
{
    uint8_t piece[4096];
    size_t all = 0, got = 1;

    buffer_clear(&p->body);
    while (all < len && got > 0) {
        got = fread(piece, 1, len - all < sizeof piece ? len - all : sizeof piece, p->file);
        buffer_add(&p->body, piece, got); /* beyond BODY_MAX: dropped */
        all += got;
    }
    *ret_whole = all == len;
    return all > 0;
}

/* The first block says in which byte order its section is. */
static bool take_section(struct pcapng *p, const uint8_t magic[4])
{
    static const uint8_t big[] = { 0x1a, 0x2b, 0x3c, 0x4d }, little[] = { 0x4d, 0x3c, 0x2b, 0x1a };

    if (memcmp(magic, big, 4) != 0 && memcmp(magic, little, 4) != 0)
        return false;
    p->little = *magic == *little;
    p->begun = true;
    p->count = 0;
    return true;
}

/* Reads a block, its body into p->body.  *ret_error is set when that cannot be done. */
static bool read_block(struct pcapng *p, uint32_t *ret_type, const char **ret_error)
{
    size_t read = 8;
    uint8_t head[12];
    uint32_t len;
    bool whole;

    if (!read_exactly(p, read, &whole))
        return false;
    *ret_error = "it breaks off in the middle of a block";
    if (!whole)
        return false;
    memcpy(head, p->body.bytes, read);
    *ret_type = number_32(p, head);
    if (*ret_type == BLOCK_SECTION) { /* the same in both orders */
        read_exactly(p, 4, &whole);
        if (!whole)
            return false;
        read += 4;
        *ret_error = "a section of it has no byte order";
        if (!take_section(p, p->body.bytes))
            return false;
    }
    len = number_32(p, head + 4);
    *ret_error = "a block of it has a length that cannot be";
    if (!p->begun || len < read + 4 || len % 4 != 0)
        return false;
    *ret_error = "it breaks off in the middle of a block";
    read_exactly(p, len - read, &whole);
    if (!whole)
        return false;
    *ret_error = NULL;
    if (p->body.len == len - read)
        p->body.len -= 4; /* the length again */
    else
        *ret_type = BLOCK_TOO_LARGE;
    return true;
}

/* What a block holds: PCAPNG_END stands for no packet. */
static enum pcapng_event take_block(struct pcapng *p, uint32_t type, struct pcapng_packet *ret)
{
    bool sound = true;

    switch (type) {
    case BLOCK_INTERFACE:
        return take_interface(p) ? PCAPNG_END : PCAPNG_BROKEN;
    case BLOCK_PACKET:
        sound = p->body.len >= 20 && take_timed_packet(p, number_32(p, p->body.bytes), ret);
        break;
    case BLOCK_OLD_PACKET:
        sound = p->body.len >= 20 && take_timed_packet(p, number(p, p->body.bytes, 2), ret);
        break;
    case BLOCK_SIMPLE_PACKET:
        sound = p->body.len >= 4 && take_simple_packet(p, ret);
        break;
    default: /* names, statistics, comments, and what others invent */
        return PCAPNG_END;
    }
    return sound ? PCAPNG_PACKET : PCAPNG_BROKEN;
}

enum pcapng_event pcapng_next(struct pcapng *p, struct pcapng_packet *ret, char *ret_error, size_t error_size)
{
    const char *error = NULL;
    uint32_t type;

    while (read_block(p, &type, &error)) {
        enum pcapng_event event = take_block(p, type, ret);

        if (event == PCAPNG_BROKEN)
            error = "a block of it contradicts itself";
        if (event == PCAPNG_PACKET)
            return event;
        if (error)
            break;
    }
    if (!error)
        return PCAPNG_END;
    snprintf(ret_error, error_size, "%s", error);
    return PCAPNG_BROKEN;
}
