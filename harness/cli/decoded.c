/* SPDX-License-Identifier: MIT */
#include "cli/decoded.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/decoded_connection.h"
#include "wire/constants.h"

enum {
    LINES_MAX = 512 << 20, /* bytes of a connection's text; decoded_keep_within() keeps to less */
    HEAD_MAX = 1024,       /* bytes, of what is said before a connection */
    PORT_NBD = 10809,
    SILENCE_S = 1, /* behind which a client that leaves may have waited in vain */
};

static enum side side_of(const struct decoded *c, enum flow_from from)
{
    return (from == FLOW_CLIENT) != c->reversed ? SIDE_CLIENT : SIDE_SERVER;
}

static const char *name_of(enum side side)
{
    return side == SIDE_CLIENT ? "client" : "server";
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
    decoded_put_end(c->reversed ? &flow->server : &flow->client, to);
    buffer_print(to, " to ");
    decoded_put_end(c->reversed ? &flow->client : &flow->server, to);
    buffer_print(to, ", begins with ");
    decoded_put_packet(d, c->opened, to);
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
    decoded_put_end(&flow->client, to);
    buffer_print(to, " to ");
    decoded_put_end(&flow->server, to);
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
    decoded_leave_server(d, c);
    decoded_forget_contents(d, c);
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

    decoded_join_server(ctx, c, &flow->server);
    buffer_init(&c->text, LINES_MAX);
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
    decoded_forget_contents(d, c);
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
    decoded_put_comment(d, c, packet);
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
        decoded_put_comment(d, c, packet);
        buffer_print(&c->text, "%" PRIu64 " bytes of the %s were passed over\n", s->skipped, name_of(side));
    }
    s->astray = s->within = false;
    s->skipped = 0;
    c->resumed = true;
    session_resume(c->session, side, bytes);
    if (!c->sides[SIDE_CLIENT].astray && !c->sides[SIDE_SERVER].astray && session_judge_again(c->session)) {
        c->blind = false;
        decoded_put_comment(d, c, packet);
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
        decoded_put_packet(d, packet, &c->text);
        buffer_print(&c->text, "\n");
    }
    decoded_put_violations(d, flow, packet, m);
}

static void put_lost(const struct decoder *d, struct decoded *c, enum side side, struct flow_packet packet)
{
    const struct scan_lost *how = session_lost(c->session, side);

    if (c->blind)
        return;
    decoded_put_comment(d, c, packet);
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
    decoded_put_comment(d, c, packet);
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
            decoded_note_write(d, c, &m);
            note_option(c, &m);
            put_message(d, flow, &m, s->begun);
            put_tls(d, c, packet);
            if (m.exchange && m.exchange->answered)
                session_release(c->session, m.exchange);
            continue;
        }
        decoded_put_violations(d, flow, packet, NULL);
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
    decoded_keep_within(d, c, before);
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
    decoded_put_comment(d, c, packet);
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
    decoded_keep_within(d, c, before);
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

        decoded_put_comment(d, c, packet);
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
    decoded_put_comment(d, c, packet);
    buffer_print(&c->text, "the %s %s\n", name_of(side),
                 how == FLOW_RESET ? "has gone: the connection was reset" : "has closed its direction");
    decoded_put_violations(d, flow, packet, NULL);
    decoded_keep_within(d, c, before);
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
