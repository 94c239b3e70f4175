/* SPDX-License-Identifier: MIT */
#include "runner/client_bytes.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "transport/tls.h"

enum {
    RECEIVE_FIRST = 4 * 1024,   /* bytes asked for at a time, as long as answers are short */
    RECEIVE_BYTES = 256 * 1024, /* and at most */
    IDLE_ROUNDS = 3,            /* of a link within the process, which has then nothing more to say */
};

uint64_t client_now(const struct client *c)
{
    return c->link && link_descriptor(c->link) < 0 ? clock_used_ns() : clock_ns();
}

void client_doing(struct client *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(c->doing, sizeof c->doing, fmt, ap);
    va_end(ap);
    c->deadline_ns = client_now(c) + c->timeout_ns;
}

bool client_fail(struct client *c, const char *fmt, ...)
{
    char why[200];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    snprintf(c->error, sizeof c->error, "%s: %s", c->doing, why);
    return false;
}

bool client_break(struct client *c, const char *why)
{
    c->broke = true;
    return client_fail(c, "%s", why);
}

bool client_lose(struct client *c, const char *why)
{
    c->lost = true;
    return client_break(c, why);
}

void client_begin(struct client *c)
{
    c->asked = RECEIVE_FIRST;
    buffer_init(&c->in, 2 * CLIENT_NEED_MAX + RECEIVE_BYTES);
}

size_t client_unused(const struct client *c)
{
    return c->in.len - c->used;
}

enum link_state client_receive(struct client *c, size_t *ret_len)
{
    enum link_state state;
    uint8_t *to;

    if (c->used > 0) {
        buffer_drop(&c->in, c->used);
        c->used = 0;
    }
    *ret_len = 0;
    to = buffer_extend(&c->in, c->asked);
    if (!to)
        return LINK_OPEN; /* enough for now */
    state = link_receive(c->link, to, c->asked, ret_len);
    c->in.len -= c->asked - *ret_len;
    c->heard = c->heard || (c->secured && *ret_len > 0);
    if (*ret_len == c->asked && c->asked < RECEIVE_BYTES)
        c->asked *= 2;
    return state;
}

bool client_wait(struct client *c, bool to_send, unsigned *rounds)
{
    uint64_t now_ns = client_now(c);

    if (link_descriptor(c->link) < 0)
        return ++*rounds <= IDLE_ROUNDS;
    if (now_ns >= c->deadline_ns)
        return false;
    link_wait(&c->link, &to_send, 1, c->deadline_ns - now_ns);
    return true;
}

/* Why the server has nothing to do with this client, NULL: it has.  One that does not take to a certificate,
 * or misses one, may show that only behind the handshake. */
static const char *turned_down(const struct client *c)
{
    if (!c->secured)
        return NULL;
    if (tls_state(c->link) == TLS_FAILED && tls_refused(c->link))
        return tls_reason(c->link);
    return tls_certificate_missed(c->link) && !c->heard
               ? "the server asked for a certificate, got none, and closed"
               : NULL;
}

static bool closed_by_server(struct client *c, enum link_state state)
{
    const char *why = turned_down(c);

    if (why) {
        c->turned_down = true;
        return client_break(c, why);
    }
    return client_break(c, state == LINK_RESET ? "the connection was reset"
                                               : "the server closed the connection");
}

/* Receives at least one byte more. */
static bool receive_more(struct client *c)
{
    unsigned rounds = 0;

    for (;;) {
        size_t len;
        enum link_state state = client_receive(c, &len);

        if (len > 0)
            return true;
        if (state != LINK_OPEN)
            return closed_by_server(c, state);
        if (!client_wait(c, false, &rounds))
            return client_break(c, client_unused(c) > 0
                                       ? "the answer is incomplete, and no more of it came in time"
                                       : "no answer in time");
    }
}

bool client_need(struct client *c, size_t len, struct span *ret)
{
    while (client_unused(c) < len)
        if (!receive_more(c))
            return false;
    *ret = span_of(c->in.bytes + c->used, len);
    c->used += len;
    return true;
}

bool client_some(struct client *c, size_t most, struct span *ret)
{
    if (client_unused(c) == 0 && !receive_more(c))
        return false;
    *ret = span_of(c->in.bytes + c->used, client_unused(c) < most ? client_unused(c) : most);
    c->used += ret->len;
    return true;
}

bool client_send(struct client *c, struct span bytes)
{
    unsigned rounds = 0;

    while (bytes.len > 0) {
        size_t before = bytes.len, len;
        enum link_state state = link_send(c->link, &bytes);

        if (bytes.len < before) {
            rounds = 0;
            continue;
        }
        if (state == LINK_OPEN)
            state = client_receive(c, &len);
        if (state != LINK_OPEN)
            return closed_by_server(c, state);
        if (!client_wait(c, true, &rounds))
            return client_break(c, "the server does not take what is sent to it");
    }
    return true;
}
