/* SPDX-License-Identifier: MIT */
#include "script/said.h"

#include <assert.h>

static void add_number(struct said *s, const char *name, uint64_t number)
{
    assert(s->count < SAID_MAX);
    s->all[s->count++] = (struct fact){ .name = name, .number = number };
}

static void add_text(struct said *s, const char *name, struct span bytes)
{
    assert(s->count < SAID_MAX);
    s->all[s->count++] = (struct fact){ .name = name, .text = true, .bytes = bytes };
}

const struct fact *said_find(const struct said *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->all[i].name, name) == 0)
            return &s->all[i];
    return NULL;
}

void said_by_tls(unsigned version, struct said *ret)
{
    ret->count = 0;
    if (version != 0)
        add_number(ret, "version", version);
}

/* ---- handshake ---- */

static void add_info(const struct reply_data *r, struct said *s)
{
    switch (r->info) {
    case NBD_INFO_EXPORT:
        add_number(s, "size", r->export.size);
        add_number(s, "flags", r->export.flags);
        return;
    case NBD_INFO_NAME:
        add_text(s, "name", r->name);
        return;
    case NBD_INFO_DESCRIPTION:
        add_text(s, "description", r->text);
        return;
    case NBD_INFO_BLOCK_SIZE:
        add_number(s, "minimum", r->block_size.minimum);
        add_number(s, "preferred", r->block_size.preferred);
        add_number(s, "maximum", r->block_size.maximum);
        return;
    default:
        return;
    }
}

static void add_reply_data(const struct reply_data *r, struct said *s)
{
    switch (r->layout) {
    case REPLY_SERVER:
        add_text(s, "name", r->name);
        add_text(s, "details", r->text);
        return;
    case REPLY_INFO:
        add_number(s, "info", r->info);
        add_info(r, s);
        return;
    case REPLY_META_CONTEXT:
        add_number(s, "id", r->context);
        add_text(s, "name", r->name);
        return;
    case REPLY_MESSAGE:
        add_text(s, "message", r->text);
        return;
    case REPLY_NONE:
    case REPLY_UNKNOWN:
        return;
    }
}

void said_by_message(const struct message *m, struct said *ret)
{
    ret->count = 0;
    switch (m->head.kind) {
    case SCAN_KIND_OLDSTYLE:
        add_number(ret, "style", 0);
        add_number(ret, "flags", m->head.oldstyle.handshake);
        add_number(ret, "size", m->head.oldstyle.size);
        return;
    case SCAN_KIND_NEWSTYLE:
        add_number(ret, "style", 1);
        add_number(ret, "flags", m->head.newstyle.flags);
        return;
    case SCAN_KIND_OPTION_REPLY:
        add_number(ret, "length", m->body_bytes);
        add_number(ret, "option", m->head.option_reply.option);
        add_number(ret, "type", m->head.option_reply.type);
        if (!m->flaw.rule)
            add_reply_data(&m->reply, ret);
        return;
    case SCAN_KIND_EXPORT:
        add_number(ret, "size", m->head.export.size);
        add_number(ret, "flags", m->head.export.flags);
        add_number(ret, "zeroes", m->body_bytes);
        return;
    case SCAN_KIND_CLIENT_FLAGS:
    case SCAN_KIND_OPTION:
    case SCAN_KIND_REQUEST:
    case SCAN_KIND_SIMPLE_REPLY:
    case SCAN_KIND_CHUNK:
    case SCAN_KIND_EXTENDED_REQUEST:
    case SCAN_KIND_EXTENDED_REPLY:
        return;
    }
}

/* ---- transmission ---- */

static bool is_allocation(uint32_t context, const struct negotiated *agreed)
{
    for (size_t i = 0; i < agreed->context_count; i++)
        if (agreed->contexts[i].id == context)
            return strcmp(agreed->contexts[i].name, "base:allocation") == 0;
    return false;
}

/* How many different contexts the chunks speak of; of those beyond what a session selects, each
 * chunk counts. */
static uint64_t count_contexts(const struct exchange *e)
{
    uint32_t known[SESSION_MAX_CONTEXTS];
    size_t count = 0;
    uint64_t beyond = 0;

    for (unsigned i = 0; i < e->status_chunks; i++) {
        size_t at = 0;

        while (at < count && known[at] != e->statuses[i].context)
            at++;
        if (at < count)
            continue;
        if (count < SESSION_MAX_CONTEXTS)
            known[count++] = e->statuses[i].context;
        else
            beyond++;
    }
    return count + beyond;
}

static void add_status(const struct exchange *e, const struct negotiated *agreed, struct said *s)
{
    uint64_t total = 0, flags = 0, most = 0;
    unsigned chosen = 0;

    for (unsigned i = e->status_chunks; i-- > 0;) {
        most = e->statuses[i].count > most ? e->statuses[i].count : most;
        if (is_allocation(e->statuses[i].context, agreed))
            chosen = i;
    }
    add_number(s, "contexts", count_contexts(e));
    add_number(s, "extents", most);
    if (e->status_chunks == 0 || e->statuses[chosen].count == 0)
        return;
    for (size_t i = 0; i < e->statuses[chosen].count; i++) {
        total += e->statuses[chosen].extents[i].length;
        flags |= e->statuses[chosen].extents[i].flags;
    }
    add_number(s, "total", total);
    add_number(s, "flags", flags);
    add_number(s, "first", e->statuses[chosen].extents[0].length);
    add_number(s, "first_flags", e->statuses[chosen].extents[0].flags);
}

void said_by_exchange(const struct exchange *e, const struct negotiated *agreed, struct said *ret)
{
    ret->count = 0;
    add_number(ret, "error", e->error);
    add_number(ret, "form", (uint64_t)e->form);
    add_number(ret, "cookie", e->request.cookie);
    if (e->form == REPLY_FORM_EXTENDED)
        add_number(ret, "offset", e->head_offset);
    add_number(ret, "chunks", e->chunks);
    add_number(ret, "content_chunks", (uint64_t)e->data_chunks + e->hole_chunks);
    add_number(ret, "data_chunks", e->data_chunks);
    add_number(ret, "hole_chunks", e->hole_chunks);
    add_number(ret, "error_chunks", e->error_chunks);
    if (e->message_text.len > 0)
        add_text(ret, "message", e->message_text);
    if (e->request.type == NBD_CMD_READ && e->error == 0)
        add_number(ret, "length", e->data.len);
    if (e->request.type == NBD_CMD_BLOCK_STATUS && e->error == 0)
        add_status(e, agreed, ret);
}
