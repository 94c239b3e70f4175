/* SPDX-License-Identifier: MIT */
/* bench_floor: what the sockets alone cost.  One thread receives requests, and the data of WRITE, and sends
 * headers and, for READ, data that nobody looked up; batched as the client batches.  It negotiates whatever
 * the client asks for and is no server for anything else.
 *
 *   bench_floor SOCKET | bench_floor PORT      a port of 127.0.0.1 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"
#include "wire/constants.h"
#include "wire/cursor.h"
#include "wire/frame.h"

enum {
    RECEIVE_MAX = 512 * 1024,
    OPTION_REPLIES_MAX = 4096,
    SOCKET_BUFFER = 1 << 20,
    READY_MAX = 64,
    REQUEST_SIZE = 28,
    OPT_EXTENDED_HEADERS = 11,
};

struct client {
    int descriptor;
    bool transmits, structured;
    uint8_t head[REQUEST_SIZE];
    size_t have, skip;
    uint8_t *output;
    size_t room, waiting, sent; /* bytes there are, to be sent, and of those the ones sent */
};

static uint8_t *received;

/* len bytes more to be sent; they are whatever lay there. */
static uint8_t *add(struct client *c, size_t len)
{
    c->waiting += len;
    if (c->waiting > c->room) {
        c->room = c->waiting * 2;
        c->output = memory_grow(c->output, c->room);
    }
    return c->output + c->waiting - len;
}

/* Sends what goes.  False when the connection is over. */
static bool send_some(struct client *c)
{
    while (c->sent < c->waiting) {
        ssize_t sent = send(c->descriptor, c->output + c->sent, c->waiting - c->sent, MSG_NOSIGNAL);

        if (sent <= 0)
            return errno == EAGAIN;
        c->sent += (size_t)sent;
    }
    c->waiting = 0;
    c->sent = 0;
    return true;
}

/* Writes the header of an answer; the data behind it are whatever lies there. */
static void answer(struct client *c)
{
    uint16_t type;
    uint32_t length;
    size_t body = 0;
    uint8_t *at;

    memcpy(&type, c->head + 6, sizeof type);
    memcpy(&length, c->head + 24, sizeof length);
    type = ntohs(type);
    length = ntohl(length);
    if (type == NBD_CMD_READ)
        body = length;
    if (type == NBD_CMD_WRITE)
        c->skip = length;
    if (c->structured) {
        static const uint8_t start[] = { 0x66, 0x8e, 0x33, 0xef, 0, 1, 0, 0 };
        uint32_t payload;

        if (type == NBD_CMD_READ)
            body += 8;
        at = add(c, 20 + body);
        memcpy(at, start, sizeof start);
        payload = htonl((uint32_t)body);
        memcpy(at + 16, &payload, sizeof payload);
        memcpy(at + 8, c->head + 8, 8);
    } else {
        static const uint8_t start[] = { 0x67, 0x44, 0x66, 0x98, 0, 0, 0, 0 };

        at = add(c, 16 + body);
        memcpy(at, start, sizeof start);
        memcpy(at + 8, c->head + 8, 8);
    }
}

static void take_requests(struct client *c, const uint8_t *at, size_t len)
{
    while (len > 0) {
        size_t want = c->skip > 0 ? c->skip : REQUEST_SIZE - c->have, part = want < len ? want : len;

        if (c->skip > 0) {
            c->skip -= part;
        } else {
            memcpy(c->head + c->have, at, part);
            c->have += part;
            if (c->have == REQUEST_SIZE) {
                answer(c);
                c->have = 0;
            }
        }
        at += part;
        len -= part;
    }
}

/* Answers the messages of a negotiation, of which each has to arrive in one piece. */
static void negotiate(struct client *c, const uint8_t *at, size_t len)
{
    struct wire_in in = wire_in(span_of(at, len));
    struct wire_out out = wire_out(add(c, OPTION_REPLIES_MAX), OPTION_REPLIES_MAX);

    if (len % 2 == 0 && len >= 4 && at[0] == 0)
        wire_get_client_flags(&in);
    while (in.rest.len >= WIRE_SIZE_option) {
        struct wire_option option = wire_get_option(&in);
        bool refused = option.option == OPT_EXTENDED_HEADERS || option.option == NBD_OPT_SET_META_CONTEXT;

        wire_get_bytes(&in, option.length);
        c->structured = c->structured || option.option == NBD_OPT_STRUCTURED_REPLY;
        if (option.option == NBD_OPT_GO) {
            wire_put_option_reply(
                &out, &(struct wire_option_reply){ NBD_REP_MAGIC, option.option, NBD_REP_INFO, 12 });
            wire_put_16(&out, NBD_INFO_EXPORT);
            wire_put_64(&out, UINT64_C(1) << 40);
            wire_put_16(&out, NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_WRITE_ZEROES);
            c->transmits = true;
        }
        wire_put_option_reply(&out,
                              &(struct wire_option_reply){ NBD_REP_MAGIC, option.option,
                                                           refused ? NBD_REP_ERR_UNSUP : NBD_REP_ACK, 0 });
    }
    c->waiting = out.len;
}

/* False when the connection is over. */
static bool serve(struct client *c)
{
    ssize_t len;

    if (!send_some(c))
        return false;
    if (c->waiting > 0)
        return true;
    len = recv(c->descriptor, received, RECEIVE_MAX, 0);
    if (len <= 0)
        return len < 0 && errno == EAGAIN;
    if (c->transmits)
        take_requests(c, received, (size_t)len);
    else
        negotiate(c, received, (size_t)len);
    return send_some(c);
}

static int listen_at(const char *where)
{
    struct sockaddr_un path = { .sun_family = AF_UNIX };
    struct sockaddr_in port = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    bool is_unix = where[0] == '/';
    int descriptor = socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM, 0), bound, on = 1;

    port.sin_port = htons((uint16_t)atoi(where));
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (is_unix) {
        snprintf(path.sun_path, sizeof path.sun_path, "%s", where);
        bound = bind(descriptor, (const struct sockaddr *)&path, sizeof path);
    } else {
        bound = bind(descriptor, (const struct sockaddr *)&port, sizeof port);
    }
    return bound == 0 && listen(descriptor, SOMAXCONN) == 0 ? descriptor : -1;
}

static void welcome(int epoll, int listener)
{
    static const uint8_t greeting[] = { 'N', 'B', 'D', 'M', 'A', 'G', 'I', 'C', 'I',
                                        'H', 'A', 'V', 'E', 'O', 'P', 'T', 0,   3 };
    const int on = 1, bytes = SOCKET_BUFFER;
    int descriptor = accept(listener, NULL, NULL);
    struct client *c;
    struct epoll_event event = { .events = EPOLLIN };

    if (descriptor < 0)
        return;
    c = memory_take(sizeof *c);
    c->descriptor = descriptor;
    event.data.ptr = c;
    fcntl(descriptor, F_SETFL, O_NONBLOCK);
    if (setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) /* a Unix socket */
        setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
    send(descriptor, greeting, sizeof greeting, MSG_NOSIGNAL);
}

static void run(int listener)
{
    struct epoll_event ready[READY_MAX], event = { .events = EPOLLIN };
    int epoll = epoll_create1(EPOLL_CLOEXEC), count;

    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    while ((count = epoll_wait(epoll, ready, READY_MAX, -1)) >= 0 || errno == EINTR)
        for (int i = 0; i < count; i++) {
            struct client *c = ready[i].data.ptr;
            bool waited;

            if (!c) {
                welcome(epoll, listener);
                continue;
            }
            waited = ready[i].events & EPOLLOUT;
            if (!serve(c)) {
                close(c->descriptor);
                free(c->output);
                free(c);
            } else if (waited != (c->waiting > 0)) {
                event = (struct epoll_event){ .events = c->waiting > 0 ? EPOLLOUT : EPOLLIN, .data.ptr = c };
                epoll_ctl(epoll, EPOLL_CTL_MOD, c->descriptor, &event);
            }
        }
}

int main(int argc, char **argv)
{
    struct rlimit limit;
    int listener = argc == 2 ? listen_at(argv[1]) : -1;

    if (listener < 0) {
        fprintf(stderr, "bench_floor: cannot listen\n");
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    received = memory_take(RECEIVE_MAX);
    run(listener);
    return 1;
}
