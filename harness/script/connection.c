/* SPDX-License-Identifier: MIT */
/* What passes on a connection: handed to the referee, told in the transcript, kept until a line asks
 * for it. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/escape.h"
#include "base/memory.h"
#include "script/machine.h"
#include "script/transcript.h"
#include "script/words.h"

enum {
    KEPT_BODY = 64 * 1024,         /* bytes kept of a message's body: more than any sound one has */
    KEPT_TOTAL = 64 * 1024 * 1024, /* bytes of messages that nobody has asked for */
    LINE_MOST = 1024 * 1024,       /* more than a line of the transcript can have */
};

struct connection *connection_new(struct play *p, const char *name)
{
    struct connection *c = memory_take(sizeof *c);

    c->name = c->teller.connection = name;
    c->index = p->connection_count;
    c->life = LIFE_DIALLING;
    c->session = session_new(p->setup->model, &c->violations);
    session_set_tls_mode(c->session, p->setup->tls_mode);
    c->kept_tail = &c->kept;
    p->connections[p->connection_count++] = c;
    return c;
}

void connection_free(struct connection *c)
{
    if (!c)
        return;
    connection_drop_kept(c);
    session_free(c->session);
    free(c->requests);
    free(c);
}

/* ---- the transcript ---- */

/* False when the transcript is full; the last line then says so. */
static bool tell_begin(struct play *p, struct told *told)
{
    if (p->transcript_full)
        return false;
    if (p->transcript.len + LINE_MOST > p->transcript.ceiling) {
        buffer_print(&p->transcript, "# here the transcript ends: it is too long\n");
        p->result.transcript_lines++;
        p->transcript_full = true;
        return false;
    }
    told->at = p->transcript.len;
    return true;
}

static void tell_end(struct play *p, struct told *told)
{
    if (p->transcript.len == told->at)
        return;
    told->len = p->transcript.len - told->at - 1;
    told->line = ++p->result.transcript_lines;
}

static struct told tell_message(struct play *p, struct connection *c, const struct message *m)
{
    struct told told = { 0 };

    if (!tell_begin(p, &told))
        return told;
    transcript_message(&c->teller, m, &p->transcript);
    tell_end(p, &told);
    return told;
}

static void tell_raw(struct play *p, const struct connection *c, const char *verb, struct span bytes)
{
    struct told told = { 0 };

    if (!tell_begin(p, &told))
        return;
    transcript_raw(verb, bytes, c->name, &p->transcript);
    tell_end(p, &told);
}

struct told connection_tell(struct play *p, const struct connection *c, char side, const char *fmt, ...)
{
    struct told told = { 0 };
    va_list ap;

    if (!tell_begin(p, &told))
        return told;
    if (c && c->name && side != '#')
        buffer_print(&p->transcript, "%c.%s: ", side, c->name);
    else if (c)
        buffer_print(&p->transcript, side == '#' ? "%c " : "%c: ", side);
    va_start(ap, fmt);
    buffer_vprint(&p->transcript, fmt, ap);
    va_end(ap);
    buffer_print(&p->transcript, "\n");
    tell_end(p, &told);
    return told;
}

const char *told_text(struct play *p, struct told told)
{
    if (told.line == 0)
        return "a message that the transcript has no room for";
    return arena_text(p->arena, span_of(p->transcript.bytes + told.at, told.len));
}

/* ---- the client's side ---- */

static void add_request(struct connection *c, struct exchange *e, const char *label, const char *excused,
                        struct told told)
{
    if (c->request_count == c->request_room) {
        c->request_room = c->request_room ? 2 * c->request_room : 16;
        c->requests = memory_grow(c->requests, c->request_room * sizeof *c->requests);
    }
    c->requests[c->request_count++] =
        (struct request){ .exchange = e, .label = label, .excused = excused, .told = told };
}

/* True when a request took note of what it breaks. */
static bool said(struct connection *c, const struct message *m, const char *label, const char *excused,
                 struct told told)
{
    if (m->head.kind == SCAN_KIND_OPTION) {
        c->options++;
        c->last_option = m->head.option.option;
        c->left |= m->head.option.option == NBD_OPT_ABORT;
    }
    if (!message_is_request(m))
        return false;
    if (m->request.type == NBD_CMD_DISC)
        c->left = c->disc = true;
    else if (m->exchange)
        add_request(c, m->exchange, label, excused, told);
    return m->exchange && m->request.type != NBD_CMD_DISC;
}

/* Tells a message of the client, or what the transcript does not yet have of its bytes. */
static struct told tell_said(struct play *p, struct connection *c, const struct message *m, struct span bytes,
                             uint64_t end)
{
    struct told told = { 0 };

    if (m->head.at == c->told_sent) {
        told = tell_message(p, c, m);
    } else {
        uint64_t from = c->told_sent - c->sent;

        tell_raw(p, c, "raw", span_of(bytes.at + from, (size_t)(end - c->told_sent)));
    }
    c->told_sent = end;
    return told;
}

void connection_say(struct play *p, struct connection *c, struct span bytes, const char *label,
                    const struct citation *breaks)
{
    const char *excused = breaks ? breaks->id : NULL;
    struct span rest = bytes;
    struct message m;
    uint64_t end = c->sent;
    bool noted = false;

    if (bytes.len == 0)
        return;
    if (excused)
        session_excuse(c->session, excused);
    while (session_next(c->session, SIDE_CLIENT, &rest, &m) == SESSION_MESSAGE) {
        end = c->sent + (bytes.len - rest.len);
        noted |= said(c, &m, label, excused, tell_said(p, c, &m, bytes, end));
        label = NULL;
    }
    if (excused && !noted)
        c->excused = excused;
    if (excused)
        c->forgiven = excused;
    finding_referee(p, c, NULL, (struct told){ 0 });
    c->mute = end != c->sent + bytes.len;
    if (c->told_sent < c->sent + bytes.len) {
        size_t from = (size_t)(c->told_sent - c->sent);

        tell_raw(p, c, "raw", span_of(bytes.at + from, bytes.len - from));
        c->told_sent = c->sent + bytes.len;
    }
    c->sent += bytes.len;
}

void connection_say_plain(struct play *p, struct connection *c, struct span bytes)
{
    tell_raw(p, c, "plain", bytes);
    session_excuse_plain(c->session);
}

static const char *escaped(struct play *p, const char *text)
{
    struct buffer shown;
    const char *ret;

    buffer_init(&shown, 4096);
    escape_text(&shown, span_text(text));
    ret = arena_text(p->arena, buffer_span(&shown));
    buffer_free(&shown);
    return ret;
}

void connection_tls(struct play *p, struct connection *c, const struct play_tls *what)
{
    const char *version = vocabulary_name(&words_tls_versions, what->version);

    c->tls = TLS_TOLD;
    c->tls_what = *what;
    if (what->result == PLAY_TLS_OK) {
        session_tls_started(c->session);
        c->tls_line = connection_tell(p, c, 'S', version ? "tls ok version=%s" : "tls ok", version);
        return;
    }
    c->tls_what.version = 0;
    c->tls_what.why = escaped(p, what->why);
    session_tls_failed(c->session);
    c->tls_line = connection_tell(p, c, 'S', "tls failed  # %s", c->tls_what.why);
}

void connection_we_end(struct play *p, struct connection *c, enum ending how)
{
    session_ended(c->session, SIDE_CLIENT, how);
    finding_referee(p, c, NULL, (struct told){ 0 });
    c->finished = true;
}

/* ---- the server's side ---- */

static void lose(struct play *p, struct connection *c, const char *why)
{
    c->life = LIFE_LOST;
    c->lost_why = why;
    c->lost_line = connection_tell(p, c, '#', "%s", why).line;
}

static void keep(struct connection *c, const struct message *m, struct told told)
{
    size_t len = m->body.len < KEPT_BODY ? m->body.len : KEPT_BODY;
    struct kept *k = memory_take(sizeof *k + len);
    uint8_t *body = (uint8_t *)(k + 1);
    struct wire_flaw flaw;

    k->message = *m;
    k->told = told;
    if (len > 0)
        memcpy(body, m->body.at, len);
    k->message.body = span_of(body, len);
    if (m->head.kind == SCAN_KIND_OPTION_REPLY)
        reply_decode(m->head.option_reply.type, k->message.body, &k->message.reply, &flaw);
    *c->kept_tail = k;
    c->kept_tail = &k->next;
    c->kept_bytes += sizeof *k + len;
}

struct kept *connection_take(struct connection *c)
{
    struct kept *k = c->kept;

    if (!k)
        return NULL;
    c->kept = k->next;
    if (!c->kept)
        c->kept_tail = &c->kept;
    c->kept_bytes -= sizeof *k + k->message.body.len;
    return k;
}

void connection_drop_kept(struct connection *c)
{
    struct kept *k;

    while ((k = connection_take(c)))
        free(k);
}

static struct request *request_of(struct connection *c, const struct exchange *e)
{
    size_t from = c->first_open, to = c->request_count;

    /* the common case, then by number: requests stand in the order of their numbers */
    if (from < to && c->requests[from].exchange == e)
        return &c->requests[from];
    for (size_t i = from; i < to; i++)
        if (c->requests[i].exchange == e)
            return &c->requests[i];
    return NULL;
}

static void heard_option_reply(struct connection *c, const struct message *m)
{
    uint32_t type = m->head.option_reply.type;

    if (reply_is_error(type))
        c->drew_error = true;
    if ((reply_is_error(type) || type == NBD_REP_ACK) && c->options > 0) {
        c->options--;
        c->unfinished = 0;
    }
}

static struct told heard_reply(struct play *p, struct connection *c, const struct message *m,
                               struct told told)
{
    struct request *r = m->exchange ? request_of(c, m->exchange) : NULL;

    if (!r)
        return told;
    if (m->exchange->answered) {
        c->drew_error |= m->exchange->error != 0;
        c->read_failed |= m->exchange->error != 0 && m->exchange->form == REPLY_FORM_SIMPLE &&
                          m->exchange->request.type == NBD_CMD_READ;
        c->unfinished = c->strays = 0;
        r->answered = true;
        r->told = told;
        if (r->faulty)
            finding_move(p, r->exchange, told);
    }
    r->faulty |= c->violations.count > 0;
    return r->told;
}

static void heard(struct play *p, struct connection *c, const struct message *m)
{
    struct told told = tell_message(p, c, m);
    struct exchange *e = NULL;

    c->unfinished++;
    switch (m->head.kind) {
    case SCAN_KIND_OLDSTYLE:
    case SCAN_KIND_NEWSTYLE:
        c->greeted = true;
        keep(c, m, told);
        break;
    case SCAN_KIND_EXPORT:
        c->options = 0;
        keep(c, m, told);
        break;
    case SCAN_KIND_OPTION_REPLY:
        heard_option_reply(c, m);
        keep(c, m, told);
        break;
    case SCAN_KIND_SIMPLE_REPLY:
    case SCAN_KIND_CHUNK:
    case SCAN_KIND_EXTENDED_REPLY:
        e = m->exchange;
        told = heard_reply(p, c, m, told);
        c->strays += e == NULL;
        break;
    case SCAN_KIND_CLIENT_FLAGS:
    case SCAN_KIND_OPTION:
    case SCAN_KIND_REQUEST:
    case SCAN_KIND_EXTENDED_REQUEST:
        break;
    }
    finding_referee(p, c, e, told);
}

static void lose_framing(struct play *p, struct connection *c)
{
    const struct scan_lost *lost = session_lost(c->session, SIDE_SERVER);
    int digits = (int)(lost->bits / 4);

    lose(p, c,
         arena_print(p->arena,
                     "framing was lost: the %s of the %s at byte %" PRIu64 " is 0x%0*" PRIx64
                     " and not 0x%0*" PRIx64,
                     lost->field, lost->frame, lost->at, digits, lost->got, digits, lost->wanted));
    finding_referee(p, c, NULL, (struct told){ .line = c->lost_line });
}

static bool in_transmission(const struct connection *c)
{
    return c->disc || session_phase(c->session) == PHASE_TRANSMISSION;
}

/* A server that never comes to an end of what it says is not listened to any longer.  Of replies to nothing
 * the referee has told already. */
static void lose_flood(struct play *p, struct connection *c)
{
    const char *rule = in_transmission(c) ? "chunk.done.present" : "rep.every-option-answered";

    if (c->strays >= PLAY_MAX_REPLIES) {
        lose(p, c, arena_print(p->arena, "%zu replies to nothing in flight", c->strays));
        return;
    }
    lose(p, c,
         arena_print(p->arena,
                     in_transmission(c) ? "%zu messages and no reply complete"
                                        : "%zu replies and no final one",
                     c->unfinished));
    finding_add(p, c, rule, p->step ? p->step->place : (struct place){ 0 }, NULL, c->lost_why,
                (struct told){ .line = c->lost_line }, false);
}

static bool floods(const struct connection *c)
{
    size_t most = in_transmission(c) ? PLAY_MAX_CHUNKS : PLAY_MAX_REPLIES;

    return c->unfinished >= most || c->strays >= PLAY_MAX_REPLIES || c->kept_bytes > KEPT_TOTAL;
}

void connection_hear(struct play *p, struct connection *c, struct span bytes)
{
    enum session_event event = SESSION_MESSAGE;
    struct message m;

    c->received += bytes.len;
    while (c->life == LIFE_OPEN && event == SESSION_MESSAGE) {
        event = session_next(c->session, SIDE_SERVER, &bytes, &m);
        if (event == SESSION_MESSAGE)
            heard(p, c, &m);
        else if (event == SESSION_LOST)
            lose_framing(p, c);
        if (c->life == LIFE_OPEN && floods(c))
            lose_flood(p, c);
    }
    if (event == SESSION_MORE)
        finding_referee(p, c, NULL, (struct told){ 0 });
}

void connection_ended(struct play *p, struct connection *c, enum ending how)
{
    if (c->life != LIFE_OPEN)
        return;
    c->life = LIFE_CLOSED;
    c->how = how;
    c->close = connection_tell(p, c, 'S', "%s",
                               how == ENDING_CUT_OFF   ? "close  # without close_notify"
                               : how == ENDING_GARBLED ? "close  # what came is no TLS record"
                                                       : "close");
}

void connection_judge_ending(struct play *p, struct connection *c, bool allowed)
{
    if (c->ending_judged)
        return;
    c->ending_judged = true;
    session_ended(c->session, SIDE_SERVER, c->how);
    if (allowed)
        violations_clear(&c->violations);
    /* Also where it may close, TLS has to be shut down; but what every goodbye would show cases about it
     * show. */
    if (!c->goodbye || c->how != ENDING_CUT_OFF)
        session_tls_ended(c->session);
    finding_referee(p, c, NULL, c->close);
}

/* ---- what lines ask ---- */

void connection_consume(struct play *p, struct connection *c, struct request *r)
{
    r->consumed = true;
    finding_forget(p, r->exchange);
    if (r->answered)
        session_release(c->session, r->exchange);
    r->exchange = NULL;
    while (c->first_open < c->request_count && c->requests[c->first_open].consumed)
        c->first_open++;
}

const char *connection_excused(const struct connection *c)
{
    for (size_t i = c->first_open; i < c->request_count; i++)
        if (c->requests[i].excused && !c->requests[i].consumed)
            return c->requests[i].excused;
    return c->excused ? c->excused : c->forgiven;
}

bool connection_can_talk(const struct connection *c)
{
    return c->life == LIFE_OPEN && !c->finished && !c->mute && !c->left;
}

bool connection_quiet(const struct connection *c)
{
    if (session_phase(c->session) == PHASE_TRANSMISSION || c->disc)
        return session_in_flight(c->session) == 0;
    return c->options == 0;
}
