/* SPDX-License-Identifier: MIT */
#include "script/transcript.h"

#include <inttypes.h>

#include "base/escape.h"
#include "script/transcript_data.h"
#include "wire/vocabulary.h"

enum {
    LIST_MOST = 64 * 1024, /* bytes of a list that is told item by item */
    FLAWED_MOST = 64,      /* bytes told of a body that does not obey */
};

/* ---- data ---- */

bool transcript_data(struct span data, uint64_t origin, struct buffer *to)
{
    data_put(data, origin, false, to);
    return to->len < to->ceiling;
}

/* The comment behind a line that tells other data than were sent. */
static void put_stand_in(struct span data, uint64_t bytes, struct buffer *to)
{
    buffer_print(to, "  # in place of %" PRIu64 " bytes that begin with ", bytes);
    data_put_hex(span_of(data.at, data.len < DATA_HEX_FIRST ? data.len : DATA_HEX_FIRST), to);
}

static void put_string(struct span text, struct buffer *to)
{
    if (text.len > NBD_MAX_STRING) {
        data_put_sent(text, text.len, 0, true, to);
        return;
    }
    buffer_print(to, "\"");
    escape_text(to, text);
    buffer_print(to, "\"");
}

/* A string that the server sent, unless it is longer than any may be: its line would have no bounds. */
static void put_text(const char *field, struct span text, struct buffer *to)
{
    if (text.len > NBD_MAX_STRING)
        return;
    buffer_print(to, " %s=", field);
    put_string(text, to);
}

/* ---- client ---- */

static void put_infos(struct span infos, struct buffer *to)
{
    const char *separator = "";
    uint16_t info;

    buffer_print(to, " infos=(");
    while (option_next_info(&infos, &info)) {
        buffer_print(to, "%s", separator);
        vocabulary_print(&vocabulary_infos, info, to);
        separator = " ";
    }
    buffer_print(to, ")");
}

static void put_queries(struct span queries, struct buffer *to)
{
    const char *separator = "";
    struct span query;

    buffer_print(to, " queries=(");
    while (option_next_query(&queries, &query)) {
        buffer_print(to, "%s", separator);
        put_string(query, to);
        separator = " ";
    }
    buffer_print(to, ")");
}

static void put_option(const struct message *m, struct buffer *to)
{
    bool sound = !m->flaw.rule && m->body.len == m->body_bytes && m->option.queries.len <= LIST_MOST;

    buffer_print(to, "OPT ");
    vocabulary_print(&vocabulary_options, m->head.option.option, to);
    switch (sound ? m->option.layout : OPTION_UNKNOWN) {
    case OPTION_NONE:
        break;
    case OPTION_NAME:
        buffer_print(to, " name=");
        put_string(m->option.name, to);
        return;
    case OPTION_INFOS:
        buffer_print(to, " name=");
        put_string(m->option.name, to);
        put_infos(m->option.infos, to);
        return;
    case OPTION_QUERIES:
        buffer_print(to, " name=");
        put_string(m->option.name, to);
        put_queries(m->option.queries, to);
        return;
    case OPTION_UNKNOWN:
        break;
    }
    if (m->body_bytes > 0 || !sound) {
        buffer_print(to, " data=");
        if (!data_put_sent(m->body, m->body_bytes, 0, true, to))
            put_stand_in(m->body, m->body_bytes, to);
    }
}

/* Of a range that was written with other data than the client's, nobody knows what it would be read as. */
static void note_stand_in(struct teller *t, const struct session_request *r)
{
    uint64_t end = r->length > UINT64_MAX - r->offset ? UINT64_MAX : r->offset + r->length;

    if (t->from == t->to)
        t->from = r->offset;
    if (r->offset < t->from)
        t->from = r->offset;
    if (end > t->to)
        t->to = end;
}

static bool meets_stand_in(const struct teller *t, const struct session_request *r)
{
    return r->offset < t->to && (r->offset >= t->from || r->length > t->from - r->offset);
}

static void put_request(struct teller *t, const struct message *m, struct buffer *to)
{
    const struct session_request *r = &m->request;
    uint64_t length = r->extended ? m->head.extended_request.length : r->length;
    const char *name = vocabulary_name(&vocabulary_commands, r->type);

    if (name)
        buffer_print(to, "%s", name);
    else
        buffer_print(to, "CMD %u", r->type);
    buffer_print(to, " offset=%" PRIu64 " length=%" PRIu64, r->offset, length);
    if (r->flags != 0) {
        buffer_print(to, " flags=");
        vocabulary_print_flags(&vocabulary_command_flags, r->flags, to);
    }
    buffer_print(to, " cookie=%" PRIu64, r->cookie);
    if (m->body_bytes > 0) {
        buffer_print(to, r->type == NBD_CMD_WRITE ? " data=" : " payload=");
        if (!data_put_sent(m->body, m->body_bytes, r->offset, m->body_bytes != length, to)) {
            put_stand_in(m->body, m->body_bytes, to);
            note_stand_in(t, r);
        } else if (m->exchange && m->exchange->unseen) {
            note_stand_in(t, r);
        }
    } else if (r->extended && r->type == NBD_CMD_WRITE && length > 0) {
        buffer_print(to, " payload=\"\"");
    }
}

/* ---- server, handshake ---- */

static void put_info(const struct reply_data *r, struct buffer *to)
{
    buffer_print(to, " ");
    vocabulary_print(&vocabulary_infos, r->info, to);
    switch (r->info) {
    case NBD_INFO_EXPORT:
        buffer_print(to, " size=%" PRIu64 " flags=", r->export.size);
        vocabulary_print_flags(&vocabulary_transmission_flags, r->export.flags, to);
        return;
    case NBD_INFO_NAME:
        put_text("name", r->name, to);
        return;
    case NBD_INFO_DESCRIPTION:
        put_text("description", r->text, to);
        return;
    case NBD_INFO_BLOCK_SIZE:
        buffer_print(to, " minimum=%" PRIu32 " preferred=%" PRIu32 " maximum=%" PRIu32, r->block_size.minimum,
                     r->block_size.preferred, r->block_size.maximum);
        return;
    default:
        return;
    }
}

static void put_reply_data(const struct reply_data *r, struct buffer *to)
{
    switch (r->layout) {
    case REPLY_SERVER:
        put_text("name", r->name, to);
        if (r->text.len > 0)
            put_text("details", r->text, to);
        return;
    case REPLY_INFO:
        put_info(r, to);
        return;
    case REPLY_META_CONTEXT:
        buffer_print(to, " id=%" PRIu32, r->context);
        put_text("name", r->name, to);
        return;
    case REPLY_MESSAGE:
        if (r->text.len > 0)
            put_text("message", r->text, to);
        return;
    case REPLY_NONE:
    case REPLY_UNKNOWN:
        return;
    }
}

static void put_option_reply(const struct message *m, struct buffer *to)
{
    const struct wire_option_reply *h = &m->head.option_reply;

    buffer_print(to, "REP ");
    vocabulary_print(&vocabulary_replies, h->type, to);
    if (!m->flaw.rule && m->body.len == m->body_bytes)
        put_reply_data(&m->reply, to);
    else
        buffer_print(to, " length=%" PRIu64, m->body_bytes);
    buffer_print(to, " option=");
    vocabulary_print(&vocabulary_options, h->option, to);
    if (m->flaw.rule) {
        buffer_print(to, "  # ");
        data_put_hex(span_of(m->body.at, m->body.len < FLAWED_MOST ? m->body.len : FLAWED_MOST), to);
    }
}

static void put_greeting(const struct message *m, struct buffer *to)
{
    if (m->head.kind == SCAN_KIND_OLDSTYLE) {
        buffer_print(to, "GREETING style=oldstyle flags=");
        vocabulary_print_flags(&vocabulary_handshake_flags, m->head.oldstyle.handshake, to);
        return;
    }
    buffer_print(to, "GREETING style=newstyle flags=");
    vocabulary_print_flags(&vocabulary_handshake_flags, m->head.newstyle.flags, to);
}

static void put_export(const struct message *m, struct buffer *to)
{
    buffer_print(to, "EXPORT size=%" PRIu64 " flags=", m->head.export.size);
    vocabulary_print_flags(&vocabulary_transmission_flags, m->head.export.flags, to);
    buffer_print(to, " zeroes=%" PRIu64, m->body_bytes);
}

/* ---- server, transmission ---- */

static void put_status(const struct exchange *e, struct buffer *to)
{
    uint64_t total = 0;

    buffer_print(to, "STATUS contexts=%u", e->status_chunks);
    if (e->status_chunks != 1)
        return;
    for (size_t i = 0; i < e->statuses[0].count; i++)
        total += e->statuses[0].extents[i].length;
    buffer_print(to, " extents=%zu total=%" PRIu64, e->statuses[0].count, total);
    if (e->statuses[0].count > 0) {
        buffer_print(to, " first=%" PRIu64 " first_flags=", e->statuses[0].extents[0].length);
        vocabulary_print_flags(&vocabulary_state_flags, e->statuses[0].extents[0].flags, to);
    }
}

static void put_error(const struct exchange *e, struct buffer *to)
{
    buffer_print(to, "ERROR ");
    vocabulary_print(&vocabulary_errors, e->error, to);
    if (e->message_text.len > 0)
        put_text("message", e->message_text, to);
}

static void put_form(const struct exchange *e, struct buffer *to)
{
    switch (e->form) {
    case REPLY_FORM_NONE:
        return;
    case REPLY_FORM_SIMPLE:
        buffer_print(to, " form=simple");
        return;
    case REPLY_FORM_STRUCTURED:
        buffer_print(to, " form=structured chunks=%u", e->chunks);
        return;
    case REPLY_FORM_EXTENDED:
        buffer_print(to, " form=extended chunks=%u offset=%" PRIu64, e->chunks, e->head_offset);
        return;
    }
}

/* The comment that tells data where they are no value. */
static void put_data_aside(struct span data, uint64_t origin, struct buffer *to)
{
    buffer_print(to, "  # ");
    if (!data_put(data, origin, false, to))
        buffer_print(to, ", the first of %zu bytes", data.len);
}

static void put_whole_reply(const struct teller *t, const struct exchange *e, struct buffer *to)
{
    struct span data = buffer_span(&e->data);
    bool whole = true;

    if (e->error != 0) {
        put_error(e, to);
    } else if (e->request.type == NBD_CMD_READ) {
        size_t before;

        buffer_print(to, "DATA ");
        before = to->len;
        whole = data.len > 0 && !e->unseen && !meets_stand_in(t, &e->request) &&
                data_put(data, e->request.offset, false, to);
        if (!whole)
            to->len = before - 1; /* a part would be a wrong value: the comment tells it */
    } else if (e->request.type == NBD_CMD_BLOCK_STATUS) {
        put_status(e, to);
    } else {
        buffer_print(to, "OK");
    }
    buffer_print(to, " cookie=%" PRIu64, e->request.cookie);
    put_form(e, to);
    if (!whole && e->unseen)
        buffer_print(to, "  # its data were not all captured");
    else if (!whole && data.len > 0)
        put_data_aside(data, e->request.offset, to);
}

/* A reply to nothing in flight cannot be asked for: it stands as a comment. */
static void put_stray(const struct message *m, struct buffer *to)
{
    if (m->head.kind == SCAN_KIND_SIMPLE_REPLY) {
        buffer_print(to, "simple reply to nothing in flight: error=");
        vocabulary_print(&vocabulary_errors, m->head.simple_reply.error, to);
        buffer_print(to, " cookie=%" PRIu64, m->head.simple_reply.cookie);
        return;
    }
    buffer_print(to, "chunk to nothing in flight: ");
    vocabulary_print(&vocabulary_chunks, m->chunk_head.type, to);
    buffer_print(to, " flags=");
    vocabulary_print_flags(&vocabulary_chunk_flags, m->chunk_head.flags, to);
    buffer_print(to, " cookie=%" PRIu64 " length=%" PRIu64, m->chunk_head.cookie, m->chunk_head.length);
    if (m->chunk_head.extended)
        buffer_print(to, " offset=%" PRIu64, m->chunk_head.offset);
}

/* ---- server, only what the specification fixes ---- */

/* What may come before the final reply to an option, as a line. */
static void put_loose_many(uint32_t option, struct buffer *to)
{
    static const struct {
        uint32_t option, reply;
    } rows[] = {
        { NBD_OPT_LIST, NBD_REP_SERVER },
        { NBD_OPT_INFO, NBD_REP_INFO },
        { NBD_OPT_GO, NBD_REP_INFO },
        { NBD_OPT_LIST_META_CONTEXT, NBD_REP_META_CONTEXT },
        { NBD_OPT_SET_META_CONTEXT, NBD_REP_META_CONTEXT },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].option == option)
            buffer_print(to, "S: REP %s*\n", vocabulary_name(&vocabulary_replies, rows[i].reply));
}

static void put_loose_reply(const struct exchange *e, struct buffer *to)
{
    const char *verb = e->request.type == NBD_CMD_READ           ? "DATA"
                       : e->request.type == NBD_CMD_BLOCK_STATUS ? "STATUS"
                                                                 : "OK";

    buffer_print(to, "S: %s cookie=%" PRIu64 " | ERROR cookie=%" PRIu64 "\n", verb, e->request.cookie,
                 e->request.cookie);
}

bool transcript_due(const struct teller *t, const struct exchange *e, struct buffer *to)
{
    if (e) {
        put_loose_reply(e, to);
    } else {
        put_loose_many(t->option, to);
        buffer_print(to, "S: REP ACK | REP ERR\n");
    }
    return to->len < to->ceiling;
}

/* False where the message has no line of this kind. */
static bool put_loose(const struct teller *t, const struct message *m, struct buffer *to)
{
    uint32_t type = m->head.option_reply.type;

    switch (m->head.kind) {
    case SCAN_KIND_OLDSTYLE:
    case SCAN_KIND_NEWSTYLE:
        buffer_print(to, "S: GREETING\n");
        return true;
    case SCAN_KIND_OPTION_REPLY:
        if (type == NBD_REP_ACK || reply_is_error(type)) {
            put_loose_many(m->head.option_reply.option, to);
            if (m->head.option_reply.option != t->option) /* which may be a breach */
                put_loose_many(t->option, to);
            buffer_print(to, "S: REP %s\n", type == NBD_REP_ACK ? "ACK" : "ERR");
        }
        return true;
    case SCAN_KIND_EXPORT:
        buffer_print(to, "S: EXPORT\n");
        return true;
    case SCAN_KIND_SIMPLE_REPLY:
    case SCAN_KIND_CHUNK:
    case SCAN_KIND_EXTENDED_REPLY:
        if (m->exchange)
            put_loose_reply(m->exchange, to);
        return m->exchange != NULL;
    case SCAN_KIND_CLIENT_FLAGS:
    case SCAN_KIND_OPTION:
    case SCAN_KIND_REQUEST:
    case SCAN_KIND_EXTENDED_REQUEST:
        break;
    }
    return false;
}

/* ---- lines ---- */

static void put_message(struct teller *t, const struct message *m, struct buffer *to)
{
    switch (m->head.kind) {
    case SCAN_KIND_OLDSTYLE:
    case SCAN_KIND_NEWSTYLE:
        put_greeting(m, to);
        return;
    case SCAN_KIND_CLIENT_FLAGS:
        buffer_print(to, "FLAGS ");
        vocabulary_print_flags(&vocabulary_client_flags, m->head.client_flags.flags, to);
        return;
    case SCAN_KIND_OPTION:
        t->option = m->head.option.option;
        put_option(m, to);
        return;
    case SCAN_KIND_OPTION_REPLY:
        put_option_reply(m, to);
        return;
    case SCAN_KIND_EXPORT:
        put_export(m, to);
        return;
    case SCAN_KIND_REQUEST:
    case SCAN_KIND_EXTENDED_REQUEST:
        put_request(t, m, to);
        return;
    case SCAN_KIND_SIMPLE_REPLY:
    case SCAN_KIND_CHUNK:
    case SCAN_KIND_EXTENDED_REPLY:
        if (m->exchange)
            put_whole_reply(t, m->exchange, to);
        else
            put_stray(m, to);
        return;
    }
}

bool transcript_message(struct teller *t, const struct message *m, struct buffer *to)
{
    bool reply = m->head.kind == SCAN_KIND_SIMPLE_REPLY || message_is_chunk(m);

    if (reply && m->exchange && !m->exchange->answered)
        return true;
    if (t->loose && put_loose(t, m, to))
        return to->len < to->ceiling;
    if (reply && !m->exchange)
        buffer_print(to, "# ");
    buffer_print(to, "%c%s%s: ", m->from == SIDE_CLIENT ? 'C' : 'S', t->connection ? "." : "",
                 t->connection ? t->connection : "");
    put_message(t, m, to);
    buffer_print(to, "\n");
    return to->len < to->ceiling;
}

bool transcript_raw(const char *verb, struct span bytes, const char *connection, struct buffer *to)
{
    buffer_print(to, "C%s%s: %s ", connection ? "." : "", connection ? connection : "", verb);
    if (!data_put_sent(bytes, bytes.len, 0, true, to))
        put_stand_in(bytes, bytes.len, to);
    buffer_print(to, "\n");
    return to->len < to->ceiling;
}
