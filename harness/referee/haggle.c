/* SPDX-License-Identifier: MIT */
/* The handshake: greeting, flags, options and their replies; what is negotiated by them.  See state.h.
 * proto.md, "Handshake". */
#include <stdlib.h>

#include "base/memory.h"
#include "referee/state.h"
#include "wire/constants.h"

enum { QUERIES_MAX = 64 * 1024 }; /* bytes */

static bool is_info_or_go(uint32_t option)
{
    return option == NBD_OPT_INFO || option == NBD_OPT_GO;
}

static bool is_about_contexts(uint32_t option)
{
    return option == NBD_OPT_LIST_META_CONTEXT || option == NBD_OPT_SET_META_CONTEXT;
}

/* Both sides' flags are known: the client may haggle. */
static void start_haggling(struct session *s)
{
    struct negotiated *n = &s->negotiated;

    n->no_zeroes = (n->handshake_flags & NBD_FLAG_NO_ZEROES) && (n->client_flags & NBD_FLAG_C_NO_ZEROES);
    if (s->phase == PHASE_GREETING || s->phase == PHASE_CLIENT_FLAGS)
        s->phase = PHASE_HAGGLING;
    if (n->client_flags & ~(uint32_t)n->handshake_flags)
        s->may_close = s->may_wait = true; /* unknown or not offered: the server has to close */
    if ((n->client_flags & NBD_FLAG_C_NO_ZEROES) && !(n->handshake_flags & NBD_FLAG_NO_ZEROES))
        s->astray = true; /* nobody knows whether padding is due */
}

static void enter_transmission(struct session *s, struct span name)
{
    s->transmission = true;
    if (s->phase != PHASE_ENDED)
        s->phase = PHASE_TRANSMISSION;
    s->other_export = !span_equal(name, buffer_span(&s->contexts_for));
    if (s->other_export)
        s->contexts_doubtful = true; /* two names may be one export */
    if (s->option_count > 1)
        s->astray = true; /* options were sent that the server takes for requests */
}

void haggle_greeting(struct session *s, const struct message *m)
{
    s->greeted = true;
    if (m->head.kind == SCAN_KIND_OLDSTYLE) {
        s->negotiated.handshake_flags = m->head.oldstyle.handshake;
        s->negotiated.export_known = true;
        s->negotiated.size = m->head.oldstyle.size;
        s->negotiated.transmission_flags = m->head.oldstyle.transmission;
        s->last = LAST_OLDSTYLE;
        s->astray = s->astray || s->flags_seen;
        enter_transmission(s, span_of(NULL, 0));
        return;
    }
    s->negotiated.handshake_flags = m->head.newstyle.flags;
    if (s->flags_seen)
        start_haggling(s);
    else if (s->phase == PHASE_GREETING)
        s->phase = PHASE_CLIENT_FLAGS;
}

void haggle_client_flags(struct session *s, const struct message *m)
{
    s->flags_seen = true;
    s->negotiated.client_flags = m->head.client_flags.flags;
    if (s->greeted)
        start_haggling(s);
}

bool haggle_may_echo(const struct session *s, const struct message *m)
{
    const struct pending *due = haggle_option_due(s);

    return m->head.kind == SCAN_KIND_OPTION_REPLY && m->reply.layout == REPLY_MESSAGE && due && due->whole &&
           !due->sound && due->name.len > 0;
}

uint32_t haggle_bit(uint32_t option)
{
    return option < 32 ? UINT32_C(1) << option : 0;
}

bool haggle_both_fixed_newstyle(const struct session *s)
{
    return (s->negotiated.handshake_flags & NBD_FLAG_FIXED_NEWSTYLE) &&
           (s->negotiated.client_flags & NBD_FLAG_C_FIXED_NEWSTYLE);
}

struct pending *haggle_option_due(const struct session *s)
{
    return s->option_count > 0 ? &s->options[0] : NULL;
}

/* ---- options ---- */

/* The server may answer from here on, though it usually waits for the data. */
void haggle_option_begins(struct session *s, const struct scan_head *head)
{
    struct pending *p;

    if (s->option_count == s->option_room) {
        s->option_room = s->option_room > 0 ? 2 * s->option_room : 4;
        s->options = memory_grow(s->options, s->option_room * sizeof *s->options);
    }
    p = &s->options[s->option_count++];
    *p = (struct pending){ .option = head->option.option };
    buffer_init(&p->name, NBD_MAX_STRING);
    buffer_init(&p->queries, QUERIES_MAX);
    s->options_sent++;
}

static bool asks_for(struct span infos, uint16_t wanted)
{
    uint16_t info;

    while (option_next_info(&infos, &info))
        if (info == wanted)
            return true;
    return false;
}

static uint32_t asked(struct span infos)
{
    uint32_t asked = 0;
    uint16_t info;

    while (option_next_info(&infos, &info))
        asked |= UINT32_C(1) << (info < ASKED_OTHERS ? info : ASKED_OTHERS);
    return asked;
}

static bool asks_twice(struct span infos)
{
    uint16_t info;

    while (option_next_info(&infos, &info))
        if (asks_for(infos, info))
            return true;
    return false;
}

static bool asks_for_base(struct span queries)
{
    bool some = false;
    struct span query;

    while (option_next_query(&queries, &query)) {
        some = true;
        if (query.len < strlen("base:") || memcmp(query.at, "base:", strlen("base:")) != 0)
            return false;
    }
    return some;
}

void haggle_option(struct session *s, const struct message *m)
{
    uint32_t option = m->head.option.option;

    s->asked |= haggle_bit(option);
    s->asked_block_size = s->asked_block_size || asks_for(m->option.infos, NBD_INFO_BLOCK_SIZE);
    if (option == NBD_OPT_ABORT) {
        s->goodbye = true;
        s->phase = PHASE_ENDED;
    }
    for (size_t i = s->option_count; i-- > 0;) {
        struct pending *p = &s->options[i];

        if (p->whole || p->option != option)
            continue;
        p->whole = true;
        p->sound = !m->flaw.rule;
        p->misshapen = m->flaw.rule && strncmp(m->flaw.rule, "string.", strlen("string.")) != 0;
        p->data = m->body_bytes;
        p->asks_base = asks_for_base(m->option.queries);
        p->asks_nothing = m->option.query_count == 0;
        p->asked = asked(m->option.infos);
        p->asks_twice = asks_twice(m->option.infos);
        buffer_add(&p->name, m->option.name.at, m->option.name.len);
        buffer_add(&p->queries, m->option.queries.at, m->option.queries.len);
        break;
    }
}

static void option_done(struct session *s)
{
    s->last_option = s->options[0].option;
    s->last_option_known = true;
    buffer_free(&s->options[0].name);
    buffer_free(&s->options[0].queries);
    s->option_count--;
    if (s->option_count > 0)
        memmove(s->options, s->options + 1, s->option_count * sizeof *s->options);
    s->gathered_count = 0;
}

static void forget_list(struct session *s)
{
    for (size_t i = 0; i < s->listed_count; i++) {
        buffer_free(&s->listed[i].name);
        buffer_free(&s->listed[i].details);
    }
    s->listed_count = 0;
}

void haggle_free(struct session *s)
{
    while (s->option_count > 0)
        option_done(s);
    forget_list(s);
    free(s->options);
    buffer_free(&s->info_name);
    buffer_free(&s->volunteered.name);
    buffer_free(&s->informed.name);
    buffer_free(&s->contexts_for);
}

/* ---- their replies ---- */

bool haggle_is_late(const struct session *s, const struct wire_option_reply *reply)
{
    return s->last_option_known && reply->option == s->last_option &&
           (s->option_count == 0 || s->options[0].option != reply->option);
}

static void keep(struct buffer *to, const struct buffer *from)
{
    buffer_clear(to);
    buffer_add(to, from->bytes, from->len);
}

static void take_info(struct session *s, struct pending *p, const struct message *m)
{
    struct negotiated *n = &s->negotiated;
    bool again = false;

    for (size_t i = 0; i < p->info_count; i++)
        again = again || p->infos[i] == m->reply.info;
    if (!again && p->info_count < PENDING_INFOS)
        p->infos[p->info_count++] = m->reply.info;
    if (!is_info_or_go(p->option) || m->flaw.rule)
        return;
    if (!span_equal(buffer_span(&p->name), buffer_span(&s->info_name))) {
        keep(&s->info_name,
             &p->name); /* another export: what is known of the last one does not hold for it */
        n->block_size_known = false;
        n->block_size = (struct wire_info_block_size){ 1, 4096, 1u << 25 };
    }
    if (m->reply.info == NBD_INFO_EXPORT) {
        p->has_export = n->export_known = true;
        p->export = m->reply.export;
        n->size = p->export.size;
        n->transmission_flags = p->export.flags;
    } else if (m->reply.info == NBD_INFO_BLOCK_SIZE) {
        p->has_block_size = n->block_size_known = true;
        p->block_size = n->block_size = m->reply.block_size;
    }
}

static void take_server(struct session *s, const struct pending *p, const struct message *m)
{
    struct listed *l;

    if (p->replies == 1)
        forget_list(s);
    if (s->listed_count == LISTED_MAX || m->flaw.rule)
        return;
    l = &s->listed[s->listed_count];
    buffer_init(&l->name, NBD_MAX_STRING);
    buffer_init(&l->details, NBD_MAX_STRING);
    buffer_add(&l->name, m->reply.name.at, m->reply.name.len);
    buffer_add(&l->details, m->reply.text.at, m->reply.text.len);
    s->listed_count++;
}

const struct listed *haggle_listed(const struct session *s, struct span name)
{
    for (size_t i = 0; i < s->listed_count; i++)
        if (span_equal(buffer_span(&s->listed[i].name), name))
            return &s->listed[i];
    return NULL;
}

static void take_context(struct session *s, const struct pending *p, const struct message *m)
{
    struct session_context *context;
    size_t len = m->reply.name.len;

    if (s->gathered_count == SESSION_MAX_CONTEXTS) {
        s->contexts_doubtful = s->contexts_doubtful || p->option == NBD_OPT_SET_META_CONTEXT;
        return;
    }
    context = &s->gathered[s->gathered_count++];
    context->id = m->reply.context;
    if (len >= sizeof context->name)
        len = sizeof context->name - 1;
    if (len > 0)
        memcpy(context->name, m->reply.name.at, len);
    context->name[len] = '\0';
}

/* The selection is replaced, also where that failed. */
static void select_contexts(struct session *s, const struct pending *p, bool success)
{
    s->negotiated.context_count = success ? s->gathered_count : 0;
    memcpy(s->negotiated.contexts, s->gathered, s->negotiated.context_count * sizeof *s->gathered);
    keep(&s->contexts_for, &p->name);
    s->contexts_doubtful = s->contexts_doubtful || !(s->negotiated.structured || s->negotiated.extended);
}

static void note_volunteered(struct session *s, const struct pending *p)
{
    struct volunteered *v = &s->volunteered;

    if (p->asked != 0 || !p->whole || !p->sound)
        return;
    v->known = true;
    keep(&v->name, &p->name);
    memcpy(v->infos, p->infos, sizeof v->infos);
    v->info_count = p->info_count;
}

static void note_informed(struct session *s, const struct pending *p)
{
    struct informed *i = &s->informed;

    i->known = p->whole && p->sound && p->has_export && !p->asks_twice;
    i->asked = p->asked;
    i->has_block_size = p->has_block_size;
    i->export = p->export;
    i->block_size = p->block_size;
    keep(&i->name, &p->name);
}

static void take_ack(struct session *s, const struct pending *p)
{
    switch (p->option) {
    case NBD_OPT_INFO:
        note_volunteered(s, p);
        note_informed(s, p);
        break;
    case NBD_OPT_STRUCTURED_REPLY:
        s->negotiated.structured = true;
        break;
    case NBD_OPT_SET_META_CONTEXT:
        select_contexts(s, p, true);
        break;
    case NBD_OPT_GO:
        s->last = LAST_GO_ACK;
        enter_transmission(s, buffer_span(&p->name));
        break;
    case NBD_OPT_EXTENDED_HEADERS:
        s->negotiated.extended = true;
        break;
    case NBD_OPT_STARTTLS:
        s->opaque = true;
        s->phase = PHASE_STARTTLS;
        break;
    default: /* a number from the wire; the others leave no trace */
        break;
    }
}

/* "When this command succeeds, the server MUST NOT preserve any negotiation state ... issued before this
 * command." */
void haggle_forget(struct session *s)
{
    struct negotiated *n = &s->negotiated;
    const struct negotiated kept = { .handshake_flags = n->handshake_flags,
                                     .client_flags = n->client_flags,
                                     .no_zeroes = n->no_zeroes,
                                     .block_size = { 1, 4096, 1u << 25 } };

    s->structured_before_tls = n->structured;
    *n = kept;
    s->gathered_count = 0;
    s->contexts_doubtful = false;
    buffer_clear(&s->info_name);
    s->volunteered.known = s->informed.known = false;
    buffer_clear(&s->contexts_for);
}

/* How an option fared without TLS that the server answers alike whatever it is about. */
static void note_tls_demand(struct session *s, uint32_t option, uint32_t type)
{
    bool refused = type == NBD_REP_ERR_UNSUP || type == NBD_REP_ERR_POLICY;

    if (s->tls)
        return;
    if (option == NBD_OPT_STARTTLS)
        s->starttls_refused = s->starttls_refused || refused;
    else if (type == NBD_REP_ERR_TLS_REQD)
        s->tls_demanded |= haggle_bit(option);
    else if (type == NBD_REP_ACK || refused)
        s->tls_not_demanded |= haggle_bit(option);
}

static void take_error(struct session *s, const struct pending *p, uint32_t type)
{
    if (p->option == NBD_OPT_SET_META_CONTEXT)
        select_contexts(s, p, false);
    if (p->option == NBD_OPT_INFO)
        s->informed.known = false;
    if (type == NBD_REP_ERR_UNSUP)
        s->unsupported |= haggle_bit(p->option);
    if (type == NBD_REP_ERR_SHUTDOWN)
        s->shutting_down = true;
    if (p->option == NBD_OPT_GO && s->requests > 0)
        s->astray = true; /* requests were sent that the server takes for options */
}

void haggle_reply(struct session *s, const struct message *m)
{
    uint32_t type = m->head.option_reply.type;
    struct pending *p = haggle_option_due(s);

    s->last = LAST_OTHER;
    if (!p || haggle_is_late(s, &m->head.option_reply))
        return;
    p->replies++;
    note_tls_demand(s, p->option, type);
    if (type == NBD_REP_INFO) {
        take_info(s, p, m);
    } else if (type == NBD_REP_SERVER && p->option == NBD_OPT_LIST) {
        take_server(s, p, m);
    } else if (type == NBD_REP_META_CONTEXT && is_about_contexts(p->option)) {
        take_context(s, p, m);
    } else if (type == NBD_REP_ACK) {
        take_ack(s, p);
        option_done(s);
    } else if (reply_is_error(type)) {
        take_error(s, p, type);
        option_done(s);
    }
}

static bool is_zero(struct span bytes)
{
    return bytes.len == 0 || (*bytes.at == 0 && memcmp(bytes.at, bytes.at + 1, bytes.len - 1) == 0);
}

void haggle_export(struct session *s, const struct message *m)
{
    struct negotiated *n = &s->negotiated;

    n->export_known = true;
    n->size = m->head.export.size;
    n->transmission_flags = m->head.export.flags;
    s->last = is_zero(m->body) ? LAST_EXPORT : LAST_EXPORT_BAD;
    if (s->option_count > 0) {
        if (!span_equal(buffer_span(&s->options[0].name), buffer_span(&s->info_name))) {
            n->block_size_known = false;
            n->block_size = (struct wire_info_block_size){ 1, 4096, 1u << 25 };
        }
        enter_transmission(s, buffer_span(&s->options[0].name));
        option_done(s);
    }
}
