/* SPDX-License-Identifier: MIT */
#include "transport/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { INHERITED_FIRST = 3 }; /* SD_LISTEN_FDS_START */

static int listen_on(const struct sockaddr *address, socklen_t len)
{
    const int on = 1;
    int error, descriptor = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (descriptor < 0)
        return -1;
    if (address->sa_family !=
        AF_UNIX) /* connections that wind down must not keep a server from starting again */
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(descriptor, address, len) == 0 && listen(descriptor, SOMAXCONN) == 0)
        return descriptor;
    error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

static unsigned port_of(int descriptor)
{
    union {
        struct sockaddr any;
        struct sockaddr_in ip4;
        struct sockaddr_in6 ip6;
        struct sockaddr_storage room;
    } address = { .room = { 0 } };
    socklen_t len = sizeof address;

    if (getsockname(descriptor, &address.any, &len) < 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.ip6.sin6_port : address.ip4.sin_port);
}

int listen_tcp(const char *host, const char *port, unsigned *ret_port, char *ret_error, size_t error_size)
{
    const struct addrinfo hints = { .ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_PASSIVE };
    struct addrinfo *addresses = NULL;
    int descriptor = -1, looked_up = getaddrinfo(host, port, &hints, &addresses);

    if (looked_up != 0) {
        snprintf(ret_error, error_size, "cannot look up host %s, port %s: %s", host, port,
                 gai_strerror(looked_up));
        return -1;
    }
    for (const struct addrinfo *address = addresses; address && descriptor < 0; address = address->ai_next)
        descriptor = listen_on(address->ai_addr, address->ai_addrlen);
    if (descriptor < 0)
        snprintf(ret_error, error_size, "cannot listen on host %s, port %s: %s", host, port, strerror(errno));
    else
        *ret_port = port_of(descriptor);
    freeaddrinfo(addresses);
    return descriptor;
}

int listen_unix(const char *path, char *ret_error, size_t error_size)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int descriptor;

    if (strlen(path) >= sizeof address.sun_path) {
        snprintf(ret_error, error_size, "cannot listen on Unix socket %s: a path may have %zu bytes at most",
                 path, sizeof address.sun_path - 1);
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    descriptor = listen_on((const struct sockaddr *)&address, sizeof address);
    if (descriptor < 0)
        snprintf(ret_error, error_size, "cannot listen on Unix socket %s: %s", path, strerror(errno));
    return descriptor;
}

/* A number in the environment, 0 where there is none. */
static unsigned long environment_number(const char *name)
{
    const char *text = getenv(name);
    char *end;
    unsigned long number;

    if (!text || *text < '0' || *text > '9')
        return 0;
    number = strtoul(text, &end, 10);
    return *end == '\0' ? number : 0;
}

size_t listen_inherited(int ret[], size_t room)
{
    unsigned long process = environment_number("LISTEN_PID"), announced = environment_number("LISTEN_FDS");
    size_t count = 0;

    if (process != (unsigned long)getpid())
        return 0;
    for (unsigned long i = 0; i < announced && count < room; i++) {
        int descriptor = INHERITED_FIRST + (int)i;
        int flags = fcntl(descriptor, F_GETFL);

        if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0)
            break;
        fcntl(descriptor, F_SETFD, FD_CLOEXEC);
        ret[count++] = descriptor;
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return count;
}

struct link *listen_accept(int listener)
{
    int accepted;

    do
        accepted = accept(listener, NULL, NULL);
    while (accepted < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (accepted < 0)
        return NULL;
    fcntl(accepted, F_SETFD, FD_CLOEXEC);
    return link_socket(accepted);
}
