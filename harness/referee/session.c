/* SPDX-License-Identifier: MIT */
/* Cuts both streams into messages.  See state.h. */
#include "referee/session.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/memory.h"
#include "referee/rule.h"
#include "referee/state.h"
#include "wire/constants.h"

enum {
    KEEP_OPTION = 1024 * 1024, /* of an option's data; they come from the client, which is ours */
    KEEP_REPLY = 64 * 1024,    /* of an option reply's data */
    BULK = 64 * 1024,          /* who begins a body with so many bytes sends the rest, too */
    TLS_FIRST_BYTE = 20,       /* of a TLS record: its content type, five of which there are */
    TLS_LAST_BYTE = 24,
    REQUEST_FIRST_BYTE = 0x25,          /* of NBD_REQUEST_MAGIC; an option begins with 'I' */
    EXTENDED_REQUEST_FIRST_BYTE = 0x21, /* of NBD_EXTENDED_REQUEST_MAGIC */
};

struct session *session_new(struct model *model, struct violations *v)
{
    struct session *s = memory_take(sizeof *s);

    s->model = model;
    s->violations = v;
    s->phase = PHASE_GREETING;
    s->negotiated.block_size = (struct wire_info_block_size){ 1, 4096, 1u << 25 };
    s->born = model ? model_now(model) : 0;
    scan_init(&s->streams[SIDE_CLIENT].scan, SCAN_CLIENT_FLAGS);
    scan_init(&s->streams[SIDE_SERVER].scan, SCAN_GREETING);
    for (size_t i = 0; i < 2; i++) {
        buffer_init(&s->streams[i].body, SESSION_MAX_BODY);
        s->streams[i].into = &s->streams[i].body;
    }
    buffer_init(&s->info_name, NBD_MAX_STRING);
    buffer_init(&s->volunteered.name, NBD_MAX_STRING);
    buffer_init(&s->informed.name, NBD_MAX_STRING);
    buffer_init(&s->contexts_for, NBD_MAX_STRING);
    return s;
}

/* What was written is seen by whoever comes next where the server says that its connections share a cache;
 * one that does not may give each of them contents of its own. */
static void share_with_next(struct session *s)
{
    if (s->negotiated.transmission_flags & NBD_FLAG_CAN_MULTI_CONN)
        model_flushed(s->model, s, UINT64_MAX);
}

/* What was never answered may have been done or not. */
static void leave_model(struct session *s)
{
    if (!s->model)
        return;
    for (struct held *h = s->in_flight.oldest; h; h = h->newer)
        model_settle(s->model, h->exchange.ticket, MODEL_FAILED);
    share_with_next(s);
    model_left(s->model, s); /* another session may come to have its address */
}

void session_forget_contents(struct session *s)
{
    leave_model(s);
    s->model = NULL;
}

void session_free(struct session *s)
{
    if (!s)
        return;
    leave_model(s);
    exchange_free_all(s);
    haggle_free(s);
    for (size_t i = 0; i < 2; i++)
        buffer_free(&s->streams[i].body);
    free(s);
}

/* ---- what may come next ---- */

static enum scan_expect expect_of_client(const struct session *s, struct span in)
{
    const struct pending *last = s->option_count > 0 ? &s->options[s->option_count - 1] : NULL;
    enum scan_expect request = s->negotiated.extended ? SCAN_EXTENDED_REQUEST : SCAN_REQUEST;
    uint8_t first_byte = s->negotiated.extended ? EXTENDED_REQUEST_FIRST_BYTE : REQUEST_FIRST_BYTE;

    if (s->transmission)
        return request;
    if (!s->flags_seen)
        return SCAN_CLIENT_FLAGS;
    /* A client that does not wait for the answer may go on as if the export had been granted. */
    if (last && (last->option == NBD_OPT_GO || last->option == NBD_OPT_EXPORT_NAME) && in.len > 0 &&
        *in.at == first_byte)
        return request;
    return s->requests > 0 ? request : SCAN_OPTION;
}

static enum scan_expect expect_of_server(const struct session *s)
{
    const struct pending *due = haggle_option_due(s);

    if (!s->greeted)
        return SCAN_GREETING;
    if (s->transmission)
        return s->negotiated.extended ? SCAN_EXTENDED_REPLY : SCAN_REPLY;
    if (due && due->option == NBD_OPT_EXPORT_NAME)
        return s->negotiated.no_zeroes ? SCAN_EXPORT_NO_ZEROES : SCAN_EXPORT;
    return SCAN_OPTION_REPLY;
}

static void expect(struct session *s, enum side from, struct span in)
{
    struct scan *scan = &s->streams[from].scan;
    uint64_t have, want;

    scan_progress(scan, &have, &want);
    if (have == 0)
        scan->expect = from == SIDE_CLIENT ? expect_of_client(s, in) : expect_of_server(s);
}

/* ---- framing is lost ---- */

/* While the client's bytes are not understood, the server's can only be where they need nothing of them. */
static bool may_judge_loss(const struct session *s)
{
    if (!s->astray && !s->streams[SIDE_CLIENT].lost)
        return true;
    return s->transmission && (s->negotiated.structured || s->negotiated.extended);
}

static void lose(struct session *s, enum side from, const struct scan_lost *how)
{
    struct stream *st = &s->streams[from];

    st->lost = true;
    st->lost_how = *how;
    if (s->doubtful || s->patchy)
        return;
    if (from == SIDE_CLIENT && !s->astray && !s->streams[SIDE_SERVER].lost &&
        rules_look(s, AT_CLIENT_LOST, NULL) == 0)
        violations_add(s->violations, how->rule, SIDE_CLIENT, s->messages, "%s of %s is 0x%0*" PRIx64,
                       how->field, how->frame, (int)how->bits / 4, how->got);
    if (from == SIDE_CLIENT || !may_judge_loss(s) || s->last == LAST_EXPORT_BAD)
        return;
    if (rules_look(s, AT_LOST, NULL) == 0)
        violations_add(s->violations, how->rule, SIDE_SERVER, s->messages, "%s of %s is 0x%0*" PRIx64,
                       how->field, how->frame, (int)how->bits / 4, how->got);
}

static struct span body_of(const struct stream *st)
{
    return st->whole.len > 0 ? st->whole : buffer_span(st->into);
}

/* The answer to NBD_OPT_EXPORT_NAME has no magic; what stands there instead may have one. */
static bool is_other_than_export(const struct stream *st, struct scan_lost *ret)
{
    struct wire_in padding = wire_in(body_of(st));
    uint32_t front = wire_get_32(&padding);

    *ret = (struct scan_lost){ .frame = "export", .at = st->head.at, .bits = 64 };
    if (st->head.kind != SCAN_KIND_EXPORT)
        return false;
    if (st->head.export.size == NBD_REP_MAGIC) {
        ret->field = "size";
        ret->got = st->head.export.size;
        ret->rule = "opt.export-name.reply.headerless";
        return true;
    }
    ret->field = "padding";
    ret->at += WIRE_SIZE_export;
    ret->got = front;
    ret->bits = 32;
    ret->rule = "opt.export-name.reply.zeroes";
    return front == NBD_SIMPLE_REPLY_MAGIC || front == NBD_STRUCTURED_REPLY_MAGIC;
}

/* "At this time the reply length is used solely for payload lengths and so in practice will never exceed a
 * 32-bit value": no end of such a payload could be waited for. */
static bool is_too_long(const struct stream *st, struct scan_lost *ret)
{
    *ret = (struct scan_lost){ .frame = "extended reply",
                               .field = "length",
                               .at = st->head.at + WIRE_SIZE_extended_reply - 8,
                               .got = st->head.extended_reply.length,
                               .bits = 64,
                               .rule = "ext.reply.length-is-payload" };
    return st->head.kind == SCAN_KIND_EXTENDED_REPLY && st->head.extended_reply.length > UINT32_MAX;
}

/* ---- a frame begins ---- */

static struct session_request request_of(const struct scan_head *head)
{
    const struct wire_extended_request *r = &head->extended_request;

    if (head->kind == SCAN_KIND_REQUEST)
        return (struct session_request){ .flags = head->request.flags,
                                         .type = head->request.type,
                                         .cookie = head->request.cookie,
                                         .offset = head->request.offset,
                                         .length = head->request.length,
                                         .payload = head->body };
    return (struct session_request){ .extended = true,
                                     .flags = r->flags,
                                     .type = r->type,
                                     .cookie = r->cookie,
                                     .offset = r->offset,
                                     .length = r->length,
                                     .payload = head->body,
                                     .filtered = r->type == NBD_CMD_BLOCK_STATUS &&
                                                 (r->flags & NBD_CMD_FLAG_PAYLOAD_LEN) };
}

static struct session_chunk chunk_of(const struct scan_head *head)
{
    const struct wire_extended_reply *r = &head->extended_reply;

    if (head->kind == SCAN_KIND_CHUNK)
        return (struct session_chunk){ .flags = head->chunk.flags,
                                       .type = head->chunk.type,
                                       .cookie = head->chunk.cookie,
                                       .length = head->chunk.length };
    return (struct session_chunk){ true, r->flags, r->type, r->cookie, r->offset, r->length };
}

static void request_begins(struct session *s, struct stream *st)
{
    struct exchange *e;
    unsigned faults;

    st->request = request_of(&st->head);
    faults = excuse_request(s, &st->request);
    e = exchange_new(s, &st->request);
    held_of(e)->faults = faults;
    e->excused = s->excuse_next;
    assemble_request_begins(s, e);
    st->exchange = e;
    st->keep = SESSION_MAX_BODY;
}

static void simple_reply_begins(struct session *s, struct stream *st)
{
    struct exchange *e = exchange_find(s, st->head.simple_reply.cookie);

    st->exchange = e;
    st->head.body = st->scan.body = assemble_simple_body(s, e, &st->head.simple_reply);
    st->keep = st->head.body < SESSION_MAX_BODY ? st->head.body : KEEP_REPLY;
    if (e && e->form == REPLY_FORM_NONE && st->head.body == st->keep)
        st->into = &e->data;
}

static void begin(struct session *s, struct stream *st, const struct scan_head *head)
{
    st->head = *head;
    st->seen = 0;
    st->keep = 0;
    st->exchange = NULL;
    st->whole = (struct span){ NULL, 0 };
    buffer_clear(&st->body);
    st->into = &st->body;
    switch (head->kind) {
    case SCAN_KIND_OPTION:
        st->keep = KEEP_OPTION;
        haggle_option_begins(s, head);
        excuse_option_begins(s, head->body);
        break;
    case SCAN_KIND_OPTION_REPLY:
    case SCAN_KIND_OLDSTYLE:
    case SCAN_KIND_EXPORT:
        st->keep = KEEP_REPLY;
        break;
    case SCAN_KIND_REQUEST:
    case SCAN_KIND_EXTENDED_REQUEST:
        request_begins(s, st);
        if (st->head.body > UINT32_MAX)
            rules_look(s, AT_REQUEST_HEAD, NULL);
        break;
    case SCAN_KIND_SIMPLE_REPLY:
        simple_reply_begins(s, st);
        break;
    case SCAN_KIND_CHUNK:
    case SCAN_KIND_EXTENDED_REPLY:
        st->chunk = chunk_of(head);
        st->exchange = exchange_find(s, st->chunk.cookie);
        st->keep = assemble_chunk_keep(st->exchange, &st->chunk);
        break;
    case SCAN_KIND_NEWSTYLE:
    case SCAN_KIND_CLIENT_FLAGS:
        break;
    }
}

static void gather(struct stream *st, struct span data)
{
    uint64_t most = st->head.body < st->keep ? st->head.body : st->keep;

    if (st->seen == 0 && data.len >= BULK && data.len < most)
        buffer_reserve(st->into, (size_t)most);
    st->seen += data.len;
    if (data.len == st->head.body && data.len <= st->keep && st->into == &st->body)
        st->whole = data;
    else if (st->into->len < st->keep)
        buffer_add(st->into, data.at,
                   data.len < st->keep - st->into->len ? data.len : (size_t)(st->keep - st->into->len));
}

/* ---- a frame is complete ---- */

static void finish(struct session *s, enum side from, struct message *ret)
{
    struct stream *st = &s->streams[from];

    *ret = (struct message){
        .from = from,
        .number = ++s->messages,
        .head = st->head,
        .header = scan_header(&st->scan, st->head.kind),
        .body = body_of(st),
        .body_bytes = st->seen,
        .exchange = st->exchange,
    };
    if (message_is_request(ret))
        ret->request = st->request;
    else if (message_is_chunk(ret))
        ret->chunk_head = st->chunk;
    message_hand_out(s, ret);
    st->exchange = NULL;
}

/* Behind the ACK to STARTTLS: the first byte shows whether it is TLS. */
static void judge_opaque(struct session *s, enum side from, struct span in)
{
    uint8_t *bytes = s->behind_ack[from].bytes;
    size_t had = s->behind_ack[from].count, room = sizeof s->behind_ack[from].bytes - had;
    struct span first = span_take(&in, room);

    if (s->phase != PHASE_STARTTLS || first.len == 0)
        return;
    memcpy(bytes + had, first.at, first.len);
    s->behind_ack[from].count += first.len;
    if (bytes[0] >= TLS_FIRST_BYTE && bytes[0] <= TLS_LAST_BYTE)
        return;
    if (had == 0)
        rules_look(s, from == SIDE_CLIENT ? AT_CLIENT_PLAIN : AT_PLAIN_TEXT, NULL);
    if (first.len == room && from == SIDE_SERVER)
        rules_look(s, AT_PLAIN_REPLY, NULL);
}

enum session_event session_next(struct session *s, enum side from, struct span *in, struct message *ret)
{
    struct stream *st = &s->streams[from];
    struct scan_lost how;
    struct scan_ret got;

    while (!s->opaque && !st->lost) {
        expect(s, from, *in);
        switch (scan_next(&st->scan, in, &got)) {
        case SCAN_MORE:
            return SESSION_MORE;
        case SCAN_HEAD:
            begin(s, st, &got.head);
            if (is_other_than_export(st, &how) || is_too_long(st, &how))
                lose(s, from, &how);
            break;
        case SCAN_DATA:
            gather(st, got.data);
            if (is_other_than_export(st, &how))
                lose(s, from, &how);
            break;
        case SCAN_END:
            finish(s, from, ret);
            return SESSION_MESSAGE;
        case SCAN_LOST:
            lose(s, from, &st->scan.lost);
            break;
        }
    }
    if (s->opaque)
        judge_opaque(s, from, *in);
    span_take(in, in->len);
    return st->lost ? SESSION_LOST : SESSION_MORE;
}

/* ---- the rest of the interface ---- */

void session_excuse(struct session *s, const char *rule)
{
    s->excuse_next = rule;
    s->may_close = true;
}

void session_excuse_plain(struct session *s)
{
    s->may_close = s->may_wait = true;
}

void session_look_on(struct session *s)
{
    s->looked_on = true;
}

void session_set_tls_mode(struct session *s, enum tls_mode mode)
{
    s->tls_mode = mode;
}

void session_tls_started(struct session *s)
{
    if (s->phase != PHASE_STARTTLS)
        return;
    s->phase = PHASE_HAGGLING;
    s->opaque = false;
    s->tls = true;
    haggle_forget(s);
}

void session_tls_failed(struct session *s)
{
    s->phase = PHASE_ENDED;
}

void session_tls_ended(struct session *s)
{
    const struct stream *server = &s->streams[SIDE_SERVER];

    if (!s->tls || !server->ended || s->streams[SIDE_CLIENT].ended)
        return;
    if (server->ending == ENDING_CUT_OFF)
        rules_look(s, AT_CUT_OFF, NULL);
    if (server->ending == ENDING_GARBLED)
        rules_look(s, AT_GARBLED, NULL);
}

void session_ended(struct session *s, enum side from, enum ending how)
{
    struct stream *st = &s->streams[from];

    if (st->ended)
        return;
    st->ended = true;
    st->ending = how;
    if (from == SIDE_CLIENT && !st->lost)
        rules_look(s, AT_CLIENT_CLOSE, NULL);
    if (from == SIDE_SERVER && !excuse_close(s) && !st->lost)
        rules_look(s, AT_CLOSE, NULL);
    if (from == SIDE_SERVER && s->stopping && !st->lost)
        rules_look(s, AT_SHUTDOWN, NULL);
    if (from == SIDE_SERVER && s->model)
        share_with_next(s);
    s->phase = PHASE_ENDED;
}

void session_stalled(struct session *s)
{
    uint64_t have, want;

    scan_progress(&s->streams[SIDE_CLIENT].scan, &have, &want);
    if (have == 0 && !excuse_silence(s) && !s->streams[SIDE_SERVER].lost && !s->streams[SIDE_SERVER].ended)
        rules_look(s, AT_STALL, NULL);
}

enum phase session_phase(const struct session *s)
{
    return s->phase;
}

const struct negotiated *session_negotiated(const struct session *s)
{
    return &s->negotiated;
}

uint64_t session_messages(const struct session *s)
{
    return s->messages;
}

const struct scan_lost *session_lost(const struct session *s, enum side from)
{
    return s->streams[from].lost ? &s->streams[from].lost_how : NULL;
}

struct exchange *session_oldest(const struct session *s)
{
    return s->in_flight.oldest ? &s->in_flight.oldest->exchange : NULL;
}

size_t session_in_flight(const struct session *s)
{
    return s->in_flight.count;
}

uint64_t session_much_in_flight(const struct session *s)
{
    uint64_t most = 0;

    for (const struct held *h = s->in_flight.oldest; h; h = h->newer)
        if (h->exchange.request.type != NBD_CMD_BLOCK_STATUS && h->exchange.request.length > most)
            most = h->exchange.request.length;
    return most;
}

void session_release(struct session *s, struct exchange *e)
{
    assert(e->answered);
    exchange_release(s, e);
}
