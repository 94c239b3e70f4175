/* SPDX-License-Identifier: MIT */
/* The handshake: greeting, client flags, options.  proto.md, "Newstyle negotiation" and "Option types". */
#include <stdio.h>

#include "reference/manners.h"
#include "reference/misconduct.h"
#include "reference/state.h"
#include "reference/upgrade.h"
#include "wire/constants.h"

enum { OPTIONS_MAX = 1024 };

static void greet_oldstyle(struct reference_session *s)
{
    const struct reference_export *export = &s->config->exports[0];
    size_t start = s->output.len;
    struct wire_out out;

    if (upgrade_is_due(s, export)) {
        s->over = true;
        return;
    }
    out = answer_room(s, WIRE_SIZE_greeting + WIRE_SIZE_oldstyle + NBD_EXPORT_PADDING);
    handshake_enter_transmission(s, export);
    wire_put_greeting(&out, &(struct wire_greeting){ NBD_INIT_PASSWD, NBD_CLISERV_MAGIC });
    wire_put_oldstyle(&out, &(struct wire_oldstyle){ store_size(export->store), 0, s->flags });
    memset(out.at + out.len, 0, NBD_EXPORT_PADDING); /* as long as the reserved bytes here */
    answer_put(s, start, SCAN_KIND_OLDSTYLE);
}

static uint16_t handshake_flags(const struct reference_session *s)
{
    uint16_t flags = s->config->face == REFERENCE_NEWSTYLE ? 0 : NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES;

    MANNERS(s, manners_handshake_flags(s, &flags));
    return flags;
}

static void greet_newstyle(struct reference_session *s)
{
    size_t start = s->output.len;
    struct wire_out out = answer_room(s, WIRE_SIZE_greeting + WIRE_SIZE_handshake_flags);

    wire_put_greeting(&out, &(struct wire_greeting){ NBD_INIT_PASSWD, NBD_OPTS_MAGIC });
    wire_put_handshake_flags(&out, &(struct wire_handshake_flags){ handshake_flags(s) });
    answer_put(s, start, SCAN_KIND_NEWSTYLE);
}

void handshake_greet(struct reference_session *s)
{
    if (s->config->face == REFERENCE_OLDSTYLE)
        greet_oldstyle(s);
    else
        greet_newstyle(s);
}

/* Options are answered in the fixed newstyle also to a client that does not say it knows it: proto.md,
 * "Client flags", lets the server do so. */
void handshake_take_flags(struct reference_session *s)
{
    uint32_t flags = s->in.head.client_flags.flags;

    MISCONDUCT(s, misconduct_client_flags(s, &flags));
    if (flags & ~(uint32_t)handshake_flags(s)) { /* the client's flags have the same bits */
        s->over = true;
        return;
    }
    s->no_zeroes = flags & NBD_FLAG_C_NO_ZEROES;
    upgrade_take_flags(s, flags);
    s->scan.expect = SCAN_OPTION;
}

const struct reference_export *handshake_find(const struct reference_session *s, struct span name)
{
    for (size_t i = 0; i < s->config->export_count; i++)
        if (span_equal(span_text(s->config->exports[i].name), name))
            return &s->config->exports[i];
    return name.len == 0 || MANNERS_TAKE(s, manners_any_name(s)) ? &s->config->exports[0] : NULL;
}

uint16_t handshake_transmission_flags(const struct reference_session *s,
                                      const struct reference_export *export)
{
    unsigned flags = NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA | NBD_FLAG_SEND_TRIM |
                     NBD_FLAG_SEND_WRITE_ZEROES | NBD_FLAG_CAN_MULTI_CONN | NBD_FLAG_SEND_CACHE |
                     NBD_FLAG_SEND_FAST_ZERO;

    if (s->structured)
        flags |= NBD_FLAG_SEND_DF;
    if (s->extended && s->context_of == export)
        flags |= NBD_FLAG_BLOCK_STATUS_PAYLOAD;
    flags &= ~(unsigned)export->without;
    MANNERS(s, manners_transmission_flags(s, &flags));
    if (!(flags & NBD_FLAG_SEND_WRITE_ZEROES))
        flags &= ~(unsigned)NBD_FLAG_SEND_FAST_ZERO;
    if (export->read_only)
        flags |= NBD_FLAG_READ_ONLY;
    return (uint16_t)(flags | NBD_FLAG_HAS_FLAGS);
}

void handshake_enter_transmission(struct reference_session *s, const struct reference_export *export)
{
    s->export = export;
    s->flags = handshake_transmission_flags(s, export);
    if (s->context_of != export)
        s->context_of = NULL;
    s->scan.expect = s->extended ? SCAN_EXTENDED_REQUEST : SCAN_REQUEST;
}

/* ---- options ---- */

static void take_export_name(struct reference_session *s, const struct option_data *data)
{
    const struct reference_export *export = handshake_find(s, data->name);

    if (!export || export->block_size_required || upgrade_is_due(s, export)) {
        /* there is no other way to say so */
        s->over = true;
        return;
    }
    answer_export_name(s, export);
    handshake_enter_transmission(s, export);
}

static void take_abort(struct reference_session *s, const struct option_data *data)
{
    (void)data;
    answer_option(s, NBD_REP_ACK, NULL);
    s->over = true;
}

static void take_list(struct reference_session *s, const struct option_data *data)
{
    (void)data;
    for (size_t i = 0; i < s->config->export_count; i++)
        if (!MANNERS_TAKE(s, manners_unlisted(s, &s->config->exports[i])))
            answer_server(s, &s->config->exports[i]);
    answer_option(s, NBD_REP_ACK, NULL);
}

/* Sends the information that was asked for and there is, each once, NBD_INFO_EXPORT in any case. */
static bool answer_infos(struct reference_session *s, const struct option_data *data)
{
    const struct reference_export *export = handshake_find(s, data->name);
    struct span infos = data->infos;
    bool wanted[] = { [NBD_INFO_EXPORT] = true, [NBD_INFO_BLOCK_SIZE] = false };
    bool unasked;
    uint16_t info;

    if (!export) {
        answer_option(s, NBD_REP_ERR_UNKNOWN, "there is no export of that name");
        return false;
    }
    if (upgrade_is_due(s, export)) {
        answer_option(s, upgrade_refusal(s), "this export is for TLS only");
        return false;
    }
    while (option_next_info(&infos, &info))
        if (info < sizeof wanted / sizeof *wanted)
            wanted[info] = true;
    if (!export->description)
        wanted[NBD_INFO_DESCRIPTION] = false;
    s->sized = wanted[NBD_INFO_BLOCK_SIZE] ? export : s->sized;
    unasked = export->block_size_required && s->sized != export;
    wanted[NBD_INFO_BLOCK_SIZE] |= unasked; /* which saves a round trip */
    if (!MANNERS_TAKE(s, manners_infos(s, export, wanted)))
        for (info = 0; info < sizeof wanted / sizeof *wanted; info++)
            if (wanted[info])
                answer_info(s, export, info);
    if (unasked) {
        answer_option(s, NBD_REP_ERR_BLOCK_SIZE_REQD, "ask for the block size of this export");
        return false;
    }
    answer_option(s, NBD_REP_ACK, NULL);
    return true;
}

static void take_info(struct reference_session *s, const struct option_data *data)
{
    answer_infos(s, data);
}

static void take_go(struct reference_session *s, const struct option_data *data)
{
    if (answer_infos(s, data))
        handshake_enter_transmission(s, handshake_find(s, data->name));
}

static void take_structured_reply(struct reference_session *s, const struct option_data *data)
{
    (void)data;
    if (s->extended) {
        answer_option(s, NBD_REP_ERR_EXT_HEADER_REQD, "extended headers were negotiated, and stay");
        return;
    }
    s->structured = true;
    answer_option(s, NBD_REP_ACK, NULL);
}

static void take_extended_headers(struct reference_session *s, const struct option_data *data)
{
    (void)data;
    s->structured = true;
    s->extended = true;
    answer_option(s, NBD_REP_ACK, NULL);
}

/* The export that a metadata context option speaks of; NULL when it was answered with an error. */
static const struct reference_export *context_export(struct reference_session *s,
                                                     const struct option_data *data)
{
    const struct reference_export *export = handshake_find(s, data->name);

    if (!s->structured && !MANNERS_TAKE(s, manners_lists_early(s)))
        answer_option(s, NBD_REP_ERR_INVALID,
                      "structured replies or extended headers have to be negotiated first");
    else if (!export)
        answer_option(s, NBD_REP_ERR_UNKNOWN, "there is no export of that name");
    else if (upgrade_is_due(s, export)) /* ERR_TLS_REQD is for INFO and GO alone */
        answer_option(s, NBD_REP_ERR_POLICY, "this export is for TLS only");
    else
        return export;
    return NULL;
}

static void take_list_meta_context(struct reference_session *s, const struct option_data *data)
{
    const struct reference_export *export = context_export(s, data);
    unsigned listed;

    if (!export)
        return;
    if (MANNERS_TAKE(s, manners_list_contexts(s, export, data)))
        return;
    listed = contexts_of(s, export);
    if (data->query_count > 0)
        listed &= contexts_named(data, true);
    for (unsigned i = 0; i < CONTEXT_COUNT; i++)
        if (listed & 1u << contexts_nth(s, i))
            answer_context(s, (enum context)contexts_nth(s, i), 0);
    answer_option(s, NBD_REP_ACK, NULL);
}

static void take_set_meta_context(struct reference_session *s, const struct option_data *data)
{
    const struct reference_export *export;

    s->context_of = NULL; /* also when this fails */
    export = context_export(s, data);
    if (!export)
        return;
    MANNERS(s, manners_select_contexts(s));
    s->contexts = contexts_of(s, export) & contexts_named(data, false);
    if (s->contexts)
        s->context_of = export;
    for (unsigned i = 0; i < CONTEXT_COUNT; i++)
        if (s->contexts & 1u << contexts_nth(s, i))
            answer_context(s, (enum context)contexts_nth(s, i), contexts_id(s, contexts_nth(s, i)));
    answer_option(s, NBD_REP_ACK, NULL);
}

static const struct option_row {
    uint32_t option;
    void (*take)(struct reference_session *s, const struct option_data *data);
    bool needs_structured; /* unknown where structured replies are */
    bool any_data;         /* data that do not belong there are ignored */
} rows[] = {
    { NBD_OPT_EXPORT_NAME, take_export_name, false, false },
    { NBD_OPT_ABORT, take_abort, false, true },
    { NBD_OPT_LIST, take_list, false, false },
    { NBD_OPT_STARTTLS, upgrade_take_starttls, false, false },
    { NBD_OPT_INFO, take_info, false, false },
    { NBD_OPT_GO, take_go, false, false },
    { NBD_OPT_STRUCTURED_REPLY, take_structured_reply, true, false },
    { NBD_OPT_LIST_META_CONTEXT, take_list_meta_context, true, false },
    { NBD_OPT_SET_META_CONTEXT, take_set_meta_context, true, false },
    { NBD_OPT_EXTENDED_HEADERS, take_extended_headers, true, false },
};

static const struct option_row *row_of(const struct reference_session *s, uint32_t option)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].option == option && !(rows[i].needs_structured && s->config->no_structured) &&
            !(option == NBD_OPT_EXTENDED_HEADERS && s->config->no_extended) &&
            !(option == NBD_OPT_STARTTLS && !upgrade_is_offered(s)))
            return &rows[i];
    return NULL;
}

/* Options that end the connection, whatever their data. */
static bool is_turned_away(struct reference_session *s, uint32_t option)
{
    uint64_t most = s->config->limits.options > 0 ? s->config->limits.options : OPTIONS_MAX;

    if (s->options++ == most)
        return true;
    if (option == NBD_OPT_EXPORT_NAME)
        return s->in.late || upgrade_must_precede(s, option); /* there is no other way to say so */
    return s->config->face == REFERENCE_NEWSTYLE || MANNERS_TAKE(s, manners_turns_away(s));
}

void handshake_begin_option(struct reference_session *s)
{
    buffer_clear(&s->option_data);
    s->in.too_long = s->in.head.body > s->option_data.ceiling;
    s->over = is_turned_away(s, s->in.head.option.option);
    MISCONDUCT(s, misconduct_begin_option(s));
}

/* Why the option's data cannot be taken, as the type of the reply; 0: they can. */
static uint32_t judge_data(const struct reference_session *s, uint32_t option, struct option_data *ret,
                           struct wire_flaw *ret_flaw)
{
    bool sound = option_decode(option, buffer_span(&s->option_data), ret, ret_flaw);

    if (s->in.too_long) {
        *ret_flaw = (struct wire_flaw){ "", "length", 8, "is more than this option may have here" };
        return ret->layout == OPTION_NONE ? NBD_REP_ERR_INVALID : NBD_REP_ERR_TOO_BIG;
    }
    return sound ? 0 : NBD_REP_ERR_INVALID;
}

/* The option is known, but not the way it was sent. */
static void refuse_option(struct reference_session *s, uint32_t option, uint32_t refusal,
                          const struct wire_flaw *flaw)
{
    char message[200];

    if (option == NBD_OPT_EXPORT_NAME) {
        s->over = true;
        return;
    }
    if (option == NBD_OPT_SET_META_CONTEXT)
        s->context_of = NULL;
    snprintf(message, sizeof message, "%s %s", flaw->field, flaw->reason);
    answer_option(s, refusal, message);
}

void handshake_take_option(struct reference_session *s)
{
    uint32_t option = s->in.head.option.option;
    const struct option_row *row = row_of(s, option);
    struct option_data data;
    struct wire_flaw flaw;
    uint32_t refusal = judge_data(s, option, &data, &flaw);
    size_t start = s->output.len;

    if (MISCONDUCT_TAKES(s, misconduct_early_option(s, &data)))
        return;
    if (upgrade_must_precede(s, option)) {
        answer_option(s, NBD_REP_ERR_TLS_REQD, "TLS comes first");
        return;
    }
    if (s->in.late && option != NBD_OPT_ABORT) {
        answer_option(s, NBD_REP_ERR_SHUTDOWN, "the server is shutting down");
        return;
    }
    if (row && MANNERS_TAKE(s, manners_option(s, &data, row->any_data ? 0 : refusal)))
        return;
    if (MISCONDUCT_TAKES(s, misconduct_option(s, &data, refusal)))
        return;
    if (!row)
        answer_option(s, NBD_REP_ERR_UNSUP, "this option is not known here");
    else if (refusal != 0 && !row->any_data)
        refuse_option(s, option, refusal, &flaw);
    else
        row->take(s, &data);
    MISCONDUCT(s, misconduct_answered_option(s, start));
}
