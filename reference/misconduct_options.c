/* SPDX-License-Identifier: MIT */
/* Options that are answered otherwise than they should be.  A row takes an option over: it sends one reply,
 * or does something of its own, or nothing at all. */
#include "reference/misconduct_options.h"

/* An option of this number in a row stands for every one that is in no table. */
enum { UNKNOWN = 0x7fffffff };

/* Names of more bytes ought to be avoided: proto.md, "Conventions". */
enum { LONG_NAME = 256 };

/* Information requests that some server may think nobody makes more of. */
enum { MANY_INFOS = 128 };

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

bool is_malformed(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
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

bool names_nothing(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    return refusal == 0 && !handshake_find(s, data->name);
}

static bool names_at_length(const struct reference_session *s, const struct option_data *data,
                            uint32_t refusal)
{
    (void)s;
    return refusal == 0 && data->name.len > LONG_NAME;
}

static bool names_nothing_at_length(const struct reference_session *s, const struct option_data *data,
                                    uint32_t refusal)
{
    return names_at_length(s, data, refusal) && names_nothing(s, data, refusal);
}

static bool names_another(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    return refusal == 0 && data->name.len > 0 && handshake_find(s, data->name);
}

static bool begins_as_known(const struct reference_session *s, const struct option_data *data,
                            uint32_t refusal)
{
    struct span begun = data->name;

    while (names_nothing(s, data, refusal) && begun.len > 1)
        if (handshake_find(s, span_of(begun.at, --begun.len)))
            return true;
    return false;
}

static bool comes_late(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    return s->options > 1 && refusal == 0 && handshake_find(s, data->name);
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

static bool asks_for(const struct option_data *data, uint16_t wanted)
{
    struct span infos = data->infos;
    uint16_t info;

    while (option_next_info(&infos, &info))
        if (info == wanted)
            return true;
    return false;
}

static bool asks_block_size(const struct reference_session *s, const struct option_data *data,
                            uint32_t refusal)
{
    (void)s;
    return refusal == 0 && asks_for(data, NBD_INFO_BLOCK_SIZE);
}

static bool asks_name_of_nothing(const struct reference_session *s, const struct option_data *data,
                                 uint32_t refusal)
{
    return names_nothing(s, data, refusal) && asks_for(data, NBD_INFO_NAME);
}

static bool asks_much(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    (void)s;
    return refusal == 0 && data->infos.len / sizeof(uint16_t) > MANY_INFOS;
}

static bool comes_again(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    (void)data;
    return refusal == 0 && s->misconduct->listed;
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

bool unstructured(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    (void)data;
    return refusal == 0 && !s->structured;
}

bool after_extended(const struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    (void)data;
    return refusal == 0 && s->extended;
}

static bool extended_names_nothing(const struct reference_session *s, const struct option_data *data,
                                   uint32_t refusal)
{
    return s->extended && names_nothing(s, data, refusal);
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

static void refuse_data_in_vain(struct reference_session *s, const struct option_data *data)
{
    (void)data;
    s->structured = true;
    answer_option(s, NBD_REP_ERR_INVALID, "this option has no data");
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

static void info_and_forget(struct reference_session *s, const struct option_data *data)
{
    answer_info(s, handshake_find(s, data->name), NBD_INFO_EXPORT);
    answer_info(s, handshake_find(s, data->name), NBD_INFO_BLOCK_SIZE);
    answer_option(s, NBD_REP_ACK, NULL);
    s->structured = s->extended;
}

static void info_then_unknown(struct reference_session *s, const struct option_data *data)
{
    (void)data;
    answer_info(s, &s->config->exports[0], NBD_INFO_EXPORT);
    answer_option(s, NBD_REP_ERR_UNKNOWN, "there is no export of that name");
}

static void name_then_unknown(struct reference_session *s, const struct option_data *data)
{
    (void)data;
    answer_info(s, &s->config->exports[0], NBD_INFO_NAME);
    answer_option(s, NBD_REP_ERR_UNKNOWN, "there is no export of that name");
}

static void refuse_and_forget(struct reference_session *s, const struct option_data *data)
{
    (void)data;
    s->structured = s->extended;
    answer_option(s, NBD_REP_ERR_UNSUP, "this option is not known here");
}

static void serve_default(struct reference_session *s, const struct option_data *data)
{
    (void)data;
    answer_export_name(s, &s->config->exports[0]);
    handshake_enter_transmission(s, &s->config->exports[0]);
}

static const struct option_fault rows[] = {
    { FAULT_UNKNOWN_OPTION_UNANSWERED, UNKNOWN, always, 0, nothing },
    { FAULT_UNKNOWN_OPTION_INVALID, UNKNOWN, always, NBD_REP_ERR_INVALID, NULL },
    { FAULT_UNKNOWN_OPTION_ACKNOWLEDGED, UNKNOWN, always, NBD_REP_ACK, NULL },
    { FAULT_UNKNOWN_OPTION_CLOSES, UNKNOWN, always, 0, close_at_once },
    { FAULT_UNKNOWN_OPTION_FORGETS_STRUCTURED, UNKNOWN, always, 0, refuse_and_forget },
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
    { FAULT_LIST_AGAIN_EMPTY, NBD_OPT_LIST, comes_again, NBD_REP_ACK, NULL },
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
    { FAULT_MANY_INFOS_REFUSED, NBD_OPT_INFO, asks_much, NBD_REP_ERR_INVALID, NULL },
    { FAULT_MANY_INFOS_REFUSED, NBD_OPT_GO, asks_much, NBD_REP_ERR_INVALID, NULL },
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
    { FAULT_GO_UNKNOWN_SERVED, NBD_OPT_GO, names_nothing, 0, info_of_default },
    { FAULT_LONG_NAME_SERVED, NBD_OPT_INFO, names_nothing_at_length, 0, info_of_default },
    { FAULT_LONG_NAME_SERVED, NBD_OPT_GO, names_nothing_at_length, 0, info_of_default },
    { FAULT_LONG_NAME_SERVED, NBD_OPT_EXPORT_NAME, names_nothing_at_length, 0, serve_default },
    { FAULT_LONGER_NAME_SERVED, NBD_OPT_INFO, begins_as_known, 0, info_of_default },
    { FAULT_LONGER_NAME_SERVED, NBD_OPT_GO, begins_as_known, 0, info_of_default },
    { FAULT_LONGER_NAME_SERVED, NBD_OPT_EXPORT_NAME, begins_as_known, 0, serve_default },
    { FAULT_GO_DEFAULT_ONLY, NBD_OPT_GO, names_another, NBD_REP_ERR_UNKNOWN, NULL },
    { FAULT_GO_LATE_UNKNOWN, NBD_OPT_GO, comes_late, NBD_REP_ERR_UNKNOWN, NULL },
    { FAULT_INFO_FORGETS_STRUCTURED, NBD_OPT_INFO, names_something, 0, info_and_forget },
    { FAULT_UNKNOWN_EXPORT_WITH_INFO, NBD_OPT_INFO, names_nothing, 0, info_then_unknown },
    { FAULT_UNKNOWN_EXPORT_WITH_INFO, NBD_OPT_GO, names_nothing, 0, info_then_unknown },
    { FAULT_UNKNOWN_EXPORT_WITH_NAME, NBD_OPT_INFO, asks_name_of_nothing, 0, name_then_unknown },
    { FAULT_UNKNOWN_EXPORT_WITH_NAME, NBD_OPT_GO, asks_name_of_nothing, 0, name_then_unknown },
    { FAULT_MALFORMED_OPTION_UNSUPPORTED, NBD_OPT_INFO, is_malformed, NBD_REP_ERR_UNSUP, NULL },
    { FAULT_MALFORMED_OPTION_UNSUPPORTED, NBD_OPT_GO, is_malformed, NBD_REP_ERR_UNSUP, NULL },
    { FAULT_MALFORMED_OPTION_ACCEPTED, NBD_OPT_INFO, is_malformed, 0, info_of_default },
    { FAULT_MALFORMED_OPTION_ACCEPTED, NBD_OPT_GO, is_malformed, 0, info_of_default },
    { FAULT_STRUCTURED_REPLY_DATA_ACCEPTED, NBD_OPT_STRUCTURED_REPLY, has_data, 0, accept_structured },
    { FAULT_STRUCTURED_REPLY_DATA_NOT_SKIPPED, NBD_OPT_STRUCTURED_REPLY, has_data, NBD_REP_ERR_INVALID,
      NULL },
    { FAULT_STRUCTURED_REPLY_DATA_REFUSED_IN_FORCE, NBD_OPT_STRUCTURED_REPLY, has_data, 0,
      refuse_data_in_vain },
    { FAULT_STRUCTURED_REPLY_REFUSED_IN_FORCE, NBD_OPT_STRUCTURED_REPLY, is_sound, 0,
      refuse_structured_in_vain },
    { FAULT_STRUCTURED_REPLY_TYPE_UNKNOWN, NBD_OPT_STRUCTURED_REPLY, is_sound, 0x00005555, NULL },

    { FAULT_EXTENDED_HEADERS_DATA_ACCEPTED, NBD_OPT_EXTENDED_HEADERS, has_data, 0, accept_extended },
    { FAULT_EXTENDED_HEADERS_DATA_NOT_SKIPPED, NBD_OPT_EXTENDED_HEADERS, has_data, NBD_REP_ERR_INVALID,
      NULL },
    { FAULT_EXTENDED_HEADERS_TYPE_UNKNOWN, NBD_OPT_EXTENDED_HEADERS, is_sound, 0x00005555, NULL },
    { FAULT_EXTENDED_HEADERS_NEED_STRUCTURED, NBD_OPT_EXTENDED_HEADERS, unstructured, NBD_REP_ERR_INVALID,
      NULL },
    { FAULT_EXTENDED_HEADERS_BLOCK_SIZE_REQUIRED, NBD_OPT_EXTENDED_HEADERS, is_sound,
      NBD_REP_ERR_BLOCK_SIZE_REQD, NULL },
    { FAULT_EXTENDED_GO_UNSUPPORTED, NBD_OPT_GO, after_extended, NBD_REP_ERR_UNSUP, NULL },
    { FAULT_EXTENDED_GO_UNKNOWN_UNSUPPORTED, NBD_OPT_GO, extended_names_nothing, NBD_REP_ERR_UNSUP, NULL },
    { FAULT_EXTENDED_GO_EXT_HEADER_REQUIRED, NBD_OPT_GO, extended_names_nothing, NBD_REP_ERR_EXT_HEADER_REQD,
      NULL },
    { FAULT_STRUCTURED_REPLY_ACKNOWLEDGED_AFTER_EXTENDED, NBD_OPT_STRUCTURED_REPLY, after_extended,
      NBD_REP_ACK, NULL },
    { FAULT_STRUCTURED_REPLY_DOWNGRADES, NBD_OPT_STRUCTURED_REPLY, after_extended, 0, downgrade },
    { FAULT_EXT_HEADER_REQUIRED_VALUE_WRONG, NBD_OPT_STRUCTURED_REPLY, after_extended,
      NBD_REP_ERR_EXT_HEADER_REQD + 1, NULL },
};

static bool is_meant(const struct option_fault *row, uint32_t option)
{
    if (row->option == UNKNOWN)
        return option_layout_of(option) == OPTION_UNKNOWN;
    return row->option == option;
}

bool options_take(struct reference_session *s, const struct option_data *data, uint32_t refusal,
                  const struct option_fault *among, size_t count)
{
    uint32_t option = s->in.head.option.option;

    for (size_t i = 0; i < count; i++) {
        const struct option_fault *row = &among[i];

        if (!fault_on(s, row->fault) || !is_meant(row, option) || !row->when(s, data, refusal))
            continue;
        if (row->reply != 0)
            answer_option(s, row->reply, row->reply == NBD_REP_ACK ? NULL : "so it is decided");
        else
            row->act(s, data);
        return true;
    }
    return false;
}

bool options_misconduct(struct reference_session *s, const struct option_data *data, uint32_t refusal)
{
    return options_take(s, data, refusal, rows, COUNT(rows)) || queries_misconduct(s, data, refusal);
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
    if (unknown && fault_on(s, FAULT_UNKNOWN_OPTION_LENGTH_16_BITS))
        s->scan.body &= UINT16_MAX;
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

    s->misconduct->listed = s->misconduct->listed || option == NBD_OPT_LIST;
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
