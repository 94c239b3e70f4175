/* SPDX-License-Identifier: MIT */
#include "transport/dial.h"

#include <errno.h>
#include <unistd.h>

#include "transport/deadline.h"

/* How a connect() that goes on in the background ended: 0 or an error. */
static int outcome(int descriptor, uint64_t deadline_ns)
{
    struct pollfd polled = { .fd = descriptor, .events = POLLOUT };
    int error = 0;
    socklen_t len = sizeof error;

    if (!deadline_poll(&polled, 1, deadline_ns))
        return ETIMEDOUT;
    return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? errno : error;
}

int dial_address(const struct sockaddr *address, socklen_t len, uint64_t deadline_ns, int *ret_errno)
{
    int descriptor = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (descriptor < 0) {
        *ret_errno = errno;
        return -1;
    }
    *ret_errno = connect(descriptor, address, len) < 0 ? errno : 0;
    if (*ret_errno == EINPROGRESS || *ret_errno == EINTR)
        *ret_errno = outcome(descriptor, deadline_ns);
    if (*ret_errno == 0)
        return descriptor;
    close(descriptor);
    return -1;
}
