/* SPDX-License-Identifier: MIT */
/* TLS as a link that stands on another one, for either end of a connection that goes over to TLS.
 *
 * The handshake makes progress within link_send() and link_receive(): until it is over nothing is taken and
 * nothing is received.  Only what the lower link gives after link_tls() is ever looked at, and only as TLS
 * records: what the peer said in plain text before cannot be read as if it had been said under TLS.
 *
 * X.509 and pre-shared keys, TLS 1.2 and 1.3, with files named and written as GnuTLS, QEMU, libnbd and nbdkit
 * have them.  proto.md, "TLS support". */
#ifndef NBDTEST_TRANSPORT_TLS_H
#define NBDTEST_TRANSPORT_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "transport/link.h"

enum tls_side {
    TLS_SERVER,
    TLS_CLIENT,
};

/* Sets of versions; of those that both ends know the latest is used. */
enum tls_versions {
    TLS_1_0 = 1,
    TLS_1_1 = 2,
    TLS_1_2 = 4,
    TLS_1_3 = 8,
    TLS_1_2_OR_1_3 = TLS_1_2 | TLS_1_3,
    TLS_ANY_VERSION = TLS_1_0 | TLS_1_1 | TLS_1_2_OR_1_3,
};

/* Where credentials come from.  Certificates, a key file, or both; what is NULL is not used. */
struct tls_files {
    /* A folder with ca-cert.pem (which a server needs only for verify_peer) and server-cert.pem,
     * server-key.pem (server) or client-cert.pem, client-key.pem (client, which may do without both). */
    const char *folder;
    /* The same, each file by itself: PEM; where folder is given, too, these win. */
    const char *authority, *certificate, *key;
    /* Lines of USER:KEY, the key in hexadecimal digits, as psktool writes them. */
    const char *psk;
};

struct tls_settings {
    enum tls_side side;
    unsigned versions; /* enum tls_versions; 0: TLS 1.2 and 1.3 */
    const char *user;  /* client with psk: whose key; NULL: the first in the file */
    bool verify_peer;  /* server: the client has to have a certificate that the authority signed */
    bool trusts_all;   /* client: the server's certificate is not looked at */
};

/* What one end is known by and what it trusts; serves any number of connections. */
struct tls_credentials;

/* Reads the files (the psk file of a server is read again at each handshake).  NULL with one line in
 * ret_error, error_size bytes at most, that says which file could not be used and why. */
struct tls_credentials *tls_credentials_new(const struct tls_settings *settings,
                                            const struct tls_files *files, char *ret_error,
                                            size_t error_size);

/* A server and a client of the same process, which share a random key that nobody else knows.  False where
 * there is none to be had. */
bool tls_credentials_pair(struct tls_credentials **ret_server, struct tls_credentials **ret_client);

/* Not before the last link that uses them.  NULL is allowed. */
void tls_credentials_free(struct tls_credentials *c);

/* TLS on next, which it owns from now on; credentials are borrowed.  host_name is for clients: the name that
 * the server's certificate has to be made for; NULL: any that the authority signed will do.
 *
 * - link_send() takes bytes that it may keep as records until the lower link takes them (LINK_HELD_UNSENT)
 * - link_receive() says LINK_FINISHED when the peer has said close_notify, and also when it closed without
 *   (tls_truncated()); once the handshake or a record has failed nothing is taken or given any more, and it
 *   says LINK_RESET when the lower link has ended
 * - link_finish() says close_notify before the lower link is finished */
struct link *link_tls(struct link *next, const struct tls_credentials *credentials, const char *host_name);

/* Has a link on which nothing was sent or received yet offer these versions instead of those of its
 * credentials. */
void tls_offer(struct link *link, unsigned versions);

/* ---- of a link made by link_tls(): ---- */

enum tls_state {
    TLS_HANDSHAKING,
    TLS_ESTABLISHED,
    TLS_FAILED, /* the handshake, or a record later; the peer was told by an alert where it can be */
};
enum tls_state tls_state(const struct link *link);

/* Why it failed, in one line; "" unless TLS_FAILED.  May hold text of the peer's certificate. */
const char *tls_reason(const struct link *link);

/* It failed because one end would not have the other, and said so by an alert; otherwise because of bytes
 * that are no TLS, or of a connection that ended. */
bool tls_refused(const struct link *link);

/* The handshake was over before it failed. */
bool tls_was_established(const struct link *link);

/* The server has asked this client for a certificate, and there was none to give: some servers then close
 * without a word. */
bool tls_certificate_missed(const struct link *link);

/* "TLS1.2" or "TLS1.3"; NULL until it is established. */
const char *tls_version(const struct link *link);

/* The peer closed the connection without close_notify: what it last said may have been cut off. */
bool tls_truncated(const struct link *link);

#endif
