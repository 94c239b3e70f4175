/* SPDX-License-Identifier: MIT */
#include "reference/loop.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "transport/listen.h"

enum {
    RECEIVE_MAX = 256 * 1024, /* bytes that a connection may have waiting for its session */
    TURNS_MAX = 16,           /* what one connection does before others have their turn */
    POLL_PERIOD_MS = 200,     /* while connections are being closed */
};
#define CLOSING_NS UINT64_C(2000000000) /* how long a client has for taking the end of what was sent */

struct connection {
    struct link *link;
    struct reference_session *session;
    uint8_t *received;   /* RECEIVE_MAX bytes */
    struct span waiting; /* those that the session has not taken */
    bool closing;        /* everything was sent, and that it was */
    uint64_t closed_by_ns;
};

struct loop {
    const struct reference_config *config;
    const int *listeners;
    size_t listener_count;
    int stop_descriptor;
    struct connection *connections[REFERENCE_MAX_CONNECTIONS];
    size_t count;
    struct pollfd *polled; /* stop, listeners, connections */
};

static struct connection *open_connection(const struct reference_config *config, struct link *link)
{
    struct connection *c = memory_take(sizeof *c);

    c->link = link;
    c->session = reference_session_new(config);
    c->received = memory_take(RECEIVE_MAX);
    return c;
}

static void free_connection(struct connection *c)
{
    link_free(c->link);
    reference_session_free(c->session);
    free(c->received);
    free(c);
}

static void send_output(struct connection *c)
{
    struct span output = reference_session_output(c->session);
    size_t before = output.len;

    if (before == 0)
        return;
    link_send(c->link, &output);
    reference_session_sent(c->session, before - output.len);
}

static bool has_output(const struct connection *c)
{
    return reference_session_output(c->session).len > 0;
}

/* Receives when all that came before was taken.  False when the connection is gone; *ret_more: perhaps there
 * is more. */
static bool receive_some(struct connection *c, bool *ret_more)
{
    size_t len;

    *ret_more = false;
    if (c->waiting.len > 0)
        return true;
    switch (link_receive(c->link, c->received, RECEIVE_MAX, &len)) {
    case LINK_OPEN:
        c->waiting = span_of(c->received, len);
        *ret_more = len > 0;
        return true;
    case LINK_FINISHED:
        reference_session_finished(c->session);
        return true;
    case LINK_RESET:
        break;
    }
    return false;
}

/* The session is over.  The client's last bytes are read until it has closed, too: closing with some unread
 * would have the kernel throw away what the client has not yet received.  False when there is nothing left to
 * wait for. */
static bool close_softly(struct connection *c)
{
    if (!c->closing) {
        if (has_output(c))
            return true;
        link_finish(c->link);
        c->closing = true;
        c->closed_by_ns = clock_ns() + CLOSING_NS;
    }
    c->waiting.len = 0;
    return !c->link->finished && clock_ns() < c->closed_by_ns;
}

/* Moves bytes as long as that goes without waiting, within limits.  False when the connection is over. */
static bool serve_connection(struct connection *c)
{
    bool more = true;

    for (unsigned turn = 0; turn < TURNS_MAX && more; turn++) {
        send_output(c);
        if (!receive_some(c, &more))
            return false;
        if (!c->closing)
            reference_session_feed(c->session, &c->waiting);
        send_output(c);
        if (reference_session_over(c->session) && !close_softly(c))
            return false;
    }
    return true;
}

/* A connection whose session waits for its output to be sent does not read: what it is sent stays with the
 * client. */
static short events_of(const struct connection *c)
{
    bool reads = c->waiting.len == 0 && !c->link->finished;

    return (short)((reads ? POLLIN : 0) | (has_output(c) ? POLLOUT : 0));
}

static size_t prepare_poll(struct loop *l)
{
    size_t count = 0;
    bool full = l->count == REFERENCE_MAX_CONNECTIONS;

    l->polled[count++] = (struct pollfd){ l->stop_descriptor, POLLIN, 0 };
    for (size_t i = 0; i < l->listener_count; i++)
        l->polled[count++] = (struct pollfd){ full ? -1 : l->listeners[i], POLLIN, 0 };
    for (size_t i = 0; i < l->count; i++)
        l->polled[count++] =
            (struct pollfd){ link_descriptor(l->connections[i]->link), events_of(l->connections[i]), 0 };
    return count;
}

static int poll_timeout_ms(const struct loop *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->connections[i]->closing)
            return POLL_PERIOD_MS;
    return -1;
}

static void accept_some(struct loop *l, int listener)
{
    struct link *link;

    while (l->count < REFERENCE_MAX_CONNECTIONS && (link = listen_accept(listener))) {
        struct connection *c = open_connection(l->config, link);

        send_output(c);
        l->connections[l->count++] = c;
    }
}

/* Serves those connections that have something to do; the last one takes the place of one that is over. */
static void serve_ready(struct loop *l, size_t polled_count)
{
    for (size_t i = polled_count; i > 0; i--) {
        struct connection *c = l->connections[i - 1];

        if (l->polled[1 + l->listener_count + i - 1].revents == 0 && !c->closing)
            continue;
        if (!serve_connection(c)) {
            free_connection(c);
            l->connections[i - 1] = l->connections[--l->count];
        }
    }
}

static bool run(struct loop *l)
{
    for (;;) {
        size_t polled = prepare_poll(l), connections = l->count;
        int ready = poll(l->polled, (nfds_t)polled, poll_timeout_ms(l));

        if (ready < 0 && errno != EINTR)
            return false;
        if (ready < 0)
            continue;
        if (l->polled[0].revents != 0)
            return true;
        serve_ready(l, connections);
        for (size_t i = 0; i < l->listener_count; i++)
            if (l->polled[1 + i].revents != 0)
                accept_some(l, l->listeners[i]);
    }
}

bool reference_serve(const struct reference_config *config, const int listeners[], size_t listener_count,
                     int stop_descriptor, char *ret_error, size_t error_size)
{
    struct loop *l = memory_take(sizeof *l);
    bool stopped;

    l->config = config;
    l->listeners = listeners;
    l->listener_count = listener_count;
    l->stop_descriptor = stop_descriptor;
    l->polled = memory_take((1 + listener_count + REFERENCE_MAX_CONNECTIONS) * sizeof *l->polled);
    stopped = run(l);
    if (!stopped)
        snprintf(ret_error, error_size, "cannot wait for connections: %s", strerror(errno));
    for (size_t i = 0; i < l->count; i++) {
        link_reset(l->connections[i]->link);
        free_connection(l->connections[i]);
    }
    free(l->polled);
    free(l);
    return stopped;
}

/* ---- within the process ---- */

static bool peer_take(void *ctx, struct span *bytes)
{
    struct reference_session *s = ctx;

    if (bytes->len == 0)
        reference_session_finished(s);
    else
        reference_session_feed(s, bytes);
    return !reference_session_over(s);
}

static size_t peer_give(void *ctx, uint8_t *to, size_t room)
{
    struct reference_session *s = ctx;
    struct span output = reference_session_output(s);
    size_t len = output.len < room ? output.len : room;

    if (len > 0)
        memcpy(to, output.at, len);
    reference_session_sent(s, len);
    return len;
}

static void peer_closed(void *ctx)
{
    reference_session_free(ctx);
}

struct link_peer reference_peer(const struct reference_config *config)
{
    return (struct link_peer){ peer_take, peer_give, peer_closed, reference_session_new(config) };
}
