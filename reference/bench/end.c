/* SPDX-License-Identifier: MIT */
#include "reference/bench/end.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:+PSK:+DHE-PSK:+ECDHE-PSK"
enum { LINE_MAX_BYTES = 512 };

/* Bytes done so far, or what a socket would say. */
static ssize_t told(ssize_t done, ssize_t last)
{
    if (done > 0 || last == 0)
        return done;
    errno = last == GNUTLS_E_AGAIN || last == GNUTLS_E_INTERRUPTED ? EAGAIN : EPROTO;
    return -1;
}

ssize_t end_send(struct end *e, const void *from, size_t len)
{
    const char *at = from;
    size_t sent = 0;
    ssize_t last = 0;

    if (!e->tls)
        return send(e->descriptor, from, len, MSG_NOSIGNAL);
    while (sent < len && (last = gnutls_record_send(e->tls, at + sent, len - sent)) > 0)
        sent += (size_t)last;
    return told((ssize_t)sent, last);
}

ssize_t end_receive(struct end *e, void *to, size_t size)
{
    char *at = to;
    size_t received = 0;
    ssize_t last = 0;

    if (!e->tls)
        return recv(e->descriptor, to, size, 0);
    while (size - received >= END_RECEIVE_MIN &&
           (last = gnutls_record_recv(e->tls, at + received, size - received)) > 0)
        received += (size_t)last;
    return told((ssize_t)received, last);
}

bool end_receive_all(struct end *e, void *to, size_t len)
{
    char *at = to;

    while (len > 0) {
        ssize_t received =
            e->tls ? gnutls_record_recv(e->tls, at, len) : recv(e->descriptor, at, len, MSG_WAITALL);

        if (received <= 0)
            return false;
        at += received;
        len -= (size_t)received;
    }
    return true;
}

/* The first USER:KEY of the file; one set of credentials serves all connections, and is never given back. */
static gnutls_psk_client_credentials_t read_credentials(const char *path)
{
    static gnutls_psk_client_credentials_t credentials;
    char line[LINE_MAX_BYTES], *colon;
    gnutls_datum_t key;
    FILE *file;

    if (credentials || !(file = fopen(path, "r")))
        return credentials;
    if (fgets(line, sizeof line, file) && (colon = strchr(line, ':'))) {
        *colon = '\0';
        colon[strcspn(colon + 1, "\n") + 1] = '\0';
        key = (gnutls_datum_t){ (unsigned char *)colon + 1, (unsigned)strlen(colon + 1) };
        if (gnutls_psk_allocate_client_credentials(&credentials) == 0)
            gnutls_psk_set_client_credentials(credentials, line, &key, GNUTLS_PSK_KEY_HEX);
    }
    fclose(file);
    return credentials;
}

bool end_start_tls(struct end *e, const char *psk)
{
    gnutls_psk_client_credentials_t credentials = read_credentials(psk);
    gnutls_session_t session;
    int result;

    if (!credentials || gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL) != 0)
        return false;
    gnutls_priority_set_direct(session, PRIORITY, NULL);
    gnutls_credentials_set(session, GNUTLS_CRD_PSK, credentials);
    gnutls_transport_set_int(session, e->descriptor);
    do {
        result = gnutls_handshake(session);
    } while (result < 0 && !gnutls_error_is_fatal(result));
    if (result < 0) {
        gnutls_deinit(session);
        return false;
    }
    e->tls = session;
    return true;
}

void end_close(struct end *e)
{
    if (e->tls) {
        gnutls_bye(e->tls, GNUTLS_SHUT_WR);
        gnutls_deinit(e->tls);
    }
    close(e->descriptor);
}
