/* SPDX-License-Identifier: MIT */
/* What an onlooker sees of requirements that cases judge otherwise: the answers to what real clients ask.
 * Where a server has a reason of its own, or may know more than the specification, it is not blamed. */
#include <inttypes.h>

#include "referee/rule.h"
#include "wire/constants.h"

/* ---- haggling ---- */

static uint32_t type_of(const struct sight *at)
{
    return at->message->head.option_reply.type;
}

/* The option has come whole, and this is a reply to it. */
static bool answers(const struct sight *at, uint32_t option)
{
    return at->option && at->option->option == option && at->option->whole;
}

static bool grants(const struct sight *at, uint32_t option)
{
    return answers(at, option) && type_of(at) == NBD_REP_ACK;
}

static uint32_t client_flags(const struct sight *at)
{
    return at->session->flags_seen ? at->session->negotiated.client_flags : 0;
}

bool goes_on_with_unknown_flags(const struct sight *at)
{
    uint32_t unknown = client_flags(at) & ~(uint32_t)(NBD_FLAG_C_FIXED_NEWSTYLE | NBD_FLAG_C_NO_ZEROES);

    return unknown != 0 && broken(at, "an answer, though the client's flags have 0x%" PRIx32, unknown);
}

bool goes_on_with_unoffered_flags(const struct sight *at)
{
    uint32_t known = client_flags(at) & (NBD_FLAG_C_FIXED_NEWSTYLE | NBD_FLAG_C_NO_ZEROES);
    uint32_t unoffered = known & ~(uint32_t)at->session->negotiated.handshake_flags;

    return unoffered != 0 &&
           broken(at, "an answer, though the client's flags have 0x%" PRIx32 ", which was not offered",
                  unoffered);
}

/* A server that insists on TLS may say so. */
bool abort_refused(const struct sight *at)
{
    return answers(at, NBD_OPT_ABORT) && at->option->sound && haggle_both_fixed_newstyle(at->session) &&
           reply_is_error(type_of(at)) && type_of(at) != NBD_REP_ERR_TLS_REQD &&
           broken(at, "error 0x%" PRIx32, type_of(at));
}

bool starttls_refused_oddly(const struct sight *at)
{
    return answers(at, NBD_OPT_STARTTLS) && haggle_both_fixed_newstyle(at->session) &&
           (type_of(at) == NBD_REP_ERR_TLS_REQD || type_of(at) == NBD_REP_ERR_UNKNOWN ||
            type_of(at) == NBD_REP_ERR_BLOCK_SIZE_REQD || type_of(at) == NBD_REP_ERR_EXT_HEADER_REQD) &&
           broken(at, "error 0x%" PRIx32 ", which is about something else", type_of(at));
}

static bool data_granted(const struct sight *at, uint32_t option)
{
    return grants(at, option) && at->option->data > 0 &&
           broken(at, "ACK to an option that has %" PRIu64 " bytes of data", at->option->data);
}

bool list_with_data_granted(const struct sight *at)
{
    return data_granted(at, NBD_OPT_LIST);
}

bool structured_reply_with_data_granted(const struct sight *at)
{
    return data_granted(at, NBD_OPT_STRUCTURED_REPLY);
}

static bool malformed_granted(const struct sight *at, uint32_t option)
{
    return grants(at, option) && at->option->misshapen && broken(at, "ACK to an option that is malformed");
}

bool malformed_info_granted(const struct sight *at)
{
    return malformed_granted(at, NBD_OPT_INFO) || malformed_granted(at, NBD_OPT_GO);
}

bool malformed_list_granted(const struct sight *at)
{
    return malformed_granted(at, NBD_OPT_LIST_META_CONTEXT);
}

/* The same may be said of the same export in another order, and of one that is not the same no more. */
static const struct informed *told_before(const struct sight *at)
{
    const struct session *s = at->session;
    const struct informed *i = &s->informed;

    return grants(at, NBD_OPT_GO) && at->option->sound && i->known && s->last_option_known &&
                   s->last_option == NBD_OPT_INFO && at->option->has_export &&
                   span_equal(buffer_span(&i->name), buffer_span(&at->option->name)) &&
                   i->asked == at->option->asked && !(i->asked & UINT32_C(1) << ASKED_OTHERS)
               ? i
               : NULL;
}

bool go_differs_from_info(const struct sight *at)
{
    const struct informed *i = told_before(at);
    const struct pending *go = at->option;

    if (!i)
        return false;
    if (i->export.size != go->export.size)
        return broken(at, "size %" PRIu64 ", and INFO told %" PRIu64, go->export.size, i->export.size);
    if (i->export.flags != go->export.flags)
        return broken(at, "transmission flags 0x%04x, and INFO told 0x%04x", go->export.flags,
                      i->export.flags);
    if (i->has_block_size != go->has_block_size)
        return broken(at, "%s block sizes, and INFO told %s", go->has_block_size ? "" : "no",
                      i->has_block_size ? "some" : "none");
    return i->has_block_size &&
           (i->block_size.minimum != go->block_size.minimum ||
            i->block_size.preferred != go->block_size.preferred ||
            i->block_size.maximum != go->block_size.maximum) &&
           broken(at, "other block sizes than INFO told");
}

/* ---- metadata contexts ---- */

static bool is_context(const struct sight *at, uint32_t option)
{
    return answers(at, option) && at->option->sound && type_of(at) == NBD_REP_META_CONTEXT &&
           !at->message->flaw.rule && at->option->queries.len < at->option->queries.ceiling;
}

/* The bytes up to the first colon and with it. */
static struct span namespace_of(struct span name)
{
    const uint8_t *colon = name.len > 0 ? memchr(name.at, ':', name.len) : NULL;

    return span_of(name.at, colon ? (size_t)(colon - name.at) + 1 : 0);
}

static bool is_base(struct span name)
{
    return span_equal(namespace_of(name), span_text("base:"));
}

/* How the queries are to the name of a context: which of these there are. */
enum { QUERIES_SAME = 1, QUERIES_WILDCARD = 2, QUERIES_OF_NAMESPACE = 4 };

static unsigned queries_for(const struct sight *at, struct span name)
{
    struct span queries = buffer_span(&at->option->queries), query;
    unsigned found = 0;

    while (option_next_query(&queries, &query)) {
        if (span_equal(query, name))
            found |= QUERIES_SAME;
        if (!span_equal(namespace_of(query), namespace_of(name)))
            continue;
        found |= QUERIES_OF_NAMESPACE;
        if (query.len == namespace_of(query).len)
            found |= QUERIES_WILDCARD;
    }
    return found;
}

bool listed_with_id(const struct sight *at)
{
    return is_context(at, NBD_OPT_LIST_META_CONTEXT) && at->message->reply.context != 0 &&
           broken(at, "context ID %" PRIu32, at->message->reply.context);
}

/* What a query finds in a namespace other than "base:" is that namespace's affair. */
bool listed_unasked(const struct sight *at)
{
    unsigned found;

    if (!is_context(at, NBD_OPT_LIST_META_CONTEXT) || at->option->asks_nothing)
        return false;
    found = queries_for(at, at->message->reply.name);
    if (is_base(at->message->reply.name) ? found & (QUERIES_SAME | QUERIES_WILDCARD)
                                         : found & QUERIES_OF_NAMESPACE)
        return false;
    return broken(at, "a metadata context that no query finds");
}

bool selected_by_nothing(const struct sight *at)
{
    return is_context(at, NBD_OPT_SET_META_CONTEXT) && at->option->asks_nothing &&
           broken(at, "a metadata context, though there are no queries");
}

bool selected_without_structured(const struct sight *at)
{
    const struct negotiated *n = &at->session->negotiated;

    return grants(at, NBD_OPT_SET_META_CONTEXT) && at->session->gathered_count > 0 && !n->structured &&
           !n->extended && broken(at, "ACK, though structured replies were not negotiated");
}

bool selected_again(const struct sight *at)
{
    const struct session *s = at->session;
    struct span name = at->message->reply.name;

    if (!is_context(at, NBD_OPT_SET_META_CONTEXT) || name.len >= sizeof s->gathered->name)
        return false;
    for (size_t i = 0; i < s->gathered_count; i++)
        if (span_equal(name, span_text(s->gathered[i].name)))
            return broken(at, "the metadata context \"%s\" again", s->gathered[i].name);
    return false;
}

static bool selects_base(const struct sight *at, unsigned *ret_found)
{
    if (!is_context(at, NBD_OPT_SET_META_CONTEXT) || !is_base(at->message->reply.name))
        return false;
    *ret_found = queries_for(at, at->message->reply.name);
    return !(*ret_found & QUERIES_SAME);
}

bool selected_by_wildcard(const struct sight *at)
{
    unsigned found;

    return selects_base(at, &found) && (found & QUERIES_WILDCARD) &&
           broken(at, "a metadata context of \"base:\", for a query that only lists");
}

bool selected_by_another_leaf(const struct sight *at)
{
    unsigned found;

    return selects_base(at, &found) && (found & QUERIES_OF_NAMESPACE) && !(found & QUERIES_WILDCARD) &&
           broken(at, "a metadata context of \"base:\" that no query names");
}

/* Each query names one, and none of them this. */
bool selected_besides_leaf(const struct sight *at)
{
    return is_context(at, NBD_OPT_SET_META_CONTEXT) && at->option->asks_base && !at->option->asks_nothing &&
           !is_base(at->message->reply.name) &&
           broken(at, "a metadata context that is not in \"base:\", where all queries are");
}

/* ---- sound requests that are refused ---- */

enum { LARGEST_MINIMUM = 65536 }; /* of block sizes: whoever keeps to that is aligned, whatever was told */

static const struct session_request *request(const struct sight *at)
{
    return &at->exchange->request;
}

static const char *command_name(const struct sight *at)
{
    return command_rules_of(request(at)->type)->name;
}

/* Nothing with that flag has succeeded here, or where there is none, of that type. */
static bool never_succeeded(const struct session *s, uint16_t type, uint16_t flag)
{
    return flag ? !(s->succeeded_with & flag) : !(s->succeeded >> type & 1);
}

/* Invalid, though nothing is wrong with it, and nothing like it has been granted here. */
static bool unsupported(const struct sight *at, uint16_t type, uint16_t flag)
{
    const struct session *s = at->session;
    const struct session_request *r = request(at);
    uint64_t unit = s->negotiated.block_size_known ? 1 : LARGEST_MINIMUM;

    return r->type == type && (r->flags & ~NBD_CMD_FLAG_PAYLOAD_LEN) == flag &&
           at->exchange->error == NBD_EINVAL && held_of(at->exchange)->faults == 0 &&
           !at->exchange->excused && never_succeeded(s, type, flag) && r->offset % unit == 0 &&
           r->length % unit == 0 && r->length <= s->negotiated.block_size.maximum &&
           broken(at, "EINVAL to %s, though it is advertised, and nothing is wrong with the request",
                  command_name(at));
}

bool flush_unsupported(const struct sight *at)
{
    return unsupported(at, NBD_CMD_FLUSH, 0);
}

bool trim_unsupported(const struct sight *at)
{
    return unsupported(at, NBD_CMD_TRIM, 0);
}

bool zeroes_unsupported(const struct sight *at)
{
    return unsupported(at, NBD_CMD_WRITE_ZEROES, 0);
}

bool no_hole_unsupported(const struct sight *at)
{
    return unsupported(at, NBD_CMD_WRITE_ZEROES, NBD_CMD_FLAG_NO_HOLE);
}

bool fua_unsupported(const struct sight *at)
{
    return unsupported(at, NBD_CMD_WRITE, NBD_CMD_FLAG_FUA);
}

/* ---- unsound requests ---- */

/* Nothing but that is wrong with the request, and the answer is neither that error nor one of means. */
static bool answered_otherwise(const struct sight *at, enum request_fault fault, uint32_t error, uint32_t or)
{
    uint32_t got = at->exchange->error;

    if (held_of(at->exchange)->faults != (unsigned)fault || at->exchange->excused || got == error || got == or
        || got == NBD_ESHUTDOWN || got == NBD_ENOMEM)
        return false;
    return got != NBD_EOVERFLOW || request(at)->length <= at->session->negotiated.block_size.maximum;
}

static bool broken_by_answer(const struct sight *at, const char *what)
{
    if (at->exchange->error == 0)
        return broken(at, "success of %s %s", command_name(at), what);
    return broken(at, "error %" PRIu32 " to %s %s", at->exchange->error, command_name(at), what);
}

static bool is_beyond_end(const struct sight *at, uint16_t type, uint32_t error, uint32_t or)
{
    return request(at)->type == type && answered_otherwise(at, FAULT_BEYOND_END, error, or) &&
           broken_by_answer(at, "beyond the end of the export");
}

bool read_beyond_end(const struct sight *at)
{
    return is_beyond_end(at, NBD_CMD_READ, NBD_EINVAL, NBD_EINVAL);
}

bool trim_beyond_end(const struct sight *at)
{
    return is_beyond_end(at, NBD_CMD_TRIM, NBD_EINVAL, NBD_EINVAL);
}

bool write_beyond_end(const struct sight *at)
{
    return is_beyond_end(at, NBD_CMD_WRITE, NBD_ENOSPC, NBD_EINVAL);
}

bool zeroes_beyond_end(const struct sight *at)
{
    return is_beyond_end(at, NBD_CMD_WRITE_ZEROES, NBD_ENOSPC, NBD_EINVAL);
}

bool cache_beyond_end(const struct sight *at)
{
    return is_beyond_end(at, NBD_CMD_CACHE, NBD_EINVAL, NBD_EINVAL);
}

/* With extended headers any error will do. */
bool status_beyond_end(const struct sight *at)
{
    return !at->session->negotiated.extended &&
           is_beyond_end(at, NBD_CMD_BLOCK_STATUS, NBD_EINVAL, NBD_EINVAL);
}

static bool is_unaligned(const struct sight *at, uint16_t type)
{
    return request(at)->type == type && answered_otherwise(at, FAULT_UNALIGNED, NBD_EINVAL, NBD_EINVAL) &&
           broken_by_answer(at, "that is not aligned to the minimum block size");
}

bool read_unaligned(const struct sight *at)
{
    return is_unaligned(at, NBD_CMD_READ);
}

bool write_unaligned(const struct sight *at)
{
    return is_unaligned(at, NBD_CMD_WRITE);
}

/* Any error will do for these. */
bool other_unaligned(const struct sight *at)
{
    return at->exchange->error == 0 &&
           (is_unaligned(at, NBD_CMD_TRIM) || is_unaligned(at, NBD_CMD_WRITE_ZEROES) ||
            is_unaligned(at, NBD_CMD_CACHE) || is_unaligned(at, NBD_CMD_BLOCK_STATUS));
}

/* That it succeeds is another requirement's. */
static bool is_to_read_only(const struct sight *at, uint16_t type)
{
    return request(at)->type == type && at->exchange->error != 0 &&
           answered_otherwise(at, FAULT_READ_ONLY, NBD_EPERM, NBD_EPERM) &&
           broken_by_answer(at, "on a read-only export");
}

bool write_to_read_only_refused_oddly(const struct sight *at)
{
    return is_to_read_only(at, NBD_CMD_WRITE);
}

bool trim_of_read_only_refused_oddly(const struct sight *at)
{
    return is_to_read_only(at, NBD_CMD_TRIM);
}

bool zeroes_to_read_only_refused_oddly(const struct sight *at)
{
    return is_to_read_only(at, NBD_CMD_WRITE_ZEROES);
}

/* FUA and the flag of extended headers have rules of their own. */
enum {
    KNOWN_FLAGS = NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_NO_HOLE | NBD_CMD_FLAG_DF | NBD_CMD_FLAG_REQ_ONE |
                  NBD_CMD_FLAG_FAST_ZERO | NBD_CMD_FLAG_PAYLOAD_LEN,
};

static bool has_undue_flag(const struct sight *at, bool unknown)
{
    const struct session_request *r = request(at);

    return !excuse_flags_known(at->session, r) && ((r->flags & ~KNOWN_FLAGS) != 0) == unknown &&
           (unknown || !(r->flags & NBD_CMD_FLAG_PAYLOAD_LEN)) &&
           answered_otherwise(at, FAULT_FLAGS, NBD_EINVAL, NBD_EINVAL);
}

bool unknown_flag_passed_over(const struct sight *at)
{
    return has_undue_flag(at, true) && broken_by_answer(at, "with flags that nobody knows");
}

bool inapplicable_flag_passed_over(const struct sight *at)
{
    return has_undue_flag(at, false) && broken_by_answer(at, "with flags that are not for it");
}

bool status_of_nothing_selected(const struct sight *at)
{
    const struct session *s = at->session;

    return request(at)->type == NBD_CMD_BLOCK_STATUS && s->negotiated.structured &&
           s->negotiated.context_count == 0 && !s->contexts_doubtful &&
           answered_otherwise(at, FAULT_UNADVERTISED, NBD_EINVAL, NBD_EINVAL) &&
           broken_by_answer(at, "without a selected context");
}
