/* SPDX-License-Identifier: MIT */
#include "capture/write.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "capture/segment.h"

enum {
    PORT_NBD = 10809,
    PORT_FIRST = 49152, /* of the clients; the dynamic ports of RFC 6335 */
    PORTS = 65536 - PORT_FIRST,
    HEADER_MAX = 28, /* bytes of a request, the longest header that tshark looks for */
    NS_PER_S = 1000000000,
};

static const uint32_t server_address = 0x7f000001; /* 127.0.0.1; clients have it too, and those that follow */

struct capture_writer {
    pcap_t *pcap;
    pcap_dumper_t *dumper;
    uint64_t epoch_ns; /* the wall clock's time when clock_ns() was 0 */
    uint64_t last_ns;  /* of the last packet, by clock_ns() */
    uint32_t flows;    /* opened so far */
    uint16_t packets;  /* written so far, modulo 2^16 */
    int error;         /* errno of what went wrong first */
    uint8_t packet[SEGMENT_MAX];
};

struct direction {
    struct segment_end end;
    uint32_t next; /* sequence number of the next byte */
    bool finished;
    uint8_t held[HEADER_MAX]; /* a header that has not come whole */
    size_t held_len;
};

struct capture_flow {
    struct capture_writer *writer;
    struct direction sides[2]; /* by enum capture_from */
    bool reset;
};

/* ---- the file ---- */

static uint64_t epoch_of_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec - clock_ns();
}

struct capture_writer *capture_create(const char *path, char *ret_error, size_t error_size)
{
    pcap_t *pcap = pcap_open_dead_with_tstamp_precision(DLT_RAW, SEGMENT_MAX, PCAP_TSTAMP_PRECISION_NANO);
    pcap_dumper_t *dumper = pcap ? pcap_dump_open(pcap, path) : NULL;
    struct capture_writer *writer;

    if (!dumper) { /* libpcap's message begins with the path */
        snprintf(ret_error, error_size, "cannot write capture %s", pcap ? pcap_geterr(pcap) : path);
        if (pcap)
            pcap_close(pcap);
        return NULL;
    }
    if (pcap_dump_flush(dumper) < 0) {
        snprintf(ret_error, error_size, "cannot write capture %s: %s", path, strerror(errno));
        pcap_dump_close(dumper);
        pcap_close(pcap);
        return NULL;
    }
    writer = memory_take(sizeof *writer);
    writer->pcap = pcap;
    writer->dumper = dumper;
    writer->epoch_ns = epoch_of_clock();
    return writer;
}

/* What could not be written is forgotten by the library, so that the first error has to be remembered. */
static void flush(struct capture_writer *writer)
{
    if (writer->error == 0 && (pcap_dump_flush(writer->dumper) < 0 || ferror(pcap_dump_file(writer->dumper))))
        writer->error = errno;
}

bool capture_close(struct capture_writer *writer, char *ret_error, size_t error_size)
{
    int error;

    if (!writer)
        return true;
    flush(writer);
    error = writer->error;
    pcap_dump_close(writer->dumper);
    pcap_close(writer->pcap);
    free(writer);
    if (error != 0)
        snprintf(ret_error, error_size, "cannot write capture: %s", strerror(error));
    return error == 0;
}

/* ---- packets ---- */

static enum capture_from other(enum capture_from from)
{
    return from == CAPTURE_CLIENT ? CAPTURE_SERVER : CAPTURE_CLIENT;
}

static void write_segment(struct capture_flow *flow, enum capture_from from, unsigned flags, struct span data)
{
    struct capture_writer *writer = flow->writer;
    struct direction *here = &flow->sides[from];
    const struct direction *there = &flow->sides[other(from)];
    const struct segment segment = { .from = here->end,
                                     .to = there->end,
                                     .sequence = here->next,
                                     .acknowledged = flags & SEGMENT_ACK ? there->next : 0,
                                     .flags = flags,
                                     .data = data };
    uint64_t wall_ns = writer->epoch_ns + writer->last_ns;
    struct pcap_pkthdr header = { .ts = { .tv_sec = (time_t)(wall_ns / NS_PER_S) } };

    here->next += (uint32_t)data.len + (flags & (SEGMENT_SYN | SEGMENT_FIN) ? 1 : 0);
    if (writer->error != 0)
        return;
    header.ts.tv_usec = (suseconds_t)(wall_ns % NS_PER_S); /* nanoseconds, as the file was opened */
    header.caplen = header.len = (bpf_u_int32)segment_write(&segment, writer->packets++, writer->packet);
    pcap_dump((u_char *)writer->dumper, &header, writer->packet);
}

static void acknowledge(struct capture_flow *flow, enum capture_from from)
{
    write_segment(flow, from, SEGMENT_ACK, (struct span){ NULL, 0 });
}

/* Bytes of the header that these begin, or seem to begin as far as they go; 0 when they begin none. */
static size_t header_begun(struct span bytes)
{
    static const struct {
        uint8_t magic[4];
        size_t size;
    } headers[] = {
        { { 0x25, 0x60, 0x95, 0x13 }, 28 }, /* NBD_REQUEST_MAGIC */
        { { 0x67, 0x44, 0x66, 0x98 }, 16 }, /* NBD_SIMPLE_REPLY_MAGIC */
    };
    size_t seen = bytes.len < 4 ? bytes.len : 4;

    for (size_t i = 0; i < 2; i++)
        if (seen > 0 && memcmp(bytes.at, headers[i].magic, seen) == 0)
            return headers[i].size;
    return 0;
}

/* How many bytes go into the next packet: up to where the next header seems to begin.  Where it only seems
 * so, in the middle of data, tshark puts the message together again. */
static size_t packet_len(struct span bytes)
{
    size_t most = bytes.len < SEGMENT_DATA_MAX ? bytes.len : SEGMENT_DATA_MAX;

    for (size_t i = 1; i < most; i++)
        if ((bytes.at[i] == 0x25 || bytes.at[i] == 0x67) &&
            header_begun((struct span){ bytes.at + i, bytes.len - i }) > 0)
            return i;
    return most;
}

static void write_held(struct capture_flow *flow, enum capture_from from)
{
    struct direction *here = &flow->sides[from];
    struct span held = { here->held, here->held_len };

    here->held_len = 0;
    if (held.len == 0)
        return;
    write_segment(flow, from, SEGMENT_PSH | SEGMENT_ACK, held);
    acknowledge(flow, other(from));
}

/* Moves bytes to those held until the header is whole or turns out to be none. */
static void complete_held(struct capture_flow *flow, enum capture_from from, struct span *bytes)
{
    struct direction *here = &flow->sides[from];

    while (here->held_len > 0 && bytes->len > 0) {
        size_t size;

        here->held[here->held_len++] = *span_take(bytes, 1).at;
        size = header_begun((struct span){ here->held, here->held_len });
        if (size == 0 || here->held_len == size)
            write_held(flow, from);
    }
}

/* Only of the server's bytes is it chance how they arrive; how the client's are cut is what a case
 * is about. */
static bool is_to_hold(enum capture_from from, struct span bytes)
{
    return from == CAPTURE_SERVER && bytes.len < header_begun(bytes);
}

/* ---- flows ---- */

static void tick(struct capture_writer *writer, uint64_t time_ns)
{
    if (time_ns > writer->last_ns)
        writer->last_ns = time_ns;
}

struct capture_flow *capture_flow_open(struct capture_writer *writer, uint64_t time_ns)
{
    const struct span nothing = { NULL, 0 };
    struct capture_flow *flow = memory_take(sizeof *flow);
    struct direction *client = &flow->sides[CAPTURE_CLIENT], *server = &flow->sides[CAPTURE_SERVER];
    uint32_t number = writer->flows++;

    tick(writer, time_ns);
    flow->writer = writer;
    server->end = (struct segment_end){ server_address, PORT_NBD };
    client->end =
        (struct segment_end){ server_address + number / PORTS, (uint16_t)(PORT_FIRST + number % PORTS) };
    write_segment(flow, CAPTURE_CLIENT, SEGMENT_SYN, nothing);
    write_segment(flow, CAPTURE_SERVER, SEGMENT_SYN | SEGMENT_ACK, nothing);
    acknowledge(flow, CAPTURE_CLIENT);
    flush(writer);
    return flow;
}

void capture_flow_bytes(struct capture_flow *flow, enum capture_from from, struct span bytes,
                        uint64_t time_ns)
{
    struct direction *here = &flow->sides[from];

    if (flow->reset || here->finished || bytes.len == 0)
        return;
    tick(flow->writer, time_ns);
    write_held(flow, other(from));
    complete_held(flow, from, &bytes);
    while (bytes.len > 0 && !is_to_hold(from, bytes)) {
        struct span data = span_take(&bytes, packet_len(bytes));

        write_segment(flow, from, SEGMENT_PSH | SEGMENT_ACK, data);
        acknowledge(flow, other(from));
    }
    if (bytes.len > 0) {
        memcpy(here->held, bytes.at, bytes.len);
        here->held_len = bytes.len;
    }
    flush(flow->writer);
}

void capture_flow_end(struct capture_flow *flow, enum capture_from from, bool reset, uint64_t time_ns)
{
    struct direction *here = &flow->sides[from];
    bool both_finished = flow->sides[CAPTURE_CLIENT].finished && flow->sides[CAPTURE_SERVER].finished;

    if (flow->reset || both_finished || (here->finished && !reset))
        return;
    tick(flow->writer, time_ns);
    write_held(flow, CAPTURE_CLIENT);
    write_held(flow, CAPTURE_SERVER);
    flow->reset = reset;
    here->finished = true;
    write_segment(flow, from, (reset ? SEGMENT_RST : SEGMENT_FIN) | SEGMENT_ACK, (struct span){ NULL, 0 });
    if (!reset)
        acknowledge(flow, other(from));
    flush(flow->writer);
}

void capture_flow_close(struct capture_flow *flow)
{
    if (!flow)
        return;
    write_held(flow, CAPTURE_CLIENT);
    write_held(flow, CAPTURE_SERVER);
    flush(flow->writer);
    free(flow);
}
