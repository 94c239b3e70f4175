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

struct socket_link {
    struct link link;
    int descriptor; /* -1 after a reset */
    bool is_tcp;
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

static enum link_state socket_send(struct link *link, struct span *bytes)
{
    struct socket_link *s = socket_of(link);

    while (bytes->len > 0 && !s->broken && !s->finished_here && s->descriptor >= 0) {
        ssize_t sent = send(s->descriptor, bytes->at, bytes->len, MSG_NOSIGNAL);

        if (sent >= 0) {
            span_take(bytes, (size_t)sent);
        } else if (errno != EINTR) {
            s->broken = !means_later(errno);
            break;
        }
    }
    if (s->broken && s->ended == LINK_FINISHED)
        s->ended = LINK_RESET; /* nothing is left to be received */
    return s->ended == LINK_RESET ? LINK_RESET : LINK_OPEN;
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

struct link *link_socket(int descriptor)
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
    return &s->link;
}
