/* SPDX-License-Identifier: MIT */
/* What the two halves of TLS share: tls_credentials.c reads files, tls.c moves bytes. */
#ifndef NBDTEST_TRANSPORT_TLS_PARTS_H
#define NBDTEST_TRANSPORT_TLS_PARTS_H

#include <gnutls/gnutls.h>

#include "transport/tls.h"

struct tls_credentials {
    enum tls_side side;
    bool verify_peer;
    gnutls_priority_t priority;
    gnutls_certificate_credentials_t x509;      /* NULL: none */
    gnutls_psk_server_credentials_t psk_server; /* NULL: none, or a client */
    gnutls_psk_client_credentials_t psk_client;
};

#endif
