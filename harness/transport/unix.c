/* SPDX-License-Identifier: MIT */
/* Links over Unix sockets: dialing a path. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>

#include "base/clock.h"
#include "transport/deadline.h"
#include "transport/dial.h"
#include "transport/link.h"

static void rest_10ms(void)
{
    const struct timespec rest = { .tv_nsec = 10 * 1000 * 1000 };

    nanosleep(&rest, NULL);
}

struct link *link_dial_unix(const char *path, uint64_t timeout_ns, char *ret_error, size_t error_size)
{
    uint64_t deadline_ns = deadline_after(timeout_ns);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int descriptor, error = 0;

    if (strlen(path) >= sizeof address.sun_path) {
        snprintf(ret_error, error_size, "cannot connect to Unix socket %s: a path may have %zu bytes at most",
                 path, sizeof address.sun_path - 1);
        return NULL;
    }
    memcpy(address.sun_path, path, strlen(path));
    for (;;) { /* a full backlog is told at once, unlike with TCP */
        descriptor = dial_address((const struct sockaddr *)&address, sizeof address, deadline_ns, &error);
        if (descriptor >= 0)
            return link_socket(descriptor);
        if (error != EAGAIN || clock_ns() >= deadline_ns)
            break;
        rest_10ms();
    }
    snprintf(ret_error, error_size, "cannot connect to Unix socket %s: %s", path,
             error == EAGAIN ? "its backlog stayed full" : strerror(error));
    return NULL;
}
