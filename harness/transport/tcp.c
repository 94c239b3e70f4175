/* SPDX-License-Identifier: MIT */
/* Links over TCP: dialing a host and a port. */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "transport/deadline.h"
#include "transport/dial.h"
#include "transport/link.h"

enum { ADDRESS_MAX = 64, ERROR_MAX = 1000 };

static void add_attempt(struct buffer *errors, const struct addrinfo *address, int error)
{
    char numeric[ADDRESS_MAX];

    if (getnameinfo(address->ai_addr, address->ai_addrlen, numeric, sizeof numeric, NULL, 0,
                    NI_NUMERICHOST) != 0)
        snprintf(numeric, sizeof numeric, "?");
    buffer_print(errors, "%s%s: %s", errors->len > 0 ? "; " : "", numeric, strerror(error));
}

/* Tries one address after the other; each gets its share of the time that is left, so that one that does not
 * answer leaves some to the others. */
static int dial_first(const struct addrinfo *addresses, uint64_t deadline_ns, struct buffer *errors)
{
    size_t left = 0;

    for (const struct addrinfo *address = addresses; address; address = address->ai_next)
        left++;
    for (const struct addrinfo *address = addresses; address; address = address->ai_next, left--) {
        uint64_t now_ns = clock_ns();
        uint64_t share_ns = now_ns < deadline_ns ? (deadline_ns - now_ns) / left : 0;
        int error,
            descriptor = dial_address(address->ai_addr, address->ai_addrlen, now_ns + share_ns, &error);

        if (descriptor >= 0)
            return descriptor;
        add_attempt(errors, address, error);
    }
    return -1;
}

struct link *link_dial_tcp(const char *host, const char *port, uint64_t timeout_ns, char *ret_error,
                           size_t error_size)
{
    const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct addrinfo *addresses = NULL;
    int descriptor, looked_up = getaddrinfo(host, port, &hints, &addresses);
    struct buffer errors;

    if (looked_up != 0) {
        snprintf(ret_error, error_size, "cannot look up host %s, port %s: %s", host, port,
                 gai_strerror(looked_up));
        return NULL;
    }
    buffer_init(&errors, ERROR_MAX);
    descriptor = dial_first(addresses, deadline_after(timeout_ns), &errors);
    if (descriptor < 0)
        snprintf(ret_error, error_size, "cannot connect to host %s, port %s (%s)", host, port,
                 buffer_text(&errors));
    buffer_free(&errors);
    freeaddrinfo(addresses);
    return descriptor >= 0 ? link_socket_dialed(descriptor) : NULL;
}
