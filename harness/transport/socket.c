/* SPDX-License-Identifier: MIT */
/* A link on a connected stream socket: what TCP and Unix sockets have in common. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "transport/link.h"

enum { PARTS_AT_A_TIME = 256 };

struct socket_link {
    struct link link;
    int descriptor; /* -1 after a reset */
    bool is_tcp;
    bool acknowledges_at_once;
    bool finished_here;    /* link_finish() was called */
    bool broken;           /* sending failed; the error is told only once, so that it has to be remembered */
    enum link_state ended; /* what link_receive() said last */
};

static struct socket_link *socket_of(struct link *link)
{
    return (struct socket_link *)link;
}

static bool means_later(int error)
{
    return error == EAGAIN || error == EINTR;
}

static bool can_send(const struct socket_link *s)
{
    return !s->broken && !s->finished_here && s->descriptor >= 0;
}

/* How many bytes of these went; 0 when none does now, or ever will. */
static size_t send_some(struct socket_link *s, const struct msghdr *message)
{
    ssize_t sent;

    do
        sent = sendmsg(s->descriptor, message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        s->broken = !means_later(errno);
    return sent > 0 ? (size_t)sent : 0;
}

static enum link_state state_after_sending(struct socket_link *s)
{
    if (s->broken && s->ended == LINK_FINISHED)
        s->ended = LINK_RESET; /* nothing is left to be received */
    return s->ended == LINK_RESET ? LINK_RESET : LINK_OPEN;
}

/* How many bytes of these parts, at most PARTS_AT_A_TIME, went; *ret_all is whether all did. */
static size_t send_at_once(struct socket_link *s, const struct span parts[], size_t count, bool *ret_all)
{
    struct iovec places[PARTS_AT_A_TIME];
    size_t wanted = 0, sent;

    for (size_t i = 0; i < count; i++) {
        places[i] = (struct iovec){ (void *)(uintptr_t)parts[i].at, parts[i].len };
        wanted += parts[i].len;
    }
    sent = send_some(s, &(struct msghdr){ .msg_iov = places, .msg_iovlen = count });
    *ret_all = sent == wanted;
    return sent;
}

static enum link_state socket_send_parts(struct link *link, const struct span parts[], size_t count,
                                         size_t *ret_sent)
{
    struct socket_link *s = socket_of(link);
    bool all = true;

    *ret_sent = 0;
    while (count > 0 && all && can_send(s)) {
        size_t next = count < PARTS_AT_A_TIME ? count : PARTS_AT_A_TIME;

        *ret_sent += send_at_once(s, parts, next, &all);
        parts += next;
        count -= next;
    }
    return state_after_sending(s);
}

static enum link_state socket_send(struct link *link, struct span *bytes)
{
    size_t sent;
    enum link_state state = socket_send_parts(link, bytes, bytes->len > 0, &sent);

    span_take(bytes, sent);
    return state;
}

/* A peer that holds back the second of two small messages until the first is acknowledged (Nagle) would wait
 * for 40 ms each time.  The kernel forgets about it. */
static void acknowledge_at_once(const struct socket_link *s)
{
    const int on = 1;

    if (s->acknowledges_at_once)
        setsockopt(s->descriptor, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

/* After a failed send the kernel still hands out what had arrived, and then says "end" as if nothing had
 * happened. */
static enum link_state socket_receive(struct link *link, uint8_t *to, size_t room, size_t *ret_len)
{
    struct socket_link *s = socket_of(link);
    ssize_t received;

    *ret_len = 0;
    if (s->ended != LINK_OPEN || room == 0)
        return s->ended;
    received = recv(s->descriptor, to, room, 0);
    acknowledge_at_once(s);
    if (received > 0)
        *ret_len = (size_t)received;
    else if (received == 0)
        s->ended = s->broken ? LINK_RESET : LINK_FINISHED;
    else if (!means_later(errno))
        s->ended = LINK_RESET;
    return s->ended;
}

static void socket_finish(struct link *link)
{
    struct socket_link *s = socket_of(link);

    if (s->descriptor >= 0 && !s->finished_here)
        shutdown(s->descriptor, SHUT_WR);
    s->finished_here = true;
}

static void socket_reset(struct link *link)
{
    const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
    struct socket_link *s = socket_of(link);

    if (s->descriptor < 0)
        return;
    if (s->is_tcp) /* closing such a socket sends RST; Unix sockets know nothing like it */
        setsockopt(s->descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(s->descriptor);
    s->descriptor = -1;
    s->ended = LINK_RESET;
}

static int socket_descriptor(const struct link *link)
{
    return ((const struct socket_link *)link)->descriptor;
}

static void socket_free(struct link *link)
{
    struct socket_link *s = socket_of(link);

    if (s->descriptor >= 0)
        close(s->descriptor);
    free(s);
}

static const struct link_ops socket_ops = {
    .send = socket_send,
    .send_parts = socket_send_parts,
    .receive = socket_receive,
    .finish = socket_finish,
    .reset = socket_reset,
    .descriptor = socket_descriptor,
    .free = socket_free,
};

static bool is_tcp(int descriptor)
{
    struct sockaddr_storage address = { 0 };
    socklen_t len = sizeof address;

    return getsockname(descriptor, (struct sockaddr *)&address, &len) == 0 &&
           (address.ss_family == AF_INET || address.ss_family == AF_INET6);
}

static struct socket_link *make(int descriptor)
{
    const int on = 1;
    int flags = fcntl(descriptor, F_GETFL);
    struct socket_link *s = memory_take(sizeof *s);

    *s = (struct socket_link){ .link.ops = &socket_ops,
                               .descriptor = descriptor,
                               .is_tcp = is_tcp(descriptor) };
    fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
    if (s->is_tcp)
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return s;
}

struct link *link_socket(int descriptor)
{
    return &make(descriptor)->link;
}

struct link *link_socket_dialed(int descriptor)
{
    struct socket_link *s = make(descriptor);

    s->acknowledges_at_once = s->is_tcp;
    return &s->link;
}
