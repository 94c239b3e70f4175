/* SPDX-License-Identifier: MIT */
/* Seeds of the capture target: short connections as they are, and as captures show them.
 *
 *     make_packets FOLDER
 *
 * writes FOLDER/capture/NAME. */
#include <stdio.h>
#include <stdlib.h>

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

static bool write_capture(const char *folder, const char *name, enum packet_link link, struct span header,
                          const struct planned *packets)
{
    char path[PATH_BYTES];
    struct buffer capture;
    FILE *file;
    bool written;

    buffer_init(&capture, TARGET_INPUT_MAX);
    buffer_add(&capture, (uint8_t[]){ (uint8_t)link }, 1);
    for (size_t i = 0; i < PACKETS_MAX && packets[i].from; i++)
        add_packet(&capture, header, &packets[i]);
    snprintf(path, sizeof path, "%s/capture/%s", folder, name);
    file = fopen(path, "wb");
    written = file && fwrite(capture.bytes, 1, capture.len, file) == capture.len;
    if (!file || fclose(file) != 0 || !written)
        perror(path);
    buffer_free(&capture);
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
    return written ? EXIT_SUCCESS : EXIT_FAILURE;
}
