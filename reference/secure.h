/* SPDX-License-Identifier: MIT */
/* The link of a session that goes over to TLS: what loop.c and within.c do alike.  proto.md,
 * "TLS support". */
#ifndef NBDTEST_REFERENCE_SECURE_H
#define NBDTEST_REFERENCE_SECURE_H

#include <stdbool.h>

#include "reference/session.h"
#include "transport/link.h"

/* One session and its link. */
struct secure {
    struct reference_session *session;
    struct link *link;    /* owned by whoever has this */
    bool tls;             /* it is one of link_tls() */
    bool in_transmission; /* all that led there was sent */
};

/* True while the client has still to be told to go over to TLS: nothing is received then. */
bool secure_waits(const struct secure *s);

/* Puts TLS upon the link where the client was told to go over. */
void secure_start(struct secure *s, const struct reference_config *config);

/* There is no way back to plain text: true, and the session over, when TLS has failed. */
bool secure_failed(const struct secure *s, const struct reference_config *config);

/* The link that answers leave by. */
struct link *secure_way_out(struct secure *s, const struct reference_config *config);

/* Closes the direction to the client, TLS first. */
void secure_finish(const struct secure *s, const struct reference_config *config);

#endif
