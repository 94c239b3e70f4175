/* SPDX-License-Identifier: MIT */
#include "reference/loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/memory.h"
#include "reference/secure.h"
#include "reference/watch.h"
#include "transport/listen.h"

enum {
    RECEIVE_MAX = 128 * 1024, /* bytes that are received at a time, so that a client that sends many requests
                                 sends the next ones while these are done */
    RECEIVE_LONG_MAX = 512 * 1024, /* of a message that is longer */
    SOCKET_BUFFER =
        1024 * 1024,       /* bytes on their way to a client, so that a batch of answers leaves at once */
    TURNS_MAX = 16,        /* what one connection does before others have their turn */
    READY_MAX = 64,        /* connections that are served before new ones are let in */
    SWEEP_PERIOD_MS = 200, /* while there are deadlines to look after */
    QUIET_MS = 5,          /* without a word from anybody, until a session lets go of what it keeps back */
    SPARE_MAX = 4 * 1024 * 1024, /* the most memory that is kept for the next answers */
};
#define SECOND_NS UINT64_C(1000000000)
#define SWEEP_NS (SWEEP_PERIOD_MS * UINT64_C(1000000))
#define CLOSING_NS (2 * SECOND_NS) /* how long a client has for taking the end of what was sent */

/* An idle one takes no more than this and its session: memory for bytes is the loop's, and a connection holds
 * on to some only while it has to wait with them. */
struct connection {
    struct secure secure; /* the link and the session */
    struct buffer kept;   /* received, and not yet taken by the session */
    unsigned watched;     /* what the descriptor is watched for */
    bool closing;         /* everything was sent, and that it was */
    uint64_t closed_by_ns;
    bool in_handshake;
    bool postponed;                  /* it has requests, and there is too much waiting to be sent already */
    size_t waiting;                  /* bytes that wait with it */
    uint64_t opened_ns;              /* when it was */
    uint64_t drained_ns;             /* when the number of bytes that wait last changed */
    uint64_t heard_ns;               /* when it was last served, where there is a limit to that */
    struct connection *next, **here; /* here: what points to this one */
};

struct loop {
    const struct reference_config *config;
    const int *listeners;
    size_t listener_count;
    bool accepting; /* the listeners are watched for connections */
    struct watch *watch;
    struct connection *connections;
    size_t count;
    size_t closing_count;
    size_t in_handshake_count;
    size_t postponed_count;
    size_t waiting; /* bytes, all connections together */
    struct reference_limits limits;
    uint64_t swept_ns;
    int stop_descriptor;
    bool stopping;
    uint64_t stopped_by_ns;
    uint8_t *received;   /* RECEIVE_LONG_MAX bytes, for whichever connection receives */
    struct buffer spare; /* lent to the session that is fed */
    struct loans loans;  /* and these */
};

static bool open_connection(struct loop *l, struct link *link)
{
    struct connection *c = memory_take(sizeof *c);

    c->secure.link = link;
    c->secure.session = reference_session_new(l->config);
    reference_session_answer_in_pieces(c->secure.session);
    c->watched = WATCH_INPUT;
    c->opened_ns = c->drained_ns = c->heard_ns = clock_ns();
    c->in_handshake = true;
    l->in_handshake_count++;
    buffer_init(&c->kept, RECEIVE_LONG_MAX);
    c->here = &l->connections;
    c->next = l->connections;
    if (c->next)
        c->next->here = &c->next;
    l->connections = c;
    l->count++;
    return watch_add(l->watch, link_descriptor(link), c->watched, c);
}

static void free_connection(struct loop *l, struct connection *c)
{
    *c->here = c->next;
    if (c->next)
        c->next->here = c->here;
    l->count--;
    l->closing_count -= c->closing;
    l->in_handshake_count -= c->in_handshake;
    l->postponed_count -= c->postponed;
    l->waiting -= c->waiting;
    link_free(c->secure.link);
    reference_session_free(c->secure.session);
    buffer_free(&c->kept);
    free(c);
}

static bool has_output(const struct connection *c)
{
    return reference_session_waiting(c->secure.session) > 0;
}

/* Sends what goes without waiting; a session that answers by and by goes on as its bytes leave. */
static void send_output(const struct loop *l, struct connection *c)
{
    for (unsigned turn = 0; turn < TURNS_MAX; turn++) {
        struct span parts[LOANS_PARTS_MAX];
        size_t count = reference_session_output_parts(c->secure.session, parts), sent;
        size_t waiting = reference_session_waiting(c->secure.session);

        if (waiting == 0)
            return;
        link_send_parts(secure_way_out(&c->secure, l->config), parts, count, &sent);
        reference_session_sent(c->secure.session, sent);
        if (sent < waiting)
            return;
    }
}

static void drop_output(struct connection *c)
{
    while (has_output(c))
        reference_session_sent(c->secure.session, reference_session_waiting(c->secure.session));
}

static void feed(struct connection *c, struct span *bytes)
{
    if (c->closing)
        bytes->len = 0;
    else
        reference_session_feed(c->secure.session, bytes);
}

/* Feeds what is kept.  True when the session took some. */
static bool feed_kept(struct connection *c)
{
    struct span bytes = buffer_span(&c->kept);
    size_t before = bytes.len;

    feed(c, &bytes);
    buffer_drop(&c->kept, before - bytes.len);
    if (c->kept.len == 0)
        buffer_free(&c->kept);
    return bytes.len < before;
}

/* False when the connection is gone; *ret_more: perhaps there is more to be received. */
static bool receive_and_feed(struct loop *l, struct connection *c, bool *ret_more)
{
    bool is_long = reference_session_missing(c->secure.session) > RECEIVE_MAX;
    size_t room = is_long ? RECEIVE_LONG_MAX : RECEIVE_MAX, len;
    struct span bytes;

    *ret_more = false;
    switch (link_receive(c->secure.link, l->received, room, &len)) {
    case LINK_OPEN:
        bytes = span_of(l->received, len);
        feed(c, &bytes);
        buffer_add(&c->kept, bytes.at, bytes.len);
        /* A socket that gave less than was asked for has no more; links upon it may. */
        *ret_more = len == room || (len > 0 && c->secure.link->next);
        return true;
    case LINK_FINISHED:
        reference_session_finished(c->secure.session);
        return true;
    case LINK_RESET:
        break;
    }
    return false;
}

/* The session is over.  The client's last bytes are read until it has closed, too: closing with some unread
 * would have the kernel throw away what the client has not yet received.  False when there is nothing left to
 * wait for. */
static bool close_softly(struct loop *l, struct connection *c)
{
    if (!c->closing) {
        if (has_output(c))
            return true;
        secure_finish(&c->secure, l->config);
        c->closing = true;
        l->closing_count++;
        c->closed_by_ns = clock_ns() + CLOSING_NS;
    }
    buffer_free(&c->kept);
    return (!c->secure.link->finished || link_holds(c->secure.link, LINK_HELD_UNSENT)) &&
           clock_ns() < c->closed_by_ns;
}

/* There is no way back to plain text: what fails under TLS ends the session. */
static void judge_tls(const struct loop *l, struct connection *c)
{
    if (secure_failed(&c->secure, l->config))
        drop_output(c);
}

/* So much waits with those that do not take their answers that nobody gets new ones. */
static bool is_full(const struct loop *l)
{
    return l->waiting > l->limits.waiting;
}

static void set_postponed(struct loop *l, struct connection *c, bool postponed)
{
    l->postponed_count -= c->postponed;
    c->postponed = postponed;
    l->postponed_count += postponed;
}

/* Moves bytes as long as that goes without waiting, within limits.  False when the connection is over. */
static bool move_bytes(struct loop *l, struct connection *c, bool hung_up)
{
    bool more = true;

    set_postponed(l, c, false);
    for (unsigned turn = 0; turn < TURNS_MAX && more; turn++) {
        send_output(l, c);
        if (hung_up)
            drop_output(c);
        else if (is_full(l) && !c->closing) {
            set_postponed(l, c, true);
            return true;
        }
        if (secure_waits(&c->secure))
            return true;
        secure_start(&c->secure, l->config);
        if (c->kept.len > 0)
            more = feed_kept(c);
        else if (!receive_and_feed(l, c, &more))
            return false;
        send_output(l, c);
        if (c->kept.len > 0) /* there was too much output; more is fed when that has left */
            more = !has_output(c);
        judge_tls(l, c);
        if (reference_session_over(c->secure.session) && !close_softly(l, c))
            return false;
    }
    return true;
}

/* A connection whose session waits for its output to be sent does not read: what it is sent stays with the
 * client. */
static void watch_connection(struct loop *l, struct connection *c)
{
    bool reads = c->kept.len == 0 && !c->secure.link->finished && !c->postponed && !secure_waits(&c->secure);
    bool sends = has_output(c) || (c->kept.len > 0 && !c->postponed) ||
                 link_holds(c->secure.link, LINK_HELD_UNSENT) ||
                 (reads && link_holds(c->secure.link, LINK_HELD_RECEIVED));
    unsigned wanted = (reads ? (unsigned)WATCH_INPUT : 0) | (sends ? (unsigned)WATCH_OUTPUT : 0);

    if (wanted != c->watched)
        watch_change(l->watch, link_descriptor(c->secure.link), wanted, c);
    c->watched = wanted;
}

/* Keeps the figures by which limits are judged. */
static void account(struct loop *l, struct connection *c)
{
    size_t waiting = reference_session_waiting(c->secure.session) + c->kept.len +
                     link_holds(c->secure.link, LINK_HELD_UNSENT);

    if (waiting != c->waiting) {
        l->waiting = l->waiting - c->waiting + waiting;
        c->waiting = waiting;
        c->drained_ns = clock_ns();
    }
    if (l->limits.idle_ns > 0)
        c->heard_ns = clock_ns();
    if (c->in_handshake && !reference_session_in_handshake(c->secure.session)) {
        c->in_handshake = false;
        l->in_handshake_count--;
    }
}

static void serve_connection(struct loop *l, struct connection *c, bool hung_up)
{
    bool open;

    reference_session_swap_memory(c->secure.session, &l->spare);
    reference_session_lend(c->secure.session, c->secure.tls ? NULL : &l->loans); /* TLS copies them anyway */
    open = move_bytes(l, c, hung_up);
    reference_session_lend(c->secure.session, NULL);
    reference_session_swap_memory(c->secure.session, &l->spare);
    if (l->spare.room > SPARE_MAX)
        buffer_free(&l->spare);
    account(l, c);
    if (open)
        watch_connection(l, c);
    else
        free_connection(l, c);
}

/* Has Unix sockets take more than they do by default; TCP finds its own measure. */
static void widen(int descriptor)
{
    const int bytes = SOCKET_BUFFER;
    struct sockaddr_storage address = { 0 };
    socklen_t len = sizeof address;

    if (getsockname(descriptor, (struct sockaddr *)&address, &len) == 0 && address.ss_family == AF_UNIX)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

/* When the system has no descriptor left, those who wait go on waiting until a connection is over. */
static void set_accepting(struct loop *l, bool accepting)
{
    if (l->accepting == accepting)
        return;
    l->accepting = accepting;
    for (size_t i = 0; i < l->listener_count; i++)
        watch_change(l->watch, l->listeners[i], accepting ? (unsigned)WATCH_INPUT : (unsigned)WATCH_NOTHING,
                     (void *)(uintptr_t)&l->listeners[i]);
}

static void accept_some(struct loop *l, int listener)
{
    struct link *link = NULL;

    while (l->count < l->limits.connections && (link = listen_accept(listener))) {
        bool opened;

        widen(link_descriptor(link));
        opened = open_connection(l, link);
        if (opened)
            serve_connection(l, l->connections, false);
        else
            free_connection(l, l->connections);
    }
    if (l->count >= l->limits.connections || errno != EAGAIN)
        set_accepting(l, false);
}

static bool is_over_time(const struct loop *l, const struct connection *c, uint64_t now_ns)
{
    if (c->closing)
        return now_ns >= c->closed_by_ns;
    return (c->in_handshake && now_ns - c->opened_ns >= l->limits.handshake_ns) ||
           (l->limits.idle_ns > 0 && now_ns - c->heard_ns >= l->limits.idle_ns) ||
           (is_full(l) && c->waiting > 0 && now_ns - c->drained_ns >= l->limits.stuck_ns);
}

static bool has_deadlines(const struct loop *l)
{
    return l->closing_count > 0 || l->in_handshake_count > 0 || l->postponed_count > 0 || is_full(l) ||
           l->limits.idle_ns > 0 || !l->accepting || l->stopping;
}

/* Looks after connections that have a deadline or were postponed, and lets new ones in again. */
static void sweep(struct loop *l)
{
    uint64_t now_ns = clock_ns();

    if (now_ns - l->swept_ns < SWEEP_NS)
        return;
    l->swept_ns = now_ns;
    for (struct connection *c = l->connections, *next; c; c = next) {
        next = c->next;
        if (is_over_time(l, c, now_ns))
            free_connection(l, c);
        else if (c->postponed && !is_full(l))
            serve_connection(l, c, false);
    }
    if (l->count < l->limits.connections && !l->stopping)
        set_accepting(l, true);
}

/* Whether sessions keep answers back: ODDITY_DELAYED. */
static bool keeps_back(const struct loop *l)
{
    return l->config->oddities.on[ODDITY_DELAYED];
}

static void let_go(struct loop *l)
{
    for (struct connection *c = l->connections, *next; c; c = next) {
        next = c->next;
        if (reference_session_quiet(c->secure.session))
            serve_connection(l, c, false);
    }
}

/* Takes what has arrived, and after that no more: proto.md, "Terminating the transmission phase". */
static void shut_down(struct loop *l)
{
    l->stopping = true;
    l->stopped_by_ns = clock_ns() + l->limits.shutdown_ns;
    set_accepting(l, false);
    for (struct connection *c = l->connections, *next; c; c = next) {
        next = c->next;
        serve_connection(l, c, false);
    }
    for (struct connection *c = l->connections; c; c = c->next)
        reference_session_shut_down(c->secure.session);
}

static bool is_listener(const struct loop *l, const void *owner)
{
    return (uintptr_t)owner >= (uintptr_t)l->listeners &&
           (uintptr_t)owner < (uintptr_t)(l->listeners + l->listener_count);
}

/* True when the loop is to stop: the owner is the loop itself. */
static bool serve_ready(struct loop *l, const struct watch_ready *ready)
{
    if (ready->owner == l)
        return true;
    if (is_listener(l, ready->owner))
        accept_some(l, *(const int *)ready->owner);
    else
        serve_connection(l, ready->owner, ready->hung_up);
    return false;
}

/* Stops by and by when asked for the first time, and at once when asked again.  False when it is over. */
static bool stop(struct loop *l)
{
    char byte;

    if (l->stopping || read(l->stop_descriptor, &byte, 1) != 1)
        return false;
    shut_down(l);
    return true;
}

static bool run(struct loop *l)
{
    struct watch_ready ready[READY_MAX];

    for (;;) {
        bool sweeps = has_deadlines(l), stops = false;
        int period_ms = keeps_back(l) ? QUIET_MS : sweeps ? SWEEP_PERIOD_MS : -1;
        int count = watch_wait(l->watch, ready, READY_MAX, period_ms);

        if (count < 0 && errno != EINTR)
            return false;
        for (int i = 0; i < count; i++)
            stops = serve_ready(l, &ready[i]) || stops;
        if (sweeps)
            sweep(l);
        if (count == 0 && keeps_back(l))
            let_go(l);
        if (stops && !stop(l))
            return true;
        if (l->stopping && (l->count == 0 || clock_ns() >= l->stopped_by_ns))
            return true;
    }
}

static bool prepare(struct loop *l, int stop_descriptor)
{
    l->stop_descriptor = stop_descriptor;
    l->watch = watch_new();
    if (!l->watch || !watch_add(l->watch, stop_descriptor, WATCH_INPUT, l))
        return false;
    for (size_t i = 0; i < l->listener_count; i++)
        if (!watch_add(l->watch, l->listeners[i], WATCH_INPUT, (void *)(uintptr_t)&l->listeners[i]))
            return false;
    l->accepting = true;
    l->received = memory_take(RECEIVE_LONG_MAX);
    return true;
}

static struct reference_limits limits_of(const struct reference_config *config)
{
    struct reference_limits limits = config->limits;

    if (limits.connections == 0 || limits.connections > REFERENCE_MAX_CONNECTIONS)
        limits.connections = REFERENCE_MAX_CONNECTIONS;
    limits.handshake_ns = limits.handshake_ns > 0 ? limits.handshake_ns : 60 * SECOND_NS;
    limits.waiting = limits.waiting > 0 ? limits.waiting : UINT64_C(1) << 30;
    limits.stuck_ns = limits.stuck_ns > 0 ? limits.stuck_ns : 10 * SECOND_NS;
    limits.shutdown_ns = limits.shutdown_ns > 0 ? limits.shutdown_ns : SECOND_NS;
    return limits;
}

bool reference_serve(const struct reference_config *config, const int listeners[], size_t listener_count,
                     int stop_descriptor, char *ret_error, size_t error_size)
{
    struct loop l = { .config = config, .listeners = listeners, .listener_count = listener_count };
    bool stopped, in_time;

    l.limits = limits_of(config);
    buffer_init(&l.spare, SPARE_MAX);
    stopped = prepare(&l, stop_descriptor) && run(&l);
    if (!stopped)
        snprintf(ret_error, error_size, "cannot wait for connections: %s", strerror(errno));
    in_time = l.stopping && clock_ns() >= l.stopped_by_ns;
    while (l.connections) {
        if (in_time)
            link_finish(l.connections->secure.link);
        else
            link_reset(l.connections->secure.link);
        free_connection(&l, l.connections);
    }
    watch_free(l.watch);
    free(l.received);
    buffer_free(&l.spare);
    return stopped;
}
