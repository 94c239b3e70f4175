/* SPDX-License-Identifier: MIT */
#include "capture/packet.h"

enum {
    TYPE_IP4 = 0x0800,
    TYPE_IP6 = 0x86dd,
    PROTOCOL_TCP = 6,
    TAGS_MAX = 8,    /* VLAN tags in one frame */
    HEADERS_MAX = 8, /* IPv6 extension headers in one packet, of these kinds: */
    HOP_BY_HOP = 0,
    ROUTING = 43,
    FRAGMENT = 44,
    AUTHENTICATION = 51,
    DESTINATION = 60,
};

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* Takes exactly len bytes; false, with nothing taken, when there are fewer. */
static bool take(struct span *from, size_t len, const uint8_t **ret)
{
    if (from->len < len)
        return false;
    *ret = span_take(from, len).at;
    return true;
}

static bool is_vlan(unsigned type)
{
    return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

/* Takes what stands before the IP header; *ret_type is 0 when the IP header itself has to tell. */
static bool take_link_header(enum packet_link link, struct span *bytes, unsigned *ret_type)
{
    static const struct {
        uint8_t size, type_at; /* type_at == size: no type */
    } headers[] = {
        [PACKET_ETHERNET] = { 14, 12 },     [PACKET_IP] = { 0, 0 },
        [PACKET_LOOPBACK] = { 4, 4 },       [PACKET_LINUX_COOKED] = { 16, 14 },
        [PACKET_LINUX_COOKED2] = { 20, 0 },
    };
    const uint8_t *header;

    if (!take(bytes, headers[link].size, &header))
        return false;
    if (headers[link].type_at == headers[link].size) {
        *ret_type = 0;
        return true;
    }
    *ret_type = get16(header + headers[link].type_at);
    for (int tags = 0; is_vlan(*ret_type); tags++) {
        if (tags == TAGS_MAX || !take(bytes, 4, &header))
            return false;
        *ret_type = get16(header + 2);
    }
    return *ret_type == TYPE_IP4 || *ret_type == TYPE_IP6;
}

/* Cuts bytes behind the IP packet (padding of short frames), or says how many of it were not captured.
 * Hardware that cuts packets itself leaves 0 for their size. */
static void cut_to_size(struct span *bytes, size_t size, uint32_t *ret_missing)
{
    *ret_missing = 0;
    if (size > bytes->len)
        *ret_missing = (uint32_t)(size - bytes->len);
    else if (size > 0)
        bytes->len = size;
}

static bool take_ip4(struct span *bytes, struct packet *ret, struct packet_fragment *fragment)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    const uint8_t *ip, *options;
    size_t header_size, size;

    if (!take(bytes, 20, &ip))
        return false;
    header_size = (size_t)(ip[0] & 0xf) * 4;
    size = get16(ip + 2);
    if (header_size < 20 || (size > 0 && size < header_size) || !take(bytes, header_size - 20, &options))
        return false;
    if (ip[9] != PROTOCOL_TCP)
        return false;
    fragment->id = get16(ip + 4);
    fragment->at = (get16(ip + 6) & 0x1fff) * 8;
    fragment->more = get16(ip + 6) & 0x2000;
    memcpy(ret->from.address, mapped, sizeof mapped);
    memcpy(ret->from.address + 12, ip + 12, 4);
    memcpy(ret->to.address, mapped, sizeof mapped);
    memcpy(ret->to.address + 12, ip + 16, 4);
    cut_to_size(bytes, size > 0 ? size - header_size : 0, &ret->missing);
    return size != header_size;
}

/* Takes IPv6 extension headers (RFC 8200, section 4) up to TCP, or to a fragment of it. */
static bool take_extensions(struct span *bytes, unsigned kind, struct packet_fragment *fragment)
{
    for (int i = 0; i < HEADERS_MAX; i++) {
        const uint8_t *header, *rest;
        size_t more;

        if (kind == PROTOCOL_TCP)
            return true;
        if (kind != HOP_BY_HOP && kind != ROUTING && kind != FRAGMENT && kind != AUTHENTICATION &&
            kind != DESTINATION)
            return false;
        if (!take(bytes, 8, &header))
            return false;
        more = kind == FRAGMENT ? 0 : kind == AUTHENTICATION ? (size_t)header[1] * 4 : (size_t)header[1] * 8;
        if (!take(bytes, more, &rest))
            return false;
        if (kind == FRAGMENT) {
            fragment->id = get32(header + 4);
            fragment->at = get16(header + 2) & 0xfff8;
            fragment->more = header[3] & 1;
            if (fragment->at > 0)
                return header[0] == PROTOCOL_TCP;
        }
        kind = header[0];
    }
    return false;
}

static bool take_ip6(struct span *bytes, struct packet *ret, struct packet_fragment *fragment)
{
    const uint8_t *ip;

    if (!take(bytes, 40, &ip))
        return false;
    memcpy(ret->from.address, ip + 8, 16);
    memcpy(ret->to.address, ip + 24, 16);
    cut_to_size(bytes, get16(ip + 4), &ret->missing);
    return take_extensions(bytes, ip[6], fragment);
}

static bool take_tcp(struct span *bytes, struct packet *ret)
{
    const uint8_t *tcp, *options;
    size_t header_size;

    if (!take(bytes, 20, &tcp))
        return false;
    header_size = (size_t)(tcp[12] >> 4) * 4;
    if (header_size < 20 || !take(bytes, header_size - 20, &options))
        return false;
    memcpy(ret->from.port, tcp, 2);
    memcpy(ret->to.port, tcp + 2, 2);
    ret->sequence = get32(tcp + 4);
    ret->acknowledged = get32(tcp + 8);
    ret->fin = tcp[13] & 0x01;
    ret->syn = tcp[13] & 0x02;
    ret->rst = tcp[13] & 0x04;
    ret->ack = tcp[13] & 0x10;
    ret->data = *bytes;
    return true;
}

/* Takes all that stands before TCP; of a fragment, all but its bytes. */
static bool take_ip(enum packet_link link, struct span *bytes, struct packet *ret,
                    struct packet_fragment *fragment)
{
    unsigned type, version;

    *ret = (struct packet){ 0 };
    *fragment = (struct packet_fragment){ 0 };
    if (!take_link_header(link, bytes, &type) || bytes->len == 0)
        return false;
    version = bytes->at[0] >> 4;
    if (version == 4 && type != TYPE_IP6)
        return take_ip4(bytes, ret, fragment);
    return version == 6 && type != TYPE_IP4 && take_ip6(bytes, ret, fragment);
}

bool packet_parse(enum packet_link link, struct span bytes, struct packet *ret)
{
    struct packet_fragment fragment;

    return take_ip(link, &bytes, ret, &fragment) && fragment.at == 0 && !fragment.more &&
           take_tcp(&bytes, ret);
}

bool packet_parse_fragment(enum packet_link link, struct span bytes, struct packet_fragment *ret)
{
    struct packet packet;

    if (!take_ip(link, &bytes, &packet, ret) || (ret->at == 0 && !ret->more) || packet.missing > 0)
        return false;
    memcpy(ret->from, packet.from.address, sizeof ret->from);
    memcpy(ret->to, packet.to.address, sizeof ret->to);
    ret->bytes = bytes;
    return true;
}

bool packet_parse_payload(const struct packet_fragment *fragment, struct span payload, struct packet *ret)
{
    *ret = (struct packet){ 0 };
    memcpy(ret->from.address, fragment->from, sizeof fragment->from);
    memcpy(ret->to.address, fragment->to, sizeof fragment->to);
    return take_tcp(&payload, ret);
}
