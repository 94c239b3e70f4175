/* SPDX-License-Identifier: MIT */
/* The handshake: greeting, client flags, options.  proto.md, "Newstyle negotiation" and "Option types". */
#include <stdio.h>

#include "reference/misconduct.h"
#include "reference/state.h"
#include "wire/constants.h"

void handshake_greet(struct reference_session *s)
{
    size_t start = s->output.len;
    struct wire_out out = answer_room(s, WIRE_SIZE_greeting + WIRE_SIZE_handshake_flags);

    wire_put_greeting(&out, &(struct wire_greeting){ NBD_INIT_PASSWD, NBD_OPTS_MAGIC });
    wire_put_handshake_flags(&out,
                             &(struct wire_handshake_flags){ NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES });
    answer_put(s, start, SCAN_KIND_NEWSTYLE);
}

/* Options are answered in the fixed newstyle also to a client that does not say it knows it: proto.md,
 * "Client flags", lets the server do so. */
void handshake_take_flags(struct reference_session *s)
{
    uint32_t flags = s->in.head.client_flags.flags;

    MISCONDUCT(s, misconduct_client_flags(s, &flags));
    if (flags & ~(uint32_t)(NBD_FLAG_C_FIXED_NEWSTYLE | NBD_FLAG_C_NO_ZEROES)) {
        s->over = true;
        return;
    }
    s->no_zeroes = flags & NBD_FLAG_C_NO_ZEROES;
    s->scan.expect = SCAN_OPTION;
}

const struct reference_export *handshake_find(const struct reference_session *s, struct span name)
{
    for (size_t i = 0; i < s->config->export_count; i++)
        if (span_equal(span_text(s->config->exports[i].name), name))
            return &s->config->exports[i];
    return name.len == 0 ? &s->config->exports[0] : NULL;
}

uint16_t handshake_transmission_flags(const struct reference_session *s,
                                      const struct reference_export *export)
{
    unsigned flags = NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA | NBD_FLAG_SEND_TRIM |
                     NBD_FLAG_SEND_WRITE_ZEROES | NBD_FLAG_CAN_MULTI_CONN | NBD_FLAG_SEND_CACHE |
                     NBD_FLAG_SEND_FAST_ZERO;

    if (s->structured)
        flags |= NBD_FLAG_SEND_DF;
    flags &= ~(unsigned)export->without;
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
    s->scan.expect = SCAN_REQUEST;
}

/* ---- options ---- */

static void take_export_name(struct reference_session *s, const struct option_data *data)
{
    const struct reference_export *export = handshake_find(s, data->name);

    if (!export) { /* there is no other way to say so */
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
        answer_server(s, &s->config->exports[i]);
    answer_option(s, NBD_REP_ACK, NULL);
}

/* Sends the information that was asked for and there is, each once, NBD_INFO_EXPORT in any case. */
static bool answer_infos(struct reference_session *s, const struct option_data *data)
{
    const struct reference_export *export = handshake_find(s, data->name);
    struct span infos = data->infos;
    bool wanted[] = { [NBD_INFO_EXPORT] = true, [NBD_INFO_BLOCK_SIZE] = false };
    uint16_t info;

    if (!export) {
        answer_option(s, NBD_REP_ERR_UNKNOWN, "there is no export of that name");
        return false;
    }
    while (option_next_info(&infos, &info))
        if (info < sizeof wanted / sizeof *wanted)
            wanted[info] = true;
    if (!export->description)
        wanted[NBD_INFO_DESCRIPTION] = false;
    for (info = 0; info < sizeof wanted / sizeof *wanted; info++)
        if (wanted[info])
            answer_info(s, export, info);
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
    s->structured = true;
    answer_option(s, NBD_REP_ACK, NULL);
}

/* Whether one of the queries names base:allocation; wildcard: whether "base:" does, too. */
static bool queries_match(const struct option_data *data, bool wildcard)
{
    struct span queries = data->queries, query;
    bool match = false;

    while (option_next_query(&queries, &query))
        match = match || span_equal(query, span_text(ALLOCATION_CONTEXT)) ||
                (wildcard && span_equal(query, span_text("base:")));
    return match;
}

/* The export that a metadata context option speaks of; NULL when it was answered with an error. */
static const struct reference_export *context_export(struct reference_session *s,
                                                     const struct option_data *data)
{
    const struct reference_export *export = handshake_find(s, data->name);

    if (!s->structured)
        answer_option(s, NBD_REP_ERR_INVALID, "structured replies have to be negotiated first");
    else if (!export)
        answer_option(s, NBD_REP_ERR_UNKNOWN, "there is no export of that name");
    return s->structured ? export : NULL;
}

static void take_list_meta_context(struct reference_session *s, const struct option_data *data)
{
    if (!context_export(s, data))
        return;
    if (data->query_count == 0 || queries_match(data, true))
        answer_context(s, 0);
    answer_option(s, NBD_REP_ACK, NULL);
}

static void take_set_meta_context(struct reference_session *s, const struct option_data *data)
{
    const struct reference_export *export;

    s->context_of = NULL; /* also when this fails */
    export = context_export(s, data);
    if (!export)
        return;
    if (queries_match(data, false)) {
        s->context_of = export;
        answer_context(s, ALLOCATION_ID);
    }
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
    { NBD_OPT_INFO, take_info, false, false },
    { NBD_OPT_GO, take_go, false, false },
    { NBD_OPT_STRUCTURED_REPLY, take_structured_reply, true, false },
    { NBD_OPT_LIST_META_CONTEXT, take_list_meta_context, true, false },
    { NBD_OPT_SET_META_CONTEXT, take_set_meta_context, true, false },
};

static const struct option_row *row_of(const struct reference_session *s, uint32_t option)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].option == option && !(rows[i].needs_structured && s->config->no_structured))
            return &rows[i];
    return NULL;
}

void handshake_begin_option(struct reference_session *s)
{
    buffer_clear(&s->option_data);
    s->in.too_long = s->in.head.body > s->option_data.ceiling;
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

    if (MISCONDUCT_TAKES(s, misconduct_option(s, &data, &refusal)))
        return;
    if (!row)
        answer_option(s, NBD_REP_ERR_UNSUP, "this option is not known here");
    else if (refusal != 0 && !row->any_data)
        refuse_option(s, option, refusal, &flaw);
    else
        row->take(s, &data);
    MISCONDUCT(s, misconduct_answered_option(s, start));
}
