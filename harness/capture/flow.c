/* SPDX-License-Identifier: MIT */
#include "capture/flow.h"

#include <assert.h>
#include <search.h>
#include <stdlib.h>

#include "base/memory.h"

enum {
    PORT_NBD = 10809,
    WINDOW_MAX = 1 << 30, /* bytes that TCP can have on the way (RFC 7323) */
};

/* Bytes that wait for earlier ones, or for those that their sender had seen.  Kept in the order of sequence
 * numbers. */
struct pending {
    struct pending *next;
    struct flow_packet packet;
    bool has_ack;
    uint32_t acknowledged, sequence;
    uint32_t missing; /* bytes behind them that were not captured */
    size_t len;
    uint8_t bytes[];
};

struct direction {
    uint32_t next; /* sequence number of the next byte to be told */
    bool started;  /* next means something */
    bool guessed;  /* it is what the other side has seen, whatever was captured */
    bool ended;    /* told */
    bool has_fin, fin_has_ack;
    uint32_t fin_at; /* sequence number of FIN */
    uint32_t fin_acknowledged;
    struct flow_packet fin_packet;
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

static enum flow_from other_of(enum flow_from from)
{
    return from == FLOW_CLIENT ? FLOW_SERVER : FLOW_CLIENT;
}

/* Signed distance of two sequence numbers (RFC 9293, section 3.4): below 0 when a comes before b. */
static int64_t distance(uint32_t a, uint32_t b)
{
    uint32_t forward = a - b;

    return forward < 0x80000000U ? (int64_t)forward : (int64_t)forward - 0x100000000;
}

/* Who acknowledges bytes has seen them: what it sends with that comes behind them, wherever the capture has
 * it. */
static bool is_early(const struct tracked *tracked, enum flow_from from, bool has_ack, uint32_t acknowledged)
{
    const struct direction *other = &tracked->sides[other_of(from)];
    int64_t ahead = distance(acknowledged, other->next);

    return has_ack && other->started && !other->ended && ahead > 0 && ahead <= WINDOW_MAX;
}

/* Tells those of len bytes at sequence that are new, provided that they follow what has been told. */
static void tell_bytes(struct flow_table *table, struct tracked *tracked, enum flow_from from,
                       uint32_t sequence, struct span bytes, struct flow_packet packet)
{
    struct direction *side = &tracked->sides[from];

    span_take(&bytes, side->next - sequence);
    if (bytes.len == 0)
        return;
    side->next += (uint32_t)bytes.len;
    if (tracked->sides[other_of(from)].guessed)
        tracked->flow.from_start = false;
    table->listener.bytes(table->listener.ctx, &tracked->flow, from, bytes, packet);
}

static void lose(struct flow_table *table, struct tracked *tracked, enum flow_from from, uint32_t up_to,
                 struct flow_packet packet)
{
    struct direction *side = &tracked->sides[from];

    table->listener.lost(table->listener.ctx, &tracked->flow, from, up_to - side->next, packet);
    side->next = up_to;
    side->guessed = false;
}

/* What a packet was cut by is cut again when it is sent again: nobody waits for it. */
static void lose_missing(struct flow_table *table, struct tracked *tracked, enum flow_from from,
                         uint32_t sequence, uint32_t missing, struct flow_packet packet)
{
    if (missing > 0 && tracked->sides[from].next == sequence)
        lose(table, tracked, from, sequence + missing, packet);
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

static void tell_first_pending(struct flow_table *table, struct tracked *tracked, enum flow_from from)
{
    struct direction *side = &tracked->sides[from];
    const struct pending *first = side->pending;

    tell_bytes(table, tracked, from, first->sequence, span_of(first->bytes, first->len), first->packet);
    lose_missing(table, tracked, from, first->sequence + (uint32_t)first->len, first->missing, first->packet);
    drop_first_pending(table, side);
}

/* Behind the end there is nothing, whatever was captured. */
static void tell_end(struct flow_table *table, struct tracked *tracked, enum flow_from from,
                     enum flow_end how, struct flow_packet packet)
{
    struct direction *side = &tracked->sides[from];

    if (!side->ended)
        table->listener.ended(table->listener.ctx, &tracked->flow, from, how, packet);
    side->ended = true;
    while (side->pending)
        drop_first_pending(table, side);
}

static bool pending_follows(const struct direction *side)
{
    return side->pending && distance(side->pending->sequence, side->next) <= 0;
}

static bool fin_follows(const struct direction *side)
{
    return side->has_fin && !side->ended && distance(side->next, side->fin_at) >= 0;
}

/* Tells what no longer waits, and the FIN behind it.  True when there was something. */
static bool tell_side(struct flow_table *table, struct tracked *tracked, enum flow_from from)
{
    struct direction *side = &tracked->sides[from];
    bool some = false;

    while (pending_follows(side) &&
           !is_early(tracked, from, side->pending->has_ack, side->pending->acknowledged)) {
        tell_first_pending(table, tracked, from);
        some = true;
    }
    if (fin_follows(side) && !is_early(tracked, from, side->fin_has_ack, side->fin_acknowledged)) {
        tell_end(table, tracked, from, FLOW_FINISHED, side->fin_packet);
        some = true;
    }
    return some;
}

/* Tells the first that waits for nothing but bytes of the other side. */
static void tell_early(struct flow_table *table, struct tracked *tracked, enum flow_from from)
{
    if (pending_follows(&tracked->sides[from]))
        tell_first_pending(table, tracked, from);
    else
        tell_end(table, tracked, from, FLOW_FINISHED, tracked->sides[from].fin_packet);
}

/* The packet that a direction has to tell next: 0 when none, or when bytes before it are missing. */
static uint64_t packet_that_follows(const struct direction *side)
{
    if (pending_follows(side))
        return side->pending->packet.number;
    return fin_follows(side) ? side->fin_packet.number : 0;
}

static void tell_ready(struct flow_table *table, struct tracked *tracked)
{
    for (;;) {
        bool some = tell_side(table, tracked, FLOW_CLIENT);
        uint64_t of_client, of_server;

        if (tell_side(table, tracked, FLOW_SERVER) || some)
            continue;
        of_client = packet_that_follows(&tracked->sides[FLOW_CLIENT]);
        of_server = packet_that_follows(&tracked->sides[FLOW_SERVER]);
        if (of_client == 0 || of_server == 0)
            return;
        /* Each waits for the other: one was captured only when it was sent again, with a newer ACK. */
        tell_early(table, tracked, of_client < of_server ? FLOW_CLIENT : FLOW_SERVER);
    }
}

/* ---- what was not captured ---- */

/* Gives up on bytes that were acknowledged, as far as they are missing. */
static void lose_acknowledged(struct flow_table *table, struct tracked *tracked, enum flow_from from,
                              uint32_t acknowledged, struct flow_packet packet)
{
    const struct direction *side = &tracked->sides[from];

    if (side->pending && distance(side->pending->sequence, acknowledged) < 0)
        acknowledged = side->pending->sequence;
    if (side->has_fin && distance(side->fin_at, acknowledged) < 0)
        acknowledged = side->fin_at;
    lose(table, tracked, from, acknowledged, packet);
}

/* Gives up on what the first that waits in this direction waits for. */
static void give_up(struct flow_table *table, struct tracked *tracked, enum flow_from from)
{
    struct direction *side = &tracked->sides[from];
    struct pending *first = side->pending;

    if (first && !pending_follows(side))
        lose(table, tracked, from, first->sequence, first->packet);
    else if (first)
        lose_acknowledged(table, tracked, other_of(from), first->acknowledged, first->packet);
    else if (!fin_follows(side)) /* nothing was captured between the last bytes and FIN */
        lose(table, tracked, from, side->fin_at, side->fin_packet);
    else
        lose_acknowledged(table, tracked, other_of(from), side->fin_acknowledged, side->fin_packet);
    tell_ready(table, tracked);
}

/* The packet whose bytes or FIN wait in a direction: UINT64_MAX when nothing does. */
static uint64_t packet_that_waits(const struct direction *side)
{
    if (side->pending)
        return side->pending->packet.number;
    return side->has_fin && !side->ended ? side->fin_packet.number : UINT64_MAX;
}

static void give_up_all(struct flow_table *table, struct tracked *tracked)
{
    for (;;) {
        uint64_t of_client = packet_that_waits(&tracked->sides[FLOW_CLIENT]);
        uint64_t of_server = packet_that_waits(&tracked->sides[FLOW_SERVER]);

        if (of_client == UINT64_MAX && of_server == UINT64_MAX)
            return;
        give_up(table, tracked, of_client < of_server ? FLOW_CLIENT : FLOW_SERVER);
    }
}

static void end_flow(struct flow_table *table, struct tracked *tracked, enum flow_from from,
                     enum flow_end how)
{
    give_up_all(table, tracked);
    tell_end(table, tracked, from, how, table->packet);
    tell_end(table, tracked, other_of(from), how, table->packet);
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
static void keep_waiting(struct flow_table *table, struct direction *side, uint32_t sequence,
                         const struct packet *segment)
{
    struct pending **at = &side->pending;
    struct pending *pending;
    struct span bytes = segment->data;

    while (*at && distance((*at)->sequence, sequence) <= 0) {
        if ((*at)->sequence == sequence && (*at)->len >= bytes.len)
            return; /* came twice */
        at = &(*at)->next;
    }
    pending = memory_grow(NULL, sizeof *pending + bytes.len);
    *pending = (struct pending){ .next = *at,
                                 .packet = table->packet,
                                 .has_ack = segment->ack,
                                 .acknowledged = segment->acknowledged,
                                 .sequence = sequence,
                                 .missing = segment->missing,
                                 .len = bytes.len };
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
                      uint32_t sequence, const struct packet *segment)
{
    struct direction *side = &tracked->sides[from];
    struct span bytes = segment->data;
    bool has_room;

    if (distance(sequence + (uint32_t)bytes.len + segment->missing, side->next) <= 0)
        return; /* told before */
    while (side->pending && no_room_for(table, side, bytes.len))
        give_up(table, tracked, from);
    if (side->ended)
        return;
    has_room = !no_room_for(table, side, bytes.len); /* otherwise others wait for that much */
    if (has_room && (side->pending || distance(sequence, side->next) > 0 ||
                     is_early(tracked, from, segment->ack, segment->acknowledged))) {
        keep_waiting(table, side, sequence, segment);
        return;
    }
    if (distance(sequence, side->next) > 0)
        lose(table, tracked, from, sequence, table->packet);
    tell_bytes(table, tracked, from, sequence, bytes, table->packet);
    lose_missing(table, tracked, from, sequence + (uint32_t)bytes.len, segment->missing, table->packet);
}

static void start(struct direction *side, uint32_t next, bool guessed)
{
    if (!side->started) {
        side->next = next;
        side->guessed = guessed;
    } else if (side->guessed && !guessed) { /* the guess may have been captured too early */
        if (distance(next, side->next) < 0)
            side->next = next;
        side->guessed = false;
    }
    side->started = true;
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
    start(side, sequence, false);
    if (segment->ack)
        start(&tracked->sides[other_of(from)], segment->acknowledged, !segment->syn);
    if (side->ended)
        return;
    if (segment->data.len + segment->missing > 0)
        add_bytes(table, tracked, from, sequence, segment);
    if (segment->fin && !side->has_fin) {
        side->has_fin = true;
        side->fin_at = sequence + (uint32_t)segment->data.len + segment->missing;
        side->fin_has_ack = segment->ack;
        side->fin_acknowledged = segment->acknowledged;
        side->fin_packet = table->packet;
    }
    tell_ready(table, tracked);
}

/* Data behind the FINs of both sides. */
static bool goes_on_behind_end(const struct tracked *tracked, const struct packet *segment)
{
    const struct direction *client = &tracked->sides[FLOW_CLIENT], *server = &tracked->sides[FLOW_SERVER];
    bool from_client = memcmp(&segment->from, &tracked->flow.client, sizeof segment->from) == 0;
    int64_t behind = distance(segment->sequence, from_client ? client->fin_at : server->fin_at);

    return client->has_fin && server->has_fin && client->ended && server->ended && segment->data.len > 0 &&
           (behind > 0 || behind < -WINDOW_MAX);
}

/* A SYN that is no repetition, and did not just come late, opens the ports' next connection; where it was not
 * captured, what comes behind the end shows that there is one. */
static bool opens_another(const struct tracked *tracked, const struct packet *segment)
{
    if (!segment->syn)
        return goes_on_behind_end(tracked, segment);
    if (segment->ack)
        return false;
    if (memcmp(&segment->from, &tracked->flow.client, sizeof segment->from) != 0)
        return true;
    if (tracked->syn_seen)
        return segment->sequence != tracked->syn_sequence;
    return tracked->sides[FLOW_CLIENT].started && tracked->sides[FLOW_CLIENT].next != segment->sequence + 1;
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
