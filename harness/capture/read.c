/* SPDX-License-Identifier: MIT */
#include "capture/read.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>

#include "capture/packet.h"

enum { NS_PER_S = 1000000000 };

static bool find_link(int datalink, enum packet_link *ret)
{
    static const struct {
        int datalink;
        enum packet_link link;
    } links[] = {
        { DLT_EN10MB, PACKET_ETHERNET },
        { DLT_RAW, PACKET_IP },
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

/* True at the end of the file, false when it breaks off before. */
static bool read_packets(pcap_t *pcap, enum packet_link link, struct flow_table *table,
                         struct capture_summary *ret)
{
    struct pcap_pkthdr *header;
    const u_char *bytes;
    int got;

    while ((got = pcap_next_ex(pcap, &header, &bytes)) == 1) {
        struct flow_packet at = { ++ret->packets,
                                  (uint64_t)header->ts.tv_sec * NS_PER_S + (uint64_t)header->ts.tv_usec };
        struct packet packet;

        if (at.number == 1)
            ret->began_ns = at.time_ns;
        if (packet_parse(link, span_of(bytes, header->caplen), &packet)) {
            ret->segments++;
            flow_table_add(table, &packet, at);
        }
    }
    ret->ignored = flow_table_ignored(table);
    return got == PCAP_ERROR_BREAK;
}

bool capture_read(const char *path, struct flow_listener listener, struct capture_summary *ret,
                  char *ret_error, size_t error_size)
{
    char pcap_error[PCAP_ERRBUF_SIZE] = "";
    pcap_t *pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, pcap_error);
    struct flow_table *table;
    enum packet_link link;
    bool whole;

    *ret = (struct capture_summary){ 0 };
    if (!pcap) { /* libpcap's message may begin with the path */
        snprintf(ret_error, error_size, "cannot read capture %s%s%s",
                 strncmp(pcap_error, path, strlen(path)) ? path : "",
                 strncmp(pcap_error, path, strlen(path)) ? ": " : "", pcap_error);
        return false;
    }
    if (!find_link(pcap_datalink(pcap), &link)) {
        const char *name = pcap_datalink_val_to_name(pcap_datalink(pcap));

        snprintf(ret_error, error_size, "cannot read capture %s: unknown link layer %s (%d)", path,
                 name ? name : "", pcap_datalink(pcap));
        pcap_close(pcap);
        return false;
    }
    table = flow_table_new(listener);
    whole = read_packets(pcap, link, table, ret);
    flow_table_free(table);
    if (!whole)
        snprintf(ret_error, error_size, "cannot read all of capture %s: %s", path, pcap_geterr(pcap));
    pcap_close(pcap);
    return whole;
}
