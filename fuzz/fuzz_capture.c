/* SPDX-License-Identifier: MIT */
/* Captured packets, put together to streams.
 *
 *     each stream is told in order, each byte once, and every byte is the one that was sent in that place;
 *     what was never captured is told as lost, and nothing else is;
 *     a flow is opened, ended once for each direction, closed, and not heard of again.
 *
 * Input: a byte that says what a packet begins with, then packets: two bytes of length, big-endian, and the
 * packet; or a byte of PCAPNG, then a pcapng file.  The data that a packet brings are replaced by what the
 * target says that its sender sends in that place of the stream.  Seeds: corpora/capture/. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "capture/flow.h"
#include "capture/fragment.h"
#include "capture/packet.h"
#include "capture/pcapng.h"
#include "fuzz/target.h"

enum { FLOWS_KEPT = 256, PCAPNG = PACKET_LINUX_COOKED2 + 1, KINDS };

/* One direction of a flow as it has been told so far. */
struct told {
    bool placed;   /* the first byte has told where the stream is */
    uint8_t phase; /* what the next byte has to be */
    bool ended;
};

struct told_flow {
    bool open;
    struct told from[2];
};

struct listening {
    struct told_flow flows[FLOWS_KEPT];
    size_t opened, closed;
    uint64_t packet; /* the number of the packet at hand */
};

/* The byte that everybody sends where the sequence number is that. */
static uint8_t byte_at(uint32_t sequence)
{
    return (uint8_t)sequence;
}

static struct told_flow *told_of(struct flow *flow)
{
    HOLDS(flow->user, "flow %zu was never opened", flow->number);
    return flow->user;
}

static void opened(void *ctx, struct flow *flow, struct flow_packet packet)
{
    struct listening *l = ctx;

    (void)packet;
    HOLDS(flow->number == l->opened + 1, "flow %zu follows flow %zu", flow->number, l->opened);
    HOLDS(l->opened < FLOWS_KEPT, "more flows than packets");
    HOLDS(!flow->user, "a new flow is somebody's");
    flow->user = &l->flows[l->opened++];
    told_of(flow)->open = true;
}

static struct told *direction(struct flow *flow, enum flow_from from)
{
    struct told_flow *t = told_of(flow);

    HOLDS(t->open, "flow %zu is closed", flow->number);
    HOLDS(!t->from[from].ended, "direction %d of flow %zu has ended", (int)from, flow->number);
    return &t->from[from];
}

static void bytes(void *ctx, struct flow *flow, enum flow_from from, struct span data,
                  struct flow_packet packet)
{
    struct listening *l = ctx;
    struct told *t = direction(flow, from);

    HOLDS(packet.number <= l->packet, "packet %llu has not come yet", (unsigned long long)packet.number);
    HOLDS(data.len > 0, "no bytes");
    if (!t->placed)
        t->phase = data.at[0];
    t->placed = true;
    for (size_t i = 0; i < data.len; i++)
        HOLDS(data.at[i] == t->phase++, "byte %zu of %zu is out of place", i, data.len);
}

static void lost(void *ctx, struct flow *flow, enum flow_from from, uint32_t count, struct flow_packet packet)
{
    struct told *t = direction(flow, from);

    (void)ctx;
    (void)packet;
    HOLDS(count > 0, "nothing is lost");
    t->phase = (uint8_t)(t->phase + count);
}

static void ended(void *ctx, struct flow *flow, enum flow_from from, enum flow_end how,
                  struct flow_packet packet)
{
    (void)ctx;
    (void)how;
    (void)packet;
    direction(flow, from)->ended = true;
}

static void closed(void *ctx, struct flow *flow)
{
    struct listening *l = ctx;
    struct told_flow *t = told_of(flow);

    HOLDS(t->open && t->from[0].ended && t->from[1].ended, "flow %zu is closed too early", flow->number);
    t->open = false;
    l->closed++;
}

#ifdef NBDTEST_PLANTED_BUG
/* As if data that come with a SYN and cross the end of the sequence numbers were not thought of. */
static void planted(const struct packet *p)
{
    if (p->syn && !p->rst && p->data.len > 1 && p->sequence + (uint32_t)p->data.len < p->sequence)
        target_planted();
}
#endif

/* Adds a packet, with data that fit its place in the stream. */
static void add(struct flow_table *table, struct listening *l, struct packet *p)
{
    uint8_t *sent = memory_take(p->data.len);
    uint32_t first = p->sequence + p->syn;

    for (size_t i = 0; i < p->data.len; i++)
        sent[i] = byte_at(first + (uint32_t)i);
    p->data.at = sent;
#ifdef NBDTEST_PLANTED_BUG
    planted(p);
#endif
    flow_table_add(table, p, (struct flow_packet){ l->packet, l->packet });
    free(sent);
}

/* What packets go through on their way. */
struct reading {
    struct flow_table *table;
    struct fragment_table *fragments;
    struct listening listening;
};

/* A packet, or the last fragment of one. */
static void take(struct reading *r, enum packet_link link, struct span packet_bytes)
{
    struct packet_fragment fragment;
    struct packet packet;
    struct span whole;

    r->listening.packet++;
    if (packet_parse(link, packet_bytes, &packet) || (packet_parse_fragment(link, packet_bytes, &fragment) &&
                                                      fragment_table_add(r->fragments, &fragment, &whole) &&
                                                      packet_parse_payload(&fragment, whole, &packet)))
        add(r->table, &r->listening, &packet);
}

static void take_packets(struct reading *r, enum packet_link link, struct span input)
{
    struct span length;

    while (r->listening.packet < FLOWS_KEPT && (length = span_take(&input, 2)).len == 2)
        take(r, link, span_take(&input, (size_t)length.at[0] << 8 | length.at[1]));
}

static void take_file(struct reading *r, struct span input)
{
    static uint8_t content[TARGET_INPUT_MAX];
    struct pcapng_packet packet;
    struct pcapng *pcapng;
    char error[100] = "";
    enum pcapng_event event;
    FILE *file;

    if (input.len == 0)
        return;
    memcpy(content, input.at, input.len);
    file = fmemopen(content, input.len, "rb");
    HOLDS(file, "no memory");
    pcapng = pcapng_new(file);
    while ((event = pcapng_next(pcapng, &packet, error, sizeof error)) == PCAPNG_PACKET &&
           r->listening.packet < FLOWS_KEPT)
        take(r, packet.link_type == 1 ? PACKET_ETHERNET : PACKET_IP, packet.bytes);
    HOLDS(event != PCAPNG_BROKEN || *error, "nobody says what is broken");
    pcapng_free(pcapng);
    fclose(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size), first = span_take(&input, 1);
    struct reading r = { .fragments = NULL };
    const struct listening *l = &r.listening;

    if (size > TARGET_INPUT_MAX || first.len == 0)
        return 0;
    r.fragments = fragment_table_new();
    r.table = flow_table_new((struct flow_listener){ opened, bytes, lost, ended, closed, &r.listening });
    if (*first.at % KINDS == PCAPNG)
        take_file(&r, input);
    else
        take_packets(&r, (enum packet_link)(*first.at % KINDS), input);
    flow_table_free(r.table);
    fragment_table_free(r.fragments);
    HOLDS(l->opened == l->closed, "%zu flows were opened, %zu closed", l->opened, l->closed);
    return 0;
}
