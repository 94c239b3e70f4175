/* SPDX-License-Identifier: MIT */
/* What the two halves of TLS share: tls_credentials.c reads files, tls.c moves bytes. */
#ifndef NBDTEST_TRANSPORT_TLS_PARTS_H
#define NBDTEST_TRANSPORT_TLS_PARTS_H

#include <gnutls/gnutls.h>

#include "base/span.h"
#include "transport/tls.h"

struct tls_credentials {
    enum tls_side side;
    bool verify_peer, trusts_all;
    gnutls_priority_t priority;
    char *user; /* NULL: keys are in files, if there are any */
    gnutls_datum_t key;
    gnutls_certificate_credentials_t x509;      /* NULL: none */
    gnutls_psk_server_credentials_t psk_server; /* NULL: none, or a client */
    gnutls_psk_client_credentials_t psk_client;
};

/* The priority string of GnuTLS for a set of versions. */
enum { TLS_PRIORITY_BYTES = 300 };
void tls_priority(const struct tls_credentials *c, unsigned versions, char ret[TLS_PRIORITY_BYTES]);

/* The credentials of the link that the session belongs to. */
const struct tls_credentials *tls_credentials_of(gnutls_session_t session);

#endif
