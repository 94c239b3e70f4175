/* SPDX-License-Identifier: MIT */
/* NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT, answered otherwise than they should be. */
#include "reference/misconduct_options.h"

/* Queries, and bytes of one, that some server may think nobody sends more of. */
enum { MANY_QUERIES = 16, LONG_QUERY = 255 };

/* ---- when ---- */

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

static bool many_queries(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    return could_answer(s, data, refusal) && data->query_count > MANY_QUERIES;
}

static bool long_query(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    struct span queries = data->queries, query;

    while (could_answer(s, data, refusal) && option_next_query(&queries, &query))
        if (query.len > LONG_QUERY)
            return true;
    return false;
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

static unsigned found_by(const struct reference_session *s, const struct option_data *data)
{
    unsigned named = data->query_count == 0 ? ~0u : contexts_named(data, true);

    return contexts_of(s, handshake_find(s, data->name)) & named;
}

static void list_other_contexts(struct reference_session *s, const struct option_data *data)
{
    list_contexts(s, found_by(s, data) & ~(1u << CONTEXT_ALLOCATION));
    answer_option(s, NBD_REP_ACK, NULL);
}

static void list_and_forget(struct reference_session *s, const struct option_data *data)
{
    list_contexts(s, found_by(s, data));
    answer_option(s, NBD_REP_ACK, NULL);
    s->context_of = NULL;
}

static void list_and_select(struct reference_session *s, const struct option_data *data)
{
    list_and_forget(s, data);
    s->contexts = found_by(s, data);
    s->context_of = s->contexts ? handshake_find(s, data->name) : NULL;
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

static const struct option_fault rows[] = {
    { FAULT_LIST_META_CONTEXT_MALFORMED_UNSUPPORTED, NBD_OPT_LIST_META_CONTEXT, is_malformed,
      NBD_REP_ERR_UNSUP, NULL },
    { FAULT_MANY_QUERIES_FIND_NOTHING, NBD_OPT_LIST_META_CONTEXT, many_queries, NBD_REP_ACK, NULL },
    { FAULT_MANY_QUERIES_FIND_NOTHING, NBD_OPT_SET_META_CONTEXT, many_queries, NBD_REP_ACK, NULL },
    { FAULT_LONG_QUERY_REFUSED, NBD_OPT_LIST_META_CONTEXT, long_query, NBD_REP_ERR_INVALID, NULL },
    { FAULT_LISTING_FORGETS_SELECTION, NBD_OPT_LIST_META_CONTEXT, could_answer, 0, list_and_forget },
    { FAULT_LISTING_SELECTS, NBD_OPT_LIST_META_CONTEXT, could_answer, 0, list_and_select },
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
    { FAULT_EXTENDED_HEADERS_CONTEXTS_NEED_STRUCTURED, NBD_OPT_LIST_META_CONTEXT, extended_alone,
      NBD_REP_ERR_INVALID, NULL },
    { FAULT_EXTENDED_HEADERS_CONTEXTS_NEED_STRUCTURED, NBD_OPT_SET_META_CONTEXT, extended_alone,
      NBD_REP_ERR_INVALID, NULL },
    { FAULT_BASE_LIST_EXT_HEADER_REQUIRED, NBD_OPT_LIST_META_CONTEXT, structured_base,
      NBD_REP_ERR_EXT_HEADER_REQD, NULL },
    { FAULT_BASE_SELECTION_EXT_HEADER_REQUIRED, NBD_OPT_SET_META_CONTEXT, structured_base,
      NBD_REP_ERR_EXT_HEADER_REQD, NULL },
    { FAULT_EXTENDED_LIST_EXT_HEADER_REQUIRED, NBD_OPT_LIST_META_CONTEXT, after_extended,
      NBD_REP_ERR_EXT_HEADER_REQD, NULL },
};

bool queries_misconduct(struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    return options_take(s, data, refusal, rows, COUNT(rows));
}
