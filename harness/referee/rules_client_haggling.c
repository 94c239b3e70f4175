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

/* IHAVEOPT some bytes before or behind its place: what stands before it has another length than it should. */
static bool is_shifted_magic(uint64_t got)
{
    const uint64_t magic = NBD_OPTS_MAGIC;

    for (unsigned bits = 8; bits <= 40; bits += 8) {
        uint64_t mask = UINT64_MAX >> bits;

        if ((got & mask) == magic >> bits || got >> bits == (magic & mask))
            return true;
    }
    return false;
}

static bool is_option_shifted(const struct sight *at)
{
    return !at->session->transmission && at->session->flags_seen &&
           is_shifted_magic(at->session->streams[SIDE_CLIENT].lost_how.got);
}

bool flags_of_another_width(const struct sight *at)
{
    return is_option_shifted(at) && at->session->options_sent == 0 &&
           broken(at, "the first option does not begin behind 4 bytes");
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

bool option_data_of_another_length(const struct sight *at)
{
    return is_option_shifted(at) && at->session->options_sent > 0 &&
           broken(at, "the next option does not begin behind the data of option %" PRIu32,
                  at->session->streams[SIDE_CLIENT].head.option.option);
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

static bool was_asked(const struct sight *at, uint32_t which)
{
    return (at->session->asked & haggle_bit(which)) != 0;
}

static bool is_unsupported(const struct sight *at, uint32_t which)
{
    return (at->session->unsupported & haggle_bit(which)) != 0;
}

bool other_than_abort_in_shutdown(const struct sight *at)
{
    return at->session->shutting_down && option(at) != NBD_OPT_ABORT && at->session->option_count == 1 &&
           broken(at, "option %" PRIu32 " behind ERR_SHUTDOWN", option(at));
}

/* ---- TLS ---- */

bool starttls_not_first(const struct sight *at)
{
    return option(at) == NBD_OPT_STARTTLS && at->session->options_sent > 1 &&
           !was_asked(at, NBD_OPT_STARTTLS) && at->session->tls_demanded == 0 &&
           broken(at, "STARTTLS is option %zu that the client sends, and nothing demanded it",
                  at->session->options_sent);
}

bool starttls_behind_state(const struct sight *at)
{
    return option(at) == NBD_OPT_STARTTLS && !at->session->tls &&
           (agreed(at)->structured || agreed(at)->context_count > 0) &&
           broken(at, "STARTTLS behind %s",
                  agreed(at)->context_count > 0 ? "SET_META_CONTEXT" : "STRUCTURED_REPLY");
}

bool starttls_behind_extended(const struct sight *at)
{
    return option(at) == NBD_OPT_STARTTLS && !at->session->tls && agreed(at)->extended &&
           broken(at, "STARTTLS behind EXTENDED_HEADERS");
}

bool starttls_under_tls(const struct sight *at)
{
    return option(at) == NBD_OPT_STARTTLS && at->session->tls && broken(at, "STARTTLS under TLS");
}

bool client_goes_on_in_plain_text(const struct sight *at)
{
    return broken(at, "0x%02x where a TLS record is due", at->session->behind_ack[SIDE_CLIENT].bytes[0]);
}

bool tls_that_was_refused(const struct sight *at)
{
    const struct session *s = at->session;

    return !s->transmission && s->last_option_known && s->last_option == NBD_OPT_STARTTLS &&
           s->streams[SIDE_CLIENT].lost_how.got >> 48 == 0x1603 &&
           broken(at, "a TLS handshake, and STARTTLS was refused");
}

/* ---- which option ---- */

static bool is_export_name(const struct sight *at)
{
    return option(at) == NBD_OPT_EXPORT_NAME && haggle_both_fixed_newstyle(at->session);
}

bool go_not_tried(const struct sight *at)
{
    return is_export_name(at) && !was_asked(at, NBD_OPT_GO) && !is_unsupported(at, NBD_OPT_INFO) &&
           broken(at, "EXPORT_NAME, and GO was not tried");
}

bool go_not_tried_with_tls(const struct sight *at)
{
    return was_asked(at, NBD_OPT_STARTTLS) && go_not_tried(at);
}

bool go_not_used(const struct sight *at)
{
    return is_export_name(at) && at->session->asked_block_size && !is_unsupported(at, NBD_OPT_INFO) &&
           !is_unsupported(at, NBD_OPT_GO) &&
           broken(at, "EXPORT_NAME of a client that asked for block sizes");
}

bool go_again(const struct sight *at)
{
    return (option(at) == NBD_OPT_INFO || option(at) == NBD_OPT_GO) && is_unsupported(at, option(at)) &&
           broken(at, "option %" PRIu32 " again, and it got ERR_UNSUP before", option(at));
}

static bool asks_for_block_size(struct span infos)
{
    uint16_t info;

    while (option_next_info(&infos, &info))
        if (info == NBD_INFO_BLOCK_SIZE)
            return true;
    return false;
}

bool block_size_not_asked(const struct sight *at)
{
    return option(at) == NBD_OPT_GO && !at->message->flaw.rule && !at->session->asked_block_size &&
           !asks_for_block_size(at->message->option.infos) &&
           broken(at, "GO, and the block sizes were not asked for");
}

/* ---- single options ---- */

bool export_name_with_more(const struct sight *at)
{
    struct span data = at->message->body;
    struct wire_in in = wire_in(data);

    if (option(at) != NBD_OPT_EXPORT_NAME || data.len == 0)
        return false;
    if (data.at[data.len - 1] == 0)
        return broken(at, "a name that ends with NUL");
    return data.len > 4 && wire_get_32(&in) == data.len - 4 && broken(at, "a name with its length before it");
}

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

/* ABORT, or closing without it. */
static bool gives_up(const struct sight *at)
{
    const struct session *s = at->session;

    if (at->message)
        return option(at) == NBD_OPT_ABORT;
    return !s->transmission && !s->opaque && !s->goodbye && !s->streams[SIDE_SERVER].ended;
}

static bool gives_up_over(const struct sight *at, uint32_t which)
{
    return gives_up(at) && at->session->last_option_known && at->session->last_option == which &&
           is_unsupported(at, which) &&
           broken(at, "the client leaves where option %" PRIu32 " is unsupported", which);
}

bool gives_up_over_go(const struct sight *at)
{
    return !was_asked(at, NBD_OPT_EXPORT_NAME) && gives_up_over(at, NBD_OPT_GO);
}

bool gives_up_over_structured(const struct sight *at)
{
    return gives_up_over(at, NBD_OPT_STRUCTURED_REPLY);
}

bool gives_up_over_extended(const struct sight *at)
{
    return gives_up_over(at, NBD_OPT_EXTENDED_HEADERS);
}

bool closes_in_shutdown(const struct sight *at)
{
    return at->session->shutting_down && gives_up(at) && broken(at, "the client closed without ABORT");
}

bool left_without_abort(const struct sight *at)
{
    const struct session *s = at->session;

    return s->flags_seen && !s->transmission && !s->opaque && !s->goodbye && !s->streams[SIDE_SERVER].ended &&
           !s->streams[SIDE_SERVER].lost && !has_cause(s->violations) && haggle_both_fixed_newstyle(s) &&
           broken(at, "the client closed without ABORT");
}
