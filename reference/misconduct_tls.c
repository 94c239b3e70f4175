/* SPDX-License-Identifier: MIT */
/* Modes of TLS that are not kept to, and what should be forgotten when TLS begins.  What is wrong with TLS
 * itself is in secure.c. */
#include "reference/misconduct_parts.h"

/* An option of this number in a row stands for every one that is in no table. */
enum { UNKNOWN = 0x7fffffff };

typedef bool condition(const struct reference_session *s, const struct option_data *data);
typedef void action(struct reference_session *s, const struct option_data *data);

/* ---- when ---- */

static bool plain(const struct reference_session *s, const struct option_data *data)
{
    (void)data;
    return !s->tls;
}

static bool secured(const struct reference_session *s, const struct option_data *data)
{
    (void)data;
    return s->tls;
}

static bool plain_and_late(const struct reference_session *s, const struct option_data *data)
{
    (void)data;
    return !s->tls && s->options > 1;
}

static bool plain_and_again(const struct reference_session *s, const struct option_data *data)
{
    (void)data;
    return !s->tls && s->misconduct->listed;
}

static bool plain_names_nothing(const struct reference_session *s, const struct option_data *data)
{
    return !s->tls && !handshake_find(s, data->name);
}

static bool plain_names_open(const struct reference_session *s, const struct option_data *data)
{
    const struct reference_export *export = handshake_find(s, data->name);

    return !s->tls && export && !export->tls_only;
}

static bool plain_names_secret(const struct reference_session *s, const struct option_data *data)
{
    const struct reference_export *export = handshake_find(s, data->name);

    return !s->tls && export && export->tls_only;
}

/* ---- what ---- */

static void acknowledge(struct reference_session *s, const struct option_data *data)
{
    (void)data;
    answer_option(s, NBD_REP_ACK, NULL);
}

static void list(struct reference_session *s, const struct option_data *data)
{
    (void)data;
    for (size_t i = 0; i < s->config->export_count; i++)
        answer_server(s, &s->config->exports[i]);
    answer_option(s, NBD_REP_ACK, NULL);
}

static void tell(struct reference_session *s, const struct option_data *data)
{
    answer_info(s, handshake_find(s, data->name), NBD_INFO_EXPORT);
    answer_info(s, handshake_find(s, data->name), NBD_INFO_BLOCK_SIZE);
    answer_option(s, NBD_REP_ACK, NULL);
}

static void tell_and_refuse(struct reference_session *s, const struct option_data *data)
{
    answer_info(s, handshake_find(s, data->name), NBD_INFO_EXPORT);
    answer_option(s, NBD_REP_ERR_TLS_REQD, "TLS comes first");
}

static void let_in(struct reference_session *s, const struct option_data *data)
{
    tell(s, data);
    handshake_enter_transmission(s, handshake_find(s, data->name));
}

static void serve(struct reference_session *s, const struct option_data *data)
{
    answer_export_name(s, handshake_find(s, data->name));
    handshake_enter_transmission(s, handshake_find(s, data->name));
}

static void acknowledge_twice(struct reference_session *s, const struct option_data *data)
{
    acknowledge(s, data);
    acknowledge(s, data);
    s->starting_tls = true;
}

static const struct tls_fault {
    enum fault fault;
    uint32_t option;
    condition *when;
    uint32_t reply; /* 0: what act() does */
    action *act;
} rows[] = {
    { FAULT_FORCED_STARTTLS_REFUSED, NBD_OPT_STARTTLS, plain, NBD_REP_ERR_POLICY, NULL },
    { FAULT_FORCED_STARTTLS_AGAIN_UNSUPPORTED, NBD_OPT_STARTTLS, secured, NBD_REP_ERR_UNSUP, NULL },
    { FAULT_FORCED_LIST_ANSWERED, NBD_OPT_LIST, plain, 0, list },
    { FAULT_FORCED_STRUCTURED_REPLY_POLICY, NBD_OPT_STRUCTURED_REPLY, plain, NBD_REP_ERR_POLICY, NULL },
    { FAULT_FORCED_ABORT_POLICY, NBD_OPT_ABORT, plain, NBD_REP_ERR_POLICY, NULL },
    { FAULT_FORCED_INFO_ANSWERED, NBD_OPT_INFO, plain_names_open, 0, tell },
    { FAULT_FORCED_INFO_UNKNOWN, NBD_OPT_INFO, plain_names_nothing, NBD_REP_ERR_UNKNOWN, NULL },
    { FAULT_FORCED_UNKNOWN_OPTION_UNSUPPORTED, UNKNOWN, plain, NBD_REP_ERR_UNSUP, NULL },
    { FAULT_FORCED_EXPORT_NAME_SERVED, NBD_OPT_EXPORT_NAME, plain_names_open, 0, serve },
    { FAULT_FORCED_GO_SERVED, NBD_OPT_GO, plain_names_open, 0, let_in },
    { FAULT_FORCED_GO_POLICY, NBD_OPT_GO, plain, NBD_REP_ERR_POLICY, NULL },
    { FAULT_FORCED_TLS_REQUIRED_UNDER_TLS, NBD_OPT_LIST, secured, NBD_REP_ERR_TLS_REQD, NULL },
    { FAULT_FORCED_INFO_THEN_TLS_REQUIRED, NBD_OPT_INFO, plain_names_open, 0, tell_and_refuse },
    { FAULT_SELECTIVE_STARTTLS_LATE_REFUSED, NBD_OPT_STARTTLS, plain_and_late, NBD_REP_ERR_POLICY, NULL },
    { FAULT_SELECTIVE_STARTTLS_AGAIN_ACKNOWLEDGED, NBD_OPT_STARTTLS, secured, 0, acknowledge },
    { FAULT_SELECTIVE_LIST_TLS_REQUIRED, NBD_OPT_LIST, plain, NBD_REP_ERR_TLS_REQD, NULL },
    { FAULT_SELECTIVE_INFO_TLS_REQUIRED, NBD_OPT_INFO, plain_names_open, NBD_REP_ERR_TLS_REQD, NULL },
    { FAULT_SELECTIVE_GO_TLS_REQUIRED, NBD_OPT_GO, plain_names_open, NBD_REP_ERR_TLS_REQD, NULL },
    { FAULT_SELECTIVE_TLS_REQUIRED_UNDER_TLS, NBD_OPT_LIST, secured, NBD_REP_ERR_TLS_REQD, NULL },
    { FAULT_TLS_ONLY_INFO_ANSWERED, NBD_OPT_INFO, plain_names_secret, 0, tell },
    { FAULT_TLS_ONLY_GO_SERVED, NBD_OPT_GO, plain_names_secret, 0, let_in },
    { FAULT_TLS_ONLY_UNKNOWN, NBD_OPT_INFO, plain_names_secret, NBD_REP_ERR_UNKNOWN, NULL },
    { FAULT_TLS_ONLY_UNKNOWN, NBD_OPT_GO, plain_names_secret, NBD_REP_ERR_UNKNOWN, NULL },
    { FAULT_TLS_ONLY_EXPORT_NAME_SERVED, NBD_OPT_EXPORT_NAME, plain_names_secret, 0, serve },
    { FAULT_HIDDEN_WITH_INFO, NBD_OPT_INFO, plain_names_nothing, NBD_REP_ERR_TLS_REQD, NULL },
    { FAULT_HIDDEN_WITH_INFO, NBD_OPT_INFO, plain_names_secret, 0, tell_and_refuse },
    { FAULT_TLS_MODE_CHANGES, NBD_OPT_LIST, plain_and_again, NBD_REP_ERR_TLS_REQD, NULL },
    { FAULT_TLS_PLAIN_TEXT_ANSWERED, NBD_OPT_STARTTLS, plain, 0, acknowledge_twice },
};

static bool is_meant(const struct tls_fault *row, uint32_t option)
{
    if (row->option == UNKNOWN)
        return option_layout_of(option) == OPTION_UNKNOWN;
    return row->option == option;
}

bool tls_misconduct_option(struct reference_session *s, const struct option_data *data)
{
    uint32_t option = s->in.head.option.option;
    bool done = false;

    for (size_t i = 0; i < COUNT(rows) && !done && s->config->tls != REFERENCE_TLS_OFF; i++) {
        const struct tls_fault *row = &rows[i];

        if (!fault_on(s, row->fault) || !is_meant(row, option) || !row->when(s, data))
            continue;
        if (row->reply != 0)
            answer_option(s, row->reply, "so it is decided");
        else
            row->act(s, data);
        done = true;
    }
    return done;
}

/* EXPORT_NAME would end the session before its data have come. */
void tls_misconduct_begin(struct reference_session *s)
{
    if (s->in.head.option.option == NBD_OPT_EXPORT_NAME && s->config->tls == REFERENCE_TLS_FORCED &&
        !s->tls && fault_on(s, FAULT_FORCED_EXPORT_NAME_SERVED))
        s->over = false;
}

bool misconduct_plain_text(const struct reference_session *s)
{
    return fault_on(s, FAULT_TLS_PLAIN_TEXT_KEPT);
}

void misconduct_tls_started(struct reference_session *s, const struct misconduct_before *before)
{
    s->structured = before->structured && fault_on(s, FAULT_STRUCTURED_KEPT_OVER_TLS);
    s->extended = before->extended && fault_on(s, FAULT_EXTENDED_KEPT_OVER_TLS);
    s->structured = s->structured || s->extended;
    if (!fault_on(s, FAULT_CONTEXTS_KEPT_OVER_TLS))
        return;
    s->context_of = before->context_of;
    s->contexts = before->contexts;
}
