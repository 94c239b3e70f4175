/* SPDX-License-Identifier: MIT */
/* Decodes each message and hands it to the parts that it concerns.  See state.h. */
#include <string.h>

#include "referee/rule.h"
#include "referee/state.h"
#include "wire/constants.h"

/* What a filtered BLOCK_STATUS asks about stands in its payload. */
static void decode_filter(struct message *m)
{
    struct status_filter filter;
    struct wire_flaw flaw;

    if (!m->request.filtered)
        return;
    filter_decode(m->body, &filter, &flaw);
    m->request.length = filter.length;
}

/* Decodes the body.  One that is too long to be kept is measured by what was kept of it. */
static void decode(struct message *m)
{
    switch (m->head.kind) {
    case SCAN_KIND_OPTION:
        option_decode(m->head.option.option, m->body, &m->option, &m->flaw);
        break;
    case SCAN_KIND_OPTION_REPLY:
        reply_decode(m->head.option_reply.type, m->body, &m->reply, &m->flaw);
        if (m->body.len < m->body_bytes && m->reply.layout == REPLY_SERVER)
            m->flaw = (struct wire_flaw){ "string.length.max-4096", "name or details", 4,
                                          "is longer than 4096 bytes" };
        break;
    case SCAN_KIND_CHUNK:
    case SCAN_KIND_EXTENDED_REPLY:
        chunk_decode(m->chunk_head.type, m->body, m->chunk_head.length, &m->chunk, &m->flaw);
        break;
    case SCAN_KIND_REQUEST:
    case SCAN_KIND_EXTENDED_REQUEST:
        decode_filter(m);
        break;
    case SCAN_KIND_OLDSTYLE:
    case SCAN_KIND_NEWSTYLE:
    case SCAN_KIND_CLIENT_FLAGS:
    case SCAN_KIND_EXPORT:
    case SCAN_KIND_SIMPLE_REPLY:
        break;
    }
}

static void note_flaw(struct session *s, const struct message *m)
{
    bool known = !s->patchy || (message_is_chunk(m) && m->exchange && !held_of(m->exchange)->ambiguous);

    if (m->flaw.rule && *m->flaw.rule && !s->doubtful && known)
        violations_add(s->violations, m->flaw.rule, m->from, m->number, "%s (at byte %zu of the body) %s",
                       m->flaw.field, m->flaw.at, m->flaw.reason);
}

/* A client that has to leave goes on: requests that were on their way do not count. */
static void note_stay(struct session *s)
{
    if (s->leave == LEAVE_NOT || s->newest_answered < s->leave_since)
        return;
    s->leave_since = s->requests - 1; /* the one at hand */
    s->leave_turns++;
}

static void client_message(struct session *s, struct message *m)
{
    note_flaw(s, m);
    switch (m->head.kind) {
    case SCAN_KIND_CLIENT_FLAGS:
        rules_look(s, AT_CLIENT_FLAGS, m);
        haggle_client_flags(s, m);
        break;
    case SCAN_KIND_OPTION:
        rules_look(s, AT_OPTION, m);
        haggle_option(s, m);
        excuse_option(s, m);
        break;
    case SCAN_KIND_REQUEST:
    case SCAN_KIND_EXTENDED_REQUEST:
        if (m->exchange)
            m->exchange->message = m->number;
        note_stay(s);
        rules_look(s, AT_REQUEST, m);
        if (m->request.type == NBD_CMD_DISC) {
            s->goodbye = true;
            s->phase = PHASE_ENDED;
        }
        assemble_request(s, m);
        break;
    case SCAN_KIND_OLDSTYLE:
    case SCAN_KIND_NEWSTYLE:
    case SCAN_KIND_OPTION_REPLY:
    case SCAN_KIND_EXPORT:
    case SCAN_KIND_SIMPLE_REPLY:
    case SCAN_KIND_CHUNK:
    case SCAN_KIND_EXTENDED_REPLY:
        break; /* never expected of a client */
    }
}

/* What a server does with a request of length 0 is not specified: a content or status chunk about nothing may
 * be as empty as it likes. */
static bool is_about_nothing(const struct message *m)
{
    return (m->head.kind == SCAN_KIND_CHUNK || m->head.kind == SCAN_KIND_EXTENDED_REPLY) && m->exchange &&
           m->exchange->request.length == 0 &&
           (m->exchange->request.type == NBD_CMD_READ || m->exchange->request.type == NBD_CMD_BLOCK_STATUS) &&
           (m->chunk.role == CHUNK_CONTENT || m->chunk.role == CHUNK_STATUS);
}

/* What is wrong with a chunk so that the client has to close the connection. */
static enum leave_cause cause_to_leave(const struct message *m)
{
    const struct exchange *e = m->exchange;

    if (!message_is_chunk(m) || !e || is_about_nothing(m))
        return LEAVE_NOT;
    switch (m->chunk.role) {
    case CHUNK_ENDS:
    case CHUNK_ERROR:
        break;
    case CHUNK_CONTENT:
        if (e->request.type != NBD_CMD_READ)
            return LEAVE_UNEXPECTED_TYPE;
        break;
    case CHUNK_STATUS:
        if (e->request.type != NBD_CMD_BLOCK_STATUS)
            return LEAVE_UNEXPECTED_TYPE;
        break;
    case CHUNK_OTHER:
        return LEAVE_UNKNOWN_TYPE;
    }
    if (!m->flaw.rule)
        return LEAVE_NOT;
    if (strcmp(m->flaw.rule, "chunk.error.message-fits") == 0 ||
        strcmp(m->flaw.rule, "chunk.error-offset.message-fits") == 0)
        return LEAVE_ERROR_LENGTH;
    return m->chunk.role == CHUNK_ERROR ? LEAVE_NOT : LEAVE_INCONSISTENT;
}

static void note_reply(struct session *s, const struct message *m)
{
    enum leave_cause cause = cause_to_leave(m);
    struct exchange *e = m->exchange;

    if (s->leave == LEAVE_NOT && cause != LEAVE_NOT) {
        s->leave = cause;
        s->leave_since = s->requests;
    }
    s->last = LAST_OTHER;
    s->replied = true;
    s->stray = !e && m->head.kind == SCAN_KIND_CHUNK && !(m->chunk_head.flags & NBD_REPLY_FLAG_DONE) &&
               !exchange_find_past(s, m->chunk_head.cookie);
    s->last_reply = (struct past){ .form = REPLY_FORM_NONE };
    if (e)
        s->last_reply = (struct past){ e->request.cookie, e->request.type, e->form, e->error };
}

static void server_message(struct session *s, const struct message *m)
{
    if (!is_about_nothing(m) && !haggle_may_echo(s, m))
        note_flaw(s, m);
    switch (m->head.kind) {
    case SCAN_KIND_NEWSTYLE:
        rules_look(s, AT_GREETING, m);
        haggle_greeting(s, m);
        break;
    case SCAN_KIND_OLDSTYLE:
        rules_look(s, AT_OLDSTYLE, m);
        haggle_greeting(s, m);
        break;
    case SCAN_KIND_OPTION_REPLY:
        rules_look(s, AT_OPTION_REPLY, m);
        if (m->reply.layout == REPLY_INFO && !m->flaw.rule)
            rules_look(s, AT_INFO, m);
        haggle_reply(s, m);
        break;
    case SCAN_KIND_EXPORT:
        rules_look(s, AT_EXPORT, m);
        haggle_export(s, m);
        break;
    case SCAN_KIND_SIMPLE_REPLY:
        rules_look(s, AT_SIMPLE_REPLY, m);
        assemble_simple(s, m);
        note_reply(s, m);
        break;
    case SCAN_KIND_CHUNK:
    case SCAN_KIND_EXTENDED_REPLY:
        rules_look(s, AT_CHUNK, m);
        assemble_chunk(s, m);
        note_reply(s, m);
        break;
    case SCAN_KIND_CLIENT_FLAGS:
    case SCAN_KIND_OPTION:
    case SCAN_KIND_REQUEST:
    case SCAN_KIND_EXTENDED_REQUEST:
        break; /* never expected of a server */
    }
}

void message_hand_out(struct session *s, struct message *m)
{
    decode(m);
    if (m->from == SIDE_CLIENT) {
        client_message(s, m);
        s->excuse_next = NULL;
    } else {
        server_message(s, m);
    }
}

bool message_is_request(const struct message *m)
{
    return m->head.kind == SCAN_KIND_REQUEST || m->head.kind == SCAN_KIND_EXTENDED_REQUEST;
}

bool message_is_chunk(const struct message *m)
{
    return m->head.kind == SCAN_KIND_CHUNK || m->head.kind == SCAN_KIND_EXTENDED_REPLY;
}
