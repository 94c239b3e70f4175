/* SPDX-License-Identifier: MIT */
/* A session at the far end of a connection within the process.  Without TLS its bytes go straight in and out;
 * with TLS they pass through links whose bytes are carried. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "reference/loop.h"
#include "reference/secure.h"

/* ---- without TLS ---- */

static bool plain_take(void *ctx, struct span *bytes)
{
    struct reference_session *s = ctx;

    if (bytes->len == 0)
        reference_session_finished(s);
    else
        reference_session_feed(s, bytes);
    return !reference_session_over(s);
}

static size_t plain_give(void *ctx, uint8_t *to, size_t room)
{
    struct reference_session *s = ctx;
    struct span output = reference_session_output(s);
    size_t len = output.len < room ? output.len : room;

    if (len > 0)
        memcpy(to, output.at, len);
    reference_session_sent(s, len);
    if (len == 0) /* what is let go now is given the next time: nothing came meanwhile */
        reference_session_quiet(s);
    return len;
}

static void plain_closed(void *ctx)
{
    reference_session_free(ctx);
}

/* ---- with it ---- */

enum {
    CARRIED_MAX = 1024 * 1024, /* bytes on their way, in each direction */
    RECEIVED_MAX = 64 * 1024,  /* bytes of one receipt */
};

struct within {
    const struct reference_config *config;
    struct link_carried carried;
    struct secure secure;
    struct buffer kept; /* received, and not yet taken by the session */
    bool closing;
    uint8_t received[RECEIVED_MAX];
};

/* True when something left the session. */
static bool send_output(struct within *w)
{
    struct span output = reference_session_output(w->secure.session);
    size_t before = output.len;

    link_send(secure_way_out(&w->secure, w->config),
              &output); /* of nothing, too: a link may have some left */
    reference_session_sent(w->secure.session, before - output.len);
    return output.len < before;
}

/* True when the session took something. */
static bool feed(struct within *w)
{
    struct span bytes = buffer_span(&w->kept);
    size_t before = bytes.len;

    reference_session_feed(w->secure.session, &bytes);
    buffer_drop(&w->kept, before - bytes.len);
    return bytes.len < before;
}

static bool receive(struct within *w)
{
    size_t len;

    switch (link_receive(w->secure.link, w->received, RECEIVED_MAX, &len)) {
    case LINK_OPEN:
        buffer_add(&w->kept, w->received, len);
        return len > 0 && feed(w);
    case LINK_FINISHED:
    case LINK_RESET:
        reference_session_finished(w->secure.session);
        break;
    }
    return false;
}

static bool moves(struct within *w)
{
    bool sent = send_output(w);

    if (secure_waits(&w->secure))
        return sent;
    secure_start(&w->secure, w->config);
    sent = (w->kept.len > 0 ? feed(w) : receive(w)) || sent;
    if (secure_failed(&w->secure, w->config))
        while (reference_session_waiting(w->secure.session) > 0)
            reference_session_sent(w->secure.session, reference_session_waiting(w->secure.session));
    return sent;
}

/* Moves bytes as long as there are some to be moved. */
static void move(struct within *w)
{
    struct span nothing = { NULL, 0 };

    while (!w->closing && moves(w))
        ;
    send_output(w);
    if (reference_session_over(w->secure.session) && reference_session_waiting(w->secure.session) == 0 &&
        !w->closing) {
        w->closing = true;
        secure_finish(&w->secure, w->config);
    }
    link_send(w->secure.link, &nothing);
}

static bool within_take(void *ctx, struct span *bytes)
{
    struct within *w = ctx;
    struct span taken = span_take(bytes, CARRIED_MAX - w->carried.in.len);

    w->carried.in_finished = w->carried.in_finished || (taken.len == 0 && bytes->len == 0);
    buffer_add(&w->carried.in, taken.at, taken.len);
    move(w);
    return !w->closing;
}

static size_t within_give(void *ctx, uint8_t *to, size_t room)
{
    struct within *w = ctx;
    size_t len;

    move(w);
    len = w->carried.out.len < room ? w->carried.out.len : room;
    if (len > 0)
        memcpy(to, w->carried.out.bytes, len);
    buffer_drop(&w->carried.out, len);
    if (len == 0)
        reference_session_quiet(w->secure.session);
    return len;
}

static void within_closed(void *ctx)
{
    struct within *w = ctx;

    link_free(w->secure.link);
    reference_session_free(w->secure.session);
    buffer_free(&w->carried.in);
    buffer_free(&w->carried.out);
    buffer_free(&w->kept);
    free(w);
}

struct link_peer reference_peer(const struct reference_config *config)
{
    struct reference_session *session = reference_session_new(config);
    struct within *w;

    if (config->tls == REFERENCE_TLS_OFF)
        return (struct link_peer){ plain_take, plain_give, plain_closed, session };
    w = memory_take(sizeof *w);
    w->config = config;
    w->secure.session = session;
    buffer_init(&w->carried.in, CARRIED_MAX);
    buffer_init(&w->carried.out, CARRIED_MAX);
    buffer_init(&w->kept, CARRIED_MAX);
    w->secure.link = link_carried(&w->carried);
    return (struct link_peer){ within_take, within_give, within_closed, w };
}
