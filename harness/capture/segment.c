/* SPDX-License-Identifier: MIT */
#include "capture/segment.h"

#include <assert.h>
#include <string.h>

enum { IP_SIZE = 20, TCP_SIZE = 20, PROTOCOL_TCP = 6, WINDOW = 0xffff };

/* Maximum segment size; window scale 14; an empty option that fills the last word. */
static const uint8_t syn_options[] = { 2, 4, SEGMENT_DATA_MAX >> 8, 0, 3, 3, 14, 1 };

static uint8_t *put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
    return put16(put16(at, value >> 16), value & 0xffff);
}

/* The Internet checksum's sum (RFC 1071), not yet folded. */
static uint64_t sum_of(const uint8_t *bytes, size_t len)
{
    uint64_t sum = 0;

    for (size_t i = 0; i + 1 < len; i += 2)
        sum += (uint64_t)bytes[i] << 8 | bytes[i + 1];
    return len % 2 ? sum + ((uint64_t)bytes[len - 1] << 8) : sum;
}

static unsigned checksum_of(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (unsigned)~sum & 0xffff;
}

static void write_ip(const struct segment *segment, uint16_t id, size_t size, uint8_t *ip)
{
    uint8_t *at = ip;

    *at++ = 0x45; /* version 4, five words */
    *at++ = 0;
    at = put16(at, (unsigned)size);
    at = put16(at, id);
    at = put16(at, 0x4000); /* do not fragment */
    *at++ = 64;             /* time to live */
    *at++ = PROTOCOL_TCP;
    at = put16(at, 0);
    at = put32(at, segment->from.address);
    put32(at, segment->to.address);
    put16(ip + 10, checksum_of(sum_of(ip, IP_SIZE)));
}

static void write_tcp(const struct segment *segment, size_t header_size, uint8_t *tcp)
{
    size_t size = header_size + segment->data.len;
    uint8_t *at = tcp;
    uint64_t pseudo;

    at = put16(at, segment->from.port);
    at = put16(at, segment->to.port);
    at = put32(at, segment->sequence);
    at = put32(at, segment->acknowledged);
    *at++ = (uint8_t)(header_size / 4 << 4);
    *at++ = (uint8_t)segment->flags;
    at = put16(at, WINDOW);
    at = put32(at, 0); /* checksum, urgent pointer */
    if (header_size > TCP_SIZE)
        at = (uint8_t *)memcpy(at, syn_options, sizeof syn_options) + sizeof syn_options;
    if (segment->data.len > 0)
        memcpy(at, segment->data.at, segment->data.len);
    pseudo = sum_of(tcp - 8, 8) + PROTOCOL_TCP + size; /* the addresses end the IPv4 header */
    put16(tcp + 16, checksum_of(pseudo + sum_of(tcp, size)));
}

size_t segment_write(const struct segment *segment, uint16_t id, uint8_t ret[static SEGMENT_MAX])
{
    size_t header_size = TCP_SIZE + (segment->flags & SEGMENT_SYN ? sizeof syn_options : 0);
    size_t size = IP_SIZE + header_size + segment->data.len;

    assert(segment->data.len <= SEGMENT_DATA_MAX);
    write_ip(segment, id, size, ret);
    write_tcp(segment, header_size, ret + IP_SIZE);
    return size;
}
