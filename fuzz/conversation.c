/* SPDX-License-Identifier: MIT */
#include "fuzz/conversation.h"

#include "wire/constants.h"

enum { OWING_MAX = 4096 };

void conversation_init(struct conversation *c, uint64_t asked_max)
{
    *c = (struct conversation){ .model = model_new(), .seen = digest_empty(), .asked_max = asked_max };
    c->session = session_new(c->model, &c->violations);
}

void conversation_free(struct conversation *c)
{
    session_free(c->session);
    model_free(c->model);
}

/* ---- what the referee says, as numbers ---- */

static void see_exchange(struct digest *d, const struct exchange *e)
{
    digest_number(d, e->number);
    digest_number(d, e->message);
    digest_number(d, e->answered);
    digest_number(d, e->form);
    digest_number(d, e->error);
    digest_number(d, e->covered);
    digest_span(d, e->message_text);
    if (!e->answered)
        return;
    digest_number(d, e->chunks);
    digest_span(d, buffer_span(&e->data));
    for (unsigned i = 0; i < e->status_chunks; i++) {
        digest_number(d, e->statuses[i].context);
        digest_number(d, e->statuses[i].count);
        for (size_t j = 0; j < e->statuses[i].count; j++) {
            digest_number(d, e->statuses[i].extents[j].length);
            digest_number(d, e->statuses[i].extents[j].flags);
        }
    }
}

static void see_message(struct digest *d, const struct message *m)
{
    digest_number(d, m->from);
    digest_number(d, m->number);
    digest_number(d, m->head.kind);
    digest_number(d, m->head.at);
    digest_number(d, m->head.body);
    digest_number(d, m->body_bytes);
    digest_span(d, m->body);
    digest_text(d, m->flaw.rule);
    digest_text(d, m->flaw.field);
    digest_number(d, m->flaw.at);
    if (m->exchange)
        see_exchange(d, m->exchange);
}

static void see_state(struct digest *d, const struct session *s)
{
    const struct negotiated *n = session_negotiated(s);

    digest_number(d, session_phase(s));
    digest_number(d, session_in_flight(s));
    digest_number(d, n->structured);
    digest_number(d, n->extended);
    digest_number(d, n->no_zeroes);
    digest_number(d, n->size);
    digest_number(d, n->transmission_flags);
    digest_number(d, n->context_count);
}

static bool is_costly(const struct conversation *c)
{
    return c->asked > c->asked_max;
}

static void take_message(struct conversation *c, const struct message *m)
{
    see_message(&c->seen, m);
    see_state(&c->seen, c->session);
    if (c->message)
        c->message(c, m);
    if (message_is_request(m) && m->request.type == NBD_CMD_READ)
        c->asked = m->request.length < UINT64_MAX - c->asked ? c->asked + m->request.length : UINT64_MAX;
    if (!m->exchange || !m->exchange->answered)
        return;
    c->got += m->exchange->data.len;
    session_release(c->session, m->exchange);
}

/* ---- the interface ---- */

void conversation_feed(struct conversation *c, enum side from, struct span bytes)
{
    struct message message;

    while (!is_costly(c) && session_next(c->session, from, &bytes, &message) == SESSION_MESSAGE)
        take_message(c, &message);
}

void conversation_ended(struct conversation *c, enum side from, enum ending how)
{
    if (is_costly(c))
        return;
    session_ended(c->session, from, how);
    digest_number(&c->seen, 1000 + 2 * (uint64_t)from + how);
    see_state(&c->seen, c->session);
}

void conversation_stalled(struct conversation *c)
{
    if (!is_costly(c))
        session_stalled(c->session);
}

void conversation_excuse(struct conversation *c)
{
    if (!is_costly(c))
        session_excuse(c->session, "fuzz.excuse");
}

static bool same_text(const char *a, const char *b)
{
    return span_equal(span_text(a), span_text(b));
}

static bool same_violations(const struct violations *a, const struct violations *b)
{
    if (a->count != b->count || a->lost != b->lost)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct violation *x = &a->all[i], *y = &b->all[i];

        if (!same_text(x->rule, y->rule) || x->party != y->party || x->message != y->message ||
            !same_text(x->came, y->came))
            return false;
    }
    return true;
}

static bool same_loss(const struct scan_lost *a, const struct scan_lost *b)
{
    if (!a || !b)
        return a == b;
    return a->at == b->at && a->got == b->got && a->wanted == b->wanted && same_text(a->frame, b->frame);
}

static bool same_owing(const struct session *a, const struct session *b)
{
    struct buffer of_a, of_b;
    bool same;

    buffer_init(&of_a, OWING_MAX);
    buffer_init(&of_b, OWING_MAX);
    session_owing(a, &of_a);
    session_owing(b, &of_b);
    same = span_equal(buffer_span(&of_a), buffer_span(&of_b));
    buffer_free(&of_a);
    buffer_free(&of_b);
    return same;
}

bool conversation_equal(const struct conversation *a, const struct conversation *b)
{
    return a->seen.hash == b->seen.hash && session_messages(a->session) == session_messages(b->session) &&
           same_violations(&a->violations, &b->violations) &&
           same_loss(session_lost(a->session, SIDE_CLIENT), session_lost(b->session, SIDE_CLIENT)) &&
           same_loss(session_lost(a->session, SIDE_SERVER), session_lost(b->session, SIDE_SERVER)) &&
           same_owing(a->session, b->session);
}

/* What the catalogue has judged as a note is no complaint. */
static bool is_a_note(const struct violation *v)
{
    static const char *const notes[] = {
#define NOTE(id) id,
#include "notes.def"
#undef NOTE
    };

    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (same_text(v->rule, notes[i]))
            return true;
    return false;
}

const struct violation *conversation_complaint(const struct conversation *c)
{
    for (size_t i = 0; i < c->violations.count; i++)
        if (c->violations.all[i].party == SIDE_SERVER && !is_a_note(&c->violations.all[i]))
            return &c->violations.all[i];
    return NULL;
}
