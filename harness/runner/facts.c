/* SPDX-License-Identifier: MIT */
#include "runner/facts.h"

#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/memory.h"
#include "runner/client.h"
#include "runner/facts_names.h"
#include "runner/facts_served.h"
#include "runner/facts_tls.h"
#include "wire/body.h"
#include "wire/vocabulary.h"

enum {
    OPTION_COUNT = 32,                      /* bits of facts.options */
    LISTED_MAX = 20,                        /* exports shown */
    MINIMUM_BLOCK_MAX = 65536,              /* "MUST NOT be larger than 2^16" */
    PREFERRED_BLOCK_MAX = 32 * 1024 * 1024, /* our own */
};

/* The exports that the server lists. */
struct listed {
    size_t count;
    char only[NBD_MAX_STRING + 1]; /* the first one's name */
    size_t only_len;
    struct buffer shown;
};

struct probe {
    struct target reached;       /* connections go over to TLS first where that is found to be the way */
    const struct target *target; /* the same */
    const struct facts_wanted *wanted;
    struct facts *facts;
    struct buffer *error;
    bool fixed;
    struct client client;
};

static const struct client_replies nobody;

static enum status stop(struct probe *p, enum status status, const char *text)
{
    buffer_print(p->error, "%s\n", text);
    return status;
}

/* ---- the export ---- */

static void note_export(void *ctx, uint32_t type, struct span data)
{
    struct listed *l = ctx;
    struct reply_data reply;
    struct wire_flaw flaw;

    if (type != NBD_REP_SERVER)
        return;
    reply_decode(type, data, &reply, &flaw);
    if (l->count == 0 && reply.name.len <= NBD_MAX_STRING) {
        memcpy(l->only, reply.name.at ? (const char *)reply.name.at : "", reply.name.len);
        l->only_len = reply.name.len;
    }
    if (l->count < LISTED_MAX) {
        buffer_print(&l->shown, "  \"");
        escape_text(&l->shown, reply.name);
        buffer_print(&l->shown, "\"\n");
    }
    l->count++;
}

/* Asks for the list of exports; none where the server does not tell. */
static void list_exports(struct probe *p, struct listed *l)
{
    uint32_t type;

    if (!client_open(&p->client, p->target, p->wanted->timeout_ns))
        return;
    if (!client_option(&p->client, NBD_OPT_LIST, span_of(NULL, 0), (struct client_replies){ note_export, l },
                       &type) ||
        type != NBD_REP_ACK)
        l->count = 0;
    client_close(&p->client, false);
}

static struct span export_of(const struct probe *p)
{
    return span_text(p->facts->export);
}

static enum client_way enter(struct probe *p, enum client_headers headers, uint64_t timeout_ns,
                             uint32_t *ret_type)
{
    return client_enter(&p->client, p->target, timeout_ns, export_of(p), headers, ret_type);
}

static void leave(struct probe *p, enum client_way way)
{
    client_close(&p->client, way == CLIENT_IN);
}

static enum status no_export(struct probe *p, const struct listed *l)
{
    if (p->wanted->export) {
        buffer_print(p->error, "the server has no export \"");
        escape_text(p->error, span_text(p->wanted->export));
        buffer_print(p->error, "\": %s\n", p->client.error);
    } else {
        buffer_print(p->error, "the server has no default export (%s); choose one with --export NAME\n",
                     p->client.error);
    }
    if (l->count > 0) {
        buffer_print(p->error, "it lists:\n");
        buffer_add(p->error, l->shown.bytes, l->shown.len);
        if (l->count > LISTED_MAX)
            buffer_print(p->error, "  and %zu more\n", l->count - LISTED_MAX);
    }
    return STATUS_USAGE;
}

/* The export is refused, or cannot be entered: takes the only one in the list, or gives up. */
static enum status choose_another(struct probe *p, enum client_way way, uint32_t type, bool *ret_again)
{
    struct listed *l;
    char error[sizeof p->client.error];
    enum status status = STATUS_CONFORMS;

    *ret_again = false;
    if (way == CLIENT_REFUSED && type == NBD_REP_ERR_TLS_REQD && !p->facts->secured)
        return stop(p, STATUS_USAGE,
                    "the server demands TLS for this export (NBD_REP_ERR_TLS_REQD), which takes --tls on and "
                    "--tls-certificates DIR or --tls-psk FILE");
    memcpy(error, p->client.error, sizeof error);
    l = memory_take(sizeof *l);
    buffer_init(&l->shown, 256 * 1024);
    if (p->fixed)
        list_exports(p, l);
    memcpy(p->client.error, error, sizeof error);
    if (!p->wanted->export && !p->facts->export_chosen && l->count == 1 && l->only_len > 0 &&
        memchr(l->only, 0, l->only_len) == NULL) {
        memcpy(p->facts->export, l->only, l->only_len + 1);
        p->facts->export_chosen = *ret_again = true;
    } else if (way == CLIENT_REFUSED || !p->fixed || (l->count > 0 && !p->facts->secured)) {
        status = no_export(p, l);
    } else {
        status = stop(p, STATUS_UNREACHABLE, error);
    }
    buffer_free(&l->shown);
    free(l);
    return status;
}

/* Block sizes that a server may not have are judged by the referee; cases that kept to them would move
 * gigabytes, so they keep to the defaults.  "Block size constraints". */
static struct wire_info_block_size usable(struct wire_info_block_size told)
{
    if (told.minimum > MINIMUM_BLOCK_MAX || (told.minimum & (told.minimum - 1)) != 0)
        told.minimum = 1;
    if (told.preferred > PREFERRED_BLOCK_MAX || (told.preferred & (told.preferred - 1)) != 0)
        told.preferred = 4096;
    if (told.maximum < told.preferred)
        told.maximum = 1u << 25;
    return told;
}

static void note_transmission(struct probe *p)
{
    struct facts *f = p->facts;
    const struct client *c = &p->client;

    f->size = c->size;
    f->flags_simple = f->flags_structured = f->flags_extended = c->transmission_flags;
    f->structured = c->structured;
    f->compact_refused = c->extended;
    f->by_name = c->by_name;
    f->has_block_size = c->has_block_size;
    f->block_size = usable(c->block_size);
}

/* The transmission flags with other headers.  Whether extended ones were granted. */
static bool probe_flags(struct probe *p, enum client_headers headers, uint16_t *ret)
{
    uint32_t type;
    enum client_way way = enter(p, headers, p->wanted->timeout_ns, &type);
    bool extended = p->client.extended;

    if (way == CLIENT_IN)
        *ret = p->client.transmission_flags;
    leave(p, way);
    return extended;
}

static enum status probe_export(struct probe *p)
{
    uint32_t type;
    enum client_way way = enter(p, CLIENT_STRUCTURED, p->wanted->timeout_ns, &type);

    if (way != CLIENT_IN) {
        bool again;
        enum status status;

        leave(p, way);
        status = choose_another(p, way, type, &again);
        if (status != STATUS_CONFORMS)
            return status;
        way = enter(p, CLIENT_STRUCTURED, p->wanted->timeout_ns, &type);
        if (way != CLIENT_IN) {
            leave(p, way);
            return stop(p, STATUS_UNREACHABLE, p->client.error);
        }
    }
    note_transmission(p);
    leave(p, CLIENT_IN);
    if (p->facts->structured)
        probe_flags(p, CLIENT_SIMPLE, &p->facts->flags_simple);
    if (p->fixed)
        p->facts->extended = probe_flags(p, CLIENT_EXTENDED, &p->facts->flags_extended);
    return STATUS_CONFORMS;
}

/* ---- options ---- */

/* The data of an option that can be answered well. */
static struct span data_of(const struct probe *p, uint32_t option, struct span query, uint8_t *room,
                           size_t size)
{
    struct wire_out out = wire_out(room, size);

    switch (option_layout_of(option)) {
    case OPTION_INFOS:
        option_put_infos(&out, option, export_of(p), NULL, 0);
        break;
    case OPTION_QUERIES:
        option_put_queries(&out, option, export_of(p), &query, query.at ? 1 : 0);
        break;
    case OPTION_NONE:
    case OPTION_NAME:
    case OPTION_UNKNOWN:
        return span_of(NULL, 0);
    }
    return span_of(room + WIRE_SIZE_option, out.len - WIRE_SIZE_option);
}

/* A session that is still haggling; a fresh one where the last option ended it. */
static bool haggling(struct probe *p)
{
    if (!p->client.broke)
        return true;
    client_close(&p->client, false);
    return client_open(&p->client, p->target, p->wanted->timeout_ns);
}

static void count_reply(void *ctx, uint32_t type, struct span data)
{
    (void)type;
    (void)data;
    ++*(unsigned *)ctx;
}

static void probe_option(struct probe *p, uint32_t option)
{
    uint8_t room[WIRE_SIZE_option + 3 * NBD_MAX_STRING];
    unsigned replies = 0;
    uint32_t type;
    bool answered;

    if (!haggling(p))
        return;
    answered = client_option(&p->client, option, data_of(p, option, span_of(NULL, 0), room, sizeof room),
                             (struct client_replies){ count_reply, &replies }, &type);
    /* An answer that makes no sense, or does not end, is one all the same: the cases about this option show
     * it. */
    if (answered ? type != NBD_REP_ERR_UNSUP && type != NBD_REP_ERR_POLICY : p->client.lost || replies > 0)
        p->facts->options |= UINT32_C(1) << option;
}

static void probe_options(struct probe *p)
{
    /* In an order in which none is in the way of another.  STARTTLS has a connection of its own: where it is
     * acknowledged there is no way on without TLS. */
    static const uint32_t options[] = { NBD_OPT_LIST,
                                        NBD_OPT_INFO,
                                        NBD_OPT_STRUCTURED_REPLY,
                                        NBD_OPT_LIST_META_CONTEXT,
                                        NBD_OPT_SET_META_CONTEXT,
                                        NBD_OPT_EXTENDED_HEADERS };
    uint32_t type;

    if (p->facts->oldstyle)
        return;
    p->facts->options = 1u << NBD_OPT_EXPORT_NAME;
    if (!p->fixed)
        return;
    p->facts->options |= 1u << NBD_OPT_ABORT;
    if (!client_open(&p->client, p->target, p->wanted->timeout_ns))
        return;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        probe_option(p, options[i]);
    client_close(&p->client, false);
    if (!client_open(&p->client, p->target, p->wanted->timeout_ns))
        return;
    probe_option(p, NBD_OPT_GO);
    client_close(&p->client, (p->facts->options & 1u << NBD_OPT_GO) != 0);
    p->facts->options |= 1u << NBD_OPT_STARTTLS; /* only ERR_UNSUP says that there is none */
    if (!client_open(&p->client, p->target, p->wanted->timeout_ns))
        return;
    /* Under TLS already: it is known what it is answered without. */
    if (!p->facts->secured && client_option(&p->client, NBD_OPT_STARTTLS, span_of(NULL, 0), nobody, &type)) {
        if (type == NBD_REP_ERR_UNSUP)
            p->facts->options &= ~(1u << NBD_OPT_STARTTLS);
        p->client.broke = type == NBD_REP_ACK;
    }
    client_close(&p->client, false);
}

/* ---- contexts ---- */

struct context_wanted {
    const char *name;
    bool seen;
};

static void note_context(void *ctx, uint32_t type, struct span data)
{
    struct context_wanted *wanted = ctx;
    struct reply_data reply;
    struct wire_flaw flaw;

    if (type != NBD_REP_META_CONTEXT)
        return;
    reply_decode(type, data, &reply, &flaw);
    wanted->seen = wanted->seen || span_equal(reply.name, span_text(wanted->name));
}

/* Whether the server tells of the context when it is asked by that option. */
static bool is_told(struct probe *p, uint32_t option, const char *name)
{
    uint8_t room[WIRE_SIZE_option + 3 * NBD_MAX_STRING];
    struct context_wanted wanted = { name, false };
    uint32_t type, chunks = p->facts->structured ? NBD_OPT_STRUCTURED_REPLY : NBD_OPT_EXTENDED_HEADERS;

    /* A second one changes nothing. */
    if (haggling(p) && client_option(&p->client, chunks, span_of(NULL, 0), nobody, &type))
        client_option(&p->client, option, data_of(p, option, span_text(name), room, sizeof room),
                      (struct client_replies){ note_context, &wanted }, &type);
    return wanted.seen;
}

/* One that can be selected or is listed: where only one of the two holds, the cases have something
 * to show. */
static void probe_context(struct probe *p, const char *name)
{
    if (strlen(name) > NBD_MAX_STRING)
        return;
    if (is_told(p, NBD_OPT_SET_META_CONTEXT, name) || is_told(p, NBD_OPT_LIST_META_CONTEXT, name))
        p->facts->contexts[p->facts->context_count++] = name;
}

static void probe_contexts(struct probe *p)
{
    if (!p->fixed || !(p->facts->structured || p->facts->extended) || p->wanted->context_count == 0)
        return;
    if (!client_open(&p->client, p->target, p->wanted->timeout_ns))
        return;
    for (size_t i = 0; i < p->wanted->context_count && i < FACTS_CONTEXTS_MAX; i++)
        probe_context(p, p->wanted->contexts[i]);
    client_close(&p->client, false);
}

/* Whether the payload form of BLOCK_STATUS is offered to a client that has selected a context. */
static void probe_filters(struct probe *p)
{
    uint8_t room[WIRE_SIZE_option + 3 * NBD_MAX_STRING];
    struct span query = span_text("base:allocation");
    enum client_way way = CLIENT_FAILED;
    uint32_t type;

    if (!p->facts->extended || !client_open(&p->client, p->target, p->wanted->timeout_ns))
        return;
    if (client_option(&p->client, NBD_OPT_EXTENDED_HEADERS, span_of(NULL, 0), nobody, &type) &&
        client_option(&p->client, NBD_OPT_SET_META_CONTEXT,
                      data_of(p, NBD_OPT_SET_META_CONTEXT, query, room, sizeof room), nobody, &type))
        way = client_go(&p->client, export_of(p), true, &type);
    p->client.extended = true;
    p->facts->filters =
        way == CLIENT_IN && (p->client.transmission_flags & NBD_FLAG_BLOCK_STATUS_PAYLOAD) != 0;
    leave(p, way);
}

/* Whether a client is let in that does not ask for block sizes: NBD_REP_ERR_BLOCK_SIZE_REQD. */
static void probe_unasked(struct probe *p)
{
    enum client_way way;
    uint32_t type;

    p->facts->unasked = !facts_has_option(p->facts, NBD_OPT_GO);
    if (p->facts->unasked || !client_open(&p->client, p->target, p->wanted->timeout_ns))
        return;
    way = client_go(&p->client, export_of(p), false, &type);
    p->facts->unasked = way == CLIENT_IN;
    leave(p, way);
}

/* ---- all of it ---- */

static enum status probe_greeting(struct probe *p)
{
    if (!client_open(&p->client, p->target, p->wanted->timeout_ns)) {
        p->facts->greeting_incomplete = p->client.greeted;
        return stop(p, STATUS_UNREACHABLE, p->client.error);
    }
    p->facts->oldstyle = p->client.oldstyle;
    p->facts->handshake_flags = p->client.handshake_flags;
    p->fixed = (p->client.handshake_flags & NBD_FLAG_FIXED_NEWSTYLE) != 0;
    client_close(&p->client, false);
    return STATUS_CONFORMS;
}

enum status facts_probe(const struct target *target, const struct facts_wanted *wanted, struct facts *ret,
                        struct buffer *ret_error)
{
    struct probe p = { .reached = *target, .wanted = wanted, .facts = ret, .error = ret_error };
    enum status status;

    p.target = &p.reached;
    p.reached.secured = false;

    *ret = (struct facts){ .connections = 1 };
    if (wanted->export) {
        if (strlen(wanted->export) > NBD_MAX_STRING)
            return stop(&p, STATUS_USAGE, "the export's name has more than 4096 bytes");
        memcpy(ret->export, wanted->export, strlen(wanted->export));
    }
    status = probe_greeting(&p);
    if (status != STATUS_CONFORMS) {
        ret->no_way_in = ret->greeting_incomplete;
        return status;
    }
    if (p.fixed)
        status = facts_tls_probe(target, wanted->timeout_ns, ret, ret_error);
    else if (target->tls_use == TARGET_TLS_ALWAYS)
        status = stop(&p, STATUS_UNREACHABLE, "TLS is wanted, and the server does not speak fixed newstyle");
    else
        ret->tls_mode = TLS_MODE_NOTLS;
    if (status != STATUS_CONFORMS)
        return status;
    if (ret->tls_broken) {
        ret->no_way_in = true;
        return STATUS_UNREACHABLE;
    }
    p.reached.secured = ret->secured;
    status = probe_export(&p);
    ret->no_way_in = status == STATUS_UNREACHABLE;
    if (status != STATUS_CONFORMS && !ret->no_way_in)
        return status;
    ret->without_tls = ret->tls_mode == TLS_MODE_NOTLS;
    if (ret->tls_mode == TLS_MODE_SELECTIVE)
        facts_tls_probe_exports(target, p.target, wanted->timeout_ns, ret);
    probe_contexts(&p);
    probe_filters(&p);
    if (wanted->options) {
        probe_options(&p);
        probe_unasked(&p);
        if (p.fixed)
            facts_names_probe(p.target, wanted->timeout_ns, ret);
    }
    if (!ret->no_way_in)
        facts_served_probe_sizes(p.target, wanted->timeout_ns, ret);
    if (wanted->connections && !ret->no_way_in)
        facts_served_probe_connections(p.target, wanted->timeout_ns, ret);
    return status;
}

uint32_t facts_unit(const struct facts *f)
{
    uint32_t least = f->block_size.minimum > 0 ? f->block_size.minimum : 1;

    return f->unit > least ? f->unit : least;
}

bool facts_has_option(const struct facts *f, uint32_t option)
{
    return option < OPTION_COUNT && (f->options >> option & 1) != 0;
}

bool facts_has_context(const struct facts *f, const char *context)
{
    for (size_t i = 0; i < f->context_count; i++)
        if (strcmp(f->contexts[i], context) == 0)
            return true;
    return false;
}
