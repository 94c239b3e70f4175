/* SPDX-License-Identifier: MIT */
/* TLS: which options may be answered with NBD_REP_ERR_TLS_REQD, what stays in plain text, how TLS ends.  What
 * the server's mode is the referee is told.  proto.md, "TLS support", "Termination of the session during
 * option haggling", "Terminating the transmission phase". */
#include <inttypes.h>

#include "referee/rule.h"
#include "wire/constants.h"

/* ---- NBD_REP_ERR_TLS_REQD ---- */

static bool requires_tls(const struct sight *at)
{
    return at->option && at->message->head.option_reply.type == NBD_REP_ERR_TLS_REQD;
}

static bool required(const struct sight *at)
{
    return broken(at, "ERR_TLS_REQD in answer to option %" PRIu32, at->option->option);
}

bool tls_required_by_notls(const struct sight *at)
{
    return at->session->tls_mode == TLS_MODE_NOTLS && requires_tls(at) && required(at);
}

bool tls_required_under_tls(const struct sight *at)
{
    return at->session->tls && at->session->tls_mode != TLS_MODE_SELECTIVE && requires_tls(at) &&
           required(at);
}

bool tls_required_under_tls_by_selective(const struct sight *at)
{
    return at->session->tls && at->session->tls_mode == TLS_MODE_SELECTIVE && requires_tls(at) &&
           required(at);
}

/* "any option other than NBD_OPT_INFO, NBD_OPT_GO and NBD_OPT_EXPORT_NAME" */
bool tls_required_for_another_option(const struct sight *at)
{
    return !at->session->tls && at->session->tls_mode == TLS_MODE_SELECTIVE && requires_tls(at) &&
           at->option->option != NBD_OPT_INFO && at->option->option != NBD_OPT_GO &&
           at->option->option != NBD_OPT_EXPORT_NAME && required(at);
}

bool info_before_tls_required(const struct sight *at)
{
    return at->session->tls_mode == TLS_MODE_FORCED && requires_tls(at) && at->option->info_count > 0 &&
           broken(at, "ERR_TLS_REQD after %zu types of INFO", at->option->info_count);
}

/* The same option fared otherwise on the same connection.  INFO and GO depend on the export. */
bool mode_has_changed(const struct sight *at)
{
    const struct session *s = at->session;
    uint32_t option = at->option ? at->option->option : 0, bit;
    uint32_t type = at->message->head.option_reply.type;

    if (!at->option || s->tls || option >= 32 || option == NBD_OPT_INFO || option == NBD_OPT_GO)
        return false;
    if (option == NBD_OPT_STARTTLS)
        return type == NBD_REP_ACK && s->starttls_refused &&
               broken(at, "ACK to STARTTLS, which was refused before");
    bit = UINT32_C(1) << option;
    if (type == NBD_REP_ERR_TLS_REQD && (s->tls_not_demanded & bit))
        return broken(at, "ERR_TLS_REQD in answer to option %" PRIu32 ", and not so before", option);
    return type == NBD_REP_ACK && (s->tls_demanded & bit) &&
           broken(at, "ACK to option %" PRIu32 ", and ERR_TLS_REQD before", option);
}

/* ---- what is sent how ---- */

bool chunk_kept_over_tls(const struct sight *at)
{
    const struct session *s = at->session;

    return s->structured_before_tls && !s->negotiated.structured && !s->negotiated.extended &&
           broken(at, "a chunk of type 0x%x, negotiated before TLS", at->message->chunk_head.type);
}

bool plain_text_behind_ack(const struct sight *at)
{
    return broken(at, "plain text behind the ACK to STARTTLS");
}

/* A server that goes on with other options in plain text has no TLS to acknowledge. */
bool option_answered_behind_ack(const struct sight *at)
{
    struct wire_in in = wire_in(span_of(at->session->behind_ack[SIDE_SERVER].bytes, WIRE_SIZE_option_reply));
    struct wire_option_reply reply = wire_get_option_reply(&in);

    return reply.magic == NBD_REP_MAGIC && reply.option != NBD_OPT_STARTTLS &&
           broken(at, "option %" PRIu32 " answered in plain text behind the ACK to STARTTLS", reply.option);
}

bool plain_text_under_tls(const struct sight *at)
{
    return broken(at, "bytes that are no TLS record");
}

/* ---- how it ends ---- */

bool cut_off_after_disc(const struct sight *at)
{
    return at->session->transmission && at->session->goodbye &&
           broken(at, "closed without close_notify after DISC");
}

/* A server that closes after ABORT has been asked to; the client has to shut TLS down. */
bool cut_off_in_haggling(const struct sight *at)
{
    return !at->session->transmission && !at->session->goodbye &&
           broken(at, "closed without close_notify in option haggling");
}

bool cut_off_in_transmission(const struct sight *at)
{
    return at->session->transmission && !at->session->goodbye &&
           broken(at, "closed without close_notify in transmission");
}
