/* SPDX-License-Identifier: MIT */
#include "reference/upgrade.h"

#include <assert.h>

#include "reference/manners.h"
#include "reference/misconduct.h"
#include "wire/constants.h"

/* Without the fixed newstyle a server is in mode NOTLS, whatever it would like. */
static enum reference_tls mode_of(const struct reference_session *s)
{
    return s->fixed_newstyle ? s->config->tls : REFERENCE_TLS_OFF;
}

void upgrade_take_flags(struct reference_session *s, uint32_t client_flags)
{
    s->fixed_newstyle = client_flags & NBD_FLAG_C_FIXED_NEWSTYLE;
    if (s->config->tls == REFERENCE_TLS_FORCED && !s->fixed_newstyle)
        s->over = true;
}

bool upgrade_is_offered(const struct reference_session *s)
{
    return mode_of(s) != REFERENCE_TLS_OFF;
}

bool upgrade_must_precede(const struct reference_session *s, uint32_t option)
{
    return mode_of(s) == REFERENCE_TLS_FORCED && !s->tls && option != NBD_OPT_STARTTLS &&
           (option != NBD_OPT_ABORT || MANNERS_TAKE(s, manners_waits_for_tls(s, option)));
}

bool upgrade_is_due(const struct reference_session *s, const struct reference_export *export)
{
    return (export->tls_only || MANNERS_TAKE(s, manners_tls_only(s))) && !s->tls;
}

uint32_t upgrade_refusal(const struct reference_session *s)
{
    return upgrade_is_offered(s) ? NBD_REP_ERR_TLS_REQD : NBD_REP_ERR_POLICY;
}

void upgrade_take_starttls(struct reference_session *s, const struct option_data *data)
{
    (void)data;
    if (s->tls) {
        answer_option(s, NBD_REP_ERR_INVALID, "TLS is in use already");
        return;
    }
    answer_option(s, NBD_REP_ACK, NULL);
    s->starting_tls = true;
}

bool reference_session_wants_tls(const struct reference_session *s)
{
    return s->starting_tls && !s->over;
}

/* What was said in plain text may have been said by anybody: the client says again what it wants.  Its
 * flags stand, it has no other occasion to send them. */
void reference_session_tls_started(struct reference_session *s)
{
    const struct misconduct_before before = { s->structured, s->extended, s->context_of, s->contexts };

    assert(reference_session_wants_tls(s) && reference_session_waiting(s) == 0);
    s->starting_tls = false;
    s->tls = true;
    s->structured = false;
    s->extended = false;
    s->context_of = NULL;
    s->contexts = 0;
    s->sized = NULL;
    MISCONDUCT(s, misconduct_tls_started(s, &before));
}
