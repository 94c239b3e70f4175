/* SPDX-License-Identifier: MIT */
/* Options that are answered otherwise than they should be.  A row takes an option over: it sends one reply,
 * or does something of its own, or nothing at all. */
#include "reference/misconduct_parts.h"

/* An option of this number in a row stands for every one that is in no table. */
enum { UNKNOWN = 0x7fffffff };

/* Names of more bytes ought to be avoided: proto.md, "Conventions". */
enum { LONG_NAME = 256 };

typedef bool condition(const struct reference_session *s, const struct option_data *data, uint32_t refusal);
typedef void action(struct reference_session *s, const struct option_data *data);

/* ---- when ---- */

static bool always(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    (void)s;
    (void)data;
    (void)refusal;
    return true;
}

static bool is_sound(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    (void)s;
    (void)data;
    return refusal == 0;
}

static bool is_malformed(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    (void)s;
    (void)data;
    return refusal != 0;
}

static bool has_data(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    (void)data;
    (void)refusal;
    return s->in.head.body > 0;
}

static bool is_default(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    (void)s;
    return refusal == 0 && data->name.len == 0;
}

static bool names_nothing(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    return refusal == 0 && !handshake_find(s, data->name);
}

static bool names_at_length(const struct reference_session *s, const struct option_data *data,
                            uint32_t refusal)
{
    (void)s;
    return refusal == 0 && data->name.len > LONG_NAME;
}

static bool names_something(const struct reference_session *s, const struct option_data *data,
                            uint32_t refusal)
{
    return refusal == 0 && handshake_find(s, data->name);
}

static bool asks_nothing(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    (void)s;
    return refusal == 0 && data->infos.len == 0;
}

static bool asks_unknown(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    struct span infos = data->infos;
    uint16_t info;

    (void)s;
    while (refusal == 0 && option_next_info(&infos, &info))
        if (info > NBD_INFO_BLOCK_SIZE)
            return true;
    return false;
}

static bool asks_block_size(const struct reference_session *s, const struct option_data *data,
                            uint32_t refusal)
{
    struct span infos = data->infos;
    uint16_t info;

    (void)s;
    while (refusal == 0 && option_next_info(&infos, &info))
        if (info == NBD_INFO_BLOCK_SIZE)
            return true;
    return false;
}

static bool asks_no_block_size(const struct reference_session *s, const struct option_data *data,
                               uint32_t refusal)
{
    return refusal == 0 && !asks_block_size(s, data, refusal);
}

static bool is_required(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    const struct reference_export *export = refusal == 0 ? handshake_find(s, data->name) : NULL;

    return export && export->block_size_required;
}

static bool is_required_unasked(const struct reference_session *s, const struct option_data *data,
                                uint32_t refusal)
{
    return is_required(s, data, refusal) && !asks_block_size(s, data, refusal);
}

static bool unstructured(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    (void)data;
    return refusal == 0 && !s->structured;
}

/* What the queries of an option name. */
struct named {
    bool allocation, wildcard, other_leaf, other_namespace;
};

static struct named named_by(const struct option_data *data)
{
    struct span base = span_text("base:"), queries = data->queries, query, front;
    struct named named = { false, false, false, false };

    while (option_next_query(&queries, &query)) {
        front = span_of(query.at, query.len < base.len ? query.len : base.len);
        if (span_equal(query, span_text(ALLOCATION_CONTEXT)))
            named.allocation = true;
        else if (span_equal(query, base))
            named.wildcard = true;
        else if (span_equal(front, base))
            named.other_leaf = true;
        else
            named.other_namespace = true;
    }
    return named;
}

static bool could_answer(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    return refusal == 0 && s->structured && handshake_find(s, data->name);
}

static bool no_queries(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    return could_answer(s, data, refusal) && data->query_count == 0;
}

static bool wildcard(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    return could_answer(s, data, refusal) && named_by(data).wildcard;
}

static bool other_leaf(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    return could_answer(s, data, refusal) && named_by(data).other_leaf;
}

static bool allocation_cut_short(const struct reference_session *s, const struct option_data *data,
                                 uint32_t refusal)
{
    struct span queries = data->queries, query;
    bool found = false;

    while (option_next_query(&queries, &query))
        found = found || span_equal(query, span_text("base:alloc"));
    return found && could_answer(s, data, refusal);
}

static bool other_namespace(const struct reference_session *s, const struct option_data *data,
                            uint32_t refusal)
{
    return could_answer(s, data, refusal) && named_by(data).other_namespace;
}

static bool other_wildcard(const struct reference_session *s, const struct option_data *data,
                           uint32_t refusal)
{
    unsigned alone = contexts_named(data, false), with_namespaces = contexts_named(data, true);

    return could_answer(s, data, refusal) && (with_namespaces & ~alone & ~(1u << CONTEXT_ALLOCATION));
}

static bool two_queries(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    return could_answer(s, data, refusal) && data->query_count == 2 && named_by(data).allocation;
}

static bool compact(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    return could_answer(s, data, refusal) && !s->extended;
}

static bool queries_compact(const struct reference_session *s, const struct option_data *data,
                            uint32_t refusal)
{
    return compact(s, data, refusal) && named_by(data).allocation;
}

static bool allocation(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    return could_answer(s, data, refusal) && named_by(data).allocation;
}

static bool no_match(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    return could_answer(s, data, refusal) && data->query_count > 0 && !named_by(data).allocation &&
           !named_by(data).wildcard;
}

static bool keeps_selection(const struct reference_session *s, const struct option_data *data,
                            uint32_t refusal)
{
    return could_answer(s, data, refusal) && s->context_of && !named_by(data).allocation;
}

static bool after_extended(const struct reference_session *s, const struct option_data *data,
                           uint32_t refusal)
{
    (void)data;
    return refusal == 0 && s->extended;
}

static bool extended_names_nothing(const struct reference_session *s, const struct option_data *data,
                                   uint32_t refusal)
{
    return s->extended && names_nothing(s, data, refusal);
}

static bool extended_alone(const struct reference_session *s, const struct option_data *data,
                           uint32_t refusal)
{
    return after_extended(s, data, refusal) && !s->misconduct->structured_before;
}

static bool structured_base(const struct reference_session *s, const struct option_data *data,
                            uint32_t refusal)
{
    struct named named = named_by(data);

    return could_answer(s, data, refusal) && !s->extended && !named.other_namespace &&
           (named.allocation || named.wildcard);
}

/* ---- what ---- */

static void nothing(struct reference_session *s, const struct option_data *data)
{
    (void)s;
    (void)data;
}

static void close_at_once(struct reference_session *s, const struct option_data *data)
{
    (void)data;
    s->over = true;
}

static void list_some(struct reference_session *s, size_t count)
{
    for (size_t i = 0; i < count; i++)
        answer_server(s, &s->config->exports[i]);
    answer_option(s, NBD_REP_ACK, NULL);
}

static void list_all(struct reference_session *s, const struct option_data *data)
{
    (void)data;
    list_some(s, s->config->export_count);
}

static void list_without_last(struct reference_session *s, const struct option_data *data)
{
    (void)data;
    list_some(s, s->config->export_count - 1);
}

static void accept_structured(struct reference_session *s, const struct option_data *data)
{
    (void)data;
    s->structured = true;
    answer_option(s, NBD_REP_ACK, NULL);
}

static void refuse_structured_in_vain(struct reference_session *s, const struct option_data *data)
{
    (void)data;
    s->structured = true;
    answer_option(s, NBD_REP_ERR_UNSUP, NULL);
}

static void accept_extended(struct reference_session *s, const struct option_data *data)
{
    s->extended = true;
    accept_structured(s, data);
}

static void downgrade(struct reference_session *s, const struct option_data *data)
{
    (void)data;
    s->misconduct->structured_after = true;
    answer_option(s, NBD_REP_ERR_EXT_HEADER_REQD, "extended headers were negotiated");
}

static void info_of_default(struct reference_session *s, const struct option_data *data)
{
    (void)data;
    answer_info(s, &s->config->exports[0], NBD_INFO_EXPORT);
    answer_option(s, NBD_REP_ACK, NULL);
    if (s->in.head.option.option == NBD_OPT_GO)
        handshake_enter_transmission(s, &s->config->exports[0]);
}

static void info_then_unknown(struct reference_session *s, const struct option_data *data)
{
    (void)data;
    answer_info(s, &s->config->exports[0], NBD_INFO_EXPORT);
    answer_option(s, NBD_REP_ERR_UNKNOWN, "there is no export of that name");
}

static void serve_default(struct reference_session *s, const struct option_data *data)
{
    (void)data;
    answer_export_name(s, &s->config->exports[0]);
    handshake_enter_transmission(s, &s->config->exports[0]);
}

static void list_context(struct reference_session *s, const struct option_data *data)
{
    (void)data;
    answer_context(s, CONTEXT_ALLOCATION, 0);
    answer_option(s, NBD_REP_ACK, NULL);
}

static void select_context(struct reference_session *s, const struct option_data *data)
{
    s->context_of = handshake_find(s, data->name);
    s->contexts = 1u << CONTEXT_ALLOCATION;
    answer_context(s, CONTEXT_ALLOCATION, ALLOCATION_ID);
    answer_option(s, NBD_REP_ACK, NULL);
}

static void select_context_twice(struct reference_session *s, const struct option_data *data)
{
    answer_context(s, CONTEXT_ALLOCATION, ALLOCATION_ID);
    select_context(s, data);
}

static void select_in_secret(struct reference_session *s, const struct option_data *data)
{
    s->context_of = handshake_find(s, data->name);
    s->contexts = 1u << CONTEXT_ALLOCATION;
    answer_option(s, NBD_REP_ACK, NULL);
}

static void list_contexts(struct reference_session *s, unsigned contexts)
{
    for (unsigned i = 0; i < CONTEXT_COUNT; i++)
        if (contexts & 1u << i)
            answer_context(s, (enum context)i, 0);
}

static void list_all_contexts(struct reference_session *s, const struct option_data *data)
{
    list_contexts(s, contexts_of(s, handshake_find(s, data->name)));
    answer_option(s, NBD_REP_ACK, NULL);
}

static void list_context_twice(struct reference_session *s, const struct option_data *data)
{
    answer_context(s, CONTEXT_ALLOCATION, 0);
    list_context(s, data);
}

static void list_other_contexts(struct reference_session *s, const struct option_data *data)
{
    unsigned named = data->query_count == 0 ? ~0u : contexts_named(data, true);

    list_contexts(s, contexts_of(s, handshake_find(s, data->name)) & named & ~(1u << CONTEXT_ALLOCATION));
    answer_option(s, NBD_REP_ACK, NULL);
}

static void select_contexts(struct reference_session *s, const struct option_data *data, unsigned contexts)
{
    s->context_of = contexts ? handshake_find(s, data->name) : NULL;
    s->contexts = contexts;
    for (unsigned i = 0; i < CONTEXT_COUNT; i++)
        if (contexts & 1u << i)
            answer_context(s, (enum context)i, contexts_id(s, i));
}

static void select_all_contexts(struct reference_session *s, const struct option_data *data)
{
    select_contexts(s, data, contexts_of(s, handshake_find(s, data->name)));
    answer_option(s, NBD_REP_ACK, NULL);
}

static void select_namespaces(struct reference_session *s, const struct option_data *data)
{
    select_contexts(s, data, contexts_of(s, handshake_find(s, data->name)) & contexts_named(data, true));
    answer_option(s, NBD_REP_ACK, NULL);
}

static void select_without_ack(struct reference_session *s, const struct option_data *data)
{
    select_contexts(s, data, 1u << CONTEXT_ALLOCATION);
}

static void select_and_name_one(struct reference_session *s, const struct option_data *data)
{
    select_context(s, data);
    s->contexts = contexts_of(s, s->context_of) & contexts_named(data, false);
}

static void select_behind_ack(struct reference_session *s, const struct option_data *data)
{
    answer_option(s, NBD_REP_ACK, NULL);
    select_contexts(s, data, 1u << CONTEXT_ALLOCATION);
}

static const struct option_fault {
    enum fault fault;
    uint32_t option;
    condition *when;
    uint32_t reply; /* 0: none, what act() does */
    action *act;
} rows[] = {
    { FAULT_UNKNOWN_OPTION_UNANSWERED, UNKNOWN, always, 0, nothing },
    { FAULT_UNKNOWN_OPTION_INVALID, UNKNOWN, always, NBD_REP_ERR_INVALID, NULL },
    { FAULT_UNKNOWN_OPTION_ACKNOWLEDGED, UNKNOWN, always, NBD_REP_ACK, NULL },
    { FAULT_UNKNOWN_OPTION_CLOSES, UNKNOWN, always, 0, close_at_once },
    { FAULT_EXPORT_NAME_UNKNOWN_STAYS, NBD_OPT_EXPORT_NAME, names_nothing, 0, nothing },
    { FAULT_EXPORT_NAME_UNKNOWN_REPLIED, NBD_OPT_EXPORT_NAME, names_nothing, NBD_REP_ERR_UNKNOWN, NULL },
    { FAULT_EXPORT_NAME_UNKNOWN_SERVED, NBD_OPT_EXPORT_NAME, names_nothing, 0, serve_default },
    { FAULT_EXPORT_NAME_UNMET_STAYS, NBD_OPT_EXPORT_NAME, is_required, 0, nothing },
    { FAULT_ABORT_UNACKNOWLEDGED, NBD_OPT_ABORT, always, 0, close_at_once },
    { FAULT_ABORT_UNSUPPORTED, NBD_OPT_ABORT, always, NBD_REP_ERR_UNSUP, NULL },
    { FAULT_ABORT_DATA_REFUSED, NBD_OPT_ABORT, has_data, NBD_REP_ERR_INVALID, NULL },
    { FAULT_LIST_DATA_ACCEPTED, NBD_OPT_LIST, has_data, 0, list_all },
    { FAULT_LIST_DATA_NOT_SKIPPED, NBD_OPT_LIST, has_data, NBD_REP_ERR_INVALID, NULL },
    { FAULT_LIST_INCOMPLETE, NBD_OPT_LIST, is_sound, 0, list_without_last },
    { FAULT_LIST_UNSUPPORTED, NBD_OPT_LIST, always, NBD_REP_ERR_UNSUP, NULL },
    { FAULT_LIST_TLS_REQUIRED, NBD_OPT_LIST, always, NBD_REP_ERR_TLS_REQD, NULL },
    { FAULT_LIST_BLOCK_SIZE_REQUIRED, NBD_OPT_LIST, is_sound, NBD_REP_ERR_BLOCK_SIZE_REQD, NULL },
    { FAULT_LIST_SHUTDOWN, NBD_OPT_LIST, is_sound, NBD_REP_ERR_SHUTDOWN, NULL },
    { FAULT_LIST_CLOSES, NBD_OPT_LIST, is_sound, 0, close_at_once },
    { FAULT_STARTTLS_UNANSWERED, NBD_OPT_STARTTLS, always, 0, nothing },
    { FAULT_STARTTLS_CLOSES, NBD_OPT_STARTTLS, always, 0, close_at_once },
    { FAULT_STARTTLS_ACKNOWLEDGED, NBD_OPT_STARTTLS, always, NBD_REP_ACK, NULL },
    { FAULT_STARTTLS_TLS_REQUIRED, NBD_OPT_STARTTLS, always, NBD_REP_ERR_TLS_REQD, NULL },
    { FAULT_INFO_UNSUPPORTED, NBD_OPT_INFO, always, NBD_REP_ERR_UNSUP, NULL },
    { FAULT_GO_UNSUPPORTED, NBD_OPT_GO, always, NBD_REP_ERR_UNSUP, NULL },
    { FAULT_INFO_CLOSES, NBD_OPT_INFO, is_sound, 0, close_at_once },
    { FAULT_INFO_UNKNOWN, NBD_OPT_INFO, names_something, NBD_REP_ERR_UNKNOWN, NULL },
    { FAULT_INFO_TOO_BIG, NBD_OPT_INFO, is_sound, NBD_REP_ERR_TOO_BIG, NULL },
    { FAULT_BLOCK_SIZE_REQUIRED_UNTOLD, NBD_OPT_INFO, is_required_unasked, NBD_REP_ERR_BLOCK_SIZE_REQD,
      NULL },
    { FAULT_BLOCK_SIZE_REQUIRED_UNTOLD, NBD_OPT_GO, is_required_unasked, NBD_REP_ERR_BLOCK_SIZE_REQD, NULL },
    { FAULT_EXPORT_NAME_EMPTY_CLOSES, NBD_OPT_EXPORT_NAME, is_default, 0, close_at_once },
    { FAULT_INFO_EMPTY_NAME_UNKNOWN, NBD_OPT_INFO, is_default, NBD_REP_ERR_UNKNOWN, NULL },
    { FAULT_NO_INFO_REFUSED, NBD_OPT_GO, asks_nothing, NBD_REP_ERR_INVALID, NULL },
    { FAULT_UNKNOWN_INFO_REFUSED, NBD_OPT_INFO, asks_unknown, NBD_REP_ERR_INVALID, NULL },
    { FAULT_UNKNOWN_INFO_REFUSED, NBD_OPT_GO, asks_unknown, NBD_REP_ERR_INVALID, NULL },
    { FAULT_UNKNOWN_INFO_CLOSES, NBD_OPT_INFO, asks_unknown, 0, close_at_once },
    { FAULT_UNKNOWN_INFO_CLOSES, NBD_OPT_GO, asks_unknown, 0, close_at_once },
    { FAULT_BLOCK_SIZE_REQUIRED_THOUGH_ASKED, NBD_OPT_INFO, asks_block_size, NBD_REP_ERR_BLOCK_SIZE_REQD,
      NULL },
    { FAULT_BLOCK_SIZE_REQUIRED_THOUGH_ASKED, NBD_OPT_GO, asks_block_size, NBD_REP_ERR_BLOCK_SIZE_REQD,
      NULL },
    { FAULT_EXPORT_NAME_CLOSES, NBD_OPT_EXPORT_NAME, always, 0, close_at_once },
    { FAULT_BLOCK_SIZE_DEMANDED, NBD_OPT_GO, asks_no_block_size, NBD_REP_ERR_BLOCK_SIZE_REQD, NULL },
    { FAULT_UNKNOWN_EXPORT_INVALID, NBD_OPT_INFO, names_nothing, NBD_REP_ERR_INVALID, NULL },
    { FAULT_UNKNOWN_EXPORT_INVALID, NBD_OPT_GO, names_nothing, NBD_REP_ERR_INVALID, NULL },
    { FAULT_UNKNOWN_EXPORT_CLOSES, NBD_OPT_INFO, names_nothing, 0, close_at_once },
    { FAULT_UNKNOWN_EXPORT_CLOSES, NBD_OPT_GO, names_nothing, 0, close_at_once },
    { FAULT_LONG_NAME_CLOSES, NBD_OPT_INFO, names_at_length, 0, close_at_once },
    { FAULT_LONG_NAME_CLOSES, NBD_OPT_GO, names_at_length, 0, close_at_once },
    { FAULT_UNKNOWN_EXPORT_SERVED, NBD_OPT_INFO, names_nothing, 0, info_of_default },
    { FAULT_UNKNOWN_EXPORT_SERVED, NBD_OPT_GO, names_nothing, 0, info_of_default },
    { FAULT_UNKNOWN_EXPORT_WITH_INFO, NBD_OPT_INFO, names_nothing, 0, info_then_unknown },
    { FAULT_UNKNOWN_EXPORT_WITH_INFO, NBD_OPT_GO, names_nothing, 0, info_then_unknown },
    { FAULT_MALFORMED_OPTION_UNSUPPORTED, NBD_OPT_INFO, is_malformed, NBD_REP_ERR_UNSUP, NULL },
    { FAULT_MALFORMED_OPTION_UNSUPPORTED, NBD_OPT_GO, is_malformed, NBD_REP_ERR_UNSUP, NULL },
    { FAULT_MALFORMED_OPTION_ACCEPTED, NBD_OPT_INFO, is_malformed, 0, info_of_default },
    { FAULT_MALFORMED_OPTION_ACCEPTED, NBD_OPT_GO, is_malformed, 0, info_of_default },
    { FAULT_STRUCTURED_REPLY_DATA_ACCEPTED, NBD_OPT_STRUCTURED_REPLY, has_data, 0, accept_structured },
    { FAULT_STRUCTURED_REPLY_DATA_NOT_SKIPPED, NBD_OPT_STRUCTURED_REPLY, has_data, NBD_REP_ERR_INVALID,
      NULL },
    { FAULT_STRUCTURED_REPLY_REFUSED_IN_FORCE, NBD_OPT_STRUCTURED_REPLY, is_sound, 0,
      refuse_structured_in_vain },
    { FAULT_STRUCTURED_REPLY_TYPE_UNKNOWN, NBD_OPT_STRUCTURED_REPLY, is_sound, 0x00005555, NULL },
    { FAULT_LIST_META_CONTEXT_MALFORMED_UNSUPPORTED, NBD_OPT_LIST_META_CONTEXT, is_malformed,
      NBD_REP_ERR_UNSUP, NULL },
    { FAULT_LIST_META_CONTEXT_MALFORMED_ACCEPTED, NBD_OPT_LIST_META_CONTEXT, is_malformed, 0, list_context },
    { FAULT_UNKNOWN_NAMESPACE_REFUSED, NBD_OPT_LIST_META_CONTEXT, other_namespace, NBD_REP_ERR_INVALID,
      NULL },
    { FAULT_NO_MATCH_LISTED, NBD_OPT_LIST_META_CONTEXT, no_match, 0, list_context },
    { FAULT_NO_QUERIES_LIST_NOTHING, NBD_OPT_LIST_META_CONTEXT, no_queries, NBD_REP_ACK, NULL },
    { FAULT_WILDCARD_NOT_LISTED, NBD_OPT_LIST_META_CONTEXT, wildcard, NBD_REP_ACK, NULL },
    { FAULT_PRIVATE_WILDCARD_NOT_LISTED, NBD_OPT_LIST_META_CONTEXT, other_wildcard, NBD_REP_ACK, NULL },
    { FAULT_WILDCARD_SELECTS, NBD_OPT_SET_META_CONTEXT, wildcard, 0, select_context },
    { FAULT_UNKNOWN_LEAF_REFUSED, NBD_OPT_LIST_META_CONTEXT, other_leaf, NBD_REP_ERR_INVALID, NULL },
    { FAULT_UNKNOWN_LEAF_REFUSED, NBD_OPT_SET_META_CONTEXT, other_leaf, NBD_REP_ERR_INVALID, NULL },
    { FAULT_CONTEXT_FOUND_BY_PREFIX, NBD_OPT_LIST_META_CONTEXT, allocation_cut_short, 0, list_context },
    { FAULT_CONTEXT_FOUND_BY_PREFIX, NBD_OPT_SET_META_CONTEXT, allocation_cut_short, 0, select_context },
    { FAULT_NO_QUERIES_SELECT, NBD_OPT_SET_META_CONTEXT, no_queries, 0, select_context },
    { FAULT_NONE_SELECTED_REFUSED, NBD_OPT_SET_META_CONTEXT, no_match, NBD_REP_ERR_INVALID, NULL },
    { FAULT_CONTEXT_TWICE, NBD_OPT_SET_META_CONTEXT, allocation, 0, select_context_twice },
    { FAULT_CONTEXT_UNREPORTED, NBD_OPT_SET_META_CONTEXT, allocation, 0, select_in_secret },
    { FAULT_SECOND_CONTEXT_UNREPORTED, NBD_OPT_SET_META_CONTEXT, two_queries, 0, select_and_name_one },
    { FAULT_UNSTRUCTURED_CONTEXT_SELECTED, NBD_OPT_SET_META_CONTEXT, unstructured, 0, select_context },
    { FAULT_SELECTION_KEPT, NBD_OPT_SET_META_CONTEXT, keeps_selection, NBD_REP_ACK, NULL },

    { FAULT_QUERIES_LIST_EVERYTHING, NBD_OPT_LIST_META_CONTEXT, allocation, 0, list_all_contexts },
    { FAULT_QUERIED_CONTEXT_NOT_LISTED, NBD_OPT_LIST_META_CONTEXT, allocation, 0, list_other_contexts },
    { FAULT_CONTEXT_LISTED_PER_QUERY, NBD_OPT_LIST_META_CONTEXT, two_queries, 0, list_context_twice },
    { FAULT_NO_QUERIES_TOO_BIG, NBD_OPT_LIST_META_CONTEXT, no_queries, NBD_REP_ERR_TOO_BIG, NULL },
    { FAULT_WILDCARD_LISTS_TWICE, NBD_OPT_LIST_META_CONTEXT, wildcard, 0, list_context_twice },
    { FAULT_PRIVATE_WILDCARD_SELECTS, NBD_OPT_SET_META_CONTEXT, other_wildcard, 0, select_namespaces },
    { FAULT_LEAF_SELECTS_EVERYTHING, NBD_OPT_SET_META_CONTEXT, allocation, 0, select_all_contexts },
    { FAULT_FAILED_SELECTION_KEEPS, NBD_OPT_SET_META_CONTEXT, is_malformed, NBD_REP_ERR_INVALID, NULL },
    { FAULT_UNKNOWN_EXPORT_SELECTION_KEEPS, NBD_OPT_SET_META_CONTEXT, names_nothing, NBD_REP_ERR_UNKNOWN,
      NULL },
    { FAULT_SELECTION_UNACKNOWLEDGED, NBD_OPT_SET_META_CONTEXT, allocation, 0, select_without_ack },
    { FAULT_SELECTION_ACKNOWLEDGED_FIRST, NBD_OPT_SET_META_CONTEXT, allocation, 0, select_behind_ack },
    { FAULT_ALLOCATION_NEEDS_EXTENDED, NBD_OPT_LIST_META_CONTEXT, compact, 0, list_other_contexts },
    { FAULT_ALLOCATION_NEEDS_EXTENDED, NBD_OPT_SET_META_CONTEXT, queries_compact, NBD_REP_ACK, NULL },

    { FAULT_EXTENDED_HEADERS_DATA_ACCEPTED, NBD_OPT_EXTENDED_HEADERS, has_data, 0, accept_extended },
    { FAULT_EXTENDED_HEADERS_DATA_NOT_SKIPPED, NBD_OPT_EXTENDED_HEADERS, has_data, NBD_REP_ERR_INVALID,
      NULL },
    { FAULT_EXTENDED_HEADERS_TYPE_UNKNOWN, NBD_OPT_EXTENDED_HEADERS, is_sound, 0x00005555, NULL },
    { FAULT_EXTENDED_HEADERS_NEED_STRUCTURED, NBD_OPT_EXTENDED_HEADERS, unstructured, NBD_REP_ERR_INVALID,
      NULL },
    { FAULT_EXTENDED_HEADERS_BLOCK_SIZE_REQUIRED, NBD_OPT_EXTENDED_HEADERS, is_sound,
      NBD_REP_ERR_BLOCK_SIZE_REQD, NULL },
    { FAULT_EXTENDED_HEADERS_CONTEXTS_NEED_STRUCTURED, NBD_OPT_LIST_META_CONTEXT, extended_alone,
      NBD_REP_ERR_INVALID, NULL },
    { FAULT_EXTENDED_HEADERS_CONTEXTS_NEED_STRUCTURED, NBD_OPT_SET_META_CONTEXT, extended_alone,
      NBD_REP_ERR_INVALID, NULL },
    { FAULT_EXTENDED_GO_UNSUPPORTED, NBD_OPT_GO, after_extended, NBD_REP_ERR_UNSUP, NULL },
    { FAULT_EXTENDED_GO_UNKNOWN_UNSUPPORTED, NBD_OPT_GO, extended_names_nothing, NBD_REP_ERR_UNSUP, NULL },
    { FAULT_EXTENDED_GO_EXT_HEADER_REQUIRED, NBD_OPT_GO, extended_names_nothing, NBD_REP_ERR_EXT_HEADER_REQD,
      NULL },
    { FAULT_STRUCTURED_REPLY_ACKNOWLEDGED_AFTER_EXTENDED, NBD_OPT_STRUCTURED_REPLY, after_extended,
      NBD_REP_ACK, NULL },
    { FAULT_STRUCTURED_REPLY_DOWNGRADES, NBD_OPT_STRUCTURED_REPLY, after_extended, 0, downgrade },
    { FAULT_EXT_HEADER_REQUIRED_VALUE_WRONG, NBD_OPT_STRUCTURED_REPLY, after_extended,
      NBD_REP_ERR_EXT_HEADER_REQD + 1, NULL },
    { FAULT_BASE_LIST_EXT_HEADER_REQUIRED, NBD_OPT_LIST_META_CONTEXT, structured_base,
      NBD_REP_ERR_EXT_HEADER_REQD, NULL },
    { FAULT_BASE_SELECTION_EXT_HEADER_REQUIRED, NBD_OPT_SET_META_CONTEXT, structured_base,
      NBD_REP_ERR_EXT_HEADER_REQD, NULL },
    { FAULT_EXTENDED_LIST_EXT_HEADER_REQUIRED, NBD_OPT_LIST_META_CONTEXT, after_extended,
      NBD_REP_ERR_EXT_HEADER_REQD, NULL },
};

static bool is_meant(const struct option_fault *row, uint32_t option)
{
    if (row->option == UNKNOWN)
        return option_layout_of(option) == OPTION_UNKNOWN;
    return row->option == option;
}

bool options_misconduct(struct reference_session *s, const struct option_data *data, uint32_t *refusal)
{
    uint32_t option = s->in.head.option.option;

    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct option_fault *row = &rows[i];

        if (!fault_on(s, row->fault) || !is_meant(row, option) || !row->when(s, data, *refusal))
            continue;
        if (row->reply != 0)
            answer_option(s, row->reply, row->reply == NBD_REP_ACK ? NULL : "so it is decided");
        else
            row->act(s, data);
        return true;
    }
    return false;
}

/* Options whose data stay in the stream, where they are taken for the next option. */
void options_misconduct_begin(struct reference_session *s)
{
    uint32_t option = s->in.head.option.option;
    bool unknown = option_layout_of(option) == OPTION_UNKNOWN;

    if ((unknown && fault_on(s, FAULT_UNKNOWN_OPTION_DATA_NOT_SKIPPED)) ||
        (option == NBD_OPT_LIST && fault_on(s, FAULT_LIST_DATA_NOT_SKIPPED)) ||
        (option == NBD_OPT_STRUCTURED_REPLY && fault_on(s, FAULT_STRUCTURED_REPLY_DATA_NOT_SKIPPED)) ||
        (option == NBD_OPT_EXTENDED_HEADERS && fault_on(s, FAULT_EXTENDED_HEADERS_DATA_NOT_SKIPPED)))
        s->scan.body = 0;
    if (unknown && s->scan.body > 0 && fault_on(s, FAULT_UNKNOWN_OPTION_LAST_BYTE_NOT_SKIPPED))
        s->scan.body--;
}

/* Whether the last message from start on ends the answer well. */
static bool was_acknowledged(const struct reference_session *s, size_t start)
{
    size_t last = s->output.len - WIRE_SIZE_option_reply;

    return s->output.len >= start + WIRE_SIZE_option_reply && edit_get(s, last, 8) == NBD_REP_MAGIC &&
           edit_get(s, last + 12, 4) == NBD_REP_ACK;
}

void options_misconduct_answered(struct reference_session *s, size_t start)
{
    uint32_t option = s->in.head.option.option;
    bool done = was_acknowledged(s, start);

    if (option == NBD_OPT_EXTENDED_HEADERS && done && s->misconduct->extended_before &&
        fault_on(s, FAULT_EXTENDED_HEADERS_TOGGLED))
        s->extended = false;
    if (option == NBD_OPT_EXTENDED_HEADERS && done)
        s->misconduct->extended_before = true;
    if (option == NBD_OPT_STRUCTURED_REPLY && done && !s->extended)
        s->misconduct->structured_before = true;
    if (option == NBD_OPT_INFO && done && fault_on(s, FAULT_INFO_ENTERS_TRANSMISSION))
        handshake_enter_transmission(s, &s->config->exports[0]);
    if ((option == NBD_OPT_GO && fault_on(s, FAULT_GO_STAYS_IN_HAGGLING)) ||
        (option == NBD_OPT_EXPORT_NAME && fault_on(s, FAULT_EXPORT_NAME_STAYS_IN_HAGGLING)))
        s->scan.expect = SCAN_OPTION;
    if (option == NBD_OPT_INFO && done && fault_on(s, FAULT_INFO_ACKNOWLEDGED_TWICE))
        answer_option(s, NBD_REP_ACK, NULL);
    if (option == NBD_OPT_LIST && done && fault_on(s, FAULT_LIST_ACKNOWLEDGED_TWICE))
        answer_option(s, NBD_REP_ACK, NULL);
    if (option_layout_of(option) == OPTION_UNKNOWN && fault_on(s, FAULT_ACKNOWLEDGED_AFTER_ERROR))
        answer_option(s, NBD_REP_ACK, NULL);
}
