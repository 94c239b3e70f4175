/* SPDX-License-Identifier: MIT */
#include "capture/flow.h"

#include <assert.h>
#include <search.h>
#include <stdlib.h>

#include "base/memory.h"

enum { PORT_NBD = 10809 };

/* Bytes that wait for earlier ones.  Kept in the order of sequence numbers. */
struct pending {
    struct pending *next;
    uint32_t sequence;
    size_t len;
    uint8_t bytes[];
};

struct direction {
    uint32_t next; /* sequence number of the next byte to be told */
    bool started;  /* next means something */
    bool ended;    /* told */
    bool has_fin;
    uint32_t fin_at; /* sequence number of FIN */
    struct pending *pending;
    size_t pending_count, pending_len;
};

/* Both ends, the smaller first, so that both directions have the same. */
struct flow_key {
    struct packet_end low, high;
};

struct tracked {
    struct flow_key key; /* first: the tree compares it */
    struct flow flow;
    struct direction sides[2];      /* by enum flow_from */
    bool syn_seen;                  /* the client's */
    uint32_t syn_sequence;          /* the client's, when seen */
    struct tracked *before, *after; /* in the order of their first packets */
};

struct flow_table {
    struct flow_listener listener;
    void *tree; /* of struct tracked; balanced, so that nobody can make looking up slow */
    struct tracked *first, *last;
    size_t count;       /* in the tree */
    size_t numbered;    /* so far */
    size_t pending_len; /* bytes, in all flows */
    uint64_t ignored;
    struct flow_packet packet; /* the one that is being added */
};

/* ---- which flow ---- */

static struct flow_key key_of(const struct packet *segment)
{
    if (memcmp(&segment->from, &segment->to, sizeof segment->from) < 0)
        return (struct flow_key){ segment->from, segment->to };
    return (struct flow_key){ segment->to, segment->from };
}

static int compare_keys(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct flow_key));
}

static struct tracked *find_flow(struct flow_table *table, const struct flow_key *key)
{
    struct tracked *const *found = tfind(key, &table->tree, compare_keys);

    return found ? *found : NULL;
}

static unsigned port_of(const struct packet_end *end)
{
    return (unsigned)end->port[0] << 8 | end->port[1];
}

/* Without SYN: the server has NBD's port, or else the lower one. */
static bool comes_from_client(const struct packet *segment)
{
    unsigned from = port_of(&segment->from), to = port_of(&segment->to);

    if (segment->syn)
        return !segment->ack;
    if (from == PORT_NBD || to == PORT_NBD)
        return to == PORT_NBD;
    return from >= to;
}

static struct tracked *open_flow(struct flow_table *table, const struct packet *segment)
{
    bool from_client = comes_from_client(segment);
    struct tracked *tracked;

    if (table->count == FLOWS_MAX) {
        table->ignored++;
        return NULL;
    }
    tracked = memory_take(sizeof *tracked);
    tracked->key = key_of(segment);
    tracked->flow.number = ++table->numbered;
    tracked->flow.client = from_client ? segment->from : segment->to;
    tracked->flow.server = from_client ? segment->to : segment->from;
    tracked->flow.from_start = segment->syn;
    if (!tsearch(tracked, &table->tree, compare_keys)) { /* no memory for its node: as good as full */
        free(tracked);
        table->ignored++;
        return NULL;
    }
    tracked->before = table->last;
    *(table->last ? &table->last->after : &table->first) = tracked;
    table->last = tracked;
    table->count++;
    table->listener.opened(table->listener.ctx, &tracked->flow, table->packet);
    return tracked;
}

/* ---- what is told ---- */

/* Tells those of len bytes at sequence that are new, provided that they follow what has been told. */
static void tell_bytes(struct flow_table *table, struct tracked *tracked, enum flow_from from,
                       uint32_t sequence, struct span bytes)
{
    struct direction *side = &tracked->sides[from];

    span_take(&bytes, side->next - sequence);
    if (bytes.len == 0)
        return;
    side->next += (uint32_t)bytes.len;
    table->listener.bytes(table->listener.ctx, &tracked->flow, from, bytes, table->packet);
}

/* Signed distance of two sequence numbers (RFC 9293, section 3.4): below 0 when a comes before b. */
static int64_t distance(uint32_t a, uint32_t b)
{
    uint32_t forward = a - b;

    return forward < 0x80000000U ? (int64_t)forward : (int64_t)forward - 0x100000000;
}

static void drop_first_pending(struct flow_table *table, struct direction *side)
{
    struct pending *first = side->pending;

    side->pending = first->next;
    side->pending_count--;
    side->pending_len -= first->len;
    table->pending_len -= first->len;
    free(first);
}

/* Behind the end there is nothing, whatever was captured. */
static void tell_end(struct flow_table *table, struct tracked *tracked, enum flow_from from,
                     enum flow_end how)
{
    struct direction *side = &tracked->sides[from];

    if (!side->ended)
        table->listener.ended(table->listener.ctx, &tracked->flow, from, how, table->packet);
    side->ended = true;
    while (side->pending)
        drop_first_pending(table, side);
}

/* Tells what no longer waits, and the FIN behind it. */
static void tell_ready(struct flow_table *table, struct tracked *tracked, enum flow_from from)
{
    struct direction *side = &tracked->sides[from];

    while (side->pending && distance(side->pending->sequence, side->next) <= 0) {
        tell_bytes(table, tracked, from, side->pending->sequence,
                   span_of(side->pending->bytes, side->pending->len));
        drop_first_pending(table, side);
    }
    if (side->has_fin && distance(side->next, side->fin_at) >= 0)
        tell_end(table, tracked, from, FLOW_FINISHED);
}

/* Gives up on the bytes before the first that wait. */
static void give_up_gap(struct flow_table *table, struct tracked *tracked, enum flow_from from)
{
    struct direction *side = &tracked->sides[from];
    uint32_t count = side->pending->sequence - side->next;

    table->listener.lost(table->listener.ctx, &tracked->flow, from, count, table->packet);
    side->next = side->pending->sequence;
    tell_ready(table, tracked, from);
}

static void give_up_all_gaps(struct flow_table *table, struct tracked *tracked, enum flow_from from)
{
    struct direction *side = &tracked->sides[from];

    while (side->pending)
        give_up_gap(table, tracked, from);
    if (side->has_fin && !side->ended) { /* nothing was captured between the last bytes and FIN */
        table->listener.lost(table->listener.ctx, &tracked->flow, from, side->fin_at - side->next,
                             table->packet);
        tell_end(table, tracked, from, FLOW_FINISHED);
    }
}

static void end_flow(struct flow_table *table, struct tracked *tracked, enum flow_from from,
                     enum flow_end how)
{
    enum flow_from other = from == FLOW_CLIENT ? FLOW_SERVER : FLOW_CLIENT;

    give_up_all_gaps(table, tracked, from);
    give_up_all_gaps(table, tracked, other);
    tell_end(table, tracked, from, how);
    tell_end(table, tracked, other, how);
}

static void close_flow(struct flow_table *table, struct tracked *tracked)
{
    end_flow(table, tracked, FLOW_CLIENT, FLOW_CUT);
    table->listener.closed(table->listener.ctx, &tracked->flow);
    tdelete(tracked, &table->tree, compare_keys);
    *(tracked->before ? &tracked->before->after : &table->first) = tracked->after;
    *(tracked->after ? &tracked->after->before : &table->last) = tracked->before;
    table->count--;
    free(tracked);
}

/* ---- a segment ---- */

/* Puts a copy among those that wait.  They mostly come in order, but a capture need not be friendly: that is
 * why there is a limit to how many are looked through. */
static void wait_for_earlier(struct flow_table *table, struct direction *side, uint32_t sequence,
                             struct span bytes)
{
    struct pending **at = &side->pending;
    struct pending *pending;

    while (*at && distance((*at)->sequence, sequence) <= 0) {
        if ((*at)->sequence == sequence && (*at)->len >= bytes.len)
            return; /* came twice */
        at = &(*at)->next;
    }
    pending = memory_grow(NULL, sizeof *pending + bytes.len);
    *pending = (struct pending){ .next = *at, .sequence = sequence, .len = bytes.len };
    memcpy(pending->bytes, bytes.at, bytes.len);
    *at = pending;
    side->pending_count++;
    side->pending_len += bytes.len;
    table->pending_len += bytes.len;
}

static bool no_room_for(const struct flow_table *table, const struct direction *side, size_t len)
{
    return side->pending_count >= PENDING_SEGMENTS_MAX || side->pending_len + len > PENDING_FLOW_MAX ||
           table->pending_len + len > PENDING_MAX;
}

static void add_bytes(struct flow_table *table, struct tracked *tracked, enum flow_from from,
                      uint32_t sequence, struct span bytes)
{
    struct direction *side = &tracked->sides[from];

    while (side->pending && distance(sequence, side->next) > 0 && no_room_for(table, side, bytes.len))
        give_up_gap(table, tracked, from);
    if (side->ended)
        return;
    if (distance(sequence, side->next) <= 0) {
        tell_bytes(table, tracked, from, sequence, bytes);
    } else if (no_room_for(table, side, bytes.len)) { /* others wait for that much */
        table->listener.lost(table->listener.ctx, &tracked->flow, from, sequence - side->next, table->packet);
        side->next = sequence;
        tell_bytes(table, tracked, from, sequence, bytes);
    } else {
        wait_for_earlier(table, side, sequence, bytes);
    }
    tell_ready(table, tracked, from);
}

static void add_segment(struct flow_table *table, struct tracked *tracked, const struct packet *segment)
{
    enum flow_from from =
        memcmp(&segment->from, &tracked->flow.client, sizeof segment->from) ? FLOW_SERVER : FLOW_CLIENT;
    struct direction *side = &tracked->sides[from];
    uint32_t sequence = segment->sequence + (segment->syn ? 1 : 0);

    if (segment->rst) {
        end_flow(table, tracked, from, FLOW_RESET);
        return;
    }
    if (segment->syn && !segment->ack) {
        tracked->syn_seen = true;
        tracked->syn_sequence = segment->sequence;
    }
    if (!side->started) {
        side->started = true;
        side->next = sequence;
    }
    if (side->ended)
        return;
    if (segment->fin && !side->has_fin) {
        side->has_fin = true;
        side->fin_at = sequence + (uint32_t)segment->data.len + segment->missing;
    }
    if (segment->data.len > 0)
        add_bytes(table, tracked, from, sequence, segment->data);
    else
        tell_ready(table, tracked, from);
}

/* A SYN that is no repetition, and did not just come late, opens the ports' next connection. */
static bool opens_another(const struct tracked *tracked, const struct packet *segment)
{
    if (!segment->syn || segment->ack)
        return false;
    if (memcmp(&segment->from, &tracked->flow.client, sizeof segment->from) != 0)
        return true;
    return tracked->syn_seen ? segment->sequence != tracked->syn_sequence
                             : tracked->sides[FLOW_CLIENT].started;
}

void flow_table_add(struct flow_table *table, const struct packet *segment, struct flow_packet packet)
{
    struct flow_key key = key_of(segment);
    struct tracked *tracked = find_flow(table, &key);

    table->packet = packet;
    if (tracked && opens_another(tracked, segment)) {
        close_flow(table, tracked);
        tracked = NULL;
    }
    if (!tracked && segment->rst)
        return; /* of something that was not captured */
    if (!tracked)
        tracked = open_flow(table, segment);
    if (tracked)
        add_segment(table, tracked, segment);
}

uint64_t flow_table_ignored(const struct flow_table *table)
{
    return table->ignored;
}

struct flow_table *flow_table_new(struct flow_listener listener)
{
    struct flow_table *table = memory_take(sizeof *table);

    table->listener = listener;
    return table;
}

void flow_table_free(struct flow_table *table)
{
    if (!table)
        return;
    while (table->first)
        close_flow(table, table->first);
    assert(table->pending_len == 0 && table->count == 0);
    free(table);
}
