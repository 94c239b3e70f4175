/* SPDX-License-Identifier: MIT */
#include "cli/decoded.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "referee/session.h"
#include "script/transcript.h"
#include "wire/constants.h"

enum {
    WRITTEN_MAX = 256 << 20, /* bytes of contents that are remembered, in all connections that are not over */
    TEXT_MAX = 256 << 20,    /* bytes, in all connections that are not over */
    HEAD_MAX = 1024,         /* bytes, of what is said before a connection */
    OF_A_KIND_MAX = 8,       /* breaches of a requirement that are told one by one, in a connection */
    FIRST_BYTES = 16,        /* of each side, which show what a connection is */
    BODY_BYTES = 16,         /* of a body, shown of a message that is wrong */
    PORT_NBD = 10809,
    SILENCE_S = 1, /* behind which a client that leaves may have waited in vain */
    NS_PER_US = 1000,
    US_PER_S = 1000000,
};

/* One connection of the capture.  It is printed when it is over, so that connections do not mix. */
struct decoded {
    struct session *session; /* NULL before bytes have passed */
    struct model *model;     /* NULL: contents are not compared */
    bool forgotten;          /* nor will they be */
    struct server *server;
    uint64_t written; /* bytes that the model holds at most */
    struct violations *violations;
    struct tally tally;
    struct flow_packet opened;
    bool reversed; /* who seemed to be the client is the server */
    bool whole;    /* it is seen from its first byte on */
    bool cut;      /* there was more text than can be kept */
    bool tls;      /* and that was said */
    bool reset;    /* by one of the two */
    struct side_seen {
        uint8_t first[FIRST_BYTES];
        size_t first_len;
        bool astray;              /* bytes are missing: where the next message begins is to be found */
        uint64_t skipped;         /* bytes, since then */
        bool ended;               /* closed, or reset */
        bool within;              /* a message is under way */
        struct flow_packet begun; /* with this packet */
    } sides[2];
    struct teller teller;
    bool doubtful;     /* not all of it is judged */
    bool blind;        /* nothing is, at the moment */
    bool option_due;   /* the client's last option has not got its final reply */
    uint64_t heard_ns; /* when bytes passed last */
    bool resumed;      /* messages were found behind what is missing */
    uint64_t from, to; /* bytes of the export that the client writes to */
    struct buffer text;
};

/* A server, as long as there are connections to it. */
struct server {
    struct packet_end end; /* first: the tree compares it */
    size_t connections;
    struct decoded *alone; /* the connection that has been the only one so far */
};

static enum side side_of(const struct decoded *c, enum flow_from from)
{
    return (from == FLOW_CLIENT) != c->reversed ? SIDE_CLIENT : SIDE_SERVER;
}

static const char *name_of(enum side side)
{
    return side == SIDE_CLIENT ? "client" : "server";
}

/* ---- what is printed ---- */

static void put_packet(const struct decoder *d, struct flow_packet packet, struct buffer *to)
{
    uint64_t began = d->capture->began_ns;
    uint64_t us = packet.time_ns > began ? (packet.time_ns - began) / NS_PER_US : 0;

    buffer_print(to, "packet %" PRIu64 " (%" PRIu64 ".%06" PRIu64 " s)", packet.number, us / US_PER_S,
                 us % US_PER_S);
}

static void put_end(const struct packet_end *end, struct buffer *to)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    bool ip4 = memcmp(end->address, mapped, sizeof mapped) == 0;
    char address[INET6_ADDRSTRLEN] = "";

    inet_ntop(ip4 ? AF_INET : AF_INET6, end->address + (ip4 ? sizeof mapped : 0), address, sizeof address);
    buffer_print(to, ip4 ? "%s:%u" : "[%s]:%u", address, (unsigned)end->port[0] << 8 | end->port[1]);
}

static void put_bytes(struct span bytes, struct buffer *to)
{
    for (size_t i = 0; i < bytes.len; i++)
        buffer_print(to, " %02x", bytes.at[i]);
}

/* The bytes of a message that is wrong, as they came. */
static void put_message_bytes(const struct message *m, struct buffer *to)
{
    struct span body = m->body;

    buffer_print(to, "#    ");
    put_bytes(m->header, to);
    if (body.len > 0)
        buffer_print(to, " |");
    put_bytes(span_take(&body, BODY_BYTES), to);
    buffer_print(to, m->body_bytes > BODY_BYTES ? " ...\n" : "\n");
}

static void put_violations(struct decoder *d, const struct flow *flow, struct flow_packet packet,
                           const struct message *m)
{
    struct decoded *c = flow->user;
    bool shown = false;

    for (size_t i = 0; i < c->violations->count; i++) {
        const struct violation *v = &c->violations->all[i];
        uint64_t times = tally_add(&c->tally, v->rule, v->party, flow->number, packet.number);

        if (times > OF_A_KIND_MAX)
            continue;
        buffer_print(&c->text, "# ");
        put_packet(d, packet, &c->text);
        buffer_print(&c->text, ": ");
        tally_print_rule(v->rule, v->party, d->catalogue, &c->text);
        buffer_print(&c->text, ": %s%s\n", v->came,
                     times == OF_A_KIND_MAX ? "; what there is more of this is only counted" : "");
        shown = true;
    }
    if (shown && m)
        put_message_bytes(m, &c->text);
    violations_clear(c->violations);
}

static void put_comment(const struct decoder *d, struct decoded *c, struct flow_packet packet)
{
    buffer_print(&c->text, "# ");
    put_packet(d, packet, &c->text);
    buffer_print(&c->text, ": ");
}

/* Keeps what is held of all connections together within its limit. */
static void keep_within(struct decoder *d, struct decoded *c, size_t len_before)
{
    if (c->cut)
        c->text.len = len_before;
    d->text_bytes += c->text.len - len_before;
    if (d->text_bytes <= TEXT_MAX || c->cut)
        return;
    c->cut = true;
    len_before = c->text.len;
    buffer_print(&c->text,
                 "# this is more than can be kept: the rest is judged and counted, and not shown\n");
    d->text_bytes += c->text.len - len_before;
}

/* ---- what an export holds ---- */

static void forget_contents(struct decoder *d, struct decoded *c)
{
    c->forgotten = true;
    if (!c->model)
        return;
    session_forget_contents(c->session);
    model_free(c->model);
    c->model = NULL;
    d->written_bytes -= c->written;
}

static int compare_servers(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct packet_end));
}

/* Who shares a server with others may read what they wrote. */
static void join_server(struct decoder *d, struct decoded *c, const struct packet_end *end)
{
    struct server *const *found = tfind(end, &d->servers, compare_servers);
    struct server *server = found ? *found : NULL;

    if (!server) {
        server = memory_take(sizeof *server);
        *server = (struct server){ .end = *end, .alone = c };
        if (!tsearch(server, &d->servers, compare_servers)) { /* no memory */
            free(server);
            forget_contents(d, c);
            return;
        }
    } else {
        forget_contents(d, c);
        if (server->alone)
            forget_contents(d, server->alone);
        server->alone = NULL;
    }
    c->server = server;
    server->connections++;
}

static void leave_server(struct decoder *d, struct decoded *c)
{
    struct server *server = c->server;

    if (!server)
        return;
    if (server->alone == c)
        server->alone = NULL;
    if (--server->connections > 0)
        return;
    tdelete(server, &d->servers, compare_servers);
    free(server);
}

/* ---- what the client writes to ---- */

/* Widens the range that the client writes to: a case that is played again needs a window there. */
static void note_write(struct decoder *d, struct decoded *c, const struct message *m)
{
    const struct session_request *r = &m->request;
    const struct command_rules *rules;

    if (!message_is_request(m) || !(rules = command_rules_of(r->type)) || !rules->writes)
        return;
    if (r->offset < c->from)
        c->from = r->offset;
    if (r->offset <= UINT64_MAX - r->length && r->offset + r->length > c->to)
        c->to = r->offset + r->length;
    if (!c->model)
        return;
    c->written += r->payload;
    d->written_bytes += r->payload;
    if (d->written_bytes > WRITTEN_MAX)
        forget_contents(d, c);
}

/* ---- what a connection is ---- */

static bool begins_with(const struct side_seen *s, size_t at, const void *bytes, size_t len)
{
    return s->first_len >= at + len && memcmp(s->first + at, bytes, len) == 0;
}

static bool has_port(const struct packet_end *end)
{
    return ((unsigned)end->port[0] << 8 | end->port[1]) == PORT_NBD;
}

/* A TLS record of a handshake. */
static bool begins_with_tls(const struct side_seen *s)
{
    return begins_with(s, 0, "\x16\x03", 2);
}

static bool speaks_nbd(const struct decoded *c)
{
    const struct side_seen *client = &c->sides[SIDE_CLIENT], *server = &c->sides[SIDE_SERVER];

    return begins_with(server, 0, "NBDMAGIC", 8) || begins_with(server, 8, "IHAVEOPT", 8) ||
           begins_with(server, 8, "\x00\x00\x42\x02\x81\x86\x12\x53", 8) ||
           begins_with(client, 4, "IHAVEOPT", 8) || begins_with(client, 0, "IHAVEOPT", 8) || c->resumed;
}

/* Whoever speaks to NBD's port, or to a program that listens there, wants NBD; the rest has to look
 * like it. */
static bool is_nbd(const struct decoded *c, const struct flow *flow)
{
    const struct side_seen *client = &c->sides[SIDE_CLIENT], *server = &c->sides[SIDE_SERVER];

    if (speaks_nbd(c))
        return true;
    if (begins_with_tls(client) || begins_with_tls(server))
        return false;
    return has_port(&flow->server) || has_port(&flow->client);
}

static void note_first(struct side_seen *s, struct span bytes)
{
    struct span taken = span_take(&bytes, FIRST_BYTES - s->first_len);

    if (taken.len > 0)
        memcpy(s->first + s->first_len, taken.at, taken.len);
    s->first_len += taken.len;
}

/* ---- its session ---- */

/* A capture may hold very many connections on which nothing passes. */
static void need_session(struct decoded *c)
{
    if (c->session)
        return;
    c->model = c->forgotten ? NULL : model_new();
    c->violations = memory_take(sizeof *c->violations);
    c->session = session_new(c->model, c->violations);
    session_look_on(c->session);
}

/* ---- a connection, when it is over ---- */

static void put_head(const struct decoder *d, const struct flow *flow, const struct decoded *c,
                     struct buffer *to)
{
    buffer_print(to, "case connection-%zu \"", flow->number);
    put_end(c->reversed ? &flow->server : &flow->client, to);
    buffer_print(to, " to ");
    put_end(c->reversed ? &flow->client : &flow->server, to);
    buffer_print(to, ", begins with ");
    put_packet(d, c->opened, to);
    buffer_print(to, "\"\nstart %s\n", c->whole ? "connect" : "transmission");
    if (c->from < c->to)
        buffer_print(to, "window %" PRIu64 " at %" PRIu64 "\n", c->to - c->from, c->from);
    buffer_print(to, "canary off\n\n");
}

/* What one side still waits for when the capture has no more. */
static void put_owing(struct decoded *c)
{
    size_t unanswered = session_in_flight(c->session);

    if (unanswered > 0 && !c->doubtful)
        buffer_print(&c->text, "# %zu request%s not answered\n", unanswered,
                     unanswered == 1 ? " was" : "s were");
    if (c->tls || (c->sides[SIDE_CLIENT].ended && c->sides[SIDE_SERVER].ended) ||
        c->sides[SIDE_CLIENT].astray || c->sides[SIDE_SERVER].astray)
        return;
    buffer_print(&c->text, "# no more was captured: ");
    session_owing(c->session, &c->text);
    buffer_print(&c->text, "\n");
}

static void put_other(const struct flow *flow, const struct decoded *c, struct buffer *to)
{
    buffer_print(to, "# connection %zu, ", flow->number);
    put_end(&flow->client, to);
    buffer_print(to, " to ");
    put_end(&flow->server, to);
    buffer_print(to, ", packet %" PRIu64 ": ", c->opened.number);
    if (c->sides[SIDE_CLIENT].first_len + c->sides[SIDE_SERVER].first_len == 0)
        buffer_print(to, "no bytes passed\n");
    else if (begins_with_tls(&c->sides[SIDE_CLIENT]) || begins_with_tls(&c->sides[SIDE_SERVER]))
        buffer_print(to, "TLS from its first byte: what passes under it cannot be shown\n");
    else
        buffer_print(to, "not NBD\n");
}

/* Prints it, and forgets it: a capture may hold any number of connections. */
static void finish(struct decoder *d, struct flow *flow)
{
    struct decoded *c = flow->user;
    struct buffer head;

    need_session(c);
    buffer_init(&head, HEAD_MAX);
    d->text_bytes -= c->text.len;
    if (is_nbd(c, flow)) {
        d->connections++;
        d->unjudged += c->doubtful || c->tls;
        put_head(d, flow, c, &head);
        d->print(d->ctx, buffer_text(&head));
        put_owing(c);
        tally_print(&c->tally, OF_A_KIND_MAX + 1, d->catalogue, &c->text);
        tally_merge(&d->tally, &c->tally);
        buffer_print(&c->text, "\n");
        d->print(d->ctx, buffer_text(&c->text));
    } else {
        d->others++;
        put_other(flow, c, &head);
        d->print(d->ctx, buffer_text(&head));
    }
    leave_server(d, c);
    forget_contents(d, c);
    session_free(c->session);
    free(c->violations);
    tally_free(&c->tally);
    buffer_free(&c->text);
    buffer_free(&head);
    free(c);
    flow->user = NULL;
}

/* ---- a connection, as it passes ---- */

static void opened(void *ctx, struct flow *flow, struct flow_packet packet)
{
    struct decoded *c = memory_take(sizeof *c);

    join_server(ctx, c, &flow->server);
    buffer_init(&c->text, 2 * TEXT_MAX);
    c->teller.loose = ((const struct decoder *)ctx)->loose;
    c->opened = packet;
    c->heard_ns = packet.time_ns;
    c->whole = flow->from_start;
    c->from = UINT64_MAX;
    flow->user = c;
}

/* Bytes of a side are missing, or make no sense: nothing is judged until they do again. */
static void doubt(struct decoder *d, struct decoded *c, enum side side)
{
    session_doubt(c->session);
    forget_contents(d, c);
    c->doubtful = c->blind = c->sides[side].astray = true;
}

/* The first bytes of a connection whose beginning was perhaps not captured: a greeting shows that nothing is
 * missing, and whose it is. */
static void look_for_beginning(struct decoder *d, const struct flow *flow, enum flow_from from,
                               struct span bytes, struct flow_packet packet)
{
    struct decoded *c = flow->user;

    if (c->sides[SIDE_CLIENT].first_len + c->sides[SIDE_SERVER].first_len > 0)
        return;
    c->whole = flow->from_start;
    if (c->whole)
        return;
    if (bytes.len >= 8 && memcmp(bytes.at, "NBDMAGIC", 8) == 0) {
        c->reversed = from == FLOW_CLIENT;
        c->whole = true;
        return;
    }
    doubt(d, c, SIDE_CLIENT);
    doubt(d, c, SIDE_SERVER);
    put_comment(d, c, packet);
    buffer_print(
        &c->text,
        "how the connection began was not captured: what was negotiated is not known, and nothing is "
        "judged\n");
}

/* Where bytes are missing, a packet that begins with a magic is where to go on. */
static bool find_message(const struct decoder *d, struct decoded *c, enum side side, struct span bytes,
                         struct flow_packet packet)
{
    struct side_seen *s = &c->sides[side];

    if (!s->astray)
        return true;
    if (session_phase(c->session) == PHASE_STARTTLS || !session_may_resume(side, bytes)) {
        s->skipped += bytes.len;
        return false;
    }
    if (s->skipped > 0) {
        put_comment(d, c, packet);
        buffer_print(&c->text, "%" PRIu64 " bytes of the %s were passed over\n", s->skipped, name_of(side));
    }
    s->astray = s->within = false;
    s->skipped = 0;
    c->resumed = true;
    session_resume(c->session, side, bytes);
    if (!c->sides[SIDE_CLIENT].astray && !c->sides[SIDE_SERVER].astray && session_judge_again(c->session)) {
        c->blind = false;
        put_comment(d, c, packet);
        buffer_print(&c->text, "from here on replies are judged again, to requests that come now\n");
    }
    return true;
}

static void note_option(struct decoded *c, const struct message *m)
{
    uint32_t type = m->head.option_reply.type;

    if (m->head.kind == SCAN_KIND_OPTION) {
        c->option_due = m->head.option.option != NBD_OPT_EXPORT_NAME;
    } else if (m->head.kind == SCAN_KIND_OPTION_REPLY) {
        c->option_due = c->option_due && type != NBD_REP_ACK && !reply_is_error(type);
    }
}

/* Puts a message's line, and what is wrong with it below. */
static void put_message(struct decoder *d, const struct flow *flow, const struct message *m,
                        struct flow_packet packet)
{
    struct decoded *c = flow->user;
    size_t before = c->text.len;

    if (!c->cut)
        transcript_message(&c->teller, m, &c->text);
    if (d->numbers && c->text.len > before) {
        c->text.len--; /* the line's end */
        buffer_print(&c->text, "    # ");
        put_packet(d, packet, &c->text);
        buffer_print(&c->text, "\n");
    }
    put_violations(d, flow, packet, m);
}

static void put_lost(const struct decoder *d, struct decoded *c, enum side side, struct flow_packet packet)
{
    const struct scan_lost *how = session_lost(c->session, side);

    if (c->blind)
        return;
    put_comment(d, c, packet);
    if (c->doubtful) { /* as the size of a reply may be, whose request was not captured */
        buffer_print(&c->text, "the bytes of the %s cannot be followed; nothing is judged for now\n",
                     name_of(side));
        return;
    }
    buffer_print(&c->text,
                 "the bytes of the %s make no sense: %s of %s is 0x%0*" PRIx64 ", not 0x%0*" PRIx64
                 ", at byte %" PRIu64 " of what it sent; nothing is judged from here on\n",
                 name_of(side), how->field, how->frame, (int)how->bits / 4, how->got, (int)how->bits / 4,
                 how->wanted, how->at);
}

static void put_tls(const struct decoder *d, struct decoded *c, struct flow_packet packet)
{
    if (c->tls || session_phase(c->session) != PHASE_STARTTLS)
        return;
    c->tls = true;
    put_comment(d, c, packet);
    buffer_print(&c->text,
                 "TLS begins: what passes under it can be neither shown nor judged, nor played again\n");
}

static void take_bytes(struct decoder *d, const struct flow *flow, enum side side, struct span bytes,
                       struct flow_packet packet)
{
    struct decoded *c = flow->user;
    struct side_seen *s = &c->sides[side];
    enum session_event event;
    struct message m;

    while (!s->astray) {
        if (!s->within)
            s->begun = packet;
        s->within = bytes.len > 0;
        event = session_next(c->session, side, &bytes, &m);
        if (event == SESSION_MESSAGE) {
            s->within = false;
            note_write(d, c, &m);
            note_option(c, &m);
            put_message(d, flow, &m, s->begun);
            put_tls(d, c, packet);
            if (m.exchange && m.exchange->answered)
                session_release(c->session, m.exchange);
            continue;
        }
        put_violations(d, flow, packet, NULL);
        if (event == SESSION_LOST) {
            put_lost(d, c, side, packet);
            doubt(d, c, side);
        }
        return;
    }
}

static void decode_bytes(void *ctx, struct flow *flow, enum flow_from from, struct span bytes,
                         struct flow_packet packet)
{
    struct decoded *c = flow->user;
    size_t before = c->text.len;
    struct decoder *d = ctx;
    enum side side;

    need_session(c);
    look_for_beginning(d, flow, from, bytes, packet);
    side = side_of(c, from);
    c->heard_ns = packet.time_ns;
    note_first(&c->sides[side], bytes);
    if (find_message(d, c, side, bytes, packet))
        take_bytes(d, flow, side, bytes, packet);
    keep_within(d, c, before);
}

static void lost(void *ctx, struct flow *flow, enum flow_from from, uint32_t count, struct flow_packet packet)
{
    static const uint8_t zeroes[64 * 1024];
    struct decoded *c = flow->user;
    enum side side = side_of(c, from);
    size_t before = c->text.len;
    struct decoder *d = ctx;

    need_session(c);
    if (c->sides[side].astray) {
        c->sides[side].skipped += count;
        return;
    }
    put_comment(d, c, packet);
    buffer_print(&c->text, "%" PRIu32 " bytes of the %s were not captured", count, name_of(side));
    if (session_miss_data(c->session, side, count)) {
        buffer_print(&c->text, ": they are data, and stand as zeroes\n");
        for (uint32_t rest = count, piece; rest > 0; rest -= piece) {
            piece = rest < sizeof zeroes ? rest : (uint32_t)sizeof zeroes;
            take_bytes(d, flow, side, span_of(zeroes, piece), packet);
        }
    } else {
        buffer_print(&c->text, c->blind ? "\n" : ": nothing is judged for now\n");
        doubt(d, c, side);
    }
    keep_within(d, c, before);
}

/* The client leaves after a silence: says what the server would have broken if that was all that it had to
 * say. How long a client has to wait is not specified, so that it is no breach. */
static void put_silence(struct decoder *d, struct decoded *c, struct flow_packet packet)
{
    uint64_t silence_ns = packet.time_ns > c->heard_ns ? packet.time_ns - c->heard_ns : 0;

    if (silence_ns < (uint64_t)SILENCE_S * US_PER_S * NS_PER_US || c->doubtful)
        return;
    session_stalled(c->session);
    if (c->violations->count > 0 && (session_in_flight(c->session) > 0 || c->option_due))
        transcript_due(&c->teller, session_oldest(c->session), &c->text);
    for (size_t i = 0; i < c->violations->count; i++) {
        const struct violation *v = &c->violations->all[i];

        put_comment(d, c, packet);
        buffer_print(&c->text, "nothing came for %" PRIu64 " s; if it would never have come, ",
                     silence_ns / US_PER_S / NS_PER_US);
        tally_print_rule(v->rule, v->party, d->catalogue, &c->text);
        buffer_print(&c->text, ": %s\n", v->came);
    }
    violations_clear(c->violations);
}

/* The line that plays an end again, up to its comment.  What is behind TLS is not played, and neither can a
 * client be seen to go from where it is let down. */
static const char *line_of_end(const struct decoded *c, enum side side, enum flow_end how)
{
    if (c->tls || c->sides[SIDE_SERVER].ended)
        return "";
    if (side == SIDE_SERVER)
        return c->reset ? "" : "S: close    ";
    return how == FLOW_RESET ? "C: reset    " : "C: fin    ";
}

static void ended(void *ctx, struct flow *flow, enum flow_from from, enum flow_end how,
                  struct flow_packet packet)
{
    struct decoded *c = flow->user;
    enum side side = side_of(c, from);
    size_t before = c->text.len;
    struct decoder *d = ctx;

    if (how == FLOW_CUT)
        return;
    need_session(c);
    if (side == SIDE_CLIENT)
        put_silence(d, c, packet);
    session_ended(c->session, side, how == FLOW_RESET ? ENDING_RESET : ENDING_FINISHED);
    buffer_print(&c->text, "%s", line_of_end(c, side, how));
    c->sides[side].ended = true;
    c->reset = c->reset || how == FLOW_RESET;
    put_comment(d, c, packet);
    buffer_print(&c->text, "the %s %s\n", name_of(side),
                 how == FLOW_RESET ? "has gone: the connection was reset" : "has closed its direction");
    put_violations(d, flow, packet, NULL);
    keep_within(d, c, before);
    if (c->sides[SIDE_CLIENT].ended && c->sides[SIDE_SERVER].ended)
        finish(d, flow);
}

static void closed(void *ctx, struct flow *flow)
{
    if (flow->user) /* the capture ended first */
        finish(ctx, flow);
}

struct flow_listener decoder_listener(struct decoder *d)
{
    return (struct flow_listener){ opened, decode_bytes, lost, ended, closed, d };
}

void decoder_summary(const struct decoder *d, struct buffer *to)
{
    buffer_print(to, "# %zu connection%s with NBD", d->connections, d->connections == 1 ? "" : "s");
    if (d->unjudged > 0)
        buffer_print(to, ", %zu of which could not be judged whole", d->unjudged);
    if (d->others > 0)
        buffer_print(to, ", %zu other%s", d->others, d->others == 1 ? "" : "s");
    if (d->tally.count > 0)
        buffer_print(to, "; in all of them:\n");
    else
        buffer_print(to, d->connections > 0 ? "; nothing is wrong with what was seen\n" : "\n");
    tally_print(&d->tally, 1, d->catalogue, to);
}

void decoder_free(struct decoder *d)
{
    tally_free(&d->tally);
}
