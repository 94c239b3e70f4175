/* SPDX-License-Identifier: MIT */
/* Records.  GnuTLS is handed bytes out of `ahead` and hands its own to `unsent`, so that it never has to
 * remember a record half sent. */
#include "transport/tls.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "transport/tls_parts.h"

enum {
    AHEAD_BYTES = 64 * 1024,      /* received from below at a time */
    UNSENT_ENOUGH = 256 * 1024,   /* no more bytes are taken while so many wait for the link below */
    UNSENT_CEILING = 1024 * 1024, /* those, one more record or flight of the handshake */
    DRAIN_ROUNDS = 64,            /* so that others have their turn */
    RECORD_BYTES = 16 * 1024,     /* of plain text, at most */
    WARNINGS_MAX = 32,            /* alerts and the like that a peer may send in place of data */
};

struct tls_link {
    struct link link;
    gnutls_session_t session;
    const struct tls_credentials *credentials;
    char *host_name; /* client; NULL: not checked */

    enum tls_state state;
    char reason[300];
    bool established;
    bool refused; /* by an alert of the peer's, or of ours */
    unsigned warnings;

    uint8_t *ahead;        /* AHEAD_BYTES; NULL while nothing is in it, so that idle links do not cost much */
    struct span received;  /* what is left of it */
    enum link_state below; /* how the link below has ended, or that it has not */
    struct buffer unsent;  /* records for the link below */
    bool finishing;        /* link_finish() was called: nothing follows what is unsent */
    bool finished_below;   /* and it was told */
    enum link_state ended; /* what link_receive() said last */
    bool truncated;
    gnutls_typed_vdata_st demands[2]; /* on the peer's certificate; GnuTLS keeps pointing here */
};

static struct tls_link *tls_of(struct link *link)
{
    return (struct tls_link *)link;
}

/* ---- the link below ---- */

static void flush(struct tls_link *t)
{
    struct span left = buffer_span(&t->unsent);

    if (left.len > 0) {
        if (link_send(t->link.next, &left) == LINK_RESET)
            t->below = LINK_RESET;
        buffer_drop(&t->unsent, t->unsent.len - (t->below == LINK_RESET ? 0 : left.len));
    }
    if (t->unsent.len == 0 && t->finishing && !t->finished_below) {
        t->finished_below = true;
        link_finish(t->link.next);
    }
}

static ssize_t push(gnutls_transport_ptr_t ctx, const void *bytes, size_t len)
{
    struct tls_link *t = ctx;

    if (buffer_add(&t->unsent, bytes, len))
        return (ssize_t)len;
    gnutls_transport_set_errno(t->session, EAGAIN);
    return -1;
}

static ssize_t pull(gnutls_transport_ptr_t ctx, void *to, size_t room)
{
    struct tls_link *t = ctx;
    struct span given;

    if (t->received.len == 0 && t->below == LINK_OPEN) {
        size_t len;

        if (!t->ahead)
            t->ahead = memory_grow(NULL, AHEAD_BYTES);
        t->below = link_receive(t->link.next, t->ahead, AHEAD_BYTES, &len);
        t->received = span_of(t->ahead, len);
    }
    given = span_take(&t->received, room);
    if (given.len > 0) {
        memcpy(to, given.at, given.len);
        return (ssize_t)given.len;
    }
    if (t->below == LINK_FINISHED)
        return 0;
    gnutls_transport_set_errno(t->session, t->below == LINK_RESET ? ECONNRESET : EAGAIN);
    return -1;
}

/* Nothing waits here; whoever asks finds out by pulling. */
static int pull_timeout(gnutls_transport_ptr_t ctx, unsigned ms)
{
    (void)ctx;
    (void)ms;
    return 1;
}

/* Gives back what is empty. */
static void rest(struct tls_link *t)
{
    flush(t);
    if (t->received.len == 0) {
        free(t->ahead);
        t->ahead = NULL;
    }
    if (t->unsent.len == 0)
        buffer_free(&t->unsent);
}

/* ---- the handshake ---- */

static void print_reason(struct tls_link *t, int error)
{
    unsigned status = gnutls_session_get_verify_cert_status(t->session);
    gnutls_datum_t text = { NULL, 0 };
    const char *name = NULL;

    if (error == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR &&
        gnutls_certificate_verification_status_print(status, gnutls_certificate_type_get(t->session), &text,
                                                     0) == 0) {
        snprintf(t->reason, sizeof t->reason, "%s", (const char *)text.data);
        gnutls_free(text.data);
        return;
    }
    if (error == GNUTLS_E_PULL_ERROR) {
        snprintf(t->reason, sizeof t->reason, "The connection was reset.");
        return;
    }
    if (error == GNUTLS_E_FATAL_ALERT_RECEIVED)
        name = gnutls_alert_get_name(gnutls_alert_get(t->session));
    snprintf(t->reason, sizeof t->reason, "%s%s%s%s", gnutls_strerror(error), name ? " (" : "",
             name ? name : "", name ? ")" : "");
}

/* Nothing goes on from here; the peer is told why, and then that nothing will follow. */
static void fail(struct tls_link *t, int error)
{
    static const int refusals[] = { GNUTLS_E_FATAL_ALERT_RECEIVED, GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR,
                                    GNUTLS_E_NO_CIPHER_SUITES };

    assert(t->state != TLS_FAILED);
    print_reason(t, error);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        t->refused = t->refused || error == refusals[i];
    if (error == GNUTLS_E_FATAL_ALERT_RECEIVED && gnutls_alert_get(t->session) == GNUTLS_A_PROTOCOL_VERSION)
        t->refused = false; /* which is no question of whom */
    gnutls_alert_send_appropriate(t->session, error);
    t->state = TLS_FAILED;
    t->finishing = true;
    flush(t);
}

/* A peer that only ever sends warnings is not listened to for ever. */
static bool puts_up_with(struct tls_link *t, int error)
{
    return !gnutls_error_is_fatal(error) && ++t->warnings <= WARNINGS_MAX;
}

static void shake_hands(struct tls_link *t)
{
    int result;

    if (t->state != TLS_HANDSHAKING || t->finishing)
        return;
    do
        result = gnutls_handshake(t->session);
    while (result < 0 && result != GNUTLS_E_AGAIN && result != GNUTLS_E_INTERRUPTED &&
           puts_up_with(t, result));
    flush(t);
    t->established = result == GNUTLS_E_SUCCESS;
    if (t->established)
        t->state = TLS_ESTABLISHED;
    else if (result != GNUTLS_E_AGAIN && result != GNUTLS_E_INTERRUPTED)
        fail(t, result);
}

/* ---- the link ---- */

static enum link_state tls_send(struct link *link, struct span *bytes)
{
    struct tls_link *t = tls_of(link);

    flush(t);
    shake_hands(t);
    while (t->state == TLS_ESTABLISHED && bytes->len > 0 && !t->finishing && t->below != LINK_RESET &&
           !t->truncated && t->unsent.len < UNSENT_ENOUGH) {
        size_t len = bytes->len < RECORD_BYTES ? bytes->len : RECORD_BYTES;
        ssize_t sent = gnutls_record_send(t->session, bytes->at, len);

        if (sent < 0) {
            fail(t, (int)sent);
            break;
        }
        span_take(bytes, (size_t)sent);
        if (t->unsent.len >= UNSENT_ENOUGH)
            flush(t);
    }
    flush(t);
    if (t->ended == LINK_FINISHED && t->below == LINK_RESET)
        t->ended = LINK_RESET; /* nothing is left to be received */
    return t->ended == LINK_RESET ? LINK_RESET : LINK_OPEN;
}

/* What comes after a failure goes nowhere.  It is taken all the same: closing with some unread would have the
 * kernel throw away our alert. */
static void drain(struct tls_link *t)
{
    uint8_t nowhere[4096];
    size_t len = 1;

    t->received.len = 0;
    for (int round = 0; round < DRAIN_ROUNDS && t->below == LINK_OPEN && len > 0; round++)
        t->below = link_receive(t->link.next, nowhere, sizeof nowhere, &len);
    if (t->below != LINK_OPEN)
        t->ended = LINK_RESET;
}

/* What became of an attempt to take a record that gave no data.  True: the next one may. */
static bool takes_on(struct tls_link *t, ssize_t result)
{
    if (result == 0 || result == GNUTLS_E_PREMATURE_TERMINATION) {
        t->truncated = result != 0;
        t->ended = LINK_FINISHED;
        return false;
    }
    if (result == GNUTLS_E_PULL_ERROR) {
        t->ended = LINK_RESET;
        return false;
    }
    if (result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED) /* also said after a ticket */
        return t->received.len > 0 && ++t->warnings <= WARNINGS_MAX;
    if (result == GNUTLS_E_REHANDSHAKE)
        gnutls_alert_send(t->session, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
    if (puts_up_with(t, (int)result))
        return true;
    fail(t, (int)result);
    return false;
}

static size_t receive_records(struct tls_link *t, uint8_t *to, size_t room)
{
    size_t len = 0;
    ssize_t result = 1;

    while (len < room && (result > 0 || takes_on(t, result))) {
        result = gnutls_record_recv(t->session, to + len, room - len);
        if (result > 0) {
            len += (size_t)result;
            t->warnings = 0;
        }
    }
    return len;
}

static enum link_state tls_receive(struct link *link, uint8_t *to, size_t room, size_t *ret_len)
{
    struct tls_link *t = tls_of(link);

    *ret_len = 0;
    flush(t);
    shake_hands(t);
    if (t->ended != LINK_OPEN || room == 0)
        return t->ended;
    if (t->state == TLS_ESTABLISHED)
        *ret_len = receive_records(t, to, room);
    else if (t->state == TLS_FAILED || t->finishing)
        drain(t);
    rest(t);
    return *ret_len > 0 ? LINK_OPEN : t->ended;
}

static void tls_finish(struct link *link)
{
    struct tls_link *t = tls_of(link);

    if (t->finishing)
        return;
    if (t->state == TLS_ESTABLISHED)
        gnutls_bye(t->session, GNUTLS_SHUT_WR);
    t->finishing = true;
    flush(t);
}

static void tls_reset(struct link *link)
{
    struct tls_link *t = tls_of(link);

    t->below = t->ended = LINK_RESET;
    t->received.len = 0;
    buffer_clear(&t->unsent);
    t->finishing = t->finished_below = true;
    link_reset(link->next);
}

static int tls_descriptor(const struct link *link)
{
    return link_descriptor(link->next);
}

static size_t tls_holds(const struct link *link, enum link_held what)
{
    const struct tls_link *t = (const struct tls_link *)link;

    switch (what) {
    case LINK_HELD_BACK:
        return t->state == TLS_HANDSHAKING && t->below == LINK_OPEN ? 1 : 0;
    case LINK_HELD_UNSENT:
        return t->below == LINK_RESET ? 0 : t->unsent.len;
    case LINK_HELD_RECEIVED:
        break;
    }
    if (t->state != TLS_ESTABLISHED || t->ended != LINK_OPEN)
        return 0;
    return t->received.len + gnutls_record_check_pending(t->session);
}

static void tls_free(struct link *link)
{
    struct tls_link *t = tls_of(link);

    gnutls_deinit(t->session);
    buffer_free(&t->unsent);
    free(t->ahead);
    free(t->host_name);
    free(t);
}

static const struct link_ops tls_ops = {
    .send = tls_send,
    .receive = tls_receive,
    .finish = tls_finish,
    .reset = tls_reset,
    .descriptor = tls_descriptor,
    .free = tls_free,
    .holds = tls_holds,
};

/* ---- making one ---- */

static bool is_address(const char *host_name)
{
    struct in6_addr room;

    return inet_pton(AF_INET, host_name, &room) == 1 || inet_pton(AF_INET6, host_name, &room) == 1;
}

/* A certificate has to be signed by the authority, made for its owner's side, and have the host's name. */
static void demand_certificate(struct tls_link *t, bool server)
{
    const char *purpose = server ? GNUTLS_KP_TLS_WWW_CLIENT : GNUTLS_KP_TLS_WWW_SERVER;

    t->demands[0] = (gnutls_typed_vdata_st){ .type = GNUTLS_DT_KEY_PURPOSE_OID };
    t->demands[0].data = (unsigned char *)(uintptr_t)purpose;
    t->demands[1] = (gnutls_typed_vdata_st){ .type = GNUTLS_DT_DNS_HOSTNAME };
    t->demands[1].data = (unsigned char *)t->host_name;
    gnutls_session_set_verify_cert2(t->session, t->demands, t->host_name ? 2 : 1, 0);
}

static void set_credentials(struct tls_link *t)
{
    const struct tls_credentials *c = t->credentials;
    bool server = c->side == TLS_SERVER;

    gnutls_priority_set(t->session, c->priority);
    if (c->x509)
        gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, c->x509);
    if (c->psk_server)
        gnutls_credentials_set(t->session, GNUTLS_CRD_PSK, c->psk_server);
    if (c->psk_client)
        gnutls_credentials_set(t->session, GNUTLS_CRD_PSK, c->psk_client);
    if (server ? c->verify_peer : !c->trusts_all)
        demand_certificate(t, server);
    if (server)
        gnutls_certificate_server_set_request(t->session,
                                              c->verify_peer ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_IGNORE);
    else if (t->host_name && !is_address(t->host_name))
        gnutls_server_name_set(t->session, GNUTLS_NAME_DNS, t->host_name, strlen(t->host_name));
}

struct link *link_tls(struct link *next, const struct tls_credentials *credentials, const char *host_name)
{
    struct tls_link *t = memory_take(sizeof *t);
    unsigned side = credentials->side == TLS_SERVER ? GNUTLS_SERVER : GNUTLS_CLIENT;

    t->link = (struct link){ .ops = &tls_ops, .next = next };
    t->credentials = credentials;
    buffer_init(&t->unsent, UNSENT_CEILING);
    if (host_name && credentials->side == TLS_CLIENT) {
        t->host_name = memory_take(strlen(host_name) + 1);
        strcpy(t->host_name, host_name);
    }
    if (gnutls_init(&t->session, side | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS) < 0)
        abort(); /* there is no memory */
    gnutls_transport_set_ptr(t->session, t);
    gnutls_transport_set_push_function(t->session, push);
    gnutls_transport_set_pull_function(t->session, pull);
    gnutls_transport_set_pull_timeout_function(t->session, pull_timeout);
    set_credentials(t);
    return &t->link;
}

void tls_offer(struct link *link, unsigned versions)
{
    struct tls_link *t = tls_of(link);
    char priority[TLS_PRIORITY_BYTES];
    int result;

    assert(link->ops == &tls_ops && t->state == TLS_HANDSHAKING);
    tls_priority(t->credentials, versions, priority);
    result = gnutls_priority_set_direct(t->session, priority, NULL);
    if (result < 0)
        fail(t, result);
}

const struct tls_credentials *tls_credentials_of(gnutls_session_t session)
{
    const struct tls_link *t = gnutls_transport_get_ptr(session);

    return t->credentials;
}

/* ---- what became of it ---- */

static const struct tls_link *as_tls(const struct link *link)
{
    assert(link->ops == &tls_ops);
    return (const struct tls_link *)link;
}

enum tls_state tls_state(const struct link *link)
{
    return as_tls(link)->state;
}

const char *tls_reason(const struct link *link)
{
    return as_tls(link)->reason;
}

bool tls_was_established(const struct link *link)
{
    return as_tls(link)->established;
}

bool tls_refused(const struct link *link)
{
    return as_tls(link)->refused;
}

bool tls_certificate_missed(const struct link *link)
{
    const struct tls_link *t = as_tls(link);

    return t->established && gnutls_certificate_client_get_request_status(t->session) != 0 &&
           !gnutls_certificate_get_ours(t->session);
}

const char *tls_version(const struct link *link)
{
    const struct tls_link *t = as_tls(link);

    if (t->state != TLS_ESTABLISHED)
        return NULL;
    return gnutls_protocol_get_name(gnutls_protocol_get_version(t->session));
}

bool tls_truncated(const struct link *link)
{
    return as_tls(link)->truncated;
}
