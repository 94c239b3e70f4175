/* SPDX-License-Identifier: MIT */
/* Seeds of the capture target: short connections as they are, and as captures show them.
 *
 *     make_packets FOLDER
 *
 * writes FOLDER/capture/NAME. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "capture/packet.h"
#include "capture/segment.h"
#include "fuzz/target.h"

enum { PATH_BYTES = 4096, DATA_MAX = 64, PACKETS_MAX = 12, PORT_NBD = 10809 };

#define SYN SEGMENT_SYN
#define ACK SEGMENT_ACK
#define FIN SEGMENT_FIN
#define RST SEGMENT_RST

enum who { C = 1, S, OTHER }; /* the client, the server, another client */

struct planned {
    enum who from; /* 0: no more */
    uint32_t sequence;
    unsigned flags;
    size_t len; /* bytes of data, at most DATA_MAX */
};

static const struct {
    const char *name;
    struct planned packets[PACKETS_MAX];
} captures[] = {
    { "whole",
      { { C, 100, SYN, 0 },
        { S, 900, SYN | ACK, 0 },
        { C, 101, ACK, 0 },
        { S, 901, ACK, 18 },
        { C, 101, ACK, 4 },
        { C, 105, ACK, 16 },
        { S, 919, ACK, 20 },
        { C, 121, FIN | ACK, 0 },
        { S, 939, FIN | ACK, 0 } } },
    { "out-of-order",
      { { C, 100, SYN, 0 },
        { S, 900, SYN | ACK, 0 },
        { C, 121, ACK, 20 },
        { C, 111, ACK, 10 },
        { C, 101, ACK, 10 },
        { S, 911, FIN | ACK, 5 },
        { S, 901, ACK, 10 },
        { C, 141, FIN | ACK, 0 } } },
    { "sent-again",
      { { C, 100, SYN, 0 },
        { C, 100, SYN, 0 },
        { S, 900, SYN | ACK, 0 },
        { C, 101, ACK, 10 },
        { C, 101, ACK, 10 },
        { C, 106, ACK, 15 },
        { S, 901, ACK, 8 },
        { S, 901, ACK, 16 },
        { C, 121, FIN | ACK, 0 } } },
    { "sequence-wraps",
      { { C, 0xfffffff0, SYN, 0 },
        { S, 0xffffffff, SYN | ACK, 0 },
        { C, 0xfffffff1, ACK, 40 },
        { S, 0, ACK, 10 },
        { C, 25, ACK, 10 },
        { C, 35, FIN | ACK, 0 } } },
    { "bytes-missing",
      { { C, 100, SYN, 0 },
        { S, 900, SYN | ACK, 0 },
        { C, 101, ACK, 10 },
        { C, 131, ACK, 10 },
        { S, 911, ACK, 10 },
        { C, 141, FIN | ACK, 0 },
        { S, 921, FIN | ACK, 0 } } },
    { "reset",
      { { C, 100, SYN, 0 },
        { S, 900, SYN | ACK, 0 },
        { C, 101, ACK, 10 },
        { C, 121, ACK, 10 },
        { S, 901, RST, 0 } } },
    { "begins-in-the-middle",
      { { S, 5000, ACK, 16 }, { C, 7000, ACK, 28 }, { S, 5016, ACK, 16 }, { C, 7028, FIN | ACK, 28 } } },
    { "ports-used-again",
      { { C, 100, SYN, 0 },
        { C, 101, ACK, 10 },
        { C, 5000, SYN, 0 },
        { S, 900, SYN | ACK, 0 },
        { C, 5001, ACK, 10 },
        { S, 901, FIN | ACK, 0 } } },
    { "two-clients",
      { { C, 100, SYN, 0 },
        { OTHER, 300, SYN, 0 },
        { C, 101, ACK, 10 },
        { OTHER, 301, ACK, 20 },
        { C, 111, ACK, 10 },
        { OTHER, 321, RST, 0 },
        { C, 121, FIN | ACK, 0 } } },
    { "data-behind-the-end",
      { { C, 100, SYN, 0 }, { C, 120, ACK, 10 }, { C, 101, FIN | ACK, 10 }, { C, 105, ACK, 20 } } },
};

/* What stands before the IPv4 packet. */
static const struct {
    const char *name;
    enum packet_link link;
    const char *header;
    size_t len;
} links[] = {
    { "ethernet", PACKET_ETHERNET, "\0\0\0\0\0\1\0\0\0\0\0\2\x08\0", 14 },
    { "vlan", PACKET_ETHERNET, "\0\0\0\0\0\1\0\0\0\0\0\2\x81\0\0\5\x08\0", 18 },
    { "loopback", PACKET_LOOPBACK, "\2\0\0\0", 4 },
    { "linux-cooked", PACKET_LINUX_COOKED, "\0\0\3\4\0\6\0\0\0\0\0\0\0\0\x08\0", 16 },
    { "linux-cooked-2", PACKET_LINUX_COOKED2, "\x08\0\0\0\0\0\0\1\3\4\0\6\0\0\0\0\0\0\0\0", 20 },
};

static struct segment segment_of(const struct planned *p)
{
    static const uint8_t data[DATA_MAX];
    const struct segment_end server = { 0x7f000001, PORT_NBD };
    const struct segment_end client = { 0x7f000001, p->from == OTHER ? 50001 : 50000 };

    return (struct segment){ .from = p->from == S ? server : client,
                             .to = p->from == S ? client : server,
                             .sequence = p->sequence,
                             .flags = p->flags,
                             .data = span_of(data, p->len) };
}

static void add_packet(struct buffer *to, struct span header, const struct planned *p)
{
    static uint8_t bytes[SEGMENT_MAX];
    const struct segment segment = segment_of(p);
    size_t len = segment_write(&segment, 1, bytes), all = header.len + len;

    buffer_add(to, (uint8_t[]){ (uint8_t)(all >> 8), (uint8_t)all }, 2);
    buffer_add(to, header.at, header.len);
    buffer_add(to, bytes, len);
}

static bool write_seed(const char *folder, const char *name, const struct buffer *seed)
{
    char path[PATH_BYTES];
    FILE *file;
    bool written;

    snprintf(path, sizeof path, "%s/capture/%s", folder, name);
    file = fopen(path, "wb");
    written = file && fwrite(seed->bytes, 1, seed->len, file) == seed->len;
    if (!file || fclose(file) != 0 || !written)
        perror(path);
    return written;
}

static bool write_capture(const char *folder, const char *name, enum packet_link link, struct span header,
                          const struct planned *packets)
{
    struct buffer capture;
    bool written;

    buffer_init(&capture, TARGET_INPUT_MAX);
    buffer_add(&capture, (uint8_t[]){ (uint8_t)link }, 1);
    for (size_t i = 0; i < PACKETS_MAX && packets[i].from; i++)
        add_packet(&capture, header, &packets[i]);
    written = write_seed(folder, name, &capture);
    buffer_free(&capture);
    return written;
}

/* ---- fragments ---- */

enum { IP_HEADER = 20, FRAGMENT_DATA = 24, MORE_FRAGMENTS = 0x20 };

/* The packet in pieces, the last one first where they are in reverse. */
static void add_fragments(struct buffer *to, const struct planned *p, bool reversed)
{
    static uint8_t whole[SEGMENT_MAX];
    const struct segment segment = segment_of(p);
    size_t len = segment_write(&segment, (uint16_t)p->sequence, whole) - IP_HEADER;
    size_t count = (len + FRAGMENT_DATA - 1) / FRAGMENT_DATA;

    for (size_t i = 0; i < count; i++) {
        size_t at = (reversed ? count - 1 - i : i) * FRAGMENT_DATA;
        size_t piece = len - at < FRAGMENT_DATA ? len - at : FRAGMENT_DATA;
        uint8_t header[IP_HEADER];

        memcpy(header, whole, sizeof header);
        header[3] = (uint8_t)(IP_HEADER + piece);
        header[6] = at + piece < len ? MORE_FRAGMENTS : 0;
        header[7] = (uint8_t)(at / 8);
        buffer_add(to, (uint8_t[]){ 0, (uint8_t)(IP_HEADER + piece) }, 2);
        buffer_add(to, header, sizeof header);
        buffer_add(to, whole + IP_HEADER + at, piece);
    }
}

static bool write_fragments(const char *folder)
{
    struct buffer capture;
    bool written;

    buffer_init(&capture, TARGET_INPUT_MAX);
    buffer_add(&capture, (uint8_t[]){ PACKET_IP }, 1);
    for (size_t i = 0; i < PACKETS_MAX && captures[0].packets[i].from; i++)
        add_fragments(&capture, &captures[0].packets[i], i % 2);
    written = write_seed(folder, "fragments", &capture);
    buffer_free(&capture);
    return written;
}

/* ---- a pcapng file ---- */

enum {
    PCAPNG = PACKET_LINUX_COOKED2 + 1,
    LINKTYPE_RAW = 101,
    SECTION = 0x0a0d0d0a,
    INTERFACE = 1,
    ENHANCED = 6
};

static void add_32(struct buffer *to, uint32_t n)
{
    buffer_add(to, (uint8_t[]){ (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n }, 4);
}

/* len bytes of body; those that fill the last word are zeroes. */
static void add_block(struct buffer *to, uint32_t type, const struct buffer *body)
{
    size_t padding = (4 - body->len % 4) % 4;
    uint32_t len = (uint32_t)(12 + body->len + padding);

    add_32(to, type);
    add_32(to, len);
    buffer_add(to, body->bytes, body->len);
    buffer_add_zero(to, padding);
    add_32(to, len);
}

static void add_packet_block(struct buffer *to, const struct planned *p, uint32_t time)
{
    static uint8_t bytes[SEGMENT_MAX];
    const struct segment segment = segment_of(p);
    uint32_t len = (uint32_t)segment_write(&segment, 1, bytes);
    struct buffer body;

    buffer_init(&body, TARGET_INPUT_MAX);
    add_32(&body, 0); /* interface */
    add_32(&body, 0);
    add_32(&body, time);
    add_32(&body, len);
    add_32(&body, len);
    buffer_add(&body, bytes, len);
    add_block(to, ENHANCED, &body);
    buffer_free(&body);
}

static bool write_pcapng(const char *folder)
{
    struct buffer file, body;
    bool written;

    buffer_init(&file, TARGET_INPUT_MAX);
    buffer_init(&body, TARGET_INPUT_MAX);
    buffer_add(&file, (uint8_t[]){ PCAPNG }, 1);
    add_32(&body, 0x1a2b3c4d); /* byte order; version 1.0, length unknown */
    add_32(&body, 1 << 16);
    add_32(&body, UINT32_MAX);
    add_32(&body, UINT32_MAX);
    add_block(&file, SECTION, &body);
    buffer_clear(&body);
    add_32(&body, LINKTYPE_RAW << 16);
    add_32(&body, 0);           /* all of each packet */
    add_32(&body, 9 << 16 | 1); /* time resolution: */
    add_32(&body, UINT32_C(9) << 24);
    add_32(&body, 0);
    add_block(&file, INTERFACE, &body);
    for (uint32_t i = 0; i < PACKETS_MAX && captures[0].packets[i].from; i++)
        add_packet_block(&file, &captures[0].packets[i], i);
    written = write_seed(folder, "pcapng", &file);
    buffer_free(&file);
    buffer_free(&body);
    return written;
}

int main(int argc, char **argv)
{
    bool written = true;

    if (argc != 2) {
        fprintf(stderr, "usage: make_packets FOLDER\n");
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < sizeof captures / sizeof *captures; i++)
        written &= write_capture(argv[1], captures[i].name, PACKET_IP, span_of(NULL, 0), captures[i].packets);
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        written &= write_capture(argv[1], links[i].name, links[i].link,
                                 span_of(links[i].header, links[i].len), captures[0].packets);
    written &= write_fragments(argv[1]);
    written &= write_pcapng(argv[1]);
    return written ? EXIT_SUCCESS : EXIT_FAILURE;
}
