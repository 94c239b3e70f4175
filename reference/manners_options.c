/* SPDX-License-Identifier: MIT */
/* Options that are refused for reasons of the server's own, and what their replies hold.  A row says which,
 * and how they are answered. */
#include "reference/manners_parts.h"
#include "reference/upgrade.h"

enum {
    QUERIES_MAX = 4,
    CLOSED = 0,
    UNKNOWN_INFO = 0x4e42,
    SIZES = 1 << NBD_INFO_BLOCK_SIZE, /* saves a round trip */
    ALL = 1 << NBD_INFO_EXPORT | 1 << NBD_INFO_NAME | SIZES,
};

typedef bool condition(const struct reference_session *s, const struct option_data *data, uint32_t refusal);

/* ---- when; refusal is what the server made of the data ---- */

static bool always(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    (void)s;
    (void)data;
    (void)refusal;
    return true;
}

static bool in_order(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    (void)s;
    (void)data;
    return refusal == 0;
}

static bool malformed(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    (void)s;
    (void)data;
    return refusal != 0;
}

static bool structured_again(const struct reference_session *s, const struct option_data *data,
                             uint32_t refusal)
{
    return in_order(s, data, refusal) && s->structured && !s->extended;
}

static bool extended_again(const struct reference_session *s, const struct option_data *data,
                           uint32_t refusal)
{
    return in_order(s, data, refusal) && s->extended;
}

static bool unstructured(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    return in_order(s, data, refusal) && !s->structured;
}

static bool selected_again(const struct reference_session *s, const struct option_data *data,
                           uint32_t refusal)
{
    return in_order(s, data, refusal) && s->context_of;
}

static bool compact(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    return in_order(s, data, refusal) && !s->extended && !s->config->no_extended &&
           handshake_find(s, data->name);
}

/* The export that the option names, which may be had as things are; or NULL. */
static const struct reference_export *named(const struct reference_session *s, const struct option_data *data,
                                            uint32_t refusal)
{
    const struct reference_export *export = refusal == 0 ? handshake_find(s, data->name) : NULL;

    return export && !upgrade_is_due(s, export) ? export : NULL;
}

static bool names_export(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    return named(s, data, refusal) != NULL;
}

static bool has_own_sizes(const struct reference_export *export)
{
    return export->block_size_required || export->block_size.minimum > 1 || export->block_size.maximum > 0;
}

static bool names_sized(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    const struct reference_export *export = named(s, data, refusal);

    return export && has_own_sizes(export);
}

static bool asks_for_block_size(const struct option_data *data)
{
    struct span infos = data->infos;
    uint16_t info;

    while (option_next_info(&infos, &info))
        if (info == NBD_INFO_BLOCK_SIZE)
            return true;
    return false;
}

static bool sized_without_block_size(const struct reference_session *s, const struct option_data *data,
                                     uint32_t refusal)
{
    return names_sized(s, data, refusal) && !asks_for_block_size(data);
}

static bool extended_without_block_size(const struct reference_session *s, const struct option_data *data,
                                        uint32_t refusal)
{
    return s->extended && names_export(s, data, refusal) && !asks_for_block_size(data);
}

/* Whether the option at hand is the GO for which the answer to INFO still has to hold. */
static bool repeats_info(const struct reference_session *s)
{
    return s->in.head.option.option == NBD_OPT_GO && s->manners->informed &&
           s->options == s->manners->informed_at + 1 &&
           span_equal(buffer_span(&s->option_data), buffer_span(&s->manners->asked));
}

static bool changed_since_info(const struct reference_session *s, const struct option_data *data,
                               uint32_t refusal)
{
    return names_export(s, data, refusal) && s->manners->informed && !repeats_info(s);
}

static bool plain_names_nothing(const struct reference_session *s, const struct option_data *data,
                                uint32_t refusal)
{
    return in_order(s, data, refusal) && upgrade_is_offered(s) && !s->tls && !handshake_find(s, data->name);
}

/* Who hides unknown exports SHOULD NOT tell anything of exports for TLS only. */
static bool plain_names_tls_only(const struct reference_session *s, const struct option_data *data,
                                 uint32_t refusal)
{
    const struct reference_export *export = refusal == 0 ? handshake_find(s, data->name) : NULL;

    return export && upgrade_is_offered(s) && upgrade_is_due(s, export) &&
           !odd(s, ODDITY_UNKNOWN_EXPORTS_HIDDEN);
}

static bool malformed_and_plain(const struct reference_session *s, const struct option_data *data,
                                uint32_t refusal)
{
    return malformed(s, data, refusal) && !s->tls;
}

static bool of_many_queries(const struct reference_session *s, const struct option_data *data,
                            uint32_t refusal)
{
    return in_order(s, data, refusal) && s->structured && data->query_count > QUERIES_MAX;
}

static bool colonless(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    struct span queries = data->queries, query;

    if (refusal != 0 || !s->structured)
        return false;
    while (option_next_query(&queries, &query))
        if (query.len == 0 || !memchr(query.at, ':', query.len))
            return true;
    return false;
}

#define ANY UINT32_MAX

static const struct option_row {
    enum oddity oddity;
    uint32_t option;
    condition *when;
    uint32_t type;  /* of the reply, or CLOSED */
    unsigned tells; /* what information comes before it */
} rows[] = {
    { ODDITY_LIST_REFUSED, NBD_OPT_LIST, in_order, NBD_REP_ERR_POLICY, 0 },
    { ODDITY_STRUCTURED_REPLY_REFUSED, NBD_OPT_STRUCTURED_REPLY, in_order, NBD_REP_ERR_POLICY, 0 },
    { ODDITY_STRUCTURED_REPLY_REFUSED, NBD_OPT_EXTENDED_HEADERS, in_order, NBD_REP_ERR_POLICY, 0 },
    { ODDITY_STRUCTURED_REPLY_UNKNOWN, NBD_OPT_EXTENDED_HEADERS, always, NBD_REP_ERR_UNSUP, 0 },
    { ODDITY_STRUCTURED_REPLY_UNKNOWN, NBD_OPT_STRUCTURED_REPLY, always, NBD_REP_ERR_UNSUP, 0 },
    { ODDITY_STRUCTURED_REPLY_UNKNOWN, NBD_OPT_LIST_META_CONTEXT, always, NBD_REP_ERR_UNSUP, 0 },
    { ODDITY_STRUCTURED_REPLY_UNKNOWN, NBD_OPT_SET_META_CONTEXT, always, NBD_REP_ERR_UNSUP, 0 },
    { ODDITY_META_CONTEXTS_UNKNOWN, NBD_OPT_LIST_META_CONTEXT, always, NBD_REP_ERR_UNSUP, 0 },
    { ODDITY_META_CONTEXTS_UNKNOWN, NBD_OPT_SET_META_CONTEXT, always, NBD_REP_ERR_UNSUP, 0 },
    { ODDITY_META_CONTEXTS_REFUSED, NBD_OPT_LIST_META_CONTEXT, in_order, NBD_REP_ERR_POLICY, 0 },
    { ODDITY_META_CONTEXTS_REFUSED, NBD_OPT_SET_META_CONTEXT, in_order, NBD_REP_ERR_POLICY, 0 },
    { ODDITY_LIST_META_CONTEXT_REFUSED, NBD_OPT_LIST_META_CONTEXT, in_order, NBD_REP_ERR_POLICY, 0 },
    { ODDITY_REPEATED_STRUCTURED_REPLY_REFUSED, NBD_OPT_STRUCTURED_REPLY, structured_again,
      NBD_REP_ERR_INVALID, 0 },
    { ODDITY_REPEATED_STRUCTURED_REPLY_REFUSED, NBD_OPT_EXTENDED_HEADERS, extended_again, NBD_REP_ERR_INVALID,
      0 },
    { ODDITY_REPEATED_SET_META_CONTEXT_REFUSED, NBD_OPT_SET_META_CONTEXT, selected_again, NBD_REP_ERR_INVALID,
      0 },
    { ODDITY_COLONLESS_QUERIES_REFUSED, NBD_OPT_LIST_META_CONTEXT, colonless, NBD_REP_ERR_INVALID, 0 },
    { ODDITY_MANY_QUERIES_TOO_BIG, NBD_OPT_LIST_META_CONTEXT, of_many_queries, NBD_REP_ERR_TOO_BIG, 0 },
    { ODDITY_MANY_QUERIES_TOO_BIG, NBD_OPT_SET_META_CONTEXT, of_many_queries, NBD_REP_ERR_TOO_BIG, 0 },
    { ODDITY_EXTENDED_BLOCK_SIZE_REQUIRED, NBD_OPT_GO, extended_without_block_size,
      NBD_REP_ERR_BLOCK_SIZE_REQD, SIZES },
    { ODDITY_UNSIZED_CLIENTS_REFUSED, NBD_OPT_GO, sized_without_block_size, NBD_REP_ERR_BLOCK_SIZE_REQD,
      SIZES },
    { ODDITY_UNSIZED_CLIENTS_REFUSED, NBD_OPT_EXPORT_NAME, names_sized, CLOSED, 0 },
    { ODDITY_EXTENDED_HEADERS_REQUIRED, NBD_OPT_INFO, compact, NBD_REP_ERR_EXT_HEADER_REQD, 0 },
    { ODDITY_EXTENDED_HEADERS_REQUIRED, NBD_OPT_GO, compact, NBD_REP_ERR_EXT_HEADER_REQD, 0 },
    { ODDITY_EXTENDED_HEADERS_REQUIRED, NBD_OPT_EXPORT_NAME, compact, CLOSED, 0 },
    { ODDITY_STARTTLS_DATA_IGNORED, NBD_OPT_STARTTLS, malformed_and_plain, NBD_REP_ACK, 0 },
    { ODDITY_UNKNOWN_EXPORTS_HIDDEN, NBD_OPT_INFO, plain_names_nothing, NBD_REP_ERR_TLS_REQD, 0 },
    { ODDITY_UNKNOWN_EXPORTS_HIDDEN, NBD_OPT_GO, plain_names_nothing, NBD_REP_ERR_TLS_REQD, 0 },
    { ODDITY_TLS_ONLY_TOLD, NBD_OPT_INFO, plain_names_tls_only, NBD_REP_ERR_TLS_REQD, ALL },
    { ODDITY_TLS_ONLY_TOLD, NBD_OPT_GO, plain_names_tls_only, NBD_REP_ERR_TLS_REQD, ALL },
    { ODDITY_INFO_REFUSED_LATE, NBD_OPT_INFO, names_export, NBD_REP_ERR_POLICY, ALL },
    { ODDITY_GO_AFTER_INFO_REFUSED, NBD_OPT_GO, changed_since_info, NBD_REP_ERR_POLICY, 0 },
    { ODDITY_MALFORMED_OPTIONS_CLOSE, ANY, malformed, CLOSED, 0 },
    { ODDITY_EARLY_OPTIONS_CLOSE, NBD_OPT_SET_META_CONTEXT, unstructured, CLOSED, 0 },
};

static void carry_out(struct reference_session *s, const struct option_row *row,
                      const struct option_data *data)
{
    if (s->in.head.option.option == NBD_OPT_SET_META_CONTEXT)
        s->context_of = NULL;
    for (uint16_t info = 0; row->tells >> info != 0; info++)
        if (row->tells >> info & 1)
            answer_info(s, handshake_find(s, data->name), info);
    if (row->type == CLOSED)
        s->over = true;
    else if (row->type == NBD_REP_ACK)
        upgrade_take_starttls(s, data);
    else
        answer_option(s, row->type, "not in this house");
}

/* The answer to INFO holds for a GO that is the same and follows at once, and not for others. */
static void note_info(struct reference_session *s, uint32_t option, uint32_t refusal)
{
    struct manners *m = s->manners;

    if (option != NBD_OPT_INFO && option != NBD_OPT_GO)
        return;
    m->rotational = option == NBD_OPT_GO && m->informed && !repeats_info(s);
    m->informed = option == NBD_OPT_INFO && refusal == 0;
    m->informed_at = s->options;
    buffer_clear(&m->asked);
    if (m->informed)
        buffer_add(&m->asked, s->option_data.bytes, s->option_data.len);
}

static const struct option_row *find_row(const struct reference_session *s, const struct option_data *data,
                                         uint32_t refusal)
{
    uint32_t option = s->in.head.option.option;

    for (size_t i = 0; i < COUNT(rows); i++)
        if (odd(s, rows[i].oddity) && (rows[i].option == ANY || rows[i].option == option) &&
            rows[i].when(s, data, refusal))
            return &rows[i];
    return NULL;
}

bool manners_option(struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    const struct option_row *row = find_row(s, data, refusal);

    s->manners->sizes_binding = false;
    note_info(s, s->in.head.option.option, refusal);
    if (row)
        carry_out(s, row, data);
    return row != NULL;
}

/* ---- metadata contexts ---- */

bool manners_lists_early(const struct reference_session *s)
{
    return odd(s, ODDITY_CONTEXTS_LISTED_UNSTRUCTURED) &&
           s->in.head.option.option == NBD_OPT_LIST_META_CONTEXT;
}

/* The namespace of a context, colon included. */
static struct span namespace_of(enum context context)
{
    const char *name = context_rows[context].name;

    return span_of(name, strcspn(name, ":") + 1);
}

static void answer_namespace(struct reference_session *s, struct span name)
{
    size_t start = s->output.len;
    struct wire_out out = answer_room(s, WIRE_SIZE_option_reply + 4 + name.len);

    reply_put_meta_context(&out, s->in.head.option.option, 0, name);
    answer_put(s, start, SCAN_KIND_OPTION_REPLY);
}

bool manners_list_contexts(struct reference_session *s, const struct reference_export *export,
                           const struct option_data *data)
{
    struct span last = span_of(NULL, 0);
    unsigned named = contexts_named(data, true) | (data->query_count == 0 ? 1u << CONTEXT_HIGH : 0);

    if (!s->extended && (named & 1u << CONTEXT_HIGH) && odd(s, ODDITY_WIDE_CONTEXTS_LISTED)) {
        if (data->query_count == 0)
            answer_context(s, CONTEXT_ALLOCATION, 0);
        answer_context(s, CONTEXT_HIGH, 0);
        answer_option(s, NBD_REP_ERR_EXT_HEADER_REQD, "x-nbdtest:high is for extended headers");
        return true;
    }
    if (!odd(s, ODDITY_CONTEXTS_LISTED_BY_WILDCARD) || data->query_count > 0)
        return false;
    for (unsigned context = 0; context < CONTEXT_COUNT; context++) {
        struct span name = namespace_of((enum context)context);

        if (!(contexts_of(s, export) & 1u << context) || span_equal(name, last))
            continue; /* those of one namespace stand together */
        answer_namespace(s, name);
        last = name;
    }
    answer_option(s, NBD_REP_ACK, NULL);
    return true;
}

void manners_select_contexts(struct reference_session *s)
{
    uint32_t id = context_rows[CONTEXT_ALLOCATION].id;

    if (odd(s, ODDITY_CONTEXT_ID_ZERO))
        s->context_shift = 0 - id;
    if (odd(s, ODDITY_CONTEXT_ID_LARGE))
        s->context_shift = UINT32_MAX - id;
    if (odd(s, ODDITY_CONTEXT_ID_VARIES))
        s->context_shift += UINT32_C(0x9e3779b9);
}

unsigned manners_context(const struct reference_session *s, unsigned nth)
{
    return odd(s, ODDITY_CONTEXTS_REVERSED) ? CONTEXT_COUNT - 1 - nth : nth;
}

/* ---- information ---- */

static void answer_unknown_info(struct reference_session *s)
{
    size_t start = s->output.len;
    struct wire_out out = answer_room(s, WIRE_SIZE_option_reply + 2 + 7);

    reply_put_info_text(&out, s->in.head.option.option, UNKNOWN_INFO, span_text("\x01\x02 what"));
    answer_put(s, start, SCAN_KIND_OPTION_REPLY);
}

bool manners_infos(struct reference_session *s, const struct reference_export *export, const bool wanted[])
{
    static const uint16_t orders[][4] = {
        { NBD_INFO_EXPORT, NBD_INFO_NAME, NBD_INFO_DESCRIPTION, NBD_INFO_BLOCK_SIZE },
        { NBD_INFO_BLOCK_SIZE, NBD_INFO_DESCRIPTION, NBD_INFO_NAME, NBD_INFO_EXPORT },
        { NBD_INFO_NAME, NBD_INFO_EXPORT, NBD_INFO_BLOCK_SIZE, NBD_INFO_DESCRIPTION },
        { NBD_INFO_DESCRIPTION, NBD_INFO_BLOCK_SIZE, NBD_INFO_EXPORT, NBD_INFO_NAME },
    };
    unsigned nth = s->manners->infos_sent++;
    const uint16_t *order = orders[odd(s, ODDITY_INFOS_REORDERED)  ? nth % COUNT(orders)
                                   : odd(s, ODDITY_INFOS_REVERSED) ? 1
                                                                   : 0];
    bool own_sizes = has_own_sizes(export);

    s->manners->sizes_binding =
        s->in.head.option.option == NBD_OPT_GO && own_sizes && wanted[NBD_INFO_BLOCK_SIZE];
    if (odd(s, ODDITY_INFOS_UNKNOWN))
        answer_unknown_info(s);
    for (size_t i = 0; i < COUNT(orders[0]); i++) {
        uint16_t info = order[i];
        bool sent = wanted[info] || odd(s, ODDITY_INFOS_UNSOLICITED);

        if (odd(s, ODDITY_INFOS_MINIMAL)) /* constraints that are enforced have to be told */
            sent = info == NBD_INFO_EXPORT || (sent && info == NBD_INFO_BLOCK_SIZE && own_sizes);
        if (info == NBD_INFO_DESCRIPTION && !export->description)
            sent = false;
        if (sent)
            answer_info(s, export, info);
    }
    return true;
}

void manners_option_message(struct reference_session *s, const char **message)
{
    if (odd(s, ODDITY_OPTION_ERRORS_BARE))
        *message = NULL;
    else if (odd(s, ODDITY_OPTION_ERRORS_LONG))
        *message = s->manners->long_message;
}
