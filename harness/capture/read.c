/* SPDX-License-Identifier: MIT */
#include "capture/read.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>

#include "capture/fragment.h"
#include "capture/packet.h"
#include "capture/pcapng.h"

enum {
    NS_PER_S = 1000000000,
    LINKTYPE_RAW = 101, /* pcapng has it where DLT_RAW depends on the system */
    PCAPNG_FIRST_BYTE = 0x0a,
    GZIP_FIRST_BYTE = 0x1f,
};

static bool find_link(int datalink, enum packet_link *ret)
{
    static const struct {
        int datalink;
        enum packet_link link;
    } links[] = {
        { DLT_EN10MB, PACKET_ETHERNET },
        { DLT_RAW, PACKET_IP },
        { LINKTYPE_RAW, PACKET_IP },
        { DLT_IPV4, PACKET_IP },
        { DLT_IPV6, PACKET_IP },
        { DLT_NULL, PACKET_LOOPBACK },
        { DLT_LOOP, PACKET_LOOPBACK },
        { DLT_LINUX_SLL, PACKET_LINUX_COOKED },
        { DLT_LINUX_SLL2, PACKET_LINUX_COOKED2 },
    };

    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
        if (links[i].datalink == datalink) {
            *ret = links[i].link;
            return true;
        }
    return false;
}

/* ---- a file that is open ---- */

struct source {
    FILE *file;
    pcap_t *pcap;          /* of a pcap file */
    struct pcapng *pcapng; /* of a pcapng file */
    char error[PCAP_ERRBUF_SIZE];
};

static void close_source(struct source *s)
{
    pcapng_free(s->pcapng);
    if (s->pcap)
        pcap_close(s->pcap); /* and the file */
    else if (s->file && s->file != stdin)
        fclose(s->file);
}

/* False, with an error, when it cannot be read at all. */
static bool open_source(const char *path, struct source *s)
{
    int first;

    *s = (struct source){ .file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb") };
    if (!s->file) {
        snprintf(s->error, sizeof s->error, "%s", strerror(errno));
        return false;
    }
    first = getc(s->file);
    if (first == EOF) {
        snprintf(s->error, sizeof s->error, "%s", ferror(s->file) ? strerror(errno) : "it is empty");
        return false;
    }
    if (first == GZIP_FIRST_BYTE) {
        snprintf(s->error, sizeof s->error, "it seems to be compressed; unpack it first, as zcat does");
        return false;
    }
    ungetc(first, s->file);
    if (first == PCAPNG_FIRST_BYTE)
        s->pcapng = pcapng_new(s->file);
    else
        s->pcap = pcap_fopen_offline_with_tstamp_precision(s->file, PCAP_TSTAMP_PRECISION_NANO, s->error);
    if (!s->pcap && !s->pcapng) {
        size_t len = strlen(s->error);

        snprintf(s->error + len, sizeof s->error - len,
                 " (pcap and pcapng can be read, unpacked; editcap makes them of others)");
    }
    return s->pcap || s->pcapng;
}

struct captured {
    int datalink;
    uint64_t time_ns;
    struct span bytes;
};

/* The next packet; false at the end, with an error where the file breaks off before. */
static bool next_packet(struct source *s, struct captured *ret)
{
    struct pcapng_packet packet;
    struct pcap_pkthdr *header;
    const u_char *bytes;
    int got;

    if (s->pcapng) {
        if (pcapng_next(s->pcapng, &packet, s->error, sizeof s->error) != PCAPNG_PACKET)
            return false;
        *ret = (struct captured){ (int)packet.link_type, packet.time_ns, packet.bytes };
        return true;
    }
    got = pcap_next_ex(s->pcap, &header, &bytes);
    if (got == PCAP_ERROR)
        snprintf(s->error, sizeof s->error, "%s", pcap_geterr(s->pcap));
    if (got != 1)
        return false;
    *ret = (struct captured){ pcap_datalink(s->pcap),
                              (uint64_t)header->ts.tv_sec * NS_PER_S + (uint64_t)header->ts.tv_usec,
                              span_of(bytes, header->caplen) };
    return true;
}

/* ---- its packets ---- */

/* The segment in a packet, or in one that it makes whole. */
static bool find_segment(enum packet_link link, struct span bytes, struct fragment_table *fragments,
                         struct packet *ret)
{
    struct packet_fragment fragment;
    struct span whole;

    if (packet_parse(link, bytes, ret))
        return true;
    return packet_parse_fragment(link, bytes, &fragment) &&
           fragment_table_add(fragments, &fragment, &whole) && packet_parse_payload(&fragment, whole, ret);
}

static void read_packets(struct source *s, struct flow_table *table, struct capture_summary *ret)
{
    struct fragment_table *fragments = fragment_table_new();
    struct captured captured;

    while (next_packet(s, &captured)) {
        struct flow_packet at = { ++ret->packets, captured.time_ns };
        enum packet_link link;
        struct packet packet;

        if (at.number == 1)
            ret->began_ns = at.time_ns;
        if (!find_link(captured.datalink, &link)) {
            ret->unknown_links++;
            ret->unknown_link = captured.datalink;
        } else if (find_segment(link, captured.bytes, fragments, &packet)) {
            ret->segments++;
            flow_table_add(table, &packet, at);
        }
    }
    ret->ignored = flow_table_ignored(table);
    fragment_table_free(fragments);
}

bool capture_read(const char *path, struct flow_listener listener, struct capture_summary *ret,
                  char *ret_error, size_t error_size)
{
    struct flow_table *table;
    struct source source;

    *ret = (struct capture_summary){ 0 };
    *ret_error = '\0';
    if (!open_source(path, &source)) {
        snprintf(ret_error, error_size, "cannot read capture %s: %s", path, source.error);
        close_source(&source);
        return false;
    }
    table = flow_table_new(listener);
    read_packets(&source, table, ret);
    flow_table_free(table);
    if (*source.error) {
        snprintf(ret_error, error_size, "cannot read all of capture %s: %s", path, source.error);
    } else if (ret->packets > 0 && ret->unknown_links == ret->packets) {
        const char *name = pcap_datalink_val_to_name(ret->unknown_link);

        snprintf(ret_error, error_size, "cannot read capture %s: unknown link layer %s (%d)", path,
                 name ? name : "", ret->unknown_link);
    }
    close_source(&source);
    return *ret_error == '\0';
}
