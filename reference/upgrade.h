/* SPDX-License-Identifier: MIT */
/* TLS, as far as the session has to know of it: who must go over to it before what, and what is forgotten
 * then.  proto.md, "TLS support". */
#ifndef NBDTEST_REFERENCE_UPGRADE_H
#define NBDTEST_REFERENCE_UPGRADE_H

#include "reference/state.h"

/* The client's flags have come: TLS needs the fixed newstyle on both sides.  A client without it that could
 * only be served under TLS is turned away. */
void upgrade_take_flags(struct reference_session *s, uint32_t client_flags);

/* Whether NBD_OPT_STARTTLS is known: not to a server in mode NOTLS. */
bool upgrade_is_offered(const struct reference_session *s);

/* Whether the option is refused because TLS has to come first: in mode FORCEDTLS.  NBD_OPT_EXPORT_NAME, which
 * cannot be refused, then ends the session. */
bool upgrade_must_precede(const struct reference_session *s, uint32_t option);

/* Whether this export is out of reach without TLS, and how NBD_OPT_INFO and NBD_OPT_GO then say so. */
bool upgrade_is_due(const struct reference_session *s, const struct reference_export *export);
uint32_t upgrade_refusal(const struct reference_session *s);

/* NBD_OPT_STARTTLS without data. */
void upgrade_take_starttls(struct reference_session *s, const struct option_data *data);

#endif
