/* SPDX-License-Identifier: MIT */
/* What clients may not do before transmission: their flags, their options, and leaving.  proto.md, "Newstyle
 * negotiation", "Termination of the session during option haggling", "Option types". */
#include <inttypes.h>

#include "referee/rule.h"
#include "wire/constants.h"

static uint32_t client_flags(const struct sight *at)
{
    return at->message->head.client_flags.flags;
}

static uint32_t option(const struct sight *at)
{
    return at->message->head.option.option;
}

static const struct negotiated *agreed(const struct sight *at)
{
    return &at->session->negotiated;
}

/* ---- flags ---- */

bool client_flags_unknown(const struct sight *at)
{
    return (client_flags(at) & ~(uint32_t)(NBD_FLAG_C_FIXED_NEWSTYLE | NBD_FLAG_C_NO_ZEROES)) &&
           broken(at, "client flags 0x%08" PRIx32, client_flags(at));
}

bool no_zeroes_unoffered(const struct sight *at)
{
    return (client_flags(at) & NBD_FLAG_C_NO_ZEROES) && !(agreed(at)->handshake_flags & NBD_FLAG_NO_ZEROES) &&
           broken(at, "NO_ZEROES, and the server's flags are 0x%04x", agreed(at)->handshake_flags);
}

bool fixed_newstyle_declined(const struct sight *at)
{
    return (agreed(at)->handshake_flags & NBD_FLAG_FIXED_NEWSTYLE) &&
           !(client_flags(at) & NBD_FLAG_C_FIXED_NEWSTYLE) &&
           broken(at, "fixed newstyle was offered, and is not set");
}

bool flags_before_greeting(const struct sight *at)
{
    return !at->session->greeted && broken(at, "client flags before the greeting");
}

/* ---- the order of options ---- */

bool option_before_reply(const struct sight *at)
{
    return at->session->option_count > 1 &&
           broken(at, "option %" PRIu32 " while option %" PRIu32 " is not answered", option(at),
                  at->session->options[0].option);
}

bool option_not_fixed(const struct sight *at)
{
    return option(at) != NBD_OPT_EXPORT_NAME && !haggle_both_fixed_newstyle(at->session) &&
           broken(at, "option %" PRIu32 ", and fixed newstyle was not agreed on", option(at));
}

bool option_behind_abort(const struct sight *at)
{
    return at->session->goodbye && broken(at, "option %" PRIu32 " behind ABORT", option(at));
}

bool state_asked_for_again(const struct sight *at)
{
    return ((option(at) == NBD_OPT_STRUCTURED_REPLY && agreed(at)->structured) ||
            (option(at) == NBD_OPT_EXTENDED_HEADERS && agreed(at)->extended)) &&
           broken(at, "option %" PRIu32 ", which was granted before", option(at));
}

bool option_behind_go(const struct sight *at)
{
    return at->session->transmission &&
           at->session->streams[SIDE_CLIENT].lost_how.got == (uint64_t)NBD_OPTS_MAGIC >> 32 &&
           broken(at, "an option in the transmission phase");
}

/* ---- single options ---- */

bool option_withdrawn(const struct sight *at)
{
    return option(at) == NBD_OPT_PEEK_EXPORT && broken(at, "option 4");
}

bool export_name_with_extended(const struct sight *at)
{
    return option(at) == NBD_OPT_EXPORT_NAME && agreed(at)->extended && broken(at, "EXPORT_NAME");
}

static bool is_asked_again(struct span infos, uint16_t info)
{
    uint16_t other;

    while (option_next_info(&infos, &other))
        if (other == info)
            return true;
    return false;
}

bool info_asked_twice(const struct sight *at)
{
    struct span infos = at->message->option.infos;
    uint16_t info;

    while (option_next_info(&infos, &info))
        if (is_asked_again(infos, info))
            return broken(at, "information %u is asked for twice", info);
    return false;
}

static bool contexts_without_chunks(const struct sight *at, uint32_t which)
{
    return option(at) == which && !agreed(at)->structured && !agreed(at)->extended &&
           broken(at, "option %" PRIu32 " without structured replies", which);
}

bool list_contexts_unstructured(const struct sight *at)
{
    return contexts_without_chunks(at, NBD_OPT_LIST_META_CONTEXT);
}

bool set_contexts_unstructured(const struct sight *at)
{
    return contexts_without_chunks(at, NBD_OPT_SET_META_CONTEXT);
}

static bool query_without_namespace(const struct sight *at, uint32_t which)
{
    struct span queries = at->message->option.queries, query;

    while (option(at) == which && option_next_query(&queries, &query))
        if (query.len == 0 || !memchr(query.at, ':', query.len))
            return broken(at, "a query of %zu bytes without a colon", query.len);
    return false;
}

bool list_query_without_namespace(const struct sight *at)
{
    return query_without_namespace(at, NBD_OPT_LIST_META_CONTEXT);
}

bool set_query_without_namespace(const struct sight *at)
{
    return query_without_namespace(at, NBD_OPT_SET_META_CONTEXT);
}

/* ---- leaving ---- */

static bool has_cause(const struct violations *v)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->all[i].party == SIDE_SERVER)
            return true;
    return false;
}

bool left_without_abort(const struct sight *at)
{
    const struct session *s = at->session;

    return s->flags_seen && !s->transmission && !s->opaque && !s->goodbye && !s->streams[SIDE_SERVER].ended &&
           !s->streams[SIDE_SERVER].lost && !has_cause(s->violations) && haggle_both_fixed_newstyle(s) &&
           broken(at, "the client closed without ABORT");
}
