/* SPDX-License-Identifier: MIT */
#include "reference/secure.h"

#include "transport/tls.h"

bool secure_waits(const struct secure *s)
{
    return reference_session_wants_tls(s->session) && reference_session_waiting(s->session) > 0;
}

/* Faults: versions that are missing, and some that ought to be. */
static void offer(struct link *link, const struct faults *faults)
{
    static const struct {
        enum fault fault;
        unsigned versions;
    } rows[] = {
        { FAULT_TLS_1_2_MISSING, TLS_1_3 },
        { FAULT_TLS_1_3_MISSING, TLS_1_2 },
        { FAULT_TLS_OLD_VERSIONS, TLS_ANY_VERSION },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (faults->on[rows[i].fault])
            tls_offer(link, rows[i].versions);
}

void secure_start(struct secure *s, const struct reference_config *config)
{
    if (!reference_session_wants_tls(s->session))
        return;
    if (!config->faults.on[FAULT_TLS_NOT_STARTED]) {
        s->link = link_tls(s->link, config->tls_credentials, NULL);
        s->tls = true;
        offer(s->link, &config->faults);
    }
    reference_session_tls_started(s->session);
}

bool secure_failed(const struct secure *s, const struct reference_config *config)
{
    if (!s->tls || tls_state(s->link) != TLS_FAILED || config->faults.on[FAULT_TLS_FAILURE_STAYS])
        return false;
    reference_session_finished(s->session);
    return true;
}

struct link *secure_way_out(struct secure *s, const struct reference_config *config)
{
    if (!s->tls || !config->faults.on[FAULT_TLS_DOWNGRADED])
        return s->link;
    s->in_transmission = s->in_transmission || (!reference_session_in_handshake(s->session) &&
                                                reference_session_waiting(s->session) == 0);
    return s->in_transmission ? s->link->next : s->link;
}

/* Faults: without close_notify. */
static bool is_cut_off(const struct secure *s, const struct faults *faults)
{
    if (reference_session_in_handshake(s->session))
        return faults->on[FAULT_HAGGLING_TLS_CUT_OFF];
    return faults
        ->on[reference_session_left(s->session) ? FAULT_DISC_TLS_CUT_OFF : FAULT_TRANSMISSION_TLS_CUT_OFF];
}

void secure_finish(const struct secure *s, const struct reference_config *config)
{
    link_finish(s->tls && is_cut_off(s, &config->faults) ? s->link->next : s->link);
}
